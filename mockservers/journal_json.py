"""Journals as JSON Lines: header, entries and end, written to a file and read from one.

A journal that another program wrote can be read, too: fields that are not needed may be missing,
unknown fields and entries are ignored.
"""

import errno
import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import structs

from mockservers.journal import (
    AwayEntry,
    ConnectionEntry,
    DigestEntry,
    End,
    Entry,
    GateEntry,
    Header,
    Line,
    RequestEntry,
    decode,
)

BUFFERED_LINES = 256
"""Lines that wait for a flush at most."""

# --- writing -------------------------------------------------------------------------------


def header_line(header: Header) -> bytes:
    """The header as a line of JSON; command and paths may hold what is no Unicode."""
    always = {"journal": 1, "plans": {}, "command": None, "asked": None, "files_before": None}
    return json.dumps(always | msgspec.to_builtins(header)).encode()


def end_line(end: End) -> bytes:
    """The end as a line of JSON."""
    always = {"end": True, "status": 0, "asked": None, "claims": None, "files_after": None}
    return json.dumps(always | msgspec.to_builtins(end)).encode()


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
        self._lines: list[bytes] = []

    def write_line(self, line: bytes) -> None:
        """Append a line, to be flushed when `BUFFERED_LINES` of them wait."""
        self._lines.append(line)
        if len(self._lines) >= BUFFERED_LINES:
            self.flush()

    def flush(self) -> None:
        """Hand the lines that wait to the operating system."""
        if not self._lines:
            return
        data = memoryview(b"\n".join(self._lines) + b"\n")
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


class Recorder:
    """Hands every entry, as a dictionary, to a function, which neither blocks nor raises."""

    def __init__(self, record: Callable[[dict[str, Any]], None]) -> None:
        self._record = record

    def write_line(self, line: bytes) -> None:
        """Hand it over."""
        self._record(json.loads(line))

    def flush(self) -> None:
        """Do nothing: nothing waits."""


# --- reading -------------------------------------------------------------------------------

_DEFAULTS = {"attempt": 1, "delay_s": 0.0, "start_s": 0.0, "first_byte_s": None, "end_s": 0.0}
"""Fields of a request that a journal of another program may leave out."""
_OPTIONAL = {one.name for one in structs.fields(RequestEntry) if not one.required}
_NOT_NEEDED = _OPTIONAL | set(_DEFAULTS)


def line_from_bytes(line: bytes, *, first: bool) -> Line:
    """A line of a journal; raises ValueError that says what is wrong with it."""
    if not first:
        with suppress(msgspec.DecodeError, RecursionError):
            entry: Entry = decode(line)
            return entry
    try:
        data = json.loads(line)
    except (ValueError, RecursionError) as exc:
        raise ValueError(f"is not JSON: {exc}") from None
    if first and not (isinstance(data, dict) and data.get("journal") == 1):
        raise ValueError("is not the header of a journal")
    return line_from_json(data)


def line_from_json(data: Any) -> Line:
    """The line that a JSON object is; raises ValueError that names the field at fault."""
    if not isinstance(data, dict):
        raise ValueError("is not an entry")
    known = {key: value for key, value in data.items() if value is not None}
    if "journal" in data:
        return _converted(known, Header, "header")
    if data.get("end"):
        return _converted(known, End, "end")
    match data.get("type"):
        case "request":
            needed = {k: v for k, v in data.items() if v is not None or k not in _NOT_NEEDED}
            start_s = needed.get("start_s", 0.0)
            filled = _DEFAULTS | {"start_s": start_s, "end_s": start_s} | needed
            return _converted(filled, RequestEntry, "request entry")
        case "away":
            return _converted(known, AwayEntry, "away entry")
        case "gate":
            return _converted(known, GateEntry, "gate entry")
        case "digest":
            return _converted({"sha256": None} | known, DigestEntry, "digest entry")
        case "connection":
            return _converted(known, ConnectionEntry, "connection entry")
    return None


def entry_from_json(data: dict[str, Any]) -> Entry:
    """The entry that a JSON object is; raises ValueError."""
    entry = line_from_json(data)
    if isinstance(entry, Entry):
        return entry
    raise ValueError(f"is no entry: {data!r}")


T = TypeVar("T", Header, End, RequestEntry, GateEntry, AwayEntry, ConnectionEntry, DigestEntry)


def _converted(data: dict[str, Any], wanted: type[T], what: str) -> T:
    try:
        return msgspec.convert(data, wanted)
    except msgspec.ValidationError as exc:
        field = re.search(r"`(?:\$\.)?([^`]+)`$", str(exc))
        problem = f"{field[1]!r} is missing or of another type" if field else exc
        raise ValueError(f"is no {what}: {problem}") from None


def read_journal(path: Path) -> Iterator[Line]:
    """The lines of a journal, one by one; a last line that was cut short is left out.

    Raises ValueError, naming file and line, for what is no journal or cannot be judged.
    """
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.endswith(b"\n"):
                return
            try:
                yield line_from_bytes(line, first=number == 1)
            except ValueError as exc:
                raise ValueError(f"{path}: line {number} {exc}") from None
