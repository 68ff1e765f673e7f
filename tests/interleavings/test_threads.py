"""The downloader on threads under every schedule, interrupted at every point of its main thread."""

import contextlib
import io
import itertools
import tempfile
import types
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

import pytest
import requests
from hypothesis import example, given
from hypothesis import strategies as st
from support import SCALE, examples
from thread_schedule import (
    Deadlock,
    Scheduler,
    end_of_interpreter,
    loaded,
    point,
    scheduled_library,
)

WORLD = {"AA": "not_found", "BR": "ok", "CN": "error"}
LINES = {"ok": "{} OK", "not_found": "{} not found", "error": "*** Error for {}: HTTP 503 - sorry"}
LATENCY = 20
"""Points for which a request is in flight: others have the time to come to theirs."""
IN_TURN = ()
SCHEDULES = [
    IN_TURN,
    *([(gap, who)] * 200 for gap, who in itertools.product((0, 3, 7), (0, 1))),
    [(40, 1), (12, 0)] * 20,
    [(3, 2)] * 200,
]
"""How threads may take turns: the token moves after so many points, to the one or the other."""
# Points to pass, then whom of the others to hand the token to.
schedules = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 3)), max_size=60)


@dataclass
class Run:
    """What a run came to, at the moment at which the program would end."""

    how: str = "returned"
    counted: dict[str, str] = field(default_factory=dict)
    times_counted: Counter = field(default_factory=Counter)
    lines: list[str] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    most_in_flight: int = 0
    threads: int = 0
    steps: int = 0


class Network:
    """A `get_flag` of which the answers are known; it counts who is in it."""

    def __init__(self, world):
        self.world = world
        self.in_flight = self.most = 0

    def get_flag(self, base_url, cc):
        self.in_flight += 1
        self.most = max(self.most, self.in_flight)
        for _ in range(LATENCY):
            point()
        self.in_flight -= 1
        if self.world[cc] == "ok":
            return body_of(cc)
        status = {"not_found": 404, "error": 503}[self.world[cc]]
        reply = types.SimpleNamespace(status_code=status)
        raise requests.HTTPError(f"HTTP {status} - sorry", response=reply)


def body_of(cc):
    return cc.encode() * 50


def program(edits=()):
    """A fresh copy of the downloader, with switch points."""
    return loaded("flags2_common", "flags2_threadpool", edits=edits)


def play(port, schedule, m=2, world=WORLD, interrupts=(), broken_stdout=None):
    """Run `download_many` under a schedule; what there is when it has come to its end."""
    run, network, out = Run(), Network(world), io.StringIO()
    scheduler = Scheduler(schedule, interrupts)
    pools = []  # kept: a Ctrl-C while one is being collected is nobody's

    def pool(max_workers):
        pools.append(ThreadPoolExecutor(max_workers))
        return pools[-1]

    def main(folder):
        try:
            tally = port.download_many(list(world), "http://localhost/flags", True, m)
            scheduler.armed = False
        except KeyboardInterrupt as exc:
            scheduler.armed = False
            run.how = type(exc).__name__
            tally = getattr(exc, "counter", None)
        except OSError:
            scheduler.armed = False
            run.how, tally = "OSError", None
        run.steps, run.most_in_flight = scheduler.steps, network.most
        run.files = {path.name: path.read_bytes() for path in Path(folder).iterdir()}
        run.lines = out.getvalue().splitlines(keepends=True)
        run.threads = scheduler.alive
        if tally is not None:
            run.times_counted = Counter(tally.codes)
            run.counted = {str(status.name): count for status, count in tally.items() if count}
        if run.how == "returned":
            end_of_interpreter()

    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.object(port.common, "DEST_DIR", folder),
        mock.patch.object(port, "get_flag", network.get_flag),
        mock.patch.object(port.futures, "ThreadPoolExecutor", pool),
        mock.patch.object(port.tqdm, "tqdm", lambda futures, total: futures),
        contextlib.redirect_stdout(broken_stdout or out),
        scheduled_library(),
    ):
        scheduler.armed = bool(interrupts)
        scheduler.run(lambda: main(folder))
    return run


def check_whole(run, world, m):
    """A run that nobody interrupted."""
    assert run.how == "returned"
    assert run.times_counted == Counter(list(world))
    assert run.counted == Counter(world.values())
    assert sorted(run.lines) == sorted(f"{LINES[w].format(cc)}\n" for cc, w in world.items())
    assert run.files == {f"{cc.lower()}.gif": body_of(cc) for cc, w in world.items() if w == "ok"}
    assert run.most_in_flight <= m
    assert run.threads == 0


def check_interrupted(run, world):
    """What is reported is what is on disk, each code once; nothing is half done."""
    if run.how == "returned":
        check_whole(run, world, len(world))
        return
    if run.how == "KeyboardInterrupt":  # before anything was handed out
        assert (run.lines, run.files, run.most_in_flight) == ([], {}, 0)
        return
    assert run.how == "Interrupted"
    assert set(run.times_counted.values()) <= {1}
    counted = list(run.times_counted)
    assert run.counted == Counter(world[cc] for cc in counted)
    saved = {f"{cc.lower()}.gif": body_of(cc) for cc in counted if world[cc] == "ok"}
    assert run.files == saved
    told = [LINES[world[cc]].format(cc) + "\n" for cc in counted]
    assert Counter(run.lines) == Counter(told)


PORT = program()


# --- any order ------------------------------------------------------------------------------------


@examples(120)
@given(
    schedule=schedules,
    world=st.dictionaries(
        st.sampled_from(["AA", "BR", "CN", "DE", "EG"]), st.sampled_from(sorted(LINES)), min_size=1
    ),
    m=st.integers(1, 4),
)
@example(schedule=[], world=WORLD, m=2)
def test_every_code_is_counted_once_in_any_order_of_the_threads(schedule, world, m):
    check_whole(play(PORT, schedule, m, world), world, m)


@pytest.mark.parametrize("m", [1, 2, 3])
def test_as_many_as_announced_can_be_in_flight(m):
    assert max(play(PORT, schedule, m).most_in_flight for schedule in SCHEDULES) == m


# --- Ctrl-C ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("schedule", SCHEDULES, ids=range(len(SCHEDULES)))
def test_what_is_reported_on_ctrl_c_is_what_was_done_at_whatever_moment_it_comes(
    schedule, record_property
):
    for moment in itertools.count(1):
        run = play(PORT, schedule, interrupts=[moment])
        check_interrupted(run, WORLD)
        if run.steps < moment:
            break
    record_property("cases", moment)
    assert moment > 50


@examples(60)
@given(schedule=schedules, moment=st.integers(1, 150))
def test_ctrl_c_in_any_order_of_the_threads(schedule, moment):
    check_interrupted(play(PORT, schedule, interrupts=[moment]), WORLD)


@pytest.mark.parametrize("gap", [1, 2, 5])
def test_a_second_ctrl_c_ends_it_and_leaves_nothing_half_written(gap, record_property):
    for moment in range(1, 120, 1 if SCALE > 1 else 3):
        run = play(PORT, SCHEDULES[3], interrupts=[moment, moment + gap])
        assert run.how in ("returned", "Interrupted", "KeyboardInterrupt")
        assert all(name[:-4].upper() in WORLD for name in run.files)
    record_property("cases", moment)


# --- stdout has gone ------------------------------------------------------------------------------


class Broken(io.StringIO):
    """Fails at the n-th line."""

    def __init__(self, good):
        super().__init__()
        self.good = good

    def write(self, text):
        self.good -= 1
        if self.good < 0:
            raise BrokenPipeError
        return super().write(text)


@examples(60)
@given(schedule=schedules, good=st.integers(0, 3))
def test_no_thread_is_cut_off_while_it_saves_when_stdout_has_gone(schedule, good):
    run = play(PORT, schedule, broken_stdout=Broken(good))
    assert run.threads == 0
    assert all(body == body_of(name[:2].upper()) for name, body in run.files.items())


# --- what would go wrong --------------------------------------------------------------------------

TWINS = {
    "counts what it knows only": (
        'if last_word[cc] == "thread"]',
        'if last_word[cc] == "thread" and f.done()]',
    ),
    "takes the future that submit returns": (
        "            executor.submit(fulfil, future, cc)\n",
        "            to_do[codes.index(cc)] = executor.submit(settle, cc)\n",
    ),
    "saves what was given up": ("            conclude(cc)\n", "            pass\n"),
    "one thread more": ("max_workers=concur_req", "max_workers=concur_req + 1"),
    "one write for the line, one for its end": (
        '    sys.stdout.write(f"{line}\\n")\n',
        '    sys.stdout.write(line)\n    sys.stdout.write("\\n")\n',
    ),
}


def check_all(port):
    alike = dict.fromkeys(WORLD, "not_found")  # threads come to the same line together
    for schedule, world in itertools.product(SCHEDULES, (WORLD, alike)):
        check_whole(play(port, schedule, world=world), world, 2)
    for schedule in SCHEDULES:
        for moment in range(1, 140):
            check_interrupted(play(port, schedule, interrupts=[moment]), WORLD)


@pytest.mark.parametrize("twin", TWINS)
def test_a_broken_twin_is_caught(twin):
    with pytest.raises((AssertionError, Deadlock)):
        check_all(program([TWINS[twin]]))
