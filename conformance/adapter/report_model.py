"""The results of all questions to an adapter, summed up by clause, case and failure; pure."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from conformance.adapter.answer import Answer
from conformance.adapter.cases import Question
from conformance.adapter.checks import right_answer
from conformance.clauses import clauses
from conformance.verdicts import Cause, Finding, Verdict, verdict_of, worst

NO_ANSWER = frozenset({"crash", "timeout", "malformed", "refused"})
"""Kinds of findings that show nothing about a clause: one of them is enough for an operation."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a question."""

    question: Question
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Failure:
    """A failure that was repeated, with its smallest question."""

    question: Question
    answer: Answer
    findings: tuple[Finding, ...]
    verdict: Verdict
    executions: int


def report_of_questions(
    outcomes: Sequence[Outcome], failures: Mapping[Cause, Failure]
) -> dict[str, Any]:
    """The part of a report that follows from the results of the questions."""
    by_clause: dict[str, list[tuple[Verdict, str]]] = {
        name: [] for name, clause in clauses().items() if "adapter" in clause.evidence
    }
    for outcome in outcomes:
        for clause, verdict in _shown(outcome):
            by_clause[clause].append((verdict, outcome.question.id))
    verdicts = {name: worst(verdict for verdict, _ in seen) for name, seen in by_clause.items()}
    ops = {clause: o.question.op for o in outcomes for clause in o.question.clauses}
    totals = Counter(verdicts.values())
    return {
        "clauses": {
            name: {
                "keyword": clauses()[name].keyword,
                "text": clauses()[name].text,
                "verdict": verdicts[name],
                "cases": list(dict.fromkeys(case for _, case in seen)),
            }
            | ({"operation": ops[name]} if verdicts[name] is Verdict.UNSUPPORTED else {})
            for name, seen in by_clause.items()
        },
        "cases": list(map(_case_row, outcomes)),
        "failures": [_failure_row(cause, failure, outcomes) for cause, failure in failures.items()],
        "totals": {verdict: totals[verdict] for verdict in Verdict if totals[verdict]},
    }


def _shown(outcome: Outcome) -> Iterator[tuple[str, Verdict]]:
    """The clauses of the findings; then those that the question shows to be kept."""
    question, found = outcome.question, outcome.findings
    for one in found:
        yield one.clause, one.verdict
    if verdict_of(found) is Verdict.UNSUPPORTED:
        yield from ((clause, Verdict.UNSUPPORTED) for clause in question.clauses)
    elif not any(one.kind in NO_ANSWER or one.verdict is Verdict.UNSUPPORTED for one in found):
        wrong = {one.clause for one in found}
        yield from ((clause, Verdict.PASS) for clause in question.clauses if clause not in wrong)


def _case_row(outcome: Outcome) -> dict[str, Any]:
    question, found = outcome.question, outcome.findings
    return {
        "id": question.id,
        "clauses": list(question.clauses),
        "why": question.why,
        "verdict": verdict_of(found),
        "findings": [one.to_json() for one in found],
        "known": None,
    }


def _failure_row(cause: Cause, failure: Failure, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    clause, kind = cause
    return {
        "clause": clause,
        "word": kind,
        "verdict": failure.verdict,
        "text": clauses()[clause].text,
        "cases": [
            outcome.question.id
            for outcome in outcomes
            if cause in {one.cause for one in outcome.findings}
        ],
        "question": failure.question.to_json(),
        "answer": failure.answer.to_json(),
        "expected": right_answer(failure.question),
        "executions": failure.executions,
        "findings": [one.to_json() for one in failure.findings],
        "books": [],
        "known": None,
        "replay": None,
    }
