"""Responses and their framing: lengths, chunks, or no HTTP at all (RFC 9112, sections 6 and 7)."""

from typing import Annotated, Literal

from msgspec import Meta
from msgspec.structs import replace

from mockservers.kinds.base import Fault, Look, OfResource, Serve
from mockservers.kinds.chance import Chance
from mockservers.kinds.cut import Truncate
from mockservers.kinds.request import RequestForm
from mockservers.kinds.resource import ResourceInfo
from mockservers.kinds.response import Chunks, Ending, Response, ending, headed, whole
from mockservers.kinds.values import Bytes, SomeBytes

Cut = Annotated[Literal["chunk", "data", "end"], Meta(description="one of chunk, data, end")]
Off = Annotated[
    Literal["fewer", "more", "two", "with_chunked"],
    Meta(description="one of fewer, more, two, with_chunked"),
]

__all__ = ["BadChunk", "BadLength", "Chunked", "Garbage", "NoLength", "TooLong"]

SURPLUS = b"more than was announced\r\n" * 4
"""What `too_long` sends after the announced body."""
BAD_SIZE = b"this is no size\r\n"
"""What `bad_chunk` sends in place of its second chunk size."""
CHUNKED = ("Transfer-Encoding", "chunked")
TRAILER, TRAILER_END = "X-Trailer", b"X-Trailer: mockservers\r\n\r\n"
"""The name of the trailer field of `chunked`, and the trailer section."""
LAST_CHUNK = b"0\r\n"


class TooLong(OfResource, frozen=True):
    """The whole resource, and after the announced length bytes that do not belong to it."""

    look = Look("broken", "level")
    may_be_unclear = True

    def of_resource(self, form: RequestForm, info: ResourceInfo) -> Response:
        """See `OfResource.of_resource`."""
        if form.head_only:  # there is no body that could be bad
            return whole(form, info)
        # It announces a close: else the client would read the surplus as the next response.
        closed = whole(form._replace(keep_alive=False), info)
        return replace(closed, tail=SURPLUS, unclear=True)


class NoLength(OfResource, frozen=True):
    """No length is announced, `after_bytes` of the body are sent, then an orderly close.

    No client can tell that something is missing (RFC 9112, section 6.3, last case).
    """

    after_bytes: Bytes | None = None
    """None: half of the body."""

    look = Look("broken", "upright")
    may_be_unclear = True

    def of_resource(self, form: RequestForm, info: ResourceInfo) -> Response:
        """See `OfResource.of_resource`."""
        half = info.length // 2
        sent = half if self.after_bytes is None else min(self.after_bytes, info.length)
        stop = 0 if form.head_only else sent
        closing = headed(form._replace(keep_alive=False), info)
        return replace(closing, body_stop=stop, unclear=True)


class Garbage(Fault, frozen=True):
    """Bytes that are not HTTP, then an orderly close."""

    noise: bytes = b""
    """What is sent: drawn (SPEC.md, "The draw"), and not part of a plan."""

    look = Look("broken", "dots")
    silent_end = "garbage"
    drawn = ("noise",)

    def resolved(self, chance: Chance) -> "Garbage":
        """See `Fault.resolved`."""
        return super().resolved(chance).with_drawn(noise=chance.noise())

    def response(self, form: RequestForm, info: ResourceInfo | None, path: str) -> Response:
        """See `Fault.response`."""
        return Response(self.noise, 0, Ending.CLOSE, None, None)


class BadChunk(OfResource, frozen=True):
    """Chunked coding: half of the body in a good chunk, then a chunk size that is no number."""

    look = Look("broken", "cross")

    def effective(self, form: RequestForm, info: ResourceInfo | None) -> Fault:
        """HTTP/1.0 has no chunks: there, half of the body is missing instead."""
        if info and form.minor == 0:
            return self.instead(Truncate, after_bytes=info.length // 2)
        return super().effective(form, info)

    def of_resource(self, form: RequestForm, info: ResourceInfo) -> Response:
        """See `OfResource.of_resource`."""
        if form.head_only:
            return whole(form, info)
        chunked = headed(form, info, (CHUNKED,))
        half = info.length // 2
        # A chunk of no bytes would end a complete response (RFC 9112, section 7.1).
        size, end_of_chunk = (b"%x\r\n" % half, b"\r\n") if half else (b"", b"")
        tail = end_of_chunk + BAD_SIZE
        return replace(chunked, head=chunked.head + size, body_stop=half, tail=tail)


class Chunked(OfResource, frozen=True):
    """The resource in chunks of `chunk_bytes`, and a trailer field; or an orderly close before the
    end of the last one (RFC 9112, section 8: incomplete).
    """

    chunk_bytes: SomeBytes = 1024
    cut: Cut | None = None
    """Where it is cut. `chunk`: after a whole chunk, that in the middle. `data`: in the middle of
    that chunk. `end`: after the size of the last chunk, 0. None: nowhere.
    """

    look = Look("elsewhere", "rising")
    may_be_unclear = True

    def effective(self, form: RequestForm, info: ResourceInfo | None) -> Fault:
        """HTTP/1.0 has no chunks: half of the body is missing instead, or nothing."""
        if info and form.minor == 0:
            after = info.length // 2
            return self.instead(Truncate, after_bytes=after) if self.cut else self.instead(Serve)
        return super().effective(form, info)

    def of_resource(self, form: RequestForm, info: ResourceInfo) -> Response:
        """See `OfResource.of_resource`."""
        chunked = headed(form, info, (CHUNKED, ("Trailer", TRAILER)))
        if form.head_only:
            return replace(chunked, ending=ending(form))
        chunked = replace(chunked, chunks=Chunks(self.chunk_bytes, info.length))
        every_chunk = replace(chunked, body_stop=info.length, length=info.length)
        start, stop = _middle_chunk(self.chunk_bytes, info.length)
        match self.cut:
            case "chunk":
                return replace(chunked, body_stop=stop)
            case "data":
                half = (stop - start) // 2
                size = b"" if half or start == stop else b"%x\r\n" % (stop - start)
                return replace(chunked, body_stop=start + half, tail=size)
            case "end":  # clients differ in what they make of it
                return replace(every_chunk, tail=LAST_CHUNK, unclear=True)
            case None:
                return replace(every_chunk, tail=LAST_CHUNK + TRAILER_END, ending=ending(form))


def _middle_chunk(size: int, length: int) -> tuple[int, int]:
    """Where the chunk in the middle of a body begins and ends: of an even number, the earlier."""
    start = max(0, -(-length // size) - 1) // 2 * size
    return start, min(start + size, length)


class BadLength(OfResource, frozen=True):
    """A Content-Length that is not that of the body; the connection stays open except for `two`."""

    how: Off
    """`more`, `fewer`: it is `by` bytes too large, or too small, and the body is whole. `two`: the
    right one, and a second one that is `by` bytes larger, and then a close. `with_chunked`: the
    right one, and the body is in one chunk."""
    by: SomeBytes = 100

    look = Look("silent", "grid")
    may_be_unclear = True
    gives_resource = False

    def effective(self, form: RequestForm, info: ResourceInfo | None) -> Fault:
        """HTTP/1.0 has no chunks: half of the body is missing instead."""
        if info and form.minor == 0 and self.how == "with_chunked":
            return self.instead(Truncate, after_bytes=info.length // 2)
        return super().effective(form, info)

    def of_resource(self, form: RequestForm, info: ResourceInfo) -> Response:
        """See `OfResource.of_resource`."""
        length = info.length
        match self.how:
            case "more":
                said = headed(form, info, length=length + self.by)
                sent = replace(said, body_stop=length)
            case "fewer":
                fewer = max(0, length - self.by)
                said = headed(form, info, length=fewer)
                surplus = length - fewer
                sent = replace(said, body_stop=fewer, surplus=surplus, unclear=surplus > 0)
            case "two":
                form = form._replace(keep_alive=False)
                said = headed(form, info, (("Content-Length", str(length)),), length + self.by)
                sent = replace(said, body_stop=length, length=length, unclear=True)
            case "with_chunked":
                said = headed(form, info, (CHUNKED,), length)
                chunks, tail = Chunks(max(1, length), length), LAST_CHUNK + b"\r\n"
                sent = replace(said, body_stop=length, chunks=chunks, tail=tail, unclear=True)
        sent = replace(sent, ending=ending(form))
        none = {"body_stop": 0, "chunks": None, "surplus": 0, "tail": b"", "unclear": False}
        return replace(sent, **none) if form.head_only else sent
