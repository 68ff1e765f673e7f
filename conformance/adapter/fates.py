"""Draws and fates: what is right, and which clause a wrong fate breaks; pure.

The oracle is `mockservers.plan`.
"""

import json
from typing import Any

from msgspec import structs

from conformance.adapter.cases import Question
from mockservers.faults import Delay, Fault, Garbage, Serve
from mockservers.flags2.codes import is_code, path_of_code
from mockservers.kinds.chance import Chance, bytes_of, places_in
from mockservers.plan import Plan, fate
from mockservers.plan_json import fault_to_json, plan_from_json

MICROSECOND = 1e-6


def right_places(question: Question) -> list[int]:
    """The places of `flip`."""
    values = dict(question.arguments)
    count, length = values.pop("count"), values.pop("length")
    return list(places_in(Chance(**values).text("places"), count, length))


def right_bytes(question: Question) -> str:
    """The bytes of a body, in hexadecimal."""
    values = dict(question.arguments)
    length = values.pop("length")
    return bytes_of(Chance(**values).text("bytes"), length).hex()


def request_of(question: Question) -> tuple[Plan, str, str, int]:
    """Plan, label, resource and attempt."""
    values = question.arguments
    plan = plan_from_json(json.dumps(values["plan"]), question.id)
    return plan, values["label"], values["resource"], values["attempt"]


def read_response(data: Any) -> Fault:
    """A response as an adapter writes it; raises PlanError, TypeError or ValueError."""
    if not isinstance(data, dict):
        raise TypeError("expected a JSON object")
    noise = bytes.fromhex(data.get("noise", ""))
    bare = {key: value for key, value in data.items() if key != "noise"}
    plan = plan_from_json(json.dumps({"plan": 1, "rules": {"AA": [bare]}}), "answer")
    (response,) = plan.rules["AA"]
    return structs.replace(response, noise=noise) if isinstance(response, Garbage) else response


def clause_of_wrong_fate(
    met: Fault, plan: Plan, label: str, resource: str, attempt: int
) -> str | None:
    """The clause that is broken if a request meets `met`; None if it is right."""
    path = path_of_code(resource) if is_code(resource) else resource
    right = fate(plan, label, resource, attempt, path)
    if _same(met, right):
        return None
    ruled = resource in plan.rules or path in plan.rules
    mixed = [bucket.fault for bucket in plan.mix]
    if not ruled and sum(bucket.weight for bucket in plan.mix) < 100:
        mixed.append(Serve())
    for other in (*mixed, *plan.faults()):
        alone = structs.replace(plan, mix=(), rules={resource: (other,)})
        if _same(met, fate(alone, label, resource, attempt, path)):
            return "SRV-2" if other in mixed and not ruled else "SRV-6"
    if _same(met, right, "noise"):
        return "SRV-5"
    if _same(met, right, "delay_s"):
        return "SRV-4"
    if _same(met, right, "status", "delay_s"):
        return "SRV-3"
    return "SRV-6" if ruled else "SRV-2"


def _same(one: Fault, other: Fault, *without: str) -> bool:
    """Whether two responses are equal, delays within a microsecond, apart from some fields."""
    left_out = ("delay_s", "draw", *without)
    names = [name for name in type(one).__struct_fields__ if name not in left_out]
    return (
        type(one) is type(other)
        and ("delay_s" in without or _close(one.delay_s, other.delay_s))
        and all(getattr(one, name) == getattr(other, name) for name in names)
    )


def _close(one: Delay, other: Delay) -> bool:
    numbers = isinstance(one, int | float) and isinstance(other, int | float)
    return numbers and abs(one - other) <= MICROSECOND  # type: ignore[operator]


def right_fate(question: Question) -> str:
    """The right answer about a fate, as a line."""
    response = fate(*request_of(question))
    noise = {"noise": response.noise.hex()} if isinstance(response, Garbage) else {}
    return json.dumps({"result": fault_to_json(response) | noise})
