"""Record what the source listings do, as the JSON files beside this one.

    python tests/golden/record.py LISTINGS_DIR [PYTHON ...]

Everything recorded here comes from running the listings, never from the ports: the listings
are copied to a scratch folder, and each recording runs there in a process of its own. The
texts that argparse makes differ between Python versions; they are recorded with this
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
ODD_TEXTS = [
    *"ß ı ſ ﬀ ﬁ ﬂ ﬅ ﬆ ﬃ ﬄ ŉ ǰ é É ñ İ K Å Α А В Е".split(),
    *"АВ Аa BЕ ßa aß ſſ ıı sſ ıa éa aé ｂｒ ＢＲ".split(),
    *"abc ABC a1 1a 1 12 007 - -- a- a, a,b A. * ? ١ ² Ⅷ ⅷ 🇧🇷 🄰".split(),
    *["", " ", "  ", "a ", " a", "a b", "\t", "\n", "a\n", "\0", "a\0", "z\u0301", "\u0345", "[]"],
]
PLAIN_TEXTS = "a A b z Z br BR bR Br cn CN us aa AA zz ZZ Az q X".split()
NO_LIMIT = sys.maxsize


# Each recording is a function that runs in the scratch folder and returns what it saw.


def expand() -> dict:
    import flags2_common

    draw = random.Random(1).choice
    cases: list[tuple[bool, bool, list[str], int]] = [
        (every, every_country, args, limit)
        for every, every_country in [(True, False), (True, True), (False, True), (False, False)]
        for args in ([], ["BR"], ["no code"])
        for limit in (NO_LIMIT, 1000, 676, 194, 27, 5, 1, 0, -1, -700)
    ]
    cases += [(False, False, [text], NO_LIMIT) for text in PLAIN_TEXTS + ODD_TEXTS]
    cases += [(False, False, [letter], 30) for letter in ascii_uppercase]
    for _ in range(120):
        args = [draw(PLAIN_TEXTS) for _ in range(draw(range(7)))]
        cases.append((False, False, args, draw([NO_LIMIT, 1, 3, 10, 26, 27, 100, 0, -2])))
    for _ in range(60):
        args = [draw(PLAIN_TEXTS + ODD_TEXTS) for _ in range(draw(range(1, 4)))]
        cases.append((False, False, args, NO_LIMIT))

    def outcome(case: tuple[bool, bool, list[str], int]) -> object:
        try:
            return codes_summary(flags2_common.expand_cc_args(*case))
        except ValueError as exc:
            return {"error": exc.args[0]}

    return {
        "country_codes": " ".join(flags2_common.expand_cc_args(False, True, [], NO_LIMIT)),
        "pop20": " ".join(flags2_common.POP20_CC),
        "call": "expand_cc_args(every, all, args, limit) -> codes, or how many and their digest",
        "cases": [[*case, outcome(case)] for case in cases],
    }


def command_lines() -> Iterator[dict]:
    """Argument lists, with the program's own limits and what its downloads are to count."""
    for text in [
        # what is asked for
        "", "BR", "br", "A", "a", "z", "BR CN", "CN BR", "BR br BR", "B BR", "br cn us in id",
        "A B C", "a b c d e f g h i j k", "BR CN US IN ID PK NG BD RU JP",
        "BR CN US IN ID PK NG BD RU JP MX", "q zz xx", "-a", "-e", "-a -e", "-e -a", "-ae", "-ea",
        "--all", "--every", "-a BR", "-e BR", "-e -a BR", "-a 123", "-e no_code", "-ae ''",
        "-v", "-v BR", "--verbose BR CN", "BR -v", "-av", "-ev", "-aev", "-vae",
        # limits
        "-l 5", "-l 1", "-l 1 BR CN", "-l 2 CN BR AA", "BR CN -l 1", "-l5", "-l 5 A", "-l 26 A",
        "-l 27 A", "-l 10 A", "-l 11 A", "--limit 3 A", "--limit=3 A", "-l 5 -a", "-l 5 -e",
        "-a -l 10", "-a -l 11", "-e -l 30", "-e -l 1", "-l 676 -e", "-l 1000 -e", "-l 194 -a",
        "-l 195 -a", "-l 99999999999999999999 BR", "-l 007 A", "-l 1_0 A", "-l +4 A", "-l ' 4 ' A",
        "-l 1 -l 2 A", "-l ٣ A", "-al 3", "-al3", "-vl 3 A",
        # usage errors
        "-l 0", "-l -1", "-l -99 BR", "--limit 0", "--limit=-5", "-l0", "-l 0 -e", "-l 0 -m 0",
        "-m 0", "-m -1", "--max_req 0", "--max_req=-7", "-m0", "-m 0 -e", "-m 0 -s nowhere",
        "-l 0 -s nowhere", "-m 0 no_code", "-s nowhere", "-s ''", "-s LOCALHOST", "-s nowhere BR",
        "--server http://localhost:8001/flags", "-s nowhere no_code", "-s 'LOCAL '", "-s lokal -v",
        "abc", "BR abc", "abc BR", "BRA", "1", "a1", "1a", "12", "é", "ñ", "''", "' '", "'B R'",
        "B,C", "BR,CN", "A ''", "*", "?", "İ", "ﬃ", "А", "BR А", "no_code -v", "no_code -l 5",
        # letters that become letters
        "ß", "ı", "ſ", "ﬀ", "ﬁ", "ﬂ", "ﬅ", "ﬆ", "ß BR", "ıı ſſ", "-l 3 ı", "ﬁ ﬂ fi FL",
        # requests at once
        "-m 1", "-m 2", "-m 20", "-m 21", "-m 1 BR", "-m 5 BR CN", "-m 1000 -e", "-m 1001 -e",
        "-m 100 -a", "-m 194 -a", "-m 195 -a", "-m7 A", "--max_req 7 A", "--max_req=7 A",
        "-m 99999999999999999999 BR CN", "-m 2 -m 3 A", "-am 9", "-m 3 -l 2 A", "-m 2 -l 3 A",
        # servers
        "-s LOCAL", "-s local BR", "-s Delay BR", "-s ERROR -e", "-s error BR CN", "-s remote BR",
        "-s REMOTE -a", "--server delay -l 2 A", "--server=DELAY A", "-slocal BR", "-s eRRoR -v Z",
        "-s LOCAL -s ERROR BR", "-es error",
        # abbreviations
        "--ev", "--e", "--al", "--a", "--lim 3", "--l 3", "--li=3 A", "--max 3", "--m 3",
        "--s delay", "--serv error BR", "--verb BR", "--v BR", "--max-req 3",
        # everything together
        "-s ERROR -m 50 -l 100 -e -v", "-v -a -m 3 -l 12 -s delay", "-m 4 -s local -l 6 A B",
        "A B -m 4 -s local -l 6", "-e -m 30 -s DELAY", "-- BR", "-v -- br cn", "-- -a", "-- a b",
        # found by argparse
        "-l", "-m", "-s", "-l x", "-m x", "-l 1.5", "-m 1e3", "-l ''", "-m ''", "-l five BR",
        "--limit=x", "--max_req=", "-l -x", "-l --every", "-m -a", "-x", "--nope", "-x BR",
        "--no-such-option BR", "-e -x", "-9 BR x --y", "--every=1", "--all=yes", "-V", "-E", "-A",
        "-l x -m 0", "-m 0 -l x", "-s nowhere -l x", "no_code -l x", "no_code --nope",
        # help
        "-h", "--help", "--he", "--h", "BR -h", "-h BR", "-e -h", "-m 0 -h", "-l 0 -h", "-h -l x",
        "no_code -h", "-s nowhere -h", "-vh",
    ]:  # fmt: skip
        yield {"argv": text}
    for text in ("-h", "", "-e", "-a", "-m 8 BR", "-m 0", "-e -m 7"):
        yield {"argv": text, "default": 5, "max": 1000}
    for text in ("-e", "-e -m 6", "-e -m 7", "-e -m 8", "A", "BR CN", "-a -m 500", "BR"):
        yield {"argv": text, "default": 30, "max": 7}
    for text in ("", "-e", "BR", "-m 3"):
        yield {"argv": text, "default": 1, "max": 1}
    for text, counts in [
        ("BR", [1, 0, 0]), ("BR", [0, 1, 0]), ("BR", [0, 0, 1]), ("A", [24, 1, 1]),
        ("A", [22, 2, 2]), ("A", [0, 26, 0]), ("A", [0, 0, 26]), ("-e", [150, 361, 165]),
        ("-s ERROR -e", [150, 361, 165]), ("-a -v", [193, 1, 0]), ("BR CN", [1, 0, 1]),
    ]:  # fmt: skip
        yield {"argv": text, "counts": counts}


@contextlib.contextmanager
def captured() -> Iterator[tuple[io.StringIO, io.StringIO]]:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        yield out, err


def cli() -> list[dict]:
    import shlex

    import flags2_common
    from flags2_common import HTTPStatus

    seen = []
    for case in command_lines():
        case = {"default": 30, "max": 1000} | case
        case["argv"] = shlex.split(case["argv"])
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
    odd_files = {}
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
            name: {
                "plain": ending(["BR", "CN"], counter),
                "with -O": ending(["BR", "CN"], counter, "-O"),
            }
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

    universe = [a + b for a, b in product(ascii_uppercase, repeat=2)]
    initial = []
    for (i, count), label in product(
        enumerate([*range(13), 20, 26, 194, 676]), flags2_common.SERVERS
    ):
        requests = [1, 2, 30, 0, 1000][i % 5]
        codes = sorted(random.Random(count).sample(universe, count))
        with captured() as (out, _):
            flags2_common.initial_report(codes, requests, label)
        initial.append([" ".join(codes) if i < 13 else count, requests, label, out.getvalue()])
    final = []
    for counts in product((0, 1, 2, 10, 361), repeat=3):
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


def killer(quicksort: Callable[[list], None], n: int) -> list[int]:
    """A permutation made against `quicksort`: values are settled only as it compares them.

    After M. D. McIlroy, A Killer Adversary for Quicksort (1999).
    """
    undecided = n
    values = [undecided] * n
    settled = 0
    candidate = 0

    class Item:
        def __init__(self, place: int) -> None:
            self.place = place

        def minus(self, other: "Item") -> int:
            nonlocal settled, candidate
            x, y = self.place, other.place
            if values[x] == values[y] == undecided:
                values[x if x == candidate else y] = settled
                settled += 1
            if values[x] == undecided:
                candidate = x
            elif values[y] == undecided:
                candidate = y
            return values[x] - values[y]

        def __lt__(self, other: "Item") -> bool:
            return self.minus(other) < 0

        def __gt__(self, other: "Item") -> bool:
            return self.minus(other) > 0

    quicksort([Item(place) for place in range(n)])
    for place, value in enumerate(values):  # one or two that were never settled
        if value == undecided:
            values[place] = settled
            settled += 1
    return values


def shapes(n: int, sort: Callable[[list], None], seed: int) -> Iterator[tuple[str, list]]:
    chance = random.Random(seed)
    half = n // 2
    yield "random", [chance.randrange(10 * n + 1) for _ in range(n)]
    yield "few values", [chance.randrange(4) for _ in range(n)]
    yield "two values", [chance.randrange(2) for _ in range(n)]
    yield "alternating", [i % 2 for i in range(n)]
    yield "equal", [7] * n
    yield "sorted", list(range(n))
    yield "reversed", list(range(n))[::-1]
    yield "organ pipe", [*range(half), *range(n - half)[::-1]]
    yield "worst found", ([0] + [1] * (half - 1) + [0] * n)[:n]
    yield "killer", killer(sort, n)


def quicksort() -> dict:
    import quicksort_processes  # prints, on import, to the real stdout: see main
    import quicksort_threads

    chance = random.Random(3)
    cases: list[tuple[str, str, list]] = []
    for n in (*range(13), 16, 25, 40, 64, 100, 400):
        cases += [(name, "int", a) for name, a in shapes(n, quicksort_threads.quicksort, n)]
    cases += [
        ("permutation", "int", chance.sample(range(n), n)) for n in range(2, 15) for _ in range(5)
    ]
    floats = [0.0, -0.0, 1.5, -2.25, 1e300, float("inf"), float("-inf"), 3.0]
    words = ["", "a", "b", "ab", "B", "ß", "é", "zz", "a b"]
    for n in range(2, 14):
        cases.append(("words", "str", [chance.choice(words) for _ in range(n)]))
        cases.append(("floats", "float", [chance.choice(floats) for _ in range(n)]))
        for share in (1, 4, 8):
            items = [*floats, *[float("nan")] * share]
            cases.append(("NaN", "float", [chance.choice(items) for _ in range(n)]))
    for n in (60, 300):
        for nan in (0.05, 0.3, 0.9):
            items = [float("nan") if chance.random() < nan else i * 0.5 for i in range(n)]
            cases.append(("NaN", "float", chance.sample(items, n)))

    recorded = []
    for name, kind, items in cases:
        trace = traced(quicksort_threads, items.copy())
        assert trace == traced(quicksort_processes, items.copy())
        text = " ".join(trace)
        counts = Counter(op[0] for op in trace)
        recorded.append(
            {
                "name": name,
                "type": kind,
                "input": [repr(x) for x in items] if kind == "float" else items,
                "trace": text
                if len(trace) <= 40
                else {"c": counts["c"], "s": counts["s"], "sha256": digest(text)},
            }
        )
    return {
        "trace": "c0,1 compares, s0,1 swaps the items at 0 and 1; if long: counts and a digest",
        "input": "items of type float are written as Python's repr",
        "cases": recorded,
    }


def primes() -> dict:
    import primes_threadpool

    def outcome(n: float) -> str:
        try:
            return str(primes_threadpool.is_prime(n))
        except (ValueError, OverflowError) as exc:
            return type(exc).__name__

    chance = random.Random(4)
    below = {f"{low}..{low + 99}": range(low, low + 100) for low in range(-100, 2100, 100)}
    big = [chance.randrange(10**k, 10 ** (k + 1)) | 1 for k in range(4, 11) for _ in range(8)]
    big += [46337 * 46337, 46337 * 46349, 99991 * 99989, 2**31 - 1, 2**31 + 1, 10**10 + 19]
    big += [2**53, 2**53 + 1, 2**61 - 2, 3 * (2**61 - 1), 10**400, -(10**20), 1 - 10**20]
    big += [10**400 + 1]
    with captured():
        letters = {"True": "T", "False": "F", "ValueError": "V"}
        table = {name: "".join(letters[outcome(n)] for n in ns) for name, ns in below.items()}
        beyond = [[str(n), outcome(n)] for n in big]
        others = [[repr(n), outcome(n)] for n in (True, False, 9.0, 7.0, 2.0, 4.5, 7.5, -1.0)]
    printed = {}
    for n in (-4, -3, -1, 0, 1, 2, 3, 4, 9, 97, 10**400 + 1):
        with captured() as (out, _):
            outcome(n)
        printed[str(n)] = without_time(out.getvalue())
    with contextlib.redirect_stdout(Writes()) as writes:
        primes_threadpool.display("a message")

    run = subprocess.run(
        [sys.executable, "primes_threadpool.py"], capture_output=True, text=True, check=True
    )
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
        run = subprocess.run(
            [sys.executable, f"{name}.py"], capture_output=True, text=True, check=True
        )
        head, blocks = task_blocks(run.stdout)
        (shape,) = {tuple(without_numbers(line) for line in block) for block in blocks}
        ids = sorted(int(re.search(r"(\d+)[^\d]*$", block[0])[1]) for block in blocks)
        assert ids == list(range(1, len(blocks) + 1))
        imported = subprocess.run(
            [sys.executable, "-c", f"import {name}"], capture_output=True, text=True, check=True
        )
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
    run = subprocess.run(
        [python, Path(__file__).resolve(), f"--recording={recording.__name__}"],
        cwd=scratch,
        env=env,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
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
