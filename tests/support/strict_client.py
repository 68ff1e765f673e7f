"""A connection that reads responses strictly."""

import re
import socket
from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """A reply as a client reads it."""

    status: int
    fields: dict[str, str]
    body: bytes


class Client:
    """A connection that reads replies strictly."""

    def __init__(self, port):
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._stream = self._socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self._stream.close()
        self._socket.close()

    def send(self, data):
        self._socket.sendall(data)

    def answer(self, *, has_body=True):
        line = re.fullmatch(rb"HTTP/1\.1 ([1-9]\d\d) [ -~]*\r\n", self._stream.readline())
        assert line, "no status line"
        status, fields = int(line[1]), {}
        while (field := self._stream.readline()) != b"\r\n":
            name, value = re.fullmatch(rb"([A-Za-z-]+): ([ -~]*)\r\n", field).groups()
            assert fields.setdefault(name.decode().lower(), value.decode()) == value.decode()
        length = int(fields.get("content-length", 0)) if has_body else 0
        return Answer(status, fields, self._stream.read(length))

    def is_closed(self):
        return self._stream.read(1) == b""
