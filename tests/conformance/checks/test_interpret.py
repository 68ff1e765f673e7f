"""What a run shows of how the program understood its case."""

from support.made_runs import ASKED_DELAY, AT_DELAY, ELAPSED, HYPHENS, redirect, searching
from support.recorded_runs import run_of

from conformance.cases.model import Case
from conformance.checks.interpret import interpret

START = searching("BR CN")
REPORT = (HYPHENS, "2 flags downloaded.", ELAPSED)
WHOLE = ["BR 200 9", "CN 200 9"]


def reading(start=START, entries=(*WHOLE,), report=REPORT, **fields):
    case = Case("a", ("OUT-1",), ("BR", "CN"), **fields)
    return interpret(case, run_of({"stdout": [*start, *report], "entries": entries, "files": {}}))


def test_a_right_run_is_read_as_the_command_line_says():
    read = reading()
    assert (read.label, read.codes) == ("LOCAL", ("BR", "CN"))
    assert (read.label, read.codes) == (read.asked_label, read.asked_codes)
    assert [entry.code for entry in read.requests_in_time] == ["BR", "CN"]
    assert read.totals["ok"] == 2


def test_another_server_counts_if_it_is_announced_and_no_request_goes_to_the_right_one():
    assert reading(AT_DELAY, ASKED_DELAY).label == "DELAY"
    assert reading(AT_DELAY, WHOLE).label == "LOCAL"
    assert reading(AT_DELAY, [*WHOLE, *ASKED_DELAY]).label == "LOCAL"
    assert reading(entries=ASKED_DELAY).label == "LOCAL"


def test_another_list_of_codes_counts_if_the_case_allows_it_and_it_is_announced():
    lists = (("BR", "CN"), ("BR",))
    assert reading(searching("BR"), asks=lists).codes == ("BR",)
    assert reading(searching("BR CN"), asks=lists).codes == ("BR", "CN")
    assert reading(searching("US"), asks=lists).codes == ("BR", "CN")
    assert reading(searching("BR")).codes == ("BR", "CN")


def test_requests_after_a_line_of_the_report_are_late():
    late = {"code": "CN", "length": 9, "start_s": 2.0, "end_s": 2.0}
    read = reading(entries=["BR 200 9", late])
    assert [entry.code for entry in read.late] == ["CN"]
    assert [entry.code for entry in read.requests_in_time] == ["BR"]
    assert reading(entries=["BR 200 9", late], report=(HYPHENS,)).late == ()


def test_redirect_targets_are_other_paths_decoded():
    to = ["/flags/%61d/ad.gif", "/flags/br/br.gif"]
    read = reading(entries=[redirect("BR", path) for path in to])
    assert read.redirect_targets == {"/flags/ad/ad.gif"}


def test_a_program_that_neither_announces_nor_requests_nor_reports_did_nothing():
    assert reading((), (), ()).did_nothing
    assert not reading((), WHOLE, ()).did_nothing
    assert not reading(searching("BR CN"), (), ()).did_nothing
    assert not reading((), (), (HYPHENS,)).did_nothing
