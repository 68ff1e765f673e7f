"""Plans as JSON: read with errors that name place and value, and written without defaults."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from msgspec import structs

from mockservers.faults import KINDS, Delay, Fault, Lognormal, PlanError, Uniform
from mockservers.kinds.values import check, field_types, shorten
from mockservers.kinds.whole import Status
from mockservers.plan import Away, Bucket, Gate, Limit, Plan

_LOGNORMAL = {"median": "median_s", "sigma": "sigma", "max": "max_s"}
"""Keys of JSON, and the fields that they are."""


# --- reading -------------------------------------------------------------------------------


def plan_from_json(text: str, source: str = "plan") -> Plan:
    """Read a plan; raises PlanError that names `source`, the place, the value and the fault."""
    with _at(f"{source}: "):
        try:
            data = json.loads(
                text,
                object_pairs_hook=_without_duplicates,
                parse_constant=_no_constant,
                parse_float=_number,
            )
        except (ValueError, RecursionError) as exc:
            raise PlanError(f"not a JSON plan: {exc}") from None
        return _plan(data)


def _plan(data: Any) -> Plan:
    values = json_object("the plan", data, ("plan", *Plan.__struct_fields__), ("plan",))
    if isinstance(version := values.pop("plan"), bool) or version != 1:
        raise PlanError(f"plan: {shorten(version)}: the only version of the format is 1")
    if "mix" in values:
        mix = check("mix", values["mix"], list)
        values["mix"] = [_bucket(f"mix[{n}]", bucket) for n, bucket in enumerate(mix)]
    if "rules" in values:
        rules = check("rules", values["rules"], dict)
        values["rules"] = {name: _rule(name, rule) for name, rule in rules.items()}
    for name, kind in {"gate": Gate, "limit": Limit, "away": Away}.items():
        if name in values:
            keys = kind.__struct_fields__
            given = json_object(name, values[name], keys, keys)
            if "over" in given:
                given["over"] = _fault("limit.over", given["over"])
            with _at(f"{name}."):
                values[name] = kind(**given)
    return Plan(**values)


def _bucket(place: str, data: Any) -> Bucket:
    bucket = json_object(place, data, None, ("weight",))
    weight = bucket.pop("weight")
    fault = _fault(place, bucket)
    with _at(f"{place}."):
        return Bucket(weight, fault)


def _rule(name: str, rule: Any) -> list[Fault]:
    place = f"rules.{shorten(name)[1:-1]}"
    return [_fault(f"{place}[{n}]", data) for n, data in enumerate(check(place, rule, list))]


def _fault(place: str, data: Any) -> Fault:
    do = json_object(place, data, None, ("do",))["do"]
    if not isinstance(do, str) or do not in KINDS:
        hint = " (refuse is a key of the plan)" if do == "refuse" else ""
        raise PlanError(f"{place}.do: {shorten(do)} is none of {', '.join(KINDS)}{hint}")
    kind = KINDS[do]
    required = [field.name for field in structs.fields(kind) if field.required]
    values = json_object(place, data, ("do", *field_types(kind)), ("do", *required))
    with _at(f"{place}."):
        return kind(**{name: _field(name, values[name]) for name in values if name != "do"})


def _field(name: str, value: Any) -> Any:
    """A field as its class takes it. In JSON, a default is a key left out, so null is an error."""
    if value is None:
        raise PlanError(f"{name}: null is no value; leave the key out")
    if name == "headers":
        return check(name, value, dict)
    return _delay(value) if name == "delay_s" and isinstance(value, dict) else value


def _delay(data: dict[str, Any]) -> Delay:
    with _at("delay_s."):
        match list(data.items()):
            case [("uniform", [low, high])]:
                for n, second in enumerate((low, high)):
                    check(f"uniform[{n}]", second, field_types(Uniform)["low_s"])
                return Uniform(low, high)
            case [("lognormal", shape)]:
                values = json_object("lognormal", shape, tuple(_LOGNORMAL), tuple(_LOGNORMAL))
                for key, name in _LOGNORMAL.items():
                    check(f"lognormal.{key}", values[key], field_types(Lognormal)[name])
                return Lognormal(**{name: values[key] for key, name in _LOGNORMAL.items()})
    forms = '{"uniform": [LOW, HIGH]} or {"lognormal": {"median": S, "sigma": X, "max": S}}'
    raise PlanError(f"delay_s: {shorten(data)} is neither a number nor {forms}")


def json_object(
    place: str, data: Any, known: Iterable[str] | None, required: Iterable[str] = ()
) -> dict[str, Any]:
    """A copy of a JSON object; raises PlanError for a missing key, and one that is not `known`."""
    found = dict(check(place, data, dict))
    for key in required:
        if key not in found:
            raise PlanError(f"{place}: the key {key!r} is missing")
    for key in found:
        if known is not None and key not in known:
            raise PlanError(f"{place}: unknown key {shorten(key)}")
    return found


@contextmanager
def _at(prefix: str) -> Iterator[None]:
    """Put the place before what a PlanError says."""
    try:
        yield
    except PlanError as exc:
        raise PlanError(f"{prefix}{exc}") from None


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) < len(pairs):
        times = Counter(key for key, _ in pairs)
        raise ValueError(f"duplicate key {shorten(max(times, key=times.__getitem__))}")
    return data


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")


def _number(text: str) -> float:
    """7.0 is an integer, as JSON Schema has it."""
    value = float(text)
    return int(value) if value.is_integer() else value


# --- writing -------------------------------------------------------------------------------


def plan_to_json(plan: Plan) -> dict[str, Any]:
    """The JSON of a plan, without what has its default; `plan_from_json` reads it back."""
    data: dict[str, Any] = {"plan": 1, "seed": plan.seed}
    if plan.mix:
        data["mix"] = [{"weight": b.weight, **fault_to_json(b.fault)} for b in plan.mix]
    if plan.rules:
        data["rules"] = {key: list(map(fault_to_json, rule)) for key, rule in plan.rules.items()}
    if plan.gate:
        data["gate"] = structs.asdict(plan.gate)
    if plan.limit:
        over = fault_to_json(plan.limit.over)
        data["limit"] = {"in_flight": plan.limit.in_flight, "over": over}
    if plan.away:
        data["away"] = structs.asdict(plan.away)
    if plan.per_attempt:
        data["per_attempt"] = True
    if plan.refuse:
        data["refuse"] = True
    if plan.ranges:
        data["ranges"] = True
    if plan.etag != "strong":
        data["etag"] = plan.etag
    return data


def fault_to_json(fault: Fault) -> dict[str, Any]:
    """The JSON of a fault, without what has its default."""
    data: dict[str, Any] = {"do": fault.do}
    for field in structs.fields(fault):
        value = getattr(fault, field.name)
        if field.name in field_types(type(fault)) and value != field.default:
            data[field.name] = value
    if isinstance(fault, Status):
        data["status"] = fault.status[0] if len(fault.status) == 1 else list(fault.status)
        if fault.headers:
            data["headers"] = dict(fault.headers)
    match fault.delay_s:
        case Uniform(low_s, high_s):
            data["delay_s"] = {"uniform": [low_s, high_s]}
        case Lognormal() as shape:
            values = {key: getattr(shape, name) for key, name in _LOGNORMAL.items()}
            data["delay_s"] = {"lognormal": values}
    return data
