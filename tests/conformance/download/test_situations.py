"""The situations as data, and the clauses that they are for."""

import json
from importlib import resources

from support import TOP

from conformance.download.clauses import clauses, clauses_json
from conformance.download.resuming import situations
from mockservers.plan_json import plan_from_json, plan_to_json

SPEC = (TOP / "docs/downloaders/spec.md").read_text(encoding="utf-8")


def test_the_packaged_clauses_are_those_of_the_spec():
    packaged = resources.files("conformance.download").joinpath("clauses.json")
    assert packaged.read_text(encoding="utf-8") == clauses_json(SPEC)


def test_each_clause_but_that_on_what_is_left_has_situations_of_its_own():
    tested = {clause for one in situations() for clause in one.clauses}
    assert clauses().keys() - tested == {"DL-PAR"}  # every failure shows it
    assert tested <= clauses().keys()


def test_each_plan_can_be_written_and_read():
    for one in situations():
        for step in one.steps:
            plan = step.plan(one.path, seed=3, root="/r", probes=1)
            assert plan_from_json(json.dumps(plan_to_json(plan))) == plan, one.id
