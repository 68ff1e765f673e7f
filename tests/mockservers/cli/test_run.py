"""`mockservers run` in this process: what it predicts, judges and says, and its exit status."""

import asyncio
import json
import os
import re
import shutil
import sys
from pathlib import Path
from unittest import mock

import pytest
from support.command_in_process import ended, posix

from mockservers.cli import run as run_module
from mockservers.cli.child_process import environment
from mockservers.flags2.output import claims_of

pytestmark = [
    posix,
    pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed"),
]
DOWNLOADERS = pytest.mark.parametrize("command", ["flags2-threadpool", "flags2-asyncio"])
DOWNLOADER = """
cd downloads
echo "LOCAL site: x"; echo "Searching for 2 flags: BR, CN"
echo "1 concurrent connection will be used."
for cc in br cn; do curl -s -o $cc.gif "$FLAGS2_LOCAL_URL/$cc/$cc.gif"; done
echo --------------------; echo "2 flags downloaded."
"""
"""Saves two flags in a folder that is there, and says so."""


@DOWNLOADERS
def test_what_is_predicted_is_what_a_run_does(command, run_here, plan_file, tmp_path, capsys):
    plan = plan_file(
        seed=4,
        mix=[
            {"weight": 20, "do": "status", "status": [404, 500, 204]},
            {"weight": 20, "do": "truncate", "after_bytes": 9},
            {"weight": 20, "do": "reset", "after_bytes": 300},
            {"weight": 10, "do": "empty"},
        ],
    )
    options = ["--plan", f"ERROR={plan}", "--seed", "12345"]
    codes = ["-s", "ERROR", *"ABC"]
    forecast = json.loads(ended(capsys, "predict", *options, *codes, "--json")[1])
    _, printed, ledger = run_here(
        command, "-v", *codes, "-m", "50", options=[*options, "--journal", "journal.jsonl"]
    )
    assert ledger["balanced"], ledger["imbalances"]
    claims = claims_of(printed)
    said = {code: next(iter(outcomes)) for code, outcomes in claims.outcomes.items()}
    assert said == {code: met["outcome"] for code, met in forecast["codes"].items()}
    assert len(set(said.values())) == 3
    assert claims.totals["ok"] == forecast["totals"]["ok"]
    entries = [json.loads(line) for line in (tmp_path / "journal.jsonl").read_text().splitlines()]
    assert entries[0]["journal"] == 1
    assert entries[0]["command"][-2:] == ["-m", "50"]
    assert entries[-1]["end"] is True
    met = {e["code"]: (e["do"], e["status"]) for e in entries if e.get("type") == "request"}
    assert met == {c: (f["do"], f["status"]) for c, f in forecast["codes"].items()}


def test_files_of_an_earlier_run_are_not_saved_ones(run_folder, capsys):
    def said(script, *codes):
        words = ["run", "--ports", "auto", "--", "sh", "-c", script, *codes]
        status, stdout, _ = ended(capsys, *words)
        assert status == 0
        return stdout

    (run_folder / "downloads").mkdir()
    for _ in range(2):
        both = said(DOWNLOADER, "BR", "CN")
        assert "files      2 saved in downloads, each equal to the bytes served\n" in both
    fetch = "curl -s -o /dev/null $FLAGS2_LOCAL_URL/br/br.gif"
    assert "0 saved whole in downloads; 1 there before, and not written again\n" in said(fetch)


def test_a_folder_where_nothing_was_saved_is_named(run_here):
    fetch = "curl -s -o /dev/null $FLAGS2_LOCAL_URL/br/br.gif"
    status, _, ledger = run_here("sh", "-c", fetch)
    assert status == 0
    assert any("downloads" in note for note in ledger["notes"])
    status, _, ledger = run_here("sh", "-c", fetch, options=["--dest", "elsewhere"])
    assert status == 1
    assert [(one["word"], one["code"]) for one in ledger["imbalances"]] == [("lost", "LOCAL BR")]


def test_remote_is_refused_and_nothing_leaves_the_machine(run_here):
    status, printed, ledger = run_here("sh", "-c", "curl -s $FLAGS2_REMOTE_URL/br/br.gif; echo $?")
    assert (status, printed) == (0, ["7"])  # curl's: connection refused
    assert not ledger["codes"]


@pytest.mark.slow
@DOWNLOADERS
def test_a_downloader_reports_a_refusal_at_remote_as_an_error(command, run_here):
    status, printed, ledger = run_here(command, "-s", "REMOTE", "BR")
    assert status == 0
    assert "1 error." in printed
    assert ledger["balanced"]


def test_a_program_that_miscounts_fails_the_run(run_here, in_folder):
    (in_folder / "downloads").mkdir()
    miscounts = DOWNLOADER.replace("2 flags downloaded", "3 flags downloaded")
    status, _, ledger = run_here("sh", "-c", miscounts, "BR", "CN")
    assert status == 1
    assert not ledger["balanced"]
    assert {one["word"] for one in ledger["imbalances"]} == {"miscounted"}


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (["sh", "-c", "exit 7"], 7, ""),
        (["sh", "-c", "kill -9 $$"], 137, ""),
        (["true"], 0, ""),
        (["no-such-command-here"], 127, "mockservers: command not found: .*\n"),
        (["/"], 126, "mockservers: cannot execute .*\n"),
    ],
)
def test_the_exit_status_is_that_of_the_command(
    words, status, says, in_folder, own_signals, capsys
):
    got, stdout, stderr = ended(capsys, "run", "--ports", "auto", "--", *words)
    assert got == status
    assert re.fullmatch(says, stderr)
    assert "\x1b" not in stdout  # this is no terminal


def test_what_a_command_leaves_running_does_not_hold_the_run(run_here):
    status, printed, _ = run_here("sh", "-c", "sleep 300 & echo hi")
    assert (status, printed) == (0, ["hi"])


def test_only_the_first_pair_of_dashes_is_not_of_the_command(run_here):
    words = ["sh", "-c", 'test "$1 $2" = "-- x" && exit 7', "sh", "--", "x"]
    assert run_here(*words)[0] == 7


def test_a_journal_that_cannot_be_written_is_no_success(full_disk, run_folder, capsys):
    status, stdout, stderr = ended(
        capsys, "run", "--ports", "auto", "--journal", "j", "--", "echo", "hi"
    )
    assert (status, stdout) == (1, "hi\n")
    assert stderr == (
        "mockservers: the journal j is incomplete: No space left on device; "
        "the books cannot be balanced\n"
    )


def test_the_environment_points_at_the_servers_and_past_any_proxy():
    urls = {
        label: f"http://127.0.0.1:{n}/flags" for n, label in enumerate(["LOCAL", "DELAY", "ERROR"])
    }
    base = {"PATH": "/somewhere", "no_proxy": "example.org", "HTTP_PROXY": "http://proxy"}
    env = environment(base, urls, 9)
    assert env["FLAGS2_DELAY_URL"] == urls["DELAY"]
    assert env["FLAGS2_REMOTE_URL"] == "http://127.0.0.1:9/flags"
    assert env["no_proxy"] == "example.org,localhost,127.0.0.1,::1"
    assert env["NO_PROXY"] == "localhost,127.0.0.1,::1"
    assert env["PYTHONUNBUFFERED"] == "1"
    beside_this_python = f"{Path(sys.executable).parent}{os.pathsep}"  # is found first
    assert env["PATH"] == f"{beside_this_python}/somewhere"
    assert environment({}, urls, 9)["PATH"] == f"{beside_this_python}{os.defpath}"
    assert base == {"PATH": "/somewhere", "no_proxy": "example.org", "HTTP_PROXY": "http://proxy"}


def test_a_stop_that_takes_its_time_says_what_it_waits_for(monkeypatch):
    said = []

    async def stopped(takes_long):
        told = asyncio.Event()
        monkeypatch.setattr(
            run_module, "complain", lambda program, what: (said.append(what), told.set())
        )
        servers = mock.Mock(stop=told.wait if takes_long else mock.AsyncMock())
        await run_module.stop(servers)

    asyncio.run(stopped(takes_long=False))
    assert said == []
    monkeypatch.setattr(run_module, "SAY_S", 0)
    asyncio.run(stopped(takes_long=True))
    assert "digests" in said[0]
