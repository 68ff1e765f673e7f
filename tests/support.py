"""What many tests need: how many examples a property gets, and whether a process has ended."""

import contextlib
import os
import signal
import time
from functools import cache
from unittest import mock

import psutil
from hypothesis import Phase, find, settings

from mockservers.flags2.codes import is_code, path_of_code
from mockservers.plan import fate
from mockservers.strategies import plain
from reference import flags2_common

PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "")
SCALE = 10 if PROFILE == "thorough" else 1

# For mutants: the same examples every time, and a failure is enough.
settings.register_profile(
    "mutation", derandomize=True, database=None, phases=[Phase.explicit, Phase.generate]
)
if PROFILE == "mutation":
    settings.load_profile(PROFILE)


def examples(n: int) -> settings:
    """`n` examples in the daily suite, ten times as many in the thorough one; no deadline."""
    return settings(max_examples=n * SCALE, deadline=None)


# For `find`, where that there is an example is enough: without one there is an error.
FOUND_IS_ENOUGH = settings(examples(2000), phases=[Phase.generate], database=None)


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


def fate_of(plan, label, resource, attempt):
    """The fate of a request for a code or a path."""
    path = path_of_code(resource) if is_code(resource) else resource
    return fate(plan, label, resource, attempt, path)


def effective(fault, form, info):
    """The fault that acts on a request of this form."""
    return fault.effective(form, info)


def render(fault, form, info, path="/"):
    """The response of a fault."""
    return fault.response(form, info, path)


@cache
def simplest(kind):
    """The simplest fault of a kind."""
    shrink = settings(phases=[Phase.generate, Phase.shrink], database=None, deadline=None)
    return find(plain(kind), lambda fault: True, settings=shrink)
