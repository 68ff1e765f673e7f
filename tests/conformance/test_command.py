"""The command `conformance`: its output, its files and its exit status."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from support import TESTS, TOP

from conformance.clauses import clauses
from mockservers import running

pytestmark = pytest.mark.slow

HERE = TESTS / "conformance/programs"
FAULTY = [sys.executable, str(HERE / "faulty.py")]
ONE = ["--only", "fixed/absent", "--examples", "0"]


def conformance(*words, cwd=None, **env):
    return subprocess.run(
        [sys.executable, "-m", "conformance", *map(str, words)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=os.environ | env,
        timeout=100,
    )


def test_a_correct_program_conforms():
    ended = conformance("run", *ONE, "--", *FAULTY, "correct")
    assert ended.returncode == 0
    assert ended.stdout.startswith("conforms: ")
    assert "Traceback" not in ended.stderr


def test_a_failure_is_reported_with_the_command_that_replays_it(tmp_path):
    folder = tmp_path / "report"
    program = [*FAULTY, "counts-not-found-as-error"]
    ended = conformance("run", *ONE, "--report", folder, "--", *program)
    assert ended.returncode == 1
    assert clauses()["OUT-2"].text in ended.stdout
    assert ended.stdout.rstrip().splitlines()[-1].startswith("does not conform: 1 FAIL")
    (replay,) = [line for line in ended.stdout.splitlines() if line.startswith("conformance repl")]
    assert {path.name for path in folder.iterdir()} >= {"report.json", "junit.xml", "report.html"}

    again = conformance(*shlex.split(replay)[1:])
    assert again.returncode == 1
    assert "OUT-2 miscounted" in again.stdout
    file = shlex.split(replay)[2]
    assert conformance("replay", file, "--", *FAULTY, "correct").returncode == 0


def test_the_failure_in_the_docs_is_what_is_printed(tmp_path):
    page = (TOP / "docs/conformance.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```\n(FAIL .*?)\n\ndoes not conform", page, re.DOTALL | re.MULTILINE)
    words = ["run", "--only", "OUT-2", "--examples", "0", "--report", "report", "--", *FAULTY]
    ended = conformance(*words, "counts-not-found-as-error", cwd=tmp_path)
    ours = shlex.join([*FAULTY, "counts-not-found-as-error"])
    assert block in ended.stdout.replace(ours, "node flags2.mjs")


def test_without_a_report_folder_a_failure_can_still_be_replayed():
    ended = conformance("run", *ONE, "--", *FAULTY, "counts-not-found-as-error")
    (replay,) = [line for line in ended.stdout.splitlines() if line.startswith("conformance repl")]
    assert Path(shlex.split(replay)[2]).is_file()


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["run", "--"], 2, "a command is needed"),
        (["run", "--", "no-such-program"], 2, "command not found: no-such-program"),
        (["run", "--only", "XYZ-1", "--", "true"], 2, "--only XYZ-1: there is no such clause"),
        (["run", "--examples", "x", "--", "true"], 2, "a whole number from 0 is needed, not 'x'"),
        (["run", "--jobs", "0", "--", "true"], 2, "a whole number from 1 is needed"),
        (["run", "--known", "no-such-file", "--", "true"], 2, "cannot read no-such-file"),
        (["run", "--report", "/dev/null/x", "--", "true"], 2, "cannot write a report"),
        (["adapter", "--", "no-such-program"], 2, "command not found: no-such-program"),
        (["replay", "no-such-file", "--", "true"], 2, "cannot read no-such-file"),
        (["vectors", "/dev/null/x"], 4, "/dev/null/x"),
        (["nonsense"], 2, "invalid choice: 'nonsense'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_bad_input_is_one_clear_line(words, status, said):
    ended = conformance(*words)
    assert ended.returncode == status
    assert said in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert ended.stderr.startswith("conformance: ")
    assert ended.stdout == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is not JSON"),
        ("{}", "the key 'case' is missing"),
        ('{"case": 1, "id": "a", "clauses": ["EXP-1"], "arguments": [1], "plan": {}}', "arguments"),
        (
            '{"case": 1, "id": "a", "clauses": ["EXP-1"], "arguments": [], "plan": {"mix": 1}}',
            "plan",
        ),
        (
            '{"case": 1, "id": "a", "clauses": ["XYZ-9"], "arguments": [], "plan": {"plan": 1}}',
            "XYZ-9",
        ),
        (
            '{"case": 1, "id": "a", "clauses": ["EXP-1"], "arguments": [], "plan": {"plan": 1}, '
            '"files": {"../a": ""}}',
            "files",
        ),
    ],
)
def test_an_invalid_case_is_rejected_with_its_file_and_place(tmp_path, text, said):
    file = tmp_path / "case.json"
    file.write_text(text)
    ended = conformance("replay", file, "--", *FAULTY, "correct")
    assert ended.returncode == 2
    assert str(file) in ended.stderr
    assert said in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_an_invalid_list_of_known_failures_is_rejected(tmp_path):
    file = tmp_path / "known.json"
    for text in ("[", '[{"case": "a"}]', '{"a": 1}'):
        file.write_text(text)
        ended = conformance("run", *ONE, "--known", file, "--", *FAULTY, "correct")
        assert ended.returncode == 2
        assert str(file) in ended.stderr
        assert ended.stderr.count("\n") == 1


def test_a_known_failure_conforms_and_a_stale_one_does_not(tmp_path):
    file = tmp_path / "known.json"
    entry = {"case": "fixed/absent", "clause": "OUT-2", "word": "miscounted", "why": "issue 12"}
    file.write_text(json.dumps([entry]))
    words = ["run", *ONE, "--known", file, "--", *FAULTY]
    assert conformance(*words, "counts-not-found-as-error").returncode == 0
    ended = conformance(*words, "correct")
    assert ended.returncode == 1
    assert "fixed/absent" in ended.stdout


def test_an_adapter_without_operations_verifies_nothing():
    answers = "import sys\nfor _ in sys.stdin: print('{\"unsupported\": true}', flush=True)"
    ended = conformance("adapter", "--only", "PRM", "--", sys.executable, "-c", answers)
    assert ended.returncode == 3
    assert ended.stdout.rstrip().splitlines()[-1].startswith("nothing was verified")


@pytest.mark.parametrize("mode", ["run", "adapter"])
def test_a_report_validates_against_its_schema(tmp_path, mode):
    import jsonschema

    command = [*FAULTY, "counts-not-found-as-error"]
    words = ["run", *ONE]
    if mode == "adapter":
        words = ["adapter", "--only", "PRM-1", "--examples", "5"]
        command = [sys.executable, str(HERE / "adapter_faulty.py"), "squares"]
    ended = conformance(*words, "--report", tmp_path, "--", *command)
    assert ended.returncode == 1
    schema = json.loads((TOP / "conformance/report.schema.json").read_text())
    jsonschema.validate(json.loads((tmp_path / "report.json").read_text()), schema)


def test_vectors_are_written_to_any_folder(tmp_path):
    ended = conformance("vectors", tmp_path / "new")
    assert ended.returncode == 0
    written = {path.name for path in (tmp_path / "new").iterdir()}
    assert written >= {"expansion.json", "primes.json", "quicksort.json", "draws.json"}
    assert len(ended.stdout.splitlines()) == len(written)


def test_every_clause_is_listed_with_its_cases():
    ended = conformance("clauses", "--json")
    rows = json.loads(ended.stdout)
    assert [row["id"] for row in rows] == list(clauses())
    text = conformance("clauses").stdout
    assert all(clause.text in text for clause in clauses().values())


def test_without_the_extra_one_line_says_how_to_install_it(tmp_path):
    hide = "import sys\nclass Hide:\n    def find_spec(self, name, *_):\n"
    hide += "        if name == 'psutil': raise ModuleNotFoundError(name=name)\n"
    hide += "sys.meta_path.insert(0, Hide())\n"
    (tmp_path / "sitecustomize.py").write_text(hide)
    ended = conformance("clauses", PYTHONPATH=str(tmp_path))
    assert ended.returncode == 4
    assert ended.stderr == (
        "conformance: psutil is missing: pip install 'flags2-reference[conformance]' "
        "(in a checkout: pip install -e '.[conformance]')\n"
    )


def wait_for_child(pid):
    """Wait until a process has started another one."""
    while not psutil.Process(pid).children():
        assert psutil.pid_exists(pid)


@pytest.mark.skipif(os.name != "posix", reason="Ctrl-C is a signal of POSIX here")
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_all_processes_and_reports_what_is_known(signum):
    words = [sys.executable, "-m", "conformance", "run", "--only", "fixed/absent"]
    command = [*words, "--examples", "0", "--", *FAULTY, "never-ends"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as kit:
        wait_for_child(kit.pid)
        kit.send_signal(signum)
        out, err = kit.communicate(timeout=20)
    assert kit.returncode == 130
    assert "Traceback" not in err
    assert [line for line in err.splitlines() if "never-ends" in line] == []
    assert out == "" or "interrupted" in out


def test_a_program_that_ignores_the_variables_is_tested_on_the_fixed_ports():
    words = ["run", *ONE, "--", *FAULTY, "ignores-the-variables"]
    with running(ports=(8001, 8002, 8003)):
        ended = conformance(*words)
        assert ended.returncode == 4
        assert "port 8001 is in use" in ended.stderr
    ended = conformance(*words)
    assert ended.returncode == 0
    assert "NON-STRICT  HOOK-1" in ended.stdout
