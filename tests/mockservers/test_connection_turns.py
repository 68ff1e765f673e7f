"""The requests of a connection are answered in turn."""

import asyncio
import contextlib
import hashlib
import os
import socket
import struct

import pytest
from support.server_in_loop import WAIT_S, House, asynchronous, get, reply, told_end

from mockservers import connection
from mockservers.content.folder import FolderCatalogue
from mockservers.content.resources import FlagCatalogue
from mockservers.faults import Hang, Serve, Status
from mockservers.http import sender
from mockservers.journal_json import JournalFile, Recorder
from mockservers.kinds.resource import Resource, ResourceInfo
from mockservers.plan import Gate, Plan

BROKEN = Status((503,))


def reset(writer):
    """Leave so that the server is told at once."""
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


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
        await house.until(lambda: house.entries and house.servers.run.settled)
        entry, digest = house.entries
        sent = body[: entry["bytes_sent"]]
        assert digest == {"type": "digest", "n": 1, "sha256": hashlib.sha256(sent).hexdigest()}
        assert (entry["sha256"], entry["digest"]) == (None, "later")
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
