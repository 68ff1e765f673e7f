"""The charts of a page: bars, lanes, and the curve of requests in flight; pure.

Times are seconds since the first request.
"""

import heapq
import itertools
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from msgspec import structs, to_builtins

from mockservers.faults import KINDS
from mockservers.journal import Line, RequestEntry
from mockservers.kinds.base import Look
from mockservers.kinds.names import normalised
from mockservers.ledger.text import met

MOST_POINTS = 4_000
"""Points of the curve of requests in flight; beyond that, the highest of each span."""

LOOKS: Mapping[str, Look] = {name: kind.look for name, kind in KINDS.items()} | {
    "not found": Look("absent", "plain"),
    "bad request": Look("absent", "cross"),
    "other": Look("absent", "grid"),
}
"""How what a request met is drawn: every kind, a plain 404, what was refused, and kinds of other
servers that are not known here."""


def chart_of(entries: Iterable[Line], out_of_balance: Collection[str | None]) -> dict[str, Any]:
    """The chart of a short run, all of whose requests are drawn."""
    requests = [shown(entry) for entry in entries if isinstance(entry, RequestEntry)]
    fates = Counter(met(entry) for entry in requests)
    return chart(requests, list(map(span, requests)), fates, None, out_of_balance)


def shown(entry: RequestEntry, *, queries: bool = False) -> RequestEntry:
    """What a page shows of a request: no header fields, and its query only if it is asked for.

    They may hold a secret, and a page is made to be shown.
    """
    return structs.replace(entry, headers=None, query=entry.query if queries else None)


def chart(
    requests: Sequence[RequestEntry],
    spans: Sequence[tuple[float, float]],
    fates: Counter[str],
    limit: int | None,
    out_of_balance: Collection[str | None],
) -> dict[str, Any]:
    """What is drawn of `requests`; `spans` and `fates` are those of all there were."""
    begin = min((start for start, _ in spans), default=0.0)
    end = max((end for _, end in spans), default=0.0)
    return {
        "fates": [_fate(name, count) for name, count in fates.most_common()],
        "bars": _bars(requests, begin, out_of_balance),
        "in_flight": _in_flight(spans, begin),
        "limit": limit,
        "took_s": round(end - begin, 6),
    }


def names_of(entry: RequestEntry) -> list[str]:
    """The names by which an imbalance may be that of this request."""
    return [*filter(None, [entry.code]), f"{entry.server} {normalised(entry.path)}"]


def span(entry: RequestEntry) -> tuple[float, float]:
    """From when to when a request was under way."""
    return entry.start_s, max(entry.end_s, entry.start_s)


def _bars(
    requests: Sequence[RequestEntry], begin: float, out_of_balance: Collection[str | None]
) -> dict[str, Any]:
    """The requests in columns, by their start, each with a lane in which it overlaps nothing."""
    requests = sorted(requests, key=span)
    entries: list[dict[str, Any]] = [to_builtins(entry) for entry in requests]
    fields = list(dict.fromkeys(name for entry in entries for name in entry))
    starts, firsts, ends = [], [], []
    for entry in requests:
        start, end = span(entry)
        first = entry.first_byte_s
        starts.append(start - begin)
        ends.append(end - begin)
        firsts.append((end if first is None else first) - begin)
    lanes = list(_lanes(starts, ends))
    return {
        "start": [round(value, 6) for value in starts],
        "first": [round(value, 6) for value in firsts],
        "end": [round(value, 6) for value in ends],
        "lane": lanes,
        "lanes": max(lanes, default=0) + 1,
        "fate": [met(entry) for entry in requests],
        "off": [any(name in out_of_balance for name in names_of(entry)) for entry in requests],
        "entries": {name: [entry.get(name) for entry in entries] for name in fields},
    }


def _lanes(starts: Sequence[float], ends: Sequence[float]) -> Iterator[int]:
    """For each span, in the order of their starts, the lowest lane that is free then."""
    free: list[int] = []
    taken: list[tuple[float, int]] = []
    for start, end in zip(starts, ends, strict=True):
        while taken and taken[0][0] <= start:
            heapq.heappush(free, heapq.heappop(taken)[1])
        lane = heapq.heappop(free) if free else len(taken)
        heapq.heappush(taken, (end, lane))
        yield lane


def _in_flight(spans: Iterable[tuple[float, float]], begin: float) -> dict[str, list[float]]:
    """The number of requests under way, as steps; of each of many spans of time, the highest."""
    changes = sorted(itertools.chain.from_iterable(((start, 1), (end, -1)) for start, end in spans))
    seconds: list[float] = [0.0]
    numbers: list[float] = [0]
    number = 0
    for moment, group in itertools.groupby(changes, key=lambda change: change[0]):
        changed = [change for _, change in group]
        # A request that starts at the moment at which another ends was in flight with it.
        for step in (changed.count(1), -changed.count(-1)):
            if step:
                number += step
                seconds.append(round(moment - begin, 6))
                numbers.append(number)
    share = -(-len(seconds) // MOST_POINTS)
    if share > 1:
        highest = [
            max(range(at, min(at + share, len(seconds))), key=numbers.__getitem__)
            for at in range(0, len(seconds), share)
        ]
        seconds = [seconds[at] for at in highest] + seconds[-1:]
        numbers = [numbers[at] for at in highest] + numbers[-1:]
    return {"s": seconds, "n": numbers}


def label_of(name: str) -> str:
    """What the page calls a kind of response; `status` alone would say little."""
    return "error status" if name == "status" else name


def _fate(name: str, count: int) -> dict[str, Any]:
    return {"name": name, "label": label_of(name), "count": count} | LOOKS[name]._asdict()
