"""What is known about a program, and what was recorded about one of its runs; pure values."""

from collections.abc import Mapping
from dataclasses import dataclass

from mockservers.journal import Entry, Files

MAX_STDOUT = 16 * 2**20
MAX_LINES = 100_000
"""Bytes and lines that a run may print on stdout (REP-11)."""


Ports = tuple[int, int, int]
"""The ports of LOCAL, DELAY and ERROR."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What is known about a program before its cases are run."""

    startup_s: float = 1.0
    """Seconds that a small run takes from start to end."""
    connections: int = 8
    """Connections that the program announces when `-m` and the codes allow eight."""
    may_heed: bool = True
    """Whether it gave up so soon, when `FLAGS2_TIMEOUT_S` was 1, that it may read it."""
    ports: Ports | None = None
    """The ports that a program requests which ignores FLAGS2_*_URL; None: it requests those."""


@dataclass(frozen=True, slots=True)
class PrintedLine:
    """A line of stdout, and when it was read, on the clock of the journal."""

    at_s: float
    text: str


@dataclass(frozen=True, slots=True)
class Run:
    """What was recorded of one run."""

    status: int | None
    """As a shell reports it (128 + signal); None if the kit had to end the run."""
    ended: str
    """How: `exit`, `timeout` (the wall limit), or `flood` (REP-11)."""
    lines: tuple[PrintedLine, ...]
    stderr: str
    """The end of it."""
    entries: tuple[Entry, ...]
    """The journal of the servers."""
    urls: Mapping[str, str]
    """The servers' base URLs, by label."""
    files_before: Files
    files_after: Files
    left: tuple[str, ...] = ()
    """Names of processes that were still running after the program had ended."""
    elapsed_s: float = 0.0

    @property
    def texts(self) -> tuple[str, ...]:
        """The lines of stdout."""
        return tuple(line.text for line in self.lines)

    @property
    def stdout(self) -> str:
        """The same as one text, without the last line end."""
        return "\n".join(self.texts)
