"""The journal: what was seen during a run, as JSON Lines, written as the run goes.

A header line, an entry per line, an end line; SPEC.md, "The journal", says what each key means.
Each is a frozen struct here; `journal_json` reads and writes the lines.
"""

import re
from collections.abc import Mapping
from typing import Any, Literal, Protocol

import msgspec
from msgspec import Struct, field

from mockservers.kinds.body import Decoded


class RequestEntry(
    Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="request"
):
    """A request, written when it has ended."""

    n: int
    conn: int
    server: str
    method: str
    path: str
    query: str | None = None
    code: str | None
    attempt: int | None
    """None for a request beyond the limit of the plan."""
    limited: bool = False
    do: str | None
    """The kind of response; None for a request that the server rejected on its own."""
    status: int | None
    """None where the plan was not to send the header section whole, or nothing was sent."""
    range: str | None = None
    headers: tuple[tuple[str, str], ...] | None = None
    location: str | None = None
    content_range: str | None = None
    version: int | None = None
    length: int | None
    bytes_sent: int
    unclear: bool | None = None
    """Whether the response is up to the client; None where its kind says so."""
    complete: bool
    client_gone: bool
    client_closed: bool = False
    sha256: str | None
    """Of the body bytes sent; None where there are none, or it comes later."""
    digest: Literal["later"] | None = None
    decoded: Decoded | None = None
    in_flight: int
    delay_s: float
    start_s: float
    """Seconds since the run began, like all times of an entry."""
    first_byte_s: float | None
    end_s: float


class GateEntry(Struct, frozen=True, kw_only=True, tag_field="type", tag="gate"):
    """The gate of a server has opened."""

    server: str
    held: int = 0
    filled: bool
    """Whether enough were held; else its time was up."""
    at_s: float = 0.0


class AwayEntry(Struct, frozen=True, tag_field="type", tag="away"):
    """A server has closed every connection, and refuses for a while."""

    server: str = ""
    for_s: float = 0.0
    at_s: float = 0.0


class ConnectionEntry(Struct, frozen=True, tag_field="type", tag="connection"):
    """A connection that ended without a request line, or was rejected."""

    conn: int = 0
    server: str = ""
    status: int | None = None
    reason: str = ""
    start_s: float = 0.0
    end_s: float = 0.0


class DigestEntry(Struct, frozen=True, omit_defaults=True, tag_field="type", tag="digest"):
    """The digest of a long body, which came later than the entry of its request."""

    n: int
    sha256: str | None
    reason: str | None = None
    """Why the digest cannot be known."""


class Piece(Struct, frozen=True):
    """Bytes of a file, and where they come from."""

    start: int = field(name="from")
    to: int
    """The first byte after them."""
    n: int | None = None
    """The request whose body they are part of; None: they are in no body."""
    at: int | None = None
    """Where in that body they begin. Where `n` is None: 0 for zeros, None for other bytes."""


class KeptFile(Struct, frozen=True, omit_defaults=True):
    """A regular file of the folder in which a program saves."""

    size: int
    sha256: str | None = None
    mtime_ns: int | None = None
    inode: int | None = None
    what: str | None = field(name="is", default=None)
    """What its bytes are (`ledger.model.Kept`); None if they were not compared."""
    of: str | None = None
    pieces: tuple[Piece, ...] = ()


Files = Mapping[str, KeptFile]
"""The files of a folder, by name; of those below it, `folder/name`."""


class Claimed(Struct, frozen=True, omit_defaults=True):
    """What a program says of one resource."""

    path: str
    """Of the resource, normalised."""
    outcome: Literal["ok", "not_found", "error"]
    server: str | None = None
    file: str | None = None
    """Its name in the folder in which the program saves."""


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
    outcomes: dict[str, dict[str, int]] = field(name="fates", default_factory=dict)
    """How often a code was called ok, not_found or error."""
    totals: dict[str, int] | None = None
    """The final report: ok, not_found, error, interrupted; None when there was none."""
    by: Literal["file", "report", "exit", "said"] | None = None
    """How it says so: in a claims file, by a flags2 report, by its exit status alone; `said`: as a
    test hands it over. None: a journal of version 0.1."""
    downloads: tuple[Claimed, ...] = ()
    """What a claims file, or a test, says of each resource."""
    unsaved: tuple[str, ...] = ()
    """Codes whose lines say that they could not be saved."""
    unread: str | None = None
    """The line of a report that was not understood."""


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
    options: tuple[str, ...] = ()
    dest_given: bool = False
    wanted: tuple[str, ...] = ()
    partial: tuple[str, ...] = ()


class End(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The last line of a journal: what the program said, and what is there now."""

    status: int = 0
    asked: tuple[str, ...] | None = None
    claims: Claims | None = None
    files_after: dict[str, KeptFile] | None = None
    unwritable: tuple[str, ...] = ()
    once: bool = False


Entry = RequestEntry | GateEntry | AwayEntry | ConnectionEntry | DigestEntry
Line = Header | Entry | End | None
"""A line of a journal; None for an entry of a type that is not known here."""


# --- writing -------------------------------------------------------------------------------

encode = msgspec.json.Encoder().encode
"""An entry as a line of JSON, in UTF-8, without the line end."""
decode = msgspec.json.Decoder(Entry).decode
"""An entry that this package wrote; raises msgspec.DecodeError."""


_INTEGERS = re.compile(rb'"(n|conn|attempt|in_flight)":0')
_TIMES = re.compile(rb'"(start_s|first_byte_s|end_s)":[0-9.e-]+')


def template_of(entry: RequestEntry) -> bytes:
    """The line of an entry whose numbers are 0, with places (`%`) for these and the three times."""
    # In a string of JSON, quotes are escaped: no match.
    return _TIMES.sub(rb'"\1":%.6f', _INTEGERS.sub(rb'"\1":%d', encode(entry).replace(b"%", b"%%")))


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
