"""Programs that are not downloaders, but test the kit itself: `python kit_faults.py NAME ...`.

None of them, and none of their children, runs longer than 120 seconds.
"""

import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

LIFE_S = 120

FAULTS: dict[str, str] = {
    "binary": "prints bytes that are not text",
    "endless-line": "prints 1 MB without a line end",
    "flood": "prints 1 GB on stdout",
    "flood-stderr": "prints 1 GB on stderr",
    "children": "ends at once and leaves children running that hold its stdout open",
    "daemon": "ends at once and leaves a daemon running in a new session",
    "stubborn": "ignores SIGTERM and SIGINT and sleeps",
    "no-folder": "deletes its working directory",
    "closed-stdout": "closes stdout and sleeps",
    "silent": "ends at once with status 0 and prints nothing",
    "segfault": "dies of SIGSEGV",
    "killed": "dies of SIGKILL",
    "sleeps": "sleeps and prints nothing",
    "reads-stdin": "waits for its stdin to end",
}
"""What each of them does."""


def flood(fd: int) -> None:
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


def main(name: str) -> None:
    match name:
        case "binary":
            sys.stdout.buffer.write(bytes(range(256)) * 64 + b"\n\x00\xff LOCAL site: \xc3\x28\n")
        case "endless-line":
            sys.stdout.write("." * 1_000_000)
        case "flood":
            flood(1)
        case "flood-stderr":
            flood(2)
        case "children":
            leave(3)
        case "daemon":
            leave(1, new_session=True)
        case "stubborn":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            until = time.monotonic() + LIFE_S
            while time.monotonic() < until:
                time.sleep(1)
        case "no-folder":
            delete_folder()
        case "closed-stdout":
            os.close(1)
            time.sleep(LIFE_S)
        case "segfault":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        case "sleeps":
            time.sleep(LIFE_S)
        case "reads-stdin":
            signal.alarm(LIFE_S)
            sys.stdin.read()
        case "silent":
            pass


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in FAULTS:
        sys.exit("NAME must be one of: " + ", ".join(FAULTS))
    main(sys.argv[1])
