"""How an error is printed: its type and the first line of its text, on one line of ASCII."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.examples import examples
from support.rows import each

from reference.flags2_common import error_text, one_line, refuse_coding


@pytest.mark.parametrize(
    ("exc", "text"),
    [
        (ValueError("no such thing"), "ValueError: no such thing"),
        (ValueError("one\ntwo"), "ValueError: one"),
        (ValueError(), "ValueError"),
        (PermissionError(13, "Denied", "br.gif"), "PermissionError: [Errno 13] Denied: 'br.gif'"),
        (ValueError("fläge \x1b[31m"), r"ValueError: fl\xe4ge \x1b[31m"),
    ],
)
def test_an_error_is_its_type_and_the_first_line_of_its_text(exc, text):
    assert error_text(exc) == text


@examples(400)
@given(st.text())
@example("a\x85b\u2028c\rd")  # what str.splitlines takes for the end of a line
def test_any_text_becomes_one_line_of_printable_ascii(text):
    line = one_line(text)
    assert line.isascii()
    assert line.isprintable()


@each("codings", ["", "identity", "Identity", " identity ", "identity,identity", "identity, , "])
def test_a_body_that_is_not_coded_is_taken(codings):
    refuse_coding(codings)


@pytest.mark.parametrize("codings", ["gzip", " GZip ", "identity, br", "zstd,identity", "x"])
def test_a_coding_that_was_not_offered_is_refused_by_its_name(codings):
    with pytest.raises(ValueError, match=codings.strip()):
        refuse_coding(codings)
