"""Two quicksort tasks per CPU, each in a thread of its own.

Port of the listing `quicksort_threads.py`.
"""

from os import cpu_count
from random import randint
from threading import Thread

from reference.quicksort import quicksort


def task(task_id: int) -> None:
    """Sort ten numbers, and print them before and after in one write: threads share stdout."""
    numbers = [n + randint(-50, 50) for n in range(10)]
    message = f"[Task {task_id}] process...\nbefore {numbers}\n"
    quicksort(numbers)
    print(f"{message}after {numbers}\n", end="")


def make_thread() -> None:
    """Start the tasks, numbered from 1, and wait for none of them."""
    for i in range((cpu_count() or 1) * 2):
        Thread(target=task, args=(i + 1,)).start()


def main() -> None:
    """Announce and start the tasks; the interpreter exits after the last one."""
    print("[Main] process...")
    make_thread()


if __name__ == "__main__":
    main()
