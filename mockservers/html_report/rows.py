"""The table of a page: a row for each code or resource, and what its words mean; pure."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from mockservers.content.flag_images import colours, flag
from mockservers.html_report.charts import label_of
from mockservers.html_report.stretches import first_wrong, kept_pieces, stretches
from mockservers.ledger.model import FileState, Row
from mockservers.ledger.result import Imbalance, Ledger
from mockservers.ledger.text import met

MOST_ROWS = 2_000
"""Codes in the table; what does not balance comes first."""
FILE_WORDS = {
    "whole": "all of it",
    "absent": "there is none",
    "same": "written in this run, equal to what was served",
    "kept": "equal to what was served, but from before the run",
    "old": "from before the run, and not equal",
    "unknown": "what it should be is not known",
    "different": "not equal to what was served",
    "as sent": "the body of a response that is not the whole resource",
    "part": "the beginning of what was served",
    "mixed": "bytes from several places",
    "page": "the body of an error status",
    "nothing": "there is none",
}
"""What words of the column `file` mean, without those that need no explanation."""
SEEN_WORDS = {
    "failed": "not all of it arrived, or an error status",
    "absent": "404",
    "unclear": "up to the client",
}
"""What words of the column `seen` mean, likewise."""
COLUMN_WORDS = {
    "met": "what the plan did",
    "seen": "what came of it, by the journal of the servers",
    "said": "what the program reported of it",
    "flag": "the picture that the servers have for the code",
}
COLUMNS = {
    "balance": "words", "met": "fates", "status": "status", "requests": "requests",
    "seen": "seen", "said": "said", "file": "file", "flag": "picture",
}  # fmt: skip
"""The columns of the table, and the key of a row that each shows."""


def rows_of(ledger: Ledger) -> list[dict[str, Any]]:
    """The rows of the table; what does not balance comes first."""
    found: dict[str | None, list[Imbalance]] = {}
    for one in ledger.imbalances:
        found.setdefault(one.code, []).append(one)
    first = [name for name in found if name in ledger.rows]
    names = list(dict.fromkeys([*first, *ledger.rows]))
    return [_row(name, ledger.rows[name], found.get(name, [])) for name in names[:MOST_ROWS]]


def _row(name: str, row: Row, found: Sequence[Imbalance]) -> dict[str, Any]:
    last = row.requests[-1] if row.requests else None
    kept = kept_pieces(row)
    return {
        "code": name,
        "words": [one.kind for one in found],
        "evidence": [f"saw {one.actual}; said: {one.said}" for one in found],
        "fates": list(dict.fromkeys(label_of(met(entry)) for entry in row.requests)),
        "requests": len(row.requests) + row.more,
        "status": last.status if last else None,
        "seen": seen_in_words(row),
        "said": ", ".join(row.claims).replace("_", " "),
        "file": file_in_words(row),
        "picture": _picture(row),
        "stretches": stretches(row, kept),
        "wrong": first_wrong(kept),
    }


def _picture(row: Row) -> dict[str, Any] | None:
    """The bands of the flag, where the file equals the bytes served and those are our flag."""
    if row.file not in (FileState.SAME, FileState.KEPT) or row.code is None:
        return None
    served = {entry.sha256 for entry in row.finals}
    if served != {hashlib.sha256(flag(row.code)).hexdigest()}:
        return None
    bands, upright = colours(row.code)
    return {"colours": bands, "upright": upright}


def seen_in_words(row: Row) -> str:
    """What came of a resource, in the words of the claim that it is held against."""
    return row.seen.replace("_", " ") if row.said is None else row.arrived


def file_in_words(row: Row) -> str:
    """What its file is, likewise."""
    return row.file if row.said is None else row.kept


def columns_of(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The columns that are not empty."""
    return [name for name, key in COLUMNS.items() if any(row[key] for row in rows)]


def meanings_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """What the columns, and the words in them, mean: those that there are."""
    return {
        "Columns": _used(COLUMN_WORDS, columns_of(rows)),
        "Seen": _used(SEEN_WORDS, [row["seen"] for row in rows]),
        "File": _used(FILE_WORDS, [row["file"] for row in rows]),
    }


def _used(meanings: Mapping[str, str], words: Collection[str]) -> dict[str, str]:
    return {word: meaning for word, meaning in meanings.items() if word in words}
