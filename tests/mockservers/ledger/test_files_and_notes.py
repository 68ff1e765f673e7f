"""Files, limits, notes, and programs that announce nothing."""

from collections import Counter

import pytest
from support.journals import balance
from support.ledger_of_rows import NOW, OTHER, TOTALS, WAS, at, books, led
from support.rows import each
from support.small_ledgers import (
    closed,
    cut,
    file,
    found_in,
    judge,
    no_length,
    redirected,
    refused,
    report,
    whole,
)

from mockservers.ledger import collected

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


@each("name", UNANNOUNCED)
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


def test_only_so_many_redirects_make_room(monkeypatch):
    monkeypatch.setattr(collected, "LEADING", 2)
    monkeypatch.setattr(collected, "STRAYS", 0)
    entries = [led("BR", "/x", n=n) for n in range(3)] + [at("/x", n=n) for n in range(3, 10)]
    ledger = judge(["BR"], entries, report(error=1))
    assert Counter(one.kind for one in ledger.imbalances)["unexpected"] == 2 * 2 - 3


def test_to_what_is_no_code_two_requests_for_each_redirect_are_kept():
    entries = [led("BR", "/x", n=0)] + [at("/x", n=n) for n in range(1, 1010)]
    ledger = judge(["BR"], entries, report(error=1))
    assert len(ledger.rows["BR"].requests) == 2
    assert Counter(one.kind for one in ledger.imbalances)["unexpected"] == 1001


@pytest.mark.slow
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
    assert found_in(ledger) == ["note", "note"]


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
    assert found_in(ledger) == ["lost BR", "note"]


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
    assert found_in(balance(books(*gates, asked=[], totals={}))) == ["note", "note"]


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
        "resources": {
            "ERROR /flags/br/br.gif": {"requests": 2, "status": 200, "arrived": "whole",
                                       "kept": "whole", "said": "ok", "files": ["br.gif"]},
            "ERROR /flags/us/us.gif": {"requests": 1, "status": 503, "arrived": "failed",
                                       "kept": "nothing", "said": "ok", "files": []},
            "/flags/zz/zz.gif": {"requests": 0, "status": None, "arrived": "failed",
                                 "kept": "nothing", "said": None, "files": []},
        },
        "imbalances": [
            {"word": "lost", "code": "ZZ", "resource": "/flags/zz/zz.gif", "saw": "no request",
             "said": "nothing", "expected": "error"},
            {"word": "miscounted", "code": "US", "resource": "ERROR /flags/us/us.gif",
             "saw": "503", "said": "1 ok", "expected": "error"},
        ],
        "notes": ["1 never requested: ZZ"],
    }  # fmt: skip


def test_the_counts_of_a_run_are_in_the_ledger():
    ledger = judge(["BR"], [whole("BR", in_flight=2)], report(1), ("BR",), dest="there")
    books_of_it = (ledger.label, ledger.asked, ledger.requests, ledger.most_in_flight, ledger.dest)
    assert books_of_it == ("ERROR", ("BR",), 1, 2, "there")
    assert ledger.claims.totals == TOTALS | {"ok": 1}
    assert ledger.balanced is True
