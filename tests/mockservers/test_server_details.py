"""Sockets, limits, turns and times of the servers that no single reply shows."""

import asyncio
import contextlib
import errno
import gc
import hashlib
import itertools
import json
import os
import socket
import struct
import sys
import threading
import warnings
import weakref
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest
import pytest_asyncio
from msgspec.structs import replace
from small_worlds import FATES
from virtual_loop import joined, virtual_time

import mockservers.control.run_history
from mockservers import connection, running
from mockservers.content.flag_images import flag
from mockservers.content.resources import FlagCatalogue, FolderCatalogue
from mockservers.control import api as control
from mockservers.control.api import Control
from mockservers.control.reported import end_as_reported
from mockservers.control.run_history import RunHistory
from mockservers.faults import Drip, Fault, Hang, Reset, Serve, Status, TooLong, Truncate
from mockservers.http import listeners as listening
from mockservers.http import sender
from mockservers.http.listeners import Listener, PortInUseError, bind
from mockservers.journal import Recorder
from mockservers.journal_json import JournalFile
from mockservers.kinds.framing import SURPLUS
from mockservers.kinds.resource import Resource, ResourceInfo
from mockservers.plan import LABELS, Bucket, Gate, Plan, fate
from mockservers.server import MockServers

asynchronous = pytest.mark.asyncio
WAIT_S = 30
"""Seconds after which a test gives up."""
BROKEN = Status((503,))


def get(code, *fields, method="GET"):
    path = f"/flags/{code}/{code}.gif".lower()
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: x", *fields, "", ""]).encode()


def port_of(servers, label="LOCAL"):
    return int(servers.urls[label].split(":")[2].split("/")[0])


async def reply(reader):
    """The status of the next reply, and its body."""
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), WAIT_S)
    length = next(
        int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length:")
    )
    return int(head.split()[1]), await asyncio.wait_for(reader.readexactly(length), WAIT_S)


async def told_end(reader):
    """Wait until the server closes, or resets, without a further byte."""
    with contextlib.suppress(ConnectionError):
        assert await asyncio.wait_for(reader.read(), WAIT_S) == b""


def reset(writer):
    """Leave so that the server is told at once."""
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


class House:
    """Servers in this loop, clients of theirs, and the entries of the latest run."""

    def __init__(self, catalogue=None):
        self.servers = MockServers(catalogue or FlagCatalogue())
        self.entries = []
        self._writers = []

    async def __aenter__(self):
        await self.servers.start()
        self.begin_run()
        return self

    async def __aexit__(self, *exc_info):
        for writer in self._writers:
            writer.close()
        await self.servers.stop()

    def begin_run(self, plan=None, over=lambda: None, **rules):
        plan = plan or Plan(rules={code: (rule,) for code, rule in rules.items()})
        self.entries = []
        plans = dict.fromkeys(LABELS, plan)
        self.servers.begin_run(plans, Recorder(self.entries.append), over)

    async def connect(self, label="LOCAL"):
        stream = await asyncio.open_connection("127.0.0.1", port_of(self.servers, label))
        self._writers.append(stream[1])
        return stream

    async def ask(self, code="BR", label="LOCAL"):
        """The status of a request on a connection of its own."""
        reader, writer = await self.connect(label)
        writer.write(get(code))
        return (await reply(reader))[0]

    async def until(self, true):
        async with asyncio.timeout(WAIT_S):
            while not true():
                await asyncio.sleep(0.001)


@pytest_asyncio.fixture
async def house():
    async with House() as started:
        yield started


# --- to start and to stop ------------------------------------------------------------------


@asynchronous
async def test_a_port_is_named_for_each_server_or_none_is_bound():
    with pytest.raises(ValueError, match="shorter"):
        async with running(ports=(0, 0)):
            pass


@contextlib.contextmanager
def nothing_lost():
    """Gives a list for the port of a server; no socket there may be left to be found by chance."""
    ports = []
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        yield ports
    (port,) = ports
    assert [text for text in (str(one.message) for one in told) if f", {port})" in text] == []


@asynchronous
@pytest.mark.parametrize("rounds", range(7))
async def test_a_stop_ends_a_connection_however_far_it_has_come(rounds, caplog):
    """`rounds`: of the loop, from when the operating system has it to the stop."""
    with nothing_lost() as ports:
        async with House() as house:
            await house.ask("ZZ")  # the servers wait for the next one
            ports.append(port_of(house.servers))
            client = socket.create_connection(("127.0.0.1", ports[0]), WAIT_S)
            for _ in range(rounds):
                await asyncio.sleep(0)
        with client, contextlib.suppress(ConnectionResetError):
            assert client.recv(1) == b""
    assert caplog.records == []


@asynchronous
@pytest.mark.parametrize("rounds", range(7))
async def test_a_server_that_refuses_ends_a_connection_however_far_it_has_come(
    house, rounds, caplog
):
    await house.ask("ZZ")
    with nothing_lost() as ports:
        ports.append(port_of(house.servers))
        with socket.create_connection(("127.0.0.1", ports[0]), WAIT_S) as client:
            client.setblocking(False)
            for _ in range(rounds):
                await asyncio.sleep(0)
            house.begin_run(Plan(refuse=True))
            with contextlib.suppress(ConnectionResetError):
                received = asyncio.get_running_loop().sock_recv(client, 1)
                assert await asyncio.wait_for(received, WAIT_S) == b""
    assert caplog.records == []


@asynchronous
async def test_connections_have_numbers_that_no_other_has_also_in_a_later_run(house):
    """A connection of an earlier run may still be asked on."""
    reader, writer = await house.connect()
    writer.write(get("ZZ"))
    await reply(reader)
    house.begin_run()
    await house.ask()
    writer.write(get("ZZ"))
    await reply(reader)
    assert [entry["conn"] for entry in house.entries] == [2, 1]


@asynchronous
async def test_a_half_closed_client_is_closed_after_its_last_response(house, monkeypatch):
    monkeypatch.setattr(sender, "LINGER_S", 3600.0)
    house.begin_run(BR=Status((503,), delay_s=0.05))
    reader, writer = await house.connect()
    writer.write(get("BR"))
    writer.write_eof()
    assert (await reader.read()).startswith(b"HTTP/1.1 503 ")
    await house.until(lambda: not house.servers.states["LOCAL"].connections)


@asynchronous
async def test_a_client_that_half_closes_before_a_reset_is_reset_all_the_same(monkeypatch):
    body = bytes(100_000)
    resource = Resource(ResourceInfo(len(body), "image/gif"), lambda a, b: body[a:b], body)
    monkeypatch.setattr(FlagCatalogue, "find", lambda self, path: resource)
    async with House() as house:
        house.begin_run(BR=Reset(after_bytes=90_000))
        with socket.socket() as slow:
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            slow.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(slow, ("127.0.0.1", port_of(house.servers)))
            await loop.sock_sendall(slow, get("BR"))
            await house.until(lambda: house.entries)
            slow.shutdown(socket.SHUT_WR)
            (ending,) = house.servers.states["LOCAL"].connections
            await house.until(lambda: ending._reading is connection.Reading.CLOSED)

            async def read_all():
                while await loop.sock_recv(slow, 4096):
                    pass

            with pytest.raises(ConnectionResetError):
                await read_all()


# --- to accept -------------------------------------------------------------------------------


@asynchronous
async def test_without_room_it_is_tried_again_ten_times_a_second(house, monkeypatch, caplog):
    tries = []

    async def no_room(listener):
        tries.append(listener)
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(asyncio.get_running_loop(), "sock_accept", no_room)
    house.begin_run(Plan(refuse=True))
    house.begin_run()
    began_s = asyncio.get_running_loop().time()
    await asyncio.sleep(0.15)
    took_s = asyncio.get_running_loop().time() - began_s
    assert 1 <= tries.count(tries[0]) <= took_s / 0.1 + 2
    assert [record.getMessage() for record in caplog.records] == [
        f"mockservers: no room for more connections: {os.strerror(errno.EMFILE)}; they wait"
    ]


@asynchronous
async def test_a_client_that_gives_up_before_it_is_accepted_does_not_stop_the_server(
    house, monkeypatch
):
    loop = asyncio.get_running_loop()
    really_accept, given_up = loop.sock_accept, set()

    async def accept(listener):
        if listener not in given_up:
            given_up.add(listener)
            raise OSError(errno.ECONNABORTED, os.strerror(errno.ECONNABORTED))
        return await really_accept(listener)

    monkeypatch.setattr(loop, "sock_accept", accept)
    house.begin_run(Plan(refuse=True))
    house.begin_run()
    assert await house.ask() == 200
    assert given_up


@asynchronous
async def test_many_connections_at_once_do_not_starve_others(house, monkeypatch):
    clients, turns, accepted_in = [], itertools.count(), []
    turn = next(turns)

    async def accept(listener):
        if len(clients) == 200:
            await asyncio.Event().wait()
        client, server = socket.socketpair()
        clients.append(client)
        accepted_in.append(turn)
        return server, None

    monkeypatch.setattr(asyncio.get_running_loop(), "sock_accept", accept)
    house.servers.begin_run({"LOCAL": Plan(refuse=True)}, Recorder(house.entries.append))
    house.begin_run()
    while len(clients) < 200:
        await asyncio.sleep(0)
        turn = next(turns)
    for client in clients:
        client.close()
    assert len(set(accepted_in)) > 1


@asynchronous
async def test_a_connection_that_cannot_be_taken_on_is_closed(house, monkeypatch):
    taken = []

    async def no_more(factory, sock):
        taken.append(sock)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(asyncio.get_running_loop(), "connect_accepted_socket", no_more)
    reader, _ = await house.connect()
    await told_end(reader)
    assert taken[0].fileno() == -1


@asynchronous
async def test_the_bound_of_connections_is_that_of_each_server(house, monkeypatch):
    monkeypatch.setattr(connection, "MAX_CONNECTIONS", 1)
    for label in LABELS:
        assert await house.ask("ZZ", label) == 404
    reader, _ = await house.connect("ERROR")
    await told_end(reader)


# --- addresses and ports -----------------------------------------------------------------------


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
            return True
    except OSError:
        return False


with_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here")


@asynchronous
@pytest.mark.parametrize(
    "host",
    ["localhost", "127.0.0.1", "0.0.0.0"]
    + [pytest.param(a, marks=with_ipv6) for a in ("::", "::1")],
)
async def test_the_servers_are_where_they_say(host):
    servers = MockServers(FlagCatalogue())
    try:
        await servers.start(host)
        url = urlsplit(servers.urls["ERROR"])
        assert url.path == "/flags"
        reader, writer = await asyncio.open_connection(url.hostname, url.port)
        writer.write(get("ZZ"))
        assert (await reply(reader))[0] == 404
        writer.close()
    finally:
        await servers.stop()


@asynchronous
async def test_each_server_has_the_port_that_was_asked_for():
    async with House() as house:
        ports = [port_of(house.servers, label) for label in LABELS]
    async with running(ports=ports[::-1]) as servers:
        assert [port_of(servers, label) for label in LABELS] == ports[::-1]


@asynchronous
@pytest.mark.parametrize("again", [False, True])
async def test_a_client_that_comes_before_the_servers_are_ready_is_connected(house, again):
    if again:
        house.begin_run(Plan(refuse=True))
        house.begin_run()
    address = ("127.0.0.1", port_of(house.servers))
    with contextlib.ExitStack() as stack:
        for _ in range(20):  # the loop stands still meanwhile
            stack.enter_context(socket.create_connection(address, 5))


@with_ipv6
def test_a_server_on_ipv6_leaves_ipv4_to_others():
    (listener,) = bind("::", 0)
    with contextlib.closing(listener):
        assert listener.socket.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no two sockets share a port")
def test_no_other_program_can_bind_a_port_as_it_begins_to_refuse():
    class Watched(socket.socket):
        def close(self):
            super().close()
            with socket.socket() as other, pytest.raises(OSError, match="Address already in use"):
                other.bind(("127.0.0.1", port))
            closed.append(port)

    closed = []
    (listener,) = bind("127.0.0.1", 0)
    with contextlib.closing(listener):
        listener.socket = Watched(fileno=listener.socket.detach())
        port = listener.port
        listener.refuse()
        assert closed == [port]
        listener.listen()  # on a socket that is not watched


@pytest.mark.skipif(os.name != "posix", reason="elsewhere to reuse an address means something else")
def test_no_other_program_can_bind_a_port_that_refuses():
    (listener,) = bind("127.0.0.1", 0)
    address = ("127.0.0.1", listener.port)
    with contextlib.closing(listener), socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do
        listener.refuse()
        with pytest.raises(OSError, match="Address already in use"):
            other.bind(address)
        listener.listen()
        socket.create_connection(address, WAIT_S).close()


@pytest.fixture
def at(monkeypatch):
    """A book of errors that listening meets, by address, one after the other."""
    errors = {"127.0.0.1": [], "::1": []}
    made = []

    class Beset(Listener):
        def __init__(self, family, address, port):
            if errors[address]:
                number = errors[address].pop(0)
                raise OSError(number, os.strerror(number))
            super().__init__(family, address, port)
            made.append(self)

    monkeypatch.setattr(listening, "Listener", Beset)
    errors["made"] = made
    yield errors
    for listener in made:
        listener.close()


@with_ipv6
def test_a_free_port_is_one_that_is_free_at_every_address(at):
    at["::1"] = [errno.EADDRINUSE] * 2
    ipv4, ipv6 = bind("localhost", 0)
    assert ipv4.port == ipv6.port
    assert [listener.socket.fileno() >= 0 for listener in at["made"]] == [False, False, True, True]


@pytest.mark.parametrize("number", [errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT])
def test_localhost_may_be_without_ipv6_but_not_without_ipv4(at, number):
    at["::1"] = [number]
    assert [listener.socket.getsockname()[0] for listener in bind("localhost", 0)] == ["127.0.0.1"]
    at["127.0.0.1"] = [number]
    with pytest.raises(OSError, match=f"cannot listen on localhost: {os.strerror(number)}"):
        bind("localhost", 0)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM])
def test_a_port_that_may_not_be_used_is_named(at, number):
    at["127.0.0.1"] = [number]
    with pytest.raises(PortInUseError, match=r"port 81 may not be used by this user: .*--ports"):
        bind("localhost", 81)


def test_where_no_port_is_free_it_is_said(at):
    at["127.0.0.1"] = [errno.EADDRINUSE] * 1000
    with pytest.raises(PortInUseError, match="no port is free on localhost"):
        bind("localhost", 0)


def test_an_address_that_a_host_has_twice_is_one_address(monkeypatch):
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0))] * 2
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: found)
    (listener,) = bind("somewhere", 0)
    listener.close()


def test_an_impossible_host_name_is_reported_like_any_other():
    with pytest.raises(OSError, match=r"cannot listen on x+: not a host name"):
        bind("x" * 64, 0)


@pytest.mark.parametrize("method", ["bind", "listen"])
def test_what_cannot_be_listened_on_is_closed(monkeypatch, method):
    sockets = []

    class Watched(socket.socket):
        def __init__(self, *args):
            super().__init__(*args)
            sockets.append(self)

    def fail(self, *args):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(Watched, method, fail)
    monkeypatch.setattr(socket, "socket", Watched)
    with pytest.raises(OSError, match=r"cannot listen on 127\.0\.0\.1: "):
        bind("127.0.0.1", 0)
    assert sockets
    assert [sock.fileno() for sock in sockets] == [-1] * len(sockets)


# --- turns -----------------------------------------------------------------------------------


@asynchronous
async def test_a_connection_is_read_until_64_requests_wait_and_again_when_one_has_gone(house):
    house.servers.begin_run({"LOCAL": Plan(gate=Gate(2, WAIT_S))}, Recorder(house.entries.append))
    run = house.servers.run
    reader, writer = await house.connect()
    writer.write(get("ZZ") * (connection.MAX_QUEUED - 1))
    await house.until(lambda: run.under_way == connection.MAX_QUEUED - 1)
    writer.write(get("ZZ"))
    await house.until(lambda: run.under_way == connection.MAX_QUEUED)
    writer.write(get("BR") * 10)
    for _ in range(3):
        await house.ask("ZZ", "DELAY")  # its bytes came later, and it has its reply
    assert run.under_way == connection.MAX_QUEUED
    assert await house.ask("ZZ") == 404  # fills the gate
    statuses = [(await reply(reader))[0] for _ in range(connection.MAX_QUEUED + 10)]
    assert statuses == [404] * connection.MAX_QUEUED + [200] * 10


@asynchronous
async def test_bytes_after_the_last_request_of_a_connection_are_no_request(house):
    reader, writer = await house.connect()
    writer.write(get("ZZ", "Connection: close") + get("BR") * 2)
    assert (await reply(reader))[0] == 404
    await told_end(reader)
    writer.close()
    await house.until(lambda: not house.servers.states["LOCAL"].connections)
    assert [(entry["n"], entry["code"]) for entry in house.entries] == [(1, "ZZ")]


@asynchronous
async def test_a_client_that_has_gone_does_not_count_at_the_gate(house):
    house.begin_run(Plan(gate=Gate(2, WAIT_S)))
    _, gone = await house.connect()
    gone.write(get("BR"))
    await house.until(lambda: house.servers.run.under_way)
    reset(gone)
    await house.until(lambda: house.entries)
    assert await asyncio.gather(house.ask("ZZ"), house.ask("CN")) == [404, 200]
    left, gate, *asked = house.entries
    assert (left["code"], left["client_gone"]) == ("BR", True)
    assert (gate["type"], gate["held"], gate["filled"]) == ("gate", 2, True)
    assert gate["at_s"] >= max(entry["start_s"] for entry in asked)


@asynchronous
async def test_nothing_more_is_done_for_a_client_that_has_gone(house, caplog):
    house.begin_run(BR=Serve(delay_s=0.1))
    _, gone = await house.connect()
    gone.write(get("BR"))
    await house.until(lambda: house.servers.run.under_way)
    reset(gone)
    await house.until(lambda: house.entries)
    await asyncio.sleep(0.15)
    assert caplog.records == []


@asynchronous
@pytest.mark.parametrize(
    "plan", [Plan(gate=Gate(2, WAIT_S)), Plan(rules={"BR": (Serve(delay_s=WAIT_S),)})]
)
async def test_what_the_server_refuses_meets_nothing_of_the_plan(house, plan):
    house.begin_run(plan)
    reader, writer = await house.connect()
    writer.write(get("BR", method="POST"))
    assert (await reply(reader))[0] == 405
    (entry,) = house.entries
    assert (entry["do"], entry["delay_s"], entry["status"]) == (None, 0, 405)


@asynchronous
async def test_the_entry_of_a_connection_is_of_the_run_in_which_it_came(house):
    house.begin_run(BR=Hang(WAIT_S))
    entries = house.entries
    _, asking = await house.connect()
    asking.write(get("BR"))
    await house.until(lambda: house.servers.run.under_way)
    _, silent = await house.connect()
    await house.until(lambda: len(house.servers.states["LOCAL"].connections) == 2)
    house.begin_run()
    silent.close()
    await house.until(lambda: entries)
    assert [(entry["type"], entry["conn"]) for entry in entries] == [("connection", 2)]
    assert house.entries == []


@asynchronous
async def test_a_file_that_has_gone_is_no_client_that_has(tmp_path):
    file = tmp_path / "flags/br/br.gif"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"GIF87a")
    async with House(FolderCatalogue(tmp_path)) as house:
        house.begin_run(Plan(gate=Gate(2, WAIT_S)))
        reader, writer = await house.connect()
        writer.write(get("BR"))
        await house.until(lambda: house.servers.run.under_way)
        file.unlink()
        assert await house.ask("ZZ") == 404
        await told_end(reader)
        await house.until(lambda: len(house.entries) == 3)
        (entry,) = (entry for entry in house.entries if entry.get("code") == "BR")
        assert (entry["complete"], entry["client_gone"]) == (False, False)


@asynchronous
@pytest.mark.parametrize(
    ("rules", "statuses"),
    [
        ({"/flags/br/br.gif": (BROKEN, Serve()), "BR": (Status((418,)),)}, [503, 200, 200]),
        ({"/flags/br/br.gif": (BROKEN,), "BR": (Status((418,)), Serve())}, [503, 503, 503]),
        ({"BR": (BROKEN, BROKEN, Serve())}, [503, 503, 200]),
    ],
)
async def test_the_rule_of_a_path_goes_before_that_of_its_code(house, rules, statuses):
    house.begin_run(Plan(rules=rules))
    assert [await house.ask("BR") for _ in range(3)] == statuses


@asynchronous
async def test_the_attempts_of_a_path_with_a_rule_are_counted(house):
    house.begin_run(Plan(rules={"/list": (BROKEN, Status((418,)), Serve())}))
    reader, writer = await house.connect()
    for status in (503, 418, 404):
        writer.write(b"GET /list HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await reply(reader))[0] == status
    assert [entry["attempt"] for entry in house.entries] == [1, 2, 3]


@asynchronous
async def test_a_plan_that_draws_anew_for_each_attempt_does_so(house):
    plan = Plan(7, (Bucket(50, BROKEN),), per_attempt=True)
    house.begin_run(plan)
    drawn = [fate(plan, "LOCAL", "BR", attempt) for attempt in range(1, 13)]
    expected = [503 if reply == BROKEN else 200 for reply in drawn]
    assert set(expected) == {200, 503}
    assert [await house.ask("BR") for _ in expected] == expected


@asynchronous
async def test_the_digest_of_a_file_is_that_of_all_its_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr(sender, "CHUNK", 100)
    body = bytes(range(256)) * 2
    file = tmp_path / "flags/br/br.gif"
    file.parent.mkdir(parents=True)
    file.write_bytes(body)
    async with House(FolderCatalogue(tmp_path)) as house:
        assert await house.ask("BR") == 200
        (entry,) = house.entries
        assert entry["sha256"] == hashlib.sha256(body).hexdigest()


@asynchronous
async def test_the_digest_of_a_body_cut_short_is_that_of_what_was_sent(monkeypatch):
    body = os.urandom(20_000_000)
    resource = Resource(ResourceInfo(len(body), "image/gif"), lambda a, b: body[a:b], body)
    monkeypatch.setattr(FlagCatalogue, "find", lambda self, path: resource)
    async with House() as house:
        reader, writer = await house.connect()
        writer.write(get("BR"))
        await reader.readuntil(b"\r\n\r\n")
        reset(writer)
        await house.until(lambda: house.entries)
        (entry,) = house.entries
        sent = body[: entry["bytes_sent"]]
        assert entry["sha256"] == (hashlib.sha256(sent).hexdigest() if sent else None)
        assert (entry["complete"], entry["client_gone"]) == (False, True)


@asynchronous
async def test_entries_reach_the_file_while_the_run_goes_on_and_at_its_end(house, tmp_path):
    file = tmp_path / "journal.jsonl"
    with contextlib.closing(JournalFile(file)) as journal:
        house.servers.begin_run({}, journal)
        for n in (1, 2):
            await house.ask("BR")
            await house.until(lambda: file.read_bytes().count(b"\n") == n)  # noqa: B023
        await house.ask("BR")
        house.begin_run()
        assert file.read_bytes().count(b"\n") == 3


@asynchronous
async def test_a_run_is_over_when_its_last_request_has_ended_and_not_before(house):
    told = []
    house.begin_run(Plan(gate=Gate(3, WAIT_S)), lambda: told.append(len(entries)))
    entries = house.entries
    streams = [await house.connect() for _ in range(2)]
    for n, (_, writer) in enumerate(streams, 1):
        writer.write(get("BR"))
        await house.until(lambda: house.servers.run.under_way == n)  # noqa: B023
    _, silent = await house.connect()
    await house.until(lambda: len(house.servers.states["LOCAL"].connections) == 3)
    house.begin_run()
    for n, (_, writer) in enumerate(streams):
        assert (len(entries), told) == (n, [])
        reset(writer)
        await house.until(lambda: len(entries) > n)  # noqa: B023
    assert told == [2]
    silent.close()
    await house.until(lambda: not house.servers.states["LOCAL"].connections)
    assert (len(entries), told, house.entries) == (2, [2], [])


@asynchronous
async def test_what_a_gate_held_goes_on_in_the_order_in_which_it_came(house):
    house.begin_run(Plan(gate=Gate(3, WAIT_S)))
    asking = []
    for n, code in enumerate(("BR", "CN", "DE"), 1):
        asking.append(asyncio.create_task(house.ask(code)))
        await house.until(lambda: house.servers.run.requests == n)  # noqa: B023
    await asyncio.gather(*asking)
    gate, *asked = house.entries
    assert gate["type"] == "gate"
    assert [entry["n"] for entry in asked] == [1, 2, 3]


# --- time, without waiting for it --------------------------------------------------------------


@contextlib.contextmanager
def timed(plan=None, **rules):
    """In virtual time: `talk(conversation)`, which gives what a conversation gives; the servers;
    and how to connect to LOCAL.

    A conversation is asked with a stream to LOCAL, and a function that waits until LOCAL has no
    connection any more and gives the seconds since it began.
    """
    plan = plan or Plan(rules={code: (rule,) for code, rule in rules.items()})
    with virtual_time() as runner, joined(runner, plan) as (servers, wire):

        def talk(conversation):
            async def talking():
                sock = await wire.connect(port_of(servers))
                reader, writer = await asyncio.open_connection(sock=sock)
                loop = asyncio.get_running_loop()
                began_s = loop.time()

                async def gone():
                    while servers._servers.states["LOCAL"].connections:
                        await asyncio.sleep(0.1)
                    return loop.time() - began_s

                try:
                    return await conversation(reader, writer, gone)
                finally:
                    writer.close()
                    await gone()

            return runner.run(talking())

        yield talk, servers, lambda: wire.connect(port_of(servers))


def test_the_time_of_a_gate_begins_with_the_first_that_it_holds():
    async def conversation(reader, writer, gone):
        writer.write(get("BR"))
        await asyncio.sleep(1.0)
        _, second = await asyncio.open_connection(sock=await connect())
        second.write(get("CN"))
        await reader.readexactly(1)
        second.close()

    plan = Plan(gate=Gate(3, 1.234567))
    with timed(plan) as (talk, servers, connect):
        talk(conversation)
        br, gate = servers.entries[1], servers.entries[0]
        assert (gate["held"], gate["filled"]) == (2, False)
        assert gate["at_s"] - br["start_s"] == pytest.approx(1.234567, abs=0.00001)


def test_a_gate_that_all_have_left_does_not_open():
    async def conversation(reader, writer, gone):
        writer.write(get("BR"))
        await asyncio.sleep(1.0)
        servers._servers.drop_connections()
        await asyncio.sleep(10.0)

    with timed(Plan(gate=Gate(2, 5.0))) as (talk, servers, _):
        talk(conversation)
        assert [entry["type"] for entry in servers.entries] == ["request"]


def test_a_request_that_is_dropped_as_its_time_is_up_ends_because_of_us():
    async def conversation(reader, writer, gone):
        writer.write(get("BR")[:-2])
        await asyncio.sleep(1.0)
        (pending,) = servers._servers.states["LOCAL"].connections
        servers._servers.drop_connections()
        pending.sweep(connection.monotonic() + connection.REQUEST_S)
        await gone()

    with timed() as (talk, servers, _):
        talk(conversation)
        assert [entry["client_gone"] for entry in servers.entries] == [False]


def test_each_request_has_its_own_time_to_arrive():
    async def conversation(reader, writer, gone):
        writer.write(get("BR")[:20])
        await asyncio.sleep(connection.REQUEST_S - 1)
        writer.write(get("BR")[20:] + get("CN")[:20])
        await asyncio.sleep(connection.REQUEST_S - 5)
        writer.write(get("CN")[20:])
        writer.write_eof()
        return await reader.read()

    with timed(BR=Serve(delay_s=40.0)) as (talk, *_):
        assert talk(conversation).count(b"HTTP/1.1 200 ") == 2


def test_a_response_does_not_give_the_next_request_more_time():
    async def conversation(reader, writer, gone):
        writer.write(get("BR") + get("CN")[:20])
        received = await reader.read()
        return received, await gone()

    with timed(BR=Serve(delay_s=25.0)) as (talk, *_):
        received, ended_s = talk(conversation)
        assert b"HTTP/1.1 408 " in received
        assert ended_s == pytest.approx(connection.REQUEST_S, abs=3.5)


def test_a_status_that_was_not_sent_is_not_in_the_entry():
    async def conversation(reader, writer, gone):
        writer.write(get("BR") + b"nonsense\r\n\r\n")
        await reader.read()
        writer.close()
        await gone()

    with timed(BR=Truncate(9, delay_s=5.0)) as (talk, servers, _):
        talk(conversation)
        request, entry = servers.entries
        assert (request["status"], entry["type"], entry["status"]) == (200, "connection", None)


def test_what_came_before_nonsense_is_answered_first_though_it_takes_time():
    async def conversation(reader, writer, gone):
        writer.write(get("BR") + b"nonsense\r\n\r\n")
        return await reader.read()

    with timed(BR=Serve(delay_s=5.0)) as (talk, *_):
        assert flag("BR") + b"HTTP/1.1 400 " in talk(conversation)


@pytest.mark.parametrize("last", [b"nonsense\r\n\r\n", get("ZZ", "Connection: close"), get("CN")])
@pytest.mark.parametrize("pause_s", [0, 0.1])
def test_what_comes_after_the_last_response_is_no_request(last, pause_s, caplog):
    async def conversation(reader, writer, gone):
        writer.write(last)
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(pause_s)
        writer.write(get("BR"))
        with contextlib.suppress(ConnectionError):
            assert b"HTTP/1.1" not in await reader.read()

    with timed(CN=Truncate(9)) as (talk, servers, _):
        talk(conversation)
        assert len(servers.entries) == 1
    assert caplog.records == []


def test_what_goes_on_with_a_line_is_not_taken_for_a_request_of_its_own():
    async def conversation(reader, writer, gone):
        writer.write(b"X")
        await asyncio.sleep(1.0)
        writer.write(get("BR"))
        return await reader.readline()

    with timed() as (talk, *_):
        assert talk(conversation).startswith(b"HTTP/1.1 405 ")


def test_each_of_many_requests_sent_together_waits_for_its_own_delay():
    async def conversation(reader, writer, gone):
        loop = asyncio.get_running_loop()
        began_s, took_s = loop.time(), []
        writer.write(get("BR") + get("CN") + get("DE"))
        for _ in range(3):
            assert (await reply(reader))[0] == 200
            took_s.append(loop.time() - began_s)
        return took_s

    with timed(BR=Serve(delay_s=1.0), CN=Serve(delay_s=5.0)) as (talk, servers, _):
        assert talk(conversation) == pytest.approx([1.0, 6.0, 6.0], abs=0.001)
        assert [entry["delay_s"] for entry in servers.entries] == [1, 5, 0]


def test_without_expect_no_100_continue_is_sent():
    async def conversation(reader, writer, gone):
        writer.write(get("BR") + get("CN").removesuffix(b"\r\n"))
        assert (await reply(reader))[0] == 200
        await asyncio.sleep(1.0)
        writer.write(b"\r\n")
        return await reader.readline()

    with timed(BR=Serve(delay_s=1.0)) as (talk, *_):
        assert talk(conversation).startswith(b"HTTP/1.1 200 ")


def test_a_request_after_a_body_is_read():
    async def conversation(reader, writer, gone):
        writer.write(get("BR"))
        return await reader.read()

    with timed(BR=TooLong()) as (talk, *_):
        assert talk(conversation).endswith(flag("BR") + SURPLUS)


SINGLE = {name: fate.reply for name, fate in FATES.items() if isinstance(fate.reply, Fault)}
ENDS = "start_s", "first_byte_s", "end_s", "delay_s", "conn", "n"


@pytest.mark.parametrize("name", [name for name in SINGLE if name not in ("hang", "drip")])
@pytest.mark.parametrize("times", [1, 3])
def test_a_response_that_waits_is_the_same_to_the_byte(name, times):
    def played(delay_s):
        async def conversation(reader, writer, gone):
            for _ in range(times):
                writer.write(get("BR"))
                await asyncio.sleep(10.0)
            writer.write_eof()
            with contextlib.suppress(ConnectionError):
                return await reader.read()

        reply = replace(SINGLE[name], delay_s=delay_s)
        with timed(BR=reply) as (talk, servers, _):
            said = talk(conversation)
            entries = servers.entries
        assert all(entry["delay_s"] == delay_s for entry in entries if entry["do"])
        return said, [{key: entry[key] for key in entry.keys() - set(ENDS)} for entry in entries]

    assert played(0.0) == played(1.0)


def test_the_last_response_to_a_half_closed_client_says_connection_close():
    async def conversation(reader, writer, gone):
        writer.write(get("BR"))
        writer.write_eof()
        return await reader.read()

    with timed(BR=Serve(delay_s=5.0)) as (talk, *_):
        assert b"\r\nConnection: close\r\n" in talk(conversation)


def test_a_hang_ends_at_once_for_a_client_that_closed_before_it():
    async def conversation(reader, writer, gone):
        writer.write(get("BR") + get("CN"))
        writer.write_eof()
        return await gone()

    with timed(BR=Serve(delay_s=5.0), CN=Hang(or_s=1000.0)) as (talk, servers, _):
        assert talk(conversation) == pytest.approx(5.0, abs=0.2)
        br, cn = servers.entries
        assert (br["complete"], cn["complete"], cn["client_gone"]) == (True, False, True)


def test_a_request_that_is_refused_gets_its_status_where_a_hang_is_planned():
    async def conversation(reader, writer, gone):
        writer.write(get("BR", method="POST"))
        writer.write_eof()
        return await reader.read()

    with timed(BR=Hang(or_s=1000.0)) as (talk, *_):
        assert talk(conversation).startswith(b"HTTP/1.1 405 ")


def test_an_ended_connection_notices_at_once_that_the_client_closes_though_many_had_to_wait():
    async def conversation(reader, writer, gone):
        writer.write(get("BR") + get("ZZ") * connection.MAX_QUEUED)
        await reader.read()
        writer.write(get("ZZ"))
        writer.close()
        return await gone()

    with timed(BR=Truncate(9, delay_s=5.0)) as (talk, *_):
        assert talk(conversation) == pytest.approx(5.0, abs=0.2)


def test_the_75_s_of_a_client_that_takes_nothing_begin_with_the_response(monkeypatch):
    body = bytes(5_000_000)
    resource = Resource(ResourceInfo(len(body), "image/gif"), lambda a, b: body[a:b], body)
    monkeypatch.setattr(FlagCatalogue, "find", lambda self, path: resource)

    async def conversation(reader, writer, gone):
        writer.transport.pause_reading()
        writer.write(get("BR"))
        await asyncio.sleep(0)
        return await gone()

    with timed(BR=Serve(delay_s=60.0)) as (talk, servers, _):
        due_s = 60.0 + connection.IDLE_S
        assert due_s <= talk(conversation) <= due_s + 1.5
        (entry,) = servers.entries
        assert (entry["complete"], entry["client_gone"]) == (False, True)


def test_the_entry_of_a_connection_tells_from_when_to_when_it_was_there():
    async def conversation(reader, writer, gone):
        return await gone()

    with timed() as (talk, servers, _):
        talk(conversation)
        (entry,) = servers.entries
        assert entry["type"] == "connection"
        assert entry["end_s"] - entry["start_s"] == pytest.approx(connection.IDLE_S, abs=1.5)


@pytest.mark.parametrize("behind", [b"", get("CN")])
def test_a_dripping_body_comes_in_pieces_20_ms_apart(behind):
    async def conversation(reader, writer, gone):
        writer.write(get("BR") + behind)
        await reader.readuntil(b"\r\n\r\n")
        pieces, left = 0, len(flag("BR"))
        while left > 0:
            left -= len(await reader.read(left))
            pieces += 1
        return pieces

    with timed(BR=Drip(5000, delay_s=5.0)) as (talk, *_):
        drops = len(flag("BR")) / (5000 * 0.02)
        assert drops - 1 <= talk(conversation) <= drops + 1


def test_each_server_closes_its_idle_connections():
    with virtual_time() as runner, joined(runner) as (servers, wire):

        async def stay():
            for label in LABELS:
                await wire.connect(port_of(servers, label))
            await asyncio.sleep(connection.IDLE_S + 3)
            left = {label: state.connections for label, state in servers._servers.states.items()}
            for end in wire.ends:
                end.close()
            return {label: len(left[label]) for label in LABELS}

        assert runner.run(stay()) == dict.fromkeys(LABELS, 0)


# --- runs, and the control API -----------------------------------------------------------------


class Driven:
    """Servers in this loop, their runs, and a client of their control API."""

    def __init__(self, folder, file=None):
        self.servers = MockServers(FlagCatalogue())
        self.runs = RunHistory(self.servers, file, folder)
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self):
        await self.servers.start()
        self._stack.push_async_callback(self.servers.stop)
        self.runs.begin({})
        control = Control(self.servers, self.runs)
        url = await control.start(0)
        self._stack.push_async_callback(control.stop)
        self.session = await self._stack.enter_async_context(aiohttp.ClientSession(url))
        return self

    async def __aexit__(self, *exc_info):
        await self._stack.aclose()

    async def ask(self, method, path, body=None, **headers):
        headers.setdefault("Content-Type", "application/json")
        async with self.session.request(method, path, data=body, headers=headers) as answer:
            return answer.status, await answer.json()


@pytest_asyncio.fixture
async def driven(tmp_path):
    async with Driven(tmp_path) as started:
        yield started


@asynchronous
async def test_a_method_that_there_is_not_is_answered_with_those_that_there_are(driven):
    async with driven.session.delete("/plan") as answer:
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
@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PUT", "/plan", b'\xef\xbb\xbf{"plan": 1}', 200),
        ("PUT", "/plan", b'{"plan": 1}' + b" " * (control.MAX_BODY - 10), 413),
        ("POST", "/reset", b"", 200),
        ("POST", "/reset", b" {}\n", 200),
        ("POST", "/ledger", b"[" * 200_000, 400),
        ("POST", "/ledger", rb'{"stdout": "\ud800 OK\n"}', 200),
        ("GET", "/journal?limit=1000", None, 200),
        ("GET", "/journal?limit=1", None, 200),
        ("GET", "/journal?limit=00010", None, 400),
        ("GET", "/journal?after=2-1", None, 400),
    ],
)
async def test_a_call_at_the_edge_of_what_may_be(driven, method, path, body, status):
    assert (await driven.ask(method, path, body))[0] == status


@asynchronous
async def test_a_page_has_as_many_entries_as_were_asked_for_and_the_first_the_header_too(driven):
    reader, writer = await asyncio.open_connection("127.0.0.1", port_of(driven.servers))
    writer.write(get("ZZ") * 3)
    for _ in range(3):
        await reply(reader)
    writer.close()
    _, first = await driven.ask("GET", "/journal?limit=1")
    assert (first["header"]["journal"], [entry["n"] for entry in first["entries"]]) == (1, [1])
    _, second = await driven.ask("GET", f"/journal?limit=2&after={first['next']}")
    assert [entry["n"] for entry in second["entries"]] == [2, 3]


@pytest.mark.parametrize(
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
        _, health = await driven.ask("GET", "/health")
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


@asynchronous
async def test_a_reset_is_answered_when_all_earlier_journals_are_whole(driven):
    runs, streams = [driven.runs.current], []
    for n in range(1, 4):
        address = ("127.0.0.1", port_of(driven.servers))
        streams.append(await asyncio.open_connection(*address))
        streams[-1][1].write(get("BR")[:-2])
        while not driven.servers.run.under_way:
            await asyncio.sleep(0)
        assert (await driven.ask("PUT", "/plan", '{"plan": 1}'))[1]["run"] == n + 1
        runs.append(driven.runs.current)
    assert [run.over.is_set() for run in runs] == [False] * 4
    await driven.ask("POST", "/reset")
    assert [run.over.is_set() for run in runs] == [True] * 4
    for _, writer in streams:
        writer.close()


@asynchronous
async def test_the_first_incomplete_journal_is_the_one_that_is_reported(driven):
    first = driven.runs.current.journal
    for _ in range(2):
        driven.runs.current.journal.error = OSError(errno.ENOSPC, "No space left on device")
        await driven.ask("POST", "/reset")
    assert driven.runs.incomplete is first


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
async def test_the_port_of_the_control_api_is_free_again_at_the_end(tmp_path):
    servers = MockServers(FlagCatalogue())
    stopped = Control(servers, RunHistory(servers, None, tmp_path))
    port = int((await stopped.start(0)).rsplit(":", 1)[1])
    await stopped.stop()
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", port))


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
