"""What servers need to know of content: a set of resources by path."""

import re
from collections.abc import Callable
from typing import NamedTuple, Protocol
from urllib.parse import quote

from msgspec import Struct

_ESCAPE = re.compile("%([0-9A-Fa-f]{2})")
_NEVER_SENT = re.compile(r'[^!"$-~]+')  # in the target of a request
_STRAY = re.compile("%(?![0-9A-Fa-f]{2})")
_UNRESERVED = re.compile("[A-Za-z0-9._~-]")


def normalised(path: str) -> str:
    """The one spelling of a path that rules, names and content are looked up by.

    RFC 3986, sections 6.2.2.1 and 6.2.2.2: an escaped unreserved character is decoded, and the
    hex digits of any other are capitals. Dot segments and empty segments stay. A path with a
    percent sign that escapes nothing is no path of a URI, and has no other spelling.
    """
    if "%" not in path or _STRAY.search(path):
        return path
    return _ESCAPE.sub(_in_one_spelling, path)


def as_sent(path: str) -> str:
    """The path with what no request line can have escaped."""
    return _NEVER_SENT.sub(lambda found: quote(found[0], errors="surrogatepass"), path)


def _in_one_spelling(escape: re.Match[str]) -> str:
    character = chr(int(escape[1], 16))
    return character if _UNRESERVED.fullmatch(character) else escape[0].upper()


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
        """The resource at a normalised path (percent-encoded, without a query), or None."""

    def name(self, path: str) -> str:
        """The name that a plan draws on: a short name of the resource, else the normalised path."""
