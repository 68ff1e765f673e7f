"""The columns of the matrix: real clients, each asked for one URL as its own examples do.

Whether a download is ok is decided by the client's own idea of success, where it has one. What
it then has is written to a file, as a program built on it would do.
"""

import asyncio
import contextlib
import http.client
import json
import os
import platform
import re
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

import aiohttp
import httpx
import requests
import urllib3
from support.downloaders import run_main, workplace

from mockservers.flags2.output import claims_of
from reference import flags2_asyncio, flags2_common, flags2_threadpool


@dataclass(frozen=True)
class Question:
    """A URL to ask for, and how."""

    url: str
    file: Path
    """Where the reply goes, in a folder that is empty."""
    patience_s: float
    """Seconds of silence after which the client gives up."""
    gzip: bool | None
    """Whether gzip is offered; None: as the client does by itself."""

    @property
    def coding(self) -> dict[str, str]:
        """The header field that offers gzip, or does not."""
        return {} if self.gzip is None else {"Accept-Encoding": "gzip" if self.gzip else "identity"}


@dataclass(frozen=True)
class Told:
    """What a client makes of a reply."""

    outcome: str
    """ok, not_found or error."""
    says: str | None = None
    """What it calls an error."""
    exit: int | None = None
    """The exit status, of a program."""


Ask = Callable[[Question], Told]


@dataclass(frozen=True)
class Client:
    """A column of the matrix."""

    name: str
    version: Callable[[], str | None]
    """None: it, or one that can be asked so, is not installed here."""
    opened: Callable[[], AbstractContextManager[Ask]]
    """What asks, for the length of a `with` block."""
    asked: str
    """How it is asked, for the page."""
    can_offer_gzip: bool = True


def _bad_status(status: int, exit_status: int | None = None) -> Told:
    return Told("not_found" if status == 404 else "error", f"HTTP {status}", exit_status)


def _failed(exc: Exception) -> Told:
    return Told("error", type(exc).__name__)


# --- libraries -------------------------------------------------------------------------


def ask_requests(question: Question) -> Told:
    try:
        with requests.Session() as session:
            session.trust_env = False  # no proxy of this machine may come between
            session.headers.update(question.coding)
            reply = session.get(question.url, timeout=question.patience_s)
            if not reply.ok:
                return _bad_status(reply.status_code)
            question.file.write_bytes(reply.content)
            return Told("ok")
    except requests.RequestException as exc:
        return _failed(exc)


def ask_aiohttp(question: Question) -> Told:
    async def ask() -> Told:
        timeout = aiohttp.ClientTimeout(total=question.patience_s)
        async with (
            aiohttp.ClientSession(timeout=timeout, headers=question.coding) as session,
            session.get(question.url) as reply,
        ):
            if not reply.ok:
                return _bad_status(reply.status)
            question.file.write_bytes(await reply.read())
            return Told("ok")

    try:
        return asyncio.run(ask())
    except (aiohttp.ClientError, TimeoutError) as exc:
        return _failed(exc)


def ask_httpx(question: Question) -> Told:
    try:
        with httpx.Client(trust_env=False, timeout=question.patience_s) as client:
            reply = client.get(question.url, headers=question.coding)
            if not reply.is_success:
                return _bad_status(reply.status_code)
            question.file.write_bytes(reply.content)
            return Told("ok")
    except httpx.HTTPError as exc:
        return _failed(exc)


def ask_urllib_request(question: Question) -> Told:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    asked = urllib.request.Request(question.url, headers=question.coding)
    try:
        with opener.open(asked, timeout=question.patience_s) as reply:
            question.file.write_bytes(reply.read())
            return Told("ok")
    except urllib.error.HTTPError as exc:
        exc.close()
        return _bad_status(exc.code)
    except (OSError, http.client.HTTPException) as exc:
        return _failed(exc)


def ask_urllib3(question: Question) -> Told:
    try:
        with urllib3.PoolManager(timeout=question.patience_s) as pool:
            reply = pool.request("GET", question.url, headers=question.coding)
            if reply.status != 200:
                return _bad_status(reply.status)
            question.file.write_bytes(reply.data)
            return Told("ok")
    except urllib3.exceptions.HTTPError as exc:
        return _failed(exc)


def ask_http_client(question: Question) -> Told:
    to = urlsplit(question.url)
    connection = http.client.HTTPConnection(to.hostname, to.port, timeout=question.patience_s)
    try:
        connection.request("GET", to.path, headers=question.coding)
        with connection.getresponse() as reply:
            if reply.status != 200:
                return _bad_status(reply.status)
            question.file.write_bytes(reply.read())
            return Told("ok")
    except (http.client.HTTPException, OSError) as exc:
        return _failed(exc)
    finally:
        connection.close()


# --- programs --------------------------------------------------------------------------


def downloader(program: ModuleType) -> Ask:
    """Ask with a reference downloader, run in this process under its own command line."""

    def ask(question: Question) -> Told:
        base_url, code, _ = question.url.rsplit("/", 2)
        with (
            workplace({"LOCAL": base_url}) as downloads,
            mock.patch.object(flags2_common, "TIMEOUT_S", question.patience_s),
            mock.patch.dict(os.environ, {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}),
        ):
            stdout = run_main(program, ["program", "-v", code])
            with contextlib.suppress(FileNotFoundError):
                shutil.copy(downloads / question.file.name, question.file)
        claims = claims_of(stdout.splitlines())
        (outcome,) = claims.outcomes[code.upper()]
        text = re.search(r"^\*\*\* Error for ..: (.*)$", stdout, re.MULTILINE)
        port = urlsplit(question.url).port
        return Told(outcome, text and re.sub(rf"(?<![\w.]){port}\b", "PORT", text[1]))

    return ask


def _run(words: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words,
        cwd=folder,
        env=_environment(folder),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )


def _environment(home: Path) -> dict[str, str]:
    """Nothing of this machine's settings, proxies or language."""
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
    return {**kept, "HOME": str(home), "LC_ALL": "C"}


def curl(*options: str) -> Ask:
    """Ask with curl under `options`."""

    def ask(question: Question) -> Told:
        words = ["curl", *options, "--max-time", str(question.patience_s), "-w", "%{http_code}"]
        words += ["--compressed"] if question.gzip else []
        done = _run([*words, "-o", question.file.name, question.url], question.file.parent)
        if done.returncode == 22:  # what --fail makes of a status
            return _bad_status(int(done.stdout), 22)
        return Told("error" if done.returncode else "ok", exit=done.returncode)

    return ask


def ask_wget(question: Question) -> Told:
    words = ["wget", "-nv", "--tries=2", "--waitretry=0", f"--timeout={question.patience_s}"]
    words += ["--compression=gzip"] if question.gzip else []
    done = _run([*words, question.url], question.file.parent)
    if status := re.search(r"ERROR (\d{3})", done.stderr):
        return _bad_status(int(status[1]), done.returncode)
    return Told("error" if done.returncode else "ok", exit=done.returncode)


@contextlib.contextmanager
def opened_fetch() -> Iterator[Ask]:
    """Ask with Node's fetch, in one process for all questions."""
    script = Path(__file__).with_name("fetch.mjs")
    with subprocess.Popen(
        ["node", str(script)],
        env=_environment(script.parent),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:

        def ask(question: Question) -> Told:
            words: dict[str, Any] = {**vars(question), "file": str(question.file)}
            print(json.dumps(words), file=process.stdin, flush=True)
            return Told(**json.loads(process.stdout.readline()))

        yield ask


def _libraries(*libraries: ModuleType) -> Callable[[], str]:
    """The versions of `libraries`, and of the Python they run on."""
    python = ".".join(platform.python_version_tuple()[:2])
    named = [f"{library.__name__} {library.__version__}" for library in libraries]
    return lambda: ", ".join([*named, f"Python {python}"])


def _program(name: str, line: str) -> Callable[[], str | None]:
    """The version that a program says it has, by the pattern of that line."""

    def version() -> str | None:
        if shutil.which(name) is None:
            return None
        said = subprocess.run([name, "--version"], capture_output=True, text=True, check=False)
        match = re.match(line, said.stdout)
        return match and f"{name} {match[1]}"

    return version


def _at_once(ask: Ask) -> Callable[[], AbstractContextManager[Ask]]:
    return lambda: contextlib.nullcontext(ask)


CLIENTS = [
    Client(
        "requests",
        _libraries(requests, urllib3),
        _at_once(ask_requests),
        "`requests.get(url)`; ok is its `.ok`, any status below 400",
    ),
    Client(
        "aiohttp",
        _libraries(aiohttp),
        _at_once(ask_aiohttp),
        "`session.get(url)` of a new session, `.read()`; ok is its `.ok`, any status below 400",
    ),
    Client(
        "urllib3",
        _libraries(urllib3),
        _at_once(ask_urllib3),
        '`PoolManager().request("GET", url)`; it leaves statuses to the caller: ok is 200',
    ),
    Client(
        "http.client",
        _libraries(),
        _at_once(ask_http_client),
        "`HTTPConnection.request`, `.getresponse().read()`; as urllib3, and follows no redirect",
    ),
    Client(
        "urllib.request",
        _libraries(),
        _at_once(ask_urllib_request),
        "`urllib.request.urlopen(url)`, `.read()`; ok is what raises nothing",
    ),
    Client(
        "httpx",
        _libraries(httpx),
        _at_once(ask_httpx),
        "`httpx.get(url)`; ok is its `.is_success`, a status from 200 to 299; follows no redirect",
    ),
    Client(
        "curl",
        _program("curl", r"curl ([\d.]+)"),
        _at_once(curl("-sS", "-L", "--fail")),
        "`curl -sS -L --fail -o br.gif URL`; ok is exit status 0",
    ),
    Client(
        "plain curl",
        _program("curl", r"curl ([\d.]+)"),
        _at_once(curl("-sS")),
        "`curl -sS -o br.gif URL`; ok is exit status 0",
    ),
    Client(
        "wget",
        _program("wget", r"GNU Wget ([\d.]+)"),
        _at_once(ask_wget),
        "`wget -nv --tries=2 --waitretry=0 URL`; ok is exit status 0. "
        "By default it tries 20 times, with pauses",
    ),
    Client(
        "fetch",
        _program("node", r"v((?:1[89]|[2-9]\d)[\d.]+)"),
        opened_fetch,
        "`await fetch(url)` in Node, `.arrayBuffer()`; ok is its `.ok`, any status from 200 to 299",
    ),
    Client(
        "flags2-threadpool",
        _libraries(requests, urllib3),
        _at_once(downloader(flags2_threadpool)),
        "`flags2-threadpool -v BR`",
        can_offer_gzip=False,
    ),
    Client(
        "flags2-asyncio",
        _libraries(aiohttp),
        _at_once(downloader(flags2_asyncio)),
        "`flags2-asyncio -v BR`",
        can_offer_gzip=False,
    ),
]
