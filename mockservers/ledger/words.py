"""What a ledger finds, in words."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from mockservers.faults import KINDS
from mockservers.journal import Claimed, Piece, RequestEntry
from mockservers.ledger.judge import places_of, span_of
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
    seen_of,
)
from mockservers.ledger.result import IMBALANCES, OUTCOMES, Finding, Imbalance

MOST_NAMED = 10
"""Resources that were asked for again, and have a note each; if there are more, they share one."""
MOST_PIECES = 4
"""Pieces of a file that are described; `files_after` in the journal has more."""

EXPECTED = {
    "corrupt": "the whole resource, or a claim that it failed",
    "leftover": "no file, or one that is marked as incomplete",
    "lost": "a file with the whole resource",
    "miscounted": "a file, and ok",
}
NOTES = {
    "absent": "404, and no file: {name}",
    "elsewhere": "whole, and no file in {dest}: {name}",
    "unwritable": "whole, and nothing can be saved in {dest}: {name}",
    "not judged": "not judged, for it came in parts or changed as it was sent: {name}, {file}",
    "as sent": "whether that is all is up to the client: {name}, {file}",
    "holds some": "a whole file is kept, and another one has something of it: {name}, {file}",
}
"""What is no imbalance."""


def told(evidence: Evidence, rows: Mapping[str, Row], found: Iterable[Found]) -> Iterator[Finding]:
    """Everything that was found in some rows; each thing once."""
    wrong, noted = set(), dict[str, list[Found]]()
    for one in found:
        if one.what in IMBALANCES:
            wrong.add(one.name)
            yield _imbalance(evidence, one)
        else:
            noted.setdefault(one.what, []).append(one)
    for what, alike in noted.items():
        yield from _noted(evidence, what, alike)
    again = {name: list(retries(name, row)) for name, row in rows.items() if name not in wrong}
    again = {name: notes for name, notes in again.items() if notes}
    if evidence.once:
        for name in again:
            saw, where = responses(rows[name]), rows[name].resource
            yield Imbalance("duplicated", name, saw, None, "asked for once", where)
    elif len(again) > MOST_NAMED:
        yield f"{len(again)} were asked for more than once: {names_of([*again])}"
    else:
        for notes in again.values():
            yield from notes
    for claim in _claimed_in_vain(evidence):
        where = " ".join(filter(None, (claim.server, claim.path)))
        expected = "a request for it"
        yield Imbalance("unexpected", claim.path, "no request", "ok", expected, where)


def _claimed_in_vain(evidence: Evidence) -> list[Claimed]:
    """Claims that something is ok that was never requested, and is not to be fetched."""
    places = {place for one in evidence.accounts.values() for place in places_of(one)}
    asked = places | {(None, path) for _, path in places}
    claims = evidence.claims.downloads
    return [one for one in claims if one.outcome == "ok" and (one.server, one.path) not in asked]


def _noted(evidence: Evidence, what: str, alike: Sequence[Found]) -> Iterator[str]:
    """A note for each, or one for all if there are many."""
    if len(alike) > MOST_NAMED:
        names = f"{names_of([one.name for one in alike])} ({len(alike)} in all)"
        yield NOTES[what].format(name=names, dest=evidence.dest, file="their files")
        return
    for one in alike:
        file = f"{one.file.name} {file_in_words(one.row, one.file)}" if one.file else ""
        yield NOTES[what].format(name=one.name, dest=evidence.dest, file=file)


def _imbalance(evidence: Evidence, one: Found) -> Imbalance:
    kept = f"{one.file.name} {file_in_words(one.row, one.file)}" if one.file else "no file"
    looked = one.file or evidence.files_after is not None
    saw = "; ".join([responses(one.row), *([kept] if looked else [])])
    claims = one.row.claims
    claimed = next(iter(claims), None)
    claimed = claimed.replace("_", " ") if claimed else status_in_words(evidence)
    return Imbalance(one.what, one.name, saw, claimed, EXPECTED[one.what], one.row.resource)


def notes_of(evidence: Evidence, rows: Mapping[str, Row]) -> Iterator[str]:
    """What is worth a note, and belongs to no single row."""
    unread = evidence.claims.unread
    if unread is not None:
        where = f"not understood, at the line {unread!r}" if unread else "not printed to its end"
        yield f"the report was {where}: the exit status is the claim"
    kept = {one.name for files in evidence.owned.values() for one in files}
    for claim in evidence.claims.downloads:
        if claim.file and claim.outcome == "ok" and claim.file not in kept:
            yield f"the claims file names {claim.file} for {claim.path}: there is no such file"
    if not evidence.requests:
        yield "no request reached the servers: does the program ask one of their addresses?"
    if evidence.foreign:
        yield f"files that belong to nothing that was asked for: {names_of(evidence.foreign)}"
    said = (Kept.WHOLE, Kept.AS_SENT)
    unclear = [
        name
        for name, row in rows.items()
        if row.arrived is Arrived.UNCLEAR and row.kept not in said
    ]
    if unclear:
        yield f"ok or error is up to the client: {names_of(unclear)}"


def status_in_words(evidence: Evidence) -> str:
    """The claim of a program that says nothing but how it ended."""
    if evidence.command:
        return f"exit status {evidence.status}"
    return "not ok" if evidence.status else "ok"


def file_in_words(row: Row, owned: Owned) -> str:
    """What a file is: `has only the first 500 of 27681 bytes`."""
    size = owned.file.size
    match owned.what:
        case Kept.EMPTY:
            return "is empty"
        case Kept.PAGE:
            return f"has the {size} bytes of an error page"
        case Kept.AS_SENT:
            several = len(owned.file.pieces) > 1
            return f"has the {size} bytes of {'several responses' if several else 'one response'}"
        case Kept.PART:
            totals = {span.version[2] for span in map(span_of, row.requests) if span} - {None}
            of = f" of {totals.pop()}" if len(totals) == 1 else ""
            return f"has only the first {size}{of} bytes"
        case Kept.DIFFERENT:
            return f"has {size} bytes, which are not those of the resource"
        case Kept.UNKNOWN:
            return f"has {size} bytes"
    requests = {entry.n: entry for entry in row.requests}
    pieces = ", ".join(piece_in_words(one, requests) for one in owned.file.pieces[:MOST_PIECES])
    more = ", ..." if len(owned.file.pieces) > MOST_PIECES else ""
    return f"has {size} bytes: {pieces}{more}"


def piece_in_words(piece: Piece, requests: Mapping[int, RequestEntry]) -> str:
    """`100000 to 299999 are from request 2 (version 2)`."""
    single = piece.to - piece.start == 1
    where = f"{piece.start} is" if single else f"{piece.start} to {piece.to - 1} are"
    entry = requests.get(piece.n or 0)
    if entry is None or piece.at is None:
        return f"{where} {'zero' if piece.at == 0 else 'in no response for it'}"
    span = span_of(entry)
    about = [f"version {entry.version}"] if entry.version else []
    if span is None:
        about.append(f"status {entry.status}")
    elif span.start + piece.at != piece.start:
        about.append(f"where byte {span.start + piece.at} begins them")
    return f"{where} from request {piece.n}" + (f" ({', '.join(about)})" if about else "")


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
    """The responses of a download in words; if there are more than five, some of them."""
    told = list(map(described, row.requests))
    if len(told) > 5:
        told[3:-1] = [f"... ({len(row.requests) + row.more} in all)"]
    return "; then ".join(told) or "no request"


def story(row: Row) -> str:
    """All responses of a download in words, and its file where that is odd."""
    saw = responses(row)
    wrong = [one for one in row.files if not one.untouched and one.what is not Kept.WHOLE]
    if wrong:
        return f"{saw}; {wrong[0].name} {file_in_words(row, wrong[0])}"
    odd = row.file not in (FileState.ABSENT, FileState.SAME)
    return f"{saw}; the file is {row.file}" if odd else saw


def names_of(names: Sequence[str]) -> str:
    """The first ten."""
    return ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")


def in_words(counted: Mapping[str, int]) -> str:
    """`1 ok, 2 error`, in the order of `OUTCOMES`, without zeros."""
    words = [f"{counted[o]} {o.replace('_', ' ')}" for o in OUTCOMES if counted.get(o)]
    return ", ".join(words) or "nothing"


def accepted_in_words(rows: Mapping[str, Row]) -> str:
    """`3 ok, 1 ok/error`: what may be said of all rows."""
    nothing = "whole, and not kept"
    found = Counter("/".join(sorted(row.accepts, reverse=True)) or nothing for row in rows.values())
    return ", ".join(f"{count} {what.replace('_', ' ')}" for what, count in sorted(found.items()))
