"""Unusual downloaders in Python: `python variants.py NAME [flags2 arguments]`.

Each is the correct downloader of `downloader.py` with one thing done in another way.
"""

import random
import select
import socket
import sys
import threading
import time
from collections import Counter
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urljoin, urlsplit

sys.path.insert(0, str(Path(__file__).parents[1]))

from downloader import OK, URLS, Downloader, name_of, plural, run

PIECE = 65536


class RawHttp10(Downloader):
    """Sockets and HTTP/1.0, without a library."""

    def ask(self, url):
        parts = urlsplit(url)
        with socket.create_connection((parts.hostname, parts.port), self.timeout_s) as sock:
            sock.sendall(f"GET {parts.path} HTTP/1.0\r\nHost: {parts.netloc}\r\n\r\n".encode())
            received = bytearray()
            while piece := sock.recv(PIECE):
                received += piece
        head, end_of_head, body = bytes(received).partition(b"\r\n\r\n")
        status_line, *fields = head.decode("latin-1").split("\r\n")
        version, _, rest = status_line.partition(" ")
        if not end_of_head or version not in ("HTTP/1.0", "HTTP/1.1") or not rest[:3].isdigit():
            raise HTTPException("no response")
        values = {
            name.lower(): value.strip() for name, _, value in (f.partition(":") for f in fields)
        }
        length = int(values.get("content-length", len(body)))
        if len(body) < length:
            raise HTTPException("the body is cut short")
        return int(rest[:3]), body[:length]


class OneByOne(Downloader):
    most_connections = 1


class KeptAlive(Downloader):
    """A connection per thread, for as long as it lasts."""

    def __init__(self):
        super().__init__()
        self.kept = threading.local()

    def headers(self):
        return {"Accept-Encoding": "identity"}

    def ask(self, url):
        parts = urlsplit(url)
        if not hasattr(self.kept, "connection"):
            self.kept.connection = HTTPConnection(
                parts.hostname, parts.port, timeout=self.timeout_s
            )
        connection = self.kept.connection
        if connection.sock and select.select([connection.sock], [], [], 0)[0]:
            connection.close()  # the server has closed it
        used = connection.sock is not None
        try:
            try:
                connection.request("GET", parts.path, headers=self.headers())
                reply = connection.getresponse()
            except ConnectionError:
                connection.close()
                if not used:
                    raise
                connection.request("GET", parts.path, headers=self.headers())
                reply = connection.getresponse()
            return reply.status, reply.read()
        except (OSError, HTTPException):
            connection.close()
            raise


class Reversed(Downloader):
    def queue(self):
        return self.codes[::-1]


class Shuffled(Downloader):
    def queue(self):
        return random.Random(20).sample(self.codes, len(self.codes))


class SlowStart(Downloader):
    def main(self, words):
        time.sleep(1.5)
        return super().main(words)


class Crlf(Downloader):
    def say(self, line):
        super().say(f"{line}\r")


class NoisyStderr(Downloader):
    def count(self, code, outcome):
        super().count(code, outcome)
        for n in range(200):
            sys.stderr.write(f"\r{code} {outcome} {'#' * (n % 50):50} {len(self.results)}")
        sys.stderr.write(f"\n--------------------\n999 flags downloaded.\n{code} OK\n")
        sys.stderr.flush()


class FixedPorts(Downloader):
    def base_url(self):
        return URLS[self.label]


class Status64(Downloader):
    usage_status = 64


class SlowReader(Downloader):
    def read(self, reply):
        if reply.status != 200:
            return reply.read()
        pieces = []
        while piece := reply.read(4096):
            pieces.append(piece)
            time.sleep(0.01)
        if reply.length:
            raise HTTPException("the body is cut short")
        return b"".join(pieces)


class FollowsRedirects(Downloader):
    """Over one connection each, five hops at most."""

    def fetch(self, code):
        url = self.base_url() + self.path(code)
        for _ in range(6):
            status, body, target = self.hop(url)
            if target is None:
                return status, body
            url = urljoin(url, target)
            if urlsplit(url).scheme != "http":
                raise HTTPException("not HTTP")
        raise HTTPException("redirected too often")

    def hop(self, url):
        parts = urlsplit(url)
        connection = HTTPConnection(parts.hostname, parts.port, timeout=self.timeout_s)
        try:
            connection.request("GET", parts.path, headers=self.headers())
            reply = connection.getresponse()
            body = reply.read()
            moved = reply.status in (301, 302, 303, 307, 308)
            return reply.status, body, reply.headers["Location"] if moved else None
        finally:
            connection.close()


class LimitOfItsOwn(Downloader):
    def __init__(self):
        super().__init__()
        self.timeout_s = 12.0


class OtherLines(Downloader):
    """Says more on stdout than it must, also in the middle of everything."""

    def announcement(self):
        lines = super().announcement()
        return ["Flags 3.0", "", lines[0], "  (good choice)", *lines[1:], "~" * 40, ""]

    def count(self, code, outcome):
        super().count(code, outcome)
        self.say(f"[{len(self.results)}/{len(self.codes)}]")

    def report_lines(self, totals: Counter[str]):
        lines = super().report_lines(totals)
        return ["", "Done.", *lines, f"Thank you for {totals[OK]} flag{plural(totals[OK])}"]


if __name__ == "__main__":
    sys.exit(run({name_of(one): one for one in Downloader.__subclasses__()}, sys.argv[1:]))
