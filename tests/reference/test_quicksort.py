"""The iterative quicksort: it sorts, and makes the listings' comparisons and swaps.

The oracle for what it makes is `sorted`; for how, the traces recorded from both listings.
"""

import contextlib
import math
import random
from array import array
from collections import Counter, deque
from collections.abc import Iterator, MutableSequence
from itertools import permutations, product
from unittest import mock

import pytest
from golden.normalise import digest
from golden.observe import recorded
from hypothesis import given
from hypothesis import strategies as st
from support.examples import examples

from reference import quicksort as port
from reference.quicksort import quicksort

CASES = recorded("quicksort.json")["cases"]
NAN = float("nan")

numbers = st.floats(allow_nan=False)
lists = st.one_of(
    st.lists(st.integers(0, 3), max_size=25),
    st.lists(st.integers(-5, 5) | numbers, max_size=25),
    st.lists(st.text(max_size=2), max_size=20),
    st.lists(st.tuples(st.integers(0, 2), st.sampled_from(["", "a", "b"])), max_size=20),
)


def recorded_input(case: dict) -> list:
    return [float(x) for x in case["input"]] if case["type"] == "float" else list(case["input"])


@contextlib.contextmanager
def tracing() -> Iterator[list[str]]:
    """The comparisons and swaps that are made meanwhile, as `c0,1` and `s0,1`."""
    trace: list[str] = []
    compare, swap = port.compare, port.swap

    def comparing(arr: MutableSequence, i: int, j: int) -> int:
        trace.append(f"c{i},{j}")
        return compare(arr, i, j)

    def swapping(arr: MutableSequence, i: int, j: int) -> None:
        trace.append(f"s{i},{j}")
        swap(arr, i, j)

    with mock.patch.object(port, "compare", comparing), mock.patch.object(port, "swap", swapping):
        yield trace


def test_a_comparison_is_one_of_three_numbers():
    assert [port.compare([1, 2, 2], *pair) for pair in ((0, 1), (1, 2), (2, 0))] == [-1, 0, 1]


def comparisons(items: list) -> int:
    """How many comparisons it takes to sort `items`, which are left alone."""
    with tracing() as trace:
        quicksort(items.copy())
    return sum(op[0] == "c" for op in trace)


def is_as_recorded(trace: list[str], recording: str | dict) -> bool:
    text = " ".join(trace)
    if isinstance(recording, str):
        return text == recording
    made = Counter(op[0] for op in trace)
    return {"c": made["c"], "s": made["s"], "sha256": digest(text)} == recording


# How it sorts.


def test_comparisons_and_swaps_are_those_of_the_listings_in_their_order():
    different = []
    for case in CASES:
        items = recorded_input(case)
        with tracing() as trace:
            quicksort(items)
        if not is_as_recorded(trace, case["trace"]):
            different.append(f"{case['name']} of {len(items)}")
    assert different == []


@examples(120)
@given(lists)
def test_swaps_within_the_list_alone_turn_the_input_into_the_output(items):
    moved, output = items.copy(), items.copy()
    with tracing() as trace:
        quicksort(output)
    for op in trace:
        i, j = map(int, op[1:].split(","))
        assert 0 <= min(i, j) <= max(i, j) < len(items), "no comparison leaves the list"
        if op[0] == "s":
            moved[i], moved[j] = moved[j], moved[i]
    assert list(map(id, moved)) == list(map(id, output))


# That it sorts.


@examples(120)
@given(lists)
def test_the_result_is_the_sorted_list_of_the_very_items_in_place(items):
    expected, given_items = sorted(items), sorted(map(id, items))
    assert quicksort(items) is None
    assert items == expected
    assert sorted(map(id, items)) == given_items


@examples(60)
@given(lists, st.sampled_from(["sorted", "reversed", "organ pipe"]))
def test_any_list_in_a_treacherous_order_is_sorted(items, shape):
    expected = sorted(items)
    items = {
        "sorted": expected.copy(),
        "reversed": expected[::-1],
        "organ pipe": expected[::2] + expected[1::2][::-1],
    }[shape]
    quicksort(items)
    assert items == expected


@examples(60)
@given(st.lists(st.sampled_from([NAN]) | st.floats() | st.integers(-3, 3), max_size=25))
def test_with_nan_the_result_is_still_a_permutation(items):
    given_items = sorted(map(id, items))
    quicksort(items)
    assert sorted(map(id, items)) == given_items


@examples(25)
@given(st.lists(st.integers(-(2**31), 2**31), max_size=25))
def test_any_mutable_sequence_is_sorted(items):
    for kind in (deque, lambda numbers: array("q", numbers)):
        sequence = kind(items)
        quicksort(sequence)
        assert list(sequence) == sorted(items)


def test_every_list_of_up_to_seven_items_of_four_values_is_sorted():
    for n in range(8):
        for items in map(list, product(range(4), repeat=n)):
            expected = sorted(items)
            quicksort(items)
            assert items == expected


@pytest.mark.slow
def test_every_permutation_of_eight_items_is_sorted():
    expected = list(range(8))
    for items in map(list, permutations(expected)):
        quicksort(items)
        assert items == expected


def test_equal_items_may_change_places():
    items = [0, 0, 1, 0, False]
    assert [type(item) for item in sorted(items)] == [int, int, int, bool, int]
    quicksort(items)
    assert [type(item) for item in items] == [int, int, bool, int, int]


def test_thousands_of_items_are_sorted_without_recursion():
    n, chance = 3_000, random.Random(3)
    for items in (
        [chance.random() for _ in range(n)],
        list(range(n)),
        list(range(n))[::-1],
        [0] * n,
        [str(chance.randrange(n)) for _ in range(n)],
    ):
        expected = sorted(items)
        quicksort(items)
        assert items == expected


# What it costs. The bounds were measured: at most 0.45 n**2 + n comparisons were found by
# climbing from random lists of 10 to 40 items, and every list of up to 7 items was tried.


def worst_found(n: int) -> list[int]:
    """One small item, half the list large ones, then small ones: 3/8 of n squared."""
    half = n // 2
    return ([0] + [1] * (half - 1) + [0] * n)[:n]


def quadratic(n: int) -> float:
    return n * n / 2 + 2 * n


@examples(60)
@given(st.lists(st.integers(0, 3), max_size=40) | st.lists(st.integers(0, 1), max_size=60))
def test_no_list_takes_more_comparisons_than_half_its_square_and_twice_its_length(items):
    assert comparisons(items) <= quadratic(len(items))


def test_shuffled_items_take_less_than_one_and_a_half_n_log_n_comparisons(record_property):
    for n in (100, 1000):
        chance = random.Random(n)
        most = max(comparisons(chance.sample(range(n), n)) for _ in range(10))
        record_property(f"comparisons of {n} shuffled items over n log2 n", most / n / math.log2(n))
        assert most < 1.5 * n * math.log2(n)


def test_sorted_and_reversed_items_take_less_than_n_log_n_comparisons():
    ordered = list(range(1000))
    assert comparisons(ordered) < 1000 * math.log2(1000)
    assert comparisons(ordered[::-1]) < 1000 * math.log2(1000)


def test_equal_items_take_two_comparisons_each():
    assert [comparisons([7] * n) for n in (10, 100, 1000)] == [21, 201, 2001]


def test_adversaries_take_a_quarter_to_three_eighths_of_the_square(record_property):
    killer = max((c["input"] for c in CASES if c["name"] == "killer"), key=len)
    for name, items, share in [
        ("killer", killer, 0.25),
        ("alternating", [i % 2 for i in range(400)], 0.25),
        ("worst found", worst_found(400), 0.375),
    ]:
        measured = comparisons(items) / len(items) ** 2
        record_property(f"comparisons of 400 items ({name}) over n squared", measured)
        assert share < measured < share + 0.02
