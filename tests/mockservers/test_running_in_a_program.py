"""Servers inside a program: `mockservers.running`."""

import asyncio
import contextlib
import socket
import time
from urllib.parse import urlsplit

import pytest
from support.command_in_process import get
from support.rows import each

import mockservers
from mockservers.content.flag_images import flag
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


def served(servers, path):
    status, fields, body = get(servers.urls["ERROR"], path)
    return (status, fields["Content-Type"], body) if status == 200 else status


@BOTH
def test_servers_have_the_content_they_are_given(how, tmp_path):
    (tmp_path / "notes.txt").write_bytes(b"mine")
    for content in (tmp_path, str(tmp_path), {"/n%6ftes.txt": b"mine"}):
        what = in_program(how, lambda servers: served(servers, "/notes.txt"), content=content)
        assert what == (200, "text/plain", b"mine")


def test_a_run_has_content_of_its_own():
    with mockservers.running() as servers:
        entries = servers.begin_run(Plan(), {"/a%20b.bin": b"mine", "/flags/br/br.gif": b"BR"})
        assert served(servers, "/%61%20b.bin") == (200, "application/octet-stream", b"mine")
        assert served(servers, "/flags/br/br.gif") == (200, "image/gif", b"BR")
        assert served(servers, "/flags/us/us.gif") == 404
        servers.settle()
        assert [entry["code"] for entry in entries] == [None, "BR", "US"]
        servers.begin_run(Plan())
        assert served(servers, "/a%20b.bin") == 404
        assert served(servers, "/flags/us/us.gif")[2] == flag("US")


@each(
    ("content", "said"),
    [
        ({"a.bin": b""}, "content: 'a.bin' is not a path such as '/a%20b.bin'"),
        ({"/a b": b""}, "content: '/a b' is not a path such as '/a%20b.bin'"),
        ({"/a?b": b""}, "content: '/a?b' is not a path such as '/a%20b.bin'"),
        ({1: b""}, "content: 1 is not a path such as '/a%20b.bin'"),
        ({"/a": "text"}, "content: /a: str is not bytes"),
        ("nowhere", "nowhere is not a folder"),
    ],
)
def test_content_that_cannot_be_served_leaves_the_run_as_it_is(content, said):
    with mockservers.running(Plan(seed=3)) as servers:
        with pytest.raises((ValueError, NotADirectoryError)) as raised:
            servers.begin_run(Plan(), content)
        assert str(raised.value) == said
        assert servers.plans["LOCAL"] == Plan(seed=3)
        assert served(servers, "/flags/us/us.gif")[2] == flag("US")


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
