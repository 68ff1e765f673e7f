"""The three programs that need no server, as installed commands and as `python -m`."""

import contextlib
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from golden.normalise import displayed, task_blocks, without_numbers
from golden.observe import Writes, recorded

from reference import quicksort_processes, quicksort_threads

PRIMES = recorded("primes.json")
QUICKSORTS = recorded("quicksort_programs.json")


def command(program: str, how: str) -> list[str]:
    if how == "installed":
        return [str(Path(sys.executable).with_name(program))]
    return [sys.executable, "-m", f"reference.{program.replace('-', '_')}"]


def start(argv: list[str], *, unbuffered: bool = False) -> subprocess.Popen:
    env = {name: text for name, text in os.environ.items() if name != "PYTHONUNBUFFERED"}
    env["PYTHONSAFEPATH"] = "1"  # what is installed, not what lies in the working directory
    if unbuffered:
        env["PYTHONUNBUFFERED"] = "1"
    return subprocess.Popen(
        argv, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def ended(process: subprocess.Popen) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=110)
    return process.returncode, out, err


both_ways = pytest.mark.parametrize("how", ["installed", "python -m"])


@pytest.fixture(scope="session")
def primes_runs():
    """The program takes seconds: each way is run once, both at the same time."""
    ways = ("installed", "python -m")
    running = {
        how: start(command("primes-threadpool", how), unbuffered=how == "installed") for how in ways
    }
    return {how: ended(process) for how, process in running.items()}


@both_ways
def test_primes_threadpool_shows_the_recorded_results_in_input_order(primes_runs, how):
    status, out, err = primes_runs[how]
    assert (status, err) == (PRIMES["status"], PRIMES["stderr"])
    lines = [line for line in displayed(out) if not line.startswith("is_prime(")]
    assert lines == PRIMES["main_lines"]


@both_ways
def test_primes_threadpool_announces_each_number_before_and_after(primes_runs, how):
    _, out, _ = primes_runs[how]
    lines = [line for line in displayed(out) if line.startswith("is_prime(")]
    assert sorted(lines) == PRIMES["is_prime_lines"]
    for n in set(PRIMES["numbers"]):
        first = lines.index(f"is_prime({n}): doing calculating...")
        assert first < lines.index(f"is_prime({n}): done.")


@both_ways
def test_no_line_of_primes_threadpool_is_torn(primes_runs, how):
    _, out, _ = primes_runs[how]
    assert all(re.fullmatch(r"\[\d\d:\d\d:\d\d\] [^\[\]]+", line) for line in out.splitlines())


@both_ways
@pytest.mark.parametrize("program", ["quicksort-threads", "quicksort-processes"])
def test_a_quicksort_program_shows_a_whole_task_for_each_number_it_gave_out(program, how):
    golden = QUICKSORTS[program.replace("-", "_")]
    status, out, err = ended(start(command(program, how)))
    assert (status, err) == (golden["status"], golden["stderr"])
    head, blocks = task_blocks(out)
    assert [without_numbers(line) for line in head] == golden["head"]
    assert len(blocks) == golden["tasks_per_cpu"] * os.cpu_count()
    for block in blocks:
        assert [without_numbers(line) for line in block] == golden["task"]
    ids = [int(re.findall(r"\d+", block[0])[-1]) for block in blocks]
    assert sorted(ids) == list(range(1, len(blocks) + 1))


@both_ways
@pytest.mark.parametrize("program", ["quicksort-threads", "quicksort-processes"])
def test_each_task_sorts_the_ten_numbers_that_it_shows(program, how):
    _, blocks = task_blocks(ended(start(command(program, how)))[1])
    for _, before, after in blocks:
        numbers, result = ([int(n) for n in re.findall(r"-?\d+", line)] for line in (before, after))
        assert result == sorted(numbers)
        assert all(n - 50 <= number <= n + 50 for n, number in enumerate(numbers))


def test_each_task_of_quicksort_processes_has_a_process_of_its_own():
    head, blocks = task_blocks(ended(start(command("quicksort-processes", "python -m")))[1])
    pids = [re.search(r"\d+", text)[0] for text in (head[-1], *(block[0] for block in blocks))]
    assert len(set(pids)) == 1 + len(blocks)


def test_a_task_of_quicksort_threads_is_one_write():
    with contextlib.redirect_stdout(Writes()) as out:
        quicksort_threads.task(7)
    (piece,) = out.pieces
    assert without_numbers(piece).splitlines() == QUICKSORTS["quicksort_threads"]["task"]
    assert piece.startswith("[Task 7] process...\n")


def test_threads_do_not_tear_the_tasks_even_into_an_unbuffered_pipe():
    process = start(command("quicksort-threads", "python -m"), unbuffered=True)
    _, blocks = task_blocks(ended(process)[1])
    shapes = [[without_numbers(line) for line in block] for block in blocks]
    assert all(shape == QUICKSORTS["quicksort_threads"]["task"] for shape in shapes)


@pytest.mark.parametrize("name", ["quicksort_processes", "quicksort_threads", "primes_threadpool"])
def test_importing_a_program_prints_nothing(name):
    status, out, err = ended(start([sys.executable, "-c", f"import reference.{name}"]))
    assert (status, out, err) == (0, "", "")


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
    status, out, err = ended(start([sys.executable, "-c", code]))
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
