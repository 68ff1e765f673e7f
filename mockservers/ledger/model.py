"""The ledger of a run: what arrived, was claimed and kept of each resource, and what is wrong."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any

from msgspec import Struct

from mockservers.faults import KINDS
from mockservers.journal import Claimed, Claims, Files, KeptFile, RequestEntry

OUTCOMES = ("ok", "not_found", "error", "interrupted")
"""What a program can say of a download."""

IMBALANCES = (
    "lost", "unexpected", "duplicated", "miscounted", "corrupt", "leftover", "exceeded",
)  # fmt: skip
"""The kinds of imbalance, worst first."""

_NOTHING = hashlib.sha256(b"").hexdigest()


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
    """Not whole; nobody compared its bytes."""
    UNKNOWN = "unknown"
    """Nobody compared its bytes, and no digest says what it should be."""
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


class Imbalance(Struct, frozen=True):
    """Something that does not balance."""

    kind: str
    """One of `IMBALANCES`."""
    code: str | None
    """The code, or the path; None where no single one can be named."""
    actual: str
    """What the servers saw."""
    claimed: str | None = None
    """What the program said, or kept."""
    expected: str | None = None
    """What it should have done."""
    resource: str | None = None
    """`SERVER PATH`; None where no single one can be named."""

    @property
    def said(self) -> str:
        """What is held against what was seen."""
        return self.claimed if self.claimed is not None else self.expected or "nothing"

    def to_json(self) -> dict[str, str | None]:
        """As in the last line of `mockservers run --json`."""
        return {
            "word": self.kind,
            "code": self.code,
            "resource": self.resource,
            "saw": self.actual,
            "said": self.said,
            "expected": self.expected,
        }


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
    dest_given: bool = False
    unwritable: tuple[str, ...] = ()
    given_up: int = 0
    """Requests that a client gave up, on the server in scope."""
    once: bool = True
    """Whether a second request for a download is an imbalance."""


class Ledger(Struct, frozen=True, kw_only=True):
    """The accounts of one run, and what does not balance in them."""

    label: str | None
    asked: tuple[str, ...] | None
    claims: Claims
    rows: dict[str, Row]
    requests: int
    most_in_flight: int
    dest: str | None
    imbalances: tuple[Imbalance, ...]
    notes: tuple[str, ...]
    status: int | None = None
    """The exit status, where it is a claim."""

    @property
    def saved(self) -> int:
        """New files that equal the bytes served."""
        rows = self.rows.values()
        return sum(
            row.file is FileState.SAME and ("ok" in row.accepts or row.kept is Kept.WHOLE)
            for row in rows
        )

    @property
    def kept(self) -> int:
        """Files that equal the bytes served, and were there before the run, untouched."""
        return sum(row.file is FileState.KEPT for row in self.rows.values())

    @property
    def balanced(self) -> bool:
        """Whether nothing is out of balance. Notes do not count."""
        return not self.imbalances

    def to_json(self) -> dict[str, Any]:
        """As in the last line of `mockservers run --json`."""
        return {
            "ledger": 1,
            "balanced": self.balanced,
            "codes": {
                name: {
                    "requests": len(row.requests) + row.more,
                    "status": row.requests[-1].status if row.requests else None,
                    "seen": row.seen,
                    "said": next(iter(row.claims), None),
                    "file": row.file,
                }
                for name, row in self.rows.items()
                if row.code
            },
            "resources": {
                row.resource: {
                    "requests": len(row.requests) + row.more,
                    "status": row.requests[-1].status if row.requests else None,
                    "arrived": row.arrived,
                    "kept": row.kept,
                    "said": next(iter(row.claims), None),
                    "files": [owned.name for owned in row.files],
                }
                for row in self.rows.values()
            },
            "imbalances": [imbalance.to_json() for imbalance in self.imbalances],
            "notes": list(self.notes),
        }


# --- what a request comes to -----------------------------------------------------------------


def seen_of(entry: RequestEntry) -> Seen:
    """What a client can make of the response to a request."""
    kind = KINDS.get(entry.do or "")
    unclear = kind is not None and kind.may_be_unclear
    if entry.status is None:  # unclear: `cut_headers`
        return Seen.INDETERMINATE if unclear and entry.complete else Seen.ERROR
    if entry.status == 404:
        return Seen.NOT_FOUND
    if in_parts(entry):
        return Seen.INDETERMINATE
    if entry.status != 200 or (kind and not kind.decodable):
        return Seen.ERROR
    if unclear:
        return Seen.INDETERMINATE
    if entry.bytes_sent != entry.length:
        return Seen.ERROR
    # A reset after the whole body, or a client that left: it may not have read all of it.
    doubtful = entry.do == "reset" or not entry.complete
    return Seen.INDETERMINATE if doubtful else Seen.OK


def in_parts(entry: RequestEntry) -> bool:
    """Whether the client has bytes of it already, so that the response is not the file."""
    return entry.version is not None and entry.status in (206, 304, 416)


def digest_sent(entry: RequestEntry) -> str | None:
    """The SHA-256 of the file that a response makes; None where that is not known."""
    if in_parts(entry) or (entry.bytes_sent and entry.sha256 is None):
        return None
    return entry.sha256 or _NOTHING


def described(entry: RequestEntry) -> str:
    """The response to a request in words: `200 with 500 of 27681 bytes`."""
    if entry.status is None:
        if entry.client_gone:
            return "the client leaving before a response"
        kind = KINDS.get(entry.do or "")
        return f"{kind.silent_end if kind else 'an end'} before a response"
    if entry.bytes_sent or entry.length:
        of = "" if entry.length is None else f" of {entry.length}"
        return f"{entry.status} with {entry.bytes_sent}{of} bytes"
    return str(entry.status)


def responses(row: Account) -> str:
    """The responses of a download in words; of more than five, the first three and the last."""
    told = list(map(described, row.requests))
    if len(told) > 5:
        told[3:-1] = [f"... ({len(row.requests) + row.more} in all)"]
    return "; then ".join(told) or "no request"


def story(row: Row) -> str:
    """All responses of a download in words, and its file where that is odd."""
    saw = "; then ".join(map(described, row.requests)) or "no request"
    odd = row.file not in (FileState.ABSENT, FileState.SAME)
    return f"{saw}; the file is {row.file}" if odd else saw


def in_order(found: Iterable[Imbalance]) -> tuple[Imbalance, ...]:
    """The worst first."""
    return tuple(sorted(found, key=lambda one: (IMBALANCES.index(one.kind), one.code or "")))


def names_of(names: Sequence[str]) -> str:
    """The first ten."""
    return ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")


def in_words(counted: Mapping[str, int]) -> str:
    """`1 ok, 2 error`, in the order of `OUTCOMES`, without zeros."""
    words = [f"{counted[o]} {o.replace('_', ' ')}" for o in OUTCOMES if counted.get(o)]
    return ", ".join(words) or "nothing"


def accepted_in_words(rows: Mapping[str, Row]) -> str:
    """`3 ok, 1 ok/error`: what may be said of all rows."""
    found = Counter("/".join(sorted(row.accepts, reverse=True)) for row in rows.values())
    return ", ".join(f"{count} {what.replace('_', ' ')}" for what, count in sorted(found.items()))
