"""Which codes are asked for, and which clauses a wrong list of them may break, in their order."""

from string import ascii_uppercase

from conformance.checks.expansion import codes_of, expansion, explanations, misread
from mockservers.flags2.codes import packaged_codes

B = [f"B{second}" for second in ascii_uppercase]
POPULOUS = "BD BR CD CN DE EG ET FR ID IN IR JP MX NG PH PK RU TR US VN".split()


def test_an_argument_is_a_code_or_the_26_of_a_letter():
    for word, codes in (("br", ["BR"]), ("aZ", ["AZ"]), ("b", B), ("B", B)):
        assert list(codes_of(word)) == codes


def test_any_other_argument_is_a_usage_error():
    for word in ("", "BRA", "1", "B1", "42", "B ", "@A", "é", "ÉÉ", "БР", "*"):
        assert list(codes_of(word)) == []
        assert expansion([word]) is None
        assert expansion(["BR", word]) is None
        assert list(explanations(["BR"], ["BR", word])) == ["EXP-9"]


def test_codes_are_asked_for_once_in_ascending_order():
    for arguments, options, codes in (
        (["us", "BR", "us"], {}, ["BR", "US"]),
        (["b", "AA", "BR"], {"limit": 4}, ["AA", "BA", "BB", "BC"]),
        ([], {}, POPULOUS),
        ([], {"every": True, "limit": 28}, [f"A{c}" for c in ascii_uppercase] + ["BA", "BB"]),
        ([], {"all_codes": True, "limit": 3}, ["AD", "AE", "AF"]),
        ([], {"all_codes": True}, sorted(packaged_codes())),
    ):
        assert list(expansion(arguments, **options)) == codes


WRONG = [
    # Cut in another order, too early, too late, at the wrong end, or not at all.
    (["US", "CN", "BR"], 2, ["CN", "US"], ["EXP-5"]),
    (["BR", "BR", "CN"], 2, ["BR"], ["EXP-5"]),
    (["CN", "AA", "AA"], 2, ["AA"], ["EXP-5"]),
    (["AA", "BB", "CC"], 2, ["BB", "CC"], ["EXP-5"]),
    (["AA", "BB", "CC"], 2, ["AA", "BB", "CC"], ["EXP-5"]),
    (["AA", "BB", "CC", "DD"], 2, ["AA", "BB", "CC"], ["EXP-5"]),
    (["AA", "BB", "CC", "DD"], 3, ["AA", "DD"], ["EXP-5"]),
    (["a"], 2, ["AA"], ["EXP-5", "EXP-2"]),
    (["a", "BB", "CC"], 2, ["BB", "CC"], ["EXP-5", "EXP-2"]),
    (["b", "AA"], 2, ["AA"], ["EXP-5", "EXP-2"]),
    (["br", "b"], 1, ["BR"], ["EXP-5", "EXP-4", "EXP-2"]),
    # Twice, or in another order.
    (["BR", "CN", "BR"], None, ["BR", "BR", "CN"], ["EXP-3"]),
    (["CN", "BR", "CN"], None, ["CN", "BR"], ["EXP-4"]),
    (["CN", "BR", "CN"], None, ["CN", "BR", "CN"], ["EXP-3"]),
    (["CN", "US", "BR"], None, ["US", "CN", "BR"], ["EXP-4"]),
    (["CN", "US", "BR"], None, ["CN", "BR", "US"], ["EXP-4"]),
    (["CN", "US", "BR"], 2, ["CN", "BR"], ["EXP-4"]),
    (["CN", "US", "BR"], 2, ["US", "CN"], ["EXP-4"]),
    (["CN", "US", "BR"], 2, ["CN", "US"], ["EXP-5", "EXP-4"]),
    # A code, or a letter, misread.
    (["BR"], None, ["br"], ["EXP-1"]),
    (["Br", "c"], 1, ["Br"], ["EXP-1"]),
    (["Br", "BA"], None, ["BA"], ["EXP-1"]),
    (["BR"], None, [], ["EXP-1"]),
    (["BR", "c"], 26, B, ["EXP-1"]),
    (["BR", "b"], None, [*B, "br"], ["EXP-1"]),
    (["AA", "b"], 27, B, ["EXP-1"]),
    (["BR"], None, ["QQ"], ["EXP-1"]),
    (["BR", "b"], None, ["QQ"], ["EXP-2"]),
    (["CN", "b"], None, [*B, "QQ"], ["EXP-1"]),
    (["Br", "b"], None, [*B, "Br"], ["EXP-1"]),
    (["br", "CN", "US"], 3, ["CN", "US"], ["EXP-1"]),
    (["br", "CN", "US", "VN"], 2, ["CN", "US"], ["EXP-1"]),
    (["B", "CN", "US", "VN"], 2, ["CN", "US"], ["EXP-2"]),
    (["b", "C", "US"], 2, ["CA", "CB"], ["EXP-2"]),
    (["b", "AZ"], 1, ["AB"], ["EXP-2"]),
    (["b", "CC"], 26, [*B[:-1], "CC"], ["EXP-2"]),
    (["b"], 2, ["ba", "bb"], ["EXP-1", "EXP-2"]),
    (["b", "CN"], None, [*(code.lower() for code in B), "CN"], ["EXP-2"]),
    (["b", "CN"], None, ["CN", "b"], ["EXP-2"]),
    (["b"], 1, ["BB"], ["EXP-2"]),
    (["b"], 2, ["BB", "BC"], ["EXP-2"]),
    (["b"], 1, ["BD"], ["EXP-5"]),
    (["b", "AA"], None, ["AA"], ["EXP-2"]),
    (["b", "C", "AA"], 2, ["AA", "CA"], ["EXP-2"]),
    (["x", "B"], 3, ["BA", "BB"], ["EXP-5"]),
    (["b", "CN"], 2, ["BR", "CN"], ["EXP-5"]),
    (["a", "CN"], 2, ["AD", "AE"], ["EXP-2"]),
]


def test_a_wrong_list_is_explained_by_misreadings_that_give_it():
    for arguments, limit, codes, may_be in WRONG:
        assert list(explanations(codes, arguments, limit=limit)) == may_be
        assert misread(codes, arguments, limit=limit) == may_be[0]


WRONG_ENDS = [
    (["BR", "BR", "CN", "US"], None, 4, ["BR", "US"], ["EXP-3"]),
    (["BR", "BR", "CN", "US"], None, 4, ["BR", "XX", "US"], ["EXP-3"]),
    (["US", "BB", "BR"], 26, 2, ["US", "BB"], ["EXP-1"]),
    (["US", "BR"], None, 2, ["US", "BR"], ["EXP-4"]),
    # Wrong somewhere between the ends; no limit was there to misread.
    (["CN", "b"], None, 27, ["BA", "CN"], ["EXP-3", "EXP-1"]),
    (["a"], 30, 11, ["AD", "AZ"], ["EXP-2"]),
    (["b"], 30, 0, ["", ""], ["EXP-2"]),
    (["x"], None, 26, ["xa", "xz"], ["EXP-1", "EXP-2"]),
    (["b", "C", "AA", "DD"], 3, 3, ["AA", "DD"], ["EXP-2"]),
    (["B", "AA", "CC"], 3, 3, ["AA", "CC"], ["EXP-2"]),
    (["b", "AA", "CC"], 3, 3, ["AA", "CC"], ["EXP-2"]),
    (["AA", "BB", "CC", "DD"], 3, 3, ["CC", "AA"], ["EXP-4"]),
    (["AA", "BB", "CC", "DD"], 2, 3, ["AA", "DD"], ["EXP-5"]),
]


def test_a_long_list_is_explained_by_its_length_and_its_ends():
    for arguments, limit, count, ends, may_be in WRONG_ENDS:
        assert list(explanations(ends, arguments, limit=limit, count=count)) == may_be


WRONG_OF_OPTIONS = [
    ({"every": True}, ["HL", "AT"], 677, ["EXP-6"]),
    ({"all_codes": True}, ["FM", "RO"], 195, ["EXP-7"]),
    ({"all_codes": True, "limit": 3}, ["AE", "AD", "AF"], None, ["EXP-4"]),
    ({"all_codes": True, "limit": 3}, ["AD", "AE"], None, ["EXP-5"]),
    ({"all_codes": True, "limit": 3}, ["BB", "AA"], None, ["EXP-7"]),
    ({}, ["BR"], None, ["EXP-8"]),
    ({}, POPULOUS[::-1], None, ["EXP-4"]),
    ({}, [code.lower() for code in POPULOUS], None, ["EXP-1"]),
    ({}, ["bd", "br"], None, ["EXP-8"]),
]


def test_a_wrong_list_for_an_option_breaks_the_clause_of_the_option():
    for options, codes, count, may_be in WRONG_OF_OPTIONS:
        assert list(explanations(codes, [], **options, count=count)) == may_be
