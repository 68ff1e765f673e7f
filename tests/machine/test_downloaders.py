"""The downloaders on a machine that fails."""

import contextlib
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass, field

import pytest
from msgspec import to_builtins
from support.commands import command_line, environment, run
from support.journals import balance
from support.machine_faults import ASCII, ASYNCIO, DOWNLOADERS, halves, needs_full, on_machine

from mockservers.faults import Status
from mockservers.files import files_in
from mockservers.flags2.arguments import asked_codes
from mockservers.flags2.output import claims_of
from mockservers.plan import Gate, Plan

pytestmark = pytest.mark.slow

termios = pytest.importorskip("termios", reason="uses POSIX shells, limits and terminals")
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
    Fault("a folder that leads nowhere", NONE_SAVED, prepare="ln -s no/where downloads"),
    Fault("a folder where a file is to be begun", BR_FAILS,
          prepare="mkdir -p downloads/br.gif.part"),
    Fault("names that cannot be looked up", NOTHING_CAME, machine="no_dns", host="localhost",
          reason="BR: (Connection error|ClientConnector.*)\n"),
    Fault("no IPv6", machine="no_ipv6:0", host="localhost"),
    Fault("IPv6 without an address", machine="no_ipv6:1", host="localhost"),
    Fault("python -O", python=("-O",)),
    Fault("python -OO", python=("-OO",)),
    Fault("a stderr that is full", ENDED, shell='exec "$@" 2>/dev/full', quiet=True,
          marks=needs_full),
    Fault("a stdout that is full", ENDED, line=r"\*\*\* stopped: \[Errno 28\] .*\n",
          shell='exec "$@" >/dev/full', marks=needs_full),
    Fault("no stdin, no terminal", shell='unset TERM COLUMNS; exec "$@" <&-', quiet=True),
    *[
        Fault(f"room for {n} descriptors", ANY, ENDED if n == 5 else ANY, NO_DESCRIPTOR,
              shell=f'ulimit -n {n}; exec "$@"')
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
