"""The servers in a thread of their own, for tests and notebooks."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from mockservers.catalogue import Catalogue, FlagCatalogue
from mockservers.journal import Entry
from mockservers.plan import Plan
from mockservers.server import MockServers


class RunningServers:
    """Servers that run in another thread; every method may be called from any thread."""

    def __init__(self, house: MockServers, loop: asyncio.AbstractEventLoop) -> None:
        self._house = house
        self._loop = loop
        self.urls: Mapping[str, str] = dict(house.urls)
        """The base URL of each label."""

    def begin_run(self, plans: Mapping[str, Plan]) -> list[Entry]:
        """Begin a run under `plans` by label; its entries appear in the list returned."""
        entries: list[Entry] = []
        self._call(lambda: self._house.begin_run(plans, entries.append))
        return entries

    def settle(self) -> None:
        """Wait until every request under way has its entry.

        Those are only requests whose client has its reply already, or has gone.
        """
        done = threading.Event()

        def look() -> None:
            if any(run.in_flight for run in self._house.server_runs.values()):
                self._loop.call_soon(look)
            else:
                done.set()

        self._loop.call_soon_threadsafe(look)
        done.wait()

    def _call(self, action: Callable[[], None]) -> None:
        async def act() -> None:
            action()

        asyncio.run_coroutine_threadsafe(act(), self._loop).result()


@contextmanager
def running(
    plans: Mapping[str, Plan] | None = None, catalogue: Catalogue | None = None
) -> Iterator[RunningServers]:
    """LOCAL, DELAY and ERROR on free loopback ports, until the block ends."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="mockservers", daemon=True)
    thread.start()
    house = MockServers(catalogue or FlagCatalogue())

    async def begin() -> None:
        await house.start()
        house.begin_run(plans or {}, lambda entry: None)

    try:
        asyncio.run_coroutine_threadsafe(begin(), loop).result()
        yield RunningServers(house, loop)
    finally:
        asyncio.run_coroutine_threadsafe(house.stop(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
