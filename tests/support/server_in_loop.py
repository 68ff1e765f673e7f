"""Servers in the loop of a test, their clients, and the entries of a run."""

import asyncio
import contextlib
import socket

import pytest

from mockservers.content.resources import FlagCatalogue
from mockservers.journal_json import Recorder
from mockservers.plan import LABELS, Plan
from mockservers.server import MockServers

asynchronous = pytest.mark.asyncio
WAIT_S = 30
"""Seconds after which a test gives up."""


def get(code, *fields, method="GET"):
    path = f"/flags/{code}/{code}.gif".lower()
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: x", *fields, "", ""]).encode()


def port_of(servers, label="LOCAL"):
    return int(servers.urls[label].split(":")[2].split("/")[0])


async def reply(reader):
    """The status of the next reply, and its body."""
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), WAIT_S)
    length = next(
        int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length:")
    )
    return int(head.split()[1]), await asyncio.wait_for(reader.readexactly(length), WAIT_S)


async def told_end(reader):
    """Wait until the server closes, or resets, without a further byte."""
    with contextlib.suppress(ConnectionError):
        assert await asyncio.wait_for(reader.read(), WAIT_S) == b""


class House:
    """Servers in this loop, clients of theirs, and the entries of the latest run."""

    def __init__(self, catalogue=None):
        self.servers = MockServers(catalogue or FlagCatalogue())
        self.entries = []
        self._writers = []

    async def __aenter__(self):
        await self.servers.start()
        self.begin_run()
        return self

    async def __aexit__(self, *exc_info):
        for writer in self._writers:
            writer.close()
        await self.servers.stop()

    def begin_run(self, plan=None, over=lambda: None, **rules):
        plan = plan or Plan(rules=rules)
        self.entries = []
        plans = dict.fromkeys(LABELS, plan)
        self.servers.begin_run(plans, Recorder(self.entries.append), over)

    async def connect(self, label="LOCAL"):
        stream = await asyncio.open_connection("127.0.0.1", port_of(self.servers, label))
        self._writers.append(stream[1])
        return stream

    async def ask(self, code="BR", label="LOCAL"):
        """The status of a request on a connection of its own."""
        reader, writer = await self.connect(label)
        writer.write(get(code))
        return (await reply(reader))[0]

    async def until(self, true):
        async with asyncio.timeout(WAIT_S):
            while not true():
                await asyncio.sleep(0.001)


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
            return True
    except OSError:
        return False


with_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here")
