"""What a server can do to one response, as raw bytes from a server that is not ours.

Each row is one thing that happens to a code; all other codes get a small clean file.
The outcomes are those that a client may report for that code.
"""

import contextlib
import gzip
import socket
import struct
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

BODY = b"GIF87a" + bytes(range(256)) * 8 + b";"
CODES = ("BR", "CN", "DE", "FR", "US")
HIT = "BR"

OK_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: image/gif\r\n"
SIZED_HEAD = OK_HEAD + b"Content-Length: %d\r\n" % len(BODY)
GZIPPED = gzip.compress(BODY, mtime=0)


@dataclass(frozen=True)
class Row:
    """`sends`, then `ends`: close, reset, wait for the client to go, or stay for more."""

    name: str
    sends: bytes
    outcomes: tuple[str, ...] = ("error",)
    ends: str = "close"


def _status(status: int, reason: str, *fields: bytes) -> bytes:
    head = b"".join(field + b"\r\n" for field in (*fields, b"Content-Length: 0"))
    return b"HTTP/1.1 %d %s\r\n" % (status, reason.encode()) + head + b"\r\n"


def _gzip_head(body: bytes) -> bytes:
    return OK_HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body) + body


_CHUNKED = OK_HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
_MANY = b"".join(b"X-%d: 1\r\n" % n for n in range(120))
_LONG = b"X-Long: " + b"a" * 60_000 + b"\r\n"

CLEAN = Row("clean", SIZED_HEAD + b"\r\n" + BODY, ("ok",), ends="stay")

ROWS = [
    CLEAN,
    Row("404", _status(404, "Not Found"), ("not_found",)),
    *[
        Row(str(status), _status(status, reason))
        for status, reason in [
            (201, "Created"), (204, "No Content"), (206, "Partial Content"),
            (301, "Moved Permanently"), (304, "Not Modified"), (400, "Bad Request"),
            (401, "Unauthorized"), (403, "Forbidden"), (407, "Proxy Authentication Required"),
            (410, "Gone"), (418, "I'm a teapot"), (429, "Too Many Requests"),
            (500, "Internal Server Error"), (501, "Not Implemented"), (502, "Bad Gateway"),
            (503, "Service Unavailable"), (599, ""),
        ]
    ],
    Row("reset before the reply", b"", ends="reset"),
    Row("closed without a byte", b""),
    Row("reset in the body", SIZED_HEAD + b"\r\n" + BODY[:100], ends="reset"),
    Row("closed in the body", SIZED_HEAD + b"\r\n" + BODY[:100]),
    Row("malformed chunk", _CHUNKED + b"ZZ\r\nabc\r\n0\r\n\r\n"),
    Row("chunk cut short", _CHUNKED + b"%x\r\n" % len(BODY) + BODY[:100]),
    Row("no last chunk", _CHUNKED + b"%x\r\n" % len(BODY) + BODY + b"\r\n"),
    Row("not HTTP", b"\x00\xff\x01 no such protocol\r\n\r\n"),
    Row("broken gzip", _gzip_head(b"not gzip at all")),
    Row("gzip cut short in a whole reply", _gzip_head(GZIPPED[:-20])),
    Row("redirect loop", _status(302, "Found", b"Location: /flags/br/br.gif"), ends="stay"),
    Row("redirect to another scheme", _status(302, "Found", b"Location: ftp://localhost/br.gif")),
    Row("redirect to no URL", _status(302, "Found", b"Location: http://[::1/br.gif")),
    Row("redirect to no host", _status(302, "Found", b"Location: http://\xff\xfe:99999/br.gif")),
    Row("head cut in the status line", OK_HEAD[:12], ("ok", "error")),
    Row("head cut after the status line", OK_HEAD[:17], ("ok", "error")),
    Row("head cut in a field", SIZED_HEAD[:55], ("ok", "error")),
    Row("negative length", OK_HEAD + b"Content-Length: -5\r\n\r\n" + BODY, ("ok", "error")),
    Row("more body than announced", SIZED_HEAD + b"\r\n" + BODY + b"more", ("ok", "error")),
    Row("no length, closed", OK_HEAD + b"\r\n" + BODY, ("ok",)),
    Row("404 with a damaged body", b"HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nab",
        ("not_found", "error")),
    Row("a header of 60 KB", SIZED_HEAD + _LONG + b"\r\n" + BODY, ("ok", "error")),
    Row("120 headers", SIZED_HEAD + _MANY + b"\r\n" + BODY, ("ok", "error")),
    Row("gzip under two headers", _gzip_head(GZIPPED[:-20]).replace(
        b"Content-Encoding", b"Content-Encoding: identity\r\nContent-Encoding")),
    Row("silent after an interim reply", b"HTTP/1.1 103 Early Hints\r\n\r\n", ends="wait"),
    Row("silent after a continue", b"HTTP/1.1 100 Continue\r\n\r\n", ends="wait"),
    Row("never answers", b"", ends="wait"),
    Row("stops in the body", SIZED_HEAD + b"\r\n" + BODY[:100], ends="wait"),
    Row("more body than announced, open", SIZED_HEAD + b"\r\n" + BODY + b"more",
        ("ok", "error"), ends="wait"),
    Row("a header of 60 KB, open", SIZED_HEAD + _LONG + b"\r\n" + BODY,
        ("ok", "error"), ends="wait"),
]  # fmt: skip


@contextlib.contextmanager
def serving(rows: Row | Mapping[str, Row]) -> Iterator[str]:
    """The base URL of a server that does these rows to their codes, or one row to BR."""
    by_code = {HIT: rows} if isinstance(rows, Row) else rows
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    threads: list[threading.Thread] = []
    connections: list[socket.socket] = []
    stopping = threading.Event()

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            if stopping.is_set():
                connection.close()
                return
            connections.append(connection)
            thread = threading.Thread(target=answer, args=(connection, by_code))
            threads.append(thread)
            thread.start()

    acceptor = threading.Thread(target=accept)
    acceptor.start()
    address = listener.getsockname()
    try:
        yield f"http://127.0.0.1:{address[1]}/flags"
    finally:
        stopping.set()
        socket.create_connection(address).close()
        acceptor.join()
        listener.close()
        for connection in connections:
            with contextlib.suppress(OSError):  # it has ended already
                connection.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join()


def answer(connection: socket.socket, rows: Mapping[str, Row]) -> None:
    """Answer the requests of one connection until it ends."""
    with connection, contextlib.suppress(OSError):
        heard = b""
        while True:
            while b"\r\n\r\n" not in heard:
                data = connection.recv(65_536)
                if not data:
                    return
                heard += data
            head, _, heard = heard.partition(b"\r\n\r\n")
            path = head.split(b" ")[1].decode()
            row = rows.get(path[-6:-4].upper(), CLEAN)
            connection.sendall(row.sends)
            if row.ends == "stay":
                continue
            if row.ends == "reset":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return
            if row.ends == "close":
                connection.shutdown(socket.SHUT_WR)
            while connection.recv(65_536):  # until the client has gone
                pass
            return
