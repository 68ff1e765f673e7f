"""The command `conformance`: run, adapter, replay, vectors, clauses."""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from conformance import commands
from conformance.cases.model import CaseError
from conformance.commands import UsageError
from conformance.dask_executor import ClusterError
from conformance.program_runner import CannotStartError
from conformance.text import shorten
from mockservers.http.listeners import PortInUseError
from mockservers.plan import PlanError

EXAMPLES = 40
"""Generated cases by default."""
MOST_OF_AN_ERROR = 400
"""Characters of an error on stderr."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see {self.prog} --help)")


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run the command line; ends the process with the exit status."""
    sys.stdout = sys.stdout or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # like Ctrl-C: end all children
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
    text = shorten(" ".join(str(exc).split()), MOST_OF_AN_ERROR)
    print(f"conformance: {text}", file=sys.stderr)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="conformance", description="Judge an implementation by the clauses of SPEC.md."
    )
    subparsers = parser.add_subparsers(
        title="commands", metavar="COMMAND", required=True, parser_class=_Parser
    )
    run = subparsers.add_parser("run", help="judge a downloader by its runs")
    _add_judging(run, EXAMPLES)
    run.add_argument(
        "--jobs",
        metavar="N",
        type=_positive,
        default=(os.cpu_count() or 1) + 1,
        help="runs at a time (default: CPUs + 1, because most of a run is waiting)",
    )
    run.add_argument("--scheduler", metavar="ADDRESS", help="run the cases on this Dask cluster")
    run.add_argument(
        "--known", metavar="FILE", type=Path, help="failures that are accepted, and why"
    )
    _add_command(run)
    run.set_defaults(action=commands.run)

    adapter = subparsers.add_parser("adapter", help="judge pure functions through an adapter")
    _add_judging(adapter, 100)
    _add_command(adapter)
    adapter.set_defaults(action=commands.adapter)

    replay = subparsers.add_parser("replay", help="run one case again, and show it")
    replay.add_argument("case", metavar="CASE_FILE", type=Path, help="a replay file of a report")
    _add_command(replay)
    replay.set_defaults(action=commands.replay)

    write = subparsers.add_parser("vectors", help="write the test vectors as JSON")
    write.add_argument("folder", metavar="DIR", type=Path)
    write.set_defaults(action=commands.write_vectors)

    listing = subparsers.add_parser("clauses", help="list the clauses, with the cases of each")
    listing.add_argument("--json", action="store_true", help="as one line of JSON")
    listing.set_defaults(action=commands.list_clauses)
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
        "--seed", metavar="N", type=_natural, default=0, help="seed of the generated cases"
    )
    parser.add_argument("--report", metavar="DIR", type=Path, help="write JSON, JUnit XML and HTML")


def _add_command(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "command", metavar="-- COMMAND", nargs=argparse.REMAINDER, help="the command to judge"
    )


def _natural(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 16):
        raise argparse.ArgumentTypeError(f"a whole number from 0 is needed, not {text!r}")
    return int(text)


def _positive(text: str) -> int:
    if not _natural(text):
        raise argparse.ArgumentTypeError("a whole number from 1 is needed, not 0")
    return int(text)
