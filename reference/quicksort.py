"""The iterative quicksort of the two quicksort programs.

Port of what the listings `quicksort_processes.py` and `quicksort_threads.py` have in common:
the same comparisons and the same swaps, in the same order.
"""

from collections import deque
from collections.abc import MutableSequence
from typing import Any


def compare(arr: MutableSequence[Any], i: int, j: int) -> int:
    """-1 if `arr[i]` is less than `arr[j]`, 1 if it is greater, else 0."""
    if arr[i] < arr[j]:
        return -1
    if arr[i] > arr[j]:
        return 1
    return 0


def swap(arr: MutableSequence[Any], i: int, j: int) -> None:
    """Exchange the items at the indices `i` and `j`."""
    arr[i], arr[j] = arr[j], arr[i]


def quicksort(array: MutableSequence[Any]) -> None:
    """Sort `array` in place, ascending. Not stable, no recursion, quadratic in the worst case.

    Items need `<` and `>`. Without a total order (NaN) the result is still a permutation.
    """
    queue = deque([(0, len(array))])
    while queue:
        start, end = queue.popleft()
        if end - start < 5:  # a short range is sorted by insertion
            for i in range(start + 1, end):
                j = i - 1
                while j >= start and compare(array, j, j + 1) > 0:
                    swap(array, j, j + 1)
                    j -= 1
            continue

        # The pivot is the median of the first, the middle and the last item: swap it to `start`.
        middle, last = (start + end) // 2, end - 1
        if compare(array, last, middle) < 0:
            swap(array, last, middle)
        if compare(array, last, start) < 0:
            swap(array, last, start)
        if compare(array, start, middle) < 0:
            swap(array, start, middle)

        left, right = start, end
        while left <= right:
            right -= 1
            while right > start and compare(array, right, start) >= 0:
                right -= 1
            left += 1
            while left < end and compare(array, left, start) <= 0:
                left += 1
            if left <= right:
                swap(array, left, right)
        swap(array, start, right)

        if right - start > 1:
            queue.append((start, right))
        if end - left > 1:
            queue.append((left, end))
