"""Ctrl-C in the middle of the locks of `threading` and `concurrent.futures`, on real threads.

A KeyboardInterrupt there leaves a lock that nobody will ever release, or releases one twice: the
program would wait for what it has given up, or for ever, or say "release unlocked lock".
"""

import contextlib
import itertools
import signal
import sys
import threading
from concurrent.futures import _base as library_futures
from concurrent.futures import thread as library_pool
from unittest import mock

import pytest
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
        sys.settrace(None)
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
            sys.settrace(None)
            late.extend(waited)
            gate.set()
            for thread in set(threading.enumerate()) - before:
                thread.join(longest_s)

    before, late = set(threading.enumerate()), []
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


def test_an_exception_within_the_library_would_not():
    def raised(call):
        return contextlib.nullcontext()

    def play_all():
        for moment in range(1, 200):
            with contextlib.suppress(KeyboardInterrupt):
                play(moment, longest_s=0.1)

    with (
        mock.patch.object(flags2_common, "on_ctrl_c", raised),
        pytest.raises(RuntimeError, match="release unlocked lock"),
    ):
        play_all()
