"""Ctrl-C: a report of what was finished, prompt, without a traceback, and true."""

import os
import signal
import subprocess
import threading
from unittest import mock

import pytest
from commands import command_line, environment
from hypothesis import given
from hypothesis import strategies as st
from play import ctrl_c_behind, workplace
from rows import CLEAN, serving
from support import examples

from mockservers.claims import Claims
from mockservers.faults import Serve
from mockservers.plan import Plan
from reference import flags2_common, flags2_threadpool

COMMANDS = ("flags2-threadpool", "flags2-asyncio")
posix = pytest.mark.skipif(os.name != "posix", reason="sends SIGINT to another process")


@posix
@pytest.mark.parametrize("verbose", [["-v"], []])
@pytest.mark.parametrize("command", COMMANDS)
def test_ctrl_c_ends_with_the_report_of_what_was_finished(servers, command, verbose, tmp_path):
    # CN comes at once; the others would take a minute.
    rules = {code: (Serve(delay_s=60.0),) for code in ("BR", "DE", "FR", "US")}
    servers.begin_run({"LOCAL": Plan(rules=rules)})
    program = subprocess.Popen(
        command_line(command, *verbose, "-m", "3", "BR", "CN", "DE", "FR", "US"), cwd=tmp_path,
        env=environment(FLAGS2_LOCAL_URL=servers.urls["LOCAL"], PYTHONUNBUFFERED="1"),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    while not (tmp_path / "downloads/cn.gif").exists():
        assert program.poll() is None
    program.send_signal(signal.SIGINT)
    stdout, stderr = program.communicate(timeout=15)
    assert program.returncode == 130
    assert "Traceback" not in stderr
    claims = Claims.from_lines(stdout.splitlines())
    assert claims.totals == {"ok": 1, "not_found": 0, "error": 0, "interrupted": 4}
    assert stdout.splitlines()[-1] == "4 interrupted."
    assert [path.name for path in (tmp_path / "downloads").iterdir()] == ["cn.gif"]
    if verbose:
        assert claims.fates == {"CN": {"ok": 1}}


@examples(60)
@given(data=st.data(), m=st.integers(1, 4))
def test_what_is_reported_on_ctrl_c_is_what_is_on_disk(data, m):
    """Ctrl-C as any download settles; those in flight are given up and never save later."""
    codes = ["AD", "BR", "CN", "DE", "FR", "US"]
    finished = data.draw(st.integers(0, len(codes) - 1))
    gate, seen = threading.Event(), []

    def get_flag(base_url, cc):
        if len(seen) >= finished:
            gate.wait(30)  # in flight when Ctrl-C comes
        seen.append(cc)
        return cc.encode()

    with (
        workplace({}) as folder,
        mock.patch.object(flags2_threadpool, "get_flag", get_flag),
        ctrl_c_behind(finished),
    ):
        before = threading.active_count()
        with pytest.raises(flags2_common.Interrupted) as caught:
            flags2_threadpool.download_many(codes, "http://x", False, m)
        reported = {f"{code.lower()}.gif" for code in caught.value.counter.codes}
        gate.set()
        while threading.active_count() > before:
            pass
        left = {path.name for path in folder.iterdir()} if folder.exists() else set()
    assert left == reported
    assert caught.value.counter.total() == len(reported) >= finished


@posix
@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("arguments", [["-v"], []])
def test_a_stdout_that_is_closed_or_full_ends_without_a_traceback(command, arguments, tmp_path):
    words = " ".join([*command_line(command), *arguments, "A"])
    with serving(CLEAN) as base_url:
        for redirection in ("| :", ">&-", ">/dev/full"):
            done = subprocess.run(
                ["sh", "-c", f"{words} {redirection}"], cwd=tmp_path, capture_output=True,
                env=environment(FLAGS2_LOCAL_URL=base_url), text=True, timeout=30, check=False,
            )  # fmt: skip
            assert "Traceback" not in done.stderr
            assert "Error" not in done.stderr
            if redirection == ">/dev/full":
                assert done.returncode == 1
                assert "*** ended by [Errno 28]" in done.stderr
            assert not list(tmp_path.glob("downloads/*.part"))
