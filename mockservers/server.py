"""The three servers: the room with sockets and clocks.

One event loop carries all of them. What a request meets was decided by `mockservers.plan`
and formed by `mockservers.wire`; here it happens, and becomes a journal entry when it ends,
however it ends. Nothing is judged here.
"""

import asyncio
import errno
import hashlib
import os
import socket
import struct
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from time import monotonic

from mockservers.catalogue import Catalogue, Resource
from mockservers.codes import LABELS, code_of_path
from mockservers.faults import Reply
from mockservers.journal import Record
from mockservers.parser import Expect, Line, Refused, RequestParser, Whole
from mockservers.plan import Gate, Plan, effective, fate
from mockservers.wire import Ending, RequestForm, Wire, refusal, render

MAX_CONNECTIONS = 10_000
"""Connections per server; further ones are closed at once."""
MAX_WAITING = 64
"""Requests of one connection that wait for their turn before reading from it pauses."""
REQUEST_S = 30.0
"""Seconds for a request to arrive whole; then it is refused with 408."""
IDLE_S = 75.0
"""Seconds that a connection may stay without a request, or a client take nothing."""
LINGER_S = 2.0
"""Seconds for the client to close its side after an orderly close."""
BACKLOG = 4096
"""Connections that the operating system may hold before they are accepted."""
CHUNK = 262_144
"""Body bytes handed to the operating system at once."""


class PortInUseError(OSError):
    """A port that cannot be bound; the text says which, and what to do."""


class Run:
    """A run: where its entries go, its clock, and its numbering."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self._began = monotonic()
        self._requests = 0

    def now(self) -> float:
        """Seconds since the run began, to the microsecond."""
        return round(monotonic() - self._began, 6)

    def next_number(self) -> int:
        """The number of a request by order of arrival, from 1."""
        self._requests += 1
        return self._requests


class ServerRun:
    """What one server counts during one run."""

    def __init__(self, label: str, plan: Plan, catalogue: Catalogue, run: Run) -> None:
        self.label = label
        self.plan = plan
        self.run = run
        self.in_flight = 0
        self.gate = HeldGate(plan.gate, label, run) if plan.gate else None
        self._catalogue = catalogue
        self._attempts: Counter[str] = Counter()

    def arrive(self, line: Line) -> "Request":
        """Take in a request line: number it, count it, look up its fate.

        Only a GET is an attempt; any other method is told what the next GET would meet.
        Attempts are counted for codes, for paths with a rule and for what exists, so that memory
        is bounded.
        """
        code = code_of_path(line.path)
        name = code or line.path
        resource = self._catalogue.find(line.path)
        attempt = 1
        if code or resource or line.path in self.plan.rules:
            attempt = self._attempts[name] + 1
            if line.method == "GET":
                self._attempts[name] = attempt
        drawn = fate(self.plan, self.label, name, attempt)
        self.in_flight += 1
        return Request(
            server_run=self,
            n=self.run.next_number(),
            line=line,
            code=code,
            attempt=attempt,
            reply=effective(drawn, exists=resource is not None),
            resource=resource,
            in_flight=self.in_flight,
            start_s=self.run.now(),
        )


@dataclass(slots=True, eq=False)
class Request:
    """A request on its way, from its line to its entry."""

    server_run: ServerRun
    n: int
    line: Line
    code: str | None
    attempt: int
    reply: Reply
    resource: Resource | None
    in_flight: int
    start_s: float
    whole: Whole | None = None
    expects: bool = False
    """The client waits for leave to send its body."""
    first_byte_s: float | None = None
    bytes_sent: int = 0
    sha256: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    def end(self, conn: int, wire: Wire | None, *, complete: bool, client_gone: bool) -> None:
        """Write the entry; `wire` is None when no reply had begun."""
        self.server_run.in_flight -= 1
        refused = self.whole is not None and self.whole.refused is not None
        run = self.server_run.run
        run.record(
            {
                "type": "request",
                "n": self.n,
                "conn": conn,
                "server": self.server_run.label,
                "method": self.line.method,
                "path": self.line.path,
                "code": self.code,
                "attempt": self.attempt,
                "do": None if refused else self.reply.do,
                "status": wire.status if wire else None,
                "length": wire.length if wire else None,
                "bytes_sent": self.bytes_sent,
                "complete": complete,
                "client_gone": client_gone,
                "sha256": self.sha256.hexdigest() if self.bytes_sent else None,
                "in_flight": self.in_flight,
                "delay_s": 0 if refused else self.reply.delay_s,
                "start_s": self.start_s,
                "first_byte_s": self.first_byte_s,
                "end_s": run.now(),
            }
        )


class HeldGate:
    """Holds replies until enough are held at once, or its time is up; opens once."""

    def __init__(self, gate: Gate, label: str, run: Run) -> None:
        self.is_open = False
        self._gate = gate
        self._label = label
        self._run = run
        self._held: dict[Connection, Callable[[], None]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def hold(self, connection: "Connection", go_on: Callable[[], None]) -> None:
        """Call `go_on` when the gate opens."""
        self._held[connection] = go_on
        if len(self._held) >= self._gate.hold_until_in_flight:
            self._open(filled=True)
        elif self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._gate.or_s, lambda: self._open(filled=False))

    def forget(self, connection: "Connection") -> None:
        """The connection is gone: it counts no longer."""
        self._held.pop(connection, None)

    def cancel(self) -> None:
        """Open no more; whatever is held stays held."""
        if self._timer:
            self._timer.cancel()

    def _open(self, *, filled: bool) -> None:
        self.is_open = True
        self.cancel()
        held, self._held = self._held, {}
        entry = {"type": "gate", "server": self._label, "held": len(held), "filled": filled}
        self._run.record({**entry, "at_s": self._run.now()})
        for go_on in held.values():
            go_on()


class Connection(asyncio.Protocol):
    """One connection: requests in; replies out, one at a time, in the order of the requests.

    A request waits until it is whole and first in line (`_waiting`); then it is its turn (`_busy`):
    gate, delay, bytes (`_wire`), entry. A connection that will end reads no more requests
    (`_deaf`), answers those that wait, then closes its side and lingers (`_lingering`).
    """

    def __init__(self, house: "MockServers", label: str) -> None:
        self._house = house
        self._label = label
        self._conn = house.next_connection()
        self._run = house.run
        self._opened_s = house.run.now()
        self._transport: asyncio.Transport
        self._parser = RequestParser()
        self._waiting: deque[Request] = deque()
        self._refusal: Refused | None = None
        self._deaf = False
        """Nothing more is read as a request: a reply still to come is the last one."""
        self._heard_all = False
        """The client has closed its side."""
        self._lingering = False
        self._had_line = False
        self._busy = False
        """It is the turn of the first of the waiting requests."""
        self._wire: Wire | None = None
        """What is being sent to it, once that has begun."""
        self._handed = b""
        self._blocked = False
        self._timer: asyncio.TimerHandle | None = None
        self._since = monotonic()

    # --- what the event loop calls ---------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Accept the connection, or drop it where there are too many."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.set_write_buffer_limits(high=0)  # to be told when the last byte was taken
        connections = self._house.connections[self._label]
        if len(connections) >= MAX_CONNECTIONS:
            transport.abort()
        connections.add(self)

    def data_received(self, data: bytes) -> None:
        """Count and queue the requests in `data`."""
        if self._lingering or self._deaf:
            return
        if not self._parser.mid_request:
            self._since = monotonic()
        for event in self._parser.feed(data):
            match event:
                case Line():
                    self._had_line = True
                    self._waiting.append(self._house.server_runs[self._label].arrive(event))
                case Expect():
                    self._waiting[-1].expects = True
                    if len(self._waiting) == 1 and not self._busy:
                        self._grant()
                case Whole(asked):
                    self._waiting[-1].whole = event
                    if not asked.keep_alive:
                        self._deaf = True
                    if not self._busy and len(self._waiting) == 1:
                        self._turn()
                case Refused():
                    self._refuse(event)
            if self._deaf or self._lingering or self._transport.is_closing():
                break
        if len(self._waiting) >= MAX_WAITING:
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        """Close, unless replies are due: a client may close its sending side and still listen."""
        if self._waiting and self._waiting[-1].whole is None:
            self._waiting.pop().end(self._conn, None, complete=False, client_gone=True)
        if self._lingering or not self._waiting:
            return False
        self._deaf = self._heard_all = True
        return True

    def pause_writing(self) -> None:
        """The client takes bytes more slowly than they come."""
        self._blocked = True
        self._since = monotonic()

    def resume_writing(self) -> None:
        """The operating system has taken all it was given."""
        self._blocked = False
        if self._wire and not self._taken():
            self._send_on()

    def connection_lost(self, exc: Exception | None) -> None:
        """Account for what was under way."""
        self._house.connections[self._label].discard(self)
        if self._timer:
            self._timer.cancel()
        for request in self._waiting:
            if request.server_run.gate:
                request.server_run.gate.forget(self)
        while self._waiting:
            self._end(complete=False, client_gone=not self._house.stopping)
        if self._refusal or not self._had_line:
            reason = self._refusal or Refused(0, "ended without a request line")
            entry = {"type": "connection", "conn": self._conn, "server": self._label}
            entry |= {"status": reason.status or None, "reason": reason.reason}
            self._run.record({**entry, "start_s": self._opened_s, "end_s": self._run.now()})

    # --- a request's turn ------------------------------------------------------------

    def _turn(self) -> None:
        """Reply to the first of the waiting requests: gate, delay, bytes."""
        self._busy = True
        request = self._waiting[0]
        gate = request.server_run.gate
        if gate and not gate.is_open and not (request.whole and request.whole.refused):
            gate.hold(self, self._after_gate)
        else:
            self._after_gate()

    def _after_gate(self) -> None:
        request = self._waiting[0]
        if request.reply.delay_s and not (request.whole and request.whole.refused):
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(request.reply.delay_s, self._send)
        else:
            self._send()

    def _send(self) -> None:
        request = self._waiting[0]
        assert request.whole is not None
        asked = request.whole.asked
        if self._deaf and len(self._waiting) == 1 and not self._refusal:
            asked = replace(asked, keep_alive=False)
        if request.whole.refused:
            wire = refusal(request.whole.refused, asked)
        else:
            found = request.resource.found if request.resource else None
            wire = render(request.reply, asked, found)
        self._wire = wire
        if wire.head:
            request.first_byte_s = request.server_run.run.now()
        self._send_on(wire.head)

    def _send_on(self, head: bytes = b"") -> None:
        """Hand bytes over until no more are taken at once, or the reply has ended."""
        request, wire = self._waiting[0], self._wire
        assert wire is not None
        while not self._transport.is_closing():
            start, stop = request.bytes_sent, min(wire.body_stop, request.bytes_sent + CHUNK)
            self._handed = self._read(request.resource, start, stop)
            if len(self._handed) < stop - start:  # the file has shrunk, or gone
                self._transport.abort()
                return
            if head or self._handed:
                self._transport.write(head + self._handed)
            if self._transport.is_closing() or self._blocked or self._taken():
                return
            head = b""

    def _read(self, resource: Resource | None, start: int, stop: int) -> bytes:
        if resource is None or stop <= start:
            return b""
        try:
            return resource.read(start, stop)
        except OSError:
            return b""

    def _taken(self) -> bool:
        """Count what was taken; at the end of the reply do as planned, and say True."""
        request, wire = self._waiting[0], self._wire
        assert wire is not None
        request.sha256.update(self._handed)
        request.bytes_sent += len(self._handed)
        if request.bytes_sent < wire.body_stop:
            return False
        self._end(complete=True, client_gone=False)
        match wire.ending:
            case Ending.RESET:
                self._reset()
            case Ending.CLOSE:
                self._linger()
            case Ending.KEEP:
                self._since = monotonic()
                # Not at once: a thousand requests sent together must not nest a thousand calls.
                asyncio.get_running_loop().call_soon(self._next)
        return True

    def _grant(self) -> None:
        self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _next(self) -> None:
        if self._transport.is_closing() or self._busy or self._lingering:
            return
        if len(self._waiting) < MAX_WAITING and not self._transport.is_reading():
            self._transport.resume_reading()
        if self._waiting and self._waiting[0].whole:
            self._turn()
        elif self._waiting and self._waiting[0].expects:
            self._grant()
        elif not self._waiting and self._refusal:
            self._transport.write(refusal(self._refusal.status, RequestForm(keep_alive=False)).head)
            self._linger()

    def _end(self, *, complete: bool, client_gone: bool) -> None:
        request, wire = self._waiting.popleft(), self._wire
        self._wire = None
        self._busy = False
        request.end(self._conn, wire, complete=complete, client_gone=client_gone)

    # --- endings ---------------------------------------------------------------------

    def _refuse(self, refused: Refused) -> None:
        """Answer the request that is not whole, or none, with a status, and close after it."""
        self._deaf = True
        if self._waiting and self._waiting[-1].whole is None:
            self._waiting[-1].whole = Whole(RequestForm(keep_alive=False), refused.status)
            if not self._busy and len(self._waiting) == 1:
                self._turn()
            return
        self._refusal = refused
        if not self._waiting:
            self._next()

    def _linger(self) -> None:
        """Close our side; wait for the client to close its own.

        To close at once, with something unread, would make the operating system send a reset,
        and the client might lose the end of the reply (RFC 9112, section 9.6).
        """
        self._drop_waiting()
        if self._heard_all:
            self._transport.close()
            return
        if self._transport.can_write_eof():
            self._transport.write_eof()
        self._timer = asyncio.get_running_loop().call_later(LINGER_S, self._transport.abort)
        if not self._transport.is_reading():
            self._transport.resume_reading()

    def _reset(self) -> None:
        self._drop_waiting()
        sock = self._transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    def _drop_waiting(self) -> None:
        self._lingering = True
        while self._waiting:
            self._end(complete=False, client_gone=False)

    def sweep(self, now: float) -> None:
        """End what has taken too long; called every second."""
        waited = now - self._since
        if self._lingering:
            return
        if self._parser.mid_request and not self._deaf:
            if waited > REQUEST_S:
                self._refuse(Refused(408, "the request did not come whole in time"))
        elif waited > IDLE_S and (self._blocked or not self._waiting):
            self._transport.abort()

    def abort(self) -> None:
        """Drop the connection."""
        self._transport.abort()


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
        self.run: Run
        self.stopping = False
        self._catalogue = catalogue
        self._connections_made = 0
        self._servers: list[asyncio.Server] = []
        self._sweeper: asyncio.Task[None] | None = None
        self.begin_run({}, lambda entry: None)

    def begin_run(self, plans: Mapping[str, Plan], record: Record) -> None:
        """Count from zero, under `plans` by label, into `record`.

        Holds for requests that arrive from now on; those under way end in the run before.
        """
        for server_run in self.server_runs.values():
            if server_run.gate:
                server_run.gate.cancel()
        self.run = Run(record)
        self.server_runs = {
            label: ServerRun(label, plans.get(label, Plan()), self._catalogue, self.run)
            for label in LABELS
        }

    def next_connection(self) -> int:
        """The number of a connection by order of arrival, from 1."""
        self._connections_made += 1
        return self._connections_made

    async def start(self, host: str = "localhost", ports: Sequence[int] = (0, 0, 0)) -> None:
        """Listen; a port of 0 takes a free one. Raises PortInUseError, and OSError for `host`."""
        loop = asyncio.get_running_loop()
        bound: list[tuple[str, list[socket.socket]]] = []
        try:
            for label, port in zip(LABELS, ports, strict=True):
                bound.append((label, bind(host, port)))
        except BaseException:
            for _, socks in bound:
                for sock in socks:
                    sock.close()
            raise
        for label, socks in bound:
            for sock in socks:
                server = await loop.create_server(
                    lambda label=label: Connection(self, label),  # type: ignore[misc]
                    sock=sock,
                    backlog=BACKLOG,
                )
                self._servers.append(server)
            self.urls[label] = f"http://{_url_host(host)}:{socks[0].getsockname()[1]}/flags"
        self._sweeper = asyncio.create_task(self._sweep())

    async def stop(self) -> None:
        """Stop listening, drop every connection, write the last entries; ports are free then."""
        self.stopping = True
        if self._sweeper:
            self._sweeper.cancel()
        for server in self._servers:
            server.close()
        self.begin_run({}, lambda entry: None)
        for connection in [c for found in self.connections.values() for c in found]:
            connection.abort()
        while any(self.connections.values()):
            await asyncio.sleep(0)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(1)
            now = monotonic()
            for connection in [c for found in self.connections.values() for c in found]:
                connection.sweep(now)


def bind(host: str, port: int) -> list[socket.socket]:
    """Sockets bound to `host` at one port, which is free to choose when 0.

    `localhost` is 127.0.0.1, and ::1 where there is one. Raises PortInUseError.
    """
    for _ in range(20):
        socks: list[socket.socket] = []
        try:
            for family, address in _addresses(host):
                wanted = port or (socks[0].getsockname()[1] if socks else 0)
                try:
                    socks.append(_bound(family, address, wanted))
                except OSError as exc:
                    # No IPv6 here is no fault, as long as there is IPv4.
                    if not (socks and exc.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)):
                        raise
            return socks
        except OSError as exc:
            for sock in socks:
                sock.close()
            if exc.errno == errno.EADDRINUSE and port == 0:
                continue
            if exc.errno == errno.EADDRINUSE:
                raise PortInUseError(
                    f"port {port} is in use: stop what listens there, "
                    "or choose other ports with --ports A,B,C or --ports auto"
                ) from None
            if exc.errno in (errno.EACCES, errno.EPERM):
                raise PortInUseError(
                    f"port {port} may not be used by this user: choose other ports "
                    "with --ports A,B,C or --ports auto"
                ) from None
            raise OSError(f"cannot listen on {host}: {exc.strerror or exc}") from None
    raise PortInUseError(f"no port is free on {host}")


def _addresses(host: str) -> list[tuple[socket.AddressFamily, str]]:
    if host == "localhost":
        return [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except UnicodeError:
        raise OSError(errno.EINVAL, "not a host name") from None
    return list(dict.fromkeys((family, str(address[0])) for family, _, _, _, address in found))


def _bound(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((address, port))
        sock.listen(BACKLOG)
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    return sock


def _url_host(host: str) -> str:
    if host in ("localhost", "0.0.0.0", "::", ""):  # noqa: S104 - where to reach it, not to bind
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
