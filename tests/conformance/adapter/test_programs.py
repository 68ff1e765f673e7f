"""Adapters that run: correct ones conform, faulty ones fail the right clause."""

import json
import shutil
import sys

import adapter_faulty
import pytest
from support import TESTS, TOP
from support.processes import has_ended

from conformance.adapter.session import examine
from conformance.clauses import clauses
from conformance.program_runner import CannotStartError
from conformance.verdicts import FAILURES, Verdict

pytestmark = pytest.mark.slow

FAULTY_FILE = str(TESTS / "conformance/programs/adapter_faulty.py")
FAULTY = adapter_faulty.FAULTY
ADAPTER = {name: c for name, c in clauses().items() if "adapter" in c.evidence}


def adapter(name):
    return [sys.executable, FAULTY_FILE, name]


def failed(report):
    return {name for name, row in report["clauses"].items() if row["verdict"] in FAILURES}


def verdicts(report, *chapters):
    rows = report["clauses"].items()
    return {row["verdict"] for name, row in rows if name.split("-")[0] in chapters}


# --- adapters that are right ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "supported"),
    [
        ([sys.executable, TOP / "examples/adapter_python.py"], ["EXP", "PRM", "QKS", "HOOK"]),
        (["node", TOP / "examples/adapter_node.mjs"], ["EXP", "PRM", "QKS", "HOOK"]),
        (["sh", TOP / "examples/adapter_awk.sh"], ["PRM", "QKS", "HOOK"]),
        (adapter("correct"), ["EXP", "PRM", "QKS", "SRV", "HOOK"]),
    ],
    ids=["python", "node", "awk", "all-operations"],
)
def test_a_correct_adapter_conforms(command, supported):
    if not shutil.which(command[0]):
        pytest.skip(f"no {command[0]} here")
    report = examine([str(word) for word in command], examples=5)
    assert report["failures"] == []
    assert verdicts(report, *supported) == {Verdict.PASS}
    others = {"EXP", "PRM", "QKS", "SRV", "HOOK"} - set(supported)
    assert verdicts(report, *others) <= {Verdict.UNSUPPORTED}
    assert verdicts(report, "L") <= {Verdict.LEGACY, Verdict.INFO}


def test_odd_answers_of_the_listing_are_legacy():
    command = [sys.executable, str(TOP / "examples/adapter_python.py")]
    assert verdicts(examine(command, only=["L"], examples=0), "L") == {Verdict.LEGACY}


def test_an_adapter_without_operations_passes_only_the_unknown_operation():
    report = examine(["sh", "-c", "while read -r _; do echo '{\"unsupported\": true}'; done"])
    assert report["clauses"]["HOOK-3"]["verdict"] is Verdict.PASS
    assert report["totals"] == {Verdict.PASS: 1, Verdict.UNSUPPORTED: len(ADAPTER) - 1}


# --- adapters that are wrong ------------------------------------------------------------------


ONE_QUESTION = {
    "backwards": "sort-shuffled", "binary": "prime-3", "dies": "prime-3", "floods": "expand-code",
    "from-one": "sort-three", "hangs": "sort-three", "no-boolean": "prime-3",
    "no-trace": "sort-three", "recursive": "sort-long-sorted", "thirteen": "sort-three",
    "two-lines": "prime-3",
}  # fmt: skip
"""One question for those that are slow, or are wrong whatever is asked."""


@pytest.mark.parametrize("name", FAULTY)
def test_a_faulty_adapter_fails_its_clause_and_no_other(name):
    clause = FAULTY[name]
    chapter = "EXP" if clause.startswith("EXP") else clause
    only = f"adapter/{ONE_QUESTION[name]}" if name in ONE_QUESTION else chapter
    drawn = {"thirteen": 200}.get(name, 20 if only == "EXP" else 0)
    factor = 0.05 if name == "hangs" else 1
    report = examine(adapter(name), only=[only], examples=drawn, timeout_factor=factor)
    json.dumps(report)
    assert failed(report) == {clause}
    (failure,) = report["failures"]
    assert failure["clause"] == clause
    assert failure["cases"]
    if name != "thirteen":
        assert failure["executions"] <= 4
    special = {"hangs": Verdict.TIMEOUT, "dies": Verdict.CRASH, "recursive": Verdict.CRASH}
    special["moody"] = Verdict.FLAKY
    assert failure["verdict"] is special.get(name, Verdict.FAIL)


def test_every_must_of_adapters_has_a_faulty_adapter():
    musts = {name for name, clause in ADAPTER.items() if clause.keyword.startswith("MUST")}
    assert set(FAULTY.values()) == musts


def test_a_failure_of_a_drawn_question_is_shrunk():
    (failure,) = examine(adapter("thirteen"), only=["adapter/sort-three"], examples=200)["failures"]
    assert failure["cases"] == ["adapter/quicksort-any"]
    items = failure["question"]["items"]
    assert len(items) == 13
    assert items.count(0) >= 11  # several lists are equally small
    assert failure["answer"] == {"result": failure["question"]["items"]}
    assert failure["executions"] < 1000


def test_the_same_seed_gives_the_same_report_and_another_seed_other_questions():
    def seen(seed):
        only = ["adapter/sort-three"]
        report = examine(adapter("thirteen"), only=only, examples=100, seed=seed)
        return json.dumps({**report, "elapsed_s": 0, "seed": 0})

    first = seen(1)
    assert seen(1) == first
    assert any(seen(seed) != first for seed in (2, 3, 4))


def test_a_command_that_cannot_be_started_is_reported_in_one_line(tmp_path):
    no_program = tmp_path / "adapter"
    no_program.write_bytes(b"\x00\x01")
    for command in ("/no/such/adapter", str(no_program)):
        with pytest.raises(CannotStartError, match=r"\A[^\n]+adapter[^\n]*\Z"):
            examine([command])
    no_program.chmod(0o755)
    with pytest.raises(CannotStartError, match=r"\Acannot start [^\n]+\Z"):
        examine([str(no_program)])


def test_no_process_that_an_adapter_started_is_left_running(tmp_path):
    script = f"sleep 600 & echo $! > {tmp_path}/pid; cat >> {tmp_path}/heard"
    examine(["sh", "-c", script], only=["HOOK-3"], examples=0, timeout_factor=0.02)
    assert json.loads((tmp_path / "heard").read_text().splitlines()[0])["op"] == "no_such_operation"
    child = int((tmp_path / "pid").read_text())
    assert has_ended(child)
