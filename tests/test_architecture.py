"""Imports that must never be, sizes that must not grow, and the shape of the ports.

Each test lists all that break its rule, by file.
"""

import ast
import dataclasses
import importlib
import inspect
import pkgutil
import re
from functools import cache

import pytest
from msgspec import Struct
from support import TOP
from support.rows import each

import conformance
import mockservers
import reference

PACKAGES = ("reference", "mockservers", "conformance")
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@cache
def text_of(path):
    return path.read_text(encoding="utf-8")


@cache
def nodes_of(path):
    return list(ast.walk(ast.parse(text_of(path))))


def lines_of(*patterns):
    """The number of lines of all files of some patterns."""
    return sum(len(text_of(path).splitlines()) for one in patterns for path in TOP.glob(one))


def files_of(package):
    return sorted((TOP / package).glob("**/*.py"))


def name_of(path):
    """`http/sender` for a module of a package."""
    return "/".join(path.relative_to(TOP).with_suffix("").parts[1:])


# --- budgets --------------------------------------------------------------------------------------

BUDGETS = {
    "reference/*.py": 660,
    "reference/flags2_common.py": 240,
    "reference/flags2_asyncio.py": 120,
    "reference/flags2_threadpool.py": 100,
    "mockservers/http/*.py": 800,
    "README.md": 110,
    "tests/README.md": 60,
}
"""Lines of all files of a pattern."""
LONGEST = {
    "mockservers/**/*.py": 350,
    "conformance/**/*.py": 350,
    "mockservers/kinds/*.py": 250,
    "tests/**/*.py": 400,
}
"""Lines of each file."""


def over_budget():
    for pattern, budget in BUDGETS.items():
        yield pattern, lines_of(pattern), budget
    for pattern, budget in LONGEST.items():
        for path in TOP.glob(pattern):
            yield str(path.relative_to(TOP)), lines_of(str(path.relative_to(TOP))), budget
    core = [f"mockservers/{name}.py" for name in CORE if not name.startswith(("kinds/", "http/"))]
    yield "the core without kinds/ and http/", lines_of(*core), 1800
    packages = lines_of(*(f"{package}/**/*.py" for package in PACKAGES))
    yield "tests and examples", lines_of("tests/**/*.py", "examples/**/*.py"), 2 * packages


def test_every_budget_holds():
    figures = list(over_budget())
    assert all(lines > 0 for _, lines, _ in figures)
    assert [one for one in figures if one[1] > one[2]] == []


def test_a_function_has_at_most_50_lines():
    long = {
        f"{path.relative_to(TOP)}: {node.name}": node.end_lineno - node.lineno + 1
        for package in PACKAGES[1:]
        for path in files_of(package)
        for node in nodes_of(path)
        if isinstance(node, FUNCTIONS) and node.end_lineno - node.lineno >= 50
    }
    assert long == {}


# --- reference ------------------------------------------------------------------------------------

LISTED = {
    "primes_threadpool": "is_prime done display main",
    "quicksort": "compare swap quicksort",
    "quicksort_processes": "task make_process",
    "quicksort_threads": "task make_thread",
    "flags2_common": "save_flag initial_report final_report expand_cc_args process_args main",
    "flags2_threadpool": "download_one download_many",
    "flags2_asyncio": "get_flag download_one downloader_coro download_many",
}
"""The functions of each listing, in their order."""


@each("port", LISTED)
def test_a_port_has_the_functions_of_its_listing_in_their_order(port):
    nodes = nodes_of(TOP / f"reference/{port}.py")
    found = sorted((n for n in nodes if isinstance(n, FUNCTIONS)), key=lambda n: n.lineno)
    names = LISTED[port].split()
    assert [node.name for node in found if node.name in names] == names


# --- imports --------------------------------------------------------------------------------------


@cache
def imported(path):
    """What a module imports, also below a function: packages, and modules of `mockservers`."""
    names = set()
    for node in nodes_of(path):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module.split(".")[0])
            if node.module.startswith("mockservers"):
                folder = TOP / node.module.replace(".", "/")
                modules = {a.name for a in node.names if (folder / f"{a.name}.py").exists()}
                names |= {f"{node.module}.{name}" for name in modules} or {node.module}
    return names


NEVER = {
    "reference": {"mockservers", "tests", "support", "conformance"},
    "mockservers": {"reference", "tests", "support", "conformance"},
    "conformance": {"reference", "tests", "support"},
}


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_imports_neither_the_tests_nor_what_is_built_on_it(package):
    wrong = {name_of(path): imported(path) & NEVER[package] for path in files_of(package)}
    assert {name: names for name, names in wrong.items() if names} == {}


SERVERS = files_of("mockservers")
CORE = re.findall(r"\S+", re.search(r"import order:\n\n((?:    .+\n)+)", mockservers.__doc__)[1])
"""The modules of the core in their order, as the docstring of the package has it."""
AROUND = "cli control html_report flags2 content strategies inprocess pytest_plugin".split()
PURE = [
    *(name for name in CORE if name.startswith("kinds/")),
    *"faults plan plan_json journal predict profiles text".split(),
    *"flags2/codes flags2/output content/flag_images".split(),
    *"html_report/view html_report/charts html_report/rows html_report/stretches".split(),
    "html_report/comparison",
    *"ledger/model ledger/judge ledger/result ledger/words ledger/text ledger/redirects".split(),
    *"ledger/collected ledger/ownership ledger/attribution ledger/explain claims_file".split(),
    *"flags2/rows flags2/judge http/request_parser".split(),
]
BUSY = {"asyncio", "socket", "threading", "time", "datetime", "random", "subprocess"}
FILES = {"os", "pathlib", "tempfile", "shutil", "io"}
CALLS = {"open", "exec", "eval", "input", "print"}


def server_imports(path):
    """The modules of `mockservers` that a module imports."""
    names = set()
    for node in nodes_of(path):
        if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == "mockservers":
            inner = node.module.removeprefix("mockservers").removeprefix(".").replace(".", "/")
            if (TOP / f"mockservers/{inner}.py").exists():
                names.add(inner)
            else:
                names |= {f"{inner}/{alias.name}".strip("/") for alias in node.names}
    return names


@cache
def calls(path):
    functions = (node.func for node in nodes_of(path) if isinstance(node, ast.Call))
    return {function.id for function in functions if isinstance(function, ast.Name)}


def test_a_module_of_the_core_imports_only_modules_before_it():
    later = {
        name: server_imports(TOP / f"mockservers/{name}.py") - set(CORE[:n])
        for n, name in enumerate(CORE)
    }
    assert {name: names for name, names in later.items() if names} == {}


def test_the_core_has_every_kind_and_everything_of_http():
    for folder in ("kinds", "http"):
        files = TOP.glob(f"mockservers/{folder}/*.py")
        modules = {f"{folder}/{path.stem}" for path in files if path.stem != "__init__"}
        assert modules == {name for name in CORE if name.startswith(f"{folder}/")}
    assert not [name for name in CORE if name.split("/")[0] in AROUND]


@each("name", PURE)
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
    with_sockets = {name_of(path) for path in SERVERS if "socket" in imported(path)}
    assert with_sockets == {"server", "http/listeners", "http/sender", "cli/child_process"}


# --- conformance ----------------------------------------------------------------------------------

KIT = [path for path in files_of("conformance") if path.stem != "__init__"]
KIT_ORDER = re.findall(r"`([a-z_.]+)`", conformance.__doc__)
"""The modules in the order of the docstring of the package."""
KIT_PURE = [
    *"verdicts recording shrink evidence_table report_model".split(),
    *"adapter.answer adapter.cases adapter.primes adapter.checks adapter.report_model".split(),
    *"download.content download.recording download.pages download.met download.situations".split(),
    *"download.resuming download.story download.judge download.report".split(),
    *(name for name in KIT_ORDER if name.startswith(("cases.", "checks."))),
]


def kit_name(path):
    return name_of(path).replace("/", ".")


def kit_imports(path):
    """The modules of the kit that a module imports."""
    names = set()
    for node in nodes_of(path):
        if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == "conformance":
            inner = node.module.removeprefix("conformance").removeprefix(".")
            names |= {inner} if inner in KIT_ORDER else {alias.name for alias in node.names}
    return names


def test_the_docstring_of_the_kit_lists_every_module_once():
    assert sorted(KIT_ORDER) == sorted(map(kit_name, KIT))


def test_a_module_of_the_kit_imports_only_modules_before_it():
    later = {
        kit_name(path): kit_imports(path) - set(KIT_ORDER[: KIT_ORDER.index(kit_name(path))])
        for path in KIT
    }
    assert {name: names for name, names in later.items() if names} == {}


def test_a_pure_module_of_the_kit_uses_no_process_thread_clock_or_file():
    impure = {"psutil", "mockservers.server", "mockservers.running_servers", "mockservers.files"}
    paths = [TOP / f"conformance/{name.replace('.', '/')}.py" for name in KIT_PURE]
    wrong = {
        kit_name(path): (imported(path) & (BUSY | FILES | impure)) | (calls(path) & CALLS)
        for path in paths
    }
    assert {name: names for name, names in wrong.items() if names} == {}


def test_four_modules_of_the_kit_start_processes_or_end_them():
    starts = {kit_name(path) for path in KIT if "subprocess" in imported(path)}
    assert starts == {"program_runner", "process_tree", "adapter.process", "download.runner"}


# --- values ---------------------------------------------------------------------------------------

FILLED = {"Prepared", "Progress", "Request", "Suite", "_Schedule", "_Session", "_Unchanged"}
"""Dataclasses that are filled while they live."""


def classes_of(package):
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not module.name.endswith("__main__"):
            classes = inspect.getmembers(importlib.import_module(module.name), inspect.isclass)
            yield from (cls for _, cls in classes if cls.__module__ == module.name)


@pytest.mark.parametrize("package", [reference, mockservers, conformance])
def test_every_value_is_frozen_and_every_dataclass_has_slots(package):
    classes = list(classes_of(package))
    structs = [cls for cls in classes if issubclass(cls, Struct)]
    found = [cls for cls in classes if dataclasses.is_dataclass(cls)]
    assert [cls for cls in structs if not cls.__struct_config__.frozen] == []
    assert [cls for cls in found if "__slots__" not in vars(cls)] == []
    assert {cls.__name__ for cls in found if not cls.__dataclass_params__.frozen} <= FILLED
