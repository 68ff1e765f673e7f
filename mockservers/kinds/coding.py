"""Content codings: what a client offers, and responses whose coding is wrong (RFC 9110, 8.4)."""

import re

from msgspec.structs import replace

from mockservers.kinds.base import Fault, Look, OfResource
from mockservers.kinds.cut import Truncate
from mockservers.kinds.resource import ResourceInfo
from mockservers.kinds.response import RequestForm, Response, whole

__all__ = ["BadGzip"]

_NO_WEIGHT = re.compile(rb"q=0(?:\.0*)?")

BROKEN_GZIP = b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + b"\xff" * 54
"""A gzip header (RFC 1952) and a deflate block of the type that is reserved (RFC 1951)."""


class BadGzip(OfResource, frozen=True):
    """A complete response whose body is labelled gzip and cannot be inflated."""

    look = Look("broken", "grid")
    decodable = False

    def sends_parts(self, form: RequestForm) -> bool:
        """A part of what is coded is nothing that can be inflated."""
        return not form.gzip

    def effective(self, form: RequestForm, info: ResourceInfo | None) -> Fault:
        """A client that offers no gzip cannot take it: half of the body is missing instead."""
        if info and not form.gzip:
            return self.instead(Truncate, after_bytes=info.length // 2)
        return super().effective(form, info)

    def of_resource(self, form: RequestForm, info: ResourceInfo) -> Response:
        """See `OfResource.of_resource`."""
        coded = info._replace(length=len(BROKEN_GZIP))
        return replace(whole(form, coded, (("Content-Encoding", "gzip"),)), body=BROKEN_GZIP)


def offers_gzip(codings: list[bytes]) -> bool:
    """Whether the members of Accept-Encoding let a server use gzip (RFC 9110, section 12.5.3)."""
    offers: dict[bytes, bool] = {}
    for coding, *parameters in (
        [part.strip() for part in member.split(b";")] for member in codings
    ):
        declined = any(_NO_WEIGHT.fullmatch(parameter) for parameter in parameters)
        name = b"gzip" if coding == b"x-gzip" else coding
        offers[name] = offers.get(name, True) and not declined
    return offers.get(b"gzip", offers.get(b"*", False))
