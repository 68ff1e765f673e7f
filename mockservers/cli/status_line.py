"""A line at the foot of a terminal that shows how far a run has come."""

import asyncio
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from time import monotonic
from typing import TextIO

from mockservers.journal import Journal, RequestEntry, decode
from mockservers.ledger.text import met

AGAIN_S = 0.2
"""Seconds from one look to the next."""
COUNT_S = 0.5
"""Seconds until a count is shown, and from then on until the next one."""

SAVE, RESTORE = "\0337", "\0338"
"""Of the place of the cursor (DECSC, DECRC); DECSTBM, `CSI top ; bottom r`, moves it."""


class Counted:
    """A journal that counts what requests met, and hands all of it on."""

    def __init__(self, journal: Journal) -> None:
        self.met: Counter[str] = Counter()
        self._journal = journal

    def write_line(self, line: bytes) -> None:
        """Count a request, and hand it on."""
        entry = decode(line)
        if isinstance(entry, RequestEntry):
            self.met[met(entry)] += 1
        self._journal.write_line(line)

    def flush(self) -> None:
        """Hand it on."""
        self._journal.flush()


def wanted(stream: TextIO) -> bool:
    """Whether the stream is a terminal that understands the sequences used here."""
    return stream.isatty() and os.environ.get("TERM", "dumb") != "dumb" and os.name == "posix"


def status(met: Counter[str], in_flight: int) -> str:
    """The text of the line."""
    parts = ", ".join(f"{count} {name}" for name, count in met.most_common())
    return f"{met.total() + in_flight} requests, {in_flight} in flight" + (
        f": {parts}" if parts else ""
    )


@contextmanager
def counting(stream: TextIO, what: str) -> Iterator[Callable[[int], None]]:
    """A function that shows a count on a terminal, now and then, while the block lasts."""
    last = monotonic()
    shown = False

    def show(count: int) -> None:
        nonlocal last, shown
        if monotonic() - last > COUNT_S and wanted(stream):
            last, shown = monotonic(), True
            with suppress(OSError, ValueError):
                stream.write(f"\r{count} {what}")
                stream.flush()

    try:
        yield show
    finally:
        if shown:
            with suppress(OSError, ValueError):
                stream.write("\r\033[2K")
                stream.flush()


@contextmanager
def live_line(stream: TextIO, text: Callable[[], str]) -> Iterator[None]:
    """Show `text()` again and again, below all that the command prints, while the block lasts.

    The last row of the terminal does not scroll meanwhile, so that progress bars of the command
    have the rows above to themselves. Needs a running event loop.
    """
    rows = 0

    def write(data: str) -> None:
        with suppress(OSError, ValueError):  # the terminal has gone
            stream.write(data)
            stream.flush()

    def show() -> None:
        nonlocal rows
        with suppress(OSError):
            columns, height = os.get_terminal_size(stream.fileno())
            if height < 3:
                return
            if height != rows:  # at first, and when the window has another size
                write(f"\n{SAVE}\033[1;{height - 1}r{RESTORE}\033[1A")
                rows = height
            write(f"{SAVE}\033[{rows};1H\033[2K{text()[: columns - 1]}{RESTORE}")

    async def keep_showing() -> None:
        while True:
            show()
            await asyncio.sleep(AGAIN_S)

    showing = asyncio.get_running_loop().create_task(keep_showing())
    try:
        yield
    finally:
        showing.cancel()
        if rows:
            write(f"{SAVE}\033[r\033[{rows};1H\033[2K{RESTORE}")
