"""What all cases came to, summed up by clause; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from conformance.cases.fixed import ALWAYS
from conformance.cases.model import Case
from conformance.checks.judge import books
from conformance.clauses import clauses
from conformance.recording import Profile, Run
from conformance.verdicts import FAILURES, Cause, Finding, Verdict, broken, verdict_of, worst

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
    """What a case came to."""

    case: Case
    findings: tuple[Finding, ...] = ()
    error: str | None = None
    """Why the kit failed, where it did."""

    @property
    def verdict(self) -> Verdict:
        """The worst of its findings; PASS without any."""
        if self.error:
            return Verdict.KIT_ERROR
        return verdict_of(self.findings)


@dataclass(frozen=True, slots=True)
class Failure:
    """A failure that was repeated, in its smallest form."""

    cause: Cause
    case: Case
    verdict: Verdict
    """FLAKY where it did not show again."""
    findings: tuple[Finding, ...]
    run: Run
    executions: int
    repeated: int


@dataclass(frozen=True, slots=True)
class Known:
    """A failure that is accepted: in this case, of this kind, for this reason."""

    case: str
    clause: str
    word: str
    why: str


def attributed(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """The outcomes, where findings that may be meant for several clauses of a chapter are put down
    to one that another case shows for certain.
    """
    certain: dict[str, list[Cause]] = {}
    for outcome in outcomes:
        for one in outcome.findings:
            if one.certain and one.verdict in FAILURES:
                certain.setdefault(one.clause.partition("-")[0], []).append(one.cause)

    def meant(one: Finding) -> Finding:
        shown = certain.get(one.clause.partition("-")[0], [])
        if one.certain or not shown or one.cause in shown:
            return one
        clause, word = shown[0]
        return replace(one, clause=clause, word=word)

    return [replace(o, findings=tuple(map(meant, o.findings))) for o in outcomes]


def without_echoes(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """The outcomes, where a SHOULD that is missed because of a fault that is told itself counts as
    not tested.
    """
    failed = {f.clause for o in outcomes for f in o.findings if f.verdict in FAILURES}

    def quiet(one: Finding) -> Finding:
        return replace(one, verdict=Verdict.NOT_TESTED) if one.because in failed else one

    return [replace(o, findings=tuple(map(quiet, o.findings))) for o in outcomes]


def summed_up(
    outcomes: Sequence[Outcome],
    causes: Mapping[Cause, Sequence[Outcome]],
    failures: Mapping[Cause, Failure | None],
    errors: Mapping[Cause, str],
    known: Sequence[Known],
    profile: Profile,
) -> dict[str, Any]:
    """The part of a report that follows from what the cases came to; pure."""
    accepted = {(one.case, one.clause, one.word): one.why for one in known}
    used: set[tuple[str, str, str]] = set()
    cases = []
    by_clause: dict[str, list[tuple[Verdict, str, bool]]] = {
        name: [] for name, clause in clauses().items() if "run" in clause.evidence
    }
    for outcome in outcomes:
        why = []
        for one in outcome.findings:
            key = (outcome.case.id, *one.cause)
            excused = one.verdict in FAILURES and key in accepted
            if excused:
                used.add(key)
                why.append(accepted[key])
            by_clause[one.clause].append((one.verdict, outcome.case.id, excused))
        wrong = {one.clause for one in outcome.findings}
        free = (Verdict.INFO, Verdict.LEGACY)
        stopped = outcome.error or any(
            one.stops and one.verdict not in free for one in outcome.findings
        )
        for clause in outcome.case.clauses:
            if clause not in wrong and not stopped and clause in by_clause:
                by_clause[clause].append((Verdict.PASS, outcome.case.id, False))
        cases.append(_case_row(outcome, "; ".join(why) or None))
    names = {outcome.case.id for outcome in outcomes}
    for key in accepted.keys() - used:
        if key[0] in names:
            row = next(row for row in cases if row["id"] == key[0])
            row["stale"] = True
            by_clause[key[1]].append((Verdict.FAIL, key[0], False))
    if profile.ports == "fixed":
        by_clause["HOOK-1"].append((Verdict.NON_STRICT, "smoke", False))
        ignored = broken("HOOK-1", "ignored", "asks the ports 8001 to 8003", "where it was told to")
        cases.insert(0, _case_row(Outcome(SMOKE, (ignored,)), None))
    elif outcomes:
        by_clause["HOOK-1"].append((Verdict.PASS, "smoke", False))
    return {
        "program": {
            "startup_s": round(profile.startup_s, 3),
            "connections": profile.connections,
            "ports": profile.ports,
        },
        "clauses": {name: _clause_row(name, seen) for name, seen in by_clause.items()},
        "cases": cases,
        "failures": [
            _failure_row(failure, causes.get(cause, ()), accepted)
            for cause, failure in failures.items()
            if failure
        ],
        "errors": [f"{clause} {word}: {text}" for (clause, word), text in errors.items()]
        + [f"{outcome.case.id}: {outcome.error}" for outcome in outcomes if outcome.error],
        "totals": _totals(by_clause),
    }


def _case_row(outcome: Outcome, why: str | None) -> dict[str, Any]:
    return {
        "id": outcome.case.id,
        "clauses": list(outcome.case.clauses),
        "why": outcome.case.why,
        "verdict": outcome.verdict,
        "findings": [one.to_json() for one in outcome.findings],
        "known": why,
    }


def _clause_row(name: str, seen: Sequence[tuple[Verdict, str, bool]]) -> dict[str, Any]:
    clause = clauses()[name]
    verdict = worst([verdict for verdict, *_ in seen])
    return {
        "keyword": clause.keyword,
        "text": clause.text,
        "verdict": verdict,
        "cases": list(dict.fromkeys(case for _, case, _ in seen)),
        "known": any(excused for *_, excused in seen)
        and not any(verdict in FAILURES and not excused for verdict, _, excused in seen),
    }


def _totals(by_clause: Mapping[str, Sequence[tuple[Verdict, str, bool]]]) -> dict[str, int]:
    verdicts = [worst([verdict for verdict, *_ in seen]) for seen in by_clause.values()]
    return {verdict: verdicts.count(verdict) for verdict in Verdict if verdict in verdicts}


def _failure_row(
    failure: Failure,
    group: Sequence[Outcome],
    accepted: Mapping[tuple[str, str, str], str],
) -> dict[str, Any]:
    clause, word = failure.cause
    run, case = failure.run, failure.case
    whys = [accepted.get((outcome.case.id, clause, word)) for outcome in group]
    return {
        "clause": clause,
        "word": word,
        "verdict": failure.verdict,
        "text": clauses()[clause].text,
        "cases": [outcome.case.id for outcome in group],
        "case": case.to_json(),
        "executions": failure.executions,
        "repeated": failure.repeated,
        "findings": [one.to_json() for one in _evidence(failure, group)],
        "status": run.status,
        "books": books(case, run, failure.findings),
        "stdout": run.stdout[-TAIL:],
        "stderr": run.stderr[-TAIL:],
        "journal": list(run.entries[:JOURNAL_LINES]),
        "known": "; ".join(sorted({why for why in whys if why})) if whys and all(whys) else None,
        "replay": None,
    }


def _evidence(failure: Failure, group: Sequence[Outcome]) -> Sequence[Finding]:
    """What was found; where it did not show again, when it did."""
    if failure.verdict is not Verdict.FLAKY or not group:
        return failure.findings
    return group[0].findings
