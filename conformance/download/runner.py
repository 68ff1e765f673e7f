"""Runs a command in one situation: starts it, serves it, ends it, and looks at what it left.

Each run has folders, servers and ports of its own, so many may run side by side.
"""

import contextlib
import os
import site
import subprocess
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, takewhile
from pathlib import Path
from typing import Any

from msgspec import structs

from conformance.download.content import (
    NAME,
    SIZE,
    Look,
    OneResource,
    Page,
    What,
    look_at,
    the_resource,
)
from conformance.download.pages import pages_of
from conformance.download.recording import Found, How, Ran, Recording
from conformance.download.situations import PRIVATE, Situation
from conformance.process_tree import MARK, SETTLE_S, end_all, still_running
from conformance.program_runner import Tail, settle, start, stopping
from mockservers import running
from mockservers.cli.child_process import environment, origin_of, shell_status, signal_group
from mockservers.faults import Redirect, RedirectLoop
from mockservers.files import stats_in
from mockservers.journal import AwayEntry, Files, RequestEntry
from mockservers.journal_json import line_from_json
from mockservers.kinds.coding import gzipped
from mockservers.ledger.explain import Version
from mockservers.ledger.ownership import is_control, is_marked, same
from mockservers.plan import LABELS
from mockservers.running_servers import RunningServers

IDLE_S = 60.0
"""Seconds without a request after which a command is ended."""
MOST_S = 180.0
"""Seconds that a run may take."""
MOST_REQUESTS, MOST_OF_A_RANGE = 3_000, 100
"""Requests that a run may make: in all, and for one range of bytes, or without a range; redirects
count only in all.
"""
MOST_BYTES = 16 * SIZE
"""Longest file whose bytes are looked at."""
TERM_S = 2.0
"""Seconds between SIGTERM and SIGKILL."""
POLL_S = 0.01
FOLDER = Path("a", "b", "c", "downloads")
"""The folder of the command, so deep that a name that leads up still leads to where we look."""
_PROXIES = ("http_proxy", "https_proxy", "ftp_proxy", "all_proxy")
_SETTINGS = ("CURL_HOME", "WGETRC", "NETRC", "ARIA2RC", *(f"XDG_{name}_HOME" for name in (
    "CONFIG", "CACHE", "DATA", "STATE")))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Settings:
    """What holds for every run of a command."""

    command: tuple[str, ...]
    """With `{url}`, and `{file}` or `{dir}`; see `conformance.program_runner.resolved`."""
    patience_s: float = 20.0
    seed: int = 0
    partial: tuple[str, ...] = ()
    """Patterns of further names of incomplete files."""
    probes: int = 0
    """Requests with which the command begins before it asks for the resource; see `with_probes`."""

    @property
    def names_file(self) -> bool:
        """Whether the command gets the name of the file, and does not choose it."""
        return any("{file}" in word for word in self.command)


def with_probes(settings: Settings, seen: Recording) -> Settings:
    """Settings for a command whose run without a fault is known.

    A request for the first byte alone, or one before another that fetches all, is answered well in
    every situation: a fault is for the request that fetches. (A HEAD is no attempt, so no fault is
    for it.)
    """
    probes = takewhile(_is_probe, pairwise(seen.gets))
    return replace(settings, probes=len(list(probes)))


def _is_probe(pair: tuple[RequestEntry, RequestEntry]) -> bool:
    one, after = pair
    return one.range == "bytes=0-0" or after.range in (None, "bytes=0-")


def record(settings: Settings, situation: Situation) -> Recording:
    """Run the command as often as the situation says; raises CannotStartError."""
    with (
        tempfile.TemporaryDirectory(prefix="conformance-", ignore_cleanup_errors=True) as name,
        running(content=OneResource(), log_headers=True) as servers,
    ):
        place = _Place(Path(os.path.realpath(name)), settings, situation)
        before = place.prepare()
        outside = set(place.outside())
        runs: list[Ran] = []
        command: tuple[str, ...] = ()
        pages: dict[str, Page] = {}
        for step in situation.steps:
            plan = step.plan(situation.path, settings.seed, str(place.root), settings.probes)
            servers.begin_run(dict.fromkeys(LABELS, plan), OneResource())
            command = place.filled_in(origin_of(servers.urls["LOCAL"]))
            ran = _run(command, place, servers, situation, settings.patience_s)
            runs.append(_after(runs, ran))
            pages |= pages_of(plan, ran, sum(len(run.entries) for run in runs[:-1]))
            if ran.how is not How.EXIT:
                break
        ended = runs[-1].how is How.EXIT
        return Recording(
            command=command,
            runs=tuple(replace(run, stderr=run.stderr.replace(name, "")) for run in runs),
            files=place.files(before, [*pages.values()]) if ended else {},
            final=NAME if settings.names_file else None,
            outside=tuple(sorted(set(place.outside()) - outside)),
        )


@dataclass(frozen=True, slots=True)
class _Place:
    """The folders of one run."""

    root: Path
    settings: Settings
    situation: Situation

    @property
    def folder(self) -> Path:
        """Where the command runs, and saves."""
        return self.root / FOLDER

    def prepare(self) -> Files:
        """Make the folders, and what is there before; gives that."""
        for path in (self.folder, self.root / "home", self.root / "tmp"):
            path.mkdir(parents=True)
        (self.root / PRIVATE).write_text("no download may have this\n", encoding="ascii")
        if self.situation.before:
            data = the_resource().read(0, self.situation.before.size)
            (self.folder / NAME).write_bytes(data)
        return stats_in(self.folder)

    def filled_in(self, origin: str) -> tuple[str, ...]:
        """The command."""
        values = {
            "{url}": f"{origin}{self.situation.path}",
            "{file}": str(self.folder / NAME),
            "{dir}": str(self.folder),
        }
        words = list(self.settings.command)
        for name, value in values.items():
            words = [word.replace(name, value) for word in words]
        return tuple(words)

    def environment(self, servers: RunningServers) -> dict[str, str]:
        """The environment of the command, without what a user has set up for other uses."""
        dropped = {*_PROXIES, *(name.upper() for name in _PROXIES), *_SETTINGS}
        base = {name: value for name, value in os.environ.items() if name not in dropped}
        env = environment(base, servers.urls, 9)
        # What a user has installed for herself has to be found from the new home.
        env.setdefault("PYTHONUSERBASE", site.getuserbase())
        tmp = str(self.root / "tmp")
        return env | {"HOME": str(self.root / "home"), "TMPDIR": tmp, MARK: uuid.uuid4().hex}

    def outside(self) -> Iterator[str]:
        """Files that are neither in the folder, nor in HOME or TMPDIR."""
        own = (f"{FOLDER.as_posix()}/", "home/", "tmp/")
        return (name for name in stats_in(self.root) if not name.startswith(own))

    def files(self, before: Files, pages: Sequence[Page]) -> dict[str, Found]:
        """What the files in the folder are."""
        there = dict(stats_in(self.folder))
        final = self.folder / NAME
        # A symbolic link to another file in the folder; it may also lead elsewhere, or round.
        with contextlib.suppress(OSError, ValueError, RuntimeError, KeyError):
            if final.is_symlink():
                there[NAME] = there[final.resolve().relative_to(self.folder).as_posix()]
        gzip = [gzipped(edition.resource) for edition in self.situation.editions]
        coded = [Version(one.info.length, one.read) for one in gzip]
        found = {}
        for name in sorted(there, key=lambda name: name != NAME):
            file = there[name]
            if is_control(name):
                continue
            with contextlib.suppress(OSError), (self.folder / name).open("rb") as stream:

                def read(start: int, stop: int) -> bytes:
                    stream.seek(start)
                    return stream.read(stop - start)

                changed = not same(file, before.get(name))
                # A name may begin with two dots because a hostile one did.
                plain = name.lstrip(".") if name.startswith("..") else name
                marked = is_marked(plain, there, self.settings.partial)
                editions = self.situation.editions
                look = Look(What.PAGE, f"{file.size:,} bytes, too many to be any version of it")
                if file.size <= MOST_BYTES:
                    look = look_at(file.size, read, editions, pages, coded)
                found[name] = Found(look, file.size, changed, marked)
        return found


def _after(runs: Sequence[Ran], ran: Ran) -> Ran:
    """A run whose numbers and times go on from those of the runs before."""
    n = sum(len(run.entries) for run in runs)
    at = sum(run.elapsed_s for run in runs)
    moved: list[RequestEntry | AwayEntry] = []
    for one in ran.entries:
        if isinstance(one, AwayEntry):
            moved.append(structs.replace(one, at_s=one.at_s + at))
            continue
        first = None if one.first_byte_s is None else one.first_byte_s + at
        start_s, end_s = one.start_s + at, one.end_s + at
        moved.append(
            structs.replace(one, n=one.n + n, start_s=start_s, first_byte_s=first, end_s=end_s)
        )
    return replace(ran, entries=tuple(moved))


# --- one run ------------------------------------------------------------------------------------


def _run(
    command: Sequence[str],
    place: _Place,
    servers: RunningServers,
    situation: Situation,
    patience_s: float,
) -> Ran:
    env = place.environment(servers)
    started, began = time.time(), time.monotonic()
    process, out, err = start(command, place.folder, env)
    stdout, stderr = Tail(out), Tail(err)
    try:
        how = _wait(process, servers, situation.silent, patience_s)
        if how is How.EXIT:
            still_running(env[MARK], started)
        else:
            _terminate(process)
    finally:
        end_all(process, env[MARK], started)
    for reader in (stdout, stderr):
        reader.join(SETTLE_S)
    settle(servers)
    lines = [line_from_json(entry) for entry in servers.entries]
    entries = [one for one in lines if isinstance(one, RequestEntry | AwayEntry)]
    entries.sort(key=lambda one: one.n if isinstance(one, RequestEntry) else 0)
    return Ran(
        status=shell_status(process.returncode) if how is How.EXIT else None,
        how=how,
        entries=tuple(entries),
        elapsed_s=round(time.monotonic() - began, 3),
        stdout=stdout.text(),
        stderr=stderr.text(),
    )


def _wait(
    process: "subprocess.Popen[bytes]", servers: RunningServers, silent: bool, patience_s: float
) -> How:
    """How the command ends. Only the journal says that it hangs, never its age."""
    began = since = time.monotonic()
    seen: tuple[int, int] = (0, 0)
    while process.poll() is None:
        now, state = time.monotonic(), (servers.under_way, len(servers.entries))
        if state != seen:
            seen, since = state, now
            if _too_many(servers.entries):
                return How.ASKS_ON
        if stopping.is_set():
            return How.STOPPED
        if silent and seen[0] and now - since > patience_s:
            return How.HANGS
        if not seen[0] and now - since > IDLE_S:
            return How.WAITS
        if now - began > MOST_S:
            return How.TOO_LONG
        time.sleep(POLL_S)
    return How.EXIT


def _too_many(lines: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a command asks without end."""
    if len(lines) <= MOST_OF_A_RANGE:
        return False
    redirects = (Redirect.do, RedirectLoop.do)
    asked = Counter(line.get("range") for line in lines if line.get("do") not in redirects)
    return len(lines) > MOST_REQUESTS or max(asked.values(), default=0) > MOST_OF_A_RANGE


def _terminate(process: "subprocess.Popen[bytes]") -> None:
    signal_group(process, "SIGTERM")
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(TERM_S)
