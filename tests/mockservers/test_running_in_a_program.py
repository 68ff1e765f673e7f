"""Servers inside a program: `mockservers.running`."""

import asyncio
import contextlib
import socket
import time

import pytest
from support.command_in_process import get, words

import mockservers
from mockservers.content.resources import FolderCatalogue
from mockservers.faults import Hang
from mockservers.flags2.codes import path_of_code
from mockservers.http.listeners import PortInUseError
from mockservers.plan import Plan


def in_program(how, claim, **options):
    """Run `claim` on servers of a `with` block, or of an `async with` block."""
    if how == "with":
        with mockservers.running(**options) as servers:
            return claim(servers)

    async def entered():
        async with mockservers.running(**options) as servers:
            return await asyncio.to_thread(claim, servers)

    return asyncio.run(entered())


BOTH = pytest.mark.parametrize("how", ["with", "async with"])


@contextlib.contextmanager
def waiting_for_br(servers):
    """A client that has asked for BR and does not read what it gets."""
    host, port = servers.urls["LOCAL"].split("/")[2].split(":")
    with socket.create_connection((host, int(port)), timeout=60) as client:
        client.sendall(b"GET /flags/br/br.gif HTTP/1.1\r\nHost: x\r\n\r\n")
        yield client


@BOTH
def test_servers_take_the_ports_they_are_given(how):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports = (0, taken.getsockname()[1], 0)
        with pytest.raises(PortInUseError, match=str(ports[1])):
            in_program(how, lambda servers: None, ports=ports)


@BOTH
def test_servers_have_the_catalogue_they_are_given(how, tmp_path):
    (tmp_path / "notes.txt").write_bytes(b"mine")
    reply = in_program(
        how,
        lambda servers: get(servers.urls["ERROR"], "/notes.txt"),
        catalogue=FolderCatalogue(tmp_path),
    )
    assert (reply[0], reply[1]["Content-Type"], reply[2]) == (200, "text/plain", b"mine")


def test_what_was_asked_for_is_what_something_is_said_of():
    with mockservers.running() as servers:
        ledger = servers.ledger({"BR": "ok"})
        assert ledger.asked == ("BR",)
        assert words(ledger) == words(servers.ledger({"BR": "ok"}, asked=["BR"]))
        assert servers.ledger().asked is None


def test_on_a_loop_a_code_that_was_asked_for_and_forgotten_is_lost():
    async def claim():
        async with mockservers.running() as servers:
            await asyncio.to_thread(get, servers.urls["LOCAL"], path_of_code("BR"))
            assert (await servers.check({"BR": "ok"}, asked=["BR"])).balanced
            with pytest.raises(AssertionError, match="lost"):
                await servers.check({"BR": "ok"}, asked=["BR", "CN"])

    asyncio.run(claim())


def test_on_a_loop_the_ledger_waits_for_what_is_under_way():
    async def claim():
        async with mockservers.running(Plan(rules={"BR": (Hang(0.05),)})) as servers:
            with waiting_for_br(servers):
                while not servers._servers.run.under_way:
                    await asyncio.sleep(0)
                return await servers.ledger({"BR": "error"})

    assert asyncio.run(claim()).requests == 1


def test_to_cancel_drops_clients_that_wait():
    plan = Plan(rules={"BR": (Hang(60.0),)})
    with mockservers.running(plan) as servers, waiting_for_br(servers) as client:
        while not servers.under_way:
            time.sleep(0.001)
        servers.drop_connections()
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(1) == b""


def test_the_clock_tells_the_seconds_of_the_run_as_its_entries_do():
    with mockservers.running() as servers:
        before = time.monotonic()
        servers.begin_run({})
        get(servers.urls["LOCAL"], path_of_code("BR"))
        servers.settle()
        assert servers.entries[0]["end_s"] <= servers.clock_s() <= time.monotonic() - before
