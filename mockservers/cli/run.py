"""The command `mockservers run`: servers, a program, its journal and its ledger."""

import argparse
import asyncio
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from mockservers.cli import status_line
from mockservers.cli.child_process import environment, refusing_port, run_command
from mockservers.cli.command_line import UsageError, complain
from mockservers.cli.options import Served, journal_at, journal_status, served
from mockservers.cli.show import check_page, page_of, show
from mockservers.files import files_in
from mockservers.flags2.arguments import asked_codes, readings
from mockservers.flags2.output import ClaimsReader
from mockservers.journal import End, Header, Journal
from mockservers.journal_json import JournalFile, end_line, header_line, read_journal
from mockservers.ledger import balance
from mockservers.plan_json import plan_to_json
from mockservers.server import MockServers

SAY_S = 1.0
"""Seconds after which the end of the servers says why it takes so long."""


def run(args: argparse.Namespace) -> int:
    """Run the command; the status is its own, or 1 where the books do not balance."""
    command = args.command[1:] if args.command[:1] == ["--"] else args.command
    if not command:
        raise UsageError("run needs a command: mockservers run -- COMMAND ...")
    what = served(args)
    check_page(args.html)
    with journal_at(args.journal) as journal:
        status = asyncio.run(_run_to_end(args, command, what, journal))
        if journal.error:
            return journal_status(journal, status)
        ledger = balance(read_journal(journal.path))
        show(ledger, page_of(ledger, journal.path, args), args)
        return status or int(not ledger.balanced)


async def _run_to_end(
    args: argparse.Namespace, command: Sequence[str], what: Served, journal: JournalFile
) -> int:
    """Start the servers, run the command, write header, entries and end of the journal."""
    output, cwd = ClaimsReader(), Path.cwd()
    first_reading = next(readings(command, cwd), None)
    servers = MockServers(what.catalogue, log_headers=args.log_headers)
    header = Header(
        plans={label: plan_to_json(plan) for label, plan in what.plans.items()},
        command=tuple(command),
        asked=first_reading.codes if first_reading else None,
        dest=str(args.dest),
        files_before=files_in(args.dest),
    )
    _write(journal, header_line(header))
    try:
        await servers.start(args.host, args.ports)
        with refusing_port() as port, _shown_live(servers, journal) as kept:
            servers.begin_run(what.plans, kept)
            env = environment(os.environ, servers.urls, port)
            status = await run_command(command, env, output)
    finally:
        await stop(servers)
    claims = output.claims
    end = End(
        status=status,
        asked=asked_codes(command, claims, cwd),
        claims=claims,
        files_after=files_in(args.dest),
    )
    _write(journal, end_line(end))
    return status


async def stop(servers: MockServers) -> None:
    """Stop the servers; say what it waits for, if it takes its time."""
    what = "digests of long bodies are being computed: the journal waits for them"
    saying = asyncio.get_running_loop().call_later(SAY_S, complain, "mockservers", what)
    try:
        await servers.stop()
    finally:
        saying.cancel()


def _write(journal: JournalFile, line: bytes) -> None:
    journal.write_line(line)
    journal.flush()


@contextmanager
def _shown_live(servers: MockServers, journal: JournalFile) -> Iterator[Journal]:
    """The journal to write to; on a terminal, its entries are counted at the foot of stderr."""
    if not status_line.wanted(sys.stderr):
        yield journal
        return
    counted = status_line.Counted(journal)
    with status_line.live_line(
        sys.stderr, lambda: status_line.status(counted.met, servers.run.under_way)
    ):
        yield counted
