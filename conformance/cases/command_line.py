"""The parts of a flags2 command line, even of one that must be rejected; pure.

`mockservers.flags2.arguments` reads a command line as the listings do. This reader names the parts
without judging them, for the checks that explain a wrong reading and for shrinking.
"""

from collections.abc import Sequence
from dataclasses import dataclass

_WITH_VALUE = {"-l": "l", "--limit": "l", "-m": "m", "--max_req": "m", "-s": "s", "--server": "s"}
_WITHOUT_VALUE = {"--every": "e", "--all": "a", "--verbose": "v"}


@dataclass(frozen=True, slots=True)
class CommandLine:
    """The parts that can be named without knowing the program."""

    codes: tuple[str, ...]
    """The arguments that are neither options nor values of options."""
    places: tuple[int, ...]
    """The index of each of them in the arguments."""
    every: bool
    all_codes: bool
    verbose: bool
    limit: int | None
    connections: int | None
    """The number given to `-m`."""


def read_command_line(arguments: Sequence[str]) -> CommandLine:
    """Split arguments into codes and options; a number that is not one reads as None."""
    values: dict[str, str] = {}
    options: set[str] = set()
    places: list[int] = []
    words = enumerate(arguments)
    for place, word in words:
        if word in _WITH_VALUE:
            values[_WITH_VALUE[word]] = next(words, (0, ""))[1]
        elif word in _WITHOUT_VALUE:
            options.add(_WITHOUT_VALUE[word])
        elif word.startswith("-"):
            options.update(word[1:])
        else:
            places.append(place)
    limit, connections = (int(n) if (n := values.get(o, "")).isdigit() else None for o in "lm")
    return CommandLine(
        codes=tuple(arguments[place] for place in places),
        places=tuple(places),
        every="e" in options,
        all_codes="a" in options,
        verbose="v" in options,
        limit=limit,
        connections=connections,
    )
