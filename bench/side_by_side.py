"""The measures of load: beside the peers, and against size."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import median

from bench.load import Sample, Samples, ask_exactly, cpu_us, growth, interleaved, load, per_s
from bench.peers import FLOOR, NGINX, PEERS, UNCACHED, NotInstalledError, Peer, Site, serving
from bench.processes import BenchError, MockServers, anonymous_mb, raise_file_limit
from bench.rig import ERROR_MIX, Bench, Verdict, copy_flags, paths_file

MIX = {"ERROR": ERROR_MIX}

# --- CPU time and requests/s beside the peers --------------------------------------------


def measure_load(bench: Bench) -> list[Verdict]:
    """The 194 flags on 64 connections: ours under the ERROR mix, every peer serving them all."""
    with ExitStack() as stack:
        room = stack.enter_context(bench.room())
        site = _site(bench, room)
        ask = ["file", paths_file(site, room)]
        runs = {
            name: _asker(bench, stack.enter_context(bench.ours(MIX, python=python)), ask)
            for name, python in bench.versions.items()
        }
        runs |= _peers(bench, stack, site, room, ask, PEERS)
        interleaved(bench.number(3, 1), runs)  # to warm up: a JVM takes its time
        samples = interleaved(bench.rounds, runs)
    bench.keep("load", samples)
    _print_servers(samples)
    mocks = {p.name for p in PEERS if p.is_mock} & samples.keys()
    best = max(mocks, key=lambda name: per_s(samples[name]), default="none")
    return [
        _against("CPU time per request", samples, NGINX.name, 1.25),
        _times("requests/s, against the best mock", samples, best, 10),
        _times("requests/s, against aiohttp.web", samples, "aiohttp.web", 2),
    ]


def measure_folder(bench: Bench) -> list[Verdict]:
    """The same flags as files of a folder; nginx with its cache of open files, and without."""
    with ExitStack() as stack:
        room = stack.enter_context(bench.room())
        site = _site(bench, room)
        ask = ["file", paths_file(site, room)]
        runs, servers = {}, {}
        for name, python in bench.versions.items():
            servers[name] = stack.enter_context(bench.ours(MIX, site.folder, python))
            runs[name] = _asker(bench, servers[name], ask)
        runs |= _peers(bench, stack, site, room, ask, (NGINX, UNCACHED, FLOOR))
        interleaved(1, runs)  # to warm up
        samples = interleaved(bench.rounds, runs)
        anon_mb = anonymous_mb(servers["ours"].pid)
    bench.keep("folder", samples)
    _print_servers(samples)
    return [
        _against("CPU time per request, a folder", samples, NGINX.name, 1.5),
        _against("CPU time per request, a folder", samples, UNCACHED.name, 1.25),
        Verdict("RssAnon, a folder", f"{anon_mb:.0f} MB", "below 80 MB", anon_mb < 80),
    ]


def _site(bench: Bench, room: Path) -> Site:
    with bench.ours() as ours:
        return copy_flags(ours, room / "site")


def _asker(bench: Bench, servers: MockServers, ask: list[object]) -> Callable[[], Sample]:
    def run() -> Sample:
        sample = load(servers.urls["ERROR"], servers.pid, ask, seconds=bench.seconds)
        servers.forget_journal()
        return sample

    return run


def _peers(
    bench: Bench,
    stack: ExitStack,
    site: Site,
    room: Path,
    ask: list[object],
    peers: Sequence[Peer],
) -> dict[str, Callable[[], Sample]]:
    """Start every peer that is installed; skip the others by name."""
    runs: dict[str, Callable[[], Sample]] = {}
    for peer in peers:
        try:
            pid, url = stack.enter_context(serving(peer, site, room / peer.name))
        except NotInstalledError as exc:
            bench.skipped[peer.name] = f"not installed: {exc}"
        except BenchError as exc:
            bench.skipped[peer.name] = str(exc)
        else:
            runs[peer.name] = partial(load, url, pid, ask, seconds=bench.seconds)
    return runs


def _against(measure: str, samples: Samples, peer: str, factor: float) -> Verdict:
    target = f"at most {factor} x {peer}"
    ours = cpu_us(samples["ours"])
    share = _share_of_errors(samples["ours"])
    trouble = ""
    if failed := sum(sample.failed for sample in samples["ours"]):
        trouble = f"; {failed} requests failed"
    if not 0.15 < share < 0.35:
        trouble += f"; {share:.0%} of the replies are errors"
    if peer not in samples:
        return Verdict(measure, f"{ours:.1f} us{trouble}", target, None)
    theirs = cpu_us(samples[peer])
    text = f"{ours:.1f} us = {ours / theirs:.2f} x {theirs:.1f} us{trouble}"
    for name in {"before", FLOOR.name} & samples.keys():
        text += f"; {name} {cpu_us(samples[name]) / theirs:.2f} x"
    return Verdict(measure, text, target, ours <= factor * theirs and not trouble)


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
        ours = stack.enter_context(bench.ours(MIX))
        site = copy_flags(ours, room / "site")
        ask = ["file", paths_file(site, room)]
        servers = {"ours": (ours.pid, ours.urls["ERROR"])}
        nginx = NGINX
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
    with bench.ours(MIX) as ours:
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
