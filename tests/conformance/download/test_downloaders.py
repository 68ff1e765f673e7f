"""`conformance download` finds each faulty downloader by its clause, and nothing in right ones."""

import sys

import pytest
from download_variations import FAULTY, RIGHT, varied
from support import TOP

from conformance.download.command import chosen_situations
from conformance.download.resuming import situations
from conformance.download.runner import Settings
from conformance.download.suite import Suite
from conformance.scheduler import Progress
from conformance.verdicts import FAILURES, Verdict

pytestmark = pytest.mark.slow


def judged(file, only=(), patience_s=4.0):
    """The outcomes of a downloader in Python, by situation."""
    settings = Settings((sys.executable, str(file), "{url}", "{file}"), patience_s)
    suite = Suite(settings, 2, Progress())
    suite.examine_all(chosen_situations(only))
    assert suite.errors == []
    return suite.outcomes


@pytest.mark.parametrize("name", FAULTY)
def test_a_faulty_downloader_breaks_its_clause(name, tmp_path):
    fault, file = FAULTY[name], tmp_path / "downloader.py"
    file.write_text(varied(fault.changes), encoding="utf-8")
    (outcome,) = judged(file, [fault.situation]).values()
    judgement = outcome.judgement
    assert judgement.word == fault.word
    assert fault.clause in {one.clause for one in judgement.findings}
    assert all(one.verdict is not Verdict.FLAKY for one in judgement.findings)


def findings(outcomes):
    return {
        (name, one.clause, one.kind, one.actual)
        for name, outcome in outcomes.items()
        for one in outcome.judgement.findings
        if one.verdict in FAILURES or one.verdict is Verdict.NON_STRICT
    }


def kept_clauses(outcomes):
    return {clause for one in outcomes.values() for clause in one.judgement.kept}


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("n", "name"), list(enumerate(RIGHT)))
def test_nothing_is_said_against_a_right_downloader_of_unusual_habits(n, name, tmp_path):
    file = tmp_path / "downloader.py"
    file.write_text(varied(RIGHT[name]), encoding="utf-8")
    every = [one.id for one in situations()]
    outcomes = judged(file, every[n % 2 :: 2])  # each is for half of them
    assert findings(outcomes) == set()
    assert kept_clauses(outcomes) >= {"DL-FIN", "DL-STA", "DL-LEN", "DL-CHK"}


@pytest.mark.timeout(600)
def test_nothing_is_said_against_the_reference_downloader():
    outcomes = judged(TOP / "examples/downloader.py", patience_s=20.0)
    assert findings(outcomes) == set()
    assert len(kept_clauses(outcomes)) >= 18
