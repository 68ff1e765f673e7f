"""Correct runs have no failure; a run with a wrong line, total, request or file has one."""

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec import structs
from support.downloaders import DOWNLOADERS, play_sockets
from support.examples import examples

from conformance.cases.fixed import fixed_cases
from conformance.cases.generated import cases, generated_cases
from conformance.cases.model import Case, case_from_json
from conformance.checks.judge import findings
from conformance.recording import PrintedLine, Run
from conformance.verdicts import FAILURES, Verdict
from mockservers.faults import Status
from mockservers.journal import GateEntry, RequestEntry
from mockservers.journal_json import entry_from_json
from mockservers.plan import Plan

QUICK = cases().filter(lambda case: not {r.do for r in case.plan.faults()} & {"hang", "drip"})
"""Cases without waiting."""


def recorded(servers, case, downloader=DOWNLOADERS[0]):
    """A run of a reference downloader in this process, as the kit would record it."""
    played = play_sockets(servers, downloader, case.plan, case.arguments, case.request().label)
    at_s = servers.clock_s()
    return Run(
        status=0,
        ended="exit",
        lines=tuple(PrintedLine(at_s, text) for text in played.stdout.splitlines()),
        stderr="",
        entries=tuple(map(entry_from_json, played.entries)),
        urls=dict(servers.urls),
        files_before={},
        files_after=played.files_book,
    )


def changed(run, **fields):
    return Run(**{name: getattr(run, name) for name in run.__slots__} | fields)


def with_lines(run, texts):
    return changed(run, lines=tuple(PrintedLine(run.lines[-1].at_s, text) for text in texts))


def failed(case, run):
    return {one.clause for one in findings(case, run) if one.verdict in FAILURES}


def simple(*arguments, plan=None, expects="report"):
    return Case("a", ("OUT-1",), arguments, plan=plan or Plan(), expects=expects)


@pytest.mark.parametrize("downloader", DOWNLOADERS, ids=lambda module: module.__name__)
@examples(15)
@given(case=cases())
def test_a_reference_downloader_never_has_a_failure(servers, downloader, case):
    assert not failed(case, recorded(servers, case, downloader))


@examples(15)
@given(case=QUICK, data=st.data())
def test_a_wrong_line_is_found(servers, case, data):
    run = recorded(servers, case)
    texts = list(run.texts)
    lines = [i for i, text in enumerate(texts) if re.fullmatch(r"[A-Z]{2} (OK|not found)", text)]
    assume(lines)
    place = data.draw(st.sampled_from(lines))
    code = texts[place][:2]
    other = data.draw(
        st.sampled_from([f"{code} OK", f"{code} not found", f"*** Error for {code}: x"])
    )
    assume(other != texts[place])
    texts[place] = other
    assert failed(case, with_lines(run, texts))


@examples(15)
@given(case=QUICK, data=st.data())
def test_a_missing_line_is_found(servers, case, data):
    run = recorded(servers, case)
    texts = list(run.texts)
    report = texts.index("-" * 20)
    kept = [i for i, text in enumerate(texts) if not text.startswith("Elapsed")]
    del texts[data.draw(st.sampled_from(kept))]
    assert report < len(run.texts)
    assert failed(case, with_lines(run, texts))


@examples(15)
@given(case=QUICK, data=st.data())
def test_a_wrong_total_is_found(servers, case, data):
    run = recorded(servers, case)
    texts = list(run.texts)
    report = range(texts.index("-" * 20) + 1, len(texts))
    places = [i for i in report if re.match(r"\d+ ", texts[i])]
    place = data.draw(st.sampled_from(places))
    number, rest = texts[place].split(" ", 1)
    texts[place] = f"{int(number) + data.draw(st.sampled_from([-1, 1, 2]))} {rest}"
    assert failed(case, with_lines(run, texts))


@examples(15)
@given(case=QUICK, data=st.data())
def test_a_missing_and_a_repeated_request_are_found(servers, case, data):
    run = recorded(servers, case)
    served = [
        e for e in run.entries if isinstance(e, RequestEntry) and (e.do, e.status) == ("serve", 200)
    ]
    assume(served)
    assume(
        not any(getattr(e, "leads_to", None) for e in run.entries)
    )  # a request may belong to a redirect
    entry = data.draw(st.sampled_from(served))
    less = changed(run, entries=tuple(e for e in run.entries if e is not entry))
    more = changed(run, entries=(*run.entries, structs.replace(entry, n=999)))
    assert "REQ-4" in failed(case, more)
    assert "REQ-2" in failed(case, less)


@examples(15)
@given(case=QUICK, data=st.data())
def test_a_file_that_is_missing_damaged_or_added_is_found(servers, case, data):
    run = recorded(servers, case)
    assume(run.files_after)
    name = data.draw(st.sampled_from(sorted(run.files_after)))
    file = run.files_after[name]
    missing = {other: one for other, one in run.files_after.items() if other != name}
    damaged = run.files_after | {name: structs.replace(file, sha256="0" * 64)}
    assert failed(case, changed(run, files_after=missing))
    assert failed(case, changed(run, files_after=damaged))
    added = run.files_after | {f"{name}.part": file}
    assert failed(case, changed(run, files_after=added)) == {"FIL-3"}


def test_an_exit_status_of_an_error_is_found(servers):
    case = simple("-v", "BR", plan=Plan(rules={"BR": (Status((503,)),)}))
    run = recorded(servers, case)
    assert not failed(case, run)
    assert failed(case, changed(run, status=1)) == {"CLI-8"}


def test_a_missing_report_is_a_crash_or_silent_by_the_exit_status(servers):
    case = simple("BR")
    run = recorded(servers, case)
    cut = with_lines(run, run.texts[:3])
    assert failed(case, cut) == {"CLI-9"}
    (crash,) = findings(case, changed(cut, status=1))
    assert (crash.clause, crash.verdict) == ("ACC-3", Verdict.CRASH)


def test_a_run_that_comes_to_the_wall_limit_is_a_timeout(servers):
    case = simple("BR")
    run = changed(recorded(servers, case), status=None, ended="timeout", lines=())
    (found,) = findings(case, run)
    assert (found.clause, found.verdict) == ("ACC-5", Verdict.TIMEOUT)


def test_a_request_after_the_report_is_found(servers):
    case = simple("BR")
    run = recorded(servers, case)
    early = changed(run, lines=tuple(PrintedLine(0.0, line.text) for line in run.lines))
    assert failed(case, early) == {"ACC-4"}


def test_more_in_flight_than_announced_is_found(servers):
    case = simple("-m", "2", "BR", "CN", "US")
    run = recorded(servers, case)
    entries = tuple(structs.replace(e, in_flight=3) if e.n == 2 else e for e in run.entries)
    assert failed(case, changed(run, entries=entries)) == {"CON-1"}


def test_requests_that_the_client_gave_up_do_not_exceed_the_announcement(servers):
    case = simple("-m", "2", "BR", "CN", "US")
    run = recorded(servers, case)
    entries = tuple(structs.replace(e, in_flight=3, client_gone=True) for e in run.entries)
    assert "CON-1" not in failed(case, changed(run, entries=entries))


def test_a_gate_that_never_fills_is_a_finding_if_more_was_announced(servers):
    case = simple("-m", "3", "BR", "CN", "US")
    run = recorded(servers, case)
    gate = GateEntry(server="LOCAL", held=1, filled=False, at_s=2.0)
    assert failed(case, changed(run, entries=(*run.entries, gate))) == {"CON-3"}
    filled = structs.replace(gate, held=3)
    assert not failed(case, changed(run, entries=(*run.entries, filled)))


def test_a_case_for_a_should_has_no_failure(servers):
    case = Case("a", ("FIL-5",), ("-v", "BR"), dest=False)
    run = changed(recorded(servers, case), files_after={})
    (found,) = findings(case, run)
    assert (found.clause, found.verdict) == ("FIL-5", Verdict.NON_STRICT)


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_usage_error_may_be_reported_on_stdout_or_stderr(servers, stream):
    case = Case("a", ("EXP-9", "CLI-6"), ("BRA",), expects="refusal")
    said = {"lines": (PrintedLine(0.1, "no"),)} if stream == "stdout" else {"stderr": "no\n"}
    base = {"status": 64, "ended": "exit", "lines": (), "stderr": "", "entries": ()}
    run = Run(**base | said, urls=servers.urls, files_before={}, files_after={})
    assert not failed(case, run)
    silent = changed(run, lines=(), stderr="")
    assert Verdict.NON_STRICT in {one.verdict for one in findings(case, silent)}
    assert failed(case, changed(run, status=0)) == {"CLI-6"}


def test_every_case_is_the_same_after_a_round_trip_through_json():
    for case in (*fixed_cases(), *generated_cases(30, 1)):
        again = case_from_json(case.to_json())
        assert again.to_json() == case.to_json()
        assert (again.plan, again.arguments, again.code_lists()) == (
            case.plan,
            case.arguments,
            case.code_lists(),
        )


def test_cases_are_pure_in_their_seed():
    assert [case.to_json() for case in generated_cases(20, 7)] == [
        case.to_json() for case in generated_cases(20, 7)
    ]
    plans = [[case.plan for case in generated_cases(20, number)] for number in (7, 8)]
    assert plans[0] != plans[1]


def test_case_ids_are_unique():
    names = [case.id for case in (*fixed_cases(), *generated_cases(10, 0))]
    assert len(set(names)) == len(names)
