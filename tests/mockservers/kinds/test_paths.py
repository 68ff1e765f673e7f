"""One spelling of a path: for rules, names, content, and the prediction."""

from urllib.parse import unquote_to_bytes

from hypothesis import example, given
from hypothesis import strategies as st
from support.examples import examples
from support.rows import each

from mockservers.kinds.names import normalised


@each(
    ("path", "one"),
    [
        ("/flags/%62r/br%2Egif", "/flags/br/br.gif"),
        ("/%41%7a%30%39%2d%2e%5f%7E", "/Az09-._~"),
        ("/caf%c3%a9%2fx", "/caf%C3%A9%2Fx"),
        ("/a%20b%25%2541", "/a%20b%25%2541"),
        ("//a/./%2e%2E//", "//a/./..//"),
        ("/100%/%zz/%4", "/100%/%zz/%4"),
    ],
)
def test_unreserved_characters_are_decoded_and_other_hex_digits_are_capitals(path, one):
    assert normalised(path) == one


@example("%%4141")  # what was decoded became part of another escape
@examples(50)
@given(st.lists(st.sampled_from(["%", "41", "2f", "C3", "a", "/", "%7e", "%25", "é"])).map("".join))
def test_the_one_spelling_has_the_same_bytes_and_is_its_own(path):
    one = normalised(path)
    assert unquote_to_bytes(one) == unquote_to_bytes(path)
    assert normalised(one) == one
