"""Every process that a run has started, in whatever session: who still runs, and the end of all."""

import contextlib
import subprocess
import time

import psutil

from mockservers.cli.child_process import signal_group

MARK = "CONFORMANCE_RUN"
"""The environment variable that marks every process of a run, whatever its parent is."""
SETTLE_S = 2.0
"""Seconds after the end of a program in which the processes it started may end by themselves."""
POLL_S = 0.002
"""Seconds between two looks where a fast answer matters."""


def _alive(mark: str, since: float) -> list[psutil.Process]:
    """The processes of a run, in whatever session; a zombie has ended."""
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


def still_running(mark: str, since: float) -> tuple[str, ...]:
    """Names of the processes that still run `SETTLE_S` seconds after the program has ended."""
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


def end_all(process: "subprocess.Popen[bytes]", mark: str, since: float) -> None:
    """Kill the program, its group, and every process with its mark.

    It waits until they have ended: a signal is delivered when its receiver is scheduled, not
    when it is sent.
    """
    signal_group(process, "SIGKILL")
    process.wait()
    until = time.monotonic() + SETTLE_S
    while (left := _alive(mark, since)) and time.monotonic() < until:
        for straggler in left:
            with contextlib.suppress(psutil.Error):
                straggler.kill()
        time.sleep(POLL_S)
