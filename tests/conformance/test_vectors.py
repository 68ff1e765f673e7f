"""The packaged vectors: well formed, never changed, and what the programs here do."""

import hashlib
import importlib.util
import json
import shutil
import subprocess
import sys
import time
from collections import Counter

import jsonschema
import pytest
from support import TOP
from support.faults import fate_of
from support.rows import each

from conformance import vectors
from conformance.clauses import clauses
from mockservers.content.resources import FlagCatalogue, info_in
from mockservers.flags2.arguments import parse_flags2
from mockservers.kinds.chance import Chance, bytes_of, places_in
from mockservers.plan import draw, noise
from mockservers.plan_json import fault_to_json, plan_from_json
from mockservers.predict import predict, totals
from reference import flags2_common, primes_threadpool
from reference.quicksort import quicksort

NAMES = vectors.FILES[:-1]
CASES = [case for name in NAMES for case in vectors.cases(name)]


def short(codes):
    return {"count": len(codes), "sha256": hashlib.sha256(" ".join(codes).encode()).hexdigest()}


def as_given(codes, expected):
    return codes if isinstance(expected, list) else short(codes)


# --- what programs here make of a case -----------------------------------------------------


def expansion(case, capsys, monkeypatch):
    given = case["input"]
    limit = sys.maxsize if given["limit"] is None else given["limit"]
    try:
        codes = flags2_common.expand_cc_args(given["every"], given["all"], given["args"], limit)
    except ValueError:
        return {"refused": True}
    codes = codes or sorted(flags2_common.POP20_CC)
    return {"codes": as_given(codes, case["output"].get("codes"))}


def command_line(case, capsys, monkeypatch):
    given = case["input"]
    monkeypatch.setattr(sys, "argv", ["PROG", *given["arguments"]])
    try:
        args, codes = flags2_common.process_args(given["default_connections"])
    except SystemExit as end:
        return {"refused": end.code != 0}
    return {
        "codes": as_given(codes, case["output"].get("codes")),
        "base_url": flags2_common.SERVERS[args.server],
        "verbose": args.verbose,
        "label": args.server,
        "connections": min(args.max_req, given["most_connections"], len(codes)),
    }


def reports(case, capsys, monkeypatch):
    given = case["input"]
    capsys.readouterr()
    if given["report"] == "initial":
        codes = given["codes"]
        if isinstance(codes, dict):
            codes = [codes["first"], *["MM"] * (codes["count"] - 2), codes["last"]]
        flags2_common.initial_report(codes, given["connections"], given["label"])
    else:
        counter = Counter({s: given[s.name] for s in flags2_common.HTTPStatus})
        flags2_common.final_report([], counter, time.time())
    lines = capsys.readouterr().out.splitlines()
    return {"lines": [line for line in lines if not line.startswith("Elapsed")]}


def primes(case, capsys, monkeypatch):
    try:
        return {"prime": primes_threadpool.is_prime(case["input"]["n"])}
    except ValueError:
        return {"error": "ValueError"}


def sorting(case, capsys, monkeypatch):
    items = list(case["input"]["items"])
    quicksort(items)
    output = {"sorted": items}
    if "swaps" in case["output"]:
        replayed = list(case["input"]["items"])
        for i, j in case["output"]["swaps"]:
            replayed[i], replayed[j] = replayed[j], replayed[i]
        output["swaps"] = case["output"]["swaps"] if replayed == items else "lead elsewhere"
    return output


def draws(case, capsys, monkeypatch):
    given = case["input"]
    if "text" in given:
        _, seed, label, rest = given["text"].split("|", 3)
        resource, attempt, purpose = rest.rsplit("|", 2)
        return {"u": draw(int(seed), label, resource, int(attempt), purpose)}
    asked = given["label"], given["resource"], given["attempt"]
    if "count" in given:
        text = Chance(given["seed"], *asked).text("places")
        return {"places": list(places_in(text, given["count"], given["length"]))}
    if "length" in given:
        text = Chance(given["seed"], *asked).text("bytes")
        return {"hex": bytes_of(text, given["length"]).hex()}
    if "seed" in given:
        return {"hex": noise(given["seed"], *asked).hex()}
    reply = fault_to_json(fate_of(plan_from_json(json.dumps(given["plan"])), *asked))
    expected = case["output"]["reply"]
    if abs(reply.get("delay_s", 0) - expected.get("delay_s", 0)) <= 1e-6:
        reply |= {key: expected[key] for key in ("delay_s",) if key in expected}
    return {"reply": reply}


def scenarios(case, capsys, monkeypatch):
    order = parse_flags2(case["input"]["arguments"])
    plan = plan_from_json(json.dumps(case["input"]["plan"]))
    foreseen = predict(plan, order.label, order.codes, info_in(FlagCatalogue()))
    return {
        "codes": {code: forecast.to_json() for code, forecast in foreseen.items()},
        "totals": totals(foreseen),
    }


PROGRAMS = (expansion, command_line, reports, primes, sorting, draws, scenarios)
ANSWERS = dict(zip(NAMES, PROGRAMS, strict=True))


@pytest.fixture
def answer(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    return lambda name, case: ANSWERS[name](case, capsys, monkeypatch)


@each("name", NAMES)
def test_the_programs_here_agree_with_every_vector(name, answer):
    wrong = [case["id"] for case in vectors.cases(name) if answer(name, case) != case["output"]]
    assert wrong == []


@each("name", NAMES)
def test_a_changed_vector_is_noticed(name, answer):
    case = json.loads(json.dumps(vectors.cases(name)[0]))
    key = next(iter(case["output"]))
    case["output"][key] = ["spoilt"] if isinstance(case["output"][key], list) else {"delay_s": 1e9}
    assert answer(name, case) != case["output"]


# --- the files -------------------------------------------------------------------------------


def test_every_file_is_valid_by_the_schema():
    schema = json.loads(vectors.vector_text("vector.schema.json"))
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    for name in NAMES:
        validator.validate(json.loads(vectors.vector_text(name)))


def test_every_clause_named_exists():
    assert vectors.vector_clauses().keys() <= clauses().keys()
    assert vectors.vector_clauses()["EXP-2"]


def test_legacies_are_of_level_may():
    assert all(c["level"] == "MAY" for c in CASES if c["clauses"][0].startswith("L-"))


def test_a_packaged_case_is_never_changed_and_its_id_never_used_again():
    ids = json.loads(vectors.vector_text("ids.json"))
    assert len({case["id"] for case in CASES}) == len(CASES)
    assert [c["id"] for c in CASES if ids.get(c["id"]) != vectors.digest(c)] == []
    assert all(case["replaces"] in {None, *ids} for case in CASES)


def test_a_changed_case_has_another_digest():
    assert vectors.digest({**CASES[0], "why": "changed"}) != vectors.digest(CASES[0])


def test_integers_are_exact_in_any_language():
    found = []
    json.loads(json.dumps(CASES), parse_int=lambda text: found.append(abs(int(text))))
    assert 0 < max(found) < 2**53


def test_the_files_are_small():
    assert sum(len(vectors.vector_text(name).encode()) for name in (*NAMES, "ids.json")) < 400_000


@pytest.fixture(scope="module")
def maker():
    path = TOP / "tests/golden/make_vectors.py"
    spec = importlib.util.spec_from_file_location("make_vectors", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_maker_gives_the_same_files_again(maker):
    made = maker.made()
    assert [name for name, text in made.items() if text != vectors.vector_text(name)] == []


def test_a_changed_case_gets_a_new_id_that_names_the_old_one(maker):
    old = {"id": "primes/0003", "input": {"n": 9}, "output": {"prime": True}, "replaces": None}
    fresh = {"input": {"n": 9}, "output": {"prime": False}}
    (case,) = maker.numbered("primes", [fresh], [old], {"primes/0003": "", "primes/0007": ""})
    assert (case["id"], case["replaces"]) == ("primes/0008", "primes/0003")


# --- writing ----------------------------------------------------------------------------------


def test_writing_twice_leaves_exactly_the_files(tmp_path):
    folder = tmp_path / "new" / "folder"
    assert vectors.write_vectors(folder) == vectors.write_vectors(folder)
    assert sorted(path.name for path in folder.iterdir()) == sorted(vectors.FILES)
    for name in vectors.FILES:
        assert (folder / name).read_text(encoding="utf-8") == vectors.vector_text(name)


def test_a_folder_that_is_a_file_is_an_error_with_its_path(tmp_path):
    taken = tmp_path / "taken"
    taken.write_text("mine")
    with pytest.raises(OSError, match="taken"):
        vectors.write_vectors(taken)
    assert taken.read_text() == "mine"


def test_a_file_that_cannot_be_replaced_leaves_nothing_half_written(tmp_path):
    (tmp_path / NAMES[0]).mkdir()
    with pytest.raises(OSError, match=NAMES[0]):
        vectors.write_vectors(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [NAMES[0]]


# --- another language ---------------------------------------------------------------------------


def in_node(folder):
    script = TOP / "tests/vectors/check_vectors.mjs"
    return subprocess.run(["node", script, folder], capture_output=True, text=True)


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("node"), reason="node is not there")
def test_a_consumer_in_node_agrees_and_notices_a_changed_vector(tmp_path):
    vectors.write_vectors(tmp_path)
    assert (run := in_node(tmp_path)).returncode == 0, run.stdout + run.stderr
    path = tmp_path / "primes.json"
    text = path.read_text()
    data = json.loads(text)
    case = next(c for c in data["cases"] if c["level"] == "MUST")
    case["output"]["prime"] = not case["output"]["prime"]
    path.write_text(json.dumps(data))
    run = in_node(tmp_path)
    assert run.returncode == 1
    assert case["id"] in run.stdout
