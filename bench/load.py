"""Load by wrk from one core, and what it costs a server on another."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.processes import CLIENT_CORE, BenchError, cpu_s, output

SCRIPT = Path(__file__).with_name("load.lua")


@dataclass(frozen=True, slots=True)
class Sample:
    """One run of wrk against one server."""

    requests: int
    seconds: float
    cpu_s: float
    """CPU seconds of the server, user and system."""
    p99_ms: float
    not_2xx: int
    failed: int
    """Connections refused or broken, and replies that took longer than 10 s."""

    @property
    def cpu_us(self) -> float:
        """CPU time of the server per request, in microseconds."""
        return self.cpu_s / max(self.requests, 1) * 1e6

    @property
    def per_s(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds


def load(
    url: str, pid: int, ask: Sequence[object], *, seconds: int, connections: int = 64
) -> Sample:
    """Ask the server `pid` at `url`, on connections kept alive; `ask` is for load.lua."""
    before = cpu_s(pid)
    printed = _wrk(url, ask, seconds, connections)
    spent = cpu_s(pid) - before
    return Sample(**json.loads(printed.splitlines()[-1]), cpu_s=spent)


def ask_exactly(requests: int, url: str, ask: Sequence[object], *, within_s: int) -> None:
    """Ask so many requests on 64 connections. Raises BenchError when that takes too long."""
    if "limit reached" not in _wrk(url, [*ask, requests], within_s, 64):
        raise BenchError(f"{requests:,} requests took longer than {within_s} s")


def _wrk(url: str, ask: Sequence[object], seconds: int, connections: int) -> str:
    command = [
        "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s",
        "-s", str(SCRIPT), url, "--", *map(str, ask),
    ]  # fmt: skip
    return output(command, core=CLIENT_CORE, within_s=seconds + 30)


Samples = Mapping[str, Sequence[Sample]]


def interleaved(rounds: int, runs: Mapping[str, Callable[[], Sample]]) -> Samples:
    """A sample of each run, then another of each, and so on; one line per round on stderr."""
    samples: dict[str, list[Sample]] = {name: [] for name in runs}
    for number in range(1, rounds + 1):
        words = []
        for name, run in runs.items():
            sample = run()
            samples[name].append(sample)
            words.append(f"{name} {sample.cpu_us:.1f} us")
        print(f"  round {number} of {rounds}: {', '.join(words)}", file=sys.stderr, flush=True)
    return samples


def cpu_us(samples: Sequence[Sample]) -> float:
    """The median CPU time per request, in microseconds."""
    return median(sample.cpu_us for sample in samples)


def per_s(samples: Sequence[Sample]) -> float:
    """The median of requests per second."""
    return median(sample.per_s for sample in samples)


def growth(costs: Sequence[float]) -> float:
    """The most that a cost grows from one size to any larger one; 0.25 is a quarter more."""
    pairs = [(a, b) for i, a in enumerate(costs) for b in costs[i + 1 :]]
    return max(b / a for a, b in pairs) - 1
