"""What was asked for, and what was said of it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import convert, to_builtins
from support.examples import examples
from support.rows import each
from support.small_ledgers import report

from mockservers.flags2.arguments import asked_codes
from mockservers.flags2.codes import POP20
from mockservers.flags2.output import LineReader, claims_of
from mockservers.journal import Claims

# --- who was asked for what ---------------------------------------------------------------------


@each(
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


# --- what was said ---------------------------------------------------------------------


@examples(120)
@given(
    st.lists(st.text(max_size=20).map(lambda t: t.replace("\n", "").replace("\r", ""))), st.data()
)
def test_lines_are_the_same_however_the_stream_is_cut(lines, data):
    ending = data.draw(st.sampled_from(["\n", "\r\n"]))
    stream = "".join(line + ending for line in lines).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=5)))
    reader, heard = LineReader(), []
    for start, stop in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        heard += reader.feed(stream[start:stop])
    assert heard + reader.close() == lines


def test_an_endless_line_takes_bounded_memory():
    reader = LineReader()
    for _ in range(100):
        assert reader.feed(b"x" * 100_000) == []
    assert len(reader.close()[0]) < 200_000


@examples(120)
@given(
    st.lists(
        st.sampled_from(
            [
                *report(3, 2, 1),
                "BR OK",
                "BR not found",
                "*** Error for BR: x",
                "LOCAL site: http://x",
                "Searching for 1 flag: BR",
                "Searching for 99 flags: from AA to BB",
                "BR  OK",
                "x OK",
                "",
            ]
        )
    )
)
def test_claims_survive_the_journal(lines):
    claims = claims_of(lines)
    assert convert(to_builtins(claims), Claims) == claims


def test_totals_are_those_after_the_last_line_of_hyphens():
    claims = claims_of([*report(9, 9, 9), *report(1)])
    assert claims.totals == {"ok": 1, "not_found": 0, "error": 0, "interrupted": 0}
