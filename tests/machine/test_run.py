"""`mockservers run` on a machine that fails."""

import json
import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from support.commands import command_line, environment, mockservers_run, run
from support.journals import balance
from support.machine_faults import ASCII, THREADS, halves, needs_full, on_machine
from support.processes import has_ended

from mockservers.journal import End, RequestEntry
from mockservers.journal_json import JournalFile, read_journal

pytestmark = pytest.mark.slow

LITTLE = shlex.join(["python", "-IS", str(Path(__file__).with_name("little_downloader.py"))])
"""A command that downloads BR and ZZ."""


def mockservers_on(machine, *command, cwd, shell='exec "$@"', options=(), **more):
    """`mockservers run` with a fault on its own side: how it ended, and its journal."""
    words = ["run", "--ports", "auto", "--journal", "journal", *options, "--", *command]
    done = run(
        "sh", "-c", shell, "sh", *command_line("mockservers"), *words, cwd=cwd,
        env=on_machine(machine, "mockservers", **more),
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    return done, list(read_journal(cwd / "journal")) if (cwd / "journal").exists() else []


def one_line(done, status, line):
    """It ended with that status and said why, in one line."""
    assert done.returncode == status
    assert re.fullmatch(rf"mockservers: {line}\n", done.stderr), done.stderr
    return True


@pytest.mark.parametrize(
    ("machine", "shell", "more"),
    [
        pytest.param("no_ipv6:0", 'exec "$@"', {}, id="no IPv6"),
        pytest.param("no_ipv6:1", 'exec "$@"', {}, id="IPv6 without an address"),
        pytest.param("no_dns", 'exec "$@"', {}, id="no names to look up"),
        pytest.param("clock:-3600", 'exec "$@"', {}, id="a clock that is put back"),
        pytest.param("threads:2", 'exec "$@"', {}, id="no more than two threads"),
        pytest.param("", 'exec "$@" 2>&-', {}, id="no stderr"),
        pytest.param("", 'exec "$@" 2>/dev/full', {}, id="a stderr that is full",
                     marks=needs_full),
        pytest.param("", 'unset TERM; exec "$@" <&-', {}, id="no stdin, no terminal"),
        pytest.param("", 'exec "$@"', {"PYTHONOPTIMIZE": "2"}, id="python -OO"),
        pytest.param("", 'exec "$@"', ASCII, id="a locale of ASCII"),
    ],
)  # fmt: skip
def test_a_run_that_can_go_on_has_a_balanced_ledger(machine, shell, more, tmp_path):
    (tmp_path / "fläge").mkdir()
    options = ["--dest", "fläge/downloads"]
    command = ["sh", "-c", f"cd fläge; exec {LITTLE}"]
    done, journal = mockservers_on(
        machine, *command, cwd=tmp_path, shell=shell, options=options, **more
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "ledger: the books balance" in done.stdout
    assert re.search(r"files      1 saved in fl(ä|(\\udc\w\w)+)ge/downloads, equal", done.stdout)
    assert balance(journal).balanced
    assert journal[-1].status == 0


@pytest.mark.parametrize(
    ("machine", "options", "says"),
    [
        pytest.param("no_ipv6:0", ["--host", "::1"], "cannot listen on ::1: Address family not .*",
                     id="no IPv6, which is asked for"),
        pytest.param("no_ipv6:1", ["--host", "::1"], "cannot listen on ::1: .* requested address",
                     id="IPv6 without an address, which is asked for"),
        pytest.param("no_dns", ["--host", "flags.example"],
                     "cannot listen on flags.example: Temporary failure in name resolution",
                     id="a name that cannot be looked up"),
    ],
)  # fmt: skip
def test_a_host_of_another_machine_is_one_line_on_stderr(machine, options, says, tmp_path):
    done, _ = mockservers_on(machine, "touch", "ran", cwd=tmp_path, options=options)
    assert one_line(done, 2, says)
    assert done.stdout == ""
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("number", [0, 1])
def test_where_no_thread_can_be_started_no_command_is_left_running(number, tmp_path):
    """One thread hears the command, another waits for its end."""
    linger = "echo $$ >.pid; mv .pid pid; exec sleep 60"
    done, journal = mockservers_on(f"threads:{number}", "sh", "-c", linger, cwd=tmp_path)
    assert one_line(done, 126, "cannot execute sh: can't start new thread")
    assert not any(isinstance(line, RequestEntry) for line in journal)
    if (tmp_path / "pid").exists():
        assert has_ended(int((tmp_path / "pid").read_text()), within_s=5)


@needs_full
def test_a_full_stdout_is_one_line_on_stderr(tmp_path):
    shell = 'exec "$@" >/dev/full'
    done, journal = mockservers_on("", *shlex.split(LITTLE), cwd=tmp_path, shell=shell)
    assert one_line(done, 2, r"\[Errno 28\] No space left on device")
    assert balance(journal).balanced


@pytest.mark.parametrize(
    ("shell", "status"),
    [('exec "$@" >&-', 0), ('exec "$@" >&- 2>&-', 0), pytest.param('exec "$@" <&- >&- 2>&-', 0)],
)
def test_without_streams_a_run_goes_on(shell, status, tmp_path):
    done, journal = mockservers_on("", *shlex.split(LITTLE), cwd=tmp_path, shell=shell)
    assert (done.returncode, done.stdout, done.stderr) == (status, "", "")
    assert balance(journal).balanced
    assert journal[-1].claims.totals == {
        "ok": 1, "not_found": 1, "error": 0, "interrupted": 0,
    }  # fmt: skip


def test_without_stderr_errors_do_not_go_to_stdout(tmp_path):
    shell = 'exec "$@" 2>&-'
    done = run("sh", "-c", shell, "sh", *command_line("mockservers"), "fly", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")


def test_a_reader_that_takes_one_line_and_goes_does_not_stop_the_command(tmp_path):
    wait = f"echo one; read line; echo two; exec {LITTLE}"
    with subprocess.Popen(
        command_line("mockservers", "run", "--ports", "auto", "--journal", "journal", "--", "sh",
                     "-c", wait),
        cwd=tmp_path, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    ) as program:  # fmt: skip
        assert program.stdout.readline() == "one\n"
        program.stdout.close()
        program.stdin.write("go on\n")
        program.stdin.close()
        assert program.stderr.read() == ""
    assert program.returncode == 1
    journal = list(read_journal(tmp_path / "journal"))
    assert balance(journal).balanced
    assert journal[-1].claims.totals["ok"] == 1


def test_the_command_does_not_read_from_a_terminal(tmp_path):
    """What reads stdin would be stopped, for it is in a session of its own: it gets an end."""
    ours, theirs = os.openpty()
    with os.fdopen(ours, "rb", 0), os.fdopen(theirs, "rb", 0) as terminal:
        done, ledger = mockservers_run("cat", cwd=tmp_path, stdin=terminal, timeout=30)
    assert done.returncode == 0
    assert ledger["balanced"]


@pytest.mark.parametrize("room", [0, *[pytest.param(n) for n in (100, 700)], 1000])
def test_a_disk_that_fills_up_within_the_journal_is_one_line_on_stderr(room, tmp_path):
    machine = f"disk_with_room:{room}"
    done, journal = mockservers_on(machine, *shlex.split(LITTLE), cwd=tmp_path)
    assert one_line(done, 1, r"the journal journal is incomplete: No space left on device; .*")
    assert (tmp_path / "journal").stat().st_size == room
    assert not any(isinstance(line, End) for line in journal)
    assert done.stdout.endswith("\n1 flag downloaded.\n1 not found.\nElapsed time: 0.00s\n")
    assert not halves(tmp_path)


def test_a_journal_on_a_full_disk_is_whole_lines_and_at_most_one_piece(tmp_path, monkeypatch):
    entries = [{"journal": 1, "n": n} for n in range(4)]
    lines = "".join(json.dumps(entry) + "\n" for entry in entries).encode()
    for room in range(len(lines) + 1):
        journal = JournalFile(tmp_path / "journal")
        journal._file.close()
        journal._file = SmallDisk(tmp_path / "journal", room)
        for entry in entries:
            journal.write_line(json.dumps(entry).encode())
            journal.flush()
        journal.close()
        kept = (tmp_path / "journal").read_bytes()
        assert kept == lines[:room]
        assert len(list(read_journal(tmp_path / "journal"))) == kept.count(b"\n")
        assert bool(journal.error) == (room < len(lines))


class SmallDisk:
    """A file that takes a piece of what does not fit, and then no more."""

    def __init__(self, path, room):
        self._file = path.open("wb", buffering=0)
        self._room = room

    def write(self, data):
        if not self._room:
            raise OSError(28, "No space left on device")
        written = self._file.write(data[: self._room])
        self._room -= written
        return written

    def close(self):
        self._file.close()


def test_connections_that_there_is_no_room_for_wait_and_are_served(tmp_path):
    done, journal = mockservers_on("no_room_to_accept:3", *shlex.split(LITTLE), cwd=tmp_path)
    assert done.returncode == 0
    assert re.fullmatch("mockservers: no room for more connections: .*; they wait\n", done.stderr)
    assert "ledger: the books balance\n" in done.stdout
    assert [entry.code for entry in journal if isinstance(entry, RequestEntry)] == ["BR", "ZZ"]
    assert all(entry.complete for entry in journal if isinstance(entry, RequestEntry))


@pytest.mark.parametrize("room", range(7, 32))
def test_out_of_descriptors_a_run_balances_or_says_why_it_cannot_be(room, tmp_path):
    """The limit is that of `mockservers`; the command takes its own back."""
    command = ["sh", "-c", f"ulimit -Sn $(ulimit -Hn); exec {THREADS} -v -m 4 BR CN US ZZ"]
    done, journal = mockservers_on(
        "", *command, cwd=tmp_path, shell=f'ulimit -Sn {room}; exec "$@"'
    )
    if done.returncode == 0:
        assert "ledger: the books balance\n" in done.stdout
        assert re.fullmatch("(mockservers: no room for more connections: .*\n)?", done.stderr)
        assert balance(journal).balanced
    else:
        warned = "(no room for more connections: .*\nmockservers: )?"
        assert one_line(done, done.returncode, f"{warned}.*Too many open files.*")
        assert done.returncode in (2, 126)
        assert done.stdout == ""
