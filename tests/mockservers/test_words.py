"""What is read and printed, to the letter: command lines, reports of programs, the ledger's text.

Also the kinds of reply, with what they are by default.
"""

import argparse
import dataclasses
from collections import Counter

import pytest
from small_books import not_found, refused, whole

from mockservers import codes, faults
from mockservers.claims import Claims, LineReader
from mockservers.ledger import Imbalance, Ledger, Row
from mockservers.report import ledger_text

# --- the kinds of reply --------------------------------------------------------------------

ANY = {"delay_s": 0.0}
KINDS = {
    "serve": {},
    "status": {"status": ..., "reason": None, "headers": ()},
    "empty": {},
    "reset": {"after_bytes": 0},
    "truncate": {"after_bytes": 0},
    "cut_headers": {"after_bytes": None},
    "too_long": {},
    "no_length": {"after_bytes": None},
    "drip": {"bytes_per_s": ...},
    "hang": {"or_s": 60.0},
    "garbage": {"delay_s": 0.0, "noise": b""},
    "bad_chunk": {},
    "bad_gzip": {},
    "wrong_type": {},
    "huge_headers": {},
    "redirect": {"to": ...},
    "redirect_loop": {},
    "rate_limit": {"retry_after_s": 1},
}
"""Each kind with its fields, in their order, and their defaults (... where there is none)."""


def test_every_kind_has_its_fields_and_defaults():
    found = {
        name: {
            field.name: ... if field.default is dataclasses.MISSING else field.default
            for field in dataclasses.fields(kind)
        }
        for name, kind in faults.KINDS.items()
    }
    assert list(found) == list(KINDS)
    assert [list(kind.items()) for kind in found.values()] == [
        list((own if "delay_s" in own else own | ANY).items()) for own in KINDS.values()
    ]
    assert all(kind.do == name for name, kind in faults.KINDS.items())


def test_a_delay_that_is_drawn_has_its_bounds_in_order():
    assert repr(faults.Uniform(1, 2)) == "Uniform(low_s=1, high_s=2)"
    assert repr(faults.Lognormal(1, 2, 3)) == "Lognormal(median_s=1, sigma=2, max_s=3)"
    assert faults.Lognormal(1, 2, 3) == faults.Lognormal(1, 2, 3) != faults.Lognormal(1, 2, 4)


def test_a_wait_has_what_a_hang_takes_behind_its_delay():
    assert faults.wait_s(faults.Serve(2)) == 2
    assert faults.wait_s(faults.Serve(1.5)) == 1.5
    assert faults.wait_s(faults.Hang(3.0, 1.5)) == 4.5
    with pytest.raises(TypeError) as caught:
        faults.wait_s(faults.Empty(faults.Uniform(0, 1)))
    unresolved = "Empty(delay_s=Uniform(low_s=0, high_s=1))"
    assert str(caught.value) == f"{unresolved} is not resolved: ask mockservers.plan.fate"


# --- codes ---------------------------------------------------------------------------------


def test_the_codes_are_those_from_aa_to_zz():
    assert len(codes.ALL_CODES) == 676
    assert codes.ALL_CODES[:2] + codes.ALL_CODES[25:27] + codes.ALL_CODES[-1:] == (
        "AA", "AB", "AZ", "BA", "ZZ",
    )  # fmt: skip
    usual = "BD BR CD CN DE EG ET FR ID IN IR JP MX NG PH PK RU TR US VN"
    assert tuple(usual.split()) == codes.POP20
    assert codes.LABELS == ("LOCAL", "DELAY", "ERROR")
    assert codes.path_of_code("BR") == "/flags/br/br.gif"
    assert codes.CODE_OF_PATH["/flags/br/br.gif"] == "BR"


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("AA", True), ("ZZ", True), ("BR", True), ("br", False), ("Br", False), ("B", False),
        ("BRA", False), ("B1", False), ("", False), ("ÄB", False), ("ＢＲ", False), ("12", False),
    ],
)  # fmt: skip
def test_a_code_is_two_capitals_of_ascii(text, is_one):
    assert codes.is_code(text) is is_one


def test_codes_are_read_from_the_folder_or_else_from_the_package(tmp_path):
    packaged = codes.country_codes()
    assert (len(packaged), packaged[0], packaged[-1]) == (194, "AD", "ZW")
    assert codes.country_codes(tmp_path) == packaged
    (tmp_path / "country_codes.txt").mkdir()
    assert codes.country_codes(tmp_path) == packaged
    (tmp_path / "country_codes.txt").rmdir()
    (tmp_path / "country_codes.txt").write_bytes(b"B\xc3\x84  CN\n\xff\tB\xc3\x84\n")
    assert codes.country_codes(tmp_path) == ("BÄ", "CN", "\N{REPLACEMENT CHARACTER}", "BÄ")
    order = codes.parse_flags2(["-a", "-l", "2"], tmp_path)
    assert order == codes.Order(("BÄ", "CN"), "LOCAL")
    assert next(codes.readings(["x", "-a"], tmp_path)).codes[0] == "BÄ"


USUAL = codes.Order(codes.POP20, "LOCAL")
ORDERS = [
    ("", USUAL),
    ("-m 3 -v", USUAL),
    ("--max_req 1 --verbose --server delay", codes.Order(codes.POP20, "DELAY")),
    ("cn br br", codes.Order(("BR", "CN"), "LOCAL")),
    ("-s remote z --limit 2", codes.Order(("ZA", "ZB"), "REMOTE")),
    ("-l 1 b a", codes.Order(("AA",), "LOCAL")),
    ("--every -l 3 -a xx", codes.Order(("AA", "AB", "AC"), "LOCAL")),
    ("--all --limit 2 xxx", codes.Order(("AD", "AE"), "LOCAL")),
    ("-e", codes.Order(codes.ALL_CODES, "LOCAL")),
]
REFUSED = [
    ("-l 0", "--limit must be at least 1, not 0"),
    ("-l -5", "--limit must be at least 1, not -5"),
    ("-m 0", "--max_req must be at least 1, not 0"),
    ("-m -5", "--max_req must be at least 1, not -5"),
    ("-s here", "--server must be one of LOCAL, DELAY, ERROR, not here"),
    ("BRA", "CC must be A to Z or AA to ZZ, not 'BRA'"),
    ("br é", "CC must be A to Z or AA to ZZ, not 'é'"),
    ("-l x", "argument -l/--limit: invalid int value: 'x'"),
    ("-m x", "argument -m/--max_req: invalid int value: 'x'"),
    ("-l", "argument -l/--limit: expected one argument"),
    ("-x", "unrecognized arguments: -x"),
    ("-h", "unrecognized arguments: -h"),
]


@pytest.mark.parametrize(("words", "order"), ORDERS)
def test_a_command_line_of_flags2_is_an_order(words, order):
    assert codes.parse_flags2(words.split()) == order


@pytest.mark.parametrize(("words", "why"), REFUSED)
def test_what_is_none_says_why(words, why):
    with pytest.raises(codes.CommandLineError) as caught:
        codes.parse_flags2(words.split())
    assert str(caught.value) == why


def test_the_options_explain_themselves(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    parser = argparse.ArgumentParser(prog="x", add_help=False)
    codes.add_flags2_arguments(parser)
    shown = " ".join(parser.format_help().split())
    # Python 3.13 names the value once.
    assert shown.replace("-l N, --", "-l, --").replace("-s LABEL, --", "-s, --") == (
        "usage: x [-a] [-e] [-l N] [-s LABEL] [CC ...] "
        "positional arguments: CC code, or letter for 26 codes "
        "options: -a, --all the codes of country_codes.txt -e, --every AA to ZZ "
        "-l, --limit N the first N codes -s, --server LABEL LOCAL, DELAY or ERROR"
    )


@pytest.mark.parametrize(("more", "first"), [(699, ("AA", "AB")), (700, ("AB",))])
def test_of_a_long_command_the_last_700_words_are_read(more, first):
    assert next(codes.readings(["x", "aa", *["ab"] * more])).codes == first


def test_the_first_word_is_the_program():
    assert [order.codes for order in codes.readings(["br"])] == [codes.POP20]
    assert [order.codes for order in codes.readings(["br", "cn"])] == [("CN",), codes.POP20]


# --- claims --------------------------------------------------------------------------------

REPORT = [
    "ERROR site: http://127.0.0.1:8003/flags",
    "Searching for 4 flags: BR, CN, DE, US",
    "2 concurrent connections will be used.",
    "BR OK",
    "CN not found",
    "*** Error for DE: HTTP 503 - Service Unavailable",
    "DE OK",
    "-" * 20,
    "1 flag downloaded.",
    "2 not found.",
    "1 error.",
    "3 interrupted.",
    "Elapsed time: 0.01s",
]
HEARD = {
    "label": "ERROR",
    "announced": 4,
    "first": "BR",
    "last": "US",
    "listed": ["BR", "CN", "DE", "US"],
    "concurrency": 2,
    "fates": {"BR": {"ok": 1}, "CN": {"not_found": 1}, "DE": {"error": 1, "ok": 1}},
    "totals": {"ok": 1, "not_found": 2, "error": 1, "interrupted": 3},
}
NOTHING = dict.fromkeys(HEARD) | {"fates": {}}
NONE_COUNTED = {"ok": 0, "not_found": 0, "error": 0, "interrupted": 0}


def test_a_report_is_heard_line_by_line():
    claims = Claims.from_lines(REPORT)
    assert claims.to_json() == HEARD
    assert list(claims.to_json()) == list(HEARD)
    assert Claims.from_json(HEARD) == claims
    assert Claims.from_json({}) == Claims()
    assert Claims().to_json() == NOTHING


@pytest.mark.parametrize(
    ("lines", "heard"),
    [
        (["Searching for 676 flags: from AA to ZZ"],
         {"announced": 676, "first": "AA", "last": "ZZ"}),
        (["Searching for 1 flag: BR"],
         {"announced": 1, "first": "BR", "last": "BR", "listed": ["BR"]}),
        (["1 concurrent connection will be used."], {"concurrency": 1}),
        (["-" * 20], {"totals": NONE_COUNTED}),
        (["-" * 20, "2 flags downloaded."], {"totals": NONE_COUNTED | {"ok": 2}}),
        (["-" * 20, "2 errors."], {"totals": NONE_COUNTED | {"error": 2}}),
        (["-" * 20, "2 errors.", "-" * 20], {"totals": NONE_COUNTED}),
        (["BR OK", "BR OK"], {"fates": {"BR": {"ok": 2}}}),
        (["*** Error for BR: "], {"fates": {"BR": {"error": 1}}}),
        # What is none of these lines.
        (["1 error."], {}),
        (["-" * 19], {}),
        (["-" * 21], {}),
        (["-" * 20, "x1 error."], {"totals": NONE_COUNTED}),
        (["-" * 20, "1 error"], {"totals": NONE_COUNTED}),
        (["-" * 20, "1 errorx."], {"totals": NONE_COUNTED}),
        (["-" * 20, "-1 error."], {"totals": NONE_COUNTED}),
        (["br OK"], {}), (["BRA OK"], {}), (["BR OK "], {}), (["BR ok"], {}),
        (["*** Error for BR"], {}), (["Error for BR: x"], {}),
        (["ERROR site:"], {}), (["ERROR site: http://x y"], {}),
        (["Searching for 2 flags: BR,CN"],
         {"announced": 2, "first": "BR,CN", "last": "BR,CN", "listed": ["BR,CN"]}),
        (["Searching for two flags: BR, CN"], {}),
        (["2 concurrent connections will be used"], {}),
    ],
)  # fmt: skip
def test_a_line_is_heard_as_it_is_meant(lines, heard):
    assert Claims.from_lines(lines).to_json() == NOTHING | heard


@pytest.mark.parametrize(("length", "last"), [(4096, "Y"), (4097, "xY"), (9999, "xY")])
def test_of_a_line_4096_characters_are_looked_at(length, last):
    start = "Searching for 2 flags: from X to "
    line = start + "x" * (length - len(start) - 1) + "Y"
    assert Claims.from_lines([line]).last == line[len(start) : 4096]
    assert line.endswith(last)


def test_of_codes_ten_thousand_are_kept_and_counted_on():
    claims = Claims(fates={str(n): Counter(ok=1) for n in range(9_999)})
    for line in ("BR OK", "CN OK", "BR OK"):
        claims.hear(line)
    assert len(claims.fates) == 10_000
    assert claims.fates["BR"] == {"ok": 2}


def test_what_became_of_each_code_can_be_told_at_once():
    claims = Claims()
    claims.report({"BR": "ok", "CN": "not_found", "DE": "error", "FR": "ok"})
    assert claims.totals == {"ok": 2, "not_found": 1, "error": 1, "interrupted": 0}
    assert claims.fates == {
        "BR": {"ok": 1}, "CN": {"not_found": 1}, "DE": {"error": 1}, "FR": {"ok": 1},
    }  # fmt: skip
    with pytest.raises(ValueError, match=r"^BR: 'OK' is none of ok, not_found, error$"):
        claims.report({"BR": "OK"})
    claims.report({"BR": "ok"})
    assert claims.totals == {"ok": 1, "not_found": 0, "error": 0, "interrupted": 0}
    assert claims.fates["BR"] == {"ok": 2}


def test_a_stream_is_cut_into_lines_wherever_its_pieces_end():
    reader = LineReader()
    assert reader.feed(b"one\ntwo\r\nth") == ["one", "two"]
    assert reader.feed(b"ree\r") == []
    assert reader.feed(b"\n\xff\n") == ["three", "\N{REPLACEMENT CHARACTER}"]
    assert reader.close() == []
    assert reader.feed(b"rest\xff") == []
    assert reader.close() == ["rest\N{REPLACEMENT CHARACTER}"]
    assert reader.close() == []


def test_of_an_endless_line_the_start_is_kept():
    reader = LineReader()
    for _ in range(100):
        assert reader.feed(b"x" * 1000) == []
    (line,) = reader.close()
    assert 4096 * 4 <= len(line) < 4096 * 4 + 1001
    reader.feed(b"y" * 16_384)
    assert reader.feed(b"\n") == ["y" * 16_384]
    reader.feed(b"y" * 16_385)
    assert reader.feed(b"\n") == ["y" * 16_384]


# --- the text of a ledger ------------------------------------------------------------------


def row(*requests, file="absent", accepts=()):
    made = Row(requests=list(requests), accepts=frozenset(accepts))
    made.file = file
    return made


def ledger(**parts):
    claims = Claims(concurrency=3, totals=NONE_COUNTED | {"ok": 2, "error": 11})
    rows = {
        "BR": row(whole("BR"), file="same", accepts={"ok"}),
        "CN": row(not_found("CN"), accepts={"not_found"}),
        "US": row(refused("US"), accepts={"error"}),
        "ZZ": row(accepts={"error"}),
    }
    whole_books = {
        "label": "ERROR", "asked": ("BR", "CN", "US", "ZZ"), "claims": claims, "rows": rows,
        "requests": 3, "most_in_flight": 2, "dest": "downloads",
    }  # fmt: skip
    return Ledger(**whole_books | parts)


def lines_of(**parts):
    return ledger_text(ledger(**parts)).splitlines()


def test_a_ledger_that_balances_is_told_book_by_book():
    assert lines_of() == [
        "ledger: the books balance",
        "  asked      4 codes of ERROR: BR, CN, US, ZZ",
        "  requests   3 for 3 codes; at most 2 in flight, 3 announced",
        "  outcomes                  seen  said",
        "             ok                1     2",
        "             not found         1     0",
        "             error             1    11",
        "             no request        1     0",
        "  files      1 saved in downloads, equal to the bytes served",
    ]


def test_what_does_not_balance_and_the_notes_come_last():
    found = [Imbalance("lost", "BR", "a", "b"), Imbalance("miscounted", None, "c", "")]
    notes = [f"note {n}" for n in range(21)]
    told = lines_of(imbalances=found, notes=notes)
    assert told[0] == "ledger: NOT BALANCED: 2 imbalances"
    assert told[9:] == [
        "  lost       BR: saw a; said: b",
        "  miscounted --: saw c; said:",
        *(f"  note       note {n}" for n in range(20)),
        "  note       ... and 1 more; --json has all",
    ]
    assert lines_of(imbalances=found[:1], notes=notes[:20])[9:] == [
        "  lost       BR: saw a; said: b", *(f"  note       note {n}" for n in range(20)),
    ]  # fmt: skip
    assert lines_of(imbalances=found[:1])[0] == "ledger: NOT BALANCED: 1 imbalance"


def test_what_is_not_known_is_told_so():
    told = lines_of(asked=None, claims=Claims(), label=None, dest=None, rows={}, requests=0)
    assert told == [
        "ledger: the books balance, as far as they go",
        "  asked      not known",
        "  requests   0 for 0 codes; at most 2 in flight",
        "  outcomes                  seen",
        "             ok                0",
        "             (no final report was printed: nothing was said)",
        "  files      0 saved",
    ]
    told = lines_of(asked=None, imbalances=[Imbalance("lost", None, "a", "b")])
    assert told[:2] == ["ledger: NOT BALANCED: 1 imbalance", "  asked      not known"]


@pytest.mark.parametrize(("lines", "told"), [(["BR"], "1 code"), (["BR", "CN"], "2 codes")])
def test_without_a_report_the_lines_are_counted(lines, told):
    claims = Claims(fates={code: Counter(ok=1) for code in lines})
    assert lines_of(claims=claims)[8] == (
        f"             (no final report was printed: only lines for {told})"
    )


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (("BR",), "1 code of ERROR: BR"),
        (codes.ALL_CODES[:10], "10 codes of ERROR: AA, AB, AC, AD, AE, AF, AG, AH, AI, AJ"),
        (codes.ALL_CODES[:11], "11 codes of ERROR: from AA to AK"),
    ],
)
def test_of_many_codes_the_first_and_the_last_are_named(asked, told):
    assert lines_of(asked=asked)[1] == f"  asked      {told}"


def test_without_a_server_none_is_named():
    assert lines_of(label=None)[1] == "  asked      4 codes: BR, CN, US, ZZ"


def test_files_are_told_by_what_they_are():
    saved = {code: row(whole(code), file="same", accepts={"ok"}) for code in ("BR", "CN")}
    kept = {"US": row(whole("US"), file="kept", accepts={"ok", "error"})}
    assert lines_of(rows=saved)[-1] == (
        "  files      2 saved in downloads, each equal to the bytes served"
    )
    assert lines_of(rows=kept)[-1] == (
        "  files      0 saved in downloads; 1 there before, and not written again"
    )
    assert lines_of(rows=saved | kept, dest=None)[-1] == (
        "  files      2 saved, each equal to the bytes served; 1 there before, and not written "
        "again"
    )


def test_one_request_for_one_code_and_what_was_seen_without_being_said():
    doubtful = {"BR": row(whole("BR", complete=False), accepts={"ok", "error"})}
    claims = Claims(totals=NONE_COUNTED | {"interrupted": 1, "not_found": 1})
    assert lines_of(rows=doubtful, requests=1, claims=claims)[2:-1] == [
        "  requests   1 for 1 code; at most 2 in flight",
        "  outcomes                  seen  said",
        "             ok                0     0",
        "             not found         0     1",
        "             interrupted       0     1",
        "             indeterminate     1     0",
    ]
