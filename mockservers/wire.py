"""A reply as exact bytes, and what ends it; pure, nothing is sent here."""

from dataclasses import dataclass, replace
from enum import Enum, auto
from http import HTTPStatus
from typing import NamedTuple, assert_never
from urllib.parse import quote

from mockservers.faults import (
    BadChunk,
    BadGzip,
    CutHeaders,
    Drip,
    Empty,
    Garbage,
    Hang,
    HugeHeaders,
    NoLength,
    RateLimit,
    Redirect,
    RedirectLoop,
    Reply,
    Reset,
    Serve,
    Status,
    TooLong,
    Truncate,
    WrongType,
)

PHRASES = {status.value: status.phrase for status in HTTPStatus} | {
    # Python names these differently from version to version; RFC 9110, section 15.5.
    413: "Content Too Large",
    414: "URI Too Long",
    416: "Range Not Satisfiable",
    422: "Unprocessable Content",
}
"""The usual reason phrase of a status; one that is not registered has none."""

SURPLUS = b"more than was announced\r\n" * 4
"""What `too_long` sends behind the announced body."""

BAD_SIZE = b"this is no size\r\n"
"""What stands in place of the second chunk size of `bad_chunk`."""

BROKEN_GZIP = b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + b"\xff" * 54
"""A gzip header (RFC 1952) and a deflate block of the type that is reserved (RFC 1951)."""

MANY_FIELDS = (
    *((f"X-Huge-{n}", "x" * 20) for n in range(1, 200)),
    ("X-Huge-200", "x" * 102_400),
)
"""The header fields of `huge_headers`."""

_ACT_ON_RESOURCES = (
    Truncate | CutHeaders | TooLong | NoLength | Drip | BadChunk | BadGzip | WrongType | HugeHeaders
)


class Ending(Enum):
    """What happens to the connection when the last planned byte was handed over."""

    KEEP = auto()
    """It stays open for the next request."""
    CLOSE = auto()
    """It is closed in order."""
    RESET = auto()
    """It is reset (RST)."""


class RequestForm(NamedTuple):
    """What of a request decides the form of its reply."""

    head_only: bool = False
    """HEAD: the header fields of a GET, no body (RFC 9110, section 9.3.2)."""
    keep_alive: bool = True
    """The client wants the connection to persist (RFC 9112, section 9.3)."""
    minor: int = 1
    """Minor HTTP version: 1.0 or 1.1."""
    gzip: bool = False
    """The client offers gzip (RFC 9110, section 12.5.3)."""


@dataclass(frozen=True, slots=True)
class Found:
    """What of a resource decides the form of its reply."""

    length: int
    content_type: str


@dataclass(frozen=True, slots=True)
class Wire:
    """The bytes of a reply: `head`, the first `body_stop` bytes of the body, `tail`; its end."""

    head: bytes
    """What comes before the body: the head of the reply, or what is sent in its place."""
    body_stop: int
    ending: Ending
    status: int | None
    """The status that a client can read; None where the head is not sent whole."""
    length: int | None
    """Body bytes announced; None where nothing is."""
    certain: bool = True
    """False where it is up to the client whether the reply is a success."""
    body: bytes | None = None
    """The body; None: that of the resource."""
    tail: bytes = b""
    """What comes behind the body and is no part of it."""
    bytes_per_s: float | None = None
    """The rate of the body; None: as fast as it is taken."""
    location: str | None = None
    """Where a redirect leads."""


def effective(reply: Reply, asked: RequestForm, found: Found | None) -> Reply:
    """What a reply comes to for this request, and a resource that is there or not (None).

    A kind that damages framing or body acts on resources that exist; an absent one gets its
    plain, whole 404, after the same delay. What a client cannot take is truncated at half:
    chunks by HTTP/1.0, gzip where it was not offered.
    """
    in_the_middle = isinstance(reply, Reset) and reply.after_bytes > 0
    if found is None:
        acts_on_resources = isinstance(reply, _ACT_ON_RESOURCES) or in_the_middle
        return Serve(reply.delay_s) if acts_on_resources else reply
    if (isinstance(reply, BadChunk) and asked.minor == 0) or (
        isinstance(reply, BadGzip) and not asked.gzip
    ):
        return Truncate(found.length // 2, reply.delay_s)
    return reply


def render(reply: Reply, asked: RequestForm, found: Found | None, path: str = "/") -> Wire:
    """The bytes of a resolved and effective `reply`; `found` is None for an absent resource.

    `path` is the raw path that was asked for, to which a redirect loop leads back.
    """
    match reply:
        case Serve():
            return _resource(asked, found) if found else _bodiless(404, asked)
        case Status(status, reason, headers):
            return _bodiless(status[0], asked, headers, reason)
        case Redirect(to):
            return _redirect(to, asked)
        case RedirectLoop():
            to = quote(path, safe="/%:=&;+$,@!*'()~")
            # Two slashes would begin the name of a host (RFC 3986, section 4.2).
            return _redirect(f"/.{to}" if to.startswith("//") else to, asked)
        case RateLimit(retry_after_s):
            return _bodiless(429, asked, (("Retry-After", str(retry_after_s)),))
        case Empty() | Hang():
            return Wire(b"", 0, Ending.CLOSE, None, None)
        case Garbage(noise=noise):
            return Wire(noise, 0, Ending.CLOSE, None, None)
        case Reset(after_bytes):
            return _reset(_resource(asked, found) if found else None, after_bytes)
        case _ if found is None:
            raise ValueError(f"{reply} acts on resources that exist")
        case CutHeaders(after_bytes):
            return _cut_headers(_resource(asked, found).head, after_bytes)
        case HugeHeaders():
            return replace(_resource(asked, found, MANY_FIELDS), certain=False)
        case WrongType():
            return _resource(asked, replace(found, content_type="text/html"))
        case BadGzip():
            coded = Found(len(BROKEN_GZIP), found.content_type)
            coding = (("Content-Encoding", "gzip"),)
            return replace(_resource(asked, coded, coding), body=BROKEN_GZIP)
        case NoLength(after_bytes):
            return _no_length(asked, found, after_bytes)
        case Truncate() | TooLong() | Drip() | BadChunk() if asked.head_only:
            return _resource(asked, found)  # there is no body that could be bad
        case Truncate(after_bytes):
            whole = _resource(asked, found)
            if after_bytes >= whole.body_stop:
                return whole
            return replace(whole, body_stop=after_bytes, ending=Ending.CLOSE)
        case TooLong():
            # Announced, for the next request on the connection would be hit in place of this one.
            closed = _resource(asked._replace(keep_alive=False), found)
            return replace(closed, tail=SURPLUS, certain=False)
        case Drip(bytes_per_s):
            return replace(_resource(asked, found), bytes_per_s=bytes_per_s)
        case BadChunk():
            return _bad_chunk(asked, found)
        case _:
            assert_never(reply)


def refusal(status: int, asked: RequestForm) -> Wire:
    """The reply to a request that no plan is asked about; the connection is closed after it."""
    headers = (("Allow", "GET, HEAD"),) if status == HTTPStatus.METHOD_NOT_ALLOWED else ()
    keep = status == HTTPStatus.METHOD_NOT_ALLOWED and asked.keep_alive
    return _bodiless(status, RequestForm(asked.head_only, keep, asked.minor), headers)


def _reset(whole: Wire | None, after_bytes: int) -> Wire:
    if whole is None:
        return Wire(b"", 0, Ending.RESET, None, None)
    if after_bytes < len(whole.head):
        return Wire(whole.head[:after_bytes], 0, Ending.RESET, None, None)
    stop = min(after_bytes - len(whole.head), whole.body_stop)
    certain = stop < whole.body_stop
    return Wire(whole.head, stop, Ending.RESET, whole.status, whole.length, certain)


def _bad_chunk(asked: RequestForm, found: Found) -> Wire:
    coding = (("Content-Type", found.content_type), ("Transfer-Encoding", "chunked"))
    head = _head(200, None, coding, None, asked)
    half = found.length // 2
    # A chunk of no bytes would be the end of a whole reply (RFC 9112, section 7.1).
    size, end_of_chunk = (b"%x\r\n" % half, b"\r\n") if half else (b"", b"")
    return Wire(head + size, half, Ending.CLOSE, 200, None, tail=end_of_chunk + BAD_SIZE)


def _cut_headers(head: bytes, after_bytes: int | None) -> Wire:
    cut = len(head) // 2 if after_bytes is None else min(after_bytes, len(head) - 1)
    # With less than a status nobody can take it for a reply.
    certain = cut < len(b"HTTP/1.1 200")
    return Wire(head[:cut], 0, Ending.CLOSE, None, None, certain)


def _no_length(asked: RequestForm, found: Found, after_bytes: int | None) -> Wire:
    closing = asked._replace(keep_alive=False)
    head = _head(200, None, (("Content-Type", found.content_type),), None, closing)
    half = found.length // 2 if after_bytes is None else min(after_bytes, found.length)
    stop = 0 if asked.head_only else half
    return Wire(head, stop, Ending.CLOSE, 200, None, certain=False)


def _resource(asked: RequestForm, found: Found, headers: tuple[tuple[str, str], ...] = ()) -> Wire:
    fields = (("Content-Type", found.content_type), *headers)
    head = _head(200, None, fields, found.length, asked)
    stop = 0 if asked.head_only else found.length
    return Wire(head, stop, _ending(asked), 200, found.length)


def _redirect(to: str, asked: RequestForm) -> Wire:
    return replace(_bodiless(302, asked, (("Location", to),)), location=to)


def _bodiless(
    status: int,
    asked: RequestForm,
    headers: tuple[tuple[str, str], ...] = (),
    reason: str | None = None,
) -> Wire:
    # RFC 9110, section 8.6: no Content-Length with 204; with 304 it would be that of a 200.
    length = None if status in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED) else 0
    return Wire(_head(status, reason, headers, length, asked), 0, _ending(asked), status, length)


def _ending(asked: RequestForm) -> Ending:
    return Ending.KEEP if asked.keep_alive else Ending.CLOSE


def _head(
    status: int,
    reason: str | None,
    headers: tuple[tuple[str, str], ...],
    length: int | None,
    asked: RequestForm,
) -> bytes:
    if reason is None:
        reason = PHRASES.get(status, "")
    lines = [f"HTTP/1.1 {status} {reason}", "Server: mockservers"]
    lines += [f"{name}: {value}" for name, value in headers]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    # RFC 9112, section 9.3: 1.1 persists unless told, 1.0 only when told.
    if not asked.keep_alive:
        lines.append("Connection: close")
    elif asked.minor == 0:
        lines.append("Connection: keep-alive")
    return "\r\n".join([*lines, "", ""]).encode("ascii")
