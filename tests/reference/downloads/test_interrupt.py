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

COMMANDS = ("flags2-threadpool", "flags2-asyncio")
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


class Reply:
    """A flag, as either client gives it."""

    status = status_code = 200
    headers = CIMultiDict()
    content = b"GIF"

    async def read(self):
        return self.content

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
@examples(60)
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
                counter = flags2_threadpool.download_many(CODES, "http://x", False, 2)
            finally:
                sys.settrace(tracer)
            saved = list(folder.iterdir()) if folder.exists() else []
        assert counter == ({HTTPStatus.ok: len(saved)} if saved else {})
        if next(calls) <= moment:
            break
    assert len(saved) == len(CODES)
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


@contextlib.contextmanager
def started(servers, command, plan, *words, cwd):
    """A downloader on LOCAL, as a process of its own."""
    servers.begin_run({"LOCAL": plan})
    with subprocess.Popen(
        command_line(command, *words), cwd=cwd,
        env=environment(FLAGS2_LOCAL_URL=servers.urls["LOCAL"], PYTHONUNBUFFERED="1"),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as program:  # fmt: skip
        try:
            yield program
        finally:
            program.kill()


@posix
@pytest.mark.parametrize("verbose", [["-v"], []])
@pytest.mark.parametrize("command", COMMANDS)
def test_requests_in_flight_finish_and_the_report_has_them(servers, command, verbose, tmp_path):
    # All wait for two that are in flight, and then BR and CN for the signal.
    slow = (Serve(delay_s=0.5),)
    plan = Plan(rules={"BR": slow, "CN": slow}, gate=Gate(2, or_s=30))
    with started(servers, command, plan, *verbose, "-m", "2", *CODES[1:], cwd=tmp_path) as program:
        while servers.under_way < 2:
            assert program.poll() is None
        until_it_waits(program.pid)
        program.send_signal(signal.SIGINT)
        stdout, stderr = program.communicate(timeout=15)
    assert program.returncode == 130
    assert "Traceback" not in stderr
    claims = claims_of(stdout.splitlines())
    assert claims.totals == {"ok": 2, "not_found": 0, "error": 0, "interrupted": 3}
    assert stdout.splitlines()[-1] == "3 interrupted."
    assert {path.name for path in (tmp_path / "downloads").iterdir()} == {"br.gif", "cn.gif"}
    assert claims.outcomes == ({"BR": {"ok": 1}, "CN": {"ok": 1}} if verbose else {})


@posix
@pytest.mark.parametrize("command", COMMANDS)
def test_a_second_ctrl_c_ends_the_program_at_once(servers, command, tmp_path):
    plan = Plan(rules={"BR": (Hang(),)})
    with started(servers, command, plan, "-v", "-m", "2", "BR", "CN", cwd=tmp_path) as program:
        while not (tmp_path / "downloads/cn.gif").exists():
            assert program.poll() is None
        for _ in range(2):
            until_it_waits(program.pid)
            program.send_signal(signal.SIGINT)
        program.wait(10)
        assert program.returncode == -signal.SIGINT
        assert "Traceback" not in program.stderr.read()
    assert {path.name for path in (tmp_path / "downloads").iterdir()} == {"cn.gif"}


@posix
@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("arguments", [["-v"], []])
@pytest.mark.parametrize(("redirection", "status"), [("| :", 1), (">&-", 0), (">/dev/full", 1)])
def test_a_stdout_that_is_closed_or_full_ends_without_a_traceback(
    command, arguments, redirection, status, tmp_path
):
    words = " ".join([*command_line(command), *arguments, "A"])
    script = f"({words}; echo $? >status) {redirection}"
    with serving(CLEAN) as base_url:
        done = subprocess.run(
            ["sh", "-c", script], cwd=tmp_path, capture_output=True,
            env=environment(FLAGS2_LOCAL_URL=base_url), text=True, timeout=30, check=False,
        )  # fmt: skip
    assert (tmp_path / "status").read_text() == f"{status}\n"
    assert "Traceback" not in done.stderr
    assert "Error" not in done.stderr
    if redirection == ">/dev/full":
        assert "*** stopped: [Errno 28]" in done.stderr
    assert not list(tmp_path.glob("downloads/*.part"))
