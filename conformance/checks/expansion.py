"""The codes that arguments ask for, and the clause that a wrong list of codes breaks; pure.

A wrong list is explained by misreadings: wrong ways to read the arguments, each of which differs
from the right way in one place. The one that gives the same list is the fault.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from string import ascii_uppercase

from mockservers.flags2.codes import ALL_CODES, POP20, packaged_codes


def codes_of(word: str) -> Sequence[str]:
    """The codes of an argument; none for one that must be rejected."""
    if not word.isascii() or not word.isalpha() or len(word) > 2:
        return ()
    capitals = word.upper()
    return [capitals] if len(word) == 2 else [capitals + second for second in ascii_uppercase]


def in_order(codes: Sequence[str], limit: int | None) -> Sequence[str]:
    """The first `limit` of the codes, each once, in ascending order."""
    return sorted(set(codes))[:limit]


def expansion(
    arguments: Sequence[str], every: bool = False, all_codes: bool = False, limit: int | None = None
) -> Sequence[str] | None:
    """The codes asked for; None for a usage error.

    At most one of `every`, `all_codes` and arguments is given, and no limit without any of them:
    other combinations are legacy (L-4, L-7).
    """
    words = _words(arguments, every, all_codes)
    if not all(map(codes_of, words)):
        return None
    return _read(words, limit)


@dataclass(frozen=True, slots=True)
class Misreading:
    """A way to read arguments that is wrong in one place, and so breaks `clause`."""

    clause: str
    word: Callable[[str], Sequence[str]] = codes_of
    arrange: Callable[[Sequence[str], int | None], Sequence[str]] = in_order


def _only(length: int, wrong: Callable[[str], Sequence[str]]) -> Callable[[str], Sequence[str]]:
    """Arguments of this length are misread."""
    return lambda word: wrong(word) if len(word) == length else codes_of(word)


def _drop(word: str) -> Sequence[str]:
    return ()


def _drop_lower_case(word: str) -> Sequence[str]:
    return codes_of(word) if word.isupper() else ()


ARRANGED = (
    # The first N before sorting; or before duplicates are removed.
    Misreading("EXP-5", arrange=lambda codes, n: in_order(list(dict.fromkeys(codes))[:n], None)),
    Misreading("EXP-5", arrange=lambda codes, n: in_order(codes[:n], None)),
    Misreading("EXP-5", arrange=lambda codes, n: in_order(sorted(codes)[:n], None)),
    Misreading("EXP-5", arrange=lambda codes, n: in_order(in_order(codes, None)[::-1][:n], None)),
    Misreading("EXP-5", arrange=lambda codes, n: in_order(codes, n and n - 1)),
    Misreading("EXP-3", arrange=lambda codes, n: sorted(codes)[:n]),
    Misreading("EXP-4", arrange=lambda codes, n: list(dict.fromkeys(codes))[:n]),
    Misreading("EXP-4", arrange=lambda codes, n: in_order(codes, n)[::-1]),
    Misreading("EXP-4", arrange=lambda codes, n: in_order(codes, None)[::-1][:n]),
    Misreading("EXP-1", word=lambda word: [code.lower() for code in codes_of(word)]),
)
"""Misreadings of any codes. `_is_cut` finds other lists that are cut at a wrong place."""

MISREAD = (
    Misreading("EXP-1", word=_only(2, lambda word: [word])),
    Misreading("EXP-1", word=_only(2, _drop)),
    Misreading("EXP-1", word=_only(2, _drop_lower_case)),
    Misreading("EXP-1", word=_only(2, lambda word: codes_of(word[0]))),
    Misreading("EXP-1", word=_only(2, lambda word: [word.lower()])),
    Misreading("EXP-2", word=_only(1, lambda word: [code.lower() for code in codes_of(word)])),
    Misreading("EXP-2", word=_only(1, lambda word: [word])),
    Misreading("EXP-2", word=_only(1, lambda word: [word.upper()])),
    Misreading("EXP-2", word=_only(1, lambda word: [word.upper() * 2])),
    Misreading("EXP-2", word=_only(1, _drop)),
    Misreading("EXP-2", word=_only(1, _drop_lower_case)),
    Misreading(
        "EXP-2", word=_only(1, lambda word: [first + word.upper() for first in ascii_uppercase])
    ),
    Misreading(
        "EXP-2", word=_only(1, lambda word: [c for c in packaged_codes() if c[0] == word.upper()])
    ),
    Misreading("EXP-2", word=_only(1, lambda word: codes_of(word)[:-1])),
    Misreading("EXP-2", word=_only(1, lambda word: codes_of(word)[1:])),
)
"""Misreadings of arguments of one letter or two."""


def misread(
    codes: Sequence[str],
    arguments: Sequence[str],
    every: bool = False,
    all_codes: bool = False,
    limit: int | None = None,
    count: int | None = None,
) -> str:
    """The likeliest clause of EXP that is broken if these arguments lead to `codes`, which are
    wrong.

    If `count` is not the number of `codes`, only this is known: how many codes there were, and the
    first and the last of them, which are in `codes`.
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
    """Every clause that may be broken, the likeliest first; see `misread` for the arguments."""
    words = _words(arguments, every, all_codes)
    right = expansion(arguments, every, all_codes, limit)
    if right is None:
        return ["EXP-9"]
    whole = count is None or count == len(codes)
    named = bool(arguments) and not every and not all_codes

    def gives(wrong: Misreading) -> bool:
        read = _read(words, limit, wrong.word, wrong.arrange)
        if whole:
            return read == list(codes)
        return (len(read), *read[:1], *read[-1:]) == (count, *codes[:1], *codes[-1:])

    found = [
        wrong.clause
        for wrong in (ARRANGED + MISREAD if named else ARRANGED)
        if (limit is not None or wrong.clause != "EXP-5") and gives(wrong)
    ]
    if found:
        return list(dict.fromkeys(found))
    if whole and set(codes) == set(right):
        return ["EXP-3" if len(codes) > len(right) else "EXP-4"]
    if limit is not None and _is_cut(codes, _read(words, None), whole):
        return ["EXP-5"]
    if not named:
        return ["EXP-6" if every else "EXP-7" if all_codes else "EXP-8"]
    differing = set(codes) ^ set(right)
    letters = {word.upper() for word in arguments if len(word) == 1}
    return ["EXP-2" if {code[:1].upper() for code in differing} & letters else "EXP-1"]


def _is_cut(codes: Sequence[str], uncut: Sequence[str], whole: bool) -> bool:
    """Whether the codes, as far as they are known, are a part of `uncut`, in order."""
    return set(codes) <= set(uncut) and (not whole or list(codes) == sorted(set(codes)))


def _words(arguments: Sequence[str], every: bool, all_codes: bool) -> Sequence[str]:
    if every:
        return ALL_CODES
    return packaged_codes() if all_codes else (arguments or POP20)


def _read(
    words: Sequence[str],
    limit: int | None,
    read: Callable[[str], Sequence[str]] = codes_of,
    arrange: Callable[[Sequence[str], int | None], Sequence[str]] = in_order,
) -> list[str]:
    return list(arrange([code for word in words for code in read(word)], limit))
