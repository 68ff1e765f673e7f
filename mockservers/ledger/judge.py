"""Do the books balance? What arrived, was claimed and kept of each resource, compared.

The rules for any program: SPEC.md, "The ledger of any program". A claim is *ok*, or it is a
failure, which claims nothing else.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from msgspec import structs

from mockservers.faults import KINDS
from mockservers.journal import Claimed, Piece, RequestEntry
from mockservers.kinds.base import OfResource
from mockservers.kinds.resource import normalised
from mockservers.ledger.model import (
    Account,
    Arrived,
    Evidence,
    FileState,
    Imbalance,
    Kept,
    Ledger,
    Owned,
    Row,
    Seen,
    in_order,
    in_parts,
    in_words,
    names_of,
    responses,
    seen_of,
)

MOST_PIECES = 4
"""Pieces of a file that are described; `files_after` in the journal has more."""

Finding = Imbalance | str
"""What a check finds: an imbalance, or a note."""

_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18})")
_WRONG = (Kept.PART, Kept.MIXED, Kept.PAGE, Kept.EMPTY, Kept.DIFFERENT)


def judge(evidence: Evidence) -> Ledger:
    """The ledger of a program whose claims are a file, or its exit status."""
    rows, found = judge_rows(evidence, evidence.accounts)
    return ledger_of(evidence, rows, [*found, *notes_of(evidence, rows)])


def ledger_of(evidence: Evidence, rows: Mapping[str, Row], found: Sequence[Finding]) -> Ledger:
    """A ledger with the imbalances in their order, and the notes."""
    return Ledger(
        label=evidence.label,
        asked=evidence.asked,
        claims=evidence.claims,
        rows=dict(rows),
        requests=evidence.requests,
        most_in_flight=evidence.most_in_flight,
        dest=evidence.dest,
        imbalances=in_order(one for one in found if isinstance(one, Imbalance)),
        notes=(*evidence.notes, *(one for one in found if isinstance(one, str))),
        status=evidence.status,
    )


def notes_of(evidence: Evidence, rows: Mapping[str, Row]) -> Iterator[str]:
    """What is worth a note, and belongs to no single row."""
    unread = evidence.claims.unread
    if unread is not None:
        where = f"not understood, at the line {unread!r}" if unread else "not printed to its end"
        yield f"the report was {where}: the exit status is the claim"
    if evidence.foreign:
        yield f"files that belong to nothing that was asked for: {names_of(evidence.foreign)}"
    unclear = [name for name, row in rows.items() if row.arrived is Arrived.UNCLEAR]
    if unclear:
        yield f"ok or error is up to the client: {names_of(unclear)}"


def judge_rows(
    evidence: Evidence, accounts: Mapping[str, Account]
) -> tuple[dict[str, Row], list[Finding]]:
    """The rows of some accounts, and what is found in them."""
    said = {(one.server, one.path): one for one in evidence.claims.downloads}
    rows, found = {}, list[Finding]()
    for name, account in accounts.items():
        of_any = said.get((None, account.path))
        rows[name] = row = _row(evidence, account, said.get((account.server, account.path), of_any))
        found += _of_row(evidence, name, row)
    asked = {(row.server, row.path) for row in rows.values() if row.requests}
    asked |= {(None, path) for _, path in asked}
    for where, one in said.items():
        if one.outcome == "ok" and where not in asked:
            kept = {"claimed": "ok", "resource": " ".join(filter(None, where))}
            found.append(Imbalance("unexpected", one.path, "no request", **kept))
    return rows, found


# --- a row -----------------------------------------------------------------------------------


def _row(evidence: Evidence, account: Account, said: Claimed | None) -> Row:
    owned = evidence.owned.get(account.path, ())
    had = any(one.untouched and one.what is Kept.WHOLE for one in owned)
    kept, state = kept_of(owned)
    return Row(
        **structs.asdict(account),
        accepts=frozenset(),
        claims={said.outcome: 1} if said else {},
        said=said or _by_status(evidence.status),
        file=state,
        arrived=arrived(account, had=had),
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
    if kind and not (issubclass(kind, OfResource) and kind.decodable):
        return None
    start, total = 0, entry.length
    if entry.status == 206:
        found = _CONTENT_RANGE.fullmatch(entry.content_range or "")
        if not found:
            return None
        start, total = int(found[1]), int(found[2])
    return Span(
        (normalised(entry.path), entry.version or 1, total), start, start + entry.bytes_sent
    )


def arrived(account: Account, *, had: bool) -> Arrived:
    """What came of all requests; `had`: an earlier file equals the resource."""
    requests = account.requests
    certain, possible = list[Span](), list[Span]()
    for entry in requests:
        span, kind = span_of(entry), KINDS.get(entry.do or "")
        if span:
            possible.append(span)
            clear = entry.do != "reset" and not (kind and kind.may_be_unclear)
            if clear and entry.complete and not entry.client_gone:
                certain.append(span)
    if _cover(certain):
        return Arrived.WHOLE
    last = account.possible or requests[-1:]
    if had and any(entry.status == 304 for entry in last):
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


def _of_row(evidence: Evidence, name: str, row: Row) -> Iterator[Finding]:
    """Compare the claim, what arrived, and what is kept; say each thing once."""
    found = list(_compared(evidence, name, row))
    yield from found
    if not any(isinstance(one, Imbalance) for one in found):
        yield from retries(name, row)


def _compared(evidence: Evidence, name: str, row: Row) -> Iterator[Finding]:
    if row.said is None:
        return
    new = sorted((one for one in row.files if not one.untouched), key=lambda one: one.marked)
    wrong = [one for one in new if one.what in _WRONG]
    if row.kept is Kept.WHOLE:
        for one in wrong:
            if not one.marked:
                yield _of_file(evidence, "leftover", name, row, one)
    elif row.said.outcome != "ok":
        yield from _failed(evidence, name, row, new)
    elif new:
        best = new[0]
        if best.what is Kept.UNKNOWN:
            yield f"{name}: {best.name} is not judged: it came in parts, or changed as it was sent"
        elif best.what is Kept.AS_SENT and best.unclear:
            yield f"{name}: {best.name} {file_in_words(row, best)}; whether that is all is unclear"
        else:
            yield _of_file(evidence, "corrupt", name, row, best)
    else:
        yield from _nothing_kept(evidence, name, row)


def _nothing_kept(evidence: Evidence, name: str, row: Row) -> Iterator[Finding]:
    """It was called ok, and there is no file."""
    assert row.said
    looked = evidence.files_after is not None
    match row.arrived:
        case Arrived.ABSENT:
            yield f"{name}: 404, and no file"
        case Arrived.WHOLE | Arrived.UNCLEAR if not looked:
            return
        case Arrived.WHOLE if not (evidence.dest_given or row.said.file):
            yield f"{name} came whole; no file in {evidence.dest} has it (--dest names the folder)"
        case _:
            yield _imbalance(evidence, "lost", name, row, "no file" if looked else "")


def _failed(evidence: Evidence, name: str, row: Row, new: Sequence[Owned]) -> Iterator[Finding]:
    """It was not called ok, and is not kept whole."""
    for one in new:
        if one.what in _WRONG and not one.marked:
            yield _of_file(evidence, "leftover", name, row, one)
    looked = evidence.files_after is not None
    if row.claims and not new and looked and row.arrived is Arrived.WHOLE:
        if evidence.unwritable:
            yield f"{name} came whole; nothing can be saved in {evidence.dest}"
        else:
            yield _imbalance(evidence, "miscounted", name, row, "no file")


_EXPECTED = {
    "corrupt": "the whole resource, or another claim",
    "leftover": "no file, or one that is marked as incomplete",
    "lost": "a file with the whole resource",
    "miscounted": "a file, and ok",
}


def _of_file(evidence: Evidence, kind: str, name: str, row: Row, one: Owned) -> Imbalance:
    return _imbalance(evidence, kind, name, row, f"{one.name} {file_in_words(row, one)}")


def _imbalance(evidence: Evidence, kind: str, name: str, row: Row, kept: str) -> Imbalance:
    saw = "; ".join(filter(None, [responses(row), kept]))
    claimed = f"exit status {evidence.status}"
    if row.claims:
        claimed = in_words(row.claims)
    return Imbalance(kind, name, saw, claimed, _EXPECTED[kind], row.resource)


def file_in_words(row: Row, owned: Owned) -> str:
    """What a file is: `has only the first 500 of 27681 bytes`."""
    size = owned.file.size
    match owned.what:
        case Kept.EMPTY:
            return "is empty"
        case Kept.PAGE:
            return f"has the {size} bytes of an error page"
        case Kept.AS_SENT:
            return f"has the {size} bytes of one response"
        case Kept.PART:
            totals = {span.version[2] for span in map(span_of, row.requests) if span}
            of = f" of {totals.pop()}" if len(totals) == 1 else ""
            return f"has only the first {size}{of} bytes"
        case Kept.DIFFERENT:
            return f"has {size} bytes, with another digest; what they are was not looked at"
    versions = {entry.n: entry.version for entry in row.requests}
    pieces = "; ".join(_piece(one, versions) for one in owned.file.pieces[:MOST_PIECES])
    more = "; ..." if len(owned.file.pieces) > MOST_PIECES else ""
    return f"has {size} bytes: {pieces}{more}"


def _piece(piece: Piece, versions: Mapping[int, int | None]) -> str:
    where = f"{piece.start} to {piece.to - 1}"
    if piece.n is None:
        return f"{where} are zeros" if piece.at == 0 else f"{where} were never sent"
    version = versions.get(piece.n)
    of = f" (version {version})" if version else ""
    return f"{where} from response {piece.n}{of}, byte {piece.at} on"


def retries(name: str, row: Row) -> Iterator[str]:
    """A note for a row with several requests, where that is no imbalance."""
    followed = sum(row.followed)
    count = len(row.requests) - followed + row.more
    if count < 2 or row.possible:
        return
    whole = sum(seen_of(entry) is Seen.OK for entry in row.requests)
    if whole > 1:
        yield f"{name} came whole {whole} times"
    elif row.arrived is Arrived.WHOLE:
        way = "came in parts" if any(map(in_parts, row.requests)) else "recovered"
        yield f"{name} {way}: {responses(row)}"
    else:
        yield f"{name} was asked for {count} times: {responses(row)}"
