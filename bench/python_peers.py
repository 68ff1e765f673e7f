"""The peers that are Python libraries: serve a folder's files on a loopback port.

    python python_peers.py NAME FOLDER PORT

Each in the way its users do, with all files in memory where it takes bytes.
"""

import http.server
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path


def files_of(folder: Path) -> dict[str, bytes]:
    """The files below a folder, by their path in a URL."""
    return {
        f"/{file.relative_to(folder).as_posix()}": file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def aiohttp_web(folder: Path, port: int) -> None:
    """An `aiohttp.web.Application` with one route."""
    from aiohttp import web

    files = files_of(folder)

    async def serve(request: web.Request) -> web.Response:
        body = files.get(request.path)
        if body is None:
            raise web.HTTPNotFound
        return web.Response(body=body, content_type="image/gif")

    app = web.Application()
    app.router.add_get("/{path:.*}", serve)
    web.run_app(app, host="127.0.0.1", port=port, access_log=None, print=None)


def pytest_httpserver(folder: Path, port: int) -> None:
    """A `pytest_httpserver.HTTPServer` with an expectation per file."""
    from pytest_httpserver import HTTPServer

    server = HTTPServer(host="127.0.0.1", port=port, threaded=True)
    for path, body in files_of(folder).items():
        server.expect_request(path).respond_with_data(body, content_type="image/gif")
    server.start()
    threading.Event().wait()


def http_server(folder: Path, port: int) -> None:
    """A `ThreadingHTTPServer` over the folder, as `python -m http.server --protocol HTTP/1.1`."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            pass

    class Server(http.server.ThreadingHTTPServer):
        request_queue_size = 1024  # the 5 it has by itself would refuse some of 64

    Server(("127.0.0.1", port), partial(Handler, directory=str(folder))).serve_forever()


PEERS: dict[str, Callable[[Path, int], None]] = {
    "aiohttp.web": aiohttp_web,
    "pytest-httpserver": pytest_httpserver,
    "http.server": http_server,
}

if __name__ == "__main__":
    PEERS[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]))
