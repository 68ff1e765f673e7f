"""The carriers without sockets do what the sockets do, and refuse what they cannot."""

import asyncio
import contextlib
import re
import threading
from concurrent.futures import ThreadPoolExecutor

import aiohttp
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from support.downloaders import CARRIERS, DOWNLOADERS, play_in_process, play_sockets
from support.examples import examples, simplest

from mockservers.content.flag_images import flag
from mockservers.content.folder import FolderCatalogue
from mockservers.faults import Reset, Status, Truncate
from mockservers.inprocess import (
    BASE_URL,
    CARRIED,
    CannotCarryError,
    aioresponses_carrier,
    responses_carrier,
)
from mockservers.plan import Bucket, Gate, Plan
from mockservers.run_state import ServerRun
from mockservers.strategies import WITHOUT_RANGES, code_lists, replies, sticky_plans


@examples(25)
@given(
    downloader=st.sampled_from(DOWNLOADERS),
    plan=sticky_plans(replies(*CARRIED, silence_s=0.01)),
    codes=code_lists(max_size=5),
    m=st.integers(1, 5),
)
def test_what_is_carried_in_process_is_what_sockets_carry(servers, downloader, plan, codes, m):
    arguments = ["-v", "-m", str(m), *codes]
    inside = play_in_process(downloader, plan, arguments)
    outside = play_sockets(servers, downloader, plan, arguments)
    assert inside.outcomes == outside.outcomes
    assert inside.files == outside.files
    assert inside.claims.totals == outside.claims.totals


@pytest.mark.parametrize("downloader", DOWNLOADERS)
def test_a_plan_that_needs_sockets_is_refused_by_name(downloader):
    others = [simplest(kind) for kind in WITHOUT_RANGES if kind not in (*CARRIED, Reset)]
    for plan in [
        Plan(mix=(Bucket(1, Truncate(1)),)),
        Plan(gate=Gate(1, 1.0)),
        Plan(refuse=True),
        Plan(ranges=True),
        *(Plan(rules={"BR": fault}) for fault in (Reset(1), *others)),
    ]:
        with (
            pytest.raises(CannotCarryError, match=re.escape("mockservers.running")),
            CARRIERS[downloader](plan, "ERROR", print),
        ):
            pass


SAYS_WHY = Status((503,), reason="No: not now", headers=(("X-Why", "a: b"),))


def test_aiohttp_reads_the_reason_and_the_fields_of_the_plan():
    entries = []

    async def ask():
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{BASE_URL}/br/br.gif?a=b", headers={"Range": "bytes=1-"}) as reply,
        ):
            return reply.status, reply.reason, reply.headers["X-Why"], await reply.read()

    with aioresponses_carrier(Plan(rules={"BR": (SAYS_WHY,)}), "ERROR", entries.append):
        status, reason, why, body = asyncio.run(ask())
    assert (status, reason, why) == (503, "No: not now", "a: b")
    (entry,) = entries
    assert (entry["path"], entry["method"], entry["status"]) == ("/flags/br/br.gif", "GET", 503)
    assert (entry["query"], entry["range"]) == ("a=b", "bytes=1-")
    assert entry["bytes_sent"] == len(body)


def test_one_request_after_the_other_is_counted_whatever_the_threads(monkeypatch):
    both = threading.Barrier(2)
    met = []
    arrive = ServerRun.arrive

    def arrive_slowly(server_run, method, path, query):
        with contextlib.suppress(threading.BrokenBarrierError):
            both.wait(0.2)
            met.append(path)
        return arrive(server_run, method, path, query)

    monkeypatch.setattr(ServerRun, "arrive", arrive_slowly)
    with responses_carrier(Plan(), "ERROR", lambda entry: None), ThreadPoolExecutor(2) as pool:
        list(pool.map(requests.get, [f"{BASE_URL}/br/br.gif"] * 2))
    assert met == []


def test_requests_reads_the_fields_of_the_plan_and_may_ask_for_the_head_and_with_a_query():
    entries = []
    with responses_carrier(Plan(rules={"FR": SAYS_WHY}), "LOCAL", entries.append):
        why = requests.get(BASE_URL + "/fr/fr.gif", timeout=60)
        head = requests.head(BASE_URL + "/br/br.gif", timeout=60)
        asked = {"Range": "bytes=0-1"}
        body = requests.get(BASE_URL + "/br/br.gif?size=1", headers=asked, timeout=60)
        missing = requests.get(BASE_URL + "/zz/zz.gif", timeout=60)
    assert (why.status_code, why.headers["X-Why"]) == (503, "a: b")
    assert (head.status_code, head.content) == (200, b"")
    assert (body.status_code, body.content) == (200, flag("BR"))
    assert head.headers["Content-Length"] == str(len(flag("BR")))
    assert (missing.status_code, missing.reason) == (404, "Not Found")
    assert [(entry["method"], entry["code"], entry["bytes_sent"]) for entry in entries[1:]] == [
        ("HEAD", "BR", 0),
        ("GET", "BR", len(flag("BR"))),
        ("GET", "ZZ", len(missing.content)),
    ]


def test_without_sockets_the_catalogue_is_the_one_that_was_given(tmp_path):
    (tmp_path / "flags").mkdir()
    (tmp_path / "flags/notes.txt").write_bytes(b"mine")
    with responses_carrier(Plan(), "LOCAL", lambda entry: None, FolderCatalogue(tmp_path)):
        assert requests.get(BASE_URL + "/notes.txt", timeout=60).content == b"mine"
        assert requests.get(BASE_URL + "/br/br.gif", timeout=60).status_code == 404
