"""Journals that version 0.1 wrote are judged as version 0.1 judged them."""

import json

from support import TESTS
from support.rows import each

from mockservers.journal_json import read_journal
from mockservers.ledger import balance

FOLDER = TESTS / "data/journals-0.1"
VERDICTS = json.loads((FOLDER / "verdicts.json").read_text(encoding="utf-8"))


def test_every_journal_has_its_verdict():
    assert {path.stem for path in FOLDER.glob("*.jsonl")} == set(VERDICTS)
    assert len(VERDICTS) > 20


@each("name", VERDICTS)
def test_a_journal_of_version_0_1_is_judged_as_before(name):
    found = balance(read_journal(FOLDER / f"{name}.jsonl")).to_json()
    assert VERDICTS[name] == {
        "balanced": found["balanced"],
        "imbalances": [[one["word"], one["code"]] for one in found["imbalances"]],
        "notes": len(found["notes"]),
        "codes": found["codes"],
    }
