"""What the bytes of a file are, against what was sent of a resource; pure.

Bytes are read through functions, in blocks, so a file may be larger than memory.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import NamedTuple

from mockservers.journal import Piece
from mockservers.ledger.model import Kept

Read = Callable[[int, int], bytes]
"""`read(start, stop)` gives those bytes; fewer if there are no more."""

BLOCK = 1_048_576
"""Bytes that are compared at once."""
MOST_PIECES = 20
"""Pieces of one file that are named."""
SEARCHED = 64 * 1_048_576
"""Longest file whose bytes are looked for anywhere in what was sent; in a longer one, they are
looked for only where they belong, in bytes."""
SHORTEST = 16
"""Bytes that a piece has at least; fewer may be alike by accident."""
PROBES, LOOKED_THROUGH = 64, 2_000_000_000
"""Places of a body that are looked for in a file; and bytes that are looked through for them."""
MOST_SENT = 64
"""Bodies with which a file is compared: those that differ; fewer, if they are long."""


class Sent(NamedTuple):
    """A body that a response sent."""

    n: int
    """The number of its request."""
    length: int
    """Bytes that were sent."""
    read: Read
    start: int | None
    """Where in the resource it begins; None: it is nothing of the resource."""
    is_page: bool = False
    """It is the body of an error status."""
    unclear: bool = False
    """Whether the response is a success is up to the client."""
    version: object = None
    """What is equal for bodies of one version of a resource; None: it is like no other. Of a tuple,
    the first three items are the version, and another one what makes this body different."""


class Version(NamedTuple):
    """A version of the resource, whole."""

    length: int
    read: Read


def explain(
    size: int, read: Read, sent: Sequence[Sent], versions: Sequence[Version]
) -> tuple[Kept, tuple[Piece, ...]]:
    """What a file of `size` bytes is, and where its bytes come from if it is not whole."""
    sent = _different(sent)
    longest = [common(read, 0, size, one.read, 0, one.length) for one in versions]
    if any(size == one.length == same for one, same in zip(versions, longest, strict=True)):
        return Kept.WHOLE, ()
    bodies = [one for one in sent if one.length == size]
    equal = [one for one in bodies if common(read, 0, size, one.read, 0, size) == size]
    if any(one.unclear for one in equal):
        return Kept.AS_SENT, _pieces(size, read, sent)
    if not size:
        return Kept.EMPTY, ()
    pieces = _pieces(size, read, sent)
    if any(one.is_page for one in equal):
        return Kept.PAGE, pieces
    if size in longest:
        return Kept.PART, pieces
    return (
        Kept.AS_SENT if equal or _together(size, sent, versions, pieces) else Kept.MIXED
    ), pieces


def _together(
    size: int, sent: Sequence[Sent], versions: Sequence[Version], pieces: Sequence[Piece]
) -> bool:
    """Whether a file has the length of a version, and bodies of one version that were sent, each
    where it belongs, though bytes of some of them are wrong.
    """
    bodies = {one.n: one for one in sent}
    parts = [bodies[piece.n] for piece in pieces if piece.n in bodies]
    places = [(one.start or 0) + (piece.at or 0) for one, piece in zip(parts, pieces, strict=False)]
    of = [one.version for one in parts if isinstance(one.version, tuple)]
    return (
        any(size == version.length for version in versions)
        and len(of) == len(pieces) < MOST_PIECES
        and places == [piece.start for piece in pieces]
        and len({version[:3] for version in of}) == 1
        and any(len(version) > 3 for version in of)
    )


def _different(sent: Sequence[Sent]) -> list[Sent]:
    """The first of those that are alike, by what is known of them, and no more than a few."""
    found: dict[object, Sent] = {}
    for one in sent:
        key = one.start, one.length, one.version, one.is_page, one.unclear
        found.setdefault(key if one.version else one.n, one)
    different = [*found.values()]
    long = sum(one.length for one in different) > SEARCHED
    return different[: MOST_SENT // 8 if long else MOST_SENT]


def common(a: Read, a_start: int, a_stop: int, b: Read, b_start: int, b_stop: int) -> int:
    """How many bytes from `a_start` and from `b_start` on are the same."""
    most = min(a_stop - a_start, b_stop - b_start)
    block, done = 4096, 0
    while done < most:
        step = min(block, most - done)
        one = a(a_start + done, a_start + done + step)
        other = b(b_start + done, b_start + done + step)
        if one != other:
            return done + _prefix(one, other)
        if len(one) < step:
            return done + len(one)
        done += step
        block = min(BLOCK, block * 4)
    return most


def _prefix(one: bytes, other: bytes) -> int:
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[:middle] == other[:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _pieces(size: int, read: Read, sent: Sequence[Sent]) -> tuple[Piece, ...]:
    """The first pieces of a file, each as long as possible."""
    data = read(0, size) if size <= SEARCHED else None
    pieces: list[Piece] = []
    at = 0
    while at < size and len(pieces) < MOST_PIECES:
        used = [piece.n for piece in pieces]
        piece = _longest(size, read, data, sent, at, used) or _unknown(size, read, data, sent, at)
        pieces.append(piece)
        at = piece.to
    return tuple(pieces)


def _longest(
    size: int,
    read: Read,
    data: bytes | None,
    sent: Sequence[Sent],
    at: int,
    used: Collection[int | None],
) -> Piece | None:
    """The longest piece that begins at a byte of the file; of equal ones, of a response that is
    not `used` yet.
    """
    best: Piece | None = None
    for one in sent:
        for start in _starts(one, data, at):
            length = common(read, at, size, one.read, start, one.length)
            in_place = start == at - (one.start or 0) and length == size - at
            if length < SHORTEST and not (in_place and length):
                continue
            better = best is None or at + length > best.to
            if better or (best and at + length == best.to and best.n in used and one.n not in used):
                best = Piece(at, at + length, one.n, start)
    zeros = common(read, at, size, _zeros, 0, size - at)
    if zeros >= SHORTEST and (best is None or at + zeros > best.to):
        return Piece(at, at + zeros, None, 0)
    return best


def _starts(one: Sent, data: bytes | None, at: int) -> Iterator[int]:
    """Where in a body the bytes of a file from `at` on may be."""
    here = at - (one.start or 0)
    if 0 <= here < one.length:
        yield here
    if data is None:
        return
    if here:
        yield 0
    if one.length <= SEARCHED:
        found = one.read(0, one.length).find(data[at : at + 64])
        if found > 0 and found != here:
            yield found


def _zeros(start: int, stop: int) -> bytes:
    return bytes(stop - start)


def _unknown(size: int, read: Read, data: bytes | None, sent: Sequence[Sent], at: int) -> Piece:
    """Bytes that are in no body, up to the next ones that are."""
    ends = [size]
    for one in sent:
        place = _next_in_place(size, read, one, at)
        if place is not None:
            ends.append(place)
        elif data is not None:
            probes = LOOKED_THROUGH // (size * MOST_PIECES * len(sent))
            ends += _next_anywhere(data, one, at, max(1, min(PROBES, probes)))
    zeros = data.find(bytes(64), at + 1) if data is not None else -1
    return Piece(at, min([*ends, *([zeros] if zeros > 0 else [])]), None, None)


def _next_in_place(size: int, read: Read, one: Sent, at: int) -> int | None:
    """Where the bytes of a body begin again that are where they belong; ever fewer places are
    looked at, the farther they are.
    """
    step, place = 0, at + 1
    while place < size:
        here = place - (one.start or 0)
        if here >= one.length:
            return None
        if here >= 0 and read(place, place + 64) == one.read(here, min(here + 64, one.length)):
            back = min(step, here, BLOCK)
            before = read(place - back, place)[::-1]
            return max(at + 1, place - _prefix(before, one.read(here - back, here)[::-1]))
        step = max(32, 2 * step)
        place += step
    return None


def _next_anywhere(data: bytes, one: Sent, at: int, probes: int) -> Iterator[int]:
    """Where the bytes of a body begin again, wherever in it they are."""
    step = max(64, one.length // probes)
    for place in range(0, one.length, step):
        probe = one.read(place, min(place + 64, one.length))
        found = data.find(probe, at + 1) if len(probe) >= SHORTEST else -1
        if found > 0:
            back = min(place, step, found - at - 1)
            before = one.read(place - back, place)[::-1]
            yield max(at + 1, found - _prefix(data[found - back : found][::-1], before))
