"""The books of live servers against plain lists, whatever is done.

A machine does to running servers what a user can, in any order, and writes down on plain lists
what was sent and what came back. The judgement alone is in test_ledger_drawn.py.
"""

import asyncio
import contextlib
import http.client
import io
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
from drawn_books import (
    CODES,
    CONTENTS,
    Chance,
    book,
    compare_lines,
    compare_totals,
    journal,
    say,
    sha,
)
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    precondition,
    rule,
    run_state_machine_as_test,
)
from journals import lines_of
from msgspec import to_builtins
from plain_books import SAYINGS, PlainBooks, Told, file_of, path_of
from support import examples, fate_of

from mockservers import running
from mockservers.cli import commands as cli
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
from mockservers.journal import End
from mockservers.journal_json import JournalFile, read_journal
from mockservers.plan import LABELS, Bucket, Gate, Plan
from mockservers.plan_json import plan_to_json

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


class Machine(RuleBasedStateMachine):
    """Whatever can be done to servers and their books, in any order."""

    def __init__(self, door):
        super().__init__()
        self.door = door
        door.clear()
        self.runs = []
        self.idle = []  # (label, wire): connections that were kept
        self.open = []  # requests under way, of this run and earlier ones
        self.contents = {sha(c): c for c in (*CONTENTS, *FLAGS.values(), b"")}
        self.begin_run(dict.fromkeys(LABELS, Plan()), Plan(), None)

    @property
    def now(self):
        return self.runs[-1]

    # --- what it does to the servers ------------------------------------------------------

    def begin_run(self, plans, plan, label):
        self.door.begin(plans, plan, label)
        self.runs.append(PlainRun(plans))
        self.close_idle(lambda there: plans[there].refuse)

    def close_idle(self, which):
        for label, wire in list(self.idle):
            if which(label):
                self.idle.remove((label, wire))
                wire.close(rudely=False)
        self.settled()

    def settled(self):
        """All the servers have to do is done."""
        mine = len(self.idle) + len(self.open)
        house = self.door.house
        self.door.until(
            lambda: sum(len(state.connections) for state in house.states.values()) == mine
        )
        self.door.until(lambda: self.door.servers.under_way == len(self.now.under_way()))

    def connect(self, label):
        """A connection that the server knows of, or None where nobody listens."""
        house = self.door.house
        before = len(house.states[label].connections)
        try:
            wire = Wire(house.urls[label])
        except ConnectionRefusedError:
            assert self.now.plans[label].refuse
            return None
        assert not self.now.plans[label].refuse
        self.door.until(lambda: len(house.states[label].connections) == before + 1)
        return wire

    def send(self, data, label, method, path, gzip, wire):
        """Count a request as it arrives, to be `data` of it."""
        asked = self.now.ask(label, method, path, wire, gzip)
        head, rest = asked.head_and_rest()
        asked.whole = data == "all"
        wire.send(head + rest if asked.whole else head)
        self.open.append(asked)
        return asked

    def arrived(self):
        self.door.until(lambda: self.door.house.run.requests == len(self.now.asked))

    def go_on(self, asked):
        """A whole request: to the gate, or to its reply."""
        held = asked.run.held.get(asked.label)
        if held is None or asked.refused:
            self.answer(asked)
            return
        held.append(asked)
        if len(held) == asked.run.plans[asked.label].gate.hold_until_in_flight:
            del asked.run.held[asked.label]
            asked.run.others.append(("gate", asked.label, len(held), None))
            for one in held:
                self.answer(one)

    def answer(self, asked):
        if not asked.refused and asked.reply.wait_s > 1:
            return  # nobody waits for it
        asked.data, kept = asked.wire.read(asked.method)
        self.end(asked, "answered")
        asked.check_wire()
        body = read_off(asked.data, asked.method)[2]
        self.contents[sha(body)] = body
        kept = kept and asked.kind() != "reset"  # which may come behind the end
        if kept and not self.now.plans[asked.label].refuse:
            self.idle.append((asked.label, asked.wire))
        else:
            asked.wire.close(rudely=False)

    def end(self, asked, state):
        asked.state = state
        self.open.remove(asked)
        if asked in asked.run.held.get(asked.label, ()):
            asked.run.held[asked.label].remove(asked)

    def leave(self, asked, *, rudely):
        asked.wire.close(rudely=rudely)
        self.end(asked, "left")

    # --- what may be done --------------------------------------------------------------------

    @rule(plan=drawn_plans, label=st.sampled_from([None, *LABELS]))
    def put_a_plan(self, plan, label):
        named = [label] if label else LABELS
        self.begin_run(self.now.plans | dict.fromkeys(named, plan), plan, label)

    @rule()
    def reset(self):
        self.door.reset(self.now.plans)
        for asked in list(self.open):
            asked.wire.close(rudely=True)
            self.end(asked, "dropped")
        self.runs.append(PlainRun(self.now.plans))
        self.close_idle(lambda there: True)

    @rule(
        label=st.sampled_from(["ERROR", "ERROR", "LOCAL"]),
        method=st.sampled_from(["GET"] * 6 + ["HEAD", "POST"]),
        path=st.sampled_from(TARGETS),
        gzip=st.booleans(),
        keep=st.booleans(),
        how=st.sampled_from(["read", "read", "read", "half", "unread"]),
    )
    def ask(self, label, method, path, gzip, keep, how):
        """`how`: to the end of the reply, its first line only, or without reading a reply."""
        kept = [wire for there, wire in self.idle if there == label and keep]
        wire = kept[0] if kept else self.connect(label)
        if wire is None:
            return
        if kept:
            self.idle.remove((label, wire))
        asked = self.send("half" if how == "half" else "all", label, method, path, gzip, wire)
        self.arrived()
        gate_or_wait = label in self.now.held or asked.reply.wait_s > 1
        if how == "unread" and not gate_or_wait:
            wire.close(rudely=False)
            self.end(asked, "unread")
        elif asked.whole:
            self.go_on(asked)
        self.settled()

    @rule(
        path=st.sampled_from(TARGETS), keep=st.booleans(), label=st.sampled_from(["ERROR", "LOCAL"])
    )
    def fetch(self, path, keep, label):
        self.ask(label, "GET", path, gzip=True, keep=keep, how="read")

    @precondition(lambda self: any(not asked.whole for asked in self.open))
    @rule()
    def send_the_rest(self):
        asked = next(asked for asked in self.open if not asked.whole)
        asked.wire.send(asked.head_and_rest()[1])
        asked.whole = True
        self.go_on(asked)
        self.settled()

    @precondition(lambda self: self.open)
    @rule(which=st.integers(0, 9), rudely=st.booleans())
    def give_up(self, which, rudely):
        asked = self.open[which % len(self.open)]
        # Who only closes his side still listens, but to a hang.
        no_reply_due = not asked.whole or isinstance(asked.reply, Hang)
        self.leave(asked, rudely=rudely or not no_reply_due)
        self.settled()

    @rule(label=st.sampled_from(LABELS), nonsense=st.booleans())
    def knock(self, label, nonsense):
        wire = self.connect(label)
        if wire is None:
            return
        if nonsense:
            wire.send(b"\x16\x03\x01\r\n\r\n")
            assert wire.read("GET")[0].startswith(b"HTTP/1.1 400 ")
        wire.close(rudely=False)
        self.now.others.append(("connection", label, None, 400 if nonsense else None))
        self.settled()

    @precondition(lambda self: self.now.asked)
    @rule(chance=chances)
    def read_the_entries(self, chance):
        self.now.check(self.door.entries(chance))

    @rule(chance=chances)
    def call_badly(self, chance):
        self.door.bad_call(chance)

    @precondition(lambda self: self.now.asked)
    @rule(chance=chances)
    def claim(self, chance):
        entries = self.door.entries(chance)
        self.now.check(entries)
        told = Told(asked=tuple(chance.shuffled(CODES)[: 1 + chance.below(3)]))
        told.label = chance.one(None, "ERROR")
        told.files = chance.one(None, {}, self.sent(told, entries), self.sent(told, entries))
        if told.files is not None and not chance.often():
            told.files = dict(told.files)
            for name, file in book(chance, None, tuple(self.contents.values())).items():
                told.files[name] = {"size": file["size"], "sha256": file["sha256"]}
        say(chance, told, entries)
        twice = len(dict(told.lines)) < len(told.lines)
        plain = Counter(said for _, said in told.lines)
        spoken = told.label or twice or any(plain[s] != told.totals[s] for s in SAYINGS)
        judged = self.door.judge(told, printed(told) if spoken else None, self.contents)
        self.judge_file(entries, told, judged)
        if told.lines:
            compare_lines(entries, told, judged)
        else:
            compare_totals(entries, told, judged)

    def sent(self, told, entries):
        """The files of one who saves whatever came with a 200."""
        books = PlainBooks(entries, told)
        last = {code: requests[-1] for code, requests in books.downloads.items() if requests}
        return {
            file_of(code): {"size": entry["bytes_sent"], "sha256": books.sent(code)}
            for code, entry in last.items()
            if entry["status"] == 200 and books.sent(code) in self.contents
        }

    def judge_file(self, entries, told, judged):
        """`mockservers ledger` says the same of the journal in a file."""
        path = Path(self.door.folder, "told.jsonl")
        lines = journal(entries, told)
        lines[0] = HEADER | {"plans": in_json(self.now.plans)}
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        assert list(read_journal(path)) == lines_of(lines)
        assert ledger_command(path) == (0 if judged["balanced"] else 1, judged)

    @precondition(lambda self: self.now.asked)
    @rule()
    def look_at_the_ledger(self):
        judged = self.door.judge_untold()
        assert judged["balanced"]
        ended = [a for a in self.now.asked if a.state != "under way" and a.method != "HEAD"]
        if not any(a.state == "unread" or b"\r\nLocation: " in a.data for a in ended):
            asked_for = Counter(f"{a.label} {CODE_AT[a.path]}" for a in ended if a.path in CODE_AT)
            assert {name: row["requests"] for name, row in judged["codes"].items()} == asked_for

    def teardown(self):
        for asked in list(self.open):
            self.leave(asked, rudely=True)
        self.close_idle(lambda there: True)
        plans = [run.plans for run in self.runs]
        for run, path in zip(self.runs, self.door.journals(plans), strict=True):
            first, *entries, end = read_journal(path)
            assert first.plans == {label: plan_to_json(run.plans[label]) for label in LABELS}
            run.check(list(map(to_builtins, entries)))
            assert isinstance(end, End)
        assert ledger_command(path)[1]["balanced"]


def printed(told):
    """A report of flags2."""
    words = {"ok": "{} OK", "not_found": "{} not found", "error": "*** Error for {}: x"}
    totals = {
        "ok": "{} flags downloaded.", "not_found": "{} not found.", "error": "{} errors.",
        "interrupted": "{} interrupted.",
    }  # fmt: skip
    lines = [f"{told.label} site: http://x/flags"] if told.label else []
    lines += [words[said].format(code) for code, said in told.lines]
    lines += ["-" * 20, *(totals[said].format(told.totals[said]) for said in SAYINGS)]
    return "".join(f"{line}\n" for line in lines)


def ledger_command(path):
    """Exit status and JSON of `mockservers ledger`."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), pytest.raises(SystemExit) as ended:
        cli.main(["ledger", str(path), "--json"])
    return ended.value.code, json.loads(out.getvalue())


@pytest.fixture(scope="module")
def doors():
    """One way in for each: servers that run for the whole module."""
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        other = stack.enter_context(tempfile.TemporaryDirectory())
        controlled = Controlled(stack.enter_context(running()), folder)
        stack.callback(controlled.close)
        yield {
            "control": controlled,
            "embed": Embedded(stack.enter_context(running()), other),
        }


@pytest.mark.parametrize("door", ["control", "embed"])
def test_after_any_actions_in_any_order_the_ledger_agrees_with_plain_lists(doors, door):
    run_state_machine_as_test(
        lambda: Machine(doors[door]), settings=settings(examples(12), stateful_step_count=25)
    )


@pytest.mark.parametrize("door", ["control", "embed"])
def test_a_client_that_left_does_not_fill_a_gate_and_it_opens_once(doors, door):
    machine, chance = Machine(doors[door]), Chance(random.Random(1).randrange)
    machine.put_a_plan(Plan(gate=Gate(2, 60)), None)
    for held in (1, 0):
        machine.fetch(path_of("BR"), keep=False, label="ERROR")
        assert len(machine.open) == 1
        if held:
            machine.give_up(0, rudely=True)
    machine.fetch(path_of("CN"), keep=False, label="ERROR")
    machine.fetch(path_of("ZZ"), keep=True, label="ERROR")
    assert machine.open == []
    machine.read_the_entries(chance)
    assert machine.now.others == [("gate", "ERROR", 2, None)]
    machine.teardown()
