"""The flags2 command line, as the servers and the ledger read it.

Written apart from the reference, whose expansion a test holds equal to this one: a ledger proves
nothing if the same code computes both of its sides.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import ascii_uppercase
from typing import NoReturn

from mockservers.flags2.codes import ALL_CODES, POP20, REMOTE, packaged_codes
from mockservers.journal import Claims
from mockservers.plan import LABELS

MAX_WORDS = 700
"""Words at the end of a command that are looked at: room for every code and all options."""

_CODES_OF = {code: (code,) for code in ALL_CODES} | {
    letter: tuple(code for code in ALL_CODES if code[0] == letter) for letter in ascii_uppercase
}
"""The codes that a word asks for: a code by itself or by its first letter."""


def country_codes(folder: Path) -> tuple[str, ...]:
    """The words of `country_codes.txt` in `folder`, else of the packaged copy."""
    file = folder / "country_codes.txt"
    if not file.is_file():
        return packaged_codes()
    return tuple(file.read_text(encoding="utf-8", errors="replace").split())


class CommandLineError(ValueError):
    """Not a flags2 command line; the text says why."""


@dataclass(frozen=True, slots=True)
class Flags2Request:
    """What a flags2 command line asks for."""

    codes: tuple[str, ...]
    label: str


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise CommandLineError(message)


def add_flags2_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the codes and the options of flags2 that decide which codes are asked for."""
    parser.add_argument("cc", metavar="CC", nargs="*", help="code, or letter for 26 codes")
    parser.add_argument("-a", "--all", action="store_true", help="the codes of country_codes.txt")
    parser.add_argument("-e", "--every", action="store_true", help="AA to ZZ")
    parser.add_argument(
        "-l", "--limit", metavar="N", type=int, default=sys.maxsize, help="the first N codes"
    )
    parser.add_argument(
        "-s", "--server", metavar="LABEL", default="LOCAL", help="LOCAL, DELAY or ERROR"
    )


def expand(args: argparse.Namespace, folder: Path | None = None) -> Flags2Request:
    """The codes and the server that parsed arguments mean; raises CommandLineError.

    `folder` is where `-a` looks for `country_codes.txt` first.
    """
    if args.limit < 1:
        raise CommandLineError(f"--limit must be at least 1, not {args.limit}")
    label = args.server.upper()
    if label not in (*LABELS, REMOTE):
        raise CommandLineError(f"--server must be one of LOCAL, DELAY, ERROR, not {args.server}")
    wanted: set[str] = set()
    if args.every:
        wanted = set(ALL_CODES)
    elif args.all:
        wanted = set(country_codes(folder) if folder else packaged_codes())
    else:
        for word in args.cc:
            named = _CODES_OF.get(word.upper())
            if not named:
                raise CommandLineError(f"CC must be A to Z or AA to ZZ, not {word!r}")
            wanted.update(named)
    return Flags2Request(tuple(sorted(wanted)[: args.limit]) or POP20, label)


@cache
def _parser() -> _Parser:
    parser = _Parser(add_help=False)
    add_flags2_arguments(parser)
    parser.add_argument("-m", "--max_req", type=int, default=1)
    parser.add_argument("-v", "--verbose", action="store_true")
    return parser


def parse_flags2(words: Sequence[str], folder: Path | None = None) -> Flags2Request:
    """Read `words` by the flags2 grammar; raises CommandLineError where they do not parse."""
    args = _parser().parse_args(list(words))
    if args.max_req < 1:
        raise CommandLineError(f"--max_req must be at least 1, not {args.max_req}")
    return expand(args, folder)


def parses(words: Sequence[str]) -> bool:
    """Whether argparse accepts the words; what they mean may be wrong all the same."""
    try:
        _parser().parse_args(list(words))
    except CommandLineError:
        return False
    return True


def readings(command: Sequence[str], folder: Path | None = None) -> Iterator[Flags2Request]:
    """Every tail of a command that parses by the flags2 grammar, the longest first.

    The first word is the program. Which tail holds the program's own arguments is known only
    when the program has announced what it will do (`mockservers.ledger`).
    """
    for start in range(max(1, len(command) - MAX_WORDS), len(command) + 1):
        with suppress(CommandLineError):
            yield parse_flags2(command[start:], folder)


def asked_codes(
    command: Sequence[str], claims: Claims, folder: Path | None = None
) -> tuple[str, ...] | None:
    """The codes that a program was asked for, or None where that cannot be known.

    They are those of the longest tail of the command that reads as a flags2 command line and
    agrees with what the program announced; else the list that it printed.
    """
    if claims.announced is None:
        return None
    announced = (claims.announced, claims.first, claims.last)
    for reading in readings(command, folder):
        if (len(reading.codes), reading.codes[0], reading.codes[-1]) == announced:
            return reading.codes
    if claims.listed and len(claims.listed) == claims.announced:
        return claims.listed
    return None
