"""One run of a program: started, fed with replies, listened to, and ended with all it started.

The only room of the kit with processes and clocks. What is recorded here is judged elsewhere.
"""

import contextlib
import os
import shutil
import subprocess
import tempfile
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import psutil

from conformance.cases.model import Case
from conformance.recording import MAX_LINES, MAX_STDOUT, Line, Profile, Run
from mockservers import running
from mockservers.claims import LineReader
from mockservers.codes import LABELS, country_codes
from mockservers.embed import RunningServers
from mockservers.faults import Drip, wait_s
from mockservers.plan import fate
from mockservers.supervise import book_of_files, environment, refusing_port, signal_group

DEST = "downloads"
"""Where programs save, below their working directory."""
MARK = "CONFORMANCE_RUN"
"""The variable by which a process is known to belong to a run, whoever its parent is."""
STDERR_TAIL = 65_536
SETTLE_S = 2.0
"""Seconds after the end of a run in which what it started may end by itself."""
LARGEST_FLAG = 40_000
LOOK_S = 0.002

stopping = threading.Event()
"""Set on Ctrl-C: every run under way is ended."""

FIXED_PORTS = (8001, 8002, 8003)


class CannotStartError(Exception):
    """The command cannot be started at all; the text says why, in one line."""


def resolved(command: Sequence[str]) -> tuple[str, ...]:
    """The command with every word that names a file or a folder here as an absolute path: each run
    has a working directory of its own. Raises CannotStartError where there is no such command.
    """
    first, *rest = command
    words = [str(Path(word).absolute()) if Path(word).exists() else word for word in rest]
    if os.sep in first:
        found = shutil.which(Path(first).absolute())
    else:
        found = shutil.which(first, path=environment(os.environ, _NO_URLS, 1)["PATH"])
    if found is None:
        there = Path(first).exists() and os.sep in first
        what = "cannot execute" if there else "command not found:"
        raise CannotStartError(f"{what} {first}")
    return (str(found), *words)


_NO_URLS = dict.fromkeys(LABELS, "")


def wall_limit_s(case: Case, profile: Profile, patience: float = 1.0) -> float:
    """Seconds that a run may take: generous, for a slow machine must not make a verdict."""
    codes = max(map(len, case.asked()), default=0)
    waits = case.waits_s
    order = case.order()
    if order:
        for code in order.codes:
            replies = [fate(case.plan, order.label, code, attempt) for attempt in (1, 2)]
            waits += max(map(wait_s, replies))
            waits += max(
                LARGEST_FLAG / r.bytes_per_s if isinstance(r, Drip) else 0 for r in replies
            )
    return patience * (5 + 10 * profile.startup_s + 0.1 * codes) + waits


class Stage:
    """Servers of its own, on which programs are run one after the other.

    A context manager; raises PortInUseError for the fixed ports when they are taken.
    """

    def __init__(self, ports: str = "given") -> None:
        self._running = running(ports=FIXED_PORTS if ports == "fixed" else (0, 0, 0))
        self._servers: RunningServers
        self._closing = contextlib.ExitStack()

    def __enter__(self) -> "Stage":
        self._servers = self._closing.enter_context(self._running)
        self._refusing = self._closing.enter_context(refusing_port())
        return self

    def __exit__(self, *exc: object) -> None:
        self._closing.close()

    def play(
        self, command: Sequence[str], case: Case, profile: Profile, patience: float = 1.0
    ) -> Run:
        """Run the command (see `resolved`) once, as the case says, and end all that it started.

        `patience` stretches the wall limit, and the time of a gate. Raises CannotStartError.
        """
        connections = _gate_size(case, profile)
        plan = case.plan_with_gate(connections, patience)
        with tempfile.TemporaryDirectory(prefix="conformance-", ignore_cleanup_errors=True) as name:
            folder = Path(name)
            _furnish(folder, case)
            before = book_of_files(folder / DEST)
            entries = self._servers.begin_run(dict.fromkeys(LABELS, plan))
            mark = uuid.uuid4().hex
            env = environment(os.environ, self._servers.urls, self._refusing) | {MARK: mark}
            env.pop("FLAGS2_TIMEOUT_S", None)
            if case.timeout_s is not None:
                env["FLAGS2_TIMEOUT_S"] = f"{case.timeout_s:g}"
            limit_s = wall_limit_s(case, profile, patience)
            began = time.monotonic()
            ended, left = self._run([*command, *case.arguments], folder, env, case, limit_s)
            elapsed = time.monotonic() - began
            self._settle()
            return Run(
                status=ended.status,
                ended=ended.how,
                lines=tuple(ended.stdout.lines),
                stderr=ended.stderr.text(),
                entries=tuple(sorted(entries, key=lambda entry: entry.get("n", 0))),
                urls=dict(self._servers.urls),
                files_before=before,
                files_after=book_of_files(folder / DEST),
                left=left,
                elapsed_s=round(elapsed, 3),
            )

    def _run(
        self, command: list[str], folder: Path, env: Mapping[str, str], case: Case, limit_s: float
    ) -> tuple["_Ended", tuple[str, ...]]:
        started = time.time()
        try:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except (OSError, ValueError) as exc:
            reason = exc.strerror if isinstance(exc, OSError) else exc
            raise CannotStartError(f"cannot execute {command[0]}: {reason}") from None
        assert process.stdout
        assert process.stderr
        stdout = _Lines(process.stdout, self._servers.clock_s)
        stderr = _Tail(process.stderr)
        left: tuple[str, ...] = ()
        try:
            how = self._wait(process, stdout, case, limit_s)
            if how == "exit":
                left = _left_behind(env[MARK], started)
        finally:
            _end_all(process, env[MARK], started)
        for reader in (stdout, stderr):
            reader.join(SETTLE_S)
        if stdout.flooded:
            how = "flood"
        status = process.returncode if how == "exit" else None
        if status is not None and status < 0:
            status = 128 - status
        return _Ended(status, how, stdout, stderr), left

    def _wait(
        self, process: "subprocess.Popen[bytes]", stdout: "_Lines", case: Case, limit_s: float
    ) -> str:
        """How the program ends; on the way, Ctrl-C where the case says so."""
        until = time.monotonic() + limit_s
        to_interrupt = case.expects == "interrupt"
        while time.monotonic() < until:
            if stdout.flooded:
                return "flood"
            if stopping.is_set():
                return "timeout"
            if to_interrupt and self._servers.under_way and self._servers.entries:
                to_interrupt = False
                signal_group(process, "SIGINT")
            try:
                process.wait(LOOK_S if to_interrupt else 0.05)
            except subprocess.TimeoutExpired:
                continue
            return "exit"
        return "timeout"

    def _settle(self) -> None:
        """Every request gets its entry; who still holds a connection loses it."""
        until = time.monotonic() + SETTLE_S
        while self._servers.under_way and time.monotonic() < until:
            time.sleep(LOOK_S)
        if self._servers.under_way:
            self._servers.cancel_pending()
        self._servers.settle()


def _gate_size(case: Case, profile: Profile) -> int:
    """How many connections the program will use in this case, as far as is known before."""
    codes = max(map(len, case.asked()), default=0)
    most = case.words().connections
    return min([profile.connections, codes, *([most] if most is not None else [])])


def _furnish(folder: Path, case: Case) -> None:
    """Lay out the working directory of a run."""
    text = "\n".join(country_codes()) if case.codes_file is None else case.codes_file
    (folder / "country_codes.txt").write_text(text, encoding="utf-8")
    dest = folder / DEST
    if case.dest:
        dest.mkdir()
    for name, content in case.files.items():
        if name.endswith("/"):
            (dest / name).mkdir()
        else:
            (dest / name).write_text(content, encoding="utf-8")


@dataclass(frozen=True, slots=True)
class _Ended:
    status: int | None
    how: str
    stdout: "_Lines"
    stderr: "_Tail"


class _Lines(threading.Thread):
    """Reads a pipe into lines with the time of each, within bounds."""

    def __init__(self, pipe: IO[bytes], clock_s: Any) -> None:
        super().__init__(daemon=True)
        self.lines: list[Line] = []
        self.flooded = False
        self._pipe = pipe
        self._clock_s = clock_s
        self.start()

    def run(self) -> None:
        reader, size = LineReader(), 0
        with self._pipe:
            while data := os.read(self._pipe.fileno(), 65_536):
                size += len(data)
                now = self._clock_s()
                if not self.flooded:
                    self.lines += [Line(now, text) for text in reader.feed(data)]
                self.flooded |= size > MAX_STDOUT or len(self.lines) > MAX_LINES
        self.lines += [Line(self._clock_s(), text) for text in reader.close()]


class _Tail(threading.Thread):
    """Reads a pipe to its end and keeps the last of it."""

    def __init__(self, pipe: IO[bytes]) -> None:
        super().__init__(daemon=True)
        self._pipe = pipe
        self._tail = b""
        self.start()

    def run(self) -> None:
        with self._pipe:
            while data := os.read(self._pipe.fileno(), 65_536):
                self._tail = (self._tail + data)[-STDERR_TAIL:]

    def text(self) -> str:
        return self._tail.decode("utf-8", "replace")


# --- the whole process tree -------------------------------------------------------------------


def _alive(mark: str, since: float) -> list[psutil.Process]:
    """The processes of a run that have not ended, wherever they were moved to; a zombie has."""
    alive = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if (
                process.create_time() >= since - 2
                and process.environ().get(MARK) == mark
                and process.status() != psutil.STATUS_ZOMBIE
            ):
                alive.append(process)
    return alive


def _left_behind(mark: str, since: float) -> tuple[str, ...]:
    """Names of what still runs although the program has ended, after a moment to end by itself."""
    until = time.monotonic() + SETTLE_S
    while left := _alive(mark, since):
        if time.monotonic() > until:
            names = []
            for process in left:
                with contextlib.suppress(psutil.Error):
                    names.append(process.name())
            return tuple(names)
        time.sleep(0.05)
    return ()


def _end_all(process: "subprocess.Popen[bytes]", mark: str, since: float) -> None:
    """Kill the program, its group, and whatever bears its mark; none of them can refuse.

    They are gone when this returns: a signal is delivered when its receiver is scheduled, not
    when it is sent.
    """
    signal_group(process, "SIGKILL")
    process.wait()
    until = time.monotonic() + SETTLE_S
    while (left := _alive(mark, since)) and time.monotonic() < until:
        for straggler in left:
            with contextlib.suppress(psutil.Error):
                straggler.kill()
        time.sleep(LOOK_S)
