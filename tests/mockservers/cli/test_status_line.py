"""The line at the foot of a terminal, on a terminal of our own."""

import asyncio
import io
import itertools
import json
import os
import re
import sys
from collections import Counter
from unittest import mock

import pytest
from support.command_in_process import ended, posix
from support.journals import request
from support.virtual_loop import BEGIN_S, virtual_time

from mockservers.cli import status_line as live
from mockservers.journal_json import Recorder

TWO_DELAYED = """
for cc in br zz; do curl -s -o /dev/null $FLAGS2_DELAY_URL/$cc/$cc.gif & done; wait
"""


@pytest.fixture
def on_a_terminal(in_folder, own_signals, monkeypatch, capsys):
    """Run `mockservers run` with a terminal as its stderr and stdout: its status and output."""
    import fcntl
    import pty
    import struct
    import termios

    def ran(*command, rows=24, columns=80, term="xterm"):
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        with os.fdopen(ours, "rb", 0) as screen, os.fdopen(theirs, "w") as terminal:
            with monkeypatch.context() as patched:
                patched.setenv("TERM", term)
                patched.setattr(sys, "stdout", terminal)
                patched.setattr(sys, "stderr", terminal)
                status, _, _ = ended(capsys, "run", "--ports", "auto", "--", *command)
            os.set_blocking(ours, False)
            return status, (screen.readall() or b"").decode()

    return ran


@posix
def test_a_terminal_shows_how_far_the_run_is_and_is_left_as_it_was(on_a_terminal):
    status, written = on_a_terminal("sh", "-c", TWO_DELAYED)
    assert status == 0
    lines = re.findall(r"\x1b7\x1b\[24;1H\x1b\[2K(.*?)\x1b8", written)
    assert lines[0] == "0 requests, 0 in flight"
    assert "2 requests, 2 in flight" in lines
    before, after = written.split("\x1b7\x1b[r\x1b[24;1H\x1b[2K\x1b8")
    assert "\x1b[1;23r" in before
    assert after.startswith("ledger: the books balance")
    assert "\x1b" not in after


@posix
def test_no_line_is_longer_than_the_terminal_is_wide(on_a_terminal):
    _, written = on_a_terminal("true", columns=12)
    assert re.findall(r"\x1b7\x1b\[24;1H\x1b\[2K(.*?)\x1b8", written)[0] == "0 requests,"


@posix
@pytest.mark.parametrize("more", [{"rows": 2}, {"term": "dumb"}])
def test_a_terminal_that_has_no_room_is_left_alone(more, on_a_terminal):
    status, written = on_a_terminal("true", **more)
    assert status == 0
    assert written.startswith("ledger: ")
    assert "\x1b" not in written


class Terminal(io.StringIO):
    def fileno(self):
        return 99


def test_a_window_that_changes_its_height_has_the_line_at_its_new_foot(monkeypatch):
    sizes = itertools.chain([(80, 24)], itertools.repeat((80, 30)))
    monkeypatch.setattr(os, "get_terminal_size", lambda file: next(sizes))

    async def shown():
        terminal = Terminal()
        with live.live_line(terminal, lambda: "the line"):
            await asyncio.sleep(3.5 * live.AGAIN_S)
        return terminal.getvalue()

    with virtual_time() as runner:
        written = runner.run(shown())
    assert re.findall(r"\x1b\[(1;\d+r|\d+;1H)", written) == [
        *("1;23r", "24;1H", "1;29r", "30;1H", "30;1H", "30;1H"),
        "30;1H",  # and wiped out
    ]
    assert written.count("\x1b[30;1H\x1b[2Kthe line") == 3


def test_the_line_is_renewed_five_times_a_second_and_no_longer_than_it_is_wanted(monkeypatch):
    looks = Counter()
    monkeypatch.setattr(os, "get_terminal_size", lambda _: os.terminal_size((80, 24)))

    def text():
        looks["while", asyncio.get_running_loop().time() < BEGIN_S + 1.9] += 1
        return "told"

    async def shown():
        with live.live_line(Terminal(), text):
            await asyncio.sleep(1.9)
        await asyncio.sleep(60)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    with virtual_time() as runner:
        runner.run(shown())
    assert looks == {("while", True): 10}


def test_requests_are_counted_by_what_they_met_and_the_journal_is_written():
    class Journal(Recorder):
        flush = mock.Mock()

    entries = []
    counted = live.Counted(Journal(entries.append))
    for met in (200, 404, 200):
        counted.write_line(json.dumps(request(1, "BR", 0, 1, status=met)).encode())
    counted.write_line(b'{"type": "gate", "server": "ERROR", "held": 1, "filled": true}')
    counted.flush()
    assert counted.met == {"serve": 2, "not found": 1}
    assert len(entries) == 4
    Journal.flush.assert_called_once()


def test_the_line_has_all_requests_those_under_way_too():
    assert live.status(Counter(), 0) == "0 requests, 0 in flight"
    assert live.status(Counter(), 3) == "3 requests, 3 in flight"
    met = Counter(status=1, serve=4)
    assert live.status(met, 2) == "7 requests, 2 in flight: 4 serve, 1 status"
