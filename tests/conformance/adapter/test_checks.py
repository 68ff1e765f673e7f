"""Findings about answers: the clause that each breaks, and what would have been right.

The questions are made by hand, so that every part of a finding is known beforehand.
"""

import json
import math

from support.made_answers import answered, asked
from support.rows import each

from conformance.adapter.answer import Answer, read_answer
from conformance.adapter.cases import expand
from conformance.adapter.checks import findings, right_answer
from conformance.adapter.primes import is_prime
from conformance.verdicts import Finding, Verdict

DIED = Answer("it died: status 1", fault="crash")
SILENT = Answer("no answer within 10 s", fault="timeout")
GARBLED = read_answer(b"oops")
LACKING = read_answer(b'{"unsupported": true}')
NOTHING = {
    "crash": DIED,
    "timeout": SILENT,
    "malformed": GARBLED,
    "unsupported": LACKING,
    "refused": read_answer(b'{"error": "no"}'),
}
"""Answers without a result, by the word that is said of them."""

VERDICTS = {"crash": Verdict.CRASH, "timeout": Verdict.TIMEOUT, "unsupported": Verdict.UNSUPPORTED}


def prime(n, *clauses):
    return asked("is_prime", {"n": n}, *(clauses or ("PRM-1", "PRM-2")))


def sort(*items):
    return asked("quicksort", {"items": list(items)}, "QKS-1", "QKS-2", "QKS-4")


DRAW = asked(
    "draw",
    {"seed": 0, "label": "LOCAL", "resource": "AA", "attempt": 0, "purpose": "bucket"},
    "SRV-1",
)

FATE = asked(
    "fate",
    {"plan": {"plan": 1}, "label": "ERROR", "resource": "BR", "attempt": 1},
    "SRV-2",
    "SRV-3",
)


CODE = asked("expand", expand(["br"]), "EXP-1", "EXP-2")

# --- no result ----------------------------------------------------------------------------------

SUBJECTS = [
    (prime(7, "PRM-2", "PRM-1"), "PRM-1", '{"result": true}'),
    (prime(8, "PRM-1", "PRM-2"), "PRM-2", '{"result": false}'),
    (sort(2, 1), "QKS-1", '{"result": [1, 2]}'),
    (DRAW, "SRV-1", '{"result": 0.6207789073484968}'),
    (FATE, "SRV-2", '{"result": {"do": "serve"}}'),
    (CODE, "EXP-1", "1: BR"),
]


@each(("question", "subject", "right"), SUBJECTS)
def test_a_missing_result_counts_against_the_subject_of_the_question(question, subject, right):
    assert right_answer(question) == right
    for word, answer in NOTHING.items():
        saw = "it does not have this" if word == "unsupported" else answer.text
        verdict = VERDICTS.get(word, Verdict.FAIL)
        found = [Finding(subject, word, saw, expected=right, verdict=verdict)]
        assert findings(question, answer) == found


def test_an_unknown_operation_must_be_unsupported():
    question = asked("fly", {}, "HOOK-3")
    right = '{"unsupported": true}'
    assert right_answer(question) == right
    assert findings(question, LACKING) == []
    assert findings(question, answered(result=1)) == [
        Finding("HOOK-3", "unexpected", '{"result": 1}', expected=right)
    ]
    assert findings(question, DIED) == [
        Finding("HOOK-3", "crash", DIED.text, expected=right, verdict=Verdict.CRASH)
    ]


def test_a_finding_quotes_200_characters_of_an_answer_from_both_its_ends():
    question = asked("fly", {}, "HOOK-3")
    for length in (200, 201):
        answer = answered(result="x" * (length - len('{"result": ""}')))
        (found,) = findings(question, answer)
        assert (found.actual == answer.text) is (length == 200)
        assert len(found.actual) == 200
    assert found.actual.endswith('x"} (201 characters)')


def test_a_long_right_answer_is_cut_in_the_middle():
    right = right_answer(sort(*range(200)))
    assert right.startswith('{"result": [0, 1, 2')
    assert right.endswith("198, 199]} (902 characters)")


MALFORMED = [
    (prime(7), 1, "PRM-1", "true or false"),
    (prime(8), None, "PRM-2", "true or false"),
    (sort(2, 1), {}, "QKS-1", "a list of numbers"),
    (sort(2, 1), [1, "2"], "QKS-1", "a list of numbers"),
    (sort(0, 1), [False, True], "QKS-1", "a list of numbers"),
    (DRAW, "0.5", "SRV-1", "a number"),
    (DRAW, True, "SRV-1", "a number"),
    (FATE, "serve", "SRV-2", "a response of a plan; expected a JSON object"),
    (FATE, {"do": "garbage", "noise": "xx"}, "SRV-2",
     "a response of a plan; non-hexadecimal number found in fromhex() arg at position 0"),
    (FATE, {"do": "garbage", "noise": 1}, "SRV-2",
     "a response of a plan; fromhex() argument must be str, not int"),
    (FATE, {"do": "empty", "height": 1}, "SRV-2",
     "a response of a plan; answer: rules.AA[0]: unknown key 'height'"),
    (CODE, "BR", "EXP-1", "a list of texts"),
    (CODE, ["BR", 1], "EXP-1", "a list of texts"),
]  # fmt: skip


def test_a_result_of_a_wrong_type_is_malformed():
    for question, result, subject, right in MALFORMED:
        answer = answered(result=result)
        found = [Finding(subject, "malformed", answer.text, expected=right)]
        assert findings(question, answer) == found


# --- expand -------------------------------------------------------------------------------------


def expansion(*args, clauses=("EXP-1", "EXP-2"), **options):
    return asked("expand", expand(args, **options), *clauses)


def test_an_accepted_usage_error_breaks_exp_9():
    assert findings(expansion("BRA"), answered(result=[])) == [
        Finding("EXP-9", "accepted", '{"result": []}', expected="an error")
    ]


def test_wrong_codes_are_reported_with_the_right_ones():
    assert findings(expansion("CN", "BR"), answered(result=["CN", "BR"])) == [
        Finding("EXP-4", "unexpected", '{"result": ["CN", "BR"]}', expected="2: BR, CN")
    ]


def test_a_clause_known_to_be_broken_is_the_preferred_explanation():
    # The first as named: cut too early (EXP-5), never sorted (EXP-4), or the letter overlooked.
    question, answer = expansion("br", "b", limit=1), answered(result=["BR"])
    for known, clause in (
        ((), "EXP-5"),
        (("EXP-4",), "EXP-4"),
        (("EXP-2", "EXP-4"), "EXP-4"),
        (("EXP-6",), "EXP-5"),
    ):
        (found,) = findings(question, answer, known)
        assert found.clause == clause


REFUSED = [
    (expansion("br"), (), "EXP-1"),
    (expansion("b"), (), "EXP-2"),
    (expansion("b", "br"), (), "EXP-1"),
    (expansion("b", "br", clauses=("EXP-3", "EXP-1")), (), "EXP-2"),
    (expansion("b", "br", clauses=("EXP-2", "EXP-1")), (), "EXP-2"),
    (expansion("b", "br"), ("EXP-2",), "EXP-2"),
    (expansion("b", "br"), ("EXP-5",), "EXP-1"),
    (expansion("br", limit=1), (), "EXP-1"),
    (expansion("br", limit=1), ("EXP-5",), "EXP-5"),
    (expansion("br", limit=1, clauses=("EXP-5", "EXP-1")), (), "EXP-5"),
    (expansion(every=True), (), "EXP-6"),
    (expansion(every=True, limit=3), ("EXP-5",), "EXP-5"),
    (expansion(all_codes=True), (), "EXP-7"),
    (expansion(), (), "EXP-8"),
]


def test_a_rejection_breaks_the_clause_that_promises_the_codes():
    for question, known, clause in REFUSED:
        right = right_answer(question)
        found = [Finding(clause, "refused", '{"error": "no"}', expected=right)]
        assert findings(question, answered(error="no"), known) == found


# --- is_prime -----------------------------------------------------------------------------------


def test_the_oracle_for_primes_agrees_with_trial_division():
    # 1 and below are legacy; up to here every number of twos in n - 1 is met.
    for n in range(4_200):
        assert is_prime(n) == (n > 1 and all(n % i for i in range(2, math.isqrt(n) + 1))), n


def test_the_oracle_knows_large_primes():
    assert is_prime(2**61 - 1)
    assert is_prime(2**64 - 59)


def test_strong_pseudoprimes_do_not_deceive_the_oracle():
    # Strong pseudoprimes to the first 1, 2, 3 ... primes (OEIS A014233); for the last it takes 37.
    for n in (
        2047, 1373653, 25326001, 3215031751, 2152302898747, 3474749660383, 341550071728321,
        3825123056546413051,
    ):  # fmt: skip
        assert not is_prime(n)


def test_a_wrong_answer_about_a_number_breaks_the_clause_for_it():
    for n, result, clause in ((9, True, "PRM-1"), (7, False, "PRM-1"), (4, True, "PRM-2")):
        answer = answered(result=result)
        right = json.dumps({"result": not result})
        found = [Finding(clause, "wrong", f"{n}: {answer.text}", expected=right)]
        assert findings(prime(n), answer) == found


LEGACY = [
    ("L-1", 2, answered(result=False), "legacy", Verdict.LEGACY),
    ("L-1", 2, answered(result=True), "other", Verdict.INFO),
    ("L-1", 2, answered(error="no"), "other", Verdict.INFO),
    ("L-1", 2, LACKING, "unsupported", Verdict.UNSUPPORTED),
    ("L-2", 1, answered(result=True), "legacy", Verdict.LEGACY),
    ("L-2", 1, answered(result=False), "other", Verdict.INFO),
    ("L-3", -1, answered(error="no"), "legacy", Verdict.LEGACY),
    ("L-3", -1, answered(result=False), "other", Verdict.INFO),
    ("L-3", -1, DIED, "other", Verdict.INFO),
]


def test_a_legacy_accepts_any_answer():
    for clause, n, answer, word, verdict in LEGACY:
        saw = "it does not have this" if answer is LACKING else answer.text
        found = [Finding(clause, word, saw, expected="any answer", verdict=verdict)]
        assert findings(prime(n, clause, "PRM-1"), answer) == found


# --- quicksort ----------------------------------------------------------------------------------


def test_the_first_pair_in_wrong_order_is_named():
    answer = answered(result=[1, 3, 2, 1])
    (found,) = findings(sort(3, 1, 2, 1), answer)
    assert found.cause == ("QKS-1", "order")
    assert found.actual == f"3 before 2 at 1: {answer.text}"
    assert found.expected == '{"result": [1, 1, 2, 3]}'


def test_lost_and_added_items_are_named():
    for result, what in (
        ([1, 3], "lost [2], added []"),
        ([1, 2, 3, 4, 4], "lost [], added [4, 4]"),
        ([1, 1, 3], "lost [2], added [1]"),
    ):
        answer = answered(result=result, swaps="not looked at")
        (found,) = findings(sort(3, 1, 2), answer)
        assert found.cause == ("QKS-2", "items")
        assert found.actual == f"{what}: {answer.text}"
        assert found.expected == '{"result": [1, 2, 3]}'


def test_a_long_list_of_items_is_cut_in_the_middle():
    many = list(range(100, 126))
    (lost,) = findings(sort(*many), answered(result=[]))
    assert lost.actual.startswith("lost [100, 101, 102")
    assert lost.actual.endswith('124, 125] (130 characters), added []: {"result": []}')


def test_disorder_and_loss_are_two_findings():
    found = findings(sort(3, 1, 2), answered(result=[3, 1]))
    assert [one.cause for one in found] == [("QKS-1", "order"), ("QKS-2", "items")]


WRONG_TRACES = [
    (None, "the swaps are null"),
    ([[0, 1], [0, 3]], "swap 1 is [0, 3]"),
    ([[0, -1]], "swap 0 is [0, -1]"),
    ([[0]], "swap 0 is [0]"),
    ([[0, 1, 2]], "swap 0 is [0, 1, 2]"),
    ([[0.0, 1]], "swap 0 is [0.0, 1]"),
    ([[True, 0]], "swap 0 is [true, 0]"),
    (["01"], 'swap 0 is "01"'),
    ([], "the swaps lead to [3, 1, 2]"),
    ([[0, 1]], "the swaps lead to [1, 3, 2]"),
    ([[2, 0]], "the swaps lead to [2, 1, 3]"),
]


def test_a_wrong_trace_breaks_qks_4():
    right = "swaps that turn the input into the result"
    for swaps, fault in WRONG_TRACES:
        found = findings(sort(3, 1, 2), answered(result=[1, 2, 3], swaps=swaps))
        assert found == [Finding("QKS-4", "trace", fault, expected=right)]


def test_the_right_codes_are_counted_and_listed():
    assert right_answer(expansion("BR", "cn")) == "2: BR, CN"
    assert right_answer(expansion("BRA")) == "an error"
