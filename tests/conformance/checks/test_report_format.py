"""The form of the report."""

from support.made_runs import ELAPSED, HYPHENS, SITE, all_expected_of, all_found_in, found_in

from conformance.checks.printed_lines import read_lines

RUNS = [
    ("totals in another order, one of them 0", {"totals": ["0 errors.", "2 flags downloaded."]},
     "FAIL REP-5 format -", "NON-STRICT REP-6 format -"),
    ("totals without flags", {"totals": ["2 not found."], "entries": ["BR 404 0", "CN 404 0"]},
     "FAIL REP-5 format -"),
]  # fmt: skip
"""Name, what differs from a right run, and every finding."""


def test_every_run_has_exactly_its_findings():
    assert all_found_in(RUNS) == all_expected_of(RUNS)


def test_the_report_is_what_follows_the_last_hyphens():
    lines = read_lines(
        [SITE, HYPHENS, "1 flag downloaded.", HYPHENS, "2 flags downloaded.", ELAPSED]
    )
    assert lines.report == ("2 flags downloaded.", ELAPSED)
    assert read_lines([SITE]).report == ()


def test_lines_between_hyphens_are_not_part_of_the_report():
    assert found_in(tail=(HYPHENS, "1 not found.", ..., HYPHENS, ..., ELAPSED)) == []
