"""Answers about draws and fates, and the clauses that wrong ones break."""

import math

from support.made_answers import answered, asked

from conformance.adapter.checks import findings, right_answer
from conformance.verdicts import Finding

DRAW = asked(
    "draw",
    {"seed": 0, "label": "LOCAL", "resource": "AA", "attempt": 0, "purpose": "bucket"},
    "SRV-1",
)
FIRST_DRAW = 0.6207789073484968
"""The first of SPEC.md."""


def fate(plan, resource="BR", attempt=1, seed=7):
    arguments = {
        "plan": {"plan": 1, "seed": seed, **plan},
        "label": "ERROR",
        "resource": resource,
        "attempt": attempt,
    }
    return asked("fate", arguments, "SRV-2", "SRV-3")


def test_a_draw_is_exact():
    assert findings(DRAW, answered(result=FIRST_DRAW)) == []
    answer = answered(result=math.nextafter(FIRST_DRAW, 1))
    assert findings(DRAW, answer) == [
        Finding("SRV-1", "wrong", answer.text, expected=f'{{"result": {FIRST_DRAW}}}')
    ]


# With seed 7 and the server ERROR, BR draws 39.8 of 100 for the bucket, and the third of three
# statuses; DE draws 87.7.
EMPTY, HANG, SLOW = {"do": "empty"}, {"do": "hang"}, {"do": "serve", "delay_s": 5}
STATUSES = {"do": "status", "status": [501, 502, 503]}
UNIFORM = {"do": "serve", "delay_s": {"uniform": [1, 2]}}


def mix(*buckets, **more):
    return {"mix": [{"weight": weight, **response} for weight, response in buckets], **more}


def rules(**responses):
    return {"rules": {name: [response] for name, response in responses.items()}}


PATH_RULE = {"rules": {"/flags/br/br.gif": [EMPTY]}}


RIGHT = [
    (fate({}), {"do": "serve"}),
    (fate(mix((50, EMPTY), (50, HANG))), EMPTY),
    (fate(mix((50, EMPTY), (50, HANG)), "DE"), HANG),
    (fate(mix((100, STATUSES))), {"do": "status", "status": 503}),
    (fate(rules(BR=EMPTY)), EMPTY),
    (fate(PATH_RULE), EMPTY),
    (fate(mix((100, SLOW))), {"do": "serve", "delay_s": 5.0000009}),
    (fate({}), {"do": "serve", "delay_s": 1e-6}),
    (fate(mix((100, UNIFORM))), {"do": "serve", "delay_s": 1.62893}),
]
WRONG = [
    # Another bucket, or none of them.
    (fate(mix((50, EMPTY), (50, HANG))), HANG, "SRV-2"),
    (fate(mix((50, EMPTY), (50, HANG))), {"do": "bad_gzip"}, "SRV-2"),
    (fate({}), EMPTY, "SRV-2"),
    (fate({}), {"do": "garbage"}, "SRV-2"),
    (fate(rules(CN=EMPTY)), {"do": "bad_gzip"}, "SRV-2"),
    (fate({"rules": {"/flags/br/br.gif": [EMPTY]}}, "CN"), {"do": "bad_gzip"}, "SRV-2"),
    # In a full mix no weight is left for a plain response, so it is the delay that is missing.
    (fate(mix((50, SLOW))), {"do": "serve"}, "SRV-2"),
    (fate(mix((99.5, SLOW))), {"do": "serve"}, "SRV-2"),
    (fate(mix((100, SLOW))), {"do": "serve"}, "SRV-4"),
    (fate(rules(BR=SLOW)), {"do": "serve"}, "SRV-4"),
    # The rule of another code, or no rule where there is one.
    (fate(rules(CN=EMPTY)), EMPTY, "SRV-6"),
    (fate({**mix((50, HANG)), **rules(CN=HANG)}, "DE"), HANG, "SRV-2"),
    (fate({**mix((100, HANG)), **rules(BR=EMPTY)}), HANG, "SRV-6"),
    (fate(rules(BR=EMPTY)), {"do": "bad_gzip"}, "SRV-6"),
    (fate(PATH_RULE), {"do": "bad_gzip"}, "SRV-6"),
    (fate({"rules": {"/a": [EMPTY]}}, "/a"), {"do": "bad_gzip"}, "SRV-6"),
    (fate({"rules": {"BR": [EMPTY, HANG]}}), HANG, "SRV-6"),
    (fate({"rules": {"BR": [EMPTY, UNIFORM]}}), {"do": "serve", "delay_s": 1.62893}, "SRV-6"),
    # The same except for what is drawn.
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
]


def test_a_right_fate_has_no_finding_if_its_delay_is_within_a_microsecond():
    for question, met in RIGHT:
        assert findings(question, answered(result=met)) == []


def test_a_wrong_fate_breaks_the_clause_of_the_difference():
    for question, met, clause in WRONG:
        answer = answered(result=met)
        found = [Finding(clause, "wrong", answer.text, expected=right_answer(question))]
        assert findings(question, answer) == found


def test_garbage_must_have_its_bytes_in_hexadecimal():
    plan = {"plan": 1, "seed": 7, **mix((100, {"do": "garbage"}))}
    values = {"plan": plan, "label": "LOCAL", "resource": "BR", "attempt": 1}
    question = asked("fate", values, "SRV-5")
    right = right_answer(question)
    assert right.startswith('{"result": {"do": "garbage", "noise": "866782cec277a5ed')
    noise = "866782cec277a5ed" + "00" * 248
    assert right.endswith(" characters)")
    (finding,) = findings(question, answered(result={"do": "garbage", "noise": noise}))
    assert finding.clause == "SRV-5"


def test_the_right_fate_is_written_as_in_a_plan():
    for question, right in (
        (fate(rules(BR=HANG)), '{"result": {"do": "hang"}}'),
        (fate(mix((100, STATUSES))), '{"result": {"do": "status", "status": 503}}'),
        (
            fate({"rules": {"BR": [EMPTY, SLOW]}}, attempt=3),
            '{"result": {"do": "serve", "delay_s": 5}}',
        ),
    ):
        assert right_answer(question) == right
