"""Candidates in their order, and the smallest case in few runs."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from support.examples import examples

from conformance.cases.fixed import fixed_cases
from conformance.cases.generated import cases
from conformance.cases.model import Case
from conformance.shrink import candidates, shrink
from mockservers.faults import (
    BadGzip,
    Drip,
    Empty,
    Hang,
    Redirect,
    Reset,
    Serve,
    Status,
    Truncate,
    Uniform,
)  # fmt: skip
from mockservers.plan import Bucket, Plan
from mockservers.plan_json import fault_to_json, plan_to_json

MOST = 100


# --- candidates, in their order -----------------------------------------------------------------

CUT = (Truncate(),)


def summary(case):
    """A case in a line: arguments, mix, seed, rules, gate, files."""
    plan = plan_to_json(case.plan)
    rules = [f"{name}={responses[0]['do']}" for name, responses in plan.get("rules", {}).items()]
    parts = [
        " ".join(case.arguments),
        "mix" if case.plan.mix else "",
        f"seed {case.plan.seed}" if case.plan.seed else "",
        " ".join(rules),
        "gate" if case.gate else "",
        f"files {' '.join(case.files)}" if case.files else "",
    ]
    return " | ".join(filter(None, parts))


def tried(arguments, plan=None, **fields):
    case = Case("a", ("ACC-1",), tuple(arguments.split()), plan or Plan(), **fields)
    return list(map(summary, candidates(case)))


SIMPLER = {
    "BR": [],
    "": ["BR"],
    "BR cn": ["BR", "cn", "BR", "cn", "BR", "BR CN"],
    "-v BR CN DE": ["-v BR", "-v CN DE", "-v BR", "-v CN DE", "-v BR DE", "-v BR CN"],
    "b": ["BA", "BC", "B"],
    "x": ["XA", "XA", "X"],
    "a": ["AD", "AA", "A"],
    "-e": ["BR", "ZZ"],
    "-e BR": ["BR", "BR BR", "BR ZZ"],
    "-a BR": ["BR", "BR BR", "BR ZZ"],
    "-e -l 2": ["-e", "-l 2 BR", "-l 2 ZZ", "-e -l 1"],
    "-a -l 9": ["-a", "-l 9 BR", "-l 9 ZZ", "-a -l 1", "-a -l 2", "-a -l 3"],
    "-l 2 br CN": [
        *["-l 2 br", "-l 2 CN"] * 2, "-l 2 br", "br CN", "-l 1 br CN", "-l 2 BR CN",
    ],
    "-m 6 BR": ["BR", "-m 1 BR", "-m 2 BR", "-m 3 BR"],
    "-m 3 BR": ["BR", "-m 1 BR", "-m 2 BR"],
    "-m 2 BR": ["BR", "-m 1 BR"],
    "-m 1 BR": ["BR"],
    "BR -m 2": ["BR", "BR -m 1"],
    "-s delay BR": ["BR"],
    "-s DELAY -m 2 BR": ["-m 2 BR", "-s DELAY BR", "-s DELAY -m 1 BR"],
    "--server delay --limit 3 --max_req 4 BR": [],
    "-ev -m 1": [],
}  # fmt: skip
OF_USAGE_ERRORS = {
    "BRA BR": ["BRA"] * 3,
    "-m x BR": [],
    "-l 0 BR": [],
    "-l 3 -m 0 BR": ["-m 0 BR", "-l 1 -m 0 BR", "-l 2 -m 0 BR"],
}


def test_a_command_line_gets_shorter_first_and_then_plainer():
    assert {arguments: tried(arguments) for arguments in SIMPLER} == SIMPLER


def test_a_usage_error_stays_one():
    assert {arguments: tried(arguments) for arguments in OF_USAGE_ERRORS} == OF_USAGE_ERRORS


def test_codes_with_a_rule_are_tried_alone_first():
    plan = Plan(rules={"CN": CUT, "DE": CUT, "FR": CUT, "/x": CUT})
    cn, de, fr, x = "CN=truncate", "DE=truncate", "FR=truncate", "/x=truncate"
    assert tried("BR cn DE FR", plan) == [
        "BR cn DE FR",
        f"BR cn DE FR | {cn} {de}",
        f"BR cn DE FR | {fr} {x}",
        f"BR cn DE FR | {de} {fr} {x}",
        f"BR cn DE FR | {cn} {fr} {x}",
        f"BR cn DE FR | {cn} {de} {x}",
        f"BR cn DE FR | {cn} {de} {fr}",
        f"cn | {cn} {x}",
        f"DE | {de} {x}",
        f"BR | {x}",
        f"DE FR | {de} {fr} {x}",
        f"BR cn | {cn} {x}",
        f"cn DE FR | {cn} {de} {fr} {x}",
        f"BR DE FR | {de} {fr} {x}",
        f"BR cn FR | {cn} {fr} {x}",
        f"BR cn DE | {cn} {de} {x}",
        f"BR CN DE FR | {cn} {de} {fr} {x}",
    ]


def test_a_rule_stays_while_its_code_or_letter_stays():
    br, cn = "BR=truncate", "CN=truncate"
    assert tried("b CN", Plan(rules={"BR": CUT, "CN": CUT})) == [
        "b CN",
        f"b CN | {br}",
        f"b CN | {cn}",
        *[f"CN | {cn}", f"b | {br}"] * 3,
        f"BA CN | {br} {cn}",
        f"BC CN | {br} {cn}",
        f"B CN | {br} {cn}",
    ]
    assert tried("-a", Plan(rules={"BR": CUT})) == ["-a", f"BR | {br}", f"ZZ | {br}"]
    assert tried("-a -v -l 9", Plan(rules={"BR": CUT}))[1] == f"-a -v | {br}"


def test_rules_are_halved_and_each_of_three_is_dropped_too():
    br, cn, de = "BR=truncate", "CN=truncate", "DE=truncate"
    two = Plan(rules={"BR": CUT, "CN": CUT})
    assert tried("-ev", two) == ["-ev", f"-ev | {br}", f"-ev | {cn}"]
    assert tried("-ev", Plan(rules={**two.rules, "DE": CUT})) == [
        "-ev",
        *[f"-ev | {br}", f"-ev | {cn} {de}"],
        *[f"-ev | {cn} {de}", f"-ev | {br} {de}", f"-ev | {br} {cn}"],
    ]


def test_gate_and_seed_are_dropped():
    plan = Plan(rules={"BR": CUT}, seed=3)
    br = "BR=truncate"
    assert tried("BR", plan, gate=True) == [
        "BR | seed 3 | gate",
        f"BR | seed 3 | {br}",
        f"BR | {br} | gate",
    ]


def test_a_mix_is_dropped_or_written_as_rules():
    plan = Plan(mix=(Bucket(50, Hang()),), rules={"CN": CUT}, seed=7)
    br, cn = "BR=hang", "CN=truncate"  # of seed 7 and LOCAL, BR draws less than 50, and FR more
    assert tried("BR FR CN", plan)[:4] == [
        f"BR FR CN | seed 7 | {cn}",
        f"BR FR CN | {br} {cn}",
        "BR FR CN | mix | seed 7",
        f"CN | mix | seed 7 | {cn}",
    ]


def test_a_mix_is_written_as_rules_for_at_most_thirty_codes():
    plan = Plan(mix=(Bucket(100, Hang()),))
    thirty = "b AA CC DD EE"
    written = [case for case in tried(thirty, plan) if "BA=hang" in case]
    assert len(written) == 1
    assert written[0].count("=hang") == 30
    assert not [case for case in tried(f"{thirty} FF", plan) if "BA=hang" in case]


def test_a_mix_drawn_per_attempt_is_written_as_the_first_attempt():
    # Of seed 7 and LOCAL, DE draws 7.5 of 100 for its first attempt, 71 for all, 53 for its second.
    plan = Plan(mix=(Bucket(50, Hang()),), seed=7, per_attempt=True)
    assert tried("DE", plan) == ["DE | seed 7", "DE | DE=hang"]


def test_no_mix_is_written_as_rules_for_a_usage_error():
    assert tried("BRA", Plan(mix=(Bucket(100, Hang()),))) == ["BRA"]


def test_files_are_dropped_all_at_once_and_one_by_one():
    assert tried("BR", files={"a": "", "b": ""}) == ["BR", "BR | files b", "BR | files a"]
    assert tried("BR", files={"a": ""}) == ["BR"]


def responses_tried(*rule):
    """The candidates that have a rule for this code, by its responses."""
    case = Case("a", ("ACC-1",), ("BR",), Plan(rules={"BR": rule, "/x": CUT}))
    shown = [c.plan.rules for c in candidates(case) if len(c.plan.rules) == 2]
    assert all(list(rules) == ["BR", "/x"] and rules["/x"] == CUT for rules in shown)
    return [[fault_to_json(response) for response in rules["BR"]] for rules in shown]


SIMPLER_RESPONSES = [
    (Serve(),),
    (BadGzip(),),
    (Redirect(to="/"),),
    (Empty(delay_s=2.0), {"do": "empty"}),
    (Empty(delay_s=Uniform(1, 2)), {"do": "empty"}),
    (Status((501, 502)), {"do": "status", "status": 501}),
    (Status((404, 503)), {"do": "status", "status": 404}),
    (Status((500,)), {"do": "status", "status": 503}),
    (Status((404,)),),
    (Status((503,)),),
    (Status((500,), delay_s=1.0), {"do": "status", "status": 500},
     {"do": "status", "status": 503, "delay_s": 1.0}),
    (Reset(after_bytes=900), {"do": "reset", "after_bytes": 100}),
    (Truncate(after_bytes=101), {"do": "truncate", "after_bytes": 100}),
    (Truncate(after_bytes=100),),
    (Reset(),),
    (Truncate(),),
    (Drip(bytes_per_s=9), {"do": "serve"}),
    (Hang(or_s=1, delay_s=1.0), {"do": "hang", "or_s": 1}, {"do": "serve"}),
]  # fmt: skip


def test_a_response_loses_its_delay_first_and_then_its_oddity():
    found = [
        (response, *(one for (one,) in responses_tried(response)))
        for response, *_ in SIMPLER_RESPONSES
    ]
    assert found == SIMPLER_RESPONSES


def test_a_rule_of_several_responses_keeps_the_first_or_simplifies_one():
    empty, hang, serve = {"do": "empty"}, {"do": "hang"}, {"do": "serve"}
    assert responses_tried(Hang(), Empty()) == [[hang], [serve, empty]]
    reset = {"do": "reset", "after_bytes": 900}
    assert responses_tried(Hang(), Reset(after_bytes=900), Empty()) == [
        [hang],
        [serve, reset, empty],
        [hang, reset | {"after_bytes": 100}, empty],
    ]


def test_cases_that_differ_only_in_the_order_of_rules_are_tried_once():
    # Without the mix the rules keep their order; with the mix as rules, that of the codes.
    plan = Plan(mix=(Bucket(100, Hang()),), rules={"CN": CUT, "BR": CUT})
    tried_cases = []

    def fails(case):
        tried_cases.append(summary(case))
        return False

    shrunk = shrink(Case("a", ("ACC-1",), ("BR", "CN"), plan), fails, MOST)
    assert tried_cases == [
        "BR CN | CN=truncate BR=truncate",
        "BR CN | mix",
        "BR CN | mix | CN=truncate",
        "BR CN | mix | BR=truncate",
        "BR | mix | BR=truncate",
        "CN | mix | CN=truncate",
    ]
    assert shrunk.executions == 6


def test_the_predicate_is_called_no_more_often_than_allowed():
    for most, left in ((0, "-v BR CN"), (1, "-v BR"), (9, "-v BR")):
        shrunk = shrink(Case("a", ("ACC-1",), ("-v", "BR", "CN")), lambda case: True, most)
        assert (summary(shrunk.case), shrunk.executions) == (left, min(most, 1))


# --- shrinking -----------------------------------------------------------------------------------


def loses_truncated(case):
    """Whether a program that keeps truncated bodies fails: one of its codes meets one."""
    request = case.request()
    return request is not None and any(
        isinstance(response, Truncate)
        for code in request.codes
        for response in case.plan.rules.get(code, ())[:1]
    )


@examples(25)
@given(case=cases(), after_bytes=st.integers(0, 2000))
def test_one_fault_shrinks_to_one_code_and_one_rule(case, after_bytes):
    fault = {case.request().codes[-1]: (Truncate(after_bytes=after_bytes),)}
    case = replace(case, plan=Plan(rules=dict(case.plan.rules) | fault))
    shrunk = shrink(case, loses_truncated, MOST)
    assert len(shrunk.case.request().codes) == 1
    (rule,) = shrunk.case.plan.rules.values()
    assert rule in [(Truncate(after_bytes=count),) for count in range(101)]
    assert not shrunk.case.files
    assert not shrunk.case.gate
    assert shrunk.executions < 40


@examples(25)
@given(case=cases(), data=st.data())
def test_calls_are_counted_and_no_case_is_tried_twice(case, data):
    tried_cases = []
    most = data.draw(st.integers(0, 20))

    def fails(candidate):
        tried_cases.append(str(candidate.to_json()))
        return data.draw(st.booleans())

    shrunk = shrink(case, fails, most)
    assert len(tried_cases) == len(set(tried_cases)) == shrunk.executions <= most


@examples(25)
@given(case=st.sampled_from(fixed_cases()) | cases())
def test_every_candidate_is_a_valid_run(case):
    data, must_parse = case.to_json(), case.request() is not None and case.expects == "report"
    for candidate in candidates(case):
        assert candidate.to_json() != data
        if must_parse:
            assert candidate.request() is not None
            words = candidate.arguments
            assert "-l" not in words or {"-a", "-e"} & {*words} or candidate.request().codes


def test_two_rules_that_are_both_needed_stay():
    codes = ("BR", "CN", "US", "VN")
    case = Case("a", ("ACC-1",), codes, Plan(rules={code: (Truncate(),) for code in codes}))
    shrunk = shrink(case, lambda c: {"CN", "VN"} <= c.plan.rules.keys(), MOST)
    assert set(shrunk.case.plan.rules) == {"CN", "VN"}
    assert set(shrunk.case.arguments) == {"CN", "VN"}


def test_a_letter_shrinks_to_a_code_and_every_code_to_one():
    for words in (("-v", "B"), ("-e",), ("-a", "-l", "9")):
        shrunk = shrink(Case("a", ("ACC-1",), words), lambda c: bool(c.request().codes), MOST)
        assert len(shrunk.case.request().codes) == 1
