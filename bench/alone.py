"""The measures of our servers alone: delays, memory, start, a new plan."""

import json
import subprocess
import sys
import time
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import mockservers
from bench.load import ask_exactly
from bench.processes import (
    CLIENT_CORE,
    BenchError,
    child,
    mock_servers,
    raise_file_limit,
    rss_mb,
)
from bench.rig import ERROR_MIX, Bench, Verdict, copy_flags, paths_file
from mockservers.faults import Serve, Status
from mockservers.plan import Bucket, Plan

CLIENT = Path(__file__).with_name("client.py")


def measure_lateness(bench: Bench) -> list[Verdict]:
    """1,000 connections ask again and again under a delay of 0.5 s; the journal tells.

    Once in step, so that all replies are due at the same moment, and once spread over the delay.
    """
    return [
        _lateness(bench, "lateness of 0.5 s, all due at once", over_s=0.0),
        _lateness(bench, "lateness of 0.5 s, spread", over_s=0.5),
    ]


def _lateness(bench: Bench, measure: str, over_s: float) -> Verdict:
    connections, requests = 1000, bench.number(10, 3)
    _, entries, told = _delayed(bench, 0.5, connections, requests, over_s)
    late_ms = [(e["first_byte_s"] - e["start_s"] - e["delay_s"]) * 1e3 for e in entries]
    cuts = quantiles(late_ms, n=100, method="inclusive")
    middle, p99, latest = cuts[49], cuts[98], max(late_ms)
    most = max(e["in_flight"] for e in entries)
    bench.figures[measure] = {
        "p50_ms": middle, "p99_ms": p99, "max_ms": latest, "min_ms": min(late_ms),
        "in_flight": most, "client": told,
    }  # fmt: skip
    text = f"p50 {middle:.1f}, p99 {p99:.1f}, max {latest:.1f} ms; {most:,} in flight"
    if told["failed"]:
        text += f"; {told['failed']} failed ({told['reason']})"
    # Spread over the delay, a connection has its reply and asks again just as the last one begins.
    met = p99 < 10 and most >= connections * 0.95 and not told["failed"]
    return Verdict(measure, text, "p99 under 10 ms", met)


def measure_held(bench: Bench) -> list[Verdict]:
    """8,000 connections are in a delay at once."""
    measure, target = "connections held in a delay", "8,000, no error, RSS under 250 MB"
    connections = bench.number(8000, 2000)
    limit = raise_file_limit()
    if limit < connections + 200:
        return [Verdict(measure, f"the limit of open files is {limit}", target, None)]
    peak_mb, entries, told = _delayed(bench, bench.number(10, 4), connections, 1)
    most = max(e["in_flight"] for e in entries)
    bench.figures["held"] = {"rss_mb": peak_mb, "in_flight": most, "client": told}
    errors = f"{told['failed']} failed ({told['reason']})" if told["failed"] else "no error"
    text = f"{most:,} held, {errors}, {peak_mb:.0f} MB"
    met = most >= 8000 and not told["failed"] and peak_mb < 250
    return [Verdict(measure, text, target, met)]


def _delayed(
    bench: Bench, delay_s: float, connections: int, requests: int, over_s: float = 0.0
) -> tuple[float, list[dict[str, Any]], dict[str, Any]]:
    """Peak RSS in MB, the entries, and what the client says, of requests that wait `delay_s`."""
    plan = {"plan": 1, "mix": [{"weight": 100, "do": "serve", "delay_s": delay_s}]}
    within_s = 60 + delay_s * requests
    with bench.room() as folder:
        with mock_servers(folder, {"DELAY": plan}) as servers:
            port = servers.urls["DELAY"].rpartition(":")[2]
            numbers = map(str, (connections, requests, over_s, within_s))
            command = [sys.executable, str(CLIENT), port, "/flags/br/br.gif", *numbers]
            with child(command, core=CLIENT_CORE, stdout=subprocess.PIPE) as client:
                peak_mb, until = 0.0, time.monotonic() + within_s + 10
                while client.poll() is None and time.monotonic() < until:
                    peak_mb = max(peak_mb, rss_mb(servers.pid))
                    time.sleep(0.1)
                if client.poll() is None or client.stdout is None:
                    raise BenchError("the client does not end")
                said = client.stdout.read()
        if client.returncode != 0:
            raise BenchError(f"the client ended with {client.returncode}")
        with servers.journal.open(encoding="utf-8") as lines:
            entries = [entry for entry in map(json.loads, lines) if entry.get("type") == "request"]
    if len(entries) < 2:
        raise BenchError("the journal has no requests")
    return peak_mb, entries, json.loads(said)


def measure_memory(bench: Bench) -> list[Verdict]:
    """Resident memory after many requests against after few."""
    few, many = 10_000, bench.number(1_000_000, 100_000)
    with bench.room() as room, bench.ours({"ERROR": ERROR_MIX}) as ours:
        paths = paths_file(copy_flags(ours, room / "site"), room)
        rss = []
        for requests in (few, many - few):
            ask_exactly(requests, ours.urls["ERROR"], ["file", paths], within_s=300)
            time.sleep(0.5)
            rss.append(rss_mb(ours.pid))
    before, after = rss
    bench.figures["memory"] = {"requests": [few, many], "rss_mb": rss}
    text = f"{after:.1f} MB after {many:,}, {before:.1f} MB after {few:,}"
    return [Verdict("memory after 1,000,000 requests", text, "within 5 MB", after - before <= 5)]


def measure_start(bench: Bench) -> list[Verdict]:
    """From the start of the process to the ready line of all three servers, ports chosen."""
    times = []
    for _ in range(1 + bench.number(10, 3)):  # the first one may have to compile
        with bench.room() as folder, mock_servers(folder, {}, core=None) as servers:
            times.append(servers.ready_s)
    bench.figures["start"] = {"ready_s": times[1:]}
    middle = median(times[1:])
    return [Verdict("start to ready", f"{middle:.3f} s", "median under 0.25 s", middle < 0.25)]


def measure_plan(bench: Bench) -> list[Verdict]:
    """A new run under a new plan in servers that run in this process."""
    plans = [
        Plan(seed=seed, mix=(Bucket(25, Status((501, 502, 503))),), rules={"BR": (Serve(),)})
        for seed in range(bench.number(5000, 500))
    ]
    times_ms = []
    with mockservers.running() as servers:
        for plan in plans:
            began = time.perf_counter()
            servers.begin_run({"ERROR": plan})
            times_ms.append((time.perf_counter() - began) * 1e3)
    middle = median(times_ms)
    bench.figures["plan"] = {"median_ms": middle, "max_ms": max(times_ms)}
    return [Verdict("one new plan", f"{middle:.3f} ms", "median under 0.2 ms", middle < 0.2)]
