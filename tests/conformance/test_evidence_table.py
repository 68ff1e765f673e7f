"""The evidence table: its rows, and which of many are shown."""

import pytest
from support.journals import balance, journal, report, request
from support.made_runs import ELAPSED, HYPHENS, OLD, searching
from support.recorded_runs import run_of

from conformance.cases.model import Case
from conformance.checks.judge import findings
from conformance.evidence_table import table_of_ledger, table_of_run
from conformance.verdicts import Finding

CODES = [f"A{letter}" for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"] + ["BA"]


def table_of(codes, wrong):
    entries = [
        request(n, code, n, n + 0.5, do="status", status=503) for n, code in enumerate(codes)
    ]
    ledger = balance(journal(codes, entries, report(codes, 1, 0, errors=len(codes))))
    found = [Finding("OUT-1", "lost", "", expected="", code=code) for code in wrong]
    return table_of_ledger(ledger, {}, found)


@pytest.mark.parametrize("count", [11, 12])
def test_up_to_12_rows_are_all_shown_in_order(count):
    *rows, totals = table_of(CODES[:count], wrong=["AC"])
    assert [row["code"] for row in rows] == CODES[:count]
    assert totals["code"] is None


def test_beyond_12_rows_unbalanced_ones_come_first_and_the_rest_is_counted():
    *rows, more, totals = table_of(CODES, wrong=["BA", "AC"])
    assert [row["code"] for row in rows] == ["AC", "BA", "AA", "AB", *CODES[3:11]]
    assert [row["word"] for row in rows[:3]] == ["lost", "lost", None]
    assert more == {
        "code": "...", "planned": "", "seen": "and 15 more", "said": "", "file": "", "word": None,
    }  # fmt: skip
    assert totals["seen"] == "27 error"


def shown(words, entries, files, *, there=(), **more):
    """The evidence table of a run that counts everything as downloaded."""
    codes = words.removeprefix("-v ").split()
    lines = [f"{code} OK" for code in codes] if "-v" in words else []
    totals = [HYPHENS, f"{len(codes)} flags downloaded.", ELAPSED]
    case = Case("a", ("OUT-1",), tuple(words.split()), files=dict.fromkeys(there, "old"))
    stdout = [*searching(" ".join(codes)), *lines, *totals]
    run = run_of({"stdout": stdout, "entries": entries, "files": files} | more)
    return table_of_run(case, run, findings(case, run))


def test_a_row_has_its_columns_by_name():
    first, *_, last = shown("-v BR CN", ["BR 200 9", "CN 404 0"], {"br.gif": 9})
    assert list(first) == list(last) == ["code", "planned", "seen", "said", "file", "word"]
    assert (first["code"], first["planned"], first["said"]) == ("BR", "serve", "ok")
    assert last["code"] is None


def test_a_row_distinguishes_an_old_file_from_a_wrong_one():
    same, whole = {"size": 9, "sha256": "BR:9"}, ["BR 200 9", "CN 200 9"]
    before, new, _ = shown(
        "-v BR CN", whole, {"cn.gif": OLD}, there=["br.gif"], before={"br.gif": same},
        kept=["br.gif"],
    )  # fmt: skip
    assert "before" in before["file"]
    assert (before["word"], new["word"]) == (None, "corrupt")
