"""The measures of load: beside the peers, and against size."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import median, quantiles

from bench.load import Sample, Samples, ask_exactly, cpu_us, growth, interleaved, load, per_s
from bench.peers import PEERS, NotInstalledError, Site, serving
from bench.processes import (
    CLIENT_CORE,
    BenchError,
    anonymous_mb,
    child,
    mock_servers,
    output,
    raise_file_limit,
    until_idle,
)
from bench.rig import ERROR_MIX, Bench, Verdict, copy_flags, paths_file

# --- CPU time and requests/s beside the peers --------------------------------------------


def measure_load(bench: Bench) -> list[Verdict]:
    """The 194 flags on 64 connections: ours under the ERROR mix, every peer serving them all."""
    with ExitStack() as stack:
        room = stack.enter_context(bench.room())
        ours = stack.enter_context(bench.ours({"ERROR": ERROR_MIX}))
        site = copy_flags(ours, room / "site")
        ask = ["file", paths_file(site, room)]

        def ask_ours() -> Sample:
            sample = load(ours.urls["ERROR"], ours.pid, ask, seconds=bench.seconds)
            ours.forget_journal()
            return sample

        runs: dict[str, Callable[[], Sample]] = {"ours": ask_ours}
        runs |= _peers(bench, stack, site, room, ask)
        interleaved(bench.number(3, 1), runs)  # to warm up: a JVM takes its time
        samples = interleaved(bench.rounds, runs)
    bench.keep("load", samples)
    _print_servers(samples)
    mocks = {p.name for p in PEERS if p.is_mock} & samples.keys()
    best = max(mocks, key=lambda name: per_s(samples[name]), default="none")
    return [
        _against_nginx(samples),
        _times("requests/s, against the best mock", samples, best, 10),
        _times("requests/s, against aiohttp.web", samples, "aiohttp.web", 2),
    ]


def _peers(
    bench: Bench, stack: ExitStack, site: Site, room: Path, ask: list[object]
) -> dict[str, Callable[[], Sample]]:
    """Start every peer that is installed; skip the others by name."""
    runs: dict[str, Callable[[], Sample]] = {}
    for peer in PEERS:
        try:
            pid, url = stack.enter_context(serving(peer, site, room / peer.name))
        except NotInstalledError as exc:
            bench.skipped[peer.name] = f"not installed: {exc}"
        except BenchError as exc:
            bench.skipped[peer.name] = str(exc)
        else:
            runs[peer.name] = partial(load, url, pid, ask, seconds=bench.seconds)
    return runs


def _against_nginx(samples: Samples) -> Verdict:
    measure, target = "CPU time per request", "at most 1.25 x nginx"
    ours = cpu_us(samples["ours"])
    share = _share_of_errors(samples["ours"])
    trouble = ""
    if failed := sum(sample.failed for sample in samples["ours"]):
        trouble = f"; {failed} requests failed"
    if not 0.15 < share < 0.35:
        trouble += f"; {share:.0%} of the replies are errors"
    if "nginx" not in samples:
        return Verdict(measure, f"{ours:.1f} us{trouble}", target, None)
    nginx = cpu_us(samples["nginx"])
    text = f"{ours:.1f} us = {ours / nginx:.2f} x {nginx:.1f} us{trouble}"
    return Verdict(measure, text, target, ours <= 1.25 * nginx and not trouble)


def _times(measure: str, samples: Samples, peer: str, factor: int) -> Verdict:
    target = f"at least {factor} x"
    ours = per_s(samples["ours"])
    if peer not in samples:
        return Verdict(measure, f"{ours:,.0f}", target, None)
    theirs = per_s(samples[peer])
    text = f"{ours:,.0f} = {ours / theirs:.1f} x {theirs:,.0f} ({peer})"
    return Verdict(measure, text, target, ours >= factor * theirs)


def _share_of_errors(samples: Sequence[Sample]) -> float:
    return sum(s.not_2xx for s in samples) / max(sum(s.requests for s in samples), 1)


def _print_servers(samples: Samples) -> None:
    print(f"{'server':<20}{'CPU us':>10}{'requests/s':>14}{'p99 ms':>10}{'failed':>9}")
    for name, each in sorted(samples.items(), key=lambda item: -per_s(item[1])):
        p99_ms = median(sample.p99_ms for sample in each)
        failed = sum(sample.failed for sample in each)
        print(f"{name:<20}{cpu_us(each):>10.1f}{per_s(each):>14,.0f}{p99_ms:>10.1f}{failed:>9}")


# --- cost against size -------------------------------------------------------------------


def measure_connections(bench: Bench) -> list[Verdict]:
    """CPU time per request with 1 to 1,000 connections; nginx beside it, for comparison."""
    sizes = (1, 10, 100, 1000)
    raise_file_limit()
    with ExitStack() as stack:
        room = stack.enter_context(bench.room())
        ours = stack.enter_context(bench.ours({"ERROR": ERROR_MIX}))
        site = copy_flags(ours, room / "site")
        ask = ["file", paths_file(site, room)]
        servers = {"ours": (ours.pid, ours.urls["ERROR"])}
        nginx = PEERS[0]
        try:
            servers["nginx"] = stack.enter_context(serving(nginx, site, room / nginx.name))
        except (NotInstalledError, BenchError) as exc:
            bench.skipped[nginx.name] = str(exc)

        def asker(name: str, connections: int) -> Callable[[], Sample]:
            pid, url = servers[name]

            def run() -> Sample:
                sample = load(url, pid, ask, seconds=bench.seconds, connections=connections)
                ours.forget_journal()
                return sample

            return run

        interleaved(1, {name: asker(name, 10) for name in servers})  # to warm up
        runs = {f"{name} {n}": asker(name, n) for n in sizes for name in servers}
        samples = interleaved(bench.rounds, runs)
    bench.keep("connections", samples)
    _print_sizes("connections", sizes, samples, servers)
    return [_grown("cost of 1 to 1,000 connections", sizes, samples)]


def measure_resources(bench: Bench) -> list[Verdict]:
    """CPU time per request with 10 to 1,000,000 paths that are no flags, under a mix."""
    sizes = (10, 1000, 100_000, 1_000_000)
    with bench.ours({"ERROR": ERROR_MIX}) as ours:
        url, most = ours.urls["ERROR"], bench.number(sizes[-1], 20_000)
        asked = dict.fromkeys(sizes, 0)

        def asker(size: int) -> Callable[[], Sample]:
            def run() -> Sample:
                ask = ["numbers", size, asked[size]]
                sample = load(url, ours.pid, ask, seconds=bench.seconds)
                asked[size] += sample.requests
                ours.forget_journal()
                return sample

            return run

        # To warm up, and so that the server has met them all.
        ask_exactly(most, url, ["numbers", most, 0], within_s=300)
        samples = interleaved(bench.rounds, {f"ours {size}": asker(size) for size in sizes})
    bench.keep("resources", samples)
    _print_sizes("resources", sizes, samples, ["ours"])
    return [_grown("cost of 10 to 1,000,000 resources", sizes, samples)]


def _grown(measure: str, sizes: tuple[int, ...], samples: Samples) -> Verdict:
    grown = {
        name: growth([cpu_us(samples[f"{name} {size}"]) for size in sizes])
        for name in ("ours", "nginx")
        if f"{name} {sizes[0]}" in samples
    }
    costs = " ".join(f"{cpu_us(samples[f'ours {size}']):.1f}" for size in sizes)
    text = f"{costs} us: grows by {grown['ours']:.0%}"
    if "nginx" in grown:
        text += f" (nginx: {grown['nginx']:.0%})"
    failed = sum(sample.failed for size in sizes for sample in samples[f"ours {size}"])
    if failed:
        text += f"; {failed} requests failed"
    return Verdict(measure, text, "grows by less than 25 %", grown["ours"] < 0.25 and not failed)


def _print_sizes(
    what: str, sizes: tuple[int, ...], samples: Samples, servers: Iterable[str]
) -> None:
    print(f"{'CPU us by ' + what:<24}" + "".join(f"{size:>12,}" for size in sizes))
    for name in servers:
        costs = (cpu_us(samples[f"{name} {size}"]) for size in sizes)
        print(f"{name:<24}" + "".join(f"{cost:>12.1f}" for cost in costs))


# --- large files -------------------------------------------------------------------------

TAKERS, LARGE_BYTES, SMALL_PER_S = 4, 3_000_000_000, 50


def measure_large(bench: Bench) -> list[Verdict]:
    """A small file, asked for at a fixed rate beside four clients that take 3 GB files."""
    with ExitStack() as stack:
        room = stack.enter_context(bench.room())
        site = Site(room / "site", ("/small", "/large"))
        site.folder.mkdir()
        (site.folder / "small").write_bytes(bytes(1000))
        with (site.folder / "large").open("wb") as large:
            large.truncate(LARGE_BYTES)
        ours = stack.enter_context(mock_servers(room, {}, root=site.folder))
        servers = {"ours": (ours.pid, ours.urls["LOCAL"])}
        try:
            servers["nginx"] = stack.enter_context(serving(PEERS[0], site, room / "nginx"))
        except (NotInstalledError, BenchError) as exc:
            bench.skipped["nginx"] = str(exc)
        found: dict[str, list[dict[str, float]]] = {name: [] for name in servers}
        for _ in range(bench.rounds):
            for name, (pid, url) in servers.items():
                found[name].append(_beside_takers(pid, url, 2 * bench.seconds))
                until_idle(pid)  # it may still digest, on the core of the next one
    bench.figures["large"] = found
    middle = {
        name: {key: median(one[key] for one in rounds) for key in rounds[0]}
        for name, rounds in found.items()
    }
    longest_ms = max(one["longest_ms"] for one in found["ours"])
    mine, other = middle["ours"], middle.get("nginx")
    text = f"{mine['p99_ms']:.1f} ms, longest {longest_ms:.0f} ms"
    if other:
        text = f"{mine['p99_ms'] / other['p99_ms']:.2f} x {other['p99_ms']:.1f} ms: {text}"
    for name, one in middle.items():
        print(f"{name:<8}{one}")
    met = longest_ms < 1000 and mine["p99_ms"] <= 3 * other["p99_ms"] if other else None
    text += f"; RssAnon {mine['anon_mb']:.0f} MB"
    for what, key in (("one client", "alone_gb_per_s"), ("four", "gb_per_s")):
        text += f"; {what}: {mine[key]:.2f} GB/s"
        text += f" = {mine[key] / other[key]:.2f} x" if other else ""
    return [Verdict("p99 beside 4 x 3 GB", text, "at most 3 x nginx, never 1 s", met)]


def _beside_takers(pid: int, url: str, seconds: float) -> dict[str, float]:
    """Quantiles of the small request, the bytes that were taken, and the server's memory."""
    script = [sys.executable, Path(__file__).with_name("large_client.py")]
    with ExitStack() as stack:
        take = [*script, "take", f"{url}/large", str(seconds + 1)]
        alone = int(
            output([*script, "take", f"{url}/large", str(seconds)], core=CLIENT_CORE, within_s=60)
        )
        takers = [
            stack.enter_context(child(take, core=CLIENT_CORE, stdout=subprocess.PIPE))
            for _ in range(TAKERS)
        ]
        ask = [*script, "ask", f"{url}/small", str(seconds), str(SMALL_PER_S)]
        late_ms = json.loads(output(ask, core=CLIENT_CORE, within_s=60 + 10 * seconds))
        anon_mb = anonymous_mb(pid)
        taken = [json.loads(taker.communicate(timeout=60 + seconds)[0]) for taker in takers]
    cuts = quantiles(late_ms, n=100, method="inclusive")
    return {
        "p50_ms": cuts[49],
        "p99_ms": cuts[98],
        "longest_ms": max(late_ms),
        "gb_per_s": sum(taken) / (seconds + 1) / 1e9,
        "alone_gb_per_s": alone / seconds / 1e9,
        "anon_mb": anon_mb,
    }
