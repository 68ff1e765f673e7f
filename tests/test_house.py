"""The arrows that must never be."""

import ast
from pathlib import Path

import pytest

TOP = Path(__file__).parents[1]
PURE = "faults codes plan profiles wire predict flags parser claims ledger report".split()


KIT = (
    "verdicts cases fixed generated record said books judge shrink summary expansion questions "
    "answers"
).split()
BUSY = {"asyncio", "socket", "threading", "time", "datetime", "random", "subprocess"}


def imported(path):
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module.split(".")[0])
            if node.module == "mockservers":
                names |= {f"mockservers.{alias.name}" for alias in node.names}
            elif node.module.startswith("mockservers."):
                names.add(node.module)
    return names


@pytest.mark.parametrize("path", sorted(TOP.glob("reference/*.py")), ids=lambda path: path.name)
def test_the_reference_knows_nothing_of_the_servers_nor_of_the_tests(path):
    assert not imported(path) & {"mockservers", "tests", "conformance"}


@pytest.mark.parametrize("path", sorted(TOP.glob("mockservers/*.py")), ids=lambda path: path.name)
def test_the_servers_know_nothing_of_the_reference_nor_of_the_tests(path):
    assert not imported(path) & {"reference", "tests", "conformance"}


@pytest.mark.parametrize("module", PURE)
def test_a_pure_module_has_no_sockets_threads_or_clocks(module):
    names = imported(TOP / f"mockservers/{module}.py")
    assert not names & BUSY
    busy = "arrivals connection listening server runs control embed supervise".split()
    assert not names & {f"mockservers.{room}" for room in busy}


def test_only_the_server_and_what_supervises_have_sockets():
    with_sockets = {
        path.stem for path in TOP.glob("mockservers/*.py") if "socket" in imported(path)
    }
    assert with_sockets == {"server", "connection", "listening", "supervise"}


@pytest.mark.parametrize("path", sorted(TOP.glob("conformance/*.py")), ids=lambda path: path.name)
def test_the_kit_knows_nothing_of_the_reference_nor_of_the_tests(path):
    assert not imported(path) & {"reference", "tests"}


@pytest.mark.parametrize("module", KIT)
def test_what_judges_has_no_processes_threads_or_clocks(module):
    names = imported(TOP / f"conformance/{module}.py")
    assert not names & (BUSY | {"psutil", "mockservers.server", "mockservers.embed"})


def test_only_what_runs_programs_starts_processes():
    starts = {path.stem for path in TOP.glob("conformance/*.py") if "subprocess" in imported(path)}
    assert starts == {"program", "adapter"}
