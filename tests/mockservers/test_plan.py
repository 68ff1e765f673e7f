"""Plans: the draw, the fates, the JSON, the prediction."""

import json
import re
from collections import Counter
from functools import cache
from itertools import accumulate
from math import comb
from pathlib import Path

import pytest
from hypothesis import example, find, given
from hypothesis import strategies as st
from msgspec.structs import fields, replace
from play import DOWNLOADERS, play_sockets
from support import examples

from mockservers.content.resources import FlagCatalogue, info_in
from mockservers.faults import (
    KINDS,
    BadChunk,
    BadGzip,
    CutHeaders,
    Drip,
    Empty,
    Garbage,
    Hang,
    HugeHeaders,
    Lognormal,
    NoLength,
    RateLimit,
    Redirect,
    RedirectLoop,
    Reset,
    Serve,
    Status,
    TooLong,
    Truncate,
    Uniform,
    WrongType,
)
from mockservers.flags2.codes import ALL_CODES, packaged_codes, path_of_code
from mockservers.plan import Bucket, Gate, Plan, PlanError, draw, fate
from mockservers.plan_json import plan_from_json, plan_to_json
from mockservers.predict import predict, totals
from mockservers.profiles import ERROR_SEED, PROFILES
from mockservers.strategies import code_lists, codes, delays, plans, replies, seeds, sticky_plans

LABELS = st.sampled_from(["LOCAL", "DELAY", "ERROR"])
CATALOGUE = FlagCatalogue()


def forecast(plan, label, codes):
    return predict(plan, label, codes, info_in(CATALOGUE))


def test_the_draw_gives_the_vectors_of_the_spec():
    spec = Path(__file__, "../../../SPEC.md").resolve().read_text()
    vectors = [line.split() for line in spec.splitlines() if line.startswith("    v1|")]
    assert len(vectors) >= 4
    for text, u in vectors:
        _, seed, label, resource, attempt, purpose = text.split("|")
        assert draw(int(seed), label, resource, int(attempt), purpose) == float(u)


@examples(60)
@given(plans(), LABELS, codes(), st.integers(1, 5))
def test_a_fate_is_a_function_of_its_arguments(plan, label, code, attempt):
    again = plan_from_json(json.dumps(plan_to_json(plan)))
    assert fate(plan, label, code, attempt) == fate(again, label, code, attempt)


@examples(60)
@given(sticky_plans(), LABELS, codes(), st.integers(1, 9), st.integers(1, 9))
def test_a_fate_from_the_mix_is_sticky(plan, label, code, one, other):
    assert fate(plan, label, code, one) == fate(plan, label, code, other)


@examples(60)
@given(plans(), LABELS, codes(), codes(), replies(), st.integers(1, 3))
def test_a_rule_never_changes_the_fate_of_another_resource(
    plan, label, code, other, reply, attempt
):
    rules = {**plan.rules, other: (reply,)}
    more = Plan(plan.seed, plan.mix, rules, plan.gate, plan.per_attempt)
    if other != code:
        assert fate(more, label, code, attempt) == fate(plan, label, code, attempt)


@examples(100)
@given(seeds(), LABELS, codes(), st.lists(replies(), min_size=1, max_size=4), st.integers(1, 9))
def test_a_path_rule_beats_a_code_rule_beats_the_mix(seed, label, code, several, attempt):
    def met(mix, **rules):
        return fate(Plan(seed, mix, rules), label, code, attempt, path_of_code(code))

    rule, other = tuple(several), (Bucket(100, Empty()),)
    # Drawn from a mix, a reply is resolved by the same draws.
    expected = met((Bucket(100, rule[min(attempt, len(rule)) - 1]),))
    assert met(other, **{code: rule}) == expected
    assert met(other, **{code: (Reset(),), path_of_code(code): rule}) == expected


@examples(150)
@given(seeds(), LABELS, codes(), replies())
def test_weight_0_never_fires_and_weight_100_always(seed, label, code, reply):
    sure = fate(Plan(seed, (Bucket(0, Empty()), Bucket(100, reply))), label, code, 1)
    assert isinstance(sure, type(reply))
    assert isinstance(fate(Plan(seed, (Bucket(0, Empty()),)), label, code, 1), Serve)


def tail(hits, trials, percent):
    """The exact chance of so few hits, or of so many, whichever is less."""
    at_most = ways(trials, percent)
    more = at_most[-1] - at_most[hits - 1] if hits else at_most[-1]
    return min(at_most[hits], more) / at_most[-1]


@cache
def ways(trials, percent):
    """In how many ways of 100 ** `trials` there are at most 0, 1, 2, ... hits."""
    miss = 100 - percent
    exactly = (comb(trials, k) * percent**k * miss ** (trials - k) for k in range(trials + 1))
    return list(accumulate(exactly))


def test_the_chance_of_a_share_is_exact():
    assert tail(0, 3, 50) == tail(3, 3, 50) == 1 / 8
    assert tail(1, 2, 10) == 19 / 100


@pytest.mark.parametrize("per_attempt", [False, True])
@examples(50)
@given(seed=seeds(), before=st.integers(0, 60), weight=st.integers(1, 39))
def test_the_shares_come_close_to_the_weights(per_attempt, seed, before, weight):
    mix = (Bucket(before, Serve()), Bucket(weight, Empty()))
    plan = Plan(seed, mix, per_attempt=per_attempt)
    if per_attempt:
        met = [fate(plan, "ERROR", "BR", attempt) for attempt in range(1, 677)]
    else:
        met = [fate(plan, "ERROR", code, 1) for code in ALL_CODES]
    assert tail(met.count(Empty()), len(met), weight) > 1e-9


@examples(40)
@given(seeds())
def test_each_status_of_a_list_has_the_same_share(seed):
    plan = Plan(seed, (Bucket(100, Status((500, 501, 502, 503))),))
    met = Counter(fate(plan, "LOCAL", code, 1).status for code in ALL_CODES)
    assert all(tail(met[(status,)], 676, 25) > 1e-9 for status in range(500, 504))


@examples(200)
@given(seeds(), codes(), delays())
def test_a_drawn_delay_stays_within_its_bounds(seed, code, delay):
    resolved = fate(Plan(seed, (Bucket(100, Serve(delay_s=delay)),)), "DELAY", code, 1).delay_s
    match delay:
        case Uniform(low_s, high_s):
            assert low_s <= resolved <= high_s
        case Lognormal(_, _, max_s):
            assert 0 <= resolved <= max_s
        case _:
            assert resolved == delay


def test_half_of_the_lognormal_delays_are_below_the_median():
    plan = Plan(0, (Bucket(100, Serve(delay_s=Lognormal(2.0, 3.0, 3600.0))),))
    below = sum(fate(plan, "DELAY", code, 1).delay_s < 2.0 for code in ALL_CODES)
    assert tail(below, len(ALL_CODES), 50) > 1e-9


@pytest.mark.parametrize("u", [0.0, 2.0**-53, 0.5, 1 - 2.0**-53])
def test_the_rarest_draws_give_a_delay_too(monkeypatch, u):
    monkeypatch.setattr("mockservers.kinds.chance.draw", lambda *_: u)
    met = fate(Plan(rules={"BR": (Serve(delay_s=Lognormal(1.0, 10.0, 60.0)),)}), "DELAY", "BR", 1)
    assert {0.0: 0.0, 0.5: 1.0}.get(u, met.delay_s) == met.delay_s
    assert 0 <= met.delay_s <= 60.0


def test_another_seed_gives_other_fates():
    mix = (Bucket(50, Empty()),)
    fates = {
        tuple(isinstance(fate(Plan(seed, mix), "LOCAL", code, 1), Empty) for code in ALL_CODES)
        for seed in range(100)
    }
    assert len(fates) == 100


@examples(60)
@given(plans())
def test_a_plan_survives_json(plan):
    assert plan_from_json(json.dumps(plan_to_json(plan))) == plan


def test_the_default_error_seed_is_the_first_to_give_the_sample_run():
    def sample(seed):
        errors = {c for c in ALL_CODES if 100 * draw(seed, "ERROR", c, 0, "bucket") < 25}
        return len(errors) == 165 and len(set(packaged_codes()) - errors) == 150

    assert next(seed for seed in range(10_000) if sample(seed)) == ERROR_SEED
    counted = totals(forecast(PROFILES["ERROR"], "ERROR", ALL_CODES))
    assert counted == {"ok": 150, "not_found": 361, "error": 165, "depends": 0}


def test_the_profiles_are_what_the_listings_were_run_against():
    delayed = forecast(PROFILES["DELAY"], "DELAY", ALL_CODES)
    assert Counter(f.outcome for f in delayed.values()) == {"ok": 194, "not_found": 482}
    assert all(fate(PROFILES["DELAY"], "DELAY", c, 1) == Serve(delay_s=0.5) for c in ALL_CODES)
    assert all(fate(PROFILES["LOCAL"], "LOCAL", c, 1) == Serve() for c in ALL_CODES)
    met = Counter(type(fate(PROFILES["ERROR"], "ERROR", c, 1)) for c in ALL_CODES)
    assert met[Status] == 165
    drawn = {fate(PROFILES["ERROR"], "ERROR", c, 1) for c in ALL_CODES}
    assert {reply.status for reply in drawn if isinstance(reply, Status)} == {
        (501,), (502,), (503,)
    }  # fmt: skip
    assert all(reply.delay_s == 0 for reply in drawn if isinstance(reply, Status))


US, ZZ, BR = map(path_of_code, ("US", "ZZ", "BR"))
LOOP = RedirectLoop()

PREDICTIONS = [
    # One reply, to a flag that is there.
    ({"BR": (Serve(),)}, {"BR": "ok"}),
    ({"BR": (Drip(1e7),)}, {"BR": "ok"}),
    ({"BR": (WrongType(),)}, {"BR": "ok"}),
    ({"BR": (Truncate(10**6),)}, {"BR": "ok"}),
    ({"BR": (Status((404,)),)}, {"BR": "not_found"}),
    ({"BR": (Status((503,)), Serve())}, {"BR": "error"}),
    ({"BR": (RateLimit(), Serve())}, {"BR": "error"}),
    ({"BR": (Reset(500), Serve())}, {"BR": "error"}),
    ({"BR": (Truncate(0), Serve())}, {"BR": "error"}),
    ({"BR": (BadChunk(), Serve())}, {"BR": "error"}),
    ({"BR": (BadGzip(), Serve())}, {"BR": "error"}),
    ({"BR": (CutHeaders(11),)}, {"BR": "error"}),
    ({"BR": (Hang(0.0),)}, {"BR": "error"}),
    ({"BR": (Garbage(),)}, {"BR": "error"}),
    ({"BR": (Empty(),)}, {"BR": "error"}),
    # It is up to the client.
    ({"BR": (Empty(), Serve())}, {"BR": "depends"}),
    ({"BR": (Hang(0.0), Redirect(US))}, {"BR": "depends"}),
    ({"BR": (Reset(), Empty(), Serve())}, {"BR": "error"}),
    ({"BR": (Reset(10**6),)}, {"BR": "depends"}),
    ({"BR": (CutHeaders(),)}, {"BR": "depends"}),
    ({"BR": (NoLength(),)}, {"BR": "depends"}),
    ({"BR": (TooLong(),)}, {"BR": "depends"}),
    ({"BR": (HugeHeaders(),)}, {"BR": "depends"}),
    # A flag that is not there cannot be damaged.
    ({"ZZ": (Truncate(0),)}, {"ZZ": "not_found"}),
    ({"ZZ": (Drip(1.0),)}, {"ZZ": "not_found"}),
    ({"ZZ": (RateLimit(),)}, {"ZZ": "error"}),
    ({"ZZ": (Redirect(US),)}, {"ZZ": "ok"}),
    # Redirects lead to what meets its own fate.
    ({"BR": (Redirect(US),)}, {"BR": "ok"}),
    ({"BR": (Redirect(ZZ),)}, {"BR": "not_found"}),
    ({"BR": (Redirect("/nowhere"),)}, {"BR": "not_found"}),
    # Most clients decode such, curl does not.
    ({"BR": (Redirect("/flags/us/%75s.gif"),)}, {"BR": "depends"}),
    ({"BR": (Redirect("../us/us.gif?a=1#b"),)}, {"BR": "ok"}),
    ({"BR": (Redirect(US),), "US": (Redirect(ZZ),)}, {"BR": "not_found", "US": "not_found"}),
    ({"BR": (Redirect(US),), "US": (Status((503,)),)}, {"BR": "error"}),
    ({"BR": (Redirect(US),), US: (Status((404,)),), "US": (Serve(),)}, {"BR": "not_found"}),
    ({"BR": (Redirect("/a"),), "/a": (Redirect("/b"),), "/b": (Redirect(US),)}, {"BR": "ok"}),
    # Who comes first to a target that changes?
    ({"BR": (Redirect(US),), "US": (Serve(), Status((503,)))}, {"BR": "depends"}),
    ({"BR": (Redirect(US),), "US": (Serve(), Drip(1e7))}, {"BR": "ok", "US": "ok"}),
    ({"BR": (Redirect(US),), "US": (Serve(), Status((404,)))}, {"BR": "depends", "US": "depends"}),
    ({"US": (Serve(), Status((404,)))}, {"US": "ok"}),
    # In a circle.
    ({"BR": (LOOP,)}, {"BR": "error"}),
    ({"BR": (LOOP, Serve())}, {"BR": "ok"}),
    ({"BR": (Redirect(BR), LOOP, Status((404,)))}, {"BR": "not_found"}),
    ({"BR": (Redirect(US),), "US": (Redirect(BR),)}, {"BR": "error", "US": "error"}),
    ({"BR": (*[LOOP] * 9, Serve())}, {"BR": "ok"}),  # as many as aiohttp follows
    ({"BR": (*[LOOP] * 10, Serve())}, {"BR": "depends"}),
    ({"BR": (*[LOOP] * 50, Serve())}, {"BR": "depends"}),  # as many as curl follows
    ({"BR": (*[LOOP] * 51, Serve())}, {"BR": "error"}),
    # Elsewhere, and nowhere.
    ({"BR": (Redirect("http://127.0.0.1:1/flags/us/us.gif"),)}, {"BR": "depends"}),
    ({"BR": (Redirect("//127.0.0.1:1/flags/us/us.gif"),)}, {"BR": "depends"}),
    ({"BR": (Redirect("mailto:somebody"),)}, {"BR": "depends"}),
    ({"BR": (Redirect("http://["),)}, {"BR": "depends"}),
]
"""Rules, and what each of the codes comes to that are asked for."""


@pytest.mark.parametrize(("rules", "outcomes"), PREDICTIONS)
def test_a_prediction_says_what_a_correct_client_reports(rules, outcomes):
    foreseen = forecast(Plan(rules=rules), "LOCAL", outcomes)
    assert {code: one.outcome for code, one in foreseen.items()} == outcomes


def test_if_connections_are_refused_every_code_is_an_error():
    foreseen = forecast(Plan(mix=(Bucket(100, Serve()),), refuse=True), "LOCAL", ["BR", "ZZ"])
    assert {(one.do, one.status, one.outcome) for one in foreseen.values()} == {
        ("refuse", None, "error")
    }


def check_prediction(servers, plan, codes, m=2):
    """Hold a prediction against what both downloaders make of it."""
    foreseen = forecast(plan, "LOCAL", codes)
    for downloader in DOWNLOADERS:
        arguments = ["-v", "-m", str(m), *codes]
        played = play_sockets(servers, downloader, plan, arguments, "LOCAL")
        assert played.ledger.balanced, played.ledger.imbalances
        for code, one in foreseen.items():
            assert one.outcome in (played.outcomes[code], "depends")


@pytest.mark.parametrize(("rules", "outcomes"), PREDICTIONS)
def test_what_is_predicted_happens_to_both_downloaders(servers, rules, outcomes):
    check_prediction(servers, Plan(rules=rules), list(outcomes))


def test_if_connections_are_refused_both_downloaders_report_errors(servers):
    check_prediction(servers, Plan(refuse=True), ["BR", "ZZ"])


AMONG_FEW = st.lists(
    st.sampled_from([BR, US, ZZ, "/a"]).map(Redirect)
    | st.sampled_from([LOOP, Serve(), Status((404,)), Status((503,)), Empty(), Truncate(9)]),
    min_size=1,
    max_size=4,
).map(tuple)


@examples(25)
@given(
    rules=st.dictionaries(st.sampled_from(["BR", "US", US, "ZZ", "/a"]), AMONG_FEW),
    codes=st.lists(st.sampled_from(["BR", "US", "ZZ"]), min_size=1, unique=True),
    m=st.integers(1, 3),
)
def test_a_prediction_holds_on_every_web_of_redirects(servers, rules, codes, m):
    check_prediction(servers, Plan(rules=rules), codes, m)


@examples(30)
@given(plan=plans(), codes=code_lists(), label=LABELS)
def test_a_prediction_is_the_same_each_time_and_counts_every_code(plan, codes, label):
    foreseen = forecast(plan, label, codes)
    assert foreseen == forecast(plan, label, codes)
    assert list(foreseen) == codes
    assert sum(totals(foreseen).values()) == len(codes)


BAD_PLANS = [
    ("", "not a JSON plan"),
    ("[]", "the plan: [] is not an object"),
    ("{}", "the key 'plan' is missing"),
    ('{"plan": 2}', "plan: 2: the only version of the format is 1"),
    ('{"plan": 1, "sed": 1}', "the plan: unknown key 'sed'"),
    ('{"plan": 1, "seed": -1}', "seed: -1 is not an integer from 0 to"),
    ('{"plan": 1, "seed": 9007199254740992}', "seed: 9007199254740992 is not an integer from 0 to"),
    ('{"plan": 1, "seed": true}', "seed: True is not an integer"),
    ('{"plan": 1, "seed": NaN}', "NaN is not a JSON number"),
    ('{"plan": 1, "plan": 1}', "duplicate key 'plan'"),
    ('{"plan": 1, "mix": {}}', "mix: {} is not an array"),
    ('{"plan": 1, "mix": [{"do": "serve"}]}', "mix[0]: the key 'weight' is missing"),
    ('{"plan": 1, "mix": [{"weight": 1, "do": "explode"}]}', "mix[0].do: 'explode' is none of"),
    ('{"plan": 1, "mix": [{"weight": 1, "do": "serve", "x": 1}]}', "mix[0]: unknown key 'x'"),
    ('{"plan": 1, "mix": [{"weight": 60, "do": "empty"}, {"weight": 41, "do": "empty"}]}',
     "mix: the weights sum to 101, more than 100 percent"),
    ('{"plan": 1, "mix": [{"weight": 1, "do": "serve", "delay_s": -0.5}]}',
     "mix[0].delay_s: -0.5 is not a number of seconds from 0 to 3600"),
    ('{"plan": 1, "mix": [{"weight": 1, "do": "serve", "delay_s": 1e999}]}',
     "mix[0].delay_s: inf is not a number of seconds"),
    ('{"plan": 1, "mix": [{"weight": 1, "do": "status"}]}', "the key 'status' is missing"),
    ('{"plan": 1, "mix": [{"weight": 1, "do": "status", "status": 200}]}',
     "mix[0].status: 200 is not a status code from 201 to 999"),
    ('{"plan": 1, "mix": [{"weight": 1, "do": "status", "status": []}]}', "mix[0].status: []"),
    ('{"plan": 1, "mix": [{"weight": 1, "do": "status", "status": 503, "reason": "a\\r\\nb"}]}',
     "mix[0].reason: 'a\\r\\nb' is not printable ASCII"),
    ('{"plan": 1, "mix": [{"weight": 1, "do": "status", "status": 503, '
     '"headers": {"Content-Length": "9"}}]}', "'Content-Length' is not a header name"),
    ('{"plan": 1, "rules": {"br": [{"do": "empty"}]}}', "'br' is not a code (AA to ZZ) or a path"),
    ('{"plan": 1, "rules": {"BR": []}}', "rules.BR: 0 faults"),
    ('{"plan": 1, "rules": {"BR": [{"do": "reset", "after_bytes": 1.5}]}}',
     "rules.BR[0].after_bytes: 1.5 is not a number of bytes"),
    ('{"plan": 1, "gate": {"hold_until_in_flight": 0, "or_s": 1}}', "gate.hold_until_in_flight: 0"),
    ('{"plan": 1, "gate": {}}', "gate: the key 'hold_until_in_flight' is missing"),
    ('{"plan": 1, "rules": {"BR": [{"do": "serve", "delay_s": {"uniform": [2, 1]}}]}}',
     "rules.BR[0].delay_s.uniform: [2, 1]: the lower bound comes first"),
    ('{"plan": 1, "rules": {"BR": [{"do": "serve", "delay_s": {"uniform": [1]}}]}}',
     "rules.BR[0].delay_s: {'uniform': [1]} is neither a number nor"),
    ('{"plan": 1, "rules": {"BR": [{"do": "serve", "delay_s": {}}]}}', "rules.BR[0].delay_s: {}"),
    ('{"plan": 1, "rules": {"BR": [{"do": "serve", "delay_s": "1"}]}}',
     "rules.BR[0].delay_s: '1' is not a number of seconds"),
    ('{"plan": 1, "rules": {"BR": [{"do": "serve", "delay_s": {"lognormal": {"median": 1}}}]}}',
     "rules.BR[0].delay_s.lognormal: the key 'sigma' is missing"),
    ('{"plan": 1, "rules": {"BR": [{"do": "serve", "delay_s": {"normal": 1}}]}}',
     "rules.BR[0].delay_s: {'normal': 1} is neither a number nor"),
    ('{"plan": 1, "rules": {"BR": [{"do": "drip"}]}}', "the key 'bytes_per_s' is missing"),
    ('{"plan": 1, "rules": {"BR": [{"do": "drip", "bytes_per_s": 0.5}]}}',
     "rules.BR[0].bytes_per_s: 0.5 is not a number of bytes per second"),
    ('{"plan": 1, "rules": {"BR": [{"do": "hang", "or_s": 3601}]}}',
     "rules.BR[0].or_s: 3601 is not a number of seconds from 0 to 3600"),
    ('{"plan": 1, "rules": {"BR": [{"do": "redirect"}]}}', "the key 'to' is missing"),
    ('{"plan": 1, "rules": {"BR": [{"do": "redirect", "to": "/a b"}]}}',
     "rules.BR[0].to: '/a b' is not a URL or a path"),
    ('{"plan": 1, "rules": {"BR": [{"do": "redirect", "to": "/a\\r\\nX: y"}]}}',
     "is not a URL or a path"),
    ('{"plan": 1, "mix": [{"weight": 1, "do": "status", "status": 302, "headers": {"location": "/"'
     "}}]}", "'location' is not a header name that leaves framing and redirects alone"),
    ('{"plan": 1, "mix": [{"weight": 1, "do": "status", "status": 302, "headers": {"URI": "/"}}]}',
     "'URI' is not a header name that leaves"),  # aiohttp takes it for a Location
    ('{"plan": 1, "rules": {"BR": [{"do": "garbage", "noise": "ab"}]}}',
     "rules.BR[0]: unknown key 'noise'"),
    ('{"plan": 1, "rules": {"BR": [{"do": "empty", "after_bytes": 1}]}}',
     "rules.BR[0]: unknown key 'after_bytes'"),
    ('{"plan": 1, "refuse": 1}', "refuse: 1 is not true or false"),
    ('{"plan": 1, "rules": {"BR": [{"do": "no_length", "after_bytes": null}]}}',
     "rules.BR[0].after_bytes: null"),
    ('{"plan": 1, "rules": {"BR": [{"do": "status", "status": 503, "headers": [["A", "b"]]}]}}',
     "rules.BR[0].headers: [['A', 'b']] is not an object"),
    ('{"plan": 1, "rules": {"BR": {"do": "serve"}}}', "rules.BR: {'do': 'serve'} is not an array"),
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


@examples(200)
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


# --- plans made in Python ----------------------------------------------------------------------

BAD_VALUES = {
    "a code in lower case": (lambda: Plan(rules={"br": (Status(503),)}), "rules: 'br' is not"),
    "a code of three letters": (lambda: Plan(rules={"BRA": (Reset(),)}), "rules: 'BRA' is not"),
    "a path with a query": (lambda: Plan(rules={"/a?b": (Reset(),)}), "rules: '/a?b' is not"),
    "an empty rule": (lambda: Plan(rules={"BR": ()}), "rules.BR: 0 faults"),
    "a number for a fault": (lambda: Plan(rules={"BR": (503,)}), "rules.BR[0]: 503 is not"),
    "a class for a fault": (lambda: Plan(rules={"BR": (Reset,)}), "rules.BR[0]: <class"),
    "a list for rules": (lambda: Plan(rules=[Reset()]), "rules: [Reset("),
    "weights of 170 percent": (
        lambda: Plan(mix=(Bucket(80, Serve()), Bucket(90, Serve()))),
        "mix: the weights sum to 170",
    ),
    "no bucket": (lambda: Plan(mix=(Serve(),)), "mix[0]: Serve("),
    "a bucket of nothing": (lambda: Bucket(5, None), "fault: None is not"),
    "a weight below 0": (lambda: Bucket(-1, Serve()), "weight: -1 is not"),
    "a seed below 0": (lambda: Plan(seed=-1), "seed: -1 is not"),
    "a seed that is text": (lambda: Plan(seed="1"), "seed: '1' is not"),
    "a gate that is none": (lambda: Plan(gate=3), "gate: 3 is not"),
    "a gate of nobody": (lambda: Gate(0, 1.0), "hold_until_in_flight: 0 is not"),
    "a word for a flag": (lambda: Plan(refuse="yes"), "refuse: 'yes' is not"),
    "a delay below 0": (lambda: Serve(delay_s=-1), "delay_s: -1 is not"),
    "a delay that is text": (lambda: Serve(delay_s="1"), "delay_s: '1' is not"),
    "bounds in the wrong order": (lambda: Uniform(2, 1), "uniform: [2, 1]: the lower bound"),
    "a status of 200": (lambda: Status(200), "status: 200 is not"),
    "no status": (lambda: Status(()), "status: () is not"),
    "a Location": (lambda: Status(302, headers={"location": "/"}), "headers: 'location' is not"),
    "a header twice": (lambda: Status(503, headers=(("A", "b"), ("A", "c"))), "headers: 'A' is"),
    "a header in two lines": (lambda: Status(503, headers={"A": "b\nC: d"}), "headers.A: 'b"),
    "a target with a blank": (lambda: Redirect("/a b"), "to: '/a b' is not"),
    "bytes below 0": (lambda: Truncate(-1), "after_bytes: -1 is not"),
    "no rate": (lambda: Drip(0), "bytes_per_s: 0 is not"),
}


@pytest.mark.parametrize("name", BAD_VALUES)
def test_a_value_that_no_plan_in_json_could_have_is_refused_when_it_is_made(name):
    make, message = BAD_VALUES[name]
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        make()


def test_a_single_fault_means_a_list_of_one_and_an_integer_one_status():
    assert Plan(rules={"BR": Reset()}) == Plan(rules={"BR": (Reset(),)})
    assert Plan(rules={"BR": [Reset(), Serve()]}) == Plan(rules={"BR": (Reset(), Serve())})
    assert Plan(mix=Bucket(5, Serve())) == Plan(mix=(Bucket(5, Serve()),))
    assert Status(503) == Status((503,)) == Status([503])
    assert Status(503, headers={"A": "b"}) == Status(503, headers=(("A", "b"),))


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_every_field_of_every_kind_is_checked(kind):
    good = find(replies(kind), lambda fault: True)
    for field in fields(good):
        if field.name not in kind.drawn:
            with pytest.raises(PlanError, match=f"^{field.name}: "):
                replace(good, **{field.name: object()})
