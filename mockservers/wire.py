"""A reply as exact bytes, and what ends it; pure, nothing is sent here."""

from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus
from typing import assert_never

from mockservers.faults import Empty, Reply, Reset, Serve, Status, Truncate

PHRASES = {status.value: status.phrase for status in HTTPStatus} | {
    # Python names these differently from version to version; RFC 9110, section 15.5.
    413: "Content Too Large",
    414: "URI Too Long",
    416: "Range Not Satisfiable",
    422: "Unprocessable Content",
}
"""The usual reason phrase of a status; one that is not registered has none."""


class Ending(Enum):
    """What happens to the connection when the last planned byte was handed over."""

    KEEP = "stays open for the next request"
    CLOSE = "closed in order"
    RESET = "reset (RST)"


@dataclass(frozen=True, slots=True)
class RequestForm:
    """What of a request decides the form of its reply."""

    head_only: bool = False
    """HEAD: the header fields of a GET, no body (RFC 9110, section 9.3.2)."""
    keep_alive: bool = True
    """The client wants the connection to persist (RFC 9112, section 9.3)."""
    minor: int = 1
    """Minor HTTP version: 1.0 or 1.1."""


@dataclass(frozen=True, slots=True)
class Found:
    """What of a resource decides the form of its reply."""

    length: int
    content_type: str


@dataclass(frozen=True, slots=True)
class Wire:
    """The bytes of a reply: `head`, then the first `body_stop` bytes of the resource."""

    head: bytes
    body_stop: int
    ending: Ending
    status: int | None
    """The status that a client can read; None where the head is not sent whole."""
    length: int | None
    """Body bytes announced; None where nothing is."""
    certain: bool = True
    """False where a client may or may not get what was sent: a reset behind the last byte."""


def render(reply: Reply, asked: RequestForm, found: Found | None) -> Wire:
    """The bytes of a resolved and effective `reply`; `found` is None for an absent resource."""
    match reply:
        case Serve():
            return _resource(asked, found) if found else _bodiless(404, None, (), asked)
        case Status(status, reason, headers):
            return _bodiless(status[0], reason, headers, asked)
        case Empty():
            return Wire(b"", 0, Ending.CLOSE, None, None)
        case Reset(after_bytes):
            return _reset(_resource(asked, found) if found else None, after_bytes)
        case Truncate(after_bytes):
            if found is None:
                raise ValueError("only a resource that exists can be truncated")
            whole = _resource(asked, found)
            if asked.head_only or after_bytes >= whole.body_stop:
                return whole
            return Wire(whole.head, after_bytes, Ending.CLOSE, whole.status, whole.length)
        case _:
            assert_never(reply)


def refusal(status: int, asked: RequestForm) -> Wire:
    """The reply to a request that no plan is asked about; the connection is closed after it."""
    headers = (("Allow", "GET, HEAD"),) if status == HTTPStatus.METHOD_NOT_ALLOWED else ()
    keep = status == HTTPStatus.METHOD_NOT_ALLOWED and asked.keep_alive
    return _bodiless(status, None, headers, RequestForm(asked.head_only, keep, asked.minor))


def _reset(whole: Wire | None, after_bytes: int) -> Wire:
    if whole is None or after_bytes == 0:
        return Wire(b"", 0, Ending.RESET, None, None)
    if after_bytes < len(whole.head):
        return Wire(whole.head[:after_bytes], 0, Ending.RESET, None, None)
    stop = min(after_bytes - len(whole.head), whole.body_stop)
    certain = stop < whole.body_stop
    return Wire(whole.head, stop, Ending.RESET, whole.status, whole.length, certain)


def _resource(asked: RequestForm, found: Found) -> Wire:
    head = _head(200, None, (("Content-Type", found.content_type),), found.length, asked)
    stop = 0 if asked.head_only else found.length
    return Wire(head, stop, _ending(asked), 200, found.length)


def _bodiless(
    status: int, reason: str | None, headers: tuple[tuple[str, str], ...], asked: RequestForm
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
