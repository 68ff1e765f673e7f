"""The three servers on one event loop: they listen or refuse, accept, and begin runs.

`mockservers.plan` decides what a request meets, its kind forms the bytes, `mockservers.connection`
sends them. Each request gets a journal entry when it ends, however it ends. Nothing is judged here.
"""

import asyncio
import contextlib
import errno
import itertools
import logging
import socket
from collections.abc import Callable, Mapping, Sequence
from time import monotonic

from mockservers.connection import Connection, ServerState
from mockservers.http.fast_path import KnownHeaders
from mockservers.http.listeners import Listener, bind
from mockservers.journal import Journal, NoJournal
from mockservers.kinds.resource import Catalogue
from mockservers.plan import LABELS, Plan
from mockservers.run_state import FLUSH_S, Run, ServerRun

ACCEPT_AGAIN_S = 0.1
"""Seconds until the next try to accept, when the operating system has no room."""
ACCEPT_AT_ONCE = 64
"""Connections accepted before others get their turn."""

_NO_ROOM = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)

log = logging.getLogger("mockservers")


class MockServers:
    """LOCAL, DELAY and ERROR on one event loop.

    `start`, then `begin_run` as often as wanted, then `stop`. Not thread-safe: every method is to
    be called on the loop that runs `start`.
    """

    def __init__(self, catalogue: Catalogue, *, log_headers: bool = False) -> None:
        self.urls: dict[str, str] = {}
        """The base URL of each label, with the ports really bound."""
        self._origins: dict[str, str] = {}
        headers, numbers = KnownHeaders(logged=log_headers), itertools.count(1)
        self.states = {label: ServerState(label, headers, numbers.__next__) for label in LABELS}
        self.run = Run(NoJournal())
        self._earlier: list[Run] = []
        self.catalogue = catalogue
        self._listeners: dict[str, list[Listener]] = {}
        self._accepting: dict[str, list[asyncio.Task[None]]] = {label: [] for label in LABELS}
        self._adopting: set[asyncio.Task[None]] = set()
        self._no_room_reported = False
        self._sweeper: asyncio.Task[None] | None = None
        self.begin_run({}, NoJournal())

    def begin_run(
        self,
        plans: Mapping[str, Plan],
        journal: Journal,
        over: Callable[[], None] = lambda: None,
        catalogue: Catalogue | None = None,
    ) -> None:
        """Count requests from zero, under `plans` by label, into `journal`.

        Holds for requests that arrive from now on; those under way end in the run before.
        `over` is called when this run was replaced and its last request has ended. `catalogue` is
        served in this run, in place of what the servers have.
        """
        before, self.run = self.run, Run(journal, over)
        self._earlier = [run for run in (*self._earlier, before) if not run.settled]
        for label, state in self.states.items():
            plan = plans.get(label, Plan())
            served, around = catalogue or self.catalogue, (self._origins, self._listen_as_planned)
            state.begin(ServerRun(label, plan, served, self.run, *around))
        before.retire()
        self._listen_as_planned()

    def drop_connections(self) -> None:
        """Drop every connection; each request under way gets its entry soon after."""
        for connection in self._all_connections():
            connection.abort()

    async def start(self, host: str = "localhost", ports: Sequence[int] = (0, 0, 0)) -> None:
        """Listen; a port of 0 takes a free one. Raises PortInUseError, and OSError for `host`.

        Call `stop` also after an error.
        """
        for label, port in zip(LABELS, ports, strict=True):
            self._listeners[label] = bind(host, port)
        for label, listeners in self._listeners.items():
            self._origins[label] = f"http://{url_host(host)}:{listeners[0].port}"
            self.urls[label] = f"{self._origins[label]}/flags"
        self._listen_as_planned()
        self._sweeper = asyncio.create_task(self._sweep())

    async def stop(self) -> None:
        """Stop listening, drop every connection, write the last entries; ports are free then."""
        tasks = [task for label in self._listeners for task in self._stop_accepting(label)]
        if self._sweeper:
            self._sweeper.cancel()
            tasks.append(self._sweeper)
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*self._adopting, return_exceptions=True)
        for listeners in self._listeners.values():
            for listener in listeners:
                listener.close()
        self._listeners.clear()
        self.begin_run({}, NoJournal())
        self.drop_connections()
        while self._all_connections():
            await asyncio.sleep(0)
        while not all(run.settled for run in self._earlier):
            await asyncio.sleep(FLUSH_S)

    # --- listening -------------------------------------------------------------------

    def _listen_as_planned(self) -> None:
        """Listen, or refuse, at each port as its plan says."""
        for label, listeners in self._listeners.items():
            state = self.states[label]
            if state.server_run.refuses:
                self._refuse(label)
            elif not self._accepting[label]:
                for listener in listeners:
                    if state.refusing:
                        listener.listen()
                    task = asyncio.get_running_loop().create_task(
                        self._accept(listener.socket, label)
                    )
                    self._accepting[label].append(task)
                state.refusing = False

    def _refuse(self, label: str) -> None:
        """Listen no longer; the port stays ours."""
        state = self.states[label]
        if state.refusing:
            return
        state.refusing = True
        self._stop_accepting(label)
        for listener in self._listeners[label]:
            listener.refuse()
        for connection in list(state.connections):
            if not state.server_run.plan.refuse or not connection.queue:
                connection.abort()

    def _stop_accepting(self, label: str) -> list[asyncio.Task[None]]:
        """Accept no more; gives the tasks that are about to end."""
        loop = asyncio.get_running_loop()
        tasks, self._accepting[label] = self._accepting[label], []
        for listener, task in zip(self._listeners[label], tasks, strict=False):  # none if refusing
            with contextlib.suppress(NotImplementedError):
                loop.remove_reader(listener.socket)
            # Not at once: a connection that a task has, but has not yet seen, would be lost.
            loop.call_soon(task.cancel)
        return tasks

    async def _accept(self, listener: socket.socket, label: str) -> None:
        loop = asyncio.get_running_loop()
        at_once = 0
        while listener.fileno() >= 0:
            try:
                sock, _ = await loop.sock_accept(listener)
            except OSError as exc:
                if exc.errno in _NO_ROOM:
                    if not self._no_room_reported:
                        self._no_room_reported = True
                        log.warning(
                            "mockservers: no room for more connections: %s; they wait", exc.strerror
                        )
                    await asyncio.sleep(ACCEPT_AGAIN_S)
                continue  # anything else is the end of a connection that was not accepted yet
            task = loop.create_task(self._adopt(sock, label))
            self._adopting.add(task)
            task.add_done_callback(self._adopting.discard)
            at_once += 1
            if at_once % ACCEPT_AT_ONCE == 0:
                await asyncio.sleep(0)

    async def _adopt(self, sock: socket.socket, label: str) -> None:
        try:
            sock.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.connect_accepted_socket(lambda: Connection(self.states[label]), sock)
        except BaseException:
            sock.close()
            raise

    def _all_connections(self) -> list[Connection]:
        return [c for state in self.states.values() for c in state.connections]

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(1)
            now = monotonic()
            for connection in self._all_connections():
                connection.sweep(now)


def url_host(host: str) -> str:
    """Where a server that listens on `host` is reached from this machine."""
    everywhere = {"localhost": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
    host = everywhere.get(host, host)
    return f"[{host}]" if ":" in host else host
