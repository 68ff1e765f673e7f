"""The kit finds every faulty implementation by its clause, with no more effort than recorded.

Here each runs the one case that is recorded to find it. `tox -e sharpness` runs all cases, and the
ones that take longer than a few seconds.
"""

import functools
import json

import faulty
import pytest
import sharpness
import trace_clauses

from conformance import scheduler, worker
from conformance.verdicts import FAILURES, Verdict
from conformance.worker import Task, confirm, execute

pytestmark = pytest.mark.slow

KILLS = json.loads(sharpness.KILLS.read_text())
SLOW = {"waits-forever", "never-ends", "hangs-after-a-broken-connection"}
"""Faulty implementations that only the wall limit finds."""
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
    return Task(
        sharpness.faulty_command(name), every_case()[KILLS[name]["case"]], sharpness.PROFILE
    )


@pytest.fixture(scope="module", autouse=True)
def close_sandboxes():
    yield
    worker.close_sandboxes()


def test_every_clause_has_cases_and_every_must_a_faulty_implementation():
    assert trace_clauses.gaps() == []


def test_every_faulty_implementation_has_a_recorded_kill():
    assert KILLS.keys() == faulty.FAULTY.keys()
    assert {name: kill["clause"] for name, kill in KILLS.items()} == faulty.FAULTY


def test_no_kill_needs_more_than_three_rules():
    assert max(kill["rules"] for kill in KILLS.values()) <= sharpness.FEW_RULES


@pytest.mark.parametrize("name", sorted(faulty.FAULTY.keys() - SLOW))
def test_a_faulty_implementation_fails_its_clause(name):
    _, found = execute(task(name))
    assert any(one.clause == faulty.FAULTY[name] and one.verdict in FAILURES for one in found)


@pytest.mark.timeout(600)
@pytest.mark.usefixtures("fixed_ports")  # one of them asks there
@pytest.mark.parametrize("name", sorted(faulty.LAX))
def test_a_missed_should_is_reported_and_is_no_failure(name):
    clause = faulty.LAX[name]
    wanted = (clause, Verdict.NON_STRICT)
    for case in scheduler.chosen_cases([clause], 0, 0)[:3]:
        found = execute(Task(command(name), case, sharpness.PROFILE))[1]
        assert not [one for one in found if one.verdict in FAILURES]
        if wanted in {(one.clause, one.verdict) for one in found}:
            break
    else:
        assert clause == "HOOK-1"  # found before all cases, in the smoke run


def command(name):
    return sharpness.faulty_command(name)


@pytest.mark.parametrize("name", SHRUNK)
def test_a_failure_shrinks_as_far_as_recorded_in_no_more_runs(name):
    kill = KILLS[name]
    failure = confirm(task(name), (kill["clause"], kill["word"]))
    assert failure.verdict is Verdict.FAIL
    assert len(failure.case.plan.rules) <= kill["rules"]
    assert failure.executions <= kill["executions"] + 5


@pytest.mark.parametrize("id_", ["fixed/out-1-lines", "fixed/three-of-nine", "fixed/out-5-totals"])
def test_the_correct_implementation_has_no_failure(id_):
    _, found = execute(Task(command("correct"), every_case()[id_], sharpness.PROFILE))
    assert not [one for one in found if one.verdict in FAILURES]
