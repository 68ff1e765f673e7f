"""Where a run's stdout has the lines of the report's grammar; pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mockservers.flags2.output import claims_of
from mockservers.journal import Claims

HYPHENS = "-" * 20
SITE = re.compile(r"\w+ site: (\S+)")
SEARCH = re.compile(r"Searching for \d+ flags?: .*")
CONNECTIONS = re.compile(r"\d+ concurrent connections? will be used\.")
TOTAL = re.compile(r"(\d+) (flags? downloaded|not found|errors?|interrupted)\.")
ELAPSED = re.compile(r"Elapsed time: \d+\.\d\ds")
LINE_OF_CODE = re.compile(r"(?:[A-Z]{2} (?:OK|not found)|\*\*\* Error for [A-Z]{2}: .*)")
COUNTED = re.compile(r"\b(\d+) (?:concurrent )?(flag|connection|error)(s?)\b")
"""A number, the word that it counts, and the plural ending."""


@dataclass(frozen=True, slots=True)
class PrintedLines:
    """The lines of stdout, what they claim, and the places of those with a meaning.

    If a line occurs several times, the last one counts, as it does for the ledger.
    """

    claims: Claims
    texts: tuple[str, ...]
    site: int | None
    search: int | None
    connections: int | None
    hyphens: int | None
    line_of_code: int | None
    """The first line that reports on one code."""

    @property
    def report(self) -> tuple[str, ...]:
        """The lines after the hyphens."""
        return () if self.hyphens is None else self.texts[self.hyphens + 1 :]


def read_lines(texts: Sequence[str]) -> PrintedLines:
    """Find the lines of the grammar among those that a run printed."""

    def last(pattern: re.Pattern[str]) -> int | None:
        return max((i for i, text in enumerate(texts) if pattern.fullmatch(text)), default=None)

    return PrintedLines(
        claims_of(texts),
        tuple(texts),
        last(SITE),
        last(SEARCH),
        last(CONNECTIONS),
        last(re.compile(HYPHENS)),
        next((i for i, text in enumerate(texts) if LINE_OF_CODE.fullmatch(text)), None),
    )
