"""One connection of a server: bytes in, requests in turn, bytes out, an ending as planned.

How it works. A connection reads requests and sends responses at the same time, so its state is a
pair: what it does with bytes that come (`Reading`), and where it is with its responses (`Sending`).

Requests wait in the order of their lines. When the first one is complete, it is its turn: gate,
then delay (HELD), then bytes as fast as the client takes them (RESPONDING). When the operating
system has taken the last byte, the request gets its journal entry, which says what was sent. Then
it is the turn of the next one, or the connection is IDLE. Reading goes on meanwhile: a client may
send many requests at once. After `MAX_QUEUED` of them, reading pauses.

    Reading    what it means                           next
    BETWEEN    no request has begun                    PARTIAL, LAST, CLOSED
    PARTIAL    a request has begun, is not complete    BETWEEN, LAST, CLOSED
    LAST       bytes that come are thrown away         CLOSED
    CLOSED     the client has closed its side          -

    Sending    what it means                           next
    IDLE       no response has its turn                HELD, RESPONDING (a prepared one), ENDING
    HELD       the first request waits: gate, delay    RESPONDING
    RESPONDING bytes of the response are handed over   IDLE, ENDING
    ENDING     the client is to close, or a reset waits - (at most `LINGER_S` or `RESET_S`)
    DROPPED    the server aborts it                    - (comes from every state)

For example, a client sends two requests at once, the first is delayed, and the client half-closes:
(BETWEEN, HELD), FIN, (CLOSED, HELD), the time is up, (CLOSED, RESPONDING), the last byte is taken:
entry, (CLOSED, IDLE), `_next`, and the same again for the second, up to (CLOSED, ENDING).

LAST comes with a request that closes the connection, with bytes that are no request, and with
ENDING. A client that has closed its side may still read, so CLOSED stops neither HELD nor
RESPONDING, except in a `hang`, where nothing will come. While a connection is ENDING no request is
read; every other pair is possible (`ALLOWED`).
"""

import asyncio
from collections import deque
from collections.abc import Callable
from enum import Enum
from time import monotonic

from mockservers.http import request_parser
from mockservers.http.fast_path import KnownHeaders, Plain, Prepared, PreparedResponses
from mockservers.http.sender import Closing, Sender
from mockservers.journal import ConnectionEntry, encode
from mockservers.kinds.request import RequestForm
from mockservers.kinds.resource import Fields
from mockservers.kinds.response import Ending, Response, rejection
from mockservers.run_state import Request, ServerRun

MAX_CONNECTIONS = 10_000
"""Connections per server; further ones are closed at once."""
MAX_QUEUED = 64
"""Requests of one connection that wait for their turn before reading from it pauses."""
REQUEST_S = 30.0
"""Seconds for a request to arrive completely; then it is rejected with 408."""
IDLE_S = 75.0
"""Seconds that a connection may stay without a request, or bytes wait for the client to take."""

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_NO_LINE = request_parser.BadRequest(0, "ended without a request line")

Reading = Enum("Reading", "BETWEEN PARTIAL LAST CLOSED")
Sending = Enum("Sending", "IDLE HELD RESPONDING ENDING DROPPED")

_BETWEEN = Reading.BETWEEN  # read for every request, and slow to look up in an Enum
_READS = {_BETWEEN, Reading.PARTIAL}
_IN_TURN = (Sending.HELD, Sending.RESPONDING)  # the first request of the queue
ALLOWED = {s: {*Reading} for s in Sending} | {Sending.ENDING: {Reading.LAST, Reading.CLOSED}}
"""The states of reading that each state of sending can be with."""


class ServerState:
    """What the connections of one server share."""

    def __init__(self, label: str, headers: KnownHeaders, number: Callable[[], int]) -> None:
        self.label = label
        self.connections: set[Connection] = set()
        self.refusing = False  # nothing listens at the port
        self.headers = headers
        self.next_number = number  # of a connection, by order of arrival, from 1
        self.server_run: ServerRun
        self.prepared: PreparedResponses

    def begin(self, server_run: ServerRun) -> None:
        """Requests that arrive from now on belong to this run."""
        self.server_run = server_run
        self.prepared = PreparedResponses(server_run, self.headers)


class Connection(asyncio.Protocol):
    """One connection; the module says how it works."""

    def __init__(self, server: ServerState) -> None:
        self._server, self._conn = server, server.next_number()
        self._run = server.server_run.run
        self._opened_s = self._run.now()
        self._parser = request_parser.RequestParser(log_headers=server.headers.logged)
        self._reading, self._sending = Reading.BETWEEN, Sending.IDLE
        self.queue: deque[Request] = deque()  # those under way, in their order
        self._begun_in: ServerRun | None = None  # the run of an incomplete request line
        self._unserved: request_parser.BadRequest | None = _NO_LINE  # gets an entry
        self._rejected: int | None = None  # the status that was sent for it
        self._timer: asyncio.TimerHandle | None = None  # the end of a delay
        self._sender: Sender | None = None
        self._full = False  # the transport holds bytes that the client has not taken
        self._since = monotonic()  # when the time of `IDLE_S` began
        self._request_since = self._since  # when that of `REQUEST_S` did

    def _move(self, *, reading: Reading | None = None, sending: Sending | None = None) -> None:
        self._reading, self._sending = reading or self._reading, sending or self._sending
        assert self._reading in ALLOWED[self._sending], (self._reading, self._sending)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Accept the connection, or drop it where there are too many, or none are wanted now."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._closing = Closing(transport)
        self._socket: int = transport.get_extra_info("socket").fileno()
        transport.set_write_buffer_limits(high=0)  # `resume_writing` comes after the last byte
        if len(self._server.connections) >= MAX_CONNECTIONS or self._server.refusing:
            self.abort()
        self._server.connections.add(self)

    def data_received(self, data: bytes) -> None:
        """Count and queue the requests in `data`."""
        if self._reading is _BETWEEN:
            self._since = monotonic()
            alone = not self.queue and not self._server.refusing
            if alone and (found := self._server.prepared.find(data)):
                self._answer_at_once(found)
                return
            self._request_since = self._since
        elif self._reading not in _READS:
            return
        for event in self._parser.feed(data):
            self._take_in(event)
            if self._reading not in _READS or self._transport.is_closing():
                break
        else:
            partial = self._parser.mid_request
            self._move(reading=Reading.PARTIAL if partial else Reading.BETWEEN)
            if partial and not self._begun_in and not (self.queue and not self.queue[-1].form):
                self._begun_in = self._server.server_run
                self._begun_in.run.line_begins()
        if len(self.queue) >= MAX_QUEUED:
            self._transport.pause_reading()

    def _take_in(self, event: request_parser.Event) -> None:
        match event:
            case request_parser.RequestLine():
                self._unserved = None
                server_run = self._begun_in or self._server.server_run
                self.queue.append(server_run.arrive(*event))
                if self._begun_in:
                    self._begun_in = None
                    server_run.run.line_ended()
            case request_parser.Continue():
                if len(self.queue) == 1 and self._sending not in _IN_TURN:
                    self._transport.write(CONTINUE)
                else:
                    self.queue[-1].expects = True
            case request_parser.RequestComplete(form, rejected, headers):
                self._complete(form, rejected, headers)
            case request_parser.BadRequest():
                self._reject(event)

    def _complete(self, form: RequestForm, rejected: int | None, headers: Fields | None) -> None:
        """The last request of the queue has been read to its end."""
        request, self._request_since = self.queue[-1], monotonic()
        request.form, request.rejected, request.headers = form, rejected, headers
        if not form.keep_alive:
            self._move(reading=Reading.LAST)
        if len(self.queue) == 1 and self._sending not in _IN_TURN:
            self._turn()

    def eof_received(self) -> bool:
        """Close, unless responses are due: a client may close its sending side and still listen."""
        if self.queue and self.queue[-1].form is None:
            self.queue.pop().end(self._conn, complete=False, client_gone=True)
        self._move(reading=Reading.CLOSED)
        if not self.queue:
            return self._closing.resets
        # A client that half-closes during a `hang` has given up.
        return not (self._sending in _IN_TURN and self.queue[0].hangs)

    def pause_writing(self) -> None:
        """The client takes bytes more slowly than they come."""
        self._full, self._since = True, monotonic()

    def resume_writing(self) -> None:
        """The operating system has taken all it was given."""
        self._full = False
        # Not at once: a transport that is closed in here calls `connection_lost` twice.
        asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        if self._sender and self._sending is Sending.RESPONDING and not self._full:
            self._sender.go_on()

    def connection_lost(self, exc: Exception | None) -> None:
        """Account for what was under way."""
        self._server.connections.discard(self)
        if self._begun_in:
            self._begun_in.run.line_ended()
        for pending in (self._timer, self._sender, self._closing):
            if pending:
                pending.cancel()
        for request in self.queue:
            if request.server_run.gate:
                request.server_run.gate.forget(self)
        while self.queue:
            self._end(complete=False, client_gone=self._sending is not Sending.DROPPED)
        if self._unserved:
            what = self._conn, self._server.label, self._rejected, self._unserved.reason
            self._run.write_line(encode(ConnectionEntry(*what, self._opened_s, self._run.now())))

    def _answer_at_once(self, prepared: Prepared | Plain) -> None:
        """Respond to a GET that came complete and alone."""
        self._unserved = None
        server_run = self._server.server_run
        if not isinstance(prepared, Prepared):
            self.queue.append(server_run.arrive("GET", prepared[0]))
            self._complete(prepared[1], None, None)
            return
        taken = prepared.send(self._socket)
        if taken == len(prepared.data):
            prepared.used = server_run.answered(*prepared.known, self._conn, self._since)
            return
        # Not all was taken: from here on it is a request like any other.
        request = prepared.sent.again(server_run.attempt(prepared.known[0]), *server_run.count())
        self.queue.append(request)
        self._transport.write(prepared.data[taken:])
        self._respond(request, prepared.data)
        self._go_on()

    def _turn(self) -> None:
        """Respond to the first request of the queue: gate, delay, bytes."""
        self._move(sending=Sending.HELD)
        request = self.queue[0]
        if self._reading is Reading.CLOSED and request.hangs:
            self._transport.abort()  # the client has given up (`eof_received`)
            return
        gate = request.server_run.gate
        if gate and not gate.is_open and not request.rejected:
            gate.hold(self, self._after_gate)
        else:
            self._after_gate()

    def _after_gate(self) -> None:
        if wait_s := self.queue[0].wait_s:
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._send)
        else:
            self._send()

    def _send(self) -> None:
        if self._sending is not Sending.HELD:  # it was dropped meanwhile
            return
        request, form = self.queue[0], self.queue[0].form
        assert form is not None
        last = len(self.queue) == 1 and not self._unserved  # no rejection follows it
        if last and self._reading not in _READS:
            form = form._replace(keep_alive=False)
        request.client_closed = self._reading is Reading.CLOSED
        request.respond(form)
        self._respond(request).start()

    def _respond(self, request: Request, written: bytes = b"") -> Sender:
        self._move(sending=Sending.RESPONDING)
        ends = self._all_taken, self.abort
        self._sender = sender = Sender(self._transport, request, written, *ends)
        return sender

    def _all_taken(self, response: Response) -> None:
        """The response has ended: go on as planned."""
        self._end(complete=True, client_gone=False)
        match response.ending:
            case Ending.RESET:
                self._drop_queue()
                self._closing.end(response.open_s, reset=True)
            case Ending.CLOSE:
                self._linger(response.open_s)
            case Ending.KEEP:
                self._since = monotonic()
                if self._reading not in _READS and not self.queue and not self._unserved:
                    self._linger()  # the client closed its side while it was answered
                elif self.queue or self._unserved or self._server.refusing:
                    # Not at once: requests sent together must not nest as many calls.
                    asyncio.get_running_loop().call_soon(self._next)

    def _next(self) -> None:
        """Go on with the connection after a response."""
        if self._transport.is_closing() or self._sending is not Sending.IDLE:
            return
        if len(self.queue) < MAX_QUEUED and not self._transport.is_reading():
            self._transport.resume_reading()
        if self._server.refusing:
            self._linger()
        elif self.queue and self.queue[0].form:
            self._turn()
        elif self.queue and self.queue[0].expects:
            self._transport.write(CONTINUE)
        elif not self.queue and self._unserved:
            self._rejected = self._unserved.status
            self._transport.write(rejection(self._rejected, RequestForm(keep_alive=False)).head)
            self._linger()

    def _end(self, *, complete: bool, client_gone: bool) -> None:
        """The first request of the queue has ended."""
        if self._sending in _IN_TURN:
            self._move(sending=Sending.IDLE)  # what comes next is up to the caller
        self.queue.popleft().end(self._conn, complete=complete, client_gone=client_gone)

    def _reject(self, bad: request_parser.BadRequest) -> None:
        """Answer the incomplete request, or what is no request, with a status; then close."""
        if self.queue and self.queue[-1].form is None:
            self._complete(RequestForm(keep_alive=False), bad.status, bad.headers)
            return
        self._move(reading=Reading.LAST)
        self._unserved = bad
        if not self.queue:
            self._next()

    def _linger(self, after_s: float = 0.0) -> None:
        self._drop_queue()
        if self._reading is Reading.CLOSED:
            self._transport.close()
        else:
            self._closing.end(after_s, reset=False)

    def _drop_queue(self) -> None:
        while self.queue:
            self._end(complete=False, client_gone=False)
        closed = self._reading is Reading.CLOSED
        self._move(reading=None if closed else Reading.LAST, sending=Sending.ENDING)

    def sweep(self, now: float) -> None:
        """End what has taken too long; called every second."""
        if self._transport.is_closing():
            return
        waited_s, reading_s = now - self._since, now - self._request_since
        stuck = self._transport.get_write_buffer_size() > 0 or not self.queue
        if self._reading is Reading.PARTIAL and reading_s > REQUEST_S:
            self._reject(request_parser.BadRequest(408, "the request did not come whole in time"))
        elif stuck and waited_s > IDLE_S and self._sending is not Sending.ENDING:
            self._transport.abort()

    def abort(self) -> None:
        """Drop the connection; what is under way ends because of us."""
        self._move(sending=Sending.DROPPED)
        self._transport.abort()
