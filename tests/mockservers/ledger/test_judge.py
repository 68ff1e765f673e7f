"""The ledger names what does not balance, by the right word, and nothing else."""

from support.journals import balance
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
    whole,
)

from mockservers.ledger import IMBALANCES
from mockservers.ledger.text import ledger_text

BALANCED = {
    "an ok, a not found, an error": (
        ["BR", "US", "ZZ"], [whole("BR"), refused("US"), not_found("ZZ")],
        report(1, 1, 1), ("BR",),
    ),
    "the same with lines": (
        ["BR", "US", "ZZ"], [whole("BR"), refused("US"), not_found("ZZ")],
        ["BR OK", "*** Error for US: HTTP 503 - x", "ZZ not found", *report(1, 1, 1)], ("BR",),
    ),
    "a save that failed is an error": (["BR"], [whole("BR")], report(error=1), ()),
    "a request that never came through is an error": (["BR"], [], report(error=1), ()),
    "a reply cut short is an error": (["BR"], [cut("BR")], report(error=1), ()),
    "a close, asked again by the client": (
        ["BR"], [closed("BR"), whole("BR", n=2)], report(1), ("BR",),
    ),
    "a HEAD before the GET": (
        ["BR"], [whole("BR", method="HEAD"), whole("BR")], report(1), ("BR",),
    ),
    "a redirect that was followed": (
        ["BR"], [redirected("BR", "CN"), whole("CN", n=2)], report(1), ("BR",),
    ),
    "a redirect that was not followed": (["BR"], [redirected("BR", "CN")], report(error=1), ()),
    "a redirect to what is not there": (
        ["BR"], [redirected("BR", "ZZ"), not_found("ZZ", n=2)], report(0, 1), (),
    ),
    "a redirect to a path that is no code": (
        ["BR"],
        [redirected("BR", "x"), whole("BR", n=2) | {"code": None, "path": "/flags/x/x.gif"}],
        report(1), ("BR",),
    ),
    "a redirect to another server": (
        ["BR"],
        [redirected("BR", "CN") | {"location": "http://h:1/flags/cn/cn.gif"},
         whole("CN", n=2, server="LOCAL")],
        report(1), ("BR",),
    ),
    "the hops of a loop": (
        ["BR"], [redirected("BR", "BR", n=n) for n in range(1, 31)], report(error=1), (),
    ),
    "a loop that ends": (["BR"], [redirected("BR", "BR"), whole("BR", n=2)], report(1), ("BR",)),
    "a close at the end of a redirect, asked again by the client": (
        ["BR"], [redirected("BR", "CN"), closed("CN", n=2), whole("CN", n=3)], report(1), ("BR",),
    ),
    "a redirect to a code that was asked for too": (
        ["BR", "CN"], [whole("CN"), redirected("BR", "CN", n=2), whole("CN", n=3)],
        report(2), ("BR", "CN"),
    ),
    "two met different replies at one path: the first was the one": (
        ["BR", "CN"], [redirected("BR", "CN"), refused("CN", n=2), whole("CN", n=3)],
        report(1, 0, 1), ("BR",),
    ),
    "two met different replies at one path: the other was the one": (
        ["BR", "CN"], [redirected("BR", "CN"), refused("CN", n=2), whole("CN", n=3)],
        ["*** Error for BR: x", "CN OK", *report(1, 0, 1)], ("CN",),
    ),
    "a body of unknown length, taken for whole": (
        ["BR"], [no_length("BR")], report(1), {"br.gif": file(BODY[:5])},
    ),
    "a body of unknown length, not trusted": (["BR"], [no_length("BR")], report(error=1), ()),
    "a head cut short, taken for whole": (
        ["BR"], [cut_headers("BR")], report(1), {"br.gif": file(b"")},
    ),
    "a head cut short": (["BR"], [cut_headers("BR")], report(error=1), ()),
    "more than was announced": (["BR"], [whole("BR", do="too_long")], report(1), ("BR",)),
    "more than was announced, not trusted": (
        ["BR"], [whole("BR", do="too_long")], report(error=1), (),
    ),
    "too many headers for this client": (
        ["BR"], [whole("BR", do="huge_headers")], report(error=1), (),
    ),
    "a body that cannot be inflated": (["BR"], [bad_gzip("BR")], report(error=1), ()),
    "interrupted before the request": (
        ["BR", "US"], [whole("BR")], report(1, interrupted=1), ("BR",),
    ),
    "interrupted after the last byte": (
        ["BR", "US"], [whole("BR"), whole("US")], ["BR OK", *report(1, interrupted=1)], ("BR",),
    ),
}  # fmt: skip


@each("name", BALANCED)
def test_a_correct_run_balances(name):
    ledger = judge(*BALANCED[name])
    assert ledger.balanced, ledger.imbalances
    assert ledger_text(ledger).startswith("ledger: the books balance\n")


IMBALANCED = {
    # what the program did: asked, entries, printed, files -> what does not balance, in the order
    # of IMBALANCES, and `note` for each note
    "loses a code": (["BR", "US"], [whole("BR")], report(1), ("BR",), ["lost US", "note"]),
    "loses a code, with lines": (
        ["BR", "US"], [whole("BR"), whole("US")], ["BR OK", *report(1)], ("BR", "US"), ["lost US"],
    ),
    "counts nothing at all": (
        ["BR", "US"], [whole("BR"), refused("US")], report(), (), ["lost BR", "lost US"],
    ),
    "counts one too few": (
        ["BR", "US"], [whole("BR"), refused("US")], report(1), ("BR",), ["lost --"],
    ),
    "counts one too many": (["BR"], [refused("BR")], report(0, 0, 2), (), ["miscounted --"]),
    "calls an error ok": (["BR"], [refused("BR")], report(1), (), ["miscounted --"]),
    "calls an error ok, with lines": (
        ["BR"], [refused("BR")], ["BR OK", *report(1)], (), ["miscounted BR"],
    ),
    "calls a 404 an error": (["ZZ"], [not_found("ZZ")], report(error=1), (), ["miscounted --"]),
    "calls an error not found": (["BR"], [refused("BR")], report(0, 1), (), ["miscounted --"]),
    "says one thing in lines and another in totals": (
        ["BR"], [whole("BR")], ["BR OK", *report(error=1)], ("BR",), ["miscounted --"],
    ),
    "calls ok what it did not save": (["BR"], [whole("BR")], report(1), (), ["lost BR"]),
    "calls ok what it did not save, with lines": (
        ["BR"], [whole("BR")], ["BR OK", *report(1)], (), ["lost BR"],
    ),
    "saves other bytes": (["BR"], [whole("BR")], report(1), {"br.gif": file(b"x")}, ["corrupt BR"]),
    "keeps a truncated file and calls it ok": (
        ["BR"], [cut("BR")], report(1), {"br.gif": file(BODY[:5])}, ["corrupt BR"],
    ),
    "keeps a truncated file and calls it an error": (
        ["BR"], [cut("BR")], report(error=1), {"br.gif": file(BODY[:5])}, ["leftover BR"],
    ),
    "saves the page of a 404": (
        ["ZZ"], [not_found("ZZ")], report(0, 1), {"zz.gif": file(b"")}, ["leftover ZZ"],
    ),
    "keeps the first bytes of a response cut short, and asks again": (
        ["BR"], [cut("BR"), whole("BR", n=2)], report(1), {"br.gif": file(BODY[:5])},
        ["duplicated BR", "corrupt BR"],
    ),
    "leaves a temporary file": (
        ["BR"], [whole("BR")], report(1), {"br.gif": file(), "br.gif.part": file(b"x")},
        ["leftover BR"],
    ),
    "asks twice": (["BR"], [whole("BR"), whole("BR", n=2)], report(1), ("BR",), ["duplicated BR"]),
    "tries again after a 503": (
        ["BR"], [refused("BR"), whole("BR", n=2)], report(1), ("BR",), ["duplicated BR"],
    ),
    "tries again a second time after a close": (
        ["BR"], [closed("BR"), closed("BR", n=2), whole("BR", n=3)], report(1), ("BR",),
        ["duplicated BR", "note"],
    ),
    "saves the page of a redirect": (
        ["BR"], [redirected("BR", "CN")], report(error=1), {"br.gif": file(b"")}, ["leftover BR"],
    ),
    "saves other bytes than those at the end of a redirect": (
        ["BR"], [redirected("BR", "CN"), whole("CN", n=2)], report(1), {"br.gif": file(b"x")},
        ["corrupt BR"],
    ),
    "asks again after a redirect": (
        ["BR"], [redirected("BR", "CN"), whole("CN", n=2), whole("BR", n=3)], report(1), ("BR",),
        ["duplicated BR"],
    ),
    "asks twice for the end of a redirect": (
        ["BR"], [redirected("BR", "CN"), whole("CN", n=2), whole("CN", n=3)], report(1), ("BR",),
        ["unexpected CN"],
    ),
    "saves something else than the bytes of unknown length": (
        ["BR"], [no_length("BR")], report(1), {"br.gif": file(b"x")}, ["corrupt BR", "note"],
    ),
    "keeps what it calls an error, of unknown length": (
        ["BR"], [no_length("BR")], report(error=1), {"br.gif": file(b"x")}, ["leftover BR", "note"],
    ),
    "keeps a coded body as it came": (["BR"], [bad_gzip("BR")], report(1), ("BR",), ["corrupt BR"]),
    "prints a line twice": (
        ["BR"], [whole("BR")], ["BR OK", "BR OK", *report(1)], ("BR",), ["duplicated BR"],
    ),
    "asks for what nobody wanted": (
        ["BR"], [whole("BR"), whole("US", n=2)], report(1), ("BR",), ["unexpected US"],
    ),
    "asks another server": (
        ["BR"], [whole("BR", server="LOCAL")], report(1), ("BR",),
        ["lost BR", "unexpected BR", "note"],
    ),
    "speaks of what nobody wanted": (
        ["BR"], [whole("BR")], ["BR OK", "US OK", *report(1)], ("BR",), ["unexpected US"],
    ),
    "asks for another path": (
        ["BR"], [whole("BR"), {**whole("BR", n=2), "code": None, "path": "/robots.txt"}],
        report(1), ("BR",), ["unexpected --"],
    ),
    "dies before its report": (["BR"], [whole("BR")], [], ("BR",), ["lost --"]),
}  # fmt: skip


@each("name", IMBALANCED)
def test_each_wrong_is_called_by_its_word_with_what_was_seen_and_said(name):
    *books, expected = IMBALANCED[name]
    ledger = judge(*books)
    assert found_in(ledger) == expected
    assert "NOT BALANCED" in ledger_text(ledger)


def test_an_empty_file_in_place_of_an_error_is_not_counted_as_saved():
    ledger = judge(["BR"], [refused("BR")], report(1), {"br.gif": file(b"")})
    assert not ledger.balanced
    assert ledger.saved == 0


def test_every_word_is_needed():
    used = {line.split()[0] for *_, expected in IMBALANCED.values() for line in expected}
    assert used - {"note"} == set(IMBALANCES) - {"exceeded"}  # in no journal of 0.1


def test_however_many_are_redirected_to_one_path_no_code_is_reported():
    codes = [f"A{letter}" for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"] + [
        f"{first}{second}" for first in "CDEF" for second in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    ]
    entries = []
    for code in codes:
        n = len(entries)
        reply = whole if n else not_found
        entries += [redirected(code, "BR", n=n + 1, conn=1), reply("BR", n=n + 2, conn=1)]
    ok = tuple(codes[1:])
    assert judge(codes, entries, report(len(ok), 1), ok).balanced


def test_odd_files_of_a_program_that_announces_nothing_are_noted():
    end = {"end": True, "asked": None, "claims": {}, "files_after": {"us.gif": file(b"x")}}
    header = {"journal": 1, "command": ["curl"], "files_before": {}, "dest": "downloads"}
    ledger = balance([header, whole("BR"), cut("US", n=2), end])
    assert ledger.balanced
    assert "files that no whole download accounts for: us.gif" in ledger.notes
    assert "none of 1 whole downloads is in downloads (--dest names the folder)" in ledger.notes


def test_a_recovered_repeat_is_a_note():
    ledger = judge(*BALANCED["a close, asked again by the client"])
    assert any("recovered" in note for note in ledger.notes)


def test_a_file_that_was_there_before_is_no_leftover():
    before = {"old.txt": file(b"old"), "us.gif": file(b"old")}
    ledger = judge(["BR"], [whole("BR")], report(1), {"br.gif": file(), **before}, before=before)
    assert ledger.balanced


def test_a_second_run_in_the_same_folder_balances():
    before = {"br.gif": file()}
    assert judge(["BR"], [whole("BR")], report(1), ("BR",), before=before).balanced


def test_an_old_file_that_is_called_ok_is_corrupt():
    old = {"br.gif": file(b"old")}
    ledger = judge(["BR"], [whole("BR")], report(1), old, before=old)
    assert [(one.kind, one.code) for one in ledger.imbalances] == [("corrupt", "BR")]


def test_where_no_client_can_tell_both_answers_are_accepted():
    reset = whole("BR", do="reset")
    assert judge(["BR"], [reset], report(1), ("BR",)).balanced
    assert judge(["BR"], [reset], report(error=1), ()).balanced
    assert not judge(["BR"], [reset], report(0, 1), ()).balanced


def test_a_program_that_announces_nothing_is_reconciled_and_that_is_said():
    header = {"journal": 1, "command": ["curl"], "files_before": {}}
    end = {"end": True, "asked": None, "claims": {}, "files_after": {}}
    ledger = balance([header, whole("BR"), whole("BR", n=2), not_found("ZZ", n=3), end])
    assert ledger.balanced
    assert ledger.rows["ERROR BR"].seen == "ok"
    assert any("codes unknown" in note for note in ledger.notes)


def test_totals_of_a_program_that_announces_nothing_are_held_against_what_was_seen():
    def judged(totals):
        claims = {"totals": {"ok": 0, "not_found": 0, "error": 0, "interrupted": 0} | totals}
        end = {"end": True, "asked": None, "claims": claims, "files_after": {"br.gif": file()}}
        return balance([{"journal": 1, "command": ["x"]}, whole("BR"), not_found("ZZ", n=2), end])

    assert judged({"ok": 1, "not_found": 1}).balanced
    assert [one.kind for one in judged({"ok": 7}).imbalances] == ["miscounted"]
    assert [one.kind for one in judged({"ok": 1}).imbalances] == ["lost"]


def test_a_file_from_before_the_run_is_not_a_saved_one():
    ledger = judge(["BR"], [whole("BR")], report(1), ("BR",), before={"br.gif": file()})
    assert (ledger.saved, ledger.kept) == (0, 1)
    assert "0 saved in downloads; 1 there before, and not written again" in ledger_text(ledger)


def test_more_in_flight_than_announced_is_noted():
    ledger = judge(["BR"], [whole("BR", in_flight=3)], report(1), ("BR",))
    assert any("3 requests were in flight at once, 2 were announced" in n for n in ledger.notes)
