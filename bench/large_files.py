"""The measures of large files: how fast one comes, and what it costs a small request beside it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

from bench.peers import NGINX, NotInstalledError, Site, serving
from bench.processes import (
    CLIENT_CORE,
    BenchError,
    MockServers,
    anonymous_mb,
    child,
    output,
    until_idle,
)
from bench.rig import Bench, Verdict

TAKERS, LARGE_BYTES, SMALL_PER_S = 8, 3_000_000_000, 50
CLIENT = [sys.executable, Path(__file__).with_name("large_client.py")]


@dataclass(frozen=True, slots=True)
class Server:
    """A server of a folder with a small file and a large one; `ours` if it is one of us."""

    pid: int
    url: str
    large: Path
    ours: MockServers | None = None


@contextmanager
def _servers(bench: Bench) -> Iterator[dict[str, Server]]:
    """By name: ours, an older version of it, nginx."""
    with ExitStack() as stack:
        room = stack.enter_context(bench.room())
        site = Site(room / "site", ("/small", "/large"))
        site.folder.mkdir()
        (site.folder / "small").write_bytes(bytes(1000))
        large = site.folder / "large"
        with large.open("wb") as stream:
            stream.truncate(bench.number(LARGE_BYTES, LARGE_BYTES // 10))
        found: dict[str, Server] = {}
        for name, python in bench.versions.items():
            ours = stack.enter_context(bench.ours(root=site.folder, python=python))
            found[name] = Server(ours.pid, ours.urls["LOCAL"], large, ours)
        try:
            pid, url = stack.enter_context(serving(NGINX, site, room / "nginx"))
            found["nginx"] = Server(pid, url, large)
        except (NotInstalledError, BenchError) as exc:
            bench.skipped["nginx"] = str(exc)
        yield found


def measure_large(bench: Bench) -> list[Verdict]:
    """A file of 3 GB, to its digest if it has just been changed, and to its last byte later."""
    first, later = dict[str, list[float]](), dict[str, list[float]]()
    with _servers(bench) as servers:
        _seconds(servers["ours"])  # into the memory of the operating system
        for _ in range(bench.rounds):
            for name, server in servers.items():
                os.utime(server.large)
                first.setdefault(name, []).append(_seconds(server))
                later.setdefault(name, []).append(_seconds(server))
                until_idle(server.pid)
        anon_mb = anonymous_mb(servers["ours"].pid)
    bench.figures["large"] = {"first": first, "later": later}
    return [
        _throughput("a 3 GB file, the first time, with its digest", first, 0.3),
        _throughput("a 3 GB file, later", later, 0.6),
        Verdict("RssAnon, large files", f"{anon_mb:.0f} MB", "below 80 MB", anon_mb < 80),
    ]


def _seconds(server: Server) -> float:
    """Seconds until the large file is there, and its digest in the journal."""
    if server.ours:
        server.ours.forget_journal()
    began = time.monotonic()
    output([*CLIENT, "once", f"{server.url}/large"], core=CLIENT_CORE, within_s=120)
    while server.ours and b'"type":"digest"' not in server.ours.journal.read_bytes():
        time.sleep(0.01)
        if time.monotonic() - began > 120:
            raise BenchError("no digest came")
    return time.monotonic() - began


def _throughput(measure: str, times: dict[str, list[float]], factor: float) -> Verdict:
    middle = {name: median(each) for name, each in times.items()}
    text, target = f"{middle['ours']:.2f} s", f"at least {factor} x the throughput of nginx"
    if "nginx" not in middle:
        return Verdict(measure, text, target, None)
    ratios = {name: middle["nginx"] / middle[name] for name in middle}
    text = f"{ratios['ours']:.2f} x nginx ({middle['nginx']:.2f} s): {text}"
    text += f"; before {ratios['before']:.2f} x" if "before" in ratios else ""
    return Verdict(measure, text, target, ratios["ours"] >= factor)


def measure_beside(bench: Bench) -> list[Verdict]:
    """A small file, asked for at a fixed rate beside eight clients that take 3 GB files."""
    with _servers(bench) as servers:
        found: dict[str, list[dict[str, float]]] = {name: [] for name in servers}
        for _ in range(bench.rounds):
            for name, server in servers.items():
                found[name].append(_beside_takers(server, 2 * bench.seconds))
                until_idle(server.pid)  # it may still digest, on the core of the next one
    bench.figures["beside"] = found
    middle = {
        name: {key: median(one[key] for one in rounds) for key in rounds[0]}
        for name, rounds in found.items()
    }
    for name, one in middle.items():
        print(f"{name:<8}{one}")
    longest_ms = max(one["longest_ms"] for one in found["ours"])
    anon_mb = max(one["anon_mb"] for one in found["ours"])
    mine, other = middle["ours"], middle.get("nginx")
    text = f"{mine['p99_ms']:.1f} ms, longest {longest_ms:.0f} ms"
    if other:
        text = f"{mine['p99_ms'] / other['p99_ms']:.2f} x {other['p99_ms']:.1f} ms: {text}"
        text += f"; together {mine['gb_per_s'] / other['gb_per_s']:.2f} x its throughput"
    met = longest_ms < 1000 and mine["p99_ms"] <= 3 * other["p99_ms"] if other else None
    return [
        Verdict(f"p99 beside {TAKERS} x 3 GB", text, "at most 3 x nginx, never 1 s", met),
        Verdict("RssAnon beside them", f"{anon_mb:.0f} MB", "below 80 MB", anon_mb < 80),
    ]


def _beside_takers(server: Server, seconds: float) -> dict[str, float]:
    """Quantiles of the small request, the bytes that were taken, and the server's memory."""
    with ExitStack() as stack:
        take = [*CLIENT, "take", f"{server.url}/large", str(seconds + 1)]
        takers = [
            stack.enter_context(child(take, core=CLIENT_CORE, stdout=subprocess.PIPE))
            for _ in range(TAKERS)
        ]
        ask = [*CLIENT, "ask", f"{server.url}/small", str(seconds), str(SMALL_PER_S)]
        late_ms = json.loads(output(ask, core=CLIENT_CORE, within_s=60 + 10 * seconds))
        anon_mb = anonymous_mb(server.pid)
        taken = [json.loads(taker.communicate(timeout=60 + seconds)[0]) for taker in takers]
    cuts = quantiles(late_ms, n=100, method="inclusive")
    return {
        "p50_ms": cuts[49],
        "p99_ms": cuts[98],
        "longest_ms": max(late_ms),
        "gb_per_s": sum(taken) / (seconds + 1) / 1e9,
        "anon_mb": anon_mb,
    }
