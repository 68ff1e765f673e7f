"""One connection of a server: bytes in, requests in turn, bytes out, an ending as planned."""

import asyncio
import socket
import struct
from collections import deque
from time import monotonic
from typing import Protocol

from mockservers.faults import Hang, wait_s
from mockservers.http.listeners import unsent
from mockservers.http.request_parser import Expect, Line, Refused, RequestParser, Whole, whole_get
from mockservers.run_state import Ready, Request, Run, ServerRun
from mockservers.wire import Ending, RequestForm, refusal

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
CHUNK = 262_144
"""Body bytes handed to the operating system at once."""
LOOK_S = 0.002
"""Seconds between two looks at whether a client has received all."""
DRIP_S = 0.02
"""Seconds between two pieces of a dripping body, at least."""

_KEEP_ALIVE = RequestForm()


class House(Protocol):
    """What a connection knows of the servers: `mockservers.server.MockServers`."""

    run: Run
    server_runs: dict[str, ServerRun]
    connections: dict[str, set["Connection"]]
    refusing: set[str]

    def next_connection(self) -> int:
        """The number of a connection by order of arrival, from 1."""


class Connection(asyncio.Protocol):
    """One connection: requests in; replies out, one at a time, in the order of the requests.

    A request waits until it is whole and first in line (`_waiting`); then it is its turn (`_busy`):
    gate, delay, bytes (`_wire`), entry. A connection that will end reads no more requests
    (`_deaf`), answers those that wait, then closes its side and lingers (`_lingering`).
    """

    def __init__(self, house: House, label: str) -> None:
        self._house = house
        self._label = label
        self._conn = house.next_connection()
        self._run = house.run
        self._opened_s = house.run.now()
        self._transport: asyncio.Transport
        self._parser = RequestParser()
        self._mid_request = False
        """The parser has begun a request that is not whole."""
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
        """Accept the connection, or drop it where there are too many, or none are wanted now."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.set_write_buffer_limits(high=0)  # to be told when the last byte was taken
        connections = self._house.connections[self._label]
        if len(connections) >= MAX_CONNECTIONS or self._label in self._house.refusing:
            self.abort()
        connections.add(self)

    def data_received(self, data: bytes) -> None:
        """Count and queue the requests in `data`."""
        if self._lingering or self._deaf:
            return
        if not self._mid_request:
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
        self._mid_request = self._parser.mid_request
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
        # Not at once: a transport that is closed in here calls `connection_lost` twice.
        asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        if not self._transport.is_closing() and self._busy and not self._taken():
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

    def _answer_at_once(self, path: str, whole: Whole) -> None:
        """Take the turn of a GET that came whole and alone."""
        self._had_line = True
        server_run = self._house.server_runs[self._label]
        ready = server_run.ready(path, whole.asked)
        if ready and not ready.wait_s:
            self._serve(server_run, ready)
            return
        request = server_run.take_in(ready) if ready else server_run.arrive(Line("GET", path))
        request.whole = whole
        self._waiting.append(request)
        self._turn()

    def _serve(self, server_run: ServerRun, ready: Ready) -> None:
        """Send a reply that is ready and has no delay, and write its entry.

        What `take_in` and `_turn` would come to, without a `Request`.
        """
        run, code = server_run.run, ready.code
        run.requests = n = run.requests + 1
        server_run.attempts[code] = attempt = server_run.attempts.get(code, 0) + 1
        server_run.in_flight = in_flight = server_run.in_flight + 1
        start_s = monotonic() - run.began
        self._transport.write(ready.data)
        if not self._blocked and not self._transport.is_closing():
            server_run.in_flight -= 1
            start, end_s = f"{start_s:.6f}", monotonic() - run.began
            run.write_line(ready.entry % (n, self._conn, attempt, in_flight, start, start, end_s))
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
        if self._heard_all and isinstance(request.reply, Hang):
            self._transport.abort()  # nobody waits for it (`eof_received`)
            return
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
            asked = asked._replace(keep_alive=False)
        request.client_closed = self._heard_all
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
        self._reset_when_sent(monotonic() + IDLE_S)

    def _reset_when_sent(self, until: float) -> None:
        """Reset once the client has all that was planned: a reset throws away what it has not."""
        sock = self._transport.get_extra_info("socket")
        if not self._transport.is_closing() and unsent(sock.fileno()) and monotonic() < until:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(LOOK_S, self._reset_when_sent, until)
            return
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
        if self._mid_request and not self._deaf:
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
