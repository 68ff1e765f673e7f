"""Servers that a state machine drives."""

import asyncio
import http.client
import json
import random
import tempfile
import time
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import strategies as st

from mockservers import faults
from mockservers.control.api import Control
from mockservers.control.run_history import RunHistory
from mockservers.plan import LABELS, Bucket, Gate, Plan
from mockservers.plan_json import plan_to_json
from support.drawn_ledgers import CODES, Chance
from support.journals import as_file
from support.plain_ledger import path_of
from support.plain_run import (  # noqa: F401 - of which the state machine takes the rest
    CODE_AT,
    FLAGS,
    PATIENCE_S,
    PlainRun,
    Wire,
    read_off,
)  # fmt: skip

LEADS = (path_of("CN"), "/elsewhere", path_of("BR"))

REPLIES = (
    *(faults.Status((status,)) for status in (503, 404, 204)), faults.Status((500, 501, 502)),
    *map(faults.Reset, (0, 40, 150, 10**6)), *map(faults.Truncate, (100, 10**6)),
    faults.NoLength(100), faults.Drip(10_000_000), faults.Hang(0.001),
    *map(faults.Redirect, LEADS), faults.Serve(), faults.Empty(), faults.Garbage(),
    faults.RedirectLoop(), faults.RateLimit(),
    faults.Stall(100, for_s=0.001), faults.Page(), faults.Status((503,), body="busy"),
    faults.CutHeaders(), faults.TooLong(), faults.NoLength(), faults.BadChunk(), faults.BadGzip(),
    faults.WrongType(), faults.HugeHeaders(), faults.Attachment("a"), faults.CloseAfter(),
    faults.Hang(60), faults.Serve(delay_s=60),  # no client waits for these
)  # fmt: skip
TARGETS = (*map(path_of, CODES), "/elsewhere")
JSON = {"Content-Type": "application/json"}
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


class Embedded:
    """Runs begun in this process, through `mockservers.running`."""

    reads_files = True
    """It compares the bytes of files, and has more than their digests."""

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

    def judge(self, told, stdout, contents):
        files = None if told.files is None else Path(tempfile.mkdtemp(dir=self.folder))
        for name, file in (told.files or {}).items():
            (files / name).write_bytes(contents[file["sha256"]])
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
        """Each run's journal as a file."""
        for number, (plans, entries) in enumerate(zip(plans_of_runs, self.ended, strict=True)):
            lines = [HEADER | {"plans": in_json(plans)}, *entries, END]
            yield as_file(Path(self.folder, f"{number}.jsonl"), lines)
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
        ("POST", "/reset", "[]", {}, 415),
        ("POST", "/reset", "[]", JSON, 400),
        ("POST", "/plan", "{}", JSON, 405),
        ("POST", "/ledger", '{"said": {"BR": "great"}}', JSON, 400),
        ("GET", "/journal?after=999999999-1", None, {}, 400),
        ("GET", "/journal?limit=0", None, {}, 400),
        ("GET", "/reset", None, {}, 405),
        ("GET", "/health", None, {"Origin": "http://example.org"}, 403),
    )

    reads_files = False

    def __init__(self, servers, folder):
        super().__init__(servers, folder)
        self.runs = RunHistory(self.house, Path(folder, "journal.jsonl"), Path(folder))
        self.control = Control(self.house, self.runs)
        servers._call(lambda: self.runs.begin({}))
        self.port = self.run(self.control.start(0)).rsplit(":", 1)[1]
        self.client = http.client.HTTPConnection("127.0.0.1", int(self.port), timeout=PATIENCE_S)
        self.first = self.last = 1

    def run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.servers._loop).result(PATIENCE_S)

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
