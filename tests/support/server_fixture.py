"""Servers in the loop of a test, and one response at a time."""

import asyncio
import contextlib

from mockservers.content.resources import FlagCatalogue
from mockservers.journal import Recorder
from mockservers.plan import Plan
from mockservers.server import MockServers


def get(path="/flags/br/br.gif", *fields, method="GET", version="1.1"):
    lines = [f"{method} {path} HTTP/{version}", "Host: x", *fields, "", ""]
    return "\r\n".join(lines).encode()


class House:
    """Servers in this loop, with the entries of their latest run."""

    def __init__(self, catalogue=None):
        self.servers = MockServers(catalogue or FlagCatalogue())
        self.entries = []

    def begin_run(self, plan=None, **rules):
        plan = plan or Plan(rules={code: tuple(rule) for code, rule in rules.items()})
        self.entries = []
        self.servers.begin_run({"LOCAL": plan}, Recorder(self.entries.append))

    @property
    def requests(self):
        return [entry for entry in self.entries if entry["type"] == "request"]

    async def connect(self):
        port = int(self.servers.urls["LOCAL"].split(":")[2].split("/")[0])
        return await asyncio.open_connection("127.0.0.1", port)

    async def send(self, *pieces, eof=True):
        """All that comes back on a connection that sends `pieces` one by one, or the error."""
        reader, writer = await self.connect()
        try:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
            if eof:
                writer.write_eof()
            received = b""
            while data := await reader.read(65_536):
                received += data
            return received, None
        except ConnectionError as exc:
            return received, exc
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def quiet(self):
        """Wait until every connection has ended."""
        while any(state.connections for state in self.servers.states.values()):
            await asyncio.sleep(0.001)
