"""One quicksort task per CPU, each in a process of its own.

Port of the listing `quicksort_processes.py`.
"""

from multiprocessing import Process, cpu_count
from os import getpid
from random import randint

from reference.quicksort import quicksort


def task(task_id: int) -> None:
    """Sort ten numbers and print them before and after."""
    print(f"[Task {getpid()}] process {task_id}")
    numbers = [n + randint(-50, 50) for n in range(10)]
    print("before", numbers)
    quicksort(numbers)
    print("after", numbers)


def make_process() -> None:
    """Start the tasks, numbered from 1, and wait for none of them."""
    for i in range(cpu_count()):
        Process(target=task, args=(i + 1,)).start()


def main() -> None:
    """Announce and start the tasks; the interpreter exits after the last one."""
    print("__name__ :  __main__")  # once, not in each spawned process
    print(f"[Main {getpid()}] process...")
    make_process()


if __name__ == "__main__":
    main()
