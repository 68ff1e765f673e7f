"""A case: one run of a downloader, as data; pure.

What is to be typed, what the servers do, what lies in the folder, and what must come of it. A case
is pure: whoever runs it, wherever, asks the same of the program.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import resources
from typing import Any

import jsonschema

from conformance.clauses import clauses
from mockservers.codes import CommandLineError, Order, parse_flags2
from mockservers.plan import Gate, Plan, plan_from_json, plan_to_json

EXPECTATIONS = ("report", "refusal", "either", "interrupt")
"""How a run is to end: with its report; refused as a usage error; as it likes of these two; or
interrupted by Ctrl-C."""

GATE_S = 2.0
"""Seconds that a gate waits to fill; three times as long where it is tried again."""


class CaseError(ValueError):
    """What should be a case is none; the text says where and why."""


@dataclass(frozen=True, slots=True)
class Words:
    """The parts of a command line, as far as they can be told without knowing the program."""

    codes: tuple[str, ...]
    """Words that are no options, nor values of them."""
    every: bool
    all_codes: bool
    verbose: bool
    limit: int | None
    connections: int | None
    """The number of `-m`."""


@dataclass(frozen=True, slots=True)
class Case:
    """One run, and what it is to show."""

    id: str
    clauses: tuple[str, ...]
    """What it shows when nothing is wrong. The first is its subject: a misread command line counts
    against that one."""
    arguments: tuple[str, ...] = ()
    """What is typed behind the command."""
    plan: Plan = field(default_factory=Plan)
    """What every server does."""
    why: str = ""
    """What it is for."""
    expects: str = "report"
    """One of `EXPECTATIONS`."""
    asks: tuple[tuple[str, ...], ...] = ()
    """Lists of codes of which each is right, that of the listings first; none: what the arguments
    say (`asked`)."""
    gate: bool = False
    """Replies are held until as many are in flight as the program uses connections."""
    files: Mapping[str, str] = field(default_factory=dict)
    """What lies in `downloads` before: name to text; a name that ends in a slash is a folder."""
    dest: bool = True
    """Whether there is a folder `downloads` before."""
    codes_file: str | None = None
    """The text of `country_codes.txt` in the working directory; None: the 194 codes."""
    waits_s: float = 0.0
    """Seconds that this may take beyond what its plan and its codes need."""
    timeout_s: float | None = None
    """What `FLAGS2_TIMEOUT_S` says; None: nothing."""

    @property
    def subject(self) -> str:
        """The clause that it is for."""
        return self.clauses[0]

    def order(self) -> Order | None:
        """Codes and server that its arguments ask for, as the listings read them; None for a
        usage error.
        """
        try:
            return parse_flags2(self.arguments)
        except CommandLineError:
            return None

    def words(self) -> Words:
        """The parts of its arguments."""
        values: dict[str, str] = {}
        codes: list[str] = []
        flags: set[str] = set()
        words = iter(self.arguments)
        for word in words:
            if word in _WITH_VALUE:
                values[_WITH_VALUE[word]] = next(words, "")
            elif word in _FLAGS:
                flags.add(_FLAGS[word])
            elif word.startswith("-"):
                flags.update(word[1:])
            else:
                codes.append(word)
        limit, connections = (int(n) if (n := values.get(o, "")).isdigit() else None for o in "lm")
        return Words(tuple(codes), "e" in flags, "a" in flags, "v" in flags, limit, connections)

    def asked(self) -> tuple[tuple[str, ...], ...]:
        """The lists of codes of which each is right."""
        order = self.order()
        return self.asks or ((order.codes,) if order else ())

    def plan_with_gate(self, connections: int, patience: float = 1.0) -> Plan:
        """The plan; with a gate, if the case has one, that so many connections can fill."""
        if not self.gate or connections < 2:
            return self.plan
        return replace(self.plan, gate=Gate(connections, GATE_S * patience))

    def to_json(self) -> dict[str, Any]:
        """As in a replay file, without what has its default."""
        data: dict[str, Any] = {"case": 1, "id": self.id, "clauses": list(self.clauses)}
        data |= {"arguments": list(self.arguments), "plan": plan_to_json(self.plan)}
        for name in ("why", "expects", "gate", "dest", "codes_file", "waits_s", "timeout_s"):
            value = getattr(self, name)
            if value != _DEFAULTS[name]:
                data[name] = value
        if self.asks:
            data["asks"] = list(map(list, self.asks))
        if self.files:
            data["files"] = dict(self.files)
        return data


_WITH_VALUE = {"-l": "l", "--limit": "l", "-m": "m", "--max_req": "m", "-s": "s", "--server": "s"}
_FLAGS = {"--every": "e", "--all": "a", "--verbose": "v"}

_DEFAULTS: dict[str, Any] = {
    "why": "",
    "expects": "report",
    "gate": False,
    "dest": True,
    "codes_file": None,
    "waits_s": 0.0,
    "timeout_s": None,
}


def case_from_json(data: Any, source: str = "case") -> Case:
    """Read a case; raises CaseError, or PlanError, that names `source`, place and fault."""
    for error in _validator().iter_errors(data):
        place = error.json_path.removeprefix("$").removeprefix(".") or "the case"
        raise CaseError(f"{source}: {place}: {error.message[:200]}")
    for name in data["clauses"]:
        if name not in clauses():
            raise CaseError(f"{source}: clauses: there is no clause {name}")
    values = {name: data[name] for name in _DEFAULTS if name in data}
    return Case(
        id=data["id"],
        clauses=tuple(data["clauses"]),
        arguments=tuple(data["arguments"]),
        plan=plan_from_json(json.dumps(data["plan"]), f"{source}: plan"),
        asks=tuple(map(tuple, data.get("asks", ()))),
        files=data.get("files", {}),
        **values,
    )


@cache
def _validator() -> jsonschema.protocols.Validator:
    schema = json.loads(resources.files("conformance").joinpath("case.schema.json").read_text())
    return jsonschema.Draft202012Validator(schema)
