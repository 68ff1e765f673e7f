"""The line at the foot of a terminal, on a terminal of our own."""

import asyncio
import io
import itertools
import json
import os
import re
import subprocess
from collections import Counter

import pytest
from support.commands import (
    command_line,
    environment,
    run,
)
from support.journals import request
from support.virtual_loop import BEGIN_S, virtual_time

from mockservers.cli import status_line as live
from mockservers.cli.status_line import Counted, status
from mockservers.journal import Recorder

posix = pytest.mark.skipif(os.name != "posix", reason="uses a pseudo-terminal")


def on_a_terminal(*words, cwd, rows=24, columns=80, **more):
    """What a command writes to a terminal of that size."""
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    with subprocess.Popen(
        command_line(*words), cwd=cwd, env=environment(**{"TERM": "xterm"} | more),
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
    ) as program:  # fmt: skip
        os.close(theirs)
        written = b""
        try:
            while piece := os.read(ours, 65536):
                written += piece
        except OSError:
            pass  # Linux says so when the other side is closed
        os.close(ours)
    return program.returncode, written.decode()


DELAYED = (
    "mockservers",
    "run",
    "--ports",
    "auto",
    "--",
    "flags2-asyncio",
    "-s",
    "DELAY",
    "BR",
    "ZZ",
)


@posix
def test_a_terminal_shows_how_far_the_run_is_and_is_left_as_it_was(tmp_path):
    status, written = on_a_terminal(*DELAYED, cwd=tmp_path)
    assert status == 0
    lines = re.findall(r"\x1b7\x1b\[24;1H\x1b\[2K(.*?)\x1b8", written)
    assert lines[0] == "0 requests, 0 in flight"
    assert "2 requests, 2 in flight" in lines
    before, after = written.split("\x1b7\x1b[r\x1b[24;1H\x1b[2K\x1b8")
    assert "\x1b[1;23r" in before
    assert after.startswith("ledger: the books balance")
    assert "\x1b" not in after


@posix
def test_no_line_is_longer_than_the_terminal_is_wide(tmp_path):
    _, written = on_a_terminal(*DELAYED, cwd=tmp_path, columns=12)
    lines = re.findall(r"\x1b7\x1b\[24;1H\x1b\[2K(.*?)\x1b8", written)
    assert "0 requests," in lines
    assert max(map(len, lines)) == 11


@posix
@pytest.mark.parametrize("more", [{"rows": 2}, {"TERM": "dumb"}])
def test_a_terminal_that_has_no_room_is_left_alone(more, tmp_path):
    status, written = on_a_terminal("mockservers", "run", "--ports", "auto", "--", "true",
                                    cwd=tmp_path, **more)  # fmt: skip
    assert status == 0
    assert "\x1b" not in written


def test_a_window_that_changes_its_height_has_the_line_at_its_new_foot(monkeypatch):
    class Terminal(io.StringIO):
        def fileno(self):
            return 99

    sizes = itertools.chain([(80, 24), (80, 30)], itertools.repeat((80, 30)))
    monkeypatch.setattr(live.os, "get_terminal_size", lambda file: next(sizes))

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


def test_without_a_terminal_nothing_is_shown(tmp_path):
    done = run("mockservers", "run", "--ports", "auto", "--", "python", "-c", "", cwd=tmp_path)
    assert done.stderr == ""
    assert "\x1b" not in done.stdout


def test_requests_are_counted_by_what_they_met():
    entries = []
    counted = Counted(Recorder(entries.append))
    for met in (200, 404, 200):
        counted.write_line(json.dumps(request(1, "BR", 0, 1, status=met)).encode())
    counted.write_line(b'{"type": "gate", "server": "ERROR", "held": 1, "filled": true}')
    counted.flush()
    assert counted.met == {"serve": 2, "not found": 1}
    assert len(entries) == 4


def test_the_line_has_all_requests_those_under_way_too():
    assert status(Counter(), 0) == "0 requests, 0 in flight"
    assert status(Counter(), 3) == "3 requests, 3 in flight"
    assert status(Counter(status=1, serve=4), 2) == "7 requests, 2 in flight: 4 serve, 1 status"


@posix
def test_the_line_moves_when_the_window_has_another_size(monkeypatch):
    size = [80, 24]
    monkeypatch.setattr(live, "AGAIN_S", 0)
    monkeypatch.setattr(os, "get_terminal_size", lambda _: os.terminal_size(size))
    screen = Terminal()

    async def shown():
        with live.live_line(screen, lambda: "told"):
            while "\x1b[24;1H" not in screen.getvalue():
                await asyncio.sleep(0)
            size[:] = [80, 30]
            for _ in range(9):
                await asyncio.sleep(0)

    asyncio.run(shown())
    before, after = screen.getvalue().split("\x1b[1;29r")
    assert "\x1b[1;23r" in before
    assert "\x1b[30;1H\x1b[2Ktold" in after
    assert "\x1b[24;1H" not in after
    assert after.endswith("\x1b7\x1b[r\x1b[30;1H\x1b[2K\x1b8")


class Terminal(io.StringIO):
    def fileno(self):
        return 1


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


def test_a_journal_that_is_counted_is_flushed_when_asked():
    class Flushed(list):
        def flush(self):
            self.append("flushed")

    journal = Flushed()
    live.Counted(journal).flush()
    assert journal == ["flushed"]
