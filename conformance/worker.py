"""What a worker does with a case: execute it, judge it, and confirm and shrink a failure.

A worker is a thread of this process, or a process of a Dask cluster.
"""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from conformance.cases.model import Case
from conformance.checks.judge import findings
from conformance.checks.patience import LONGER_S, may_heed, note_timeout
from conformance.clauses import clauses
from conformance.program_runner import Sandbox, stopping
from conformance.recording import Ports, Profile, Run
from conformance.report_model import SMOKE, Failure, Outcome, ignores_servers
from conformance.shrink import shrink
from conformance.verdicts import CONFIRMED, Cause, Finding, Verdict, worst

REPEATS = 3
"""How often a failure must show again."""
PATIENT = 3.0
"""The timeout factor of a run that is repeated because only time showed a failure."""
MOST_EXECUTIONS = 100
"""Runs for shrinking one failure."""
MOST_SLOW_EXECUTIONS = {"timeout": 4, "unreached": 12, "unbounded": 0, "impatient": 3}
"""The same for failures whose runs take as long as the wall limit, a gate, or a silence."""
SLOW = tuple(MOST_SLOW_EXECUTIONS)
"""Kinds of findings that only time shows: they count only if they show in patient runs too."""

Executed = tuple[Run, tuple[Finding, ...]]
"""A run, and what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Task:
    """What to run: a program and a case."""

    command: tuple[str, ...]
    case: Case
    profile: Profile


_of_thread = threading.local()
_sandboxes: list[Sandbox] = []


def _sandbox(ports: Ports | None) -> Sandbox:
    """The sandbox of this thread."""
    sandbox: Sandbox | None = getattr(_of_thread, "sandbox", None)
    if sandbox is None or sandbox not in _sandboxes:
        sandbox = _of_thread.sandbox = Sandbox(ports).__enter__()
        _sandboxes.append(sandbox)
    return sandbox


def close_sandboxes() -> None:
    """Stop the servers of all threads, which must have ended."""
    while _sandboxes:
        _sandboxes.pop().__exit__()


def execute(task: Task, timeout_factor: float = 1.0) -> Executed:
    """Run a case once and judge it."""
    return _execute_in(_sandbox(task.profile.ports), task, timeout_factor)


def _execute_in(sandbox: Sandbox, task: Task, timeout_factor: float) -> Executed:
    def run_with(case: Case) -> Run:
        return sandbox.execute(task.command, case, task.profile, timeout_factor)

    case = task.case
    run = run_with(case)
    found = findings(case, run)
    if not any(one.stops for one in found):
        again = run_with(replace(case, timeout_s=LONGER_S)) if may_heed(case, run) else None
        found += note_timeout(case, run, again)
    if case.id == SMOKE.id and task.profile.ports:
        found.append(ignores_servers(task.profile.ports))
    return run, tuple(found)


def examine(task: Task, timeout_factor: float = 1.0) -> Outcome:
    """Run a case; an error of the kit itself is reported in the outcome, not raised."""
    try:
        run, found = execute(task, timeout_factor)
        return Outcome(task.case, found, run=run)
    except Exception as exc:
        return Outcome(task.case, error=f"{type(exc).__name__}: {exc}")


def confirm(task: Task, cause: Cause) -> Failure | None:
    """Repeat a failure, then shrink it. None if patient runs show that there is no failure, or not
    every run misses a SHOULD.

    Raises whatever the kit itself fails with.
    """
    slow = cause[1] in SLOW
    repeats = _repeated(task, PATIENT if slow else 1.0)
    again = [any(one.cause == cause for one in found) for _, found in repeats]
    run, found = repeats[again.index(False) if False in again else 0]
    repeated = sum(again)
    if slow and repeated < REPEATS:
        return None
    if repeated < REPEATS:
        if clauses()[cause[0]].keyword.startswith("SHOULD"):
            return None  # once is not enough to say that it is missed
        return Failure(cause, task.case, Verdict.FLAKY, found, run, REPEATS, repeated)
    if task.case.id == SMOKE.id:  # one finding stands for all that follow from it
        found = tuple(one for one in found if one.cause == cause)
    return _shrunk(task, cause, (run, found))


def _shrunk(task: Task, cause: Cause, first: Executed) -> Failure:
    """The failure in its smallest form; `first` is a run of the whole case."""
    smallest = first

    def fails(case: Case) -> bool:
        nonlocal smallest
        if stopping.is_set():
            return False
        executed = execute(replace(task, case=case))
        again = any(one.cause == cause and one.verdict in CONFIRMED for one in executed[1])
        if again:
            smallest = executed
        return again

    most = 0 if task.case.id == SMOKE.id else MOST_SLOW_EXECUTIONS.get(cause[1], MOST_EXECUTIONS)
    shrunk = shrink(task.case, fails, most)
    run, found = smallest
    verdict = worst(one.verdict for one in found if one.cause == cause)
    return Failure(cause, shrunk.case, verdict, found, run, shrunk.executions, REPEATS)


def _repeated(task: Task, timeout_factor: float) -> list[Executed]:
    """The same case several times; at the same time if the runs do nothing but wait."""
    if timeout_factor == 1 or task.profile.ports:
        return [execute(task, timeout_factor) for _ in range(REPEATS)]

    def execute_apart(_: int) -> Executed:
        with Sandbox(task.profile.ports) as sandbox:
            return _execute_in(sandbox, task, timeout_factor)

    with ThreadPoolExecutor(REPEATS) as pool:
        return list(pool.map(execute_apart, range(REPEATS)))
