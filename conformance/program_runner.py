"""One run of a program: start it, serve its requests, record it, and end all that it started.

What is recorded here is judged by `conformance.checks`.
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

from conformance.cases.model import Case
from conformance.process_tree import MARK, POLL_S, SETTLE_S, end_all, still_running
from conformance.recording import MAX_LINES, MAX_STDOUT, Ports, PrintedLine, Profile, Run
from mockservers import running
from mockservers.cli.child_process import environment, refusing_port, shell_status, signal_group
from mockservers.content.flag_images import flag
from mockservers.faults import Drip, Fault, Stall
from mockservers.files import files_in
from mockservers.flags2.codes import packaged_codes, path_of_code
from mockservers.flags2.output import LineReader
from mockservers.journal_json import entry_from_json
from mockservers.plan import LABELS, fate
from mockservers.running_servers import RunningServers

DEST = "downloads"
"""The folder in which programs save, below their working directory."""
STDERR_TAIL = 65_536
"""Bytes of stderr that are kept."""

stopping = threading.Event()
"""Every run in progress is ended while this is set. What sets it clears it after the last run; in a
worker of a cluster, which cannot know of the last one, the next suite does."""


class CannotStartError(Exception):
    """The command cannot be started; the text says why, in one line."""


def resolved(command: Sequence[str]) -> tuple[str, ...]:
    """The command, with an absolute path for each word that names a file or a folder here.

    Each run has a new working directory, in which relative paths would lead nowhere. Raises
    CannotStartError if there is no such command.
    """
    first, *rest = command
    words = [str(Path(word).absolute()) if _exists(word) else word for word in rest]
    if os.sep in first:
        found = shutil.which(Path(first).absolute())
    else:
        found = shutil.which(first, path=environment(os.environ, _NO_URLS, 1)["PATH"])
    if found is None and os.sep not in first and Path(first).exists():
        raise CannotStartError(f"command not found: {first} (for the file here, type ./{first})")
    if found is None:
        there = Path(first).exists() and os.sep in first
        what = "cannot execute" if there else "command not found:"
        raise CannotStartError(f"{what} {first}")
    return (str(found), *words)


def _exists(word: str) -> bool:
    """Whether a word names something here; a whole program, as after `python -c`, does not."""
    with contextlib.suppress(OSError):
        return Path(word).exists()
    return False


_NO_URLS = dict.fromkeys(LABELS, "")


def wall_limit_s(case: Case, profile: Profile, timeout_factor: float = 1.0) -> float:
    """Seconds that a run may take: generous, because a slow machine must not change a verdict."""
    codes = max(map(len, case.code_lists()), default=0)
    waits_s = case.waits_s + sum(durations_s(case))
    return timeout_factor * (5 + 10 * profile.startup_s + 0.1 * codes) + waits_s


def durations_s(case: Case) -> list[float]:
    """Seconds that the response for each code may take, the longer of its first two."""
    request = case.request()
    if request is None:
        return []
    label = request.label
    return [
        max(
            _duration_s(fate(case.plan, label, code, attempt, path_of_code(code)), code)
            for attempt in (1, 2)
        )
        for code in request.codes
    ]


def _duration_s(fault: Fault, code: str) -> float:
    match fault:
        case Drip(bytes_per_s=rate):
            size = len(flag(code)) if code in packaged_codes() else 0
            return fault.wait_s + size / rate
        case Stall(for_s=silent_s):
            return fault.wait_s + silent_s
        case _:
            return fault.wait_s


class Sandbox:
    """Servers for one program at a time, which may run again and again.

    A context manager; raises PortInUseError if `ports` are named and one of them is in use.
    """

    def __init__(self, ports: Ports | None = None) -> None:
        self._running = running(ports=ports or (0, 0, 0))
        self._servers: RunningServers
        self._closing = contextlib.ExitStack()

    def __enter__(self) -> "Sandbox":
        self._servers = self._closing.enter_context(self._running)
        self._refusing = self._closing.enter_context(refusing_port())
        return self

    def __exit__(self, *exc: object) -> None:
        self._closing.close()

    def execute(
        self, command: Sequence[str], case: Case, profile: Profile, timeout_factor: float = 1.0
    ) -> Run:
        """Run the command (see `resolved`) once, as the case says, and end all that it started.

        `timeout_factor` multiplies the wall limit and the time of a gate. Raises CannotStartError.
        """
        connections = _gate_size(case, profile)
        plan = case.plan_with_gate(connections, timeout_factor)
        with tempfile.TemporaryDirectory(prefix="conformance-", ignore_cleanup_errors=True) as name:
            folder = Path(name)
            _fill_folder(folder, case)
            before = files_in(folder / DEST)
            entries = self._servers.begin_run(dict.fromkeys(LABELS, plan))
            env = self._environment(case)
            limit_s = wall_limit_s(case, profile, timeout_factor)
            began = time.monotonic()
            ended, left = self._run([*command, *case.arguments], folder, env, case, limit_s)
            elapsed = time.monotonic() - began
            settle(self._servers)
            return Run(
                status=ended.status,
                ended=ended.how,
                lines=tuple(ended.stdout.lines),
                stderr=ended.stderr.text().replace(name, "(the folder of the run)"),
                entries=tuple(
                    entry_from_json(entry)
                    for entry in sorted(entries, key=lambda entry: entry.get("n", 0))
                ),
                urls=dict(self._servers.urls),
                files_before=before,
                files_after=files_in(folder / DEST),
                left=left,
                elapsed_s=round(elapsed, 3),
            )

    def _environment(self, case: Case) -> dict[str, str]:
        env = environment(os.environ, self._servers.urls, self._refusing)
        env[MARK] = uuid.uuid4().hex
        env.pop("FLAGS2_TIMEOUT_S", None)
        if case.timeout_s is not None:
            env["FLAGS2_TIMEOUT_S"] = f"{case.timeout_s:g}"
        return env

    def _run(
        self, command: list[str], folder: Path, env: Mapping[str, str], case: Case, limit_s: float
    ) -> tuple["_Ended", tuple[str, ...]]:
        started = time.time()
        process, out, err = start(command, folder, env)
        stdout = _Lines(out, self._servers.clock_s)
        stderr = Tail(err)
        left: tuple[str, ...] = ()
        try:
            how = self._wait(process, stdout, case, limit_s)
            if how == "exit":
                left = still_running(env[MARK], started)
        finally:
            end_all(process, env[MARK], started)
        for reader in (stdout, stderr):
            reader.join(SETTLE_S)
        if stdout.flooded:
            how = "flood"
        status = shell_status(process.returncode) if how == "exit" else None
        return _Ended(status, how, stdout, stderr), left

    def _wait(
        self, process: "subprocess.Popen[bytes]", stdout: "_Lines", case: Case, limit_s: float
    ) -> str:
        """How the program ends; it gets Ctrl-C in the middle if the case says so."""
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
                process.wait(POLL_S if to_interrupt else 0.05)
            except subprocess.TimeoutExpired:
                continue
            return "exit"
        return "timeout"


def start(
    command: Sequence[str], folder: Path, env: Mapping[str, str]
) -> "tuple[subprocess.Popen[bytes], IO[bytes], IO[bytes]]":
    """A command in a session of its own, with its stdout and stderr; raises CannotStartError."""
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
    return process, process.stdout, process.stderr


def settle(servers: RunningServers) -> None:
    """Wait until every request has its entry; connections that stay open are closed."""
    until = time.monotonic() + SETTLE_S
    while servers.under_way and time.monotonic() < until:
        time.sleep(POLL_S)
    if servers.under_way:
        servers.drop_connections()
    servers.settle()


def _gate_size(case: Case, profile: Profile) -> int:
    """How many connections the program will use in this case, as far as is known before."""
    codes = max(map(len, case.code_lists()), default=0)
    most = case.command_line().connections
    return min([profile.connections, codes, *([most] if most is not None else [])])


def _codes_text() -> str:
    """The 194 codes in the form of this project's file: spaces, and line ends."""
    codes = packaged_codes()
    return "".join(f"{' '.join(codes[n : n + 25])}\n" for n in range(0, len(codes), 25))


def _fill_folder(folder: Path, case: Case) -> None:
    """Create what the working directory of a run contains before."""
    text = _codes_text() if case.codes_file is None else case.codes_file
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
    stderr: "Tail"


class _Lines(threading.Thread):
    """Reads a pipe into lines with the time of each, up to the bounds of REP-11."""

    def __init__(self, pipe: IO[bytes], clock_s: Any) -> None:
        super().__init__(daemon=True)
        self.lines: list[PrintedLine] = []
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
                    self.lines += [PrintedLine(now, text) for text in reader.feed(data)]
                self.flooded |= size > MAX_STDOUT or len(self.lines) > MAX_LINES
        self.lines += [PrintedLine(self._clock_s(), text) for text in reader.close()]


class Tail(threading.Thread):
    """Reads a pipe to its end and keeps the last `STDERR_TAIL` bytes."""

    def __init__(self, pipe: IO[bytes]) -> None:
        super().__init__(daemon=True)
        self._pipe = pipe
        self._tail = b""
        self.start()

    def run(self) -> None:
        """Read until the other side closes."""
        with self._pipe:
            while data := os.read(self._pipe.fileno(), 65_536):
                self._tail = (self._tail + data)[-STDERR_TAIL:]

    def text(self) -> str:
        """What there is so far."""
        return self._tail.decode("utf-8", "replace")
