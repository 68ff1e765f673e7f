"""A resource that came, or is kept, in parts: the stretches of one bar; pure."""

from typing import Any, NamedTuple

from mockservers.html_report.charts import LOOKS
from mockservers.journal import Piece, RequestEntry
from mockservers.ledger.judge import Span, span_of
from mockservers.ledger.model import Kept, Row
from mockservers.ledger.text import met
from mockservers.ledger.words import piece_in_words

WIDTH = 100
"""Of a bar."""
MOST = 40
"""Stretches of one bar."""


def stretches(row: Row, kept: "KeptPieces | None") -> list[dict[str, Any]]:
    """The stretches of the file, right or wrong, if it is not whole; else of what the responses
    sent, if it took several. None if there is only one.

    What the resource has beyond the file is left empty.
    """
    if kept:
        total = max(kept.size, kept.length or 0)
        return [
            _stretch(piece.start, piece.to, total, "good" if right else "wrong",
                     f"bytes {piece_in_words(piece, kept.requests)}")
            for piece, right in kept.pieces[:MOST]
        ]  # fmt: skip
    spans = [(entry, span) for entry in row.requests if (span := span_of(entry))]
    if len(spans) < 2:
        return []
    total = max(span.version[2] or span.stop for _, span in spans)
    return [
        _stretch(
            span.start,
            span.stop,
            total,
            LOOKS[met(entry)].colour,
            f"bytes {span.start} to {span.stop - 1} sent by request {entry.n}, "
            f"version {entry.version or 1}",
        )
        for entry, span in spans[:MOST]
        if span.stop > span.start
    ]


def first_wrong(kept: "KeptPieces | None") -> str:
    """Where a file begins to differ from the resource, and what is there; empty if it is whole, or
    exactly what a response sent: then its bytes are not those of the resource.
    """
    if not kept:
        return ""
    wrong = next((piece for piece, right in kept.pieces if not right), None)
    if wrong is None:
        of = "" if kept.length is None else f" of {kept.length}"
        return f"only the first {kept.size}{of} bytes"
    where = f"byte {wrong.start}" if wrong.start else "its first byte"
    return f"wrong from {where} on: {piece_in_words(wrong, kept.requests)}"


class KeptPieces(NamedTuple):
    """A file that is not whole, in pieces."""

    size: int
    length: int | None
    """Of the resource, in the version with which the file begins."""
    pieces: list[tuple[Piece, bool]]
    """Each with whether it is where it belongs, in that version."""
    requests: dict[int, RequestEntry]


def kept_pieces(row: Row) -> KeptPieces | None:
    """The file of a row in pieces, each right or wrong; None where it is whole, or as sent."""
    files = (one.file for one in row.files if one.file.pieces and one.what is not Kept.AS_SENT)
    file = next(files, None)
    if file is None:
        return None
    requests = {entry.n: entry for entry in row.requests}
    spans = [_in_place(piece, requests.get(piece.n or 0)) for piece in file.pieces]
    begun = spans[0]
    right = [begun is not None and span is not None and span.version[:2] == begun.version[:2]
             for span in spans]  # fmt: skip
    length = begun.version[2] if begun else None
    return KeptPieces(file.size, length, list(zip(file.pieces, right, strict=True)), requests)


def _in_place(piece: Piece, entry: RequestEntry | None) -> Span | None:
    """What a response sent, if this piece of it is where it belongs."""
    span = span_of(entry) if entry else None
    if span is None or piece.at is None or span.start + piece.at != piece.start:
        return None
    return span


def _stretch(start: int, stop: int, total: int, colour: str, says: str) -> dict[str, Any]:
    return {
        "x": round(WIDTH * start / total, 3),
        "width": round(WIDTH * (stop - start) / total, 3),
        "colour": colour,
        "says": says,
    }
