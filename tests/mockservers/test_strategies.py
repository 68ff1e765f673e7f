"""The strategies can draw every variant and every field; what they draw is valid."""

import json

import pytest
from hypothesis import Phase, find, given, settings
from support import examples

from mockservers.codes import is_code
from mockservers.faults import KINDS, Reset, Status, Truncate
from mockservers.plan import plan_from_json, plan_to_json
from mockservers.strategies import MAX_DELAY_S, code_lists, gates, plans, replies, sticky_plans

FOUND_IS_ENOUGH = settings(max_examples=2000, deadline=None, phases=[Phase.generate])


@pytest.mark.parametrize("kind", KINDS.values())
@pytest.mark.parametrize("late", [True, False])
def test_every_kind_can_be_drawn_with_and_without_delay(kind, late):
    assert find(
        replies(),
        lambda reply: isinstance(reply, kind) and (reply.delay_s > 0) is late,
        settings=FOUND_IS_ENOUGH,
    )


@pytest.mark.parametrize(
    "wanted",
    [
        lambda reply: isinstance(reply, Status) and len(reply.status) > 1,
        lambda reply: isinstance(reply, Status) and reply.reason,
        lambda reply: isinstance(reply, Status) and reply.headers,
        lambda reply: isinstance(reply, Status) and 404 in reply.status,
        lambda reply: isinstance(reply, Reset) and reply.after_bytes > 200,
        lambda reply: isinstance(reply, Truncate) and reply.after_bytes,
    ],
)
def test_every_field_can_be_drawn(wanted):
    assert find(replies(), wanted, settings=FOUND_IS_ENOUGH)


@pytest.mark.parametrize(
    "wanted",
    [
        lambda plan: len(plan.mix) > 2,
        lambda plan: sum(bucket.weight for bucket in plan.mix) == 100,
        lambda plan: any(len(rule) > 1 for rule in plan.rules.values()),
        lambda plan: any(key.startswith("/") for key in plan.rules),
        lambda plan: plan.per_attempt,
        lambda plan: plan.seed > 2**32,
    ],
)
def test_every_form_of_plan_can_be_drawn(wanted):
    assert find(plans(), wanted, settings=FOUND_IS_ENOUGH)


def test_the_simplest_plan_is_the_empty_one():
    assert plan_to_json(find(plans(), lambda plan: True)) == {"plan": 1, "seed": 0}


@examples(100)
@given(plans(), code_lists(), gates(7), sticky_plans())
def test_what_is_drawn_is_valid(plan, codes, gate, sticky):
    for drawn in (plan, sticky):
        assert plan_from_json(json.dumps(plan_to_json(drawn))) == drawn
    assert all(map(is_code, codes))
    assert len(set(codes)) == len(codes) >= 1
    assert 1 <= gate.hold_until_in_flight <= 7
    assert not sticky.per_attempt
    assert all(len(rule) == 1 for rule in sticky.rules.values())
    assert all(bucket.reply.delay_s <= MAX_DELAY_S for bucket in plan.mix)
