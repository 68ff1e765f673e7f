"""A ledger: the rows of a run, and what does not balance in them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from mockservers.journal import Claims
from mockservers.ledger.model import Evidence, FileState, Kept, Row

OUTCOMES = ("ok", "not_found", "error", "interrupted")
"""What a program can say of a download."""

IMBALANCES = (
    "lost", "unexpected", "duplicated", "miscounted", "corrupt", "leftover", "exceeded",
)  # fmt: skip
"""The kinds of imbalance, worst first."""


class Imbalance(Struct, frozen=True):
    """Something that does not balance."""

    kind: str
    """One of `IMBALANCES`."""
    code: str | None
    """The code, or the path; None where no single one can be named."""
    actual: str
    """What the servers saw."""
    claimed: str | None = None
    """What the program said, or kept."""
    expected: str | None = None
    """What it should have done."""
    resource: str | None = None
    """`SERVER PATH`; None where no single one can be named."""

    @property
    def said(self) -> str:
        """What is held against what was seen."""
        return self.claimed if self.claimed is not None else self.expected or "nothing"

    def to_json(self) -> dict[str, str | None]:
        """As in the last line of `mockservers run --json`."""
        return {
            "word": self.kind,
            "code": self.code,
            "resource": self.resource,
            "saw": self.actual,
            "said": self.said,
            "expected": self.expected,
        }


Finding = Imbalance | str
"""What a check finds: an imbalance, or a note."""


class Ledger(Struct, frozen=True, kw_only=True):
    """The accounts of one run, and what does not balance in them."""

    label: str | None
    asked: tuple[str, ...] | None
    claims: Claims
    rows: dict[str, Row]
    requests: int
    most_in_flight: int
    dest: str | None
    imbalances: tuple[Imbalance, ...]
    notes: tuple[str, ...]
    status: int | None = None
    """The exit status, where it is a claim."""
    command: bool = True
    """Whether it is that of a command; else a test says how the program ended."""

    @property
    def saved(self) -> int:
        """New files that equal the bytes served."""
        rows = self.rows.values()
        return sum(
            row.file is FileState.SAME and ("ok" in row.accepts or row.kept is Kept.WHOLE)
            for row in rows
        )

    @property
    def kept(self) -> int:
        """Files that equal the bytes served, and were there before the run, untouched."""
        return sum(row.file is FileState.KEPT for row in self.rows.values())

    @property
    def balanced(self) -> bool:
        """Whether nothing is out of balance. Notes do not count."""
        return not self.imbalances

    def to_json(self) -> dict[str, Any]:
        """As in the last line of `mockservers run --json`."""
        return {
            "ledger": 1,
            "balanced": self.balanced,
            "codes": {
                name: {
                    "requests": len(row.requests) + row.more,
                    "status": row.requests[-1].status if row.requests else None,
                    "seen": row.seen,
                    "said": next(iter(row.claims), None),
                    "file": row.file,
                }
                for name, row in self.rows.items()
                if row.code
            },
            "resources": {
                row.resource: {
                    "requests": len(row.requests) + row.more,
                    "status": row.requests[-1].status if row.requests else None,
                    "arrived": row.arrived,
                    "kept": row.kept,
                    "said": next(iter(row.claims), None),
                    "files": [owned.name for owned in row.files],
                }
                for row in self.rows.values()
            },
            "imbalances": [imbalance.to_json() for imbalance in self.imbalances],
            "notes": list(self.notes),
        }


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
        command=evidence.command,
    )


def in_order(found: Iterable[Imbalance]) -> tuple[Imbalance, ...]:
    """The worst first."""
    return tuple(sorted(found, key=lambda one: (IMBALANCES.index(one.kind), one.code or "")))
