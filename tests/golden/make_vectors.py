"""Make the packaged test vectors: `python tests/golden/make_vectors.py`.

From what the listings were seen to do (the JSON files here), from `tests/vectors/draw.json`, and
from `mockservers.predict`. Running it again writes the same files. A case that comes out otherwise
than before gets a new id, and names the one that it replaces.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from conformance.clauses import clauses
from conformance.vectors import FILES, digest
from mockservers.content.resources import FlagCatalogue, info_in
from mockservers.flags2.arguments import parse_flags2
from mockservers.plan_json import plan_from_json
from mockservers.predict import predict, totals

HERE = Path(__file__).parent
DRAWS = HERE.parent / "vectors/draw.json"
FOLDER = HERE.parents[1] / "conformance/vector_files"

FIND = info_in(FlagCatalogue())
NO_LIMIT = 2**63 - 1
RECORDED = "recorded by running the listings"
Body = dict[str, Any]


def golden(name: str) -> Any:
    """What was recorded under a name."""
    return json.loads((HERE / f"{name}.json").read_text(encoding="utf-8"))


def body(ids: list[str], why: str, given: Body, output: Body, level: str | None = None) -> Body:
    """A case without its id; its level is the weakest of its clauses, if none is given."""
    words = [clauses()[clause].keyword.split()[0] for clause in ids]
    level = level or max(words, key=("MUST", "SHOULD", "MAY").index)
    return {"clauses": ids, "level": level, "why": why, "input": given, "output": output}


def codes(recorded: Any) -> Any:
    """A list of codes, or their number and the SHA-256 of the codes joined by spaces."""
    return recorded.split() if isinstance(recorded, str) else recorded


def expansion() -> Iterator[Body]:
    data = golden("expand")
    seen = set()
    for n, (every, everything, args, limit, recorded) in enumerate(data["cases"]):
        limit = None if limit == NO_LIMIT else limit
        key = json.dumps([every, everything, args, limit])
        if (limit is not None and limit < 1) or key in seen or (len(args) > 1 and n % 2):
            continue
        seen.add(key)
        given = {"args": args, "every": every, "all": everything, "limit": limit}
        refused = isinstance(recorded, dict) and "error" in recorded
        output = {"refused": True} if refused else {"codes": codes(recorded)}
        if ((every or everything) and args) or (every and everything):
            ids, why = ["L-7"], "-e beats -a, and both ignore codes"
        elif refused:
            ids, why = ["EXP-9"], "no code and no letter"
        elif not all(arg.isascii() for arg in args):
            ids, why = ["L-5"], "its capitals are codes"
        elif every or everything:
            ids, why = (["EXP-6"], "every code") if every else (["EXP-7"], "the codes file")
        elif not args:
            output = {"codes": sorted(data["pop20"].split())}
            ids, why = ["EXP-8"], "no codes"
            if limit is not None:
                ids, why = ["L-4"], "a limit without codes takes all twenty"
        else:
            ids, why = [], "codes and letters"
            ids += ["EXP-1"] * any(len(arg) == 2 for arg in args)
            ids += ["EXP-2"] * any(len(arg) == 1 for arg in args)
            ids += ["EXP-3", "EXP-4"] * (len(args) > 1)
        if limit is not None and ids[0][:3] == "EXP" and not refused:
            ids, why = ["EXP-5", *ids], f"{why}, limited"
        yield body(ids, why, given, output)


ODD = re.compile(r"--$|--(e|ev|a|al|l|li|lim|m|max|s|serv|v|verb)(=.*)?$|1_0|\+4| 4 |\u0663")
"""What only the parser of the listings takes."""


def command_line() -> Iterator[Body]:
    for case in golden("cli")["cases"]:
        argv, text = case["argv"], " ".join(case["argv"])
        names = [arg for arg in argv if arg.startswith("-")]
        if (case["default"], case["max"]) != (30, 1000) or "-h" in argv:
            continue
        if any(map(ODD.match, argv)) or "9999999" in text or len(set(names)) < len(names):
            continue
        given = {"arguments": argv, "default_connections": 30, "most_connections": 1000}
        if case["status"]:
            ids = ["EXP-9"] if "each CC" in case["stdout"] else ["CLI-5"]
            yield body([*ids, "CLI-6"], "a usage error", given, {"refused": True})
            continue
        if not case["calls"]:  # the help
            continue
        ((asked, url, verbose, connections),) = case["calls"]
        output = {"codes": codes(asked), "base_url": url, "verbose": verbose}
        output["label"] = case["stdout"].split()[0]
        output["connections"] = connections
        yield body(*_read_as(argv, names), given, output)


def _read_as(argv: list[str], names: list[str]) -> tuple[list[str], str]:
    """Clauses and reason of a command line that is understood."""
    flags = "".join(name for name in names if not name.startswith("--"))
    every = "e" in flags or "--every" in names
    everything = "a" in flags or "--all" in names
    limit = "l" in flags or any(name.startswith("--limit") for name in names)
    values = {n + 1 for n, arg in enumerate(argv) if re.search(r"^-\w*[lms]$|^--[lms]\w+$", arg)}
    words = [n for n, arg in enumerate(argv) if n not in values and not arg.startswith("-")]
    if (every and everything) or ((every or everything) and words):
        return ["L-7"], "-e beats -a, and both ignore codes"
    if not all(argv[n].isascii() for n in words):
        return ["L-5"], "its capitals are codes"
    if limit and not (every or everything or words):
        return ["L-4"], "a limit without codes takes all twenty"
    late = words and any(n > words[0] for n, arg in enumerate(argv) if arg in names)
    if late or any(len(name) > 2 for name in names):
        return ["CLI-2"], "long forms, options in one word, or behind the codes"
    if any(argv[n] != argv[n].upper() for n in values):
        return ["CLI-4"], "a label in small letters"
    return (["CLI-1"] if names else ["CLI-3"]), "options before codes" if names else "codes alone"


def reports() -> Iterator[Body]:
    data = golden("reports")
    for asked, requests, label, text in data["initial"]:
        listed = codes(asked) if isinstance(asked, str) else None
        count = len(listed) if listed is not None else asked
        if not count or requests > count:
            continue
        ends = re.search(r"from (..) to (..)", text)
        if ends:
            listed = {"count": count, "first": ends[1], "last": ends[2]}
        given = {"report": "initial", "codes": listed, "connections": requests, "label": label}
        ids = ["REP-1", "REP-2", "REP-3", "REP-4"]
        yield body(ids, "the announcement", given, {"lines": text.splitlines()})
    for n, (ok, not_found, error, text) in enumerate(data["final"]):
        if n % 2 and max(ok, not_found, error) > 2:
            continue
        lines = [line for line in text.splitlines() if not line.startswith("Elapsed")]
        ids = ["REP-4", "REP-5"] if not_found and error else ["REP-4", "REP-5", "REP-6"]
        given = {"report": "final", "ok": ok, "not_found": not_found, "error": error}
        yield body(ids, "the report, without its time", given, {"lines": lines})


def primes() -> Iterator[Body]:
    data = golden("primes")
    said = {}
    for numbers, letters in data["table"].items():
        first = int(re.match(r"-?\d+", numbers)[0])  # type: ignore[index]
        said |= {first + n: {"T": True, "F": False}.get(c) for n, c in enumerate(letters)}
    chosen = [n for n in said if -9 <= n < 100 or (n > 100 and n % 17 == 0) or n % 97 == 2]
    for text, result in data["beyond"]:
        n = int(text)
        small = n % 2 == 0 or any(n % i == 0 for i in range(3, 1000, 2))
        if 0 < n <= 2**53 and (n < 10**11 or small):
            said[n] = {"True": True, "False": False}.get(result)
            chosen.append(n)
    said[112272535095293] = True
    for n in dict.fromkeys([*chosen[::2], *range(-9, 60), 112272535095293]):
        output = {"prime": said[n]} if said[n] is not None else {"error": "ValueError"}
        if n in (1, 2):
            yield body([f"L-{3 - n}"], "the listing's odd answer", {"n": n}, output)
        elif n < 0 and n % 2:
            yield body(["L-3"], "an odd negative number", {"n": n}, output)
        elif n >= 0:
            yield body([f"PRM-{1 if n % 2 else 2}"], "prime or not", {"n": n}, output)


def quicksort() -> Iterator[Body]:
    seen: set[str] = set()
    for case in golden("quicksort")["cases"]:
        items, trace = case["input"], case["trace"]
        if case["type"] != "int" or len(items) > 100 or str(items) in seen:
            continue
        seen.add(str(items))
        output = {"sorted": sorted(items)}
        if isinstance(trace, str):
            swaps = [step[1:].split(",") for step in trace.split() if step.startswith("s")]
            output["swaps"] = [[int(i), int(j)] for i, j in swaps]
        ids = ["QKS-1", "QKS-2"]
        ids += ["QKS-3"] * (case["name"] in ("sorted", "reversed", "equal"))
        ids += ["QKS-4"] * ("swaps" in output)
        yield body(ids, case["name"], {"items": items}, output)


def draws() -> Iterator[Body]:
    data = json.loads(DRAWS.read_text(encoding="utf-8"))
    for case in data["draw"]:
        yield body(["SRV-1"], "a draw", {"text": case["text"]}, {"u": case["u"]})
    for case in data["noise"]:
        given = {key: case[key] for key in ("seed", "label", "resource", "attempt")}
        yield body(["SRV-5"], "the bytes of garbage", given, {"hex": case["hex"]})
    for case in data["bytes"]:
        given = {key: case[key] for key in case if key != "hex"}
        yield body(["SRV-7"], "the bytes of a body", given, {"hex": case["hex"]})
    for case in data["places"]:
        given = {key: case[key] for key in case if key != "places"}
        yield body(["SRV-7"], "the places of flip", given, {"places": case["places"]})
    for case in data["fates"]:
        given = {key: case[key] for key in ("plan", "label", "resource", "attempt")}
        ids = ["SRV-6"] if "rules" in case["plan"] else ["SRV-2"]
        ids += ["SRV-3"] * isinstance(case["reply"].get("status"), int)
        ids += ["SRV-4"] * ("delay_s" in case["reply"])
        yield body(ids, "a fate", given, {"reply": case["reply"]})


KINDS: tuple[tuple[str, Body], ...] = (
    ("OUT-1", {"do": "serve"}),
    ("OUT-1", {"do": "serve", "delay_s": 0.2}),
    ("OUT-1", {"do": "serve", "delay_s": {"uniform": [0, 0.1]}}),
    ("OUT-1", {"do": "drip", "bytes_per_s": 100000}),
    ("OUT-1", {"do": "wrong_type"}),
    ("OUT-2", {"do": "status", "status": 404}),
    *(("OUT-3", {"do": "status", "status": n}) for n in (201, 204, 301, 304, 400, 500, 503)),
    ("OUT-3", {"do": "status", "status": [404, 500, 503]}),
    ("OUT-3", {"do": "rate_limit"}),
    ("OUT-4", {"do": "empty"}),
    ("OUT-4", {"do": "reset"}),
    ("OUT-4", {"do": "hang", "or_s": 0.1}),
    ("OUT-4", {"do": "garbage"}),
    ("OUT-5", {"do": "truncate"}),
    ("OUT-5", {"do": "truncate", "after_bytes": 100}),
    ("OUT-5", {"do": "bad_chunk"}),
    ("OUT-5", {"do": "bad_gzip"}),
    ("OUT-6", {"do": "too_long"}),
    ("OUT-6", {"do": "no_length"}),
    ("OUT-6", {"do": "cut_headers"}),
    ("OUT-6", {"do": "huge_headers"}),
    ("REQ-9", {"do": "redirect", "to": "/flags/br/br.gif"}),
    ("OUT-3", {"do": "redirect_loop"}),
)


def scenarios() -> Iterator[Body]:
    for clause, reply in KINDS:
        plan: Body = {"plan": 1, "mix": [{"weight": 100, **reply}]}
        if reply["do"] == "redirect":
            plan = {"plan": 1, "rules": {"CN": [reply]}}
        yield _scenario([clause], f"every reply is {reply['do']}", plan, ["BR", "CN", "QQ"])
    error = {"do": "status", "status": [500, 502, 503]}
    mix = [{"weight": 25, **error}, {"weight": 10, "do": "empty"}]
    for seed in (0, 629, 2**53 - 1):
        plan = {"plan": 1, "seed": seed, "mix": mix}
        yield _scenario(["SRV-2", "SRV-3"], "a mix", plan, ["-s", "ERROR", "A", "B"])
    rules = {"BR": [{"do": "empty"}, {"do": "serve"}], "/flags/cn/cn.gif": [error]}
    yield _scenario(["SRV-6"], "rules", {"plan": 1, "rules": rules, "mix": mix}, ["BR", "CN"])
    yield _scenario(["OUT-4"], "nobody listens", {"plan": 1, "refuse": True}, ["BR", "CN"])
    yield _scenario(["ACC-1"], "no faults", {"plan": 1}, [])
    yield _scenario(["ACC-1"], "a letter", {"plan": 1}, ["-l", "12", "z"])


def _scenario(ids: list[str], why: str, plan: Body, arguments: list[str]) -> Body:
    order = parse_flags2(arguments)
    foreseen = predict(plan_from_json(json.dumps(plan)), order.label, order.codes, FIND)
    output = {
        "codes": {code: forecast.to_json() for code, forecast in foreseen.items()},
        "totals": totals(foreseen),
    }
    return body(ids, why, {"plan": plan, "arguments": arguments}, output)


SOURCES = {
    "expansion": (
        expansion,
        "Codes that arguments stand for, or a refusal. A long list is given as count and the"
        " SHA-256 of the codes joined by spaces.",
        RECORDED,
    ),
    "command_line": (
        command_line,
        "What a command line is read as, or a refusal, by a program that uses 30 connections by"
        " itself and 1000 at most.",
        RECORDED,
    ),
    "reports": (reports, "Lines of announcement and report, without the elapsed time.", RECORDED),
    "primes": (primes, "Whether n is called prime.", RECORDED),
    "quicksort": (
        quicksort,
        "The items in order; swaps, where given, are those of the listings, any others that lead"
        " from input to result do as well.",
        RECORDED,
    ),
    "draws": (
        draws,
        "Draws, bytes, places and fates; delays within a microsecond.",
        "SPEC.md, The draw",
    ),
    "scenarios": (
        scenarios,
        "What a plan and arguments come to, code by code; depends: ok or error.",
        "mockservers predict",
    ),
}


def numbered(
    name: str, bodies: list[Body], before: list[Body], known: dict[str, str]
) -> list[Body]:
    """Cases with ids: an unchanged one keeps its own, a changed one replaces that of its input."""
    old = {json.dumps(case["input"]): case for case in before}
    used = [int(case_id.partition("/")[2]) for case_id in known if case_id.startswith(f"{name}/")]
    cases = []
    for fresh in {json.dumps(each["input"]): each for each in bodies}.values():
        was = old.get(json.dumps(fresh["input"]))
        if was and {key: was[key] for key in fresh} == fresh:
            cases.append(was)
            continue
        used.append(max(used, default=0) + 1)
        replaces = was["id"] if was else None
        cases.append({"id": f"{name}/{used[-1]:04}", **fresh, "replaces": replaces})
    return cases


def laid_out(data: Body) -> str:
    """The text of a file: one case a line."""
    head = [f"{json.dumps(key)}: {json.dumps(data[key])}" for key in ("vectors", "what", "source")]
    lines = ",\n".join(json.dumps(case) for case in data["cases"])
    return "{" + ",\n".join(head) + ',\n"cases": [\n' + lines + "\n]}\n"


def made(folder: Path = FOLDER) -> dict[str, str]:
    """The text of every file by its name, with ids that go on from what is in `folder`."""
    ids = folder / "ids.json"
    known = json.loads(ids.read_text()) if ids.exists() else {}
    texts = {}
    for name, (bodies, what, source) in SOURCES.items():
        path = folder / f"{name}.json"
        before = json.loads(path.read_text())["cases"] if path.exists() else []
        cases = numbered(name, list(bodies()), before, known)
        texts[path.name] = laid_out({"vectors": 1, "what": what, "source": source, "cases": cases})
        known |= {case["id"]: digest(case) for case in cases if case["id"] not in known}
    texts["ids.json"] = json.dumps(known, indent=0) + "\n"
    return texts


if __name__ == "__main__":
    assert set(SOURCES) == {name.removesuffix(".json") for name in FILES[:-1]}
    for file_name, text in made().items():
        (FOLDER / file_name).write_text(text, encoding="utf-8")
