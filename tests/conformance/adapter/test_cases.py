"""Questions to adapters, right and wrong answers, and explanations of wrong codes."""

import json

import adapter_faulty
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.examples import examples

from conformance.adapter.answer import read_answer
from conformance.adapter.cases import Question, expand, fixed_questions
from conformance.adapter.checks import findings
from conformance.adapter.generated import generated_questions
from conformance.adapter.primes import is_prime
from conformance.checks.expansion import ARRANGED, MISREAD, expansion, explanations, misread
from conformance.clauses import clauses
from mockservers.flags2.arguments import parse_flags2

ADAPTER = {name: c for name, c in clauses().items() if "adapter" in c.evidence}
BY_ID = {question.id: question for question in fixed_questions()}


def said(**data):
    return read_answer(json.dumps(data).encode())


# --- questions and answers ------------------------------------------------------------------------


def test_every_clause_of_adapters_has_a_fixed_question():
    assert {clause for one in fixed_questions() for clause in one.clauses} == set(ADAPTER)


@pytest.mark.parametrize("op", ["expand", "is_prime", "quicksort", "draw", "fate"])
def test_right_answers_to_drawn_questions_have_no_findings(op):
    @given(generated_questions()[op])
    @examples(25)
    def check(question):
        assert set(question.clauses) <= set(ADAPTER)
        asked = json.loads(json.dumps(question.to_json()))
        del asked["op"]
        try:
            answer = said(**adapter_faulty.CORRECT[op](asked))
        except adapter_faulty.UsageError as exc:
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
def test_an_invalid_line_is_a_malformed_answer(line):
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
def test_a_wrong_result_breaks_the_clause_it_is_about(question, result, cause):
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
def test_a_misreading_is_among_the_explanations_of_its_codes(words, limit, misreading):
    codes = [code for word in words for code in misreading.word(word)]
    codes = list(misreading.arrange(codes, limit))
    if codes == list(expansion(words, limit=limit)) or (
        limit is None and misreading.clause == "EXP-5"
    ):
        return
    assert misreading.clause in explanations(codes, words, limit=limit)
    ends = (codes[0], codes[-1]) if codes else ("", "")
    right = expansion(words, limit=limit)
    if (len(codes), *ends) != (len(right), right[0], right[-1]) and codes:
        assert misreading.clause in explanations(ends, words, limit=limit, count=len(codes))


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
def test_a_wrong_expansion_breaks_the_clause_of_its_misreading(codes, asked, clause):
    words, every, all_codes, limit = asked.values()
    assert misread(codes, words, every, all_codes, limit) == clause


@pytest.mark.parametrize("misreading", [*ARRANGED, *MISREAD])
def test_every_misreading_gives_other_codes(misreading):
    words = ["us", "AA", "b", "bb"]
    codes = [code for word in words for code in misreading.word(word)]
    limits = (3, 4, None)
    assert any(list(misreading.arrange(codes, n)) != expansion(words, limit=n) for n in limits)
