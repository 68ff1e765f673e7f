"""Clauses of a spec; those of SPEC.md.

`python -m conformance.clauses` makes `clauses.json` from SPEC.md; a test compares them.
"""

import json
import re
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from functools import cache
from importlib import resources
from pathlib import Path

KEYWORDS = ("MUST NOT", "MUST", "SHOULD NOT", "SHOULD", "MAY")
"""The keywords of BCP 14; a clause has one of them."""

EVIDENCE = ("run", "adapter", "none")
"""How a clause is tested."""

_CLAUSE = re.compile(r"^- \*\*([A-Z]+-\d+)\*\*(.*(?:\n  .*)*)", re.MULTILINE)
_BODY = re.compile(r" \[([^]:]*)(?:: ([^]]+))?\] (.+)")
_LEGACY = re.compile(r"^\| (L-\d+) \| (.+?) \| ", re.MULTILINE)
_LEGACY_EVIDENCE = {
    "L-1": ("adapter", None),
    "L-2": ("adapter", None),
    "L-3": ("adapter", None),
    "L-8": ("none", "the contents of a user-supplied codes file are unspecified"),
}
"""The evidence of the other legacies is runs."""
_KEYWORD = re.compile(rf"\b({'|'.join(KEYWORDS)})\b")


@dataclass(frozen=True, slots=True)
class Clause:
    """One observable promise."""

    id: str
    """Chapter and number, as `EXP-1`; an id is never reused."""
    keyword: str
    """One of `KEYWORDS`; MAY for a legacy (`L-1`)."""
    evidence: tuple[str, ...]
    """Some of `EVIDENCE`."""
    text: str
    reason: str | None = None
    """Why there is no evidence, if there is none."""

    @property
    def chapter(self) -> str:
        """`EXP` of `EXP-1`."""
        return self.id.partition("-")[0]


def read_clauses(spec: str) -> list[Clause]:
    """The clauses of a text like SPEC.md, then its legacies.

    Raises ValueError, which names the id, for a clause without exactly one keyword, for an unknown
    kind of evidence, for `none` without a reason, and for a duplicate id.
    """
    clauses = []
    for clause_id, body in _CLAUSE.findall(spec):
        parts = _BODY.fullmatch(" " + " ".join(body.split()))
        if not parts:
            raise ValueError(f"{clause_id} is not of the form `[evidence] text`")
        evidence, reason, text = parts.groups()
        keyword = keyword_of(clause_id, text)
        kinds = tuple(evidence.split(", "))
        if not set(kinds) <= set(EVIDENCE) or (kinds == ("none",)) != bool(reason):
            raise ValueError(f"{clause_id}: [{evidence}] is no evidence, or its reason is missing")
        clauses.append(Clause(clause_id, keyword, kinds, text, reason))
    for legacy, text in _LEGACY.findall(spec):
        kind, reason = _LEGACY_EVIDENCE.get(legacy, ("run", None))
        clauses.append(Clause(legacy, "MAY", (kind,), text, reason))
    ids = [clause.id for clause in clauses]
    duplicates = {clause_id for clause_id in ids if ids.count(clause_id) > 1}
    if duplicates:
        raise ValueError(f"duplicate id {', '.join(sorted(duplicates))}")
    return clauses


def keyword_of(clause_id: str, text: str) -> str:
    """The keyword of a clause; raises ValueError, which names the id, unless it has exactly one."""
    keywords = _KEYWORD.findall(text)
    if len(keywords) != 1:
        raise ValueError(f"{clause_id} has {len(keywords)} keywords of BCP 14, not one")
    return str(keywords[0])


@cache
def packaged(package: str) -> dict[str, Clause]:
    """Every clause in the `clauses.json` of a package by its id, in the order of the spec."""
    text = resources.files(package).joinpath("clauses.json").read_text(encoding="utf-8")
    known = [Clause(**data | {"evidence": tuple(data["evidence"])}) for data in json.loads(text)]
    return {clause.id: clause for clause in known}


def clauses() -> dict[str, Clause]:
    """Every clause of SPEC.md by its id, in its order."""
    return packaged("conformance")


def named(names: Iterable[str], wanted: Collection[str]) -> bool:
    """Whether one of `names`, or its chapter, is wanted."""
    return any(name in wanted or name.partition("-")[0] in wanted for name in names)


def clauses_json(spec: str) -> str:
    """The text of `clauses.json` for a spec."""
    return json_of(read_clauses(spec))


def json_of(read: Iterable[Clause]) -> str:
    """The text of `clauses.json` for these clauses."""
    lines = [json.dumps(asdict(clause), ensure_ascii=False) for clause in read]
    return "[\n" + ",\n".join(lines) + "\n]\n"


if __name__ == "__main__":
    here = Path(__file__)
    spec = (here.parents[1] / "SPEC.md").read_text(encoding="utf-8")
    here.with_name("clauses.json").write_text(clauses_json(spec), encoding="utf-8")
