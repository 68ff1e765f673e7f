"""Predictions, in the words and numbers in which they are printed."""

from itertools import pairwise

import pytest
from support.rows import each

from mockservers.content.resources import FlagCatalogue, info_in
from mockservers.faults import Empty, Redirect, Reset, Serve, Status, Truncate
from mockservers.flags2.codes import path_of_code
from mockservers.kinds.resource import ResourceInfo
from mockservers.plan import Bucket, Plan
from mockservers.predict import Forecast, predict, totals

FLAGS = info_in(FlagCatalogue())
BR, US, ZZ = map(path_of_code, ("BR", "US", "ZZ"))


def foreseen(plan, *codes):
    """What is printed of each code, in the order of the print."""
    forecasts = predict(plan, "LOCAL", codes, FLAGS)
    return [(code, *one.to_json().items()) for code, one in forecasts.items()]


def outcome(plan, code="BR"):
    return predict(plan, "LOCAL", [code], FLAGS)[code].outcome


def line(code, do, status, outcome):
    return (code, ("do", do), ("status", status), ("outcome", outcome))


def test_a_forecast_tells_kind_status_and_outcome_of_each_code_in_the_order_asked():
    rules = {
        "BR": (Redirect(US), Empty()),
        "ZZ": (Truncate(0),),
        "FR": (Status((503,)), Serve()),
        "DE": (Empty(), Serve()),
    }
    assert foreseen(Plan(rules=rules), "ZZ", "US", "BR", "FR", "DE") == [
        line("ZZ", "serve", 404, "not_found"),
        line("US", "serve", 200, "ok"),
        line("BR", "redirect", 302, "ok"),
        line("FR", "status", 503, "error"),
        line("DE", "empty", None, "depends"),
    ]


def test_the_totals_name_every_outcome_in_its_order_also_those_that_nothing_comes_to():
    forecasts = {
        "BR": Forecast("serve", 200, "ok"),
        "US": Forecast("serve", 200, "ok"),
        "ZZ": Forecast("serve", 404, "not_found"),
    }
    assert list(totals(forecasts).items()) == [
        ("ok", 2), ("not_found", 1), ("error", 0), ("depends", 0)
    ]  # fmt: skip


# Whoever is redirected may not be the first there: each attempt that counts may be his.


def test_a_code_without_a_flag_counts_the_attempts_at_it():
    rules = {"BR": (Redirect(ZZ),), "ZZ": (Status((503,)), Serve())}
    assert outcome(Plan(rules=rules)) == "depends"


def test_a_path_with_a_rule_counts_the_attempts_at_it():
    rules = {"BR": (Redirect("/a"),), "/a": (Status((404,)), Status((503,)))}
    assert outcome(Plan(rules=rules)) == "depends"


@each(
    ("after_bytes", "expected"),
    # At 150 in the header section, at 250 there or in the body, at 27,681 + 250 there or beyond.
    [(150, "depends"), (250, "depends"), (1000, "error"), (27_831, "error"), (27_931, "depends")],
)
def test_a_reset_may_come_in_a_header_section_with_validators_of_any_length(after_bytes, expected):
    plan = Plan(rules={"BR": (Reset(after_bytes), Serve())}, ranges=True)
    assert outcome(plan) == expected


HALF = (Bucket(50, Status((503,))),)


def test_a_path_that_is_there_counts_the_attempts_at_it():
    plan = Plan(0, HALF, {"BR": (Redirect("/there"),)}, per_attempt=True)
    found = predict(plan, "LOCAL", ["BR"], lambda path: ResourceInfo(9, "image/gif"))
    assert found["BR"].outcome == "depends"


def test_a_path_that_is_nowhere_is_always_at_its_first_attempt():
    # /nowhere draws 41.5 for attempt 0, 53.8 for 1 and 12.7 for 2.
    plan = Plan(0, HALF, {"BR": (Redirect("/nowhere"),)}, per_attempt=True)
    assert outcome(plan) == "not_found"


@pytest.mark.parametrize(
    ("seed", "percent", "expected"),
    [  # US draws, of attempts 0 to 50,
        (509, 0.492, "depends"),  # below 0.492 for attempt 1 only
        (64, 3, "ok"),  # below 3 for attempt 0 only, and there is none
    ],
)
def test_where_each_attempt_is_drawn_all_that_may_come_count(seed, percent, expected):
    mix = (Bucket(percent, Status((503,))),)
    plan = Plan(seed, mix, {"BR": (Redirect(US),)}, per_attempt=True)
    assert outcome(plan) == expected


@pytest.mark.parametrize(("between", "expected"), [(998, "depends"), (999, "ok")])
def test_a_thousand_redirects_are_followed_to_find_other_requests_for_a_code(between, expected):
    chain = [BR, *(f"/{n}" for n in range(between)), US]
    rules = {one: (Redirect(other),) for one, other in pairwise(chain)}
    plan = Plan(rules={**rules, "US": (Serve(), Status((503,)))})
    assert predict(plan, "LOCAL", ["BR", "US"], FLAGS)["US"].outcome == expected
