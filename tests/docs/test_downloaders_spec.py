"""The clauses of docs/downloaders/spec.md have the form that it says."""

import re

import pytest
from support import TOP

from conformance.download.clauses import read_clauses

pytestmark = pytest.mark.slow

SPEC = (TOP / "docs/downloaders/spec.md").read_text(encoding="utf-8")
CLAUSES = [(one.id, one.evidence, one.text) for one in read_clauses(SPEC)]
KEYWORD = re.compile(r"\b(?:MUST|SHOULD)(?: NOT)?\b")


def test_each_clause_has_its_own_id_one_keyword_and_what_shows_it():
    assert len({name for name, *_ in CLAUSES}) == len(CLAUSES) == SPEC.count("- **DL-") == 20
    for name, shown_by, text in CLAUSES:
        assert set(shown_by) <= {"journal", "status", "files"}, name
        assert len(KEYWORD.findall(text)) == 1, name


def test_a_must_names_the_section_that_it_rests_on():
    for name, _, text in CLAUSES:
        rests_on = re.search(r"\((?:RFC|POSIX).*\)\Z", text)
        assert rests_on or KEYWORD.search(text)[0].startswith("SHOULD"), name
