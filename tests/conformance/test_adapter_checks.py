"""What is said of an answer, word by word: which clause it breaks, and what would have been right.

The questions are made up here, so that every part of a finding is known beforehand.
"""

import json
import math

import pytest

from conformance.adapter.answer import Answer, read_answer
from conformance.adapter.cases import Question, expand
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

VERDICTS = {
    "crash": Verdict.CRASH,
    "timeout": Verdict.TIMEOUT,
    "unsupported": Verdict.UNSUPPORTED,
}


def said(**data):
    return read_answer(json.dumps(data).encode())


def asked(op, arguments, *clauses):
    return Question("q", op, arguments, clauses, "")


def prime(n, *clauses):
    return asked("is_prime", {"n": n}, *(clauses or ("PRM-1", "PRM-2")))


def sort(*items):
    return asked("quicksort", {"items": list(items)}, "QKS-1", "QKS-2", "QKS-4")


def fate(plan, resource="BR", attempt=1, seed=7):
    arguments = {
        "plan": {"plan": 1, "seed": seed, **plan},
        "label": "ERROR",
        "resource": resource,
        "attempt": attempt,
    }
    return asked("fate", arguments, "SRV-2", "SRV-3")


DRAW = asked(
    "draw",
    {"seed": 0, "label": "LOCAL", "resource": "AA", "attempt": 0, "purpose": "bucket"},
    "SRV-1",
)
FIRST_DRAW = 0.6207789073484968
"""The first of SPEC.md."""


# --- an answer ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [b'{"result": NaN}', b'{"result": -Infinity}', b"\xff", b"oops", b"[" * 100_000],
)
def test_what_is_not_json_is_quoted_as_bytes(line):
    assert read_answer(line) == Answer(repr(line[:3000]), None, "malformed")


@pytest.mark.parametrize(
    "text",
    [
        "true",
        '["result"]',
        "{}",
        '{"result": 1, "error": ""}',
        '{"unsupported": false}',
        '{"unsupported": 1}',
        '{"error": 1}',
    ],
)
def test_json_that_is_no_answer_is_quoted_as_it_is(text):
    assert read_answer(f" {text}\r\n".encode()) == Answer(text, None, "malformed")


@pytest.mark.parametrize(
    ("text", "unsupported"),
    [
        ('{"result": null, "swaps": []}', False),
        ('{"error": ""}', False),
        ('{"unsupported": true}', True),
    ],
)
def test_an_answer_is_its_object(text, unsupported):
    answer = read_answer(f"{text}\n".encode())
    assert answer == Answer(text, json.loads(text), None)
    assert answer.unsupported is unsupported
    assert answer.to_json() == json.loads(text)


def test_no_answer_is_not_unsupported():
    assert DIED.unsupported is False


def test_a_report_has_what_happened_where_there_is_no_object():
    assert DIED.to_json() == {"text": "it died: status 1", "fault": "crash"}
    assert Answer("x").to_json() == {"text": "x"}


def test_a_report_has_an_object_of_3000_characters_and_of_a_longer_one_the_start():
    whole = said(result="x" * (3000 - len('{"result": ""}')))
    assert whole.to_json() == whole.content
    longer = said(result="x" * (3001 - len('{"result": ""}')))
    assert longer.to_json() == {"text": f"{longer.text[:2997]}..."}


# --- no result ----------------------------------------------------------------------------------

SUBJECTS = [
    (prime(7, "PRM-2", "PRM-1"), "PRM-1", '{"result": true}'),
    (prime(8, "PRM-1", "PRM-2"), "PRM-2", '{"result": false}'),
    (sort(2, 1), "QKS-1", '{"result": [1, 2]}'),
    (DRAW, "SRV-1", '{"result": 0.6207789073484968}'),
    (fate({}), "SRV-2", '{"result": {"do": "serve"}}'),
    (asked("expand", expand(["br"]), "EXP-1", "EXP-2"), "EXP-1", "1: BR"),
]


@pytest.mark.parametrize("word", NOTHING)
@pytest.mark.parametrize(("question", "subject", "right"), SUBJECTS, ids=lambda x: str(x)[:20])
def test_no_result_counts_against_the_subject_of_the_question(question, subject, right, word):
    saw = "it does not have this" if word == "unsupported" else NOTHING[word].text
    verdict = VERDICTS.get(word, Verdict.FAIL)
    found = findings(question, NOTHING[word])
    assert found == [Finding(subject, word, saw, expected=right, verdict=verdict)]
    assert right_answer(question) == right


def test_an_operation_that_nobody_knows_is_unsupported():
    question = asked("fly", {}, "HOOK-3")
    right = '{"unsupported": true}'
    assert right_answer(question) == right
    assert findings(question, LACKING) == []
    assert findings(question, said(result=1)) == [
        Finding("HOOK-3", "unexpected", '{"result": 1}', expected=right)
    ]
    assert findings(question, DIED) == [
        Finding("HOOK-3", "crash", DIED.text, expected=right, verdict=Verdict.CRASH)
    ]


def test_a_finding_quotes_300_characters():
    question = asked("fly", {}, "HOOK-3")
    for length in (300, 301):
        answer = said(result="x" * (length - len('{"result": ""}')))
        (found,) = findings(question, answer)
        assert found.actual == (answer.text if length == 300 else f"{answer.text[:297]}...")


def test_what_would_have_been_right_is_cut_too():
    right = right_answer(sort(*range(200)))
    assert right == f"{json.dumps({'result': list(range(200))})[:297]}..."


MALFORMED = [
    (prime(7), 1, "PRM-1", "true or false"),
    (prime(8), None, "PRM-2", "true or false"),
    (sort(2, 1), {}, "QKS-1", "a list of numbers"),
    (sort(2, 1), [1, "2"], "QKS-1", "a list of numbers"),
    (sort(0, 1), [False, True], "QKS-1", "a list of numbers"),
    (DRAW, "0.5", "SRV-1", "a number"),
    (DRAW, True, "SRV-1", "a number"),
    (fate({}), "serve", "SRV-2", "a response of a plan; expected a JSON object"),
    (
        fate({}),
        {"do": "garbage", "noise": "xx"},
        "SRV-2",
        "a response of a plan; non-hexadecimal number found in fromhex() arg at position 0",
    ),
    (
        fate({}),
        {"do": "garbage", "noise": 1},
        "SRV-2",
        "a response of a plan; fromhex() argument must be str, not int",
    ),
    (
        fate({}),
        {"do": "empty", "height": 1},
        "SRV-2",
        "a response of a plan; answer: rules.AA[0]: unknown key 'height'",
    ),
    (asked("expand", expand(["br"]), "EXP-1", "EXP-2"), "BR", "EXP-1", "a list of texts"),
    (asked("expand", expand(["br"]), "EXP-1", "EXP-2"), ["BR", 1], "EXP-1", "a list of texts"),
]


@pytest.mark.parametrize(("question", "result", "subject", "right"), MALFORMED)
def test_a_result_of_another_kind_is_malformed(question, result, subject, right):
    answer = said(result=result)
    assert findings(question, answer) == [
        Finding(subject, "malformed", answer.text, expected=right)
    ]


# --- expand -------------------------------------------------------------------------------------


def expansion(*args, clauses=("EXP-1", "EXP-2"), **options):
    return asked("expand", expand(args, **options), *clauses)


def test_codes_that_are_right_have_no_finding():
    assert findings(expansion("CN", "br"), said(result=["BR", "CN"])) == []


def test_a_usage_error_that_is_told_has_no_finding():
    assert findings(expansion("BRA"), said(error="no")) == []


def test_a_usage_error_that_is_taken_breaks_exp_9():
    assert findings(expansion("BRA"), said(result=[])) == [
        Finding("EXP-9", "accepted", '{"result": []}', expected="an error")
    ]


def test_wrong_codes_are_told_with_the_right_ones():
    assert findings(expansion("CN", "BR"), said(result=["CN", "BR"])) == [
        Finding("EXP-4", "unexpected", '{"result": ["CN", "BR"]}', expected="2: BR, CN")
    ]


@pytest.mark.parametrize(
    ("known", "clause"),
    [((), "EXP-5"), (("EXP-4",), "EXP-4"), (("EXP-2", "EXP-4"), "EXP-4"), (("EXP-6",), "EXP-5")],
)
def test_of_several_clauses_it_is_rather_one_that_is_known_to_be_broken(known, clause):
    # The first as named: cut too early (EXP-5), never sorted (EXP-4), or the letter overlooked.
    question = expansion("br", "b", limit=1)
    (found,) = findings(question, said(result=["BR"]), known)
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


@pytest.mark.parametrize(("question", "known", "clause"), REFUSED)
def test_codes_that_are_refused_break_the_clause_that_promises_them(question, known, clause):
    (found,) = findings(question, said(error="no"), known)
    assert found == Finding(clause, "refused", '{"error": "no"}', expected=right_answer(question))


# --- is_prime -----------------------------------------------------------------------------------


def test_the_oracle_for_primes_agrees_with_trial_division():
    # 1 and below are legacy; up to here every number of twos in n - 1 is met.
    for n in range(4_200):
        assert is_prime(n) == (n > 1 and all(n % i for i in range(2, math.isqrt(n) + 1))), n


def test_a_large_prime_is_one():
    assert is_prime(2**61 - 1)
    assert is_prime(2**64 - 59)


@pytest.mark.parametrize(
    "n",
    [
        2047, 1373653, 25326001, 3215031751, 2152302898747, 3474749660383, 341550071728321,
        3825123056546413051,
    ],
)  # fmt: skip
def test_the_least_number_that_deceives_so_many_bases_does_not_deceive_the_oracle(n):
    # Strong pseudoprimes to the first 1, 2, 3 ... primes (OEIS A014233); for the last it takes 37.
    assert not is_prime(n)


@pytest.mark.parametrize(
    ("n", "result", "clause"), [(9, True, "PRM-1"), (7, False, "PRM-1"), (4, True, "PRM-2")]
)
def test_a_number_that_is_called_wrongly(n, result, clause):
    answer = said(result=result)
    right = json.dumps({"result": not result})
    assert findings(prime(n), answer) == [
        Finding(clause, "wrong", f"{n}: {answer.text}", expected=right)
    ]
    assert findings(prime(n), said(result=not result)) == []


@pytest.mark.parametrize(
    ("clause", "n", "answer", "word", "verdict"),
    [
        ("L-1", 2, said(result=False), "legacy", Verdict.LEGACY),
        ("L-1", 2, said(result=True), "other", Verdict.INFO),
        ("L-1", 2, said(error="no"), "other", Verdict.INFO),
        ("L-2", 1, said(result=True), "legacy", Verdict.LEGACY),
        ("L-2", 1, said(result=False), "other", Verdict.INFO),
        ("L-3", -1, said(error="no"), "legacy", Verdict.LEGACY),
        ("L-3", -1, said(result=False), "other", Verdict.INFO),
        ("L-3", -1, DIED, "other", Verdict.INFO),
    ],
)
def test_any_answer_will_do_where_the_listing_is_odd(clause, n, answer, word, verdict):
    found = findings(prime(n, clause, "PRM-1"), answer)
    assert found == [Finding(clause, word, answer.text, expected="any answer", verdict=verdict)]


def test_an_adapter_without_a_prime_test_has_no_oddity_either():
    assert findings(prime(2, "L-1"), LACKING) == [
        Finding(
            "L-1",
            "unsupported",
            "it does not have this",
            expected="any answer",
            verdict=Verdict.UNSUPPORTED,
        )
    ]


# --- quicksort ----------------------------------------------------------------------------------


def test_a_sorted_list_with_its_twins_has_no_finding():
    assert findings(sort(2, 1, 2, 0.5), said(result=[0.5, 1, 2, 2])) == []


def test_the_first_pair_in_disorder_is_named():
    answer = said(result=[1, 3, 2, 1])
    assert findings(sort(3, 1, 2, 1), answer) == [
        Finding(
            "QKS-1", "order", f"3 before 2 at 1: {answer.text}", expected='{"result": [1, 1, 2, 3]}'
        )
    ]


@pytest.mark.parametrize(
    ("result", "what"),
    [
        ([1, 3], "lost [2], added []"),
        ([1, 2, 3, 4, 4], "lost [], added [4, 4]"),
        ([1, 1, 3], "lost [2], added [1]"),
    ],
)
def test_items_that_are_lost_or_added_are_named(result, what):
    answer = said(result=result, swaps="not looked at")
    assert findings(sort(3, 1, 2), answer) == [
        Finding("QKS-2", "items", f"{what}: {answer.text}", expected='{"result": [1, 2, 3]}')
    ]


def test_of_many_items_80_characters_are_named():
    many = list(range(100, 126))  # '[100, 101, ... 125]' has 130 characters
    start = f"{str(many)[:77]}..."
    (lost,) = findings(sort(*many), said(result=[]))
    assert lost.actual == f'lost {start}, added []: {{"result": []}}'
    answer = said(result=many)
    (added,) = findings(sort(), answer)
    assert added.actual == f"lost [], added {start}: {answer.text}"


def test_disorder_and_loss_are_both_told():
    found = findings(sort(3, 1, 2), said(result=[3, 1]))
    assert [one.cause for one in found] == [("QKS-1", "order"), ("QKS-2", "items")]


@pytest.mark.parametrize(
    ("swaps", "fault"),
    [
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
    ],
)
def test_a_trace_that_leads_elsewhere_is_told(swaps, fault):
    assert findings(sort(3, 1, 2), said(result=[1, 2, 3], swaps=swaps)) == [
        Finding("QKS-4", "trace", fault, expected="swaps that turn the input into the result")
    ]


def test_a_trace_that_leads_to_the_result_has_no_finding():
    assert findings(sort(3, 1, 2), said(result=[1, 2, 3], swaps=[[0, 1], [1, 2]])) == []


# --- draw and fate ------------------------------------------------------------------------------


def test_a_draw_is_exact():
    assert findings(DRAW, said(result=FIRST_DRAW)) == []
    answer = said(result=math.nextafter(FIRST_DRAW, 1))
    assert findings(DRAW, answer) == [
        Finding("SRV-1", "wrong", answer.text, expected=f'{{"result": {FIRST_DRAW}}}')
    ]


# Of seed 7 and the server ERROR: BR draws 39.8 of 100 for the bucket, and the third of three
# statuses; DE draws 87.7.
EMPTY, HANG, SLOW = {"do": "empty"}, {"do": "hang"}, {"do": "serve", "delay_s": 5}
STATUSES = {"do": "status", "status": [501, 502, 503]}
UNIFORM = {"do": "serve", "delay_s": {"uniform": [1, 2]}}


def mix(*buckets, **more):
    return {"mix": [{"weight": weight, **reply} for weight, reply in buckets], **more}


def rules(**replies):
    return {"rules": {name: [reply] for name, reply in replies.items()}}


PATH_RULE = {"rules": {"/flags/br/br.gif": [EMPTY]}}


@pytest.mark.parametrize(
    ("question", "met"),
    [
        (fate({}), {"do": "serve"}),
        (fate(mix((50, EMPTY), (50, HANG))), EMPTY),
        (fate(mix((50, EMPTY), (50, HANG)), "DE"), HANG),
        (fate(mix((100, STATUSES))), {"do": "status", "status": 503}),
        (fate(rules(BR=EMPTY)), EMPTY),
        (fate(PATH_RULE), EMPTY),
        (fate(mix((100, SLOW))), {"do": "serve", "delay_s": 5.0000009}),
        (fate({}), {"do": "serve", "delay_s": 1e-6}),
        (fate(mix((100, UNIFORM))), {"do": "serve", "delay_s": 1.62893}),
    ],
)
def test_a_fate_is_the_one_of_the_plan_its_delay_within_a_microsecond(question, met):
    assert findings(question, said(result=met)) == []


@pytest.mark.parametrize(
    ("question", "met", "clause"),
    [
        # The other bucket, or none of them.
        (fate(mix((50, EMPTY), (50, HANG))), HANG, "SRV-2"),
        (fate(mix((50, EMPTY), (50, HANG))), {"do": "bad_gzip"}, "SRV-2"),
        (fate({}), EMPTY, "SRV-2"),
        (fate({}), {"do": "garbage"}, "SRV-2"),
        (fate(rules(CN=EMPTY)), {"do": "bad_gzip"}, "SRV-2"),
        (fate({"rules": {"/flags/br/br.gif": [EMPTY]}}, "CN"), {"do": "bad_gzip"}, "SRV-2"),
        # Nothing is left for a plain reply where the mix is full: it is the delay that is missing.
        (fate(mix((50, SLOW))), {"do": "serve"}, "SRV-2"),
        (fate(mix((99.5, SLOW))), {"do": "serve"}, "SRV-2"),
        (fate(mix((100, SLOW))), {"do": "serve"}, "SRV-4"),
        (fate(rules(BR=SLOW)), {"do": "serve"}, "SRV-4"),
        # A rule that is not this one's, or none where there is one.
        (fate(rules(CN=EMPTY)), EMPTY, "SRV-6"),
        (fate({**mix((50, HANG)), **rules(CN=HANG)}, "DE"), HANG, "SRV-2"),
        (fate({**mix((100, HANG)), **rules(BR=EMPTY)}), HANG, "SRV-6"),
        (fate(rules(BR=EMPTY)), {"do": "bad_gzip"}, "SRV-6"),
        (fate(PATH_RULE), {"do": "bad_gzip"}, "SRV-6"),
        (fate({"rules": {"/a": [EMPTY]}}, "/a"), {"do": "bad_gzip"}, "SRV-6"),
        (fate({"rules": {"BR": [EMPTY, HANG]}}), HANG, "SRV-6"),
        (fate({"rules": {"BR": [EMPTY, UNIFORM]}}), {"do": "serve", "delay_s": 1.62893}, "SRV-6"),
        # The same but for what is drawn.
        (fate(mix((100, STATUSES))), {"do": "status", "status": 501}, "SRV-3"),
        (fate(mix((100, STATUSES))), {"do": "status", "status": 501, "delay_s": 1}, "SRV-3"),
        (fate(rules(BR=STATUSES)), {"do": "status", "status": 502}, "SRV-3"),
        (fate(mix((100, STATUSES))), {"do": "status", "status": 501, "reason": "No"}, "SRV-2"),
        (fate(mix((100, SLOW))), {"do": "serve", "delay_s": 5.000002}, "SRV-4"),
        (fate(mix((100, SLOW))), {"do": "serve", "delay_s": 4.999998}, "SRV-4"),
        (fate(mix((100, SLOW))), UNIFORM, "SRV-4"),
        (fate(mix((100, UNIFORM))), {"do": "serve", "delay_s": 1.62894}, "SRV-4"),
        (fate(mix((100, {"do": "reset", "after_bytes": 9}))), {"do": "reset"}, "SRV-2"),
        (fate(mix((100, {"do": "garbage"}))), {"do": "garbage", "noise": "00"}, "SRV-5"),
        (fate(rules(BR={"do": "garbage"})), {"do": "garbage"}, "SRV-5"),
    ],
)
def test_a_fate_that_is_another_breaks_the_clause_that_tells_them_apart(question, met, clause):
    answer = said(result=met)
    found = findings(question, answer)
    assert found == [Finding(clause, "wrong", answer.text, expected=right_answer(question))]


def test_garbage_is_right_with_its_noise_which_is_told_in_hexadecimal():
    question = asked(
        "fate",
        {"plan": {"plan": 1, "seed": 7, **mix((100, {"do": "garbage"}))}}
        | {"label": "LOCAL", "resource": "BR", "attempt": 1},
        "SRV-5",
    )
    right = right_answer(question)
    assert right.startswith('{"result": {"do": "garbage", "noise": "866782cec277a5ed')
    noise = "866782cec277a5ed" + "00" * 248
    assert len(right) == 300
    (finding,) = findings(question, said(result={"do": "garbage", "noise": noise}))
    assert finding.clause == "SRV-5"


@pytest.mark.parametrize(
    ("question", "right"),
    [
        (fate(rules(BR=HANG)), '{"result": {"do": "hang"}}'),
        (fate(mix((100, STATUSES))), '{"result": {"do": "status", "status": 503}}'),
        (
            fate({"rules": {"BR": [EMPTY, SLOW]}}, attempt=3),
            '{"result": {"do": "serve", "delay_s": 5}}',
        ),
    ],
)
def test_the_right_fate_is_told_as_in_a_plan(question, right):
    assert right_answer(question) == right


def test_the_right_codes_are_counted_and_listed():
    assert right_answer(expansion("BR", "cn")) == "2: BR, CN"
    assert right_answer(expansion("BRA")) == "an error"
