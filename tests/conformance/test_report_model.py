"""What a report says about outcomes, part by part; all outcomes here are made by hand."""

import pytest
from support.journals import request

from conformance.cases.model import Case
from conformance.clauses import clauses
from conformance.recording import PrintedLine, Profile, Run
from conformance.report_model import (
    SMOKE,
    Failure,
    KnownFailure,
    Outcome,
    drop_consequences,
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


@pytest.mark.parametrize(
    ("one", "verdict"),
    [
        (outcome("a"), Verdict.PASS),
        (outcome("a", finding(verdict=Verdict.INFO), finding()), Verdict.FAIL),
        (outcome("a", finding(), error="no disk"), Verdict.KIT_ERROR),
    ],
)
def test_an_outcome_is_as_bad_as_its_worst_finding_or_the_kit(one, verdict):
    assert one.verdict is verdict


def test_the_smoke_case_shows_what_every_run_with_a_report_shows():
    always = (
        "REQ-1 REQ-2 REQ-3 REQ-4 REQ-6 REQ-8 FIL-1 FIL-2 FIL-3 REP-1 REP-2 REP-3 REP-4 REP-5 REP-6 "
        "REP-7 REP-10 REP-11 CLI-8 CLI-9 CON-1 CON-2 ACC-1 ACC-3 ACC-4 ACC-5 ACC-6"
    )
    assert SMOKE.to_json() == {
        "case": 1,
        "id": "smoke",
        "clauses": ["REQ-2", *always.split()],
        "arguments": ["-m", "8", "BR", "CN", "DE", "ET", "FR", "ID", "IN", "IR"],
        "plan": {"plan": 1, "seed": 0},
        "why": "a small run, from which the kit learns what the program is like",
        "waits_s": 10,
    }


# --- uncertain findings -------------------------------------------------------------------------


UNCERTAIN = outcome("uncertain", finding("OUT-3", "lost", certain=False))


@pytest.mark.parametrize(
    ("shown", "cause"),
    [
        ((finding("OUT-4", "leftover"), finding("OUT-5")), ("OUT-4", "leftover")),
        ((finding("FIL-1"),), ("OUT-3", "lost")),
        ((finding("OUT-4", verdict=Verdict.NON_STRICT),), ("OUT-3", "lost")),
        ((finding("OUT-4", certain=False),), ("OUT-3", "lost")),
        ((finding("OUT-4"), finding("OUT-3", "lost")), ("OUT-3", "lost")),
        ((), ("OUT-3", "lost")),
    ],
)
def test_an_uncertain_finding_gets_the_first_certain_cause_of_its_chapter(shown, cause):
    certain = outcome("certain", *shown)
    first, second = settle_uncertain([UNCERTAIN, certain])
    assert first.case == UNCERTAIN.case
    assert [one.cause for one in first.findings] == [cause]
    assert second == certain


def test_certain_findings_stay():
    outcomes = [outcome("a", finding("OUT-4")), outcome("b", finding("OUT-3"))]
    assert settle_uncertain(outcomes) == outcomes


def test_settling_an_uncertain_finding_changes_only_its_cause():
    one, _ = settle_uncertain([UNCERTAIN, outcome("certain", finding("OUT-4", "leftover"))])
    assert one.findings == (finding("OUT-4", "leftover", certain=False),)


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
    assert found == {
        "program": {"startup_s": 1.0, "connections": 8, "ports": "given"},
        "clauses": {
            name: {
                "keyword": clause.keyword,
                "text": clause.text,
                "verdict": Verdict.NOT_TESTED,
                "cases": [],
                "known": False,
            }
            for name, clause in clauses().items()
            if "run" in clause.evidence
        },
        "cases": [],
        "failures": [],
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


@pytest.mark.parametrize(
    ("one", "shown"),
    [
        (finding("OUT-4", stops=True), False),
        (finding("OUT-4"), True),
        (finding("OUT-4", verdict=Verdict.INFO, stops=True), True),
        (finding("OUT-4", verdict=Verdict.LEGACY, stops=True), True),
        (finding("OUT-4", verdict=Verdict.NON_STRICT, stops=True), False),
    ],
)
def test_after_a_finding_that_stops_no_clause_is_shown(one, shown):
    assert ("OUT-2" in clauses_tested(report(outcome("a", one)))) is shown


def test_a_case_in_which_the_kit_failed_shows_no_clause():
    found = report(outcome("a", error="no disk"), errors={("OUT-4", "lost"): "no port"})
    assert "OUT-2" not in clauses_tested(found)
    assert found["errors"] == ["OUT-4 lost: no port", "a: no disk"]
    assert found["cases"][0]["verdict"] is Verdict.KIT_ERROR


def test_a_case_is_reported_with_its_findings():
    found = report(outcome("a", finding(code="ZZ"), shows=("OUT-2", "OUT-3"), why="a test"))
    assert found["cases"] == [
        {
            "id": "a",
            "clauses": ["OUT-2", "OUT-3"],
            "why": "a test",
            "verdict": Verdict.FAIL,
            "findings": [
                {
                    "clause": "OUT-2",
                    "word": "miscounted",
                    "saw": "saw",
                    "said": "said",
                    "code": "ZZ",
                    "verdict": Verdict.FAIL,
                    "certain": True,
                    "because": None,
                    "stops": False,
                }
            ],
            "known": None,
        }
    ]


def test_a_program_that_ignores_its_urls_gets_a_smoke_case_with_a_finding():
    found = report(outcome("a"), outcome("b"), profile=Profile(ports="fixed"))
    assert clauses_tested(found)["HOOK-1"] == (Verdict.NON_STRICT, ["smoke"])
    assert found["clauses"]["HOOK-1"]["known"] is False
    assert [row["id"] for row in found["cases"]] == ["smoke", "a", "b"]
    first = found["cases"][0]
    assert (first["verdict"], first["known"]) == (Verdict.NON_STRICT, None)
    (one,) = first["findings"]
    assert (one["clause"], one["word"]) == ("HOOK-1", "ignored")
    assert one["saw"] == "asks the ports 8001 to 8003"
    assert one["said"] == "the servers of FLAGS2_*_URL"


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


@pytest.mark.parametrize(
    "more",
    [
        outcome("b", finding()),
        outcome("b", finding(word="lost")),
    ],
)
def test_a_clause_with_another_failure_is_not_known(more):
    found = report(outcome("a", finding()), more, known=[ACCEPTED])
    assert found["clauses"]["OUT-2"]["known"] is False
    assert [row["known"] for row in found["cases"]] == ["it is old", None]


def test_a_clause_with_a_known_failure_and_a_pass_is_known():
    found = report(outcome("a", finding()), outcome("b"), known=[ACCEPTED])
    assert found["clauses"]["OUT-2"]["known"] is True


@pytest.mark.parametrize(
    "one",
    [outcome("a"), outcome("a", finding(verdict=Verdict.INFO)), outcome("a", finding("OUT-3"))],
)
def test_a_known_failure_that_no_longer_occurs_is_stale_and_fails(one):
    found = report(outcome("other"), one, known=[ACCEPTED])
    other, row = found["cases"]
    assert row["stale"] is True
    assert "stale" not in other
    assert clauses_tested(found)["OUT-2"][0] is Verdict.FAIL
    assert clauses_tested(found)["OUT-2"][1] == ["other", "a"]
    assert found["clauses"]["OUT-2"]["known"] is False


def test_a_known_failure_of_a_case_that_was_not_run_is_not_stale():
    found = report(outcome("b"), known=[ACCEPTED])
    assert "stale" not in found["cases"][0]
    assert clauses_tested(found)["OUT-2"] == (Verdict.PASS, ["b"])


# --- failures -----------------------------------------------------------------------------------

CAUSE = ("OUT-2", "miscounted")
SMALL = Case("a", ("OUT-2",), ("-v", "ZZ"))


def run(**fields):
    ended = {
        "status": 1,
        "ended": "exit",
        "lines": (PrintedLine(0.0, "Searching for 1 flag: ZZ"), PrintedLine(0.1, "1 error.")),
        "stderr": "oops",
        "entries": (),
        "urls": {"LOCAL": "http://127.0.0.1:8001/flags"},
        "files_before": {},
        "files_after": {},
    }
    return Run(**ended | fields)


def failure(verdict=Verdict.FAIL, of_run=None):
    return Failure(CAUSE, SMALL, verdict, (finding(code="ZZ"),), of_run or run(), 23, 3)


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
        "case": {
            "case": 1,
            "id": "a",
            "clauses": ["OUT-2"],
            "arguments": ["-v", "ZZ"],
            "plan": {"plan": 1, "seed": 0},
        },
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


@pytest.mark.parametrize(
    ("known", "why"),
    [
        ([ACCEPTED], None),
        ([ACCEPTED, KnownFailure("b", *CAUSE, "it is old")], "it is old"),
        ([ACCEPTED, KnownFailure("b", *CAUSE, "also slow")], "also slow; it is old"),
        ([ACCEPTED, KnownFailure("b", "OUT-2", "lost", "another")], None),
    ],
)
def test_a_failure_is_known_if_it_is_known_in_each_of_its_cases(known, why):
    assert failure_row(outcome("a"), outcome("b"), known=known)["known"] == why


def test_a_flaky_failure_is_reported_with_the_findings_of_the_run_that_failed():
    first, second = finding(code="AA"), finding(code="BB")
    group = outcome("a", first), outcome("b", second)
    assert failure_row(*group, verdict=Verdict.FLAKY)["findings"] == [first.to_json()]
    assert failure_row(*group, verdict=Verdict.FAIL)["findings"] == [finding(code="ZZ").to_json()]
    assert failure_row(verdict=Verdict.FLAKY)["findings"] == [finding(code="ZZ").to_json()]
