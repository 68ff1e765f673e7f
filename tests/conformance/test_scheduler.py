"""Runs made by hand, and the report that the scheduler makes of them."""

from conformance import report_model, scheduler, worker
from conformance.cases.model import Case
from conformance.recording import Profile, Run
from conformance.report_model import Outcome, settle_uncertain
from conformance.scheduler import judge_program
from conformance.verdicts import Finding, Verdict


def finding(clause, word="miscounted", **fields):
    return Finding(clause, word, "saw", expected="said", **fields)


def test_an_uncertain_finding_gets_the_cause_of_a_certain_one():
    certain = Outcome(Case("certain", ("OUT-4",)), (finding("OUT-4"),))
    uncertain = Outcome(Case("uncertain", ("OUT-3",)), (finding("OUT-3", certain=False),))
    assert [o.findings[0].clause for o in settle_uncertain([uncertain, certain])] == [
        "OUT-4",
        "OUT-4",
    ]
    assert settle_uncertain([uncertain])[0].findings[0].clause == "OUT-3"
    other = Outcome(Case("certain", ("FIL-1",)), (finding("FIL-1"),))
    assert settle_uncertain([uncertain, other])[0].findings[0].clause == "OUT-3"


class AtOnce:
    """An executor that runs each call at once, in this thread."""

    def submit(self, call, *arguments):
        future = scheduler.Future()
        future.set_result(call(*arguments))
        return future


def run_of(case):
    return Run(0, "exit", (), "", (), {}, {}, {})


def judged(monkeypatch, execute, cases):
    monkeypatch.setattr(worker, "execute", execute)
    monkeypatch.setattr(
        worker, "_repeated", lambda task, factor: [execute(task, factor) for _ in range(3)]
    )
    monkeypatch.setattr(report_model, "table_of_run", lambda *_: [])
    return judge_program(["program"], cases, AtOnce(), Profile())


def test_patient_runs_clear_a_timeout_and_show_what_it_hid(monkeypatch):
    def execute(task, timeout_factor=1.0):
        if timeout_factor == 1:
            return run_of(task.case), (finding("ACC-5", "timeout", verdict=Verdict.TIMEOUT),)
        return run_of(task.case), (finding("REQ-2", "lost"),) if task.case.id == "b" else ()

    report = judged(monkeypatch, execute, [Case("a", ("EXP-1",)), Case("b", ("EXP-1",))])
    verdicts = {row["id"]: row["verdict"] for row in report["cases"]}
    assert verdicts == {
        "a": Verdict.PASS,
        "b": Verdict.FLAKY,
    }  # in the next hasty run it is a timeout again
    assert report["clauses"]["ACC-5"]["verdict"] is Verdict.NOT_TESTED


def test_after_a_few_timeouts_the_remaining_cases_are_not_run(monkeypatch):
    executed = []

    def execute(task, timeout_factor=1.0):
        executed.append(task.case.id)
        return run_of(task.case), (finding("ACC-5", "timeout", verdict=Verdict.TIMEOUT),)

    many = [Case(f"case {i}", ("EXP-1",)) for i in range(50)]
    report = judged(monkeypatch, execute, many)
    assert len(report["cases"]) == scheduler.MOST_TIMEOUTS
    assert report["clauses"]["ACC-5"]["verdict"] is Verdict.TIMEOUT


def test_no_should_is_reported_as_missed_because_of_a_reported_fault(monkeypatch):
    consequence = finding("CON-4", verdict=Verdict.NON_STRICT, because="OUT-2", stops=True)

    def execute(task, timeout_factor=1.0):
        return run_of(task.case), (
            consequence if task.case.id == "consequence" else finding("OUT-2"),
        )

    report = judged(
        monkeypatch, execute, [Case("consequence", ("CON-4",)), Case("fault", ("OUT-2",))]
    )
    assert report["clauses"]["CON-4"]["verdict"] is not Verdict.NON_STRICT
    assert report["clauses"]["OUT-2"]["verdict"] is Verdict.FAIL
    alone = judged(monkeypatch, execute, [Case("consequence", ("CON-4",))])
    assert alone["clauses"]["CON-4"]["verdict"] is Verdict.NON_STRICT
