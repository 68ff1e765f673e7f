"""The ledger: `balance(read_journal(path))` judges a run, also one of another server."""

from collections.abc import Iterable

from mockservers.flags2.judge import judge as judge_report
from mockservers.journal import Files, Line
from mockservers.ledger.attribution import attribute
from mockservers.ledger.collected import collect
from mockservers.ledger.judge import judge_rows
from mockservers.ledger.model import Evidence, Row
from mockservers.ledger.result import IMBALANCES, OUTCOMES, Imbalance, Ledger, ledger_of
from mockservers.ledger.words import notes_of, told

__all__ = ["IMBALANCES", "OUTCOMES", "Imbalance", "Ledger", "Row", "balance"]


def balance(journal: Iterable[Line], files_after: Files | None = None) -> Ledger:
    """Judge a journal: its header, its entries, its end (absent when the writer was killed).

    `files_after` takes the place of the files that the journal ends with. Raises ValueError for
    an empty journal.
    """
    collected = collect(journal)
    ledger = _judged(attribute(collected, files_after))
    met = (*collected.requests, *collected.others)
    if ledger.balanced or not any(entry.location for entry in met):
        return ledger
    # A client that does not follow redirects may ask for what one leads to, on its connection.
    other = _judged(attribute(collected, files_after, own_first=True))
    return other if len(other.imbalances) < len(ledger.imbalances) else ledger


def _judged(evidence: Evidence) -> Ledger:
    if evidence.claims.by not in ("exit", "file"):
        return judge_report(evidence)
    rows, found = judge_rows(evidence, evidence.accounts)
    findings = [*told(evidence, rows, found), *notes_of(evidence, rows)]
    return ledger_of(evidence, rows, findings)
