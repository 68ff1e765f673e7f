"""`conformance download`: its output, its files and its exit status."""

import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from unittest import mock
from xml.etree import ElementTree

import jsonschema
import psutil
import pytest
from download_variations import FAULTY, varied

from conformance import cli, program_runner
from conformance import report as reports

SCHEMA = json.loads(Path(reports.__file__).with_name("report.schema.json").read_text())
GET = """
import sys, urllib.request
with urllib.request.urlopen(sys.argv[1], timeout=9) as response, open(sys.argv[2], "wb") as file:
    file.write(response.read())
"""
slow = pytest.mark.slow


def conformance(capsys, *words):
    """Status, stdout and stderr of a command line, in this process."""
    with mock.patch("signal.signal"), pytest.raises(SystemExit) as end:
        cli.main([str(word) for word in words])
    return end.value.code, *capsys.readouterr()


def download(capsys, *options, program=GET):
    how = [program] if isinstance(program, Path) else ["-c", program]
    command = ["--", sys.executable, *how, "{url}", "{file}"]
    return conformance(capsys, "download", *options, *command)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["download"], "a command is needed"),
        (["download", "--", "curl", "-O"], "{url} is missing"),
        (["download", "--only", "DL-XYZ", "--", "curl", "{url}"], "--only DL-XYZ"),
        (["download", "--patience", "0", "--", "curl", "{url}"], "up to 150"),
        (["download", "--", "no-such-program", "{url}"], "no-such-program"),
        (["replay", "download/none", "--", "curl", "{url}"], "no situation download/none"),
        (["replay", "download/serve", "--seed", "1", "--", "curl"], "stand before CASE"),
    ],
)
def test_what_is_wrong_with_a_command_line_is_one_line(words, said, capsys):
    status, stdout, stderr = conformance(capsys, *words)
    assert (status, stdout) == (2, "")
    assert said in stderr
    assert len(stderr.splitlines()) == 1


@slow
def test_a_command_that_fails_without_a_fault_is_not_judged(capsys, tmp_path):
    status, stdout, _ = download(capsys, "--report", tmp_path, program="import sys; sys.exit(7)")
    assert status == 3
    assert "requested nothing, and ended with status 7" in stdout
    assert stdout.rstrip().splitlines()[-1].startswith("nothing was verified")
    report = json.loads((tmp_path / "report.json").read_text())
    jsonschema.validate(report, SCHEMA)
    assert report["smoke"]["step"] == "control"
    assert not program_runner.stopping.is_set()  # else nothing runs in this process any more


@slow
def test_a_failure_has_a_story_files_and_a_command_that_shows_it_again(capsys, tmp_path):
    options = ["--only", "retry-after", "--only", "cut-first", "--only", "serve"]
    fault = tmp_path / "downloader.py"
    fault.write_text(varied(FAULTY["length-unchecked"].changes))
    status, stdout, _ = download(capsys, *options, "--report", tmp_path, program=fault)
    assert status == 1
    report = json.loads((tmp_path / "report.json").read_text())
    jsonschema.validate(report, SCHEMA)
    words = {case["id"]: case["word"] for case in report["cases"]}
    expected = {"serve": "clean", "cut-first": "truncated", "retry-after": "recovered"}
    assert words == expected
    (failure,) = report["failures"]
    assert (failure["clause"], failure["repeated"]) == ("DL-LEN", 3)
    assert "700,001 of 4,194,304 bytes" in failure["story"][0]
    suite = ElementTree.parse(tmp_path / "junit.xml").find("testsuite")
    assert suite.get("failures") == "1"
    assert "conformance replay download/cut-first" in suite.find(".//failure").text
    (known,) = json.loads((tmp_path / "known.json").read_text())
    assert (known["case"], known["clause"], known["word"]) == ("cut-first", "DL-LEN", "truncated")
    assert "700,001 of 4,194,304 bytes" in (tmp_path / "report.html").read_text()
    (line,) = [line for line in stdout.splitlines() if line.startswith("conformance replay")]
    status, stdout, _ = conformance(capsys, *shlex.split(line)[1:])
    assert status == 1
    assert "FAIL DL-LEN truncated" in stdout


@slow
def test_a_failure_that_is_known_is_accepted_and_one_that_does_not_occur_is_not(capsys, tmp_path):
    known = {"case": "404-always", "clause": "DL-STA", "word": "page", "why": "it shows pages"}
    file = tmp_path / "known.json"
    show = GET.replace("with", "opener = urllib.request.OpenerDirector()\n"
                       "opener.add_handler(urllib.request.HTTPHandler())\nwith")  # fmt: skip
    show = show.replace("urllib.request.urlopen(", "opener.open(")
    for situation, expected in (("404-always", 0), ("serve", 1)):
        file.write_text(json.dumps([known | {"case": situation}]))
        options = ["--known", file, "--only", situation, "--only", "cut-first"]
        status, stdout, _ = download(capsys, *options, program=show)
        assert status == expected, stdout


@slow
def test_json_is_all_that_is_printed_and_the_same_seed_gives_the_same_verdicts(capsys):
    found = []
    for _ in range(2):
        options = ["--json", "--seed", "5", "--only", "DL-LEN", "--only", "name-*"]
        status, stdout, _ = download(capsys, *options, "--patience", "2")
        report = json.loads(stdout)
        assert report["exit"] == status
        found.append([(case["id"], case["word"], case["verdict"]) for case in report["cases"]])
    assert found[0] == found[1]


@slow
def test_ctrl_c_ends_every_process_and_prints_what_is_known(tmp_path):
    file = tmp_path / "get.py"
    file.write_text(GET.replace("timeout=9", "timeout=99"))
    command = [sys.executable, file, "{url}", "{file}"]
    options = ["--only", "serve", "--only", "hang-*", "--report", tmp_path]
    process = subprocess.Popen(
        [sys.executable, "-m", "conformance", "download", *options, "--", *command],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    assert "situations: 3" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert stdout.rstrip().splitlines()[-1].startswith("interrupted")
    assert "Traceback" not in stderr
    assert (tmp_path / "report.json").exists()
    children = [one.info["cmdline"] or [] for one in psutil.process_iter(["cmdline"])]
    assert [words for words in children if str(file) in words] == []
