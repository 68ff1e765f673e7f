"""Everything that is here for speed: a GET that came whole, a response that is known before.

A server that plans nothing spends most of its time in `recv` and `send`. To stay near nginx's
cost (`bench/README.md`, CPU per request), three things are done once and kept: header
sections that clients send again and again are parsed once; the bytes of a response that is the
same at every attempt are joined once; its journal entry is a template, because building and
encoding one is a tenth of the cost of a request. The result is the same as without it, by way of
`RequestParser`, `ServerRun` and `Request`.
"""

import re
from dataclasses import replace

from msgspec import Struct, structs

from mockservers.http.request_parser import RequestComplete, RequestLine, RequestParser
from mockservers.journal import encode
from mockservers.kinds.body import Body
from mockservers.kinds.response import Ending, RequestForm
from mockservers.plan import fate
from mockservers.run_state import Arrival, Request, ServerRun

MAX_SECTIONS, MAX_SECTION_BYTES = 1024, 1024
"""How many header sections are kept, and the longest of them."""

_PLAIN_LINE = re.compile(rb"GET (/[0-9A-Za-z/._~-]{0,255}) HTTP/1\.1\r\n")
_INTEGERS = re.compile(rb'"(n|conn|attempt|in_flight)":0')
_TIMES = re.compile(rb'"(start_s|first_byte_s|end_s)":0\.0')
"""What differs from request to request. In a string of JSON, quotes are escaped: no match."""


# --- requests ------------------------------------------------------------------------------


class KnownHeaders:
    """What is known of header sections, without their request line."""

    def __init__(self, *, logged: bool = False) -> None:
        self.logged = logged
        """Whether they are to be logged, so that each request is parsed."""
        self._known: dict[bytes, RequestForm | None] = {}

    def whole_get(self, data: bytes) -> tuple[str, RequestForm] | None:
        """The path and form of `data`, where it is one complete and plain GET; else None."""
        line = None if self.logged else _PLAIN_LINE.match(data)
        if line is None:
            return None
        fields = data[line.end() :]
        if fields not in self._known:
            if len(fields) > MAX_SECTION_BYTES or len(self._known) >= MAX_SECTIONS:
                return None
            form = _parsed(fields)
            if form and form.conditions:  # they differ too much to be kept
                return line[1].decode(), form
            self._known[fields] = form
        form = self._known[fields]
        return (line[1].decode(), form) if form else None


def _parsed(fields: bytes) -> RequestForm | None:
    parser = RequestParser()
    match parser.feed(b"GET / HTTP/1.1\r\n" + fields):
        case [RequestLine(), RequestComplete(form, None)]:
            return form if form.keep_alive and not parser.mid_request else None
    return None


# --- responses -----------------------------------------------------------------------------


class Prepared(Struct, frozen=True, eq=False):
    """A response that is the same at every attempt, and is sent whole, at once, after no delay."""

    name: str
    body: bytes
    data: bytes
    """All of its bytes."""
    sent: Request
    """A request that got it."""
    template: bytes
    """Its journal entry, with places for n, conn, attempt, in_flight and the three times."""

    def entry(self, conn: int, attempt: int, arrival: Arrival, end_s: float) -> bytes:
        """The journal entry of a request that was answered so."""
        n, start_s = arrival.n, arrival.start_s
        return self.template % (n, conn, attempt, arrival.in_flight, start_s, start_s, end_s)

    def request(self, attempt: int, arrival: Arrival) -> Request:
        """The request that gets this response, if the client did not take all of it at once."""
        start_s = arrival.start_s
        assert self.sent.response is not None
        body = Body(self.sent.response, self.sent.resource)
        return replace(self.sent, attempt=attempt, arrival=arrival, first_byte_s=start_s, body=body)


class PreparedResponses:
    """The prepared responses of one server in one run, by path and form.

    Only paths with a name of their own, the codes, have any, so that memory is bounded.
    """

    def __init__(self, server_run: ServerRun) -> None:
        self._server_run = server_run
        self._prepared: dict[tuple[str, RequestForm], Prepared | None] = {}

    def find(self, path: str, form: RequestForm) -> Prepared | None:
        """The response to a GET of `path`, if it can be known before the request."""
        if form.conditions:
            return None
        key = (path, form)
        if key in self._prepared:
            return self._prepared[key]
        name = self._server_run.catalogue.name(path)
        if name == path:
            return None
        self._prepared[key] = prepared = _prepare(self._server_run, path, name, form)
        return prepared


def _prepare(server_run: ServerRun, path: str, name: str, form: RequestForm) -> Prepared | None:
    plan, catalogue = server_run.plan, server_run.catalogue
    rule = plan.rules.get(path) or plan.rules.get(name) or ()
    varies = plan.per_attempt or len(rule) > 1 or plan.gate or plan.ranges
    if varies or not catalogue.in_memory:
        return None
    fault, found = fate(plan, server_run.label, name, 1, path), catalogue.find(path)
    request = Request(server_run, Arrival(0, 0, 0.0), "GET", path, name, 0, fault, found, form)
    response = request.respond(form)
    assert request.body is not None
    if request.wait_s or response.bytes_per_s or response.ending is not Ending.KEEP:
        return None
    if request.body.is_long:
        return None
    body = request.body.read(response.body_stop)
    request.body.count(body)
    request.first_byte_s = 0.0
    return Prepared(name, body, response.head + body + response.tail, request, _template(request))


def _template(request: Request) -> bytes:
    entry = structs.replace(request.entry(0, complete=True, client_gone=False), end_s=0.0)
    escaped = encode(entry).replace(b"%", b"%%")
    return _TIMES.sub(rb'"\1":%.6f', _INTEGERS.sub(rb'"\1":%d', escaped))
