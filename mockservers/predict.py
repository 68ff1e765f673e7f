"""What a run will come to, from plan and codes alone."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from mockservers.plan import Plan, effective, fate
from mockservers.wire import Found, RequestForm, Wire, render

OUTCOMES = ("ok", "not_found", "error", "depends")
"""What a download can come to; `depends` where that is up to the client."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a code meets at its first request, and what a correct client makes of it."""

    do: str
    status: int | None
    outcome: str

    def to_json(self) -> dict[str, Any]:
        """As `mockservers predict --json` prints it."""
        return {"do": self.do, "status": self.status, "outcome": self.outcome}


def predict(
    plan: Plan, label: str, codes: Iterable[str], find: Callable[[str], Found | None]
) -> dict[str, Forecast]:
    """The forecast for each code, asked of server `label` under `plan`.

    `find` tells what is there for a code. Pure: as often as it is called, it says the same.
    """
    return {code: _forecast(plan, label, code, find(code)) for code in codes}


def totals(forecasts: dict[str, Forecast]) -> dict[str, int]:
    """How many codes come to each of `OUTCOMES`."""
    counted = Counter(forecast.outcome for forecast in forecasts.values())
    return {outcome: counted[outcome] for outcome in OUTCOMES}


def _forecast(plan: Plan, label: str, code: str, found: Found | None) -> Forecast:
    def meet(attempt: int) -> tuple[str, Wire]:
        reply = effective(fate(plan, label, code, attempt), exists=found is not None)
        return reply.do, render(reply, RequestForm(), found)

    do, wire = meet(1)
    outcome = _outcome(wire)
    # Some clients ask again when a connection ends before the reply's head was complete.
    if wire.status is None and _outcome(meet(2)[1]) != outcome:
        outcome = "depends"
    return Forecast(do, wire.status, outcome)


def _outcome(wire: Wire) -> str:
    if not wire.certain:
        return "depends"
    if wire.status == 404:
        return "not_found"
    whole = wire.status == 200 and wire.body_stop == wire.length
    return "ok" if whole else "error"
