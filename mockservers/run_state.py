"""What arrives during a run: its requests, their numbers and attempts, replies and entries.

Between the plan, which says what a request meets, and the connection, on which it happens. Here
are clocks and timers, but no sockets.
"""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from json.encoder import encode_basestring_ascii as quoted
from time import monotonic

from mockservers.content.resources import Catalogue, Resource
from mockservers.faults import RedirectLoop, Reply, wait_s
from mockservers.flags2.arguments import CODE_OF_PATH
from mockservers.http.request_parser import Line, Whole
from mockservers.journal import Entry, Journal, NoJournal, narrowed, request_template
from mockservers.plan import Gate, Plan, fate
from mockservers.wire import Ending, RequestForm, Wire, effective, refusal, render

FLUSH_S = 0.05
"""Seconds that a journal entry may wait to be written."""
MAX_READY_BYTES = 262_144
"""Longest body of a reply that is kept ready."""


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
        """For a code there are as many as `RequestForm` has values, so that memory is bounded."""

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
        return self._number(
            line, code, attempt, fate(self.plan, self.label, name, attempt), resource
        )

    def ready(self, path: str, asked: RequestForm) -> "Ready | None":
        """The reply to a GET of `path`, where it can be known before; None elsewhere."""
        if path not in CODE_OF_PATH:
            return None
        key = (path, asked)
        ready = self._ready.get(key, ...)
        if ready is ...:
            ready = self._ready[key] = self._make_ready(path, asked)
        return ready

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
        if wire.bytes_per_s or wire.ending is not Ending.KEEP:
            return None
        body = wire.body if wire.body is not None else resource.body if resource else b""
        assert body is not None
        if len(body) > MAX_READY_BYTES:
            return None
        body = body[: wire.body_stop]
        template = request_template(
            self.label, "GET", reply.do, wire.status, wire.length, len(body), True, False, False,
            _digest(body, len(body)) if body else None, wire.location,
        )  # fmt: skip
        wait = wait_s(reply)
        entry = narrowed(template, path, code, wait)
        line, data = Line("GET", path), wire.head + body + wire.tail
        return Ready(line, code, asked, reply, resource, wait, wire, body, entry, data)

    def take_in(self, ready: "Ready") -> "Request":
        """As `arrive`, for a GET whose reply is ready."""
        code = ready.code
        self.attempts[code] = attempt = self.attempts.get(code, 0) + 1
        request = self._number(ready.line, code, attempt, ready.reply, ready.resource)
        request.ready = ready
        return request

    def _number(
        self, line: Line, code: str | None, attempt: int, reply: Reply, resource: Resource | None
    ) -> "Request":
        run = self.run
        self.in_flight += 1
        run.requests += 1
        run.under_way += 1
        start_s = monotonic() - run.began
        n, in_flight = run.requests, self.in_flight
        return Request(self, n, line, code, attempt, reply, resource, in_flight, start_s)


@dataclass(frozen=True, slots=True, eq=False)
class Ready:
    """A reply that is the same at every attempt, and is sent whole and all at once.

    It is what `ServerRun.arrive` and `Request.answer` would come to. To know it before is what lets
    the server keep pace with one that serves files and plans nothing (`bench`).
    """

    line: Line
    code: str
    asked: RequestForm
    reply: Reply
    resource: Resource | None
    wait_s: float
    wire: Wire
    body: bytes
    entry: str
    """Its journal entry: `mockservers.journal.narrowed`."""
    data: bytes
    """Every byte of it."""


class Request:
    """A request on its way, from its line to its entry."""

    __slots__ = (
        "attempt",
        "bytes_sent",
        "client_closed",
        "code",
        "expects",
        "first_byte_s",
        "in_flight",
        "line",
        "n",
        "ready",
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
        self.ready: Ready | None = None
        """Its reply, where that was known before."""
        self.expects = False
        """The client waits for leave to send its body."""
        self.wire: Wire | None = None
        """The reply, once it has begun."""
        self.client_closed = False
        """Whether the client had closed its side before that."""
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
        elif self.ready and self.ready.asked == asked:
            wire = self.ready.wire
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
        wire, run, ready = self.wire, self.server_run.run, self.ready
        self.server_run.in_flight -= 1
        end_s = monotonic() - run.began
        if ready and wire is ready.wire and complete and not self.client_closed:
            start, first = f"{self.start_s:.6f}", f"{self.first_byte_s:.6f}"
            return ready.entry % (self.n, conn, self.attempt, self.in_flight, start, first, end_s)
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
            self.client_closed,
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
            f"{end_s:.6f}",
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
        self._held: dict[object, Callable[[], None]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def hold(self, connection: object, go_on: Callable[[], None]) -> None:
        """Call `go_on` when the gate opens."""
        self._held[connection] = go_on
        if len(self._held) >= self._gate.hold_until_in_flight:
            self._open(filled=True)
        elif self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._gate.or_s, lambda: self._open(filled=False))

    def forget(self, connection: object) -> None:
        """The connection is gone: it counts no longer."""
        self._held.pop(connection, None)
        if not self._held:
            self._stop_waiting()

    def _stop_waiting(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _open(self, *, filled: bool) -> None:
        self.is_open = True
        self._stop_waiting()
        held, self._held = self._held, {}
        entry = {"type": "gate", "server": self._label, "held": len(held), "filled": filled}
        self._run.write({**entry, "at_s": self._run.now()})
        for go_on in held.values():
            go_on()
