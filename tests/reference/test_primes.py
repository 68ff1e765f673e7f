"""Trial division, its kept oddities, and results in input order whichever finishes first.

Oracles: the sieve of Eratosthenes, and the test of Miller and Rabin beyond it.
"""

import contextlib
import io
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from unittest import mock

import pytest
from golden.normalise import displayed, without_time
from golden.observe import Writes, recorded
from hypothesis import given
from hypothesis import strategies as st
from support.examples import examples

from reference import primes_threadpool as port

GOLDEN = recorded("primes.json")
SIEVED = 30_000
MOST = 10**10


def unseen(message: str) -> None:
    """Takes the place of `display`."""


def quietly(n: float) -> bool:
    """`is_prime(n)` without what it prints."""
    with mock.patch.object(port, "display", unseen):
        return port.is_prime(n)


def primes_below(limit: int) -> list[bool]:
    """For each n below `limit`, whether it is prime, by the sieve of Eratosthenes."""
    prime = [n > 1 for n in range(limit)]
    for n in range(2, limit):
        if prime[n]:
            prime[n * n :: n] = [False] * len(prime[n * n :: n])
    return prime


def is_strong_probable_prime(n: int, base: int) -> bool:
    twos = ((n - 1) & (1 - n)).bit_length() - 1
    x = pow(base, (n - 1) >> twos, n)
    return x in (1, n - 1) or any((x := x * x % n) == n - 1 for _ in range(twos - 1))


def passes_miller_rabin(n: int) -> bool:
    """For odd n above 37: these bases leave no liar below 3.3 * 10**24 (Sorenson and Webster)."""
    return all(is_strong_probable_prime(n, b) for b in (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37))


def outcome(n: float) -> str:
    try:
        return str(quietly(n))
    except (ValueError, OverflowError) as exc:
        return type(exc).__name__


def test_each_recorded_number_has_the_recorded_verdict():
    different = []
    letters = {"True": "T", "False": "F", "ValueError": "V"}
    for span, verdicts in GOLDEN["table"].items():
        first, last = map(int, span.split(".."))
        for n, verdict in zip(range(first, last + 1), verdicts, strict=True):
            if letters[outcome(n)] != verdict:
                different.append((n, verdict))
    different += [(n, v) for n, v in GOLDEN["beyond"] if outcome(int(n)) != v]
    assert not different


def test_each_recorded_number_that_is_no_integer_has_the_recorded_verdict():
    numbers = {"True": True, "False": False}
    for text, verdict in GOLDEN["no_integers"]:
        assert outcome(numbers.get(text) if text in numbers else float(text)) == verdict


def test_from_3_to_30_000_the_verdicts_are_those_of_the_sieve():
    prime = primes_below(SIEVED)
    with mock.patch.object(port, "display", unseen):
        assert [n for n in range(3, SIEVED) if port.is_prime(n) is not prime[n]] == []


def test_the_two_oracles_agree():
    prime = primes_below(SIEVED)
    assert all(passes_miller_rabin(n) is prime[n] for n in range(39, SIEVED, 2))


@examples(400)
@given(st.integers(SIEVED, MOST))
def test_beyond_the_sieve_the_verdict_is_that_of_miller_and_rabin(n):
    assert quietly(n) is (n % 2 == 1 and passes_miller_rabin(n))


@examples(60)
@given(st.integers(SIEVED, MOST))
def test_the_next_prime_after_any_number_is_found_prime(n):
    n |= 1
    while not passes_miller_rabin(n):
        n += 2
    assert quietly(n) is True


@examples(400)
@given(st.integers(3, 10**5), st.integers(3, 10**5))
def test_no_product_is_prime(a, b):
    assert quietly(a * b) is False
    assert quietly(a * a) is False, "no square is missed by a root that is too small"


# Oddities that are kept.


def test_two_is_not_prime():
    assert quietly(2) is False


def test_one_is_prime():
    assert quietly(1) is True


@examples(400)
@given(st.integers(max_value=-1).map(lambda n: n | 1))
def test_an_odd_negative_number_raises_value_error(n):
    with pytest.raises(ValueError):  # noqa: PT011 - the text differs between Python versions
        quietly(n)


@examples(400)
@given(st.integers(max_value=0).map(lambda n: n * 2))
def test_zero_and_even_negative_numbers_are_not_prime(n):
    assert quietly(n) is False


# What is printed.


def test_each_recorded_number_is_announced_and_done_as_recorded():
    for n, text in GOLDEN["printed"].items():
        with (
            contextlib.redirect_stdout(io.StringIO()) as out,
            contextlib.suppress(ValueError, OverflowError),
        ):
            port.is_prime(int(n))
        assert without_time(out.getvalue()) == text


@examples(60)
@given(st.integers(0, 10**5))
def test_a_verdict_is_announced_before_and_after(n):
    with contextlib.redirect_stdout(io.StringIO()) as out:
        port.is_prime(n)
    assert displayed(out.getvalue()) == [
        f"is_prime({n}): doing calculating...",
        f"is_prime({n}): done.",
    ]


@examples(400)
@given(st.text())
def test_a_displayed_message_is_one_write_where_the_listing_made_two(message):
    assert GOLDEN["display_writes"] == ["[TIME] a message", "\n"]
    with contextlib.redirect_stdout(Writes()) as out:
        port.display(message)
    (piece,) = out.pieces
    assert re.fullmatch(r"\[\d\d:\d\d:\d\d\] ", piece[:11])
    assert piece[11:] == f"{message}\n"


# The pool.


def test_the_fourteen_numbers_and_what_is_printed_of_them_are_those_of_the_listing(capsys):
    """Without the time that `is_prime` takes; the recorded results are right."""
    with mock.patch.object(port, "is_prime", lambda n: n % 2 == 1 and passes_miller_rabin(n)):
        port.main()
    assert GOLDEN["numbers"] == port.PRIMES
    assert displayed(capsys.readouterr().out) == GOLDEN["main_lines"]


def main_finishing(choices: list[int], results: list[object]) -> tuple[list[str], list[int], int]:
    """What `main` prints if its calls end by `choices`, their order, and most of them at once.

    `choices[k]` picks, among the calls that run at once, the one that ends as the k-th.
    """
    running: dict[int, threading.Event] = {}
    changed = threading.Condition()
    order, most = [], 0

    def is_prime(i: int) -> object:
        may_end = threading.Event()
        with changed:
            running[i] = may_end
            changed.notify()
        assert may_end.wait(timeout=60)
        return results[i]

    def end_one_after_the_other() -> None:
        nonlocal most
        for k, choice in enumerate(choices):
            full = min(3, len(choices) - k)
            with changed:
                assert changed.wait_for(lambda full=full: len(running) >= full, 60)
                most = max(most, len(running))
                order.append(sorted(running)[choice % full])
                running.pop(order[-1]).set()

    conductor = threading.Thread(target=end_one_after_the_other)
    with (
        mock.patch.object(port, "PRIMES", list(range(len(results)))),
        mock.patch.object(port, "is_prime", is_prime),
        contextlib.redirect_stdout(io.StringIO()) as out,
    ):
        conductor.start()
        port.main()
        conductor.join()
    return displayed(out.getvalue()), order, most


@examples(25)
@given(st.lists(st.tuples(st.integers(0, 2), st.booleans()), max_size=14))
def test_results_come_in_input_order_whichever_finishes_first(drawn):
    choices, results = [choice for choice, _ in drawn], [result for _, result in drawn]
    lines, order, _ = main_finishing(choices, results)
    assert sorted(order) == list(range(len(drawn)))
    assert lines[3:] == [f"result {i}: {result}" for i, result in enumerate(results)]


def test_three_numbers_are_calculated_at_once_and_may_finish_in_another_order():
    _, order, most = main_finishing([2] * 14, list(range(14)))
    assert order == [*range(2, 14), 0, 1]
    assert most == 3


def test_ctrl_c_starts_no_further_number_and_ends_with_130():
    release = threading.Event()
    started: list[int] = []
    pools: list[ThreadPoolExecutor] = []

    class Pool(ThreadPoolExecutor):
        def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
            pools.append(self)
            super().shutdown(wait=False, cancel_futures=cancel_futures)

    def blocked(n: int) -> bool:
        started.append(n)
        return release.wait(timeout=60)

    def display(message: str) -> None:
        if message == "Waiting for individual results:":
            raise KeyboardInterrupt

    with (
        mock.patch.object(port.futures, "ThreadPoolExecutor", Pool),
        mock.patch.object(port, "is_prime", blocked),
        mock.patch.object(port, "display", display),
        pytest.raises(SystemExit) as ended,
    ):
        port.main()
    release.set()
    ThreadPoolExecutor.shutdown(pools[0])  # whatever was not given up runs now
    assert ended.value.code == 130
    assert len(started) <= 3
