"""A response as exact bytes, what ends it, and how its header section is made."""

from enum import Enum, auto
from http import HTTPStatus
from typing import NamedTuple

from msgspec import Struct

from mockservers.kinds.resource import ResourceInfo

PHRASES = {status.value: status.phrase for status in HTTPStatus} | {
    # Python names these differently from version to version; RFC 9110, section 15.5.
    413: "Content Too Large",
    414: "URI Too Long",
    416: "Range Not Satisfiable",
    422: "Unprocessable Content",
}
"""The usual reason phrase of a status; a status that is not registered has none."""

Fields = tuple[tuple[str, str], ...]
"""Header fields, in order."""


class Ending(Enum):
    """What happens to the connection after the last planned byte."""

    KEEP = auto()
    """It stays open for the next request."""
    CLOSE = auto()
    """It is closed (FIN)."""
    RESET = auto()
    """It is reset (RST)."""


class RequestForm(NamedTuple):
    """The part of a request that decides the form of its response."""

    head_only: bool = False
    """HEAD: the header fields of a GET, no body (RFC 9110, section 9.3.2)."""
    keep_alive: bool = True
    """The client wants the connection to persist (RFC 9112, section 9.3)."""
    minor: int = 1
    """Minor HTTP version: 1.0 or 1.1."""
    gzip: bool = False
    """The client offers gzip (RFC 9110, section 12.5.3)."""


class Response(Struct, frozen=True):
    """The bytes of a response: `head`, the first `body_stop` bytes of the body, `tail`."""

    head: bytes
    """What is sent before the body: the header section, a part of it, or noise."""
    body_stop: int
    ending: Ending
    status: int | None
    """The status that a client can read; None where the header section is not sent whole."""
    length: int | None
    """Body bytes announced; None where no length is."""
    unclear: bool = False
    """Whether some correct clients call it a success, and others an error."""
    body: bytes | None = None
    """The body; None: that of the resource."""
    tail: bytes = b""
    """What is sent after the body and is no part of it."""
    bytes_per_s: float | None = None
    """The rate of the body; None: as fast as the client takes it."""
    location: str | None = None
    """Where a redirect leads."""


def whole(form: RequestForm, info: ResourceInfo, fields: Fields = ()) -> Response:
    """The resource with status 200 and its length."""
    described = (("Content-Type", info.content_type), *fields)
    head = header_section(200, form, described, info.length)
    stop = 0 if form.head_only else info.length
    return Response(head, stop, ending(form), 200, info.length)


def bodiless(
    status: int, form: RequestForm, fields: Fields = (), reason: str | None = None
) -> Response:
    """A complete response without a body."""
    # RFC 9110, section 8.6: no Content-Length with 204; with 304 it would be that of a 200.
    length = None if status in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED) else 0
    head = header_section(status, form, fields, length, reason)
    return Response(head, 0, ending(form), status, length)


def rejection(status: int, form: RequestForm) -> Response:
    """The response to a request that the server rejects on its own; the connection closes, except
    after a 405.
    """
    fields = (("Allow", "GET, HEAD"),) if status == HTTPStatus.METHOD_NOT_ALLOWED else ()
    keep_alive = status == HTTPStatus.METHOD_NOT_ALLOWED and form.keep_alive
    return bodiless(status, RequestForm(form.head_only, keep_alive, form.minor), fields)


def ending(form: RequestForm) -> Ending:
    """What a complete response does to the connection."""
    return Ending.KEEP if form.keep_alive else Ending.CLOSE


def header_section(
    status: int,
    form: RequestForm,
    fields: Fields,
    length: int | None,
    reason: str | None = None,
) -> bytes:
    """Status line and header fields; without a Content-Length where `length` is None."""
    phrase = PHRASES.get(status, "") if reason is None else reason
    lines = [f"HTTP/1.1 {status} {phrase}", "Server: mockservers"]
    lines += [f"{name}: {value}" for name, value in fields]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    # RFC 9112, section 9.3: 1.1 persists by default, 1.0 only on request.
    if not form.keep_alive:
        lines.append("Connection: close")
    elif form.minor == 0:
        lines.append("Connection: keep-alive")
    return "\r\n".join([*lines, "", ""]).encode("ascii")
