"""Requests to a server, and its responses."""

import asyncio
import hashlib

import pytest
from hypothesis import find
from support.examples import FOUND_IS_ENOUGH
from support.server_fixture import House, get

from mockservers.content.flag_images import flag
from mockservers.content.resources import FlagCatalogue
from mockservers.faults import Empty, Reset, Serve, Status, Truncate
from mockservers.http import fast_path
from mockservers.http import request_parser as parser
from mockservers.kinds.resource import Resource, ResourceInfo
from mockservers.plan import Bucket, Plan
from mockservers.strategies import STRATEGIES

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
