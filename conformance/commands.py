"""What each command of `conformance` does; each returns the exit status."""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Collection, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tqdm

from conformance import program_runner, report, report_text, scheduler, vectors, worker
from conformance.adapter.cases import fixed_questions
from conformance.adapter.session import examine
from conformance.cases.fixed import fixed_cases
from conformance.cases.model import Case, CaseError, case_from_json
from conformance.clauses import clauses
from conformance.dask_executor import cluster_executor
from conformance.download.clauses import clauses as download_clauses
from conformance.download.command import judge_download, replay_situation
from conformance.download.report import PREFIX
from conformance.evidence_table import table_of_run
from conformance.known_failures import KnownFailure, read_known_failures
from conformance.program_runner import resolved
from conformance.smoke import learn
from conformance.verdicts import Verdict, exit_status
from mockservers.cli.command_line import UsageError
from mockservers.plan import PlanError

MANY = 50
"""Steps of a stage from which a few lines tell how far it is."""
WAITING = 5
"""Cases that mostly wait, at a time."""


def _typed(args: argparse.Namespace) -> tuple[str, ...]:
    """The command to judge, as it was typed."""
    command = args.command[1:] if args.command[:1] == ["--"] else args.command
    if not command:
        raise UsageError("a command is needed: conformance ... -- COMMAND ...")
    if command[0].startswith("-"):
        raise UsageError(f"{command[0]} is no command; options of replay stand before CASE")
    return tuple(command)


def _only(args: argparse.Namespace, cases: Collection[str]) -> Collection[str]:
    chapters = {clause.chapter for clause in clauses().values()}
    for name in args.only:
        if name not in clauses() and name not in chapters and name not in cases:
            raise UsageError(
                f"--only {name}: there is no such clause, chapter or case (conformance clauses)"
            )
    only: list[str] = args.only
    return only


# --- run -----------------------------------------------------------------------------------------


def run(args: argparse.Namespace) -> int:
    """Judge a downloader by its runs; return the exit status."""
    typed = _typed(args)
    command = resolved(typed)
    known = _known(args.known, clauses())
    every = scheduler.chosen_cases((), args.examples, args.seed)
    only = _only(args, [case.id for case in every])
    cases = scheduler.chosen_cases(only, args.examples, args.seed)
    if args.report is not None:
        _writable(args.report)
    profile, problem = learn(command, args.ports)
    if args.scheduler and profile.ports:
        raise UsageError("a program that ignores FLAGS2_*_URL cannot be tested on a cluster")
    jobs = 1 if profile.ports else args.jobs
    with _executors(args.scheduler, jobs) as (executor, waiting), _progress() as progress:
        found = scheduler.judge_program(
            command,
            cases,
            executor,
            profile,
            known=known,
            progress=progress,
            waiting=None if profile.ports else waiting,
            problem=problem,
        )
    found |= {"command": list(typed), "seed": args.seed, "examples": args.examples}
    if only:
        found["only"] = list(only)
    return _conclude(args, found)


@contextmanager
def _executors(address: str | None, jobs: int) -> Iterator[tuple[Executor, Executor]]:
    """What executes the cases, and what executes those that mostly wait."""
    if address:
        with cluster_executor(address) as executor:
            yield executor, executor
        return
    pools = ThreadPoolExecutor(jobs), ThreadPoolExecutor(WAITING)
    try:
        yield pools
    finally:
        program_runner.stopping.set()
        for pool in pools:
            pool.shutdown(cancel_futures=True)
        program_runner.stopping.clear()
        worker.close_sandboxes()


@contextmanager
def _progress() -> Iterator[scheduler.Progress]:
    """A progress bar for each stage if stderr is a terminal; else a few lines."""
    bars: list[Any] = []
    done = total_of_stage = 0

    def begin(total: int, what: str) -> None:
        nonlocal done, total_of_stage
        done, total_of_stage = 0, total
        if not total:
            return
        if not sys.stderr.isatty():
            print(f"conformance: {what}: {total}", file=sys.stderr)
        bars.append(tqdm.tqdm(total=total, desc=what, disable=None, leave=False))

    def step() -> None:
        nonlocal done
        done += 1
        if bars:
            bars[-1].update()
        fifth = done % -(-total_of_stage // 5) == 0
        if fifth and total_of_stage >= MANY and not sys.stderr.isatty():
            print(f"conformance: {done} of {total_of_stage}", file=sys.stderr)

    def tell(text: str) -> None:
        tqdm.tqdm.write(f"conformance: {text}", file=sys.stderr)

    try:
        yield scheduler.Progress(begin, step, tell)
    finally:
        for bar in bars:
            bar.close()


def _known(path: Path | None, among: Collection[str]) -> list[KnownFailure]:
    if path is None:
        return []
    try:
        return read_known_failures(path, among)
    except OSError as exc:
        raise UsageError(f"cannot read {path}: {exc.strerror}") from None
    except ValueError as exc:
        raise UsageError(str(exc)) from None


def _writable(folder: Path) -> None:
    """Raise UsageError if a report cannot be written there: now, not after all runs."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise UsageError(f"cannot write a report to {folder}: {exc.strerror}") from None
    if not os.access(folder, os.W_OK):
        raise UsageError(f"cannot write a report to {folder}: permission denied")


def _conclude(args: argparse.Namespace, found: dict[str, Any]) -> int:
    """Print the report, write it if that is wanted, and return the exit status."""
    verdicts = [
        Verdict(row["verdict"]) for row in found["clauses"].values() if not row.get("known")
    ]
    if found.get("errors"):
        verdicts.append(Verdict.KIT_ERROR)
    found["exit"] = 130 if found.get("interrupted") else exit_status(verdicts)
    folder = args.report
    if folder is None and any(report_text.needs_file(row) for row in report_text.rows(found)):
        folder = Path(tempfile.mkdtemp(prefix="conformance-"))
    if folder is not None:
        report.write_reports(found, folder)
    as_json = getattr(args, "json", False)
    print(json.dumps(found) if as_json else report_text.text_report(found, folder), flush=True)
    status: int = found["exit"]
    return status


# --- the other commands ---------------------------------------------------------------------------


def adapter(args: argparse.Namespace) -> int:
    """Judge functions through an adapter; return the exit status."""
    typed = _typed(args)
    only = _only(args, [question.id for question in fixed_questions()])
    if args.report is not None:
        _writable(args.report)
    resolved(typed)
    print("conformance: questions, some of which are 10,000 numbers long", file=sys.stderr)
    found = examine(typed, only=only, examples=args.examples, seed=args.seed)
    found["command"] = list(typed)
    if only:
        found["only"] = list(only)
    return _conclude(args, found)


def download(args: argparse.Namespace) -> int:
    """Judge any command that downloads a file; return the exit status."""
    typed = _typed(args)
    known = _known(args.known, download_clauses())
    if args.report is not None:
        _writable(args.report)
    with _progress() as progress:
        found = judge_download(args, typed, progress, known)
    return _conclude(args, found)


def replay(args: argparse.Namespace) -> int:
    """Run one case again and show it; return the exit status."""
    typed = _typed(args)
    if str(args.case).startswith(PREFIX) and not args.case.exists():
        return replay_situation(args, typed, str(args.case))
    command = resolved(typed)
    case = _read_case(args.case)
    profile, problem = learn(command, args.ports)
    if problem and problem.nothing_verified:
        raise UsageError(f"{problem.actual}; {problem.advice}")
    try:
        run, found = worker.execute(worker.Task(command, case, profile))
    finally:
        worker.close_sandboxes()
    print(
        report_text.text_replay(
            typed,
            case.to_json(),
            run.texts,
            run.stderr,
            run.status,
            found,
            table_of_run(case, run, found),
        )
    )
    return exit_status([one.verdict for one in found] or [Verdict.PASS])


def _read_case(path: Path) -> Case:
    """A replay file, or a case of the kit by its id."""
    named = scheduler.case_named(str(path))
    if named and not path.exists():
        return named
    try:
        return case_from_json(json.loads(path.read_text(encoding="utf-8")), str(path))
    except OSError as exc:
        raise UsageError(f"cannot read {path}: {exc.strerror}") from None
    except ValueError as exc:
        if isinstance(exc, CaseError | PlanError):
            raise
        raise UsageError(f"{path} is not JSON: {exc}") from None


def write_vectors(args: argparse.Namespace) -> int:
    """Write the test vectors; return 0."""
    for path in vectors.write_vectors(args.folder):
        print(path)
    return 0


def list_clauses(args: argparse.Namespace) -> int:
    """List the clauses; return 0."""
    cases = _cases_by_clause()
    rows: list[dict[str, Any]] = [
        {
            "id": c.id,
            "keyword": c.keyword,
            "evidence": c.evidence,
            "text": c.text,
            "reason": c.reason,
            "cases": cases[c.id],
        }
        for c in clauses().values()
    ]
    if args.json:
        print(json.dumps(rows))
        return 0
    for row in rows:
        evidence = ", ".join(row["evidence"])
        how = row["reason"] or f"{evidence}; cases: {len(row['cases'])}"
        print(f"{row['id']:<8} {row['keyword']:<10} {row['text']} [{how}]")
    return 0


def _cases_by_clause() -> dict[str, list[str]]:
    """The ids of the cases and questions that are for a clause."""
    cases: dict[str, list[str]] = {name: [] for name in clauses()}
    for case in fixed_cases():
        cases[case.subject].append(case.id)
    for question in fixed_questions():
        for name in question.clauses:
            cases[name].append(question.id)
    return cases
