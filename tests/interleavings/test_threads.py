"""The downloader on threads under every schedule, interrupted at every point of its main thread."""

import argparse
import contextlib
import io
import itertools
import json
import re
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
from support import examples
from thread_schedule import (
    Deadlock,
    Lock,
    Scheduler,
    SimpleQueue,
    Thread,
    end_of_interpreter,
    loaded,
    point,
    scheduled_library,
)

WORLD = {"AA": "not_found", "BR": "ok", "CN": "error"}
ALL_OK = dict.fromkeys(WORLD, "ok")
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
        mock.patch.object(port.common, "SAVING", Lock()),
        mock.patch.object(port, "get_flag", network.get_flag),
        mock.patch.object(port.futures, "ThreadPoolExecutor", pool),
        mock.patch.object(port, "SimpleQueue", SimpleQueue),
        contextlib.redirect_stdout(broken_stdout or out),
        scheduled_library(),
    ):
        scheduler.armed = bool(interrupts)
        scheduler.run(lambda: main(folder))
    return run


class Ended(BaseException):
    """Stands for `os._exit`."""


def play_program(port, schedule, world, interrupts, good):
    """Run the program to its end; Ctrl-C comes, and threads take turns, from `download_many` on.

    `Run.files` are those at the moment of `os._exit`, with every thread where it then was; an end
    by a traceback cuts nobody off. Behind the announcement stdout takes `good` lines.
    """
    run, scheduler, pools = Run(how="0"), Scheduler((), interrupts), []
    asked = argparse.Namespace(max_req=2, server="LOCAL", verbose=True)

    def pool(max_workers):
        pools.append(ThreadPoolExecutor(max_workers))
        return pools[-1]

    def download_many(*arguments):
        scheduler.plan, scheduler.armed = iter(schedule), True
        scheduler.turn()
        return port.download_many(*arguments)

    def look():
        scheduler.armed = False
        run.files = {path.name: path.read_bytes() for path in Path(port.common.DEST_DIR).iterdir()}

    def end(status):
        run.how = str(status)
        look()
        raise Ended

    def main():
        try:
            port.common.main(download_many, 2, 2)
        except Ended:
            return
        except KeyboardInterrupt:
            run.how = "traceback"
        scheduler.armed = False

    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.object(port.common, "DEST_DIR", folder),
        mock.patch.object(port.common, "SAVING", Lock()),
        mock.patch.object(port.common, "process_args", return_value=(asked, list(world))),
        mock.patch.object(port.common.os, "_exit", end),
        mock.patch.object(port, "get_flag", Network(world).get_flag),
        mock.patch.object(port.futures, "ThreadPoolExecutor", pool),
        mock.patch.object(port, "SimpleQueue", SimpleQueue),
        contextlib.redirect_stdout(Broken(3 * 2 + good)),  # print() writes a line, and its end
        scheduled_library(),
    ):
        scheduler.run(main)  # and the threads that are left, to their ends
        if run.how in ("0", "traceback"):
            look()
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
PORTS = {name: loaded(name) for name in ("primes_threadpool", "quicksort_threads")}


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


CUT = [("    with SAVING:\n        os._exit", "    if True:\n        os._exit")]
# Found by chance, and shrunk: a thread is in the middle of a save when the program ends.
SECOND_CTRL_C = [(0, 0), (30, 0), (0, 0), (8, 0), (0, 0), (0, 0)]
STDOUT_GONE_TOO = [(0, 0), (0, 0), (0, 0), (9, 0), (8, 0), (29, 1), (30, 1), (0, 1), (9, 0)]
IN_THE_MIDDLE = [(SECOND_CTRL_C, (17, 18), 9), (STDOUT_GONE_TOO, (17,), 0)]


def check_ended(run):
    """At the moment at which the threads are cut off there is no half of a file."""
    assert run.how in ("0", "1", "130", "traceback")
    assert all(name.endswith(".gif") for name in run.files)
    assert run.files == {name: body_of(name[:2].upper()) for name in run.files}


@examples(80)
@given(
    schedule=schedules,
    interrupts=st.tuples(st.integers(1, 90), st.integers(1, 20)).map(lambda t: (t[0], sum(t))),
    good=st.sampled_from([0, 1, 9]),
)
@example(SECOND_CTRL_C, (17, 18), 9)
@example(STDOUT_GONE_TOO, (17,), 0)
def test_a_second_ctrl_c_or_a_stdout_gone_with_the_first_leaves_nothing_half_written(
    schedule, interrupts, good
):
    check_ended(play_program(PORT, schedule, ALL_OK, interrupts, good))


@pytest.mark.parametrize(("schedule", "interrupts", "good"), IN_THE_MIDDLE)
def test_a_program_that_ends_in_the_middle_of_a_save_is_caught(schedule, interrupts, good):
    run = play_program(program(CUT), schedule, ALL_OK, interrupts, good)
    with pytest.raises(AssertionError):
        check_ended(run)


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


# --- primes and quicksort -------------------------------------------------------------------------


class Shared(io.StringIO):
    """A stdout at which threads take turns."""

    def write(self, text):
        point()
        return super().write(text)


def lines_of(port, schedule, **replaced):
    """What the main function of `port` and the threads it leaves print under a schedule."""
    with contextlib.ExitStack() as stack:
        for name, value in replaced.items():
            stack.enter_context(mock.patch.object(port, name, value))
        stack.enter_context(scheduled_library())
        out = stack.enter_context(contextlib.redirect_stdout(Shared()))
        Scheduler(schedule).run(lambda: (port.main(), end_of_interpreter()))
    return out.getvalue().splitlines()


def check_primes(schedule, port):
    numbers = [9, 7, 15, 13]
    lines = lines_of(port, schedule, PRIMES=numbers)
    matches = [re.fullmatch(r"\[\d\d:\d\d:\d\d\] ([^\[].+)", line) for line in lines]
    assert all(matches)
    said = [match[1] for match in matches]
    results = [line for line in said if line.startswith("result ")]
    assert results == ["result 0: False", "result 1: True", "result 2: False", "result 3: True"]
    work = [line for line in said if line.startswith("is_prime")]
    assert sorted(work) == sorted(
        f"is_prime({n}): {what}" for n in numbers for what in ("doing calculating...", "done.")
    )
    assert len(said) == len(results) + len(work) + 3


def check_quicksort(schedule, port):
    lines = lines_of(port, schedule, Thread=Thread, cpu_count=lambda: 2)
    text = "\n".join(lines)
    tasks = re.findall(r"^\[Task (\d)\] process...\nbefore (\[.*\])\nafter (\[.*\])$", text, re.M)
    assert sorted(number for number, _, _ in tasks) == ["1", "2", "3", "4"]
    assert all(sorted(json.loads(before)) == json.loads(after) for _, before, after in tasks)
    assert len(lines) == 3 * len(tasks) + 1


CHECKS = {"primes_threadpool": check_primes, "quicksort_threads": check_quicksort}
TORN = {
    "primes_threadpool": ('{message}\\n", end="")', '{message}")'),
    "quicksort_threads": (
        '    print(f"{message}after',
        '    print(message, end="")\n    print(f"after',
    ),
}


@examples(30)
@given(schedule=schedules, module=st.sampled_from(sorted(CHECKS)))
def test_lines_of_the_other_programs_are_whole_and_their_results_in_order(schedule, module):
    CHECKS[module](schedule, PORTS[module])


@pytest.mark.parametrize("module", sorted(CHECKS))
def test_lines_in_two_writes_are_caught(module):
    port = loaded(module, edits=[TORN[module]])

    def check_all():
        for schedule in SCHEDULES:
            CHECKS[module](schedule, port)

    with pytest.raises(AssertionError):
        check_all()


# --- what would go wrong --------------------------------------------------------------------------

TWINS = {
    "counts what it has heard of only": (
        'list(last_word.values()).count("thread")',
        "0",
    ),
    "is interrupted at any moment": ("    ours = python_handles_it and", "    ours = False and"),
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
