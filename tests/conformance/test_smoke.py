"""What the first run of a program shows: the step at which it fails, and what then is advised."""

import pytest
from support.made_runs import HYPHENS, searching
from support.recorded_runs import run_of

from conformance.smoke import problem_of

START = list(searching("BR CN"))
PORTS = (8001, 8002, 8003)
RUNS = {
    "it ended at once": ({"status": 1, "stderr": ["Error: no"]}, "start"),
    "it printed something else": ({"stdout": ["downloading"]}, "announce"),
    "it failed after it printed": ({"stdout": ["downloading"], "status": 1}, "start"),
    "it asked nobody": ({"stdout": START}, "ask"),
    "it asked, and did not report": ({"stdout": START, "entries": ["BR 200 9"]}, "report"),
    "it did not end": ({"entries": ["BR 200 9"], "ended": "timeout", "status": None}, "end"),
    "it reports on stderr": ({"stderr": [*START, HYPHENS], "entries": ["BR 200 9"]}, None),
    "its totals follow nothing": (
        {"stdout": ["1 flag downloaded."], "entries": ["BR 200 9"]}, None
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RUNS)
def test_the_first_step_that_fails_is_named(name):
    data, step = RUNS[name]
    problem = problem_of(run_of(data), ["program"], PORTS)
    assert (problem and problem.step) == step
    assert problem is None or (problem.actual and problem.advice)
    assert problem is None or problem.nothing_verified == (step == "start")


def test_a_file_that_is_not_there_is_named():
    run = run_of({"status": 1, "stderr": ["Cannot find module"]})
    advice = problem_of(run, ["node", "--flag", "nosuch.mjs"], PORTS).advice
    assert advice == "there is no file nosuch.mjs in this folder"
    assert "by hand" in problem_of(run, ["node", __file__], PORTS).advice
