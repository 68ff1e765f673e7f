"""The clauses of docs/downloaders/spec.md.

`python -m conformance.download.clauses` makes `clauses.json` from it; a test compares them.
"""

import json
import re
from dataclasses import asdict, dataclass
from functools import cache
from importlib import resources
from pathlib import Path

_CLAUSE = re.compile(r"^- \*\*(DL-[A-Z]{3})\*\* \[(.+?)\] (.+(?:\n  .+)*)", re.MULTILINE)
_KEYWORD = re.compile(r"\b(?:MUST|SHOULD)(?: NOT)?\b")


@dataclass(frozen=True, slots=True)
class Clause:
    """One promise of a downloader."""

    id: str
    """As `DL-LEN`; an id is never used again."""
    keyword: str
    """MUST, MUST NOT, SHOULD or SHOULD NOT."""
    evidence: tuple[str, ...]
    """What shows it: some of journal, status, files."""
    text: str


def read_clauses(spec: str) -> list[Clause]:
    """The clauses of a text; raises ValueError for one without exactly one keyword."""
    found = []
    for clause_id, evidence, body in _CLAUSE.findall(spec):
        text = " ".join(body.split())
        keywords = _KEYWORD.findall(text)
        if len(keywords) != 1:
            raise ValueError(f"{clause_id} has {len(keywords)} keywords of BCP 14, not one")
        found.append(Clause(clause_id, keywords[0], tuple(evidence.split(", ")), text))
    return found


@cache
def clauses() -> dict[str, Clause]:
    """Every clause by its id, in the order of the spec."""
    text = resources.files(__package__).joinpath("clauses.json").read_text(encoding="utf-8")
    known = [Clause(**data | {"evidence": tuple(data["evidence"])}) for data in json.loads(text)]
    return {clause.id: clause for clause in known}


def clauses_json(spec: str) -> str:
    """The text of `clauses.json` for a spec."""
    lines = [json.dumps(asdict(clause), ensure_ascii=False) for clause in read_clauses(spec)]
    return "[\n" + ",\n".join(lines) + "\n]\n"


if __name__ == "__main__":
    here = Path(__file__)
    spec = here.parents[2] / "docs/downloaders/spec.md"
    here.with_name("clauses.json").write_text(
        clauses_json(spec.read_text(encoding="utf-8")), encoding="utf-8"
    )
