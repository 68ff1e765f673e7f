"""Digests of long bodies, which come after the entry of their request."""

import asyncio
import hashlib
import os
import threading
from dataclasses import dataclass

import pytest_asyncio
from support.rows import each
from support.server_in_loop import House, asynchronous, port_of

from mockservers import running
from mockservers.content.folder import FolderCatalogue
from mockservers.faults import Reset, Serve, Truncate
from mockservers.journal_json import Recorder
from mockservers.kinds.body import DIGESTED_AT_ONCE, Body
from mockservers.kinds.resource import Resource, ResourceInfo
from mockservers.plan import Gate, Plan

LONG = os.urandom(DIGESTED_AT_ONCE + 1)
HUGE = 30_000_000
"""More than the operating system takes for a client that does not read."""
CHANGED = {"type": "digest", "n": 1, "sha256": None, "reason": "the file has changed"}


@pytest_asyncio.fixture
async def house(tmp_path):
    (tmp_path / "long").write_bytes(LONG)
    (tmp_path / "short").write_bytes(LONG[:-1])
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(HUGE)
    async with House(FolderCatalogue(tmp_path)) as started:
        yield started


async def ask(house, path, *fields):
    reader, writer = await house.connect()
    lines = [f"GET {path} HTTP/1.1", "Host: x", "Connection: close", *fields, "", ""]
    writer.write("\r\n".join(lines).encode())
    return reader


async def fetch(house, path, *fields):
    body = (await (await ask(house, path, *fields)).read()).partition(b"\r\n\r\n")[2]
    await house.until(lambda: house.servers.run.settled)
    return body


@asynchronous
async def test_a_short_body_has_its_digest_at_once_and_a_long_one_later(house):
    body = await fetch(house, "/short")
    (entry,) = house.entries
    assert entry["sha256"] == hashlib.sha256(body).hexdigest()
    assert "digest" not in entry
    house.begin_run()
    assert await fetch(house, "/long") == LONG
    entry, digest = house.entries
    assert (entry["sha256"], entry["digest"]) == (None, "later")
    assert digest == {"type": "digest", "n": 1, "sha256": hashlib.sha256(LONG).hexdigest()}


@each(
    ("fault", "asked"),
    [
        (Truncate(300_000 - 1), ""),
        (Truncate(7), ""),
        (Reset(1000), ""),
        (Serve(version=3, grow=9), ""),
        (Serve(grow=100), "bytes=100-"),
        (Serve(), f"bytes=1-{DIGESTED_AT_ONCE}"),
        (Serve(version=2), f"bytes=9-{DIGESTED_AT_ONCE + 9}"),
    ],
)
def test_it_is_of_exactly_the_bytes_sent(tmp_path, fault, asked):
    content = tmp_path / "content"
    content.mkdir(exist_ok=True)
    (content / "long").write_bytes(LONG * 2)

    async def go():
        async with House(FolderCatalogue(content)) as house:
            house.begin_run(Plan(rules={"/long": fault}, ranges=True))
            try:
                body = await fetch(house, "/long", f"Range: {asked}")
            except ConnectionError:
                body = None
            await house.until(lambda: house.servers.run.settled)
            entry, *late = house.entries
            digest = late[0]["sha256"] if late else entry["sha256"]
            sent = body if body is not None else (LONG * 2)[: entry["bytes_sent"]]
            assert len(sent) == entry["bytes_sent"]
            assert digest == hashlib.sha256(sent).hexdigest()

    asyncio.run(go())


@asynchronous
async def test_a_file_that_changes_as_it_is_sent_has_none(house, tmp_path):
    reader = await ask(house, "/huge")
    await reader.readuntil(b"\r\n\r\n")
    os.utime(tmp_path / "huge", (1, 1))
    assert len(await reader.read()) == HUGE
    await house.until(lambda: house.servers.run.settled)
    assert house.entries[1:] == [CHANGED]


@asynchronous
async def test_a_file_that_is_replaced_is_sent_to_its_end_as_it_was(house, tmp_path):
    reader = await ask(house, "/huge")
    await reader.readuntil(b"\r\n\r\n")
    (tmp_path / "other").write_bytes(b"x" * HUGE)
    (tmp_path / "other").replace(tmp_path / "huge")
    body = await reader.read()
    assert body == bytes(HUGE)
    await house.until(lambda: house.servers.run.settled)
    assert house.entries[1:] == [CHANGED]


@asynchronous
async def test_of_a_file_that_goes_before_its_first_byte_nothing_is_sent(house, tmp_path):
    house.begin_run(Plan(rules={"/short": Serve()}, ranges=True, gate=Gate(2, 30.0)))
    reader = await ask(house, "/short", "Range: bytes=0-9")
    await house.until(lambda: house.servers.run.under_way)
    (tmp_path / "short").unlink()
    await ask(house, "/absent")
    assert await reader.read() == b""
    await house.until(lambda: len([one for one in house.entries if one["type"] == "request"]) == 2)
    entry = next(
        one
        for one in [one for one in house.entries if one["type"] == "request"]
        if one["path"] == "/short"
    )
    assert (entry["status"], entry["first_byte_s"], entry["complete"]) == (None, None, False)
    assert not {"version", "content_range"} & set(entry)


@asynchronous
async def test_a_run_is_not_over_before_its_digests_and_others_are_served_meanwhile(
    house, monkeypatch
):
    go_on, over = threading.Event(), []
    monkeypatch.setattr(Body, "digested_later", lambda self: go_on.wait() and "it")
    house.begin_run(over=lambda: over.append(True))
    entries = house.entries
    try:
        assert await (await ask(house, "/long")).read()
        await house.until(lambda: entries)
        assert not house.servers.run.settled
        house.servers.begin_run({}, Recorder(print))
        assert await (await ask(house, "/short")).read()
        assert (len(entries), over) == (1, [])
    finally:
        go_on.set()
    await house.until(lambda: over)
    assert entries[1:] == [{"type": "digest", "n": 1, "sha256": "it"}]


class Odd:
    """A catalogue whose resource cannot be read again, and has no hash."""

    in_memory = False

    def find(self, path):
        return Resource(ResourceInfo(len(LONG), "a/b"), Reader(), unchanged=lambda: True)

    def name(self, path):
        return path


@dataclass
class Reader:
    def __call__(self, start, stop):
        return LONG[start:stop]


def test_a_catalogue_that_fails_leaves_no_run_waiting():
    with running(content=Odd()) as servers:
        asyncio.run(_left(servers))
        servers.settle()
        assert servers.entries[1:] == [CHANGED]


def test_settling_and_the_end_of_the_servers_wait_for_digests_and_leave_no_thread():
    before = set(threading.enumerate())
    with running(content={"/long": LONG}) as servers:
        for _ in range(2):
            entries = servers.begin_run({})
            asyncio.run(_left(servers))
            servers.settle()
            assert [entry["type"] for entry in entries] == ["request", "digest"]
        entries = servers.begin_run({})
        asyncio.run(_left(servers))
    assert [entry["type"] for entry in entries] == ["request", "digest"]
    # By identity: a thread of an earlier test may end meanwhile.
    assert set(threading.enumerate()) <= before


async def _left(servers):
    """Ask, and leave when the response has ended, or a little before."""
    port = port_of(servers)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /long HTTP/1.1\r\nHost: x\r\n\r\n")
    await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(len(LONG))
    writer.close()
