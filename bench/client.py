"""A client of many connections, in a process of its own; prints one line of JSON.

    python client.py PORT PATH CONNECTIONS REQUESTS OVER_S WITHIN_S

Opens all connections to 127.0.0.1 first, then sends `REQUESTS` requests on each, one after the
other; the first ones are spread over `OVER_S` seconds (0: sent at once). `whole` counts the
replies with status 200 and every byte announced; `failed` the connections that did not bring all
of theirs, `reason` says why the first one did not.
"""

import asyncio
import json
import sys
from collections.abc import Callable

CONNECTING_AT_ONCE = 200


class Asker(asyncio.Protocol):
    """A connection: asks, reads the reply, asks again; `done` is set when there is no more."""

    def __init__(self, path: str, requests: int) -> None:
        self.whole = 0
        self.reason: str | None = None
        self.done = asyncio.get_running_loop().create_future()
        self._request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
        self._requests = requests
        self._head = b""
        self._missing = 0
        self._ask: Callable[[bytes], None]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the word to begin."""
        assert isinstance(transport, asyncio.WriteTransport)
        self._ask = transport.write

    def ask(self) -> None:
        """Send a request."""
        self._head, self._missing = b"", 0
        if not self.done.done():
            self._ask(self._request)

    def data_received(self, data: bytes) -> None:
        """Count down the bytes announced."""
        if not self._missing:
            self._head += data
            head, end, data = self._head.partition(b"\r\n\r\n")
            if not end:
                return
            fields = head.lower().split(b"\r\n")
            if b" 200 " not in fields[0]:
                self._finish(f"the reply is {fields[0].decode(errors='replace')}")
                return
            lengths = [int(field[15:]) for field in fields if field.startswith(b"content-length:")]
            self._missing = lengths[0]
        self._missing -= len(data)
        if self._missing <= 0:
            self.whole += 1
            if self.whole == self._requests:
                self._finish(None)
            else:
                self.ask()

    def connection_lost(self, exc: Exception | None) -> None:
        """Only after the last reply is this no failure."""
        self._finish(f"the connection was lost: {exc}")

    def _finish(self, reason: str | None) -> None:
        if not self.done.done():
            self.reason = reason
            self.done.set_result(None)


async def ask_all(
    port: int, path: str, connections: int, requests: int, over_s: float, within_s: float
) -> None:
    """Connect, ask, report."""
    loop = asyncio.get_running_loop()
    askers = [Asker(path, requests) for _ in range(connections)]
    room = asyncio.Semaphore(CONNECTING_AT_ONCE)

    async def connect(asker: Asker) -> None:
        async with room:
            try:
                await loop.create_connection(lambda: asker, "127.0.0.1", port)
            except OSError as exc:
                asker.connection_lost(exc)

    try:
        async with asyncio.timeout(within_s):
            await asyncio.gather(*map(connect, askers))
            for number, asker in enumerate(askers):
                loop.call_later(over_s * number / connections, asker.ask)
            await asyncio.gather(*(asker.done for asker in askers))
    except TimeoutError:
        for asker in askers:
            asker.connection_lost(TimeoutError(f"no reply within {within_s:.0f} s"))
    reasons = [asker.reason for asker in askers if asker.reason]
    whole = sum(asker.whole for asker in askers)
    print(json.dumps({"whole": whole, "failed": len(reasons), "reason": next(iter(reasons), None)}))


if __name__ == "__main__":
    port, path, connections, requests, over_s, within_s = sys.argv[1:]
    counts = int(connections), int(requests)
    asyncio.run(ask_all(int(port), path, *counts, float(over_s), float(within_s)))
