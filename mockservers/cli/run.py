"""The command `mockservers run`: servers, a program, its journal and its ledger."""

import argparse
import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from msgspec import structs

from mockservers.claims_file import MOST_BYTES, claims_in
from mockservers.cli import status_line
from mockservers.cli.child_process import environment, filled_in, refusing_port, run_command
from mockservers.cli.command_line import UsageError, complain
from mockservers.cli.options import (
    Served,
    asked,
    journal_at,
    journal_status,
    options_again,
    served,
)
from mockservers.cli.show import check_page, is_one_of, page_of, show
from mockservers.files import stats_in, unwritable_in
from mockservers.flags2.arguments import asked_codes, readings
from mockservers.flags2.output import ClaimsReader
from mockservers.journal import Claimed, Claims, End, Files, Header, Journal, KeptFile
from mockservers.journal_json import JournalFile, end_line, header_line, read_journal
from mockservers.kept_files import KeptFiles
from mockservers.ledger import balance
from mockservers.ledger.attribution import attribute
from mockservers.ledger.collected import collect
from mockservers.ledger.model import Evidence
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
    others = [Path(text.rpartition("=")[2]) for text in args.plan]
    others += [args.journal] if args.journal else []
    check_page(args.html, others)
    header = _header(args, command, what)
    with (
        _claims_file(args.claims, [*others, *([args.html] if args.html else [])]) as claims_file,
        journal_at(args.journal) as journal,
    ):
        status, urls, output = asyncio.run(
            _run_to_end(args, command, what, journal, header, claims_file)
        )
        if journal.error:
            return journal_status(journal, status)
        claims = _claims(output, claims_file, urls, Path(header.dest or ""))
        end = End(status=status, claims=claims)
        try:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            end = _end(args, header, what, journal, end)
        except KeyboardInterrupt:
            complain("mockservers", "interrupted: the files were not looked at")
            status = 128 + signal.SIGINT
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        _write(journal, end_line(end))
        if journal.error:
            return journal_status(journal, status)
        ledger = balance(read_journal(journal.path))
        show(ledger, page_of(ledger, journal.path, args), args)
        return status or int(not ledger.balanced)


def _header(args: argparse.Namespace, command: Sequence[str], what: Served) -> Header:
    """What is known before the run: plans, options, files."""
    first_reading = next(readings(command, Path.cwd()), None)
    dest, *more = _folders(args)
    before = stats_in(dest, _ours(args))
    for folder in more:
        before |= _beside(folder, stats_in(folder, _ours(args)))
    return Header(
        plans={label: plan_to_json(plan) for label, plan in what.plans.items()},
        command=tuple(command),
        asked=first_reading.codes if first_reading else None,
        dest=str(dest),
        dest_given=args.dest is not None,
        files_before=before,
        wanted=asked(args),
        partial=tuple(args.partial),
        options=options_again(args),
    )


def _folders(args: argparse.Namespace) -> list[Path]:
    """Where the command saves its files: in the folders of both editions of Fluent Python, if
    nothing else is said.
    """
    return [Path("downloads"), Path("downloaded")] if args.dest is None else [args.dest]


def _beside(folder: Path, files: Files) -> dict[str, KeptFile]:
    """Files by their names as they are seen from the first folder."""
    return {f"../{folder}/{name}": file for name, file in files.items()}


def _ours(args: argparse.Namespace) -> list[Path]:
    """Files that this command writes, and not the one that it runs."""
    return [path for path in (args.journal, args.html, args.claims) if path is not None]


@contextmanager
def _claims_file(file: Path | None, others: Iterable[Path]) -> Iterator[Path]:
    """Where the command may write its claims: nothing is there before it runs."""
    if file is not None:
        if is_one_of(file, others):
            raise UsageError(f"--claims {file}: it is removed before the run: choose another name")
        if file.is_dir() or not file.parent.is_dir():
            raise UsageError(f"--claims {file}: it is a folder, or its folder is missing")
        file.unlink(missing_ok=True)
        yield file.absolute()
        return
    with tempfile.TemporaryDirectory(prefix="mockservers-claims-") as folder:
        yield Path(folder, "claims.jsonl")


async def _run_to_end(
    args: argparse.Namespace,
    command: Sequence[str],
    what: Served,
    journal: JournalFile,
    header: Header,
    claims_file: Path,
) -> tuple[int, Mapping[str, str], ClaimsReader]:
    """Start the servers, run the command; write the header and the entries of the journal."""
    output = ClaimsReader()
    servers = MockServers(what.catalogue, log_headers=args.log_headers)
    _write(journal, header_line(header))
    try:
        await servers.start(args.host, args.ports)
        with refusing_port() as port, _shown_live(servers, journal) as kept:
            servers.begin_run(what.plans, kept)
            env = environment(os.environ, servers.urls, port)
            env["MOCKSERVERS_CLAIMS"] = str(claims_file)
            status = await run_command(filled_in(command, servers.urls), env, output)
            urls = dict(servers.urls)
    finally:
        await stop(servers)
    return status, urls, output


def _claims(output: ClaimsReader, file: Path, urls: Mapping[str, str], dest: Path) -> Claims:
    """What the command claims: in its claims file, else by its output, else by its status."""
    try:
        if not file.is_file() and file.exists():
            raise UsageError("the claims file is no regular file")
        with file.open(encoding="utf-8-sig", newline="") as stream:
            text = stream.read(MOST_BYTES)
        if len(text) == MOST_BYTES:
            raise UsageError(f"the claims file has more than {MOST_BYTES} characters")
    except FileNotFoundError:
        return output.run_claims
    except OSError as exc:
        raise UsageError(f"cannot read the claims file: {exc.strerror}") from None
    except UnicodeDecodeError as exc:
        raise UsageError(f"the claims file is not UTF-8: {exc.reason}") from None
    try:
        downloads = claims_in(text, urls, lambda name: os.path.relpath(name, dest))
    except ValueError as exc:
        raise UsageError(f"the claims file, {exc}") from None
    return Claims(by="file", downloads=downloads)


def _end(
    args: argparse.Namespace, header: Header, what: Served, journal: JournalFile, end: End
) -> End:
    """The end of the journal, with the files that the command has kept."""
    claims = end.claims or Claims()
    end = structs.replace(end, asked=asked_codes(header.command or (), claims, Path.cwd()))
    evidence = attribute(collect([*read_journal(journal.path), end]))
    _check_servers(claims.downloads, evidence)
    files = KeptFiles(evidence.every, what.plans, what.catalogue, claims.downloads)
    dest = Path(header.dest or "")
    with status_line.counting(sys.stderr, "files looked at") as progress:
        after = files.look(dest, header.files_before or {}, _ours(args), progress)
        for folder in _folders(args)[1:]:
            start = f"../{folder}/"
            seen = (header.files_before or {}).items()
            before = {name.removeprefix(start): f for name, f in seen if name.startswith(start)}
            after |= _beside(folder, files.look(folder, before, _ours(args), progress))
    errors = (claims.totals or {}).get("error", 0) or any(
        one.outcome != "ok" for one in claims.downloads
    )
    return structs.replace(end, files_after=after, unwritable=unwritable_in(dest) if errors else ())


def _check_servers(downloads: Sequence[Claimed], evidence: Evidence) -> None:
    """A claim for a path that several servers were asked for has to name one."""
    servers: dict[str, set[str]] = {}
    for account in evidence.accounts.values():
        if account.requests and account.server:
            servers.setdefault(account.path, set()).add(account.server)
    for one in downloads:
        asked_of = sorted(servers.get(one.path, ()))
        if one.server is None and len(asked_of) > 1:
            raise UsageError(
                f"the claims file: {one.path} was asked of {' and '.join(asked_of)}: "
                "add the key server"
            )


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
