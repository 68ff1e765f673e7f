"""What a ledger looks like in a terminal."""

from msgspec.structs import replace
from support.rows import each
from support.small_ledgers import cut, judge, no_length, refused, report, whole

from mockservers.ledger.model import story
from mockservers.ledger.text import MOST_NOTES, ledger_text
from mockservers.text import code_list

CODES = [f"A{letter}" for letter in "ABCDEFGHIJ"]


def test_ten_codes_are_named_one_by_one_and_of_more_the_first_and_the_last():
    assert code_list(CODES) == "AA, AB, AC, AD, AE, AF, AG, AH, AI, AJ"
    assert code_list([*CODES, "AK"]) == "from AA to AK"


def test_an_outcome_has_a_line_where_it_was_seen_or_reported():
    text = ledger_text(judge(["BR"], [whole("BR")], report(error=1)))
    assert f"             {'error':<13} {0:>5} {1:>5}\n" in text
    assert "not found" not in text


def test_notes_beyond_the_most_are_counted():
    ledger = replace(judge(["BR"], [whole("BR")], report(1)), notes=("why",) * (MOST_NOTES + 3))
    *_, last, more = ledger_text(ledger).split("\n")
    assert (last, more) == ("  note       why", "  note       ... and 3 more; --json has all")


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
