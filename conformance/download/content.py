"""A resource that explains itself, and what the bytes of a file are; pure.

The resource has 4 MiB. Each 64 bytes of it have their offset and a checksum, so no two of them are
alike; a version (SPEC.md, "Versions") differs from every other in each byte. So a file shows where
its bytes come from, whatever program wrote them, and when.
"""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from hashlib import sha256
from typing import NamedTuple

from mockservers.content.resources import BytesCatalogue
from mockservers.journal import Piece
from mockservers.kinds.resource import Resource
from mockservers.ledger.explain import Read, Sent, Version, explain
from mockservers.ledger.model import Kept

BLOCK = 64
SIZE = 4 * 1_048_576
"""Bytes of the resource."""
NAME = "file.bin"
"""The last segment of its path."""
SHOWN = 4
"""Stretches of a file that are named."""


def block(offset: int) -> bytes:
    """The 64 bytes at an offset: its SHA-256 in Base64, and it."""
    place = b"%018d" % offset
    return b64encode(sha256(place).digest()) + b" " + place + b"\n"


@cache
def the_resource() -> Resource:
    """The resource."""
    body = b"".join(map(block, range(0, SIZE, BLOCK)))
    found = BytesCatalogue({f"/{NAME}": body}).find(f"/{NAME}")
    assert found
    return found


class OneResource:
    """Has the resource at every path that ends with its name, and nothing else."""

    in_memory = True

    def find(self, path: str) -> Resource | None:
        """See `Catalogue`."""
        return the_resource() if path.endswith(NAME) else None

    def name(self, path: str) -> str:
        """The path."""
        return path


class Edition(NamedTuple):
    """A version that is served: its number, and how many bytes it has more."""

    number: int = 1
    grow: int = 0

    @property
    def resource(self) -> Resource:
        """Its bytes."""
        return the_resource().version(*self)

    def __str__(self) -> str:
        return f"version {self.number}"


class Page(NamedTuple):
    """Bytes that are nothing of the resource, though a response had them."""

    title: str
    """As `a page of 503 (request 2)`."""
    body: bytes


class What(StrEnum):
    """What a file is."""

    WHOLE = "whole"
    TRUNCATED = "truncated"
    """The beginning of a version."""
    APPENDED = "appended"
    """A beginning, and after it bytes that belong elsewhere, or nowhere."""
    SPLICED = "spliced"
    """Parts of several versions, or parts at wrong places."""
    PAGE = "page"
    """It has something of an error page, or nothing of the resource."""
    ZEROS = "zeros"
    """It has a stretch of zeros."""
    FLIPPED = "flipped"
    """The right length, and some wrong bytes."""
    EMPTY = "empty"


@dataclass(frozen=True, slots=True)
class Look:
    """What a file is, in a word and in a text."""

    what: What
    text: str
    edition: Edition | None = None
    """Which version, if it is whole."""


def look_at(
    size: int,
    read: Read,
    editions: Sequence[Edition],
    pages: Sequence[Page] = (),
    others: Sequence[Version] = (),
) -> Look:
    """What a file of `size` bytes is, of which `read` gives some.

    `others` are whole too: the resource in a content coding.
    """
    versions = [Version(one.resource.info.length, one.resource.read) for one in editions]
    titles = [*map(str, editions), *(page.title for page in pages)]
    sent = [Sent(n, one.length, one.read, 0, version=n) for n, one in enumerate(versions)]
    for n, page in enumerate(pages, len(versions)):
        sent.append(Sent(n, len(page.body), _reader(page.body), None, is_page=True))
    kept, pieces = explain(size, read, sent, [*versions, *others])
    if kept is Kept.WHOLE:
        same = (one for one in editions if _equal(size, read, one.resource))
        edition = next(same, None)
        return Look(What.WHOLE, f"{edition or 'a content coding of it'}, whole", edition)
    if kept is Kept.EMPTY:
        return Look(What.EMPTY, "no bytes")
    what = _word(size, pieces, versions, kept)
    if what is What.TRUNCATED:
        of = versions[pieces[0].n or 0].length
        return Look(what, f"truncated at {size:,} of {of:,} bytes, {titles[pieces[0].n or 0]}")
    if len(pieces) == 1 and (pieces[0].n or 0) >= len(versions):
        return Look(what, f"{titles[pieces[0].n or 0]}, {size:,} bytes")
    return Look(what, "; ".join(_told(size, pieces, titles, len(versions))))


def _reader(body: bytes) -> Read:
    return lambda start, stop: body[start:stop]


def _equal(size: int, read: Read, resource: Resource) -> bool:
    return size == resource.info.length and read(0, size) == resource.read(0, size)


def _word(size: int, pieces: Sequence[Piece], versions: Sequence[Version], kept: Kept) -> What:
    if kept is Kept.PART:
        return What.TRUNCATED
    parts = [one for one in pieces if one.n is not None and one.n < len(versions)]
    first = parts[0] if parts else None
    if first and not first.start and first.to == versions[first.n or 0].length:
        return What.APPENDED
    if any(one.n is not None and one.n >= len(versions) for one in pieces):
        return What.PAGE
    if any(one.n is None and one.at == 0 for one in pieces):
        return What.ZEROS
    in_place = all(one.at == one.start for one in parts)
    if len({one.n for one in parts}) == 1 and in_place:
        full = size == versions[parts[0].n or 0].length
        return What.FLIPPED if full or pieces[-1].n is not None else What.APPENDED
    again = any((one.at or 0) < BLOCK < one.start for one in parts)  # some bytes are alike
    return What.APPENDED if again else What.SPLICED if parts else What.PAGE


def _told(size: int, pieces: Sequence[Piece], titles: Sequence[str], versions: int) -> list[str]:
    told = [f"{size:,} bytes"]
    for one in pieces[:SHOWN]:
        last = one.to - 1
        where = f"{one.start:,} to {last:,}" if last > one.start else f"{last:,}"
        if one.n is None:
            told.append(f"{where}: {'zeros' if one.at == 0 else 'other bytes'}")
        elif one.n >= versions:
            told.append(f"{where}: {titles[one.n]}, {one.to - one.start:,} bytes of it")
        else:
            moved = "" if one.at == one.start else f" from its byte {one.at:,} on"
            told.append(f"{where}: {titles[one.n]}{moved}")
    return [*told, "and so on"] if len(pieces) > SHOWN else told
