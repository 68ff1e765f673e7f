"""What was asked for, and what was said of it."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec import convert, to_builtins
from support.examples import examples
from support.rows import each
from support.small_ledgers import report

from mockservers.flags2.arguments import asked_codes
from mockservers.flags2.output import LineReader, claims_of
from mockservers.journal import Claims

# --- who was asked for what ------------------------------------------------------------


@each(
    ("command", "line", "asked"),
    [
        (["go", "br", "cn"], "Searching for 2 flags: BR, CN", ("BR", "CN")),
        (["dl"], "Searching for 20 flags: from BD to VN", "default"),
        (["node", "dl", "br"], "Searching for 1 flag: BR", ("BR",)),
        (["sh", "dl.sh"], "Searching for 2 flags: XX, YY", ("XX", "YY")),
        (["sh", "dl.sh"], "Searching for 12 flags: from XA to XL", None),
        (["sh", "dl.sh"], "Looking for flags", None),
    ],
)
def test_what_was_asked_is_read_from_command_and_announcement(command, line, asked):
    claims = claims_of([line])
    resolved = asked_codes(command, claims)
    assert (len(resolved) == 20) if asked == "default" else (resolved == asked)


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
