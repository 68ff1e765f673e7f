"""The servers' own reading of codes and command lines, held against the reference's."""

import argparse
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import TOP
from support.examples import examples
from support.rows import each

import mockservers
from mockservers.flags2 import arguments as ours
from mockservers.flags2.codes import ALL_CODES, CODE_OF_PATH, packaged_codes, path_of_code
from reference import flags2_common as theirs

WORDS = st.lists(
    st.sampled_from(["a", "B", "br", "Cn", "zz", "ß", "ı", "ﬁ", "x1", "abc", "é", ""]), max_size=5
)


def test_the_two_packages_have_the_one_file():
    top = TOP / "country_codes.txt"
    for package in (mockservers, theirs):
        copy = Path(package.__file__).with_name("country_codes.txt")
        assert copy.read_bytes() == top.read_bytes()
    assert len(packaged_codes()) == len(set(packaged_codes())) == 194


@examples(80)
@given(every=st.booleans(), every_known=st.booleans(), words=WORDS, limit=st.integers(1, 30))
def test_expansion_is_that_of_the_reference(every, every_known, words, limit):
    args = argparse.Namespace(every=every, all=every_known, cc=words, limit=limit, server="error")
    try:
        expected = theirs.expand_cc_args(every, every_known, words, limit)
    except ValueError:
        with pytest.raises(ours.CommandLineError):
            ours.expand(args)
    else:
        request = ours.expand(args)
        assert list(request.codes) == (expected or sorted(theirs.POP20_CC))
        assert request.label == "ERROR"


@examples(400)
@given(st.text(max_size=3))
def test_a_word_is_a_code_for_both_or_for_neither(word):
    args = argparse.Namespace(every=False, all=False, cc=[word], limit=999, server="LOCAL")
    try:
        expected = theirs.expand_cc_args(False, False, [word], 999)
    except ValueError:
        with pytest.raises(ours.CommandLineError):
            ours.expand(args)
    else:
        assert list(ours.expand(args).codes) == expected


def test_every_code_has_its_own_path():
    paths = {path_of_code(code) for code in ALL_CODES}
    assert len(paths) == 676
    assert [CODE_OF_PATH[path_of_code(code)] for code in ALL_CODES] == list(ALL_CODES)


@each("path", ["/flags/BR/BR.gif", "/flags/br/us.gif", "/flags/br/br.gif/", "/br/br.gif", "", "/"])
def test_no_other_path_is_that_of_a_code(path):
    assert path not in CODE_OF_PATH


@each(
    ("command", "tails"),
    [
        (["flags2"], [("BD", "VN")]),
        (["python", "my.py", "-s", "error", "-e"], [("AA", "ZZ")] * 4 + [("BD", "VN")]),
        (["python", "my.py", "-s", "error", "zz"], [("ZZ", "ZZ")] * 2 + [("BD", "VN")]),
        (["node", "dl", "br"], [("BR", "DL"), ("BR", "BR"), ("BD", "VN")]),
        (["x", "-m", "0"], [("BD", "VN")]),
        (["x", "-l", "2", "a"], [("AA", "AB"), ("AA", "AZ"), ("BD", "VN")]),
    ],
)
def test_the_tails_that_parse_come_longest_first(command, tails):
    found = [(reading.codes[0], reading.codes[-1]) for reading in ours.readings(command)]
    assert found == tails
