"""What came of a request, what may be said of it, lines and totals."""

import pytest
from support.journals import balance
from support.ledger_of_rows import NOW, OTHER, WAS, at, books
from support.rows import each
from support.small_ledgers import (
    BODY,
    bad_gzip,
    closed,
    cut,
    cut_headers,
    file,
    found_in,
    judge,
    no_length,
    not_found,
    redirected,
    refused,
    report,
    request,
    whole,
)

# --- what came of a request ---------------------------------------------------------------------


REQUESTS = {
    # entry -> what the server saw
    "whole": (whole("BR"), "ok"),
    "an empty file": (whole("BR", sent=0, length=0), "ok"),
    "of another type": (whole("BR", do="wrong_type"), "ok"),
    "404": (not_found("BR"), "not_found"),
    "404 by the plan": (not_found("BR", do="status"), "not_found"),
    "404 with a page": (
        not_found("BR", length=7, bytes_sent=7), "not_found"
    ),
    "503": (refused("BR"), "error"),
    "503 with a page that was cut": (
        refused("BR", length=7), "error"
    ),
    "204": (request("BR", status=204, do="status", length=None), "error"),
    "302": (redirected("BR", "CN"), "error"),
    "a body cut short": (cut("BR"), "error"),
    "a body cut to nothing": (cut("BR", sent=0), "error"),
    "more than was announced": (whole("BR", bytes_sent=21), "error"),
    "a broken chunk": (cut("BR", do="bad_chunk", length=None), "error"),
    "a body that cannot be inflated": (bad_gzip("BR"), "error"),
    "a reset in the body": (cut("BR", do="reset"), "error"),
    "a reset after the body": (whole("BR", do="reset"), "indeterminate"),
    "left after the body": (
        whole("BR", complete=False, client_gone=True), "indeterminate"
    ),
    "left in the body": (
        cut("BR", do="drip", complete=False, client_gone=True), "error"
    ),
    "a body of unknown length": (no_length("BR"), "indeterminate"),
    "a body that goes on": (whole("BR", do="too_long"), "indeterminate"),
    "too many headers": (whole("BR", do="huge_headers"), "indeterminate"),
    "too many headers of a 404": (not_found("BR", do="huge_headers"), "not_found"),
    "a head cut short": (cut_headers("BR"), "indeterminate"),
    "a head that the client did not wait for": (
        cut_headers("BR", complete=False, client_gone=True), "error"
    ),
    "no reply that the client waited for": (
        request("BR", status=None, do="hang", complete=False), "error"
    ),
    "no reply": (closed("BR"), "error"),
    "a reset in place of a reply": (
        request("BR", status=None, do="reset"), "error"
    ),
    "garbage": (request("BR", status=None, do="garbage"), "error"),
}  # fmt: skip


@each("name", REQUESTS)
def test_what_came_of_a_request_has_one_of_five_names(name):
    entry, seen = REQUESTS[name]
    ledger = judge(["BR"], [entry], ["BR not found", "BR OK", *report(error=1)], ())
    assert ledger.to_json()["codes"]["BR"]["seen"] == seen
    assert "duplicated BR" in found_in(ledger)


def test_what_was_never_asked_for_has_no_request():
    row = judge(["BR"], [], report(error=1)).to_json()["codes"]["BR"]
    assert row == {
        "requests": 0, "status": None, "seen": "no request", "said": None, "file": "absent",
    }  # fmt: skip


# --- what may be said of it ---------------------------------------------------------------------


FILES = {
    # entries, before, after -> state of the file, what may be said, saved, kept
    "saved": ([whole("BR")], {}, NOW, "same", "ok", 1, 0),
    "not saved": ([whole("BR")], {}, {}, "absent", "error", 0, 0),
    "nobody looked": ([whole("BR")], {}, None, "absent", "ok", 0, 0),
    "gone since": ([whole("BR")], WAS, {}, "absent", "error", 0, 0),
    "there before": ([whole("BR")], WAS, WAS, "kept", "ok error", 0, 1),
    "there before, and written again": ([whole("BR")], WAS, NOW, "same", "ok", 1, 0),
    "of other bytes": ([whole("BR")], {}, {"br.gif": OTHER}, "different", "error", 0, 0),
    "of other bytes, there before": (
        [whole("BR")], {"br.gif": OTHER}, {"br.gif": OTHER}, "old", "error", 0, 0,
    ),
    "not asked for, and written": ([], {}, NOW, "different", "error", 0, 0),
    "not asked for, there before": ([], WAS, WAS, "old", "error", 0, 0),
    "not found": ([not_found("BR")], {}, {}, "absent", "not_found", 0, 0),
    "an error": ([refused("BR")], {}, {}, "absent", "error", 0, 0),
    "an error, and an empty file": (
        [refused("BR")], {}, {"br.gif": file(b"")}, "same", "error", 0, 0,
    ),
    "not found, and an empty file from before": (
        [not_found("BR")], {"br.gif": file(b"")}, {"br.gif": file(b"")}, "kept", "not_found", 0, 1,
    ),
    "up to the client, saved": (
        [whole("BR", do="too_long")], {}, NOW, "same", "ok error", 1, 0,
    ),
    "up to the client, not saved": (
        [whole("BR", do="too_long")], {}, {}, "absent", "error", 0, 0,
    ),
    "up to the client, nobody looked": (
        [whole("BR", do="too_long")], {}, None, "absent", "ok error", 0, 0,
    ),
}  # fmt: skip


@pytest.mark.parametrize("interrupted", [0, 1])
@pytest.mark.parametrize("name", FILES)
def test_what_may_be_said_of_a_code_hangs_on_its_file(name, interrupted):
    entries, before, after, state, sayings, saved, kept = FILES[name]
    totals = {"interrupted": interrupted}
    journal = books(*entries, asked=["BR"], totals=totals, files=after, before=before)
    ledger = balance(journal)
    row = ledger.rows["BR"]
    if interrupted and state != "same":
        sayings += " interrupted"
    assert (row.file, row.accepts) == (state, frozenset(sayings.split()))
    assert (ledger.saved, ledger.kept) == (saved, kept)


def test_files_that_are_given_take_the_place_of_those_that_the_journal_ends_with():
    journal = books(whole("BR"), asked=["BR"], totals={"ok": 1}, files={})
    assert balance(journal, NOW).rows["BR"].file == "same"
    assert balance(journal).rows["BR"].file == "absent"
    journal = books(whole("BR"), asked=["BR"], totals={"ok": 1}, files=NOW)
    assert balance(journal, {}).rows["BR"].file == "absent"
    assert balance(journal).rows["BR"].file == "same"


# --- lines and totals ---------------------------------------------------------------------------


SAID = {
    # asked, entries, printed, files -> what does not balance
    "a line too few, and an interrupt that explains it": (
        ["BR", "US"], [refused("BR")], ["*** Error for BR: x", *report(0, 0, 1, 1)], (),
        ["note"],
    ),
    "an interrupt that explains no whole file": (
        ["BR", "US"], [whole("BR"), refused("US")],
        ["*** Error for US: x", *report(0, 0, 1, 1)], ("BR",),
        ["lost BR"],
    ),
    "more interrupted than have no line": (
        ["BR", "US"], [refused("BR")], ["*** Error for BR: x", *report(0, 0, 1, 2)], (),
        [
            "miscounted --",
            "note",
        ],
    ),
    "lines that have no totals": (
        ["BR", "US"], [whole("BR"), refused("US")], ["BR OK"], ("BR",),
        ["lost --"],
    ),
    "lines that have no totals, and one is wrong": (
        ["BR", "US"], [refused("BR"), refused("US")], ["BR OK"], (),
        [
            "lost --",
            "miscounted BR",
        ],
    ),
    "a line for no request": (
        ["BR"], [], ["BR OK", *report(1)], (),
        ["lost BR", "note"],
    ),
    "a line for a file that is none": (
        ["BR"], [whole("BR")], ["BR OK", *report(1)], {},
        ["lost BR"],
    ),
    "a wrong line of what is not ok": (
        ["BR"], [whole("BR")], ["BR not found", *report(0, 1)], {"br.gif": file(b"x")},
        [
            "miscounted BR",
            "corrupt BR",
        ],
    ),
    "no lines, and totals of somebody else": (
        ["BR", "US", "CN"], [whole("BR"), not_found("US"), refused("CN")],
        report(0, 2, 1), (),
        ["miscounted --"],
    ),
    "one of two saved": (
        ["BR", "US"], [whole("BR"), whole("US")], report(2), ("BR",),
        ["lost US"],
    ),
    "one of two saved, the other an error that is a file": (
        ["BR", "US"], [whole("BR"), cut("US")], report(2), {"br.gif": file(), "us.gif": OTHER},
        ["corrupt US"],
    ),
    "nobody knows which of two": (
        ["BR", "US"], [whole("BR"), whole("US")], report(1, 0, 1), (),
        ["miscounted --"],
    ),
    "both not saved": (
        ["BR", "US"], [whole("BR"), whole("US")], report(2), (),
        ["lost BR", "lost US"],
    ),
    "more than were asked for, though the ok are right": (
        ["BR"], [whole("BR")], report(1, 1), ("BR",),
        ["miscounted --"],
    ),
    "one too few, and all have requests": (
        ["BR", "US"], [whole("BR"), not_found("US")], report(0, 1), (),
        ["lost --"],
    ),
    "one too few, and two have no request": (
        ["BR", "US", "CN"], [whole("BR")], report(1, 0, 1), ("BR",),
        [
            "lost --",
            "note",
        ],
    ),
    "what may be called two ways": (
        ["BR", "US"], [whole("BR", do="too_long"), refused("US")], report(0, 1, 1), ("BR",),
        [
            "miscounted --",
            "note",
        ],
    ),
    "an imbalance of every word": (
        ["BR", "CN", "DE", "FR", "US"],
        [
            whole("BR"), whole("CN", n=2), whole("CN", n=3), refused("DE", n=4), whole("US", n=5),
            whole("IT", n=6), at("/x", n=7), whole("AQ", n=8),
        ],
        ["US OK", "BR OK", "CN OK", "DE OK", *report(4)],
        {"br.gif": file(b"x"), "cn.gif": file(), "1.tmp": file(b""), "fr.gif": file(b"xyz")},
        [
            "lost FR",
            "lost US",
            "unexpected --",
            "unexpected AQ",
            "unexpected IT",
            "duplicated CN",
            "miscounted DE",
            "corrupt BR",
            "leftover --",
            "note",
        ],
    ),
}  # fmt: skip


@each("name", SAID)
def test_claims_are_compared_with_what_was_seen(name):
    *told, expected = SAID[name]
    assert found_in(judge(*told)) == expected


def test_a_code_that_can_only_be_an_error_gets_no_other_outcome():
    # Every outcome that was said fits as many codes as may be called so; but US is an error.
    entries = [cut("US", n=1), whole("BR", n=2), not_found("CN", n=3)]
    files = {"us.gif": file(BODY[:5]), "br.gif": file()}
    ledger = judge(["BR", "CN", "US"], entries, report(1, 1, 0, 1), files, {"br.gif": file()})
    assert ledger.rows["US"].accepts == {"error"}
    assert [one.kind for one in ledger.imbalances if one.code is None] == ["miscounted"]


@pytest.mark.parametrize(("count", "named"), [(26, True), (27, False)])
def test_up_to_26_lost_codes_are_named_one_by_one(count, named):
    codes = [f"{first}{second}" for first in "AB" for second in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"]
    lost = codes[1 : count + 1]
    ledger = judge(["AA", *lost], [refused("AA")], report(error=1))
    each = [f"lost {code}" for code in lost]
    together = ["lost --"]
    assert found_in(ledger) == [*(each if named else together), "note"]
