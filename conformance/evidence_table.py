"""The four books of a run side by side, as people read them; pure."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from conformance.verdicts import Finding, Verdict
from mockservers.ledger import Files, Ledger, Row

MOST_ROWS = 26
"""Codes that are shown."""


def side_by_side(
    ledger: Ledger, files_after: Files, found: Sequence[Finding]
) -> list[dict[str, Any]]:
    """A row per code, then one of the totals: `code`, `planned`, `seen`, `said`, `file`, and the
    `word` of what was found wrong with it, or None.
    """
    words = {one.code: one.word for one in found if one.verdict is not Verdict.INFO}
    rows = [
        {
            "code": code,
            "planned": ", ".join(dict.fromkeys(e["do"] or "refusal" for e in row.requests)) or "-",
            "seen": reply_text(row),
            "said": "/".join(row.said).replace("_", " ") or "-",
            "file": _file(code, row, files_after),
            "word": words.get(code),
        }
        for code, row in ledger.rows.items()
    ]
    totals = ledger.claims.totals
    said = _counted(totals or {})
    last = {
        "code": None,
        "planned": "",
        "seen": _counted(Counter(row.seen for row in ledger.rows.values())),
        "said": said or ("no report" if totals is None else "nothing"),
        "file": f"{len(files_after)} in downloads",
        "word": words.get(None),
    }
    return [*_few(rows), last]


def _counted(numbers: dict[str, int]) -> str:
    return ", ".join(f"{n} {what.replace('_', ' ')}" for what, n in numbers.items() if n)


def _few(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """As many rows as one reads: those that do not balance first."""
    if len(rows) <= MOST_ROWS:
        return rows
    rows = sorted(rows, key=lambda row: not row["word"])
    more = {"code": "...", "planned": "", "seen": f"and {len(rows) - MOST_ROWS} more"}
    return [*rows[:MOST_ROWS], more | {"said": "", "file": "", "word": None}]


_FILES = {
    "same": "as sent",
    "kept": "from before",
    "different": "not as sent",
    "old": "from before",
}


def _file(code: str, row: Row, files: Files) -> str:
    """The file of a code, in words."""
    file = files.get(f"{code.lower()}.gif")
    return f"{file['size']} bytes, {_FILES[row.file]}" if file else "none"


def reply_text(row: Row) -> str:
    """What the servers saw of a code."""
    texts = []
    for entry in row.requests:
        if entry["status"] is None:
            texts.append(f"no reply ({entry['do']})")
        elif entry["length"] and entry["bytes_sent"] != entry["length"]:
            texts.append(f"{entry['status']}, {entry['bytes_sent']} of {entry['length']} bytes")
        else:
            texts.append(f"{entry['status']}, {entry['bytes_sent']} bytes")
    return "; then ".join(texts) or "no request"
