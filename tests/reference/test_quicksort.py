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
    st.lists(st.integers(), max_size=60),
    st.lists(st.integers(0, 3), max_size=60),
    st.lists(numbers, max_size=60),
    st.lists(st.integers(-5, 5) | numbers, max_size=60),
    st.lists(st.text(max_size=4), max_size=60),
    st.lists(st.tuples(st.integers(0, 2), st.text("ab", max_size=2)), max_size=60),
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
    made = 0
    compare = port.compare

    def counting(arr: MutableSequence, i: int, j: int) -> int:
        nonlocal made
        made += 1
        return compare(arr, i, j)

    with mock.patch.object(port, "compare", counting):
        quicksort(items.copy())
    return made


def is_as_recorded(trace: list[str], recording: str | dict) -> bool:
    text = " ".join(trace)
    if isinstance(recording, str):
        return text == recording
    made = Counter(op[0] for op in trace)
    return {"c": made["c"], "s": made["s"], "sha256": digest(text)} == recording


def differing_from_recorded() -> list[str]:
    different = []
    for case in CASES:
        items = recorded_input(case)
        with tracing() as trace:
            quicksort(items)
        if not is_as_recorded(trace, case["trace"]):
            different.append(f"{case['name']} of {len(items)}")
    return different


# How it sorts.


def test_comparisons_and_swaps_are_those_of_the_listings_in_their_order():
    assert differing_from_recorded() == []


def test_what_was_recorded_covers_each_shape_and_long_lists():
    names = {case["name"] for case in CASES}
    assert {"random", "equal", "two values", "sorted", "reversed", "organ pipe"} <= names
    assert {"killer", "worst found", "NaN", "words", "floats"} <= names
    assert max(len(case["input"]) for case in CASES) >= 400


@examples(200)
@given(lists)
def test_the_swaps_alone_turn_the_input_into_the_output(items):
    moved, output = items.copy(), items.copy()
    with tracing() as trace:
        quicksort(output)
    for op in trace:
        if op[0] == "s":
            i, j = map(int, op[1:].split(","))
            moved[i], moved[j] = moved[j], moved[i]
    assert moved == output


@examples(200)
@given(lists)
def test_no_comparison_or_swap_leaves_the_list(items):
    with tracing() as trace:
        quicksort(items)
    assert all(0 <= int(place) < len(items) for op in trace for place in op[1:].split(","))


# That it sorts.


@examples(1000)
@given(lists)
def test_the_result_is_the_sorted_list_in_place(items):
    expected = sorted(items)
    assert quicksort(items) is None
    assert items == expected


@examples(200)
@given(lists)
def test_the_result_holds_the_very_items_that_were_given(items):
    given_items = sorted(map(id, items))
    quicksort(items)
    assert sorted(map(id, items)) == given_items


@examples(200)
@given(lists)
def test_sorting_twice_is_sorting_once(items):
    quicksort(items)
    once = items.copy()
    quicksort(items)
    assert list(map(id, items)) == list(map(id, once)) or items == once


@examples(200)
@given(lists, st.sampled_from(["sorted", "reversed", "organ pipe", "doubled"]))
def test_any_list_in_a_treacherous_order_is_sorted(items, shape):
    expected = sorted(items)
    if shape == "reversed":
        items = expected[::-1]
    elif shape == "organ pipe":
        items = expected[::2] + expected[1::2][::-1]
    elif shape == "doubled":
        items, expected = expected * 2, sorted(expected * 2)
    else:
        items = expected.copy()
    quicksort(items)
    assert items == expected


@examples(400)
@given(st.lists(st.just(NAN) | st.floats() | st.integers(-3, 3), max_size=60))
def test_with_nan_the_result_is_still_a_permutation(items):
    given_items = sorted(map(id, items))
    quicksort(items)
    assert sorted(map(id, items)) == given_items


@examples(150)
@given(st.lists(st.integers(-(2**31), 2**31), max_size=60))
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


@pytest.mark.parametrize("case", [c for c in CASES if c["name"] in ("killer", "worst found")][-2:])
def test_the_recorded_adversaries_are_sorted(case):
    items = recorded_input(case)
    quicksort(items)
    assert items == sorted(case["input"])


@pytest.mark.parametrize("n", [2_000, 8_000])
def test_thousands_of_items_are_sorted_without_recursion(n):
    chance = random.Random(n)
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


@examples(400)
@given(lists | st.lists(st.integers(0, 1), max_size=120))
def test_no_list_takes_more_comparisons_than_half_its_square_and_twice_its_length(items):
    assert comparisons(items) <= quadratic(len(items))


@pytest.mark.parametrize("n", [100, 500, 2000])
def test_shuffled_items_take_less_than_one_and_a_half_n_log_n_comparisons(n, record_property):
    chance = random.Random(n)
    most = max(comparisons(chance.sample(range(n), n)) for _ in range(10))
    record_property(f"comparisons of {n} shuffled items over n log2 n", most / (n * math.log2(n)))
    assert most < 1.5 * n * math.log2(n)


@pytest.mark.parametrize("shape", ["sorted", "reversed"])
def test_sorted_and_reversed_items_take_less_than_n_log_n_comparisons(shape, record_property):
    n = 1000
    made = comparisons(list(range(n))[:: 1 if shape == "sorted" else -1])
    record_property(f"comparisons of {n} {shape} items over n log2 n", made / (n * math.log2(n)))
    assert made < n * math.log2(n)


@pytest.mark.parametrize("n", [10, 100, 1000])
def test_equal_items_take_two_comparisons_each(n):
    assert comparisons([7] * n) == 2 * n + 1


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
