"""Faults of the machine itself: every code is accounted for, or one clear line says why not.

Each program runs as a process of its own, on a machine with one thing wrong with it: for real where
that can be had anywhere (descriptors, streams, folders, locale), else by `broken/sitecustomize.py`,
which stands in for the operating system.
"""

import contextlib
import json
import os
import re
import shlex
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from commands import command_line, environment, mockservers_run, run
from journals import balance
from msgspec import to_builtins
from support import has_ended

from mockservers.content.flag_images import flag
from mockservers.faults import Status
from mockservers.files import files_in
from mockservers.flags2.arguments import asked_codes
from mockservers.flags2.output import claims_of
from mockservers.journal import End, RequestEntry
from mockservers.journal_json import JournalFile, read_journal
from mockservers.plan import Gate, Plan

termios = pytest.importorskip("termios", reason="uses POSIX shells, limits and terminals")

THREADS, ASYNCIO = DOWNLOADERS = "flags2-threadpool", "flags2-asyncio"
BROKEN = Path(__file__).with_name("broken")
LITTLE = shlex.join(["python", "-IS", str(Path(__file__).with_name("little_downloader.py"))])
"""A command that downloads BR and ZZ."""
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}
needs_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
thorough = pytest.mark.thorough  # a kin of it runs daily


def on_machine(fault="", program="", **more):
    """The environment of a program on a machine with that fault; what it starts is spared."""
    path = os.pathsep.join(filter(None, [str(BROKEN), os.environ.get("PYTHONPATH")]))
    return environment(PYTHONPATH=path, MACHINE_FAULT=fault, MACHINE_FAULT_IN=program, **more)


def halves(folder):
    """Files in `downloads` that are no whole flag under their own name."""
    found = [path for path in folder.glob("downloads/*") if path.is_file()]
    return [path for path in found if path.read_bytes() != flag(path.stem.upper())]


# --- the downloaders -------------------------------------------------------------------

CODES = ["BR", "CN", "US", "ZZ"]
PLAN = Plan(rules={"US": (Status((503,)),)})
"""What they meet: 27,681 bytes, 34,241 bytes, a 503 and a 404."""
WELL = {"ok": 2, "not_found": 1, "error": 1}
BR_FAILS = {"ok": 1, "not_found": 1, "error": 2}
NONE_SAVED = {"ok": 0, "not_found": 1, "error": 3}
NOTHING_CAME = {"ok": 0, "not_found": 0, "error": 4}
ANY = {}
ENDED = None
"""No report, but status 1 and one line."""

NO_DESCRIPTOR = r"\*\*\* stopped: \[Errno 24\] Too many open files\n"


@dataclass(frozen=True)
class Fault:
    """What is wrong, and what both downloaders, or one, then come to."""

    says: str
    totals: dict[str, int] | None = field(default_factory=lambda: WELL)
    of_asyncio: dict[str, int] | None = ...
    """The totals of the one on asyncio, where they differ."""
    line: str = ""
    """What stands on stderr when there is no report."""
    machine: str = ""
    shell: str = 'exec "$@"'
    """How a shell runs the program, which is its arguments."""
    prepare: str = ""
    """What a shell does to the folder before."""
    host: str = "127.0.0.1"
    quiet: bool = False
    """Without -v: with the progress bar."""
    python: tuple[str, ...] = ()
    reason: str = ""
    """What some line of stdout has to say."""
    marks: tuple = ()
    plan: Plan = PLAN


def read_only():
    """Makes a `downloads` in which this user can make no file; even root can make none in /proc."""
    return "ln -s /proc/self/task downloads" if os.geteuid() == 0 else "mkdir -m 555 downloads"


FAULTS = [
    Fault("a disk that is full", NONE_SAVED, machine="disk_with_room:0"),
    Fault("a disk that fills up within a file", BR_FAILS, machine="disk_with_room:30000"),
    Fault("a folder that is read-only", NONE_SAVED, prepare="READ-ONLY"),
    Fault("a folder that leads nowhere", NONE_SAVED, prepare="ln -s no/where downloads",
          marks=(thorough,)),
    Fault("a folder where a file is to be begun", BR_FAILS,
          prepare="mkdir -p downloads/br.gif.part"),
    Fault("names that cannot be looked up", NOTHING_CAME, machine="no_dns", host="localhost",
          reason="BR: (Connection error|ClientConnector.*)\n"),
    Fault("no IPv6", machine="no_ipv6:0", host="localhost"),
    Fault("IPv6 without an address", machine="no_ipv6:1", host="localhost", marks=(thorough,)),
    Fault("python -O", python=("-O",), marks=(thorough,)),
    Fault("python -OO", python=("-OO",)),
    Fault("a stderr that is full", ENDED, shell='exec "$@" 2>/dev/full', quiet=True,
          marks=(needs_full,)),
    Fault("a stdout that is full", ENDED, line=r"\*\*\* stopped: \[Errno 28\] .*\n",
          shell='exec "$@" >/dev/full', marks=(needs_full, thorough)),
    Fault("no stdin, no terminal", shell='unset TERM COLUMNS; exec "$@" <&-', quiet=True),
    *[
        Fault(f"room for {n} descriptors", ANY, ENDED if n == 5 else ANY, NO_DESCRIPTOR,
              shell=f'ulimit -n {n}; exec "$@"', marks=() if n == 9 else (thorough,))
        for n in range(5, 17)
    ],
]  # fmt: skip


@pytest.mark.parametrize("program", DOWNLOADERS)
@pytest.mark.parametrize(
    "fault", [pytest.param(fault, id=fault.says, marks=fault.marks) for fault in FAULTS]
)
def test_a_download_accounts_for_every_code_or_says_why_it_ended(servers, fault, program, tmp_path):
    entries = servers.begin_run({"LOCAL": fault.plan})
    words = [*([] if fault.quiet else ["-v"]), *CODES]
    command = command_line(program, *words)
    if fault.python:
        module = program.replace("flags2-", "reference.flags2_")
        command = [sys.executable, *fault.python, "-m", module, *words]
    prepare = read_only() if fault.prepare == "READ-ONLY" else fault.prepare
    url = servers.urls["LOCAL"].replace("127.0.0.1", fault.host)
    done = run(
        "sh", "-c", f"{prepare or ':'}; {fault.shell}", "sh", *command, cwd=tmp_path,
        env=on_machine(fault.machine, FLAGS2_LOCAL_URL=url),
    )  # fmt: skip
    servers.settle()

    expected = fault.totals
    if program == ASYNCIO and fault.of_asyncio is not ...:
        expected = fault.of_asyncio
    assert "Traceback" not in done.stderr
    assert not halves(tmp_path)
    claims = claims_of(done.stdout.splitlines())
    if expected is ENDED:
        assert done.returncode == 1
        assert claims.totals is None
        assert re.fullmatch(fault.line, done.stderr)
        return
    assert done.returncode == 0
    if not fault.quiet:
        assert done.stderr == ""
    assert expected.items() <= claims.totals.items()
    assert re.search(fault.reason, done.stdout)
    assert re.fullmatch(r"Elapsed time: \d+\.\d\ds", done.stdout.splitlines()[-1])
    journal = [
        {"journal": 1, "command": [program, *words], "files_before": {}, "dest": "downloads"},
        *entries,
        {
            "end": True,
            "asked": asked_codes([program, *words], claims),
            "claims": to_builtins(claims),
            "files_after": to_builtins(files_in(tmp_path / "downloads")),
        },
    ]
    ledger = balance(journal)
    assert ledger.balanced, ledger.imbalances
    assert list(ledger.to_json()["codes"]) == CODES


@pytest.mark.parametrize("program", DOWNLOADERS)
def test_a_reader_that_takes_some_lines_and_goes_ends_a_download(servers, program, tmp_path):
    """As `| head -3` does. The replies are held until it has gone, by a gate for one more."""
    servers.begin_run({"LOCAL": Plan(gate=Gate(len(CODES) + 1, or_s=60.0))})
    url = servers.urls["LOCAL"]
    with subprocess.Popen(
        command_line(program, "-v", *CODES), cwd=tmp_path, stdin=subprocess.DEVNULL,
        env=environment(FLAGS2_LOCAL_URL=url, PYTHONUNBUFFERED="1"),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as download:  # fmt: skip
        assert download.stdout.readline() == f"LOCAL site: {url}\n"
        download.stdout.readline()
        download.stdout.readline()
        while servers.under_way < len(CODES):
            assert download.poll() is None
        download.stdout.close()
        urllib.request.urlopen(f"{url}/de/de.gif").close()
        assert download.stderr.read() == ""
    assert download.returncode == 1
    assert not halves(tmp_path)


@pytest.mark.parametrize("program", DOWNLOADERS)
def test_a_word_that_the_locale_cannot_read_is_a_usage_error(program, tmp_path):
    done = run(program, "ß", cwd=tmp_path, env=environment(**ASCII))
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith("*** Usage error: each CC argument must be A to Z or AA to ZZ.\n")


@pytest.mark.parametrize("program", DOWNLOADERS)
def test_on_a_terminal_the_bar_is_on_stderr_and_the_report_on_stdout(servers, program, tmp_path):
    servers.begin_run({"LOCAL": PLAN})
    ours, theirs = os.openpty()
    termios.tcsetwinsize(theirs, (25, 80))
    with os.fdopen(theirs, "wb", 0) as terminal:
        done = subprocess.run(
            command_line(program, *CODES), cwd=tmp_path, stdin=terminal, stderr=terminal,
            env=environment(FLAGS2_LOCAL_URL=servers.urls["LOCAL"], TERM="dumb"),
            stdout=subprocess.PIPE, text=True, timeout=30, check=True,
        )  # fmt: skip
    shown = b""
    with os.fdopen(ours, "rb", 0) as screen, contextlib.suppress(OSError):  # an end, on Linux
        while piece := screen.read(65_536):
            shown += piece
    assert b"4/4" in shown
    assert "\x1b" not in done.stdout
    assert WELL.items() <= claims_of(done.stdout.splitlines()).totals.items()


# --- mockservers run -------------------------------------------------------------------


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
        pytest.param("no_ipv6:1", 'exec "$@"', {}, id="IPv6 without an address", marks=thorough),
        pytest.param("no_dns", 'exec "$@"', {}, id="no names to look up", marks=thorough),
        pytest.param("clock:-3600", 'exec "$@"', {}, id="a clock that is put back"),
        pytest.param("threads:2", 'exec "$@"', {}, id="no more than two threads"),
        pytest.param("", 'exec "$@" 2>&-', {}, id="no stderr"),
        pytest.param("", 'exec "$@" 2>/dev/full', {}, id="a stderr that is full",
                     marks=(needs_full, thorough)),
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
                     id="IPv6 without an address, which is asked for", marks=thorough),
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
    [
        ('exec "$@" >&-', 0),
        ('exec "$@" >&- 2>&-', 0),
        pytest.param('exec "$@" <&- >&- 2>&-', 0, marks=thorough),
    ],
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


@pytest.mark.parametrize("room", [0, *[pytest.param(n, marks=thorough) for n in (100, 700)], 1000])
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


@pytest.mark.parametrize(
    "room", [pytest.param(n, marks=() if n in (8, 22) else thorough) for n in range(7, 32)]
)
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
