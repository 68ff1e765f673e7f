"""The body of one response: read in pieces, counted, and digested."""

import contextlib
import hashlib
from functools import lru_cache

from msgspec import Struct

from mockservers.kinds.resource import OpenFile, Resource
from mockservers.kinds.response import Response

DIGESTED_AT_ONCE = 262_144
"""Longest body whose digest is ready when it has been sent, in bytes; that of a longer one comes
later (`Body.digested_later`)."""
REMEMBERED = 65_536
"""Longest body in memory whose digests are remembered, in bytes: those of the flags are."""
NUDGE = 16_384
"""Bytes of a file that are written in the usual way, which tells when a socket has room again."""
PIECE = 1_048_576
"""Bytes that are read at once to be digested later."""


class Decoded(Struct, frozen=True):
    """A body without its content coding."""

    length: int
    sha256: str | None
    """None where it is long, or has changed."""


class Body:
    """The bytes of a body, and how many of them were sent."""

    def __init__(self, response: Response, resource: Resource | None) -> None:
        self._response = response
        self._plain = resource
        if resource and response.made:
            resource = response.made(resource)
        self._resource = resource
        self._whole = response.body
        if self._whole is None and resource and resource.body is not None:
            self._whole = resource.body
        self._digesting: hashlib._Hash | None = None  # of bytes that are not in memory
        self._file: OpenFile | None = None
        self.sent = 0

    def open(self) -> None:
        """Open the file that a long body comes from; `close` is due then."""
        if self.is_slow and self._resource and self._resource.open:
            with contextlib.suppress(OSError):  # `read` will tell
                self._file = self._resource.open()

    def close(self) -> None:
        """No more is to be sent."""
        if self._file:
            self._file.close()
            self._file = None

    @property
    def is_slow(self) -> bool:
        """Whether `read` may take its time: it is long, and not in memory."""
        return self._whole is None and self.is_long

    @property
    def sends(self) -> bool:
        """Whether the operating system can send it by itself (`send`)."""
        return bool(self._file and self._file.sends and not self._response.chunks)

    def send(self, to: int, stop: int) -> tuple[bytes, int]:
        """Send the next bytes to a socket that does not block, as many as it takes, and count them.

        Gives bytes that are to be written in the usual way, and where they stop: none if some were
        taken, a few where there is no room; fewer if they are gone. Raises OSError if the client
        has gone.
        """
        assert self._file
        try:
            taken = self._file.send(to, self._start + self.sent, self._start + stop)
        except BlockingIOError:
            stop = min(stop, self.sent + NUDGE)
            return self.read(stop), stop
        self.sent += taken
        return b"", self.sent if taken else stop

    @property
    def is_long(self) -> bool:
        """Whether its digest comes later."""
        return self._response.body_stop > DIGESTED_AT_ONCE

    @property
    def is_due(self) -> bool:
        """Whether the digest of what was sent is still to come."""
        return self.is_long and self.sent > 0

    def read(self, stop: int) -> bytes:
        """The next bytes, up to `stop`; fewer when the file has shrunk, or gone."""
        return self._between(self.sent, stop) if stop > self.sent else b""

    def framed(self, piece: bytes) -> bytes:
        """The bytes that `read` gave as they are sent, with what comes after the last of them."""
        response, stop = self._response, self.sent + len(piece)
        framed = response.chunks.framed(piece, self.sent) if response.chunks else piece
        if stop < response.body_stop:
            return framed
        more = self._between(stop, stop + response.surplus) if response.surplus else b""
        return framed + more + response.tail

    def count(self, piece: bytes) -> None:
        """These were sent."""
        if piece and self._whole is None and not self.is_long:
            self._digesting = self._digesting or hashlib.sha256()
            self._digesting.update(piece)
        self.sent += len(piece)

    def digest(self) -> str | None:
        """The SHA-256 of the bytes sent; None where there are none, or it comes later."""
        if not self.sent or self.is_long:
            return None
        if self._digesting:
            return self._digesting.hexdigest()
        assert self._whole is not None
        remembered = len(self._whole) <= REMEMBERED and not self._changes
        find = _digest_remembered if remembered else _digest
        return find(self._whole, self._start, self._start + self.sent)

    def decoded(self) -> Decoded | None:
        """The body without its coding; None for one that has none, or is not whole."""
        length = self._response.decoded
        if length is None or self.sent < self._response.body_stop or self._plain is None:
            return None
        is_long = length > DIGESTED_AT_ONCE
        return Decoded(length, None if is_long else _digest_read(self._plain, 0, length))

    def digested_later(self) -> str | None:
        """The same, read once more; None where the file has changed, or cannot be read. It takes
        its time, and never raises.
        """
        try:
            return self._digest_of_the_same()
        except Exception:  # a catalogue of somebody else's: a run waits for this
            return None

    def _digest_of_the_same(self) -> str | None:
        start, stop = self._start, self._start + self.sent
        if self._whole is not None:
            return _digest(self._whole, start, stop)
        assert self._resource is not None
        if not _unchanged(self._resource):
            return None
        # To remember one that reads from memory would keep that memory.
        find = _digest_read_remembered if self._resource.unchanged else _digest_read
        return find(self._resource, start, stop)

    @property
    def _changes(self) -> bool:
        """Whether it is of a file, which another one may replace."""
        return bool(self._resource and self._resource.unchanged)

    @property
    def _start(self) -> int:
        return 0 if self._response.body is not None else self._response.start

    def _between(self, start: int, stop: int) -> bytes:
        start, stop = self._start + start, self._start + stop
        if self._whole is not None:
            return self._whole[start:stop]
        assert self._resource is not None
        try:
            return (self._file or self._resource).read(start, stop)
        except OSError:
            return b""


def _digest(body: bytes, start: int, stop: int) -> str:
    return hashlib.sha256(memoryview(body)[start:stop]).hexdigest()


def _digest_read(resource: Resource, start: int, stop: int) -> str | None:
    found = hashlib.sha256()
    for at in range(start, stop, PIECE):
        piece = resource.read(at, min(at + PIECE, stop))
        if len(piece) < min(PIECE, stop - at):
            return None
        found.update(piece)
    return found.hexdigest() if _unchanged(resource) else None


def _unchanged(resource: Resource) -> bool:
    return resource.unchanged is None or resource.unchanged()


_digest_remembered = lru_cache(maxsize=1024)(_digest)
_digest_read_remembered = lru_cache(maxsize=256)(_digest_read)
