"""The downloader on asyncio in any order of its tasks, interrupted at any moment, in no time."""

import asyncio
import contextlib
import io
import itertools
import random
import signal
import socket
import sys
import threading
from collections import Counter
from dataclasses import dataclass, field
from unittest import mock

import aiohttp
import pytest
from aiohttp import web
from hypothesis import example, given
from hypothesis import strategies as st
from play import workplace
from support import SCALE, examples
from virtual_loop import BEGIN_S, Stuck, choices, in_turn, joined, orders, virtual_time

from mockservers.content.flag_images import flag
from mockservers.faults import Reset, Serve
from mockservers.flags2.codes import ALL_CODES
from mockservers.flags2.output import claims_of
from mockservers.plan import Plan
from reference import flags2_asyncio, flags2_common

# --- a run, and what became of it -------------------------------------------------------


@dataclass(frozen=True)
class Fate:
    """What `get_flag` comes to, and after how long."""

    outcome: str
    after_s: float = 0.0


class Double:
    """A `get_flag` that needs no server; it counts who is in it."""

    def __init__(self, fates):
        self._fates = fates
        self.in_flight = self.most_in_flight = 0

    async def get_flag(self, session, base_url, cc):
        if flags2_common.interrupted:
            raise flags2_common.NotStarted
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            fate = self._fates[cc]
            await asyncio.sleep(fate.after_s)  # the head of the reply
            if fate.outcome == "not_found":
                raise web.HTTPNotFound
            if fate.outcome == "error":
                raise aiohttp.ClientError("HTTP 503 - Service Unavailable")
            await asyncio.sleep(0)  # its body
            return body_of(cc)
        finally:
            self.in_flight -= 1


def body_of(cc):
    return flag(cc) or cc.encode()


@dataclass
class Run:
    """What a run printed and left."""

    stdout: str = ""
    status: int = 0
    """What the operating system would be told."""
    files: dict[str, bytes] = field(default_factory=dict)
    moments: int = 0
    """How often Ctrl-C could have been pressed."""
    elapsed_s: float = 0.0
    left: list[object] = field(default_factory=list)
    """What should not be there: tasks, sessions, sockets, threads, tracebacks."""

    @property
    def claims(self):
        return claims_of(self.stdout.splitlines())


def play(runner, codes, m, urls=None, *, verbose=True, press=None, lines=False):
    """Run the program as its command would, on the loop of `runner`.

    Ctrl-C is pressed at the moment `press`: a moment is a callback or a step of a task that
    has ended, or a round of the loop; with `lines`, a line of the program that begins. They are
    counted from the first step of `downloader_coro` to its last.
    """
    run, loop, out = Run(), runner.get_loop(), io.StringIO()
    sessions, others, threads = [], asyncio.all_tasks(runner.get_loop()), threading.active_count()

    def moment():
        run.moments += 1
        if run.moments - 1 == press:  # what a SIGINT does
            signal.getsignal(signal.SIGINT)(signal.SIGINT, None)

    async def watched(main):
        with traced(moment) if lines else each_moment(loop, moment):
            return await main

    def run_in_loop(main):
        try:
            return runner.run(watched(main))
        except BaseException:  # then `asyncio.run` gives up what is still under way
            tasks = asyncio.all_tasks(loop) - others
            for task in tasks:
                task.cancel()
            runner.run(gathered(tasks))
            raise

    # What would be a traceback on stderr, such as that of an exception that nobody asked for.
    loop.set_exception_handler(lambda _, context: run.left.append(context["message"]))
    began_s = loop.time()
    with (
        workplace(urls or {"LOCAL": "http://double.invalid"}) as folder,
        mock.patch.object(asyncio, "run", run_in_loop),
        mock.patch.object(aiohttp, "ClientSession", kept(aiohttp.ClientSession, sessions)),
        mock.patch("sys.argv", ["program", "-m", str(m), *["-v"] * verbose, *codes]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        try:
            flags2_asyncio.main()
        except SystemExit as exc:
            run.status = exc.code
        if folder.exists():
            run.files = {path.name: path.read_bytes() for path in folder.iterdir()}
    run.stdout, run.elapsed_s = out.getvalue(), loop.time() - began_s
    runner.run(asyncio.sleep(0))  # as `asyncio.run` does: transports say that they are closed
    run.left += asyncio.all_tasks(loop) - others
    run.left += [session for session in sessions if not session.closed]
    run.left += range(threading.active_count() - threads)
    return run


async def gathered(tasks):
    await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.contextmanager
def each_moment(loop, moment):
    loop.after_each = moment
    try:
        yield
    finally:
        loop.after_each = lambda: None


@contextlib.contextmanager
def traced(on_line):
    """Call `on_line` before each line of the program."""
    program = (flags2_asyncio.__file__, flags2_common.__file__)

    def trace(frame, event, _):
        if frame.f_code.co_filename not in program:
            return None
        if event == "line":
            on_line()
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)


def kept(make, instances):
    def make_and_keep(*args, **kwargs):
        instances.append(make(*args, **kwargs))
        return instances[-1]

    return make_and_keep


def play_double(fates, m, choose=in_turn, **how):
    double = Double(fates)
    with (
        virtual_time(choose) as runner,
        mock.patch.object(flags2_asyncio, "get_flag", double.get_flag),
    ):
        run = play(runner, fates, m, **how)
    return run, double


def play_joined(plan, codes, m, choose=in_turn, **how):
    """With the real client and the real servers; their ledger is the other result."""
    with virtual_time(choose) as runner, joined(runner, plan) as (servers, wire):
        run = play(runner, codes, m, servers.urls, **how)
        run.left += wire.open_ends
        runner.run(servers.settle())
        return run, runner.run(servers.ledger(stdout=run.stdout, asked=sorted(codes)))


def order_of(shuffle):
    """Choices by chance, from a seed. New ones for each run: to choose uses them up."""
    return shuffle if callable(shuffle) else choices(random.Random(shuffle).randbytes(500))


# --- the loop itself ---------------------------------------------------------------------


def order_in(choose):
    """In which order three tasks take their steps, and callbacks come, that are ready at once."""
    came = []

    async def steps(name):
        for _ in range(2):
            came.append(name)
            await asyncio.sleep(0)

    async def main():
        for number in range(2):
            asyncio.get_running_loop().call_soon(came.append, number)
        await asyncio.gather(*map(steps, "abc"))

    with virtual_time(choose) as runner:
        runner.run(main())
    return "".join(map(str, came))


def test_the_loop_takes_steps_of_tasks_in_any_order_and_callbacks_in_theirs():
    assert order_in(in_turn) == "01abcabc"
    orders_seen = {order_in(choices(numbers)) for numbers in itertools.product(range(3), repeat=6)}
    assert {order[2:5] for order in orders_seen} >= {*map("".join, itertools.permutations("abc"))}
    for order in orders_seen:
        assert order.index("0") < order.index("1")
        assert Counter(order) == Counter("01aabbcc")


def test_the_loop_serves_sockets_in_any_order():
    async def main():
        pairs = [await asyncio.open_connection(sock=end) for end in mine]
        came = []

        async def read(name, reader):
            await reader.read(1)
            came.append(name)

        tasks = [asyncio.create_task(read(*who)) for who in enumerate(r for r, _ in pairs)]
        await asyncio.sleep(1)
        for end in theirs:
            end.send(b"x")
        await asyncio.wait(tasks)
        for _, writer in pairs:
            writer.close()
        return tuple(came)

    seen = set()
    for seed in range(50):
        mine, theirs = zip(*(socket.socketpair() for _ in range(3)), strict=True)
        with virtual_time(order_of(seed)) as runner:
            seen.add(runner.run(main()))
        for end in theirs:
            end.close()
    assert seen == {*itertools.permutations(range(3))}


def test_the_loop_ends_what_goes_on_for_ever():
    async def main():
        while True:
            await asyncio.sleep(1)

    with virtual_time() as runner, pytest.raises(Stuck):
        runner.run(main())


def test_the_loop_waits_for_nothing_but_says_when_there_is_nothing_to_wait_for():
    async def main():
        await asyncio.sleep(9000)
        await asyncio.get_running_loop().create_future()

    with virtual_time() as runner:
        with pytest.raises(Stuck):
            runner.run(main())
        assert runner.get_loop().time() == pytest.approx(BEGIN_S + 9000)


# --- accounting, and the limit ------------------------------------------------------------

OUTCOMES = ("ok", "not_found", "error")
fates = st.builds(Fate, st.sampled_from(OUTCOMES), st.sampled_from([0.0, 0.5, 1.0, 60.0]))
worlds = st.dictionaries(st.sampled_from(ALL_CODES), fates, min_size=1, max_size=8)


def check_accounts(world, m, choose, verbose=True):
    """The claims of this chapter, for one run."""
    run, double = play_double(world, m, choose, verbose=verbose)
    asked = Counter(fate.outcome for fate in world.values())
    assert run.status == 0
    assert run.claims.totals == {**dict.fromkeys((*OUTCOMES, "interrupted"), 0), **asked}
    if verbose:
        assert run.claims.outcomes == {code: {fate.outcome: 1} for code, fate in world.items()}
    assert run.files == whole(code for code, fate in world.items() if fate.outcome == "ok")
    assert run.left == []
    delays = [fate.after_s for fate in world.values()]
    together = min(m, len(world))
    assert double.most_in_flight <= together
    assert double.in_flight == 0
    if all(delays):
        assert double.most_in_flight == together
    # As long as a code waits, nobody is idle (Graham's bound for any order of jobs).
    assert run.elapsed_s <= sum(delays) / together + max(delays) + 0.001


def whole(codes):
    return {f"{code.lower()}.gif": body_of(code) for code in codes}


@examples(100)
@given(world=worlds, m=st.integers(1, 5), choose=orders(), verbose=st.booleans())
@example(world={code: Fate("error") for code in ALL_CODES[:9]}, m=2, choose=in_turn, verbose=True)
def test_in_any_order_every_code_counts_once_and_the_limit_is_reached_and_kept(
    world, m, choose, verbose
):
    check_accounts(world, m, choose, verbose)


def test_a_delay_of_half_a_second_passes_on_the_clock_of_the_loop_alone():
    run, _ = play_double(dict.fromkeys(ALL_CODES[:400], Fate("ok", 0.5)), 4)
    assert run.elapsed_s == pytest.approx(400 / 4 * 0.5)


class OneTooMany(asyncio.Semaphore):
    def __init__(self, value):
        super().__init__(value + 1)


class Leaking(asyncio.Semaphore):
    async def __aexit__(self, exc_type, exc, traceback):
        if exc_type is None:
            self.release()


def miscounts(by):
    async def downloader_coro(*args):
        counter = await DOWNLOADER_CORO(*args)
        counter[next(iter(counter))] += by
        return counter

    return downloader_coro


DOWNLOADER_CORO = flags2_asyncio.downloader_coro


@pytest.mark.parametrize(
    ("name", "twin"),
    [
        ("asyncio.Semaphore", OneTooMany),
        ("asyncio.Semaphore", Leaking),
        ("downloader_coro", miscounts(-1)),
        ("downloader_coro", miscounts(1)),
        ("save_flag", lambda image, name: flags2_common.save_flag(image[:-1], name)),
    ],
)
def test_a_faulty_downloader_is_found_in_some_order(name, twin):
    world = {code: Fate("error" if code < "BR" else "ok", 0.5) for code in ("AA", "AB", "BR", "CN")}
    check_accounts(world, 2, in_turn)
    twinned = mock.patch(f"reference.flags2_asyncio.{name}", twin)
    with twinned, pytest.raises((AssertionError, Stuck)):
        check_accounts(world, 2, in_turn)


# --- Ctrl-C at every moment ----------------------------------------------------------------

WORLDS = [
    {"BR": Fate("ok", 0.5), "CN": Fate("not_found", 0.5), "DE": Fate("error", 1), "FR": Fate("ok")},
    {"BR": Fate("error"), "CN": Fate("ok"), "ZZ": Fate("not_found")},
]
SHUFFLES = [in_turn, *range(2 * SCALE)]
"""Orders: that of asyncio, and some by chance."""


def check_interrupted(run, codes):
    """What was finished is reported, each code once and truly; files are those called ok.

    `codes` may have the fate of each.
    """
    claims = run.claims
    assert run.status == 130
    assert claims.totals is not None, "no report"
    assert sum(claims.totals.values()) == len(codes)
    assert run.stdout.splitlines()[-1] == f"{claims.totals['interrupted']} interrupted."
    lines = Counter(
        outcome for said in claims.outcomes.values() for outcome in Counter(said).elements()
    )
    if lines:
        assert all(sum(said.values()) == 1 for said in claims.outcomes.values())
        assert lines == +Counter(claims.totals) - Counter(interrupted=len(codes))
        assert run.files == whole(code for code, said in claims.outcomes.items() if said.get("ok"))
        if isinstance(codes, dict):
            assert all(said.get(codes[code].outcome) for code, said in claims.outcomes.items())
    assert len(run.files) == claims.totals["ok"]
    assert run.files.items() <= whole(codes).items()
    assert run.left == []


def interrupt_everywhere(world, m=2, shuffle=in_turn, **how):
    """Check a run for every moment at which Ctrl-C may come; tell how many these are."""
    moments = play_double(world, m, order_of(shuffle), **how)[0].moments
    for moment in range(moments):
        run, _ = play_double(world, m, order_of(shuffle), press=moment, **how)
        check_interrupted(run, world)
    return moments


@pytest.mark.parametrize("verbose", [True, False])
@pytest.mark.parametrize("shuffle", SHUFFLES)
@pytest.mark.parametrize("world", WORLDS)
def test_ctrl_c_at_any_moment_ends_with_a_true_report(world, shuffle, verbose, record_property):
    moments = interrupt_everywhere(world, shuffle=shuffle, verbose=verbose)
    assert moments > 15
    record_property("cases", moments)


@pytest.mark.parametrize("verbose", [True, False])
@pytest.mark.parametrize("world", WORLDS)
def test_ctrl_c_before_any_line_of_the_program_ends_with_a_true_report(
    world, verbose, record_property
):
    lines = interrupt_everywhere(world, verbose=verbose, lines=True)
    assert lines > 50
    record_property("cases", lines)


async def calls_what_did_not_start_an_error(session, cc, *args):
    try:
        return await DOWNLOAD_ONE(session, cc, *args)
    except flags2_common.NotStarted as exc:
        raise flags2_asyncio.FetchError(cc) from exc


DOWNLOAD_ONE = flags2_asyncio.download_one


def test_a_downloader_that_ctrl_c_breaks_is_found():
    twinned = mock.patch.object(flags2_asyncio, "download_one", calls_what_did_not_start_an_error)
    with twinned, pytest.raises(AssertionError):
        interrupt_everywhere(WORLDS[0])


# --- with the real client and the real servers --------------------------------------------

PLAN = Plan(
    rules={"BR": (Serve(delay_s=0.5),), "DE": (Reset(300),), "FR": (Serve(delay_s=2.0),)},
)
CODES = ("BR", "DE", "FR", "ZZ")


def test_ctrl_c_at_any_moment_of_client_and_server_leaves_a_balanced_ledger(record_property):
    moments = play_joined(PLAN, CODES, 2)[0].moments
    assert moments > 100
    record_property("cases", moments)
    for moment in range(moments):
        run, ledger = play_joined(PLAN, CODES, 2, press=moment)
        check_interrupted(run, CODES)
        assert ledger.balanced, ledger.imbalances


@examples(30)
@given(choose=orders(400), moment=st.integers(0, 120))
def test_ctrl_c_at_some_moment_in_any_order_leaves_a_balanced_ledger(choose, moment):
    run, ledger = play_joined(PLAN, CODES, 2, choose, press=moment)
    if moment < run.moments:
        check_interrupted(run, CODES)
    else:
        assert run.status == 0  # it had ended
    assert ledger.balanced, ledger.imbalances
