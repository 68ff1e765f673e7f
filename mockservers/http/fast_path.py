"""Everything that is here for speed: a GET that came whole, a response that is known before.

Such a server spends most of its time in `recv` and `send`. To stay near nginx's cost
(`bench/README.md`), whole requests that come again are known by their bytes, header sections are
parsed once, and the bytes of a response and its journal entry are prepared. The result is the same
as without it, by way of `RequestParser`, `ServerRun` and `Request`.
"""

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from msgspec import structs

from mockservers.http.request_parser import RequestComplete, RequestLine, RequestParser
from mockservers.journal import template_of
from mockservers.kinds.request import RequestForm
from mockservers.run_state import Request, ServerRun

MAX_SECTIONS, MAX_SECTION_BYTES, MAX_REQUESTS = 1024, 1024, 4096
"""How many header sections are kept, the longest of them, and how many whole requests."""
KEPT_IN_ALL, OVERHEAD = 12_582_912, 2_048
"""Bytes of prepared responses of a server that are kept; and what each has beside its own bytes."""

_PLAIN_LINE = re.compile(rb"GET (/[0-9A-Za-z/._~-]{0,255}) HTTP/1\.1\r\n")


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


@dataclass(slots=True, eq=False)
class Prepared:
    """A response that is the same at every attempt, and is sent whole, at once, after no delay."""

    known: tuple[str, bytes]
    """Its name, and its journal entry: a template."""
    data: bytes
    """All of its bytes."""
    sent: Request
    """A request that got it."""
    unchanged: Callable[[], bool] | None
    """Whether its file is as it was; None where there is none."""
    used: int
    """The number of the last request that got it."""

    def send(self, to: int) -> int:
        """Send it to a socket, at half the cost of a transport; give how many bytes were taken."""
        try:
            return os.write(to, self.data)
        except OSError:  # there is no room, or no client: the transport will see
            return 0


Plain = tuple[str, RequestForm]
"""The path and form of a GET."""


class PreparedResponses:
    """The prepared responses of one server in one run."""

    def __init__(self, server_run: ServerRun, headers: KnownHeaders) -> None:
        self._server_run, self._headers = server_run, headers
        self._prepared: dict[Plain, Prepared | None] = {}
        """None for what cannot be prepared."""
        self._by_data: dict[bytes, Prepared] = {}
        self._bytes = 0

    def find(self, data: bytes) -> Prepared | Plain | None:
        """The response to `data`; else path and form, if it is one complete and plain GET."""
        known = self._by_data.get(data)
        if known is not None and (known.unchanged is None or known.unchanged()):
            return known
        plain = self._headers.whole_get(data)
        if plain is None or plain[1].conditions:
            return plain
        prepared = self._prepared.get(plain)
        if prepared and prepared.unchanged and not prepared.unchanged():
            self._forget([plain])
        if plain not in self._prepared:
            self._prepare(*plain)
        prepared = self._prepared.get(plain)
        if prepared:
            if len(self._by_data) >= MAX_REQUESTS:
                self._by_data.clear()
            self._by_data[data] = prepared
        return prepared or plain

    def _prepare(self, path: str, form: RequestForm) -> None:
        """Prepare the response to a GET of what lasts: in memory, or a file that is kept there."""
        catalogue = self._server_run.catalogue
        name, found = catalogue.name(path), catalogue.find(path)
        lasts = catalogue.in_memory and name != path
        if found:  # what is kept is the same again
            known = catalogue.in_memory or found.unchanged is not None
            lasts = known and catalogue.find(path) is found
        if lasts:
            request = self._server_run.alike(path, form, found)
            prepared = _prepared(name, request) if request else None
            self._prepared[path, form] = prepared
            self._bytes += _room(prepared)
        if self._bytes > KEPT_IN_ALL:  # those that were not used for longest go
            by_use = sorted(self._prepared.items(), key=lambda item: item[1].used if item[1] else 0)
            self._forget([plain for plain, _ in by_use[: len(by_use) // 2]])

    def _forget(self, plains: Iterable[Plain]) -> None:
        for plain in plains:
            self._bytes -= _room(self._prepared.pop(plain))
        self._by_data.clear()


def _room(prepared: Prepared | None) -> int:
    return OVERHEAD + len(prepared.data) if prepared else OVERHEAD


def _prepared(name: str, request: Request) -> Prepared:
    response, resource = request.response, request.resource
    assert response
    assert request.body
    body, unchanged = request.body.read(response.body_stop), None
    data = response.head + request.body.framed(body)
    request.body.count(body)
    template = template_of(request.entry(0, complete=True, client_gone=False))
    if resource and resource.unchanged:
        unchanged, request.resource = resource.unchanged, structs.replace(resource, body=None)
    return Prepared((name, template), data, request, unchanged, request.server_run.run.requests)
