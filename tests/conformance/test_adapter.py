"""The adapter door: what it asks, what it finds wrong, and that it does so with any adapter."""

import importlib.util
import json
import shutil
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import examples, has_ended

from conformance.adapter import examine
from conformance.answers import Answer, findings, is_prime, read_answer
from conformance.clauses import clauses
from conformance.expansion import ARRANGED, MISREAD, expansion, explanations, misread
from conformance.program import CannotStartError
from conformance.questions import Question, expand, fixed_questions, generated
from conformance.verdicts import FAILURES, Verdict
from mockservers.codes import parse_flags2

TOP = Path(__file__).parents[2]
TWIN = str(Path(__file__).with_name("adapter_twins.py"))
_spec = importlib.util.spec_from_file_location("adapter_twins", TWIN)
adapter_twins = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(adapter_twins)
TWINS = adapter_twins.TWINS
ADAPTER = {name: c for name, c in clauses().items() if "adapter" in c.evidence}
BY_ID = {question.id: question for question in fixed_questions()}


def twin(name):
    return [sys.executable, TWIN, name]


def failed(report):
    return {name for name, row in report["clauses"].items() if row["verdict"] in FAILURES}


def verdicts(report, *chapters):
    rows = report["clauses"].items()
    return {row["verdict"] for name, row in rows if name.split("-")[0] in chapters}


def said(**data):
    return read_answer(json.dumps(data).encode())


# --- adapters that are right ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "supported"),
    [
        ([sys.executable, TOP / "examples/adapter_python.py"], ["EXP", "PRM", "QKS", "HOOK"]),
        (["node", TOP / "examples/adapter_node.mjs"], ["EXP", "PRM", "QKS", "HOOK"]),
        (["sh", TOP / "examples/adapter_awk.sh"], ["PRM", "QKS", "HOOK"]),
        (twin("correct"), ["EXP", "PRM", "QKS", "SRV", "HOOK"]),
    ],
    ids=["python", "node", "awk", "all-operations"],
)
def test_an_adapter_that_is_right_conforms(command, supported):
    if not shutil.which(command[0]):
        pytest.skip(f"no {command[0]} here")
    report = examine([str(word) for word in command], examples=5)
    assert report["failures"] == []
    assert verdicts(report, *supported) == {Verdict.PASS}
    others = {"EXP", "PRM", "QKS", "SRV", "HOOK"} - set(supported)
    assert verdicts(report, *others) <= {Verdict.UNSUPPORTED}
    assert verdicts(report, "L") <= {Verdict.LEGACY, Verdict.INFO}


def test_the_listings_prime_test_is_legacy_and_another_is_information():
    command = [sys.executable, str(TOP / "examples/adapter_python.py")]
    assert verdicts(examine(command, only=["L"], examples=0), "L") == {Verdict.LEGACY}
    for clause, n, answer in (("L-1", 2, said(result=True)), ("L-3", -7, said(result=False))):
        question = Question("q", "is_prime", {"n": n}, (clause,), "")
        assert [one.verdict for one in findings(question, answer)] == [Verdict.INFO]
        crashed = Answer("ended with status 1", fault="crash")
        assert [one.verdict for one in findings(question, crashed)] == [Verdict.INFO]


def test_an_adapter_that_has_nothing_is_unsupported_but_for_the_unknown_operation():
    report = examine(["sh", "-c", "while read -r _; do echo '{\"unsupported\": true}'; done"])
    assert report["clauses"]["HOOK-3"]["verdict"] is Verdict.PASS
    assert report["totals"] == {Verdict.PASS: 1, Verdict.UNSUPPORTED: len(ADAPTER) - 1}


# --- adapters that are wrong ------------------------------------------------------------------


ONE_QUESTION = {
    "backwards": "sort-shuffled",
    "binary": "prime-3",
    "dies": "prime-3",
    "floods": "expand-code",
    "from-one": "sort-three",
    "hangs": "sort-three",
    "no-boolean": "prime-3",
    "no-trace": "sort-three",
    "recursive": "sort-long-sorted",
    "thirteen": "sort-three",
    "two-lines": "prime-3",
}
"""Twins that are slow, or no different with other questions."""


@pytest.mark.parametrize("name", TWINS)
def test_a_twin_is_killed_by_its_clause_and_by_no_other(name):
    clause = TWINS[name]
    chapter = "EXP" if clause.startswith("EXP") else clause
    only = f"adapter/{ONE_QUESTION[name]}" if name in ONE_QUESTION else chapter
    drawn = {"thirteen": 200}.get(name, 20 if only == "EXP" else 0)
    patience = 0.05 if name == "hangs" else 1
    report = examine(twin(name), only=[only], examples=drawn, patience=patience)
    json.dumps(report)
    assert failed(report) == {clause}
    (failure,) = report["failures"]
    assert failure["clause"] == clause
    assert failure["cases"]
    if name != "thirteen":
        assert failure["executions"] <= 4
    special = {"hangs": Verdict.TIMEOUT, "dies": Verdict.CRASH, "recursive": Verdict.CRASH}
    special["moody"] = Verdict.FLAKY
    assert failure["verdict"] is special.get(name, Verdict.FAIL)


def test_every_must_that_adapters_are_asked_about_has_a_twin():
    musts = {name for name, clause in ADAPTER.items() if clause.keyword.startswith("MUST")}
    assert set(TWINS.values()) == musts


def test_a_fault_that_only_a_drawn_question_shows_is_shrunk():
    (failure,) = examine(twin("thirteen"), only=["adapter/sort-three"], examples=200)["failures"]
    assert failure["cases"] == ["adapter/quicksort-any"]
    items = failure["question"]["items"]
    assert len(items) == 13
    assert items.count(0) >= 11  # which of the small lists is left may differ
    assert failure["answer"] == {"result": failure["question"]["items"]}
    assert failure["executions"] < 1000


def test_the_same_seed_makes_the_same_report_and_another_seed_asks_something_else():
    def seen(seed):
        only = ["adapter/sort-three"]
        report = examine(twin("thirteen"), only=only, examples=100, seed=seed)
        return json.dumps({**report, "elapsed_s": 0, "seed": 0})

    first = seen(1)
    assert seen(1) == first
    assert any(seen(seed) != first for seed in (2, 3, 4))


def test_a_command_that_cannot_be_started_is_told_in_one_line(tmp_path):
    no_program = tmp_path / "adapter"
    no_program.write_bytes(b"\x00\x01")
    for command in ("/no/such/adapter", str(no_program)):
        with pytest.raises(CannotStartError, match=r"\A[^\n]+adapter[^\n]*\Z"):
            examine([command])
    no_program.chmod(0o755)
    with pytest.raises(CannotStartError, match=r"\Acannot start [^\n]+\Z"):
        examine([str(no_program)])


def test_nothing_that_an_adapter_started_is_left_running(tmp_path):
    script = f"sleep 600 & echo $! > {tmp_path}/pid; cat >> {tmp_path}/heard"
    examine(["sh", "-c", script], only=["HOOK-3"], examples=0, patience=0.02)
    assert json.loads((tmp_path / "heard").read_text().splitlines()[0])["op"] == "no_such_operation"
    child = int((tmp_path / "pid").read_text())
    assert has_ended(child)


# --- questions and answers ------------------------------------------------------------------------


def test_every_clause_with_this_evidence_has_a_fixed_question():
    assert {clause for one in fixed_questions() for clause in one.clauses} == set(ADAPTER)


@pytest.mark.parametrize("op", ["expand", "is_prime", "quicksort", "draw", "fate"])
def test_right_answers_to_drawn_questions_have_no_findings(op):
    @given(generated()[op])
    @examples(25)
    def check(question):
        assert set(question.clauses) <= set(ADAPTER)
        asked = json.loads(json.dumps(question.to_json()))
        del asked["op"]
        try:
            answer = said(**adapter_twins.CORRECT[op](asked))
        except adapter_twins.UsageError as exc:
            answer = said(error=str(exc))
        assert findings(question, answer) == []

    check()


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\xff",
        b"true",
        b"[]",
        b"{}",
        b'{"result": NaN}',
        b'{"result": 1, "error": ""}',
        b'{"unsupported": false}',
        b'{"error": 1}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_answer_is_malformed(line):
    (finding,) = findings(BY_ID["adapter/prime-7"], read_answer(line))
    assert finding.cause == ("PRM-1", "malformed")


@pytest.mark.parametrize(
    ("question", "result", "cause"),
    [
        ("prime-7", 1, ("PRM-1", "malformed")),
        ("expand-code", "BR", ("EXP-1", "malformed")),
        ("expand-code", [["BR"]], ("EXP-1", "malformed")),
        ("sort-three", ["1", "2", "3"], ("QKS-1", "malformed")),
        ("sort-three", [1, 2, True], ("QKS-1", "malformed")),
        ("draw-bucket", "0.62", ("SRV-1", "malformed")),
        ("fate-empty-br-1", "serve", ("SRV-2", "malformed")),
        ("fate-empty-br-1", {"do": "fly"}, ("SRV-2", "malformed")),
        ("fate-empty-br-1", {"do": "empty"}, ("SRV-2", "wrong")),
        ("fate-garbage-br-1", {"do": "garbage", "noise": "xx"}, ("SRV-5", "malformed")),
        ("fate-garbage-br-1", {"do": "garbage"}, ("SRV-5", "wrong")),
        ("fate-status-aa-1", {"do": "status", "status": [501, 502]}, ("SRV-3", "wrong")),
        ("fate-status-aa-1", {"do": "status", "status": 504}, ("SRV-3", "wrong")),
        ("fate-uniform-br-1", {"do": "serve"}, ("SRV-4", "wrong")),
        (
            "fate-uniform-br-1",
            {"do": "serve", "delay_s": {"uniform": [1, 100]}},
            ("SRV-4", "wrong"),
        ),
        ("fate-rule-br-1", {"do": "bad_chunk"}, ("SRV-6", "wrong")),
        ("fate-rule-other-cn-1", {"do": "hang"}, ("SRV-6", "wrong")),
    ],
)
def test_a_result_that_is_wrong_breaks_the_clause_that_it_is_about(question, result, cause):
    found = findings(BY_ID[f"adapter/{question}"], said(result=result))
    assert [one.cause for one in found] == [cause]


@pytest.mark.parametrize(
    "swaps", [None, [[0, 3]], [[0]], [[0, -1]], [[0.0, 1]], [[0, 1, 2]], [[0, 1]], [[True, 0]]]
)
def test_a_trace_that_does_not_lead_to_the_result_breaks_qks_4(swaps):
    question = Question("q", "quicksort", {"items": [3, 1, 2]}, ("QKS-1",), "")
    assert findings(question, said(result=[1, 2, 3], swaps=[[0, 1], [1, 2]])) == []
    (finding,) = findings(question, said(result=[1, 2, 3], swaps=swaps))
    assert finding.clause == "QKS-4"


def test_the_oracle_for_primes_agrees_with_a_sieve():
    sieve = [False, False] + [True] * 99_998
    for n in range(2, 317):
        if sieve[n]:
            sieve[n * n :: n] = [False] * len(sieve[n * n :: n])
    assert [is_prime(n) for n in range(100_000)] == sieve


# --- expansions -----------------------------------------------------------------------------------

WORDS = st.lists(st.text("ABCXbcx", min_size=1, max_size=2), min_size=1, max_size=5)
LIMITS = st.none() | st.integers(1, 60)


@given(WORDS | st.just([]), st.sampled_from(["", "-e", "-a"]), LIMITS)
@examples(200)
def test_an_expansion_is_what_the_ledger_reads(words, option, limit):
    if option or not words:
        words = []
    if not option and not words:
        limit = None  # legacy L-4
    line = [*([option] if option else []), *(["-l", str(limit)] if limit else []), *words]
    right = expansion(words, option == "-e", option == "-a", limit)
    assert tuple(right) == parse_flags2(line).codes


@given(WORDS, LIMITS, st.sampled_from(ARRANGED + MISREAD))
@examples(300)
def test_a_way_to_misread_is_among_the_explanations_of_what_it_gives(words, limit, reading):
    codes = [code for word in words for code in reading.word(word)]
    codes = list(reading.arrange(codes, limit))
    if codes == list(expansion(words, limit=limit)) or (
        limit is None and reading.clause == "EXP-5"
    ):
        return
    assert reading.clause in explanations(codes, words, limit=limit)
    ends = (codes[0], codes[-1]) if codes else ("", "")
    right = expansion(words, limit=limit)
    if (len(codes), *ends) != (len(right), right[0], right[-1]) and codes:
        assert reading.clause in explanations(ends, words, limit=limit, count=len(codes))


@pytest.mark.parametrize(
    ("codes", "asked", "clause"),
    [
        (["br"], expand(["br"]), "EXP-1"),
        ([], expand(["br"]), "EXP-1"),
        (["QQ"], expand(["br"]), "EXP-1"),
        (["B"], expand(["b"]), "EXP-2"),
        (["BA", "BB"], expand(["b"]), "EXP-2"),
        (["BR", "BR"], expand(["BR", "br"]), "EXP-3"),
        (["BR", "CN", "BR"], expand(["BR", "CN", "BR"]), "EXP-3"),
        (["CN", "BR"], expand(["CN", "BR"]), "EXP-4"),
        (["BR", "CN", "US"], expand(["CN", "BR", "US"], limit=2), "EXP-5"),
        (["CN", "US"], expand(["US", "CN", "BR"], limit=2), "EXP-5"),
        (["CN"], expand(["US", "CN", "BR"], limit=2), "EXP-5"),
        (["AA"], expand([], every=True), "EXP-6"),
        (["AD"], expand([], all_codes=True), "EXP-7"),
        (["BR"], expand([]), "EXP-8"),
        (["BR"], expand(["BR1"]), "EXP-9"),
    ],
)
def test_a_wrong_expansion_breaks_the_clause_that_tells_it_apart(codes, asked, clause):
    words, every, all_codes, limit = asked.values()
    assert misread(codes, words, every, all_codes, limit) == clause


@pytest.mark.parametrize("reading", [*ARRANGED, *MISREAD])
def test_every_way_to_misread_differs_from_the_right_one(reading):
    words = ["us", "AA", "b", "bb"]
    codes = [code for word in words for code in reading.word(word)]
    limits = (3, 4, None)
    assert any(list(reading.arrange(codes, n)) != expansion(words, limit=n) for n in limits)
