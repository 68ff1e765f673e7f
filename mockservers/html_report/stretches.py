"""A resource that came, or is kept, in parts: the stretches of one bar; pure."""

from typing import Any

from mockservers.html_report.charts import LOOKS
from mockservers.journal import RequestEntry
from mockservers.ledger.judge import span_of
from mockservers.ledger.model import Row
from mockservers.ledger.text import met
from mockservers.ledger.words import piece_in_words

WIDTH = 100
"""Of a bar."""
MOST = 40
"""Stretches of one bar."""


def stretches(row: Row) -> list[dict[str, Any]]:
    """The stretches of the file, if it is not whole; else of what the responses sent, if it took
    several. None if there is only one.
    """
    entries = {entry.n: entry for entry in row.requests}
    files = [one for one in row.files if one.file.pieces]
    if files:
        size, name = files[0].file.size, files[0].name
        return [
            _stretch(piece.start, piece.to, size, entries.get(piece.n or 0), _from(piece.n, name))
            for piece in files[0].file.pieces[:MOST]
        ]
    spans = [(entry, span) for entry in row.requests if (span := span_of(entry))]
    if len(spans) < 2:
        return []
    total = max(span.version[2] or span.stop for _, span in spans)
    return [
        _stretch(span.start, span.stop, total, entry, f"sent by request {entry.n}")
        for entry, span in spans[:MOST]
        if span.stop > span.start
    ]


def first_wrong(row: Row) -> str:
    """Where a file begins to differ from the resource, and what is there; empty if it is whole."""
    files = [one for one in row.files if one.file.pieces]
    if not files:
        return ""
    entries = {entry.n: entry for entry in row.requests}
    first, *others = files[0].file.pieces
    entry = entries.get(first.n or 0)
    span = span_of(entry) if entry else None
    if first.start or span is None or first.at is None or span.start + first.at:
        return f"wrong from its first byte on: {piece_in_words(first, entries)}"
    if not others:
        return f"ends before byte {first.to}"
    return f"wrong from byte {first.to} on: {piece_in_words(others[0], entries)}"


def _from(n: int | None, name: str) -> str:
    return f"of {name}: from request {n}" if n else f"of {name}: in no response"


def _stretch(
    start: int, stop: int, total: int, entry: RequestEntry | None, says: str
) -> dict[str, Any]:
    version = (entry.version or 1) if entry else None
    return {
        "x": round(WIDTH * start / total, 3),
        "width": round(WIDTH * (stop - start) / total, 3),
        "colour": LOOKS[met(entry)].colour if entry else "none",
        "says": f"bytes {start} to {stop - 1} {says}" + (f", version {version}" if version else ""),
    }
