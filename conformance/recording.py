"""What is known of a program, and what was recorded of one run of it: values; pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mockservers.journal import Entry

MAX_STDOUT = 16 * 2**20
MAX_LINES = 100_000
"""Bytes and lines on stdout that a run may print (REP-11)."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What is known of a program before its cases."""

    startup_s: float = 1.0
    """Seconds from start to end of a small run."""
    connections: int = 8
    """Connections that it announces when `-m` and codes allow eight."""
    ends: bool = True
    """Whether it comes to an end at all."""
    ports: str = "given"
    """`given`: it asks where FLAGS2_*_URL say; `fixed`: it asks 8001 to 8003 all the same."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of stdout, and when it was heard, on the clock of the journal."""

    at_s: float
    text: str


@dataclass(frozen=True, slots=True)
class Run:
    """What was recorded of one run."""

    status: int | None
    """As a shell gives it (128 + signal); None when it was ended from outside."""
    ended: str
    """How: `exit`, `timeout` (the wall limit), or `flood` (REP-11)."""
    lines: tuple[Line, ...]
    stderr: str
    """The last of it."""
    entries: tuple[Entry, ...]
    """What the servers saw."""
    urls: Mapping[str, str]
    """Where they were."""
    files_before: Mapping[str, Mapping[str, Any]]
    files_after: Mapping[str, Mapping[str, Any]]
    left: tuple[str, ...] = ()
    """Names of processes that it left behind."""
    elapsed_s: float = 0.0

    @property
    def texts(self) -> tuple[str, ...]:
        """The lines of stdout."""
        return tuple(line.text for line in self.lines)

    @property
    def stdout(self) -> str:
        """They, one below the other."""
        return "\n".join(self.texts)
