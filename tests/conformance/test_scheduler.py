"""Runs made by hand, and the report that the scheduler makes of them."""

from support.at_once import AtOnce

from conformance import report_model, scheduler, worker
from conformance.cases.model import Case
from conformance.recording import Profile, Run
from conformance.scheduler import judge_program
from conformance.verdicts import Finding, Verdict


def finding(clause, word="miscounted", **fields):
    return Finding(clause, word, "saw", expected="said", **fields)


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
