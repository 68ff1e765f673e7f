"""The options of the commands, and what they mean: plans, content, ports."""

import argparse
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from mockservers.cli.command_line import Parser, UsageError, complain
from mockservers.content.folder import FolderCatalogue
from mockservers.content.resources import FlagCatalogue
from mockservers.flags2.arguments import add_flags2_arguments
from mockservers.flags2.codes import is_code
from mockservers.journal_json import JournalFile
from mockservers.kinds.names import as_sent, normalised
from mockservers.kinds.resource import Catalogue
from mockservers.plan import LABELS, SEED_BOUND, Plan
from mockservers.plan_json import plan_from_json
from mockservers.profiles import PROFILES

DEFAULT_PORTS = (8001, 8002, 8003)


class Served(NamedTuple):
    """What to serve, and how: the options that the commands share."""

    plans: Mapping[str, Plan]
    catalogue: Catalogue


def parser() -> Parser:
    """The parser of all commands; `action` is the name of the one that was chosen."""
    top = Parser(
        prog="mockservers",
        description="Mock servers LOCAL, DELAY and ERROR that break exactly as planned.",
    )
    commands = top.add_subparsers(
        title="commands", metavar="COMMAND", dest="action", required=True, parser_class=Parser
    )
    _add_serve(commands.add_parser("serve", help="serve until Ctrl-C"))
    _add_run(commands.add_parser("run", help="run a command and balance the books"))
    _add_ledger(commands.add_parser("ledger", help="balance the books of an earlier run again"))
    compare = commands.add_parser("compare", help="two to six runs on one page")
    compare.add_argument(
        "journals", metavar="JOURNAL", type=Path, nargs="+", help="kept by --journal"
    )
    _add_html(compare, required=True)
    predict = commands.add_parser("predict", help="show the result of a run without running it")
    _add_served(predict)
    add_flags2_arguments(predict)
    _add_asked(predict)
    predict.add_argument(
        "--json", action="store_true", help="per code and in total, as one line of JSON"
    )
    return top


def _add_serve(serve: argparse.ArgumentParser) -> None:
    _add_served(serve)
    _add_listening(serve)
    serve.add_argument(
        "--control",
        metavar="PORT|auto",
        type=_control_port,
        help="let programs of this machine drive the servers from here (docs/control.md)",
    )
    serve.add_argument(
        "--control-host", metavar="H", help="address of --control (default: localhost)"
    )
    serve.add_argument(
        "--control-name",
        metavar="NAME",
        action="append",
        default=[],
        type=_host_name,
        help="a name by which other machines reach --control; may be repeated",
    )
    serve.add_argument("--json", action="store_true", help="one line of JSON when ready")


def _add_run(run: argparse.ArgumentParser) -> None:
    _add_served(run)
    _add_listening(run)
    run.add_argument("--json", action="store_true", help="the ledger as one line of JSON")
    run.add_argument(
        "--dest",
        metavar="DIR",
        type=Path,
        help="where the command saves its files (default: downloads, and downloaded)",
    )
    _add_asked(run)
    run.add_argument(
        "--claims",
        metavar="FILE",
        type=Path,
        help="where the command may write what became of each download; removed before it starts",
    )
    run.add_argument(
        "--partial",
        metavar="GLOB",
        action="append",
        default=[],
        help="names of files that the command marks as incomplete; may be repeated",
    )
    _add_html(run)
    run.add_argument(
        "command",
        metavar="-- COMMAND",
        nargs=argparse.REMAINDER,
        help="what to run; {LOCAL}, {DELAY} and {ERROR} in it become http://127.0.0.1:PORT, and "
        "MOCKSERVERS_LOCAL_URL and FLAGS2_LOCAL_URL are in its environment, and so on",
    )


def _add_asked(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--asked",
        metavar="[LABEL:]CODE|PATH,...",
        action="append",
        default=[],
        help="what is to be fetched, of LOCAL without a label; may be repeated",
    )
    parser.add_argument(
        "--asked-file", metavar="FILE", type=Path, help="the same, one per line; # begins a comment"
    )


def asked(args: argparse.Namespace) -> tuple[str, ...]:
    """What --asked and --asked-file name, as `LABEL:CODE` or `LABEL:PATH`; raises UsageError."""
    words = [word for text in args.asked for word in text.split(",")]
    if args.asked_file is not None:
        words += _words_of(args.asked_file)
    return tuple(dict.fromkeys(_wanted(word.strip()) for word in words))


def _words_of(file: Path) -> list[str]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as exc:
        raise UsageError(f"cannot read --asked-file {file}: {exc.strerror}") from None
    except UnicodeDecodeError as exc:
        raise UsageError(f"--asked-file {file}: it is not UTF-8 ({exc.reason})") from None
    lines = (line.partition("#")[0].strip() for line in text.split("\n"))
    return [line for line in lines if line]


def _wanted(word: str) -> str:
    label, colon, rest = word.partition(":")
    if not colon or "/" in label:
        label, rest = "LOCAL", word
    if label.upper() not in LABELS:
        raise UsageError(f"--asked {word}: {label} is none of {', '.join(LABELS)}")
    if rest.startswith("/") and "?" not in rest:
        return f"{label.upper()}:{normalised(as_sent(rest))}"
    if not is_code(rest.upper()):
        raise UsageError(f"--asked {word}: {rest!r} is no code (AA to ZZ) and no path (/...)")
    return f"{label.upper()}:{rest.upper()}"


def _add_ledger(ledger: argparse.ArgumentParser) -> None:
    ledger.add_argument("journal", metavar="JOURNAL", type=Path, help="what --journal kept")
    ledger.add_argument(
        "--files",
        metavar="DIR",
        type=Path,
        help="judge the files that are there now (default: those the journal ends with)",
    )
    ledger.add_argument("--json", action="store_true", help="the ledger as one line of JSON")
    ledger.add_argument(
        "--entries", action="store_true", help="print a line per request instead of the ledger"
    )
    for name, metavar, of in (
        ("--code", "CC", str.upper), ("--path", "PATH", normalised), ("--status", "S", _status)
    ):  # fmt: skip
        what = "a status: 503, 5xx or none" if name == "--status" else f"this {name[2:]}"
        ledger.add_argument(
            name, metavar=metavar, type=of, action="append", default=[],
            help=f"with --entries, only requests with {what}; may be repeated",
        )  # fmt: skip
    _add_html(ledger)


def _status(text: str) -> str:
    if not re.fullmatch(r"[1-9]\d\d|[1-9]xx|none", text.lower()):
        raise argparse.ArgumentTypeError(f"a status is needed, as 503, 5xx or none; not {text!r}")
    return text.lower()


def _add_html(parser: argparse.ArgumentParser, *, required: bool = False) -> None:
    parser.add_argument(
        "--html",
        metavar="FILE",
        type=Path,
        required=required,
        help="write a page for a browser (needs the extra `pages`)",
    )
    parser.add_argument(
        "--queries", action="store_true", help="show the query of each request on the page"
    )


def _add_served(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", metavar="N", type=int, help="seed of every plan in use")
    parser.add_argument(
        "--plan",
        metavar="[LABEL=]FILE",
        action="append",
        default=[],
        help="the plan of all three servers, or of one; may be repeated",
    )
    parser.add_argument(
        "--root", metavar="DIR", type=Path, help="serve the files of a folder, not the flags"
    )


def _add_listening(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--host",
        metavar="H",
        default="localhost",
        help="address to listen on (default: %(default)s, that is 127.0.0.1 and ::1)",
    )
    parser.add_argument(
        "--ports",
        metavar="A,B,C|auto",
        type=_ports,
        default=DEFAULT_PORTS,
        help="ports of LOCAL, DELAY and ERROR (default: 8001,8002,8003)",
    )
    parser.add_argument("--journal", metavar="FILE", type=Path, help="keep the journal here")
    parser.add_argument(
        "--log-headers",
        action="store_true",
        help="the journal has the header fields of each request, without cookies and passwords",
    )


def _host_name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]+\]", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a host name: it has no port, as in mock")
    return text


def _ports(text: str) -> tuple[int, ...]:
    if text == "auto":
        return (0, 0, 0)
    try:
        ports = tuple(map(int, text.split(",")))
    except ValueError:
        ports = ()
    if len(set(ports)) != 3 or len(ports) != 3 or not all(0 < port < 65536 for port in ports):
        raise argparse.ArgumentTypeError(
            f"three different ports from 1 to 65535 are needed, as 8001,8002,8003, "
            f"or the word auto; not {text!r}"
        )
    return ports


def _control_port(text: str) -> int:
    if text == "auto":
        return 0
    if not (text.isascii() and text.isdecimal() and 0 < int(text[:6]) < 65536):
        raise argparse.ArgumentTypeError(
            f"a port from 1 to 65535 is needed, or the word auto; not {text!r}"
        )
    return int(text)


def options_again(args: argparse.Namespace) -> tuple[str, ...]:
    """The options of `run` that decide what the command meets and how it is judged, but plans."""
    named = {
        "--root": args.root,
        "--dest": args.dest,
        "--claims": args.claims,
        "--asked-file": args.asked_file,
        "--host": None if args.host == "localhost" else args.host,
        "--ports": None if args.ports == DEFAULT_PORTS else _ports_text(args.ports),
    }
    words = [word for name, value in named.items() if value for word in (name, str(value))]
    for name, values in (("--asked", args.asked), ("--partial", args.partial)):
        words += [word for value in values for word in (name, value)]
    return (*words, *(["--log-headers"] if args.log_headers else []))


def _ports_text(ports: tuple[int, ...]) -> str:
    return "auto" if not any(ports) else ",".join(map(str, ports))


def served(args: argparse.Namespace) -> Served:
    """The plans and the content that the options name; raises UsageError and PlanError."""
    if args.seed is not None and not 0 <= args.seed < SEED_BOUND:
        raise UsageError(f"--seed must be from 0 to {SEED_BOUND - 1}, not {args.seed}")
    plans = dict(PROFILES)
    named: dict[str, Plan] = {}
    for text in args.plan:
        label, equals, file = text.partition("=")
        if equals and label.upper() in LABELS:
            named[label.upper()] = _read_plan(file)
        elif equals and label.isidentifier() and not Path(text).exists():
            raise UsageError(f"--plan {text}: {label} is none of {', '.join(LABELS)}")
        else:
            plans = dict.fromkeys(LABELS, _read_plan(text))
    plans |= named
    if args.seed is not None:
        plans = {label: replace(plan, seed=args.seed) for label, plan in plans.items()}
    try:
        catalogue = FolderCatalogue(args.root) if args.root is not None else FlagCatalogue()
    except NotADirectoryError as exc:
        raise UsageError(f"--root {exc}") from None
    return Served(plans, catalogue)


def _read_plan(file: str) -> Plan:
    try:
        text = Path(file).read_text(encoding="utf-8-sig")
    except OSError as exc:
        raise UsageError(f"cannot read the plan {file}: {exc.strerror}") from None
    except UnicodeDecodeError as exc:
        raise UsageError(f"{file}: not a JSON plan: it is not UTF-8 ({exc.reason})") from None
    return plan_from_json(text, file)


@contextmanager
def journal_at(path: Path | None) -> Iterator[JournalFile]:
    """The journal of a run: at `path`, which stays, or in a temporary file, which does not."""
    with tempfile.TemporaryDirectory(prefix="mockservers-") as folder:
        try:
            journal = JournalFile(path or Path(folder, "journal.jsonl"))
        except OSError as exc:
            raise UsageError(f"cannot write the journal {path}: {exc.strerror}") from None
        try:
            yield journal
        finally:
            journal.close()


def journal_status(journal: JournalFile, status: int) -> int:
    """The exit status; an incomplete journal is reported, and is no success."""
    if journal.error is None:
        return status
    reason = journal.error.strerror or journal.error
    message = f"the journal {journal.path} is incomplete: {reason}; the books cannot be balanced"
    complain("mockservers", message)
    return status or 1
