"""A response as exact bytes, what ends it, and how its header section is made."""

from email.utils import formatdate
from enum import Enum, auto
from http import HTTPStatus
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from mockservers.kinds.request import RequestForm
from mockservers.kinds.resource import Fields, Made, ResourceInfo

PHRASES = {status.value: status.phrase for status in HTTPStatus} | {
    # Python names these differently from version to version; RFC 9110, section 15.5.
    413: "Content Too Large",
    414: "URI Too Long",
    416: "Range Not Satisfiable",
    422: "Unprocessable Content",
}
"""The usual reason phrase of a status; a status that is not registered has none."""


DRIP_S = 0.02
"""Seconds between two pieces of a body with a rate, at least."""


class Ending(Enum):
    """What happens to the connection after the last planned byte."""

    KEEP = auto()
    """It stays open for the next request."""
    CLOSE = auto()
    """It is closed (FIN)."""
    RESET = auto()
    """It is reset (RST)."""


class Chunks(NamedTuple):
    """How a body is divided into chunks (RFC 9112, section 7.1)."""

    size: int
    """Bytes of each chunk but the last."""
    length: int
    """Bytes of the body, if nothing is missing."""

    def framed(self, piece: bytes, at: int) -> bytes:
        """Bytes of the body that begin at `at`, with the lines around each chunk."""
        framed, stop = bytearray(), at + len(piece)
        for start in range(at - at % self.size, stop, self.size):
            end = min(start + self.size, self.length)
            if start >= at:
                framed += b"%x\r\n" % (end - start)
            framed += piece[max(start - at, 0) : end - at]
            if end <= stop:
                framed += b"\r\n"
        return bytes(framed)


class Response(Struct, frozen=True):
    """The bytes of a response: `head`, the first `body_stop` bytes of the body, `tail`."""

    head: bytes
    """What is sent before the body: the header section, a part of it, or noise."""
    body_stop: int
    ending: Ending
    status: int | None
    """The status that a client can read; None where the header section is not sent whole."""
    length: int | None
    """Body bytes announced, or in chunks; None where no length is, or the last chunk is missing."""
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
    start: int = 0
    """Where in the resource the body begins."""
    content_range: str | None = None
    """The Content-Range field, if there is one."""
    silent_s: float = 0.0
    """Seconds of silence between the last byte and the end; less, if the client closes."""
    piece: int = 1
    """Bytes of a body with a rate that are sent at once, at least."""
    made: Made | None = None
    """What is done to the bytes of the resource; None: nothing."""
    decoded: int | None = None
    """Bytes of the body without its coding, if it is coded and can be decoded."""
    chunks: Chunks | None = None
    """How the body is divided into chunks, if it is."""
    surplus: int = 0
    """Bytes of the resource that are sent after the body, and before `tail`."""
    head_bytes_per_s: float | None = None
    """The rate of `head`; None: at once."""
    open_s: float = 0.0
    """Seconds from the last byte to the end of the connection, in which no request is read."""

    @property
    def is_at_once(self) -> bool:
        """Whether it is sent as fast as it is taken, and the connection stays open."""
        slow = self.bytes_per_s or self.head_bytes_per_s
        return not slow and self.ending is Ending.KEEP

    def due(self, sent: int, after_s: float) -> int:
        """Up to where the body is to be sent, so many seconds after its beginning."""
        if not self.bytes_per_s:
            return self.body_stop
        due = after_s * self.bytes_per_s
        whole_pieces = due if due >= self.body_stop else due - due % self.piece
        return min(self.body_stop, max(sent, int(whole_pieces)))

    def next_piece_s(self, sent: int) -> float:
        """When the next piece of the body is due, in seconds after its beginning."""
        assert self.bytes_per_s
        piece = max(self.piece, int(self.bytes_per_s * DRIP_S))
        return min(self.body_stop, sent + piece) / self.bytes_per_s


BODILESS = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)
"""Statuses that have no body (RFC 9110, section 6.4.1)."""


def whole(form: RequestForm, info: ResourceInfo, fields: Fields = ()) -> Response:
    """What is to be sent of the resource, with its length: all of it (200), or a part (206)."""
    return replace(
        headed(form, info, fields, info.length),
        body_stop=0 if form.head_only else info.length,
        ending=ending(form),
    )


def headed(
    form: RequestForm, info: ResourceInfo, fields: Fields = (), length: int | None = None
) -> Response:
    """The same without its body, and then a close; its length is announced if `length` is given."""
    content_range = None
    if info.status == HTTPStatus.PARTIAL_CONTENT and info.unit:
        content_range = f"{info.unit} {info.start}-{info.start + info.length - 1}/{info.total}"
        fields = (("Content-Range", content_range), *fields)
    described = (("Content-Type", info.content_type), *info.fields, *fields)
    head = header_section(info.status, form, described, length)
    return Response(
        head, 0, Ending.CLOSE, info.status, length, start=info.start, content_range=content_range
    )


def bodiless(
    status: int,
    form: RequestForm,
    fields: Fields = (),
    reason: str | None = None,
    length: int | None = 0,
) -> Response:
    """A complete response without a body; of another `length`, the body is the caller's."""
    # RFC 9110, section 8.6: no Content-Length with 204; with 304 it would be that of a 200.
    if status in BODILESS:
        length = None
    head = header_section(status, form, fields, length, reason)
    return Response(head, 0, ending(form), status, length)


def rejection(status: int, form: RequestForm) -> Response:
    """The response to a request that the server rejects on its own; the connection closes, except
    after a 405.
    """
    fields = (("Allow", "GET, HEAD"),) if status == HTTPStatus.METHOD_NOT_ALLOWED else ()
    keep_alive = status == HTTPStatus.METHOD_NOT_ALLOWED and form.keep_alive
    return bodiless(status, form._replace(keep_alive=keep_alive), fields)


def interim(status: int) -> bytes:
    """The header section of an interim response."""
    phrase = PHRASES.get(status, "")
    link = "Link: </>; rel=preload\r\n" if status == HTTPStatus.EARLY_HINTS else ""
    return f"HTTP/1.1 {status} {phrase}\r\n{link}\r\n".encode()


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
    if form.now_s is not None and not any(name.lower() == "date" for name, _ in fields):
        lines.append(f"Date: {http_date(form.now_s)}")
    lines += [f"{name}: {value}" for name, value in fields]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    # RFC 9112, section 9.3: 1.1 persists by default, 1.0 only on request.
    if not form.keep_alive:
        lines.append("Connection: close")
    elif form.minor == 0:
        lines.append("Connection: keep-alive")
    return "\r\n".join([*lines, "", ""]).encode("ascii")


def http_date(seconds: int) -> str:
    """`Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, section 5.6.7)."""
    return formatdate(seconds, usegmt=True)
