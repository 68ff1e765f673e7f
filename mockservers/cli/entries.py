"""A journal as people read it: `mockservers ledger JOURNAL --entries`, a line per request."""

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from mockservers.journal import RequestEntry
from mockservers.journal_json import read_journal
from mockservers.kinds.names import normalised
from mockservers.ledger.text import met
from mockservers.text import counted, safe

FAILED = 400
"""The least status code of a failure."""
_RED, _DIM, _PLAIN = "\x1b[31m", "\x1b[2m", "\x1b[0m"
_HEAD = f"{'n':>5}  {'start':>9}  {'took':>9}  {'server':<6}  {'status':>6}  {'bytes':>21}  kind"


def print_entries(journal: Path, args: argparse.Namespace) -> None:
    """Print the requests that the options choose, and how many of all they are."""
    coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    shown = total = 0
    for entry in _requests(journal):
        total += 1
        if not _is_chosen(entry, args):
            continue
        if not shown:
            print(f"{_HEAD:<82}  request")
        shown += 1
        line = line_of(entry)
        colour = _colour(entry) if coloured else ""
        print(f"{colour}{line}{_PLAIN}" if colour else line)
    print(f"{shown} of {counted(total, 'request')}")


def line_of(entry: RequestEntry) -> str:
    """A request in one line: times in seconds since the run began, and bytes of the body."""
    took = max(0.0, entry.end_s - entry.start_s)
    size = f"{entry.bytes_sent:,}"
    if entry.length is not None and entry.length != entry.bytes_sent:
        size += f" of {entry.length:,}"
    status = "none" if entry.status is None else entry.status
    parts = [
        f"{entry.n:>5}  {entry.start_s:>9.3f}  {took:>9.3f}  {entry.server:<6}  {status:>6}",
        f"{size:>21}  {met(entry):<15}  {entry.method} {entry.path}",
    ]
    more = [f"attempt {entry.attempt}"] if (entry.attempt or 1) > 1 else []
    more += [f"range {entry.range}"] if entry.range else []
    more += [f"version {entry.version}"] if (entry.version or 1) > 1 else []
    more += ["beyond the limit"] if entry.limited else []
    more += ["the client closed"] if entry.client_gone else []
    return safe("  ".join(parts) + (f"  ({', '.join(more)})" if more else ""))


def _requests(journal: Path) -> Iterator[RequestEntry]:
    return (line for line in read_journal(journal) if isinstance(line, RequestEntry))


def _is_chosen(entry: RequestEntry, args: argparse.Namespace) -> bool:
    status = "none" if entry.status is None else str(entry.status)
    return (
        (not args.code or entry.code in args.code)
        and (not args.path or normalised(entry.path) in args.path)
        and (not args.status or any(_fits(status, wanted) for wanted in args.status))
    )


def _fits(status: str, wanted: str) -> bool:
    """Whether a status is the one wanted: `503`, `5xx` or `none`."""
    return status == wanted or (wanted.endswith("xx") and status[0] == wanted[0])


def _colour(entry: RequestEntry) -> str:
    short = entry.length is not None and entry.bytes_sent < entry.length and entry.method == "GET"
    if entry.status is None or entry.status >= FAILED or short:
        return _DIM if met(entry) == "not found" else _RED
    return ""
