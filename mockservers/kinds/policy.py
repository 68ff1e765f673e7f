"""Responses that send a client elsewhere, or ask it to wait."""

import re
from collections.abc import Mapping
from typing import Annotated, Literal
from urllib.parse import quote

from msgspec import Meta
from msgspec.structs import replace

from mockservers.kinds.base import Fault, Look
from mockservers.kinds.request import RequestForm
from mockservers.kinds.resource import ResourceInfo
from mockservers.kinds.response import Response, bodiless, http_date
from mockservers.kinds.values import PlanError
from mockservers.kinds.whole import Reason

__all__ = ["RateLimit", "Redirect", "RedirectLoop"]

Target = Annotated[
    str,
    Meta(
        pattern=r"\A[\x21-\x7e]{1,4000}\Z",
        description="a URL or a path in printable ASCII without spaces, of 1 to 4000 characters",
    ),
]
RedirectStatus = Annotated[
    Literal[301, 302, 303, 307, 308], Meta(description="301, 302, 303, 307 or 308")
]
LimitStatus = Annotated[Literal[429, 503], Meta(description="429 or 503")]
WholeSeconds = Annotated[
    int, Meta(ge=0, le=1_000_000, description="a whole number of seconds from 0 to 1000000")
]
DateIn = Annotated[
    int,
    Meta(
        ge=-1_000_000,
        le=1_000_000,
        description="a whole number of seconds from -1000000 to 1000000",
    ),
]

_ORIGIN = re.compile(r"\{([A-Z]+)\}")


class Redirect(Fault, frozen=True):
    """A redirect to another place (RFC 9110, section 15.4)."""

    to: Target
    """A URL of any scheme, or a path on the same server: the value of the Location field.
    `{LOCAL}`, `{DELAY}` or `{ERROR}` at its beginning stands for the origin of that server."""
    status: RedirectStatus = 302

    look = Look("elsewhere", "level")

    def located(self, origins: Mapping[str, str]) -> "Redirect":
        """See `Fault.located`."""
        named = _ORIGIN.match(self.to)
        if named is None or named[1] not in origins:
            return self
        return self.with_drawn(to=origins[named[1]] + self.to[named.end() :])

    def response(self, form: RequestForm, info: ResourceInfo | None, path: str) -> Response:
        """See `Fault.response`."""
        return redirect(self.to, form, self.status)


class RedirectLoop(Fault, frozen=True):
    """302 to the very same path: each hop is the next attempt."""

    look = Look("elsewhere", "upright")
    uses_path = True

    def response(self, form: RequestForm, info: ResourceInfo | None, path: str) -> Response:
        """See `Fault.response`."""
        to = quote(path, safe="/%:=&;+$,@!*'()~")
        # Two slashes would begin the name of a host (RFC 3986, section 4.2).
        return redirect(f"/.{to}" if to.startswith("//") else to, form)


class RateLimit(Fault, frozen=True):
    """429 (RFC 6585, section 4), or 503, with a Retry-After field (RFC 9110, section 10.2.3)."""

    retry_after_s: WholeSeconds | None = None
    """Seconds; None: 1, if there is nothing else for the field to say."""
    status: LimitStatus = 429
    retry_after: Reason | None = None
    """The field as it is, right or wrong, in place of `retry_after_s`."""
    date_in_s: DateIn | None = None
    """A date, so many seconds from now; below 0 it is over. The response then has a Date."""

    look = Look("refused", "falling")

    def __post_init__(self) -> None:
        """One of the three."""
        super().__post_init__()
        ways = ("retry_after_s", "retry_after", "date_in_s")
        given = [way for way in ways if getattr(self, way) is not None]
        if len(given) > 1:
            raise PlanError(f"{given[1]}: {given[0]} is there already; one is enough")

    @property
    def uses_date(self) -> bool:
        """See `Fault.uses_date`."""
        return self.date_in_s is not None

    def response(self, form: RequestForm, info: ResourceInfo | None, path: str) -> Response:
        """See `Fault.response`."""
        says = self.retry_after
        if self.date_in_s is not None:
            says = http_date((form.now_s or 0) + self.date_in_s)
        elif says is None:
            says = str(1 if self.retry_after_s is None else self.retry_after_s)
        return bodiless(self.status, form, (("Retry-After", says),))


def redirect(to: str, form: RequestForm, status: int = 302) -> Response:
    """A status with a Location field."""
    return replace(bodiless(status, form, (("Location", to),)), location=to)
