"""Imports that must never be, sizes that must not grow, and the shape of the ports."""

import ast
import re
from pathlib import Path

import pytest
from support import TOP

BUDGETS = {
    "reference/*.py": 660,
    "reference/flags2_common.py": 240,
    "reference/flags2_asyncio.py": 120,
    "reference/flags2_threadpool.py": 100,
    "mockservers/http/*.py": 800,
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


def lines_of(path):
    return len(path.read_text(encoding="utf-8").splitlines())


def long_functions(path):
    """Functions of more than 50 lines."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    found = [node for node in nodes if isinstance(node, functions)]
    return {n.name: n.end_lineno - n.lineno + 1 for n in found if n.end_lineno - n.lineno >= 50}


@pytest.mark.parametrize(
    "path",
    sorted([*TOP.glob("mockservers/**/*.py"), *TOP.glob("conformance/**/*.py")]),
    ids=lambda path: str(path.relative_to(TOP)),
)
def test_a_module_and_its_functions_fit_their_budgets(path):
    assert lines_of(path) <= 350
    assert not long_functions(path)


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
                folder = TOP / node.module.replace(".", "/")
                modules = {a.name for a in node.names if (folder / f"{a.name}.py").exists()}
                names |= {f"{node.module}.{name}" for name in modules} or {node.module}
    return names


@pytest.mark.parametrize("path", sorted(TOP.glob("reference/*.py")), ids=lambda path: path.name)
def test_the_reference_knows_nothing_of_the_servers_nor_of_the_tests(path):
    assert not imported(path) & {"mockservers", "tests", "conformance"}


# --- mockservers ----------------------------------------------------------------------------------

SERVERS = sorted(TOP.glob("mockservers/**/*.py"))
_READ_ME = ast.get_docstring(ast.parse(Path(TOP, "mockservers/__init__.py").read_text("utf-8")))
CORE = re.findall(r"\S+", re.search(r"import order:\n\n((?:    .+\n)+)", _READ_ME)[1])
"""The modules of the core in their order, as the docstring of the package has it."""
AROUND = "cli control html_report flags2 content strategies inprocess pytest_plugin".split()
PURE = [
    *(name for name in CORE if name.startswith("kinds/")),
    *"faults plan plan_json journal predict profiles text".split(),
    *"flags2/codes flags2/output content/flag_images html_report/view html_report/charts".split(),
    *"ledger/model ledger/judge ledger/attribution ledger/text http/request_parser".split(),
]
BUSY = {"asyncio", "socket", "threading", "time", "datetime", "random", "subprocess"}
FILES = {"os", "pathlib", "tempfile", "shutil", "io"}
CALLS = {"open", "exec", "eval", "input", "print"}


def name_in(package, path):
    return "/".join(path.relative_to(TOP / package).with_suffix("").parts)


def server_imports(path):
    """The modules of `mockservers` that a module imports; also below a function or a `try`."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == "mockservers":
            inner = node.module.removeprefix("mockservers").removeprefix(".").replace(".", "/")
            if (TOP / f"mockservers/{inner}.py").exists():
                names.add(inner)
            else:
                names |= {f"{inner}/{alias.name}".strip("/") for alias in node.names}
    return names


def calls(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
    return {function.id for function in functions if isinstance(function, ast.Name)}


@pytest.mark.parametrize("path", SERVERS, ids=lambda path: name_in("mockservers", path))
def test_the_servers_import_neither_the_reference_nor_the_tests(path):
    assert not imported(path) & {"reference", "tests", "conformance"}


@pytest.mark.parametrize("name", CORE)
def test_a_module_of_the_core_imports_only_modules_before_it(name):
    assert server_imports(TOP / f"mockservers/{name}.py") <= set(CORE[: CORE.index(name)])


def test_the_core_has_every_kind_and_everything_of_http():
    for folder in ("kinds", "http"):
        files = TOP.glob(f"mockservers/{folder}/*.py")
        modules = {f"{folder}/{path.stem}" for path in files if path.stem != "__init__"}
        assert modules == {name for name in CORE if name.startswith(f"{folder}/")}
    assert not [name for name in CORE if name.split("/")[0] in AROUND]


def test_the_core_is_read_in_40_minutes():
    rest = [name for name in CORE if not name.startswith(("kinds/", "http/"))]
    assert sum(lines_of(TOP / f"mockservers/{name}.py") for name in rest) <= 1800


@pytest.mark.parametrize("path", sorted(TOP.glob("mockservers/kinds/*.py")), ids=lambda p: p.stem)
def test_a_family_of_kinds_fits_its_budget(path):
    assert lines_of(path) <= 250


@pytest.mark.parametrize("name", PURE)
def test_a_pure_module_uses_no_socket_thread_clock_or_file_nor_does_what_it_imports(name):
    seen, to_do = set(), {name}
    while to_do:
        path = TOP / f"mockservers/{to_do.pop()}.py"
        seen.add(path)
        assert not imported(path) & (BUSY | FILES), path
        assert not calls(path) & CALLS, path
        inner = server_imports(path)
        to_do |= {one for one in inner if TOP / f"mockservers/{one}.py" not in seen}


def test_few_modules_have_sockets():
    with_sockets = {name_in("mockservers", p) for p in SERVERS if "socket" in imported(p)}
    assert with_sockets == {"server", "http/listeners", "http/sender", "cli/child_process"}


# --- conformance ----------------------------------------------------------------------------------

KIT = sorted(TOP.glob("conformance/**/*.py"))
_DOCSTRING = ast.get_docstring(ast.parse(Path(TOP, "conformance/__init__.py").read_text("utf-8")))
KIT_ORDER = re.findall(r"`([a-z_.]+)`", _DOCSTRING)
"""The modules in the order of the docstring of the package."""
KIT_PURE = [
    *"verdicts recording shrink evidence_table report_model".split(),
    *"adapter.answer adapter.cases adapter.primes adapter.checks adapter.report_model".split(),
    *(name for name in KIT_ORDER if name.startswith(("cases.", "checks."))),
]


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
    impure = {"psutil", "mockservers.server", "mockservers.running_servers", "mockservers.files"}
    assert not imported(path) & (BUSY | FILES | impure)
    assert not calls(path) & CALLS


def test_two_modules_of_the_kit_start_processes():
    starts = {kit_name(path) for path in KIT if "subprocess" in imported(path)}
    assert starts == {"program_runner", "adapter.process"}


def test_a_test_file_of_the_kit_fits_its_budget():
    lengths = {
        path.name: len(path.read_text(encoding="utf-8").splitlines())
        for path in TOP.glob("tests/conformance/**/*.py")
    }
    assert {name: count for name, count in lengths.items() if count > 400} == {}
