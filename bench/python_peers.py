"""The peers that are Python libraries: serve a folder's files on a loopback port.

    python python_peers.py NAME FOLDER PORT

Each in the way its users do, with all files in memory where it takes bytes.
"""

import asyncio
import http.server
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import ClassVar


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


class Floor(asyncio.Protocol):
    """Looks up a response by the path of the request, and writes it."""

    responses: ClassVar[dict[bytes, bytes]] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note how to write."""
        assert isinstance(transport, asyncio.Transport)
        self._write = transport.write

    def data_received(self, data: bytes) -> None:
        """Answer one request that came whole."""
        self._write(self.responses[data[4 : data.index(b" ", 4)]])


def floor(folder: Path, port: int) -> None:
    """No plan, no numbers, no journal: the least that a server on asyncio costs."""
    head = "HTTP/1.1 200 OK\r\nContent-Type: image/gif\r\nContent-Length: {}\r\n\r\n"
    for path, body in files_of(folder).items():
        Floor.responses[path.encode()] = head.format(len(body)).encode() + body

    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(Floor, "127.0.0.1", port)
        await server.serve_forever()

    asyncio.run(serve())


PEERS: dict[str, Callable[[Path, int], None]] = {
    "aiohttp.web": aiohttp_web,
    "pytest-httpserver": pytest_httpserver,
    "http.server": http_server,
    "floor": floor,
}

if __name__ == "__main__":
    PEERS[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]))
