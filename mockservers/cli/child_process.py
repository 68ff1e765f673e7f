"""The child process of `mockservers run`: its environment, its output, its signals, its end."""

import asyncio
import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from time import monotonic
from types import FrameType

from mockservers.flags2.output import ClaimsReader, LineReader
from mockservers.plan import LABELS

GRACE_S = 5.0
"""Seconds that a command has to end after SIGTERM or SIGHUP, before the next signal."""
FINISH_S = 40.0
"""The same after SIGINT: requests in flight may finish, or run into a time limit (REQ-7)."""
NOTICE_S = 1.0
"""Seconds after SIGINT until a line on stderr says what is being waited for."""
SILENT_S = 1.0
"""Seconds of silence after which a pipe that a command left open is read no longer."""
LOOK_S = 0.001
"""Seconds from one look at that pipe to the next."""

_SIGNALS = [signal.SIGINT, signal.SIGTERM]
if os.name == "posix":
    _SIGNALS.append(signal.SIGHUP)

_Process = subprocess.Popen[bytes]

LOOPBACK = "localhost,127.0.0.1,::1"
_PLACE = re.compile(rf"(?<![${{]){{({'|'.join(LABELS)})}}")


class CannotRunError(Exception):
    """The command cannot be started; `status` is the shell's for that: 126 or 127."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


def environment(
    base: Mapping[str, str], urls: Mapping[str, str], refusing_port: int
) -> dict[str, str]:
    """The environment of the command: where the servers are, and no proxy in between.

    REMOTE points at `refusing_port`, so that nothing leaves the machine. The folder of this
    interpreter comes first on PATH: what is installed beside it is found without activation.
    """
    env = dict(base)
    env |= {f"FLAGS2_{label}_URL": urls[label] for label in LABELS}
    env |= {f"MOCKSERVERS_{label}_URL": origin_of(urls[label]) for label in LABELS}
    env["FLAGS2_REMOTE_URL"] = f"http://127.0.0.1:{refusing_port}/flags"
    for name in ("NO_PROXY", "no_proxy"):
        env[name] = ",".join(filter(None, [base.get(name), LOOPBACK]))
    env["PYTHONUNBUFFERED"] = "1"
    here = str(Path(sys.executable).parent)
    env["PATH"] = os.pathsep.join(filter(None, [here, base.get("PATH", os.defpath)]))
    return env


def origin_of(url: str) -> str:
    """`http://127.0.0.1:8001` of a base URL."""
    return url.removesuffix("/flags")


def filled_in(command: Sequence[str], urls: Mapping[str, str]) -> list[str]:
    """The command with the origins of the servers in place of `{LOCAL}`, `{DELAY}`, `{ERROR}`;
    `${LOCAL}` and `{{LOCAL}` are left alone.
    """
    return [_PLACE.sub(lambda found: origin_of(urls[found[1]]), word) for word in command]


@contextlib.contextmanager
def refusing_port() -> Iterator[int]:
    """A loopback port that is bound and refuses: nothing listens there, and nothing else can."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]


async def run_command(command: Sequence[str], env: Mapping[str, str], output: ClaimsReader) -> int:
    """Run a command to its end; returns its exit status as a shell gives it (128 + signal).

    Its stdout is passed through as it comes, and read by `output`; stdin and stderr are inherited.
    SIGINT, SIGTERM and SIGHUP to this process are passed on to the command and all that it
    started; the status is 128 + signal then. What is left of its session ends with it. From then
    on the signals are ignored, for the ledger is about to be printed. Raises CannotRunError.
    """
    loop = asyncio.get_running_loop()
    process: _Process | None = None
    received: list[signal.Signals] = []

    def on_signal(signum: int, frame: FrameType | None = None) -> None:
        received.append(signal.Signals(signum))
        loop.call_soon_threadsafe(pass_on)

    def pass_on() -> None:
        if process:
            _pass_on(process, received)

    # First, so that no signal ends this process and leaves a command running that it has started.
    previous = {signum: signal.signal(signum, on_signal) for signum in _SIGNALS}
    try:
        process, reading, ended = _start(command, env, output)
    except BaseException:
        for handler in previous.items():
            signal.signal(*handler)
        raise
    status = await ended
    for signum in _SIGNALS:
        signal.signal(signum, signal.SIG_IGN)  # the ledger is about to be printed
    signal_group(process, "SIGKILL")  # what the command left running
    await reading.drain()
    if received:
        return 128 + received[0]
    return shell_status(status)


def shell_status(status: int) -> int:
    """An exit status of a child as a shell gives it: 128 and the number of the signal."""
    return 128 - status if status < 0 else status


def _start(
    command: Sequence[str], env: Mapping[str, str], output: ClaimsReader
) -> tuple[_Process, "_OutputThread", "asyncio.Future[int]"]:
    """Start the command in a session of its own, so that all of it can be ended together.

    Its status is in the future when it has ended.
    """
    stdin = subprocess.DEVNULL if sys.stdin is None or sys.stdin.isatty() else None
    program = command[0]
    # A pipe of our own: asyncio's would make the end of the command wait for its children's.
    read_end, write_end = os.pipe()
    reading = _OutputThread(read_end, output)
    try:
        reading.start()  # first, so that nothing is left running where no thread can be started
        process = subprocess.Popen(  # noqa: S603 - to run what it is given is its purpose
            command, env=env, stdin=stdin, stdout=write_end, start_new_session=os.name == "posix"
        )
        ended = _end_of(process)
    except FileNotFoundError:
        raise CannotRunError(f"command not found: {program}", 127) from None
    except (OSError, ValueError, RuntimeError) as exc:  # RuntimeError: no room for a thread
        reason = exc.strerror if isinstance(exc, OSError) else exc
        raise CannotRunError(f"cannot execute {program}: {reason}", 126) from None
    finally:
        os.close(write_end)
        if reading.ident is None:
            os.close(read_end)
    return process, reading, ended


def _end_of(process: _Process) -> "asyncio.Future[int]":
    """The status of a process, when it has ended; it is killed if no thread can wait for it."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[int] = loop.create_future()

    def wait() -> None:
        status = process.wait()
        with contextlib.suppress(RuntimeError):  # the loop has been closed
            loop.call_soon_threadsafe(ended.set_result, status)

    try:
        threading.Thread(target=wait, daemon=True).start()
    except RuntimeError:
        signal_group(process, "SIGKILL")
        process.wait()
        raise
    return ended


class _OutputThread(threading.Thread):
    """Passes a pipe on to stdout as it comes, and reads the claims in its lines."""

    def __init__(self, pipe: int, output: ClaimsReader) -> None:
        super().__init__(daemon=True)
        self._pipe = pipe
        self._output = output
        self._reader = LineReader()
        self._pieces = 0
        self._waits = True

    def run(self) -> None:
        while data := os.read(self._pipe, 65_536):
            self._pieces, self._waits = self._pieces + 1, False
            for line in self._reader.feed(data):
                self._output.read(line)
            with contextlib.suppress(OSError):  # our own reader has gone: go on for the ledger
                sys.stdout.buffer.write(data)
                sys.stdout.buffer.flush()
            self._waits = True
        os.close(self._pipe)

    async def drain(self) -> None:
        """Wait for the end of the pipe; give up on one that is open and silent for a second."""
        pieces, since = self._pieces, monotonic()
        while self.is_alive() and monotonic() - since < SILENT_S:
            await asyncio.sleep(LOOK_S)
            if not self._waits or self._pieces != pieces:
                pieces, since = self._pieces, monotonic()
        for line in self._reader.close():
            self._output.read(line)


def _pass_on(process: _Process, received: list[signal.Signals]) -> None:
    """Pass the first signal on, then send SIGTERM and SIGKILL; a second signal kills at once."""
    if len(received) > 1:
        signal_group(process, "SIGKILL")
        return
    loop = asyncio.get_running_loop()
    signal_group(process, received[0].name)
    grace_s = GRACE_S
    if received[0] == signal.SIGINT:
        grace_s = FINISH_S
        loop.call_later(NOTICE_S, _notice, process)
    loop.call_later(grace_s, signal_group, process, "SIGTERM")
    loop.call_later(grace_s + GRACE_S, signal_group, process, "SIGKILL")


def _notice(process: _Process) -> None:
    """Say on stderr what is being waited for, if the command is still running."""
    if process.returncode is None:
        with contextlib.suppress(OSError):
            print(
                f"mockservers: waiting up to {FINISH_S:.0f} s for the command to finish; "
                "Ctrl-C again kills it",
                file=sys.stderr,
                flush=True,
            )


def signal_group(process: _Process, name: str) -> None:
    """Send the signal of that name to a process and its group; it may have ended."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if os.name == "posix":
            os.killpg(process.pid, getattr(signal, name))
        else:
            process.terminate()
