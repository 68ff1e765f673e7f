"""The history of runs, and the control API in the loop."""

import asyncio
import errno
import gc
import json
import socket
import threading
import weakref
from pathlib import Path

import pytest
from support.control_client import Driven
from support.rows import each
from support.server_in_loop import asynchronous, get, port_of, reply, told_end, with_ipv6

import mockservers.control.run_history
from mockservers.content.resources import FlagCatalogue
from mockservers.control import api as control
from mockservers.control.api import Control
from mockservers.control.reported import end_as_reported
from mockservers.control.run_history import RunHistory
from mockservers.http.listeners import Listener
from mockservers.journal_json import JournalFile
from mockservers.server import MockServers


@asynchronous
async def test_a_method_that_there_is_not_is_answered_with_those_that_there_are(driven):
    async with driven.session.delete(f"{driven.url}/plan") as answer:
        assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD, PUT")


@asynchronous
@pytest.mark.parametrize(
    ("paths", "work"),
    [
        ([("GET", "/ledger"), ("POST", "/ledger")], "balance"),
        ([("PUT", "/plan"), ("PUT", "/plan/LOCAL")], "plan_from_json"),
        ([("PUT", "/plan"), ("GET", "/ledger")], "plan_from_json balance"),
    ],
)
async def test_what_takes_the_machine_is_done_for_one_call_at_a_time(
    driven, monkeypatch, paths, work
):
    steps, both = [], threading.Event()

    def watched(real):
        def working(*args):
            steps.append("begins")
            if len(steps) > 1:
                both.set()
            both.wait(0.1)
            steps.append("ends")
            return real(*args)

        return working

    for name in work.split():
        monkeypatch.setattr(control, name, watched(getattr(control, name)))
    bodies = {"/ledger": "{}", "/plan": '{"plan": 1}', "/plan/LOCAL": '{"plan": 1}'}
    calls = (
        driven.ask(method, path, bodies[path] if method != "GET" else None)
        for method, path in paths
    )
    assert [status for status, _ in await asyncio.gather(*calls)] == [200, 200]
    assert steps == ["begins", "ends"] * 2


@asynchronous
async def test_a_plan_that_comes_slowly_undoes_none_that_came_meanwhile(driven):
    came = asyncio.Event()

    async def slowly():
        yield b'{"plan": 1, '
        await came.wait()
        yield b'"seed": 5}'

    slow = asyncio.create_task(driven.ask("PUT", "/plan/local", slowly()))
    assert (await driven.ask("PUT", "/plan/Delay", '{"plan": 1, "seed": 6}'))[0] == 200
    came.set()
    assert (await slow)[0] == 200
    plans = driven.runs.current.plans
    assert (plans["LOCAL"].seed, plans["DELAY"].seed) == (5, 6)
    assert "ERROR" not in plans


@asynchronous
async def test_a_call_at_the_edge_of_what_may_be(driven):
    plan = b'{"plan": 1}'
    for method, path, body, status in [
        ("GET", "/journal?limit=1000", None, 200),
        ("GET", "/journal?limit=1", None, 200),
        ("GET", "/journal?limit=00010", None, 400),
        ("GET", "/journal?after=2-1", None, 400),
        ("PUT", "/plan", plan.ljust(control.MAX_BODY), 200),
        ("PUT", "/plan", plan.ljust(control.MAX_BODY + 1), 413),
        ("POST", "/reset", b"", 200),
        ("POST", "/reset", b" {}\n", 200),
        ("POST", "/ledger", b"[" * 200_000, 400),
        ("POST", "/ledger", rb'{"stdout": "\ud800 OK\n"}', 200),
    ]:
        assert (await driven.ask(method, path, body))[0] == status, (path, body)


@asynchronous
async def test_a_page_has_as_many_entries_as_were_asked_for_and_the_first_the_header_too(driven):
    await driven.fetch("ZZ", "ZZ", "ZZ")
    first = await driven.get("/journal?limit=1")
    assert (first["header"]["journal"], [entry["n"] for entry in first["entries"]]) == (1, [1])
    second = await driven.get(f"/journal?limit=2&after={first['next']}")
    assert [entry["n"] for entry in second["entries"]] == [2, 3]


@each(
    ("told", "asked", "fates"),
    [
        ({}, None, None),
        ({"files": {}}, None, None),
        ({"stdout": ""}, None, {}),
        ({"stdout": "BR OK"}, None, {"BR": {"ok": 1}}),
        ({"stdout": "BR OK\n", "asked": ["BR", "US"]}, ["BR", "US"], {"BR": {"ok": 1}}),
        ({"stdout": "Searching for 1 flag: CN\n", "asked": ["BR"]}, ["BR"], {}),
        ({"said": {}}, [], {}),
        ({"said": {"BR": "ok"}}, ["BR"], {"BR": {"ok": 1}}),
        ({"said": {"BR": "ok"}, "asked": ["US"]}, ["US"], {"BR": {"ok": 1}}),
    ],
)
def test_what_a_suite_tells_is_the_end_of_a_journal(told, asked, fates):
    end = end_as_reported(json.dumps(told))
    assert (end.status, end.files_after) == (0, told.get("files"))
    assert (None if end.asked is None else list(end.asked)) == asked
    assert (None if end.claims is None else end.claims.outcomes) == fates


@asynchronous
async def test_an_error_is_at_most_400_letters_long(driven):
    _, answer = await driven.ask("GET", "/" + "x" * 1000)
    assert answer == {"error": ("nothing is at /" + "x" * 1000)[:397] + "..."}


@asynchronous
async def test_a_journal_of_serve_from_its_path_to_its_end(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    async with Driven(tmp_path, Path("j.jsonl")) as driven:
        health = await driven.get("/health")
        assert health["ready"] is True
        assert Path(health["file"]) == tmp_path / "j.jsonl"
        assert (await driven.ask("POST", "/reset"))[1]["file"] == str(tmp_path / "j.2.jsonl")
        first, last = map(json.loads, (tmp_path / "j.jsonl").read_bytes().splitlines())
    assert first == {
        "journal": 1, "plans": {}, "command": None, "asked": None, "files_before": None
    }  # fmt: skip
    assert last == {
        "end": True, "status": 0, "asked": None, "claims": None, "files_after": None
    }  # fmt: skip


@asynchronous
async def test_a_journal_that_is_gone_is_reported_as_gone(driven):
    driven.runs.current.journal.path.unlink()
    for path in ("/journal", "/ledger"):
        status, answer = await driven.ask("GET", path)
        assert status == 503
        assert answer["error"].endswith("journal.jsonl is gone")
    assert (await driven.ask("POST", "/reset"))[0] == 200


@asynchronous
@pytest.mark.parametrize("path", ["/journal", "/ledger"])
async def test_a_journal_whose_run_ends_while_it_is_read_is_reported_as_that(
    driven, monkeypatch, path
):
    really_apart = control._apart

    async def apart(work):
        await driven.runs.reset()
        return await really_apart(work)

    monkeypatch.setattr(control, "_apart", apart)
    status, answer = await driven.ask("GET", path)
    assert (status, answer["error"]) == (409, "run 1 ended while it was being read: ask again")


@asynchronous
async def test_a_reset_keeps_the_plans_and_drops_the_connections(driven):
    assert (await driven.ask("PUT", "/plan", '{"plan": 1, "seed": 9}'))[0] == 200
    reader, writer = await asyncio.open_connection("127.0.0.1", port_of(driven.servers))
    writer.write(get("ZZ"))
    assert (await reply(reader))[0] == 404
    assert (await driven.ask("POST", "/reset"))[0] == 200
    await told_end(reader)
    writer.close()
    assert {plan.seed for plan in driven.runs.current.plans.values()} == {9}


def test_a_journal_that_fails_at_its_first_line_is_closed(monkeypatch, tmp_path):
    made = []

    class Full(JournalFile):
        def __init__(self, path):
            super().__init__(path)
            made.append(self)
            self.error = OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(mockservers.control.run_history, "JournalFile", Full)
    with pytest.raises(OSError, match=r"cannot write the journal .*: No space left"):
        RunHistory(MockServers(FlagCatalogue()), None, tmp_path).begin({})
    assert [journal._file.closed for journal in made] == [True]


@asynchronous
async def test_of_two_incomplete_journals_the_first_is_reported(tmp_path):
    servers = MockServers(FlagCatalogue())
    runs = RunHistory(servers, tmp_path / "journal.jsonl", tmp_path)
    journals = []
    for full in (False, True, True):
        runs.begin({})
        journals.append(runs.current.journal)
        if full:
            journals[-1].error = OSError(errno.ENOSPC, "No space left on device")
    runs.begin({})
    assert runs.incomplete is journals[1]
    await servers.stop()


@asynchronous
@pytest.mark.parametrize("family", ["127.0.0.1", pytest.param("::1", marks=with_ipv6)])
async def test_on_port_80_a_client_need_not_name_the_port(tmp_path, monkeypatch, family):
    made = []

    class Port80(Listener):
        port = 80

    def bind_elsewhere(host, port):
        made.extend(Port80(kind, address, 0) for kind, address in addresses)
        return made

    addresses = [(socket.AF_INET, "127.0.0.1")]
    if family == "::1":
        addresses.append((socket.AF_INET6, "::1"))
    monkeypatch.setattr(control, "bind", bind_elsewhere)
    servers = MockServers(FlagCatalogue())
    runs = RunHistory(servers, None, tmp_path)
    runs.begin({})
    started = Control(servers, runs)
    assert await started.start(80) == "http://127.0.0.1:80"
    address = made[-1].socket.getsockname()[:2]
    reader, writer = await asyncio.open_connection(*address)
    writer.write(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert (await reader.read()).startswith(b"HTTP/1.1 200 OK\r\n")
    writer.close()
    await started.stop()
    await servers.stop()


@asynchronous
async def test_a_run_that_is_over_is_not_kept_in_memory(driven):
    journal = weakref.ref(driven.runs.current.journal)
    for _ in range(2):
        await driven.runs.reset()
    gc.collect()
    assert journal() is None
