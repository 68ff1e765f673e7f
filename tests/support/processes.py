"""Ctrl-C, and whether a process waits or has ended."""

import contextlib
import signal
import time
from unittest import mock

import psutil

from reference import flags2_common


@contextlib.contextmanager
def own_ctrl_c():
    """SIGINT as at the start of a program; afterwards handler and flag are as before."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with mock.patch.object(flags2_common, "interrupted", False):
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)


def until_it_waits(pid: int) -> None:
    """Return when the main thread of a child was asleep ten times in a row, or has ended.

    Python handles a signal late if it comes just before a wait for a lock, and ignores one that
    comes as the handler changes.
    """
    looks = 0
    while looks < 10 and (status := psutil.Process(pid).status()) != psutil.STATUS_ZOMBIE:
        looks = looks + 1 if status == psutil.STATUS_SLEEPING else 0


def has_ended(pid: int, within_s: float = 20) -> bool:
    """Whether a process is gone, or a zombie, in time: a signal is not delivered at once."""
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.01)
    return False
