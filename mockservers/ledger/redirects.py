"""Matches requests with the redirects that led to them."""

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import NamedTuple
from urllib.parse import unquote, urljoin, urlsplit

from mockservers.journal import RequestEntry
from mockservers.ledger.model import seen_of
from mockservers.plan import LABELS


class Hop(NamedTuple):
    """A redirect that waits for the request that follows it."""

    name: str
    """The account of the download that was redirected."""
    conn: int
    in_vain: bool = False
    """A request followed it, and got no response: the client may retry once."""


class Matched(NamedTuple):
    """Requests matched with the redirects that led to them."""

    accounts: dict[str, list[RequestEntry]]
    strays: list[RequestEntry]
    """Those of no account."""
    possible: dict[str, tuple[RequestEntry, ...]]
    """With what an account may have ended, where that is not known."""
    notes: list[str]


Place = tuple[str | None, str]
"""Where a redirect leads: a server, or None for any; and a decoded path."""


class RedirectMatcher:
    """Matches requests with the redirects that led to them.

    The first request of a download is its own, unless a redirect came over the same connection;
    with `own_first`, even then, and the redirect is not followed.
    """

    def __init__(self, *, own_first: bool = False) -> None:
        self._own_first = own_first
        self._waiting: dict[Place, list[Hop]] = {}
        self._came_by: dict[tuple[str, str], set[str]] = {}
        """The accounts with a request, by server and path."""

    def match(self, entry: RequestEntry, own: str | None, *, begun: bool) -> Hop | None:
        """The redirect that this request follows, which waits no longer.

        `own` is the account of the code of the request; it has `begun` if it has requests already.
        None if the request follows no redirect.
        """
        places = ((entry.server, path_of(entry)), (None, path_of(entry)))
        hops = [(place, hop) for place in places for hop in self._waiting.get(place, ())]
        near = [(place, hop) for place, hop in hops if hop.conn == entry.conn]
        if own and not begun and near and self._own_first:
            self._waiting[near[0][0]].remove(near[0][1])
            return None
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


def matched(
    entries: Iterable[RequestEntry],
    name_of_entry: Callable[[RequestEntry], str | None],
    begin: Collection[str],
    own_first: bool,
    *,
    free: bool = False,
) -> Matched:
    """Put requests into the accounts named `begin`, and into those that requests name.

    `name_of_entry` names the account of a request that follows no redirect. With `free`, what is
    not among `begin` may be the end of a redirect on any connection. With `own_first`, the first
    request of an account is its own whatever came over its connection.
    """
    entries = sorted(entries, key=lambda entry: entry.n)
    redirects = any(entry.location for entry in entries)
    matcher = RedirectMatcher(own_first=own_first) if redirects else None
    found: dict[str, list[RequestEntry]] = {name: [] for name in begin}
    strays = []
    taken: dict[str, None] = {}
    for entry in entries:
        name = own = name_of_entry(entry)
        if matcher:
            begun = bool(own and found.get(own)) or (free and own not in begin)
            hop = matcher.match(entry, own, begun=begun)
            name = hop.name if hop else own
            if free and hop and hop.conn != entry.conn and own != name:
                taken[f"from {name} to {own}"] = None
        if name is None:
            strays.append(entry)
            continue
        found.setdefault(name, []).append(entry)
        if matcher:
            matcher.add(entry, name)
    possible: dict[str, tuple[RequestEntry, ...]] = {}
    what = "a redirect is taken to be followed on another connection"
    notes = [f"{what}: {', '.join([*taken][:10])}"] if taken else []
    for group in matcher.ambiguous() if matcher else ():
        ends = _possible_ends([found[name] for name in sorted(group)])
        if ends:
            possible |= dict.fromkeys(group, ends)
            among = ", ".join(sorted(group)[:10])
            notes.append(f"redirects led to one path: which of {among} met which is not known")
    return Matched(found, strays, possible, notes)


def _possible_ends(accounts: list[list[RequestEntry]]) -> tuple[RequestEntry, ...]:
    """Every response with which one of these downloads may have ended; none where all are alike."""
    ends = tuple(
        entry
        for requests in accounts
        for entry in requests
        if not entry.location or entry is requests[-1]
    )
    # A request without a response may have been followed by one of any of these downloads.
    unanswered = any(entry.status is None for requests in accounts for entry in requests)
    alike = len({(seen_of(entry), entry.sha256) for entry in ends}) < 2
    return ends if unanswered or not alike else ()
