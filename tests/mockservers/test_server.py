"""The server on the wire: what it sends, how it ends, what it writes down."""

import asyncio
import contextlib
import hashlib
import json
import socket
import struct

import pytest
import pytest_asyncio
from hypothesis import find
from support import FOUND_IS_ENOUGH

from mockservers import connection
from mockservers.content.flag_images import flag
from mockservers.content.resources import FlagCatalogue, FolderCatalogue
from mockservers.faults import Empty, Reset, Serve, Status, Truncate
from mockservers.http import fast_path, sender
from mockservers.http import request_parser as parser
from mockservers.http.listeners import PortInUseError, bind
from mockservers.journal import Recorder
from mockservers.kinds.resource import Resource, ResourceInfo
from mockservers.plan import Bucket, Gate, Plan
from mockservers.server import MockServers
from mockservers.strategies import STRATEGIES

HEAD_OF_BR = (
    b"HTTP/1.1 200 OK\r\nServer: mockservers\r\nContent-Type: image/gif\r\n"
    b"Content-Length: %d\r\n\r\n" % len(flag("BR"))
)
NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nServer: mockservers\r\nContent-Length: 0\r\n\r\n"


def get(path="/flags/br/br.gif", *fields, method="GET", version="1.1"):
    lines = [f"{method} {path} HTTP/{version}", "Host: x", *fields, "", ""]
    return "\r\n".join(lines).encode()


class House:
    """Servers in this loop, with the entries of their latest run."""

    def __init__(self, catalogue=None):
        self.servers = MockServers(catalogue or FlagCatalogue())
        self.entries = []

    def begin_run(self, plan=None, **rules):
        plan = plan or Plan(rules={code: tuple(rule) for code, rule in rules.items()})
        self.entries = []
        self.servers.begin_run({"LOCAL": plan}, Recorder(self.entries.append))

    @property
    def requests(self):
        return [entry for entry in self.entries if entry["type"] == "request"]

    async def connect(self):
        port = int(self.servers.urls["LOCAL"].split(":")[2].split("/")[0])
        return await asyncio.open_connection("127.0.0.1", port)

    async def send(self, *pieces, eof=True):
        """All that comes back on a connection that sends `pieces` one by one, or the error."""
        reader, writer = await self.connect()
        try:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
            if eof:
                writer.write_eof()
            received = b""
            while data := await reader.read(65_536):
                received += data
            return received, None
        except ConnectionError as exc:
            return received, exc
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def quiet(self):
        """Wait until every connection has ended."""
        while any(state.connections for state in self.servers.states.values()):
            await asyncio.sleep(0.001)


@pytest_asyncio.fixture
async def house():
    running = House()
    await running.servers.start()
    running.begin_run()
    yield running
    await running.servers.stop()


pytestmark = pytest.mark.asyncio


# --- replies ---------------------------------------------------------------------------


async def test_a_flag_is_served_byte_for_byte(house):
    received, _ = await house.send(get())
    assert received == HEAD_OF_BR + flag("BR")


async def test_an_absent_flag_is_a_whole_404(house):
    received, _ = await house.send(get("/flags/zz/zz.gif") * 2, eof=True)
    assert received.startswith(NOT_FOUND)


@pytest.mark.parametrize(
    ("reply", "expected", "is_reset"),
    [
        (Empty(), b"", False),
        (Reset(), b"", True),
        (Reset(20), HEAD_OF_BR[:20], True),
        (Reset(len(HEAD_OF_BR)), HEAD_OF_BR, True),
        (Reset(len(HEAD_OF_BR) + 7), HEAD_OF_BR + flag("BR")[:7], True),
        (Reset(10**6), HEAD_OF_BR + flag("BR"), True),
        (Truncate(), HEAD_OF_BR, False),
        (Truncate(100), HEAD_OF_BR + flag("BR")[:100], False),
        (Status((204,)), b"HTTP/1.1 204 No Content\r\nServer: mockservers\r\n\r\n", None),
        (
            Status((418,), "Tea", (("X-Pot", "yes"),)),
            b"HTTP/1.1 418 Tea\r\nServer: mockservers\r\nX-Pot: yes\r\nContent-Length: 0\r\n\r\n",
            None,
        ),
        (
            Status((799,)),
            b"HTTP/1.1 799 \r\nServer: mockservers\r\nContent-Length: 0\r\n\r\n",
            None,
        ),
    ],
)
async def test_a_fault_is_exactly_its_bytes_and_its_ending(house, reply, expected, is_reset):
    house.begin_run(BR=[reply])
    reader, writer = await house.connect()
    writer.write(get())
    if is_reset is None:  # the connection stays open
        assert await reader.readexactly(len(expected)) == expected
        writer.close()
    else:
        received, error = b"", None
        try:
            while data := await reader.read(65_536):
                received += data
        except ConnectionResetError as exc:
            error = exc
        assert received == expected
        assert (error is not None) is is_reset
        writer.close()
    await house.quiet()
    (entry,) = house.requests
    body = expected.partition(b"\r\n\r\n")[2]
    assert entry["do"] == reply.do
    assert entry["bytes_sent"] == len(body)
    assert entry["sha256"] == (hashlib.sha256(body).hexdigest() if body else None)
    assert entry["complete"] is True
    whole_head = b"\r\n\r\n" in expected
    assert entry["status"] == (int(expected[9:12]) if whole_head else None)


async def test_a_slow_client_gets_all_that_was_planned_before_the_reset(caplog):
    body = bytes(8_000_000)
    catalogue = FlagCatalogue()
    resource = Resource(ResourceInfo(len(body), "image/gif"), lambda a, b: body[a:b], body)
    catalogue.find = lambda path: resource
    house = House(catalogue)
    await house.servers.start()
    house.begin_run(BR=[Reset(5_000_000)])
    try:
        reader, writer = await house.connect()
        writer.write(get())
        await asyncio.sleep(0.1)  # while it does not read, the operating system's room runs out
        with pytest.raises(ConnectionResetError):
            await reader.readexactly(5_000_001)
        assert len(reader._buffer) == 5_000_000
        writer.close()
        await house.quiet()
        assert caplog.records == []
    finally:
        await house.servers.stop()


async def test_a_delay_is_waited_for_and_no_other_request_waits_with_it(house):
    house.begin_run(BR=[Serve(delay_s=0.2)])
    slow = asyncio.create_task(house.send(get()))
    quick, _ = await house.send(get("/flags/cn/cn.gif"))
    assert quick.endswith(flag("CN"))
    assert not slow.done()
    await slow
    cn, br = house.requests
    assert (cn["code"], br["code"]) == ("CN", "BR")
    assert br["first_byte_s"] - br["start_s"] >= 0.2
    assert br["delay_s"] == 0.2


async def test_head_is_the_get_without_its_body(house):
    received, _ = await house.send(get(method="HEAD"))
    assert received.startswith(b"HTTP/1.1 200 OK")
    assert b"Content-Length: %d" % len(flag("BR")) in received
    assert received.endswith(b"\r\n\r\n")


async def test_only_a_get_is_an_attempt(house):
    house.begin_run(BR=[Status((503,)), Serve()])
    for method, status in [("HEAD", 503), ("GET", 503), ("HEAD", 200), ("GET", 200)]:
        received, _ = await house.send(get(method=method))
        assert received.startswith(b"HTTP/1.1 %d" % status)


async def test_pipelined_requests_are_answered_in_order(house):
    house.begin_run(BR=[Serve(delay_s=0.05), Serve()])
    paths = ["/flags/br/br.gif", "/flags/zz/zz.gif", "/flags/cn/cn.gif"] * 60
    received, _ = await house.send(b"".join(map(get, paths)))
    heads = [len(flag("BR")), 0, len(flag("CN"))] * 60
    for length in heads:
        head, _, received = received.partition(b"\r\n\r\n")
        assert b"Content-Length: %d" % length in head
        received = received[length:]
    assert received == b""
    assert [entry["n"] for entry in house.requests] == list(range(1, 181))


async def test_a_request_may_come_byte_by_byte(house):
    whole, _ = await house.send(get())
    in_bytes, _ = await house.send(*(bytes([byte]) for byte in get()))
    assert in_bytes == whole


@pytest.mark.parametrize(
    ("version", "fields", "closes", "says"),
    [
        ("1.1", [], False, None),
        ("1.1", ["Connection: close"], True, b"Connection: close"),
        ("1.0", [], True, b"Connection: close"),
        ("1.0", ["Connection: keep-alive"], False, b"Connection: keep-alive"),
    ],
)
async def test_a_connection_persists_as_rfc_9112_says(house, version, fields, closes, says):
    reader, writer = await house.connect()
    writer.write(get("/flags/zz/zz.gif", *fields, version=version))
    head = await reader.readuntil(b"\r\n\r\n")
    assert (says or b"404") in head
    writer.write(get("/flags/zz/zz.gif"))
    second = await reader.read(12)
    assert second == (b"" if closes else b"HTTP/1.1 404")
    writer.close()


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET /\r\n\r\n", 505),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400),
        (get("/", "Content-Length: 1", "Transfer-Encoding: chunked", method="POST"), 400),
        (get(method="BREW"), 405),
        (b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nZ\r\n", 400),
        (get(method="POST"), 405),
        (get("*", method="OPTIONS"), 405),
        (get("x:1", method="CONNECT"), 405),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", 405),
        (get("/" + "a" * parser.MAX_TARGET), 414),
        (get("/", "X: " + "a" * parser.MAX_HEAD), 431),
        (get("/", *["X: y"] * (parser.MAX_HEAD // 6)), 431),
        (get("http://elsewhere/flags/zz/zz.gif?q"), 404),
        (get("/flags/zz/zz.gif", "Upgrade: h2c", "Connection: Upgrade"), 404),
    ],
)  # fmt: skip
async def test_what_cannot_be_served_is_refused_with_its_status(house, sent, status):
    received, _ = await house.send(sent)
    assert received.startswith(b"HTTP/1.1 %d " % status)
    assert received.count(b"HTTP/1.1") == 1
    await house.quiet()
    told = [entry["status"] for entry in house.entries if entry.get("status")]
    assert told == [status]


async def test_a_body_that_is_too_long_is_refused(house):
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n"
    received, _ = await house.send(head, b"x" * (parser.MAX_BODY + 1), eof=False)
    assert received.startswith(b"HTTP/1.1 413 ")


async def test_a_client_that_waits_for_leave_to_send_gets_it(house):
    reader, writer = await house.connect()
    writer.write(get("/", "Content-Length: 3", "Expect: 100-continue", method="POST"))
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(b"abc")
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 405 ")
    writer.close()


async def test_what_came_before_nonsense_is_answered_first(house):
    received, _ = await house.send(get("/flags/zz/zz.gif") + b"nonsense\r\n\r\n")
    assert received.startswith(NOT_FOUND + b"HTTP/1.1 400 ")


@pytest.mark.parametrize("kind", STRATEGIES)
async def test_a_prepared_response_is_the_one_that_would_be_made(house, kind, monkeypatch):
    reply = find(STRATEGIES[kind](), lambda reply: reply.delay_s == 0, settings=FOUND_IS_ENOUGH)
    plan = Plan(3, (Bucket(60, reply),), {"US": (reply,), "FR": (reply, Status((503,)))})
    seen = []
    for quickly in (True, False):
        if not quickly:
            monkeypatch.setattr(fast_path.KnownHeaders, "whole_get", lambda self, data: None)
        house.begin_run(plan)
        codes = ["br", "us", "zz", "fr", "us", "br", "ad"]
        received = [await house.send(get(f"/flags/{code}/{code}.gif")) for code in codes]
        await house.quiet()
        differ = ("conn", "start_s", "first_byte_s", "end_s")
        same = [{k: v for k, v in e.items() if k not in differ} for e in house.requests]
        seen.append(([data for data, _ in received], same))
    assert seen[0] == seen[1]


async def test_a_prepared_response_that_is_not_taken_at_once_is_accounted_for(monkeypatch):
    body = bytes(5_000_000)
    monkeypatch.setattr(fast_path, "MAX_PREPARED_BYTES", len(body))
    catalogue = FlagCatalogue()
    resource = Resource(ResourceInfo(len(body), "image/gif"), lambda a, b: body[a:b], body)
    monkeypatch.setattr(catalogue, "find", lambda path: resource)
    house = House(catalogue)
    await house.servers.start()
    house.begin_run()
    try:
        reader, writer = await house.connect()
        writer.write(get())
        while not house.servers.run.under_way:
            await asyncio.sleep(0)
        head = await reader.readuntil(b"\r\n\r\n")
        assert await reader.readexactly(len(body)) == body
        writer.write(get() * 2)
        for _ in range(2):
            assert await reader.readexactly(len(head)) == head
            assert await reader.readexactly(len(body)) == body
        writer.close()
        await house.quiet()
        digest = hashlib.sha256(body).hexdigest()
        assert [(e["n"], e["complete"], e["sha256"]) for e in house.requests] == [
            (1, True, digest), (2, True, digest), (3, True, digest)
        ]  # fmt: skip
        assert house.servers.states["LOCAL"].server_run.in_flight == 0
    finally:
        await house.servers.stop()


# --- what is written down --------------------------------------------------------------


async def test_a_connection_without_a_request_line_has_an_entry(house):
    await house.send(b"")
    await house.send(b"GET /fla")
    await house.quiet()
    assert [entry["type"] for entry in house.entries] == ["connection", "connection"]


async def test_a_request_whose_head_never_ends_has_an_entry(house):
    await house.send(b"GET /flags/br/br.gif HTTP/1.1\r\nHost: x")
    await house.quiet()
    (entry,) = house.entries
    assert (entry["type"], entry["code"], entry["status"]) == ("request", "BR", None)
    assert entry["client_gone"]
    assert not entry["complete"]


async def test_a_client_that_leaves_in_a_delay_is_seen(house):
    house.begin_run(BR=[Serve(delay_s=30)])
    _, writer = await house.connect()
    writer.write(get())
    while not house.servers.states["LOCAL"].server_run.in_flight:
        await asyncio.sleep(0.001)
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
    await house.quiet()
    (entry,) = house.requests
    assert entry["client_gone"]
    assert entry["status"] is None


async def test_a_client_that_half_closes_before_its_response_is_marked(house):
    house.begin_run(BR=[Serve(delay_s=0.01)], CN=[Serve(delay_s=0.01)])
    await house.send(get(), eof=True)
    await house.send(get("/flags/cn/cn.gif", "Connection: close"), eof=False)
    early, late = house.requests
    assert (early["client_closed"], early["complete"], early["client_gone"]) == (True, True, False)
    assert "client_closed" not in late


async def test_every_entry_has_every_field_of_the_format(house):
    await house.send(get())
    (entry,) = house.entries
    assert (
        list(entry)
        == (
            "type n conn server method path code attempt do status length bytes_sent complete "
            "client_gone sha256 in_flight delay_s start_s first_byte_s end_s"
        ).split()
    )
    assert json.loads(json.dumps(entry)) == entry
    assert entry["start_s"] <= entry["first_byte_s"] <= entry["end_s"]


async def test_in_flight_is_counted_from_arrival_to_the_last_byte(house):
    house.begin_run(Plan(gate=Gate(5, 30.0)))
    await asyncio.gather(*(house.send(get(f"/flags/z{c}/z{c}.gif")) for c in "vwxyz"))
    assert sorted(entry["in_flight"] for entry in house.requests) == [1, 2, 3, 4, 5]
    assert house.servers.states["LOCAL"].server_run.in_flight == 0
    (gate,) = (entry for entry in house.entries if entry["type"] == "gate")
    assert (gate["held"], gate["filled"]) == (5, True)


async def test_a_gate_that_does_not_fill_opens_by_its_time_and_only_once(house):
    house.begin_run(Plan(gate=Gate(3, 0.05)))
    await house.send(get("/flags/zz/zz.gif"))
    await house.send(get("/flags/zz/zz.gif"))
    gates = [entry for entry in house.entries if entry["type"] == "gate"]
    assert [(gate["held"], gate["filled"]) for gate in gates] == [(1, False)]


async def test_a_gate_of_the_run_before_still_opens_by_its_time(house):
    house.begin_run(Plan(gate=Gate(2, 0.05)))
    before = house.entries
    held = asyncio.create_task(house.send(get("/flags/zz/zz.gif"), eof=False))
    while not house.servers.run.under_way:
        await asyncio.sleep(0.001)
    house.begin_run()
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(held, 0.3)  # the connection itself stays open
    assert [entry["type"] for entry in before] == ["gate", "request"]
    assert house.entries == []


@pytest.mark.parametrize("reply", [Reset(), Empty(), Truncate(9), Reset(300)])
async def test_nothing_is_served_after_the_end_of_a_connection(house, reply):
    house.begin_run(US=[reply])
    await house.send(get("/flags/us/us.gif") + get() * 3)
    await house.quiet()
    first, *behind = house.requests
    assert first["complete"]
    assert all(entry["bytes_sent"] == 0 and not entry["complete"] for entry in behind)


async def test_responses_due_are_sent_although_the_last_request_is_cut(house):
    house.begin_run(BR=[Serve(delay_s=0.05)])
    cut = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc"
    received, _ = await house.send(get() + cut)
    assert received.endswith(flag("BR"))


async def test_leave_to_send_comes_when_it_is_the_turn_of_the_request(house):
    house.begin_run(BR=[Serve(delay_s=0.05)])
    reader, writer = await house.connect()
    asks = get("/", "Content-Length: 3", "Expect: 100-continue", method="POST")
    writer.write(get() + asks)
    await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(len(flag("BR")))
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.close()


async def test_a_new_run_counts_from_zero(house):
    for _ in range(2):
        house.begin_run(BR=[Status((503,)), Serve()])
        received, _ = await house.send(get())
        assert received.startswith(b"HTTP/1.1 503")
        assert [entry["n"] for entry in house.requests] == [1]


async def test_attempts_are_counted_for_a_bounded_set_of_names(house):
    for n in range(50):
        await house.send(get(f"/nowhere/{n}"))
    await house.send(get("/flags/zz/zz.gif?n=1"))
    await house.send(get("/flags/zz/zz.gif?n=2"))
    assert dict(house.servers.states["LOCAL"].server_run._attempts) == {"ZZ": 2}
    assert house.requests[-1]["attempt"] == 2


# --- bounds ----------------------------------------------------------------------------


async def test_slow_and_idle_clients_are_ended_in_time(house, monkeypatch):
    monkeypatch.setattr(connection, "REQUEST_S", 0.0)
    monkeypatch.setattr(connection, "IDLE_S", 0.0)
    slow_reader, slow = await house.connect()
    slow.write(b"GET / HTTP/1.1\r\nHos")
    idle_reader, idle = await house.connect()
    assert (await slow_reader.read(13)).startswith(b"HTTP/1.1 408 ")
    with contextlib.suppress(ConnectionResetError):
        assert await idle_reader.read() == b""
    slow.close()
    idle.close()


async def test_too_many_connections_are_closed_at_once(house, monkeypatch):
    monkeypatch.setattr(connection, "MAX_CONNECTIONS", 1)
    _, first = await house.connect()
    while not house.servers.states["LOCAL"].connections:
        await asyncio.sleep(0.001)
    reader, second = await house.connect()
    with contextlib.suppress(ConnectionResetError):
        assert await reader.read() == b""
    first.close()
    second.close()


async def test_a_taken_port_is_named():
    (first, *more) = bind("127.0.0.1", 0)
    port = first.port
    try:
        with pytest.raises(PortInUseError, match=f"port {port} is in use.*--ports auto"):
            bind("127.0.0.1", port)
    finally:
        for listener in (first, *more):
            listener.close()


async def test_ports_are_free_again_after_a_stop():
    for _ in range(3):
        house = House()
        await house.servers.start()
        ports = [int(url.split(":")[2].split("/")[0]) for url in house.servers.urls.values()]
        _, writer = await house.connect()
        await house.servers.stop()
        writer.close()
        again = MockServers(FlagCatalogue())
        await again.start(ports=ports)
        await again.stop()


async def test_a_stop_writes_the_entries_of_what_was_under_way():
    house = House()
    await house.servers.start()
    house.begin_run(BR=[Serve(delay_s=30)])
    _, writer = await house.connect()
    writer.write(get())
    while not house.servers.states["LOCAL"].server_run.in_flight:
        await asyncio.sleep(0.001)
    await house.servers.stop()
    writer.close()
    (entry,) = house.requests
    assert not entry["complete"]
    assert not entry["client_gone"]


# --- a folder of files -----------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "root"
    (root / "flags/br").mkdir(parents=True)
    (root / "flags/br/br.gif").write_bytes(b"GIF87a of a real file")
    (root / "a file.txt").write_bytes(b"text")
    (root / "empty").write_bytes(b"")
    (root / "big").write_bytes(bytes(1_000_000))
    (tmp_path / "secret").write_bytes(b"secret")
    (root / "inner").symlink_to(root / "a file.txt")
    (root / "outer").symlink_to(tmp_path / "secret")
    (root / "up").symlink_to(tmp_path)
    return root


async def test_a_folder_serves_its_files_and_nothing_else(folder, monkeypatch):
    # Two thousand of them, without as many nested calls.
    monkeypatch.setattr(sender, "CHUNK", 500)
    house = House(FolderCatalogue(folder))
    await house.servers.start()
    house.begin_run()
    try:
        for path, body in {
            "/flags/br/br.gif": b"GIF87a of a real file",
            "/a%20file.txt": b"text",
            "/inner": b"text",
            "/empty": b"",
            "/big": bytes(1_000_000),
        }.items():
            received, _ = await house.send(get(path))
            assert received.startswith(b"HTTP/1.1 200 OK")
            assert received.partition(b"\r\n\r\n")[2] == body
        for path in [
            "/flags/us/us.gif", "/../secret", "/%2e%2e/secret", "/flags/../../secret", "/outer",
            "/up/secret", "//etc/passwd", "/..%2fsecret", "/..%5csecret", "/a%00b", "/", "/flags",
            "/%ff", "/" + "a" * 5000,
        ]:  # fmt: skip
            received, _ = await house.send(get(path))
            assert received.startswith(b"HTTP/1.1 404 "), path
    finally:
        await house.servers.stop()


async def test_a_file_that_has_gone_ends_the_connection(folder):
    house = House(FolderCatalogue(folder))
    await house.servers.start()
    house.begin_run(BR=[Serve(delay_s=0.05)])
    try:
        asked = asyncio.create_task(house.send(get()))
        while not house.servers.states["LOCAL"].server_run.in_flight:
            await asyncio.sleep(0.001)
        (folder / "flags/br/br.gif").unlink()
        assert (await asked)[0] == b""
        await house.quiet()
        (entry,) = house.requests
        assert not entry["complete"]
    finally:
        await house.servers.stop()
