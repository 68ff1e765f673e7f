"""The clauses of docs/downloaders/spec.md.

`python -m conformance.download.clauses` makes `clauses.json` from it; a test compares them.
"""

import re
from pathlib import Path

from conformance.clauses import Clause, json_of, keyword_of, packaged

_CLAUSE = re.compile(r"^- \*\*(DL-[A-Z]{3})\*\* \[(.+?)\] (.+(?:\n  .+)*)", re.MULTILINE)


def read_clauses(spec: str) -> list[Clause]:
    """The clauses of a text, `DL-LEN` and so on; what shows each is some of journal, status, files.

    Raises ValueError for one without exactly one keyword.
    """
    found = []
    for clause_id, evidence, body in _CLAUSE.findall(spec):
        text, kinds = " ".join(body.split()), tuple(evidence.split(", "))
        found.append(Clause(clause_id, keyword_of(clause_id, text), kinds, text))
    return found


def clauses() -> dict[str, Clause]:
    """Every clause by its id, in the order of the spec."""
    return packaged("conformance.download")


def clauses_json(spec: str) -> str:
    """The text of `clauses.json` for a spec."""
    return json_of(read_clauses(spec))


if __name__ == "__main__":
    here = Path(__file__)
    spec = (here.parents[2] / "docs/downloaders/spec.md").read_text(encoding="utf-8")
    here.with_name("clauses.json").write_text(clauses_json(spec), encoding="utf-8")
