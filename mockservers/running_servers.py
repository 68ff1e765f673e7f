"""The servers inside a Python program: in a thread of their own, or on its event loop.

Use `with mockservers.running(plan) as servers:`, or `async with`.
"""

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from mockservers.cli.run_command import book_of_files
from mockservers.content.resources import Catalogue, FlagCatalogue
from mockservers.control.run_history import header
from mockservers.flags2.arguments import LABELS
from mockservers.flags2.output import Claims
from mockservers.journal import Entry, Recorder
from mockservers.ledger import Ledger, balance
from mockservers.ledger.text import ledger_text
from mockservers.plan import Plan
from mockservers.server import MockServers

Plans = Plan | Mapping[str, Plan]
"""A plan for all three servers, or plans by label; a label without one serves everything."""

Folder = str | os.PathLike[str]
"""The path of a folder."""

LOOK_S = 0.001
"""Seconds from one look at what is still under way to the next."""


def running(
    plans: Plans | None = None,
    catalogue: Catalogue | None = None,
    ports: Sequence[int] = (0, 0, 0),
) -> "Running":
    """LOCAL, DELAY and ERROR on loopback, for the length of a `with` block; a port of 0 takes a
    free one.

    `with` runs them in a thread and gives `RunningServers`; `async with` runs them on the event
    loop at hand and gives `AsyncRunningServers`. A first run has begun, under `plans`. When the
    block ends, connections are dropped, ports are free, and no thread or task is left. Entering it
    raises PortInUseError (mockservers.http.listeners).
    """
    return Running(plans if plans is not None else {}, catalogue or FlagCatalogue(), ports)


class Running:
    """What `running` gives: to be entered once."""

    def __init__(self, plans: Plans, catalogue: Catalogue, ports: Sequence[int]) -> None:
        self._plans = plans
        self._ports = ports
        self._house = MockServers(catalogue)
        self._loop: asyncio.AbstractEventLoop
        self._thread: threading.Thread

    def __enter__(self) -> "RunningServers":
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="mockservers", daemon=True
        )
        self._thread.start()
        try:
            self._wait_for(self._house.start(ports=self._ports))
            servers = RunningServers(self._house, self._loop)
            servers.begin_run(self._plans)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return servers

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self._wait_for(self._house.stop())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def _wait_for(self, what: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(what, self._loop).result()

    async def __aenter__(self) -> "AsyncRunningServers":
        try:
            await self._house.start(ports=self._ports)
            servers = AsyncRunningServers(self._house)
            servers.begin_run(self._plans)
        except BaseException:
            await self._house.stop()
            raise
        return servers

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._house.stop()


class _Books:
    """What both kinds of running servers keep of the latest run."""

    def __init__(self, house: MockServers) -> None:
        self._house = house
        self.urls: Mapping[str, str] = dict(house.urls)
        """The base URL of each label."""
        self.plans: Mapping[str, Plan] = {}
        """The plans of the latest run, by label."""
        self.entries: list[Entry] = []
        """The journal entries of the latest run, each as soon as its request has ended."""

    def _begin(self, plans: Plans) -> list[Entry]:
        by_label = dict.fromkeys(LABELS, plans) if isinstance(plans, Plan) else dict(plans)
        for label in by_label:
            if label not in LABELS:
                raise ValueError(f"plans by label: {label!r} is none of {', '.join(LABELS)}")
        self.plans = by_label
        entries: list[Entry] = []
        self.entries = entries
        self._house.begin_run(self.plans, Recorder(entries.append))
        return entries

    def _balance(
        self,
        said: Mapping[str, str] | None,
        stdout: str,
        asked: Sequence[str] | None,
        files: Folder | None,
    ) -> Ledger:
        claims = Claims.from_lines(stdout.splitlines())
        if said is not None:
            claims.report(said)
        if asked is None and said is not None:
            asked = tuple(said)
        books: Entry = {"files_before": {}, "dest": str(files) if files else None}
        end: Entry = {
            "end": True,
            "asked": asked,
            "claims": claims.to_json(),
            "files_after": book_of_files(Path(files)) if files else None,
        }
        return balance([header(self.plans) | books, *self.entries, end])


class RunningServers(_Books):
    """Servers that run in another thread; every method may be called from any thread."""

    def __init__(self, house: MockServers, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(house)
        self._loop = loop

    def begin_run(self, plans: Plans) -> list[Entry]:
        """Begin a run under `plans`; its entries appear in the list returned."""
        began: list[list[Entry]] = []
        self._call(lambda: began.append(self._begin(plans)))
        return began[0]

    @property
    def under_way(self) -> int:
        """How many requests have no entry yet."""
        return self._house.run.under_way

    def clock_s(self) -> float:
        """Seconds since the latest run began, on the clock of its entries."""
        return self._house.run.now()

    def cancel_pending(self) -> None:
        """Drop every connection; each request under way gets its entry soon after."""
        self._call(self._house.cancel_pending)

    def settle(self) -> None:
        """Wait until every request under way has its entry.

        Those are only requests whose client has its reply already, or has gone.
        """
        done = threading.Event()

        def look() -> None:
            if self._house.run.under_way:
                self._loop.call_later(LOOK_S, look)
            else:
                done.set()

        self._loop.call_soon_threadsafe(look)
        done.wait()

    def ledger(
        self,
        said: Mapping[str, str] | None = None,
        *,
        stdout: str = "",
        asked: Sequence[str] | None = None,
        files: Folder | None = None,
    ) -> Ledger:
        """Settle, then judge the latest run.

        `said` is what your downloader reports: a code to `ok`, `not_found` or `error`; or pass
        what it printed as `stdout`. `asked` are the codes it was asked for (default: those of
        `said`, so that a code it forgot is only found by its request). `files` is the folder it
        saved in (`br.gif` and so on), empty before; without it no file is judged.
        """
        self.settle()
        return self._balance(said, stdout, asked, files)

    def check(
        self,
        said: Mapping[str, str] | None = None,
        *,
        stdout: str = "",
        asked: Sequence[str] | None = None,
        files: Folder | None = None,
    ) -> Ledger:
        """The ledger; raises AssertionError with its text where it does not balance."""
        __tracebackhide__ = True  # for pytest: whoever called is to blame
        return _balanced(self.ledger(said, stdout=stdout, asked=asked, files=files))

    def _call(self, action: Callable[[], None]) -> None:
        async def act() -> None:
            action()

        asyncio.run_coroutine_threadsafe(act(), self._loop).result()


class AsyncRunningServers(_Books):
    """Servers that run on the event loop at hand; to be used on that loop only."""

    def begin_run(self, plans: Plans) -> list[Entry]:
        """Begin a run under `plans`; its entries appear in the list returned."""
        return self._begin(plans)

    async def settle(self) -> None:
        """Wait until every request under way has its entry."""
        while self._house.run.under_way:
            await asyncio.sleep(LOOK_S)

    async def ledger(
        self,
        said: Mapping[str, str] | None = None,
        *,
        stdout: str = "",
        asked: Sequence[str] | None = None,
        files: Folder | None = None,
    ) -> Ledger:
        """Settle, then judge the latest run, as `RunningServers.ledger` does."""
        await self.settle()
        return self._balance(said, stdout, asked, files)

    async def check(
        self,
        said: Mapping[str, str] | None = None,
        *,
        stdout: str = "",
        asked: Sequence[str] | None = None,
        files: Folder | None = None,
    ) -> Ledger:
        """The ledger; raises AssertionError with its text where it does not balance."""
        __tracebackhide__ = True
        return _balanced(await self.ledger(said, stdout=stdout, asked=asked, files=files))


def _balanced(ledger: Ledger) -> Ledger:
    __tracebackhide__ = True
    if not ledger.balanced:
        raise AssertionError(ledger_text(ledger))
    return ledger
