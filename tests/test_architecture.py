"""Imports that must never be, sizes that must not grow, and the shape of the ports."""

import ast
from pathlib import Path

import pytest

TOP = Path(__file__).parents[1]
PURE = "faults codes plan profiles wire predict flags parser claims ledger report".split()


KIT = [
    "verdicts",
    "recording",
    "shrink",
    "evidence_table",
    "report_model",
    "adapter/cases",
    "adapter/checks",
    "cases/model",
    "cases/fixed",
    "cases/generated",
    *(f"checks/{path.stem}" for path in sorted(TOP.glob("conformance/checks/*.py"))),
]
BUSY = {"asyncio", "socket", "threading", "time", "datetime", "random", "subprocess"}


BUDGETS = {
    "reference/*.py": 660,
    "reference/flags2_common.py": 240,
    "reference/flags2_asyncio.py": 120,
    "reference/flags2_threadpool.py": 100,
    "README.md": 110,
}
"""Lines."""
LISTED = {
    "primes_threadpool": "is_prime done display main",
    "quicksort": "compare swap quicksort",
    "quicksort_processes": "task make_process",
    "quicksort_threads": "task make_thread",
    "flags2_common": ("save_flag initial_report final_report expand_cc_args process_args main"),
    "flags2_threadpool": "download_one download_many",
    "flags2_asyncio": "get_flag download_one downloader_coro download_many",
}
"""The functions of each listing, in their order."""


@pytest.mark.parametrize("files", BUDGETS)
def test_a_budget_holds(files):
    lines = [line for path in TOP.glob(files) for line in path.read_text("utf-8").splitlines()]
    assert 0 < len(lines) <= BUDGETS[files]


@pytest.mark.parametrize("port", LISTED)
def test_a_port_has_the_functions_of_its_listing_in_their_order(port):
    tree = ast.parse((TOP / f"reference/{port}.py").read_text(encoding="utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    found = sorted((n for n in ast.walk(tree) if isinstance(n, functions)), key=lambda n: n.lineno)
    names = LISTED[port].split()
    assert [node.name for node in found if node.name in names] == names


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


@pytest.mark.parametrize(
    "path", sorted(TOP.glob("conformance/**/*.py")), ids=lambda path: path.name
)
def test_the_kit_knows_nothing_of_the_reference_nor_of_the_tests(path):
    assert not imported(path) & {"reference", "tests"}


@pytest.mark.parametrize("module", KIT)
def test_what_judges_has_no_processes_threads_or_clocks(module):
    names = imported(TOP / f"conformance/{module}.py")
    assert not names & (BUSY | {"psutil", "mockservers.server", "mockservers.embed"})


def test_only_what_runs_programs_starts_processes():
    files = TOP.glob("conformance/**/*.py")
    starts = {path.stem for path in files if "subprocess" in imported(path)}
    assert starts == {"program_runner", "session"}
