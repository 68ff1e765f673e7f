"""Servers that a state machine drives, and plain lists of what was seen."""

import asyncio
import http.client
import json
import random
import re
import socket
import struct
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import strategies as st

from mockservers.content.flag_images import flag
from mockservers.control.api import Control
from mockservers.control.run_history import RunHistory
from mockservers.faults import (
    BadChunk,
    BadGzip,
    CutHeaders,
    Drip,
    Empty,
    Fault,
    Garbage,
    Hang,
    HugeHeaders,
    NoLength,
    RateLimit,
    Redirect,
    RedirectLoop,
    Reset,
    Serve,
    Status,
    TooLong,
    Truncate,
    WrongType,
)
from mockservers.flags2.codes import packaged_codes
from mockservers.journal_json import JournalFile
from mockservers.plan import LABELS, Bucket, Gate, Plan
from mockservers.plan_json import plan_to_json
from support.drawn_ledgers import (
    CODES,
    Chance,
    sha,
)
from support.faults import fate_of
from support.plain_ledger import path_of

FLAGS = {path_of(code): flag(code) for code in CODES if code in packaged_codes()}
LEADS = (path_of("CN"), "/elsewhere", path_of("BR"))

REPLIES = (
    Serve(), Status((503,)), Status((404,)), Status((204,)), Status((500, 501, 502)), Empty(),
    Reset(), Reset(40), Reset(150), Reset(10**6), Truncate(100), Truncate(10**6), CutHeaders(),
    TooLong(), NoLength(), NoLength(100), Drip(10_000_000), Hang(0.001), Garbage(), BadChunk(),
    BadGzip(), WrongType(), HugeHeaders(), RedirectLoop(), RateLimit(), *map(Redirect, LEADS),
    Hang(60), Serve(delay_s=60),  # nobody waits for these
)  # fmt: skip

ON_WHAT_EXISTS = (
    Truncate, CutHeaders, TooLong, NoLength, Drip, BadChunk, BadGzip, WrongType, HugeHeaders,
)  # fmt: skip
STATUS = {"redirect": 302, "redirect_loop": 302, "rate_limit": 429}
NO_HEAD = ("empty", "hang", "garbage", "cut_headers")
TARGETS = (*map(path_of, CODES), "/elsewhere")
JSON = {"Content-Type": "application/json"}
PATIENCE_S = 30
reply_lists = st.lists(st.sampled_from(REPLIES), min_size=1, max_size=3).map(tuple)


# By a seed: how much is drawn may depend on what servers did, of which Hypothesis knows nothing.
chances = st.integers(0, 2**32).map(lambda seed: Chance(random.Random(seed).randrange))

drawn_plans = st.builds(
    Plan,
    seed=st.integers(0, 9),
    mix=st.lists(st.builds(Bucket, st.just(30), st.sampled_from(REPLIES)), max_size=2).map(tuple),
    rules=st.dictionaries(st.sampled_from([*CODES, path_of("BR"), "/elsewhere"]), reply_lists),
    gate=st.sampled_from([None, None, Gate(1, 60), Gate(2, 60)]),
    per_attempt=st.booleans(),
    refuse=st.sampled_from([False] * 7 + [True]),
)

HEADER = {"journal": 1, "command": None, "asked": None, "files_before": None}
END = {"end": True, "status": 0, "asked": None, "claims": None, "files_after": None}


def in_json(plans):
    return {label: plan_to_json(plan) for label, plan in plans.items()}


class Wire:
    """A connection to a server, as plain as can be."""

    def __init__(self, url):
        self.sock = socket.create_connection(
            ("127.0.0.1", int(url.split("/")[2].split(":")[1])), timeout=PATIENCE_S
        )

    def send(self, data):
        self.sock.sendall(data)

    def read(self, method):
        """All bytes of one reply, and whether the connection is there for another."""
        data = b""
        while not self.whole(data, method):
            try:
                piece = self.sock.recv(1 << 20)
            except ConnectionResetError:
                return data, False
            if not piece:
                return data, False
            data += piece
        return data, True

    def whole(self, data, method):
        head, end, body = data.partition(b"\r\n\r\n")
        if not end or b"\r\nConnection: close" in head:
            return False
        length = announced(head)
        if method == "HEAD" or b" 204 " in head.splitlines()[0]:
            return True
        return length is not None and len(body) >= length

    def close(self, *, rudely):
        if rudely:
            linger = struct.pack("ii", 1, 0)
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
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
    reply: Fault
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
        more = "Accept-Encoding: gzip\r\n" * self.gzip + "Content-Length: 0\r\n" * (
            self.method == "POST"
        )
        return f"{self.method} {self.path} HTTP/1.1\r\n".encode(), f"Host: x\r\n{more}\r\n".encode()

    def kind(self):
        """The kind of reply that came of it."""
        if self.refused:
            return None
        reply, exists = self.reply, self.path in FLAGS
        if self.state in ("left", "dropped"):
            return reply.do
        acts_on_what_exists = isinstance(reply, ON_WHAT_EXISTS)
        if not exists and (acts_on_what_exists or getattr(reply, "after_bytes", 0)):
            return "serve"
        return "truncate" if isinstance(reply, BadGzip) and not self.gzip else reply.do

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
        if status == 302:
            entry["location"] = location[self.kind()]
        return entry

    def check_wire(self):
        """What came is what the plan says."""
        status, _, body = read_off(self.data, self.method)
        kind = self.kind()
        of_plan = self.reply.status[0] if kind == "status" else STATUS.get(kind)
        exists = self.path in FLAGS
        if self.refused:
            assert status == 405
        elif kind in NO_HEAD or (kind == "reset" and self.reply.after_bytes < 50):
            assert status is None
        else:
            assert status == (of_plan or (200 if exists else 404))
        if kind != "bad_gzip":
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
            entry = requests[asked.n]
            assert conns.setdefault(asked.wire, entry["conn"]) == entry["conn"]
            assert 0 <= entry["start_s"] <= entry["end_s"]
            seen = {name: value for name, value in entry.items() if name not in TIMES}
            if asked.state == "unread":
                assert not entry["complete"] or not entry["client_gone"]
                seen = {name: value for name, value in seen.items() if name not in LOOSE}
            expected = {n: v for n, v in asked.expected().items() if n in seen}
            assert seen == expected
        assert len(set(conns.values())) == len(conns)


TIMES = ("conn", "start_s", "first_byte_s", "end_s")


class Embedded:
    """Runs begun in this process, through `mockservers.running`."""

    def __init__(self, servers, folder):
        self.servers = servers
        self.folder = folder
        self.house = servers._servers
        self.ended = []

    def clear(self):
        """Nothing is left of an example that failed."""
        self.ended.clear()
        self.servers.drop_connections()
        self.until(lambda: not any(state.connections for state in self.house.states.values()))

    def begin(self, plans, plan, label):
        self.ended.append(self.servers.begin_run(plans))

    def reset(self, plans):
        self.servers.drop_connections()
        self.ended.append(self.servers.begin_run(plans))

    def entries(self, chance):
        self.until(lambda: True)
        return list(self.servers.entries)

    def files(self, after, contents):
        if after is None:
            return None
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        for name, file in after.items():
            (folder / name).write_bytes(contents[file["sha256"]])
        return folder

    def judge(self, told, stdout, contents):
        files = self.files(told.files, contents)
        said = {"stdout": stdout} if stdout is not None else {"said": dict(told.lines)}
        return self.judge_now(**said, asked=told.asked, files=files)

    def judge_now(self, **told):
        """With what is under way, as the control API does."""
        with mock.patch.object(self.servers, "settle"):
            return self.servers.ledger(**told).to_json()

    def judge_untold(self):
        return self.judge_now()

    def bad_call(self, chance):
        with pytest.raises(ValueError, match="none of LOCAL"):
            self.servers.begin_run({"MARS": Plan()})

    def journals(self, plans_of_runs):
        """Each run's journal as a file, written as the commands write it."""
        for number, (plans, entries) in enumerate(zip(plans_of_runs, self.ended, strict=True)):
            file = JournalFile(Path(self.folder, f"{number}.jsonl"))
            for line in [HEADER | {"plans": in_json(plans)}, *entries, END]:
                file.write_line(json.dumps(line).encode())
            file.close()
            yield file.path
        self.ended.clear()

    def until(self, holds):
        """Let the servers go on until it is so."""
        give_up = time.monotonic() + PATIENCE_S
        while True:
            self.servers._call(lambda: None)
            if holds():
                return
            assert time.monotonic() < give_up


class Controlled(Embedded):
    """Runs begun by whoever speaks to the control API."""

    BAD = (
        ("PUT", "/plan", '{"plan": 2}', JSON, 400),
        ("PUT", "/plan", '{"plan": 1, "mix": [{"weight": 101, "do": "empty"}]}', JSON, 400),
        ("PUT", "/plan/MARS", '{"plan": 1}', JSON, 404),
        ("PUT", "/plan", '{"plan": 1}', {}, 415),
        ("POST", "/reset", "", {}, 415),
        ("POST", "/reset", "[]", JSON, 400),
        ("POST", "/plan", "{}", JSON, 405),
        ("POST", "/ledger", '{"said": {"BR": "great"}}', JSON, 400),
        ("GET", "/journal?after=999999999-1", None, {}, 400),
        ("GET", "/journal?limit=0", None, {}, 400),
        ("GET", "/reset", None, {}, 405),
        ("GET", "/health", None, {"Origin": "http://example.org"}, 403),
    )

    def __init__(self, servers, folder):
        super().__init__(servers, folder)
        self.runs = RunHistory(self.house, Path(folder, "journal.jsonl"), Path(folder))
        self.control = Control(self.house, self.runs)
        self.call(lambda: self.runs.begin({}))
        self.port = self.run(self.control.start(0)).rsplit(":", 1)[1]
        self.client = http.client.HTTPConnection("127.0.0.1", int(self.port), timeout=PATIENCE_S)
        self.first = self.last = 1

    def run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.servers._loop).result(PATIENCE_S)

    def call(self, action):
        self.servers._call(action)

    def close(self):
        self.client.close()
        self.run(self.control.stop())

    def ask(self, method, path, body=None, headers=JSON):
        self.client.request(method, path, body, headers if method != "GET" else {})
        answer = self.client.getresponse()
        return answer.status, json.loads(answer.read())

    def get(self, path):
        status, answer = self.ask("GET", path)
        assert (status, answer.get("run", self.last)) == (200, self.last)
        return answer

    def begun(self, status, answer):
        assert (status, answer["run"]) == (200, self.last + 1)
        self.last += 1
        self.cursor = None

    def begin(self, plans, plan, label):
        cursor = self.get("/journal?limit=1")["next"]
        where = f"/plan/{label}" if label else "/plan"
        self.begun(*self.ask("PUT", where, json.dumps(plan_to_json(plan))))
        assert self.get("/plan")["plans"] == {p: plan_to_json(plans[p]) for p in LABELS}
        assert self.ask("GET", f"/journal?after={cursor}")[0] == 410

    def reset(self, plans):
        self.begun(*self.ask("POST", "/reset"))

    def entries(self, chance):
        """Page by page."""
        page = self.get("/journal?limit=3")
        header, entries = page["header"], page["entries"]
        assert header["plans"] == self.get("/plan")["plans"]
        while page["entries"]:
            limit = chance.one(1, 2, 1000)
            page = self.get(f"/journal?after={page['next']}&limit={limit}")
            assert "header" not in page
            assert len(page["entries"]) <= limit
            entries += page["entries"]
        assert page["under_way"] == self.servers.under_way
        return entries

    def judge(self, told, stdout, contents):
        body = {"asked": told.asked} | ({"files": told.files} if told.files is not None else {})
        body |= {"said": dict(told.lines)} if stdout is None else {"stdout": stdout}
        status, answer = self.ask("POST", "/ledger", json.dumps(body))
        assert (status, answer["run"]) == (200, self.last)
        return self.verdict(answer)

    def verdict(self, answer):
        assert answer.pop("under_way") == self.servers.under_way
        return {name: answer[name] for name in answer if name not in ("run", "file")}

    def judge_untold(self):
        return self.verdict(self.get("/ledger"))

    def bad_call(self, chance):
        *call, status = chance.one(*self.BAD)
        method, path, body, headers = call
        before = self.get("/health"), self.get("/plan")
        self.client.request(method, path, body, headers)
        answer = self.client.getresponse()
        assert list(json.loads(answer.read())) == ["error"]
        assert answer.status == status
        assert (self.get("/health"), self.get("/plan")) == before

    def journals(self, plans_of_runs):
        """The files that were kept; the last run is replaced, so that it ends."""
        first, last = self.last - len(plans_of_runs) + 1, self.last
        self.begun(*self.ask("POST", "/reset"))
        return [Path(self.folder, f"journal.{number}.jsonl") for number in range(first, last + 1)]
