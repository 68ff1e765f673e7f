"""Time limits of a connection, in virtual time."""

import asyncio
import contextlib

import pytest
from msgspec.structs import replace
from support.exhaustive_cases import FATES
from support.server_in_loop import get, port_of, reply
from support.virtual_loop import joined, virtual_time

from mockservers import connection
from mockservers.content.flag_images import flag
from mockservers.content.resources import FlagCatalogue
from mockservers.faults import Drip, Fault, Hang, Serve, Truncate
from mockservers.kinds.resource import Resource, ResourceInfo
from mockservers.plan import LABELS, Gate, Plan


@contextlib.contextmanager
def timed(plan=None, **rules):
    """In virtual time: `talk(conversation)`, which gives what a conversation gives; the servers;
    and how to connect to LOCAL.

    A conversation is asked with a stream to LOCAL, and a function that waits until LOCAL has no
    connection any more and gives the seconds since it began.
    """
    plan = plan or Plan(rules={code: (rule,) for code, rule in rules.items()})
    with virtual_time() as runner, joined(runner, plan) as (servers, wire):

        def talk(conversation):
            async def talking():
                sock = await wire.connect(port_of(servers))
                reader, writer = await asyncio.open_connection(sock=sock)
                loop = asyncio.get_running_loop()
                began_s = loop.time()

                async def gone():
                    while servers._servers.states["LOCAL"].connections:
                        await asyncio.sleep(0.1)
                    return loop.time() - began_s

                try:
                    return await conversation(reader, writer, gone)
                finally:
                    writer.close()
                    await gone()

            return runner.run(talking())

        yield talk, servers, lambda: wire.connect(port_of(servers))


def test_the_time_of_a_gate_begins_with_the_first_that_it_holds():
    async def conversation(reader, writer, gone):
        writer.write(get("BR"))
        await asyncio.sleep(1.0)
        _, second = await asyncio.open_connection(sock=await connect())
        second.write(get("CN"))
        await reader.readexactly(1)
        second.close()

    plan = Plan(gate=Gate(3, 1.234567))
    with timed(plan) as (talk, servers, connect):
        talk(conversation)
        br, gate = servers.entries[1], servers.entries[0]
        assert (gate["held"], gate["filled"]) == (2, False)
        assert gate["at_s"] - br["start_s"] == pytest.approx(1.234567, abs=0.00001)


def test_a_gate_that_all_have_left_does_not_open():
    async def conversation(reader, writer, gone):
        writer.write(get("BR"))
        await asyncio.sleep(1.0)
        servers._servers.drop_connections()
        await asyncio.sleep(10.0)

    with timed(Plan(gate=Gate(2, 5.0))) as (talk, servers, _):
        talk(conversation)
        assert [entry["type"] for entry in servers.entries] == ["request"]


def test_a_request_that_is_dropped_as_its_time_is_up_ends_because_of_us():
    async def conversation(reader, writer, gone):
        writer.write(get("BR")[:-2])
        await asyncio.sleep(1.0)
        (pending,) = servers._servers.states["LOCAL"].connections
        servers._servers.drop_connections()
        pending.sweep(connection.monotonic() + connection.REQUEST_S)
        await gone()

    with timed() as (talk, servers, _):
        talk(conversation)
        assert [entry["client_gone"] for entry in servers.entries] == [False]


def test_each_request_has_its_own_time_to_arrive():
    async def conversation(reader, writer, gone):
        writer.write(get("BR")[:20])
        await asyncio.sleep(connection.REQUEST_S - 1)
        writer.write(get("BR")[20:] + get("CN")[:20])
        await asyncio.sleep(connection.REQUEST_S - 5)
        writer.write(get("CN")[20:])
        writer.write_eof()
        return await reader.read()

    with timed(BR=Serve(delay_s=40.0)) as (talk, *_):
        assert talk(conversation).count(b"HTTP/1.1 200 ") == 2


def test_a_response_does_not_give_the_next_request_more_time():
    async def conversation(reader, writer, gone):
        writer.write(get("BR") + get("CN")[:20])
        received = await reader.read()
        return received, await gone()

    with timed(BR=Serve(delay_s=25.0)) as (talk, *_):
        received, ended_s = talk(conversation)
        assert b"HTTP/1.1 408 " in received
        assert ended_s == pytest.approx(connection.REQUEST_S, abs=3.5)


def test_a_status_that_was_not_sent_is_not_in_the_entry():
    async def conversation(reader, writer, gone):
        writer.write(get("BR") + b"nonsense\r\n\r\n")
        await reader.read()
        writer.close()
        await gone()

    with timed(BR=Truncate(9, delay_s=5.0)) as (talk, servers, _):
        talk(conversation)
        request, entry = servers.entries
        assert (request["status"], entry["type"], entry["status"]) == (200, "connection", None)


def test_what_came_before_nonsense_is_answered_first_though_it_takes_time():
    async def conversation(reader, writer, gone):
        writer.write(get("BR") + b"nonsense\r\n\r\n")
        return await reader.read()

    with timed(BR=Serve(delay_s=5.0)) as (talk, *_):
        assert flag("BR") + b"HTTP/1.1 400 " in talk(conversation)


@pytest.mark.parametrize("last", [b"nonsense\r\n\r\n", get("ZZ", "Connection: close"), get("CN")])
@pytest.mark.parametrize("pause_s", [0, 0.1])
def test_what_comes_after_the_last_response_is_no_request(last, pause_s, caplog):
    async def conversation(reader, writer, gone):
        writer.write(last)
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(pause_s)
        writer.write(get("BR"))
        with contextlib.suppress(ConnectionError):
            assert b"HTTP/1.1" not in await reader.read()

    with timed(CN=Truncate(9)) as (talk, servers, _):
        talk(conversation)
        assert len(servers.entries) == 1
    assert caplog.records == []


def test_what_goes_on_with_a_line_is_not_taken_for_a_request_of_its_own():
    async def conversation(reader, writer, gone):
        writer.write(b"X")
        await asyncio.sleep(1.0)
        writer.write(get("BR"))
        return await reader.readline()

    with timed() as (talk, *_):
        assert talk(conversation).startswith(b"HTTP/1.1 405 ")


def test_each_of_many_requests_sent_together_waits_for_its_own_delay():
    async def conversation(reader, writer, gone):
        loop = asyncio.get_running_loop()
        began_s, took_s = loop.time(), []
        writer.write(get("BR") + get("CN") + get("DE"))
        for _ in range(3):
            assert (await reply(reader))[0] == 200
            took_s.append(loop.time() - began_s)
        return took_s

    with timed(BR=Serve(delay_s=1.0), CN=Serve(delay_s=5.0)) as (talk, servers, _):
        assert talk(conversation) == pytest.approx([1.0, 6.0, 6.0], abs=0.001)
        assert [entry["delay_s"] for entry in servers.entries] == [1, 5, 0]


SINGLE = {name: fate.reply for name, fate in FATES.items() if isinstance(fate.reply, Fault)}
ENDS = "start_s", "first_byte_s", "end_s", "delay_s", "conn", "n"


@pytest.mark.parametrize("name", [name for name in SINGLE if name not in ("hang", "drip")])
@pytest.mark.parametrize("times", [1, 3])
def test_a_response_that_waits_is_the_same_to_the_byte(name, times):
    def played(delay_s):
        async def conversation(reader, writer, gone):
            for _ in range(times):
                writer.write(get("BR"))
                await asyncio.sleep(10.0)
            writer.write_eof()
            with contextlib.suppress(ConnectionError):
                return await reader.read()

        reply = replace(SINGLE[name], delay_s=delay_s)
        with timed(BR=reply) as (talk, servers, _):
            said = talk(conversation)
            entries = servers.entries
        assert all(entry["delay_s"] == delay_s for entry in entries if entry["do"])
        return said, [{key: entry[key] for key in entry.keys() - set(ENDS)} for entry in entries]

    assert played(0.0) == played(1.0)


def test_the_last_response_to_a_half_closed_client_says_connection_close():
    async def conversation(reader, writer, gone):
        writer.write(get("BR"))
        writer.write_eof()
        return await reader.read()

    with timed(BR=Serve(delay_s=5.0)) as (talk, *_):
        assert b"\r\nConnection: close\r\n" in talk(conversation)


def test_a_hang_ends_at_once_for_a_client_that_closed_before_it():
    async def conversation(reader, writer, gone):
        writer.write(get("BR") + get("CN"))
        writer.write_eof()
        return await gone()

    with timed(BR=Serve(delay_s=5.0), CN=Hang(or_s=1000.0)) as (talk, servers, _):
        assert talk(conversation) == pytest.approx(5.0, abs=0.2)
        br, cn = servers.entries
        assert (br["complete"], cn["complete"], cn["client_gone"]) == (True, False, True)


def test_a_request_that_is_refused_gets_its_status_where_a_hang_is_planned():
    async def conversation(reader, writer, gone):
        writer.write(get("BR", method="POST"))
        writer.write_eof()
        return await reader.read()

    with timed(BR=Hang(or_s=1000.0)) as (talk, *_):
        assert talk(conversation).startswith(b"HTTP/1.1 405 ")


def test_an_ended_connection_notices_at_once_that_the_client_closes_though_many_had_to_wait():
    async def conversation(reader, writer, gone):
        writer.write(get("BR") + get("ZZ") * connection.MAX_QUEUED)
        await reader.read()
        writer.write(get("ZZ"))
        writer.close()
        return await gone()

    with timed(BR=Truncate(9, delay_s=5.0)) as (talk, *_):
        assert talk(conversation) == pytest.approx(5.0, abs=0.2)


def test_the_75_s_of_a_client_that_takes_nothing_begin_with_the_response(monkeypatch):
    body = bytes(5_000_000)
    resource = Resource(ResourceInfo(len(body), "image/gif"), lambda a, b: body[a:b], body)
    monkeypatch.setattr(FlagCatalogue, "find", lambda self, path: resource)

    async def conversation(reader, writer, gone):
        writer.transport.pause_reading()
        writer.write(get("BR"))
        await asyncio.sleep(0)
        return await gone()

    with timed(BR=Serve(delay_s=60.0)) as (talk, servers, _):
        due_s = 60.0 + connection.IDLE_S
        assert due_s <= talk(conversation) <= due_s + 1.5
        (entry,) = servers.entries
        assert (entry["complete"], entry["client_gone"]) == (False, True)


def test_the_entry_of_a_connection_tells_from_when_to_when_it_was_there():
    async def conversation(reader, writer, gone):
        return await gone()

    with timed() as (talk, servers, _):
        talk(conversation)
        (entry,) = servers.entries
        assert entry["type"] == "connection"
        assert entry["end_s"] - entry["start_s"] == pytest.approx(connection.IDLE_S, abs=1.5)


@pytest.mark.parametrize("following", [b"", get("CN")])
def test_a_dripping_body_comes_in_pieces_20_ms_apart(following):
    async def conversation(reader, writer, gone):
        writer.write(get("BR") + following)
        await reader.readuntil(b"\r\n\r\n")
        pieces, left = 0, len(flag("BR"))
        while left > 0:
            left -= len(await reader.read(left))
            pieces += 1
        return pieces

    with timed(BR=Drip(5000, delay_s=5.0)) as (talk, *_):
        drops = len(flag("BR")) / (5000 * 0.02)
        assert drops - 1 <= talk(conversation) <= drops + 1


def test_each_server_closes_its_idle_connections():
    with virtual_time() as runner, joined(runner) as (servers, wire):

        async def stay():
            for label in LABELS:
                await wire.connect(port_of(servers, label))
            await asyncio.sleep(connection.IDLE_S + 3)
            left = {label: state.connections for label, state in servers._servers.states.items()}
            for end in wire.ends:
                end.close()
            return {label: len(left[label]) for label in LABELS}

        assert runner.run(stay()) == dict.fromkeys(LABELS, 0)
