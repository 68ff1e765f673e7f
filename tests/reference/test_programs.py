"""The three programs that need no server, as installed commands and as `python -m`."""

import contextlib
import os
import re
import runpy
import subprocess
import sys
import threading
from pathlib import Path
from unittest import mock

import pytest
from golden.normalise import displayed, task_blocks, without_numbers
from golden.observe import Writes, recorded

from reference import primes_threadpool, quicksort_processes, quicksort_threads

PRIMES = recorded("primes.json")
QUICKSORTS = recorded("quicksort_programs.json")

both_ways = pytest.mark.parametrize(
    "how", ["installed", pytest.param("python -m", marks=pytest.mark.slow)]
)


def command(program: str, how: str) -> list[str]:
    if how == "installed":
        return [str(Path(sys.executable).with_name(program))]
    return [sys.executable, "-m", f"reference.{program.replace('-', '_')}"]


def ended(argv: list[str], *, unbuffered: bool = False) -> tuple[int, str, str]:
    """Status, stdout and stderr of a program."""
    env = {name: text for name, text in os.environ.items() if name != "PYTHONUNBUFFERED"}
    env["PYTHONSAFEPATH"] = "1"  # what is installed, not what lies in the working directory
    if unbuffered:
        env["PYTHONUNBUFFERED"] = "1"
    done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=110, check=False)
    return done.returncode, done.stdout, done.stderr


# Two of the fourteen numbers take no time.
QUICK = [4236544062, 12134123432]
RUN_QUICKLY = """
import runpy, sys
import reference.primes_threadpool as port
port.PRIMES[:] = {numbers}
runpy.run_path({path!r}, run_name="__main__")
"""


def test_primes_threadpool_is_installed_and_prints_to_stdout_alone():
    (path,) = command("primes-threadpool", "installed")
    status, out, err = ended([sys.executable, "-c", RUN_QUICKLY.format(numbers=QUICK, path=path)])
    assert (status, err) == (PRIMES["status"], PRIMES["stderr"])
    lines = displayed(out)
    results = [line for line in lines if line.startswith("result ")]
    assert lines[0] == PRIMES["main_lines"][0]
    assert results == ["result 0: False", "result 1: False"]


@pytest.mark.slow
def test_primes_threadpool_prints_each_number_before_and_after_and_the_results_in_input_order():
    status, out, err = ended(command("primes-threadpool", "python -m"), unbuffered=True)
    assert (status, err) == (PRIMES["status"], PRIMES["stderr"])
    of_numbers = [line for line in displayed(out) if line.startswith("is_prime(")]
    assert [line for line in displayed(out) if line not in of_numbers] == PRIMES["main_lines"]
    assert sorted(of_numbers) == PRIMES["is_prime_lines"]
    for n in set(PRIMES["numbers"]):
        first = of_numbers.index(f"is_prime({n}): doing calculating...")
        assert first < of_numbers.index(f"is_prime({n}): done.")
    assert all(re.fullmatch(r"\[\d\d:\d\d:\d\d\] [^\[\]]+", line) for line in out.splitlines())


@both_ways
@pytest.mark.parametrize("program", ["quicksort-threads", "quicksort-processes"])
def test_a_quicksort_program_shows_a_whole_task_for_each_number_it_gave_out(program, how):
    """Each task sorts the ten numbers that it shows."""
    golden = QUICKSORTS[program.replace("-", "_")]
    status, out, err = ended(command(program, how), unbuffered=program == "quicksort-threads")
    assert (status, err) == (golden["status"], golden["stderr"])
    head, blocks = task_blocks(out)
    assert [without_numbers(line) for line in head] == golden["head"]
    assert len(blocks) == golden["tasks_per_cpu"] * os.cpu_count()
    for block in blocks:
        assert [without_numbers(line) for line in block] == golden["task"]
        before, after = ([int(n) for n in re.findall(r"-?\d+", line)] for line in block[1:])
        assert after == sorted(before)
        assert all(n - 50 <= number <= n + 50 for n, number in enumerate(before))
    ids = [int(re.findall(r"\d+", block[0])[-1]) for block in blocks]
    assert sorted(ids) == list(range(1, len(blocks) + 1))
    if program == "quicksort-processes":
        pids = [re.search(r"\d+", text)[0] for text in (head[-1], *(block[0] for block in blocks))]
        assert len(set(pids)) == 1 + len(blocks), "each task has a process of its own"


def test_a_task_of_quicksort_threads_is_one_write():
    with contextlib.redirect_stdout(Writes()) as out:
        quicksort_threads.task(7)
    (piece,) = out.pieces
    assert without_numbers(piece).splitlines() == QUICKSORTS["quicksort_threads"]["task"]
    assert piece.startswith("[Task 7] process...\n")


@pytest.mark.parametrize(
    ("port", "starts"),
    [
        (quicksort_processes, "multiprocessing.Process"),
        (quicksort_threads, "threading.Thread"),
        (primes_threadpool, "concurrent.futures.ThreadPoolExecutor"),
    ],
)
def test_run_as_a_script_it_is_the_command(port, starts, monkeypatch, capsys):
    monkeypatch.setattr(starts, made := mock.MagicMock())
    runpy.run_path(port.__file__, run_name="__main__")
    assert made.called
    assert capsys.readouterr().out


def test_importing_a_program_prints_nothing():
    names = ("quicksort_processes", "quicksort_threads", "primes_threadpool")
    code = f"import {', '.join(f'reference.{name}' for name in names)}"
    assert ended([sys.executable, "-c", code]) == (0, "", "")


def test_the_name_line_comes_from_main_once_where_an_import_of_the_listing_printed_it():
    assert QUICKSORTS["quicksort_processes"]["printed_on_import"] == (
        "__name__ :  quicksort_processes\n"
    )
    code = (  # spawned processes import the module anew
        "import multiprocessing as m; m.set_start_method('spawn')\n"
        "import reference.quicksort_processes as port\n"
        "port.cpu_count = lambda: 2\n"
        "port.main()\n"
    )
    status, out, err = ended([sys.executable, "-c", code])
    assert (status, err) == (0, "")
    assert [line for line in out.splitlines() if "__name__" in line] == ["__name__ :  __main__"]
    assert len(task_blocks(out)[1]) == 2


@pytest.mark.parametrize("port", [quicksort_processes, quicksort_threads])
@pytest.mark.parametrize(("chosen", "drift"), [(min, -50), (max, 50)])
def test_a_task_sorts_ten_numbers_that_lie_up_to_fifty_from_their_places(
    port, chosen, drift, monkeypatch, capsys
):
    monkeypatch.setattr(port, "randint", lambda *bounds: chosen(bounds))
    port.task(1)
    before = next(line for line in capsys.readouterr().out.splitlines() if "before" in line)
    assert before == f"before {[n + drift for n in range(10)]}"


@pytest.mark.parametrize(("cpus", "tasks"), [(None, 2), (1, 2), (3, 6)])
def test_quicksort_threads_starts_two_tasks_per_cpu_and_assumes_one_cpu_if_unknown(
    cpus, tasks, monkeypatch, capsys
):
    monkeypatch.setattr(quicksort_threads, "cpu_count", lambda: cpus)
    monkeypatch.setattr(quicksort_threads, "task", print)
    before = set(threading.enumerate())
    quicksort_threads.make_thread()
    for thread in set(threading.enumerate()) - before:
        thread.join()
    assert sorted(capsys.readouterr().out.split()) == [str(n) for n in range(1, tasks + 1)]
