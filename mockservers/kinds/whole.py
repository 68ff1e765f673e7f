"""Complete responses: other statuses, other rates, other header fields."""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta
from msgspec.structs import force_setattr, replace

from mockservers.kinds.base import Fault, Look, OfResource, Serve
from mockservers.kinds.chance import Chance
from mockservers.kinds.resource import Fields, ResourceInfo
from mockservers.kinds.response import RequestForm, Response, bodiless, whole
from mockservers.kinds.values import PlanError, check, shorten

__all__ = ["Drip", "HugeHeaders", "Serve", "Status", "WrongType"]

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
BytesPerSecond = Annotated[
    float, Meta(ge=1, le=1e12, description="a number of bytes per second from 1 to 1e12")
]

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_TAKEN = ("content-length", "transfer-encoding", "connection", "location", "uri")
_VALUE = re.compile(r"([\x21-\x7e]([\x20-\x7e\t]{0,4000}[\x21-\x7e])?)?")

MANY_FIELDS = (
    *((f"X-Huge-{n}", "x" * 20) for n in range(1, 200)),
    ("X-Huge-200", "x" * 102_400),
)
"""The header fields of `huge_headers`."""


class Status(Fault, frozen=True):
    """A complete response without a body, whether there is a resource or not."""

    status: Statuses
    """Status codes to draw from; a resolved fault has exactly one. In Python also one integer."""
    reason: Reason | None = None
    """Reason phrase; None: the usual one of the status."""
    headers: HeaderPairs = ()
    """Further header fields, in order; none that frames the response. Also a dictionary."""

    look = Look("refused", "rising")

    def __post_init__(self) -> None:
        """Take an integer and a dictionary, too; check the header fields."""
        status: object = self.status
        if isinstance(status, int):
            force_setattr(self, "status", (check("status", status, StatusCode),))
        if isinstance(self.headers, Mapping):
            force_setattr(self, "headers", tuple(self.headers.items()))
        super().__post_init__()
        for name, count in Counter(name for name, _ in self.headers).items():
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
        if len(self.status) == 1:
            return delayed
        index = int(chance.number("status") * len(self.status))
        return delayed.with_drawn(status=(self.status[index],))

    def response(self, form: RequestForm, info: ResourceInfo | None, path: str) -> Response:
        """See `Fault.response`."""
        return bodiless(self.status[0], form, self.headers, self.reason)


class Drip(OfResource, frozen=True):
    """The resource, its body at an even rate."""

    bytes_per_s: BytesPerSecond

    look = Look("slow", "dots")

    def of_resource(self, form: RequestForm, info: ResourceInfo) -> Response:
        """See `OfResource.of_resource`."""
        served = whole(form, info)
        return served if form.head_only else replace(served, bytes_per_s=self.bytes_per_s)


class WrongType(OfResource, frozen=True):
    """The whole resource, called `text/html`."""

    look = Look("broken", "plain")

    def of_resource(self, form: RequestForm, info: ResourceInfo) -> Response:
        """See `OfResource.of_resource`."""
        return whole(form, info._replace(content_type="text/html"))


class HugeHeaders(OfResource, frozen=True):
    """The whole resource after 200 header fields, one of them of 100 KB."""

    look = Look("slow", "upright")
    may_be_unclear = True

    def of_resource(self, form: RequestForm, info: ResourceInfo) -> Response:
        """See `OfResource.of_resource`."""
        return replace(whole(form, info, MANY_FIELDS), unclear=True)
