"""Ctrl-C: requests in flight finish, nothing new starts, and the report is true and complete."""

import contextlib
import gc
import io
import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import _base as library_futures
from concurrent.futures import thread as library_pool
from itertools import product
from unittest import mock

import aiohttp
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from multidict import CIMultiDict
from support.commands import command_line, environment
from support.downloaders import DOWNLOADERS, workplace
from support.examples import examples
from support.processes import until_it_waits
from support.raw_responses import CLEAN, serving

from mockservers.faults import Hang, Serve
from mockservers.flags2.output import claims_of
from mockservers.plan import Gate, Plan
from reference import flags2_common, flags2_threadpool
from reference.flags2_common import HTTPStatus, on_ctrl_c

CODES = ["AD", "BR", "CN", "DE", "FR", "US"]
posix = pytest.mark.skipif(os.name != "posix", reason="sends SIGINT to another process")


class Network:
    """A network for both clients, on which Ctrl-C comes while the n-th request is in flight."""

    def __init__(self, press_at):
        self.press_at, self.asked = press_at, []
        self.late = False

    def get(self, url, **_):
        self.asked.append(url.rpartition("/")[2])
        if len(self.asked) == self.press_at:
            # Its handler runs in the main thread, which another thread's signal would not wake.
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        until = time.monotonic() + 1
        while len(self.asked) >= self.press_at and not (flags2_common.interrupted or self.late):
            # A signal that comes just before the main thread waits for a lock does not wake it;
            # Python runs the handler when a download ends.
            self.late = time.monotonic() > until
            time.sleep(0)
        return Reply()

    async def get_in_loop(self, url, **_):
        return self.get(url)


class Content(bytes):
    """The bytes of a flag, which an event loop gets in one piece."""

    async def readany(self):
        given, self.given = getattr(self, "given", False), True
        return b"" if given else bytes(self)


class Reply:
    """A flag, as either client gives it."""

    status = status_code = 200
    headers = CIMultiDict()

    def __init__(self):
        self.content = Content(b"GIF")

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        pass


@contextlib.contextmanager
def handled(network):
    """Both ports on that network, with the handler of `main`; gives the folder and stdout."""
    with (
        workplace({}) as folder,
        mock.patch.object(flags2_threadpool.requests, "get", network.get),
        mock.patch.object(
            aiohttp.ClientSession, "get", lambda _, *a, **k: network.get_in_loop(*a, **k)
        ),
        contextlib.redirect_stderr(io.StringIO()),
        contextlib.redirect_stdout(io.StringIO()) as out,
    ):
        signal.signal(signal.SIGINT, on_ctrl_c)
        yield folder, out


@posix
@pytest.mark.parametrize("downloader", DOWNLOADERS)
@examples(25)
@given(press_at=st.integers(1, 7), m=st.integers(1, 4), verbose=st.booleans())
def test_what_is_counted_on_ctrl_c_is_what_is_saved_and_nothing_new_starts(
    downloader, press_at, m, verbose
):
    network = Network(press_at)
    with handled(network) as (folder, out):
        counter = downloader.download_many(CODES, "http://x", verbose, m)
        saved = {path.name for path in folder.iterdir()}
    assume(not network.late)
    assert saved == set(network.asked)
    assert counter == {HTTPStatus.ok: len(saved)}
    assert min(press_at, 6) <= len(saved) <= min(press_at + m - 1, 6)
    assert len(out.getvalue().splitlines()) == verbose * len(saved)


LIBRARY = {module.__file__ for module in (threading, library_futures, library_pool)}


@pytest.fixture
def _no_collection():
    """A pool of another test, collected meanwhile, would call the library too."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("_no_collection")
def test_ctrl_c_within_any_call_of_the_thread_library_ends_with_a_true_count(record_property):
    """There the main thread may hold any lock: the handler must take none."""
    tracer = sys.gettrace()  # that of `tox -e coverage`
    for moment in itertools.count(1):
        calls = itertools.count(1)

        def watch(frame, event, arg, calls=calls, moment=moment):
            if frame.f_code.co_filename in LIBRARY and next(calls) == moment:
                sys.settrace(tracer)
                signal.raise_signal(signal.SIGINT)

        with handled(Network(99)) as (folder, _):
            sys.settrace(watch)
            try:
                counter = flags2_threadpool.download_many(CODES[:2], "http://x", True, 2)
            finally:
                sys.settrace(tracer)
            saved = list(folder.iterdir()) if folder.exists() else []
        assert counter == ({HTTPStatus.ok: len(saved)} if saved else {})
        if next(calls) <= moment:
            break
    assert len(saved) == 2
    assert moment > 50
    record_property("cases", moment)


def test_a_second_ctrl_c_is_the_operating_systems():
    with handled(Network(99)):
        signal.raise_signal(signal.SIGINT)
        assert flags2_common.interrupted
        assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL


class Gone(io.StringIO):
    """A stdout that nobody reads."""

    def write(self, text):
        raise BrokenPipeError


@pytest.mark.parametrize("downloader", DOWNLOADERS)
def test_without_a_reader_of_stdout_nothing_new_starts(downloader):
    network = Network(99)
    with handled(network), contextlib.redirect_stdout(Gone()), contextlib.suppress(OSError):
        downloader.download_many(CODES, "http://x", True, 1)
    assert 1 <= len(network.asked) <= 2


# --- as processes of their own -------------------------------------------------------------


THREADS, TASKS = "flags2-threadpool", "flags2-asyncio"


def slow(*case):
    return pytest.param(*case, marks=pytest.mark.slow)


@contextlib.contextmanager
def started(servers, command, plan, *words, cwd):
    """A downloader on LOCAL, and a function that waits until something is true of it."""
    servers.begin_run({"LOCAL": plan})
    with subprocess.Popen(
        command_line(command, *words), cwd=cwd,
        env=environment(FLAGS2_LOCAL_URL=servers.urls["LOCAL"], PYTHONUNBUFFERED="1"),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as program:  # fmt: skip

        def until(true):
            while not true():
                with contextlib.suppress(subprocess.TimeoutExpired):
                    pytest.fail(f"it has ended, with status {program.wait(0.02)}")

        try:
            yield program, until
        finally:
            program.kill()


@posix
@pytest.mark.parametrize(
    ("command", "options"), [(THREADS, ["-v"]), (TASKS, []), slow(THREADS, []), slow(TASKS, ["-v"])]
)
def test_requests_in_flight_finish_and_the_report_has_them(servers, command, options, tmp_path):
    # All wait for two that are in flight, and then BR and CN for the signal.
    late = (Serve(delay_s=0.5),)
    plan = Plan(rules={"BR": late, "CN": late}, gate=Gate(2, or_s=30))
    words = *options, "-m", "2", *CODES[1:]
    with started(servers, command, plan, *words, cwd=tmp_path) as (program, until):
        until(lambda: servers.under_way == 2)
        until_it_waits(program.pid)
        program.send_signal(signal.SIGINT)
        stdout, stderr = program.communicate(timeout=15)
    assert program.returncode == 130
    assert "Traceback" not in stderr
    claims = claims_of(stdout.splitlines())
    assert claims.totals == {"ok": 2, "not_found": 0, "error": 0, "interrupted": 3}
    assert stdout.splitlines()[-1] == "3 interrupted."
    assert {path.name for path in (tmp_path / "downloads").iterdir()} == {"br.gif", "cn.gif"}
    assert claims.outcomes == ({"BR": {"ok": 1}, "CN": {"ok": 1}} if options else {})


@posix
@pytest.mark.parametrize("command", [THREADS, slow(TASKS)])
def test_a_second_ctrl_c_ends_the_program_at_once(servers, command, tmp_path):
    plan, words = Plan(rules={"BR": (Hang(),)}), ("-v", "-m", "2", "BR", "CN")
    with started(servers, command, plan, *words, cwd=tmp_path) as (program, until):
        until((tmp_path / "downloads/cn.gif").exists)
        for _ in range(2):
            until_it_waits(program.pid)
            program.send_signal(signal.SIGINT)
        program.wait(10)
        assert program.returncode == -signal.SIGINT
        assert "Traceback" not in program.stderr.read()
    assert {path.name for path in (tmp_path / "downloads").iterdir()} == {"cn.gif"}


ENDS = {"| :": 1, ">/dev/full": 1, ">&-": 0}
DAILY = [(THREADS, "-v", "| :"), (THREADS, "-v", ">/dev/full")]
OTHERS = [
    slow(*case)
    for case in product((THREADS, TASKS), ("-v", ""), ENDS)
    if case not in DAILY and (case[1] or case[2] != ">&-")
]


@posix
@pytest.mark.parametrize(("command", "options", "redirection"), [*DAILY, *OTHERS])
def test_a_stdout_that_is_closed_or_full_ends_without_a_traceback(
    command, options, redirection, tmp_path
):
    words = " ".join([*command_line(command), options, "A"])
    script = f"({words}; echo $? >status) {redirection}"
    with serving(CLEAN) as base_url:
        done = subprocess.run(
            ["sh", "-c", script], cwd=tmp_path, capture_output=True,
            env=environment(FLAGS2_LOCAL_URL=base_url), text=True, timeout=30, check=False,
        )  # fmt: skip
    assert (tmp_path / "status").read_text() == f"{ENDS[redirection]}\n"
    assert "Traceback" not in done.stderr
    assert "Error" not in done.stderr
    if redirection == ">/dev/full":
        assert "*** stopped: [Errno 28]" in done.stderr
    assert not list(tmp_path.glob("downloads/*.part"))
