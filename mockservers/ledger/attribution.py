"""Which download each request of a journal belongs to.

A request belongs to the code in its path, except where a redirect led to it: then it belongs to
the download that was redirected. Requests do not say where they come from, so a request is matched
with a redirect to its path that is still waiting for one, preferably of the same connection. Where
several downloads came by one path and met different responses, it is not known which met which:
each may have ended as any of them did.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple
from urllib.parse import unquote, urljoin, urlsplit

from msgspec import Struct, structs

from mockservers.flags2.codes import REMOTE, file_of_code, is_code
from mockservers.journal import (
    Claims,
    DigestEntry,
    End,
    Files,
    GateEntry,
    Header,
    Line,
    RequestEntry,
)
from mockservers.ledger.model import Account, Evidence, seen_of
from mockservers.plan import LABELS

STRAYS = 1000
"""Requests for paths of no code that are kept; more are only counted."""
KEPT_PER_CODE = 64
"""Requests for one code that are kept, per server, besides those that redirects led there;
further ones are only counted."""
LEADING = 10_000
"""Redirects, of which each makes room for two more requests for its target (it may be followed
twice): enough for 50 hops of each of 194 codes."""


# --- a journal in bounded memory -------------------------------------------------------------


class Collected(Struct, frozen=True, kw_only=True):
    """What a ledger needs of a journal, in bounded memory."""

    header: Header
    end: End | None
    """None when the writer was killed."""
    requests: tuple[RequestEntry, ...]
    """Those that can belong to a download."""
    strays: tuple[RequestEntry, ...]
    """Requests for paths of no code to which nothing led."""
    more: dict[tuple[str, str], int]
    """Further requests, by server and code."""
    count: int
    most_in_flight: dict[str, int]
    """By server."""
    notes: tuple[str, ...]


def collect(journal: Iterable[Line]) -> Collected:
    """Read a journal once; raises ValueError for an empty one."""
    lines = iter(journal)
    header = next(lines, None)
    if not isinstance(header, Header):
        raise ValueError("the journal is empty")
    collector = _Collector()
    end = None
    notes = []
    for line in lines:
        match line:
            case RequestEntry():
                collector.add(line)
            case DigestEntry(n, sha256):
                if n in collector.digests:
                    collector.digests[n] = sha256
            case GateEntry(server=server, held=held, filled=False):
                notes.append(f"the gate of {server} opened by its time: {held} held")
            case End():
                end = line
    # Entries come as requests end: one that was led there may come before what led it there.
    led = [entry for entry in collector.strays if _path(entry) in collector.led_to]
    return Collected(
        header=header,
        end=end,
        requests=tuple(map(collector.digested, (*collector.requests, *led))),
        strays=tuple(e for e in collector.strays if _path(e) not in collector.led_to),
        more=dict(collector.more),
        count=collector.count,
        most_in_flight=dict(collector.most_in_flight),
        notes=tuple(notes),
    )


class _Collector:
    """Keeps what is needed of requests, one after the other."""

    def __init__(self) -> None:
        self.requests: list[RequestEntry] = []
        self.strays: list[RequestEntry] = []
        self.more: Counter[tuple[str, str]] = Counter()
        self.led_to: Counter[str] = Counter()
        """Room that redirects make, by path."""
        self.most_in_flight: Counter[str] = Counter()
        self.digests: dict[int, str | None] = {}
        """Digests that come later, of requests that are kept."""
        self.count = 0
        self._kept: Counter[tuple[str, str]] = Counter()
        self._leading = 0

    def digested(self, entry: RequestEntry) -> RequestEntry:
        """The entry with the digest that came later."""
        sha256 = self.digests.get(entry.n)
        return structs.replace(entry, sha256=sha256) if sha256 else entry

    def add(self, entry: RequestEntry) -> None:
        self.count += 1
        server = entry.server
        self.most_in_flight[server] = max(self.most_in_flight[server], entry.in_flight)
        if entry.method == "HEAD":
            return
        if entry.location and self._leading < LEADING:
            self._leading += 1
            self.led_to[_target(entry)[1]] += 2
        path = _path(entry)
        what = server, entry.code or path
        if self._kept[what] < self.led_to[path] + (KEPT_PER_CODE if entry.code else 0):
            self._kept[what] += 1
            self.requests.append(entry)
        elif entry.code:
            self.more[what] += 1
            return
        elif len(self.strays) < STRAYS:
            self.strays.append(entry)
        if entry.digest:
            self.digests[entry.n] = None


# --- redirects -------------------------------------------------------------------------------


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

    def match(self, entry: RequestEntry, own: str | None, *, begun: bool) -> str | None:
        """The account of the redirect that this request follows, which waits no longer.

        `own` is the account of the code of the request; it has `begun` if it has requests already.
        The first request of a download is its own, unless a redirect came over the same connection.
        None if the request follows no redirect.
        """
        places = ((entry.server, _path(entry)), (None, _path(entry)))
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
        return hop.name

    def add(self, entry: RequestEntry, name: str) -> None:
        """The request belongs to the account `name`; a redirect waits from now on."""
        self._came_by.setdefault((entry.server, _path(entry)), set()).add(name)
        if entry.location:
            self._waiting.setdefault(_target(entry), []).append(Hop(name, entry.conn))

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


def _path(entry: RequestEntry) -> str:
    return unquote(entry.path)


def _target(entry: RequestEntry) -> Place:
    """Where a response redirects to; the path is decoded, for some clients decode it."""
    here = f"http://here.invalid{entry.path}"
    try:
        to = urlsplit(urljoin(here, entry.location or ""))
    except ValueError:
        return None, ""
    return entry.server if to.netloc == "here.invalid" else None, unquote(to.path) or "/"


def _follows(later: RequestEntry, earlier: RequestEntry) -> bool:
    """Whether a request asks for what an earlier response redirects to."""
    if not earlier.location:
        return False
    server, path = _target(earlier)
    return server in (None, later.server) and path == _path(later)


# --- accounts --------------------------------------------------------------------------------


def attribute(collected: Collected, files_after: Files | None = None) -> Evidence:
    """Put every request into the account of its download.

    `files_after` takes the place of the files that the journal ends with.
    """
    header, end = collected.header, collected.end
    claims = (end.claims if end else None) or Claims()
    # Without an end line, it is not known what a command asked for.
    asked = end.asked if end else None if header.command else header.asked
    label = claims.label
    most_in_flight = collected.most_in_flight
    accounts, unexpected, notes = _accounts(collected, label, asked)
    after = end.files_after if end and files_after is None else files_after
    return Evidence(
        label=label,
        served=label != REMOTE,
        asked=asked,
        claims=claims,
        accounts=accounts,
        unexpected=unexpected,
        requests=collected.count,
        most_in_flight=(
            most_in_flight.get(label, 0)
            if label in LABELS
            else max(most_in_flight.values(), default=0)
        ),
        dest=header.dest,
        files_before=header.files_before or {},
        files_after=after,
        codes_of_files={
            file: file[:2].upper() for file in after or {} if is_code(file[:2].upper())
        },
        notes=(*collected.notes, *_circumstances(collected, label), *notes),
    )


def _circumstances(collected: Collected, label: str | None) -> Iterator[str]:
    for server, plan in collected.header.plans.items():
        if plan.get("refuse") and label in (None, server):
            yield f"{server} refuses connections, as its plan says"
    if collected.end is None:
        yield "the journal has no end: the run was cut off, what was said is lost"


def _accounts(
    collected: Collected, label: str | None, asked: tuple[str, ...] | None
) -> tuple[dict[str, Account], tuple[RequestEntry, ...], list[str]]:
    """The accounts; the requests of none, where it is known what was asked for; notes."""
    names = _Names(label, None if asked is None else frozenset(asked))
    matcher = RedirectMatcher()
    found: dict[str, list[RequestEntry]] = {code: [] for code in asked or ()}
    strays = list(collected.strays)
    for entry in sorted(collected.requests, key=lambda entry: entry.n):
        own = names.of(entry.server, entry.code)
        name = matcher.match(entry, own, begun=bool(own and found.get(own))) or own
        if name is None:
            strays.append(entry)
            continue
        found.setdefault(name, []).append(entry)
        matcher.add(entry, name)
    more: Counter[str] = Counter()
    for (server, code), count in collected.more.items():
        name = names.of(server, code)
        if name is not None:
            more[name] += count
    possible: dict[str, tuple[RequestEntry, ...]] = {}
    notes = []
    for group in matcher.ambiguous():
        ends = _possible_ends([found[name] for name in sorted(group)])
        if ends:
            possible |= dict.fromkeys(group, ends)
            among = ", ".join(sorted(group)[:10])
            notes.append(f"redirects led to one path: which of {among} met which is not known")
    accounts = {
        name: Account(
            code=_Names.code(name),
            file_name=file_of_code(_Names.code(name)),
            requests=tuple(requests),
            more=more[name],
            followed=tuple(map(_follows, requests[1:], requests)),
            possible=possible.get(name, ()),
        )
        for name, requests in found.items()
    }
    return accounts, tuple(strays) if asked is not None else (), notes


class _Names(NamedTuple):
    """How accounts are named: by code; by `SERVER CODE` if the server is not known either."""

    label: str | None
    asked: frozenset[str] | None

    def of(self, server: str, code: str | None) -> str | None:
        """The account of a request that follows no redirect; None for one not asked for."""
        if self.asked is None:
            return code if self.label or not code else f"{server} {code}"
        in_scope = self.label in (None, server)
        return code if in_scope and code in self.asked else None

    @staticmethod
    def code(name: str) -> str:
        """The code of an account."""
        return name.rpartition(" ")[2]


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
