"""Servers inside a program: what a block starts, it ends; runs do not leak into one another."""

import asyncio
import contextlib
import http.client
import socket
import threading
from pathlib import Path

import pytest
from support.command_in_process import get, words

import mockservers
from mockservers import server
from mockservers.content.flag_images import flag
from mockservers.faults import Empty, Hang, Reset, Serve, Status, Truncate
from mockservers.flags2.codes import path_of_code
from mockservers.http.listeners import PortInUseError
from mockservers.plan import LABELS, Plan

BROKEN = Plan(rules={"BR": (Status((503,)),)})


def port_of(url):
    return int(url.split(":")[2].split("/")[0])


def ask(base_url, code="BR"):
    """Status and body of one request on a connection of its own; (0, b"") if that is lost."""
    try:
        status, _, body = get(base_url, path_of_code(code))
        return status, body
    except (OSError, http.client.HTTPException):
        return 0, b""


def statuses(servers):
    """What each server answers a request for BR."""
    return {label: ask(url)[0] for label, url in servers.urls.items()}


@contextlib.contextmanager
def unanswered(base_url):
    """A client whose request for BR has arrived, and that goes on waiting for its reply."""
    with socket.create_connection(("127.0.0.1", port_of(base_url))) as client:
        client.sendall(b"GET /flags/br/br.gif HTTP/1.1\r\nHost: x\r\n\r\n")
        ask(base_url, "CN")  # has its reply, and came later
        yield client


@contextlib.asynccontextmanager
async def unanswered_on_loop(base_url):
    """The same, of servers that run on this loop, which has to go on meanwhile."""
    with contextlib.ExitStack() as stack:
        yield await asyncio.to_thread(stack.enter_context, unanswered(base_url))


def open_sockets():
    """The sockets of this process, where the system can tell."""
    places = Path("/proc/self/fd")
    found = set()
    for place in places.iterdir() if places.exists() else ():
        with contextlib.suppress(OSError):  # the descriptor that read the folder is gone
            found.add(str(place.readlink()))
    return {name for name in found if name.startswith("socket:")}


@contextlib.contextmanager
def nothing_left():
    """No thread and no socket may be there afterwards that was not there before."""
    threads, sockets = set(threading.enumerate()), open_sockets()
    yield
    assert set(threading.enumerate()) <= threads
    assert open_sockets() <= sockets


def in_loop(claim):
    """Run a coroutine on a loop of its own; no task but itself may be left in it."""

    async def watched():
        await claim()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(watched())


# --- a block --------------------------------------------------------------------------


def test_with_runs_them_in_one_thread_and_async_with_in_none():
    before = set(threading.enumerate())
    with mockservers.running() as servers:
        (own,) = set(threading.enumerate()) - before
        assert own.name == "mockservers"
        assert ask(servers.urls["LOCAL"]) == (200, flag("BR"))

    async def claim():
        async with mockservers.running() as servers:
            assert set(threading.enumerate()) <= before
            assert await asyncio.to_thread(ask, servers.urls["LOCAL"]) == (200, flag("BR"))

    in_loop(claim)


@pytest.mark.parametrize(
    ("plans", "expected"),
    [
        (None, dict.fromkeys(LABELS, 200)),
        (BROKEN, dict.fromkeys(LABELS, 503)),
        ({"ERROR": BROKEN}, {"LOCAL": 200, "DELAY": 200, "ERROR": 503}),
    ],
)
def test_a_plan_holds_for_all_or_for_its_label(plans, expected):
    with mockservers.running(plans) as servers:
        assert statuses(servers) == expected
        servers.begin_run({})
        assert statuses(servers) == dict.fromkeys(LABELS, 200)
        servers.begin_run(plans or {})
        assert statuses(servers) == expected

    async def claim():
        async with mockservers.running(plans) as servers:
            assert await asyncio.to_thread(statuses, servers) == expected

    in_loop(claim)


@nothing_left()
def test_a_plan_for_a_server_that_there_is_not_is_refused_and_changes_nothing():
    refused = pytest.raises(ValueError, match="'EROR' is none of LOCAL, DELAY, ERROR")
    with refused:
        mockservers.running({"EROR": BROKEN}).__enter__()
    with mockservers.running(BROKEN) as servers:
        with refused:
            servers.begin_run({"EROR": Plan()})
        assert servers.plans == dict.fromkeys(LABELS, BROKEN)
        assert ask(servers.urls["LOCAL"]) == (503, b"")

    async def claim():
        with refused:
            await mockservers.running({"EROR": BROKEN}).__aenter__()

    in_loop(claim)


@nothing_left()
def test_block_after_block_leaves_no_thread_task_or_socket():
    for ask_first in [False, True] * 5:
        with mockservers.running() as servers:
            if ask_first:
                ask(servers.urls["LOCAL"])

    async def claim():
        for ask_first in [False, True] * 5:
            async with mockservers.running() as servers:
                if ask_first:
                    port = port_of(servers.urls["LOCAL"])
                    reader, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                    await reader.read()
                    writer.close()
                    await writer.wait_closed()

    in_loop(claim)


@nothing_left()
def test_an_exception_in_a_block_comes_out_and_nothing_is_left():
    with pytest.raises(KeyError, match="mine"), mockservers.running():
        raise KeyError("mine")

    async def claim():
        with pytest.raises(KeyError, match="mine"):
            async with mockservers.running():
                raise KeyError("mine")

    in_loop(claim)


@nothing_left()
def test_a_block_that_ends_drops_what_is_under_way():
    with contextlib.ExitStack() as stack:
        with mockservers.running(Plan(rules={"BR": (Hang(60.0),)})) as servers:
            client = stack.enter_context(unanswered(servers.urls["LOCAL"]))
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(1) == b""
    assert sorted(entry["code"] for entry in servers.entries) == ["BR", "CN"]


@nothing_left()
def test_a_start_that_fails_leaves_nothing(monkeypatch):
    bind, bound = server.bind, []

    def fails_for_the_last(host, port):
        if len(bound) % 3 == 2:
            bound.append([])
            raise PortInUseError("no port is free")
        bound.append(bind(host, port))
        return bound[-1]

    monkeypatch.setattr(server, "bind", fails_for_the_last)
    with pytest.raises(PortInUseError):
        mockservers.running().__enter__()

    async def claim():
        with pytest.raises(PortInUseError):
            await mockservers.running().__aenter__()

    in_loop(claim)
    assert len(bound) == 6
    assert all(one.socket.fileno() == -1 for listeners in bound for one in listeners)


def test_two_blocks_at_once_know_nothing_of_each_other():
    with mockservers.running(BROKEN) as broken, mockservers.running() as whole:
        assert not set(broken.urls.values()) & set(whole.urls.values())
        assert statuses(broken) == dict.fromkeys(LABELS, 503)
        assert statuses(whole) == dict.fromkeys(LABELS, 200)
        broken.settle()
        whole.settle()
        assert {entry["status"] for entry in broken.entries} == {503}
        assert {entry["status"] for entry in whole.entries} == {200}


# --- runs -----------------------------------------------------------------------------


def test_a_new_run_counts_from_zero():
    plan = Plan(rules={"BR": (Status((503,)), Serve())})
    with mockservers.running(plan) as servers:
        for _ in range(3):
            entries = servers.begin_run(plan)
            assert [ask(servers.urls["LOCAL"])[0] for _ in range(2)] == [503, 200]
            servers.settle()
            assert [(entry["n"], entry["attempt"]) for entry in entries] == [(1, 1), (2, 2)]
            assert servers.entries is entries


def test_what_ends_late_belongs_to_the_run_in_which_it_came():
    with mockservers.running(Plan(rules={"BR": (Hang(60.0),)})) as servers:
        first = servers.entries
        with unanswered(servers.urls["LOCAL"]):
            second = servers.begin_run({})
            ask(servers.urls["LOCAL"], "US")
            servers.settle()
            assert [entry["code"] for entry in first] == ["CN"]
            assert [entry["code"] for entry in second] == ["US"]
    assert [entry["code"] for entry in second] == ["US"]
    assert [entry["code"] for entry in first] == ["CN", "BR"]


def test_to_settle_or_to_judge_is_to_wait_for_every_entry():
    slow, told = Plan(rules={"BR": (Hang(0.05),)}), {"BR": "error", "CN": "ok"}
    with mockservers.running(slow) as servers:
        with unanswered(servers.urls["LOCAL"]):
            servers.settle()
            assert sorted(entry["code"] for entry in servers.entries) == ["BR", "CN"]
        servers.begin_run(slow)
        with unanswered(servers.urls["LOCAL"]):
            assert servers.ledger(told).balanced

    async def claim():
        async with mockservers.running(slow) as servers:
            async with unanswered_on_loop(servers.urls["LOCAL"]):
                await servers.settle()
                assert sorted(entry["code"] for entry in servers.entries) == ["BR", "CN"]
            servers.begin_run(slow)
            async with unanswered_on_loop(servers.urls["LOCAL"]):
                assert (await servers.ledger(told)).balanced

    in_loop(claim)


def test_any_thread_may_begin_a_run():
    with mockservers.running() as servers:
        began = []
        threads = [
            threading.Thread(target=lambda: began.append(servers.begin_run(BROKEN)))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(began) == 8
        assert sum(entries is servers.entries for entries in began) == 1


# --- the ledger -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def servers():
    with mockservers.running() as started:
        yield started


def saved(folder, **files):
    """Put files into a folder: a code to its content, True standing for its flag."""
    for code, content in files.items():
        body = flag(code) if content is True else content
        Path(folder, f"{code.lower()}.gif").write_bytes(body)


def test_the_ledger_of_a_correct_downloader_balances(servers, tmp_path):
    servers.begin_run(BROKEN)
    for code in ("BR", "CN", "ZZ"):
        ask(servers.urls["DELAY"], code)
    saved(tmp_path, CN=True)
    said = {"BR": "error", "CN": "ok", "ZZ": "not_found"}
    ledger = servers.check(said, asked=["BR", "CN", "ZZ"], files=str(tmp_path))
    assert ledger.balanced
    assert (ledger.requests, ledger.saved) == (3, 1)


@pytest.mark.parametrize(
    ("reply", "requests", "said", "files", "expected"),
    [
        # asked for, seen, and not a word of it
        (Serve(), 1, {"CN": "ok"}, {"CN": True}, [("lost", "BR")]),
        # said to be saved, and not there
        (Serve(), 1, {"CN": "ok", "BR": "ok"}, {"CN": True}, [("lost", "BR")]),
        (Serve(), 1, {"CN": "ok", "BR": "ok"}, {"CN": True, "BR": b"GIF"}, [("corrupt", "BR")]),
        (Truncate(9), 1, {"CN": "ok", "BR": "ok"}, {"CN": True, "BR": b"GIF"}, [("corrupt", "BR")]),
        (Serve(), 2, {"CN": "ok", "BR": "ok"}, {"CN": True, "BR": True}, [("duplicated", "BR")]),
        (Serve(), 1, {"CN": "ok", "BR": "error"}, {"CN": True}, [("miscounted", "BR")]),
        (Reset(), 1, {"CN": "ok", "BR": "not_found"}, {"CN": True}, [("miscounted", "BR")]),
        (Empty(), 1, {"CN": "ok", "BR": "error"}, {"CN": True, "BR": b""}, [("leftover", "BR")]),
        (Serve(), 0, {"CN": "ok", "BR": "ok"}, {"CN": True}, [("lost", "BR")]),
    ],
)  # fmt: skip
def test_what_does_not_balance_is_named(servers, tmp_path, reply, requests, said, files, expected):
    servers.begin_run(Plan(rules={"BR": (reply,)}))
    for code in ["CN", *["BR"] * requests]:
        ask(servers.urls["LOCAL"], code)
    saved(tmp_path, **files)
    told = {"asked": ["BR", "CN"], "files": tmp_path, "once": True}
    ledger = servers.ledger(said, **told)
    assert words(ledger) == expected
    with pytest.raises(AssertionError, match=f"NOT BALANCED: 1 (.|\n)*  {expected[0][0]} "):
        servers.check(said, **told)


def test_asked_for_is_what_is_named_or_else_what_something_is_said_of(servers):
    servers.begin_run({})
    ask(servers.urls["LOCAL"])
    assert words(servers.ledger({}, asked=[])) == [("unexpected", "BR")]
    assert servers.ledger().asked is None
    assert servers.check({"BR": "ok"}).asked == ("BR",)


def test_a_report_as_the_flags2_programs_print_it_is_understood(servers):
    servers.begin_run({})
    ask(servers.urls["LOCAL"])
    printed = f"BR OK\n{'-' * 20}\n1 flag downloaded.\n"
    assert servers.check(stdout=printed, asked=["BR"]).balanced
    assert words(servers.ledger(stdout=f"{'-' * 20}\n", asked=["BR"])) == [("lost", "BR")]


def test_a_word_for_an_outcome_that_there_is_not_is_refused(servers):
    with pytest.raises(ValueError, match="'fine' is none of ok, not_found, error"):
        servers.check({"BR": "fine"})


def test_on_a_loop_the_ledger_is_the_same(tmp_path):
    async def claim():
        async with mockservers.running(BROKEN) as servers:
            await asyncio.to_thread(ask, servers.urls["LOCAL"])
            assert (await servers.check({"BR": "error"}, files=tmp_path)).balanced
            assert words(await servers.ledger({"BR": "ok"})) == [("miscounted", "BR")]
            lost = await servers.ledger({"BR": "error"}, asked=["BR", "CN"])
            assert words(lost) == [("lost", "CN")]
            with pytest.raises(AssertionError, match="NOT BALANCED"):
                await servers.check({"BR": "ok"})
            servers.begin_run({})
            assert servers.entries == []

    in_loop(claim)
