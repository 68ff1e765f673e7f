"""The bounds of a server; a folder of files."""

import asyncio
import contextlib

import pytest
from support.server_fixture import House, get

from mockservers import connection
from mockservers.content.folder import FolderCatalogue
from mockservers.faults import Serve, Status
from mockservers.http import sender

pytestmark = pytest.mark.asyncio


# --- bounds ----------------------------------------------------------------------------


async def test_slow_and_idle_clients_are_ended_in_time(house, monkeypatch):
    monkeypatch.setattr(connection, "REQUEST_S", 0.0)
    monkeypatch.setattr(connection, "IDLE_S", 0.0)
    slow_reader, slow = await house.connect()
    slow.write(b"GET / HTTP/1.1\r\nHos")
    idle_reader, idle = await house.connect()
    assert (await slow_reader.read(13)).startswith(b"HTTP/1.1 408 ")
    with contextlib.suppress(ConnectionResetError):
        assert await idle_reader.read() == b""
    slow.close()
    idle.close()


async def test_too_many_connections_are_closed_at_once(house, monkeypatch):
    monkeypatch.setattr(connection, "MAX_CONNECTIONS", 1)
    _, first = await house.connect()
    while not house.servers.states["LOCAL"].connections:
        await asyncio.sleep(0.001)
    reader, second = await house.connect()
    with contextlib.suppress(ConnectionResetError):
        assert await reader.read() == b""
    first.close()
    second.close()


async def test_a_stop_writes_the_entries_of_what_was_under_way():
    house = House()
    await house.servers.start()
    house.begin_run(BR=[Serve(delay_s=30)])
    _, writer = await house.connect()
    writer.write(get())
    while not house.servers.states["LOCAL"].server_run.in_flight:
        await asyncio.sleep(0.001)
    await house.servers.stop()
    writer.close()
    (entry,) = house.requests
    assert not entry["complete"]
    assert not entry["client_gone"]


# --- a folder of files -----------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "root"
    (root / "flags/br").mkdir(parents=True)
    (root / "flags/br/br.gif").write_bytes(b"GIF87a of a real file")
    (root / "a file.txt").write_bytes(b"text")
    (root / "empty").write_bytes(b"")
    (root / "big").write_bytes(bytes(1_000_000))
    (tmp_path / "secret").write_bytes(b"secret")
    (root / "inner").symlink_to(root / "a file.txt")
    (root / "outer").symlink_to(tmp_path / "secret")
    (root / "up").symlink_to(tmp_path)
    return root


async def test_a_folder_serves_its_files_and_nothing_else(folder, monkeypatch):
    # Two thousand of them, without as many nested calls.
    monkeypatch.setattr(sender, "CHUNK", 500)
    house = House(FolderCatalogue(folder))
    await house.servers.start()
    house.begin_run()
    try:
        for path, body in {
            "/flags/br/br.gif": b"GIF87a of a real file",
            "/a%20file.txt": b"text",
            "/inner": b"text",
            "/empty": b"",
            "/big": bytes(1_000_000),
        }.items():
            received, _ = await house.send(get(path))
            assert received.startswith(b"HTTP/1.1 200 OK")
            assert received.partition(b"\r\n\r\n")[2] == body
        for path in [
            "/flags/us/us.gif", "/../secret", "/%2e%2e/secret", "/flags/../../secret", "/outer",
            "/up/secret", "//etc/passwd", "/..%2fsecret", "/..%5csecret", "/a%00b", "/", "/flags",
            "/%ff", "/" + "a" * 5000,
        ]:  # fmt: skip
            received, _ = await house.send(get(path))
            assert received.startswith(b"HTTP/1.1 404 "), path
    finally:
        await house.servers.stop()


async def test_a_file_that_has_gone_ends_the_connection(folder):
    house = House(FolderCatalogue(folder))
    await house.servers.start()
    house.begin_run(BR=[Serve(delay_s=0.05)])
    try:
        asked = asyncio.create_task(house.send(get()))
        while not house.servers.states["LOCAL"].server_run.in_flight:
            await asyncio.sleep(0.001)
        (folder / "flags/br/br.gif").unlink()
        assert (await asked)[0] == b""
        await house.quiet()
        (entry,) = house.requests
        assert not entry["complete"]
    finally:
        await house.servers.stop()


async def test_a_rule_holds_for_every_spelling_of_its_path(folder):
    (folder / "café~.gif").write_bytes(b"of a real file")
    spellings = ["/caf%C3%A9~.gif", "/caf%c3%a9%7E.gif", "/%63af%c3%A9~%2egif"]
    async with House(FolderCatalogue(folder)) as house:
        for rule in spellings:
            house.begin_run(**{rule: [Status((500,)), Serve(), Status((501,))]})
            for path in spellings:
                await house.send(get(path))
                await house.quiet()
            seen = [(one["path"], one["attempt"], one["status"]) for one in house.requests]
            assert seen == list(zip(spellings, (1, 2, 3), (500, 200, 501), strict=True))
        house.begin_run(BR=[Status((502,))])
        await house.send(get("/flags/%62r/br%2Egif"))
        await house.quiet()
        assert [(one["code"], one["status"]) for one in house.requests] == [("BR", 502)]
