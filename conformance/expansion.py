"""Which codes are asked for, and which promise a wrong list of them breaks; pure.

A wrong list is named by trying wrong ways to read the arguments: the one that gives the same
list is the fault. Each differs from the right way in one place.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from string import ascii_uppercase

from mockservers.codes import ALL_CODES, POP20, country_codes


def codes_of(word: str) -> Sequence[str]:
    """The codes that an argument stands for; none for one that must be refused."""
    if not word.isascii() or not word.isalpha() or len(word) > 2:
        return ()
    capitals = word.upper()
    return [capitals] if len(word) == 2 else [capitals + second for second in ascii_uppercase]


def in_order(codes: Sequence[str], limit: int | None) -> Sequence[str]:
    """The first `limit` of the codes: each once, in ascending order."""
    return sorted(set(codes))[:limit]


def expansion(
    arguments: Sequence[str], every: bool = False, all_codes: bool = False, limit: int | None = None
) -> Sequence[str] | None:
    """The codes asked for; None where it must be a usage error.

    Of `every`, `all_codes` and arguments there is one at most, and no limit without any: what more
    mean is legacy (L-4, L-7).
    """
    words = _words(arguments, every, all_codes)
    if not all(map(codes_of, words)):
        return None
    return _read(Reading("right"), words, limit)


@dataclass(frozen=True, slots=True)
class Reading:
    """A way to read arguments; wrong in one place, it breaks `clause`."""

    clause: str
    word: Callable[[str], Sequence[str]] = codes_of
    arrange: Callable[[Sequence[str], int | None], Sequence[str]] = in_order


def _only(length: int, wrong: Callable[[str], Sequence[str]]) -> Callable[[str], Sequence[str]]:
    """Arguments of so many letters are misread."""
    return lambda word: wrong(word) if len(word) == length else codes_of(word)


def _drop(word: str) -> Sequence[str]:
    return ()


def _drop_small(word: str) -> Sequence[str]:
    return codes_of(word) if word.isupper() else ()


ARRANGED = (
    Reading("EXP-5", arrange=lambda codes, limit: in_order(codes, None)),
    # The first N as they are named, before they are sorted; or before each is taken once.
    Reading("EXP-5", arrange=lambda codes, n: in_order(list(dict.fromkeys(codes))[:n], None)),
    Reading("EXP-5", arrange=lambda codes, n: in_order(codes[:n], None)),
    Reading("EXP-5", arrange=lambda codes, n: in_order(sorted(codes)[:n], None)),
    Reading("EXP-5", arrange=lambda codes, n: in_order(codes, None)[-(n or 0) :]),
    Reading("EXP-5", arrange=lambda codes, n: in_order(codes, n and n - 1)),
    Reading("EXP-5", arrange=lambda codes, n: in_order(codes, n and n + 1)),
    Reading("EXP-3", arrange=lambda codes, n: sorted(codes)[:n]),
    Reading("EXP-4", arrange=lambda codes, n: list(dict.fromkeys(codes))[:n]),
    Reading("EXP-4", arrange=lambda codes, n: in_order(codes, n)[::-1]),
    Reading("EXP-4", arrange=lambda codes, n: in_order(codes, None)[::-1][:n]),
    Reading("EXP-1", word=lambda word: [code.lower() for code in codes_of(word)]),
)
"""Wrong ways with any codes."""

MISREAD = (
    Reading("EXP-1", word=_only(2, lambda word: [word])),
    Reading("EXP-1", word=_only(2, _drop)),
    Reading("EXP-1", word=_only(2, _drop_small)),
    Reading("EXP-1", word=_only(2, lambda word: codes_of(word[0]))),
    Reading("EXP-2", word=_only(1, lambda word: [word])),
    Reading("EXP-2", word=_only(1, lambda word: [word.upper()])),
    Reading("EXP-2", word=_only(1, lambda word: [word.upper() * 2])),
    Reading("EXP-2", word=_only(1, _drop)),
    Reading("EXP-2", word=_only(1, _drop_small)),
    Reading("EXP-2", word=_only(1, lambda word: [word + second for second in ascii_uppercase])),
    Reading(
        "EXP-2", word=_only(1, lambda word: [first + word.upper() for first in ascii_uppercase])
    ),
    Reading(
        "EXP-2", word=_only(1, lambda word: [c for c in country_codes() if c[0] == word.upper()])
    ),
    Reading("EXP-2", word=_only(1, lambda word: codes_of(word)[:-1])),
    Reading("EXP-2", word=_only(1, lambda word: codes_of(word)[1:])),
)
"""Wrong ways with words of one letter or two."""


def misread(
    codes: Sequence[str],
    arguments: Sequence[str],
    every: bool = False,
    all_codes: bool = False,
    limit: int | None = None,
    count: int | None = None,
) -> str:
    """The clause of EXP that is broken where `codes`, which are wrong, were taken for these.

    With `count`, only so much is known: how many there were, and in `codes` the first and the last.
    """
    return explanations(codes, arguments, every, all_codes, limit, count)[0]


def explanations(
    codes: Sequence[str],
    arguments: Sequence[str],
    every: bool = False,
    all_codes: bool = False,
    limit: int | None = None,
    count: int | None = None,
) -> Sequence[str]:
    """Every clause that may be the one broken, the likeliest first; see `misread`."""
    words = _words(arguments, every, all_codes)
    if not all(map(codes_of, words)):
        return ["EXP-9"]
    answer = _known(codes, count)

    def found() -> Iterator[str]:
        for reading in ARRANGED if every or all_codes or not arguments else ARRANGED + MISREAD:
            if reading.clause == "EXP-5" and limit is None:
                continue
            if _known(_read(reading, words, limit), count) == answer:
                yield reading.clause

    right = _read(Reading("right"), words, limit)
    return list(dict.fromkeys(found())) or [
        _by_form(codes, right, words, limit, count) or _pool(arguments, every, all_codes)
    ]


def _words(arguments: Sequence[str], every: bool, all_codes: bool) -> Sequence[str]:
    if every:
        return ALL_CODES
    return country_codes() if all_codes else (arguments or POP20)


def _read(reading: Reading, words: Sequence[str], limit: int | None) -> Sequence[str]:
    return reading.arrange([code for word in words for code in reading.word(word)], limit)


def _known(codes: Sequence[str], count: int | None) -> object:
    """What is compared: the list, or the number, the first and the last of it."""
    if count is None:
        return list(codes)
    return (count if len(codes) <= 2 else len(codes)), *codes[:1], *codes[-1:]
