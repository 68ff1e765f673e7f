"""What servers should have recorded, on plain lists: requests as they were made and answered."""

import contextlib
import re
import socket
import struct
from collections import Counter
from dataclasses import dataclass

from mockservers import faults
from mockservers.content.flag_images import flag
from mockservers.flags2.codes import packaged_codes
from support.drawn_ledgers import CODES, sha
from support.exchanges import NEVER_ABSENT
from support.faults import fate_of
from support.plain_ledger import path_of

FLAGS = {path_of(code): flag(code) for code in CODES if code in packaged_codes()}
STATUS = {"redirect": 302, "redirect_loop": 302, "rate_limit": 429}
NO_HEAD = ("empty", "hang", "garbage", "cut_headers")
PATIENCE_S = 30


class Wire:
    """A connection to a server, as plain as can be."""

    def __init__(self, url):
        self.sock = socket.create_connection(
            ("127.0.0.1", int(url.split("/")[2].split(":")[1])), timeout=PATIENCE_S
        )

    def send(self, data):
        self.sock.sendall(data)

    def read(self, method):
        """All bytes of one response, and whether the connection is there for another."""
        data = b""
        while not self.whole(data, method):
            piece = b""
            with contextlib.suppress(ConnectionResetError):
                piece = self.sock.recv(1 << 20)
            if not piece:
                return data, False
            data += piece
        return data, True

    def whole(self, data, method):
        head, end, body = data.partition(b"\r\n\r\n")
        if not end or b"\r\nConnection: close" in head:
            return False
        length = announced(head)
        empty = method == "HEAD" or b" 204 " in head.splitlines()[0]
        return empty or (length is not None and len(body) >= length)

    def close(self, *, rudely):
        if rudely:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


def announced(head):
    found = re.search(rb"\r\nContent-Length: (\d+)", head)
    return int(found[1]) if found else None


def read_off(data, method):
    """Status, announced length and bytes of the body, as one may read them off the wire."""
    head, end, body = data.partition(b"\r\n\r\n")
    if not end or not head.startswith(b"HTTP/1.1 "):
        return None, None, b""
    length = announced(head)
    if b"\r\nTransfer-Encoding: chunked" in head:
        size, _, chunk = body.partition(b"\r\n")
        body = chunk[: int(size, 16)]
    return int(head[9:12]), length, b"" if method == "HEAD" else body[:length]


@dataclass(eq=False)
class Asked:
    """A request that was made, and what became of it so far."""

    run: "PlainRun"
    n: int
    label: str
    method: str
    path: str
    attempt: int
    reply: faults.Fault
    in_flight: int
    wire: Wire
    gzip: bool
    whole: bool = True
    state: str = "under way"
    """Then one of: answered (all of `data` came), left (by the client), dropped (by the servers),
    unread (somehow)."""
    data: bytes = b""

    @property
    def refused(self):
        return self.method == "POST" and self.whole

    def head_and_rest(self):
        more = "Accept-Encoding: gzip\r\n" * self.gzip
        more += "Content-Length: 0\r\n" * (self.method == "POST")
        return f"{self.method} {self.path} HTTP/1.1\r\n".encode(), f"Host: x\r\n{more}\r\n".encode()

    def kind(self):
        """The kind of reply that came of it."""
        if self.refused:
            return None
        reply = self.reply
        if self.state in ("left", "dropped"):
            return reply.do
        needs_body = isinstance(reply, NEVER_ABSENT) or getattr(reply, "after_bytes", 0)
        if needs_body and self.path not in FLAGS:
            return "serve"
        return "truncate" if isinstance(reply, faults.BadGzip) and not self.gzip else reply.do

    def expected(self):
        """Its entry, without times and the number of the connection."""
        status, length, body = read_off(self.data, self.method)
        location = {"redirect_loop": self.path, "redirect": getattr(self.reply, "to", None)}
        entry = {
            "type": "request", "n": self.n, "server": self.label, "method": self.method,
            "path": self.path, "code": CODE_AT.get(self.path), "attempt": self.attempt,
            "do": self.kind(), "status": status, "length": length, "bytes_sent": len(body),
            "complete": self.state == "answered", "client_gone": self.state == "left",
            "sha256": sha(body) if body else None, "in_flight": self.in_flight,
            "delay_s": 0 if self.refused else self.reply.delay_s,
        }  # fmt: skip
        return entry | ({"location": location[self.kind()]} if status == 302 else {})

    def check_wire(self):
        """What came is what the plan says."""
        status, _, body = read_off(self.data, self.method)
        kind = self.kind()
        if self.refused:
            expected = 405
        elif kind in NO_HEAD or (kind == "reset" and self.reply.after_bytes < 50):
            expected = None
        elif kind == "status":
            expected = self.reply.status[0]
        else:
            found = kind == "page" or self.path in FLAGS
            expected = STATUS.get(kind) or (200 if found else 404)
        assert status == expected
        if kind not in ("bad_gzip", "page", "status"):
            assert FLAGS.get(self.path, b"").startswith(body)


CODE_AT = {path_of(code): code for code in CODES}
LOOSE = ("do", "status", "length", "bytes_sent", "complete", "client_gone", "sha256", "location")


class PlainRun:
    """A run on plain lists."""

    def __init__(self, plans):
        self.plans = plans
        self.asked = []
        self.others = []
        """Entries that are no requests: (type, server, ...)."""
        self.attempts = Counter()
        self.held = {label: [] for label, plan in plans.items() if plan.gate}
        """By label what waits at a gate that is not open."""

    def under_way(self, label=None):
        return [a for a in self.asked if a.state == "under way" and label in (None, a.label)]

    def ask(self, label, method, path, wire, gzip):
        """Count a request that arrives."""
        plan, name = self.plans[label], CODE_AT.get(path, path)
        attempt = 1
        if path in CODE_AT or path in plan.rules:
            attempt = self.attempts[label, name] + 1
            self.attempts[label, name] += method == "GET"
        reply = fate_of(plan, label, name, attempt)
        in_flight = len(self.under_way(label)) + 1
        asked = Asked(
            self, len(self.asked) + 1, label, method, path, attempt, reply, in_flight, wire, gzip
        )
        self.asked.append(asked)
        return asked

    def check(self, entries):
        """Each request that has ended has exactly one entry, and it is the right one."""
        requests = {e["n"]: e for e in entries if e["type"] == "request"}
        others = [
            (e["type"], e["server"], e.get("held"), e.get("status"))
            for e in entries
            if e["type"] != "request"
        ]
        assert Counter(others) == Counter(self.others)
        assert len(requests) + len(others) == len(entries)
        ended = [asked for asked in self.asked if asked.state != "under way"]
        assert sorted(requests) == [asked.n for asked in ended]
        conns = {}
        for asked in ended:
            entry, free = requests[asked.n], (*TIMES, "unclear")
            assert conns.setdefault(asked.wire, entry["conn"]) == entry["conn"]
            assert 0 <= entry["start_s"] <= entry["end_s"]
            if asked.state == "unread":
                assert not entry["complete"] or not entry["client_gone"]
                free += LOOSE
            seen = {name: value for name, value in entry.items() if name not in free}
            assert seen == {n: v for n, v in asked.expected().items() if n in seen}
        assert len(set(conns.values())) == len(conns)


TIMES = ("conn", "start_s", "first_byte_s", "end_s")
"""Not known here, as is `unclear`, which is the word of each kind."""
