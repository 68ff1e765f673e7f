"""Bytes in, requests out: HTTP/1.x as a server hears it; no sockets, no clocks.

httptools does the reading; here are the bounds, and what RFC 9112 asks a server to refuse.
"""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

import httptools

from mockservers.wire import RequestForm

MAX_TARGET = 8_192
"""Longest request target, in bytes; a longer one is refused with 414."""
MAX_HEAD = 65_536
"""Longest request head, in bytes; a longer one is refused with 431."""
MAX_BODY = 1_048_576
"""Longest request body that is read (and thrown away), in bytes; a longer one: 413."""

# A request line by RFC 9112, section 3, with any method.
_LINE = re.compile(rb"(?:\r?\n)*([!#$%&'*+.^_`|~0-9A-Za-z-]+) (\S+) HTTP/1\.[01]\r?\n")


@dataclass(frozen=True, slots=True)
class Line:
    """A request line is there: the request counts from now on."""

    method: str
    path: str
    """Raw path, percent-encoded as it came, without the query."""


@dataclass(frozen=True, slots=True)
class Whole:
    """The request of the last `Line` has been read to its end."""

    asked: RequestForm
    refused: int | None = None
    """A status to answer it with, whatever the plan says: 405 for a method but GET and HEAD."""


@dataclass(frozen=True, slots=True)
class Expect:
    """The client waits for leave to send its body (RFC 9110, section 10.1.1)."""


@dataclass(frozen=True, slots=True)
class Refused:
    """What came cannot be served; nothing more will come out of this parser."""

    status: int
    reason: str


Event = Line | Whole | Expect | Refused


class RequestParser:
    """The requests of one connection, in order; each is a `Line`, then a `Whole`."""

    def __init__(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._events: list[Event] = []
        self._refused = False
        self._expect_request()

    @property
    def mid_request(self) -> bool:
        """Whether a request has begun and is not whole yet."""
        return self._begun

    def feed(self, data: bytes) -> list[Event]:
        """What has become known with `data`, in order; after a Refused always nothing."""
        events = self._events = []
        while data and not self._refused:
            if self._in_head:
                self._head += data[: MAX_HEAD + 1 - len(self._head)]
            try:
                self._parser.feed_data(data)
                data = b""
            except httptools.HttpParserUpgrade as upgrade:
                # There is no protocol to switch to: the request is answered as it stands.
                self._parser = httptools.HttpRequestParser(self)
                data = data[upgrade.args[0] :]
            except httptools.HttpParserCallbackError:
                return events  # by _refuse, which has said why
            except httptools.HttpParserError as exc:
                self._events.append(Refused(self._note_odd_line(), str(exc)))
                self._refused = True
        if self._in_head and self._begun and not self._refused:
            self._note_line()
            if len(self._head) > MAX_HEAD:
                self._events.append(Refused(431 if self._lined else 414, "request head too long"))
                self._refused = True
        return events

    # --- what httptools calls --------------------------------------------------------

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        self._begun = True

    def on_url(self, url: bytes) -> None:
        """A piece of the request target."""
        self._target += url
        if len(self._target) > MAX_TARGET:
            self._refuse(414, "request target too long")

    def on_header(self, name: bytes, value: bytes) -> None:
        """A whole header field."""
        self._fields += len(name) + len(value) + 4
        if self._fields > MAX_HEAD:
            self._note_line(certain=True)
            self._refuse(431, "request head too long")
        match name.lower():
            case b"host":
                self._hosts += 1
            case b"content-length" | b"transfer-encoding" as framing:
                self._framing.add(framing)
            case b"expect" if value.lower() == b"100-continue":
                self._expects = True

    def on_headers_complete(self) -> None:
        """The empty line behind the header fields."""
        self._note_line(certain=True)
        self._in_head = False
        self._head.clear()
        version = self._parser.get_http_version()
        self._asked = RequestForm(
            head_only=self._parser.get_method() == b"HEAD",
            keep_alive=self._parser.should_keep_alive(),
            minor=0 if version == "1.0" else 1,
        )
        if version not in ("1.0", "1.1"):
            self._refuse(505, f"HTTP {version}")
        if self._hosts > 1 or (self._hosts == 0 and version == "1.1"):  # RFC 9112, section 3.2
            self._refuse(400, f"{self._hosts} Host fields")
        if len(self._framing) > 1:  # RFC 9112, section 6.1
            self._refuse(400, "both Content-Length and Transfer-Encoding")
        if self._expects and self._framing and version == "1.1":
            self._events.append(Expect())

    def on_body(self, body: bytes) -> None:
        """A piece of the request body."""
        self._body += len(body)
        if self._body > MAX_BODY:
            self._refuse(413, "request body too long")

    def on_message_complete(self) -> None:
        """The last byte of a request."""
        allowed = self._parser.get_method() in (b"GET", b"HEAD")
        self._events.append(Whole(self._asked, None if allowed else 405))
        self._expect_request()

    # --- state -----------------------------------------------------------------------

    def _expect_request(self) -> None:
        self._begun = False
        self._in_head = True
        self._lined = False
        self._expects = False
        self._head: bytearray = bytearray()
        self._target = b""
        self._fields: int = 0
        self._hosts: int = 0
        self._framing: set[bytes] = set()
        self._body: int = 0
        self._asked = RequestForm()

    def _note_line(self, *, certain: bool = False) -> None:
        """Tell of the request line, once, when all of it is there."""
        if self._lined or not self._target:
            return
        if certain or b"\n" in self._head.lstrip(b"\r\n"):
            self._lined = True
            method = self._parser.get_method().decode("ascii", "backslashreplace")
            target = self._target
            path = target.decode("ascii", "replace") if method == "CONNECT" else _path(target)
            self._events.append(Line(method, path))

    def _note_odd_line(self) -> int:
        """Tell of a line that httptools would not read, if it is one; the status for it."""
        self._note_line()
        match = _LINE.match(self._head)
        if self._lined or not match:
            return 400
        self._lined = True
        self._events.append(Line(match[1].decode(), _path(match[2])))
        return 400 if match[1] in (b"GET", b"HEAD") else 405

    def _refuse(self, status: int, reason: str) -> None:
        """Leave the parser from inside one of its callbacks."""
        self._events.append(Refused(status, reason))
        self._refused = True
        raise ValueError(reason)


def _path(target: bytes) -> str:
    text = target.decode("utf-8", "backslashreplace")
    if not text.startswith(("/", "*")):  # absolute-form: RFC 9112, section 3.2.2
        try:
            text = urlsplit(text).path or "/"
        except ValueError:
            return text
    return text.partition("?")[0]
