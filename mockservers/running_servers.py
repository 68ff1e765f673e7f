"""The servers inside a Python program: in a thread of their own, or on its event loop.

Use `with mockservers.running(plan) as servers:`, or `async with`.
"""

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TypedDict, Unpack

from msgspec import structs

from mockservers.content.resources import Content, FlagCatalogue, catalogue_of
from mockservers.files import unwritable_in
from mockservers.flags2.codes import name_asked
from mockservers.flags2.output import ClaimsReader
from mockservers.journal import Claims, End, Header, Line
from mockservers.journal_json import Recorder, line_from_json
from mockservers.kept_files import KeptFiles
from mockservers.ledger import Ledger, balance
from mockservers.ledger.attribution import attribute
from mockservers.ledger.collected import collect
from mockservers.ledger.text import ledger_text
from mockservers.plan import LABELS, Plan
from mockservers.plan_json import plan_to_json
from mockservers.run_state import Run
from mockservers.server import MockServers

Entry = dict[str, Any]
"""An entry of a journal, as in JSON (SPEC.md, "The journal")."""

Plans = Plan | Mapping[str, Plan]
"""A plan for all three servers, or plans by label; a label without one serves everything."""

Folder = str | os.PathLike[str]
"""The path of a folder."""

ROUNDS = 10
"""Rounds of the event loop before a run begins: what clients have sent is read, and belongs to the
run before. A new connection takes five: accept, adopt, make, watch, read."""


LOOK_S = 0.001
"""Seconds from one look at what is still under way to the next."""


def running(
    plans: Plans | None = None,
    content: Content | None = None,
    ports: Sequence[int] = (0, 0, 0),
    *,
    log_headers: bool = False,
) -> "Running":
    """LOCAL, DELAY and ERROR on loopback, for the length of a `with` block; a port of 0 takes a
    free one. They serve `content` in place of the flags: a folder, or a mapping of paths to bytes.
    With `log_headers`, an entry has the header fields of its request.

    `with` runs them in a thread and gives `RunningServers`; `async with` runs them on the event
    loop at hand and gives `AsyncRunningServers`. A first run has begun, under `plans`. When the
    block ends, connections are dropped, ports are free, and no thread or task is left. Entering it
    raises PortInUseError (mockservers.http.listeners).
    """
    catalogue = FlagCatalogue() if content is None else catalogue_of(content)
    servers = MockServers(catalogue, log_headers=log_headers)
    return Running(plans if plans is not None else {}, servers, ports)


class Running:
    """What `running` gives: to be entered once."""

    def __init__(self, plans: Plans, servers: MockServers, ports: Sequence[int]) -> None:
        self._plans = plans
        self._ports = ports
        self._servers = servers
        self._loop: asyncio.AbstractEventLoop
        self._thread: threading.Thread

    def __enter__(self) -> "RunningServers":
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="mockservers", daemon=True
        )
        self._thread.start()
        try:
            self._wait_for(self._servers.start(ports=self._ports))
            servers = RunningServers(self._servers, self._loop)
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
            self._wait_for(self._servers.stop())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def _wait_for(self, what: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(what, self._loop).result()

    async def __aenter__(self) -> "AsyncRunningServers":
        try:
            await self._servers.start(ports=self._ports)
            servers = AsyncRunningServers(self._servers)
            servers.begin_run(self._plans)
        except BaseException:
            await self._servers.stop()
            raise
        return servers

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._servers.stop()


class Reported(TypedDict, total=False):
    """What else `ledger` and `check` may be given."""

    stdout: str
    """What the downloader printed, in place of `said`."""
    asked: Sequence[str] | None
    """The codes, or paths, it was asked for (default: those of `said`, so that one it forgot is
    only found by its request)."""
    files: Folder | None
    """The folder it saved in, under any names, empty before; without it no file is judged."""
    ok: bool | None
    """Whether it ended well, in place of `said`: then everything has to be there, whole."""
    once: bool
    """Whether a second request for a resource is an imbalance (default: no)."""


class _LatestRun:
    """What both kinds of running servers keep of the latest run."""

    def __init__(self, servers: MockServers) -> None:
        self._servers = servers
        self._catalogue = servers.catalogue
        self.urls: Mapping[str, str] = dict(servers.urls)
        """The base URL of each label."""
        self.plans: Mapping[str, Plan] = {}
        """The plans of the latest run, by label."""
        self.entries: list[Entry] = []
        """The journal entries of the latest run, each as soon as its request has ended."""

    @property
    def _run(self) -> Run:
        return self._servers.run

    def _begin(self, plans: Plans, content: Content | None) -> list[Entry]:
        by_label = _by_label(plans)
        catalogue = None if content is None else catalogue_of(content)
        self.plans = by_label
        self._catalogue = catalogue or self._servers.catalogue
        entries: list[Entry] = []
        self.entries = entries
        self._servers.begin_run(by_label, Recorder(entries.append), catalogue=catalogue)
        return entries

    def _ledger(
        self,
        said: Mapping[str, str] | None,
        stdout: str = "",
        asked: Sequence[str] | None = None,
        files: Folder | None = None,
        ok: bool | None = None,
        once: bool = False,
    ) -> Ledger:
        if files is not None and Path(files).exists() and not Path(files).is_dir():
            raise ValueError(f"files: {files!r} is not a folder")
        names = None if asked is None else tuple(map(name_asked, asked))
        if said is not None and names is None:
            names = tuple(map(name_asked, said))
        plans = {label: plan_to_json(plan) for label, plan in self.plans.items()}
        header = Header(
            plans=plans,
            files_before={},
            dest=str(files) if files else None,
            dest_given=files is not None,
            wanted=names if names and ok is not None else (),
        )
        end = End(status=int(ok is False), asked=names, claims=_claims(said, stdout, ok), once=once)
        lines = [header, *map(line_from_json, self.entries)]
        if files is not None:
            end = self._with_files(lines, end, Path(files))
        return balance([*lines, end])

    def _with_files(self, lines: list[Line], end: End, folder: Path) -> End:
        """The end, with what the files are."""
        evidence = attribute(collect([*lines, end]))
        found = KeptFiles(evidence.every, self.plans, self._catalogue).look(folder, {})
        return structs.replace(end, files_after=found, unwritable=unwritable_in(folder))


def _claims(said: Mapping[str, str] | None, stdout: str, ok: bool | None) -> Claims:
    """What a program claims, as a test hands it over; raises ValueError."""
    if sum((said is not None, bool(stdout), ok is not None)) > 1:
        raise ValueError("said, stdout and ok mean the same: one of them is enough")
    if ok is not None and not isinstance(ok, bool):
        raise ValueError(f"ok: {ok!r} is neither True nor False")
    reader = ClaimsReader()
    if said is not None:
        return reader.report(said)
    if ok is not None:
        return Claims(by="exit")
    for line in stdout.splitlines():
        reader.read(line)
    return structs.replace(reader.claims, by="report" if stdout else None)


def _by_label(plans: object) -> dict[str, Plan]:
    if isinstance(plans, Plan):
        return dict.fromkeys(LABELS, plans)
    if not isinstance(plans, Mapping):
        raise ValueError(f"plans: {plans!r} is neither a Plan nor a mapping of labels to plans")
    for label, plan in plans.items():
        if label not in LABELS:
            raise ValueError(f"plans by label: {label!r} is none of {', '.join(LABELS)}")
        if not isinstance(plan, Plan):
            raise ValueError(f"plans by label: {label}: {plan!r} is not a Plan")
    return dict(plans)


class RunningServers(_LatestRun):
    """Servers that run in another thread; every method may be called from any thread."""

    def __init__(self, servers: MockServers, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(servers)
        self._loop = loop

    def begin_run(self, plans: Plans, content: Content | None = None) -> list[Entry]:
        """Begin a run under `plans`; its entries appear in the list returned.

        `content` is served in this run, in place of what the servers have: a folder, or a mapping
        of paths to bytes. Raises ValueError, or NotADirectoryError, for what cannot be used; then
        the run before goes on. A request of which a byte was sent before belongs to that one.
        """

        async def begin() -> list[Entry]:
            for _ in range(ROUNDS):
                await asyncio.sleep(0)
            return self._begin(plans, content)

        return asyncio.run_coroutine_threadsafe(begin(), self._loop).result()

    @property
    def under_way(self) -> int:
        """How many requests have no entry yet."""
        return self._run.under_way

    def clock_s(self) -> float:
        """Seconds since the latest run began, on the clock of its entries."""
        return self._run.now()

    def drop_connections(self) -> None:
        """Drop every connection; each request under way gets its entry soon after."""
        self._call(self._servers.drop_connections)

    def settle(self) -> None:
        """Wait until every request under way has its entry, and its digest.

        Those are only requests whose client has its response already, or has gone.
        """
        done = threading.Event()

        def look() -> None:
            if not self._run.settled:
                self._loop.call_later(LOOK_S, look)
            else:
                done.set()

        self._loop.call_soon_threadsafe(look)
        done.wait()

    def ledger(self, said: Mapping[str, str] | None = None, **reported: Unpack[Reported]) -> Ledger:
        """Settle, then judge the latest run.

        `said` is what your downloader reports: a code, or path, to `ok`, `not_found` or `error`;
        or pass what it printed as `stdout`, or whether it ended well as `ok`. `Reported` has the
        other arguments. Raises ValueError for what cannot be understood.
        """
        self.settle()
        return self._ledger(said, **reported)

    def check(self, said: Mapping[str, str] | None = None, **reported: Unpack[Reported]) -> Ledger:
        """The ledger; raises AssertionError with its text where it does not balance."""
        __tracebackhide__ = True  # so that pytest shows the line of the caller
        return _balanced(self.ledger(said, **reported))

    def _call(self, action: Callable[[], None]) -> None:
        async def act() -> None:
            action()

        asyncio.run_coroutine_threadsafe(act(), self._loop).result()


class AsyncRunningServers(_LatestRun):
    """Servers that run on the event loop at hand; to be used on that loop only."""

    def begin_run(self, plans: Plans, content: Content | None = None) -> list[Entry]:
        """Begin a run, as `RunningServers.begin_run` does."""
        return self._begin(plans, content)

    async def settle(self) -> None:
        """Wait until every request under way has its entry, and its digest."""
        while not self._run.settled:
            await asyncio.sleep(LOOK_S)

    async def ledger(
        self, said: Mapping[str, str] | None = None, **reported: Unpack[Reported]
    ) -> Ledger:
        """Settle, then judge the latest run, as `RunningServers.ledger` does."""
        await self.settle()
        return self._ledger(said, **reported)

    async def check(
        self, said: Mapping[str, str] | None = None, **reported: Unpack[Reported]
    ) -> Ledger:
        """The ledger; raises AssertionError with its text where it does not balance."""
        __tracebackhide__ = True
        return _balanced(await self.ledger(said, **reported))


def _balanced(ledger: Ledger) -> Ledger:
    __tracebackhide__ = True
    if not ledger.balanced:
        raise AssertionError(ledger_text(ledger))
    return ledger
