"""The evidence of a run as a table for people: planned, seen, claimed, saved; pure."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from conformance.cases.model import Case
from conformance.checks.accounting import ledger_of, responses_text
from conformance.checks.interpret import interpret
from conformance.recording import Run
from conformance.verdicts import FREE, Finding
from mockservers.journal import Files
from mockservers.ledger import Ledger, Row

MOST_ROWS = 12
"""Codes that are shown."""


def table_of_run(case: Case, run: Run, found: Sequence[Finding]) -> list[dict[str, Any]]:
    """The table of a run, for the codes that the program took itself to be asked for."""
    return table_of_ledger(ledger_of(interpret(case, run)), run.files_after, found)


def table_of_ledger(
    ledger: Ledger, files_after: Files, found: Sequence[Finding]
) -> list[dict[str, Any]]:
    """A row per code, then one of the totals: `code`, `planned`, `seen`, `said`, `file`, and as
    `word` the kind of the finding about it, or None.
    """
    kinds = {one.code: one.kind for one in found if one.verdict not in FREE}
    rows = [
        {
            "code": code,
            "planned": ", ".join(dict.fromkeys(e.do or "refusal" for e in row.requests)) or "-",
            "seen": responses_text(row),
            "said": "/".join(row.claims).replace("_", " ") or "-",
            "file": _file(code, row, files_after),
            "word": kinds.get(code),
        }
        for code, row in ledger.rows.items()
    ]
    totals = ledger.claims.totals
    claimed = _numbers(totals or {})
    last = {
        "code": None,
        "planned": "",
        "seen": _numbers(Counter(row.seen for row in ledger.rows.values())),
        "said": claimed or ("no report" if totals is None else "nothing"),
        "file": f"{len(files_after)} in downloads",
        "word": kinds.get(None),
    }
    return [*_few(rows), last]


def _numbers(numbers: dict[str, int]) -> str:
    return ", ".join(f"{n} {what.replace('_', ' ')}" for what, n in numbers.items() if n)


def _few(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """At most `MOST_ROWS` rows, first those that do not balance, or were not requested; the rest is
    counted.
    """
    if len(rows) <= MOST_ROWS:
        return rows
    rows = sorted(rows, key=lambda row: (not row["word"], row["seen"] != "no request"))
    more = {"code": "...", "planned": "", "seen": f"and {len(rows) - MOST_ROWS} more"}
    return [*rows[:MOST_ROWS], more | {"said": "", "file": "", "word": None}]


_FILES = {
    "same": "as sent",
    "kept": "from before",
    "different": "not as sent",
    "old": "from before",
}


def _file(code: str, row: Row, files: Files) -> str:
    file = files.get(f"{code.lower()}.gif")
    return f"{file.size} bytes, {_FILES[row.file]}" if file else "none"
