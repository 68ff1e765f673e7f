"""Findings, and the verdicts and the exit status that follow from them."""

from dataclasses import replace

from conformance.verdicts import Finding, Verdict, broken, exit_status, verdict_of, worst

LOST = Finding("OUT-1", "lost", "nothing", expected="1 ok", code="BR")


def test_the_verdict_of_a_broken_clause_follows_from_its_keyword():
    # FIL-2 is a MUST NOT, and REP-9 a SHOULD NOT.
    for clause, verdict in (
        ("OUT-1", "FAIL"), ("FIL-2", "FAIL"), ("REP-7", "NON-STRICT"), ("REP-9", "NON-STRICT"),
        ("OUT-6", "INFO"),
    ):  # fmt: skip
        found = broken(clause, "lost", "nothing", expected="1 ok", code="BR", stops=True)
        assert found.to_json() == {
            "clause": clause, "word": "lost", "saw": "nothing", "claimed": None,
            "expected": "1 ok", "said": "1 ok", "code": "BR",
            "verdict": verdict, "certain": True, "because": None, "stops": True,
        }  # fmt: skip


def test_in_json_a_claim_goes_before_an_expectation():
    def said(**texts):
        return broken("OUT-1", "lost", "nothing", **texts).to_json()["said"]

    assert said(claimed="1 ok", expected="1 error") == "1 ok"
    assert said(claimed="1 ok") == "1 ok"
    assert said(expected="1 error") == "1 error"


def test_a_long_value_is_cut_in_the_middle_and_its_length_is_given():
    found = broken("OUT-1", "lost", f"GET /{'x' * 700}.gif", expected="y" * 200).to_json()
    assert found["saw"].startswith("GET /xxx")
    assert found["saw"].endswith("x.gif (709 characters)")
    assert len(found["saw"]) == len(found["expected"]) == 200


def test_findings_are_the_same_by_their_cause():
    assert LOST.cause == ("OUT-1", "lost")
    assert replace(LOST, actual="something", code=None).cause == LOST.cause


WORST_FIRST = (
    "KIT-ERROR", "CRASH", "TIMEOUT", "FAIL", "FLAKY", "NON-STRICT", "LEGACY", "INFO", "PASS",
    "UNSUPPORTED", "NOT-TESTED",
)  # fmt: skip


def test_the_worst_verdict_counts():
    for place, name in enumerate(WORST_FIRST):
        assert worst(map(Verdict, reversed(WORST_FIRST[place:]))) == name
    assert worst([]) == "NOT-TESTED"


def test_the_verdict_of_a_case_is_its_worst_finding():
    freedom = broken("OUT-6", "freedom", "ok", expected="either will do")
    assert verdict_of([freedom, LOST, freedom]) == "FAIL"
    assert verdict_of([]) == "PASS"


def test_the_exit_status_follows_from_the_verdicts():
    for status, verdicts in (
        (4, "KIT-ERROR"),
        (4, "PASS FAIL KIT-ERROR"),
        (1, "FAIL"),
        (1, "CRASH PASS"),
        (1, "TIMEOUT"),
        (1, "PASS FLAKY"),
        (0, "PASS"),
        (0, "NON-STRICT NOT-TESTED"),
        (0, "LEGACY"),
        (0, "INFO UNSUPPORTED"),
        (3, "UNSUPPORTED NOT-TESTED"),
        (3, ""),
    ):
        assert exit_status(map(Verdict, verdicts.split())) == status
