"""Responses that send a client elsewhere, or ask it to wait."""

from typing import Annotated, Literal
from urllib.parse import quote

from msgspec import Meta
from msgspec.structs import replace

from mockservers.kinds.base import Fault, Look
from mockservers.kinds.resource import ResourceInfo
from mockservers.kinds.response import RequestForm, Response, bodiless

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


class Redirect(Fault, frozen=True):
    """A redirect to another place (RFC 9110, section 15.4)."""

    to: Target
    """A URL, or a path on the same server: the value of the Location field."""
    status: RedirectStatus = 302

    look = Look("elsewhere", "level")

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
    """429 (RFC 6585, section 4), or 503, with a Retry-After field."""

    retry_after_s: WholeSeconds = 1
    status: LimitStatus = 429

    look = Look("refused", "falling")

    def response(self, form: RequestForm, info: ResourceInfo | None, path: str) -> Response:
        """See `Fault.response`."""
        return bodiless(self.status, form, (("Retry-After", str(self.retry_after_s)),))


def redirect(to: str, form: RequestForm, status: int = 302) -> Response:
    """A status with a Location field."""
    return replace(bodiless(status, form, (("Location", to),)), location=to)
