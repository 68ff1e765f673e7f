"""The journal: what was seen, as JSON Lines, written as the run goes.

A header line, an entry per line, an end line. Entries are plain JSON objects; the fields are
listed in SPEC.md, "The journal". Whoever writes such lines can have them judged.
"""

import errno
import json
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from mockservers.faults import KINDS

Entry = dict[str, Any]
"""One line of a journal."""

Record = Callable[[Entry], None]
"""Takes an entry; must not block and must not raise."""

BUFFERED_LINES = 256
"""Lines that wait for a flush at most."""


class Journal(Protocol):
    """Where the entries of a run go, one by one; neither blocks nor raises."""

    def write(self, entry: Entry) -> None:
        """Add an entry and flush."""

    def write_line(self, line: str) -> None:
        """Add an entry that is a line of JSON already; it may wait for the next flush."""

    def flush(self) -> None:
        """Hand over what waits."""


class NoJournal:
    """Forgets every entry."""

    def write(self, entry: Entry) -> None:
        """Do nothing."""

    def write_line(self, line: str) -> None:
        """Do nothing."""

    def flush(self) -> None:
        """Do nothing."""


class Recorder:
    """Hands every entry to a function."""

    def __init__(self, record: Record) -> None:
        self._record = record

    def write(self, entry: Entry) -> None:
        """Hand it over."""
        self._record(entry)

    def write_line(self, line: str) -> None:
        """Hand it over, as an object."""
        self._record(json.loads(line))

    def flush(self) -> None:
        """Do nothing: nothing waits."""


class JournalFile:
    """Writes a journal so that it is readable to the last whole line whenever the writer dies.

    Each flush hands whole lines to the operating system. When it cannot (the disk is full),
    `error` keeps the first reason and nothing more is written: a journal with a hole would lie.
    """

    def __init__(self, path: Path) -> None:
        """Start a new journal at `path`; raises OSError where none can be."""
        if path.exists() and not path.is_file():
            raise OSError(errno.EINVAL, "not a regular file")
        self.path = path
        self.error: OSError | None = None
        self._file = path.open("wb", buffering=0)
        self._lines: list[str] = []

    def write(self, entry: Entry) -> None:
        """Append an entry and flush."""
        self.write_line(json.dumps(entry))
        self.flush()

    def write_line(self, line: str) -> None:
        """Append a line of JSON, to be flushed when `BUFFERED_LINES` of them wait."""
        self._lines.append(line)
        if len(self._lines) >= BUFFERED_LINES:
            self.flush()

    def flush(self) -> None:
        """Hand the lines that wait to the operating system."""
        if not self._lines:
            return
        data = memoryview(("\n".join(self._lines) + "\n").encode())
        self._lines.clear()
        try:
            while data and not self.error:
                data = data[self._file.write(data) :]
        except OSError as exc:
            self.error = exc

    def close(self) -> None:
        """Flush and close the file; the journal stays."""
        self.flush()
        self._file.close()


@lru_cache(maxsize=4096)
def request_template(
    server: str,
    method: str,
    do: str | None,
    status: int | None,
    length: int | None,
    bytes_sent: int,
    complete: bool,
    client_gone: bool,
    client_closed: bool,
    sha256: str | None,
    location: str | None,
) -> str:
    """A `request` entry as a line of JSON, with places (%s) for all that is not an argument.

    They are, in order and as JSON: n, conn, path, code, attempt, in_flight, delay_s, start_s,
    first_byte_s, end_s. A line is made from a template because `json.dumps` would take as long as
    all the rest of a request.
    """
    who = {"server": server, "method": method}
    what: Entry = {"do": do, "status": status}
    if location is not None:
        what["location"] = location
    what |= {"length": length, "bytes_sent": bytes_sent, "complete": complete}
    what["client_gone"] = client_gone
    if client_closed:
        what["client_closed"] = True
    what["sha256"] = sha256
    first, second = (json.dumps(part)[1:-1].replace("%", "%%") for part in (who, what))
    return (
        f'{{"type": "request", "n": %s, "conn": %s, {first}, "path": %s, "code": %s, '
        f'"attempt": %s, {second}, "in_flight": %s, "delay_s": %s, "start_s": %s, '
        f'"first_byte_s": %s, "end_s": %s}}'
    )


def narrowed(template: str, path: str, code: str | None, delay_s: float) -> str:
    """A request template with fewer places: n, conn, attempt, in_flight (all %d), start_s,
    first_byte_s (both %s), end_s (%f).
    """
    number = "\0d"  # JSON has no NUL
    line = template % (
        number, number, json.dumps(path), json.dumps(code), number, number, delay_s,
        "\0s", "\0s", "\0.6f",
    )  # fmt: skip
    return line.replace("%", "%%").replace("\0", "%")


def fate_name(entry: Entry) -> str:
    """What a request met, for people: its kind of reply, where a whole 404 is told apart."""
    do = entry.get("do")
    if do is None:
        return "bad request"
    if do == "serve" and entry.get("status") == 404:
        return "not found"
    return do if do in KINDS else "other"


_TEXT, _NONE = (str,), type(None)
_REQUEST: dict[str, tuple[type, ...]] = {
    "n": (int,),
    "conn": (int,),
    "server": _TEXT,
    "method": _TEXT,
    "path": _TEXT,
    "code": (str, _NONE),
    "do": (str, _NONE),
    "status": (int, _NONE),
    "length": (int, _NONE),
    "bytes_sent": (int,),
    "complete": (bool,),
    "client_gone": (bool,),
    "sha256": (str, _NONE),
    "in_flight": (int,),
}
"""What a `request` entry needs to be judged."""


def read_journal(path: Path) -> Iterator[Entry]:
    """The lines of a journal, one by one; a last line that was cut short is left out.

    Raises ValueError, naming file and line, for what is no journal or cannot be judged.
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
            if not isinstance(entry, dict):
                raise ValueError(f"{path}: line {number} is not an entry")
            if entry.get("type") == "request":
                for name, types in _REQUEST.items():
                    if not isinstance(entry.get(name, ...), types):
                        what = f"{name!r} is missing or of another type"
                        raise ValueError(f"{path}: line {number} is no request entry: {what}")
            yield entry
