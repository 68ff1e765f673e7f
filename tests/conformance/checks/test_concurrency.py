"""Requests in flight against those announced."""

import pytest
from support.made_runs import found_in

RUNS = [
    ("eight in flight where two are announced",
     {"entries": [{"code": "BR", "length": 9, "in_flight": 8}, {"code": "CN", "length": 9,
      "in_flight": 7}]},
     "FAIL CON-1 exceeded -"),
    ("two in flight where two are announced",
     {"entries": [{"code": "BR", "length": 9, "in_flight": 2}, {"code": "CN", "length": 9,
      "in_flight": 1}]}),
    ("a gate held one where two are announced",
     {"entries": ["BR 200 9", "CN 200 9", {"type": "gate", "server": "LOCAL", "held": 1,
      "filled": False}]},
     "FAIL CON-3 unreached -"),
    ("a gate was filled by fewer",
     {"entries": ["BR 200 9", "CN 200 9", {"type": "gate", "server": "LOCAL", "held": 1,
      "filled": True}]}),
    ("a gate held as many as are announced",
     {"entries": ["BR 200 9", "CN 200 9", {"type": "gate", "server": "LOCAL", "held": 2,
      "filled": False}]}),
    ("a gate held one, and only one was requested",
     {"entries": ["BR 200 9", {"type": "gate", "server": "LOCAL", "held": 1, "filled": False}]},
     "FAIL REQ-2 lost CN"),
    ("the gate of another server",
     {"entries": ["BR 200 9", "CN 200 9", {"type": "gate", "server": "DELAY", "held": 1,
      "filled": False}]}),
]  # fmt: skip
"""Name, what differs from a right run, and every finding."""


@pytest.mark.parametrize(
    ("changes", "expected"),
    [pytest.param(changes, expected, id=name) for name, changes, *expected in RUNS],
)
def test_all_findings(changes, expected):
    assert found_in(**changes) == expected
