"""Addresses and ports: bound, refused, kept, free again."""

import asyncio
import contextlib
import errno
import os
import socket
import sys
from urllib.parse import urlsplit

import pytest
from support.server_in_loop import WAIT_S, House, asynchronous, get, port_of, reply, with_ipv6

from mockservers import running
from mockservers.content.resources import FlagCatalogue
from mockservers.http import listeners as listening
from mockservers.http.listeners import Listener, PortInUseError, bind
from mockservers.plan import LABELS, Plan
from mockservers.server import MockServers


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
