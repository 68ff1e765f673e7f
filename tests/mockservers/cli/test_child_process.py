"""What becomes of the command of `mockservers run`."""

import asyncio
import io
import itertools
import os
import signal
import subprocess
import sys
import threading
from unittest import mock

import pytest
from support.command_in_process import posix
from support.processes import has_ended
from support.virtual_loop import BEGIN_S, virtual_time

from mockservers.cli import child_process
from mockservers.flags2.output import ClaimsReader


class Hears(ClaimsReader):
    """A reader that keeps every line, and does something when it reads one of `actions`."""

    def __init__(self, **actions):
        super().__init__()
        self.lines = []
        self._actions = actions

    def read(self, line):
        self.lines.append(line)
        self._actions.get(line, lambda: None)()


WAITS = "; ".join(["sleep 60 & wait"] * 3)
"""In a shell; each signal that it traps ends one of them."""


def to_this_process(signum):
    return lambda: os.kill(os.getpid(), signum)


def ran(script, claims):
    """The status of a shell script, run to its end."""

    async def sweep():
        while True:
            await asyncio.sleep(0.1)

    async def beside_servers():
        # A signal that comes just as the loop goes to sleep is heard when it wakes: beside servers
        # it does so every second, to sweep their connections.
        sweeping = asyncio.create_task(sweep())
        status = await child_process.run_command(["sh", "-c", script], os.environ, claims)
        sweeping.cancel()
        return status

    return asyncio.run(beside_servers())


@pytest.fixture
def no_grace(monkeypatch):
    """A command has for ever to end after a signal: nothing stronger comes by itself."""
    monkeypatch.setattr(child_process, "GRACE_S", 3600.0)
    monkeypatch.setattr(child_process, "FINISH_S", 3600.0)


@posix
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_passed_on_as_it_is(signum, own_signals, no_grace, capfd):
    name = signum.name.removeprefix("SIG")
    claims = Hears(ready=to_this_process(signum))
    script = f"trap 'echo {name}; exit 3' {name}; echo ready; {WAITS}"
    assert ran(script, claims) == 128 + signum
    assert claims.lines == ["ready", name]


@posix
def test_a_second_signal_ends_the_command_at_once_and_the_first_is_its_status(
    own_signals, no_grace, capfd
):
    claims = Hears(ready=to_this_process(signal.SIGTERM), told=to_this_process(signal.SIGINT))
    script = f"trap 'echo told' TERM; trap '' INT; echo ready; {WAITS}"
    assert ran(script, claims) == 128 + signal.SIGTERM
    assert claims.lines == ["ready", "told"]  # the second signal was one that nobody can trap


@posix
def test_signals_that_come_when_the_command_has_ended_do_not_stop_the_ledger(own_signals, capfd):
    assert ran("exit 3", Hears()) == 3
    for signum in child_process._SIGNALS:
        signal.raise_signal(signum)  # would end this process, or raise KeyboardInterrupt


@posix
def test_what_a_command_leaves_running_ends_with_it(own_signals, capfd):
    claims = Hears()
    assert ran("sleep 300 >/dev/null 2>&1 & echo $!", claims) == 0
    assert has_ended(int(claims.lines[0]))


@posix
def test_a_last_line_without_its_end_is_heard_too(own_signals, capfd):
    claims = Hears()
    assert ran("printf 'one\\ntwo'", claims) == 0
    assert claims.lines == ["one", "two"]
    assert capfd.readouterr().out == "one\ntwo"


@posix
def test_a_signal_that_comes_as_soon_as_the_command_runs_is_passed_on(
    own_signals, no_grace, monkeypatch
):
    class Interrupted(subprocess.Popen):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            signal.raise_signal(signal.SIGTERM)

    def is_not_passed_on(*_):
        raise AssertionError("the command would go on without us")

    signal.signal(signal.SIGTERM, is_not_passed_on)
    monkeypatch.setattr(subprocess, "Popen", Interrupted)
    assert ran("sleep 5", Hears()) == 128 + signal.SIGTERM


@posix
def test_a_command_that_cannot_be_started_leaves_the_signals_as_they_were(own_signals):
    with pytest.raises(child_process.CannotRunError, match="command not found: no-such-command"):
        asyncio.run(child_process.run_command(["no-such-command"], os.environ, ClaimsReader()))
    assert {signum: signal.getsignal(signum) for signum in own_signals} == own_signals


@pytest.mark.parametrize(
    ("first", "sent_at", "says_at"),
    [
        (signal.SIGINT, [("SIGINT", 0), ("SIGTERM", 40), ("SIGKILL", 45)], [1]),
        (signal.SIGTERM, [("SIGTERM", 0), ("SIGTERM", 5), ("SIGKILL", 10)], []),
    ],
)
def test_a_command_has_40_seconds_after_ctrl_c_and_5_after_other_signals(
    first, sent_at, says_at, monkeypatch
):
    sent, said = [], []

    async def interrupted():
        loop = asyncio.get_running_loop()

        def send(_, name):
            sent.append((name, round(loop.time() - BEGIN_S)))

        monkeypatch.setattr(child_process, "signal_group", send)
        monkeypatch.setattr(child_process, "_notice", lambda _: said.append(loop.time() - BEGIN_S))
        child_process._pass_on(None, [first])
        await asyncio.sleep(60)

    with virtual_time() as runner:
        runner.run(interrupted())
    assert sent == sent_at
    assert [round(at) for at in said] == says_at


@pytest.mark.parametrize("status", [None, 0])
def test_a_command_that_is_waited_for_is_said_to_be(status, capsys):
    child_process._notice(mock.Mock(returncode=status))
    said = capsys.readouterr().err
    assert ("40 s" in said) == (status is None)
    assert said.startswith("mockservers: " if status is None else "")


class Reader(io.RawIOBase):
    """A stdout whose reader takes its time: to write takes until `gate` is open."""

    def __init__(self):
        super().__init__()
        self.gate, self.writes = threading.Event(), threading.Event()
        self.buffer, self.taken = self, b""

    def write(self, data):
        self.writes.set()
        self.gate.wait()
        self.taken += data


def test_what_a_slow_reader_has_not_taken_yet_is_waited_for(monkeypatch):
    slow = Reader()
    monkeypatch.setattr(sys, "stdout", slow)
    monkeypatch.setattr(child_process, "SILENT_S", 0.1)
    hear, speak = os.pipe()
    hearing = child_process._OutputThread(hear, ClaimsReader())
    hearing.start()
    os.write(speak, b"the end\n")
    os.close(speak)
    slow.writes.wait()

    async def drained():
        asyncio.get_running_loop().call_later(0.2, slow.gate.set)
        await hearing.drain()
        return slow.gate.is_set()

    waited = asyncio.run(drained())
    slow.gate.set()
    hearing.join()
    assert waited
    assert slow.taken == b"the end\n"


def test_a_pipe_that_is_open_and_silent_is_given_up_after_a_second(monkeypatch):
    heard = threading.Event()
    hear, speak = os.pipe()
    hearing = child_process._OutputThread(hear, Hears(end=heard.set))
    hearing.start()
    os.write(speak, b"end\n")
    assert heard.wait(60)
    now_s = itertools.count(0.0, 0.3)
    looks = []

    async def look(_):
        looks.append(next(now_s))

    monkeypatch.setattr(child_process, "monotonic", lambda: looks[-1] if looks else 0.0)
    with monkeypatch.context() as patched, virtual_time() as runner:
        patched.setattr(child_process.asyncio, "sleep", look)
        hearing._pieces, hearing._waits = 0, True
        runner.run(hearing.drain())
    os.close(speak)
    hearing.join()
    assert looks == pytest.approx([0.0, 0.3, 0.6, 0.9, 1.2])
