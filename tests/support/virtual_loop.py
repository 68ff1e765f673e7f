"""An event loop that never waits, in which a test chooses what happens first.

Its clock stands still while anything can be done, then jumps to the next timer; where there is
none, `Stuck` is raised. What asyncio leaves open is asked of `choose(n)`, a number below n:

- which of the tasks that are ready takes its next step. (Callbacks keep their order, as asyncio
  promises; so do the steps of one task, of which never more than one is ready.)
- which of the sockets that are ready is served, and which have to wait for the next round, as if
  their bytes were still on their way.

Always 0 is the order of asyncio itself. A Hypothesis test draws `orders()`.

Servers and clients in one such loop are joined by socket pairs (`Wire`): what one writes the other
can read at once, where TCP would take its time.
"""

import asyncio
import contextlib
import contextvars
import selectors
import socket
from unittest import mock
from urllib.parse import urlsplit

import aiohttp.connector
import tqdm
from hypothesis import strategies as st

import mockservers.connection
import mockservers.http.sender
import mockservers.run_state
import mockservers.running_servers
import mockservers.server
from mockservers import running

TICK_S = 1e-9
"""What a round of the loop takes: a clock that stood still could make a timer fire for ever."""
BEGIN_S = 1_000.0
"""What the clock says at first: not 0, which is the same whether it is added or taken away."""
END_S = 10_000.0
"""A run that goes on for so long goes on for ever."""

CLOCKS = (
    mockservers.run_state, mockservers.connection, mockservers.http.sender, mockservers.server,
    aiohttp.connector,
)  # fmt: skip
"""Who reads a clock that is not the loop's."""


class Stuck(RuntimeError):
    """All wait, and for nothing that could come; or it goes on and on."""


def in_turn(n):
    return 0


def orders(size=64):
    """A function that chooses; it shrinks to `in_turn`, which it is after `size` choices."""
    return st.binary(min_size=size, max_size=size).map(choices)


def choices(numbers):
    """Choose by `numbers`, then in turn."""
    left = iter(numbers)
    return lambda n: next(left, 0) % n if n > 1 else 0


class VirtualSelector(selectors.DefaultSelector):
    """Looks for what is ready; if nothing is, the time that it would have waited has passed."""

    def __init__(self, choose, on_round):
        super().__init__()
        self.now = BEGIN_S
        self._end = BEGIN_S + END_S
        self._choose = choose
        self._on_round = on_round

    def select(self, timeout=None):
        self._on_round()
        self.now += TICK_S
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise Stuck
            self.now += max(timeout, 0)
            if self.now > self._end:
                self._end += END_S  # what tidies up has time
                raise Stuck
        else:
            first = self._choose(len(ready))
            late = self._choose(len(ready) + (timeout == 0))  # all of them, if others are busy
            ready = (ready[first:] + ready[:first])[: len(ready) - late]
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """See the top. `after_each` is called in every round, and after every callback and step."""

    def __init__(self, choose=in_turn):
        self.after_each = lambda: None
        self._choose = choose
        self._steps = []
        self._virtual = VirtualSelector(choose, lambda: self.after_each())
        super().__init__(self._virtual)

    def time(self):
        return self._virtual.now

    def call_soon(self, callback, *args, context=None):
        if isinstance(getattr(callback, "__self__", None), asyncio.Task):
            # Its place in the queue goes to whichever step is chosen when it comes up.
            if context is None:  # not `or`: an empty context is false
                context = contextvars.copy_context()
            self._steps.append((context, callback, args))
            callback, args, context = self._step, (), None
        return super().call_soon(self._call, callback, args, context=context)

    def _step(self):
        context, callback, args = self._steps.pop(self._choose(len(self._steps)))
        context.run(callback, *args)

    def _call(self, callback, args):
        callback(*args)
        self.after_each()


@contextlib.contextmanager
def virtual_time(choose=in_turn):
    """An `asyncio.Runner` on a virtual loop, whose clock is everybody's; `asyncio.run` uses it.

    Unlike `asyncio.run`, it does not tidy up after a program: what that leaves can be seen.
    """
    loop = VirtualLoop(choose)
    with contextlib.ExitStack() as stack:
        runner = stack.enter_context(asyncio.Runner(loop_factory=lambda: loop))
        for module in CLOCKS:
            stack.enter_context(mock.patch.object(module, "monotonic", loop.time))
        stack.enter_context(mock.patch.object(asyncio, "run", runner.run))
        stack.enter_context(mock.patch.object(tqdm.tqdm, "monitor_interval", 0))  # no thread
        yield runner


class ServerEnd(socket.socket):
    """A server's end of a socket pair; to reset means on it what it means on TCP."""

    peer: socket.socket

    def setsockopt(self, level, option, value):
        if (level, option) != (socket.SOL_SOCKET, socket.SO_LINGER):
            super().setsockopt(level, option, value)
            return
        # What lies unread in a Unix socket when it is closed makes a reset of the close.
        with contextlib.suppress(OSError):
            self.peer.send(b"?")


class Wire:
    """Joins what is connected to the ports of `servers`, and keeps the clients' ends."""

    def __init__(self, servers):
        self._servers = servers
        self._label_of_port = {urlsplit(url).port: label for label, url in servers.urls.items()}
        self.ends = []
        self.connect_s = 0.0
        """How long it takes to connect."""

    async def connect(self, port):
        """A socket that is connected to one of the servers."""
        label = self._label_of_port[port]
        await asyncio.sleep(self.connect_s)
        state = self._servers.states[label]
        if state.refusing:
            raise ConnectionRefusedError
        client, server = socket.socketpair()
        self.ends.append(client)
        end = ServerEnd(fileno=server.detach())
        end.peer = client
        for sock in (client, end):
            sock.setblocking(False)
        loop = asyncio.get_running_loop()
        try:
            await loop.connect_accepted_socket(
                lambda: mockservers.connection.Connection(state), end
            )
        except BaseException:
            client.close()
            raise
        return client

    async def start_connection(self, addr_infos, **_):
        """As `aiohappyeyeballs.start_connection`."""
        return await self.connect(addr_infos[0][4][1])

    @property
    def open_ends(self):
        return [end for end in self.ends if end.fileno() >= 0]


@contextlib.contextmanager
def joined(runner, plans=None):
    """The real servers in the loop of `runner`, and the wire that leads to them."""
    block = running(plans)
    servers = runner.run(block.__aenter__())
    wire = Wire(servers._servers)
    with (
        mock.patch.object(
            aiohttp.connector.aiohappyeyeballs, "start_connection", wire.start_connection
        ),
        mock.patch.object(mockservers.running_servers, "LOOK_S", 0.1),  # `settle` need not hurry
    ):
        try:
            yield servers, wire
        finally:
            runner.run(block.__aexit__(None, None, None))
