"""Measure the mock servers against their peers and their targets: `python -m bench`."""

import argparse
import json
import os
import platform
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from bench.alone import (
    measure_held,
    measure_lateness,
    measure_memory,
    measure_plan,
    measure_start,
)
from bench.books import measure_ledger
from bench.large_files import measure_beside, measure_large
from bench.processes import CLIENT_CORE, SERVER_CORE, BenchError
from bench.rig import Bench, Verdict
from bench.side_by_side import (
    measure_connections,
    measure_folder,
    measure_load,
    measure_resources,
)

MEASURES: dict[str, Callable[[Bench], list[Verdict]]] = {
    "start": measure_start,
    "plan": measure_plan,
    "load": measure_load,
    "folder": measure_folder,
    "connections": measure_connections,
    "resources": measure_resources,
    "large": measure_large,
    "beside": measure_beside,
    "lateness": measure_lateness,
    "memory": measure_memory,
    "held": measure_held,
    "ledger": measure_ledger,
}
RESULTS = Path(__file__).with_name("results.json")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; give the exit status: 0 met, 1 not, 2 wrk is missing, 130 Ctrl-C."""
    args = _parser().parse_args(argv)
    if shutil.which("wrk") is None:
        print("bench: wrk is not on PATH; it makes the load (apt install wrk)", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # end the children as on Ctrl-C
    load_before = os.getloadavg()[0]
    if SERVER_CORE == CLIENT_CORE or shutil.which("taskset") is None:
        print("bench: server and client share their cores here: a smoke test", file=sys.stderr)
    try:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            rounds, seconds = (1, 1) if args.quick else (args.rounds, args.seconds)
            bench = Bench(rounds, seconds, args.quick, Path(folder), args.before)
            verdicts = _measure(bench, args.only or list(MEASURES))
    except KeyboardInterrupt:
        print("bench: interrupted", file=sys.stderr)
        return 130
    _print_table(verdicts)
    for name, reason in bench.skipped.items():
        print(f"skipped: {name} ({reason})")
    results = {
        "bench": 1,
        "at": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "machine": {"python": platform.python_version(), "system": platform.platform(),
                    "cores": os.cpu_count(), "load_before": load_before},
        "rounds": rounds, "seconds": seconds, "quick": args.quick,
        "verdicts": [asdict(verdict) for verdict in verdicts],
        "skipped": bench.skipped,
        "figures": bench.figures,
    }  # fmt: skip
    args.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    missed = [verdict.measure for verdict in verdicts if not verdict.met]
    if missed:
        print(f"not met: {'; '.join(missed)}")
    return int(bool(missed))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", action="append", choices=MEASURES, help="may be repeated")
    parser.add_argument(
        "--rounds", metavar="N", type=_positive, default=5, help="samples of each (default: 5)"
    )
    parser.add_argument(
        "--seconds", metavar="N", type=_positive, default=4, help="of each sample (default: 4)"
    )
    parser.add_argument("--quick", action="store_true", help="a smoke test: 1 round of 1 s")
    parser.add_argument(
        "--before", metavar="PYTHON", help="where an older version is installed, to measure it too"
    )
    parser.add_argument(
        "--json", metavar="FILE", type=Path, default=RESULTS, help="(default: %(default)s)"
    )
    return parser


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"a number from 1 is needed, not {text!r}")
    return int(text)


def _measure(bench: Bench, names: Sequence[str]) -> list[Verdict]:
    verdicts: list[Verdict] = []
    for name in names:
        claim = (MEASURES[name].__doc__ or "").partition("\n")[0]
        print(f"{name}: {claim}", file=sys.stderr, flush=True)
        try:
            verdicts += MEASURES[name](bench)
        except BenchError as exc:
            verdicts.append(Verdict(name, str(exc), "to be measured", None))
    return verdicts


def _print_table(verdicts: Sequence[Verdict]) -> None:
    words = {True: "yes", False: "NO", None: "not judged"}
    rows = [("measure", "ours", "target", "met?")]
    rows += [(v.measure, v.ours, v.target, words[v.met]) for v in verdicts]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print(" | ".join(cells).rstrip())


if __name__ == "__main__":
    sys.exit(main())
