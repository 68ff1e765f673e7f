"""What a ledger is made of: what arrived, was claimed and kept of each resource."""

import hashlib
from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from msgspec import Struct

from mockservers.faults import KINDS
from mockservers.journal import Claimed, Claims, Files, KeptFile, RequestEntry

NOTHING = hashlib.sha256(b"").hexdigest()
"""The digest of no bytes."""


class Seen(StrEnum):
    """The result of a download as the server saw it, by its last request."""

    OK = "ok"
    NOT_FOUND = "not_found"
    ERROR = "error"
    INDETERMINATE = "indeterminate"
    """Up to the client."""
    NO_REQUEST = "no request"


class Arrived(StrEnum):
    """What the servers sent of a resource, all requests together."""

    WHOLE = "whole"
    ABSENT = "absent"
    UNCLEAR = "unclear"
    """Up to the client."""
    FAILED = "failed"


class Kept(StrEnum):
    """What a file is, against the resource that it belongs to."""

    WHOLE = "whole"
    AS_SENT = "as sent"
    """Exactly the body of one response, which is not the resource."""
    PART = "part"
    """The beginning of it."""
    MIXED = "mixed"
    PAGE = "page"
    """The body of an error status."""
    EMPTY = "empty"
    DIFFERENT = "different"
    """Not whole; its bytes were not compared."""
    UNKNOWN = "unknown"
    """Its bytes were not compared, and no digest says what it should be."""
    NOTHING = "nothing"


class FileState(StrEnum):
    """The file of a download, against the bytes that were served."""

    ABSENT = "absent"
    SAME = "same"
    """Written in this run, and equal."""
    KEPT = "kept"
    """Equal, but from before the run."""
    UNKNOWN = "unknown"
    """Written in this run, and what was served is not known."""
    DIFFERENT = "different"
    """Written in this run, and not equal."""
    OLD = "old"
    """Not equal, but from before the run."""


class Owned(Struct, frozen=True):
    """A file that belongs to a resource."""

    name: str
    file: KeptFile
    what: Kept
    untouched: bool = False
    """It was there before the run, and has not changed."""
    marked: bool = False
    """Its name, or a file beside it, says that it is incomplete."""
    unclear: bool = False
    """It is `Kept.AS_SENT`, of a response that is up to the client."""
    named: bool = False
    """Its name is that of the resource."""


class Account(Struct, frozen=True):
    """The requests of one download."""

    code: str | None
    path: str
    """Of the resource, normalised."""
    server: str | None
    """None: any of them."""
    file_name: str
    """The name under which a flags2 program saves it."""
    requests: tuple[RequestEntry, ...]
    """Redirects that were followed included, in the order of arrival."""
    more: int
    """Requests beyond those."""
    followed: tuple[bool, ...]
    """For each request but the last, whether the next one follows its redirect."""
    possible: tuple[RequestEntry, ...]
    """Requests of which one was the last, where it is not known which (`ledger/attribution`)."""
    aside: bool = False
    """It is not among what was to be fetched, so nothing of it has to be kept."""

    @property
    def finals(self) -> tuple[RequestEntry, ...]:
        """The last request, of several parts the last one; several if it is not known which."""
        last, parts = self.requests[-1:], tuple(filter(in_parts, self.requests))
        whole = any(seen_of(entry) is Seen.OK for entry in last)
        return self.possible or (last if whole else parts[-1:] or last)

    @property
    def seen(self) -> Seen:
        """What the server saw come of it."""
        found = {seen_of(entry) for entry in self.finals} or {Seen.NO_REQUEST}
        return found.pop() if len(found) == 1 else Seen.INDETERMINATE


class Row(Account, frozen=True, kw_only=True):
    """The account of one download, with what was claimed and kept of it."""

    accepts: frozenset[str]
    """What a program may say of it."""
    claims: Mapping[str, int]
    """How often it was said to be ok, not_found or error."""
    file: FileState
    said: Claimed | None = None
    """The claim that it is held against; None where a report is."""
    arrived: Arrived = Arrived.FAILED
    kept: Kept = Kept.NOTHING
    files: tuple[Owned, ...] = ()

    @property
    def resource(self) -> str:
        """`SERVER PATH`."""
        servers = [entry.server for entry in self.requests[:1]]
        return " ".join([*filter(None, [self.server or "".join(servers)]), self.path])


class Found(NamedTuple):
    """What is found in a row: an imbalance, or something to note."""

    what: str
    """A word of `ledger.result.IMBALANCES`, or of `ledger.words.NOTES`."""
    name: str
    row: Row
    file: Owned | None = None


class Evidence(Struct, frozen=True, kw_only=True):
    """All that a ledger is made of, each request in the account of its download."""

    label: str | None
    """The server in scope; None: any of them."""
    served: bool
    """Whether that server is one of ours."""
    asked: tuple[str, ...] | None
    """None where it is not known."""
    claims: Claims
    accounts: dict[str, Account]
    """By code; where neither codes nor server are known, by `SERVER CODE`."""
    unexpected: tuple[RequestEntry, ...]
    """Requests of no account."""
    requests: int
    most_in_flight: int
    dest: str | None
    files_before: Files
    files_after: Files | None
    """None where they are not known."""
    codes_of_files: Mapping[str, str]
    """The code that a file is named after, for files that no account has."""
    notes: tuple[str, ...]
    others: dict[str, Account] = {}
    """Accounts that no report speaks of: they go by the exit status."""
    owned: Mapping[str, tuple[Owned, ...]] = {}
    """The files of each account, where files belong to resources by their content."""
    foreign: tuple[str, ...] = ()
    """New files that belong to no account."""
    status: int | None = None
    """The exit status of the command, where it is a claim."""
    command: bool = True
    """Whether there was a command; else a test says how the program ended."""
    dest_given: bool = False
    unwritable: frozenset[str] = frozenset()
    """Paths of which no file could be saved."""
    given_up: int = 0
    """Requests that a client gave up, on the server in scope."""
    once: bool = True
    """Whether a second request for a download is an imbalance."""

    @property
    def every(self) -> list[Account]:
        """All accounts."""
        return [*self.accounts.values(), *self.others.values()]


# --- what a request comes to -----------------------------------------------------------------


def seen_of(entry: RequestEntry) -> Seen:
    """What a client can make of the response to a request."""
    kind = KINDS.get(entry.do or "")
    unclear = is_unclear(entry)
    if entry.status is None:  # unclear: `cut_headers`
        return Seen.INDETERMINATE if unclear and entry.complete else Seen.ERROR
    if entry.status == 404:
        return Seen.NOT_FOUND
    if in_parts(entry):
        return Seen.INDETERMINATE
    if entry.status == 200 and unclear:
        return Seen.INDETERMINATE
    if entry.status != 200 or (kind and not kind.gives_resource and not entry.decoded):
        return Seen.ERROR
    if entry.bytes_sent != entry.length:
        return Seen.ERROR
    # A reset after the whole body, or a client that left: it may not have read all of it.
    doubtful = entry.do == "reset" or not entry.complete
    return Seen.INDETERMINATE if doubtful else Seen.OK


def is_unclear(entry: RequestEntry) -> bool:
    """Whether the response is up to the client; an older journal does not say so of each."""
    kind = KINDS.get(entry.do or "")
    return entry.unclear if entry.unclear is not None else bool(kind and kind.may_be_unclear)


def in_parts(entry: RequestEntry) -> bool:
    """Whether the client has bytes of it already, so that the response is not the file."""
    return entry.version is not None and entry.status in (206, 304, 416)


def digest_sent(entry: RequestEntry) -> str | None:
    """The SHA-256 of the file that a response makes; None where that is not known."""
    if in_parts(entry) or (entry.bytes_sent and entry.sha256 is None):
        return None
    return entry.decoded.sha256 if entry.decoded else entry.sha256 or NOTHING
