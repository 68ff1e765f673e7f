"""Command lines and reports of programs, as they are read."""

import pytest
from msgspec import convert, to_builtins
from support.rows import each

from mockservers.flags2 import arguments, codes
from mockservers.flags2.output import ClaimsReader, LineReader, claims_of
from mockservers.journal import Claims

# --- codes ---------------------------------------------------------------------------------


def test_the_codes_are_those_from_aa_to_zz():
    assert len(codes.ALL_CODES) == 676
    assert codes.ALL_CODES[:2] + codes.ALL_CODES[25:27] + codes.ALL_CODES[-1:] == (
        "AA", "AB", "AZ", "BA", "ZZ",
    )  # fmt: skip
    usual = "BD BR CD CN DE EG ET FR ID IN IR JP MX NG PH PK RU TR US VN"
    assert tuple(usual.split()) == codes.POP20
    assert codes.path_of_code("BR") == "/flags/br/br.gif"
    assert codes.CODE_OF_PATH["/flags/br/br.gif"] == "BR"


@each(
    ("text", "is_one"),
    [
        ("AA", True), ("ZZ", True), ("BR", True), ("br", False), ("Br", False), ("B", False),
        ("BRA", False), ("B1", False), ("", False), ("ÄB", False), ("ＢＲ", False), ("12", False),
    ],
)  # fmt: skip
def test_a_code_is_two_capitals_of_ascii(text, is_one):
    assert codes.is_code(text) is is_one


def test_codes_are_read_from_the_folder_or_else_from_the_package(tmp_path):
    packaged = codes.packaged_codes()
    assert (len(packaged), packaged[0], packaged[-1]) == (194, "AD", "ZW")
    assert arguments.country_codes(tmp_path) == packaged
    (tmp_path / "country_codes.txt").mkdir()
    assert arguments.country_codes(tmp_path) == packaged
    (tmp_path / "country_codes.txt").rmdir()
    (tmp_path / "country_codes.txt").write_bytes(b"B\xc3\x84  CN\n\xff\tB\xc3\x84\n")
    assert arguments.country_codes(tmp_path) == ("BÄ", "CN", "\N{REPLACEMENT CHARACTER}", "BÄ")
    order = arguments.parse_flags2(["-a", "-l", "2"], tmp_path)
    assert order == arguments.Flags2Request(("BÄ", "CN"), "LOCAL")
    assert next(arguments.readings(["x", "-a"], tmp_path)).codes[0] == "BÄ"


USUAL = arguments.Flags2Request(codes.POP20, "LOCAL")
ORDERS = [
    ("", USUAL),
    ("-m 3 -v", USUAL),
    ("--max_req 1 --verbose --server delay", arguments.Flags2Request(codes.POP20, "DELAY")),
    ("cn br br", arguments.Flags2Request(("BR", "CN"), "LOCAL")),
    ("-s remote z --limit 2", arguments.Flags2Request(("ZA", "ZB"), "REMOTE")),
    ("-l 1 b a", arguments.Flags2Request(("AA",), "LOCAL")),
    ("--every -l 3 -a xx", arguments.Flags2Request(("AA", "AB", "AC"), "LOCAL")),
    ("--all --limit 2 xxx", arguments.Flags2Request(("AD", "AE"), "LOCAL")),
    ("-e", arguments.Flags2Request(codes.ALL_CODES, "LOCAL")),
]
REFUSED = ["-l 0", "-l -5", "-m 0", "-m -5", "-s here", "BRA", "br é", "-l x", "-m x", "-x", "-h"]


@each(("words", "order"), ORDERS)
def test_a_command_line_of_flags2_is_an_order(words, order):
    assert arguments.parse_flags2(words.split()) == order


@each("words", REFUSED)
def test_what_is_none_is_refused_and_the_value_is_named(words):
    with pytest.raises(arguments.CommandLineError, match=words.split()[-1]):
        arguments.parse_flags2(words.split())


@pytest.mark.parametrize(("more", "first"), [(699, ("AA", "AB")), (700, ("AB",))])
def test_of_a_long_command_the_last_700_words_are_read(more, first):
    assert next(arguments.readings(["x", "aa", *["ab"] * more])).codes == first


def test_the_first_word_is_the_program():
    assert [order.codes for order in arguments.readings(["br"])] == [codes.POP20]
    assert [order.codes for order in arguments.readings(["br", "cn"])] == [("CN",), codes.POP20]


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
    "listed": ("BR", "CN", "DE", "US"),
    "concurrency": 2,
    "fates": {"BR": {"ok": 1}, "CN": {"not_found": 1}, "DE": {"error": 1, "ok": 1}},
    "totals": {"ok": 1, "not_found": 2, "error": 1, "interrupted": 3},
}
NOTHING = dict.fromkeys(HEARD) | {"fates": {}}
NONE_COUNTED = {"ok": 0, "not_found": 0, "error": 0, "interrupted": 0}


def test_a_report_is_heard_line_by_line():
    claims = claims_of(REPORT)
    assert heard_in(claims) == HEARD
    assert convert(HEARD, Claims) == claims
    assert heard_in(Claims()) == NOTHING


def heard_in(claims):
    """What was heard, without who says it."""
    return {name: value for name, value in to_builtins(claims).items() if name in HEARD}


@each(
    ("lines", "heard"),
    [
        (["Searching for 676 flags: from AA to ZZ"],
         {"announced": 676, "first": "AA", "last": "ZZ"}),
        (["Searching for 1 flag: BR"],
         {"announced": 1, "first": "BR", "last": "BR", "listed": ("BR",)}),
        (["1 concurrent connection will be used."], {"concurrency": 1}),
        (["1 connection will be used."], {"concurrency": 1}),
        (["ZZ not found: http://h/flags/zz/zz.gif"], {"fates": {"ZZ": {"not_found": 1}}}),
        (["CN error: HTTP error 503 - Service Unavailable"], {"fates": {"CN": {"error": 1}}}),
        (["-" * 20, "  2 flags downloaded.", " 11 errors."],
         {"totals": NONE_COUNTED | {"ok": 2, "error": 11}}),
        # Colours, and what a progress bar leaves before a line.
        (["\x1b[32mBR OK\x1b[0m"], {"fates": {"BR": {"ok": 1}}}),
        (["  0%|          | 0/2 [00:00<?, ?it/s]\rBR OK   "], {"fates": {"BR": {"ok": 1}}}),
        (["100%|####| 2/2 [00:00<00:00, 9it/s]" + "-" * 20], {"totals": NONE_COUNTED}),
        # Garbage in the text of an error, found by Hypothesis.
        (["*** Error for AD: b'\\x11%|x|x' [y]"], {"fates": {"AD": {"error": 1}}}),
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
         {"announced": 2, "first": "BR,CN", "last": "BR,CN", "listed": ("BR,CN",)}),
        (["Searching for two flags: BR, CN"], {}),
        (["2 concurrent connections will be used"], {}),
    ],
)  # fmt: skip
def test_a_line_is_heard_as_it_is_meant(lines, heard):
    assert heard_in(claims_of(lines)) == NOTHING | heard


@pytest.mark.parametrize(("length", "last"), [(4096, "Y"), (4097, "xY"), (9999, "xY")])
def test_of_a_line_4096_characters_are_looked_at(length, last):
    start = "Searching for 2 flags: from X to "
    line = start + "x" * (length - len(start) - 1) + "Y"
    assert claims_of([line]).last == line[len(start) : 4096]
    assert line.endswith(last)


def test_of_codes_ten_thousand_are_kept_and_counted_on():
    reader = ClaimsReader()
    reader.report({f"/{n}": "ok" for n in range(9_999)})
    for line in ("BR OK", "CN OK", "BR OK"):
        reader.read(line)
    assert len(reader.claims.outcomes) == 10_000
    assert reader.claims.outcomes["BR"] == {"ok": 2}


def test_the_outcome_of_each_code_can_be_reported_at_once():
    reader = ClaimsReader()
    reader.report({"BR": "ok", "CN": "not_found", "DE": "error", "FR": "ok"})
    assert reader.claims.totals == {"ok": 2, "not_found": 1, "error": 1, "interrupted": 0}
    assert reader.claims.outcomes == {
        "BR": {"ok": 1}, "CN": {"not_found": 1}, "DE": {"error": 1}, "FR": {"ok": 1},
    }  # fmt: skip
    with pytest.raises(ValueError, match=r"^BR: 'OK' is none of ok, not_found, error$"):
        reader.report({"BR": "OK"})
    reader.report({"BR": "ok"})
    assert reader.claims.totals == {"ok": 1, "not_found": 0, "error": 0, "interrupted": 0}
    assert reader.claims.outcomes["BR"] == {"ok": 2}


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
