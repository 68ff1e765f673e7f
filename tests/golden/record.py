"""Record again what the source listings do, in the JSON files beside this one.

    python tests/golden/record.py LISTINGS_DIR [PYTHON ...]

The inputs are those in the files; what comes of them is from running the listings, never from the
ports: the listings are copied to a scratch folder, and each recording runs there in a process of
its own. The texts that argparse makes differ between Python versions; they are recorded with this
interpreter and with each further PYTHON. Two runs write the same files.
"""

import argparse
import contextlib
import io
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import types
from ast import literal_eval
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from string import ascii_uppercase

from normalise import (
    codes_summary,
    command_text,
    digest,
    displayed,
    task_blocks,
    without_numbers,
    without_time,
)

HERE = Path(__file__).parent


def kept(name: str) -> dict:
    """A file as it is."""
    return json.loads((HERE / name).read_text(encoding="ascii"))


def python(*words: str) -> subprocess.CompletedProcess[str]:
    """A program of this Python, which has to end well."""
    return subprocess.run([sys.executable, *words], capture_output=True, text=True, check=True)


# Each recording is a function that runs in the scratch folder and returns what it saw.


def expand() -> dict:
    import flags2_common

    def outcome(case: list) -> object:
        try:
            return codes_summary(flags2_common.expand_cc_args(*case))
        except ValueError as exc:
            return {"error": exc.args[0]}

    return {
        "country_codes": " ".join(flags2_common.expand_cc_args(False, True, [], sys.maxsize)),
        "pop20": " ".join(flags2_common.POP20_CC),
        "call": "expand_cc_args(every, all, args, limit) -> codes, or how many and their digest",
        "cases": [[*case[:4], outcome(case[:4])] for case in kept("expand.json")["cases"]],
    }


@contextlib.contextmanager
def captured() -> Iterator[tuple[io.StringIO, io.StringIO]]:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        yield out, err


def cli() -> list[dict]:
    import flags2_common
    from flags2_common import HTTPStatus

    seen = []
    for recorded in kept("cli.json")["cases"]:
        case = {
            key: recorded[key] for key in ("default", "max", "argv", "counts") if key in recorded
        }
        calls = []

        def download_many(codes: list[str], *rest: object, case=case, calls=calls) -> Counter:
            calls.append([codes_summary(codes), *rest])
            counts = case.get("counts", [len(codes), 0, 0])
            return Counter(dict(zip(HTTPStatus, counts, strict=True)))

        sys.argv = ["flags2", *case["argv"]]
        status = 0
        with captured() as (out, err):
            try:
                flags2_common.main(download_many, case["default"], case["max"])
            except SystemExit as exc:
                status = exc.code or 0
        case |= {"status": status, "calls": calls}
        case |= {"stdout": command_text(out.getvalue()), "stderr": command_text(err.getvalue())}
        seen.append(case)
    return seen


def merge_versions(by_version: dict[str, list[dict]]) -> dict:
    """One list of cases; a text that differs between versions becomes a table of versions."""
    usages = {
        re.search("^usage: .*$", case["stdout"], re.MULTILINE)[0]
        for cases in by_version.values()
        for case in cases
        if case["stdout"].startswith("*** Usage error")
    }
    (usage,) = usages
    merged = []
    for versions in zip(*by_version.values(), strict=True):
        case = dict(versions[0])
        for stream in ("stdout", "stderr"):
            texts = [version[stream].replace(usage, "{usage}") for version in versions]
            alike = len(set(texts)) == 1
            case[stream] = texts[0] if alike else dict(zip(by_version, texts, strict=True))
        for key in ("argv", "status", "calls"):
            assert all(version[key] == case[key] for version in versions), case
        merged.append(case)
    return {"python_versions": list(by_version), "usage": usage, "cases": merged}


ENDINGS = {
    "too few": "Counter({HTTPStatus.ok: 1})",
    "none": "Counter()",
    "too many": "Counter({HTTPStatus.ok: 3, HTTPStatus.error: 1})",
    "one of two twice": "Counter({HTTPStatus.ok: 2})",
}


def ending(argv: list[str], counter: str, *options: str, cwd: str | None = None) -> dict:
    """How a run of the listing's `main` ends when `download_many` returns `counter`."""
    code = (
        "import sys; from collections import Counter\n"
        f"sys.path.insert(0, {str(Path.cwd())!r}); sys.argv = {['flags2', *argv]!r}\n"
        "from flags2_common import HTTPStatus, main\n"
        f"main(lambda *a: {counter}, 30, 1000)\n"
    )
    run = subprocess.run(
        [sys.executable, *options, "-c", code], cwd=cwd, capture_output=True, text=True, check=False
    )
    return {
        "status": run.returncode,
        "stdout": command_text(run.stdout),
        "traceback": "Traceback" in run.stderr,
        "last_line": (run.stderr.splitlines() or [""])[-1],
    }


def endings() -> dict:
    """What the repairs changed, as it was: the accounting check, and an odd codes file."""
    argv, odd_files = ["BR", "CN"], {}
    with tempfile.TemporaryDirectory() as folder:
        codes_file = Path(folder, "country_codes.txt")
        odd_files["missing"] = ending(["-a"], ENDINGS["none"], cwd=folder)
        codes_file.mkdir()
        odd_files["a folder"] = ending(["-a"], ENDINGS["none"], cwd=folder)
        codes_file.rmdir()
        codes_file.write_bytes(b"BR \xff\xfe CN")
        odd_files["not UTF-8"] = ending(["-a"], ENDINGS["none"], cwd=folder)
        codes_file.write_text("CN\nBR  br CN\n")
        ok = "Counter({HTTPStatus.ok: 3})"
        odd_files["of its own"] = ending(["-a"], ok, cwd=folder)
        codes_file.write_text("\n")
        ok = "Counter({HTTPStatus.ok: 20})"
        odd_files["empty"] = ending(["-a"], ok, cwd=folder)
    return {
        "accounting": {
            name: {"plain": ending(argv, counter), "with -O": ending(argv, counter, "-O")}
            for name, counter in ENDINGS.items()
        },
        "codes_file": odd_files,
    }


class Writes(io.StringIO):
    """A stdout that keeps each write apart."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []

    def write(self, text: str) -> int:
        self.pieces.append(text)
        return len(text)


def reports() -> dict:
    # download_one needs the listing's module, and that only the names of two libraries.
    for name in ("requests", "tqdm"):
        sys.modules[name] = types.ModuleType(name)
    errors = {"HTTPError": OSError, "ConnectionError": OSError}
    sys.modules["requests"].exceptions = types.SimpleNamespace(**errors)
    import flags2_common
    import flags2_threadpool
    from flags2_common import HTTPStatus

    known = kept("reports.json")
    universe = [a + b for a, b in product(ascii_uppercase, repeat=2)]
    initial = []
    for codes, requests, label, _ in known["initial"]:
        count = codes if isinstance(codes, int) else len(codes.split())
        drawn = sorted(random.Random(count).sample(universe, count))
        with captured() as (out, _):
            flags2_common.initial_report(drawn, requests, label)
        initial.append([codes, requests, label, out.getvalue()])
    final = []
    for *counts, _ in known["final"]:
        counter = Counter(dict(zip(HTTPStatus, counts, strict=True)))
        if sum(counts) % 2:
            counter = +counter  # a status that no download met has no entry
        with captured() as (out, _):
            flags2_common.final_report([], counter, flags2_common.time.time())
        final.append([*counts, command_text(out.getvalue())])

    flags2_threadpool.get_flag = lambda base_url, cc: b"GIF"
    with contextlib.redirect_stdout(Writes()) as pieces:
        flags2_threadpool.download_one("BR", "", True)
    return {
        "servers": flags2_common.SERVERS,
        "verbose_writes": pieces.pieces,
        "initial_how": "codes (or how many, drawn by random.Random(count)), requests, label, text",
        "initial": initial,
        "final_how": "ok, not found, error, text",
        "final": final,
    }


def traced(listing: types.ModuleType, items: list) -> list[str]:
    """Sort `items`; the comparisons and swaps, in order, as `c0,1` and `s0,1`."""
    trace: list[str] = []
    compare, swap = listing.compare, listing.swap

    def comparing(arr: list, i: int, j: int) -> int:
        trace.append(f"c{i},{j}")
        return compare(arr, i, j)

    def swapping(arr: list, i: int, j: int) -> None:
        trace.append(f"s{i},{j}")
        swap(arr, i, j)

    listing.compare, listing.swap = comparing, swapping
    try:
        listing.quicksort(items)
    finally:
        listing.compare, listing.swap = compare, swap
    return trace


def quicksort() -> dict:
    import quicksort_processes  # prints, on import, to the real stdout: see main
    import quicksort_threads

    known, recorded = kept("quicksort.json"), []
    for case in known["cases"]:
        items = [float(x) for x in case["input"]] if case["type"] == "float" else case["input"]
        trace = traced(quicksort_threads, items.copy())
        assert trace == traced(quicksort_processes, items.copy())
        counts = Counter(op[0] for op in trace)
        short = {"c": counts["c"], "s": counts["s"], "sha256": digest(" ".join(trace))}
        recorded.append(case | {"trace": " ".join(trace) if len(trace) <= 40 else short})
    return {"trace": known["trace"], "input": known["input"], "cases": recorded}


def primes() -> dict:
    import primes_threadpool

    def outcome(n: float) -> str:
        try:
            return str(primes_threadpool.is_prime(n))
        except (ValueError, OverflowError) as exc:
            return type(exc).__name__

    known = kept("primes.json")
    with captured():
        letters = {"True": "T", "False": "F", "ValueError": "V"}
        table = {}
        for name in known["table"]:
            first, last = map(int, name.split(".."))
            table[name] = "".join(letters[outcome(n)] for n in range(first, last + 1))
        beyond = [[n, outcome(int(n))] for n, _ in known["beyond"]]
        others = [[n, outcome(literal_eval(n))] for n, _ in known["no_integers"]]
    printed = {}
    for n in known["printed"]:
        with captured() as (out, _):
            outcome(int(n))
        printed[n] = without_time(out.getvalue())
    with contextlib.redirect_stdout(Writes()) as writes:
        primes_threadpool.display("a message")

    run = python("primes_threadpool.py")
    lines = displayed(run.stdout)
    return {
        "table_how": "T, F or V (ValueError) for each number of the range",
        "table": table,
        "beyond": beyond,
        "no_integers": others,
        "printed": printed,
        "display_writes": [without_time(piece) for piece in writes.pieces],
        "numbers": primes_threadpool.PRIMES,
        "results": [line.split(": ")[1] for line in lines if re.match(r"result \d", line)],
        "main_lines": [line for line in lines if not line.startswith("is_prime(")],
        "is_prime_lines": sorted(line for line in lines if line.startswith("is_prime(")),
        "stderr": run.stderr,
        "status": run.returncode,
    }


def quicksort_programs() -> dict:
    recorded = {}
    for name in ("quicksort_threads", "quicksort_processes"):
        run = python(f"{name}.py")
        head, blocks = task_blocks(run.stdout)
        (shape,) = {tuple(without_numbers(line) for line in block) for block in blocks}
        ids = sorted(int(re.search(r"(\d+)[^\d]*$", block[0])[1]) for block in blocks)
        assert ids == list(range(1, len(blocks) + 1))
        imported = python("-c", f"import {name}")
        recorded[name] = {
            "head": [without_numbers(line) for line in head],
            "task": shape,
            "tasks_per_cpu": len(blocks) / os.cpu_count(),
            "stderr": run.stderr,
            "status": run.returncode,
            "printed_on_import": imported.stdout,
        }
    return recorded


RECORDINGS = [expand, cli, endings, reports, quicksort, primes, quicksort_programs]


def seen_by(recording: Callable, scratch: Path, python: str = sys.executable) -> dict:
    """What `recording` returns, run by `python` in the scratch folder."""
    env = {name: text for name, text in os.environ.items() if not name.startswith("FLAGS2_")}
    env |= {"COLUMNS": "80", "PYTHONUTF8": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    env.pop("PYTHONUNBUFFERED", None)  # with it, processes tear each other's lines
    command = [python, Path(__file__).resolve(), f"--recording={recording.__name__}"]
    run = subprocess.run(
        command, cwd=scratch, env=env, stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(run.stdout.splitlines()[-1])


def write(name: str, listing: str, data: dict) -> None:
    """Write a file of which each item of each list or table is one line."""
    note = f"running {listing}; never from a port (see record.py)"
    fields = []
    for key, value in ({"recorded_from": note} | data).items():
        if isinstance(value, dict):
            items = [f"{json.dumps(k)}: {json.dumps(v)}" for k, v in value.items()]
            text = "{\n" + ",\n".join(items) + "\n}"
        elif isinstance(value, list) and any(isinstance(item, list | dict) for item in value):
            text = "[\n" + ",\n".join(json.dumps(item) for item in value) + "\n]"
        else:
            text = json.dumps(value)
        fields.append(f"{json.dumps(key)}: {text}")
    (HERE / name).write_text("{\n" + ",\n".join(fields) + "\n}\n", encoding="ascii")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("listings", type=Path, help="the folder of the six listings")
    parser.add_argument("pythons", nargs="*", metavar="PYTHON", help="further interpreters")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        for file in [*args.listings.glob("*.py"), args.listings / "country_codes.txt"]:
            shutil.copy(file, scratch)
        (scratch / "downloads").mkdir()
        write("expand.json", "flags2_common.py", seen_by(expand, scratch))
        by_version = {}
        for python in dict.fromkeys([sys.executable, *args.pythons]):
            version = "import sys; print('%d.%d' % sys.version_info[:2])"
            run = subprocess.run([python, "-c", version], stdout=subprocess.PIPE, check=True)
            by_version[run.stdout.decode().strip()] = seen_by(cli, scratch, python)
        by_version = dict(sorted(by_version.items(), key=lambda item: int(item[0].split(".")[1])))
        data = merge_versions(by_version) | seen_by(endings, scratch)
        write("cli.json", "flags2_common.py", data)
        write("reports.json", "flags2_common.py", seen_by(reports, scratch))
        both = "quicksort_threads.py and quicksort_processes.py"
        write("quicksort.json", f"{both}, which agreed", seen_by(quicksort, scratch))
        write("primes.json", "primes_threadpool.py", seen_by(primes, scratch))
        write("quicksort_programs.json", both, seen_by(quicksort_programs, scratch))


if __name__ == "__main__":
    if sys.argv[1:] and sys.argv[1].startswith("--recording="):
        sys.path.insert(0, str(Path.cwd()))
        (recording,) = [r for r in RECORDINGS if r.__name__ == sys.argv[1].partition("=")[2]]
        print(json.dumps(recording()))
    else:
        main()
