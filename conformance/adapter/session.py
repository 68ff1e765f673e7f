"""A session with an adapter: every question asked, every failure repeated, and the report.

The protocol is JSON Lines: a question on stdin, its answer on stdout, one line each, in order
(docs/adapter.md).
"""

import contextlib
import json
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity

from conformance.adapter.answer import Answer
from conformance.adapter.cases import Question, fixed_questions
from conformance.adapter.checks import findings
from conformance.adapter.generated import generated_questions
from conformance.adapter.process import AdapterProcess
from conformance.adapter.report_model import NO_ANSWER, Failure, Outcome, report_of_questions
from conformance.clauses import named
from conformance.program_runner import resolved
from conformance.verdicts import FAILURES, Cause, Finding, Verdict, verdict_of

REPEATS = 3
"""How often a failure is repeated at most, each time in a new process, until it shows again; one
that does not is flaky."""
MOST_TIMEOUTS = 3
"""After this many timeouts an operation is given up."""
MOST_CAUSES = 8
"""Failures of one operation that drawn questions look for."""


def examine(
    command: Sequence[str],
    *,
    only: Collection[str] = (),
    examples: int = 100,
    seed: int = 0,
    timeout_factor: float = 1.0,
    progress: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Ask an adapter every question and make the report.

    `only`: clauses, chapters or ids of questions; empty: all. `examples` is the number of
    drawn questions of each operation, which depend on `seed` alone; 0: none. `timeout_factor`
    multiplies the time limits. `progress` is called with each question's id and verdict.
    Raises CannotStartError (conformance.program_runner) if the command cannot be started.
    """
    began = time.monotonic()
    command = resolved(command)
    fixed = [one for one in fixed_questions() if not only or named((one.id, *one.clauses), only)]
    interrupted = False
    with AdapterProcess(command, timeout_factor) as process:
        session = _Session(process, progress)
        try:
            for question in fixed:
                session.ask_fixed(question)
            for op in generated_questions() if examples else ():
                wanted = any(question.op == op for question in fixed)
                if wanted and not session.is_unsupported(op):
                    session.ask_generated(op, examples, seed)
        except KeyboardInterrupt:
            interrupted = True
    return {
        "conformance": 1,
        "door": "adapter",
        "command": list(command),
        "version": version("flags2-reference"),
        "interrupted": interrupted,
        "seed": seed,
        "examples": examples,
        **report_of_questions(list(session.outcomes.values()), session.failures),
        "elapsed_s": round(time.monotonic() - began, 1),
    }


class _BrokenError(Exception):
    """Tells Hypothesis that a question fails."""


@dataclass(frozen=True, slots=True)
class _Failed:
    """A drawn question that fails for a new reason."""

    question: Question
    answer: Answer
    cause: Cause


@dataclass(slots=True)
class _Session:
    """One adapter, and what was found so far."""

    process: AdapterProcess
    progress: Callable[[str], None] | None
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    failures: dict[Cause, Failure] = field(default_factory=dict)
    timeouts: Counter[str] = field(default_factory=Counter)
    """By operation."""

    def ask_fixed(self, question: Question) -> None:
        """Ask a fixed question; a failure is repeated."""
        if self.is_given_up(question.op):
            return
        before = self.process.questions_sent
        answer = self.ask(question)
        found = self.findings(question, answer)
        for one in found:
            if one.verdict in FAILURES:
                found = self.repeat(_Failed(question, answer, one.cause), found, before)
        self.conclude(question, found)

    def ask_generated(self, op: str, examples: int, seed: int) -> None:
        """Draw questions, and look for failures that no other question showed, one by one."""
        memo: dict[str, Answer] = {}
        found: list[Finding] = []
        any_question = None
        for _ in range(MOST_CAUSES):
            before = self.process.questions_sent
            any_question, failed = self.hunt(op, examples, seed, memo)
            if failed is None:
                break
            judged = self.findings(failed.question, failed.answer)
            found += self.repeat(failed, judged, before)
        if any_question is not None:
            self.conclude(any_question, found)

    def hunt(
        self, op: str, examples: int, seed: int, memo: dict[str, Answer]
    ) -> tuple[Question | None, _Failed | None]:
        """One round: any question that was asked, and the smallest that fails for a new reason."""
        smallest: _Failed | None = None
        any_question: Question | None = None
        excluded = self.kinds_without_answer(op)

        def one_question(question: Question) -> None:
            nonlocal smallest, any_question
            key = json.dumps(question.to_json())
            if key not in memo:
                if self.is_given_up(op):
                    return
                memo[key] = self.ask(question)
            any_question = any_question or question
            for one in self.findings(question, memo[key]):
                new = one.cause not in self.failures and one.kind not in excluded
                wanted = smallest is None or smallest.cause == one.cause
                if one.verdict in FAILURES and new and wanted:
                    smallest = _Failed(question, memo[key], one.cause)
                    raise _BrokenError

        drawn = hypothesis.given(generated_questions()[op])(one_question)
        test = hypothesis.seed(seed)(_settings(examples)(drawn))
        with contextlib.suppress(_BrokenError):
            test()
        return any_question, smallest

    def ask(self, question: Question) -> Answer:
        """The answer; a timeout is counted."""
        answer = self.process.ask(question)
        self.timeouts[question.op] += answer.fault == "timeout"
        return answer

    def findings(self, question: Question, answer: Answer) -> list[Finding]:
        """What is wrong with an answer, given the clauses that are known to be broken."""
        return findings(question, answer, {clause for clause, _ in self.failures})

    def repeat(self, failed: _Failed, found: list[Finding], before: int) -> list[Finding]:
        """Repeat a failure in new processes, if it is the first of its cause, and keep it.

        `before` is the number of questions sent before it was found. Returns the findings, FLAKY
        if the failure does not show again.
        """
        cause = failed.cause
        if cause not in self.failures:
            if not any(self.shows_again(failed) for _ in range(REPEATS)):
                found = _flaky(found, cause)
            verdict = next(one.verdict for one in found if one.cause == cause)
            count = self.process.questions_sent - before
            self.failures[cause] = Failure(
                failed.question, failed.answer, tuple(found), verdict, count
            )
        elif self.failures[cause].verdict is Verdict.FLAKY:
            found = _flaky(found, cause)
        return found

    def shows_again(self, failed: _Failed) -> bool:
        """Whether a new process fails in the same way."""
        self.process.stop()
        found = self.findings(failed.question, self.ask(failed.question))
        return failed.cause in {one.cause for one in found}

    def conclude(self, question: Question, found: Iterable[Finding]) -> None:
        """Keep the outcome of a question, and report the progress."""
        outcome = self.outcomes[question.id] = Outcome(question, tuple(found))
        if self.progress:
            self.progress(f"{question.id} {verdict_of(outcome.findings)}")

    def is_given_up(self, op: str) -> bool:
        """Whether an operation has timed out so often that it is not asked any more."""
        return self.timeouts[op] >= MOST_TIMEOUTS

    def is_unsupported(self, op: str) -> bool:
        """Whether the adapter answered so to every question of an operation."""
        of_op = [one for one in self.outcomes.values() if one.question.op == op]
        return {verdict_of(one.findings) for one in of_op} == {Verdict.UNSUPPORTED}

    def kinds_without_answer(self, op: str) -> set[str]:
        """The kinds of failures without an answer that an operation has shown already."""
        return {
            kind
            for (_, kind), failure in self.failures.items()
            if kind in NO_ANSWER and failure.question.op == op
        }


def _flaky(found: Iterable[Finding], cause: Cause) -> list[Finding]:
    return [replace(one, verdict=Verdict.FLAKY) if one.cause == cause else one for one in found]


def _settings(examples: int) -> hypothesis.settings:
    return hypothesis.settings(
        max_examples=examples,
        database=None,
        deadline=None,
        print_blob=False,
        phases=(Phase.generate, Phase.shrink),
        verbosity=Verbosity.quiet,
        # How fast questions are drawn depends on the machine; the verdict must not.
        suppress_health_check=[HealthCheck.too_slow],
    )
