"""The commands serve, ledger, compare and predict, and the command line of all."""

import argparse
import asyncio
import json
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, NoReturn

from mockservers.cli.child_process import CannotRunError
from mockservers.cli.command_line import UsageError, run_to_exit
from mockservers.cli.entries import print_entries
from mockservers.cli.options import Served, asked, journal_status, parser, served
from mockservers.cli.run import run, stop
from mockservers.cli.show import check_page, judging, page_of, show, write_page
from mockservers.content.resources import info_in
from mockservers.control.run_history import RunHistory
from mockservers.faults import PlanError
from mockservers.flags2.arguments import CommandLineError, expand
from mockservers.journal_json import JournalFile, read_journal
from mockservers.kept_files import look_again
from mockservers.ledger import balance
from mockservers.plan import LABELS
from mockservers.predict import Forecast, predict, totals
from mockservers.server import MockServers
from mockservers.text import counted

_STATUSES: dict[type[Exception], int] = {
    UsageError: 2, PlanError: 2, CommandLineError: 2, CannotRunError: 2, OSError: 2,
}  # fmt: skip
"""Exit statuses; CannotRunError has its own."""


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run the command line; ends the process with the exit status."""

    def act() -> int:
        args = parser().parse_args(argv)
        status: int = _ACTIONS[args.action](args)
        return status

    run_to_exit("mockservers", act, _STATUSES)


def _predict(args: argparse.Namespace) -> int:
    what = served(args)
    wanted = asked(args)
    if wanted:
        return _predict_resources(args, what, wanted)
    request = expand(args, Path())
    if request.label not in LABELS:
        raise UsageError(f"{request.label} is not served here, so nothing is known of it")
    forecasts = predict(
        what.plans[request.label],
        request.label,
        request.codes,
        info_in(what.catalogue),
    )
    sums = totals(forecasts)
    if args.json:
        codes = {code: forecast.to_json() for code, forecast in forecasts.items()}
        print(json.dumps({"codes": codes, "totals": sums}))
        return 0
    for code, forecast in forecasts.items():
        print(f"{code}  {_forecast_line(forecast)}")
    plan = what.plans[request.label]
    counted_codes = counted(len(forecasts), "code")
    print(f"{counted_codes} of {request.label}, seed {plan.seed}: {_sums_line(sums)}")
    return 0


def _predict_resources(args: argparse.Namespace, what: Served, wanted: Sequence[str]) -> int:
    """The forecasts of what --asked names: codes and paths, of one server or several."""
    if args.cc or args.all or args.every:
        raise UsageError("--asked and codes mean the same: one of them is enough")
    names: dict[str, list[str]] = {}
    for one in wanted:
        label, _, name = one.partition(":")
        names.setdefault(label, []).append(name)
    find = info_in(what.catalogue)
    forecasts = {
        f"{label} {name}": forecast
        for label, of_label in names.items()
        for name, forecast in predict(what.plans[label], label, of_label, find).items()
    }
    sums = totals(forecasts)
    if args.json:
        resources = {name: forecast.to_json() for name, forecast in forecasts.items()}
        print(json.dumps({"resources": resources, "totals": sums}))
        return 0
    width = max(map(len, forecasts))
    for name, forecast in forecasts.items():
        print(f"{name:<{width}}  {_forecast_line(forecast)}")
    print(f"{counted(len(forecasts), 'resource')}: {_sums_line(sums)}")
    return 0


def _forecast_line(forecast: Forecast) -> str:
    status = "---" if forecast.status is None else forecast.status
    return f"{forecast.do:<13} {status}  {forecast.outcome.replace('_', ' ')}"


def _sums_line(sums: Mapping[str, int]) -> str:
    return ", ".join(f"{n} {outcome.replace('_', ' ')}" for outcome, n in sums.items() if n)


def _serve(args: argparse.Namespace) -> int:
    what = served(args)
    if args.control and args.control in args.ports:
        raise UsageError(f"--control {args.control} is a port of --ports: choose another")
    if args.control is None and (args.control_host or args.control_name):
        raise UsageError("--control-host and --control-name need --control PORT")
    with tempfile.TemporaryDirectory(prefix="mockservers-", ignore_cleanup_errors=True) as folder:
        incomplete = asyncio.run(_serve_until_stopped(args, what, Path(folder)))
        return journal_status(incomplete, 0) if incomplete else 0


async def _serve_until_stopped(
    args: argparse.Namespace, what: Served, folder: Path
) -> JournalFile | None:
    """Serve until SIGINT or SIGTERM; gives the journal that is incomplete, if one is."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    previous = {
        signum: signal.signal(signum, lambda *_: loop.call_soon_threadsafe(stopped.set))
        for signum in (signal.SIGINT, signal.SIGTERM)
    }
    servers = MockServers(what.catalogue, log_headers=args.log_headers)
    runs = RunHistory(servers, args.journal, folder)
    async with AsyncExitStack() as stack:
        stack.callback(lambda: [signal.signal(*handler) for handler in previous.items()])
        stack.push_async_callback(stop, servers)
        await servers.start(args.host, args.ports)
        runs.begin(what.plans)
        ready: dict[str, Any] = {"ready": True, "servers": servers.urls}
        if args.control is not None:
            from mockservers.control.api import Control  # takes its time

            control = Control(servers, runs, args.root)
            stack.push_async_callback(control.stop)
            host = args.control_host or "localhost"
            ready["control"] = await control.start(args.control, host, args.control_name)
            if args.control_host or args.control_name:
                print(
                    f"warning: the control API has no password; it listens on {host}, and answers "
                    f"to {', '.join(['loopback', *args.control_name])}",
                    file=sys.stderr,
                )
        if args.json:
            print(json.dumps(ready), flush=True)
        else:
            for label, url in servers.urls.items():
                print(f"{label:<5} {url}")
            if "control" in ready:
                print(f"control {ready['control']}")
            print("ready: Ctrl-C ends it", flush=True)
        await stopped.wait()
    return runs.incomplete


def _ledger(args: argparse.Namespace) -> int:
    if args.files is not None and not args.files.is_dir():
        raise UsageError(f"--files {args.files} is not a folder")
    chosen = args.code or args.path or args.status
    if chosen and not args.entries:
        raise UsageError("--code, --path and --status choose entries: they need --entries")
    if args.entries and (args.json or args.html or args.files):
        raise UsageError("--entries prints no ledger: it goes without --json, --html and --files")
    if args.entries:
        with judging(args.journal):
            print_entries(args.journal, args)
        return 0
    check_page(args.html, [args.journal])
    with judging(args.journal):
        files = None if args.files is None else look_again(args.journal, args.files)
        ledger = balance(read_journal(args.journal), files)
        page = page_of(ledger, args.journal, args)
    show(ledger, page, args)
    return int(not ledger.balanced)


def _compare(args: argparse.Namespace) -> int:
    from mockservers.html_report.comparison import MOST_RUNS

    if not 2 <= len(args.journals) <= MOST_RUNS:
        raise UsageError(f"from 2 to {MOST_RUNS} journals are compared, not {len(args.journals)}")
    check_page(args.html, args.journals)
    from mockservers.html_report.render import compare_page
    from mockservers.html_report.view import view_of

    views = []
    for journal in args.journals:
        with judging(journal):
            ledger = balance(read_journal(journal))
            views.append(view_of(ledger, read_journal(journal), queries=args.queries))
    names = [path.stem for path in args.journals]
    if len(set(names)) < len(names):
        names = [str(path) for path in args.journals]
    write_page(args.html, compare_page(views, names))
    return int(not all(view["balanced"] for view in views))


_ACTIONS = {
    "serve": _serve,
    "run": run,
    "ledger": _ledger,
    "compare": _compare,
    "predict": _predict,
}
