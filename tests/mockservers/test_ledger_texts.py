"""What a ledger judges in single cases, and its limits."""

from collections import Counter
from pathlib import Path

import pytest
from journals import balance
from small_books import (
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

from mockservers.flags2.arguments import asked_codes
from mockservers.flags2.codes import POP20
from mockservers.journal import Claims

TOTALS = {"ok": 0, "not_found": 0, "error": 0, "interrupted": 0}


def at(path, n=1, **more):
    """A whole 200 for what is not the path of a code."""
    return whole("BR", n=n) | {"code": None, "path": path, **more}


def books(*entries, asked=None, totals=None, files=None, before=(), claims=(), **header):
    """A journal from its header to its end."""
    first = {"journal": 1, "command": ["x"], "files_before": dict(before), **header}
    said = {"totals": None if totals is None else TOTALS | totals, **dict(claims)}
    return [first, *entries, {"end": True, "asked": asked, "claims": said, "files_after": files}]


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
    "a reset behind the body": (whole("BR", do="reset"), "indeterminate"),
    "left behind the body": (
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


@pytest.mark.parametrize("name", REQUESTS)
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

WAS = {"br.gif": file() | {"mtime_ns": 1}}
OTHER = file(b"x") | {"mtime_ns": 1}
NOW = {"br.gif": file() | {"mtime_ns": 2}}
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


@pytest.mark.parametrize("name", SAID)
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


# --- files --------------------------------------------------------------------------------------


LEFT = {
    # entries, files after -> what does not balance of a BR that was called an error
    "of a name that begins with a code": ([refused("BR")], {"us.gif.tmp": OTHER}, "leftover US"),
    "of a name that begins with none": ([refused("BR")], {"9x.gif": OTHER}, "leftover --"),
    "of a reply that is up to the client": ([no_length("BR")], {"br.gif": OTHER}, "leftover BR"),
}


@pytest.mark.parametrize("name", LEFT)
def test_a_leftover_belongs_to_the_code_that_its_name_begins_with(name):
    entries, after, expected = LEFT[name]
    assert found_in(judge(["BR"], entries, report(error=1), after))[0] == expected


def test_what_is_corrupt_or_lost_is_no_leftover_besides():
    for lines, word in ((["BR OK", *report(1)], "corrupt"), (["US OK", *report(1)], "lost")):
        ledger = judge(["BR", "US"], [cut("BR"), refused("US")], lines, {"br.gif": OTHER})
        words = [one.kind for one in ledger.imbalances if one.code == "BR"]
        assert words == [word]


def test_what_was_there_before_is_passed_over():
    before = {"a.part": OTHER, "z.part": OTHER}
    after = {**before, "m.part": OTHER}
    found = found_in(judge(["BR"], [refused("BR")], report(error=1), after, before))
    assert found == ["leftover --"]


# --- a program that announces nothing -----------------------------------------------------------

UNANNOUNCED = {
    "whole, and no folder was looked at": (
        books(whole("BR")), {"ERROR BR": "ok"}, ["note"],
    ),
    "whole, and not in the folder": (
        books(whole("BR"), files={}, dest="there"), {"ERROR BR": "ok"},
        ["note", "note"],
    ),
    "one of two in the folder": (
        books(whole("BR"), whole("US", n=2), files=NOW, dest="there"),
        {"ERROR BR": "ok", "ERROR US": "ok"}, ["note"],
    ),
    "there before": (
        books(whole("BR"), files=WAS, before=WAS, dest="there"), {"ERROR BR": "ok"}, ["note"],
    ),
    "odd files": (
        books(cut("BR"), files={"us.gif": OTHER, "br.gif": OTHER, "a": OTHER}, before={"a": OTHER}),
        {"ERROR BR": "error"},
        ["note", "note"],
    ),
    "a file that is not the bytes": (
        books(whole("BR"), whole("US", n=2), files={"br.gif": OTHER, "us.gif": file()}),
        {"ERROR BR": "ok", "ERROR US": "ok"},
        [
            "corrupt ERROR BR",
            "note",
            "note",
        ],
    ),
    "two servers": (
        books(whole("BR"), whole("BR", n=2, server="LOCAL")),
        {"ERROR BR": "ok", "LOCAL BR": "ok"}, ["note"],
    ),
    "two servers, and one is in scope": (
        books(whole("BR"), whole("US", n=2, server="LOCAL"), claims={"label": "ERROR"}),
        {"BR": "ok", "US": "ok"}, ["note"],
    ),
    "three times": (
        books(refused("BR"), refused("BR", n=2), whole("BR", n=3)),
        {"ERROR BR": "ok"}, ["note", "note"],
    ),
    "again after a close": (
        books(closed("BR"), whole("BR", n=2)), {"ERROR BR": "ok"},
        ["note", "note"],
    ),
    "no code": (books(at("/robots.txt"), at("/", n=2)), {}, ["note"]),
    "lines, and no totals": (
        books(refused("BR"), claims={"fates": {"BR": {"ok": 1}}}), {"ERROR BR": "error"}, ["note"],
    ),
    "totals that are right": (
        books(refused("BR"), totals={"error": 1}), {"ERROR BR": "error"}, ["note"],
    ),
    "totals that are wrong": (
        books(refused("BR"), totals={"ok": 1}), {"ERROR BR": "error"},
        ["miscounted --", "note"],
    ),
    "up to the client": (
        books(no_length("BR")), {"ERROR BR": "indeterminate"},
        ["note", "note"],
    ),
    "a run that was cut off": (
        books(whole("BR"))[:-1], {"ERROR BR": "ok"}, ["note", "note"],
    ),
    "no requests": (books(), {}, ["note"]),
}  # fmt: skip


@pytest.mark.parametrize("name", UNANNOUNCED)
def test_of_a_program_that_announces_nothing_requests_and_counts_are_reconciled(name):
    journal, seen, expected = UNANNOUNCED[name]
    ledger = balance(journal)
    assert {code: row["seen"] for code, row in ledger.to_json()["codes"].items()} == seen
    assert found_in(ledger) == expected
    assert ledger.asked is None


def test_what_a_server_was_started_for_is_asked_where_there_was_no_command():
    journal = books(whole("BR"), asked=["US"], command=None)
    assert balance(journal).asked == ("US",)
    for header, asked in (
        ({"command": None, "asked": ["BR"]}, ("BR",)),
        ({"asked": ["BR"]}, ("BR",)),
        ({"command": ["x"], "asked": ["BR"]}, None),
        ({"command": None}, None),
    ):
        assert balance([{"journal": 1, **header}, whole("BR")]).asked == asked


# --- redirects ----------------------------------------------------------------------------------


def led(code, location, **more):
    return redirected(code, "x", **more) | {"location": location}


FOLLOWED = {
    # where BR is sent -> server and path that belong to it then
    "a path": ("/x", "ERROR", "/x"),
    "a path beside it": ("x.gif", "ERROR", "/flags/br/x.gif"),
    "a path in other letters": ("/%78%20y", "ERROR", "/x%20y"),
    "a path in other letters, decoded by the client": ("/x%20y", "ERROR", "/x y"),
    "another host": ("http://h:1/x", "LOCAL", "/x"),
    "another host, which may be this": ("http://h:1/x", "ERROR", "/x"),
    "another host without a path": ("http://h:1", "DELAY", "/"),
    "another host by the same scheme": ("//h:1/x", "DELAY", "/x"),
    "with a query": ("/x?y=1", "ERROR", "/x"),
}
NOT_FOLLOWED = {
    "another path": ("/x", "ERROR", "/y"),
    "another server": ("/x", "LOCAL", "/x"),
    "nowhere": ("http://[", "ERROR", "/"),
    "nowhere, and a path without a slash": ("http://[", "LOCAL", "X"),
}


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("name", FOLLOWED)
def test_what_a_redirect_led_to_is_part_of_the_download(name, turned):
    location, server, path = FOLLOWED[name]
    entries = [led("BR", location), at(path, n=2, server=server)]
    ledger = judge(["BR"], entries[:: -1 if turned else 1], report(1), ("BR",))
    assert found_in(ledger) == []
    assert ledger.to_json()["codes"]["BR"]["requests"] == 2


@pytest.mark.parametrize("name", NOT_FOLLOWED)
def test_what_no_redirect_led_to_is_unexpected(name):
    location, server, path = NOT_FOLLOWED[name]
    ledger = judge(["BR"], [led("BR", location), at(path, n=2, server=server)], report(error=1))
    assert found_in(ledger) == ["unexpected --"]


def test_downloads_with_the_same_response_at_one_path_are_distinguished():
    entries = [led("BR", "/x"), led("US", "/x", n=2), at("/x", n=3), at("/x", n=4)]
    assert found_in(judge(["BR", "US"], entries, report(2), ("BR", "US"))) == []


def seen_of(ledger):
    return {code: row["seen"] for code, row in ledger.to_json()["codes"].items()}


def numbers_of(ledger):
    """The requests that each code has got, by their number."""
    return {code: [entry.n for entry in row.requests] for code, row in ledger.rows.items()}


def test_a_request_on_the_connection_of_a_redirect_follows_it():
    entries = [redirected("BR", "CN"), whole("CN", n=2, conn=1)]
    ledger = judge(["BR", "CN"], entries, report(1, 0, 1), ("BR",))
    assert seen_of(ledger) == {"BR": "ok", "CN": "no request"}
    assert found_in(ledger) == ["note"]


def test_a_request_on_another_connection_may_be_its_own():
    entries = [redirected("BR", "CN"), whole("CN", n=2, conn=2)]
    ledger = judge(["BR", "CN"], entries, report(1, 0, 1), ("BR",))
    assert seen_of(ledger) == {"BR": "indeterminate", "CN": "indeterminate"}
    assert found_in(ledger) == [
        "note",
        "note",
    ]


def test_of_two_redirects_to_one_path_the_one_on_the_same_connection_goes_on():
    entries = [
        led("BR", "/x", conn=1), led("CN", "/x", n=2, conn=2),
        at("/x", n=3, conn=2), at("/x", n=4, conn=1),
    ]  # fmt: skip
    ledger = judge(["BR", "CN"], entries, report(2), ("BR", "CN"))
    assert numbers_of(ledger) == {"BR": [1, 4], "CN": [2, 3]}


def test_a_redirect_to_another_host_may_have_led_to_any_server():
    entries = [
        led("BR", "http://h:1/x"), led("CN", "http://h:1/x", n=2), at("/x", n=3, server="LOCAL"),
    ]  # fmt: skip
    for code in ("BR", "CN"):
        assert judge(["BR", "CN"], entries, report(1, 0, 1), (code,)).balanced
    entries = [led("BR", "/x"), led("CN", "http://h:1/x", n=2), at("/x", n=3, server="LOCAL")]
    assert seen_of(judge(["BR", "CN"], entries, report(1, 0, 1))) == {"BR": "error", "CN": "ok"}


def test_redirects_to_one_path_do_not_concern_another():
    asked = ["BR", "CN", "DE", "FR"]
    entries = [
        led("BR", "/x"), led("CN", "/x", n=2), at("/x", n=3), at("/x", n=4, status=503),
        led("DE", "/y", n=5), led("FR", "/y", n=6), at("/y", n=7), at("/y", n=8),
    ]  # fmt: skip
    ledger = judge(asked, entries, report(3, 0, 1), ("BR", "DE", "FR"))
    assert found_in(ledger) == [
        "note",
        "note",
    ]


def test_redirects_that_share_paths_in_turn_are_one_group():
    asked = ["BR", "CN", "DE", "FR"]
    entries = [
        led("BR", "/x"), led("CN", "/x", n=2), led("DE", "/y", n=3), led("FR", "/y", n=4),
        at("/x", n=5), at("/x", n=6, status=302, location="/z"),
        at("/y", n=7, status=302, location="/z"), at("/y", n=8), at("/z", n=9), at("/z", n=10),
    ]  # fmt: skip
    notes = judge(asked, entries, report(4), ("BR", "CN", "DE", "FR")).notes
    assert notes == ()
    entries[-1] |= {"status": 503}
    notes = judge(asked, entries, report(3, 0, 1), ("BR", "CN", "DE")).notes
    assert notes[0] == ("redirects led to one path: which of BR, CN, DE, FR met which is not known")


NONE = {"status": None, "do": "empty", "length": 0, "bytes_sent": 0, "sha256": None}


def test_at_the_end_of_a_redirect_a_second_try_is_the_last():
    entries = [led("BR", "/x"), at("/x", n=2, **NONE), at("/x", n=3, **NONE), at("/x", n=4)]
    assert found_in(judge(["BR"], entries, report(error=1))) == [
        "unexpected --",
        "note",
    ]


def test_at_each_end_of_a_redirect_one_may_try_again():
    entries = [closed("BR"), led("BR", "/x", n=2), at("/x", n=3, **NONE), at("/x", n=4)]
    ledger = judge(["BR"], entries, report(1), ("BR",))
    assert found_in(ledger) == ["note"] * 2


def test_where_a_code_was_asked_for_already_another_was_led_there():
    entries = [whole("CN"), redirected("BR", "CN", n=2), whole("CN", n=3)]
    ledger = judge(["BR", "CN"], entries, report(2), ("BR", "CN"))
    assert numbers_of(ledger) == {"BR": [2, 3], "CN": [1]}


@pytest.mark.parametrize(
    ("second", "numbers"),
    [({}, {"BR": [1, 3, 4], "CN": [2]}), (NONE, {"BR": [1, 3], "CN": [2, 4]})],
)
def test_a_retry_gets_the_next_response_and_there_is_only_one_retry(second, numbers):
    entries = [
        led("BR", "/x"),
        led("CN", "/x", n=2),
        at("/x", n=3, **NONE),
        at("/x", n=4, **second),
    ]
    assert numbers_of(judge(["BR", "CN"], entries, report(error=2))) == numbers


def test_no_code_is_recovered_if_its_requests_are_unknown():
    entries = [
        led("BR", "/x"), led("CN", "/x", n=2),
        at("/x", n=3, **NONE), at("/x", n=4, **NONE), at("/x", n=5),
    ]  # fmt: skip
    assert found_in(judge(["BR", "CN"], entries, report(1, 0, 1), ("BR",))) == [
        "note",
        "note",
    ]


def test_however_often_a_code_was_asked_for_it_is_duplicated_once():
    ledger = judge(["BR"], [refused("BR", n=n) for n in range(4)], report(error=1))
    assert found_in(ledger) == ["duplicated BR"]


@pytest.mark.parametrize(("closed", "accepted"), [(True, True), (False, False)])
def test_a_404_is_an_error_for_a_client_that_may_have_gone_before(closed, accepted):
    entry = not_found("BR", **({"client_closed": True} if closed else {}))
    assert judge(["BR"], [entry], report(not_found=1)).balanced
    assert judge(["BR"], [entry], report(error=1)).balanced is accepted
    lines = ["*** Error for BR: timed out", *report(error=1)]
    assert judge(["BR"], [entry], lines).balanced is accepted
    assert not judge(["BR"], [entry], report(ok=1), ("BR",)).balanced


def test_to_ask_again_is_not_to_follow_a_redirect():
    ledger = judge(["BR"], [led("BR", "/x"), whole("BR", n=2)], report(1), ("BR",))
    assert found_in(ledger) == ["duplicated BR"]


# --- the limits ---------------------------------------------------------------------------------


def count_of(ledger, code):
    """How many of its requests are kept, and how many there were."""
    return len(ledger.rows[code].requests), ledger.to_json()["codes"][code]["requests"]


def test_64_requests_for_one_code_are_kept_and_further_ones_counted():
    ledger = judge(["BR", "US"], [whole("BR", n=n) for n in range(70)], report(1, 0, 1), ("BR",))
    assert count_of(ledger, "BR") == (64, 70)
    assert count_of(ledger, "US") == (0, 0)
    many = balance(books(*(whole("BR", n=n) for n in range(70))))
    assert many.notes[0] == "ERROR BR was asked for 70 times"
    assert count_of(many, "ERROR BR") == (64, 70)


def test_for_each_redirect_to_a_code_two_requests_more_are_kept():
    path = "/flags/br/br.gif"
    entries = [led("US", path, n=n) for n in range(3)] + [whole("BR", n=n) for n in range(3, 99)]
    ledger = judge(["BR", "US"], entries, report(1, 0, 1), ("BR",))
    assert count_of(ledger, "BR")[0] + count_of(ledger, "US")[0] == 3 + 64 + 2 * 3


def test_a_redirect_to_itself_makes_room_too():
    ledger = judge(["BR"], [redirected("BR", "BR", n=n) for n in range(70)], report(error=1))
    assert count_of(ledger, "BR") == (70, 70)
    assert found_in(ledger) == []


def test_a_redirect_makes_room_also_after_requests_that_were_only_counted():
    path = "/flags/br/br.gif"
    entries = [whole("BR", n=n) for n in range(70)]
    entries += [led("US", path, n=70)] + [whole("BR", n=n) for n in range(71, 76)]
    ledger = balance(books(*entries))
    assert sum(len(row.requests) for row in ledger.rows.values()) == 64 + 1 + 2
    assert sum(row.more for row in ledger.rows.values()) == 6 + 3


def test_to_what_is_no_code_two_requests_for_each_redirect_are_kept():
    entries = [led("BR", "/x", n=0)] + [at("/x", n=n) for n in range(1, 1010)]
    ledger = judge(["BR"], entries, report(error=1))
    assert len(ledger.rows["BR"].requests) == 2
    assert Counter(one.kind for one in ledger.imbalances)["unexpected"] == 1001


def test_ten_thousand_redirects_make_room_and_further_ones_do_not():
    path = "/flags/br/br.gif"
    entries = [led("US", path, n=n) for n in range(10_005)]
    entries += [whole("BR", n=n) for n in range(10_005, 30_080)]
    ledger = balance(books(*entries))
    rows = ledger.rows.values()
    assert sum(len(row.requests) for row in rows) == 64 + 64 + 20_000
    assert sum(row.more for row in rows) == 10_005 - 64 + 11


def test_downloads_that_share_a_loop_are_judged_by_their_own_ends():
    round_and_round = [
        led("AD", "/flags/fi/fi.gif", n=1, conn=1),
        *(redirected("FI", "FI", n=n, conn=1) for n in range(2, 32)),
        led("AE", "/flags/fi/fi.gif", n=32, conn=2),
        *(redirected("FI", "FI", n=n, conn=2) for n in range(33, 63)),
        led("AF", "/flags/fi/fi.gif", n=63, conn=3),
        *(redirected("FI", "FI", n=n, conn=3) for n in range(64, 82)),
        whole("FI", n=82, conn=3),
    ]
    ledger = judge(["AD", "AE", "AF"], round_and_round, report(1, 0, 2), ("AF",))
    assert found_in(ledger) == [
        "note",
        "note",
    ]


def test_a_thousand_requests_for_what_is_no_code_are_called_unexpected():
    ledger = judge(["BR"], [at("/x", n=n) for n in range(1002)], report(error=1))
    assert Counter(one.kind for one in ledger.imbalances) == {"unexpected": 1000}
    assert ledger.requests == 1002


# --- what is noted ------------------------------------------------------------------------------


def test_a_head_request_belongs_to_no_code():
    head = whole("US", n=2, method="HEAD", in_flight=5)
    ledger = judge(["BR"], [whole("BR"), head], report(1), ("BR",))
    assert found_in(ledger) == ["note"]
    assert (ledger.requests, ledger.most_in_flight) == (2, 5)


@pytest.mark.parametrize(
    ("label", "most"), [("ERROR", 3), ("LOCAL", 4), ("DELAY", 0), ("REMOTE", 4), (None, 4)]
)
def test_requests_in_flight_are_those_of_the_server_in_scope(label, most):
    flying = [("ERROR", 1), ("ERROR", 3), ("ERROR", 2), ("LOCAL", 4), ("LOCAL", 1)]
    entries = [whole("BR", n=n, server=s, in_flight=f) for n, (s, f) in enumerate(flying)]
    assert balance(books(*entries, claims={"label": label})).most_in_flight == most
    assert balance(books()).most_in_flight == 0


@pytest.mark.parametrize(("in_flight", "noted"), [(2, False), (3, True)])
def test_as_many_in_flight_as_announced_are_no_note(in_flight, noted):
    ledger = judge(["BR"], [refused("BR", in_flight=in_flight)], report(error=1))
    assert found_in(ledger) == ["note"] * noted


def test_a_server_that_is_not_ours_cannot_be_seen():
    claims = {"label": "REMOTE", "fates": {"BR": {"ok": 1}}}
    ledger = balance(books(asked=["BR"], totals={"error": 1}, claims={"label": "REMOTE"}))
    assert found_in(ledger) == ["note"]
    ledger = balance(books(asked=["BR"], totals={"ok": 1}, claims=claims))
    assert found_in(ledger) == [
        "lost BR",
        "note",
    ]


@pytest.mark.parametrize(
    ("label", "refusing"), [(None, ["LOCAL", "ERROR"]), ("ERROR", ["ERROR"]), ("DELAY", [])]
)
def test_a_server_in_scope_that_refuses_connections_is_noted(label, refusing):
    plans = {"LOCAL": {"refuse": True}, "DELAY": {}, "ERROR": {"refuse": True}}
    ledger = balance(books(asked=[], totals={}, claims={"label": label}, plans=plans))
    assert found_in(ledger) == ["note" for one in refusing]


def test_a_gate_is_noted_only_where_its_time_opened_it():
    gates = [
        {"type": "gate", "server": label, "held": 2, "filled": filled}
        for label, filled in (("LOCAL", True), ("ERROR", False), ("DELAY", False))
    ]
    assert found_in(balance(books(*gates, asked=[], totals={}))) == [
        "note",
        "note",
    ]


def test_a_journal_without_a_line_is_refused():
    with pytest.raises(ValueError, match=r"^the journal is empty$"):
        balance([])


# --- all of it ----------------------------------------------------------------------------------


def test_a_ledger_in_json():
    lines = ["BR OK", "US OK", *report(2)]
    entries = [redirected("BR", "CN"), whole("CN", n=2), refused("US", n=3)]
    assert judge(["BR", "US", "ZZ"], entries, lines, ("BR",)).to_json() == {
        "ledger": 1,
        "balanced": False,
        "codes": {
            "BR": {"requests": 2, "status": 200, "seen": "ok", "said": "ok", "file": "same"},
            "US": {"requests": 1, "status": 503, "seen": "error", "said": "ok", "file": "absent"},
            "ZZ": {"requests": 0, "status": None, "seen": "no request", "said": None,
                   "file": "absent"},
        },
        "imbalances": [
            {"word": "lost", "code": "ZZ", "saw": "no request", "said": "nothing"},
            {"word": "miscounted", "code": "US", "saw": "503", "said": "1 ok"},
        ],
        "notes": ["1 never requested: ZZ"],
    }  # fmt: skip


def test_the_counts_of_a_run_are_in_the_ledger():
    ledger = judge(["BR"], [whole("BR", in_flight=2)], report(1), ("BR",), dest="there")
    books_of_it = (ledger.label, ledger.asked, ledger.requests, ledger.most_in_flight, ledger.dest)
    assert books_of_it == ("ERROR", ("BR",), 1, 2, "there")
    assert ledger.claims.totals == TOTALS | {"ok": 1}
    assert ledger.balanced is True


# --- who was asked for what ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "announced", "asked"),
    [
        ("dl BR CN US", (3, "BR", "US"), ("BR", "CN", "US")),
        ("dl BR CN US", (3, "BR", "CN"), None),
        ("dl BR CN US", (3, "CN", "US"), None),
        ("dl BR CN US", (2, "BR", "US"), None),
        ("dl BR CN US", (2, "CN", "US"), ("CN", "US")),
        ("dl BR CN US", (20, "BD", "VN"), POP20),
        ("dl BR CN US", (None, "BR", "US"), None),
    ],
)
def test_a_command_line_is_read_where_it_agrees_with_all_that_was_announced(
    words, announced, asked
):
    count, first, last = announced
    claims = Claims(announced=count, first=first, last=last)
    assert asked_codes(words.split(), claims) == asked


@pytest.mark.parametrize(("count", "asked"), [(2, ("XX", "YY")), (1, None), (3, None), (0, None)])
def test_a_printed_list_is_believed_where_it_is_as_long_as_announced(count, asked):
    claims = Claims(announced=count, first="XX", last="YY", listed=("XX", "YY"))
    assert asked_codes(["sh", "dl.sh"], claims) == asked


def test_all_codes_are_those_of_the_folder_that_is_given(tmp_path):
    Path(tmp_path, "country_codes.txt").write_text("QA QB QC\n", encoding="utf-8")
    claims = Claims(announced=3, first="QA", last="QC")
    assert asked_codes(["dl", "-a"], claims, tmp_path) == ("QA", "QB", "QC")
    assert asked_codes(["dl", "-a"], claims) is None
