"""What a run says of itself on stdout: its lines, and where they stand; pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mockservers.claims import Claims

HYPHENS = "-" * 20
SITE = re.compile(r"\w+ site: (\S+)")
SEARCH = re.compile(r"Searching for \d+ flags?: .*")
CONNECTIONS = re.compile(r"\d+ concurrent connections? will be used\.")
TOTAL = re.compile(r"(\d+) (flags? downloaded|not found|errors?|interrupted)\.")
ELAPSED = re.compile(r"Elapsed time: \d+\.\d\ds")
LINE_OF_CODE = re.compile(r"(?:[A-Z]{2} (?:OK|not found)|\*\*\* Error for [A-Z]{2}: .*)")
COUNTED = re.compile(r"\b(\d+) (?:concurrent )?(flag|connection|error)(s?)\b")
"""A number, the word that it counts, and its ending."""


@dataclass(frozen=True, slots=True)
class Said:
    """What stdout says, and where."""

    claims: Claims
    texts: tuple[str, ...]
    site: int | None
    search: int | None
    connections: int | None
    hyphens: int | None
    """Places of these lines; of several, the last one counts, as for the ledger."""
    line_of_code: int | None
    """Place of the first line of a code."""

    @property
    def report(self) -> tuple[str, ...]:
        """The lines behind the hyphens."""
        return () if self.hyphens is None else self.texts[self.hyphens + 1 :]


def heard(texts: Sequence[str]) -> Said:
    """Read the lines of a run."""

    def last(pattern: re.Pattern[str]) -> int | None:
        return max((i for i, text in enumerate(texts) if pattern.fullmatch(text)), default=None)

    return Said(
        Claims.from_lines(texts),
        tuple(texts),
        last(SITE),
        last(SEARCH),
        last(CONNECTIONS),
        last(re.compile(HYPHENS)),
        next((i for i, text in enumerate(texts) if LINE_OF_CODE.fullmatch(text)), None),
    )
