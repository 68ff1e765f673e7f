"""All cases against one program: run, repeated where they fail, shrunk, and summed up.

Cases are independent and pure, so that any `concurrent.futures.Executor` may run them, in this
process or on a cluster; the verdicts do not depend on how many work, nor in which order they end.
"""

import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any

from conformance.cases.fixed import fixed_cases
from conformance.cases.generated import generated_cases
from conformance.cases.model import Case
from conformance.checks.judge import findings
from conformance.checks.printed_lines import heard
from conformance.clauses import named
from conformance.program_runner import Stage, stopping
from conformance.recording import Profile, Run
from conformance.report_model import (
    SMOKE,
    Failure,
    Known,
    Outcome,
    attributed,
    summed_up,
    without_echoes,
)
from conformance.shrink import shrink
from conformance.verdicts import FAILURES, Cause, Finding, Verdict, worst

REPEATS = 3
"""How often a failure must show again."""
PATIENCE = 3.0
"""How much longer a repeated run may take, and its gate wait."""
MOST_EXECUTIONS = 100
"""Runs that shrinking one failure may take."""
MOST_SLOW_EXECUTIONS = {"timeout": 4, "unreached": 12, "unbounded": 0}
"""The same, where each takes as long as the wall limit, a gate, or REQ-7 has."""
SLOW = tuple(MOST_SLOW_EXECUTIONS)
"""Words of findings that only time shows; patience must not make them go away."""
MOST_TIMEOUTS = 4
"""Runs that may come to the wall limit until the rest is not tried."""


@dataclass(frozen=True, slots=True)
class Task:
    """What to run: a program, and a case."""

    command: tuple[str, ...]
    case: Case
    profile: Profile


# --- what a worker does -----------------------------------------------------------------------

_here = threading.local()
_stages: list[Stage] = []


def _stage(ports: str) -> Stage:
    """The servers of this thread."""
    stage: Stage | None = getattr(_here, "stage", None)
    if stage is None or stage not in _stages:
        stage = _here.stage = Stage(ports).__enter__()
        _stages.append(stage)
    return stage


def close_stages() -> None:
    """Stop the servers of all threads, which must have ended."""
    while _stages:
        _stages.pop().__exit__()


def play(task: Task, patience: float = 1.0) -> tuple[Run, tuple[Finding, ...]]:
    """Run a case once and judge it."""
    return _play_on(_stage(task.profile.ports), task, patience)


def _play_on(stage: Stage, task: Task, patience: float) -> tuple[Run, tuple[Finding, ...]]:
    run = stage.play(task.command, task.case, task.profile, patience)
    return run, tuple(findings(task.case, run))


def examine(task: Task, patience: float = 1.0) -> Outcome:
    """Run a case; an error of the kit itself is told, not raised."""
    try:
        return Outcome(task.case, play(task, patience)[1])
    except Exception as exc:
        return Outcome(task.case, error=f"{type(exc).__name__}: {exc}")


def confirm(task: Task, cause: Cause) -> Failure | None:
    """Repeat a failure, patiently; then shrink it. None where patience shows that there is none.

    Raises whatever the kit itself fails with.
    """
    slow = cause[1] in SLOW
    repeats = _repeated(task, PATIENCE if slow else 1.0)
    again = [any(one.cause == cause for one in found) for _, found in repeats]
    run, found = repeats[again.index(False) if False in again else 0]
    repeated = sum(again)
    if slow and repeated < REPEATS:
        return None
    if repeated < REPEATS:
        return Failure(cause, task.case, Verdict.FLAKY, found, run, REPEATS, repeated)
    most = MOST_SLOW_EXECUTIONS.get(cause[1], MOST_EXECUTIONS)
    last: dict[str, tuple[Run, tuple[Finding, ...]]] = {}

    def fails(case: Case) -> bool:
        if stopping.is_set():
            return False
        played = play(replace(task, case=case))
        again = any(one.cause == cause and one.verdict in FAILURES for one in played[1])
        if again:
            last["minimal"] = played
        return again

    shrunk = shrink(task.case, fails, most)
    run, found = last.get("minimal", (run, found))
    verdict = worst([one.verdict for one in found if one.cause == cause])
    return Failure(cause, shrunk.case, verdict, found, run, shrunk.executions, repeated)


def _repeated(task: Task, patience: float) -> list[tuple[Run, tuple[Finding, ...]]]:
    """The same case again and again; at the same time where waiting is all that it does."""
    if patience == 1 or task.profile.ports == "fixed":
        return [play(task, patience) for _ in range(REPEATS)]

    def play_apart(_: int) -> tuple[Run, tuple[Finding, ...]]:
        with Stage(task.profile.ports) as stage:
            return _play_on(stage, task, patience)

    with ThreadPoolExecutor(REPEATS) as pool:
        return list(pool.map(play_apart, range(REPEATS)))


# --- the campaign -------------------------------------------------------------------------------


@dataclass(slots=True)
class Progress:
    """Told what is done; does nothing by itself."""

    begin: Callable[[int, str], None] = lambda total, what: None
    step: Callable[[], None] = lambda: None


def chosen_cases(only: Collection[str], examples: int, seed: int) -> tuple[Case, ...]:
    """The fixed cases and as many generated ones; of those the ones that show one of `only`, which
    are clauses (`REQ-4`), chapters (`REQ`), or cases.
    """
    cases = (*fixed_cases(), *generated_cases(examples, seed))
    if not only:
        return cases
    subjects = [c for c in cases if named([c.subject, c.id], only) and not _drawn(c)]
    others = [c for c in cases if c not in subjects and named([c.id, *c.clauses], only)]
    # A clause that has cases of its own is shown by these first.
    return (*subjects, *others)


def _drawn(case: Case) -> bool:
    return case.id.startswith("generated/")


def _slowness(case: Case) -> tuple[float, bool]:
    return case.waits_s, case.gate


def learn(command: Sequence[str], ports: str = "given") -> Profile:
    """What a program is like, from small runs: how long it takes, how many connections it uses, and
    whether it asks where it is told to.

    Raises CannotStartError, and PortInUseError where it asks the fixed ports and they are taken.
    """
    with Stage(ports) as stage:
        runs = [stage.play(command, SMOKE, Profile(ports=ports))]
        if ports == "given" and _asks_elsewhere(runs[0]):
            with Stage("fixed") as fixed:
                asked = fixed.play(command, SMOKE, Profile(ports="fixed")).entries
            if asked:
                return learn(command, "fixed")
        if runs[0].ended != "exit":
            return Profile(ends=False, ports=ports)
        runs += [stage.play(command, SMOKE, Profile(ports=ports)) for _ in range(2)]
    announced = [n for run in runs if (n := heard(run.texts).claims.concurrency)]
    return Profile(
        startup_s=sorted(run.elapsed_s for run in runs)[len(runs) // 2],
        connections=max(1, min([8, *announced])),
        ports=ports,
    )


def _asks_elsewhere(run: Run) -> bool:
    """Whether a run came to a report and was seen nowhere, though its server was there."""
    said = heard(run.texts)
    told = said.site is not None and run.urls["LOCAL"] in said.texts[said.site]
    return not run.entries and said.claims.totals is not None and not told


def judge_program(
    command: Sequence[str],
    cases: Sequence[Case],
    executor: Executor,
    profile: Profile,
    *,
    known: Sequence[Known] = (),
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Run all cases and make the report (SPEC of its form: report.schema.json).

    `command` is resolved (conformance.program). On Ctrl-C the report says what is known by then.
    """
    progress = progress or Progress()
    began = time.monotonic()

    def task(case: Case) -> Task:
        return Task(tuple(command), case, profile)

    tasks = list(map(task, cases))
    outcomes: list[Outcome] = []
    causes: dict[Cause, list[Outcome]] = {}
    failures: dict[Cause, Failure | None] = {}
    errors: dict[Cause, str] = {}
    interrupted = False
    try:
        _examine_all(tasks, executor, progress, outcomes)
        outcomes[:] = attributed(outcomes)
        for _ in range(2):
            causes = _causes(outcomes)
            _confirm_all(causes, task, executor, progress, failures, errors)
            _forget_echoes(failures)
            hasty = [
                o for o in outcomes if any(failures.get(f.cause, o) is None for f in o.findings)
            ]
            if not hasty:
                break
            # Patience showed that there is nothing in it: what else is there?
            again = [executor.submit(examine, task(o.case), PATIENCE) for o in hasty]
            for outcome, future in zip(hasty, again, strict=True):
                outcomes[outcomes.index(outcome)] = _result(task(outcome.case), future)
    except KeyboardInterrupt:
        interrupted = True
    outcomes = without_echoes([_settled(outcome, failures) for outcome in outcomes])
    report = summed_up(outcomes, causes, failures, errors, known, profile)
    return {
        "conformance": 1,
        "door": "run",
        "command": list(command),
        "version": version("flags2-reference"),
        "interrupted": interrupted,
        **report,
        "elapsed_s": round(time.monotonic() - began, 1),
    }


def _examine_all(
    tasks: Sequence[Task], executor: Executor, progress: Progress, outcomes: list[Outcome]
) -> None:
    """Fill in the outcomes in the order of the tasks, until too many came to the wall limit."""
    progress.begin(len(tasks), "cases")
    futures = [executor.submit(examine, task) for task in tasks]
    timeouts = 0
    try:
        for task, future in zip(tasks, futures, strict=True):
            outcomes.append(_result(task, future))
            progress.step()
            timeouts += outcomes[-1].verdict is Verdict.TIMEOUT
            if timeouts >= MOST_TIMEOUTS:
                break
    finally:
        for future in futures:
            future.cancel()


def _forget_echoes(failures: dict[Cause, Failure | None]) -> None:
    """Clear what did not show again where its case showed a failure that did: it was that."""
    certain = {c for c, f in failures.items() if f and f.verdict is not Verdict.FLAKY}
    for cause, failure in failures.items():
        flaky = failure is not None and failure.verdict is Verdict.FLAKY
        if failure and flaky and certain & {one.cause for one in failure.findings}:
            failures[cause] = None


def _result(task: Task, future: Future[Outcome]) -> Outcome:
    try:
        return future.result()
    except Exception as exc:  # of the executor: a worker that died, or has no kit
        return Outcome(task.case, error=f"{type(exc).__name__}: {exc}")


def _confirm_all(
    causes: Mapping[Cause, Sequence[Outcome]],
    task: Callable[[Case], Task],
    executor: Executor,
    progress: Progress,
    failures: dict[Cause, Failure | None],
    errors: dict[Cause, str],
) -> None:
    """Fill in what becomes of each cause that was not tried yet."""
    new = {cause: group for cause, group in causes.items() if cause not in failures}
    progress.begin(len(new), "repeating and shrinking")
    futures = {
        cause: executor.submit(confirm, task(group[0].case), cause) for cause, group in new.items()
    }
    try:
        for cause, future in futures.items():
            try:
                failures[cause] = future.result()
            except Exception as exc:
                errors[cause] = f"{type(exc).__name__}: {exc}"
            progress.step()
    finally:
        for future in futures.values():
            future.cancel()


def _causes(outcomes: Sequence[Outcome]) -> dict[Cause, list[Outcome]]:
    """Outcomes by what failed, in the order of the cases: one reports for all of its kind.

    A fixed case speaks before a generated one, a case for the very clause before the others, and a
    quick one before a slow one.
    """
    causes: dict[Cause, list[Outcome]] = {}
    for outcome in outcomes:
        for one in outcome.findings:
            if one.verdict in FAILURES:
                group = causes.setdefault(one.cause, [])
                if outcome not in group:
                    group.append(outcome)
    for (clause, _), group in causes.items():
        group.sort(key=lambda o: (_drawn(o.case), o.case.subject != clause, *_slowness(o.case)))
    return causes


def _settled(outcome: Outcome, failures: Mapping[Cause, Failure | None]) -> Outcome:
    """An outcome after its failures were tried again."""
    found = []
    for one in outcome.findings:
        failure = failures.get(one.cause, ...)
        if one.verdict in FAILURES and failure is None:
            continue  # patience made it go away
        if isinstance(failure, Failure) and failure.verdict is Verdict.FLAKY:
            one = replace(one, verdict=Verdict.FLAKY)
        found.append(one)
    return replace(outcome, findings=tuple(found))
