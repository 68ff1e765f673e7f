"""All cases of one program: run, repeated if they fail, shrunk, and summed up.

Cases are independent and pure, so any `concurrent.futures.Executor` may run them, in this process
or on a cluster. The verdicts depend neither on the number of workers nor on the order in which the
cases end.
"""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from typing import Any

from conformance.cases.fixed import fixed_cases
from conformance.cases.generated import generated_cases
from conformance.cases.model import Case
from conformance.checks.printed_lines import read_lines
from conformance.clauses import named
from conformance.known_failures import KnownFailure
from conformance.program_runner import Sandbox
from conformance.recording import Profile, Run
from conformance.report_model import (
    SMOKE,
    Failure,
    Outcome,
    drop_consequences,
    report_of_cases,
    settle_uncertain,
)
from conformance.verdicts import FAILURES, Cause, Verdict
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


def _is_generated(case: Case) -> bool:
    return case.id.startswith("generated/")


def learn(command: Sequence[str], ports: str = "given") -> Profile:
    """Measure a program in small runs: how long it takes, how many connections it uses, and whether
    it sends its requests to the given servers.

    Raises CannotStartError, and PortInUseError if it uses the fixed ports and they are in use.
    """
    with Sandbox(ports) as sandbox:
        runs = [sandbox.execute(command, SMOKE, Profile(ports=ports))]
        if ports == "given" and _ignores_servers(runs[0]):
            with Sandbox("fixed") as fixed:
                entries = fixed.execute(command, SMOKE, Profile(ports="fixed")).entries
            if entries:
                return learn(command, "fixed")
        if runs[0].ended != "exit":
            return Profile(ends=False, ports=ports)
        runs += [sandbox.execute(command, SMOKE, Profile(ports=ports)) for _ in range(2)]
    announced = [n for run in runs if (n := read_lines(run.texts).claims.concurrency)]
    return Profile(
        startup_s=sorted(run.elapsed_s for run in runs)[len(runs) // 2],
        connections=max(1, min([8, *announced])),
        ports=ports,
    )


def _ignores_servers(run: Run) -> bool:
    """Whether a run printed a report although no server saw a request of it."""
    printed = read_lines(run.texts)
    announces = printed.site is not None and run.urls["LOCAL"] in printed.texts[printed.site]
    return not run.entries and printed.claims.totals is not None and not announces


def judge_program(
    command: Sequence[str],
    cases: Sequence[Case],
    executor: Executor,
    profile: Profile,
    *,
    known: Sequence[KnownFailure] = (),
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Run all cases and make the report (its form: report.schema.json).

    `command` is resolved (conformance.program_runner). On Ctrl-C the report has what is known so
    far.
    """
    began = time.monotonic()
    schedule = _Schedule(tuple(command), executor, profile, progress or Progress())
    interrupted = False
    try:
        schedule.examine_all(cases)
        schedule.confirm_all()
    except KeyboardInterrupt:
        interrupted = True
    return {
        "conformance": 1,
        "door": "run",
        "command": list(command),
        "version": version("flags2-reference"),
        "interrupted": interrupted,
        **schedule.report(known),
        "elapsed_s": round(time.monotonic() - began, 1),
    }


@dataclass(slots=True)
class _Schedule:
    """The work on one program, and its results so far."""

    command: tuple[str, ...]
    executor: Executor
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
        """Fill in the outcomes in the order of the cases, until `MOST_TIMEOUTS`."""
        self.progress.begin(len(cases), "cases")
        tasks = list(map(self.task, cases))
        futures = [self.executor.submit(examine, task) for task in tasks]
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
        self.outcomes[:] = settle_uncertain(self.outcomes)

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
            if one.verdict in FAILURES:
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
        if one.verdict in FAILURES and failure is None:
            continue  # patient runs did not show it
        if isinstance(failure, Failure) and failure.verdict is Verdict.FLAKY:
            one = replace(one, verdict=Verdict.FLAKY)
        found.append(one)
    return replace(outcome, findings=tuple(found))
