"""Each broken twin is killed by its own clause; that takes no more than it did.

Here each meets the one case that is recorded to kill it; `tox -e sharpness` lets them meet all, and
records. What takes longer than a few seconds is left to that.
"""

import functools
import json

import pytest
import sharpness
import trace_clauses
import twins

from conformance import scheduler, worker
from conformance.verdicts import FAILURES, Verdict
from conformance.worker import Task, confirm, execute

KILLS = json.loads(sharpness.KILLS.read_text())
SLOW = {"waits-for-ever", "never-ends", "hangs-once-a-connection-broke"}
"""Twins that only the wall limit finds out."""
SHRUNK = [
    "takes-204-for-ok",
    "asks-again-after-half-a-body",
    "uses-one-connection-more",
    "keeps-half-a-body",
]


@functools.cache
def every_case():
    return {case.id: case for case in scheduler.chosen_cases((), sharpness.EXAMPLES, 0)}


def task(name):
    return Task(sharpness.twin_command(name), every_case()[KILLS[name]["case"]], sharpness.TWIN)


@pytest.fixture(scope="module", autouse=True)
def stages():
    yield
    worker.close_sandboxes()


def test_every_clause_has_its_cases_and_every_must_its_broken_twin():
    assert trace_clauses.gaps() == []


def test_every_twin_has_a_recorded_kill():
    assert KILLS.keys() == twins.TWINS.keys()
    assert {name: kill["clause"] for name, kill in KILLS.items()} == twins.TWINS


def test_no_kill_needs_more_than_three_rules():
    assert max(kill["rules"] for kill in KILLS.values()) <= sharpness.FEW_RULES


@pytest.mark.parametrize("name", sorted(twins.TWINS.keys() - SLOW))
def test_a_twin_is_killed_by_its_clause(name):
    _, found = execute(task(name))
    assert any(one.clause == twins.TWINS[name] and one.verdict in FAILURES for one in found)


@pytest.mark.parametrize("name", sorted(twins.LAX))
def test_who_only_misses_a_should_is_told_and_not_failed(name):
    clause = twins.LAX[name]
    wanted = (clause, Verdict.NON_STRICT)
    for case in scheduler.chosen_cases([clause], 0, 0)[:3]:
        found = execute(Task(command(name), case, sharpness.TWIN))[1]
        assert not [one for one in found if one.verdict in FAILURES]
        if wanted in {(one.clause, one.verdict) for one in found}:
            break
    else:
        assert clause == "HOOK-1"  # which is found out before all cases


def command(name):
    return sharpness.twin_command(name)


@pytest.mark.parametrize("name", SHRUNK)
def test_a_kill_shrinks_to_what_is_recorded_in_no_more_runs(name):
    kill = KILLS[name]
    failure = confirm(task(name), (kill["clause"], kill["word"]))
    assert failure.verdict is Verdict.FAIL
    assert len(failure.case.plan.rules) <= kill["rules"]
    assert failure.executions <= kill["executions"] + 5


@pytest.mark.parametrize("id_", ["fixed/out-1-lines", "fixed/three-of-nine", "fixed/out-5-totals"])
def test_the_correct_one_is_not_blamed(id_):
    _, found = execute(Task(command("correct"), every_case()[id_], sharpness.TWIN))
    assert not [one for one in found if one.verdict in FAILURES]
