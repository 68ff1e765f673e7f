"""A plan, and the fate of every request: a pure function of plan, server, resource and attempt.

Nothing here knows time, sockets or the order of arrival, so the result of a run is known before it
starts. The draw (`draw`) is part of the spec: SPEC.md, "The draw".
"""

import importlib
import math
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from msgspec import Meta
from msgspec.structs import force_setattr

from mockservers.kinds.base import KINDS, Fault, Serve
from mockservers.kinds.chance import Chance, draw, noise
from mockservers.kinds.load import Away, Gate, Limit
from mockservers.kinds.names import checked_name, normalised
from mockservers.kinds.selection import ETagForm
from mockservers.kinds.values import MAX_INTEGER, PlanError, Value, check, shorten

__all__ = ["Away", "Bucket", "Gate", "Limit", "Plan", "PlanError", "draw", "fate", "noise"]
__all__ += ["LABELS", "MAX_ENTRIES", "SEED_BOUND"]

LABELS = ("LOCAL", "DELAY", "ERROR")
"""The servers of this package."""
SEED_BOUND = MAX_INTEGER + 1
"""Seeds are below this."""
MAX_ENTRIES = 1000
"""Buckets of a mix, and faults of one rule, at most."""

Percent = Annotated[float, Meta(ge=0, le=100, description="a percentage from 0 to 100")]
Seed = Annotated[int, Meta(ge=0, le=MAX_INTEGER, description=f"an integer from 0 to {MAX_INTEGER}")]

_SERVE = Serve()
_BY_LOAD: dict[str, type[Value]] = {"gate": Gate, "limit": Limit, "away": Away}


class Bucket(Value, frozen=True):
    """A share of the resources, in percent, and what they meet."""

    weight: Percent
    fault: Fault

    def __post_init__(self) -> None:
        """Raises PlanError."""
        check("weight", self.weight, Percent)
        _check_fault("fault", self.fault)


class Plan(Value, frozen=True):
    """What a server does to which request; `Plan()` serves everything.

    Raises PlanError, which names field and value, for a value that JSON plans reject, too.
    """

    seed: Seed = 0
    mix: tuple[Bucket, ...] = ()
    """Exclusive buckets, in order; their weights sum to at most 100, the rest is `Serve()`."""
    rules: Mapping[str, tuple[Fault, ...]] = {}
    """Maps a code or a path to its faults, one for each attempt; the last one repeats.

    A rule for the path beats one for the code, and both beat the mix. In Python, a single fault
    needs no list.
    """
    gate: Gate | None = None
    per_attempt: bool = False
    """Draw anew for every attempt; if false, a fate is sticky: all attempts share one draw."""
    refuse: bool = False
    """New connections are refused, so the rest of the plan does not matter to them."""
    ranges: bool = False
    """Serve parts and answer conditions, as RFC 9110 has it: SPEC.md, "Ranges"."""
    etag: ETagForm = "strong"
    """What kind of ETag goes with that."""
    limit: Limit | None = None
    away: Away | None = None

    def __post_init__(self) -> None:
        """Raises PlanError."""
        check("seed", self.seed, Seed)
        check("etag", self.etag, ETagForm)
        for name in ("per_attempt", "refuse", "ranges"):
            check(name, getattr(self, name), bool)
        for name, wanted in _BY_LOAD.items():
            if not isinstance(value := getattr(self, name), wanted | None):
                raise PlanError(f"{name}: {shorten(value)} is not of type {wanted.__name__}")
        if self.limit:
            _check_fault("limit.over", self.limit.over, self.ranges)
        force_setattr(self, "mix", _checked_mix(self.mix, self.ranges))
        force_setattr(self, "rules", _checked_rules(self.rules, self.ranges))

    @property
    def is_by_load(self) -> bool:
        """Whether what a request meets depends on others."""
        return bool(self.gate or self.limit or self.away)

    def faults(self) -> tuple[Fault, ...]:
        """Every fault in the plan: of the mix, then of the rules, then of the limit."""
        by_rule = (fault for rule in self.rules.values() for fault in rule)
        by_load = (self.limit.over,) if self.limit else ()
        return (*(bucket.fault for bucket in self.mix), *by_rule, *by_load)


def _checked_mix(mix: object, ranges: bool) -> tuple[Bucket, ...]:
    buckets = tuple(mix) if isinstance(mix, list | tuple) else (mix,)
    for n, bucket in enumerate(buckets):
        if not isinstance(bucket, Bucket):
            raise PlanError(f"mix[{n}]: {shorten(bucket)} is not a Bucket")
        _check_fault(f"mix[{n}]", bucket.fault, ranges)
    if len(buckets) > MAX_ENTRIES:
        raise PlanError(f"mix: {len(buckets)} buckets are more than {MAX_ENTRIES}")
    total = math.fsum(bucket.weight for bucket in buckets)
    if total > 100 + 1e-9:
        raise PlanError(f"mix: the weights sum to {total:g}, more than 100 percent")
    return buckets


def _checked_rules(rules: object, ranges: bool) -> dict[str, tuple[Fault, ...]]:
    if not isinstance(rules, Mapping):
        raise PlanError(f"rules: {shorten(rules)} is not a mapping of codes and paths to faults")
    checked: dict[str, tuple[Fault, ...]] = {}
    for name, rule in rules.items():
        place = checked_name(name)
        if place in checked:
            raise PlanError(f"rules: {shorten(name)} is there in another spelling, too")
        checked[place] = _checked_rule(name, rule, ranges)
    return checked


def _checked_rule(name: str, rule: object, ranges: bool) -> tuple[Fault, ...]:
    place = f"rules.{shorten(name)[1:-1]}"
    faults = tuple(rule) if isinstance(rule, list | tuple) else (rule,)
    if not 1 <= len(faults) <= MAX_ENTRIES:
        raise PlanError(f"{place}: {len(faults)} faults are not 1 to {MAX_ENTRIES}")
    return tuple(_check_fault(f"{place}[{n}]", fault, ranges) for n, fault in enumerate(faults))


def _check_fault(place: str, fault: object, ranges: bool = True) -> Fault:
    if not isinstance(fault, Fault) or type(fault) not in KINDS.values():
        raise PlanError(f"{place}: {shorten(fault)} is not a kind of response (mockservers.faults)")
    if fault.needs_ranges and not ranges:
        raise PlanError(f'{place}: {fault.do} acts on ranges: the plan needs "ranges": true')
    return fault


# --- fates ----------------------------------------------------------------------------------


def fate(plan: Plan, label: str, resource: str, attempt: int | None, path: str = "") -> Fault:
    """The resolved fault that request number `attempt` (from 1) meets on server `label`; None is
    one beyond the limit.

    `resource` is the name that is drawn on: a code in capitals, or a path without its query.
    `path` is the path of the request: a rule for it beats a rule for the name. Any spelling of a
    path will do.
    """
    resource, path = normalised(resource), normalised(path)
    drawn_attempt = attempt if plan.per_attempt else 0  # 0 stands for all: the fate is sticky
    chance = Chance(plan.seed, label, resource, drawn_attempt or 0)
    if attempt is None:
        return plan.limit.over.resolved(chance) if plan.limit else _SERVE
    rule = plan.rules.get(path) or plan.rules.get(resource)
    if rule:
        return rule[min(attempt, len(rule)) - 1].resolved(chance)
    return _from_mix(plan.mix, chance.number).resolved(chance)


def _from_mix(mix: tuple[Bucket, ...], u: Callable[[str], float]) -> Fault:
    if not mix:
        return _SERVE
    percent, edge = 100 * u("bucket"), 0.0
    for bucket in mix:
        edge += bucket.weight
        if percent < edge:
            return bucket.fault
    return _SERVE


def __getattr__(name: str) -> Any:
    """`plan_from_json` and `plan_to_json` are in `mockservers.plan_json`; users of 0.1 ask here."""
    if name in ("plan_from_json", "plan_to_json"):
        return getattr(importlib.import_module("mockservers.plan_json"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
