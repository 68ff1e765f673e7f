"""The ledger: `balance(read_journal(path))` judges a run, also one of another server."""

from collections.abc import Iterable

from mockservers.flags2.judge import judge as judge_report
from mockservers.journal import Files, Line
from mockservers.ledger.attribution import attribute
from mockservers.ledger.collected import collect
from mockservers.ledger.judge import judge
from mockservers.ledger.model import IMBALANCES, OUTCOMES, Imbalance, Ledger, Row

__all__ = ["IMBALANCES", "OUTCOMES", "Imbalance", "Ledger", "Row", "balance"]


def balance(journal: Iterable[Line], files_after: Files | None = None) -> Ledger:
    """Judge a journal: its header, its entries, its end (absent when the writer was killed).

    `files_after` takes the place of the files that the journal ends with. Raises ValueError for
    an empty journal.
    """
    evidence = attribute(collect(journal), files_after)
    by_resource = evidence.claims.by in ("exit", "file")
    return judge(evidence) if by_resource else judge_report(evidence)
