"""Complete responses: other statuses, other bodies, other rates, other header fields."""

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, NamedTuple

from msgspec import Meta
from msgspec.structs import force_setattr, replace

from mockservers.kinds.base import Fault, Look, OfResource, Serve
from mockservers.kinds.chance import Chance, bytes_of, places_in
from mockservers.kinds.request import RequestForm
from mockservers.kinds.resource import Fields, Resource, ResourceInfo
from mockservers.kinds.response import BODILESS, Response, bodiless, whole
from mockservers.kinds.values import PlanError, SomeBytes, check, shorten

__all__ = ["Drip", "Flip", "Page", "Serve", "Status", "WrongType"]

StatusCode = Annotated[int, Meta(ge=201, le=999, description="a status code from 201 to 999")]
Statuses = Annotated[
    tuple[StatusCode, ...],
    Meta(
        min_length=1,
        max_length=1000,
        description="a status code from 201 to 999, or a list of 1 to 1000 of them",
    ),
]
Reason = Annotated[
    str,
    Meta(
        pattern=r"\A[\x20-\x7e]{0,200}\Z",
        description="printable ASCII of at most 200 characters",
    ),
]
HeaderPairs = Annotated[
    Fields, Meta(max_length=100, description="at most 100 header names with their values")
]
Text = Annotated[str, Meta(max_length=100_000, description="a text of at most 100000 characters")]
PageBytes = Annotated[
    int, Meta(ge=0, le=1_000_000, description="a number of bytes from 0 to 1000000")
]
ContentType = Annotated[
    str,
    Meta(
        pattern=r"\A[!-~]([ -~]{0,98}[!-~])?\Z",
        description="a media type in printable ASCII, of at most 100 characters",
    ),
]
BytesPerSecond = Annotated[
    float, Meta(ge=1, le=1e12, description="a number of bytes per second from 1 to 1e12")
]
FlipCount = Annotated[int, Meta(ge=1, le=10_000, description="a whole number from 1 to 10000")]

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_TAKEN = ("content-length", "transfer-encoding", "connection", "location", "uri")
_VALUE = re.compile(r"([\x21-\x7e]([\x20-\x7e\t]{0,4000}[\x21-\x7e])?)?")

HTML = "text/html"
SIGN_IN = "<!DOCTYPE html>\n<title>Sign in</title>\n<p>Sign in to use this network.</p>\n"
"""The body of `page`, where a plan has no other."""


class Status(Fault, frozen=True):
    """A complete response, whether there is a resource or not; without a body, or with a page."""

    status: Statuses
    """Status codes to draw from; a resolved fault has exactly one. In Python also one integer."""
    reason: Reason | None = None
    """Reason phrase; None: the usual one of the status."""
    headers: HeaderPairs = ()
    """Further header fields, in order; none that frames the response. Also a dictionary."""
    body: Text | None = None
    """The body; 204, 205 and 304 have none (RFC 9110, sections 6.4.1 and 15.3.6)."""
    body_bytes: PageBytes | None = None
    """The length of a body of drawn bytes, in place of `body` (SPEC.md, "The draw")."""
    content_type: ContentType | None = None
    """That of the body; None: HTML."""
    draw: str = ""
    """The text that those are drawn with: not part of a plan."""

    look = Look("refused", "rising")
    drawn = ("draw",)

    def __post_init__(self) -> None:
        """Take an integer and a dictionary, too; check the header fields."""
        status: object = self.status
        if isinstance(status, int):
            force_setattr(self, "status", (check("status", status, StatusCode),))
        if isinstance(self.headers, Mapping):
            force_setattr(self, "headers", tuple(self.headers.items()))
        super().__post_init__()
        names = [name for name, _ in self.headers]
        if self.body is not None and self.body_bytes is not None:
            raise PlanError(f"body_bytes: {self.body_bytes}: body is there already; one is enough")
        if self._body and "content-type" in map(str.lower, names):
            raise PlanError("headers: 'Content-Type': for a body it is the key content_type")
        if self.content_type is not None and self.body is None and self.body_bytes is None:
            raise PlanError(f"content_type: {shorten(self.content_type)}: there is no body")
        for name, count in Counter(names).items():
            if count > 1:
                raise PlanError(f"headers: {shorten(name)} is there {count} times")
        for name, value in self.headers:
            if not _NAME.fullmatch(name) or name.lower() in _TAKEN:
                wanted = "a header name that leaves framing and redirects alone"
                raise PlanError(f"headers: {shorten(name)} is not {wanted}")
            if not _VALUE.fullmatch(value):
                wanted = "a header value in printable ASCII"
                raise PlanError(f"headers.{name}: {shorten(value)} is not {wanted}")

    def resolved(self, chance: Chance) -> "Status":
        """See `Fault.resolved`."""
        delayed = super().resolved(chance)
        if self.body_bytes:
            delayed = delayed.with_drawn(draw=chance.text("bytes"))
        if len(self.status) == 1:
            return delayed
        index = int(chance.number("status") * len(self.status))
        return delayed.with_drawn(status=(self.status[index],))

    def response(self, form: RequestForm, info: ResourceInfo | None, path: str) -> Response:
        """See `Fault.response`."""
        status, body = self.status[0], self._body
        if not body or status in (*BODILESS, HTTPStatus.RESET_CONTENT):
            return bodiless(status, form, self.headers, self.reason)
        fields = (("Content-Type", self.content_type or HTML), *self.headers)
        return with_body(bodiless(status, form, fields, self.reason, len(body)), body, form)

    @property
    def _body(self) -> bytes:
        if self.body is not None:
            return self.body.encode("utf-8", "surrogatepass")
        return bytes_of(self.draw, self.body_bytes or 0)


class Page(Fault, frozen=True):
    """200 and a whole page in HTML, as a captive portal sends it, whether there is a resource or
    not.
    """

    body: Text = SIGN_IN

    look = Look("elsewhere", "dots")
    may_be_unclear = True

    def response(self, form: RequestForm, info: ResourceInfo | None, path: str) -> Response:
        """See `Fault.response`."""
        body = self.body.encode("utf-8", "surrogatepass")
        page = bodiless(200, form, (("Content-Type", HTML),), length=len(body))
        return replace(with_body(page, body, form), unclear=True)


def with_body(response: Response, body: bytes, form: RequestForm) -> Response:
    """The response with a body of its own; none for HEAD."""
    return replace(response, body=body, body_stop=0 if form.head_only else len(body))


class Drip(OfResource, frozen=True):
    """The resource, its body at an even rate, in pieces of `piece_bytes`."""

    bytes_per_s: BytesPerSecond
    piece_bytes: SomeBytes | None = None
    """None: as small as the clock allows."""

    look = Look("slow", "dots")

    def of_resource(self, form: RequestForm, info: ResourceInfo) -> Response:
        """See `OfResource.of_resource`."""
        served = whole(form, info)
        piece = self.piece_bytes or 1
        rate = self.bytes_per_s
        return served if form.head_only else replace(served, bytes_per_s=rate, piece=piece)


class WrongType(OfResource, frozen=True):
    """The whole resource, called `text/html`."""

    look = Look("broken", "plain")

    def of_resource(self, form: RequestForm, info: ResourceInfo) -> Response:
        """See `OfResource.of_resource`."""
        return whole(form, info._replace(content_type=HTML))


class Flip(OfResource, frozen=True):
    """The resource at its right length, `count` bytes of it wrong: all their bits are turned over.

    No client can tell without a digest of the right bytes (RFC 9530).
    """

    count: FlipCount = 1
    draw: str = ""
    """The text that the places are drawn with: not part of a plan."""

    look = Look("good", "cross")
    may_be_unclear = True
    gives_resource = False
    drawn = ("draw",)

    def resolved(self, chance: Chance) -> "Flip":
        """See `Fault.resolved`."""
        return super().resolved(chance).with_drawn(draw=chance.text("places"))

    def of_resource(self, form: RequestForm, info: ResourceInfo) -> Response:
        """See `OfResource.of_resource`."""
        flipped = _Flipped(self.draw, self.count)
        return replace(whole(form, info), made=flipped, unclear=not form.head_only)


class _Flipped(NamedTuple):
    """Turns bytes of a resource over."""

    draw: str
    wrong: int

    def __call__(self, resource: Resource) -> Resource:
        places = places_in(self.draw, self.wrong, resource.info.length)

        def read(start: int, stop: int) -> bytes:
            piece = bytearray(resource.read(start, stop))
            first, last = bisect_left(places, start), bisect_left(places, start + len(piece))
            for place in places[first:last]:
                piece[place - start] ^= 0xFF
            return bytes(piece)

        return Resource(resource.info, read, tag=resource.tag, unchanged=resource.unchanged)
