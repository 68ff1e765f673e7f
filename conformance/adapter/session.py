"""The adapter door: questions to the pure functions of an implementation, over a pipe.

The protocol is JSON Lines: a question on stdin, its answer on stdout, one line each, in order
(docs/adapter.md). What is asked is in `questions`, what is wrong with an answer in `answers`.
"""

import contextlib
import json
import os
import queue
import select
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity

from conformance.adapter.cases import Question, fixed_questions, generated
from conformance.adapter.checks import Answer, expected, findings, read_answer
from conformance.clauses import clauses, named
from conformance.program_runner import CannotStartError, resolved
from conformance.verdicts import FAILURES, Cause, Finding, Verdict, verdict_of, worst
from mockservers.codes import country_codes
from mockservers.supervise import signal_group

__all__ = ["examine", "fixed_questions"]

MAX_ANSWER = 16 * 1024 * 1024
"""Bytes of an answer."""
REPEATS = 3
"""How often a failure may show again, each time in a new process, before it is called flaky."""
MOST_TIMEOUTS = 3
"""Timeouts until an operation is asked no more."""
MOST_CAUSES = 8
"""Failures that drawn questions look for, of one operation."""
SILENT = frozenset({"crash", "timeout", "malformed", "refused"})
"""Words of findings that say nothing of a clause: the first one stands for its operation."""

# --- the process ----------------------------------------------------------------------------------


class Adapter:
    """A process that answers; started when it is asked, and again after a fault.

    `command` is resolved (conformance.program). Its working directory is new, with a
    `country_codes.txt`. What it says on stderr goes to ours.
    """

    def __init__(self, command: Sequence[str], patience: float = 1.0) -> None:
        self.command = tuple(command)
        self.patience = patience
        self.asked = 0
        """Questions that were asked."""
        self._folder = tempfile.TemporaryDirectory(prefix="adapter-")
        self._process: subprocess.Popen[bytes] | None = None
        self._worker: threading.Thread | None = None
        codes = "\n".join(country_codes())
        Path(self._folder.name, "country_codes.txt").write_text(f"{codes}\n", encoding="utf-8")

    def __enter__(self) -> "Adapter":
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()
        self._folder.cleanup()

    def ask(self, question: Question) -> Answer:
        """Ask one question. Raises CannotStartError when the command cannot be started."""
        self.asked += 1
        process = self._process or self._start()
        line = json.dumps(question.to_json()).encode() + b"\n"
        answers: queue.Queue[Answer] = queue.Queue()
        # The pipe may be full in either direction, so another thread writes and reads.
        self._worker = threading.Thread(
            target=lambda: answers.put(_exchange(process, line)), daemon=True
        )
        self._worker.start()
        limit_s = question.limit_s * self.patience
        try:
            answer = answers.get(timeout=limit_s)
        except queue.Empty:
            answer = Answer(f"no answer within {limit_s:g} s", fault="timeout")
        if answer.fault:
            self.stop()
        return answer

    def stop(self) -> None:
        """End the process and all in its group; the next question starts another."""
        process, self._process = self._process, None
        if process is None:
            return
        signal_group(process, "SIGKILL")
        process.wait()
        if self._worker:
            self._worker.join(1)
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                pipe.close()  # type: ignore[union-attr]

    def _start(self) -> subprocess.Popen[bytes]:
        try:
            self._process = subprocess.Popen(  # noqa: S603 - the command is the user's own
                self.command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=0,
                cwd=self._folder.name,
                start_new_session=True,
            )
        except OSError as exc:
            why = exc.strerror or type(exc).__name__
            raise CannotStartError(f"cannot start {self.command[0]}: {why}") from None
        return self._process


def _exchange(process: subprocess.Popen[bytes], line: bytes) -> Answer:
    """Write a question and read its answer, one line."""
    assert process.stdin is not None
    assert process.stdout is not None
    out = process.stdout.fileno()
    try:
        if select.select([out], [], [], 0)[0] and (early := os.read(out, 1000)):
            return Answer(f"more than one line: {early!r}", fault="malformed")
        left = memoryview(line)
        while left:
            left = left[os.write(process.stdin.fileno(), left) :]
        chunks, size = [b""], 0
        while b"\n" not in chunks[-1]:
            chunks.append(os.read(out, 1 << 20))
            size += len(chunks[-1])
            if not chunks[-1]:
                return Answer(_ending(process, b"".join(chunks)), fault="crash")
            if size > MAX_ANSWER:
                start = b"".join(chunks)[:80]
                return Answer(f"more than {MAX_ANSWER} bytes: {start!r}...", fault="malformed")
    except (OSError, ValueError):  # the pipe has gone
        return Answer(_ending(process, b""), fault="crash")
    first, _, behind = b"".join(chunks).partition(b"\n")
    if behind:
        return Answer(f"more than one line: {behind[:80]!r}", fault="malformed")
    return read_answer(first)


def _ending(process: subprocess.Popen[bytes], said: bytes) -> str:
    """How a process ended, for people."""
    try:
        status = process.wait(1)
    except subprocess.TimeoutExpired:
        return f"its stdout ended behind {said[-80:]!r}"
    how = f"status {status}" if status >= 0 else f"signal {-status}"
    return f"the adapter ended with {how}" + (f" behind {said[-80:]!r}" if said else "")


# --- the examination ------------------------------------------------------------------------------


@dataclass(slots=True)
class _Failure:
    """A failure in its smallest form."""

    question: Question
    answer: Answer
    found: list[Finding]
    verdict: Verdict
    executions: int


@dataclass(slots=True)
class _Examination:
    """One adapter under examination, and what was found so far."""

    adapter: Adapter
    progress: Callable[[str], None] | None
    outcomes: dict[str, tuple[Question, list[Finding]]] = field(default_factory=dict)
    failures: dict[Cause, _Failure] = field(default_factory=dict)
    timeouts: Counter[str] = field(default_factory=Counter)
    """By operation."""

    def judge(self, question: Question, answer: Answer) -> list[Finding]:
        known = {clause for clause, _ in self.failures}
        return findings(question, answer, known)

    def ask(self, question: Question) -> tuple[Answer, list[Finding]]:
        answer = self.adapter.ask(question)
        self.timeouts[question.op] += answer.fault == "timeout"
        return answer, self.judge(question, answer)

    def given_up(self, op: str) -> bool:
        """Whether an operation hung so often that it is asked no more."""
        return self.timeouts[op] >= MOST_TIMEOUTS

    def ask_fixed(self, question: Question) -> None:
        """Ask a fixed question; what fails is asked again."""
        if self.given_up(question.op):
            return
        before = self.adapter.asked
        answer, found = self.ask(question)
        for one in found:
            if one.verdict in FAILURES:
                found = self.settle(question, answer, found, one.cause, before)
        self.conclude(question, found)

    def settle(
        self, question: Question, answer: Answer, found: list[Finding], cause: Cause, before: int
    ) -> list[Finding]:
        """Repeat a failure in new processes, if it is the first of its cause, and keep it; the
        findings, with the verdict that it came to.
        """
        if cause not in self.failures:
            again = any(self.shows(question, cause) for _ in range(REPEATS))
            if not again:
                found = [_flaky(one) if one.cause == cause else one for one in found]
            verdict = next(one.verdict for one in found if one.cause == cause)
            count = self.adapter.asked - before
            self.failures[cause] = _Failure(question, answer, found, verdict, count)
        elif self.failures[cause].verdict is Verdict.FLAKY:
            found = [_flaky(one) if one.cause == cause else one for one in found]
        return found

    def shows(self, question: Question, cause: Cause) -> bool:
        """Whether a new process fails in the same way."""
        self.adapter.stop()
        return cause in {one.cause for one in self.ask(question)[1]}

    def conclude(self, question: Question, found: list[Finding]) -> None:
        self.outcomes[question.id] = question, found
        if self.progress:
            self.progress(f"{question.id} {verdict_of(found)}")

    def unsupported(self, op: str) -> bool:
        """Whether the adapter said so to every question of an operation."""
        verdicts = {
            verdict_of(found) for question, found in self.outcomes.values() if question.op == op
        }
        return verdicts == {Verdict.UNSUPPORTED}

    def ask_generated(self, op: str, examples: int, seed: int) -> None:
        """Draw questions and look for failures that the fixed ones did not show, one by one."""
        memo: dict[str, Answer] = {}
        found: list[Finding] = []
        asked = None
        for _ in range(MOST_CAUSES):
            before = self.adapter.asked
            asked, failed = self.hunt(op, examples, seed, memo)
            if failed is None:
                break
            question, answer, cause = failed
            judged = self.judge(question, answer)
            found += self.settle(question, answer, judged, cause, before)
        if asked is not None:
            self.conclude(asked, found)

    def hunt(
        self, op: str, examples: int, seed: int, memo: dict[str, Answer]
    ) -> tuple[Question | None, tuple[Question, Answer, Cause] | None]:
        """One round: any question that was asked, and the smallest that fails for a new reason."""
        target: Cause | None = None
        smallest: tuple[Question, Answer, Cause] | None = None
        asked: Question | None = None
        silent = {
            word
            for (_, word), failure in self.failures.items()
            if word in SILENT and failure.question.op == op
        }

        def question_by_question(question: Question) -> None:
            nonlocal target, smallest, asked
            key = json.dumps(question.to_json())
            if key not in memo:
                if self.given_up(op):
                    return
                memo[key] = self.ask(question)[0]
            asked = asked or question
            for one in self.judge(question, memo[key]):
                new = one.cause not in self.failures and one.word not in silent
                if one.verdict in FAILURES and new and target in (None, one.cause):
                    target = one.cause
                    smallest = question, memo[key], target
                    raise _BrokenError

        drawn = hypothesis.given(generated()[op])(question_by_question)
        test = hypothesis.seed(seed)(_settings(examples)(drawn))
        with contextlib.suppress(_BrokenError):
            test()
        return asked, smallest


class _BrokenError(Exception):
    """Tells Hypothesis that a question is one that fails."""


def _settings(examples: int) -> hypothesis.settings:
    return hypothesis.settings(
        max_examples=examples,
        database=None,
        deadline=None,
        print_blob=False,
        phases=(Phase.generate, Phase.shrink),
        verbosity=Verbosity.quiet,
        # How fast questions are drawn depends on the machine, the verdict must not.
        suppress_health_check=[HealthCheck.too_slow],
    )


def _flaky(finding: Finding) -> Finding:
    return replace(finding, verdict=Verdict.FLAKY)


def examine(
    command: Sequence[str],
    *,
    only: Collection[str] = (),
    examples: int = 100,
    seed: int = 0,
    patience: float = 1.0,
    progress: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Ask an adapter everything and make the report.

    `only`: clauses, chapters or ids of questions; empty: all. `examples` is the number of
    drawn questions of each operation, which depend on `seed` alone; 0: none. `patience` multiplies
    the time limits. `progress` is told each case that is concluded, with its verdict.
    Raises CannotStartError (conformance.program) where the command cannot be started.
    """
    began = time.monotonic()
    command = resolved(command)
    fixed = [one for one in fixed_questions() if not only or named((one.id, *one.clauses), only)]
    interrupted = False
    with Adapter(command, patience) as adapter:
        examination = _Examination(adapter, progress)
        try:
            for question in fixed:
                examination.ask_fixed(question)
            for op in generated() if examples else ():
                wanted = any(question.op == op for question in fixed)
                if wanted and not examination.unsupported(op):
                    examination.ask_generated(op, examples, seed)
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
        **_summed_up(examination),
        "elapsed_s": round(time.monotonic() - began, 1),
    }


# --- the report -----------------------------------------------------------------------------------


def _summed_up(examination: _Examination) -> dict[str, Any]:
    """The part of a report that follows from the outcomes; pure."""
    by_clause: dict[str, list[tuple[Verdict, str]]] = {
        name: [] for name, clause in clauses().items() if "adapter" in clause.evidence
    }
    for question, found in examination.outcomes.values():
        for clause, verdict in _shown(question, found):
            by_clause[clause].append((verdict, question.id))
    worsts = {name: worst(verdict for verdict, _ in seen) for name, seen in by_clause.items()}
    totals = Counter(worsts.values())
    return {
        "clauses": {
            name: {
                "keyword": clauses()[name].keyword,
                "text": clauses()[name].text,
                "verdict": worsts[name],
                "cases": list(dict.fromkeys(case for _, case in seen)),
            }
            for name, seen in by_clause.items()
        },
        "cases": [
            {
                "id": question.id,
                "clauses": list(question.clauses),
                "why": question.why,
                "verdict": verdict_of(found),
                "findings": [one.to_json() for one in found],
                "known": None,
            }
            for question, found in examination.outcomes.values()
        ],
        "failures": list(_failure_rows(examination)),
        "totals": {verdict: totals[verdict] for verdict in Verdict if totals[verdict]},
    }


def _shown(question: Question, found: Sequence[Finding]) -> Iterator[tuple[str, Verdict]]:
    """What a case says of clauses: what is wrong, and else that all it is for is right."""
    for one in found:
        yield one.clause, one.verdict
    if any(one.word in SILENT or one.verdict is Verdict.UNSUPPORTED for one in found):
        found_for = question.clauses if verdict_of(found) is Verdict.UNSUPPORTED else ()
        yield from ((clause, Verdict.UNSUPPORTED) for clause in found_for)
        return
    accused = {one.clause for one in found}
    yield from ((clause, Verdict.PASS) for clause in question.clauses if clause not in accused)


def _failure_rows(examination: _Examination) -> Iterator[dict[str, Any]]:
    for (clause, word), failure in examination.failures.items():
        cases = [
            question.id
            for question, found in examination.outcomes.values()
            if (clause, word) in {one.cause for one in found}
        ]
        yield {
            "clause": clause,
            "word": word,
            "verdict": failure.verdict,
            "text": clauses()[clause].text,
            "cases": cases,
            "question": failure.question.to_json(),
            "answer": failure.answer.to_json(),
            "expected": expected(failure.question),
            "executions": failure.executions,
            "findings": [one.to_json() for one in failure.found],
            "books": [],
            "known": None,
            "replay": None,
        }
