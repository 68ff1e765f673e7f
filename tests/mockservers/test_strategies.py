"""The strategies can draw every variant and every field; what they draw is valid."""

import json

from hypothesis import Phase, find, given, settings
from support.examples import FOUND_IS_ENOUGH, examples
from support.rows import each

from mockservers.content.flag_images import flag
from mockservers.content.resources import FlagCatalogue, info_in
from mockservers.faults import (
    KINDS,
    Attachment,
    Chunked,
    CutHeaders,
    Drip,
    Gzip,
    Hang,
    Lognormal,
    NoLength,
    RateLimit,
    Redirect,
    Reset,
    Serve,
    Stall,
    Status,
    Truncate,
    Uniform,
)
from mockservers.flags2.codes import is_code, packaged_codes, path_of_code
from mockservers.plan import Plan
from mockservers.plan_json import plan_from_json, plan_to_json
from mockservers.predict import predict
from mockservers.strategies import (
    CLEAR,
    MAX_DELAY_S,
    SILENCE_S,
    STRATEGIES,
    WITHOUT_RANGES,
    code_lists,
    codes,
    gates,
    plans,
    range_plans,
    replies,
    sticky_plans,
)

FLAGS = FlagCatalogue()
SIMPLEST = settings(deadline=None, phases=[Phase.generate, Phase.shrink], database=None)


@each("kind", KINDS.values())
def test_every_kind_can_be_drawn_with_and_without_delay(kind):
    for late in (True, False):
        assert find(
            replies(kind),
            lambda reply, late=late: (reply.delay_s != 0) is late,
            settings=FOUND_IS_ENOUGH,
        )


PATHS = {path_of_code(code) for code in packaged_codes()}
RANGE_KINDS = ("bad_range", "unsatisfiable")

CAN_BE_DRAWN = {
    replies(Status): [
        lambda reply: len(reply.status) > 1,
        lambda reply: reply.reason,
        lambda reply: reply.reason == "",
        lambda reply: reply.reason is None,
        lambda reply: reply.headers,
        lambda reply: 404 in reply.status,
        lambda reply: not {404, 503} & set(reply.status),
        lambda reply: set(reply.status) <= set(range(201, 300)),
        lambda reply: min(reply.status) > 503,
    ],
    replies(Reset): [lambda reply: reply.after_bytes > 200],
    replies(Truncate): [lambda reply: reply.after_bytes],
    replies(CutHeaders): [
        lambda reply: reply.after_bytes is None,
        lambda reply: (reply.after_bytes or 0) > 100,
    ],
    replies(NoLength): [
        lambda reply: reply.after_bytes is None,
        lambda reply: reply.after_bytes == 0,
    ],
    replies(Drip): [lambda reply: reply.bytes_per_s > 1e6],
    replies(Hang): [lambda reply: reply.or_s <= MAX_DELAY_S, lambda reply: reply.or_s == SILENCE_S],
    replies(Stall, silence_s=0.5): [lambda reply: reply.for_s == 0.5],
    replies(Redirect): [
        lambda reply: reply.to in PATHS,
        lambda reply: FLAGS.find(reply.to),
        lambda reply: not FLAGS.find(reply.to),
        lambda reply: reply.status == 308,
    ],
    replies(RateLimit): [
        lambda reply: (reply.retry_after_s or 0) > 1,
        lambda reply: reply.status == 503,
        lambda reply: reply.retry_after,
        lambda reply: (reply.date_in_s or 0) < 0,
    ],
    replies(Attachment): [lambda reply: ".." in reply.filename],
    replies(Chunked): [lambda reply: reply.cut == "end", lambda reply: reply.chunk_bytes < 1024],
    replies(Gzip): [lambda reply: not reply.unasked, lambda reply: reply.unasked],
    replies(Serve): [
        lambda reply: isinstance(reply.delay_s, Uniform) and reply.delay_s.high_s > 0,
        lambda reply: isinstance(reply.delay_s, Lognormal) and reply.delay_s.sigma > 1,
        lambda reply: isinstance(reply.delay_s, float) and reply.delay_s > 0.005,
    ],
    plans(): [
        lambda plan: len(plan.mix) > 2,
        lambda plan: sum(bucket.weight for bucket in plan.mix) == 100,
        lambda plan: any(len(rule) > 1 for rule in plan.rules.values()),
        lambda plan: any(key.startswith("/") for key in plan.rules),
        lambda plan: plan.per_attempt,
        lambda plan: plan.seed > 2**32,
    ],
    range_plans(): [
        lambda plan: plan.etag == "per_request",
        *(lambda plan, do=do: do in {f.do for f in plan.faults()} for do in RANGE_KINDS),
        lambda plan: any(getattr(fault, "version", 1) > 100 for fault in plan.faults()),
        lambda plan: any(getattr(fault, "grow", 0) < 0 for fault in plan.faults()),
    ],
    gates(7): [
        lambda gate: gate.hold_until_in_flight == 7,
        lambda gate: gate.hold_until_in_flight == 1,
    ],
    codes(): [lambda code: code not in packaged_codes()],
    code_lists(): [lambda codes: len(codes) == 12],
}


@each("strategy", CAN_BE_DRAWN)
def test_every_field_and_form_can_be_drawn(strategy):
    wanted = list(CAN_BE_DRAWN[strategy])

    def all_were_drawn(value):
        wanted[:] = [one for one in wanted if not one(value)]
        return not wanted

    find(strategy, all_were_drawn, settings=FOUND_IS_ENOUGH)


def test_the_simplest_plan_is_the_empty_one():
    simplest = find(plans(), lambda plan: True, settings=SIMPLEST)
    assert plan_to_json(simplest) == {"plan": 1, "seed": 0}


@examples(25)
@given(plans(), code_lists(), gates(7), sticky_plans())
def test_what_is_drawn_is_valid(plan, codes, gate, sticky):
    for drawn in (plan, sticky):
        assert plan_from_json(json.dumps(plan_to_json(drawn))) == drawn
    assert all(map(is_code, codes))
    assert len(set(codes)) == len(codes) >= 1
    assert 1 <= gate.hold_until_in_flight <= 7
    assert not sticky.per_attempt
    assert all(len(rule) == 1 for rule in sticky.rules.values())
    assert all(longest_s(reply) <= MAX_DELAY_S for reply in plan.faults())


def longest_s(reply):
    """The most seconds that a reply can be delayed."""
    match reply.delay_s:
        case Uniform(_, high_s):
            delay_s = high_s
        case Lognormal(_, _, max_s):
            delay_s = max_s
        case number:
            delay_s = number
    return delay_s


def test_there_is_a_strategy_for_every_kind():
    assert list(STRATEGIES) == list(KINDS.values())


def depends_on_the_client(fault):
    plan = Plan(rules={"BR": (fault,), "US": (Serve(),)})
    return predict(plan, "LOCAL", ["BR"], info_in(FLAGS))["BR"].outcome == "depends"


@examples(120)
@given(replies(*CLEAR))
def test_of_a_clear_kind_all_clients_make_the_same(fault):
    assert not depends_on_the_client(fault)


@each("kind", [kind for kind in WITHOUT_RANGES if kind not in CLEAR])
def test_a_kind_that_is_not_clear_can_depend_on_the_client(kind):
    assert find(replies(kind), depends_on_the_client, settings=FOUND_IS_ENOUGH)


@examples(60)
@given(replies())
def test_what_is_drawn_does_not_wait_long(reply):
    fixed_s = reply.delay_s if isinstance(reply.delay_s, float | int) else 0
    longest_s = getattr(reply.delay_s, "high_s", None) or getattr(reply.delay_s, "max_s", fixed_s)
    assert longest_s <= 0.01
    if isinstance(reply, Drip):
        assert max(len(flag(code)) for code in packaged_codes()) / reply.bytes_per_s < 0.1
    if isinstance(reply, Status):
        assert not {301, 302, 303, 307, 308} & set(reply.status)
