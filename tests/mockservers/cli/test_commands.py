"""`mockservers` as a person starts it: commands as processes, their signals and streams."""

import json
import re
import shutil
import signal
import socket
import subprocess
import urllib.error
import urllib.request

import pytest
from support.command_in_process import posix
from support.commands import command_line, environment, mockservers_run, run

from mockservers.content.flag_images import flag

DOWNLOADERS = ("flags2-threadpool", "flags2-asyncio")
slow = pytest.mark.slow


def needs(program):
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")


def started(*words, cwd, **streams):
    """A command of `mockservers` on free ports, as a process that runs."""
    action, *rest = words
    return subprocess.Popen(
        command_line("mockservers", action, "--ports", "auto", *rest),
        cwd=cwd, env=environment(), stdout=subprocess.PIPE, text=True, **streams,
    )  # fmt: skip


def entries_of(journal):
    return [json.loads(line) for line in journal.read_text().splitlines()]


# --- run -------------------------------------------------------------------------------


@posix
@needs("curl")
@needs("wget")
def test_curl_wget_and_xargs_curl_get_what_the_plan_says(tmp_path, plan_file):
    plan = plan_file(rules={"BR": [{"do": "status", "status": 503}], "CN": [{"do": "empty"}]})
    script = """
        for cc in br cn zz us; do
            curl -s -o $cc.gif -w "$cc %{http_code} %{exitcode}\\n" $FLAGS2_LOCAL_URL/$cc/$cc.gif
        done
        wget -q -t 1 -O wget.gif $FLAGS2_LOCAL_URL/de/de.gif; echo wget $?
        wget -q -t 1 -O /dev/null $FLAGS2_LOCAL_URL/zz/zz.gif; echo wget $?
        xargs -I{} curl -s -o {}.gif -w "{} %{http_code}\\n" $FLAGS2_LOCAL_URL/{}/{}.gif
        exit 0
    """
    with subprocess.Popen(["printf", "fr\\nit\\n"], stdout=subprocess.PIPE) as words:
        done, ledger = mockservers_run(
            "sh", "-c", script, cwd=tmp_path, stdin=words.stdout,
            options=["--plan", plan, "--dest", "."],
        )  # fmt: skip
    assert done.stdout.splitlines()[:-1] == [
        "br 503 0", "cn 000 52", "zz 404 0", "us 200 0", "wget 0", "wget 8", "fr 200", "it 200",
    ]  # fmt: skip
    assert done.returncode == 1
    assert {(one["word"], one["code"]) for one in ledger["imbalances"]} == {
        ("corrupt", "LOCAL BR"), ("lost", "LOCAL CN"), ("corrupt", "LOCAL ZZ"),
    }  # fmt: skip
    for code in ("US", "FR", "IT"):
        assert (tmp_path / f"{code.lower()}.gif").read_bytes() == flag(code)


@slow
@pytest.mark.parametrize("command", DOWNLOADERS)
def test_the_sample_run_comes_out_to_the_digit(command, tmp_path):
    done, ledger = mockservers_run(command, "-s", "ERROR", "-e", "-m", "300", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert ledger["balanced"]
    assert "150 flags downloaded.\n361 not found.\n165 errors.\n" in done.stdout
    assert len(ledger["codes"]) == 676


@posix
@pytest.mark.parametrize(
    ("command", "signum"),
    [
        ("flags2-threadpool", signal.SIGINT),
        pytest.param("flags2-threadpool", signal.SIGTERM, marks=slow),
        pytest.param("flags2-asyncio", signal.SIGINT, marks=slow),
        pytest.param("flags2-asyncio", signal.SIGTERM, marks=slow),
    ],
)
def test_a_signal_ends_the_command_and_prints_the_ledger_so_far(
    command, signum, tmp_path, plan_file
):
    gate = {"hold_until_in_flight": 2, "or_s": 60}  # CN is saved when BR is under way
    plan = plan_file(rules={"BR": [{"do": "hang", "or_s": 2}]}, gate=gate)
    words = ["--plan", plan, "--journal", "j", "--", command, "-v", "-m", "2", "BR", "CN", "US"]
    printed = ""
    with started("run", *words, cwd=tmp_path, stderr=subprocess.STDOUT) as program:
        for line in program.stdout:
            printed += line
            if line == "CN OK\n":
                program.send_signal(signum)
    assert program.returncode == 128 + signum
    assert "Traceback" not in printed
    assert "\nledger: " in printed
    entries = entries_of(tmp_path / "j")
    assert entries[-1]["end"] is True
    assert {entry["code"] for entry in entries if entry.get("type") == "request"} >= {"BR", "CN"}
    if signum == signal.SIGINT:
        assert re.search(r"\n[01] interrupted.\nledger: the books balance\n", printed)
        assert "mockservers: waiting up to 40 s" in printed
    port = int(re.search(r"LOCAL site: http://127\.0\.0\.1:(\d+)/", printed)[1])
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)


@posix
@needs("curl")
def test_a_journal_is_readable_to_its_last_whole_line_after_a_kill(tmp_path, plan_file):
    script = """
        curl -s -o /dev/null $FLAGS2_LOCAL_URL/cn/cn.gif; echo
        exec curl -s $FLAGS2_LOCAL_URL/br/br.gif
    """
    plan = plan_file(rules={"BR": [{"do": "serve", "delay_s": 60}]})
    words = ["--plan", plan, "--journal", "j", "--", "sh", "-c", script]
    with started("run", *words, cwd=tmp_path, stderr=subprocess.DEVNULL) as program:
        program.stdout.readline()
        while b'"CN"' not in (tmp_path / "j").read_bytes().partition(b"\n")[2]:
            assert program.poll() is None
        program.kill()  # its client ends when the connection does
    assert [entry["code"] for entry in entries_of(tmp_path / "j")[1:]] == ["CN"]


# --- serve -----------------------------------------------------------------------------


@posix
def test_serve_says_where_when_ready_and_ends_on_a_signal(tmp_path):
    (tmp_path / "root/flags/br").mkdir(parents=True)
    (tmp_path / "root/flags/br/br.gif").write_bytes(b"mine")
    with started("serve", "--json", "--root", "root", cwd=tmp_path) as program:
        ready = json.loads(program.stdout.readline())
        assert ready["ready"] is True
        assert list(ready["servers"]) == ["LOCAL", "DELAY", "ERROR"]
        with urllib.request.urlopen(f"{ready['servers']['LOCAL']}/br/br.gif") as reply:
            assert reply.read() == b"mine"
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(f"{ready['servers']['LOCAL']}/us/us.gif")
        program.send_signal(signal.SIGTERM)
        assert program.stdout.read() == ""
    assert program.returncode == 0


# --- predict, ledger and compare --------------------------------------------------------


@posix
def test_a_reader_that_has_gone_is_no_traceback(tmp_path):
    words = " ".join(command_line("mockservers", "predict", "-e"))
    done = run("sh", "-c", f"{words} | head -1", cwd=tmp_path)
    assert "Traceback" not in done.stderr
