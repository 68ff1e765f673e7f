"""Country codes and the flags2 command line, as the servers and the ledger read them.

Written apart from the reference, whose expansion a test holds equal to this one: the books
would prove nothing if both sides of them were kept by the same hand.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from string import ascii_uppercase
from typing import NoReturn

ALL_CODES = tuple(map("".join, product(ascii_uppercase, repeat=2)))
"""AA to ZZ, 676 of them."""

POP20 = tuple("BD BR CD CN DE EG ET FR ID IN IR JP MX NG PH PK RU TR US VN".split())
"""What a flags2 command line without codes asks for: the twenty most populous countries."""

MAX_WORDS = 700
"""Words at the end of a command that are looked at: room for every code and all options."""

LABELS = ("LOCAL", "DELAY", "ERROR")
"""The servers of this package."""

CODE_OF_PATH = {f"/flags/{code}/{code}.gif": code.upper() for code in map(str.lower, ALL_CODES)}
"""`BR` for `/flags/br/br.gif`; no other path is that of a code."""


def country_codes(folder: Path | None = None) -> tuple[str, ...]:
    """The words of `country_codes.txt` in `folder`, else of the packaged copy (194 codes)."""
    path = Path(folder, "country_codes.txt") if folder else None
    if path is None or not path.is_file():
        path = Path(__file__).parents[1] / "country_codes.txt"
    return tuple(path.read_text(encoding="utf-8", errors="replace").split())


def is_code(text: str) -> bool:
    """Whether `text` is one of the 676 codes."""
    return len(text) == 2 and text.isascii() and text.isalpha() and text.isupper()


def path_of_code(code: str) -> str:
    """`/flags/br/br.gif` for `BR`."""
    return f"/flags/{code.lower()}/{code.lower()}.gif"


class CommandLineError(ValueError):
    """Not a flags2 command line; the text says why."""


@dataclass(frozen=True, slots=True)
class Order:
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


def expand(args: argparse.Namespace, folder: Path | None = None) -> Order:
    """The codes and the server that parsed arguments mean; raises CommandLineError.

    `folder` is where `-a` looks for `country_codes.txt` first.
    """
    if args.limit < 1:
        raise CommandLineError(f"--limit must be at least 1, not {args.limit}")
    label = args.server.upper()
    if label not in (*LABELS, "REMOTE"):
        raise CommandLineError(f"--server must be one of LOCAL, DELAY, ERROR, not {args.server}")
    wanted: set[str] = set()
    if args.every:
        wanted = set(ALL_CODES)
    elif args.all:
        wanted = set(country_codes(folder))
    else:
        for word in args.cc:
            # A code is asked for by itself or by its first letter.
            named = {c for c in ALL_CODES if word.upper() in (c, c[0])}
            if not named:
                raise CommandLineError(f"CC must be A to Z or AA to ZZ, not {word!r}")
            wanted |= named
    return Order(tuple(sorted(wanted)[: args.limit]) or POP20, label)


def parse_flags2(words: Sequence[str], folder: Path | None = None) -> Order:
    """Read `words` by the flags2 grammar; raises CommandLineError where they do not parse."""
    parser = _Parser(add_help=False)
    add_flags2_arguments(parser)
    parser.add_argument("-m", "--max_req", type=int, default=1)
    parser.add_argument("-v", "--verbose", action="store_true")
    args = parser.parse_args(list(words))
    if args.max_req < 1:
        raise CommandLineError(f"--max_req must be at least 1, not {args.max_req}")
    return expand(args, folder)


def readings(command: Sequence[str], folder: Path | None = None) -> Iterator[Order]:
    """Every tail of a command that parses by the flags2 grammar, the longest first.

    The first word is the program. Which tail holds the program's own arguments is known only
    when the program has announced what it will do (`mockservers.ledger`).
    """
    for start in range(max(1, len(command) - MAX_WORDS), len(command) + 1):
        with suppress(CommandLineError):
            yield parse_flags2(command[start:], folder)
