"""Verdicts are the same wherever cases run: in threads, on workers, and when one is killed."""

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from distributed import LocalCluster
from support import TESTS

from conformance import scheduler, worker
from conformance.dask_executor import ClusterError, cluster_executor
from conformance.program_runner import resolved
from conformance.recording import Profile
from conformance.scheduler import Progress, judge_program

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]

FAULTY = TESTS / "conformance/programs/faulty.py"
COMMAND = resolved([sys.executable, str(FAULTY), "counts-errors-as-not-found"])
PROFILE = Profile(startup_s=0.15)
CASES = scheduler.chosen_cases(["OUT"], 5, 0)


@pytest.fixture
def cluster(request):
    workers = getattr(request, "param", 2)
    with LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None) as started:
        assert len(started.workers) == workers
        yield started


def judged(executor, progress=None):
    """What a report says, but for times, places and ports, which differ from run to run."""
    report = judge_program(COMMAND, CASES, executor, PROFILE, progress=progress)
    assert report["errors"] == []
    assert report["failures"]
    return {
        "clauses": report["clauses"],
        "cases": report["cases"],
        "totals": report["totals"],
        "failures": [
            {
                name: failure[name]
                for name in ("clause", "word", "verdict", "case", "cases", "books")
            }
            for failure in report["failures"]
        ],
    }


@pytest.fixture(scope="module")
def in_a_thread():
    with ThreadPoolExecutor(1) as executor:
        report = judged(executor)
    worker.close_sandboxes()
    return report


@pytest.mark.parametrize("cluster", [1, 2], indirect=True)
def test_verdicts_do_not_depend_on_how_many_work(cluster, in_a_thread):
    with cluster_executor(cluster.scheduler_address) as executor:
        assert judged(executor) == in_a_thread


def test_verdicts_do_not_depend_on_a_worker_that_is_killed_in_the_middle(cluster, in_a_thread):
    done = []
    victim = next(iter(cluster.workers.values())).process.pid

    def step():
        done.append(None)
        if len(done) == 3:
            assert not lost()
            os.kill(victim, signal.SIGKILL)

    def lost():
        return victim not in [w.process.pid for w in cluster.workers.values() if w.process]

    with cluster_executor(cluster.scheduler_address) as executor:
        report = judged(executor, Progress(step=step))
    assert len(done) > 3
    assert lost()
    assert report == in_a_thread


def test_the_command_has_its_cases_run_on_a_cluster(cluster, tmp_path):
    words = ["run", "--scheduler", cluster.scheduler_address, "--only", "EXP", "--examples", "5"]
    ended = subprocess.run(
        [
            sys.executable,
            "-m",
            "conformance",
            *words,
            "--report",
            tmp_path,
            "--",
            "flags2-threadpool",
        ],
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["totals"]["PASS"] > 30


def test_an_address_without_a_scheduler_is_one_clear_line(monkeypatch):
    monkeypatch.setattr("conformance.dask_executor.CONNECT_S", 1)
    with pytest.raises(ClusterError, match="no Dask scheduler at tcp"):
        cluster_executor("tcp://127.0.0.1:1").__enter__()
