"""Silence that must be given up, pauses that must not, and what the environment says of them."""

import pytest
from support.made_runs import all_expected_of, all_found_in, closed, error
from support.recorded_runs import run_of

from conformance.cases.model import Case
from conformance.checks.patience import may_heed, note_timeout
from mockservers.faults import Drip, Serve
from mockservers.plan import Plan

BR = {"code": "BR", "length": 9, "bytes_sent": 9}
STALLED = {"code": "BR", "do": "stall", "length": 9, "bytes_sent": 4, "first_byte_s": 1.0}
LEFT = {"client_gone": True, "complete": False}
FAILED = {"words": "-v BR", "lines": [error("BR")], "totals": (0, 0, 1), "files": {}}
IMPATIENT = "FAIL REQ-11 impatient BR"


def slow(fault, **entry):
    """A run in which BR met a slow response, and was called an error."""
    return FAILED | {"plan": Plan(rules={"BR": (fault,)}), "entries": [BR | entry]}


RUNS = [
    ("a body that stalls until the server closes", {**FAILED, "entries": [STALLED |
     {"end_s": 40.0}]}, "FAIL REQ-10 unbounded BR (stops)"),
    ("a body that stalls for less", {**FAILED, "entries": [STALLED | {"end_s": 39.9}]}),
    ("a stalled body that is given up", {**FAILED, "entries": [STALLED | LEFT | {"end_s": 40.0}]}),
    ("no byte came, and it left", slow(Serve(delay_s=8), status=None, bytes_sent=0, end_s=5.0,
     **LEFT), IMPATIENT),
    ("it closed its side, and calls it an error", slow(Serve(delay_s=8), delay_s=8.0,
     client_closed=True), IMPATIENT),
    ("it closed its side, and read the response", slow(Serve(delay_s=8), delay_s=8.0,
     client_closed=True) | {"lines": ["BR OK"], "totals": (1, 0, 0), "files": {"br.gif": 9}}),
    ("it left a body that dripped", slow(Drip(1.0), do="drip", bytes_sent=4, **LEFT), IMPATIENT),
    ("the same, by totals alone", slow(Drip(1.0), do="drip", bytes_sent=4, **LEFT) |
     {"words": "BR", "lines": ()}, IMPATIENT),
    ("it left a body with long gaps", slow(Drip(1.0, 9), do="drip", bytes_sent=4, **LEFT),
     IMPATIENT),
    ("it left after ten seconds of silence", slow(Serve(delay_s=10), status=None, bytes_sent=0,
     **LEFT)),
    ("it left a body with gaps of ten seconds", slow(Drip(1.0, 10), do="drip", bytes_sent=4,
     **LEFT)),
    ("the environment set its limit", slow(Serve(delay_s=8), status=None, bytes_sent=0, **LEFT) |
     {"timeout_s": 1.0}),
    ("it left, for it could not save", slow(Drip(1.0), do="drip", bytes_sent=4, **LEFT) |
     {"there": {"br.gif/": ""}}),
    ("it left an error", FAILED | {"entries": [BR | LEFT | {"do": "status", "status": 503}]}),
]  # fmt: skip
"""Name, what differs from a right run, and every finding."""


def test_every_run_has_exactly_its_findings():
    assert all_found_in(RUNS) == all_expected_of(RUNS)


def gave_up(*seconds):
    """A run that gave up silences after so many seconds each."""
    return run_of(
        {"entries": [closed("BR", do="hang", client_gone=True, end_s=end_s) for end_s in seconds]}
    )


CASE = Case("a", ("REQ-7",), timeout_s=1.0)


@pytest.mark.parametrize(
    ("first", "second", "noted"),
    [
        (1.0, 4.0, "reads it: gave up after 1.0 s with 1, after 4.0 s with 4"),
        (0.5, 0.5, "does not read it: gave up after 0.5 s with 1, after 0.5 s with 4"),
        (30.0, None, "does not read it: gave up after 30.0 s with 1"),
    ],
)
def test_two_runs_show_whether_the_environment_is_heeded(first, second, noted):
    again = None if second is None else gave_up(second)
    assert may_heed(CASE, gave_up(first)) is (second is not None)
    (one,) = note_timeout(CASE, gave_up(first), again)
    assert (one.clause, one.verdict, one.actual) == ("HOOK-2", "INFO", noted)


def test_nothing_is_noted_where_nothing_was_given_up():
    assert note_timeout(CASE, gave_up(), None) == []
    assert note_timeout(Case("a", ("REQ-7",)), gave_up(1.0), None) == []
