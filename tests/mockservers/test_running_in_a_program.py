"""Servers inside a program: `mockservers.running`."""

import asyncio
import contextlib
import socket
import time
from urllib.parse import urlsplit

import pytest
from support.command_in_process import get

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


def test_to_cancel_drops_clients_that_wait():
    with mockservers.running(Plan(rules={"BR": (Hang(60.0),)})) as servers:
        address = ("127.0.0.1", urlsplit(servers.urls["LOCAL"]).port)
        with socket.create_connection(address, timeout=60) as client:
            client.sendall(b"GET /flags/br/br.gif HTTP/1.1\r\nHost: x\r\n\r\n")
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
