"""Children of the bench: started on a core, watched, and never left behind."""

import json
import os
import resource
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]
SERVER_CORE, CLIENT_CORE = CORES[0], CORES[-1]
PATIENCE_S = 30.0
"""Seconds for a server to become ready."""
GOODBYE_S = 10.0
"""Seconds for a child to end by itself when told to."""


class BenchError(Exception):
    """What keeps a measure from being made; the text says what."""


@contextmanager
def child(
    command: Sequence[str | Path],
    *,
    core: int | None = None,
    stdout: int | IO[bytes] = subprocess.DEVNULL,
    stderr: int | IO[bytes] = subprocess.DEVNULL,
    env: Mapping[str, str] | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """A process, pinned to `core` if the machine can; at the end of the block it is told to end.

    It has a session of its own: whatever it started and left behind is killed with it.
    """
    pin = ["taskset", "-c", str(core)] if core is not None and shutil.which("taskset") else []
    process = subprocess.Popen(  # noqa: S603 - our own commands
        [*pin, *command],
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        env={**os.environ, **(env or {})},
        start_new_session=True,
    )
    try:
        yield process
    finally:
        try:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(GOODBYE_S)
        finally:  # also on a second Ctrl-C
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if process.stdout:
            process.stdout.close()


def output(command: Sequence[str | Path], *, core: int, within_s: float) -> str:
    """What a command prints. Raises BenchError when it fails or takes longer than `within_s`."""
    pipe = subprocess.PIPE
    with child(command, core=core, stdout=pipe, stderr=subprocess.STDOUT) as process:
        name = Path(command[0]).name
        try:
            printed = process.communicate(timeout=within_s)[0].decode(errors="replace")
        except subprocess.TimeoutExpired:
            raise BenchError(f"{name} took longer than {within_s:.0f} s") from None
        if process.returncode != 0:
            raise BenchError(f"{name} ended with {process.returncode}: {printed[-400:].strip()}")
        return printed


def cpu_s(pid: int) -> float:
    """CPU seconds, user and system, of a process and its children that live."""
    return sum(sum(each.cpu_times()[:2]) for each in _family(pid))


def until_idle(pid: int, within_s: float = 60) -> None:
    """Wait until a process needs next to no CPU time; raises BenchError if it goes on."""
    until, before = time.monotonic() + within_s, cpu_s(pid)
    while time.monotonic() < until:
        time.sleep(0.5)
        if (now := cpu_s(pid)) - before < 0.02:
            return
        before = now
    raise BenchError(f"the server is still busy after {within_s:.0f} s")


def rss_mb(pid: int) -> float:
    """Resident memory of a process and its children, in millions of bytes."""
    return sum(each.memory_info().rss for each in _family(pid)) / 1e6


def anonymous_mb(pid: int) -> float:
    """Memory that holds no file (RssAnon of Linux), in millions of bytes."""
    text = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(text.partition("RssAnon:")[2].split()[0]) * 1024 / 1e6


def _family(pid: int) -> list[psutil.Process]:
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        raise BenchError("the server has ended") from None


def free_port() -> int:
    """A loopback port that nobody uses now."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


def raise_file_limit() -> int:
    """Allow this process and its children as many open files as may be; say how many."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = 65_536 if hard == resource.RLIM_INFINITY else min(hard, 65_536)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return limit


# --- the servers under test ------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MockServers:
    """`mockservers serve`, ready."""

    pid: int
    urls: Mapping[str, str]
    """By label, without a path."""
    journal: Path
    ready_s: float
    """From the start of the process to its ready line."""

    def forget_journal(self) -> None:
        """Give the room of the journal back; the server writes on."""
        os.truncate(self.journal, 0)


@contextmanager
def mock_servers(
    folder: Path,
    plans: Mapping[str, object],
    core: int | None = SERVER_CORE,
    root: Path | None = None,
    python: str = sys.executable,
) -> Iterator[MockServers]:
    """The servers as their users start them, with plans by label; the journal is in `folder`. With
    a `root`, they serve its files. `python` is the interpreter that they are installed for.

    After the block the journal is whole.
    """
    journal = folder / "journal.jsonl"
    script = Path(python).with_name("mockservers")
    if not script.exists():
        raise BenchError(f"{script} is missing: install the project for this interpreter")
    command: list[str | Path] = [script, "serve", "--ports", "auto", "--json", "--journal", journal]
    for label, plan in plans.items():
        file = folder / f"{label}.json"
        file.write_text(json.dumps(plan), encoding="utf-8")
        command += ["--plan", f"{label}={file}"]
    if root:
        command += ["--root", root]
    log = folder / "mockservers.log"
    began = time.perf_counter()
    with (
        log.open("wb") as stderr,
        child(command, core=core, stdout=subprocess.PIPE, stderr=stderr) as process,
    ):
        assert process.stdout
        ready = select.select([process.stdout], [], [], PATIENCE_S)[0]
        line = process.stdout.readline() if ready else b""
        ready_s = time.perf_counter() - began
        if not line.startswith(b'{"ready": true'):
            raise BenchError(f"mockservers is not ready: {line!r} {log.read_text()[-400:]}")
        servers = json.loads(line)["servers"]
        urls = {label: url.removesuffix("/flags") for label, url in servers.items()}
        yield MockServers(process.pid, urls, journal, ready_s)
