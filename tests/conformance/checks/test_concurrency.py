"""Requests in flight against those announced."""

from support.made_runs import all_expected_of, all_found_in

RUNS = [
    ("eight in flight where two are announced", {"entries": [{"code": "BR", "length": 9,
     "in_flight": 8}, {"code": "CN", "length": 9, "in_flight": 7}]}, "FAIL CON-1 exceeded -"),
    ("eight in flight, of which the client gave up some", {"entries": [{"code": "BR", "length": 9,
     "in_flight": 8, "client_gone": True}, "CN 200 9"]}),
    ("two in flight where two are announced", {"entries": [{"code": "BR", "length": 9, "in_flight":
     2}, {"code": "CN", "length": 9, "in_flight": 1}]}),
    ("a gate held one where two are announced", {"entries": ["BR 200 9", "CN 200 9", {"type":
     "gate", "server": "LOCAL", "held": 1, "filled": False}]}, "FAIL CON-3 unreached -"),
    ("a gate was filled by fewer", {"entries": ["BR 200 9", "CN 200 9", {"type": "gate", "server":
     "LOCAL", "held": 1, "filled": True}]}),
    ("a gate held as many as are announced", {"entries": ["BR 200 9", "CN 200 9", {"type": "gate",
     "server": "LOCAL", "held": 2, "filled": False}]}),
    ("a gate held one, and only one was requested", {"entries": ["BR 200 9", {"type": "gate",
     "server": "LOCAL", "held": 1, "filled": False}], "files": {"br.gif": 9, "cn.gif": 9}},
     "FAIL REQ-2 lost CN"),
    ("the gate of another server", {"entries": ["BR 200 9", "CN 200 9", {"type": "gate", "server":
     "DELAY", "held": 1, "filled": False}]}),
]  # fmt: skip
"""Name, what differs from a right run, and every finding."""


def test_every_run_has_exactly_its_findings():
    assert all_found_in(RUNS) == all_expected_of(RUNS)
