"""Connections are accepted, also where there is no room."""

import asyncio
import errno
import itertools
import os
import socket

from support.server_in_loop import asynchronous, told_end

from mockservers import connection
from mockservers.journal_json import Recorder
from mockservers.plan import LABELS, Plan


@asynchronous
async def test_without_room_it_is_tried_again_ten_times_a_second(house, monkeypatch, caplog):
    tries = []

    async def no_room(listener):
        tries.append(listener)
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(asyncio.get_running_loop(), "sock_accept", no_room)
    house.begin_run(Plan(refuse=True))
    house.begin_run()
    began_s = asyncio.get_running_loop().time()
    await asyncio.sleep(0.15)
    took_s = asyncio.get_running_loop().time() - began_s
    assert 1 <= tries.count(tries[0]) <= took_s / 0.1 + 2
    assert [record.getMessage() for record in caplog.records] == [
        f"mockservers: no room for more connections: {os.strerror(errno.EMFILE)}; they wait"
    ]


@asynchronous
async def test_a_client_that_gives_up_before_it_is_accepted_does_not_stop_the_server(
    house, monkeypatch
):
    loop = asyncio.get_running_loop()
    really_accept, given_up = loop.sock_accept, set()

    async def accept(listener):
        if listener not in given_up:
            given_up.add(listener)
            raise OSError(errno.ECONNABORTED, os.strerror(errno.ECONNABORTED))
        return await really_accept(listener)

    monkeypatch.setattr(loop, "sock_accept", accept)
    house.begin_run(Plan(refuse=True))
    house.begin_run()
    assert await house.ask() == 200
    assert given_up


@asynchronous
async def test_many_connections_at_once_do_not_starve_others(house, monkeypatch):
    clients, turns, accepted_in = [], itertools.count(), []
    turn = next(turns)

    async def accept(listener):
        if len(clients) == 200:
            await asyncio.Event().wait()
        client, server = socket.socketpair()
        clients.append(client)
        accepted_in.append(turn)
        return server, None

    monkeypatch.setattr(asyncio.get_running_loop(), "sock_accept", accept)
    house.servers.begin_run({"LOCAL": Plan(refuse=True)}, Recorder(house.entries.append))
    house.begin_run()
    while len(clients) < 200:
        await asyncio.sleep(0)
        turn = next(turns)
    for client in clients:
        client.close()
    assert len(set(accepted_in)) > 1


@asynchronous
async def test_a_connection_that_cannot_be_taken_on_is_closed(house, monkeypatch):
    taken = []

    async def no_more(factory, sock):
        taken.append(sock)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(asyncio.get_running_loop(), "connect_accepted_socket", no_more)
    reader, _ = await house.connect()
    await told_end(reader)
    assert taken[0].fileno() == -1


@asynchronous
async def test_the_bound_of_connections_is_that_of_each_server(house, monkeypatch):
    monkeypatch.setattr(connection, "MAX_CONNECTIONS", 1)
    for label in LABELS:
        assert await house.ask("ZZ", label) == 404
    reader, _ = await house.connect("ERROR")
    await told_end(reader)
