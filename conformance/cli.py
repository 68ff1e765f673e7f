"""The command `conformance`: run, adapter, download, replay, vectors, clauses."""

import argparse
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from conformance import commands
from conformance.cases.model import CaseError
from conformance.dask_executor import ClusterError
from conformance.program_runner import CannotStartError
from mockservers.cli.command_line import Parser, UsageError, run_to_exit
from mockservers.http.listeners import PortInUseError
from mockservers.plan import PlanError

EXAMPLES = 20
"""Generated cases by default."""
LONGEST_PATIENCE_S = 150.0
"""Less than a run of a download may take."""
KNOWN = "failures that are accepted, and why"


class KitError(Exception):
    """The kit itself failed."""


_STATUSES: dict[type[Exception], int] = {
    UsageError: 2, CannotStartError: 2, CaseError: 2, PlanError: 2, PortInUseError: 4,
    ClusterError: 4, OSError: 4, KitError: 4,
}  # fmt: skip


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run the command line; ends the process with the exit status."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # like Ctrl-C: end all children
    run_to_exit("conformance", lambda: _run(argv), _STATUSES)


def _run(argv: Sequence[str] | None) -> int:
    args = _parser().parse_args(argv)
    try:
        status: int = args.action(args)
    except tuple(_STATUSES):
        raise
    except Exception as exc:
        raise KitError(f"the kit failed: {type(exc).__name__}: {exc}") from exc
    return status


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="conformance", description="Judge an implementation by the clauses of SPEC.md."
    )
    subparsers = parser.add_subparsers(
        title="commands", metavar="COMMAND", required=True, parser_class=Parser
    )
    _add_run(subparsers)
    adapter = subparsers.add_parser("adapter", help="judge pure functions through an adapter")
    _add_judging(adapter, 100)
    _add_command(adapter)
    adapter.set_defaults(action=commands.adapter)

    _add_download(subparsers)
    replay = subparsers.add_parser("replay", help="run one case again, and show it")
    replay.add_argument(
        "case", metavar="CASE", type=Path,
        help="a replay file of a report, or the id of a case, or download/SITUATION",
    )  # fmt: skip
    _add_ports(replay)
    _add_download_options(replay)
    _add_command(replay)
    replay.set_defaults(action=commands.replay)

    write = subparsers.add_parser("vectors", help="write the test vectors as JSON")
    write.add_argument("folder", metavar="DIR", type=Path)
    write.set_defaults(action=commands.write_vectors)

    listing = subparsers.add_parser("clauses", help="list the clauses, with the cases of each")
    listing.add_argument("--json", action="store_true", help="as one line of JSON")
    listing.set_defaults(action=commands.list_clauses)
    return parser


def _add_run(subparsers: "argparse._SubParsersAction[Parser]") -> None:
    run = subparsers.add_parser("run", help="judge a downloader by its runs")
    _add_judging(run, EXAMPLES)
    run.add_argument(
        "--jobs",
        metavar="N",
        type=_positive,
        default=(os.cpu_count() or 1) + 1,
        help="runs at a time (default: CPUs + 1, because most of a run is waiting)",
    )
    _add_ports(run)
    run.add_argument("--scheduler", metavar="ADDRESS", help="run the cases on this Dask cluster")
    run.add_argument("--known", metavar="FILE", type=Path, help=KNOWN)
    _add_command(run)
    run.set_defaults(action=commands.run)


def _add_download(subparsers: "argparse._SubParsersAction[Parser]") -> None:
    download = subparsers.add_parser(
        "download", help="judge any command that saves {url} as {file}, or in {dir}"
    )
    _add_only(download, "a clause (DL-LEN) or a situation (cut-first, onto-*); may be repeated")
    download.add_argument(
        "--jobs", metavar="N", type=_positive, default=(os.cpu_count() or 1) + 1,
        help="runs at a time, beside those that wait for a silent server (default: CPUs + 1)",
    )  # fmt: skip
    _add_download_options(download)
    download.add_argument("--known", metavar="FILE", type=Path, help=KNOWN)
    _add_report(download)
    download.add_argument("--json", action="store_true", help="print the report as JSON")
    _add_command(download)
    download.set_defaults(action=commands.download)


def _add_judging(parser: argparse.ArgumentParser, examples: int) -> None:
    _add_only(parser, "a clause (REQ-4), a chapter (REQ) or a case; may be repeated")
    parser.add_argument(
        "--examples",
        metavar="N",
        type=_natural,
        default=examples,
        help="generated cases (default: %(default)s)",
    )
    parser.add_argument(
        "--seed", metavar="N", type=_natural, default=0, help="seed of the generated cases"
    )
    _add_report(parser)


def _add_only(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument("--only", metavar="NAME", action="append", default=[], help=what)


def _add_report(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--report", metavar="DIR", type=Path, help="write JSON, JUnit XML and HTML")


def _add_download_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--patience", metavar="S", type=_seconds, default=20.0,
        help="seconds that a download may wait for a silent server (default: 20)",
    )  # fmt: skip
    parser.add_argument(
        "--seed", metavar="N", type=_natural, default=0, help="seed of what is drawn (default: 0)"
    )
    parser.add_argument(
        "--partial", metavar="GLOB", action="append", default=[],
        help="names of files that are known to be incomplete; may be repeated",
    )  # fmt: skip


def _add_ports(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--ports",
        metavar="A,B,C",
        type=_ports,
        default=(8001, 8002, 8003),
        help="ports of LOCAL, DELAY and ERROR for a program that ignores FLAGS2_*_URL "
        "(default: 8001,8002,8003)",
    )


def _add_command(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "command", metavar="-- COMMAND", nargs=argparse.REMAINDER, help="the command to judge"
    )


def _ports(text: str) -> tuple[int, ...]:
    """Three different ports."""
    numbers = text.split(",")
    ports = tuple(int(n) for n in numbers if n.isascii() and n.isdecimal() and len(n) < 6)
    if len(ports) != len(numbers) or len({*ports}) != 3 or not all(0 < p < 65536 for p in ports):
        raise argparse.ArgumentTypeError(f"three different ports are needed, not {text!r}")
    return ports


def _natural(text: str, least: int = 0) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 16 and int(text) >= least):
        raise argparse.ArgumentTypeError(f"a whole number from {least} is needed, not {text!r}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 0 < found <= LONGEST_PATIENCE_S:
        wanted = f"a number of seconds up to {LONGEST_PATIENCE_S:g} is needed"
        raise argparse.ArgumentTypeError(f"{wanted}, not {text!r}")
    return found


def _positive(text: str) -> int:
    return _natural(text, 1)
