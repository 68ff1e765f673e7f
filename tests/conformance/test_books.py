"""The books side by side: which of many rows are shown."""

import pytest
from journals import journal, report, request

from conformance.evidence_table import table_of_ledger
from conformance.verdicts import Finding
from mockservers.ledger import balance

CODES = [f"A{letter}" for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"] + ["BA"]


def books_of(codes, wrong):
    entries = [
        request(n, code, n, n + 0.5, do="status", status=503) for n, code in enumerate(codes)
    ]
    ledger = balance(journal(codes, entries, report(codes, 1, 0, errors=len(codes))))
    found = [Finding("OUT-1", "lost", "", expected="", code=code) for code in wrong]
    return table_of_ledger(ledger, {}, found)


@pytest.mark.parametrize("count", [25, 26])
def test_as_many_rows_as_one_reads_are_all_shown_in_their_order(count):
    *rows, totals = books_of(CODES[:count], wrong=["AC"])
    assert [row["code"] for row in rows] == CODES[:count]
    assert totals["code"] is None


def test_of_more_those_that_do_not_balance_come_first_and_the_rest_is_counted():
    *rows, more, totals = books_of(CODES, wrong=["BA", "AC"])
    assert [row["code"] for row in rows] == ["AC", "BA", "AA", "AB", *CODES[3:25]]
    assert [row["word"] for row in rows[:3]] == ["lost", "lost", None]
    assert more == {
        "code": "...", "planned": "", "seen": "and 1 more", "said": "", "file": "", "word": None,
    }  # fmt: skip
    assert totals["seen"] == "27 error"
