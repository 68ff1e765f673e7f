"""The journal: what was seen, as JSON Lines, written as the run goes.

A header line, an entry per line, an end line. Entries are plain JSON objects; the fields are
listed in SPEC.md, "The journal". Whoever writes such lines can have them judged.
"""

import errno
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Entry = dict[str, Any]
"""One line of a journal."""

Record = Callable[[Entry], None]
"""Takes an entry; must not block and must not raise."""


class JournalFile:
    """Writes a journal so that it is readable to the last whole line whenever the writer dies.

    Each `write` hands whole lines to the operating system. When it cannot (the disk is full),
    `error` keeps the first reason and nothing more is written: a journal with a hole would lie.
    """

    def __init__(self, path: Path) -> None:
        """Start a new journal at `path`; raises OSError where none can be."""
        if path.exists() and not path.is_file():
            raise OSError(errno.EINVAL, "not a regular file")
        self.path = path
        self.error: OSError | None = None
        self._file = path.open("wb", buffering=0)

    def write(self, *entries: Entry) -> None:
        """Append entries, a line each."""
        if self.error:
            return
        lines = memoryview(b"".join(json.dumps(entry).encode() + b"\n" for entry in entries))
        try:
            while lines:
                lines = lines[self._file.write(lines) :]
        except OSError as exc:
            self.error = exc

    def close(self) -> None:
        """Close the file; the journal stays."""
        self._file.close()


def read_journal(path: Path) -> Iterator[Entry]:
    """The lines of a journal, one by one; a last line that was cut short is left out.

    Raises ValueError, naming file and line, for what is no journal.
    """
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.endswith(b"\n"):
                return
            try:
                entry = json.loads(line)
            except ValueError as exc:
                raise ValueError(f"{path}: line {number} is not JSON: {exc}") from None
            if number == 1 and not (isinstance(entry, dict) and entry.get("journal") == 1):
                raise ValueError(f"{path}: line 1 is not the header of a journal")
            yield entry
