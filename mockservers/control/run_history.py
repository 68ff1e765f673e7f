"""The runs of one `mockservers serve`: one after the other, each with a journal of its own."""

import asyncio
import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mockservers.journal import End, Header
from mockservers.journal_json import JournalFile, end_line, header_line
from mockservers.kinds.resource import Catalogue
from mockservers.plan import Plan
from mockservers.plan_json import plan_to_json
from mockservers.server import MockServers

PAGE_BYTES = 1_000_000
"""Bytes of a journal in one slice, its last line excepted."""


@dataclass(frozen=True, slots=True, eq=False)
class NumberedRun:
    """A run, and where its journal is."""

    number: int
    plans: Mapping[str, Plan]
    catalogue: Catalogue | None
    """What is served; None: what the servers were started with."""
    journal: JournalFile
    over: asyncio.Event = field(default_factory=asyncio.Event)
    """It was replaced, and its last request has ended: its journal is whole."""


class RunHistory:
    """The runs on `servers`, numbered from 1.

    Run 1 writes its journal to `file`, run N to the same name with `.N` before the suffix. Without
    a `file` they are temporary: files in `folder`, each removed when its run is over.
    """

    def __init__(self, servers: MockServers, file: Path | None, folder: Path) -> None:
        self.kept = file is not None
        """Whether the journals stay."""
        self.current: NumberedRun
        self.incomplete: JournalFile | None = None
        """The first journal that could not be written to its end."""
        self._servers = servers
        self._first = file or folder / "journal.jsonl"
        self._begun = 0
        self._not_over: list[NumberedRun] = []

    def begin(self, plans: Mapping[str, Plan], catalogue: Catalogue | None = None) -> None:
        """Begin the next run; requests under way end in the run before.

        Raises OSError where its journal cannot be written; then the run before goes on.
        """
        number = self._begun + 1
        path = self._first
        if number > 1:
            path = path.with_name(f"{path.stem}.{number}{path.suffix}")
        try:
            journal = JournalFile(path)
            journal.write_line(header_line(_header(plans)))
            journal.flush()
            if journal.error:
                journal.close()
                raise journal.error
        except OSError as exc:
            raise OSError(f"cannot write the journal {path}: {exc.strerror or exc}") from None
        self._begun = number
        run = self.current = NumberedRun(number, plans, catalogue, journal)
        self._not_over.append(run)
        self._servers.begin_run(plans, journal, lambda: self._over(run), catalogue)

    async def reset(self) -> None:
        """Drop every connection and begin a run with the same plans and content.

        The journals of earlier runs are whole then.
        """
        self._servers.drop_connections()
        self.begin(self.current.plans, self.current.catalogue)
        for run in self._not_over[:-1]:
            await run.over.wait()

    def _over(self, run: NumberedRun) -> None:
        run.journal.write_line(end_line(End()))
        run.journal.close()
        if run.journal.error and not self.incomplete:
            self.incomplete = run.journal
        if not self.kept:
            with contextlib.suppress(OSError):  # on Windows, while somebody reads it
                run.journal.path.unlink()
        self._not_over.remove(run)
        run.over.set()


def _header(plans: Mapping[str, Plan]) -> Header:
    return Header(plans={label: plan_to_json(plan) for label, plan in plans.items()})


@dataclass(frozen=True, slots=True)
class JournalSlice:
    """A piece of a journal, as JSON; it goes on at the byte `stop`."""

    header: dict[str, Any] | None
    """The first line, when the piece starts with it."""
    entries: list[dict[str, Any]]
    stop: int


def read_slice(path: Path, start: int, limit: int) -> JournalSlice:
    """At most `limit` entries and about `PAGE_BYTES` of a journal, from the byte `start`.

    Raises ValueError where no line starts there. A last line that is cut short is left out.
    """
    with path.open("rb") as file:
        if start:
            file.seek(start - 1)
            if file.read(1) != b"\n":
                raise ValueError(f"no line of the journal starts at byte {start}")
        first = [] if start else [file.readline()]
        lines = file.readlines(PAGE_BYTES)[:limit]
    if lines and not lines[-1].endswith(b"\n"):
        del lines[-1]
    return JournalSlice(
        header=json.loads(first[0]) if first else None,
        entries=[json.loads(line) for line in lines],
        stop=start + sum(map(len, first + lines)),
    )
