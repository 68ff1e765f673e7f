"""Responses whose content coding is wrong (RFC 9110, section 8.4)."""

from msgspec.structs import replace

from mockservers.kinds.base import Fault, Look, OfResource
from mockservers.kinds.cut import Truncate
from mockservers.kinds.resource import ResourceInfo
from mockservers.kinds.response import RequestForm, Response, whole

__all__ = ["BadGzip"]

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
