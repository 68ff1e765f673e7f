"""What a report says about outcomes, part by part; all outcomes here are made by hand."""

from dataclasses import replace

from support.journals import request

from conformance.cases.model import Case
from conformance.clauses import clauses
from conformance.recording import PrintedLine, Profile, Run
from conformance.report_model import (
    Failure,
    KnownFailure,
    Outcome,
    drop_consequences,
    ignores_servers,
    report_of_cases,
    settle_uncertain,
)
from conformance.verdicts import Finding, Verdict
from mockservers.journal_json import entry_from_json

OUT_2 = "A response with status 404 MUST be counted as not found."


def finding(clause="OUT-2", word="miscounted", **fields):
    return Finding(clause, word, "saw", expected="said", **fields)


def outcome(name, *found, shows=("OUT-2",), error=None, why=""):
    return Outcome(Case(name, shows, why=why), found, error)


def report(*outcomes, causes=None, failures=None, errors=None, known=(), profile=None):
    return report_of_cases(
        outcomes, causes or {}, failures or {}, errors or {}, known, profile or Profile()
    )


def clauses_tested(found):
    """Verdict and cases of each clause that was tried."""
    rows = found["clauses"].items()
    return {name: (row["verdict"], row["cases"]) for name, row in rows if row["cases"]}


# --- one outcome --------------------------------------------------------------------------------


def test_an_outcome_is_as_bad_as_its_worst_finding_or_the_kit():
    mild = finding(verdict=Verdict.INFO)
    assert outcome("a").verdict is Verdict.PASS
    assert outcome("a", mild, finding()).verdict is Verdict.FAIL
    assert outcome("a", finding(), error="no disk").verdict is Verdict.KIT_ERROR


# --- uncertain findings -------------------------------------------------------------------------


UNCERTAIN = outcome("uncertain", finding("OUT-3", "lost", certain=False))


def test_an_uncertain_finding_keeps_its_cause_if_no_other_of_its_chapter_is_certain():
    for shown in (
        [finding("FIL-1")],
        [finding("OUT-4", verdict=Verdict.NON_STRICT)],
        [finding("OUT-4", certain=False)],
        [finding("OUT-4"), finding("OUT-3", "lost")],
        [],
    ):
        outcomes = [UNCERTAIN, outcome("certain", *shown)]
        assert settle_uncertain(outcomes) == outcomes


def test_certain_findings_stay():
    outcomes = [outcome("a", finding("OUT-4")), outcome("b", finding("OUT-3"))]
    assert settle_uncertain(outcomes) == outcomes


def test_an_uncertain_finding_gets_the_first_certain_cause_of_its_chapter():
    certain = outcome("certain", finding("OUT-4", "leftover"), finding("OUT-5"))
    settled = outcome("uncertain", finding("OUT-4", "leftover", certain=False))
    assert settle_uncertain([UNCERTAIN, certain]) == [settled, certain]


def test_a_should_missed_because_of_a_reported_fault_is_not_tested():
    consequence = finding("CON-4", verdict=Verdict.NON_STRICT, because="OUT-2")
    other = finding("CON-4", verdict=Verdict.NON_STRICT, because="OUT-3")
    mild = finding("OUT-3", verdict=Verdict.INFO)
    not_tested = finding("CON-4", verdict=Verdict.NOT_TESTED, because="OUT-2")
    outcomes = [outcome("a", consequence, other), outcome("b", finding(), mild)]
    assert drop_consequences(outcomes) == [
        outcome("a", not_tested, other),
        outcome("b", finding(), mild),
    ]


# --- clauses and cases --------------------------------------------------------------------------


def test_a_report_without_cases_has_every_clause_of_runs_as_not_tested():
    found = report()
    row = {"verdict": Verdict.NOT_TESTED, "cases": [], "known": False}
    assert found == {
        "program": {"startup_s": 1.0, "connections": 8, "ports": "given"},
        "clauses": {
            name: {"keyword": clause.keyword, "text": clause.text, **row}
            for name, clause in clauses().items()
            if "run" in clause.evidence
        },
        "cases": [],
        "failures": [],
        "notes": [],
        "errors": [],
        "totals": {Verdict.NOT_TESTED: len(found["clauses"])},
    }
    assert found["clauses"]["OUT-2"]["text"] == OUT_2
    assert found["clauses"]["OUT-2"]["keyword"] == "MUST"


def test_the_profile_is_reported_to_the_millisecond():
    found = report(profile=Profile(0.12345, 3))
    assert found["program"] == {"startup_s": 0.123, "connections": 3, "ports": "given"}


def test_a_case_shows_its_clauses_except_those_it_finds_broken():
    found = report(
        outcome("a", finding(), shows=("OUT-2", "OUT-3", "PRM-1")), outcome("b", shows=("OUT-3",))
    )
    assert clauses_tested(found) == {
        "OUT-2": (Verdict.FAIL, ["a"]),
        "OUT-3": (Verdict.PASS, ["a", "b"]),
        "HOOK-1": (Verdict.PASS, ["smoke"]),
    }
    assert not any(row["known"] for row in found["clauses"].values())
    assert found["totals"] == {
        Verdict.FAIL: 1,
        Verdict.PASS: 2,
        Verdict.NOT_TESTED: len(found["clauses"]) - 3,
    }


def test_after_a_finding_that_stops_no_clause_is_shown():
    for verdict, stops, shown in (
        (Verdict.FAIL, True, False),
        (Verdict.FAIL, False, True),
        (Verdict.INFO, True, True),
        (Verdict.LEGACY, True, True),
        (Verdict.NON_STRICT, True, False),
    ):
        found = report(outcome("a", finding("OUT-4", verdict=verdict, stops=stops)))
        assert ("OUT-2" in clauses_tested(found)) is shown


def test_a_case_in_which_the_kit_failed_shows_no_clause():
    found = report(outcome("a", error="no disk"), errors={("OUT-4", "lost"): "no port"})
    assert "OUT-2" not in clauses_tested(found)
    assert found["errors"] == ["OUT-4 lost: no port", "a: no disk"]
    assert found["cases"][0]["verdict"] is Verdict.KIT_ERROR


def test_a_case_is_reported_with_its_findings():
    one = finding(code="ZZ")
    found = report(outcome("a", one, shows=("OUT-2", "OUT-3"), why="a test"))
    row = {"id": "a", "clauses": ["OUT-2", "OUT-3"], "why": "a test", "verdict": Verdict.FAIL}
    assert found["cases"] == [row | {"findings": [one.to_json()], "known": None}]


def test_a_program_that_ignores_its_urls_gets_a_smoke_case_with_a_finding():
    ports = (8001, 8002, 8003)
    smoke = replace(outcome("smoke", ignores_servers(ports)), run=run())
    found = report(smoke, outcome("a"), profile=Profile(ports=ports))
    assert clauses_tested(found)["HOOK-1"] == (Verdict.NON_STRICT, ["smoke"])
    assert found["clauses"]["HOOK-1"]["known"] is False
    (note,) = found["notes"]
    assert (note["clause"], note["replay"]) == ("HOOK-1", "smoke")
    (one,) = note["findings"]
    assert one["saw"] == "asks the ports 8001, 8002, 8003"
    assert one["expected"] == "the servers of FLAGS2_*_URL"


def test_a_clause_that_no_case_showed_is_hidden_by_the_failures_of_its_cases():
    stopped = outcome("a", finding("OUT-4", stops=True), shows=("OUT-2", "OUT-3", "OUT-4"))
    shown = outcome("b", shows=("OUT-3",))
    rows = report(stopped, shown)["clauses"]
    assert rows["OUT-2"]["hidden_by"] == ["OUT-4"]
    assert [name for name, row in rows.items() if "hidden_by" in row] == ["OUT-2"]


def test_a_freedom_is_a_note_once_with_its_case_and_run():
    freedom = finding("OUT-6", "freedom", verdict=Verdict.INFO)
    found = report(*(replace(outcome(name, freedom), run=run()) for name in "ab"))
    (note,) = found["notes"]
    assert (note["clause"], note["verdict"], note["replay"]) == ("OUT-6", Verdict.INFO, "a")
    assert note["case"]["id"] == "a"


# --- known failures -----------------------------------------------------------------------------

ACCEPTED = KnownFailure("a", "OUT-2", "miscounted", "it is old")


def test_a_known_failure_is_reported_with_its_reason():
    found = report(outcome("a", finding()), known=[ACCEPTED])
    (row,) = found["cases"]
    assert row["known"] == "it is old"
    assert "stale" not in row
    assert clauses_tested(found)["OUT-2"] == (Verdict.FAIL, ["a"])
    assert found["clauses"]["OUT-2"]["known"] is True
    assert found["clauses"]["OUT-3"]["known"] is False


def test_the_reasons_of_several_known_failures_are_joined():
    other = KnownFailure("a", "OUT-3", "lost", "it is slow")
    found = report(outcome("a", finding("OUT-3", "lost"), finding()), known=[ACCEPTED, other])
    assert found["cases"][0]["known"] == "it is slow; it is old"


def test_a_clause_with_another_failure_is_not_known():
    for more in (outcome("b", finding()), outcome("b", finding(word="lost"))):
        found = report(outcome("a", finding()), more, known=[ACCEPTED])
        assert found["clauses"]["OUT-2"]["known"] is False
        assert [row["known"] for row in found["cases"]] == ["it is old", None]


def test_a_clause_with_a_known_failure_and_a_pass_is_known():
    found = report(outcome("a", finding()), outcome("b"), known=[ACCEPTED])
    assert found["clauses"]["OUT-2"]["known"] is True


def test_a_known_failure_that_no_longer_occurs_is_stale_and_fails():
    for found_now in ([], [finding(verdict=Verdict.INFO)], [finding("OUT-3")]):
        found = report(outcome("other"), outcome("a", *found_now), known=[ACCEPTED])
        other, row = found["cases"]
        assert row["stale"] is True
        assert "stale" not in other
        assert clauses_tested(found)["OUT-2"] == (Verdict.FAIL, ["other", "a"])
        assert found["clauses"]["OUT-2"]["known"] is False


def test_a_known_failure_of_a_case_that_was_not_run_is_not_stale():
    found = report(outcome("b"), known=[ACCEPTED])
    assert "stale" not in found["cases"][0]
    assert clauses_tested(found)["OUT-2"] == (Verdict.PASS, ["b"])


# --- failures -----------------------------------------------------------------------------------

CAUSE = ("OUT-2", "miscounted")
SMALL = Case("a", ("OUT-2",), ("-v", "ZZ"))


def run(**fields):
    lines = (PrintedLine(0.0, "Searching for 1 flag: ZZ"), PrintedLine(0.1, "1 error."))
    urls = {"LOCAL": "http://127.0.0.1:8001/flags"}
    return replace(Run(1, "exit", lines, "oops", (), urls, {}, {}), **fields)


FOUND = (finding(code="ZZ"),)


def failure(verdict=Verdict.FAIL, of_run=None, found=FOUND):
    return Failure(CAUSE, SMALL, verdict, found, of_run or run(), 23, 3)


def failure_row(*group, known=(), **changes):
    (row,) = report(causes={CAUSE: group}, failures={CAUSE: failure(**changes)}, known=known)[
        "failures"
    ]
    return row


def test_a_failure_is_reported_with_its_smallest_case_and_the_evidence():
    row = failure_row(outcome("a"), outcome("b"))
    assert row == {
        "clause": "OUT-2",
        "word": "miscounted",
        "verdict": Verdict.FAIL,
        "text": OUT_2,
        "cases": ["a", "b"],
        "case": SMALL.to_json(),
        "executions": 23,
        "repeated": 3,
        "findings": [finding(code="ZZ").to_json()],
        "status": 1,
        "books": row["books"],
        "stdout": "Searching for 1 flag: ZZ\n1 error.",
        "stderr": "oops",
        "journal": [],
        "known": None,
        "replay": None,
    }
    words = [(book["code"], book["word"]) for book in row["books"]]
    assert words == [("ZZ", "miscounted"), (None, None)]


def test_a_cause_without_a_failure_is_not_reported():
    assert report(failures={CAUSE: None})["failures"] == []


def test_a_failure_without_outcomes_is_reported_without_cases():
    (row,) = report(failures={CAUSE: failure()}, known=[ACCEPTED])["failures"]
    assert row["cases"] == []
    assert row["known"] is None


def test_the_last_4000_characters_of_output_and_the_first_200_entries_are_kept():
    text = "".join(f"{n:05}" for n in range(1000))
    entries = tuple(entry_from_json(request(n, "ZZ", 0.0, 0.1, status=404)) for n in range(1, 301))
    of_run = run(lines=(PrintedLine(0.0, text),), stderr=text[::-1], entries=entries)
    row = failure_row(of_run=of_run)
    assert row["stdout"] == text[1000:]
    assert row["stderr"] == text[::-1][1000:]
    assert [entry["n"] for entry in row["journal"]] == list(range(1, 201))


def test_a_failure_is_known_if_it_is_known_in_each_of_its_cases():
    for more, why in (
        ([], None),
        ([KnownFailure("b", *CAUSE, "it is old")], "it is old"),
        ([KnownFailure("b", *CAUSE, "also slow")], "also slow; it is old"),
        ([KnownFailure("b", "OUT-2", "lost", "another")], None),
    ):
        row = failure_row(outcome("a"), outcome("b"), known=[ACCEPTED, *more])
        assert row["known"] == why


def test_a_flaky_failure_is_reported_with_the_findings_of_the_run_that_failed():
    first, second = finding(code="AA"), finding(code="BB")
    group = outcome("a", first), outcome("b", second)
    assert failure_row(*group, verdict=Verdict.FLAKY, found=())["findings"] == [first.to_json()]
    assert failure_row(*group)["findings"] == [finding(code="ZZ").to_json()]
