"""What a program does where the spec leaves it free."""

from support.made_runs import all_expected_of, all_found_in, closed, error, no_length, redirect

RUNS = [
    ("a reset, and no second attempt", {"subject": "REQ-5", "entries": [closed("BR"), "CN 200 9"],
     "totals": (1, 0, 1)}, "INFO REQ-5 freedom -"),
    ("redirects that are not followed", {"subject": "REQ-9", "entries": [redirect("BR",
     "/flags/ad/ad.gif"), "CN 200 9"], "totals": (1, 0, 1)}, "INFO REQ-9 freedom -"),
    ("two undecided responses", {"subject": "OUT-6", "words": "-v BR CN", "entries":
     [no_length("BR"), closed("CN", do="cut_headers")], "files": {"br.gif": 9},
     "lines": ["BR OK", error("CN")], "totals": (1, 0, 1)}, "INFO OUT-6 freedom -"),
    ("an undecided response with two lines", {"subject": "OUT-6", "words": "-v BR CN",
     "entries": [no_length("BR"), "CN 200 9"], "lines": ["BR OK", error("BR"), "CN OK"],
     "files": {"br.gif": 9, "cn.gif": 9}}, "FAIL REP-8 duplicated BR", "INFO OUT-6 freedom -"),
    ("an undecided response without its line", {"subject": "OUT-6",
     "entries": [no_length("BR"), "CN 200 9"], "files": {"br.gif": 9, "cn.gif": 9}}),
    ("an undecided response in a case for a legacy", {"words": "-v -l 2 BR CN", "subject": "L-4",
     "expects": "either", "entries": [no_length("BR"), "CN 200 9"], "lines": ["BR OK", "CN OK"],
     "files": {"br.gif": 9, "cn.gif": 9}}),
]  # fmt: skip
"""Name, what differs from a right run, and every finding."""


def test_every_run_has_exactly_its_findings():
    assert all_found_in(RUNS) == all_expected_of(RUNS)
