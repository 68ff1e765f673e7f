"""What a ledger looks like in a terminal."""

from msgspec.structs import replace
from support.rows import each
from support.small_ledgers import cut, judge, no_length, refused, report, whole

from mockservers.ledger import Imbalance
from mockservers.ledger.text import ledger_text
from mockservers.ledger.words import story
from mockservers.text import code_list

CODES = [f"A{letter}" for letter in "ABCDEFGHIJ"]


def test_ten_codes_are_named_one_by_one_and_of_more_the_first_and_the_last():
    assert code_list(CODES) == "AA, AB, AC, AD, AE, AF, AG, AH, AI, AJ"
    assert code_list([*CODES, "AK"]) == "from AA to AK"


def test_an_outcome_has_a_line_where_it_was_seen_or_reported():
    text = ledger_text(judge(["BR"], [whole("BR")], report(error=1)))
    assert f"             {'error':<13} {0:>5} {1:>5}\n" in text
    assert "not found" not in text


WHOLE = judge(["BR"], [whole("BR")], report(1), ("BR",))
LOST = Imbalance("lost", "BR", "a", "b")


@each(
    ("parts", "first"),
    [
        ({}, "ledger: the books balance"),
        ({"asked": None}, "ledger: the books balance, as far as they go"),
        ({"imbalances": (LOST,)}, "ledger: NOT BALANCED: 1 download is lost"),
    ],
)
def test_the_first_line_of_a_ledger_has_the_verdict(parts, first):
    assert ledger_text(replace(WHOLE, **parts)).splitlines()[0] == first


def test_every_imbalance_has_a_line_and_the_first_twenty_notes_have():
    found = (LOST, Imbalance("miscounted", None, "c", ""))
    notes = tuple(f"{n}." for n in range(99))
    lines = ledger_text(replace(WHOLE, imbalances=found, notes=notes)).splitlines()
    assert [line.split()[0] for line in lines[-23:]] == ["lost", "miscounted", *["note"] * 21]
    assert lines[-2:] == ["  note       19.", "  note       ... and 79 more; --json has all"]


@each(
    ("entry", "response"),
    [
        (cut("BR"), "200 with 5 of 20 bytes"),
        (cut("BR", sent=0), "200 with 0 of 20 bytes"),
        (no_length("BR"), "200 with 5 bytes"),
        (refused("BR"), "503"),
    ],
)
def test_a_response_is_described_by_its_status_and_its_bytes(entry, response):
    (row,) = judge(["BR"], [entry], report()).rows.values()
    assert story(row) == response
