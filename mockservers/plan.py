"""A plan, and the fate it gives to every request: a pure function of seed, resource, attempt.

Nothing here knows time, sockets or the order of arrival, so what a run will do is known
before it starts. The draw (`draw`) is part of the spec: SPEC.md, "The draw".
"""

import hashlib
import json
import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cache
from importlib import resources
from statistics import NormalDist
from typing import Any

import jsonschema

from mockservers.faults import (
    KINDS,
    Delay,
    Garbage,
    Lognormal,
    Reply,
    Serve,
    Status,
    Uniform,
)
from mockservers.flags2.arguments import is_code, path_of_code

SEED_BOUND = 2**53
"""Seeds are below this, so that every language with doubles can hold them."""

NOISE_BLOCKS = 8
"""SHA-256 digests in the bytes of a `garbage` reply."""


class PlanError(ValueError):
    """A plan that cannot be used; the text names the place and the value, on one line."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """A share of the resources, in percent, and what they meet."""

    weight: float
    reply: Reply


@dataclass(frozen=True, slots=True)
class Gate:
    """Hold replies until `hold_until_in_flight` are held at once, or `or_s` after the first.

    Opens once per server and run; after that nothing is held.
    """

    hold_until_in_flight: int
    or_s: float


@dataclass(frozen=True, slots=True)
class Plan:
    """What a server does to whom; `Plan()` serves everything."""

    seed: int = 0
    mix: tuple[Bucket, ...] = ()
    """Exclusive buckets, in order; their weights sum to at most 100, the rest is `Serve()`."""
    rules: Mapping[str, tuple[Reply, ...]] = field(default_factory=dict)
    """A code or a path to its replies by attempt; the last one repeats. Rules beat the mix."""
    gate: Gate | None = None
    per_attempt: bool = False
    """Draw anew for every attempt; else a fate is sticky: it holds for all of them."""
    refuse: bool = False
    """Nobody listens: connections are refused, and the rest of the plan is never asked."""

    def replies(self) -> tuple[Reply, ...]:
        """Every reply that stands in the plan: those of the mix, then those of the rules."""
        by_rule = (reply for rule in self.rules.values() for reply in rule)
        return (*(bucket.reply for bucket in self.mix), *by_rule)


def draw(seed: int, label: str, resource: str, attempt: int, purpose: str) -> float:
    """A number in [0, 1) that depends on the arguments alone (SPEC.md, "The draw")."""
    digest = _digest(f"v1|{seed}|{label}|{resource}|{attempt}|{purpose}")
    return (int.from_bytes(digest[:8], "big") >> 11) / 2**53


def noise(seed: int, label: str, resource: str, attempt: int) -> bytes:
    """256 bytes that depend on the arguments alone and are not the start of an HTTP reply."""
    text = f"v1|{seed}|{label}|{resource}|{attempt}|bytes"
    drawn = b"".join(_digest(f"{text}|{block}") for block in range(NOISE_BLOCKS))
    return bytes([drawn[0] | 0x80]) + drawn[1:]


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()


def fate(plan: Plan, label: str, resource: str, attempt: int) -> Reply:
    """What the request number `attempt` (from 1) for `resource` meets on server `label`.

    `resource` is a code in capitals, or a path without its query. The reply is resolved: a
    `Status` has one status, a delay is a number, garbage has its noise.
    """
    drawn_attempt = attempt if plan.per_attempt else 0

    def u(purpose: str) -> float:
        return draw(plan.seed, label, resource, drawn_attempt, purpose)

    path_rule = plan.rules.get(path_of_code(resource)) if is_code(resource) else None
    rule = path_rule or plan.rules.get(resource)
    reply = rule[min(attempt, len(rule)) - 1] if rule else _from_mix(plan.mix, u)
    if not isinstance(reply.delay_s, int | float):
        reply = replace(reply, delay_s=_drawn_delay(reply.delay_s, u("delay")))
    if isinstance(reply, Status) and len(reply.status) > 1:
        index = int(u("status") * len(reply.status))
        return replace(reply, status=(reply.status[index],))
    if isinstance(reply, Garbage):
        return replace(reply, noise=noise(plan.seed, label, resource, drawn_attempt))
    return reply


def _from_mix(mix: tuple[Bucket, ...], u: Callable[[str], float]) -> Reply:
    if not mix:
        return Serve()
    percent, edge = 100 * u("bucket"), 0.0
    for bucket in mix:
        edge += bucket.weight
        if percent < edge:
            return bucket.reply
    return Serve()


def _drawn_delay(delay: Uniform | Lognormal, u: float) -> float:
    if isinstance(delay, Uniform):
        return delay.low_s + (delay.high_s - delay.low_s) * u
    if u == 0:  # its normal quantile is minus infinity
        return 0.0
    return min(delay.max_s, delay.median_s * math.exp(delay.sigma * NormalDist().inv_cdf(u)))


# --- JSON ---------------------------------------------------------------------------------


def plan_from_json(text: str, source: str = "plan") -> Plan:
    """Read a plan; raises PlanError that names `source`, the place, the value and the fault."""
    try:
        data = json.loads(text, object_pairs_hook=_no_twins, parse_constant=_no_constant)
    except (ValueError, RecursionError) as exc:
        raise PlanError(f"{source}: not a JSON plan: {exc}") from None
    errors = sorted(_validator().iter_errors(data), key=_order)
    if errors:
        raise PlanError(f"{source}: {_sentence(errors[0])}")
    total = math.fsum(bucket["weight"] for bucket in data.get("mix", ()))
    if total > 100 + 1e-9:
        raise PlanError(f"{source}: mix: the weights sum to {total:g}, more than 100 percent")
    plan = Plan(
        seed=int(data.get("seed", 0)),
        mix=tuple(
            Bucket(bucket.pop("weight"), _reply_from_json(bucket)) for bucket in data.get("mix", ())
        ),
        rules={
            resource: tuple(map(_reply_from_json, replies))
            for resource, replies in data.get("rules", {}).items()
        },
        gate=_gate_from_json(data.get("gate")),
        per_attempt=data.get("per_attempt", False),
        refuse=data.get("refuse", False),
    )
    places = [(f"mix[{n}]", bucket.reply) for n, bucket in enumerate(plan.mix)]
    for key, rule in plan.rules.items():
        places += [(f"rules.{_short(key)[1:-1]}[{n}]", reply) for n, reply in enumerate(rule)]
    for place, reply in places:
        delay = reply.delay_s
        if isinstance(delay, Uniform) and delay.low_s > delay.high_s:
            bounds = f"{place}.delay_s.uniform: [{delay.low_s:g}, {delay.high_s:g}]"
            raise PlanError(f"{source}: {bounds}: the lower bound comes first")
    return plan


def plan_to_json(plan: Plan) -> dict[str, Any]:
    """The JSON of a plan, without what has its default; `plan_from_json` reads it back."""
    data: dict[str, Any] = {"plan": 1, "seed": plan.seed}
    if plan.mix:
        data["mix"] = [{"weight": b.weight, **reply_to_json(b.reply)} for b in plan.mix]
    if plan.rules:
        data["rules"] = {key: list(map(reply_to_json, rule)) for key, rule in plan.rules.items()}
    if plan.gate:
        data["gate"] = {
            "hold_until_in_flight": plan.gate.hold_until_in_flight,
            "or_s": plan.gate.or_s,
        }
    if plan.per_attempt:
        data["per_attempt"] = True
    if plan.refuse:
        data["refuse"] = True
    return data


def reply_to_json(reply: Reply) -> dict[str, Any]:
    """The JSON of a reply, without what has its default."""
    data: dict[str, Any] = {"do": reply.do}
    for f in fields(reply):
        value = getattr(reply, f.name)
        if value != f.default and f.name != "noise":
            data[f.name] = value
    if not isinstance(reply.delay_s, int | float):
        data["delay_s"] = _delay_to_json(reply.delay_s)
    if isinstance(reply, Status):
        one, *others = reply.status
        data["status"] = [one, *others] if others else one
        if reply.headers:
            data["headers"] = dict(reply.headers)
    return data


def _reply_from_json(data: dict[str, Any]) -> Reply:
    values = {key: value for key, value in data.items() if key != "do"}
    if "status" in values:
        status = values["status"]
        values["status"] = tuple(map(int, status if isinstance(status, list) else [status]))
    if "headers" in values:
        values["headers"] = tuple(values["headers"].items())
    for name in ("after_bytes", "retry_after_s"):  # 7.0 is an integer to JSON Schema
        if name in values:
            values[name] = int(values[name])
    if "delay_s" in values:
        values["delay_s"] = _delay_from_json(values["delay_s"])
    return KINDS[data["do"]](**values)


def _delay_to_json(delay: Uniform | Lognormal) -> dict[str, Any]:
    if isinstance(delay, Uniform):
        return {"uniform": [delay.low_s, delay.high_s]}
    return {"lognormal": {"median": delay.median_s, "sigma": delay.sigma, "max": delay.max_s}}


def _delay_from_json(data: float | dict[str, Any]) -> Delay:
    if not isinstance(data, dict):
        return data
    if "uniform" in data:
        return Uniform(*data["uniform"])
    shape = data["lognormal"]
    return Lognormal(shape["median"], shape["sigma"], shape["max"])


def _gate_from_json(data: dict[str, Any] | None) -> Gate | None:
    return Gate(int(data["hold_until_in_flight"]), data["or_s"]) if data else None


@cache
def _validator() -> jsonschema.protocols.Validator:
    schema = json.loads(resources.files("mockservers").joinpath("plan.schema.json").read_text())
    return jsonschema.Draft202012Validator(schema)


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) < len(pairs):
        times = Counter(key for key, _ in pairs)
        twin = max(times, key=times.__getitem__)
        raise ValueError(f"the key {_short(twin)} stands twice in one object")
    return data


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")


def _order(error: Any) -> tuple[bool, list[str]]:
    # A key is unknown only for a known kind, so an unknown kind is told first.
    return error.validator == "unevaluatedProperties", list(map(str, error.absolute_path))


def _sentence(error: Any) -> str:
    place = error.json_path.removeprefix("$").removeprefix(".") or "the plan"
    match error.validator:
        case "unevaluatedProperties" | "additionalProperties":
            unknown = next(key for key in error.instance if repr(key) in error.message)
            return f"{place}: unknown key {_short(unknown)}"
        case "enum":
            choices = ", ".join(map(str, error.validator_value))
            hint = " (refuse is a key of the plan)" if error.instance == "refuse" else ""
            return f"{place}: {_short(error.instance)} is none of {choices}{hint}"
        case "type":
            wanted = error.validator_value
            wanted = " or ".join(wanted) if isinstance(wanted, list) else wanted
            return f"{place}: {_short(error.instance)} is not of type {wanted}"
        case "pattern":
            return f"{place}: {_short(error.instance)} is not {error.schema['description']}"
        case "const":
            return f"{place}: {_short(error.instance)}: {error.schema['description']}"
        case _:
            return f"{place}: {error.message}"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
