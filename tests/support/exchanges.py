"""Requests on plain sockets."""

import socket
from typing import NamedTuple
from urllib.parse import urlsplit

from mockservers.content.flag_images import flag
from mockservers.faults import KINDS
from mockservers.flags2.codes import path_of_code

WAIT_S = 30
"""Seconds after which a test gives up."""
NEVER_ABSENT = tuple(
    kind for kind in KINDS.values() if kind.needs_resource and not kind.needs_ranges
)
"""What can only happen to a resource that is there."""
BR = flag("BR")
PATH = path_of_code("BR")
GIF = "Content-Type: image/gif"
LENGTH = f"Content-Length: {len(BR)}"


def head(status, *fields):
    return "\r\n".join([f"HTTP/1.1 {status}", "Server: mockservers", *fields, "", ""]).encode()


WHOLE = head("200 OK", GIF, LENGTH)
NOT_FOUND = head("404 Not Found", "Content-Length: 0")
LAST = head("404 Not Found", "Content-Length: 0", "Connection: close")


def get(path=PATH, *fields, method="GET", version="1.1"):
    return "\r\n".join([f"{method} {path} HTTP/{version}", "Host: x", *fields, "", ""]).encode()


class Row(NamedTuple):
    """A reply, what goes over the wire, how the connection ends, and what the entry says."""

    reply: object
    before: bytes = b""
    body: bytes = b""
    after: bytes = b""
    ending: str = "stays"
    status: int | None = None
    length: int | None = None
    do: str | None = None
    location: str | None = None
    request: bytes = get()


def whole(reply, sent, status=200, body=b"", **more):
    return Row(reply, sent, body, status=status, length=len(body), **more)


def connect(servers, host="127.0.0.1"):
    return socket.create_connection((host, urlsplit(servers.urls["LOCAL"]).port), WAIT_S)


def drain(sock):
    """All that still comes, and how the connection ends."""
    received = b""
    try:
        while data := sock.recv(65_536):
            received += data
    except ConnectionResetError:
        return received, "RST"
    return received, "FIN"


def exactly(sock, length):
    """The next bytes, so many of them."""
    received = b""
    while len(received) < length and (data := sock.recv(length - len(received))):
        received += data
    return received
