"""Run a reference downloader inside this process, as its command would, and judge the run."""

import contextlib
import io
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

from msgspec import to_builtins

from mockservers.files import files_in
from mockservers.flags2.arguments import asked_codes
from mockservers.flags2.output import claims_of
from mockservers.inprocess import BASE_URL, aioresponses_carrier, responses_carrier
from mockservers.journal import Claims
from mockservers.ledger import Ledger
from mockservers.plan import Plan
from mockservers.running_servers import RunningServers
from reference import flags2_asyncio, flags2_common, flags2_threadpool
from support.journals import balance
from support.processes import own_ctrl_c

DOWNLOADERS = (flags2_threadpool, flags2_asyncio)
CARRIERS = {flags2_threadpool: responses_carrier, flags2_asyncio: aioresponses_carrier}


@dataclass
class Run:
    """What a run printed, what the server saw, what is on disk, and the ledger."""

    stdout: str
    entries: list[dict[str, Any]]
    files: dict[str, bytes]
    ledger: Ledger
    claims: Claims = field(default_factory=Claims)
    files_book: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def outcomes(self) -> dict[str, str]:
        """What was said of each code."""
        return {code: next(iter(said)) for code, said in self.claims.outcomes.items()}


def play_sockets(
    servers: RunningServers,
    downloader: ModuleType,
    plan: Plan,
    arguments: Sequence[str],
    label: str = "ERROR",
) -> Run:
    """Run against real sockets, every server under the same plan."""
    entries = servers.begin_run(dict.fromkeys(servers.urls, plan))
    command = ["program", "-s", label, *arguments]
    with workplace(servers.urls) as folder:
        stdout = run_main(downloader, command)
        servers.settle()
        return judged(command, stdout, entries, folder)


def play_in_process(
    downloader: ModuleType,
    plan: Plan,
    arguments: Sequence[str],
    label: str = "ERROR",
    download_many: Callable[..., Any] | None = None,
) -> Run:
    """Run with the client library's network code replaced."""
    entries: list[dict[str, Any]] = []
    command = ["program", "-s", label, *arguments]
    with workplace({label: BASE_URL}) as folder, CARRIERS[downloader](plan, label, entries.append):
        stdout = run_main(downloader, command, download_many)
        return judged(command, stdout, entries, folder)


@contextlib.contextmanager
def workplace(urls):
    """A folder to save in, the servers to ask, and a Ctrl-C that nobody pressed yet."""
    with (
        own_ctrl_c(),
        tempfile.TemporaryDirectory() as folder,
        mock.patch.object(flags2_common, "DEST_DIR", str(Path(folder, "downloads"))),
        mock.patch.dict(flags2_common.SERVERS, urls),
    ):
        yield Path(folder, "downloads")


def run_main(downloader, command, download_many=None) -> str:
    """The stdout of a run that ends without an exception or an exit status."""
    out = io.StringIO()
    with (
        mock.patch("sys.argv", command),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(io.StringIO()),  # the progress bar
    ):
        flags2_common.main(
            download_many or downloader.download_many,
            downloader.DEFAULT_CONCUR_REQ,
            downloader.MAX_CONCUR_REQ,
        )
    return out.getvalue()


def judged(command, stdout, entries, folder: Path) -> Run:
    """Judge a run from its journal, as `mockservers run` does."""
    claims = claims_of(stdout.splitlines())
    header = {"journal": 1, "command": command, "files_before": {}, "dest": "downloads"}
    end = {
        "end": True,
        "asked": asked_codes(command, claims),
        "claims": to_builtins(claims),
        "files_after": files_in(folder),
    }
    files = {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}
    ledger = balance([header, *entries, end])
    return Run(stdout, entries, files, ledger, claims, end["files_after"])
