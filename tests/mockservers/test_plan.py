"""Plans: the draw, the fates, the JSON, the prediction."""

import hashlib
import json
import struct
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support import examples

from mockservers.catalogue import FlagCatalogue, find_code
from mockservers.codes import ALL_CODES, country_codes, path_of_code
from mockservers.faults import KINDS, Empty, Reset, Serve, Status, Truncate
from mockservers.plan import (
    Bucket,
    Plan,
    PlanError,
    draw,
    effective,
    fate,
    plan_from_json,
    plan_to_json,
)
from mockservers.predict import predict, totals
from mockservers.profiles import ERROR_SEED, PROFILES
from mockservers.strategies import codes, plans, replies, seeds, sticky_plans

PURPOSES = st.sampled_from(["bucket", "status", "delay", "bytes"])
LABELS = st.sampled_from(["LOCAL", "DELAY", "ERROR"])
CATALOGUE = FlagCatalogue()


def forecast(plan, label, codes):
    return predict(plan, label, codes, lambda code: find_code(CATALOGUE, code))


def draw_by_the_spec(seed, label, resource, attempt, purpose):
    """The formula of SPEC.md again, by bits and struct instead of shifts."""
    text = "|".join(["v1", str(seed), label, resource, str(attempt), purpose])
    (first,) = struct.unpack(">Q", hashlib.sha256(text.encode()).digest()[:8])
    bits = f"{first:064b}"[:53]
    return sum(2.0 ** -(place + 1) for place, bit in enumerate(bits) if bit == "1")


@examples(1500)
@given(seeds(), LABELS, codes() | st.just("/a/b.txt"), st.integers(0, 9), PURPOSES)
def test_the_draw_is_the_formula_of_the_spec(seed, label, resource, attempt, purpose):
    u = draw(seed, label, resource, attempt, purpose)
    assert u == draw_by_the_spec(seed, label, resource, attempt, purpose)
    assert 0 <= u < 1


def test_the_draw_gives_the_vectors_of_the_spec():
    spec = Path(__file__, "../../../SPEC.md").resolve().read_text()
    vectors = [line.split() for line in spec.splitlines() if line.startswith("    v1|")]
    assert len(vectors) >= 4
    for text, u in vectors:
        _, seed, label, resource, attempt, purpose = text.split("|")
        assert draw(int(seed), label, resource, int(attempt), purpose) == float(u)


@examples(300)
@given(plans(), LABELS, codes(), st.integers(1, 5))
def test_a_fate_is_a_function_of_its_arguments(plan, label, code, attempt):
    again = plan_from_json(json.dumps(plan_to_json(plan)))
    assert fate(plan, label, code, attempt) == fate(again, label, code, attempt)


@examples(200)
@given(sticky_plans(), LABELS, codes(), st.integers(1, 9), st.integers(1, 9))
def test_a_fate_from_the_mix_is_sticky(plan, label, code, one, other):
    assert fate(plan, label, code, one) == fate(plan, label, code, other)


@examples(200)
@given(plans(), LABELS, codes(), codes(), replies(), st.integers(1, 3))
def test_a_rule_never_changes_the_fate_of_another_resource(
    plan, label, code, other, reply, attempt
):
    rules = {**plan.rules, other: (reply,)}
    more = Plan(plan.seed, plan.mix, rules, plan.gate, plan.per_attempt)
    if other != code:
        assert fate(more, label, code, attempt) == fate(plan, label, code, attempt)


@examples(200)
@given(plans(), LABELS, codes(), st.lists(replies(), min_size=1, max_size=4), st.integers(1, 9))
def test_a_path_rule_beats_a_code_rule_beats_the_mix(plan, label, code, several, attempt):
    def resolved(reply):  # the statuses to draw from come down to one of them
        return type(reply), getattr(reply, "status", None) and set(reply.status)

    rule = tuple(several)
    expected = rule[min(attempt, len(rule)) - 1]
    by_path = Plan(plan.seed, plan.mix, {code: (Empty(),), path_of_code(code): rule})
    by_code = Plan(plan.seed, plan.mix, {code: rule})
    for planned in (by_path, by_code):
        met = fate(planned, label, code, attempt)
        assert isinstance(met, type(expected))
        if isinstance(met, Status):
            assert len(met.status) == 1
            assert set(met.status) <= set(expected.status)
        else:
            assert met == expected


@examples(300)
@given(seeds(), LABELS, codes(), replies())
def test_weight_0_never_fires_and_weight_100_always(seed, label, code, reply):
    sure = fate(Plan(seed, (Bucket(0, Empty()), Bucket(100, reply))), label, code, 1)
    assert isinstance(sure, type(reply))
    assert isinstance(fate(Plan(seed, (Bucket(0, Empty()),)), label, code, 1), Serve)


@examples(200)
@given(seeds(), st.integers(1, 99))
def test_the_shares_come_close_to_the_weights(seed, weight):
    hit = sum(
        isinstance(fate(Plan(seed, (Bucket(weight, Empty()),)), "ERROR", code, 1), Empty)
        for code in ALL_CODES
    )
    # Six and a half standard deviations: missed once in ten thousand million plans.
    deviation = (len(ALL_CODES) * weight / 100 * (1 - weight / 100)) ** 0.5
    assert abs(hit - len(ALL_CODES) * weight / 100) <= 6.5 * deviation + 1


def test_another_seed_gives_other_fates():
    mix = (Bucket(50, Empty()),)
    fates = {
        tuple(isinstance(fate(Plan(seed, mix), "LOCAL", code, 1), Empty) for code in ALL_CODES)
        for seed in range(100)
    }
    assert len(fates) == 100


@examples(200)
@given(plans())
def test_a_plan_survives_json(plan):
    assert plan_from_json(json.dumps(plan_to_json(plan))) == plan


@examples(200)
@given(replies())
def test_an_absent_resource_is_never_broken_in_the_middle(reply):
    absent = effective(reply, exists=False)
    assert absent.delay_s == reply.delay_s
    assert isinstance(absent, Serve | Status | Empty | Reset)
    assert not (isinstance(absent, Reset) and absent.after_bytes)
    assert effective(reply, exists=True) == reply


def test_the_default_error_seed_is_the_first_to_give_the_sample_run():
    def sample(seed):
        plan = Plan(seed, PROFILES["ERROR"].mix)
        errors = {c for c in ALL_CODES if isinstance(fate(plan, "ERROR", c, 1), Status)}
        return len(errors) == 165 and len(set(country_codes()) - errors) == 150

    assert next(seed for seed in range(10_000) if sample(seed)) == ERROR_SEED
    counted = totals(forecast(PROFILES["ERROR"], "ERROR", ALL_CODES))
    assert counted == {"ok": 150, "not_found": 361, "error": 165, "depends": 0}


def test_the_profiles_are_what_the_listings_were_run_against():
    delayed = forecast(PROFILES["DELAY"], "DELAY", ALL_CODES)
    assert Counter(f.outcome for f in delayed.values()) == {"ok": 194, "not_found": 482}
    assert all(fate(PROFILES["DELAY"], "DELAY", c, 1) == Serve(0.5) for c in ALL_CODES)
    assert all(fate(PROFILES["LOCAL"], "LOCAL", c, 1) == Serve() for c in ALL_CODES)
    met = Counter(type(fate(PROFILES["ERROR"], "ERROR", c, 1)) for c in ALL_CODES)
    assert met[Status] == 165
    drawn = {fate(PROFILES["ERROR"], "ERROR", c, 1) for c in ALL_CODES}
    assert {reply.status for reply in drawn if isinstance(reply, Status)} == {
        (501,), (502,), (503,)
    }  # fmt: skip
    assert all(reply.delay_s == 0 for reply in drawn if isinstance(reply, Status))


@pytest.mark.parametrize(
    ("rule", "outcome"),
    [
        ((Serve(),), "ok"),
        ((Status((404,)),), "not_found"),
        ((Status((503,)), Serve()), "error"),
        ((Empty(),), "error"),
        ((Empty(), Serve()), "depends"),
        ((Reset(), Empty(), Serve()), "error"),
        ((Reset(10**6),), "depends"),
        ((Reset(500), Serve()), "error"),
        ((Truncate(0),), "error"),
        ((Truncate(10**6),), "ok"),
    ],
)
def test_a_prediction_says_what_a_correct_client_reports(rule, outcome):
    (met,) = forecast(Plan(rules={"BR": rule}), "LOCAL", ["BR"]).values()
    assert met.outcome == outcome


BAD_PLANS = [
    ("", "not a JSON plan"),
    ("[]", "the plan: [] is not of type object"),
    ("{}", "'plan' is a required property"),
    ('{"plan": 2}', "plan: 2: the only version of the format is 1"),
    ('{"plan": 1, "sed": 1}', "the plan: unknown key 'sed'"),
    ('{"plan": 1, "seed": -1}', "seed: -1 is less than the minimum of 0"),
    ('{"plan": 1, "seed": 9007199254740992}', "seed: 9007199254740992 is greater"),
    ('{"plan": 1, "seed": true}', "seed: True is not of type integer"),
    ('{"plan": 1, "seed": NaN}', "NaN is not a JSON number"),
    ('{"plan": 1, "plan": 1}', "the key 'plan' stands twice"),
    ('{"plan": 1, "mix": {}}', "mix: {} is not of type array"),
    ('{"plan": 1, "mix": [{"do": "serve"}]}', "mix[0]: 'weight' is a required property"),
    ('{"plan": 1, "mix": [{"weight": 1, "do": "explode"}]}', "mix[0].do: 'explode' is none of"),
    ('{"plan": 1, "mix": [{"weight": 1, "do": "serve", "x": 1}]}', "mix[0]: unknown key 'x'"),
    ('{"plan": 1, "mix": [{"weight": 60, "do": "empty"}, {"weight": 41, "do": "empty"}]}',
     "mix: the weights sum to 101, more than 100 percent"),
    ('{"plan": 1, "mix": [{"weight": 1, "do": "serve", "delay_s": -0.5}]}',
     "mix[0].delay_s: -0.5 is less than the minimum of 0"),
    ('{"plan": 1, "mix": [{"weight": 1, "do": "serve", "delay_s": 1e999}]}',
     "mix[0].delay_s: inf is greater"),
    ('{"plan": 1, "mix": [{"weight": 1, "do": "status"}]}', "'status' is a required property"),
    ('{"plan": 1, "mix": [{"weight": 1, "do": "status", "status": 200}]}',
     "mix[0].status: 200 is less than the minimum of 201"),
    ('{"plan": 1, "mix": [{"weight": 1, "do": "status", "status": []}]}', "mix[0].status: []"),
    ('{"plan": 1, "mix": [{"weight": 1, "do": "status", "status": 503, "reason": "a\\r\\nb"}]}',
     "mix[0].reason: 'a\\r\\nb' is not printable ASCII"),
    ('{"plan": 1, "mix": [{"weight": 1, "do": "status", "status": 503, '
     '"headers": {"Content-Length": "9"}}]}', "'Content-Length' is not a header name"),
    ('{"plan": 1, "rules": {"br": [{"do": "empty"}]}}', "'br' is not a code (AA to ZZ) or a path"),
    ('{"plan": 1, "rules": {"BR": []}}', "rules.BR: []"),
    ('{"plan": 1, "rules": {"BR": [{"do": "reset", "after_bytes": 1.5}]}}',
     "rules.BR[0].after_bytes: 1.5 is not of type integer"),
    ('{"plan": 1, "gate": {"hold_until_in_flight": 0, "or_s": 1}}', "gate.hold_until_in_flight: 0"),
    ('{"plan": 1, "gate": {}}', "gate: 'hold_until_in_flight' is a required property"),
    ("[" * 100_000, "not a JSON plan"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), BAD_PLANS)
def test_a_bad_plan_is_refused_with_file_place_and_value(text, message):
    with pytest.raises(PlanError) as caught:
        plan_from_json(text, "file.json")
    assert str(caught.value).startswith("file.json: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["plan", "seed", "mix", "rules", "gate", "weight", "do", "status", "BR", "or_s"]
            ),
            inner | st.sampled_from([1, "serve", "status"]),
            max_size=5,
        )
    ),
    max_leaves=8,
)


@examples(600)
@given(st.text(max_size=30) | JSON.map(json.dumps))
@example('{"plan": 1, "mix": [{"weight": 1, "do": ["serve"]}]}')
@example('{"plan": 1, "rules": {"BR": [{"do": "status", "status": "503"}]}}')
def test_whatever_is_read_is_a_plan_or_one_line(text):
    try:
        plan = plan_from_json(text, "file.json")
    except PlanError as exc:
        assert len(str(exc).splitlines()) == 1  # noqa: PT017 - both ways out are fine
    else:
        assert plan_from_json(json.dumps(plan_to_json(plan))) == plan


def test_every_kind_is_known_to_the_schema_and_the_reader():
    schema = json.loads(
        Path(__import__("mockservers").__file__).with_name("plan.schema.json").read_text()
    )
    assert schema["$defs"]["reply"]["properties"]["do"]["enum"] == list(KINDS)
