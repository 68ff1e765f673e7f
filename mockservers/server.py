"""The three servers on one event loop: they listen or refuse, accept, and begin runs.

What a request meets was decided by `mockservers.plan` and formed by `mockservers.wire`; it
happens in `mockservers.connection`, and becomes a journal entry when it ends, however it ends.
Nothing is judged here.
"""

import asyncio
import contextlib
import errno
import logging
import socket
from collections.abc import Callable, Mapping, Sequence
from time import monotonic

from mockservers.connection import Connection
from mockservers.content.resources import Catalogue
from mockservers.flags2.arguments import LABELS
from mockservers.http.listeners import Listener, bind, url_host
from mockservers.journal import Journal, NoJournal
from mockservers.plan import Plan
from mockservers.run_state import Run, ServerRun

ACCEPT_AGAIN_S = 0.1
"""Seconds until the next try to accept, when the operating system has no room."""
ACCEPT_AT_ONCE = 64
"""Connections accepted before others get their turn."""

_NO_ROOM = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)

log = logging.getLogger("mockservers")


class MockServers:
    """LOCAL, DELAY and ERROR on one event loop.

    `start`, then `begin_run` as often as wanted, then `stop`. Not thread-safe: every method
    is to be called on the loop that runs `start`.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self.urls: dict[str, str] = {}
        """The base URL of each label, with the ports really bound."""
        self.connections: dict[str, set[Connection]] = {label: set() for label in LABELS}
        self.server_runs: dict[str, ServerRun] = {}
        self.refusing: set[str] = set()
        """The labels at whose ports nobody listens."""
        self.run: Run
        self.catalogue = catalogue
        self._connections_made = 0
        self._listeners: dict[str, list[Listener]] = {}
        self._accepting: dict[str, list[asyncio.Task[None]]] = {label: [] for label in LABELS}
        self._adopting: set[asyncio.Task[None]] = set()
        self._no_room_told = False
        self._sweeper: asyncio.Task[None] | None = None
        self._begin_run({}, NoJournal())

    def begin_run(
        self,
        plans: Mapping[str, Plan],
        journal: Journal,
        over: Callable[[], None] = lambda: None,
    ) -> None:
        """Count from zero, under `plans` by label, into `journal`.

        Holds for requests that arrive from now on; those under way end in the run before.
        `over` is called when this run was replaced and its last request has ended.
        """
        self._begin_run(plans, journal, over)
        self._listen_as_planned()

    def _begin_run(
        self,
        plans: Mapping[str, Plan],
        journal: Journal,
        over: Callable[[], None] = lambda: None,
    ) -> None:
        before = self.run if self.server_runs else None
        self.run = Run(journal, over)
        self.server_runs = {
            label: ServerRun(label, plans.get(label, Plan()), self.catalogue, self.run)
            for label in LABELS
        }
        if before:
            before.replace()

    def cancel_pending(self) -> None:
        """Drop every connection; each request under way gets its entry soon after."""
        for connection in self._all_connections():
            connection.abort()

    def next_connection(self) -> int:
        """The number of a connection by order of arrival, from 1."""
        self._connections_made += 1
        return self._connections_made

    async def start(self, host: str = "localhost", ports: Sequence[int] = (0, 0, 0)) -> None:
        """Listen; a port of 0 takes a free one. Raises PortInUseError, and OSError for `host`.

        `stop` is due then too.
        """
        for label, port in zip(LABELS, ports, strict=True):
            self._listeners[label] = bind(host, port)
        for label, listeners in self._listeners.items():
            self.urls[label] = f"http://{url_host(host)}:{listeners[0].port}/flags"
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
        self._begin_run({}, NoJournal())
        self.cancel_pending()
        while any(self.connections.values()):
            await asyncio.sleep(0)

    # --- listening -------------------------------------------------------------------

    def _listen_as_planned(self) -> None:
        """Listen, or refuse, at each port as its plan says."""
        for label, listeners in self._listeners.items():
            refuses = self.server_runs[label].plan.refuse
            if refuses:
                self._refuse(label)
            elif not self._accepting[label]:
                for listener in listeners:
                    if label in self.refusing:
                        listener.listen()
                    task = asyncio.get_running_loop().create_task(
                        self._accept(listener.socket, label)
                    )
                    self._accepting[label].append(task)
                self.refusing.discard(label)

    def _refuse(self, label: str) -> None:
        """Nobody listens any more; the port stays ours."""
        if label in self.refusing:
            return
        self.refusing.add(label)
        self._stop_accepting(label)
        for listener in self._listeners[label]:
            listener.refuse()
        for connection in self._all_connections(label):
            if connection.idle:
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
                    if not self._no_room_told:
                        self._no_room_told = True
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
            await loop.connect_accepted_socket(lambda: Connection(self, label), sock)
        except BaseException:
            sock.close()
            raise

    def _all_connections(self, *labels: str) -> list["Connection"]:
        return [c for label in labels or LABELS for c in self.connections[label]]

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(1)
            now = monotonic()
            for connection in self._all_connections():
                connection.sweep(now)
