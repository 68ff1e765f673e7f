"""A response is the same whichever way it goes: prepared or not, from memory, from a file that the
operating system sends, or from one that a thread reads.
"""

import asyncio
import hashlib
import os
import subprocess
import sys
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest
from hypothesis import find
from support.examples import FOUND_IS_ENOUGH
from support.server_fixture import House, get
from support.server_in_loop import port_of

from mockservers import run_state
from mockservers.content import folder
from mockservers.content.flag_images import flag
from mockservers.content.resources import BytesCatalogue, FlagCatalogue
from mockservers.faults import Drip, Reset, Serve, Status, Truncate
from mockservers.flags2.codes import path_of_code
from mockservers.http import fast_path
from mockservers.kinds.body import DIGESTED_AT_ONCE
from mockservers.plan import Bucket, Plan
from mockservers.run_state import ServerRun
from mockservers.strategies import STRATEGIES

pytestmark = pytest.mark.asyncio
CODES = ("BR", "US", "FR", "AD")
HUGE = 30_000_000
"""More bytes than the operating system takes for a client that does not read."""
LONG = os.urandom(5 * DIGESTED_AT_ONCE + 1)


@pytest.fixture
def flags(tmp_path, monkeypatch):
    """Flags in a folder, which keeps them at once."""
    monkeypatch.setattr(folder, "SETTLED_NS", -1)
    for code in CODES:
        file = tmp_path / path_of_code(code)[1:]
        file.parent.mkdir(parents=True)
        file.write_bytes(flag(code))
    return folder.FolderCatalogue(tmp_path)


def what_counts(house):
    """Entries without what differs from run to run."""
    differ = ("conn", "start_s", "first_byte_s", "end_s")
    return [{k: v for k, v in entry.items() if k not in differ} for entry in house.entries]


@pytest.mark.parametrize("where", ["in memory", "in a folder"])
@pytest.mark.parametrize("kind", STRATEGIES)
async def test_a_prepared_response_is_the_one_that_would_be_made(flags, monkeypatch, kind, where):
    reply = find(STRATEGIES[kind](), lambda reply: reply.delay_s == 0, settings=FOUND_IS_ENOUGH)
    rules = {"US": (reply,), "FR": (reply, Status((503,)))}
    plan = Plan(3, (Bucket(60, reply),), rules, ranges=kind.needs_ranges)
    monkeypatch.setattr(run_state, "time", lambda: 1_800_000_000.0)  # the same Date
    seen = []
    async with House(FlagCatalogue() if where == "in memory" else flags) as house:
        for quickly in (True, False):
            if not quickly:
                monkeypatch.setattr(fast_path.KnownHeaders, "whole_get", lambda self, data: None)
            house.begin_run(plan)
            codes = ["br", "us", "zz", "fr", "us", "br", "ad"]
            received = [await house.send(get(f"/flags/{code}/{code}.gif")) for code in codes]
            await house.quiet()
            seen.append(([data for data, _ in received], what_counts(house)))
    assert seen[0] == seen[1]


async def test_what_is_kept_is_prepared_and_what_has_changed_is_prepared_anew(
    flags, monkeypatch, tmp_path
):
    arrived = []
    arrive = ServerRun.arrive
    monkeypatch.setattr(
        ServerRun, "arrive", lambda self, *args: arrived.append(args) or arrive(self, *args)
    )
    async with House(flags) as house:
        house.begin_run()
        for number in range(5):
            body = b"x" * number
            (tmp_path / "new").write_bytes(body)
            (tmp_path / "new").replace(tmp_path / "flags/br/br.gif")
            for _ in range(2):
                assert (await house.send(get()))[0].partition(b"\r\n\r\n")[2] == body
        await house.quiet()
        digests = [entry["sha256"] for entry in house.requests]
    bodies = [b"x" * number for number in range(5) for _ in range(2)]
    assert digests == [hashlib.sha256(body).hexdigest() if body else None for body in bodies]
    assert arrived == []


@pytest.mark.parametrize("where", ["in memory", "in a folder"])
@pytest.mark.parametrize("room", [0, 10, 20_000, len(flag("BR"))])
async def test_a_socket_that_takes_a_part_gets_the_rest(flags, monkeypatch, where, room):
    sizes = []

    def some(to, data):
        sizes.append(len(data))
        return os.write(to, data[:room]) if room else 0

    async with House(FlagCatalogue() if where == "in memory" else flags) as house:
        house.begin_run()
        whole, _ = await house.send(get())
        monkeypatch.setattr(fast_path, "os", SimpleNamespace(write=some))
        assert await house.send(get()) == (whole, None)
        await house.quiet()
        assert sizes == [len(whole)]
        first, second = what_counts(house)
        assert second == first | {"n": 2, "attempt": 2}


LONG_ONES = {
    "whole": Serve(),
    "a part": Serve(),
    "cut in a piece": Truncate(700_001),
    "cut after a piece": Truncate(2 * DIGESTED_AT_ONCE),
    "cut before its end": Truncate(len(LONG) - 1),
    "reset": Reset(700_001),
    "slow": Drip(5_000_000, piece_bytes=300_000),
    "another version": Serve(version=2, grow=5),
}


def ways(tmp_path):
    """Catalogues with one long file: of the way it takes to the socket, and of the name of it."""
    (tmp_path / "long").write_bytes(LONG)
    return {
        "memory": BytesCatalogue({"/long": LONG}),
        "sent": folder.FolderCatalogue(tmp_path),
        "read": folder.FolderCatalogue(tmp_path),
    }


@pytest.mark.parametrize("name", LONG_ONES)
async def test_a_long_file_is_sent_as_if_it_were_in_memory(tmp_path, monkeypatch, name):
    plan = Plan(rules={"/long": LONG_ONES[name]}, ranges=name == "a part")
    field = () if name != "a part" else (f"Range: bytes=1000-{len(LONG) - 7}",)
    seen = {}
    for way, catalogue in ways(tmp_path).items():
        monkeypatch.setattr(folder._OpenFile, "sends", way == "sent" and hasattr(os, "sendfile"))
        async with House(catalogue) as house:
            house.begin_run(plan)
            received, error = await house.send(get("/long", "Connection: close", *field), eof=False)
            await house.until(lambda house=house: house.servers.run.settled)
            seen[way] = received.partition(b"\r\n\r\n")[2], type(error), what_counts(house)
    assert seen["sent"] == seen["memory"]
    assert seen["read"] == seen["memory"]


@asynccontextmanager
async def asked_for_a_file(tmp_path, monkeypatch, sends):
    """A client that has the header section of a file of `HUGE` bytes, and no more yet."""
    monkeypatch.setattr(folder._OpenFile, "sends", sends and hasattr(os, "sendfile"))
    with (tmp_path / "long").open("wb") as file:
        file.truncate(HUGE)
    async with House(folder.FolderCatalogue(tmp_path)) as house:
        house.begin_run()
        reader, writer = await house.connect()
        writer.write(get("/long"))
        await reader.readuntil(b"\r\n\r\n")
        yield house, reader, writer


@pytest.mark.parametrize("sends", [True, False])
async def test_a_client_that_does_not_read_gets_all_when_it_does(tmp_path, monkeypatch, sends):
    async with asked_for_a_file(tmp_path, monkeypatch, sends) as (house, reader, writer):
        assert (await house.send(get("/no")))[0].startswith(b"HTTP/1.1 404")
        assert await reader.readexactly(HUGE) == bytes(HUGE)
        writer.close()


@pytest.mark.parametrize("sends", [True, False])
async def test_a_file_that_shrinks_as_it_is_sent_ends_the_connection(tmp_path, monkeypatch, sends):
    async with asked_for_a_file(tmp_path, monkeypatch, sends) as (house, reader, _):
        os.truncate(tmp_path / "long", 1_000_000)
        assert len(await reader.read()) < HUGE
        await house.until(lambda: house.servers.run.settled)
        entry = house.requests[0]
        assert (entry["complete"], entry["client_gone"]) == (False, False)


@pytest.mark.parametrize("sends", [True, False])
async def test_a_client_that_goes_meanwhile_is_told_from_a_file_that_does(
    tmp_path, monkeypatch, sends
):
    async with asked_for_a_file(tmp_path, monkeypatch, sends) as (house, _, writer):
        writer.transport.abort()
        await house.until(lambda: house.servers.run.settled)
        entry = house.requests[0]
        assert (entry["complete"], entry["client_gone"]) == (False, True)


TAKE = """
import socket, sys
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as sock:
    sock.sendall(b"GET /long HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")
    head, _, first = sock.recv(65536).partition(b"\\r\\n\\r\\n")
    count, room, end = len(first), bytearray(1 << 20), "FIN"
    try:
        while got := sock.recv_into(room):
            count += got
    except ConnectionResetError:
        count, end = count + len(head) + 4, "RST"  # `after_bytes` has the header section
print(count, end)
"""
"""A client in a process of its own: how many bytes come, and how they end."""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "expected", "sends"),
    [
        (Truncate(2**32), f"{2**32} FIN\n", True),
        (Reset(after_bytes=2**32 + 1), f"{2**32 + 1} RST\n", True),
        (Reset(after_bytes=2**32 + 1), f"{2**32 + 1} RST\n", False),
    ],
)
async def test_a_cut_is_exact_above_4_gib(tmp_path, monkeypatch, fault, expected, sends):
    monkeypatch.setattr(folder._OpenFile, "sends", sends and hasattr(os, "sendfile"))
    with (tmp_path / "long").open("wb") as file:
        file.truncate(5_000_000_000)
    async with House(folder.FolderCatalogue(tmp_path)) as house:
        house.begin_run(Plan(rules={"/long": fault}))
        command = (sys.executable, "-c", TAKE, str(port_of(house.servers)))
        client = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
        assert (await client.communicate())[0].decode() == expected
