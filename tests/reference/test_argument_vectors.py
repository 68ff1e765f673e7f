"""Every short command line is read alike: by the downloaders, by the ledger, and by hand."""

from itertools import product
from string import ascii_uppercase

import pytest
from golden.observe import run_main
from support.examples import SCALE
from support.exhaustive_cases import prove

from conformance.checks.expansion import expansion
from mockservers.flags2.arguments import CommandLineError, asked_codes, parse_flags2
from mockservers.flags2.codes import ALL_CODES, POP20, packaged_codes
from mockservers.flags2.output import claims_of

FEW = ("A", "br", "1", "-e", "-a", "-v", "-l", "-m", "-s", "LOCAL")
TOKENS = (*FEW, "ß", "ZZ", "", "0", "3", "-l2", "-1", "-x", "--")
WORDS = {
    "A": ["A" + letter for letter in ascii_uppercase],
    "br": ["BR"],
    "ß": ["SS"],
    "ZZ": ["ZZ"],
}
"""What of the tokens stands for codes."""

VECTORS = {
    "one or two of many": [(), *product(TOKENS), *product(TOKENS, repeat=2)],
    "three of few": list(product(FEW, repeat=3)),
}
if SCALE > 1:
    VECTORS["three of many"] = list(product(TOKENS, repeat=3))


class Refused(Exception):
    """A usage error, and the status with which it ends a downloader."""

    def __init__(self, status):
        super().__init__(status)
        self.status = status


def by_hand(vector):
    """What `download_many` is to be called with, or the status of a refusal; not for `--`."""
    try:
        words, flags, values = words_and_options(vector)
        if values["-m"] < 1 or values["-l"] < 1 or values["-s"] != "LOCAL":
            raise Refused(1)
        codes = list(named(words, flags)[: values["-l"]]) or list(POP20)
    except Refused as refused:
        return refused.status
    return codes, "http://localhost:8001/flags", "-v" in flags, min(values["-m"], len(codes))


def words_and_options(vector):
    """The words of a vector, its options without a value, and those with one."""
    words, flags, values = [], set(), {"-l": 10**9, "-m": 30, "-s": "LOCAL"}
    ended = False  # argparse takes words from one place only
    tokens = iter(vector)
    for token in tokens:
        if token in ("-e", "-a", "-v"):
            flags.add(token)
        elif token in ("-l", "-m", "-s"):
            value = next(tokens, "-")
            if value.startswith("-") and value != "-1":
                raise Refused(2)
            values[token] = value if token == "-s" else number(value)
        elif token == "-l2":
            values["-l"] = 2
        elif token == "-x" or ended:
            raise Refused(2)
        else:
            words.append(token)
            continue
        ended = bool(words)
    return words, flags, values


def number(text):
    try:
        return int(text)
    except ValueError:
        raise Refused(2) from None


def named(words, flags):
    """All codes that are meant."""
    if "-e" in flags:
        return ALL_CODES
    if "-a" in flags:
        return packaged_codes()
    if not set(words) <= set(WORDS):
        raise Refused(1)
    return sorted({code for word in words for code in WORDS[word]})


def check(vector):
    """What a vector makes the downloaders do is what all others make of it."""
    ended = run_main(list(vector))
    called = ended.calls[0] if ended.calls else ended.status
    if "--" not in vector:  # of which versions of argparse make different things
        assert called == by_hand(vector)
    order = as_the_ledger_reads(vector)
    if not ended.calls:
        assert order is None
        told, silent = (ended.stdout, ended.stderr)[:: 1 if ended.status == 1 else -1]
        assert ended.status in (1, 2)
        assert "usage: " in told
        assert not silent
        return
    codes, _, _, connections = called
    assert (ended.status, ended.stderr) == (0, "")
    assert (list(order.codes), order.label) == (codes, "LOCAL")
    claims = announced(ended)
    assert (claims.label, claims.announced) == ("LOCAL", len(codes))
    assert (claims.first, claims.last) == (codes[0], codes[-1])
    assert claims.concurrency == connections
    assert list(asked_codes(["flags2", *vector], claims)) == codes


def as_the_ledger_reads(vector):
    """The order, or None."""
    try:
        return parse_flags2(vector)
    except CommandLineError:
        return None


def announced(ended):
    return claims_of(ended.stdout.splitlines())


@pytest.mark.parametrize("name", VECTORS)
def test_every_short_command_line_is_read_alike(name, record_property, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)  # there is no packaged_codes.txt
    prove(VECTORS[name], check, record_property)


def test_the_kit_expands_as_the_downloaders_do(record_property):
    """Where the spec says all: without what is legacy (L-4, L-5, L-7)."""
    words = [word for word in TOKENS if not word.startswith("-") and word != "ß"]
    limits = (None, 1, 26, 27)

    def agree(case):
        arguments, limit = case
        ended = run_main([*(["-l", str(limit)] if limit else []), "--", *arguments])
        expected = expansion(arguments, limit=limit)
        assert (ended.status == 0) is (expected is not None)
        assert [list(call[0]) for call in ended.calls] == ([expected] if expected else [])

    vectors = [*product(words), *product(words, repeat=2)]
    prove(list(product(vectors, limits)), agree, record_property)
