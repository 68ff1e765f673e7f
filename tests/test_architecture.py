"""Imports that must never be, sizes that must not grow, and the shape of the ports."""

import ast
import re
from pathlib import Path

import pytest

TOP = Path(__file__).parents[1]
PURE = "faults codes plan profiles wire predict flags parser claims ledger report".split()


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


# --- conformance ----------------------------------------------------------------------------------

KIT = sorted(TOP.glob("conformance/**/*.py"))
_DOCSTRING = ast.get_docstring(ast.parse(Path(TOP, "conformance/__init__.py").read_text("utf-8")))
KIT_ORDER = re.findall(r"`([a-z_.]+)`", _DOCSTRING)
"""The modules in the order of the docstring of the package."""
KIT_PURE = [
    *"text verdicts recording shrink evidence_table report_model".split(),
    *"adapter.answer adapter.cases adapter.primes adapter.checks adapter.report_model".split(),
    *(name for name in KIT_ORDER if name.startswith(("cases.", "checks."))),
]
FILES = {"os", "pathlib", "tempfile", "shutil", "io"}


def kit_name(path):
    return ".".join(path.relative_to(TOP / "conformance").with_suffix("").parts)


def kit_imports(path):
    """The modules of the kit that a module imports."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == "conformance":
            inner = node.module.removeprefix("conformance").removeprefix(".")
            names |= {inner} if inner in KIT_ORDER else {alias.name for alias in node.names}
    return names


def test_the_docstring_of_the_kit_lists_every_module_once():
    modules = sorted(kit_name(path) for path in KIT if path.stem != "__init__")
    assert sorted(KIT_ORDER) == modules


@pytest.mark.parametrize("path", [p for p in KIT if p.stem != "__init__"], ids=kit_name)
def test_a_module_of_the_kit_imports_only_modules_before_it(path):
    before = KIT_ORDER[: KIT_ORDER.index(kit_name(path))]
    assert kit_imports(path) <= set(before)


@pytest.mark.parametrize("path", KIT, ids=kit_name)
def test_the_kit_imports_neither_the_reference_nor_the_tests(path):
    assert not imported(path) & {"reference", "tests"}


@pytest.mark.parametrize("name", KIT_PURE)
def test_a_pure_module_of_the_kit_uses_no_process_thread_clock_or_file(name):
    path = TOP / f"conformance/{name.replace('.', '/')}.py"
    impure = {"psutil", "mockservers.server", "mockservers.embed", "mockservers.page"}
    assert not imported(path) & (BUSY | FILES | impure)
    calls = {
        node.func.id
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert not calls & {"open", "exec", "eval", "input", "print"}


def test_two_modules_of_the_kit_start_processes():
    starts = {kit_name(path) for path in KIT if "subprocess" in imported(path)}
    assert starts == {"program_runner", "adapter.process"}


@pytest.mark.parametrize("path", KIT, ids=kit_name)
def test_a_module_of_the_kit_fits_its_budget(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 350
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    long = {
        node.name: node.end_lineno - node.lineno + 1
        for node in ast.walk(ast.parse(text))
        if isinstance(node, functions) and node.end_lineno - node.lineno >= 50
    }
    assert not long


def test_a_test_file_of_the_kit_fits_its_budget():
    lengths = {
        path.name: len(path.read_text(encoding="utf-8").splitlines())
        for path in TOP.glob("tests/conformance/**/*.py")
    }
    assert {name: count for name, count in lengths.items() if count > 400} == {}
