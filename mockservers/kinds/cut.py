"""Responses that end early or never begin, and connections that do."""

from typing import Annotated

from msgspec import Meta
from msgspec.structs import replace

from mockservers.kinds.base import Fault, Look, OfResource, Serve
from mockservers.kinds.request import RequestForm
from mockservers.kinds.resource import ResourceInfo
from mockservers.kinds.response import Ending, Response, whole
from mockservers.kinds.values import Bytes, Seconds

HeadBytes = Annotated[
    int, Meta(ge=1, le=11, description="a whole number from 1 to 11, less than a status takes")
]

__all__ = ["CloseAfter", "CutHeaders", "Empty", "Hang", "Reset", "Stall", "Truncate"]


class Empty(Fault, frozen=True):
    """The connection is closed in order, without a byte of response."""

    look = Look("silent", "plain")
    silent_end = "a close"

    def response(self, form: RequestForm, info: ResourceInfo | None, path: str) -> Response:
        """See `Fault.response`."""
        return Response(b"", 0, Ending.CLOSE, None, None)


class Reset(OfResource, frozen=True):
    """The connection is reset (RST) after `after_bytes` of the response, from its first byte."""

    after_bytes: Bytes = 0

    look = Look("silent", "rising")
    silent_end = "a reset"
    needs_resource = False

    @property
    def sends_resource(self) -> bool:
        """See `OfResource.sends_resource`."""
        return self.after_bytes > 0

    def effective(self, form: RequestForm, info: ResourceInfo | None) -> Fault:
        """Without a resource there is no byte to reset after: the plain 404."""
        return Serve(delay_s=self.delay_s) if info is None and self.after_bytes else self

    def response(self, form: RequestForm, info: ResourceInfo | None, path: str) -> Response:
        """See `Fault.response`."""
        if info is None:
            return Response(b"", 0, Ending.RESET, None, None)
        served = whole(form, info)
        if self.after_bytes < len(served.head):
            return Response(served.head[: self.after_bytes], 0, Ending.RESET, None, None)
        stop = min(self.after_bytes - len(served.head), served.body_stop)
        unclear = stop >= served.body_stop
        return replace(served, body_stop=stop, ending=Ending.RESET, unclear=unclear)


class Truncate(OfResource, frozen=True):
    """The full length is announced, `after_bytes` of the body are sent, then an orderly close."""

    after_bytes: Bytes = 0

    look = Look("broken", "rising")

    def of_resource(self, form: RequestForm, info: ResourceInfo) -> Response:
        """See `OfResource.of_resource`."""
        served = whole(form, info)
        if form.head_only or self.after_bytes >= served.body_stop:
            return served
        return replace(served, body_stop=self.after_bytes, ending=Ending.CLOSE)


class Stall(OfResource, frozen=True):
    """The full length is announced, `after_bytes` of the body are sent, then nothing: an orderly
    close `for_s` seconds later, or when the client closes. With `head_bytes`, nothing is sent but
    that part of the status line.
    """

    after_bytes: Bytes | None = None
    """None: half of the body."""
    for_s: Seconds = 60.0
    head_bytes: HeadBytes | None = None

    look = Look("silent", "cross")

    def of_resource(self, form: RequestForm, info: ResourceInfo) -> Response:
        """See `OfResource.of_resource`."""
        served = whole(form, info)
        if self.head_bytes:
            start = served.head[: self.head_bytes]
            return Response(start, 0, Ending.CLOSE, None, None, silent_s=self.for_s)
        after = info.length // 2 if self.after_bytes is None else self.after_bytes
        if form.head_only or after >= served.body_stop:
            return served
        return replace(served, body_stop=after, ending=Ending.CLOSE, silent_s=self.for_s)


class CutHeaders(OfResource, frozen=True):
    """The first `after_bytes` of the header section, then an orderly close; never all of it.

    After the status line, some clients take what they have for a whole header section.
    """

    after_bytes: Bytes | None = None
    """None: half of the header section."""

    look = Look("broken", "falling")
    may_be_unclear = True

    def of_resource(self, form: RequestForm, info: ResourceInfo) -> Response:
        """See `OfResource.of_resource`."""
        head = whole(form, info).head
        cut = len(head) // 2 if self.after_bytes is None else min(self.after_bytes, len(head) - 1)
        # Less than a status cannot be taken for a response.
        unclear = cut >= len(b"HTTP/1.1 200")
        return Response(head[:cut], 0, Ending.CLOSE, None, None, unclear)


class Hang(Fault, frozen=True):
    """No response: an orderly close `or_s` seconds after the delay, or when the client closes."""

    or_s: Seconds = 60.0

    look = Look("silent", "level")

    @property
    def wait_s(self) -> float:
        """See `Fault.wait_s`."""
        return super().wait_s + self.or_s

    def response(self, form: RequestForm, info: ResourceInfo | None, path: str) -> Response:
        """See `Fault.response`."""
        return Response(b"", 0, Ending.CLOSE, None, None)


class CloseAfter(OfResource, frozen=True):
    """The resource, in a response that keeps the connection open; an orderly close `after_s` later,
    or a reset. Meanwhile no request on this connection is read (RFC 9112, section 9.5).
    """

    after_s: Seconds = 0.0
    reset: bool = False

    look = Look("good", "falling")
    may_be_unclear = True

    def of_resource(self, form: RequestForm, info: ResourceInfo) -> Response:
        """See `OfResource.of_resource`."""
        end = Ending.RESET if self.reset else Ending.CLOSE
        served = whole(form, info)
        return replace(served, ending=end, open_s=self.after_s, unclear=self.reset)
