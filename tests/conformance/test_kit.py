"""Programs that try the kit itself get the right verdict and leave no process running."""

import os
import sys
from concurrent.futures import Future
from pathlib import Path

import psutil
import pytest
from kit_faults import FAULTS
from support import TESTS
from support.at_once import AtOnce

from conformance import worker
from conformance.cases.model import Case
from conformance.known_failures import KnownFailure
from conformance.program_runner import CannotStartError, resolved
from conformance.recording import Profile
from conformance.scheduler import judge_program
from conformance.verdicts import Verdict, exit_status
from conformance.worker import Task, execute
from mockservers.faults import Status
from mockservers.plan import Plan

pytestmark = pytest.mark.slow

HERE = TESTS / "conformance/programs"
QUICK = Profile(startup_s=0.02)
CODE = Case("a/code", ("EXP-1",), ("-v", "BR"))
ABSENT = Case("a/absent", ("OUT-2",), ("-v", "ZZ", "BR"))
BROKEN = Case("a/broken", ("OUT-3",), ("-v", "BR", "CN"), Plan(rules={"BR": (Status((503,)),)}))

VERDICTS = {
    "binary": ("CLI-9", Verdict.FAIL),
    "endless-line": ("CLI-9", Verdict.FAIL),
    "flood": ("REP-11", Verdict.FAIL),
    "children": ("CLI-9", Verdict.FAIL),
    "daemon": ("CLI-9", Verdict.FAIL),
    "stubborn": ("ACC-5", Verdict.TIMEOUT),
    "no-folder": ("CLI-9", Verdict.FAIL),
    "closed-stdout": ("ACC-5", Verdict.TIMEOUT),
    "silent": ("CLI-9", Verdict.FAIL),
    "segfault": ("ACC-3", Verdict.CRASH),
    "killed": ("ACC-3", Verdict.CRASH),
    "reads-stdin": ("CLI-9", Verdict.FAIL),
}
"""Without `flood-stderr`, which takes ten seconds, and `sleeps`, which is like `stubborn`."""


@pytest.fixture(scope="module", autouse=True)
def close_sandboxes():
    yield
    worker.close_sandboxes()


OURS = f"of-{os.getpid()}"
"""A word that marks the processes of this test run, because others may run at the same time."""


def command(name, file="faulty.py"):
    return resolved([sys.executable, str(HERE / file), name])


def fault_command(name):
    return (*command(name, "kit_faults.py"), OURS)


def running_faults():
    lines = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
    return [line for line in lines if OURS in line]


def judged(name, cases, **options):
    return judge_program(command(name), cases, AtOnce(), QUICK, **options)


def status_of(report):
    verdicts = [row["verdict"] for row in report["clauses"].values() if not row["known"]]
    return exit_status(verdicts)


@pytest.mark.parametrize("fault", VERDICTS)
def test_a_fault_gets_its_verdict_and_leaves_no_process(fault):
    _, found = execute(Task(fault_command(fault), CODE, QUICK))
    assert (found[0].clause, found[0].verdict) == VERDICTS[fault]
    assert running_faults() == []


def test_every_fault_is_tested_or_named():
    assert set(FAULTS) - set(VERDICTS) == {"flood-stderr", "sleeps"}


def test_a_run_removes_its_folder(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    execute(Task(command("correct"), CODE, QUICK))
    execute(Task(fault_command("no-folder"), CODE, QUICK))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="needs the bit of POSIX that says so")
def test_a_file_that_is_not_a_program_is_named(tmp_path):
    file = tmp_path / "program"
    file.write_text("")
    with pytest.raises(CannotStartError, match=f"cannot execute {file}"):
        resolved([str(file)])


def test_names_of_files_are_made_absolute_and_other_words_are_not(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("flags2.mjs").touch()
    Path("classes").mkdir()
    _, *words = resolved([sys.executable, "flags2.mjs", "-cp", "classes", "BR"])
    assert words == [str(tmp_path / "flags2.mjs"), "-cp", str(tmp_path / "classes"), "BR"]


def test_a_correct_program_passes_every_case():
    report = judged("correct", (CODE, ABSENT, BROKEN))
    assert status_of(report) == 0
    assert report["failures"] == []
    assert {row["verdict"] for row in report["cases"]} == {Verdict.PASS}
    assert report["clauses"]["OUT-2"]["verdict"] is Verdict.PASS
    assert report["clauses"]["CON-3"]["verdict"] is Verdict.NOT_TESTED


def test_a_failure_has_its_smallest_case_and_its_evidence():
    report = judged("counts-not-found-as-error", (CODE, ABSENT))
    (failure,) = report["failures"]
    assert (failure["clause"], failure["word"], failure["repeated"]) == ("OUT-2", "miscounted", 3)
    assert failure["case"]["arguments"] == ["-v", "ZZ"]
    row, totals = failure["books"]
    assert (row["code"], row["seen"], row["said"]) == ("ZZ", "404, 0 bytes", "error")
    assert row["word"] == "miscounted"
    assert totals["said"] == "1 error"
    assert status_of(report) == 1


def test_a_known_failure_does_not_count_while_it_fails_in_the_same_way():
    why = {"why": "issue 12"}
    known = KnownFailure(case="a/absent", clause="OUT-2", kind="miscounted", **why)
    report = judged("counts-not-found-as-error", (CODE, ABSENT), known=[known])
    assert status_of(report) == 0
    assert report["failures"][0]["known"] == "issue 12"
    for stale in (
        KnownFailure(case="a/absent", clause="OUT-2", kind="corrupt", **why),
        KnownFailure(case="a/code", clause="OUT-2", kind="miscounted", **why),
    ):
        report = judged("counts-not-found-as-error", (CODE, ABSENT), known=[known, stale])
        assert status_of(report) == 1
        assert [row["id"] for row in report["cases"] if row.get("stale")] == [stale.case]


def test_a_failure_that_does_not_show_again_is_flaky(tmp_path, monkeypatch):
    program = tmp_path / "program.py"
    program.write_text(
        f"import sys, pathlib\nsys.path.insert(0, {str(HERE)!r})\nimport faulty\n"
        f"seen = pathlib.Path({str(tmp_path / 'seen')!r})\n"
        "first = not seen.exists()\nseen.touch()\n"
        "name = 'counts-not-found-as-error' if first else 'correct'\n"
        "sys.exit(faulty.run(faulty.PROGRAMS, [name, *sys.argv[1:]]))\n"
    )
    report = judge_program(resolved([sys.executable, str(program)]), (ABSENT,), AtOnce(), QUICK)
    (failure,) = report["failures"]
    assert (failure["verdict"], failure["repeated"]) == (Verdict.FLAKY, 0)
    assert report["clauses"]["OUT-2"]["verdict"] is Verdict.FLAKY
    assert status_of(report) == 1


def test_an_error_of_the_kit_is_reported_and_is_no_failure(monkeypatch):
    def fails(*_):
        raise RuntimeError("no servers")

    monkeypatch.setattr(worker, "findings", fails)
    report = judged("correct", (CODE,))
    assert report["errors"] == ["a/code: RuntimeError: no servers"]
    assert report["cases"][0]["verdict"] is Verdict.KIT_ERROR
    assert report["failures"] == []


def test_verdicts_do_not_depend_on_the_order_in_which_cases_end():
    class Backwards:
        """Runs what was submitted last first."""

        def __init__(self):
            self.waiting = []

        def submit(self, call, *arguments):
            done = Future()
            self.waiting.append((done, call, arguments))
            done.result = lambda: self.run(done)
            return done

        def run(self, wanted):
            while self.waiting:
                done, call, arguments = self.waiting.pop()
                done.set_result(call(*arguments))
            return Future.result(wanted)

    def without_times(report):
        return report["clauses"], [f["case"] for f in report["failures"]], report["cases"]

    cases = (CODE, ABSENT, BROKEN)
    one = judged("counts-errors-as-not-found", cases)
    other = judge_program(command("counts-errors-as-not-found"), cases, Backwards(), QUICK)
    assert without_times(one) == without_times(other)
