"""What arrives during a run: requests, their numbers and attempts, responses and entries.

The plan decides what a request meets; a connection sends it; this module counts in between. There
are clocks and timers here, but no sockets.
"""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from time import monotonic, time

from msgspec import structs

from mockservers.faults import Fault, Hang
from mockservers.http.gate import HeldGate
from mockservers.journal import (
    AwayEntry,
    DigestEntry,
    GateEntry,
    Journal,
    NoJournal,
    RequestEntry,
    encode,
)
from mockservers.kinds.base import OfResource
from mockservers.kinds.body import Body
from mockservers.kinds.names import normalised
from mockservers.kinds.request import MAX_LOGGED_BYTES, RequestForm
from mockservers.kinds.resource import Catalogue, Fields, Resource
from mockservers.kinds.response import Response, rejection
from mockservers.kinds.selection import response_to, validators, version_of
from mockservers.plan import Plan, fate

FLUSH_S = 0.05
"""Seconds that a journal entry may wait to be written."""


class Run:
    """A run: where its entries go, its clock, and its numbering.

    A request belongs to the run in which its first byte arrived. A run ends when the next one
    begins; `over` is called then, as soon as the last of its requests has its entry and its digest.
    """

    def __init__(self, journal: Journal, over: Callable[[], None] = lambda: None) -> None:
        self.requests = 0  # how many have arrived: the number of the latest
        self.under_way = 0
        self.digests_asked = self.digests_written = 0  # of long bodies, in the same order
        self._digesting = ThreadPoolExecutor(1, "mockservers-digest")
        self._begun = 0  # requests whose line is incomplete
        self.began = monotonic()
        self._journal = journal
        self._over = over
        self._replaced = False
        self._flush: asyncio.TimerHandle | None = None

    @property
    def settled(self) -> bool:
        """Whether every request that has arrived has its entry and its digest."""
        return not self.under_way and self.digests_written == self.digests_asked

    def now(self) -> float:
        """Seconds since the run began, to the microsecond."""
        return round(monotonic() - self.began, 6)

    def write_line(self, line: bytes) -> None:
        """Write an entry, at most `FLUSH_S` from now."""
        self._journal.write_line(line)
        if self._flush is None:
            self._flush = asyncio.get_running_loop().call_later(FLUSH_S, self._flush_now)

    def _flush_now(self) -> None:
        self._flush = None
        self._journal.flush()

    def line_begins(self) -> None:
        """A request line arrives in parts; `line_ended` is due."""
        self._begun += 1

    def line_ended(self) -> None:
        """The request has arrived, or will not."""
        self._begun -= 1
        self._end_if_over()

    def request_ended(self, entry: bytes) -> None:
        """Write the entry of a request."""
        self.write_line(entry)
        self.under_way -= 1
        self._end_if_over()

    def digest_later(self, n: int, digest: Callable[[], str | None]) -> None:
        """Digest in a thread what request `n` was sent, one body at a time; a line follows."""
        self.digests_asked += 1
        found = asyncio.get_running_loop().run_in_executor(self._digesting, digest)
        found.add_done_callback(lambda _: self._digested(n, found.result()))

    def _digested(self, n: int, sha256: str | None) -> None:
        reason = None if sha256 else "the file has changed"
        self.write_line(encode(DigestEntry(n, sha256, reason)))
        self.digests_written += 1
        self._end_if_over()

    def retire(self) -> None:
        """The next run begins."""
        self._replaced = True
        self._end_if_over()

    def _end_if_over(self) -> None:
        if self._replaced and self.settled and not self._begun:
            self._digesting.shutdown()
            self._journal.flush()
            self._over()
            self._journal = NoJournal()


class ServerRun:
    """What one server counts during one run."""

    def __init__(
        self,
        label: str,
        plan: Plan,
        catalogue: Catalogue,
        run: Run,
        origins: Mapping[str, str] = {},
        listens: Callable[[], None] = lambda: None,
    ) -> None:
        self.label = label
        self.plan = plan
        self.catalogue = catalogue
        self.run = run
        self.gate = HeldGate(plan.gate, self._gate_opened) if plan.gate else None
        self.in_flight = self._ended = 0
        self.refuses = plan.refuse  # nothing is to listen at the port
        self._origins, self._listens = origins, listens
        self._attempts: dict[str, int] = {}  # how often a name was asked for

    def _gate_opened(self, held: int, filled: bool) -> None:
        entry = GateEntry(server=self.label, held=held, filled=filled, at_s=self.run.now())
        self.run.write_line(encode(entry))

    def arrive(self, method: str, path: str, query: str | None = None) -> "Request":
        """Take in a request line: number it, count it, look up its fate.

        Only a GET is an attempt; any other method meets what the next GET would meet. Attempts are
        counted for a code, and for a path with a rule or a resource; any other has attempt 1.
        """
        place = normalised(path)
        name = self.catalogue.name(place)
        resource = self.catalogue.find(place)
        code = None if name == place else name
        attempt: int | None = 1
        exists = resource is not None or place in self.plan.rules
        if (limit := self.plan.limit) and self.in_flight >= limit.in_flight:
            attempt = None
        elif code or (place.startswith("/") and exists):
            attempt = self.attempt(name, counts=method == "GET")
        if resource and resource.unchanged and resource.body is not None:
            resource = structs.replace(resource, body=None)  # it may have to wait for its turn
        fault = fate(self.plan, self.label, name, attempt, place).located(self._origins)
        counted = self.count()
        return Request(self, *counted, method, path, code, attempt, fault, resource, query=query)

    def alike(self, path: str, form: RequestForm, found: Resource | None) -> "Request | None":
        """A request for `path` that has begun its response, if all such requests get the same, in
        memory and at once. Its numbers and times are 0.
        """
        name, plan = self.catalogue.name(path), self.plan
        rule = plan.rules.get(path) or plan.rules.get(name) or ()
        if plan.per_attempt or len(rule) > 1 or plan.is_by_load or plan.ranges:
            return None
        fault, code = fate(plan, self.label, name, 1, path), None if name == path else name
        fault = fault.located(self._origins)
        request = Request(self, 0, 0, 0.0, "GET", path, code, 0, fault, found, form)
        response = request.respond(form)
        assert request.body
        request.first_byte_s = 0.0
        if request.wait_s or fault.uses_date or not response.is_at_once:
            return None
        kept = found is not None and found.body is not None and request.resource is found
        lasts = self.catalogue.in_memory or kept
        return request if lasts and not request.body.is_long else None

    def attempt(self, name: str, *, counts: bool = True) -> int:
        """The number of this attempt, from 1."""
        attempt = self._attempts.get(name, 0) + 1
        if counts:
            self._attempts[name] = attempt
        return attempt

    def count(self) -> tuple[int, int, float]:
        """Count a request that arrives; `leave` is due when it has ended. Gives its number in the
        run, how many are in flight on this server, and when it came.
        """
        run = self.run
        run.requests += 1
        run.under_way += 1
        self.in_flight += 1
        return run.requests, self.in_flight, monotonic() - run.began

    def answered(self, name: str, template: bytes, conn: int, came: float) -> int:
        """Count a request for `name` that has been answered at once, and write its entry.

        `template` is the entry, with places for n, conn, attempt, in_flight and three times; `came`
        is when the request came, by the monotonic clock. Gives the number of the request.
        """
        run, attempt = self.run, self._attempts.get(name, 0) + 1
        run.requests = n = run.requests + 1
        self._attempts[name] = attempt
        start_s = came - run.began
        times = start_s, start_s, monotonic() - run.began
        run.write_line(template % (n, conn, attempt, self.in_flight + 1, *times))
        return n

    def leave(self, entry: bytes) -> None:
        """A request has ended: write its entry."""
        self.in_flight -= 1
        self._ended += 1
        self.run.request_ended(entry)
        if (away := self.plan.away) and away.after_requests == self._ended:
            self.run.write_line(encode(AwayEntry(self.label, away.for_s, self.run.now())))
            loop = asyncio.get_running_loop()
            loop.call_soon(self._be_away, True)  # the response is under way still
            loop.call_later(away.for_s, self._be_away, False)

    def _be_away(self, away: bool) -> None:
        self.refuses = away or self.plan.refuse
        self._listens()


@dataclass(slots=True, eq=False)
class Request:
    """A request on its way, from its line to its entry."""

    server_run: ServerRun
    n: int
    in_flight: int
    start_s: float
    method: str
    path: str
    code: str | None
    attempt: int | None
    """None: it is beyond the limit of the plan."""
    fault: Fault
    resource: Resource | None
    form: RequestForm | None = None
    """Its form, once it has been read to its end."""
    rejected: int | None = None
    """The status with which the server rejects it on its own, if it does."""
    expects: bool = False
    """The client waits for permission to send its body (100 Continue)."""
    response: Response | None = None
    """The response, once it has begun."""
    client_closed: bool = False  # the client had closed its side before that
    silent: bool = False
    """Whether all planned bytes were sent, and a silence follows."""
    partial: bool = False  # some of the header section is still to be sent
    first_byte_s: float | None = None
    body: Body | None = None
    version: int | None = None
    query: str | None = None
    headers: Fields | None = None

    @property
    def hangs(self) -> bool:
        """Whether the plan is to send nothing more, and to wait."""
        return self.silent or (not self.rejected and isinstance(self.fault, Hang))

    @property
    def wait_s(self) -> float:
        """Seconds from its turn to the first byte, or the end."""
        return 0.0 if self.rejected else self.fault.wait_s

    def again(self, attempt: int, n: int, in_flight: int, start_s: float) -> "Request":
        """Another one that gets the same response."""
        assert self.response
        again = replace(self, attempt=attempt, n=n, in_flight=in_flight, start_s=start_s)
        again.body, again.first_byte_s = Body(self.response, self.resource), start_s
        return again

    def respond(self, form: RequestForm) -> Response:
        """Form the response; from now on it has begun."""
        now_s = int(time())
        if self.server_run.plan.ranges or self.fault.uses_date:
            form = form._replace(now_s=now_s)
        response = rejection(self.rejected, form) if self.rejected else self._planned(form, now_s)
        self.response, self.body = response, Body(response, self.resource)
        if response.head:
            self.first_byte_s = monotonic() - self.server_run.run.began
        return response

    def _planned(self, form: RequestForm, now_s: int) -> Response:
        plan, known = self.server_run.plan, None
        catalogue = self.server_run.catalogue
        if not catalogue.in_memory:  # what is there now; if it has gone, reading it will tell
            self.resource = catalogue.find(normalised(self.path)) or self.resource
        self.resource = resource = version_of(self.fault, self.resource)
        number = self.fault.sent_version if isinstance(self.fault, OfResource) else 0
        if resource and (number > 1 or (number and plan.ranges)):
            self.version = number
        if resource and plan.ranges:
            request = f"{self.n}.{self.server_run.run.began}"
            known = validators(resource, plan.etag, request, now_s)
        info = resource.info if resource else None
        self.fault, response = response_to(self.fault, form, info, self.path, known)
        return response

    def end(self, conn: int, *, complete: bool, client_gone: bool) -> None:
        """Leave, and write the entry."""
        if self.body and self.body.is_due:
            self.server_run.run.digest_later(self.n, self.body.digested_later)
        self.server_run.leave(encode(self.entry(conn, complete, client_gone)))

    def entry(self, conn: int, complete: bool, client_gone: bool) -> RequestEntry:
        """The journal entry of a request that ends now."""
        response, fault, body = None if self.partial else self.response, self.fault, self.body
        conditions = self.form.conditions if self.form else None
        return RequestEntry(
            n=self.n,
            conn=conn,
            server=self.server_run.label,
            method=self.method,
            path=self.path,
            query=self.query,
            code=self.code,
            attempt=self.attempt,
            limited=self.attempt is None,
            do=None if self.rejected else fault.do,
            status=response.status if response else None,
            range=conditions.range and conditions.range[:MAX_LOGGED_BYTES] if conditions else None,
            headers=self.headers,
            location=response.location if response else None,
            content_range=response.content_range if response else None,
            version=self.version if response else None,
            length=response.length if response else None,
            bytes_sent=body.sent if body else 0,
            unclear=response.unclear if response and fault.may_be_unclear else None,
            complete=complete,
            client_gone=client_gone,
            client_closed=self.client_closed,
            sha256=body.digest() if body else None,
            digest="later" if body and body.is_due else None,
            decoded=body.decoded() if body else None,
            in_flight=self.in_flight,
            delay_s=0.0 if self.rejected else fault.fixed_delay_s,
            start_s=round(self.start_s, 6),
            first_byte_s=None if self.first_byte_s is None else round(self.first_byte_s, 6),
            end_s=self.server_run.run.now(),
        )
