"""`mockservers serve`, and what a command is run with."""

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.command_in_process import get, posix
from support.commands import (
    LITTLE_ROOM,
    command_line,
    environment,
    mockservers_run,
)

from mockservers.cli import child_process
from mockservers.cli import commands as cli
from mockservers.files import files_in
from mockservers.flags2.codes import path_of_code

# --- serve -----------------------------------------------------------------------------


class Screen(io.StringIO):
    """A stdout that sends SIGTERM to this process when it reads `ready`, and that is flushed."""

    ready = False

    def write(self, text):
        self.ready = self.ready or "ready" in text
        return super().write(text)

    def flush(self):
        if self.ready:
            self.ready = False
            signal.raise_signal(signal.SIGTERM)


@pytest.fixture
def serve(own_signals, monkeypatch):
    """Run `mockservers serve` until it is ready; its status and what it printed."""

    def served(*words):
        screen = Screen()
        monkeypatch.setattr(sys, "stdout", screen)
        with pytest.raises(SystemExit) as end:
            cli.main(["serve", "--ports", "auto", *words])
        return end.value.code, screen.getvalue()

    return served


@posix
def test_serve_says_where_it_is_driven_from(serve):
    status, printed = serve("--control", "auto")
    assert status == 0
    *servers, control, ready = printed.splitlines()
    assert [line.split()[0] for line in servers] == ["LOCAL", "DELAY", "ERROR"]
    assert control.startswith("control http://127.0.0.1:")
    assert ready == "ready: Ctrl-C ends it"


@posix
def test_serve_leaves_the_signals_as_they_were(serve, own_signals):
    assert serve("--json")[0] == 0
    assert {signum: signal.getsignal(signum) for signum in own_signals} == own_signals


@posix
def test_serve_listens_on_the_host_that_is_given(serve, capsys):
    assert serve("--host", "a..b") == (2, "")
    assert capsys.readouterr().err.startswith("mockservers: cannot listen on a..b: ")


@posix
def test_serve_with_an_incomplete_journal_is_no_success(tmp_path):
    (tmp_path / "short.json").write_text('{"plan": 1}')
    with subprocess.Popen(
        ["sh", "-c", LITTLE_ROOM, "sh", *command_line("mockservers", "serve"),
         "--ports", "auto", "--json", "--journal", "j", "--plan", "short.json"],
        cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as program:  # fmt: skip
        urls = json.loads(program.stdout.readline())["servers"]
        for code in ("BR", "CN", "DE", "FR"):  # more than the limit has room for
            assert get(urls["LOCAL"], path_of_code(code))[0] == 200
        program.send_signal(signal.SIGINT)
        _, stderr = program.communicate()
    assert program.returncode == 1, stderr
    assert stderr.startswith("mockservers: the journal j is incomplete: File too large")


# --- what a command is run with ----------------------------------------------------------


def test_a_folder_where_nothing_was_saved_is_named(tmp_path):
    script = """if True:
        import os, urllib.request
        urllib.request.urlopen(os.environ["FLAGS2_LOCAL_URL"] + "/br/br.gif").close()
    """
    done, ledger = mockservers_run(
        "python", "-c", script, cwd=tmp_path, options=["--dest", "elsewhere"]
    )
    assert done.returncode == 0, done.stderr
    assert any("elsewhere" in note for note in ledger["notes"])


def test_what_is_installed_beside_this_python_is_found_first():
    urls = dict.fromkeys(["LOCAL", "DELAY", "ERROR"], "http://127.0.0.1:1/flags")
    beside = str(Path(sys.executable).parent)
    env = child_process.environment({"PATH": "/somewhere"}, urls, 9)
    assert env["PATH"] == f"{beside}{os.pathsep}/somewhere"
    assert child_process.environment({}, urls, 9)["PATH"] == f"{beside}{os.pathsep}{os.defpath}"


def test_the_book_of_files_tells_the_time_of_a_change_to_the_nanosecond(tmp_path):
    file = tmp_path / "br.gif"
    file.write_bytes(b"GIF")
    os.utime(file, ns=(1, 1_000_000_000_123_456_789))
    book = files_in(tmp_path)
    assert book["br.gif"].mtime_ns == file.stat().st_mtime_ns
    assert book["br.gif"].mtime_ns % 1_000_000_000
