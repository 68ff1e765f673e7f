"""The smallest case that still shows the same, in few runs; and what is made of many outcomes."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from support import examples

from conformance import campaign, summary
from conformance.campaign import judge_program
from conformance.cases import Case
from conformance.fixed import fixed_cases
from conformance.generated import cases
from conformance.record import Profile, Run
from conformance.shrink import candidates, shrink
from conformance.summary import Outcome, attributed
from conformance.verdicts import Finding, Verdict
from mockservers.faults import Truncate
from mockservers.plan import Plan

MOST = 100


def loses_truncated(case):
    """As a program that keeps truncated bodies fails: where a code that is asked for has one."""
    order = case.order()
    return order is not None and any(
        isinstance(reply, Truncate)
        for code in order.codes
        for reply in case.plan.rules.get(code, ())[:1]
    )


@examples(30)
@given(case=cases(), after_bytes=st.integers(0, 2000))
def test_one_fault_shrinks_to_one_code_and_one_rule(case, after_bytes):
    fault = {case.order().codes[-1]: (Truncate(after_bytes=after_bytes),)}
    case = replace(case, plan=Plan(rules=dict(case.plan.rules) | fault))
    shrunk = shrink(case, loses_truncated, MOST)
    assert len(shrunk.case.order().codes) == 1
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
        if case.order() is not None and case.expects == "report":
            assert candidate.order() is not None
            words = candidate.arguments
            assert "-l" not in words or {"-a", "-e"} & {*words} or candidate.order().codes


def test_two_faults_that_need_each_other_stay():
    codes = ("BR", "CN", "US", "VN")
    case = Case("a", ("ACC-1",), codes, Plan(rules={code: (Truncate(),) for code in codes}))
    shrunk = shrink(case, lambda c: {"CN", "VN"} <= c.plan.rules.keys(), MOST)
    assert set(shrunk.case.plan.rules) == {"CN", "VN"}
    assert set(shrunk.case.arguments) == {"CN", "VN"}


def test_a_letter_shrinks_to_a_code_and_every_code_to_one():
    for words in (("-v", "B"), ("-e",), ("-a", "-l", "9")):
        shrunk = shrink(Case("a", ("ACC-1",), words), lambda c: bool(c.order().codes), MOST)
        assert len(shrunk.case.order().codes) == 1


# --- the campaign, with runs that are made up ---------------------------------------------------


def finding(clause, word="miscounted", **fields):
    return Finding(clause, word, "saw", "said", **fields)


def test_what_may_be_another_clause_is_put_down_to_the_one_that_is_sure():
    sure = Outcome(Case("sure", ("OUT-4",)), (finding("OUT-4"),))
    unsure = Outcome(Case("unsure", ("OUT-3",)), (finding("OUT-3", certain=False),))
    assert [o.findings[0].clause for o in attributed([unsure, sure])] == ["OUT-4", "OUT-4"]
    assert attributed([unsure])[0].findings[0].clause == "OUT-3"
    other = Outcome(Case("sure", ("FIL-1",)), (finding("FIL-1"),))
    assert attributed([unsure, other])[0].findings[0].clause == "OUT-3"


class AtOnce:
    """An executor that does all at once, in this thread."""

    def submit(self, call, *arguments):
        future = campaign.Future()
        future.set_result(call(*arguments))
        return future


def run_of(case):
    return Run(0, "exit", (), "", (), {}, {}, {})


def judged(monkeypatch, play, cases):
    monkeypatch.setattr(campaign, "play", play)
    monkeypatch.setattr(campaign, "_repeated", lambda task, p: [play(task, p) for _ in range(3)])
    monkeypatch.setattr(summary, "books", lambda *_: [])
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
    assert len(report["cases"]) == campaign.MOST_TIMEOUTS
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
