"""The smallest case that still shows the same, in few runs; and what is made of many outcomes."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import examples

from conformance import report_model, scheduler, worker
from conformance.cases.fixed import fixed_cases
from conformance.cases.generated import cases
from conformance.cases.model import Case
from conformance.recording import Profile, Run
from conformance.report_model import Outcome, settle_uncertain
from conformance.scheduler import judge_program
from conformance.shrink import candidates, shrink
from conformance.verdicts import Finding, Verdict
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
)
from mockservers.plan import Bucket, Plan, plan_to_json, reply_to_json

MOST = 100


# --- what is tried, in its order: the boldest first ---------------------------------------------

CUT = (Truncate(),)


def summary(case):
    """A case in a line: arguments, mix, seed, rules, gate, files."""
    plan = plan_to_json(case.plan)
    rules = [f"{name}={replies[0]['do']}" for name, replies in plan.get("rules", {}).items()]
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


@pytest.mark.parametrize(
    ("arguments", "simpler"),
    [
        ("BR", []),
        ("", ["BR"]),
        ("BR cn", ["BR", "cn", "BR", "cn", "BR", "BR CN"]),
        (
            "-v BR CN DE",
            ["-v BR", "-v CN DE", "-v BR", "-v CN DE", "-v BR DE", "-v BR CN"],
        ),
        ("b", ["BA", "BC", "B"]),
        ("x", ["XA", "XA", "X"]),
        ("a", ["AD", "AA", "A"]),
        ("-e", ["BR", "ZZ"]),
        ("-e BR", ["BR", "BR BR", "BR ZZ"]),
        ("-a BR", ["BR", "BR BR", "BR ZZ"]),
        ("-e -l 2", ["-e", "-l 2 BR", "-l 2 ZZ", "-e -l 1"]),
        ("-a -l 9", ["-a", "-l 9 BR", "-l 9 ZZ", "-a -l 1", "-a -l 2", "-a -l 3"]),
        (
            "-l 2 br CN",
            [*["-l 2 br", "-l 2 CN"] * 2, "-l 2 br", "br CN", "-l 1 br CN", "-l 2 BR CN"],
        ),
        ("-m 6 BR", ["BR", "-m 1 BR", "-m 2 BR", "-m 3 BR"]),
        ("-m 3 BR", ["BR", "-m 1 BR", "-m 2 BR"]),
        ("-m 2 BR", ["BR", "-m 1 BR"]),
        ("-m 1 BR", ["BR"]),
        ("BR -m 2", ["BR", "BR -m 1"]),
        ("-s delay BR", ["BR"]),
        ("-s DELAY -m 2 BR", ["-m 2 BR", "-s DELAY BR", "-s DELAY -m 1 BR"]),
        ("--server delay --limit 3 --max_req 4 BR", []),
        ("-ev -m 1", []),
    ],
)
def test_a_command_line_gets_shorter_first_and_plainer_then(arguments, simpler):
    assert tried(arguments) == simpler


@pytest.mark.parametrize(
    ("arguments", "simpler"),
    [
        ("BRA BR", ["BRA"] * 3),
        ("-m x BR", []),
        ("-l 0 BR", []),
        ("-l 3 -m 0 BR", ["-m 0 BR", "-l 1 -m 0 BR", "-l 2 -m 0 BR"]),
    ],
)
def test_a_usage_error_stays_one(arguments, simpler):
    assert tried(arguments) == simpler


def test_a_code_that_has_a_rule_is_left_alone_before_the_others_are():
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


def test_a_rule_stays_as_long_as_its_code_or_its_letter():
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


def test_two_rules_are_told_apart_by_halves_alone():
    br, cn = "BR=truncate", "CN=truncate"
    plan = Plan(rules={"BR": CUT, "CN": CUT})
    assert tried("-ev", plan) == ["-ev", f"-ev | {br}", f"-ev | {cn}"]


def test_of_three_rules_each_is_left_out_besides():
    br, cn, de = "BR=truncate", "CN=truncate", "DE=truncate"
    plan = Plan(rules={"BR": CUT, "CN": CUT, "DE": CUT})
    assert tried("-ev", plan) == [
        "-ev",
        *[f"-ev | {br}", f"-ev | {cn} {de}"],
        *[f"-ev | {cn} {de}", f"-ev | {br} {de}", f"-ev | {br} {cn}"],
    ]


def test_gate_and_seed_are_left_out():
    plan = Plan(rules={"BR": CUT}, seed=3)
    br = "BR=truncate"
    assert tried("BR", plan, gate=True) == [
        "BR | seed 3 | gate",
        f"BR | seed 3 | {br}",
        f"BR | {br} | gate",
    ]


def test_a_mix_is_left_out_or_written_as_rules():
    plan = Plan(mix=(Bucket(50, Hang()),), rules={"CN": CUT}, seed=7)
    br, cn = "BR=hang", "CN=truncate"  # of seed 7 and LOCAL, BR draws less than 50, and FR more
    assert tried("BR FR CN", plan)[:4] == [
        f"BR FR CN | seed 7 | {cn}",
        f"BR FR CN | {br} {cn}",
        "BR FR CN | mix | seed 7",
        f"CN | mix | seed 7 | {cn}",
    ]


def test_a_mix_is_written_out_for_thirty_codes_at_most():
    plan = Plan(mix=(Bucket(100, Hang()),))
    thirty = "b AA CC DD EE"
    written = [case for case in tried(thirty, plan) if "BA=hang" in case]
    assert len(written) == 1
    assert written[0].count("=hang") == 30
    assert not [case for case in tried(f"{thirty} FF", plan) if "BA=hang" in case]


def test_a_mix_that_is_drawn_for_each_attempt_is_written_out_as_the_first_one():
    # Of seed 7 and LOCAL, DE draws 7.5 of 100 for its first attempt, 71 for all, 53 for its second.
    plan = Plan(mix=(Bucket(50, Hang()),), seed=7, per_attempt=True)
    assert tried("DE", plan) == ["DE | seed 7", "DE | DE=hang"]


def test_no_mix_is_written_out_for_a_usage_error():
    assert tried("BRA", Plan(mix=(Bucket(100, Hang()),))) == ["BRA"]


def test_files_are_left_out_all_and_one_by_one():
    assert tried("BR", files={"a": "", "b": ""}) == ["BR", "BR | files b", "BR | files a"]
    assert tried("BR", files={"a": ""}) == ["BR"]


def replies_tried(*rule):
    """The rules that are tried for this one, but for those without it."""
    case = Case("a", ("ACC-1",), ("BR",), Plan(rules={"BR": rule, "/x": CUT}))
    shown = [c.plan.rules for c in candidates(case) if len(c.plan.rules) == 2]
    assert all(list(rules) == ["BR", "/x"] and rules["/x"] == CUT for rules in shown)
    return [[reply_to_json(reply) for reply in rules["BR"]] for rules in shown]


@pytest.mark.parametrize(
    ("reply", "simpler"),
    [
        (Serve(), []),
        (BadGzip(), []),
        (Redirect(to="/"), []),
        (Empty(delay_s=2.0), [{"do": "empty"}]),
        (Empty(delay_s=Uniform(1, 2)), [{"do": "empty"}]),
        (Status((501, 502)), [{"do": "status", "status": 501}]),
        (Status((404, 503)), [{"do": "status", "status": 404}]),
        (Status((500,)), [{"do": "status", "status": 503}]),
        (Status((404,)), []),
        (Status((503,)), []),
        (
            Status((500,), delay_s=1.0),
            [
                {"do": "status", "status": 500},
                {"do": "status", "status": 503, "delay_s": 1.0},
            ],
        ),
        (Reset(after_bytes=9), [{"do": "reset"}]),
        (Truncate(after_bytes=1), [{"do": "truncate"}]),
        (Reset(), []),
        (Truncate(), []),
        (Drip(bytes_per_s=9), [{"do": "serve"}]),
        (Hang(or_s=1, delay_s=1.0), [{"do": "hang", "or_s": 1}, {"do": "serve"}]),
    ],
)
def test_a_reply_loses_its_delay_and_then_what_makes_it_odd(reply, simpler):
    assert replies_tried(reply) == [[one] for one in simpler]


def test_of_several_replies_the_first_one_is_kept_or_one_of_them_is_simpler():
    empty, hang, serve = {"do": "empty"}, {"do": "hang"}, {"do": "serve"}
    assert replies_tried(Hang(), Empty()) == [[hang], [serve, empty]]
    reset = {"do": "reset", "after_bytes": 1}
    assert replies_tried(Hang(), Reset(after_bytes=1), Empty()) == [
        [hang],
        [serve, reset, empty],
        [hang, {"do": "reset"}, empty],
    ]


def test_what_differs_in_the_order_of_its_rules_alone_is_asked_once():
    # Without its mix the rules stand as they did; the mix written out, by the codes.
    plan = Plan(mix=(Bucket(100, Hang()),), rules={"CN": CUT, "BR": CUT})
    asked = []

    def fails(case):
        asked.append(summary(case))
        return False

    shrunk = shrink(Case("a", ("ACC-1",), ("BR", "CN"), plan), fails, MOST)
    assert asked == [
        "BR CN | CN=truncate BR=truncate",
        "BR CN | mix",
        "BR CN | mix | CN=truncate",
        "BR CN | mix | BR=truncate",
        "BR | mix | BR=truncate",
        "CN | mix | CN=truncate",
    ]
    assert shrunk.executions == 6


@pytest.mark.parametrize(("most", "left"), [(0, "-v BR CN"), (1, "-v BR"), (9, "-v BR")])
def test_no_more_is_asked_than_allowed(most, left):
    shrunk = shrink(Case("a", ("ACC-1",), ("-v", "BR", "CN")), lambda case: True, most)
    assert (summary(shrunk.case), shrunk.executions) == (left, min(most, 1))


# --- what it comes to ----------------------------------------------------------------------------


def loses_truncated(case):
    """As a program that keeps truncated bodies fails: where a code that is asked for has one."""
    order = case.request()
    return order is not None and any(
        isinstance(reply, Truncate)
        for code in order.codes
        for reply in case.plan.rules.get(code, ())[:1]
    )


@examples(30)
@given(case=cases(), after_bytes=st.integers(0, 2000))
def test_one_fault_shrinks_to_one_code_and_one_rule(case, after_bytes):
    fault = {case.request().codes[-1]: (Truncate(after_bytes=after_bytes),)}
    case = replace(case, plan=Plan(rules=dict(case.plan.rules) | fault))
    shrunk = shrink(case, loses_truncated, MOST)
    assert len(shrunk.case.request().codes) == 1
    (rule,) = shrunk.case.plan.rules.values()
    assert rule == (Truncate(),)
    assert not shrunk.case.files
    assert not shrunk.case.gate
    assert shrunk.executions < 40


@examples(30)
@given(case=cases(), data=st.data())
def test_what_is_asked_is_counted_and_never_asked_twice(case, data):
    asked = []
    most = data.draw(st.integers(0, 20))

    def fails(candidate):
        asked.append(str(candidate.to_json()))
        return data.draw(st.booleans())

    shrunk = shrink(case, fails, most)
    assert len(asked) == len(set(asked)) == shrunk.executions <= most


@examples(30)
@given(case=st.sampled_from(fixed_cases()) | cases())
def test_every_candidate_is_a_run_that_may_be_asked_for(case):
    for candidate in candidates(case):
        assert candidate.to_json() != case.to_json()
        if case.request() is not None and case.expects == "report":
            assert candidate.request() is not None
            words = candidate.arguments
            assert "-l" not in words or {"-a", "-e"} & {*words} or candidate.request().codes


def test_two_faults_that_need_each_other_stay():
    codes = ("BR", "CN", "US", "VN")
    case = Case("a", ("ACC-1",), codes, Plan(rules={code: (Truncate(),) for code in codes}))
    shrunk = shrink(case, lambda c: {"CN", "VN"} <= c.plan.rules.keys(), MOST)
    assert set(shrunk.case.plan.rules) == {"CN", "VN"}
    assert set(shrunk.case.arguments) == {"CN", "VN"}


def test_a_letter_shrinks_to_a_code_and_every_code_to_one():
    for words in (("-v", "B"), ("-e",), ("-a", "-l", "9")):
        shrunk = shrink(Case("a", ("ACC-1",), words), lambda c: bool(c.request().codes), MOST)
        assert len(shrunk.case.request().codes) == 1


# --- the campaign, with runs that are made up ---------------------------------------------------


def finding(clause, word="miscounted", **fields):
    return Finding(clause, word, "saw", expected="said", **fields)


def test_what_may_be_another_clause_is_put_down_to_the_one_that_is_sure():
    sure = Outcome(Case("sure", ("OUT-4",)), (finding("OUT-4"),))
    unsure = Outcome(Case("unsure", ("OUT-3",)), (finding("OUT-3", certain=False),))
    assert [o.findings[0].clause for o in settle_uncertain([unsure, sure])] == ["OUT-4", "OUT-4"]
    assert settle_uncertain([unsure])[0].findings[0].clause == "OUT-3"
    other = Outcome(Case("sure", ("FIL-1",)), (finding("FIL-1"),))
    assert settle_uncertain([unsure, other])[0].findings[0].clause == "OUT-3"


class AtOnce:
    """An executor that does all at once, in this thread."""

    def submit(self, call, *arguments):
        future = scheduler.Future()
        future.set_result(call(*arguments))
        return future


def run_of(case):
    return Run(0, "exit", (), "", (), {}, {}, {})


def judged(monkeypatch, play, cases):
    monkeypatch.setattr(worker, "execute", play)
    monkeypatch.setattr(worker, "_repeated", lambda task, p: [play(task, p) for _ in range(3)])
    monkeypatch.setattr(report_model, "table_of_run", lambda *_: [])
    return judge_program(["program"], cases, AtOnce(), Profile())


def test_what_patience_clears_is_no_failure_and_what_it_shows_is_one(monkeypatch):
    def play(task, patience=1.0):
        if patience == 1:
            return run_of(task.case), (finding("ACC-5", "timeout", verdict=Verdict.TIMEOUT),)
        return run_of(task.case), (finding("REQ-2", "lost"),) if task.case.id == "b" else ()

    report = judged(monkeypatch, play, [Case("a", ("EXP-1",)), Case("b", ("EXP-1",))])
    verdicts = {row["id"]: row["verdict"] for row in report["cases"]}
    assert verdicts == {"a": Verdict.PASS, "b": Verdict.FLAKY}  # by now it is a time-out again
    assert report["clauses"]["ACC-5"]["verdict"] is Verdict.NOT_TESTED


def test_a_program_that_never_ends_is_not_tried_for_ever(monkeypatch):
    played = []

    def play(task, patience=1.0):
        played.append(task.case.id)
        return run_of(task.case), (finding("ACC-5", "timeout", verdict=Verdict.TIMEOUT),)

    many = [Case(f"case {i}", ("EXP-1",)) for i in range(50)]
    report = judged(monkeypatch, play, many)
    assert len(report["cases"]) == scheduler.MOST_TIMEOUTS
    assert report["clauses"]["ACC-5"]["verdict"] is Verdict.TIMEOUT


def test_no_should_is_told_to_be_missed_because_of_a_fault_that_is_told_itself(monkeypatch):
    echo = finding("CON-4", verdict=Verdict.NON_STRICT, because="OUT-2", stops=True)

    def play(task, patience=1.0):
        return run_of(task.case), (echo if task.case.id == "echo" else finding("OUT-2"),)

    report = judged(monkeypatch, play, [Case("echo", ("CON-4",)), Case("fault", ("OUT-2",))])
    assert report["clauses"]["CON-4"]["verdict"] is not Verdict.NON_STRICT
    assert report["clauses"]["OUT-2"]["verdict"] is Verdict.FAIL
    alone = judged(monkeypatch, play, [Case("echo", ("CON-4",))])
    assert alone["clauses"]["CON-4"]["verdict"] is Verdict.NON_STRICT
