"""Servers start and stop, and connections end."""

import asyncio
import contextlib
import gc
import socket
import warnings

import pytest
from support.server_in_loop import WAIT_S, House, asynchronous, get, port_of, reply

from mockservers import connection, running
from mockservers.content.resources import FlagCatalogue
from mockservers.faults import Reset, Status
from mockservers.http import sender
from mockservers.kinds.resource import Resource, ResourceInfo
from mockservers.plan import Plan


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
    gc.collect()  # what an earlier test has left is reported now
    caplog.clear()
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
