"""What servers need to know of content: a set of resources by path."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from msgspec import Struct


class ResourceInfo(NamedTuple):
    """The part of a resource that decides the form of its response."""

    length: int
    """Bytes of its body."""
    content_type: str


class Resource(Struct, frozen=True):
    """Something to serve."""

    info: ResourceInfo
    read: Callable[[int, int], bytes]
    """`read(start, stop)` gives those bytes, fewer if they are gone."""
    body: bytes | None = None
    """All of it, where it is in memory."""


class Catalogue(Protocol):
    """A set of resources by path: what the servers need to know of content."""

    in_memory: bool
    """Whether a path has the same resource for ever, with its body in memory."""

    def find(self, path: str) -> Resource | None:
        """The resource at a raw path (percent-encoded, without a query), or None."""

    def name(self, path: str) -> str:
        """The name that a plan draws on: a short name of the resource, else the path."""
