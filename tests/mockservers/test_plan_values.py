"""Plans in exact values: what is drawn, what is printed of a plan, what is said of a bad one."""

import hashlib
import json

import pytest
from support.rows import each

from mockservers.faults import (
    Empty,
    Garbage,
    Hang,
    Lognormal,
    RateLimit,
    Reset,
    Serve,
    Status,
    Uniform,
)
from mockservers.flags2.codes import path_of_code
from mockservers.plan import SEED_BOUND, Bucket, Gate, Plan, PlanError, draw, fate
from mockservers.plan_json import fault_to_json, plan_from_json, plan_to_json

# --- what is drawn --------------------------------------------------------------------------------


def met(reply, attempt=1, per_attempt=False):
    """What BR meets under seed 7 by a rule of one reply."""
    return fate(Plan(7, rules={"BR": (reply,)}, per_attempt=per_attempt), "LOCAL", "BR", attempt)


@pytest.mark.parametrize(
    ("resource", "attempt", "purpose", "u"),
    [
        ("BR", 0, "bucket", 0.3492983572755133),
        ("BR", 0, "delay", 0.03335781938620519),
        ("BR", 2, "status", 0.7470899851251971),
        ("/\udcff", 0, "bucket", 0.6230488628373027),  # a byte of a path that is not UTF-8
    ],
)
def test_a_draw_is_the_same_for_ever(resource, attempt, purpose, u):
    assert draw(7, "LOCAL", resource, attempt, purpose) == u


@pytest.mark.parametrize(
    ("attempt", "per_attempt", "uniform", "lognormal", "status"),
    [
        (1, False, 1.0667156387724104, 0.7995987353354096, 503),
        (2, False, 1.0667156387724104, 0.7995987353354096, 503),
        (1, True, 1.2436273349504214, 1.1164601729103454, 501),
        (2, True, 2.943040611617584, 5.180794101338201, 505),
    ],
)
def test_a_response_is_resolved_by_the_draws_of_its_attempt(
    attempt, per_attempt, uniform, lognormal, status
):
    delayed = met(Serve(delay_s=Uniform(1, 3)), attempt, per_attempt)
    assert delayed.delay_s == pytest.approx(uniform, rel=1e-12)
    delayed = met(Serve(delay_s=Lognormal(2.0, 0.5, 60.0)), attempt, per_attempt)
    assert delayed.delay_s == pytest.approx(lognormal, rel=1e-12)
    several = Status(tuple(range(500, 507)), "why", (("X-A", "b"),), delay_s=0.25)
    expected = Status((status,), "why", (("X-A", "b"),), delay_s=0.25)
    assert met(several, attempt, per_attempt) == expected


@pytest.mark.parametrize(
    ("code", "start", "digest"),
    [  # The first bit drawn is set for BR, and has to be set for DE.
        ("BR", "e54a83a2", "26f9e2da36d3b6e2e3ce9f74e34fa4bc58641c952cafcbd9d25b4bb5a5925709"),
        ("DE", "f2b4b50e", "4c599c2eb3c06636d5767d151b49014156d395239eabdce1f045ecef8d04c5e3"),
    ],
)
def test_the_noise_of_garbage_is_the_same_for_ever(code, start, digest):
    plan = Plan(7, (Bucket(100, Garbage()),), per_attempt=True)
    noise = fate(plan, "LOCAL", code, 2).noise
    assert (len(noise), noise[:4].hex()) == (256, start)
    assert hashlib.sha256(noise).hexdigest() == digest


def test_the_noise_of_a_sticky_plan_is_that_of_attempt_0():
    digests = {hashlib.sha256(met(Garbage(), attempt).noise).hexdigest() for attempt in (1, 2)}
    assert [one[:16] for one in digests] == ["05f80756237f0616"]


BR_PERCENT = 34.92983572755133
"""Where BR falls under seed 7."""


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ((BR_PERCENT,), Serve()),  # the edge belongs to what follows
        ((BR_PERCENT + 1e-9,), Empty()),
        ((BR_PERCENT, 1e-9), Reset()),
        ((30, BR_PERCENT - 30 + 1e-9), Reset()),
        ((30, 4), Serve()),
    ],
)
def test_a_code_falls_into_the_bucket_below_whose_upper_edge_it_is(weights, expected):
    mix = tuple(map(Bucket, weights, (Empty(), Reset())))
    assert fate(Plan(7, mix), "LOCAL", "BR", 1) == expected


BR_RULES = {"BR": (Reset(), Empty()), "/flags/br/br.gif": (RateLimit(),), "/a": (Hang(), Reset())}


@each(
    ("rules", "resource", "attempt", "expected"),
    [
        (("BR",), "BR", 1, Reset()),
        (("BR",), "BR", 2, Empty()),
        (("BR",), "BR", 3, Empty()),
        (("BR", "/flags/br/br.gif"), "BR", 1, RateLimit()),
        (("BR", "/flags/br/br.gif"), "FR", 1, Serve()),
        (("/a",), "/a", 1, Hang()),
        (("/a",), "/a", 9, Reset()),
    ],
)
def test_a_rule_gives_its_responses_one_by_one_and_the_last_for_good(
    rules, resource, attempt, expected
):
    plan = Plan(rules={key: BR_RULES[key] for key in rules})
    path = path_of_code(resource) if len(resource) == 2 and resource.isalpha() else resource
    assert fate(plan, "LOCAL", resource, attempt, path) == expected


@pytest.mark.parametrize(
    ("u", "delay_s"), [(0.0, 0.0), (2.0**-53, 0.0), (0.5, 1.0), (1 - 2.0**-53, 60.0)]
)
def test_the_rarest_draws_give_a_delay_too(monkeypatch, u, delay_s):
    monkeypatch.setattr("mockservers.kinds.chance.draw", lambda *_: u)
    assert met(Serve(delay_s=Lognormal(1.0, 10.0, 60.0))).delay_s == pytest.approx(
        delay_s, abs=1e-30
    )


def test_the_responses_of_a_plan_are_those_of_the_mix_and_then_those_of_the_rules():
    plan = Plan(
        0, (Bucket(1, Empty()), Bucket(2, Hang())), {"BR": (Reset(), Serve()), "/": (Empty(),)}
    )
    assert plan.faults() == (Empty(), Hang(), Reset(), Serve(), Empty())


# --- JSON -----------------------------------------------------------------------------------------

FULL = {
    "plan": 1,
    "seed": 5,
    "mix": [
        {"weight": 25, "do": "status", "status": [501, 502]},
        {"weight": 50, "do": "serve", "delay_s": {"uniform": [0.5, 2]}},
    ],
    "rules": {
        "BR": [
            {"do": "status", "status": 503, "reason": "why", "headers": {"X-A": "b", "X-C": "d"}},
            {"do": "reset", "after_bytes": 7, "delay_s": 0.25},
        ],
        "/a": [
            {"do": "serve", "delay_s": {"lognormal": {"median": 1, "sigma": 2, "max": 3}}},
            {"do": "rate_limit", "retry_after_s": 9},
            {"do": "hang", "or_s": 4},
        ],
    },
    "gate": {"hold_until_in_flight": 3, "or_s": 1.5},
    "per_attempt": True,
    "refuse": True,
}
FULL_PLAN = Plan(
    5,
    (Bucket(25, Status((501, 502))), Bucket(50, Serve(delay_s=Uniform(0.5, 2)))),
    {
        "BR": (Status((503,), "why", (("X-A", "b"), ("X-C", "d"))), Reset(7, delay_s=0.25)),
        "/a": (Serve(delay_s=Lognormal(1, 2, 3)), RateLimit(9), Hang(4)),
    },
    Gate(3, 1.5),
    per_attempt=True,
    refuse=True,
)


def test_a_plan_of_everything_is_read_as_it_is_written():
    assert plan_from_json(json.dumps(FULL)) == FULL_PLAN
    assert plan_to_json(FULL_PLAN) == FULL


def test_what_has_its_default_is_not_written():
    assert plan_to_json(Plan()) == {"plan": 1, "seed": 0}
    assert plan_from_json('{"plan": 1}') == Plan(0, (), {}, None, False, False)


@pytest.mark.parametrize(
    ("reply", "written"),
    [
        (Serve(), {"do": "serve"}),
        (Garbage(noise=b"drawn"), {"do": "garbage"}),
        (Status((404,)), {"do": "status", "status": 404}),
        (Status((404, 405)), {"do": "status", "status": [404, 405]}),
        (Hang(60.0, delay_s=1.0), {"do": "hang", "delay_s": 1.0}),
    ],
)
def test_a_response_is_written_without_what_has_its_default(reply, written):
    assert fault_to_json(reply) == written


@pytest.mark.parametrize(
    ("reply", "name"),
    [
        ({"do": "reset", "after_bytes": 7.0}, "after_bytes"),
        ({"do": "rate_limit", "retry_after_s": 7.0}, "retry_after_s"),
    ],
)
def test_a_whole_number_may_be_written_with_a_point(reply, name):
    plan = plan_from_json(json.dumps({"plan": 1, "rules": {"BR": [reply]}}))
    assert repr(getattr(plan.rules["BR"][0], name)) == "7"


def test_a_seed_a_status_and_a_gate_may_be_written_with_a_point():
    gate = {"hold_until_in_flight": 3.0, "or_s": 0}
    rules = {"BR": [{"do": "status", "status": 503.0}]}
    plan = plan_from_json(json.dumps({"plan": 1, "seed": 5.0, "rules": rules, "gate": gate}))
    assert repr((plan.seed, plan.gate.hold_until_in_flight)) == "(5, 3)"
    assert repr(plan.rules["BR"][0].status) == "(503,)"


@pytest.mark.parametrize("weights", [(100,), (60, 40), (100, 1e-9), (33.4, 33.3, 33.3)])
def test_weights_of_100_percent_are_taken_with_what_rounding_adds(weights):
    mix = [{"weight": weight, "do": "empty"} for weight in weights]
    assert len(plan_from_json(json.dumps({"plan": 1, "mix": mix})).mix) == len(weights)


def test_the_greatest_seed_is_the_last_that_every_double_can_hold():
    assert plan_from_json(json.dumps({"plan": 1, "seed": SEED_BOUND - 1})).seed == 2**53 - 1
    with pytest.raises(PlanError, match="is not an integer from 0"):
        plan_from_json(json.dumps({"plan": 1, "seed": SEED_BOUND}))


def test_a_mix_or_a_rule_has_at_most_1000_entries_and_a_gate_holds_at_most_100_000():
    assert Plan(mix=(Bucket(0, Empty()),) * 1000, rules={"BR": (Empty(),) * 1000})
    assert Gate(100_000, 1)
    for more in (
        lambda: Plan(mix=(Bucket(0, Empty()),) * 1001),
        lambda: Plan(rules={"BR": (Empty(),) * 1001}),
        lambda: Gate(100_001, 1),
    ):
        with pytest.raises(PlanError, match="100"):
            more()


def test_a_plan_nested_too_deep_is_no_json_plan():
    with pytest.raises(PlanError, match=r"^plan: not a JSON plan: "):
        plan_from_json("[" * 100_000)
