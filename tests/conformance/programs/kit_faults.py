"""Programs that are not downloaders, but test the kit itself: `python kit_faults.py NAME ...`.

None of them, and none of their children, runs longer than 120 seconds.
"""

import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

LIFE_S = 120


def flood(fd: int) -> None:
    """Print 1 GB."""
    block = b"." * 1023 + b"\n"
    for _ in range(1024):
        os.write(fd, block * 1024)


def leave(count: int, new_session: bool = False) -> None:
    """Start children that keep running."""
    for _ in range(count):
        if os.fork() == 0:
            if new_session:
                os.setsid()
                if os.fork():
                    os._exit(0)
                null = os.open(os.devnull, os.O_RDWR)
                for fd in range(3):
                    os.dup2(null, fd)
            time.sleep(LIFE_S)
            os._exit(0)


def delete_folder() -> None:
    """Delete the working directory, but only below the folder for temporary files."""
    folder = Path.cwd()
    if Path(tempfile.gettempdir()).resolve() not in folder.parents:
        sys.exit("not this folder")
    shutil.rmtree(folder)


def print_binary() -> None:
    sys.stdout.buffer.write(bytes(range(256)) * 64 + b"\n\x00\xff LOCAL site: \xc3\x28\n")


def ignore_signals() -> None:
    """Ignore SIGTERM and SIGINT, and sleep."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    until = time.monotonic() + LIFE_S
    while time.monotonic() < until:
        time.sleep(1)


def close_stdout() -> None:
    os.close(1)
    time.sleep(LIFE_S)


def read_stdin() -> None:
    signal.alarm(LIFE_S)
    sys.stdin.read()


FAULTS: dict[str, Callable[[], object]] = {
    "binary": print_binary,
    "endless-line": lambda: sys.stdout.write("." * 1_000_000),
    "flood": lambda: flood(1),
    "flood-stderr": lambda: flood(2),
    "children": lambda: leave(3),  # they hold its stdout open
    "daemon": lambda: leave(1, new_session=True),
    "stubborn": ignore_signals,
    "no-folder": delete_folder,
    "closed-stdout": close_stdout,
    "silent": lambda: None,
    "segfault": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "sleeps": lambda: time.sleep(LIFE_S),
    "reads-stdin": read_stdin,
}
"""What each of them does."""

if __name__ == "__main__":
    FAULTS[sys.argv[1]]()
