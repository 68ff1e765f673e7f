"""Which codes the arguments stand for.

The oracle selects from the 676 codes those that start with an argument; the port builds them.
"""

import random
import re
import sys
from itertools import pairwise, product
from pathlib import Path
from string import ascii_letters, ascii_uppercase
from unittest import mock

import pytest
from golden.normalise import codes_summary
from golden.observe import recorded, run_main, usage_error
from hypothesis import assume, given
from hypothesis import strategies as st
from support.examples import examples

from reference.flags2_common import expand_cc_args

EVERY = [a + b for a, b in product(ascii_uppercase, repeat=2)]
NO_LIMIT = sys.maxsize
MESSAGE = "*** Usage error: each CC argument must be A to Z or AA to ZZ."
CAPITALS = {"ß": "SS", "ı": "I", "ſ": "S", "ﬀ": "FF", "ﬁ": "FI", "ﬂ": "FL", "ﬅ": "ST", "ﬆ": "ST"}

arguments = st.sampled_from([a + b for a, b in product(ascii_letters, ["", *ascii_letters])])
argument_lists = st.lists(arguments, max_size=5)
limits = st.integers(1, 700) | st.just(NO_LIMIT)
odd_letters = st.sampled_from([*CAPITALS, *"ﬃﬄŉǰéñİKАВ１Ａ0 \0\n-", "\u0301"])
near_misses = st.text(st.sampled_from(ascii_letters) | odd_letters, max_size=3)


def is_meant(text: str) -> bool:
    return re.fullmatch("[A-Z]{1,2}", text.upper()) is not None


def selected(args: list[str]) -> list[str]:
    starts = tuple(arg.upper() for arg in args)
    return [code for code in EVERY if code.startswith(starts)]


other_texts = (st.text() | near_misses).filter(lambda text: not is_meant(text))


def codes(args: list[str], limit: int = NO_LIMIT) -> list[str]:
    return expand_cc_args(False, False, args, limit)


def test_every_recorded_call_has_the_recorded_outcome(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    different = []
    for every, every_country, args, limit, outcome in recorded("expand.json")["cases"]:
        try:
            seen = codes_summary(expand_cc_args(every, every_country, args, limit))
        except ValueError as exc:
            seen = {"error": exc.args[0]}
        if seen != outcome:
            different.append((every, every_country, args, limit, outcome, seen))
    assert not different


@examples(80)
@given(argument_lists)
def test_the_codes_are_those_that_start_with_an_argument(args):
    assert codes(args) == selected(args)


@examples(80)
@given(st.lists(arguments | st.sampled_from(list(CAPITALS)), max_size=6), limits)
def test_codes_are_sorted_distinct_and_from_aa_to_zz(args, limit):
    found = codes(args, limit)
    assert all(a < b for a, b in pairwise(found))
    assert set(found) <= set(EVERY)


@examples(80)
@given(argument_lists, st.integers(0, 2**32))
def test_order_case_and_repetition_of_arguments_do_not_matter(args, seed):
    chance = random.Random(seed)
    again = chance.choices(args, k=3) if args else []
    shuffled = chance.sample(args + again, len(args + again))
    recased = [chance.choice([str.lower, str.upper])(arg) for arg in shuffled]
    assert codes(recased) == codes(args)


@examples(80)
@given(argument_lists, argument_lists)
def test_the_codes_of_two_lists_of_arguments_are_the_union(some, others):
    assert codes(some + others) == sorted({*codes(some), *codes(others)})


@examples(80)
@given(argument_lists, st.integers(0, 800), st.booleans(), st.booleans())
def test_a_limit_takes_a_prefix(args, limit, every, every_country):
    unlimited = expand_cc_args(every, every_country, args, NO_LIMIT)
    limited = expand_cc_args(every, every_country, args, limit)
    assert len(limited) == min(limit, len(unlimited))
    assert limited == unlimited[: len(limited)]


@examples(60)
@given(st.lists(arguments | other_texts, max_size=3))
def test_every_is_all_676_codes_and_all_the_194_countries_whatever_else_is_asked(args):
    countries = expand_cc_args(False, True, args, NO_LIMIT)
    assert countries == recorded("expand.json")["country_codes"].split()
    assert len(countries) == 194
    for every_country in (False, True):
        assert expand_cc_args(True, every_country, args, NO_LIMIT) == EVERY


@examples(60)
@given(st.lists(arguments, max_size=3), other_texts, st.lists(arguments, max_size=3))
def test_any_other_text_among_the_arguments_is_the_usage_error(before, text, after):
    with pytest.raises(ValueError, match=f"^{re.escape(MESSAGE)}$"):
        codes([*before, text, *after])


@examples(400)
@given(near_misses)
def test_a_text_is_accepted_exactly_if_its_capitals_are_one_or_two_of_a_to_z(text):
    if is_meant(text):
        assert codes([text]) == selected([text])
    else:
        with pytest.raises(ValueError, match="each CC argument"):
            codes([text])


def test_a_letter_whose_capitals_are_codes_is_accepted():
    for letter, capitals in CAPITALS.items():
        assert codes([letter]) == codes([capitals]) == selected([letter]), letter


@pytest.mark.slow
def test_only_eight_letters_beyond_ascii_are_accepted():
    beyond = map(chr, range(128, sys.maxunicode + 1))
    assert [c for c in beyond if c.upper().isascii() and is_meant(c)] == sorted(CAPITALS)


@examples(60)
@given(argument_lists, other_texts)
def test_a_usage_error_requests_nothing(args, text):
    assume(not text.startswith("-"))
    assert run_main([*args, text]) == usage_error(MESSAGE)


# The codes file. What a listing did with an odd one was recorded.


@pytest.fixture
def folder(monkeypatch, tmp_path) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_from_a_folder_without_a_codes_file_the_packaged_copy_is_read(folder):
    assert recorded("cli.json")["codes_file"]["missing"]["traceback"]
    ((asked, *_),) = run_main(["-a"]).calls
    assert asked == recorded("expand.json")["country_codes"].split()
    assert not list(folder.iterdir())


def test_a_codes_file_in_the_working_directory_wins_and_its_words_are_taken_as_they_are(folder):
    Path("country_codes.txt").write_text("CN\nBR  br CN\n")
    ended = run_main(["-a"])
    assert ended.calls[0][0] == ["BR", "CN", "br"]
    assert ended.stdout == recorded("cli.json")["codes_file"]["of its own"]["stdout"]


def test_an_empty_codes_file_means_the_twenty_most_populous_countries(folder):
    Path("country_codes.txt").write_text("\n")
    ended = run_main(["-a"])
    assert ended.calls[0][0] == sorted(recorded("expand.json")["pop20"].split())
    assert ended.stdout == recorded("cli.json")["codes_file"]["empty"]["stdout"]


def test_a_codes_file_that_cannot_be_read_is_a_usage_error_that_names_it(folder):
    """The listing ends with a traceback, or prints what a codec says."""
    was = recorded("cli.json")["codes_file"]
    assert was["a folder"]["traceback"]
    assert (was["not UTF-8"]["status"], was["not UTF-8"]["stdout"].splitlines()[0]) == (1, "utf-8")
    file, denied = Path("country_codes.txt"), PermissionError(13, "Denied", "country_codes.txt")

    def reason():
        ended, start = run_main(["-a"]), "*** Usage error: cannot read country_codes.txt: "
        line = ended.stdout.splitlines()[0]
        assert ended == usage_error(line)
        assert run_main(["-e"]).status == 0  # the file is not needed
        assert line.startswith(start)
        return line.removeprefix(start)

    file.mkdir()
    assert reason() == "[Errno 21] Is a directory: 'country_codes.txt'"
    file.rmdir()
    file.write_bytes(b"BR \xff\xfe CN")
    assert reason() == "'utf-8' codec can't decode byte 0xff in position 3: invalid start byte"
    for method in ("read_text", "exists"):
        with mock.patch.object(Path, method, side_effect=denied):
            assert reason() == "[Errno 13] Denied: 'country_codes.txt'"
