"""What servers need to know of content: a set of resources by path, and versions of a resource."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from msgspec import Struct

Fields = tuple[tuple[str, str], ...]
"""Header fields, in order."""


class ResourceInfo(NamedTuple):
    """What decides the form of a response with a resource, or with a part of it."""

    length: int
    """Bytes of the body that is to be sent."""
    content_type: str
    status: int = 200
    """206 for a part."""
    start: int = 0
    """Where in the resource the part begins."""
    total: int = 0
    """Bytes of the whole resource, for a part."""
    unit: str = "bytes"
    """What Content-Range counts; empty: there is none."""
    fields: Fields = ()
    """What is said of its version: ETag, Last-Modified, Accept-Ranges."""

    def grown(self, by: int) -> "ResourceInfo":
        """The same with more bytes, or fewer."""
        return self._replace(length=max(0, self.length + by))


DAY_S = 86_400
MODIFIED_S = 19_723 * DAY_S
"""Last-Modified of content in memory, in seconds since 1970: 1 January 2024."""


class OpenFile(Protocol):
    """The file of a resource, as it was found, even if another one has its name by now."""

    sends: bool
    """Whether `send` can be called: not every operating system has it."""

    def send(self, to: int, start: int, stop: int) -> int:
        """Send these bytes to a socket that does not block; how many it took, 0 if they are gone.
        Raises BlockingIOError where it has no room, and OSError.
        """

    def read(self, start: int, stop: int) -> bytes:
        """These bytes, fewer if they are gone; raises OSError."""

    def close(self) -> None:
        """Give it back."""


class Resource(Struct, frozen=True):
    """Something to serve. Two that are equal have the same bytes."""

    info: ResourceInfo
    read: Callable[[int, int], bytes]
    """`read(start, stop)` gives those bytes, fewer if they are gone; raises OSError."""
    body: bytes | None = None
    """All of it, where it is in memory."""
    tag: str = ""
    """What its ETag is made of: another one for other bytes."""
    modified_s: int = MODIFIED_S
    """When it was last modified, in seconds since 1970."""
    later_s: int = 0
    """What a version adds to that."""
    unchanged: Callable[[], bool] | None = None
    """Whether the bytes are still those that were found; None: they never change."""
    open: Callable[[], OpenFile] | None = None
    """Opens the file that it is; raises OSError where that is gone, or replaced."""

    def version(self, number: int, grow: int) -> "Resource":
        """Another version: SPEC.md, "Versions"; version 1 that does not grow is the resource."""
        if number == 1 and not grow:
            return self
        return Resource(
            self.info.grown(grow),
            _Version(self.read, number, self.info.length),
            tag=f"{self.tag}.{number}.{grow}",
            modified_s=self.modified_s,
            later_s=(number - 1) * DAY_S,
            unchanged=self.unchanged,
        )


@dataclass(frozen=True, slots=True)
class _Version:
    """The bytes of a version: those of the resource moved by N - 1, then bytes by their place."""

    read: Callable[[int, int], bytes]
    number: int
    length: int

    def __call__(self, start: int, stop: int) -> bytes:
        moved = b""
        if start < self.length:
            there = self.read(start, min(stop, self.length))
            moved = there.translate(_moved(self.number - 1))
            if start + len(there) < min(stop, self.length):
                return moved
        first = max(start, self.length) + self.number
        appended = max(0, stop - max(start, self.length))
        return moved + (_ALL * (appended // 256 + 2))[first % 256 :][:appended]


_ALL = bytes(range(256))


def _moved(by: int) -> bytes:
    return _ALL[by:] + _ALL[:by]


Made = Callable[[Resource], Resource]
"""What is done to the bytes of a resource before they are sent."""


class Catalogue(Protocol):
    """A set of resources by path: what the servers need to know of content."""

    in_memory: bool
    """Whether a path has the same resource for ever, with its body in memory."""

    def find(self, path: str) -> Resource | None:
        """The resource at a normalised path (percent-encoded, without a query), or None."""

    def name(self, path: str) -> str:
        """The name that a plan draws on: a short name of the resource, else the normalised path."""
