"""The faults of the broken twins, planted in the reference: the unit tests notice each of them.

    python tests/mutation/counterparts.py [--workers N] [TWIN ...]

The twins show that the conformance kit notices a fault; this shows it of the tests of the project
itself. A fault is noticed when a test fails with it that passes without it. Fails when a fault is
not noticed, or when `counterparts.toml` does not fit the twins and the rooms.
"""

import argparse
import queue
import re
import sys
import tempfile
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).parent
TOP = HERE.parents[1]
QUICK = {
    "reference/flags2_common.py": "tests/reference/test_reports.py",
    "reference/flags2_threadpool.py": "tests/downloads/test_counterparts.py",
    "reference/flags2_asyncio.py": "tests/downloads/test_counterparts.py",
}
"""What is asked first, then the tests of the room (rooms.toml)."""
ROWS = "tests/downloads/test_server_rows.py"
MORE = {
    "reference": [ROWS, "tests/downloads", "tests/interleavings", "tests/reference"],
    "mockservers": ["tests/mockservers"],
}
"""What is asked where these notice nothing."""


def twins():
    """The names of all broken twins, those of the adapter and those that miss a SHOULD too."""
    sys.path.append(str(TOP / "tests/conformance"))
    import adapter_twins
    import twins

    return [*twins.TWINS, *twins.LAX, *adapter_twins.TWINS]


def counterparts():
    """What counterparts.toml has for each twin."""
    return tomllib.loads((HERE / "counterparts.toml").read_text(encoding="utf-8"))


def code_of(entry):
    """The room with the fault in it."""
    return source_of(entry["room"]).replace(entry["was"], entry["now"])


def source_of(room):
    return (TOP / room).read_text(encoding="utf-8")


def misfits():
    """Where the entries do not fit the twins and the rooms, a line each."""
    entries, names = counterparts(), twins()
    found = [f"{name}: no counterpart" for name in names if name not in entries]
    found += [f"{name}: no such twin" for name in entries if name not in names]
    for name, entry in entries.items():
        if "none" in entry:
            continue
        count = source_of(entry["room"]).count(entry["was"])
        if count != 1:
            found.append(f"{name}: `was` stands {count} times in {entry['room']}")
        elif entry["was"] == entry["now"]:
            found.append(f"{name}: `now` is no change")
        else:
            try:
                compile(code_of(entry), entry["room"], "exec")
            except SyntaxError as exc:
                found.append(f"{name}: {exc}")
    return found


def killer(workshop, entry, tests, sound):
    """The test among these that notices the fault, or None; `sound` are those known to be right.

    They are tried first: what noticed one fault is likely to notice the next one.
    """
    room, code = entry["room"], code_of(entry)
    known = sound.setdefault(room, [])
    if not ((known and workshop.fails(room, code, known)) or workshop.fails(room, code, tests)):
        return None
    found = re.search(r"^(?:FAILED|ERROR) (tests/[^\s\[]+)", workshop.said(), re.MULTILINE)
    culprits = [found[1]] if found else tests  # none is named where pytest itself came to an end
    if found and found[1] in known:
        return found[1]
    if workshop.fails(room, source_of(room), culprits):
        sys.exit(f"{culprits}: fails without any fault\n{workshop.said()[-2000:]}")
    known += [found[1]] if found else []
    return " ".join(culprits)


def killer_of(workshop, entry, rooms, sound):
    """The test that notices the fault, and whose it is."""
    room = entry["room"]
    of_room = rooms[room]["tests"]
    quick = [QUICK[room]] if room in QUICK else of_room[:1]
    for tests in (quick, of_room, MORE[room.partition("/")[0]]):
        if found := killer(workshop, entry, tests, sound):
            ours = any(f"{found}::".startswith(f"{test}::") for test in of_room)
            return found, "by the tests of the room" if ours else "by others"
    return "-", "survived"


def main():
    from mutate import Workshop  # needs Cosmic Ray, and the checks above do not

    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("twins", metavar="TWIN", nargs="*")
    args = parser.parse_args()
    entries, wrong = counterparts(), misfits()
    if wrong:
        sys.exit("\n".join(wrong))
    unknown = [name for name in args.twins if name not in entries]
    if unknown:
        parser.error(f"no such twin: {', '.join(unknown)}")
    rooms = tomllib.loads((HERE / "rooms.toml").read_text(encoding="utf-8"))
    waiting, sound = queue.SimpleQueue(), {}
    counts = {"by the tests of the room": 0, "by others": 0, "no counterpart": 0, "survived": 0}
    for name in args.twins or entries:
        waiting.put(name)

    def work(folder):
        workshop = Workshop(folder)
        while not waiting.empty():
            try:
                name = waiting.get_nowait()
            except queue.Empty:
                return
            entry = entries[name]
            if "none" in entry:
                told, how = entry["none"], "no counterpart"
            else:
                told, how = killer_of(workshop, entry, rooms, sound)
            counts[how] += 1
            print(f"{name:40} {how:25} {told}", flush=True)

    with (
        tempfile.TemporaryDirectory(prefix="counterparts-", ignore_cleanup_errors=True) as top,
        ThreadPoolExecutor(args.workers) as pool,
    ):
        list(pool.map(work, [Path(top, str(n)) for n in range(args.workers)]))
    print(", ".join(f"{count} {how}" for how, count in counts.items()))
    sys.exit(bool(counts["survived"]))


if __name__ == "__main__":
    main()
