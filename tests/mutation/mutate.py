"""Every mutant of the ports is killed by a test, or explained.

    python tests/mutation/mutate.py [--workers N] [MODULE ...]
    python tests/mutation/mutate.py --sample N [--seed S]

A mutant is the tree with one small change, made by Cosmic Ray's operators and two of our own
(operators.py). It is killed if a test of the default run fails: those of its module are tried
first. A survivor of a port must be in equivalents.toml with the reason why its behaviour is the
same. This fails if it is not, or if an entry of equivalents.toml is unused. A sample is drawn from
the ports and the pure modules of `mockservers`, and only shown.
"""

import argparse
import ast
import contextlib
import difflib
import multiprocessing
import os
import queue
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import operators
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

HERE = Path(__file__).parent
TOP = HERE.parents[1]
TEST_LIMIT_S = 15
"""A test that takes longer fails: it waits for ever. In all of them the longest takes 3 s."""
LIMIT_S = 400
"""The same for all tests of the default run."""
UNCHANGED = "unchanged"
MADE = "country_codes.txt"
"""What the build puts beside the code, and a clone has not."""
HEAVY = [
    "aiohttp.web", "aioresponses", "httptools", "hypothesis.strategies", "hypothesis.stateful",
    "jinja2", "jsonschema", "PIL.Image", "psutil", "pytest", "pytest_asyncio.plugin", "requests",
    "responses", "tqdm", "xdist.plugin",
]  # fmt: skip
"""Imported once and not for every mutant; nothing of ours."""

# Of the replacements of one operator by every other, those that are hard to notice.
CHOSEN = re.compile(
    r"core/(?!Replace(Binary|Comparison|Unary)Operator|Variable)"
    r"|core/ReplaceBinaryOperator_(Add_Sub|Sub_Add|Mul_FloorDiv|Div_Mul|FloorDiv_Mul|Mod_FloorDiv"
    r"|Pow_Mul|RShift_LShift|LShift_RShift|BitOr_BitAnd|BitAnd_BitOr|BitXor_BitAnd)$"
    r"|core/ReplaceComparisonOperator_(Eq_NotEq|NotEq_Eq|Lt_LtE|Lt_GtE|LtE_Lt|LtE_Gt|Gt_GtE|Gt_LtE"
    r"|GtE_Gt|GtE_Lt|Is_IsNot|IsNot_Is|In_NotIn|NotIn_In)$"
    r"|core/ReplaceUnaryOperator_(USub_UAdd|Delete_Not|Delete_USub)$"
)


@dataclass(frozen=True)
class Mutant:
    """One changed module."""

    module: str
    operator: str
    line: int
    was: str
    now: str
    code: str = field(repr=False, compare=False)


def mutants(module):
    """Every mutant of a module, in the order of its lines."""
    source = (TOP / module).read_text(encoding="utf-8")
    tree = get_ast(source)
    types = annotations(source)
    found = {}
    ours = [operators.LeaveOutStatement, operators.WithholdResult]
    theirs = [get_operator(name) for name in sorted(operator_names()) if CHOSEN.match(name)]
    for operator in [make() for make in theirs + ours]:
        places = [at for node in ast_nodes(tree) for at in operator.mutation_positions(node)]
        for occurrence, (start, _) in enumerate(places):
            code = mutate_code(source, operator, occurrence)
            if code in (None, source) or any(first <= start < last for first, last in types):
                continue
            was, now = changed_lines(source, code)
            one = Mutant(module, type(operator).__name__, start[0], was, now, code)
            found.setdefault(code, one)
    return sorted(found.values(), key=lambda one: (one.line, one.now))


def annotations(source):
    """Where types are written: to change them is the business of the type checker."""
    spans = []
    for node in ast.walk(ast.parse(source)):
        for name in ("annotation", "returns"):
            note = getattr(node, name, None)
            if note is not None:
                end = note.end_lineno, note.end_col_offset
                spans.append(((note.lineno, note.col_offset), end))
    return spans


def changed_lines(source, code):
    """What differs, for people: the lines before and after."""
    lines = list(difflib.ndiff(source.splitlines(), code.splitlines()))
    told = [" ".join(one[2:].strip() for one in lines if one.startswith(sign)) for sign in "-+"]
    return told[0], told[1]


# --- running the tests ----------------------------------------------------------------------------


class Workshop:
    """A copy of the tree in which one mutant after the other is tried."""

    def __init__(self, folder):
        self.folder = folder
        self.count = 0
        copied = subprocess.run(
            ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=TOP, check=True,
            capture_output=True, text=True,
        ).stdout.split("\0")  # fmt: skip
        for name in filter(None, copied):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            if (TOP / name).is_file():
                shutil.copy2(TOP / name, folder / name)
        for package in ("reference", "mockservers"):
            shutil.copy2(TOP / MADE, folder / package / MADE)

    def fails(self, module, code, tests):
        """Whether the tests fail with this code as that module."""
        place = self.folder / module
        before = place.read_bytes()
        self.count += 1
        try:
            place.write_text(code, encoding="utf-8")
            # A compiled module is known by the second of its source and its size only.
            os.utime(place, (self.count, self.count))
            return any(self.run(some) != 0 for some in tests)
        finally:
            place.write_bytes(before)

    def said(self):
        """What the last run printed."""
        return (self.folder / "out.txt").read_text(errors="replace")

    def run(self, tests):
        """The exit status of the tests here; above 0 also where they do not end."""
        process = PROCESSES.Process(target=in_child, args=(str(self.folder), tests))
        process.start()
        process.join(LIMIT_S)
        ended = process.exitcode
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.join()
        return LIMIT_S if ended is None else ended


PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(HEAVY)


def in_child(folder, tests):
    """Run pytest in that folder, on the packages there, and end with its status."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's `&` has it ignored
    os.chdir(folder)
    os.environ |= {"PYTHONPATH": folder, "HYPOTHESIS_PROFILE": "mutation"}
    sys.path.insert(0, folder)
    for number, name in ((1, "out.txt"), (2, "err.txt")):
        os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
    import pytest

    # What killed the last mutant is likely to kill the next one.
    order = ["-x", "--ff", "-p", "no:randomly", "-p", "no:xdist"]
    rewritten = ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
    status = pytest.main(
        ["-q", "--tb", "line", "--timeout", str(TEST_LIMIT_S), *order, *rewritten, *tests]
    )
    os._exit(int(status))


def tests_of(module):
    """The tests to run one after the other: those named like a module, its folder's, and all."""
    path = Path("tests", module)
    found = TOP.glob(f"{path.parent}/**/test_{path.stem}*.py")
    named = sorted(str(one.relative_to(TOP)) for one in found)
    return [*([named] if named else []), [str(path.parent)], ["tests"]]


# --- the score ------------------------------------------------------------------------------------


def examine(everything, workers):
    """These mutants, each with whether it was killed."""
    waiting = queue.SimpleQueue()
    first = everything[0].module
    waiting.put(Mutant(first, UNCHANGED, 0, "", "", (TOP / first).read_text(encoding="utf-8")))
    for one in everything:
        waiting.put(one)
    killed, faults = {}, []

    def work(folder):
        workshop = Workshop(folder)
        while not faults:
            try:
                one = waiting.get_nowait()
            except queue.Empty:
                return
            tests = [["tests"]] if one.operator == UNCHANGED else tests_of(one.module)
            fails = workshop.fails(one.module, one.code, tests)
            if one.operator == UNCHANGED:
                if fails:
                    said = workshop.said()[-2000:]
                    faults.append(f"the tests fail without any change\n{said}")
                continue
            killed[one.module, one.code] = fails
            if not fails:
                print(f"{one.module}:{one.line} {one.operator}", flush=True)
                print(f"  - {one.was}\n  + {one.now}", flush=True)
            if len(killed) % 50 == 0:
                print(f"{len(killed)} of {len(everything)}", file=sys.stderr, flush=True)

    with (
        tempfile.TemporaryDirectory(prefix="mutation-", ignore_cleanup_errors=True) as top,
        ThreadPoolExecutor(workers) as pool,
    ):
        list(pool.map(work, [Path(top, str(n)) for n in range(workers)]))
    if faults:
        sys.exit("\n".join(faults))
    return [(one, killed[one.module, one.code]) for one in everything]


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--sample", type=int, metavar="N", help="only so many mutants")
    parser.add_argument("--seed", type=int, default=1, help="of the sample")
    parser.add_argument("modules", metavar="MODULE", nargs="*")
    args = parser.parse_args()
    ports = sorted(str(path.relative_to(TOP)) for path in TOP.glob("reference/[a-z]*.py"))
    if args.sample:
        # Not above: a child imports this module too, and the packages only from its own copy.
        sys.path.insert(0, str(HERE.parent))
        from test_architecture import PURE

        pure = [f"mockservers/{name}.py" for name in PURE]
        everything = [one for module in ports + pure for one in mutants(module)]
        chosen = random.Random(args.seed).sample(everything, args.sample)
        results = examine(chosen, args.workers)
        killed = sum(dead for _, dead in results)
        print(f"{killed} of {len(chosen)} killed ({len(everything)} in all, seed {args.seed})")
        return
    with (HERE / "equivalents.toml").open("rb") as file:
        excuses = tomllib.load(file)
    modules = args.modules or ports
    if unknown := set(modules) - set(ports):
        parser.error(f"no port: {', '.join(sorted(unknown))}")
    results = examine([one for module in modules for one in mutants(module)], args.workers)
    print(f"{'module':36} mutants  killed  equivalent  survived   score")
    wrong = []
    for module in modules:
        of_module = [(one, dead) for one, dead in results if one.module == module]
        excused = {(entry["was"], entry["now"]) for entry in excuses.get(module, ())}
        alive = {(one.was, one.now) for one, dead in of_module if not dead}
        survived = sum(not dead and (one.was, one.now) not in excused for one, dead in of_module)
        equivalent = sum(not dead for _, dead in of_module) - survived
        killed = len(of_module) - equivalent - survived
        score = killed / (killed + survived) if killed + survived else 1.0
        print(
            f"{module:36} {len(of_module):7} {killed:7} {equivalent:11} {survived:9} {score:8.1%}"
        )
        wrong += [f"{module}: {was!r} -> {now!r} is no survivor" for was, now in excused - alive]
        if survived:
            wrong.append(f"{module}: {survived} survived")
    for line in wrong:
        print(line)
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
