"""What is seen of a command in one situation; pure values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from conformance.download.content import Look
from mockservers.journal import AwayEntry, RequestEntry

Entries = Sequence[RequestEntry | AwayEntry]
"""The entries of a journal that matter here, in order of their number."""


class How(StrEnum):
    """How a run of the command ended."""

    EXIT = "exit"
    HANGS = "hangs"
    """It waited for a silent server longer than the patience, and was ended."""
    WAITS = "waits"
    """It waited though no request was in flight, and was ended."""
    ASKS_ON = "asks on"
    """It made too many requests, and was ended."""
    TOO_LONG = "too long"
    """It went on for too long, and was ended."""
    STOPPED = "stopped"
    """The suite is being stopped."""


@dataclass(frozen=True, slots=True)
class Ran:
    """One run of the command."""

    status: int | None
    """Its exit status as a shell gives it; None where it was ended."""
    how: How
    entries: Entries
    elapsed_s: float
    stdout: str = ""
    stderr: str = ""

    @property
    def requests(self) -> list[RequestEntry]:
        """Its requests."""
        return [entry for entry in self.entries if isinstance(entry, RequestEntry)]


@dataclass(frozen=True, slots=True)
class Found:
    """A file in the folder of the command, or the one with the final name."""

    look: Look
    size: int
    changed: bool
    """Whether it is another one than before."""
    marked: bool = False
    """Whether its name, its folder or a file beside it says that it is incomplete."""


@dataclass(frozen=True, slots=True)
class Recording:
    """All runs of the command in one situation, and what is there at the end."""

    command: tuple[str, ...]
    """As it was run, with everything filled in."""
    runs: tuple[Ran, ...]
    files: Mapping[str, Found]
    """By name, below the folder; the final name first, where there is a file."""
    final: str | None
    """The final name; None where the command chooses it."""
    outside: tuple[str, ...] = ()
    """New files outside its folder."""

    @property
    def last(self) -> Ran:
        """The run that decides."""
        return self.runs[-1]

    @property
    def entries(self) -> Entries:
        """The entries of all runs."""
        return [entry for run in self.runs for entry in run.entries]

    @property
    def requests(self) -> list[RequestEntry]:
        """The requests of all runs."""
        return [entry for run in self.runs for entry in run.requests]

    @property
    def gets(self) -> list[RequestEntry]:
        """Those that fetch: no HEAD."""
        return [entry for entry in self.requests if entry.method == "GET"]
