"""A case: one run of a downloader as data; pure.

What is typed, what the servers do, what the folder contains before, and what must come of it. A
case asks the same of a program whenever and wherever it runs.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, structs

from conformance.cases.command_line import CommandLine, read_command_line
from conformance.clauses import clauses
from conformance.json_input import checked
from mockservers.flags2.arguments import CommandLineError, parse_flags2
from mockservers.flags2.arguments import Flags2Request as Flags2Request
from mockservers.plan import Gate, Plan
from mockservers.plan_json import plan_from_json, plan_to_json

EXPECTATIONS = ("report", "refusal", "either", "interrupt")
"""How a run must end: with its report; as a usage error; with either of them; or by Ctrl-C."""

GATE_S = 2.0
"""Seconds that a gate waits to fill; a repetition waits longer by its `timeout_factor`."""


class CaseError(ValueError):
    """The data is not a case; the text says where and why."""


@dataclass(frozen=True, slots=True)
class Case:
    """One run, and what it shows."""

    id: str
    clauses: tuple[str, ...]
    """What it shows when nothing is wrong. The first is its subject: a misread command line counts
    against that one."""
    arguments: tuple[str, ...] = ()
    """What is typed after the command."""
    plan: Plan = field(default_factory=Plan)
    """What every server does."""
    why: str = ""
    """What it is for."""
    expects: str = "report"
    """One of `EXPECTATIONS`."""
    asks: tuple[tuple[str, ...], ...] = ()
    """Lists of codes of which each is right, first that of the listings; empty: the arguments say
    it (`code_lists`)."""
    gate: bool = False
    """Responses are held until as many are in flight as the program uses connections."""
    files: Mapping[str, str] = field(default_factory=dict)
    """What `downloads` contains before: name to text; a name that ends in a slash is a folder."""
    dest: bool = True
    """Whether the folder `downloads` exists before."""
    codes_file: str | None = None
    """The text of `country_codes.txt` in the working directory; None: the 194 codes."""
    waits_s: float = 0.0
    """Seconds that the run may take beyond what its plan and its codes need."""
    timeout_s: float | None = None
    """The value of `FLAGS2_TIMEOUT_S`; None: not set."""

    @property
    def subject(self) -> str:
        """The clause that the case is for."""
        return self.clauses[0]

    def request(self) -> Flags2Request | None:
        """Codes and server that the arguments ask for, as the listings read them; None for a
        usage error.
        """
        try:
            return parse_flags2(self.arguments)
        except CommandLineError:
            return None

    def command_line(self) -> CommandLine:
        """The parts of the arguments."""
        return read_command_line(self.arguments)

    def code_lists(self) -> tuple[tuple[str, ...], ...]:
        """The lists of codes of which each is right; none for a usage error."""
        request = self.request()
        return self.asks or ((request.codes,) if request else ())

    def plan_with_gate(self, connections: int, timeout_factor: float = 1.0) -> Plan:
        """The plan, and if the case has a gate, one that this many connections can fill."""
        if not self.gate or connections < 2:
            return self.plan
        return structs.replace(self.plan, gate=Gate(connections, GATE_S * timeout_factor))

    def to_json(self) -> dict[str, Any]:
        """As in a replay file, without what has its default."""
        data: dict[str, Any] = {"case": 1, "id": self.id, "clauses": list(self.clauses)}
        data |= {"arguments": list(self.arguments), "plan": plan_to_json(self.plan)}
        for name, default in _DEFAULTS.items():
            value = getattr(self, name)
            if value != default:
                data[name] = value
        if self.asks:
            data["asks"] = list(map(list, self.asks))
        if self.files:
            data["files"] = dict(self.files)
        return data


_DEFAULTS: dict[str, Any] = {
    "why": "",
    "expects": "report",
    "gate": False,
    "dest": True,
    "codes_file": None,
    "waits_s": 0.0,
    "timeout_s": None,
}

_Argument = Annotated[str, Meta(pattern=r"^[^\x00]*$")]
_FileName = Annotated[str, Meta(pattern="^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}/?$")]


class _CaseFile(Struct, frozen=True, forbid_unknown_fields=True):
    """The form of a replay file (case.schema.json is the same for other languages)."""

    case: Literal[1]
    id: Annotated[str, Meta(min_length=1, max_length=200)]
    clauses: Annotated[
        tuple[Annotated[str, Meta(pattern="^[A-Z]+-[0-9]+$")], ...], Meta(min_length=1)
    ]
    arguments: Annotated[tuple[_Argument, ...], Meta(max_length=1000)]
    plan: dict[str, Any]
    why: str = ""
    expects: Literal["report", "refusal", "either", "interrupt"] = "report"
    asks: tuple[tuple[str, ...], ...] = ()
    gate: bool = False
    files: dict[_FileName, Annotated[str, Meta(max_length=100_000)]] = {}
    dest: bool = True
    codes_file: str | None = None
    waits_s: Annotated[float, Meta(ge=0, le=300)] = 0.0
    timeout_s: Annotated[float, Meta(gt=0, le=300)] | None = None


def case_from_json(data: Any, source: str = "case") -> Case:
    """Read a case; raises CaseError or PlanError, which name `source`, place and value."""
    try:
        read = checked(data, _CaseFile, "the case")
    except ValueError as exc:
        raise CaseError(f"{source}: {exc}") from None
    for name in read.clauses:
        if name not in clauses():
            raise CaseError(f"{source}: clauses: there is no clause {name}")
    plan = plan_from_json(json.dumps(read.plan), f"{source}: plan")
    return Case(
        id=read.id,
        clauses=read.clauses,
        arguments=read.arguments,
        plan=plan,
        asks=read.asks,
        files=read.files,
        **{name: getattr(read, name) for name in _DEFAULTS},
    )
