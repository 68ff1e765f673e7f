"""The journal: what was seen during a run, as JSON Lines, written as the run goes.

A header line, an entry per line, an end line; SPEC.md, "The journal", has the fields. Each is a
frozen struct here, read from and written to JSON in this module alone. A journal that another
program wrote can be judged, too: fields that are not needed may be missing, unknown ones are
ignored.
"""

import errno
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

import msgspec
from msgspec import UNSET, Struct, UnsetType

from mockservers.faults import KINDS

BUFFERED_LINES = 256
"""Lines that wait for a flush at most."""


class RequestEntry(Struct, frozen=True, kw_only=True, tag_field="type", tag="request"):
    """A request, written when it has ended."""

    n: int
    """By order of arrival, from 1."""
    conn: int
    server: str
    method: str
    path: str
    """As it was sent, without the query."""
    code: str | None
    attempt: int
    do: str | None
    """The kind of response; None for a request that the server refused on its own."""
    status: int | None
    """None where no header section was sent whole."""
    location: str | UnsetType = UNSET
    length: int | None
    """Body bytes announced."""
    bytes_sent: int
    """Of the body."""
    complete: bool
    """Everything that was planned was handed over."""
    client_gone: bool
    client_closed: bool | UnsetType = UNSET
    """The client had closed its side before the response began."""
    sha256: str | None
    """Of the body bytes sent; None where there are none."""
    in_flight: int
    """On this server, when the request arrived, itself included."""
    delay_s: float
    start_s: float
    """Seconds since the run began, like all times of an entry."""
    first_byte_s: float | None
    end_s: float

    @property
    def leads_to(self) -> str | None:
        """The Location of a redirect."""
        return self.location if isinstance(self.location, str) else None

    @property
    def met(self) -> str:
        """What the request met, for people: its kind of response, where a plain 404 is apart."""
        if self.do is None:
            return "bad request"
        if self.do == "serve" and self.status == 404:
            return "not found"
        return self.do if self.do in KINDS else "other"


class GateEntry(Struct, frozen=True, kw_only=True, tag_field="type", tag="gate"):
    """The gate of a server has opened."""

    server: str
    held: int
    filled: bool
    """Whether enough were held; else its time was up."""
    at_s: float = 0.0


class ConnectionEntry(Struct, frozen=True, kw_only=True, tag_field="type", tag="connection"):
    """A connection that ended without a request line, or was refused."""

    conn: int
    server: str
    status: int | None
    reason: str
    start_s: float = 0.0
    end_s: float = 0.0


class KeptFile(Struct, frozen=True, omit_defaults=True):
    """A regular file of the folder in which a program saves."""

    size: int
    sha256: str
    mtime_ns: int | None = None
    """The last change tells a file that was written again from one that was not."""


Files = Mapping[str, KeptFile]
"""The files of a folder, by name."""


class Claims(Struct, frozen=True, kw_only=True):
    """What a program says of its own run."""

    label: str | None = None
    """The server that it says it asks."""
    announced: int | None = None
    """How many codes it says it will ask for; `first`, `last` or `listed` are some of them."""
    first: str | None = None
    last: str | None = None
    listed: tuple[str, ...] | None = None
    concurrency: int | None = None
    """How many connections it says it will use."""
    fates: dict[str, dict[str, int]] = {}
    """How often a code was called ok, not_found or error."""
    totals: dict[str, int] | None = None
    """The final report: ok, not_found, error, interrupted; None when there was none."""


class Header(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The first line of a journal: what was planned, and what was there before."""

    plans: dict[str, Any] = {}
    """Plans as JSON, by label."""
    command: tuple[str, ...] | None = None
    """None where any client may send requests."""
    asked: tuple[str, ...] | None = None
    dest: str | None = None
    """The folder in which the program saves."""
    files_before: dict[str, KeptFile] | None = None


class End(Struct, frozen=True, kw_only=True):
    """The last line of a journal: what the program said, and what is there now."""

    status: int = 0
    asked: tuple[str, ...] | None = None
    claims: Claims | None = None
    files_after: dict[str, KeptFile] | None = None


Entry = RequestEntry | GateEntry | ConnectionEntry
Line = Header | Entry | End | None
"""A line of a journal; None for an entry of a type that is not known here."""


# --- writing -------------------------------------------------------------------------------

encode = msgspec.json.Encoder().encode
"""An entry as a line of JSON, in UTF-8, without the line end."""


def header_line(header: Header) -> bytes:
    """The header as a line of JSON; command and paths may hold what is no Unicode."""
    always = {"journal": 1, "plans": {}, "command": None, "asked": None, "files_before": None}
    return json.dumps(always | msgspec.to_builtins(header)).encode()


def end_line(end: End) -> bytes:
    """The end as a line of JSON."""
    return json.dumps({"end": True} | msgspec.to_builtins(end)).encode()


class Journal(Protocol):
    """Where the lines of a run go, one by one; neither method blocks or raises."""

    def write_line(self, line: bytes) -> None:
        """Add an entry, as JSON without the line end; it may wait for the next flush."""

    def flush(self) -> None:
        """Hand over what waits."""


class NoJournal:
    """Forgets every entry."""

    def write_line(self, line: bytes) -> None:
        """Do nothing."""

    def flush(self) -> None:
        """Do nothing."""


class Recorder:
    """Hands every entry, as a dictionary, to a function, which neither blocks nor raises."""

    def __init__(self, record: Callable[[dict[str, Any]], None]) -> None:
        self._record = record

    def write_line(self, line: bytes) -> None:
        """Hand it over."""
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


# --- reading -------------------------------------------------------------------------------

decode = msgspec.json.Decoder(Entry).decode
"""An entry that this package wrote; raises msgspec.DecodeError."""
_NOT_NEEDED = {"attempt": 1, "delay_s": 0.0, "start_s": 0.0, "first_byte_s": None, "end_s": 0.0}
"""Fields of a request that a journal of another program may leave out."""


def read_journal(path: Path) -> Iterator[Line]:
    """The lines of a journal, one by one; a last line that was cut short is left out.

    Raises ValueError, naming file and line, for what is no journal or cannot be judged.
    """
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.endswith(b"\n"):
                return
            try:
                yield _header(line) if number == 1 else _line(line)
            except ValueError as exc:
                raise ValueError(f"{path}: line {number} {exc}") from None


def _header(line: bytes) -> Header:
    data = _json(line)
    if not isinstance(data, dict) or data.get("journal") != 1:
        raise ValueError("is not the header of a journal")
    return _converted(data, Header, "header")


def _line(line: bytes) -> Line:
    try:
        entry: Entry = decode(line)
        return entry
    except msgspec.DecodeError:
        return line_from_json(_json(line))


def _json(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as exc:
        raise ValueError(f"is not JSON: {exc}") from None


def line_from_json(data: Any) -> Line:
    """The line that a JSON object is; raises ValueError that names the field at fault."""
    if not isinstance(data, dict):
        raise ValueError("is not an entry")
    if "journal" in data:
        return _converted(data, Header, "header")
    if data.get("end"):
        return _converted(data, End, "end")
    match data.get("type"):
        case "request":
            needed = {k: v for k, v in data.items() if v is not None or k not in _NOT_NEEDED}
            start_s = needed.get("start_s", 0.0)
            filled = _NOT_NEEDED | {"start_s": start_s, "end_s": start_s} | needed
            return _converted(filled, RequestEntry, "request entry")
        case "gate":
            return _converted(data, GateEntry, "gate entry")
        case "connection":
            return _converted(data, ConnectionEntry, "connection entry")
    return None


def entry_from_json(data: dict[str, Any]) -> Entry:
    """The entry that a JSON object is; raises ValueError."""
    entry = line_from_json(data)
    if isinstance(entry, Entry):
        return entry
    raise ValueError(f"is no entry: {data!r}")


T = TypeVar("T", Header, End, RequestEntry, GateEntry, ConnectionEntry)


def _converted(data: dict[str, Any], wanted: type[T], what: str) -> T:
    try:
        return msgspec.convert(data, wanted)
    except msgspec.ValidationError as exc:
        field = re.search(r"`(?:\$\.)?([^`]+)`$", str(exc))
        problem = f"{field[1]!r} is missing or of another type" if field else exc
        raise ValueError(f"is no {what}: {problem}") from None
