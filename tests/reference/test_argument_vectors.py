"""Every short command line is read alike: by the downloaders, the ledger and the kit."""

from itertools import product

import pytest
from golden.observe import run_main
from support.examples import SCALE
from support.exhaustive_cases import prove

from conformance.checks.expansion import expansion
from mockservers.flags2.arguments import CommandLineError, asked_codes, parse_flags2
from mockservers.flags2.output import claims_of

FEW = ("A", "br", "1", "-e", "-a", "-v", "-l", "-m", "-s", "LOCAL")
TOKENS = (*FEW, "ß", "", "0", "-l2", "-1", "-x", "--")
UP_TO_TWO = [(), *product(TOKENS), *product(TOKENS, repeat=2)]
THREE = list(product(TOKENS if SCALE > 1 else FEW, repeat=3))


def check(vector):
    """What a vector makes the downloaders do is what all others make of it."""
    ended = run_main(list(vector))
    try:
        order = parse_flags2(vector)
    except CommandLineError:
        order = None
    if not ended.calls:
        assert order is None
        told, silent = (ended.stdout, ended.stderr)[:: 1 if ended.status == 1 else -1]
        assert ended.status in (1, 2)
        assert "usage: " in told
        assert not silent
        return
    ((codes, _, _, connections),) = ended.calls
    assert (ended.status, ended.stderr) == (0, "")
    assert (list(order.codes), order.label) == (codes, "LOCAL")
    claims = claims_of(ended.stdout.splitlines())
    assert (claims.label, claims.announced) == ("LOCAL", len(codes))
    assert (claims.first, claims.last) == (codes[0], codes[-1])
    assert claims.concurrency == connections
    assert list(asked_codes(["flags2", *vector], claims)) == codes


@pytest.mark.parametrize("vectors", [UP_TO_TWO, pytest.param(THREE, marks=pytest.mark.slow)])
def test_every_short_command_line_is_read_alike(vectors, record_property, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)  # there is no country_codes.txt
    prove(vectors, check, record_property)


def test_the_kit_expands_as_the_downloaders_do(record_property):
    """Where the spec says all: without what is legacy (L-4, L-5, L-7)."""
    words = [word for word in TOKENS if not word.startswith("-") and word != "ß"]

    def agree(case):
        arguments, limit = case
        ended = run_main([*(["-l", str(limit)] if limit else []), "--", *arguments])
        expected = expansion(arguments, limit=limit)
        assert (ended.status == 0) is (expected is not None)
        assert [list(call[0]) for call in ended.calls] == ([expected] if expected else [])

    cases = [
        *product(product(words), (None, 1, 26, 27)), *product(product(words, repeat=2), (27,)),
    ]  # fmt: skip
    prove(cases, agree, record_property)
