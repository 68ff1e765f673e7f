"""What the fixed cases are made with."""

from collections.abc import Mapping

from conformance.cases.model import Case
from mockservers.faults import Fault
from mockservers.plan import Plan

HANG_S = 0.5
"""Seconds after which the server ends a silence, except in the case of REQ-7."""

ALWAYS = (
    "REQ-1 REQ-2 REQ-3 REQ-4 REQ-6 REQ-8 FIL-1 FIL-2 FIL-3 REP-1 REP-2 REP-3 REP-4 REP-5 REP-6 "
    "REP-7 REP-10 REP-11 CLI-8 CLI-9 CON-1 CON-2 ACC-1 ACC-3 ACC-4 ACC-5 ACC-6"
).split()
"""The clauses that every run with a report shows."""


def rules(**responses: Fault | tuple[Fault, ...]) -> Plan:
    """A plan of rules for codes."""
    return Plan(rules={code: r if isinstance(r, tuple) else (r,) for code, r in responses.items()})


def report_case(name: str, clauses: str, arguments: str, why: str, **fields: object) -> Case:
    """A case that ends with its report; it shows `clauses`, and then what every such case shows."""
    words = tuple(arguments.split())
    shown = [*clauses.split(), *ALWAYS]
    if "-v" in words:
        shown += ["REP-8", "ACC-2"]
    else:
        shown += ["REP-9"]
    named = tuple(dict.fromkeys(shown))
    return Case(f"fixed/{name}", named, words, why=why, **fields)  # type: ignore[arg-type]


def refusals(clause: str, lines: Mapping[str, str]) -> list[Case]:
    """Command lines, by name, that must be rejected because of `clause`."""
    return [
        Case(
            f"fixed/{name}",
            (clause, "CLI-6", "CLI-7", "L-6"),
            tuple(line.split()),
            why="a usage error",
            expects="refusal",
        )
        for name, line in lines.items()
    ]
