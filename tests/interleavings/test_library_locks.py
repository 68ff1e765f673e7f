"""Ctrl-C in the middle of the locks of `threading` and `concurrent.futures`, on real threads.

A KeyboardInterrupt there leaves a lock that nobody will ever release, or releases one twice: the
program would wait for what it has given up, or for ever, or say "release unlocked lock".
"""

import contextlib
import gc
import itertools
import os
import signal
import sys
import threading
from concurrent.futures import _base as library_futures
from concurrent.futures import thread as library_pool
from pathlib import Path
from unittest import mock

import pytest
from commands import environment, run
from play import workplace

from reference import flags2_common, flags2_threadpool
from reference.flags2_common import HTTPStatus

LIBRARY = {module.__file__ for module in (threading, library_futures, library_pool)}
AT_ONCE, LATER = ["AA", "BR", "CN"], ["DE", "FR"]


def play(moment, longest_s=20):
    """Download, with Ctrl-C at the n-th call within the library, or when all that comes has come;
    gives what is reported, whether it was the library, and whether somebody waited for the rest.
    """
    calls, gate, moments, waited = itertools.count(1), threading.Event(), [], []

    def interrupt(where):
        moments.append(where)
        sys.settrace(tracer)
        signal.raise_signal(signal.SIGINT)

    def watch(frame, event, arg):
        if frame.f_code.co_filename in LIBRARY and next(calls) == moment:
            interrupt("library")

    def progress(codes):
        for heard, cc in enumerate(codes):
            if heard == len(AT_ONCE) and not moments:
                interrupt("idle")
            yield cc

    def get_flag(base_url, cc):
        if cc in LATER and not gate.wait(longest_s):
            waited.append(cc)
        return cc.encode()

    def download():
        sys.settrace(watch)
        try:
            flags2_threadpool.download_many([*AT_ONCE, *LATER], "http://x", False, 2)
        finally:
            sys.settrace(tracer)
            late.extend(waited)
            gate.set()
            for thread in set(threading.enumerate()) - before:
                thread.join(longest_s)

    before, late = set(threading.enumerate()), []
    tracer = sys.gettrace()  # that of `tox -e coverage`
    with (
        workplace({}),
        mock.patch.object(flags2_threadpool, "get_flag", get_flag),
        mock.patch.object(flags2_threadpool.tqdm, "tqdm", progress),
        pytest.raises(KeyboardInterrupt) as caught,
    ):
        download()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    nothing = flags2_common.Tally()  # it came before anything was handed out
    return getattr(caught.value, "counter", nothing), moments == ["library"], late


@pytest.fixture
def _no_collection():
    """The pool of another test, collected meanwhile, calls the library too: an exception is lost
    there, as Python itself says.
    """
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("_no_collection")
def test_ctrl_c_within_any_call_of_the_library_ends_with_a_true_report(record_property):
    in_library = True
    for moment in itertools.count(1):
        tally, in_library, late = play(moment)
        assert not late, "nobody waits for what was given up"
        assert set(tally) <= {HTTPStatus.ok}
        assert set(tally.codes) <= set(AT_ONCE)
        if not in_library:
            break
    assert sorted(tally.codes) == AT_ONCE
    assert moment > 50
    record_property("cases", moment)


def test_an_exception_within_the_library_would_not(tmp_path):
    """In a process of its own, for it leaves locks that are locked and threads that never end."""
    tests = str(Path(__file__).parents[1])
    packages = filter(None, [tests, os.environ.get("PYTHONPATH")])
    done = run(
        sys.executable,
        __file__,
        cwd=tmp_path,
        env=environment(PYTHONPATH=os.pathsep.join(packages)),
    )
    assert done.stdout == "release unlocked lock\n"


def play_with_exceptions():
    """Where Ctrl-C is an exception in the middle of the library: what comes of it in the end."""
    flags2_common.on_ctrl_c = lambda call: contextlib.nullcontext()
    for moment in range(1, 200):
        with contextlib.suppress(KeyboardInterrupt):
            play(moment, longest_s=0.1)


if __name__ == "__main__":
    try:
        play_with_exceptions()
    except RuntimeError as exc:
        print(exc, flush=True)
    finally:
        os._exit(0)
