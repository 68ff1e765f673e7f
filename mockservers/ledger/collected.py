"""What a ledger needs of a journal, read once and in bounded memory."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, TypeVar

from msgspec import Struct, structs

from mockservers.journal import AwayEntry, DigestEntry, End, GateEntry, Header, Line, RequestEntry
from mockservers.kinds.names import normalised
from mockservers.ledger.redirects import path_of, target_of

STRAYS = 1000
"""Requests for paths of no code that a flags2 report can be wrong about; more are only counted."""
KEPT_PER_ROW = 64
"""Requests for one resource of a server that are kept, besides those that redirects led there;
further ones are only counted."""
KEPT_IN_ALL, FEW = 200_000, 3
"""After so many in all, only these few of each resource are kept: the first, and the last one."""
LEADING = 10_000
"""Redirects, of which each makes room for two more requests for its target (it may be followed
twice): enough for 50 hops of each of 194 codes."""

T = TypeVar("T")


class Collected(Struct, frozen=True, kw_only=True):
    """What a ledger needs of a journal, in bounded memory."""

    header: Header
    end: End | None
    """None when the writer was killed."""
    requests: tuple[RequestEntry, ...]
    """Those that can belong to a download."""
    strays: tuple[RequestEntry, ...]
    """Requests for paths of no code to which nothing led: the first of them."""
    others: tuple[RequestEntry, ...]
    """The same, some of each path."""
    more: dict[tuple[str, str], int]
    """Further requests, by server and code, or path."""
    count: int
    most_in_flight: dict[str, int]
    """By server."""
    given_up: dict[str, int]
    """Requests that clients gave up, by server."""
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
            case AwayEntry(server, for_s):
                notes.append(f"{server} went away for {for_s:g} s, as its plan says")
            case End():
                end = line
    # Entries come as requests end: one that was led there may come before what led it there.
    led = [entry for entry in collector.strays if path_of(entry) in collector.led_to]
    return Collected(
        header=header,
        end=end,
        requests=tuple(map(collector.digested, (*collector.requests, *led))),
        strays=tuple(e for e in collector.strays if path_of(e) not in collector.led_to),
        others=tuple(map(collector.digested, collector.others_but(led))),
        more=dict(collector.more),
        count=collector.count,
        most_in_flight=dict(collector.most_in_flight),
        given_up=dict(collector.given_up),
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
        self.given_up: Counter[str] = Counter()
        self.digests: dict[int, str | None] = {}
        """Digests that come later, of requests that are kept."""
        self.count = 0
        self._kept: Counter[tuple[str, str]] = Counter()
        self._leading = 0
        self._others: dict[tuple[str, str], list[RequestEntry]] = {}
        self._others_kept = 0
        self._same: dict[Any, Any] = {}

    def digested(self, entry: RequestEntry) -> RequestEntry:
        """The entry with the digest that came later."""
        sha256 = self.digests.get(entry.n)
        return structs.replace(entry, sha256=sha256) if sha256 else entry

    def others_but(self, led: list[RequestEntry]) -> list[RequestEntry]:
        """Requests for paths of no code, except those to which a redirect led."""
        left_out = {entry.n for entry in led} | {entry.n for entry in self.requests}
        found = (entry for entries in self._others.values() for entry in entries)
        return [entry for entry in found if entry.n not in left_out]

    def add(self, entry: RequestEntry) -> None:
        self.count += 1
        server = entry.server
        self.given_up[server] += entry.client_gone
        self.most_in_flight[server] = max(self.most_in_flight[server], entry.in_flight)
        if entry.method == "HEAD":
            return
        if entry.location and self._leading < LEADING:
            self._leading += 1
            self.led_to[target_of(entry)[1]] += 2
        path = path_of(entry)
        what = server, entry.code or path
        if self._kept[what] < self.led_to[path] + (KEPT_PER_ROW if entry.code else 0):
            self._kept[what] += 1
            self.requests.append(entry)
        elif entry.code:
            self.more[what] += 1
            return
        else:
            entry = self._add_other(entry)
            if len(self.strays) < STRAYS:
                self.strays.append(entry)
        if entry.digest:
            self.digests[entry.n] = None

    def _add_other(self, entry: RequestEntry) -> RequestEntry:
        """Keep a request for a path of no code, in little room."""
        path = self._once(normalised(entry.path))
        entries = self._others.setdefault((self._once(entry.server), path), [])
        if len(entries) < (KEPT_PER_ROW if self._others_kept < KEPT_IN_ALL else FEW):
            self._others_kept += 1
            entry = self._small(entry)
            entries.append(entry)
        else:
            self.more[entry.server, path] += 1
            if entry.n > entries[-1].n:
                entry = entries[-1] = self._small(entry)
        return entry

    def _small(self, entry: RequestEntry) -> RequestEntry:
        return structs.replace(
            entry,
            server=self._once(entry.server),
            method=self._once(entry.method),
            path=self._once(entry.path),
            do=self._once(entry.do),
            sha256=self._once(entry.sha256),
            headers=None,
            delay_s=0.0,
            start_s=0.0,
            first_byte_s=None,
            end_s=0.0,
        )

    def _once(self, value: T) -> T:
        """The same object for equal values."""
        same: T = self._same.setdefault(value, value)
        return same
