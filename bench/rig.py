"""What a measure is given, and what it hands back."""

import http.client
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.load import Samples
from bench.peers import Site
from bench.processes import MockServers, mock_servers

CODES = Path(__file__).parent.parent / "country_codes.txt"

ERROR_MIX = {
    "plan": 1,
    "seed": 629,
    "mix": [{"weight": 25, "do": "status", "status": [501, 502, 503]}],
}
"""The plan of ERROR without its delays."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A row of the table; `met` is None where the target could not be judged."""

    measure: str
    ours: str
    target: str
    met: bool | None


@dataclass(slots=True)
class Bench:
    """One run of the bench: how long, where, and what came of it beside the verdicts."""

    rounds: int
    seconds: int
    quick: bool
    folder: Path
    before: str | None = None
    """The interpreter of an installation that is measured beside ours: an older version."""
    skipped: dict[str, str] = field(default_factory=dict)
    """Why, by the name of the peer."""
    figures: dict[str, Any] = field(default_factory=dict)
    """Every figure behind the verdicts, for the JSON file."""

    def number(self, full: int, quick: int) -> int:
        """How many to make of something."""
        return quick if self.quick else full

    @contextmanager
    def room(self) -> Iterator[Path]:
        """A folder that goes when the block ends."""
        with tempfile.TemporaryDirectory(dir=self.folder) as name:
            yield Path(name)

    @contextmanager
    def ours(
        self,
        plans: Mapping[str, object] | None = None,
        root: Path | None = None,
        python: str = sys.executable,
    ) -> Iterator[MockServers]:
        """Our servers, pinned, with a journal in a file."""
        with (
            self.room() as folder,
            mock_servers(folder, plans or {}, root=root, python=python) as servers,
        ):
            yield servers

    @property
    def versions(self) -> dict[str, str]:
        """The interpreters of what is measured as ours, by name."""
        return {"ours": sys.executable} | ({"before": self.before} if self.before else {})

    def keep(self, measure: str, samples: Samples) -> None:
        """Put samples among the figures."""
        self.figures[measure] = {
            name: [
                {"cpu_us": round(s.cpu_us, 2), "per_s": round(s.per_s), "p99_ms": s.p99_ms,
                 "requests": s.requests, "not_2xx": s.not_2xx, "failed": s.failed}
                for s in each
            ]
            for name, each in samples.items()
        }  # fmt: skip


def copy_flags(servers: MockServers, folder: Path) -> Site:
    """The flags as LOCAL serves them, as files."""
    codes = CODES.read_text(encoding="utf-8").lower().split()
    site = Site(folder, tuple(f"/flags/{code}/{code}.gif" for code in codes))
    connection = http.client.HTTPConnection(servers.urls["LOCAL"].removeprefix("http://"))
    try:
        for path in site.paths:
            connection.request("GET", path)
            file = folder / path.lstrip("/")
            file.parent.mkdir(parents=True)
            file.write_bytes(connection.getresponse().read())
    finally:
        connection.close()
    return site


def paths_file(site: Site, folder: Path) -> Path:
    """The paths of a site as a file for load.lua."""
    file = folder / "paths.txt"
    file.write_text("\n".join(site.paths) + "\n", encoding="utf-8")
    return file
