"""Requests to a server, and its responses."""

import asyncio
import hashlib

import pytest
from support.server_fixture import House, get

from mockservers.content.flag_images import flag
from mockservers.content.resources import FlagCatalogue
from mockservers.faults import Reset, Serve, Status
from mockservers.http import request_parser as parser
from mockservers.kinds.resource import Resource, ResourceInfo

pytestmark = pytest.mark.asyncio

HEAD_OF_BR = (
    b"HTTP/1.1 200 OK\r\nServer: mockservers\r\nContent-Type: image/gif\r\n"
    b"Content-Length: %d\r\n\r\n" % len(flag("BR"))
)

NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nServer: mockservers\r\nContent-Length: 0\r\n\r\n"


async def test_a_flag_is_served_byte_for_byte(house):
    received, _ = await house.send(get())
    assert received == HEAD_OF_BR + flag("BR")


async def test_an_absent_flag_is_a_whole_404(house):
    received, _ = await house.send(get("/flags/zz/zz.gif") * 2, eof=True)
    assert received.startswith(NOT_FOUND)


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


async def test_a_prepared_response_that_is_not_taken_at_once_is_accounted_for(monkeypatch):
    body = bytes(5_000_000)
    monkeypatch.setattr("mockservers.kinds.body.DIGESTED_AT_ONCE", len(body))
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
