"""The results of all cases, summed up by clause, case and failure; pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from msgspec import to_builtins

from conformance.cases.build import ALWAYS
from conformance.cases.model import Case
from conformance.clauses import clauses
from conformance.evidence_table import table_of_run
from conformance.known_failures import KnownFailure
from conformance.recording import Ports, Profile, Run
from conformance.verdicts import (
    CONFIRMED,
    FAILURES,
    FREE,
    Cause,
    Finding,
    Verdict,
    broken,
    verdict_of,
    worst,
)

TAIL = 4000
"""Characters of stdout and stderr in a report."""
JOURNAL_LINES = 200
"""Journal entries in a report."""

SMOKE = Case(
    "smoke",
    ("REQ-2", *ALWAYS),
    tuple("-m 8 BR CN DE ET FR ID IN IR".split()),
    why="a small run, from which the kit learns what the program is like",
    waits_s=10,
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a case."""

    case: Case
    findings: tuple[Finding, ...] = ()
    error: str | None = None
    """Why the kit failed, if it did."""
    run: Run | None = None

    @property
    def verdict(self) -> Verdict:
        """The worst of its findings; PASS without any."""
        if self.error:
            return Verdict.KIT_ERROR
        return verdict_of(self.findings)


@dataclass(frozen=True, slots=True)
class Failure:
    """A finding with its run. A failure, or a SHOULD that is missed, was repeated and shrunk to its
    smallest case.
    """

    cause: Cause
    case: Case
    verdict: Verdict
    """FLAKY if not every repetition broke a MUST."""
    findings: tuple[Finding, ...]
    run: Run
    executions: int
    repeated: int


Accepted = Mapping[tuple[str, str, str], str]
"""The reason why a failure is accepted, by case, clause and kind."""


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What one case shows about a clause."""

    verdict: Verdict
    case: str
    known: bool = False


def settle_uncertain(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """The outcomes, where a finding that may be about several clauses of a chapter gets the cause
    that another case shows for certain.
    """
    certain: dict[str, list[Cause]] = {}
    for outcome in outcomes:
        for one in outcome.findings:
            if one.certain and one.verdict in FAILURES:
                certain.setdefault(one.clause.partition("-")[0], []).append(one.cause)

    def settled(one: Finding) -> Finding:
        shown = certain.get(one.clause.partition("-")[0], [])
        if one.certain or not shown or one.cause in shown:
            return one
        clause, kind = shown[0]
        return replace(one, clause=clause, kind=kind)

    return [replace(o, findings=tuple(map(settled, o.findings))) for o in outcomes]


def drop_consequences(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """The outcomes, where a SHOULD that was missed because of a reported fault is not tested."""
    failed = {f.clause for o in outcomes for f in o.findings if f.verdict in FAILURES}

    def dropped(one: Finding) -> Finding:
        return replace(one, verdict=Verdict.NOT_TESTED) if one.because in failed else one

    return [replace(o, findings=tuple(map(dropped, o.findings))) for o in outcomes]


def report_of_cases(
    outcomes: Sequence[Outcome],
    causes: Mapping[Cause, Sequence[Outcome]],
    failures: Mapping[Cause, Failure | None],
    errors: Mapping[Cause, str],
    known: Sequence[KnownFailure],
    profile: Profile,
) -> dict[str, Any]:
    """The part of a report that follows from the results of the cases."""
    accepted = {(one.case, one.clause, one.kind): one.why for one in known}
    stale = _stale(outcomes, accepted)
    evidence = _evidence_by_clause(outcomes, accepted, stale, profile)
    return {
        "program": {
            "startup_s": round(profile.startup_s, 3),
            "connections": profile.connections,
            "ports": "fixed" if profile.ports else "given",
            **({"fixed_ports": list(profile.ports)} if profile.ports else {}),
        },
        "clauses": {
            name: _clause_row(name, seen, _hidden_by(name, outcomes))
            for name, seen in evidence.items()
        },
        "cases": [_case_row(outcome, accepted, stale) for outcome in outcomes],
        "failures": [
            _failure_row(failure, causes.get(cause, ()), accepted)
            for cause, failure in failures.items()
            if failure and failure.verdict in FAILURES
        ],
        "notes": list(_notes(outcomes, causes, failures, accepted)),
        "errors": [f"{clause} {kind}: {text}" for (clause, kind), text in errors.items()]
        + [f"{outcome.case.id}: {outcome.error}" for outcome in outcomes if outcome.error],
        "totals": _totals(evidence),
    }


# --- clauses --------------------------------------------------------------------------------------


def _evidence_by_clause(
    outcomes: Sequence[Outcome],
    accepted: Accepted,
    stale: Sequence[tuple[str, str, str]],
    profile: Profile,
) -> dict[str, list[_Evidence]]:
    """What the cases show, by clause, in the order of the spec; only clauses that runs can show."""
    found: dict[str, list[_Evidence]] = {
        name: [] for name, clause in clauses().items() if "run" in clause.evidence
    }
    for outcome in outcomes:
        for clause, evidence in _shown(outcome, accepted):
            if clause in found or evidence.verdict is not Verdict.PASS:
                found[clause].append(evidence)
    for case, clause, _ in stale:
        found[clause].append(_Evidence(Verdict.FAIL, case))
    if not profile.ports and any(outcome.case.id != SMOKE.id for outcome in outcomes):
        found["HOOK-1"].append(_Evidence(Verdict.PASS, SMOKE.id))
    return found


def ignores_servers(ports: Ports) -> Finding:
    """What the smoke run shows of a program that ignores its URLs (HOOK-1)."""
    actual = f"asks the ports {', '.join(map(str, ports))}"
    return broken("HOOK-1", "ignored", actual, expected="the servers of FLAGS2_*_URL")


def _shown(outcome: Outcome, accepted: Accepted) -> Iterator[tuple[str, _Evidence]]:
    """The clauses of the findings, then those that the case shows to be kept."""
    name = outcome.case.id
    for one in outcome.findings:
        yield one.clause, _Evidence(one.verdict, name, _is_accepted(name, one, accepted))
    stopped = any(one.stops and one.verdict not in FREE for one in outcome.findings)
    if outcome.error or stopped:
        return
    wrong = {one.clause for one in outcome.findings}
    for clause in outcome.case.clauses:
        if clause not in wrong:
            yield clause, _Evidence(Verdict.PASS, name)


def _hidden_by(name: str, outcomes: Sequence[Outcome]) -> list[str]:
    """The clauses whose failures ended the judgement of every case that shows this one."""
    stops = [
        one.because or one.clause
        for outcome in outcomes
        if name in outcome.case.clauses
        for one in outcome.findings
        if one.stops and one.verdict in CONFIRMED | {Verdict.NOT_TESTED}
    ]
    return [clause for clause in dict.fromkeys(stops) if clause != name]


def _clause_row(
    name: str, seen: Sequence[_Evidence], hidden_by: Sequence[str] = ()
) -> dict[str, Any]:
    clause, verdict = clauses()[name], worst(one.verdict for one in seen)
    failures = [one for one in seen if one.verdict in FAILURES]
    hidden = {"hidden_by": list(hidden_by)} if verdict is Verdict.NOT_TESTED and hidden_by else {}
    return hidden | {
        "keyword": clause.keyword,
        "text": clause.text,
        "verdict": verdict,
        "cases": list(dict.fromkeys(one.case for one in seen)),
        "known": bool(failures) and all(one.known for one in failures),
    }


def _totals(by_clause: Mapping[str, Sequence[_Evidence]]) -> dict[str, int]:
    verdicts = [worst(one.verdict for one in seen) for seen in by_clause.values()]
    return {verdict: verdicts.count(verdict) for verdict in Verdict if verdict in verdicts}


# --- known failures -------------------------------------------------------------------------------


def _is_accepted(case: str, one: Finding, accepted: Accepted) -> bool:
    return one.verdict in FAILURES and (case, *one.cause) in accepted


def _stale(outcomes: Sequence[Outcome], accepted: Accepted) -> list[tuple[str, str, str]]:
    """The accepted failures that did not occur although their case was run."""
    ran = {outcome.case.id for outcome in outcomes}
    occurred = {
        (outcome.case.id, *one.cause)
        for outcome in outcomes
        for one in outcome.findings
        if one.verdict in FAILURES
    }
    return [key for key in accepted if key[0] in ran and key not in occurred]


# --- cases and failures ---------------------------------------------------------------------------


def _case_row(
    outcome: Outcome, accepted: Accepted, stale: Sequence[tuple[str, str, str]]
) -> dict[str, Any]:
    name = outcome.case.id
    whys = [
        accepted[(name, *one.cause)]
        for one in outcome.findings
        if _is_accepted(name, one, accepted)
    ]
    row: dict[str, Any] = {
        "id": name,
        "clauses": list(outcome.case.clauses),
        "why": outcome.case.why,
        "verdict": outcome.verdict,
        "findings": [one.to_json() for one in outcome.findings],
        "known": "; ".join(whys) or None,
    }
    if name in {case for case, *_ in stale}:
        row["stale"] = True
    return row


def _failure_row(failure: Failure, group: Sequence[Outcome], accepted: Accepted) -> dict[str, Any]:
    clause, kind = failure.cause
    run, case = failure.run, failure.case
    whys = [accepted.get((outcome.case.id, clause, kind)) for outcome in group]
    return {
        "clause": clause,
        "word": kind,
        "verdict": failure.verdict,
        "text": clauses()[clause].text,
        "cases": [outcome.case.id for outcome in group],
        "case": case.to_json(),
        "executions": failure.executions,
        "repeated": failure.repeated,
        "findings": [one.to_json() for one in _findings_that_show(failure, group)],
        "status": run.status,
        "books": table_of_run(case, run, failure.findings),
        "stdout": run.stdout[-TAIL:],
        "stderr": run.stderr[-TAIL:],
        "journal": list(map(to_builtins, run.entries[:JOURNAL_LINES])),
        "known": "; ".join(sorted({why for why in whys if why})) if whys and all(whys) else None,
        "replay": None,
    }


def _notes(
    outcomes: Sequence[Outcome],
    causes: Mapping[Cause, Sequence[Outcome]],
    failures: Mapping[Cause, Failure | None],
    accepted: Accepted,
) -> Iterator[dict[str, Any]]:
    """What is no failure, each with its run: missed SHOULDs, then freedoms, each of these once."""
    missed = {f.cause for o in outcomes for f in o.findings if f.verdict is Verdict.NON_STRICT}
    for cause, failure in failures.items():
        if failure and failure.verdict is Verdict.NON_STRICT and cause in missed:
            yield _failure_row(failure, causes.get(cause, ()), accepted)
    seen = set()
    for outcome in outcomes:
        for one in outcome.findings:
            free = one.verdict in FREE or one.clause == "HOOK-1"
            if free and outcome.run and (one.clause, one.actual) not in seen:
                seen.add((one.clause, one.actual))
                found = Failure(one.cause, outcome.case, one.verdict, (one,), outcome.run, 0, 1)
                yield _failure_row(found, [outcome], accepted) | {"replay": outcome.case.id}


def _findings_that_show(failure: Failure, group: Sequence[Outcome]) -> Sequence[Finding]:
    """The findings of the repetition; if it did not fail, those of the run that did."""
    shown = any(one.cause == failure.cause for one in failure.findings)
    return failure.findings if shown or not group else group[0].findings
