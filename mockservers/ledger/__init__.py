"""Do the books balance? What was seen, said and kept, held against each other."""

from mockservers.ledger.judge import (
    INDETERMINATE,
    OUTCOMES,
    WORDS,
    Imbalance,
    Ledger,
    Row,
    balance,
    resolve_asked,
)

__all__ = [
    "INDETERMINATE", "OUTCOMES", "WORDS", "Imbalance", "Ledger", "Row", "balance", "resolve_asked",
]  # fmt: skip
