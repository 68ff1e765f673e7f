"""Servers in the loop of a test, and one response at a time."""

import asyncio
import contextlib

from support import server_in_loop


def get(path="/flags/br/br.gif", *fields, method="GET", version="1.1"):
    lines = [f"{method} {path} HTTP/{version}", "Host: x", *fields, "", ""]
    return "\r\n".join(lines).encode()


class House(server_in_loop.House):
    """The same, with what comes back for some bytes."""

    @property
    def requests(self):
        return [entry for entry in self.entries if entry["type"] == "request"]

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
