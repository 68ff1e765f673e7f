"""The three servers: the room with sockets and clocks.

One event loop carries all of them. What a request meets was decided by `mockservers.plan`
and formed by `mockservers.wire`; here it happens, and becomes a journal entry when it ends,
however it ends. Nothing is judged here.
"""

import asyncio
import contextlib
import errno
import hashlib
import logging
import os
import socket
import struct
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from json.encoder import encode_basestring_ascii as quoted
from time import monotonic

from mockservers.catalogue import Catalogue, Resource
from mockservers.codes import CODE_OF_PATH, LABELS
from mockservers.faults import Hang, RedirectLoop, Reply, wait_s
from mockservers.journal import Entry, Journal, NoJournal, narrowed, request_template
from mockservers.parser import Expect, Line, Refused, RequestParser, Whole, whole_get
from mockservers.plan import Gate, Plan, fate
from mockservers.wire import Ending, RequestForm, Wire, effective, refusal, render

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
MAX_READY = 4096
"""Replies per server that are kept ready."""
BACKLOG = 4096
"""Connections that the operating system may hold before they are accepted."""
CHUNK = 262_144
"""Body bytes handed to the operating system at once."""
DRIP_S = 0.02
"""Seconds between two pieces of a dripping body, at least."""
FLUSH_S = 0.05
"""Seconds that a journal entry may wait to be written."""
ACCEPT_AGAIN_S = 0.1
"""Seconds until the next try to accept, when the operating system has no room."""
ACCEPT_AT_ONCE = 64
"""Connections accepted before others get their turn."""

_NO_ROOM = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)

_KEEP_ALIVE = RequestForm()

log = logging.getLogger("mockservers")


class PortInUseError(OSError):
    """A port that cannot be bound; the text says which, and what to do."""


class Run:
    """A run: where its entries go, its clock, and its numbering.

    A run ends when the next one begins; `over` is called then, as soon as the last of its
    requests has its entry. What comes later is not written down.
    """

    def __init__(self, journal: Journal, over: Callable[[], None] = lambda: None) -> None:
        self.requests = 0
        """How many have arrived: the number of the latest, by order of arrival."""
        self.under_way = 0
        self.began = monotonic()
        self._journal = journal
        self._over = over
        self._replaced = False
        self._flush: asyncio.TimerHandle | None = None

    def now(self) -> float:
        """Seconds since the run began, to the microsecond."""
        return round(monotonic() - self.began, 6)

    def write(self, entry: Entry) -> None:
        """Write an entry now."""
        self._journal.write(entry)

    def write_line(self, line: str) -> None:
        """Write an entry, at most `FLUSH_S` from now."""
        self._journal.write_line(line)
        if self._flush is None:
            self._flush = asyncio.get_running_loop().call_later(FLUSH_S, self._flush_now)

    def _flush_now(self) -> None:
        self._flush = None
        self._journal.flush()

    def left(self) -> None:
        """A request has its entry."""
        self.under_way -= 1
        if self._replaced and not self.under_way:
            self._end()

    def replace(self) -> None:
        """The next run begins."""
        self._replaced = True
        if not self.under_way:
            self._end()

    def _end(self) -> None:
        if self._flush:
            self._flush.cancel()
        self._journal.flush()
        self._over()
        self._journal = NoJournal()


class ServerRun:
    """What one server counts during one run."""

    def __init__(self, label: str, plan: Plan, catalogue: Catalogue, run: Run) -> None:
        self.label = label
        self.plan = plan
        self.run = run
        self.in_flight = 0
        self.gate = HeldGate(plan.gate, label, run) if plan.gate else None
        self.attempts: dict[str, int] = {}
        """How often a code, or a path, was asked for."""
        self._catalogue = catalogue
        self._ready: dict[tuple[str, RequestForm], Ready | None] = {}

    def arrive(self, line: Line) -> "Request":
        """Take in a request line: number it, count it, look up its fate.

        Only a GET is an attempt; any other method is told what the next GET would meet.
        Attempts are counted for codes, for paths with a rule and for what exists, so that memory
        is bounded.
        """
        path = line.path
        code = CODE_OF_PATH.get(path)
        name = code or path
        resource = self._catalogue.find(path)
        attempt = 1
        if code or (path.startswith("/") and (resource or path in self.plan.rules)):
            attempt = self.attempts.get(name, 0) + 1
            if line.method == "GET":
                self.attempts[name] = attempt
        self.in_flight += 1
        run = self.run
        run.requests += 1
        run.under_way += 1
        return Request(
            self,
            run.requests,
            line,
            code,
            attempt,
            fate(self.plan, self.label, name, attempt),
            resource,
            self.in_flight,
            monotonic() - run.began,
        )

    def ready(self, path: str, asked: RequestForm) -> "Ready | None":
        """The reply to a GET of `path`, where it can be known before; None elsewhere."""
        if path not in CODE_OF_PATH:
            return None
        key = (path, asked)
        if key not in self._ready:
            if len(self._ready) >= MAX_READY:
                self._ready.clear()
            self._ready[key] = self._make_ready(path, asked)
        return self._ready[key]

    def _make_ready(self, path: str, asked: RequestForm) -> "Ready | None":
        plan, code = self.plan, CODE_OF_PATH[path]
        rule = plan.rules.get(path) or plan.rules.get(code) or ()
        by_attempt = plan.per_attempt or len(rule) > 1
        if by_attempt or plan.gate or not self._catalogue.in_memory:
            return None
        resource = self._catalogue.find(path)
        found = resource.found if resource else None
        reply = effective(fate(plan, self.label, code, 1), asked, found)
        wire = render(reply, asked, found, path)
        if wait_s(reply) or wire.bytes_per_s or wire.ending is not Ending.KEEP:
            return None
        body = wire.body if wire.body is not None else resource.body if resource else b""
        assert body is not None
        if len(body) > CHUNK:
            return None
        body = body[: wire.body_stop]
        template = request_template(
            self.label, "GET", reply.do, wire.status, wire.length, len(body), True, False,
            _digest(body, len(body)) if body else None, wire.location,
        )  # fmt: skip
        line = narrowed(template, path, code, wait_s(reply))
        return Ready(Line("GET", path), code, reply, resource, wire, body, line)


@dataclass(frozen=True, slots=True, eq=False)
class Ready:
    """A reply that is the same at every attempt, and is sent at once and whole.

    It is what `ServerRun.arrive` and `Request.answer` would come to; to know it before takes two
    thirds off the server's own share in a request (bench/README.md).
    """

    line: Line
    code: str
    reply: Reply
    resource: Resource | None
    wire: Wire
    body: bytes
    entry: str
    """Its journal entry: `mockservers.journal.narrowed`."""
    data: bytes = field(init=False)
    """Every byte of it."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "data", self.wire.head + self.body + self.wire.tail)


class Request:
    """A request on its way, from its line to its entry."""

    __slots__ = (
        "attempt",
        "bytes_sent",
        "code",
        "expects",
        "first_byte_s",
        "in_flight",
        "line",
        "n",
        "reply",
        "resource",
        "server_run",
        "sha256",
        "start_s",
        "whole",
        "wire",
    )

    def __init__(
        self,
        server_run: ServerRun,
        n: int,
        line: Line,
        code: str | None,
        attempt: int,
        reply: Reply,
        resource: Resource | None,
        in_flight: int,
        start_s: float,
    ) -> None:
        self.server_run = server_run
        self.n = n
        self.line = line
        self.code = code
        self.attempt = attempt
        self.reply = reply
        self.resource = resource
        self.in_flight = in_flight
        self.start_s = start_s
        self.whole: Whole | None = None
        self.expects = False
        """The client waits for leave to send its body."""
        self.wire: Wire | None = None
        """The reply, once it has begun."""
        self.first_byte_s: float | None = None
        self.bytes_sent = 0
        self.sha256: hashlib._Hash | None = None
        """Of the bytes sent, where they are not in memory."""

    @property
    def delay_s(self) -> float:
        """The delay of its reply, which is resolved."""
        assert isinstance(self.reply.delay_s, int | float)
        return self.reply.delay_s

    @property
    def refused(self) -> int | None:
        """The status with which the server refuses it on its own, if it does."""
        return self.whole.refused if self.whole else None

    def answer(self, asked: RequestForm) -> Wire:
        """Form the reply."""
        refused = self.refused
        if refused:
            wire = refusal(refused, asked)
        else:
            found = self.resource.found if self.resource else None
            self.reply = effective(self.reply, asked, found)
            loops = isinstance(self.reply, RedirectLoop)
            wire = _rendered(self.reply, asked, found, self.line.path if loops else "/")
        self.wire = wire
        if wire.head:
            self.first_byte_s = monotonic() - self.server_run.run.began
        return wire

    def read(self, stop: int) -> bytes:
        """The next bytes of the body, up to `stop`; fewer when the file has shrunk, or gone."""
        if stop <= self.bytes_sent or self.wire is None:
            return b""
        if self.wire.body is not None:
            return self.wire.body[self.bytes_sent : stop]
        assert self.resource is not None
        try:
            return self.resource.read(self.bytes_sent, stop)
        except OSError:
            return b""

    def sent(self, piece: bytes) -> None:
        """Count bytes of the body."""
        if self.in_memory is None and piece:
            self.sha256 = self.sha256 or hashlib.sha256()
            self.sha256.update(piece)
        self.bytes_sent += len(piece)

    @property
    def in_memory(self) -> bytes | None:
        """The body, where it is in memory."""
        if self.wire and self.wire.body is not None:
            return self.wire.body
        return self.resource.body if self.resource else None

    def end(self, conn: int, *, complete: bool, client_gone: bool) -> None:
        """Write the entry."""
        run = self.server_run.run
        run.write_line(self.entry(conn, complete=complete, client_gone=client_gone))
        run.left()

    def entry(self, conn: int, *, complete: bool, client_gone: bool) -> str:
        """Leave, and give the journal entry as a line of JSON."""
        wire, run = self.wire, self.server_run.run
        self.server_run.in_flight -= 1
        digest = None
        if self.bytes_sent:
            body = self.in_memory
            digest = _digest(body, self.bytes_sent) if body else None
            digest = self.sha256.hexdigest() if self.sha256 else digest
        refused = self.refused
        template = request_template(
            self.server_run.label,
            self.line.method,
            None if refused else self.reply.do,
            wire.status if wire else None,
            wire.length if wire else None,
            self.bytes_sent,
            complete,
            client_gone,
            digest,
            wire.location if wire else None,
        )
        return template % (
            self.n,
            conn,
            quoted(self.line.path),
            f'"{self.code}"' if self.code else "null",
            self.attempt,
            self.in_flight,
            0 if refused else self.delay_s,
            f"{self.start_s:.6f}",
            "null" if self.first_byte_s is None else f"{self.first_byte_s:.6f}",
            f"{monotonic() - run.began:.6f}",
        )


_rendered = lru_cache(maxsize=4096)(render)


@lru_cache(maxsize=4096)
def _digest(body: bytes, stop: int) -> str:
    return hashlib.sha256(body[:stop]).hexdigest()


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
        self._run.write({**entry, "at_s": self._run.now()})
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
        self._dropped = False
        """It ends because of us, not of the client."""
        self._busy = False
        """It is the turn of the first of the waiting requests."""
        self._dripping_since = 0.0
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
            self.abort()
        connections.add(self)

    def data_received(self, data: bytes) -> None:
        """Count and queue the requests in `data`."""
        if self._lingering or self._deaf:
            return
        if not self._parser.mid_request:
            self._since = monotonic()
            idle = not self._waiting and self._label not in self._house.refusing
            plain = whole_get(data) if idle else None
            if plain:
                self._answer_at_once(*plain)
                return
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
            self._waiting.pop().end(self._conn, complete=False, client_gone=True)
        if self._lingering or not self._waiting:
            return False
        self._deaf = self._heard_all = True
        # One who closes while nothing is going to be said has stopped waiting for it.
        return not (self._busy and isinstance(self._waiting[0].reply, Hang))

    def pause_writing(self) -> None:
        """The client takes bytes more slowly than they come."""
        self._blocked = True
        self._since = monotonic()

    def resume_writing(self) -> None:
        """The operating system has taken all it was given."""
        self._blocked = False
        if self._busy and not self._taken():
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
            self._end(complete=False, client_gone=not self._dropped)
        if self._refusal or not self._had_line:
            reason = self._refusal or Refused(0, "ended without a request line")
            entry = {"type": "connection", "conn": self._conn, "server": self._label}
            entry |= {"status": reason.status or None, "reason": reason.reason}
            self._run.write({**entry, "start_s": self._opened_s, "end_s": self._run.now()})

    def _answer_at_once(self, line: Line, whole: Whole) -> None:
        """Take the turn of a request that came whole and alone."""
        self._had_line = True
        server_run = self._house.server_runs[self._label]
        ready = server_run.ready(line.path, whole.asked)
        if ready:
            self._serve(server_run, ready)
        else:
            request = server_run.arrive(line)
            request.whole = whole
            self._waiting.append(request)
            self._turn()

    def _serve(self, server_run: ServerRun, ready: Ready) -> None:
        """Send a reply that is ready, and write its entry."""
        run, code = server_run.run, ready.code
        run.requests = n = run.requests + 1
        server_run.attempts[code] = attempt = server_run.attempts.get(code, 0) + 1
        server_run.in_flight = in_flight = server_run.in_flight + 1
        start_s = monotonic() - run.began
        self._transport.write(ready.data)
        if not self._blocked and not self._transport.is_closing():
            server_run.in_flight -= 1
            end_s = monotonic() - run.began
            numbers = (n, self._conn, attempt, in_flight, start_s, start_s, end_s)
            run.write_line(ready.entry % numbers)
            return
        # Not all was taken: from here on it is a request like any other.
        run.under_way += 1
        request = Request(
            server_run,
            n,
            ready.line,
            code,
            attempt,
            ready.reply,
            ready.resource,
            in_flight,
            start_s,
        )
        request.whole = Whole(_KEEP_ALIVE)
        request.wire = ready.wire
        request.first_byte_s = start_s
        self._waiting.append(request)
        self._busy = True
        self._handed = ready.body

    # --- a request's turn ------------------------------------------------------------

    def _turn(self) -> None:
        """Reply to the first of the waiting requests: gate, delay, bytes."""
        self._busy = True
        request = self._waiting[0]
        gate = request.server_run.gate
        if gate and not gate.is_open and not request.refused:
            gate.hold(self, self._after_gate)
        else:
            self._after_gate()

    def _after_gate(self) -> None:
        request = self._waiting[0]
        wait = wait_s(request.reply)
        if wait and not request.refused:
            self._timer = asyncio.get_running_loop().call_later(wait, self._send)
        else:
            self._send()

    def _send(self) -> None:
        request = self._waiting[0]
        assert request.whole is not None
        asked = request.whole.asked
        if self._deaf and len(self._waiting) == 1 and not self._refusal:
            asked = replace(asked, keep_alive=False)
        wire = request.answer(asked)
        if wire.bytes_per_s:
            self._dripping_since = monotonic()
        self._send_on(wire.head)

    def _send_on(self, head: bytes = b"") -> None:
        """Hand bytes over until no more are taken at once, or the reply has ended."""
        transport, request = self._transport, self._waiting[0]
        wire = request.wire
        assert wire is not None
        while not transport.is_closing():
            start = request.bytes_sent
            stop = min(wire.body_stop, start + CHUNK)
            if wire.bytes_per_s:
                due = (monotonic() - self._dripping_since) * wire.bytes_per_s
                stop = min(stop, max(start, int(due)))
            self._handed = request.read(stop)
            if len(self._handed) < stop - start:  # the file has shrunk, or gone
                self.abort()
                return
            data = head + self._handed
            if stop == wire.body_stop:
                data += wire.tail
            if data:
                transport.write(data)
            if transport.is_closing() or self._blocked or self._taken():
                return
            if wire.bytes_per_s:
                self._wait_for_next_drop(wire.bytes_per_s, wire.body_stop)
                return
            head = b""

    def _wait_for_next_drop(self, bytes_per_s: float, body_stop: int) -> None:
        drops = max(1, int(bytes_per_s * DRIP_S))
        next_stop = min(body_stop, self._waiting[0].bytes_sent + drops)
        wait = self._dripping_since + next_stop / bytes_per_s - monotonic()
        self._timer = asyncio.get_running_loop().call_later(max(0.0, wait), self._send_on)

    def _taken(self) -> bool:
        """Count what was taken; at the end of the reply do as planned, and say True."""
        request = self._waiting[0]
        wire = request.wire
        if wire is None:
            return True
        request.sent(self._handed)
        self._handed = b""
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
                if self._deaf and not self._waiting and not self._refusal:
                    self._linger()  # the client closed its side while it was answered
                elif self._waiting or self._refusal or self._label in self._house.refusing:
                    # Not at once: requests sent together must not nest as many calls.
                    asyncio.get_running_loop().call_soon(self._next)
        return True

    def _grant(self) -> None:
        self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _next(self) -> None:
        if self._transport.is_closing() or self._busy or self._lingering:
            return
        if self._label in self._house.refusing:
            self._linger()
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
        self._busy = False
        self._waiting.popleft().end(self._conn, complete=complete, client_gone=client_gone)

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

    @property
    def idle(self) -> bool:
        """Whether no request is under way."""
        return not self._waiting

    def abort(self) -> None:
        """Drop the connection; what is under way ends because of us."""
        self._dropped = True
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
        self.refusing: set[str] = set()
        """The labels at whose ports nobody listens."""
        self.run: Run
        self.catalogue = catalogue
        self._connections_made = 0
        self._sockets: dict[str, list[socket.socket]] = {}
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
        for server_run in self.server_runs.values():
            if server_run.gate:
                server_run.gate.cancel()
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
        """Listen; a port of 0 takes a free one. Raises PortInUseError, and OSError for `host`."""
        try:
            for label, port in zip(LABELS, ports, strict=True):
                self._sockets[label] = bind(host, port)
        except BaseException:
            self._close_sockets()
            raise
        for label, socks in self._sockets.items():
            self.urls[label] = f"http://{_url_host(host)}:{socks[0].getsockname()[1]}/flags"
        self._listen_as_planned()
        self._sweeper = asyncio.create_task(self._sweep())

    async def stop(self) -> None:
        """Stop listening, drop every connection, write the last entries; ports are free then."""
        tasks = [task for tasks in self._accepting.values() for task in tasks]
        tasks += [*self._adopting, *([self._sweeper] if self._sweeper else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._close_sockets()
        self._begin_run({}, NoJournal())
        self.cancel_pending()
        while any(self.connections.values()):
            await asyncio.sleep(0)

    # --- listening -------------------------------------------------------------------

    def _listen_as_planned(self) -> None:
        """Listen, or refuse, at each port as its plan says."""
        for label, socks in self._sockets.items():
            refuses = self.server_runs[label].plan.refuse
            if refuses:
                self._refuse(label)
            elif not self._accepting[label]:
                self.refusing.discard(label)
                for sock in socks:
                    _set_reuse(sock, True)
                    sock.listen(BACKLOG)
                    task = asyncio.get_running_loop().create_task(self._accept(sock, label))
                    self._accepting[label].append(task)

    def _refuse(self, label: str) -> None:
        """Nobody listens any more; the port stays ours."""
        if label in self.refusing:
            return
        self.refusing.add(label)
        loop = asyncio.get_running_loop()
        for task in self._accepting[label]:
            task.cancel()
        self._accepting[label].clear()
        for place, sock in enumerate(self._sockets[label]):
            address = sock.getsockname()
            # There is no way to listen no longer but to close; then the port is bound again.
            with contextlib.suppress(NotImplementedError):
                loop.remove_reader(sock)
            sock.close()
            silent = _bound(sock.family, address[0], address[1], listen=False)
            _set_reuse(silent, False)  # so that nobody else may listen there
            self._sockets[label][place] = silent
        for connection in self._all_connections(label):
            if connection.idle:
                connection.abort()

    async def _accept(self, listener: socket.socket, label: str) -> None:
        loop = asyncio.get_running_loop()
        at_once = 0
        while True:
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

    def _close_sockets(self) -> None:
        for socks in self._sockets.values():
            for sock in socks:
                sock.close()
        self._sockets.clear()

    def _all_connections(self, *labels: str) -> list["Connection"]:
        return [c for label in labels or LABELS for c in self.connections[label]]

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(1)
            now = monotonic()
            for connection in self._all_connections():
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


def _bound(
    family: socket.AddressFamily, address: str, port: int, *, listen: bool = True
) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        _set_reuse(sock, True)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((address, port))
        if listen:
            sock.listen(BACKLOG)
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    return sock


def _set_reuse(sock: socket.socket, on: bool) -> None:
    if os.name == "posix":  # elsewhere it means that several may listen at one port
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, on)


def _url_host(host: str) -> str:
    if host in ("localhost", "0.0.0.0", "::", ""):  # noqa: S104 - where to reach it, not to bind
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
