"""Questions to adapters: the fixed ones, drawn ones and their right answers, and wrong codes."""

import json

import adapter_faulty
from hypothesis import given
from hypothesis import strategies as st
from support.examples import examples
from support.made_answers import answered

from conformance.adapter.cases import fixed_questions
from conformance.adapter.checks import findings
from conformance.adapter.generated import generated_questions
from conformance.checks.expansion import ARRANGED, MISREAD, expansion, explanations
from conformance.clauses import clauses
from mockservers.flags2.arguments import parse_flags2

ADAPTER = {name: c for name, c in clauses().items() if "adapter" in c.evidence}
WORDS = st.lists(st.text("ABCXbcx", min_size=1, max_size=2), min_size=1, max_size=5)
LIMITS = st.none() | st.integers(1, 60)


def test_every_clause_of_adapters_has_a_fixed_question():
    assert {clause for one in fixed_questions() for clause in one.clauses} == set(ADAPTER)


@given(st.one_of(*generated_questions().values()))
@examples(60)
def test_right_answers_to_drawn_questions_have_no_findings(question):
    assert set(question.clauses) <= set(ADAPTER)
    asked = json.loads(json.dumps(question.to_json()))
    try:
        answer = answered(**adapter_faulty.CORRECT[asked.pop("op")](asked))
    except adapter_faulty.UsageError as exc:
        answer = answered(error=str(exc))
    assert findings(question, answer) == []


@given(WORDS | st.just([]), st.sampled_from(["", "-e", "-a"]), LIMITS)
@examples(80)
def test_an_expansion_is_what_the_ledger_reads(words, option, limit):
    if option or not words:
        words = []
    if not option and not words:
        limit = None  # legacy L-4
    line = [*([option] if option else []), *(["-l", str(limit)] if limit else []), *words]
    right = expansion(words, option == "-e", option == "-a", limit)
    assert tuple(right) == parse_flags2(line).codes


@given(WORDS, LIMITS, st.sampled_from(ARRANGED + MISREAD))
@examples(80)
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


def test_every_misreading_gives_other_codes():
    words = ["us", "AA", "b", "bb"]
    for one in (*ARRANGED, *MISREAD):
        codes = [code for word in words for code in one.word(word)]
        found = [(list(one.arrange(codes, n)), expansion(words, limit=n)) for n in (3, 4, None)]
        assert any(misread != right for misread, right in found), one
