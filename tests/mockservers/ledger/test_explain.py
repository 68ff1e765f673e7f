"""What the bytes of a file are, against what was sent."""

import itertools

from hypothesis import given
from hypothesis import strategies as st
from support.examples import examples
from support.rows import each

from mockservers.ledger import explain as explained
from mockservers.ledger.explain import MOST_PIECES, Sent, Version, explain

ONE = bytes((n * 2654435761 >> 13) & 255 for n in range(5_000))
TWO = bytes(byte ^ 255 for byte in ONE)
PAGE = b"<p>This is not what you asked for.</p>\n" * 9


def reader(data):
    return lambda start, stop: data[start:stop]


def sent(n, data, start=0, **more):
    return Sent(n, len(data), reader(data), start, **more)


def found(content, bodies, versions=(ONE,)):
    whole = [Version(len(one), reader(one)) for one in versions]
    what, pieces = explain(len(content), reader(content), bodies, whole)
    return what, [(one.start, one.to, one.n, one.at) for one in pieces]


CUT, REST, OTHER = ONE[:900], sent(2, ONE[900:], 900), sent(2, TWO[900:], 900)
FILES = {
    # content, what was sent -> what it is, its pieces
    "whole": (ONE, [sent(1, CUT), REST], "whole", []),
    "whole, never sent here": (ONE, [], "whole", []),
    "empty": (b"", [sent(1, CUT)], "empty", []),
    "nothing of an unclear response": (b"", [sent(1, b"", unclear=True)], "as sent", []),
    "a part": (CUT, [sent(1, CUT)], "part", [(0, 900, 1, 0)]),
    "less than came": (CUT[:700], [sent(1, CUT)], "part", [(0, 700, 1, 0)]),
    "as sent": (CUT, [sent(1, CUT, unclear=True)], "as sent", [(0, 900, 1, 0)]),
    "the rest alone": (ONE[900:], [sent(1, CUT), REST], "as sent", [(0, 4100, 2, 0)]),
    "a page": (PAGE, [sent(1, PAGE, None, is_page=True)], "page", [(0, len(PAGE), 1, 0)]),
    "two versions": (
        CUT + TWO[900:], [sent(1, CUT), OTHER], "mixed", [(0, 900, 1, 0), (900, 5000, 2, 0)],
    ),
    "appended": (
        CUT + ONE, [sent(1, CUT), sent(2, ONE)], "mixed", [(0, 900, 1, 0), (900, 5900, 2, 0)],
    ),
    "after a page": (
        PAGE + ONE, [sent(1, PAGE, None), sent(2, ONE)], "mixed",
        [(0, len(PAGE), 1, 0), (len(PAGE), len(PAGE) + 5000, 2, 0)],
    ),
    "zeros": (
        CUT + bytes(4100), [sent(1, CUT)], "mixed", [(0, 900, 1, 0), (900, 5000, None, 0)],
    ),
    "a byte more": (
        ONE + b"\n", [sent(1, ONE)], "mixed", [(0, 5000, 1, 0), (5000, 5001, None, None)],
    ),
    "the same three times": (
        CUT * 3, [sent(1, CUT), sent(2, CUT), sent(3, CUT)], "mixed",
        [(0, 900, 1, 0), (900, 1800, 2, 0), (1800, 2700, 3, 0)],
    ),
    "a wrong byte": (
        ONE[:70] + b"\0" + ONE[71:], [sent(1, ONE)], "mixed",
        [(0, 70, 1, 0), (70, 71, None, None), (71, 5000, 1, 71)],
    ),
    "from somewhere else": (b"x" * 300, [sent(1, ONE)], "mixed", [(0, 300, None, None)]),
}  # fmt: skip


@each("name", FILES)
def test_a_file_is_what_its_bytes_are(name):
    content, bodies, what, pieces = FILES[name]
    assert found(content, bodies, (ONE, TWO)) == (what, pieces)


@examples(60)
@given(
    cuts=st.lists(st.tuples(st.integers(0, 1), st.integers(0, 4900), st.integers(64, 900)),
                  min_size=1, max_size=5),
)  # fmt: skip
def test_pieces_of_bodies_are_found_wherever_they_are(cuts):
    bodies = [sent(1, ONE), sent(2, TWO)]
    content = b"".join((ONE, TWO)[which][start : start + size] for which, start, size in cuts)
    _, pieces = found(content, bodies, ())
    assert [0, *(to for _, to, _, _ in pieces)] == [*(a for a, _, _, _ in pieces), len(content)]
    for start, to, n, at in pieces:
        if n:
            assert content[start:to] == (ONE, TWO)[n - 1][at : at + to - start]
    unexplained = sum(to - start for start, to, n, _ in pieces if n is None)
    assert unexplained < 64 * len(cuts)


def test_only_so_many_pieces_are_named():
    content = b"".join(itertools.chain.from_iterable([ONE[:70], b"x" * 70] for _ in range(40)))
    assert len(found(content, [sent(1, ONE)])[1]) == MOST_PIECES


def test_in_a_long_file_bytes_are_looked_for_where_they_belong(monkeypatch):
    monkeypatch.setattr(explained, "SEARCHED", 1_000)
    monkeypatch.setattr(explained, "BLOCK", 512)
    assert found(CUT + TWO[900:], [sent(1, CUT), OTHER], ()) == (
        "mixed", [(0, 900, 1, 0), (900, 5000, 2, 0)],
    )  # fmt: skip
    what, pieces = found(b"x" * 600 + ONE[600:], [sent(1, ONE)], ())
    assert what == "mixed"
    assert pieces[0][2:] == (None, None)
    assert pieces[-1][1:] == (5000, 1, pieces[-1][0])
