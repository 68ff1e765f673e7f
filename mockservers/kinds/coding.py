"""Responses in a content coding (RFC 9110, section 8.4)."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from msgspec.structs import replace

from mockservers.kinds.base import Fault, Look, OfResource, Serve
from mockservers.kinds.cut import Truncate
from mockservers.kinds.request import RequestForm
from mockservers.kinds.resource import Fields, Resource, ResourceInfo
from mockservers.kinds.response import Response, whole

__all__ = ["BadGzip", "Gzip"]

BROKEN_GZIP = b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + b"\xff" * 54
"""A gzip header (RFC 1952) and a deflate block of the type that is reserved (RFC 1951)."""


class BadGzip(OfResource, frozen=True):
    """A complete response whose body is labelled gzip and cannot be inflated."""

    look = Look("broken", "grid")
    gives_resource = False

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


class Gzip(OfResource, frozen=True):
    """The resource coded with gzip (RFC 1952), if the client offers that; else a plain `serve`.

    The coding only wraps the bytes, so that it is the same everywhere: blocks that are stored
    (RFC 1951, section 3.2.4) of 65,535 bytes. As with nginx, the ETag becomes a weak one.
    """

    cut: bool = False
    """The first half of the coded bytes, in a response that is complete."""
    unasked: bool = False
    """Code it for a client that offers no gzip, too."""

    look = Look("elsewhere", "grid")
    may_be_unclear = True
    gives_resource = False  # but what is decoded, where `Response.decoded` says so

    def sends_parts(self, form: RequestForm) -> bool:
        """What is coded has no parts here."""
        return not self._codes(form)

    def effective(self, form: RequestForm, info: ResourceInfo | None) -> Fault:
        """See `Fault.effective`."""
        if info and not self._codes(form):
            return self.instead(Serve)
        return super().effective(form, info)

    def of_resource(self, form: RequestForm, info: ResourceInfo) -> Response:
        """See `OfResource.of_resource`."""
        length = coded_length(info.length)
        coded = info._replace(
            length=length // 2 if self.cut else length, fields=_weakened(info.fields)
        )
        return replace(
            whole(form, coded, (("Content-Encoding", "gzip"),)),
            made=gzipped,
            decoded=None if self.cut or form.head_only else info.length,
            unclear=not form.gzip and not form.head_only,
        )

    def _codes(self, form: RequestForm) -> bool:
        return form.gzip or self.unasked


def _weakened(fields: Fields) -> Fields:
    """A strong ETag belongs to one coding (RFC 9110, section 8.8.3.3)."""
    return tuple(
        (name, f"W/{value}" if name == "ETag" and value[0] == '"' else value)
        for name, value in fields
    )


GZIP_START = b"\x1f\x8b\x08" + bytes(6) + b"\xff"
BLOCK, BLOCK_HEAD = 65_535, 5
"""Bytes of a stored block at most, and of what comes before them."""
GZIP_END = 8
PIECE = 1_048_576
"""Bytes that are read at once for the checksum."""


def coded_length(length: int) -> int:
    """Bytes of a coded resource."""
    return len(GZIP_START) + _blocks(length) * BLOCK_HEAD + length + GZIP_END


def gzipped(resource: Resource) -> Resource:
    """A resource, coded."""
    length = resource.info.length
    info = resource.info._replace(length=coded_length(length))
    coded = _Coded(resource, length)
    return Resource(info, coded.read, tag=resource.tag, unchanged=resource.unchanged)


def _blocks(length: int) -> int:
    return max(1, -(-length // BLOCK))


@dataclass(frozen=True, slots=True)
class _Coded:
    """The coded bytes of a resource, read from anywhere."""

    plain: Resource
    length: int

    def read(self, start: int, stop: int) -> bytes:
        """Some of them, fewer if some of the resource are gone."""
        first = max(0, start - len(GZIP_START)) // (BLOCK_HEAD + BLOCK)
        found, at = bytearray(), len(GZIP_START) + first * (BLOCK_HEAD + BLOCK) if first else 0
        for piece in self._pieces(first):
            found += piece[max(start - at, 0) : max(stop - at, 0)]
            at += len(piece)
            if at >= stop:
                break
        return bytes(found)

    def _pieces(self, first: int) -> Iterator[bytes]:
        if not first:
            yield GZIP_START
        last = _blocks(self.length) - 1
        for n in range(first, last + 1):
            data = self.plain.read(n * BLOCK, min((n + 1) * BLOCK, self.length))
            size = min(BLOCK, self.length - n * BLOCK)
            yield struct.pack("<BHH", n == last, size, size ^ 0xFFFF) + data
            if len(data) < size:
                return
        yield struct.pack("<LL", self._checksum(), self.length % 2**32)

    def _checksum(self) -> int:
        found = 0
        for at in range(0, self.length, PIECE):
            found = zlib.crc32(self.plain.read(at, min(at + PIECE, self.length)), found)
        return found
