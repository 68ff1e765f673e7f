"""Responses to a Range that are wrong, or more than a client expects (RFC 9110, section 14)."""

from typing import Annotated, Literal

from msgspec import Meta

from mockservers.kinds.base import Fault, Look, OfResource, Serve
from mockservers.kinds.chance import Chance, bytes_of
from mockservers.kinds.request import RequestForm
from mockservers.kinds.resource import ResourceInfo
from mockservers.kinds.response import Response, whole
from mockservers.kinds.selection import unsatisfied
from mockservers.kinds.whole import HTML, PageBytes, with_body

__all__ = ["BadRange", "Unsatisfiable"]

How = Annotated[
    Literal["ignored", "shift", "moved", "total", "unit", "missing", "short", "stale"],
    Meta(description="one of ignored, shift, moved, total, unit, missing, short, stale"),
]
Total = Annotated[
    Literal["right", "wrong", "absent"], Meta(description="one of right, wrong, absent")
]


class _ActsOnParts(OfResource, frozen=True):
    """Acts on a request with one range that can be met; any other gets a plain `serve`."""

    needs_ranges = True

    def effective(self, form: RequestForm, info: ResourceInfo | None) -> Fault:
        """See `Fault.effective`."""
        return self if info and info.status == 206 else self.instead(Serve)


class BadRange(_ActsOnParts, frozen=True):
    """A response to a Range that is not the part that was asked for, or says so."""

    how: How
    """`ignored`: the whole resource, with 200. `shift`: a part that begins one byte too early, or
    at byte 1, if there is one. `moved`: likewise, and as long as the part that was asked for.
    `total`: the length of the resource is called one byte more. `unit`: the range is called one of
    lines. `missing`: no Content-Range. `short`: the first half of the part. `stale`: the part,
    whatever If-Range says; of version 2 where no other is planned."""

    look = Look("elsewhere", "cross")

    @property
    def sent_version(self) -> int:
        """See `OfResource.sent_version`."""
        return max(2, self.version) if self.how == "stale" else self.version

    @property
    def heeds_if_range(self) -> bool:
        """See `OfResource.heeds_if_range`."""
        return self.how != "stale"

    def of_resource(self, form: RequestForm, info: ResourceInfo) -> Response:
        """See `OfResource.of_resource`."""
        stop = info.start + info.length
        match self.how:
            case "ignored":
                return whole(form, info._replace(length=info.total, status=200, start=0))
            case "shift" | "moved":
                start = info.start - 1 if info.start else min(1, info.total - 1)
                if self.how == "moved":
                    stop = min(start + info.length, info.total)
                return whole(form, info._replace(length=max(stop - start, 1), start=start))
            case "total":
                return whole(form, info._replace(total=info.total + 1))
            case "unit":
                return whole(form, info._replace(unit="lines"))
            case "missing":
                return whole(form, info._replace(unit=""))
            case "short":
                return whole(form, info._replace(length=(info.length + 1) // 2))
            case "stale":
                return whole(form, info)


class Unsatisfiable(_ActsOnParts, frozen=True):
    """416 to a Range that can be met."""

    total: Total = "right"
    """What Content-Range says of the length of the resource; `wrong`: one byte more."""
    body_bytes: PageBytes = 0
    """Drawn bytes of a body that comes with it."""
    draw: str = ""
    """The text that those are drawn with: not part of a plan."""

    look = Look("refused", "level")
    drawn = ("draw",)

    def resolved(self, chance: Chance) -> "Unsatisfiable":
        """See `Fault.resolved`."""
        delayed = super().resolved(chance)
        return delayed.with_drawn(draw=chance.text("bytes")) if self.body_bytes else delayed

    def of_resource(self, form: RequestForm, info: ResourceInfo) -> Response:
        """See `OfResource.of_resource`."""
        says = {"right": info.total, "wrong": info.total + 1}.get(self.total)
        content_range = None if says is None else f"bytes */{says}"
        described = (("Content-Type", HTML), *info.fields)
        fields = described if self.body_bytes else info.fields
        response = unsatisfied(form, fields, content_range, self.body_bytes)
        body = bytes_of(self.draw, self.body_bytes)
        return with_body(response, body, form) if body else response
