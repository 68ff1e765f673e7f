"""Bytes in, requests out: HTTP/1.x as a server hears it; no sockets, no clocks.

The request line is read here, everything after it by httptools. Here are also the bounds, and what
RFC 9112 asks a server to reject. httptools gets whole lines of a header section, and nothing of the
next request before this one is complete: what comes out never depends on how the bytes were cut.
"""

import re
from enum import Enum, auto
from typing import NamedTuple

import httptools

from mockservers.kinds.request import CONDITIONS, RequestForm, logged, members
from mockservers.kinds.resource import Fields

MAX_TARGET = 8_192
"""Longest request target, in bytes; a longer one is rejected with 414."""
MAX_HEAD = 65_536
"""Longest request line with its header section, in bytes; a longer one is rejected with 431."""
MAX_BODY = 1_048_576
"""Longest request body that is read (and thrown away), in bytes as sent; a longer one: 413."""

_MAX_LINE = MAX_TARGET + 64  # a method, the version, CRLF, and empty lines before them

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_HOST = rb"(?:(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+|\[[0-9A-Za-z.:%_~-]+\])"
# RFC 9112, section 3; without a version it is HTTP/0.9. No "#" and nothing but ASCII in a target.
_LINE = re.compile(rb"(%b) ([!\"$-~]+)(?: HTTP/([0-9])\.([0-9]))?\r\n" % _TOKEN)
_WHOLE_LINES = re.compile(rb"(?:[^\r\n]++\r\n)++(?:\r\n)?")  # of a header section, and its end
_LINE_SO_FAR = re.compile(rb"\r?\Z|%b(?: |\Z)" % _TOKEN)
_PATH = re.compile(  # origin-form and absolute-form: RFC 9112, section 3.2
    rb"(?:(?i:https?)://%b(?::[0-9]*)?|(?=/))((?:/[^?]*)?)(?:\?(.*))?" % _HOST
)
_AUTHORITY = re.compile(rb"%b:[0-9]+" % _HOST)
_HOST_FIELD = re.compile(rb"%b?(?::[0-9]*)?" % _HOST)

_USED = b"host connection content-length transfer-encoding expect accept-encoding".split()
_USED += CONDITIONS


class RequestLine(NamedTuple):
    """A request line is there: the request counts from now on."""

    method: str
    path: str
    """Raw path, percent-encoded as it came, without the query."""
    query: str | None = None
    """What came after its question mark, if there was one."""


class RequestComplete(NamedTuple):
    """The request of the last `RequestLine` has been read to its end."""

    form: RequestForm
    rejected: int | None = None
    """A status to answer it with, whatever the plan says: 405 for a method but GET and HEAD."""
    headers: Fields | None = None
    """Its header fields, if they are to be logged."""


class Continue(NamedTuple):
    """The client waits for permission to send its body (RFC 9110, section 10.1.1)."""


class BadRequest(NamedTuple):
    """What came cannot be served; nothing more will come out of this parser."""

    status: int
    reason: str
    headers: Fields | None = None
    """As those of `RequestComplete`, as far as they came."""


Event = RequestLine | RequestComplete | Continue | BadRequest


class _Part(Enum):
    """Which part of a request is being read."""

    LINE = auto()
    FIELDS = auto()
    BODY = auto()


class RequestParser:
    """The requests of one connection, in order; each is a `RequestLine`, then a `RequestComplete`.

    The last one is a request that ends the connection, or a `BadRequest`.
    """

    def __init__(self, *, log_headers: bool = False) -> None:
        self._log_headers = log_headers
        self._ended = False
        self._expect_request()

    @property
    def mid_request(self) -> bool:
        """Whether a request has begun and is not whole yet."""
        return not self._ended and (self._part is not _Part.LINE or bool(self._held))

    def feed(self, data: bytes) -> list[Event]:
        """What has become known with `data`, in order; after the last request always nothing.

        Never raises. Never holds more of a request than its header section or, after that, one
        trailer field; so MAX_HEAD and MAX_BODY bound its memory.
        """
        self._events: list[Event] = []
        at = 0
        while at < len(data) and not self._ended:
            bound = at + self._room
            piece = data[at : min(self._stop(data, at, bound), bound)]
            at += len(piece)
            self._room -= len(piece)
            match self._part:
                case _Part.LINE:
                    self._read_line(piece)
                case _Part.FIELDS:
                    self._read_fields(piece)
                case _:
                    self._read_body(piece)
        return self._events

    def _stop(self, data: bytes, at: int, bound: int) -> int:
        """How far to read `data` from `at` on: never beyond the end of a request.

        That is after the length it announced, or else after a line. A line at a time is slow, so
        the lines of a header section are read together as far as they are whole.
        """
        if self._part is _Part.BODY and self._left:
            return at + self._left
        if self._part is _Part.FIELDS and (lines := _WHOLE_LINES.match(data, at, bound)):
            return lines.end()
        return data.find(b"\n", at) + 1 or len(data)

    # --- what httptools calls --------------------------------------------------------

    def on_header(self, name: bytes, value: bytes) -> None:
        """A whole header field, or trailer field."""
        if self._headed:
            return
        value = value.strip(b" \t")
        if self._log_headers:
            self._lines.append((name, value))
        if (name := name.lower()) in _USED:
            self._fields.setdefault(name, []).append(value)

    def on_headers_complete(self) -> None:
        """The empty line after the header fields."""
        self._headed = True

    def on_message_complete(self) -> None:
        """The last byte of a request."""
        self._whole = True

    # --- the parts of a request ------------------------------------------------------

    def _expect_request(self) -> None:
        self._part = _Part.LINE
        self._room = _MAX_LINE  # bytes that may still come of this part
        self._held = bytearray()  # the beginning of an incomplete line
        self._fields: dict[bytes, list[bytes]] = {}
        self._lines: list[tuple[bytes, bytes]] = []  # all fields, where they are to be logged
        self._headed = self._whole = False

    def _read_line(self, piece: bytes) -> None:
        self._held += piece
        if bytes(self._held) in (b"\r\n", b"\n"):  # RFC 9112, section 2.2
            self._held.clear()
        elif not _LINE_SO_FAR.match(self._held):
            self._reject(400, "no request line")
        elif piece.endswith(b"\n"):
            self._begin(bytes(self._held))
        if not self._room:
            # RFC 9112, section 3: a method, or a target, that is longer than any to be served.
            status = 414 if b" " in self._held else 501 if self._held else 400
            self._reject(status, "request line too long")

    def _begin(self, line: bytes) -> None:
        match = _LINE.fullmatch(line)
        if match is None:
            self._reject(400, "no request line")
            return
        method, target, major, minor = match.groups()
        if len(target) > MAX_TARGET:
            self._reject(414, "request target too long")
            return
        path, query = _parts(method, target)
        self._method = method
        self._minor = 0 if minor == b"0" else 1  # RFC 9110, section 2.5: 1.2 is read as 1.1
        said = None if query is None else query.decode()
        self._events.append(RequestLine(method.decode(), (path or target).decode(), said))
        if major != b"1":
            self._reject(505, "not HTTP/1.0 or HTTP/1.1")
        elif path is None:
            self._reject(400, "request target of no known form")
        else:
            self._part = _Part.FIELDS
            self._room = MAX_HEAD - len(line)
            self._held.clear()
            # A new one: the last may expect no more HTTP. POST, for it does not know all methods.
            self._parser = httptools.HttpRequestParser(self)
            self._give(b"POST / HTTP/1.%d\r\n" % self._minor)

    def _read_fields(self, piece: bytes) -> None:
        self._held += piece
        if piece.endswith(b"\n"):
            self._give(bytes(self._held))
            self._held.clear()
        if self._headed and not self._ended:
            self._check_fields()
        elif not self._room:
            self._reject(431, "request head too long")

    def _check_fields(self) -> None:
        hosts = self._fields.get(b"host", [])
        codings = members(self._fields, b"transfer-encoding")
        # Without its zeros: int() refuses thousands of them. It has been read as a number before.
        length = int(self._fields.get(b"content-length", [b""])[0].lstrip(b"0") or 0)
        # httptools leaves a body after Upgrade to the other protocol: its end is unknown.
        unread = self._whole and bool(codings or length)
        if len(hosts) > 1 or (self._minor and not hosts):  # RFC 9112, section 3.2
            self._reject(400, f"{len(hosts)} Host fields")
        elif not all(map(_HOST_FIELD.fullmatch, hosts)):
            self._reject(400, "Host is no host")
        elif codings and (self._minor == 0 or codings[-1] != b"chunked"):  # RFC 9112, section 6
            self._reject(400, "Transfer-Encoding that is not chunked in the end, or in HTTP/1.0")
        elif len(codings) > 1:  # RFC 9112, section 6.1
            self._reject(501, "Transfer-Encoding besides chunked")
        elif length > MAX_BODY:
            self._reject(413, "request body too long")
        else:
            form = RequestForm.of(self._method, self._minor, self._fields)
            self._form = form._replace(keep_alive=False) if unread else form
            expects = b"100-continue" in members(self._fields, b"expect")
            if expects and self._minor and not self._whole:
                self._events.append(Continue())
            self._part = _Part.BODY
            self._room = MAX_BODY
            self._left = length  # bytes of a body of announced length that have not come yet
            self._read_body(b"")

    def _read_body(self, piece: bytes) -> None:
        if self._left:
            self._left -= len(piece)
        if piece:
            self._give(piece)
        if self._whole:
            allowed = self._method in (b"GET", b"HEAD")
            rejected = None if allowed else 405
            self._events.append(RequestComplete(self._form, rejected, self._logged()))
            self._ended = not self._form.keep_alive
            self._expect_request()
        elif not self._room:
            self._reject(413, "request body too long")

    def _give(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # there is no protocol to switch to: the request is answered as it stands
        except httptools.HttpParserError as exc:
            self._reject(400, str(exc))

    def _reject(self, status: int, reason: str) -> None:
        """Say so, once, and nothing from now on."""
        if not self._ended:
            self._events.append(BadRequest(status, reason, self._logged()))
        self._ended = True

    def _logged(self) -> Fields | None:
        return logged(self._lines) if self._log_headers else None


def _parts(method: bytes, target: bytes) -> tuple[bytes | None, bytes | None]:
    """Path and query of a request target; no path where its form does not fit the method."""
    if method == b"CONNECT":
        return (target if _AUTHORITY.fullmatch(target) else None), None
    if method == b"OPTIONS" and target == b"*":
        return target, None
    match = _PATH.fullmatch(target)
    return (match[1] or b"/", match[2]) if match else (None, None)
