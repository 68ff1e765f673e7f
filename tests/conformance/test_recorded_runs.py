"""Recorded runs of faulty and of correct programs, judged again.

`record_runs.py` runs the programs and writes `recorded_runs.json`; here no program is started. The
findings are compared (verdict, clause, kind and code), and so are the evidence tables.
"""

import json

from support.recorded_runs import RECORDED, run_of, summary, table_lines

from conformance.cases.model import case_from_json
from conformance.checks.judge import findings


def judged(one):
    """What is recorded of a run, as it is judged now."""
    case, run = case_from_json(one["case"]), run_of(one["run"])
    found = findings(case, run)
    again = one | {"found": [summary(finding) for finding in found]}
    return again | ({"books": table_lines(case, run, found)} if "books" in one else {})


def test_every_recorded_run_gets_the_recorded_findings():
    recorded = json.loads(RECORDED.read_text(encoding="utf-8"))
    assert len(recorded) > 100
    different = {one["program"]: now for one in recorded if (now := judged(one)) != one}
    assert different == {}
