"""All cases of one program: run, repeated if they fail, shrunk, and summed up.

Cases are independent and pure, so any `concurrent.futures.Executor` may run them, in this process
or on a cluster. The verdicts depend neither on the number of workers nor on the order in which the
cases end.
"""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from typing import Any

from conformance.cases.fixed import FOR_HEEDERS, FOR_OTHERS, fixed_cases
from conformance.cases.generated import generated_cases
from conformance.cases.model import Case
from conformance.clauses import named
from conformance.known_failures import KnownFailure
from conformance.program_runner import durations_s
from conformance.recording import Profile
from conformance.report_model import (
    SMOKE,
    Failure,
    Outcome,
    drop_consequences,
    report_of_cases,
    settle_uncertain,
)
from conformance.smoke import Problem
from conformance.verdicts import CONFIRMED, FAILURES, Cause, Verdict
from conformance.worker import PATIENT, Task, confirm, examine

MOST_TIMEOUTS = 4
"""After this many runs that came to the wall limit, the remaining cases are not tested."""
ROUNDS = 2
"""How often failures are confirmed: patient runs may show failures that were hidden before."""


@dataclass(slots=True)
class Progress:
    """Functions that are called as the work goes on; these do nothing."""

    begin: Callable[[int, str], None] = lambda total, what: None
    step: Callable[[], None] = lambda: None
    tell: Callable[[str], None] = lambda text: None


def chosen_cases(only: Collection[str], examples: int, seed: int) -> tuple[Case, ...]:
    """The fixed cases and `examples` generated ones; only those that show one of `only`, if given:
    clauses (`REQ-4`), chapters (`REQ`), or ids of cases.
    """
    cases = (*fixed_cases(), *generated_cases(examples, seed))
    if not only:
        return cases
    subjects = [c for c in cases if named([c.subject, c.id], only) and not _is_generated(c)]
    others = [c for c in cases if c not in subjects and named([c.id, *c.clauses], only)]
    # The cases that are for a clause come before those that show it too.
    return (*subjects, *others)


def _suited(cases: Sequence[Case], profile: Profile) -> list[Case]:
    """The cases, of two for different programs only the one that suits this one."""
    names = {case.id for case in cases}
    other = FOR_OTHERS if profile.may_heed else FOR_HEEDERS
    both = {FOR_HEEDERS, FOR_OTHERS} <= names
    return [case for case in cases if not (both and case.id == other)]


def case_named(name: str) -> Case | None:
    """The fixed case with this id."""
    return next((case for case in (SMOKE, *fixed_cases()) if case.id == name), None)


def _is_generated(case: Case) -> bool:
    return case.id.startswith("generated/")


def judge_program(
    command: Sequence[str],
    cases: Sequence[Case],
    executor: Executor,
    profile: Profile,
    *,
    known: Sequence[KnownFailure] = (),
    progress: Progress | None = None,
    waiting: Executor | None = None,
    problem: Problem | None = None,
) -> dict[str, Any]:
    """Run all cases and make the report (its form: report.schema.json).

    `command` is resolved (conformance.program_runner). `waiting` executes the cases that mostly
    wait, beside the others; without it, they come last. After a `problem` with the smoke run, that
    is all that is judged. On Ctrl-C the report has what is known so far.
    """
    began = time.monotonic()
    schedule = _Schedule(tuple(command), executor, waiting, profile, progress or Progress())
    interrupted = False
    try:
        if problem is None:
            schedule.examine_all(_suited(cases, profile))
        elif not problem.nothing_verified:
            schedule.examine_smoke_run()
        schedule.confirm_all()
    except KeyboardInterrupt:
        interrupted = True
    return {
        "conformance": 1,
        "door": "run",
        "command": list(command),
        "version": version("flags2-reference"),
        "interrupted": interrupted,
        **({"smoke": asdict(problem)} if problem else {}),
        **schedule.report(known),
        "elapsed_s": round(time.monotonic() - began, 1),
    }


@dataclass(slots=True)
class _Schedule:
    """The work on one program, and its results so far."""

    command: tuple[str, ...]
    executor: Executor
    waiting: Executor | None
    profile: Profile
    progress: Progress
    outcomes: list[Outcome] = field(default_factory=list)
    causes: dict[Cause, list[Outcome]] = field(default_factory=dict)
    failures: dict[Cause, Failure | None] = field(default_factory=dict)
    """None for a failure that patient runs did not show."""
    errors: dict[Cause, str] = field(default_factory=dict)

    def task(self, case: Case) -> Task:
        """The task of running a case."""
        return Task(self.command, case, self.profile)

    def examine_all(self, cases: Sequence[Case]) -> None:
        """Fill in the outcomes, first of the cases that wait for nothing, until `MOST_TIMEOUTS`."""
        if self.profile.ports:
            cases = (SMOKE, *cases)
        slow = [case for case in cases if case.waits_s]
        quick = [case for case in cases if not case.waits_s]
        self.progress.begin(len(cases), "cases")
        if slow and self.waiting is None:
            waits_s = sum(max(durations_s(case)) for case in slow)
            self.progress.tell(
                f"{len(slow)} of them wait for the servers, at the end: about {waits_s:.0f} s"
            )
        tasks = list(map(self.task, [*quick, *slow]))
        futures = [
            (self.waiting or self.executor if task.case.waits_s else self.executor).submit(
                examine, task
            )
            for task in tasks
        ]
        timeouts = 0
        try:
            for task, future in zip(tasks, futures, strict=True):
                self.outcomes.append(_result(task, future))
                self.progress.step()
                timeouts += self.outcomes[-1].verdict is Verdict.TIMEOUT
                if timeouts >= MOST_TIMEOUTS:
                    break
        finally:
            for future in futures:
                future.cancel()
            places = {case.id: place for place, case in enumerate(cases)}
            self.outcomes.sort(key=lambda outcome: places[outcome.case.id])
        self.outcomes = settle_uncertain(self.outcomes)

    def examine_smoke_run(self) -> None:
        """Fill in the one finding of a smoke run that shows why no case can be judged."""
        task = self.task(SMOKE)
        outcome = _result(task, self.executor.submit(examine, task))
        failures = [one for one in outcome.findings if one.verdict in FAILURES]
        failures.sort(key=lambda one: not one.stops)
        self.outcomes = [replace(outcome, findings=tuple(failures[:1]))]

    def confirm_all(self) -> None:
        """Confirm every failure; examine the cases of those that patience cleared once more."""
        for _ in range(ROUNDS):
            self.causes = _causes(self.outcomes)
            self._confirm_new()
            _forget_consequences(self.failures)
            if not self._examine_patiently():
                break

    def _confirm_new(self) -> None:
        """Fill in the failure of each cause that was not confirmed before."""
        new = {cause: group for cause, group in self.causes.items() if cause not in self.failures}
        self.progress.begin(len(new), "repeating and shrinking")
        futures = {
            cause: self.executor.submit(confirm, self.task(group[0].case), cause)
            for cause, group in new.items()
        }
        try:
            for cause, future in futures.items():
                try:
                    self.failures[cause] = future.result()
                except Exception as exc:
                    self.errors[cause] = f"{type(exc).__name__}: {exc}"
                self.progress.step()
        finally:
            for future in futures.values():
                future.cancel()

    def _examine_patiently(self) -> bool:
        """Run the cases of cleared failures again, which may have hidden others; False if there is
        none.
        """
        cleared = {cause for cause, failure in self.failures.items() if failure is None}
        places = [
            place
            for place, outcome in enumerate(self.outcomes)
            if any(one.cause in cleared for one in outcome.findings)
        ]
        tasks = [self.task(self.outcomes[place].case) for place in places]
        futures = [self.executor.submit(examine, task, PATIENT) for task in tasks]
        for place, task, future in zip(places, tasks, futures, strict=True):
            self.outcomes[place] = _result(task, future)
        return bool(places)

    def report(self, known: Sequence[KnownFailure]) -> dict[str, Any]:
        """What is known so far."""
        settled = [_settled(outcome, self.failures) for outcome in self.outcomes]
        return report_of_cases(
            drop_consequences(settled), self.causes, self.failures, self.errors, known, self.profile
        )


def _result(task: Task, future: Future[Outcome]) -> Outcome:
    try:
        return future.result()
    except Exception as exc:  # of the executor: a worker died, or does not have the kit
        return Outcome(task.case, error=f"{type(exc).__name__}: {exc}")


def _causes(outcomes: Sequence[Outcome]) -> dict[Cause, list[Outcome]]:
    """Outcomes by what failed, in the order of the cases. The first of each is confirmed: a fixed
    case before a generated one, a case for the very clause before others, a fast one before a slow
    one.
    """
    causes: dict[Cause, list[Outcome]] = {}
    for outcome in outcomes:
        for one in outcome.findings:
            if one.verdict in CONFIRMED and one.clause != "HOOK-1":
                group = causes.setdefault(one.cause, [])
                if outcome not in group:
                    group.append(outcome)
    for (clause, _), group in causes.items():
        group.sort(
            key=lambda o: (
                _is_generated(o.case),
                o.case.subject != clause,
                o.case.waits_s,
                o.case.gate,
            )
        )
    return causes


def _forget_consequences(failures: dict[Cause, Failure | None]) -> None:
    """Clear a flaky failure if its run showed a certain failure too: it followed from that."""
    certain = {c for c, f in failures.items() if f and f.verdict is not Verdict.FLAKY}
    for cause, failure in failures.items():
        flaky = failure is not None and failure.verdict is Verdict.FLAKY
        if failure and flaky and certain & {one.cause for one in failure.findings}:
            failures[cause] = None


def _settled(outcome: Outcome, failures: Mapping[Cause, Failure | None]) -> Outcome:
    """An outcome after its failures were confirmed."""
    found = []
    for one in outcome.findings:
        failure = failures.get(one.cause, ...)
        if one.verdict in CONFIRMED and failure is None:
            continue  # patient runs did not show it
        if isinstance(failure, Failure) and failure.verdict is Verdict.FLAKY:
            one = replace(one, verdict=Verdict.FLAKY)
        found.append(one)
    return replace(outcome, findings=tuple(found))
