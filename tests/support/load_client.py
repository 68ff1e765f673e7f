"""Many requests on many connections, to one server, whatever comes back.

Prints, as one line of JSON, how many requests were sent, and the resident memory of the parent
process in KB after a fifth of them and at the end (0 where there is no /proc).

    python tests/support/load_client.py URL CONNECTIONS REQUESTS
"""

import asyncio
import contextlib
import json
import os
import re
import sys
from itertools import product
from pathlib import Path
from string import ascii_lowercase
from urllib.parse import urlsplit

CODES = ["".join(pair) for pair in product(ascii_lowercase, repeat=2)]
LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)


def memory_kb() -> int:
    with contextlib.suppress(OSError):
        status = Path(f"/proc/{os.getppid()}/status").read_text()
        return int(re.search(r"VmRSS:\s+([0-9]+)", status)[1])
    return 0


async def main(url: str, connections: int, requests: int) -> None:
    address = urlsplit(url)
    sent = 0
    early = 0

    async def ask(reader, writer, path) -> bool:
        """One request and what comes back; whether the connection can be used again."""
        writer.write(b"GET %b HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n" % path)
        head = await reader.readuntil(b"\r\n\r\n")
        length = LENGTH.search(head)
        await reader.readexactly(int(length[1]) if length else 0)
        return length is not None and b"connection: close" not in head.lower()

    async def worker() -> None:
        nonlocal sent, early
        usable, writer = False, None
        while sent < requests:
            if not usable:
                if writer:
                    writer.close()
                reader, writer = await asyncio.open_connection(
                    address.hostname, address.port, limit=200_000
                )
            if sent >= requests:  # others were quicker
                break
            path = b"/flags/%b/%b.gif" % ((CODES[sent % len(CODES)].encode(),) * 2)
            sent += 1
            if sent == requests // 5:
                early = memory_kb()
            try:
                usable = await asyncio.wait_for(ask(reader, writer, path), 20)
            except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                usable = False
        if writer:
            writer.close()

    await asyncio.gather(*(worker() for _ in range(connections)))
    print(json.dumps({"sent": sent, "early_kb": early, "late_kb": memory_kb()}))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
