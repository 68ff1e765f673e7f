"""The downloader on asyncio in any order of its tasks, interrupted at any moment, in no time."""

import asyncio
import itertools
import socket
from collections import Counter
from unittest import mock

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.examples import examples
from support.played_orders import OUTCOMES, Fate, fates, order_of, play_double, whole
from support.virtual_loop import BEGIN_S, Stuck, choices, in_turn, orders, virtual_time

from mockservers.flags2.codes import ALL_CODES
from reference import flags2_asyncio, flags2_common
from reference.flags2_common import HTTPStatus

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
    orders_seen = {order_in(choices(numbers)) for numbers in itertools.product(range(3), repeat=4)}
    assert {order[2:5] for order in orders_seen} >= {*map("".join, itertools.permutations("abc"))}
    assert all(order.index("0") < order.index("1") for order in orders_seen)
    assert {"".join(sorted(order)) for order in orders_seen} == {"01aabbcc"}


def test_the_loop_serves_sockets_in_any_order():
    async def read(name, end, came):
        await asyncio.get_running_loop().sock_recv(end, 1)
        came.append(name)

    async def main():
        came, pairs = [], [socket.socketpair() for _ in range(3)]
        for mine, _ in pairs:
            mine.setblocking(False)
        tasks = [asyncio.create_task(read(n, mine, came)) for n, (mine, _) in enumerate(pairs)]
        await asyncio.sleep(1)
        for _, other in pairs:
            other.send(b"x")
        await asyncio.gather(*tasks)
        for end in itertools.chain(*pairs):
            end.close()
        return tuple(came)

    seen = set()
    for seed in range(40):
        with virtual_time(order_of(seed)) as runner:
            seen.add(runner.run(main()))
    assert seen == {*itertools.permutations(range(3))}


def test_the_loop_ends_what_goes_on_for_ever():
    async def main():
        while True:
            await asyncio.sleep(50)

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


cases = st.dictionaries(st.sampled_from(ALL_CODES), fates, min_size=1, max_size=6)


def check_accounts(fate_of, m, choose, verbose=True):
    """The claims of this part, for one run."""
    run, double = play_double(fate_of, m, choose, verbose=verbose)
    asked = Counter(fate.outcome for fate in fate_of.values())
    assert run.status == 0
    assert run.claims.totals == {**dict.fromkeys((*OUTCOMES, "interrupted"), 0), **asked}
    if verbose:
        assert run.claims.outcomes == {code: {fate.outcome: 1} for code, fate in fate_of.items()}
    assert run.files == whole(code for code, fate in fate_of.items() if fate.outcome == "ok")
    assert run.left == []
    delays = [fate.after_s for fate in fate_of.values()]
    together = min(m, len(fate_of))
    assert double.most_in_flight <= together
    assert double.in_flight == 0
    if all(delays):
        assert double.most_in_flight == together
    # As long as a code waits, nobody is idle (Graham's bound for any order of jobs).
    assert run.elapsed_s <= sum(delays) / together + max(delays) + 0.001


@examples(60)
@given(fate_of=cases, m=st.integers(1, 5), choose=orders(), verbose=st.booleans())
@example(fate_of={code: Fate("error") for code in ALL_CODES[:9]}, m=2, choose=in_turn, verbose=True)
def test_in_any_order_every_code_counts_once_and_the_limit_is_reached_and_kept(
    fate_of, m, choose, verbose
):
    check_accounts(fate_of, m, choose, verbose)


def test_a_delay_of_half_a_second_passes_on_the_clock_of_the_loop_alone():
    run, _ = play_double(dict.fromkeys(ALL_CODES[:40], Fate("ok", 0.5)), 4)
    assert run.elapsed_s == pytest.approx(40 / 4 * 0.5)


class OneTooMany(asyncio.Semaphore):
    def __init__(self, value):
        super().__init__(value + 1)


class Leaking(asyncio.Semaphore):
    async def __aexit__(self, exc_type, exc, traceback):
        if exc_type is None:
            self.release()


DOWNLOADER_CORO = flags2_asyncio.downloader_coro


async def counts_one_too_few(*args):
    return await DOWNLOADER_CORO(*args) - Counter([HTTPStatus.ok])


async def counts_one_too_many(*args):
    return await DOWNLOADER_CORO(*args) + Counter([HTTPStatus.ok])


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("asyncio.Semaphore", OneTooMany),
        ("asyncio.Semaphore", Leaking),
        ("downloader_coro", counts_one_too_few),
        ("downloader_coro", counts_one_too_many),
        ("save_flag", lambda image, name: flags2_common.save_flag(image[:-1], name)),
    ],
)
def test_a_faulty_downloader_is_found_in_some_order(name, fault):
    codes = {code: Fate("error" if code < "BR" else "ok", 0.5) for code in ("AA", "AB", "BR", "CN")}
    check_accounts(codes, 2, in_turn)
    faulty = mock.patch(f"reference.flags2_asyncio.{name}", fault)
    with faulty, pytest.raises((AssertionError, Stuck)):
        check_accounts(codes, 2, in_turn)
