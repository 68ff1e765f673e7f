"""The command `conformance`: its output, its files and its exit status."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from unittest import mock

import jsonschema
import psutil
import pytest
from support import TESTS, TOP

from conformance import cli
from conformance.clauses import clauses
from mockservers import running

HERE = TESTS / "conformance/programs"
FAULTY = [sys.executable, str(HERE / "faulty.py")]
NONE = ["--examples", "0"]
"""No generated cases."""
ONE = ["--only", "fixed/absent", *NONE]


slow = pytest.mark.slow
"""For tests that start the command and the program that it judges."""


def in_process(capsys, *words):
    """Status, stdout and stderr of a command line, in this process."""
    with mock.patch("signal.signal"), pytest.raises(SystemExit) as end:
        cli.main([str(word) for word in words])
    return end.value.code, *capsys.readouterr()


def conformance(*words, cwd=None, **env):
    return subprocess.run(
        [sys.executable, "-m", "conformance", *map(str, words)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=os.environ | env,
        timeout=100,
    )


@slow
def test_a_correct_program_conforms():
    ended = conformance("run", *ONE, "--", *FAULTY, "correct")
    assert ended.returncode == 0
    assert ended.stdout.startswith("conforms: ")
    assert "Traceback" not in ended.stderr


@slow
def test_a_failure_is_reported_with_the_command_that_replays_it(tmp_path):
    program = [*FAULTY, "counts-not-found-as-error"]
    for options in ([], ["--report", tmp_path]):
        ended = conformance("run", *ONE, *options, "--", *program)
        lines = ended.stdout.rstrip().splitlines()
        assert ended.returncode == 1
        assert clauses()["OUT-2"].text in ended.stdout
        assert lines[-1].startswith("does not conform: 1 FAIL")
        (replay,) = [line for line in lines if line.startswith("conformance replay")]
        assert Path(shlex.split(replay)[2]).is_file()
    assert {path.name for path in tmp_path.iterdir()} >= {"report.json", "junit.xml", "report.html"}

    again = conformance(*shlex.split(replay)[1:])
    assert again.returncode == 1
    assert "OUT-2 miscounted" in again.stdout
    file = shlex.split(replay)[2]
    assert conformance("replay", file, "--", *FAULTY, "correct").returncode == 0


@slow
def test_the_failure_in_the_docs_is_what_is_printed(tmp_path):
    page = (TOP / "docs/conformance.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```\n(FAIL .*?)\n\ndoes not conform", page, re.DOTALL | re.MULTILINE)
    words = ["run", "--only", "OUT-2", "--examples", "0", "--report", "report", "--", *FAULTY]
    ended = conformance(*words, "counts-not-found-as-error", cwd=tmp_path)
    ours = shlex.join([*FAULTY, "counts-not-found-as-error"])
    assert block in ended.stdout.replace(ours, "node flags2.mjs")


BAD = [
    (["run", "--"], 2, "a command is needed"),
    (["run", *ONE, "--", "no-such-program"], 2, "command not found: no-such-program"),
    (["run", *NONE, "--only", "XYZ-1", "--", "true"], 2, "--only XYZ-1: there is no such clause"),
    (["run", "--examples", "x", "--", "true"], 2, "a whole number from 0 is needed, not 'x'"),
    (["run", "--jobs", "0", "--", "true"], 2, "a whole number from 1 is needed"),
    (["run", *ONE, "--known", "no-such-file", "--", "true"], 2, "cannot read no-such-file"),
    (["run", *ONE, "--report", "/dev/null/x", "--", "true"], 2, "cannot write a report"),
    (["adapter", *NONE, "--", "no-such-program"], 2, "command not found: no-such-program"),
    (["replay", "no-such-file", "--", "true"], 2, "cannot read no-such-file"),
    (["run", "--ports", "1,2", "--", "true"], 2, "three different ports are needed, not '1,2'"),
    (["run", "--ports", "1,2,2", "--", "true"], 2, "three different ports are needed"),
    (["vectors", "/dev/null/x"], 4, "/dev/null/x"),
    (["nonsense"], 2, "invalid choice: 'nonsense'"),
]


def one_clear_line(capsys, words, status, *said):
    code, out, err = in_process(capsys, *words)
    assert (code, out) == (status, ""), words
    assert err.startswith("conformance: ")
    assert err.count("\n") == 1
    assert all(part in err for part in map(str, said)), err


def test_bad_input_is_one_clear_line(capsys):
    for words, status, said in BAD:
        one_clear_line(capsys, words, status, said)


def test_an_invalid_file_is_rejected_with_its_name(tmp_path, capsys):
    file = tmp_path / "file.json"
    case = {"case": 1, "id": "a", "clauses": ["EXP-1"], "arguments": [], "plan": {"plan": 1}}
    for text, said in (
        ("{", "is not JSON"),
        ("{}", "the key 'case' is missing"),
        (json.dumps(case | {"plan": {"mix": 1}}), "plan"),
    ):
        file.write_text(text)
        one_clear_line(capsys, ["replay", file, "--", "true"], 2, file, said)
    for text in ("[", '[{"case": "a"}]', '{"a": 1}'):
        file.write_text(text)
        one_clear_line(capsys, ["run", *ONE, "--known", file, "--", "true"], 2, file)


@slow
def test_a_known_failure_conforms_and_a_stale_one_does_not(tmp_path):
    file = tmp_path / "known.json"
    entry = {"case": "fixed/absent", "clause": "OUT-2", "word": "miscounted", "why": "issue 12"}
    file.write_text(json.dumps([entry]))
    words = ["run", *ONE, "--known", file, "--", *FAULTY]
    assert conformance(*words, "counts-not-found-as-error").returncode == 0
    ended = conformance(*words, "correct")
    assert ended.returncode == 1
    assert "fixed/absent" in ended.stdout


@slow
def test_an_adapter_without_operations_verifies_nothing():
    answers = "import sys\nfor _ in sys.stdin: print('{\"unsupported\": true}', flush=True)"
    ended = conformance("adapter", "--only", "PRM", "--", sys.executable, "-c", answers)
    assert ended.returncode == 3
    assert ended.stdout.rstrip().splitlines()[-1].startswith("nothing was verified")


@slow
@pytest.mark.parametrize("mode", ["run", "adapter"])
def test_a_report_validates_against_its_schema(tmp_path, mode):
    command = [*FAULTY, "counts-not-found-as-error"]
    words = ["run", *ONE]
    if mode == "adapter":
        words = ["adapter", "--only", "PRM-1", "--examples", "5"]
        command = [sys.executable, str(HERE / "adapter_faulty.py"), "squares"]
    ended = conformance(*words, "--report", tmp_path, "--", *command)
    assert ended.returncode == 1
    schema = json.loads((TOP / "conformance/report.schema.json").read_text())
    jsonschema.validate(json.loads((tmp_path / "report.json").read_text()), schema)


def test_vectors_are_written_to_any_folder(tmp_path, capsys):
    code, out, _ = in_process(capsys, "vectors", tmp_path / "new")
    written = {path.name for path in (tmp_path / "new").iterdir()}
    assert written >= {"expansion.json", "primes.json", "quicksort.json", "draws.json"}
    assert (code, len(out.splitlines())) == (0, len(written))


def test_every_clause_is_listed_with_its_cases(capsys):
    _, out, _ = in_process(capsys, "clauses", "--json")
    assert [row["id"] for row in json.loads(out)] == list(clauses())
    _, out, _ = in_process(capsys, "clauses")
    assert all(clause.text in out for clause in clauses().values())


@slow
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


@slow
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


@slow
@pytest.mark.timeout(600)
@pytest.mark.usefixtures("fixed_ports")
def test_a_program_that_ignores_the_variables_is_tested_on_the_fixed_ports():
    words = ["run", *ONE, "--", *FAULTY, "ignores-the-variables"]
    with running(ports=(8001, 8002, 8003)):
        ended = conformance(*words)
        assert ended.returncode == 4
        assert "port 8001 is in use" in ended.stderr
    ended = conformance(*words)
    assert ended.returncode == 0
    assert "NON-STRICT  HOOK-1  smoke: saw asks the ports 8001, 8002, 8003" in ended.stdout


@slow
def test_a_program_that_knows_certain_ports_is_tested_on_those(tmp_path):
    with running() as servers:  # ports that are free a moment later
        ports = [url.split(":")[2].split("/")[0] for url in servers.urls.values()]
    own = tmp_path / "own.py"
    own.write_text(
        f"import sys; sys.path.insert(0, {str(HERE)!r})\nimport downloader\n"
        f"for label, port in zip(downloader.URLS, {ports}): \n"
        "    downloader.URLS[label] = f'http://localhost:{port}/flags'\n"
        "class Own(downloader.Downloader):\n"
        "    def base_url(self): return downloader.URLS[self.label]\n"
        "sys.exit(Own().main(sys.argv[1:]))\n"
    )
    command = [sys.executable, own]
    ended = conformance("run", *ONE, "--ports", ",".join(ports), "--", *command)
    assert ended.returncode == 0, ended.stdout
    assert f"asks the ports {', '.join(ports)}" in ended.stdout


@slow
def test_a_first_run_that_fails_is_one_finding_with_advice(tmp_path):
    ended = conformance("run", "--", sys.executable, "nosuch.py", cwd=tmp_path)
    assert ended.returncode == 3
    assert "advice: there is no file nosuch.py in this folder" in ended.stdout
    assert "(the folder of the run)/nosuch.py" in ended.stdout
    ended = conformance("run", "--report", tmp_path, "--", sys.executable, "-c", "print(1)")
    assert ended.returncode == 1
    report = json.loads((tmp_path / "report.json").read_text())
    assert [one["clause"] for one in report["failures"]] == ["CLI-9"]
    assert report["smoke"]["step"] == "announce"
    assert set(report["totals"]) == {"FAIL", "NOT-TESTED"}


@slow
def test_a_case_of_the_kit_is_replayed_by_its_id():
    ended = conformance("replay", "fixed/no-length", "--", *FAULTY, "correct")
    assert ended.returncode == 0
    assert "INFO OUT-6 freedom: `no_length` is counted as ok (either is allowed)" in ended.stdout
