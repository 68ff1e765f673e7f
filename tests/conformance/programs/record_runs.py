"""Record a run of every faulty implementation, and of correct ones, for `test_recorded_runs.py`.

    python tests/conformance/programs/record_runs.py

Ports, times and the order of concurrent events are not recorded: a new recording differs only where
a program or the judge does. Look at the difference before you commit it.
"""

import contextlib
import json
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import faulty
import sharpness
import unusual
from msgspec import to_builtins
from support.recorded_runs import (
    FEW_CODES,
    RECORDED,
    URLS,
    content,
    entry,
    run_of,
    summary,
    table_lines,
)

from conformance import program_runner, scheduler, worker
from conformance.checks.judge import findings
from conformance.checks.printed_lines import ELAPSED, LINE_OF_CODE, read_lines

RIGHT = [
    "code", "two-letters-lines", "out-6", "no-length", "cut-headers", "too-long", "redirect",
    "redirect-to-nothing", "redirect-loop", "refused", "reset-once", "stale", "stale-and-error",
    "folder-in-the-way", "no-folder", "three-of-nine", "interrupt", "three-letters",
    "own-codes-file",
    "served-at-the-second-attempt", "out-3-totals", "out-5-lines",
]  # fmt: skip
"""Fixed cases for correct programs, besides all the legacies."""
NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
MOST_LINES = 5
"""Lines of a flood that are recorded."""


def executions(cases):
    """Program, command, and cases; the first case with a failure is recorded."""
    for name, kill in json.loads(sharpness.KILLS.read_text()).items():
        yield name, sharpness.faulty_command(name), [cases[kill["case"]]]
    for name, clause in faulty.LAX.items():
        if clause != "HOOK-1":
            yield name, sharpness.faulty_command(name), scheduler.chosen_cases([clause], 0, 0)[:3]
    legacies = [case for case in cases.values() if case.id.startswith("legacy/")]
    right = [cases[f"fixed/{name}"] for name in RIGHT if f"fixed/{name}" in cases]
    for number, case in enumerate([*right, *legacies]):
        name = ("flags2_threadpool", "flags2_asyncio")[number % 2]
        command = [sys.executable, "-m", f"reference.{name}"]
        yield name, program_runner.resolved(command), [case]
        if case in legacies:
            yield "correct", sharpness.faulty_command("correct"), [case]
    for name in ("follows-redirects", "status-64", "other-lines"):
        case = cases["fixed/redirect" if name[0] == "f" else "fixed/three-letters"]
        yield name, program_runner.resolved(unusual.UNUSUAL[name]), [case]


def record(name, command, cases):
    for case in cases:
        run, found = worker.execute(worker.Task(command, case, sharpness.PROFILE))
        if any(one.verdict not in ("INFO", "LEGACY") for one in found):
            break
    case = replace(case, clauses=case.clauses[:1], why="")
    kept = packed(run)
    again = run_of(kept)
    judged = findings(case, again)
    causes = [[(one.cause, one.code) for one in some] for some in (found, judged)]
    if causes[0] != causes[1]:
        print(
            f"{name}: {case.id}: packed, it is judged differently", *map(summary, found), sep="\n  "
        )
    made = {"program": f"{name} in {case.id}", "case": case.to_json(), "run": kept}
    made["found"] = list(map(summary, judged))
    if len(case.code_lists() and case.code_lists()[0]) <= FEW_CODES:
        made["books"] = table_lines(case, again, judged)
    return made


def packed(run):
    """What `run_of` reads, without default values."""
    names = contents(run)
    after = {n: one for n, one in run.files_after.items() if run.files_before.get(n) != one}
    data = {
        "status": run.status,
        "ended": run.ended,
        "stdout": stdout(run),
        "stderr": stderr(run),
        "entries": entries(run, names),
        "before": {n: file_record(n, one, names) for n, one in run.files_before.items()},
        "files": {n: file_record(n, one, names) for n, one in after.items()},
        "kept": sorted(run.files_after.keys() - after.keys()),
        "left": sorted(re.sub(r"^python.*", "python", one) for one in run.left),
        "elapsed_s": round(run.elapsed_s) if run.elapsed_s > 5 else 0.1,
    }
    usual = {"status": 0, "ended": "exit", "elapsed_s": 0.1}
    return {k: v for k, v in data.items() if v != usual.get(k, [] if isinstance(v, list) else {})}


def contents(run):
    """The names of recordings for the bytes that were served, by their SHA-256."""
    names = {}
    for one in to_builtins(run.entries):
        if one.get("sha256"):
            names.setdefault(one["sha256"], set()).add(content(one["code"], one["bytes_sent"]))
    of_several = [n for sha, some in names.items() for n in some if sha]
    assert all(of_several.count(name) == 1 for name in of_several)
    return names


def plain(run, text):
    for label, url in run.urls.items():
        text = text.replace(url, URLS[label]).replace(url.removesuffix("/flags"), URLS[label][:-6])
    return text


def stdout(run):
    lines = [plain(run, text)[:300] for text in run.texts]
    if run.ended == "flood":
        return lines[:MOST_LINES]
    lines = ["Elapsed time: 0.10s" if ELAPSED.fullmatch(text) else text for text in lines]
    places = [place for place, text in enumerate(lines) if LINE_OF_CODE.fullmatch(text)]
    ordered = sorted((lines[p] for p in places), key=lambda t: t.removeprefix("*** Error for ")[:2])
    for place, text in zip(places, ordered, strict=True):
        lines[place] = text
    return lines


def stderr(run):
    """Without the lines of a traceback that name places in the code."""
    lines = plain(run, run.stderr).splitlines()
    return [re.sub(r"/tmp/\S*conformance-\w+", "/tmp", one) for one in lines if one[:2] != "  "]


def entries(run, names):
    at = read_lines(run.texts).hyphens
    spoken = at is not None and at + 1 < len(run.lines)
    reported_s = run.lines[at + 1].at_s if spoken else float("inf")
    announced = read_lines(run.texts).claims.concurrency
    in_json = to_builtins(run.entries)
    in_order = any(one.get("location") for one in in_json)
    found = []
    for one in in_json:
        if one["type"] != "request":
            found.append({k: v for k, v in one.items() if not k.endswith("_s")})
            continue
        one = dict(one)
        late = one["start_s"] > reported_s
        held_s = int(one["end_s"] - one["start_s"] + 0.25) if one["do"] in ("hang", "stall") else 0
        one |= {"start_s": 2.0 * late, "end_s": 2.0 * late + held_s}
        if announced is None or one["in_flight"] <= announced:
            one["in_flight"] = 1
        if not in_order:
            del one["conn"], one["n"]
        if one["sha256"]:
            one["sha256"] = content(one["code"], one["bytes_sent"])
        for field in ("delay_s", "first_byte_s", "attempt", "reason"):
            kept = {"reason": "reason", "delay_s": "client_closed"}.get(field)
            if not (kept and one.get(kept)):
                one.pop(field, None)
        found.append(one)
    if not in_order:
        found.sort(key=lambda one: (one["type"], one["server"], one.get("path", "")))
    return [short(number, one) for number, one in enumerate(found, 1)]


def short(number, one):
    if one["type"] != "request":
        return one
    line = f"{one['code']} {one['status']} {one['length']}"
    with contextlib.suppress(ValueError):
        if same(entry(number, line), one):
            return line
    left = dict(one)
    for field in list(one):
        less = {k: v for k, v in left.items() if k != field}
        with contextlib.suppress(ValueError):  # an entry needs it
            if field != "code" and same(entry(number, less), one):
                left = less
    return left


def same(one, other):
    there = to_builtins(one)
    return {k: there.get(k) for k in other} == other


def file_record(name, one, names):
    own = content(name[:2].upper(), one.size)
    known = names.get(one.sha256, ())
    if own in known:
        return one.size
    if one.sha256 == NOTHING:
        return {"size": 0, "sha256": NOTHING}
    other = f"{(one.sha256 or '')[:8]}, not as served"
    return {"size": one.size, "sha256": min(known, default=other)}


def main():
    cases = {case.id: case for case in scheduler.chosen_cases((), sharpness.EXAMPLES, 0)}
    with ThreadPoolExecutor(2) as executor:
        made = list(executor.map(lambda one: record(*one), executions(cases)))
    worker.close_sandboxes()
    lines = ",\n".join(json.dumps(one, ensure_ascii=False, separators=(",", ":")) for one in made)
    RECORDED.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    print(f"{len(made)} runs in {RECORDED.stat().st_size} bytes")


if __name__ == "__main__":
    main()
