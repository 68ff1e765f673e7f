"""What all tests share: servers that run for the whole session, and a count of examples."""

import re
import signal
import tempfile
from pathlib import Path

import pytest

from mockservers import running

pytest.register_assert_rewrite("support.drawn_ledgers")

# A shell that starts the tests in the background (`&`) has Ctrl-C ignored by all that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)

COUNTED = {"examples": 0, "cases": 0}
"""Examples that Hypothesis drew, and cases of small worlds that were tried one and all."""


@pytest.fixture(scope="session")
def servers():
    """LOCAL, DELAY and ERROR on free ports; each example begins a run of its own."""
    with running() as started:
        yield started


@pytest.fixture
def fixed_ports():
    """The ports 8001 to 8003, which one test of this machine has at a time."""
    fcntl = pytest.importorskip("fcntl")
    with Path(tempfile.gettempdir(), "ports-8001-to-8003.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def pytest_ignore_collect(collection_path, config):
    """Leave out the folders that are slow as a whole, unless the slow tests run."""
    slow = collection_path.name in ("browser", "cluster", "docs", "machine")
    return True if slow and config.option.markexpr == "not slow" else None


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item):
    """Hand the number of Hypothesis examples of a test to the process that reports."""
    statistics = getattr(item, "hypothesis_statistics", "")
    passing = sum(map(int, re.findall(r"(\d+) passing\b", statistics)))
    if passing:
        item.user_properties.append(("examples", passing))


def pytest_runtest_logreport(report):
    """Add them up there."""
    if report.when == "teardown":
        for name, value in report.user_properties:
            if name in COUNTED:
                COUNTED[name] += value


def pytest_terminal_summary(terminalreporter):
    """Say how many examples Hypothesis ran in all, and how many cases were enumerated."""
    terminalreporter.write_line(f"{COUNTED['examples']} Hypothesis examples")
    terminalreporter.write_line(f"{COUNTED['cases']} exhaustive cases")
