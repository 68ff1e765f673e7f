"""The command `mockservers`: serve, run, ledger, compare, predict."""

import argparse
import asyncio
import io
import json
import os
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn, TextIO

from mockservers.cli import status_line as live
from mockservers.cli.run_command import (
    CannotRunError,
    book_of_files,
    environment,
    refusing_port,
    run_command,
)
from mockservers.content.resources import Catalogue, FlagCatalogue, FolderCatalogue, found_in
from mockservers.control.run_history import Runs, header
from mockservers.flags2.arguments import (
    LABELS,
    CommandLineError,
    add_flags2_arguments,
    expand,
    readings,
)
from mockservers.flags2.output import Claims
from mockservers.journal import Journal, JournalFile, read_journal
from mockservers.ledger import Ledger, balance, resolve_asked
from mockservers.ledger.text import ledger_text
from mockservers.plan import SEED_BOUND, Plan, PlanError, plan_from_json
from mockservers.predict import predict, totals
from mockservers.profiles import PROFILES
from mockservers.server import MockServers

DEFAULT_PORTS = (8001, 8002, 8003)


class UsageError(Exception):
    """Bad input: one clear line on stderr, status 2."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see {self.prog} --help)")


@dataclass(frozen=True, slots=True)
class House:
    """What to serve, and how: the options that the commands share."""

    plans: Mapping[str, Plan]
    catalogue: Catalogue


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run the command line; ends the process with the exit status."""
    _make_streams_safe()
    try:
        args = _parser().parse_args(argv)
        status: int = args.action(args)
        sys.stdout.flush()
    except (UsageError, PlanError, CommandLineError) as exc:
        status = _complain(exc)
    except CannotRunError as exc:
        _complain(exc)
        status = exc.status
    except BrokenPipeError:
        status = 1
    except OSError as exc:
        status = _complain(exc)
    except KeyboardInterrupt:
        status = 130
    for stream in (sys.stdout, sys.stderr):
        _let_go(stream)
    sys.exit(status)


def _make_streams_safe() -> None:
    """Do without a stream that is closed (`>&-`), and escape what stdout has no letters for."""
    sys.stdout = sys.stdout or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    sys.stderr = sys.stderr or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _let_go(stream: TextIO) -> None:
    """Flush; what cannot be written is lost, else Python tries again, and says so at its end."""
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _complain(exc: Exception) -> int:
    text = " ".join(str(exc).split())
    with suppress(OSError):  # stderr itself may be full
        print(f"mockservers: {text if len(text) <= 400 else text[:400] + '...'}", file=sys.stderr)
    return 2


# --- the command line ------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="mockservers",
        description="Mock servers LOCAL, DELAY and ERROR that break exactly as planned.",
    )
    commands = parser.add_subparsers(
        title="commands", metavar="COMMAND", required=True, parser_class=_Parser
    )
    serve = commands.add_parser("serve", help="serve until Ctrl-C")
    _add_house(serve)
    _add_listening(serve)
    serve.add_argument(
        "--control",
        metavar="PORT|auto",
        type=_control_port,
        help="let programs of this machine drive the servers from here (docs/control.md)",
    )
    serve.add_argument("--json", action="store_true", help="one line of JSON when ready")
    serve.set_defaults(action=_serve)

    run = commands.add_parser("run", help="run a command against the servers and balance the books")
    _add_house(run)
    _add_listening(run)
    run.add_argument("--json", action="store_true", help="the ledger as one line of JSON")
    run.add_argument(
        "--dest",
        metavar="DIR",
        type=Path,
        default=Path("downloads"),
        help="where the command saves its files (default: %(default)s)",
    )
    _add_html(run)
    run.add_argument(
        "command",
        metavar="-- COMMAND",
        nargs=argparse.REMAINDER,
        help="what to run; FLAGS2_LOCAL_URL, FLAGS2_DELAY_URL and FLAGS2_ERROR_URL tell it where",
    )
    run.set_defaults(action=_run)

    judge = commands.add_parser("ledger", help="balance the books of an earlier run again")
    judge.add_argument("journal", metavar="JOURNAL", type=Path, help="what --journal kept")
    judge.add_argument(
        "--files",
        metavar="DIR",
        type=Path,
        help="judge the files that are there now (default: those the journal ends with)",
    )
    judge.add_argument("--json", action="store_true", help="the ledger as one line of JSON")
    _add_html(judge)
    judge.set_defaults(action=_ledger)

    beside = commands.add_parser("compare", help="two runs beside each other, as a page")
    beside.add_argument("journals", metavar="JOURNAL", type=Path, nargs=2, help="kept by --journal")
    _add_html(beside, required=True)
    beside.set_defaults(action=_compare)

    forecast = commands.add_parser(
        "predict", help="say what a run will come to, without running it"
    )
    _add_house(forecast)
    add_flags2_arguments(forecast)
    forecast.add_argument(
        "--json", action="store_true", help="per code and in total, as one line of JSON"
    )
    forecast.set_defaults(action=_predict)
    return parser


def _add_html(parser: argparse.ArgumentParser, *, required: bool = False) -> None:
    parser.add_argument(
        "--html",
        metavar="FILE",
        type=Path,
        required=required,
        help="write a page for a browser (needs the extra `pages`)",
    )


def _add_house(parser: argparse.ArgumentParser) -> None:
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


def _house(args: argparse.Namespace) -> House:
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
        raise UsageError(str(exc)) from None
    return House(plans, catalogue)


def _read_plan(file: str) -> Plan:
    try:
        text = Path(file).read_text(encoding="utf-8-sig")
    except OSError as exc:
        raise UsageError(f"cannot read the plan {file}: {exc.strerror}") from None
    except UnicodeDecodeError as exc:
        raise UsageError(f"{file}: not a JSON plan: it is not UTF-8 ({exc.reason})") from None
    return plan_from_json(text, file)


# --- predict ---------------------------------------------------------------------------


def _predict(args: argparse.Namespace) -> int:
    house = _house(args)
    request = expand(args, Path())
    if request.label not in LABELS:
        raise UsageError(f"{request.label} is not served here, so nothing is known of it")
    forecasts = predict(
        house.plans[request.label],
        request.label,
        request.codes,
        found_in(house.catalogue),
    )
    counted = totals(forecasts)
    if args.json:
        codes = {code: forecast.to_json() for code, forecast in forecasts.items()}
        print(json.dumps({"codes": codes, "totals": counted}))
        return 0
    for code, forecast in forecasts.items():
        status = "---" if forecast.status is None else forecast.status
        print(f"{code}  {forecast.do:<13} {status}  {forecast.outcome.replace('_', ' ')}")
    plan = house.plans[request.label]
    plural = "" if len(forecasts) == 1 else "s"
    print(f"{len(forecasts)} code{plural} of {request.label}, seed {plan.seed}:", end=" ")
    words = [f"{n} {outcome.replace('_', ' ')}" for outcome, n in counted.items() if n]
    print(", ".join(words))
    return 0


# --- serve -----------------------------------------------------------------------------


def _serve(args: argparse.Namespace) -> int:
    house = _house(args)
    if args.control and args.control in args.ports:
        raise UsageError(f"--control {args.control} is a port of --ports: choose another")
    with tempfile.TemporaryDirectory(prefix="mockservers-", ignore_cleanup_errors=True) as folder:
        incomplete = asyncio.run(_serve_until_told(args, house, Path(folder)))
        return _journal_status(incomplete, 0) if incomplete else 0


async def _serve_until_told(
    args: argparse.Namespace, house: House, folder: Path
) -> JournalFile | None:
    """Serve until SIGINT or SIGTERM; gives the journal that is incomplete, if one is."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    previous = {
        signum: signal.signal(signum, lambda *_: loop.call_soon_threadsafe(told.set))
        for signum in (signal.SIGINT, signal.SIGTERM)
    }
    servers = MockServers(house.catalogue)
    runs = Runs(servers, args.journal, folder)
    async with AsyncExitStack() as stack:
        stack.callback(lambda: [signal.signal(*handler) for handler in previous.items()])
        stack.push_async_callback(servers.stop)
        await servers.start(args.host, args.ports)
        runs.begin(house.plans)
        ready: dict[str, Any] = {"ready": True, "servers": servers.urls}
        if args.control is not None:
            from mockservers.control.api import Control  # takes its time

            control = Control(servers, runs)
            stack.push_async_callback(control.stop)
            ready["control"] = await control.start(args.control)
        if args.json:
            print(json.dumps(ready), flush=True)
        else:
            for label, url in servers.urls.items():
                print(f"{label:<5} {url}")
            if "control" in ready:
                print(f"control {ready['control']}")
            print("ready: Ctrl-C ends it", flush=True)
        await told.wait()
    return runs.incomplete


# --- run -------------------------------------------------------------------------------


def _run(args: argparse.Namespace) -> int:
    command = args.command[1:] if args.command[:1] == ["--"] else args.command
    if not command:
        raise UsageError("run needs a command: mockservers run -- COMMAND ...")
    house = _house(args)
    _check_page(args.html)
    with _journal(args.journal) as journal:
        status = asyncio.run(_run_to_end(args, command, house, journal))
        if journal.error:
            return _journal_status(journal, status)
        ledger = balance(read_journal(journal.path))
        _tell(ledger, _page_of(ledger, journal.path, args), args)
        return status or int(not ledger.balanced)


async def _run_to_end(
    args: argparse.Namespace, command: Sequence[str], house: House, journal: JournalFile
) -> int:
    """Start the servers, run the command, write header, entries and end of the journal."""
    claims = Claims()
    cwd = Path.cwd()
    first_reading = next(readings(command, cwd), None)
    servers = MockServers(house.catalogue)
    journal.write(
        header(house.plans, command)
        | {
            "asked": list(first_reading.codes) if first_reading else None,
            "dest": str(args.dest),
            "files_before": book_of_files(args.dest),
        }
    )
    try:
        await servers.start(args.host, args.ports)
        with refusing_port() as port, _live(servers, journal) as kept:
            servers.begin_run(house.plans, kept)
            env = environment(os.environ, servers.urls, port)
            status = await run_command(command, env, claims)
    finally:
        await servers.stop()
    asked = resolve_asked(command, claims, cwd)
    journal.write(
        {
            "end": True,
            "status": status,
            "asked": list(asked) if asked is not None else None,
            "claims": claims.to_json(),
            "files_after": book_of_files(args.dest),
        }
    )
    return status


@contextmanager
def _live(servers: MockServers, journal: JournalFile) -> Iterator[Journal]:
    """The journal to write to; where somebody looks at stderr, what it gets is told there too."""
    if not live.wanted(sys.stderr):
        yield journal
        return
    counted = live.Counted(journal)
    with live.live_line(sys.stderr, lambda: live.told(counted.fates, servers.run.under_way)):
        yield counted


# --- ledger ----------------------------------------------------------------------------


def _ledger(args: argparse.Namespace) -> int:
    if args.files is not None and not args.files.is_dir():
        raise UsageError(f"--files {args.files} is not a folder")
    _check_page(args.html)
    files = None if args.files is None else book_of_files(args.files)
    with _judging(args.journal):
        ledger = balance(read_journal(args.journal), files)
        page = _page_of(ledger, args.journal, args)
    _tell(ledger, page, args)
    return int(not ledger.balanced)


@contextmanager
def _judging(journal: Path) -> Iterator[None]:
    """Say in one line what is wrong with somebody else's journal: it may hold anything."""
    try:
        yield
    except UsageError:
        raise
    except OSError as exc:
        raise UsageError(f"cannot read the journal {journal}: {exc.strerror}") from None
    except ValueError as exc:
        fault = str(exc).removeprefix(f"{journal}: ")
        raise UsageError(f"{journal}: {fault}") from None
    except (LookupError, TypeError, AttributeError, RecursionError) as exc:
        raise UsageError(f"{journal}: cannot be judged: {exc!r}") from None


def _tell(ledger: Ledger, page: str | None, args: argparse.Namespace) -> None:
    """Print the ledger, and write the page also where nobody reads what is printed any more."""
    try:
        print(json.dumps(ledger.to_json()) if args.json else ledger_text(ledger), flush=True)
    finally:
        if page is not None:
            _write_page(args.html, page)


# --- pages -----------------------------------------------------------------------------


def _compare(args: argparse.Namespace) -> int:
    _check_page(args.html)
    from mockservers.html_report import page

    views = []
    for journal in args.journals:
        with _judging(journal):
            views.append(page.view_of(balance(read_journal(journal)), read_journal(journal)))
    names = [path.stem for path in args.journals]
    if names[0] == names[1]:
        names = [str(path) for path in args.journals]
    _write_page(args.html, page.compare_page(views, names))
    return int(not all(view["balanced"] for view in views))


def _check_page(file: Path | None) -> None:
    """Refuse at once what would fail when the run is over."""
    if file is None:
        return
    try:
        import jinja2  # noqa: F401 - whether it is there
    except ModuleNotFoundError:
        hint = "pip install 'flags2-reference[pages]'"
        raise UsageError(f"--html needs the extra pages: {hint}") from None
    if file.is_dir() or not file.parent.is_dir():
        raise UsageError(f"cannot write the page {file}: it is a folder, or its folder is missing")


def _page_of(ledger: Ledger, journal: Path, args: argparse.Namespace) -> str | None:
    if args.html is None:
        return None
    from mockservers.html_report import page

    return page.run_page(page.view_of(ledger, read_journal(journal)))


def _write_page(file: Path, text: str) -> None:
    """Write the page whole, or leave what was there."""
    from mockservers.html_report.page import write_whole

    try:
        write_whole(file, text)
    except OSError as exc:
        raise UsageError(f"cannot write the page {file}: {exc.strerror}") from None


@contextmanager
def _journal(path: Path | None) -> Iterator[JournalFile]:
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


def _journal_status(journal: JournalFile, status: int) -> int:
    """An incomplete journal is told, and is no success."""
    if journal.error is None:
        return status
    reason = journal.error.strerror or journal.error
    print(
        f"mockservers: the journal {journal.path} is incomplete: {reason}; "
        "the books cannot be balanced",
        file=sys.stderr,
    )
    return status or 1
