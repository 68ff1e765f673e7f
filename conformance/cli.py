"""The command `conformance`: run, adapter, replay, vectors, clauses."""

import argparse
import json
import os
import signal
import sys
import tempfile
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import jsonschema
import tqdm

from conformance import program_runner, report, report_model, scheduler, vectors
from conformance.adapter import session
from conformance.adapter.cases import fixed_questions
from conformance.cases.fixed import fixed_cases
from conformance.cases.model import Case, CaseError, case_from_json
from conformance.checks.judge import books
from conformance.clauses import clauses
from conformance.dask_executor import ClusterError, cluster_executor
from conformance.program_runner import CannotStartError, resolved
from conformance.verdicts import Verdict, exit_status
from mockservers.listening import PortInUseError
from mockservers.plan import PlanError

EXAMPLES = 40
"""Generated cases by default."""

_KNOWN_SCHEMA = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["case", "clause", "word", "why"],
        "additionalProperties": False,
        "properties": {
            name: {"type": "string", "minLength": 1} for name in ("case", "clause", "word", "why")
        },
    },
}


class UsageError(Exception):
    """Bad input: one clear line on stderr, status 2."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see {self.prog} --help)")


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run the command line; ends the process with the exit status."""
    sys.stdout = sys.stdout or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: no child is left behind
    try:
        args = _parser().parse_args(argv)
        status: int = args.action(args)
        sys.stdout.flush()
    except (UsageError, CannotStartError, CaseError, PlanError) as exc:
        status = _complain(exc, 2)
    except (PortInUseError, ClusterError) as exc:
        status = _complain(exc, 4)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 1
    except OSError as exc:
        status = _complain(exc, 4)
    except KeyboardInterrupt:
        status = 130
    except Exception as exc:
        status = _complain(RuntimeError(f"the kit failed: {type(exc).__name__}: {exc}"), 4)
    sys.exit(status)


def _complain(exc: Exception, status: int) -> int:
    text = " ".join(str(exc).split())
    print(f"conformance: {text if len(text) <= 400 else text[:400] + '...'}", file=sys.stderr)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="conformance", description="Judge an implementation by the clauses of SPEC.md."
    )
    commands = parser.add_subparsers(
        title="commands", metavar="COMMAND", required=True, parser_class=_Parser
    )
    run = commands.add_parser("run", help="judge a downloader by its runs")
    _add_judging(run, EXAMPLES)
    run.add_argument(
        "--jobs",
        metavar="N",
        type=_positive,
        default=(os.cpu_count() or 1) + 1,
        help="runs at a time (default: one more than CPUs, for runs wait)",
    )
    run.add_argument(
        "--scheduler", metavar="ADDRESS", help="have the cases run on this Dask cluster"
    )
    run.add_argument(
        "--known", metavar="FILE", type=Path, help="failures that are accepted, and why"
    )
    _add_command(run)
    run.set_defaults(action=_run)

    pure = commands.add_parser("adapter", help="judge pure functions behind an adapter")
    _add_judging(pure, 100)
    _add_command(pure)
    pure.set_defaults(action=_adapter)

    replay = commands.add_parser("replay", help="run one case again, and show it")
    replay.add_argument("case", metavar="CASE_FILE", type=Path, help="as a report names it")
    _add_command(replay)
    replay.set_defaults(action=_replay)

    write = commands.add_parser("vectors", help="write the test vectors as JSON")
    write.add_argument("folder", metavar="DIR", type=Path)
    write.set_defaults(action=_vectors)

    listing = commands.add_parser("clauses", help="list the clauses, and the cases of each")
    listing.add_argument("--json", action="store_true", help="as one line of JSON")
    listing.set_defaults(action=_clauses)
    return parser


def _add_judging(parser: argparse.ArgumentParser, examples: int) -> None:
    parser.add_argument(
        "--only",
        metavar="CLAUSE",
        action="append",
        default=[],
        help="a clause (REQ-4), a chapter (REQ) or a case; may be repeated",
    )
    parser.add_argument(
        "--examples",
        metavar="N",
        type=_natural,
        default=examples,
        help="generated cases (default: %(default)s)",
    )
    parser.add_argument(
        "--seed", metavar="N", type=_natural, default=0, help="of the generated cases"
    )
    parser.add_argument("--report", metavar="DIR", type=Path, help="write JSON, JUnit XML and HTML")


def _add_command(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "command", metavar="-- COMMAND", nargs=argparse.REMAINDER, help="what is to be judged"
    )


def _natural(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 16):
        raise argparse.ArgumentTypeError(f"a whole number from 0 is needed, not {text!r}")
    return int(text)


def _positive(text: str) -> int:
    if not _natural(text):
        raise argparse.ArgumentTypeError("a whole number from 1 is needed, not 0")
    return int(text)


def _typed(args: argparse.Namespace) -> tuple[str, ...]:
    """The command that is to be judged, as it was typed."""
    command = args.command[1:] if args.command[:1] == ["--"] else args.command
    if not command:
        raise UsageError("a command is needed: conformance ... -- COMMAND ...")
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


def _run(args: argparse.Namespace) -> int:
    typed = _typed(args)
    command = resolved(typed)
    known = _known(args.known)
    every = scheduler.chosen_cases((), args.examples, args.seed)
    only = _only(args, [case.id for case in every])
    cases = scheduler.chosen_cases(only, args.examples, args.seed)
    if args.report is not None:
        _writable(args.report)
    profile = scheduler.learn(command)
    if args.scheduler and profile.ports == "fixed":
        raise UsageError("a program that ignores FLAGS2_*_URL cannot be tried on a cluster")
    if not profile.ends:
        cases = (report_model.SMOKE,)  # nothing else could be seen of it
    jobs = 1 if profile.ports == "fixed" else args.jobs
    with _executor(args.scheduler, jobs) as executor, _progress() as progress:
        found = scheduler.judge_program(
            command, cases, executor, profile, known=known, progress=progress
        )
    found |= {"command": list(typed), "seed": args.seed, "examples": args.examples}
    if only:
        found["only"] = list(only)
    return _conclude(args, found)


@contextmanager
def _executor(address: str | None, jobs: int) -> Iterator[Executor]:
    program_runner.stopping.clear()
    if address:
        with cluster_executor(address) as executor:
            yield executor
        return
    pool = ThreadPoolExecutor(jobs)
    try:
        yield pool
    finally:
        program_runner.stopping.set()
        pool.shutdown(cancel_futures=True)
        scheduler.close_stages()


@contextmanager
def _progress() -> Iterator[scheduler.Progress]:
    """A bar on stderr for each stage, if that is a terminal; else a line."""
    bars: list[Any] = []

    def begin(total: int, what: str) -> None:
        if not total:
            return
        if not sys.stderr.isatty():
            print(f"conformance: {what}: {total}", file=sys.stderr)
        bars.append(tqdm.tqdm(total=total, desc=what, disable=None, leave=False))

    def step() -> None:
        if bars:
            bars[-1].update()

    try:
        yield scheduler.Progress(begin, step)
    finally:
        for bar in bars:
            bar.close()


def _known(path: Path | None) -> list[report_model.Known]:
    if path is None:
        return []
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as exc:
        raise UsageError(f"cannot read {path}: {exc.strerror}") from None
    except ValueError as exc:
        raise UsageError(f"{path} is not JSON: {exc}") from None
    for error in jsonschema.Draft202012Validator(_KNOWN_SCHEMA).iter_errors(data):
        raise UsageError(f"{path}: {error.json_path}: {error.message[:200]}")
    for entry in data:
        if entry["clause"] not in clauses():
            raise UsageError(f"{path}: there is no clause {entry['clause']}")
    return [report_model.Known(**entry) for entry in data]


def _writable(folder: Path) -> None:
    """Say now, not after all runs, that a report cannot be written there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise UsageError(f"cannot write a report to {folder}: {exc.strerror}") from None
    if not os.access(folder, os.W_OK):
        raise UsageError(f"cannot write a report to {folder}: no right to")


def _conclude(args: argparse.Namespace, found: dict[str, Any]) -> int:
    """Print the report, write it where that is asked for, and say the exit status."""
    verdicts = [
        Verdict(row["verdict"]) for row in found["clauses"].values() if not row.get("known")
    ]
    if found.get("errors"):
        verdicts.append(Verdict.KIT_ERROR)
    found["exit"] = 130 if found.get("interrupted") else exit_status(verdicts)
    folder = args.report
    if folder is None and found["failures"]:  # so that each can be replayed
        folder = Path(tempfile.mkdtemp(prefix="conformance-"))
    if folder is not None:
        report.write_reports(found, folder)
    print(report.text_report(found, folder), flush=True)
    status: int = found["exit"]
    return status


# --- the other commands ---------------------------------------------------------------------------


def _adapter(args: argparse.Namespace) -> int:
    typed = _typed(args)
    only = _only(args, [question.id for question in fixed_questions()])
    if args.report is not None:
        _writable(args.report)
    found = session.examine(typed, only=only, examples=args.examples, seed=args.seed)
    found["command"] = list(typed)
    if only:
        found["only"] = list(only)
    return _conclude(args, found)


def _replay(args: argparse.Namespace) -> int:
    typed = _typed(args)
    command = resolved(typed)
    case = _read_case(args.case)
    profile = scheduler.learn(command)
    program_runner.stopping.clear()
    try:
        run, found = scheduler.play(scheduler.Task(command, case, profile))
    finally:
        scheduler.close_stages()
    print(
        report.text_replay(
            typed,
            case.to_json(),
            run.texts,
            run.stderr,
            run.status,
            found,
            books(case, run, found),
        )
    )
    return exit_status([one.verdict for one in found] or [Verdict.PASS])


def _read_case(path: Path) -> Case:
    try:
        return case_from_json(json.loads(path.read_text(encoding="utf-8")), str(path))
    except OSError as exc:
        raise UsageError(f"cannot read {path}: {exc.strerror}") from None
    except ValueError as exc:
        if isinstance(exc, CaseError | PlanError):
            raise
        raise UsageError(f"{path} is not JSON: {exc}") from None


def _vectors(args: argparse.Namespace) -> int:
    for path in vectors.write_vectors(args.folder):
        print(path)
    return 0


def _clauses(args: argparse.Namespace) -> int:
    cases: dict[str, list[str]] = {name: [] for name in clauses()}
    for case in fixed_cases():
        cases[case.subject].append(case.id)
    for question in fixed_questions():
        for name in question.clauses:
            cases[name].append(question.id)
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
        how = row["reason"] or f"{evidence}; {len(row['cases'])} of its own"
        print(f"{row['id']:<8} {row['keyword']:<10} {row['text']} [{how}]")
    return 0
