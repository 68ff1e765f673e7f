"""Matches requests with the redirects that led to them."""

from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import unquote, urljoin, urlsplit

from mockservers.journal import RequestEntry
from mockservers.plan import LABELS


class Hop(NamedTuple):
    """A redirect that waits for the request that follows it."""

    name: str
    """The account of the download that was redirected."""
    conn: int
    in_vain: bool = False
    """A request followed it, and got no response: the client may retry once."""


Place = tuple[str | None, str]
"""Where a redirect leads: a server, or None for any; and a decoded path."""


class RedirectMatcher:
    """Matches requests with the redirects that led to them."""

    def __init__(self) -> None:
        self._waiting: dict[Place, list[Hop]] = {}
        self._came_by: dict[tuple[str, str], set[str]] = {}
        """The accounts with a request, by server and path."""

    def match(self, entry: RequestEntry, own: str | None, *, begun: bool) -> Hop | None:
        """The redirect that this request follows, which waits no longer.

        `own` is the account of the code of the request; it has `begun` if it has requests already.
        The first request of a download is its own, unless a redirect came over the same connection.
        None if the request follows no redirect.
        """
        places = ((entry.server, path_of(entry)), (None, path_of(entry)))
        hops = [(place, hop) for place in places for hop in self._waiting.get(place, ())]
        near = [(place, hop) for place, hop in hops if hop.conn == entry.conn]
        if not hops or (own and not begun and not near):
            return None
        unanswered = entry.status is None
        # A request with a response prefers a hop whose first request got none; one without a
        # response prefers a fresh hop.
        place, hop = min(near or hops, key=lambda found: found[1].in_vain == unanswered)
        self._waiting[place].remove(hop)
        if unanswered and not hop.in_vain:
            self._waiting[place].append(Hop(hop.name, entry.conn, in_vain=True))
        return hop

    def add(self, entry: RequestEntry, name: str) -> None:
        """The request belongs to the account `name`; a redirect waits from now on."""
        self._came_by.setdefault((entry.server, path_of(entry)), set()).add(name)
        if entry.location:
            self._waiting.setdefault(target_of(entry), []).append(Hop(name, entry.conn))

    def ambiguous(self) -> Iterator[frozenset[str]]:
        """Accounts whose requests cannot be distinguished, in groups."""
        came_by = {place: set(names) for place, names in self._came_by.items()}
        # An unmatched redirect may still have been followed: its request is in another account.
        for (server, path), hops in self._waiting.items():
            for label in (server,) if server else LABELS:
                if (label, path) in came_by:
                    came_by[label, path].update(hop.name for hop in hops)
        groups: list[frozenset[str]] = []
        for names in came_by.values():
            if len(names) > 1:
                joined = frozenset(names).union(*(group for group in groups if group & names))
                groups = [*(group for group in groups if not group & names), joined]
        yield from groups


def path_of(entry: RequestEntry) -> str:
    """The path of a request, decoded."""
    return unquote(entry.path) if "%" in entry.path else entry.path


def target_of(entry: RequestEntry) -> Place:
    """Where a response redirects to; the path is decoded, for some clients decode it."""
    here = f"http://here.invalid{entry.path}"
    try:
        to = urlsplit(urljoin(here, entry.location or ""))
    except ValueError:
        return None, ""
    return entry.server if to.netloc == "here.invalid" else None, unquote(to.path) or "/"


def follows(later: RequestEntry, earlier: RequestEntry) -> bool:
    """Whether a request asks for what an earlier response redirects to."""
    if not earlier.location:
        return False
    server, path = target_of(earlier)
    return server in (None, later.server) and path == path_of(later)
