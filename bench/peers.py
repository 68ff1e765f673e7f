"""The peers, and where each is found. One that is not installed is skipped by name."""

import base64
import http.client
import importlib.util
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.processes import PATIENCE_S, SERVER_CORE, BenchError, child, free_port

HERE = Path(__file__).parent
Command = list[str | Path]

NGINX_CONF = """
daemon off; master_process off; pid nginx.pid; error_log stderr;
events {{ worker_connections 8192; }}
http {{
    access_log off; sendfile on; tcp_nopush on;
    keepalive_requests 1000000000; keepalive_timeout 75s;
    {cache}
    types {{ image/gif gif; }}
    client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4;
    scgi_temp_path t5;
    server {{ listen 127.0.0.1:{port}; root {flags}; }}
}}
"""


CACHE = "open_file_cache max=10000 inactive=1h; open_file_cache_valid 1h;"


class NotInstalledError(Exception):
    """Why a peer is skipped."""


@dataclass(frozen=True, slots=True)
class Site:
    """What every peer serves: the files below `folder`, and nothing else."""

    folder: Path
    paths: tuple[str, ...]

    def body(self, path: str) -> bytes:
        """The bytes of a path."""
        return (self.folder / path.lstrip("/")).read_bytes()


@dataclass(frozen=True, slots=True)
class Peer:
    """A server to compare with; `command` makes what it needs in a folder of its own."""

    name: str
    is_mock: bool
    command: Callable[[Site, Path, int], Command]
    """Raises NotInstalledError."""


# --- how each is started ---------------------------------------------------------------


def nginx(site: Site, folder: Path, port: int, cache: str = CACHE) -> Command:
    """One process, static files."""
    conf = folder / "nginx.conf"
    text = NGINX_CONF.format(port=port, flags=site.folder, cache=cache)
    conf.write_text(text, encoding="utf-8")
    return [_on_path("nginx"), "-e", "stderr", "-p", folder, "-c", conf]


def wiremock(site: Site, folder: Path, port: int) -> Command:
    """A stub per file, without the journal of requests, which would slow it down."""
    named = os.environ.get("WIREMOCK_JAR")
    jars = [Path(named)] if named else sorted(_node_package("wiremock").glob("build/*.jar"))
    if not jars or not jars[-1].is_file():
        raise NotInstalledError("no jar in WIREMOCK_JAR or node_modules/wiremock")
    stubs = [
        {
            "request": {"method": "GET", "url": path},
            "response": {
                "status": 200,
                "headers": {"Content-Type": "image/gif"},
                "base64Body": base64.b64encode(site.body(path)).decode(),
            },
        }
        for path in site.paths
    ]
    (folder / "mappings").mkdir()
    (folder / "mappings" / "all.json").write_text(json.dumps({"mappings": stubs}), encoding="utf-8")
    return [
        _on_path("java"), "-jar", jars[-1], "--port", str(port), "--bind-address", "127.0.0.1",
        "--root-dir", folder, "--no-request-journal", "--disable-banner",
    ]  # fmt: skip


def mockttp(site: Site, folder: Path, port: int) -> Command:
    """One rule for all files; see mockttp_peer.js."""
    _node_package("mockttp")
    return [_on_path("node"), HERE / "mockttp_peer.js", site.folder, str(port)]


def mountebank(site: Site, folder: Path, port: int) -> Command:
    """An imposter with a stub per file, connections kept alive."""
    program = _node_package("mountebank") / "bin" / "mb"
    stubs = [
        {
            "predicates": [{"equals": {"path": path}}],
            "responses": [
                {
                    "is": {
                        "headers": {"Content-Type": "image/gif", "Connection": "keep-alive"},
                        "body": base64.b64encode(site.body(path)).decode(),
                        "_mode": "binary",
                    }
                }
            ],
        }
        for path in site.paths
    ]
    imposter = {"protocol": "http", "port": port, "host": "127.0.0.1", "stubs": stubs}
    config = folder / "imposters.json"
    config.write_text(json.dumps({"imposters": [imposter]}), encoding="utf-8")
    return [
        _on_path("node"), program, "start", "--configfile", config, "--host", "127.0.0.1",
        "--port", str(free_port()), "--nologfile", "--loglevel", "error",
        "--pidfile", folder / "mb.pid",
    ]  # fmt: skip


def _python(name: str, module: str) -> Callable[[Site, Path, int], Command]:
    def command(site: Site, folder: Path, port: int) -> Command:
        if importlib.util.find_spec(module) is None:
            raise NotInstalledError(f"{module} cannot be imported")
        return [sys.executable, HERE / "python_peers.py", name, site.folder, str(port)]

    return command


NGINX = Peer("nginx", False, nginx)
UNCACHED = Peer("nginx without cache", False, partial(nginx, cache=""))
FLOOR = Peer("floor", False, _python("floor", "asyncio"))
"""What asyncio needs to look up a response and to write it."""
PEERS = (
    NGINX,
    FLOOR,
    Peer("aiohttp.web", False, _python("aiohttp.web", "aiohttp")),
    Peer("http.server", False, _python("http.server", "http.server")),
    Peer("pytest-httpserver", True, _python("pytest-httpserver", "pytest_httpserver")),
    Peer("wiremock", True, wiremock),
    Peer("mockttp", True, mockttp),
    Peer("mountebank", True, mountebank),
)


# --- finding and starting --------------------------------------------------------------


def _on_path(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        raise NotInstalledError(f"no {program} on PATH")
    return found


def _node_folders() -> list[Path]:
    named = os.environ.get("NODE_PATH", "").split(os.pathsep)
    return [HERE / "node_modules", HERE.parent / "node_modules", *map(Path, filter(None, named))]


def _node_package(name: str) -> Path:
    for folder in _node_folders():
        if (folder / name / "package.json").is_file():
            return folder / name
    raise NotInstalledError(f"no {name} in node_modules, nor in NODE_PATH")


@contextmanager
def serving(peer: Peer, site: Site, folder: Path) -> Iterator[tuple[int, str]]:
    """The process and URL of a peer that was seen to serve the files.

    Raises NotInstalledError; BenchError when it does not serve them in time.
    """
    folder.mkdir()
    port = free_port()
    command = peer.command(site, folder, port)
    env = {"NODE_PATH": os.pathsep.join(map(str, _node_folders()))}
    log = folder / "log"
    with (
        log.open("wb") as out,
        child(command, core=SERVER_CORE, stdout=out, stderr=out, env=env) as process,
    ):
        until = time.monotonic() + PATIENCE_S
        while not all(_served(port, path) == site.body(path) for path in site.paths[::40]):
            if process.poll() is not None or time.monotonic() > until:
                said = log.read_text(errors="replace")[-300:].strip()
                raise BenchError(f"{peer.name} does not serve the files: {said}")
            time.sleep(0.05)
        yield process.pid, f"http://127.0.0.1:{port}"


def _served(port: int, path: str) -> bytes | None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        reply = connection.getresponse()
        return reply.read() if reply.status == 200 else None
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
