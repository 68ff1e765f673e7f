"""Responses whose framing is wrong: length, chunks, or no HTTP at all (RFC 9112, sections 6, 7)."""

from msgspec.structs import replace

from mockservers.kinds.base import Fault, Look, OfResource
from mockservers.kinds.chance import Chance
from mockservers.kinds.cut import Truncate
from mockservers.kinds.resource import ResourceInfo
from mockservers.kinds.response import Ending, RequestForm, Response, headed, whole
from mockservers.kinds.values import Bytes

__all__ = ["BadChunk", "Garbage", "NoLength", "TooLong"]

SURPLUS = b"more than was announced\r\n" * 4
"""What `too_long` sends after the announced body."""
BAD_SIZE = b"this is no size\r\n"
"""What `bad_chunk` sends in place of its second chunk size."""


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
        chunked = headed(form, info, (("Transfer-Encoding", "chunked"),))
        half = info.length // 2
        # A chunk of no bytes would end a complete response (RFC 9112, section 7.1).
        size, end_of_chunk = (b"%x\r\n" % half, b"\r\n") if half else (b"", b"")
        tail = end_of_chunk + BAD_SIZE
        return replace(chunked, head=chunked.head + size, body_stop=half, tail=tail)
