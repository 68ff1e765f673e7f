"""Recorded runs of faulty and of correct programs, judged again.

`record_runs.py` runs the programs and writes `recorded_runs.json`; here no program is started. The
findings are compared (verdict, clause, kind and code), and so are the evidence tables.
"""

import json

import pytest
from support.recorded_runs import RECORDED, run_of, summary, table_lines

from conformance.cases.model import case_from_json
from conformance.checks.judge import findings


def recorded():
    return json.loads(RECORDED.read_text(encoding="utf-8")) if RECORDED.exists() else []


@pytest.mark.parametrize("one", [pytest.param(one, id=one["program"]) for one in recorded()])
def test_a_recorded_run_gets_the_recorded_findings(one):
    case, run = case_from_json(one["case"]), run_of(one["run"])
    found = findings(case, run)
    assert [summary(finding) for finding in found] == one["found"]
    if "books" in one:
        assert table_lines(case, run, found) == one["books"]
