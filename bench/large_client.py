"""Clients of one server: `once URL`, `take URL SECONDS`, or `ask URL SECONDS RATE`.

`once` reads a response to its end, and prints how many bytes came. `take` reads one as fast as it
comes, again and again, and prints the same. `ask` sends a request at each of RATE moments in a
second, and prints how long after its moment each response was there, in milliseconds.
"""

import http.client
import json
import socket
import sys
import time
from urllib.parse import urlsplit


def once(url: str) -> int:
    """Bytes of one response."""
    return take(url, 1000, times=1)


def take(url: str, seconds: float, times: int = 1_000_000) -> int:
    """Bytes that came within that time."""
    to, room, count = urlsplit(url), memoryview(bytearray(1 << 20)), 0
    until = time.monotonic() + seconds
    while time.monotonic() < until and times:
        times -= 1
        with socket.create_connection((to.hostname or "", to.port or 80)) as sock:
            sock.sendall(f"GET {to.path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            while (got := sock.recv_into(room)) and time.monotonic() < until:
                count += got
    return count


def ask(url: str, seconds: float, rate: float) -> list[float]:
    """Milliseconds from the moment at which a request was due to its response."""
    to = urlsplit(url)
    client = http.client.HTTPConnection(to.hostname or "", to.port or 80, timeout=60)
    began, late_ms = time.monotonic(), []
    for n in range(int(seconds * rate)):
        due = began + n / rate
        time.sleep(max(0.0, due - time.monotonic()))
        client.request("GET", to.path)
        client.getresponse().read()
        late_ms.append(round((time.monotonic() - due) * 1e3, 3))
    client.close()
    return late_ms


if __name__ == "__main__":
    what, where, *numbers = sys.argv[1:]
    client = {"once": once, "take": take, "ask": ask}[what]
    print(json.dumps(client(where, *map(float, numbers))))
