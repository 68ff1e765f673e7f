"""Cases and lists of known failures that users write: what is read, and what an error names."""

import json

import jsonschema
import pytest
from support import TOP

from conformance.cases.fixed import fixed_cases
from conformance.cases.model import CaseError, case_from_json
from conformance.clauses import clauses
from conformance.known_failures import KnownFailure, read_known_failures

SCHEMA = jsonschema.Draft202012Validator(
    json.loads(TOP.joinpath("conformance/case.schema.json").read_text(encoding="utf-8"))
)
CASE = {"case": 1, "id": "a", "clauses": ["EXP-1"], "arguments": [], "plan": {"plan": 1}}

WRONG = [
    ({"arguments": [1]}, "arguments[0]: 1: "),
    ({"arguments": ["a\0b"]}, 'arguments[0]: "a\\u0000b": '),
    ({"arguments": [""] * 1001}, "arguments: "),
    ({"id": ""}, 'id: "": '),
    ({"id": "a" * 201}, f'id: "{"a" * 56}...: '),
    ({"case": 2}, "case: 2: "),
    ({"case": True}, "case: true: "),
    ({"clauses": []}, "clauses: []: "),
    ({"clauses": ["exp-1"]}, 'clauses[0]: "exp-1": '),
    ({"files": {"ok": "", "../a": ""}}, 'files: the key "../a": '),
    ({"files": {"ok": "", "b": 5}}, "files.b: 5: "),
    ({"files": {"ok": "a" * 100_001}}, "files.ok: "),
    ({"files": 1}, "files: 1: "),
    ({"height": 1}, "the case: unknown key 'height'"),
    ({"expects": "no"}, 'expects: "no": expected one of either, interrupt, refusal, report'),
    ({"waits_s": -1}, "waits_s: -1: "),
    ({"waits_s": 301}, "waits_s: 301: "),
    ({"timeout_s": 0}, "timeout_s: 0: "),
    ({"timeout_s": "1"}, 'timeout_s: "1": '),
    ({"asks": [["A", 1]]}, "asks[0][1]: 1: "),
    ({"gate": 1}, "gate: 1: "),
    ({"dest": "no"}, 'dest: "no": '),
    ({"codes_file": 3}, "codes_file: 3: "),
    ({"why": None}, "why: null: "),
    ({"plan": 3}, "plan: 3: "),
]


def rejected(data, said):
    with pytest.raises(CaseError) as caught:
        case_from_json(data, "a.json")
    assert str(caught.value).startswith(f"a.json: {said}")
    assert not SCHEMA.is_valid(data)


def test_a_wrong_case_is_rejected_with_its_place_and_value():
    for change, said in WRONG:
        rejected(CASE | change, said)
    for data in ([], None, "x", 1):
        rejected(data, f"the case: {json.dumps(data)}: ")


def test_a_missing_key_is_named():
    for name in CASE:
        data = {key: value for key, value in CASE.items() if key != name}
        rejected(data, f"the case: the key '{name}' is missing")


def test_an_unknown_clause_is_named():
    with pytest.raises(CaseError, match="clauses: there is no clause XYZ-9"):
        case_from_json(CASE | {"clauses": ["XYZ-9"]})


def test_the_schema_accepts_every_fixed_case():
    for case in fixed_cases():
        SCHEMA.validate(case.to_json())


KNOWN = {"case": "a", "clause": "OUT-2", "word": "lost", "why": "it is old"}


def test_known_failures_are_read(tmp_path):
    file = tmp_path / "known.json"
    file.write_text(json.dumps([KNOWN]))
    assert read_known_failures(file, clauses()) == [KnownFailure("a", "OUT-2", "lost", "it is old")]


def test_a_wrong_list_of_known_failures_is_rejected_with_its_file_and_place(tmp_path):
    file = tmp_path / "known.json"
    for text, said in (
        ("[", "is not JSON"),
        (json.dumps(KNOWN), "the list: "),
        (json.dumps([KNOWN, {"case": "a"}]), "[1]: the key 'clause' is missing"),
        (json.dumps([KNOWN | {"why": ""}]), '[0].why: "": '),
        (json.dumps([KNOWN | {"kind": "lost"}]), "[0]: unknown key 'kind'"),
        (json.dumps([KNOWN | {"clause": "XYZ-9"}]), "there is no clause XYZ-9"),
    ):
        file.write_text(text)
        with pytest.raises(ValueError, match="known") as caught:
            read_known_failures(file, clauses())
        assert said in str(caught.value)
