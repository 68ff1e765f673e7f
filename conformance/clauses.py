"""The clauses of SPEC.md, as the kit knows them.

`python -m conformance.clauses` makes `clauses.json` from SPEC.md again; a test holds them equal.
"""

import json
import re
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from functools import cache
from importlib import resources
from pathlib import Path

KEYWORDS = ("MUST NOT", "MUST", "SHOULD NOT", "SHOULD", "MAY")
"""The words of BCP 14 that a clause may have, one each."""

EVIDENCE = ("run", "adapter", "none")
"""How a clause is tried."""

_CLAUSE = re.compile(r"^- \*\*([A-Z]+-\d+)\*\*(.*(?:\n  .*)*)", re.MULTILINE)
_BODY = re.compile(r" \[([^]:]*)(?:: ([^]]+))?\] (.+)")
_LEGACY = re.compile(r"^\| (L-\d+) \| (.+?) \| ", re.MULTILINE)
_LEGACY_EVIDENCE = {
    "L-1": ("adapter", None),
    "L-2": ("adapter", None),
    "L-3": ("adapter", None),
    "L-8": ("none", "what stands in a codes file of one's own is one's own affair"),
}
"""Of the others, runs are the evidence."""
_KEYWORD = re.compile(rf"\b({'|'.join(KEYWORDS)})\b")


@dataclass(frozen=True, slots=True)
class Clause:
    """One observable promise."""

    id: str
    """Chapter and number, as `EXP-1`; never used for anything else."""
    keyword: str
    """One of `KEYWORDS`; MAY for a legacy (`L-1`)."""
    evidence: tuple[str, ...]
    """Some of `EVIDENCE`."""
    text: str
    reason: str | None = None
    """Why there is no evidence, where there is none."""

    @property
    def chapter(self) -> str:
        """`EXP` of `EXP-1`."""
        return self.id.partition("-")[0]


def read_clauses(spec: str) -> list[Clause]:
    """The clauses of a text like SPEC.md, then its legacies.

    Raises ValueError, which names the id, for a clause without exactly one keyword, an unknown kind
    of evidence, one without its reason, or an id that stands there twice.
    """
    clauses = []
    for clause_id, body in _CLAUSE.findall(spec):
        parts = _BODY.fullmatch(" " + " ".join(body.split()))
        if not parts:
            raise ValueError(f"{clause_id} is not of the form `[evidence] text`")
        evidence, reason, text = parts.groups()
        keywords = _KEYWORD.findall(text)
        if len(keywords) != 1:
            raise ValueError(f"{clause_id} has {len(keywords)} keywords of BCP 14, not one")
        kinds = tuple(evidence.split(", "))
        if not set(kinds) <= set(EVIDENCE) or (kinds == ("none",)) != bool(reason):
            raise ValueError(f"{clause_id}: [{evidence}] is no evidence, or its reason is missing")
        clauses.append(Clause(clause_id, keywords[0], kinds, text, reason))
    for legacy, text in _LEGACY.findall(spec):
        kind, reason = _LEGACY_EVIDENCE.get(legacy, ("run", None))
        clauses.append(Clause(legacy, "MAY", (kind,), text, reason))
    ids = [clause.id for clause in clauses]
    twins = {clause_id for clause_id in ids if ids.count(clause_id) > 1}
    if twins:
        raise ValueError(f"{', '.join(sorted(twins))} stands there twice")
    return clauses


@cache
def clauses() -> dict[str, Clause]:
    """Every clause by its id, in the order of the spec."""
    text = resources.files("conformance").joinpath("clauses.json").read_text(encoding="utf-8")
    known = [Clause(**data | {"evidence": tuple(data["evidence"])}) for data in json.loads(text)]
    return {clause.id: clause for clause in known}


def named(names: Iterable[str], wanted: Collection[str]) -> bool:
    """Whether one of `names` is wanted, by itself or by its chapter."""
    return any(name in wanted or name.partition("-")[0] in wanted for name in names)


def clauses_json(spec: str) -> str:
    """The text of `clauses.json` for a spec."""
    lines = [json.dumps(asdict(clause), ensure_ascii=False) for clause in read_clauses(spec)]
    return "[\n" + ",\n".join(lines) + "\n]\n"


if __name__ == "__main__":
    here = Path(__file__)
    text = clauses_json((here.parents[1] / "SPEC.md").read_text(encoding="utf-8"))
    here.with_name("clauses.json").write_text(text, encoding="utf-8")
