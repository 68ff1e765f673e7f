"""All cases against one program: run, repeated where they fail, shrunk, and summed up.

Cases are independent and pure, so that any `concurrent.futures.Executor` may run them, in this
process or on a cluster; the verdicts do not depend on how many work, nor in which order they end.
"""

import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any

from conformance.cases import Case
from conformance.clauses import clauses
from conformance.fixed import ALWAYS, fixed_cases
from conformance.generated import generated_cases
from conformance.judge import books, findings, heard
from conformance.program import Stage, stopping
from conformance.record import Profile, Run
from conformance.shrink import shrink
from conformance.verdicts import FAILURES, Finding, Verdict, broken, worst

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
TAIL = 4000
JOURNAL_LINES = 200

Cause = tuple[str, str]
"""Clause and word: what makes two failures the same."""


@dataclass(frozen=True, slots=True)
class Task:
    """What to run: a program, and a case."""

    command: tuple[str, ...]
    case: Case
    profile: Profile


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
        return worst([one.verdict for one in self.findings]) if self.findings else Verdict.PASS


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
    run = _stage(task.profile.ports).play(task.command, task.case, task.profile, patience)
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
            run = stage.play(task.command, task.case, task.profile, patience)
        return run, tuple(findings(task.case, run))

    with ThreadPoolExecutor(REPEATS) as pool:
        return list(pool.map(play_apart, range(REPEATS)))


# --- the campaign -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Known:
    """A failure that is accepted: in this case, of this kind, for this reason."""

    case: str
    clause: str
    word: str
    why: str


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
    subjects = [case for case in cases if _wanted(only, [case.subject, case.id])]
    others = [case for case in cases if case not in subjects and _wanted(only, case.clauses)]
    # A clause that has cases of its own is shown by these first.
    return (*subjects, *others)


def _wanted(only: Collection[str], names: Iterable[str]) -> bool:
    return any(name in only or name.partition("-")[0] in only for name in names)


SMOKE = Case(
    "smoke",
    ("REQ-2", *ALWAYS),
    tuple("-m 8 BR CN DE ET FR ID IN IR".split()),
    why="a small run, from which the kit learns what the program is like",
    waits_s=10,
)


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
    outcomes = _without_echoes([_settled(outcome, failures) for outcome in outcomes])
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


def _causes(outcomes: Sequence[Outcome]) -> dict[Cause, list[Outcome]]:
    """Outcomes by what failed, in the order of the cases: one reports for all of its kind.

    A case for the very clause speaks before the others, and a quick one before a slow one.
    """
    causes: dict[Cause, list[Outcome]] = {}
    for outcome in outcomes:
        for one in outcome.findings:
            if one.verdict in FAILURES:
                group = causes.setdefault(one.cause, [])
                if outcome not in group:
                    group.append(outcome)
    for (clause, _), group in causes.items():
        group.sort(key=lambda o: (o.case.subject != clause, o.case.waits_s, o.case.gate))
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


def _without_echoes(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """The outcomes, where no SHOULD is told to be missed because of a fault that is told itself."""
    failed = {f.clause for o in outcomes for f in o.findings if f.verdict in FAILURES}
    return [
        replace(o, findings=tuple(f for f in o.findings if f.because not in failed))
        for o in outcomes
    ]


# --- the report ---------------------------------------------------------------------------------


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
        "findings": [one.to_json() for one in failure.findings],
        "status": run.status,
        "books": books(case, run, failure.findings),
        "stdout": run.stdout[-TAIL:],
        "stderr": run.stderr[-TAIL:],
        "journal": list(run.entries[:JOURNAL_LINES]),
        "known": "; ".join(sorted({why for why in whys if why})) if whys and all(whys) else None,
        "replay": None,
    }
