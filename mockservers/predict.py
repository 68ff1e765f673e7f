"""The result of a run, from plan and codes alone."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

from mockservers.flags2.codes import CODE_OF_PATH, is_code, path_of_code
from mockservers.kinds.base import OfResource
from mockservers.kinds.cut import CloseAfter
from mockservers.kinds.names import normalised
from mockservers.kinds.request import RequestForm
from mockservers.kinds.resource import ResourceInfo
from mockservers.kinds.response import Response
from mockservers.kinds.selection import Validators, response_to
from mockservers.plan import Plan, fate

FORECASTS = ("ok", "not_found", "error", "depends")
"""What a download can come to; `depends` where that is up to the client."""

FEWEST_HOPS = 9
"""Redirects that both reference downloaders follow (aiohttp gives up after these)."""
MOST_HOPS = 50
"""Redirects that some client follows (curl gives up after these)."""

_PLAIN = RequestForm()
"""How the reference downloaders ask: HTTP/1.1, no gzip."""

_DATED = _PLAIN._replace(now_s=0)
_TYPICAL = Validators(f'"{"0" * 16}"', 0, True)
"""Those of content in memory."""
_SHORTEST, _LONGEST = Validators(None, 0, True), Validators(f'"{"0" * 200}"', 0, True)

Find = Callable[[str], ResourceInfo | None]
"""What there is at a path."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a code meets at its first request, and what a correct client makes of it."""

    do: str
    status: int | None
    outcome: str

    def to_json(self) -> dict[str, Any]:
        """As `mockservers predict --json` prints it."""
        return {"do": self.do, "status": self.status, "outcome": self.outcome}


def predict(plan: Plan, label: str, codes: Iterable[str], find: Find) -> dict[str, Forecast]:
    """The forecast for each code, or normalised path, asked of server `label` under `plan`.

    A correct client waits as long as it takes, follows redirects, and offers no gzip. `find` gives
    what is at a path. Pure: the same arguments give the same forecast.
    """
    if plan.refuse:
        return dict.fromkeys(codes, Forecast("refuse", None, "error"))
    paths = {name: name if name.startswith("/") else path_of_code(name) for name in codes}
    oracle = _Oracle(plan, label, find, crowded=len(paths) > 1)
    # A request may be sent on a connection that the server is about to close.
    closes = len(paths) > 1 and any(isinstance(fault, CloseAfter) for fault in plan.faults())
    by_others = closes or plan.limit or plan.away
    # A client that is redirected to a code makes an attempt at it: which is the first?
    targets = {target for path in paths.values() for target in oracle.targets(path)}
    forecasts = {}
    for code, path in paths.items():
        do, response = oracle.meet(path, 1)
        if oracle.crowded and path in targets:
            forecasts[code] = Forecast(do, response.status, "depends")
            continue
        attempts = oracle.attempts(path) if path in targets else (1,)
        possible = frozenset().union(*(oracle.outcomes(path, n) for n in attempts))
        sure = len(possible) == 1 and not by_others
        outcome = next(iter(possible)) if sure else "depends"
        forecasts[code] = Forecast(do, response.status, outcome)
    return forecasts


def totals(forecasts: dict[str, Forecast]) -> dict[str, int]:
    """How many codes come to each of `FORECASTS`."""
    counted = Counter(forecast.outcome for forecast in forecasts.values())
    return {outcome: counted[outcome] for outcome in FORECASTS}


class _Oracle:
    """One server under one plan, asked attempt by attempt; a code and its path are one resource."""

    def __init__(self, plan: Plan, label: str, find: Find, *, crowded: bool) -> None:
        self.crowded = crowded and plan.per_attempt
        """Others may have made any number of attempts at the end of a redirect before."""
        self._plan = plan
        self._label = label
        self._find = find
        self._known: dict[tuple[str, int, int, bool], frozenset[str]] = {}

    def meet(self, path: str, attempt: int, known: Validators = _TYPICAL) -> tuple[str, Response]:
        """The kind of response, and the response, of an attempt; `known` counts with `ranges`."""
        name, info = CODE_OF_PATH.get(path, path), self._find(path)
        counted = is_code(name) or info is not None or path in self._plan.rules
        drawn = fate(self._plan, self._label, name, attempt if counted else 1, path)
        if info and isinstance(drawn, OfResource):
            info = info.grown(drawn.grow)
        if self._plan.ranges:
            fault, response = response_to(drawn, _DATED, info, path, known)
        else:
            fault, response = response_to(drawn, _PLAIN, info, path)
        return fault.do, response

    def attempts(self, path: str) -> range:
        """Attempts that represent all: beyond them, the fate is that of the last."""
        if self._plan.per_attempt:
            return range(1, MOST_HOPS)
        rules = (self._plan.rules.get(key, ()) for key in (path, CODE_OF_PATH.get(path, "")))
        return range(1, max(map(len, rules)) + 2)

    def targets(self, path: str) -> Iterator[str]:
        """The other paths to which redirects lead from a path, however many hops away."""
        seen, to_do = {path}, [path]
        while to_do and len(seen) < 1000:
            at = to_do.pop()
            for attempt in self.attempts(at):
                target = _target(at, self.meet(at, attempt)[1])
                if target and target not in seen:
                    seen.add(target)
                    to_do.append(target)
                    yield target

    def outcomes(
        self, path: str, attempt: int, hops: int = 0, resent: bool = False
    ) -> frozenset[str]:
        """All that correct clients may make of a download whose next request is this one."""
        key = (path, attempt, hops, resent)
        if key not in self._known:
            self._known[key] = self._outcomes(*key)
        return self._known[key]

    def _outcomes(self, path: str, attempt: int, hops: int, resent: bool) -> frozenset[str]:
        # The length of an ETag is not known here, and a reset comes after so many bytes.
        possible = (_SHORTEST, _LONGEST) if self._plan.ranges else (_TYPICAL,)
        responses = [self.meet(path, attempt, known)[1] for known in possible]
        found = (self._outcome(path, attempt, one, hops, resent) for one in responses)
        return frozenset().union(*found)

    def _outcome(
        self, path: str, attempt: int, response: Response, hops: int, resent: bool
    ) -> frozenset[str]:
        if response.status is None and not response.unclear:
            # Some clients retry once when a connection ends before the header section does.
            if resent:
                return frozenset({"error"})
            return self.outcomes(path, attempt + 1, hops, True) | {"error"}
        if response.unclear:
            return frozenset({"ok", "error"})
        if response.location is not None:
            return self._redirected(path, attempt, response, hops)
        if response.status == 404:
            return frozenset({"not_found"})
        whole = (
            response.status == 200
            and response.body is None
            and response.body_stop == response.length
        )
        return frozenset({"ok" if whole else "error"})

    def _redirected(self, path: str, attempt: int, response: Response, hops: int) -> frozenset[str]:
        """What may come of a redirect."""
        target = _target(path, response)
        # Other servers are not known here, and clients differ in what they decode.
        if target is None or unquote(target) != target:
            return frozenset({"ok", "not_found", "error"})
        if self.crowded and target != path:
            return frozenset({"ok", "not_found", "error"})
        if hops == MOST_HOPS:
            return frozenset({"error"})
        attempts = (attempt + 1,) if target == path else self.attempts(target)
        found = (self.outcomes(target, number, hops + 1) for number in attempts)
        given_up = frozenset({"error"} if hops >= FEWEST_HOPS else ())
        return given_up.union(*found)


def _target(path: str, response: Response) -> str | None:
    """The path on this server to which a response redirects, if it does."""
    if response.location is None:
        return None
    try:
        to = urlsplit(response.location)
    except ValueError:
        return None
    if to.scheme or to.netloc:
        return None
    return normalised(urlsplit(urljoin(f"http://x{path}", response.location)).path)
