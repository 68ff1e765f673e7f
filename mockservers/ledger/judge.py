"""Do the books balance? What arrived, was claimed and kept of each resource, compared.

The rules for any program: SPEC.md, "The ledger of any program". A claim is *ok*, or it is a
failure, which claims nothing else.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from msgspec import structs

from mockservers.faults import KINDS
from mockservers.journal import Claimed, RequestEntry
from mockservers.kinds.base import OfResource
from mockservers.kinds.names import normalised
from mockservers.ledger.model import (
    Account,
    Arrived,
    Evidence,
    FileState,
    Found,
    Kept,
    Owned,
    Row,
    Seen,
    in_parts,
    is_unclear,
    seen_of,
)

_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18})")
WRONG = (Kept.PART, Kept.MIXED, Kept.PAGE, Kept.EMPTY, Kept.DIFFERENT)
"""What no file may be that is neither marked nor called ok by a claim that is wrong."""


def judge_rows(
    evidence: Evidence, accounts: Mapping[str, Account]
) -> tuple[dict[str, Row], list[Found]]:
    """The rows of some accounts, and what is found in them."""
    said = {(one.server, one.path): one for one in evidence.claims.downloads}
    rows, found = dict[str, Row](), list[Found]()
    for name, account in accounts.items():
        rows[name] = row = _row(evidence, account, _claim(said, account))
        found += _compared(evidence, name, row)
    return rows, found


def _claim(said: Mapping[tuple[str | None, str], Claimed], account: Account) -> Claimed | None:
    """What is said of a resource, or of one to which it was redirected."""
    for server, path in places_of(account):
        if one := said.get((server, path)) or said.get((None, path)):
            return one
    return None


def places_of(account: Account) -> list[tuple[str | None, str]]:
    """Servers and paths that a claim about it may name."""
    ends = [(entry.server, normalised(entry.path)) for entry in account.requests]
    return [(account.server, account.path), *dict.fromkeys(ends)]


# --- a row -----------------------------------------------------------------------------------


def _row(evidence: Evidence, account: Account, said: Claimed | None) -> Row:
    owned = evidence.owned.get(account.path, ())
    kept, state = kept_of(owned)
    return Row(
        **structs.asdict(account),
        accepts=frozenset(),
        claims={said.outcome: 1} if said else {},
        said=said or _by_status(evidence.status),
        file=state,
        arrived=arrived(account, had=kept is Kept.WHOLE),
        kept=kept,
        files=tuple(owned),
    )


def _by_status(status: int | None) -> Claimed | None:
    """What an exit status claims of everything that no other claim is about."""
    if status is None:
        return None
    return Claimed("", "error" if status else "ok")


def kept_of(owned: Sequence[Owned]) -> tuple[Kept, FileState]:
    """The best of the files of a resource: a whole one, else a new one, one that is marked last."""
    whole = [one for one in owned if one.what is Kept.WHOLE]
    if whole:
        old = all(one.untouched for one in whole)
        return Kept.WHOLE, FileState.KEPT if old else FileState.SAME
    new = sorted((one for one in owned if not one.untouched), key=lambda one: one.marked)
    if new:
        states = {Kept.AS_SENT: FileState.SAME, Kept.UNKNOWN: FileState.UNKNOWN}
        return new[0].what, states.get(new[0].what, FileState.DIFFERENT)
    return Kept.NOTHING, FileState.OLD if owned else FileState.ABSENT


# --- what arrived ----------------------------------------------------------------------------


class Span(NamedTuple):
    """Bytes of a version of a resource that a response sent."""

    version: tuple[str, int, int | None]
    """Path, number, and length: None where it was not announced."""
    start: int
    stop: int


def span_of(entry: RequestEntry) -> Span | None:
    """The bytes of a resource in a response; None where it has none, or does not say which."""
    kind = KINDS.get(entry.do or "")
    if entry.status not in (200, 206) or not entry.do:
        return None
    if kind and not (issubclass(kind, OfResource) and (kind.gives_resource or entry.decoded)):
        return None
    start, total, sent = 0, entry.length, entry.bytes_sent
    if entry.decoded:
        total = sent = entry.decoded.length
    if entry.status == 206:
        found = _CONTENT_RANGE.fullmatch(entry.content_range or "")
        if not found:
            return None
        start, total = int(found[1]), int(found[2])
    return Span((normalised(entry.path), entry.version or 1, total), start, start + sent)


def arrived(account: Account, *, had: bool) -> Arrived:
    """What came of all requests; `had`: there is a whole file, of which the client may have had
    something before.
    """
    requests = account.requests
    certain, possible = list[Span](), list[Span]()
    for entry in requests:
        if span := span_of(entry):
            possible.append(span)
            clear = entry.do != "reset" and not is_unclear(entry)
            if clear and entry.complete and not entry.client_gone:
                certain.append(span)
    if _cover(certain):
        return Arrived.WHOLE
    last = account.possible or requests[-1:]
    if had and any(map(in_parts, last)):
        return Arrived.WHOLE
    ends = {_end(entry) for entry in last} or {Arrived.FAILED}
    if account.more or _cover(possible) or len(ends) > 1:
        return Arrived.UNCLEAR
    return ends.pop()


def _end(entry: RequestEntry) -> Arrived:
    if entry.status == 404:
        return Arrived.ABSENT
    if in_parts(entry):
        return Arrived.FAILED
    return Arrived.UNCLEAR if seen_of(entry) is Seen.INDETERMINATE else Arrived.FAILED


def _cover(spans: Sequence[Span]) -> bool:
    """Whether all bytes of some version are in these spans."""
    reached: dict[object, int] = {}
    for version, start, stop in sorted(spans, key=lambda span: span.start):
        if start <= reached.get(version, 0):
            reached[version] = max(reached.get(version, 0), stop)
    return any(version[2] == stop for version, stop in reached.items())  # type: ignore[index]


# --- the table -------------------------------------------------------------------------------


def _compared(evidence: Evidence, name: str, row: Row) -> Iterator[Found]:
    """Compare the claim, what arrived, and what is kept."""
    if row.said is None:
        return
    new = sorted((one for one in row.files if not one.untouched), key=lambda one: one.marked)
    if row.kept is Kept.WHOLE or row.said.outcome != "ok":
        for one in new:
            if one.what in WRONG and not one.marked:
                stray = row.kept is Kept.WHOLE and not _has_its_name(one)
                yield Found("holds some" if stray else "leftover", name, row, one)
    if row.kept is Kept.WHOLE:
        return
    if row.said.outcome != "ok":
        looked = evidence.files_after is not None
        if row.claims and not new and looked and row.arrived is Arrived.WHOLE:
            yield Found(
                "unwritable" if row.path in evidence.unwritable else "miscounted", name, row
            )
    elif not new:
        yield from _nothing_kept(evidence, name, row)
    elif new[0].what is Kept.UNKNOWN:
        yield Found("not judged", name, row, new[0])
    elif new[0].what is Kept.AS_SENT and new[0].unclear:
        yield Found("as sent", name, row, new[0])
    else:
        yield Found("corrupt", name, row, new[0])


def _has_its_name(one: Owned) -> bool:
    """Whether a file beside a whole one is named after the resource, and may be of it."""
    pieces = one.file.pieces
    foreign = one.what is Kept.MIXED and pieces and all(piece.n is None for piece in pieces)
    return one.named and not foreign


def _nothing_kept(evidence: Evidence, name: str, row: Row) -> Iterator[Found]:
    """It was called ok, and there is no new file."""
    assert row.said
    match row.arrived:
        case Arrived.ABSENT:
            yield Found("absent", name, row)
        case Arrived.WHOLE | Arrived.UNCLEAR if evidence.files_after is None:
            return
        case Arrived.WHOLE if row.aside or not (evidence.dest_given or row.said.file):
            yield Found("elsewhere", name, row)
        case _:
            yield Found("lost", name, row)
