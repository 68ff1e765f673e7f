"""Time limits of the downloader and of the servers, to the moment, without waiting for them."""

import asyncio
import contextlib
import socket
from unittest import mock

import aiohttp.connector
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.downloaders import judged, run_main, workplace
from support.examples import examples
from support.server_in_loop import port_of
from support.virtual_loop import BEGIN_S, in_turn, joined, orders, virtual_time

from mockservers import connection
from mockservers.content.flag_images import flag
from mockservers.content.resources import FlagCatalogue, info_in
from mockservers.faults import Drip, Empty, Hang, Reset, Serve, Status, Truncate
from mockservers.http import sender
from mockservers.plan import Plan
from mockservers.predict import predict
from reference import flags2_asyncio, flags2_common

SILENCE_S = flags2_common.TIMEOUT_S
ROUNDED_S = 1.01
"""aiohttp rounds long limits up to a whole second."""
SWEPT_S = 1.01
"""The servers look once a second who has taken too long."""

# --- the downloader's time-outs -----------------------------------------------------------


def downloaded(plan, codes, m=5, choose=in_turn, connect_s=0.0):
    """Client and server to the end: the run, and how long it took."""
    with virtual_time(choose) as runner, joined(runner, plan) as (servers, wire):
        wire.connect_s, began_s = connect_s, runner.get_loop().time()
        command = ["program", "-v", "-m", str(m), *codes]
        with workplace(servers.urls) as folder:
            stdout = run_main(flags2_asyncio, command)
            took_s = runner.get_loop().time() - began_s
            runner.run(servers.settle())
            runner.run(asyncio.sleep(0))
            assert wire.open_ends == []
            return judged(command, stdout, servers.entries, folder), took_s


@pytest.mark.parametrize(
    ("reply", "outcome", "after_s"),
    [
        (Serve(delay_s=0.5), "ok", 0.5),
        (Serve(delay_s=SILENCE_S - 0.5), "ok", SILENCE_S - 0.5),
        (Serve(delay_s=SILENCE_S + 1.5), "error", SILENCE_S),
        (Hang(), "error", SILENCE_S),
        (Hang(or_s=12.0), "error", 24.0),  # aiohttp asks again after a close without a byte
        (Drip(40), "ok", len(flag("FR")) / 40),  # slow is not silent: there is no total limit
        (Status((503,), delay_s=3.0), "error", 3.0),
    ],
)
def test_a_silence_of_30_s_and_nothing_shorter_is_an_error(reply, outcome, after_s):
    run, took_s = downloaded(Plan(rules={"FR": (reply,)}), ["BR", "FR"])
    assert run.outcomes == {"FR": outcome, "BR": "ok"}
    assert run.ledger.balanced, run.ledger.imbalances
    assert after_s - 0.01 <= took_s <= after_s + ROUNDED_S


def test_a_connection_that_takes_longer_than_30_s_is_an_error():
    assert downloaded(Plan(), ["BR"], connect_s=29.0)[0].outcomes == {"BR": "ok"}
    run, took_s = downloaded(Plan(), ["BR"], connect_s=100.0)
    assert run.outcomes == {"BR": "error"}
    assert run.entries == []
    assert SILENCE_S <= took_s <= SILENCE_S + ROUNDED_S


@pytest.mark.parametrize(("codes", "m"), [(6, 2), (7, 3), (3, 5)])
def test_half_a_second_each_is_half_a_second_for_as_many_as_there_are_connections(codes, m):
    asked = ["BR", "CN", "DE", "FR", "IN", "US", "ZZ"][:codes]
    plan = Plan(rules={code: (Serve(delay_s=0.5),) for code in asked})
    run, took_s = downloaded(plan, asked, m)
    assert took_s == pytest.approx(0.5 * -(-codes // m), abs=0.01)
    assert run.ledger.most_in_flight == min(m, codes)


HALF = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + bytes(50)


@pytest.mark.parametrize(
    ("says", "after_s"),
    [
        ([(20.0, b"HTTP/1.1 103 Early Hints\r\n\r\n")] * 50, 2 * SILENCE_S),
        ([(0.0, HALF[:20])], SILENCE_S),
        ([(0.0, HALF)], SILENCE_S),
        ([(29.0, HALF), (29.0, b"more")], 58.0 + SILENCE_S),
    ],
)
def test_a_server_that_stops_half_way_is_an_error_in_its_time(says, after_s):
    """Of 1xx replies that go on for ever the client library knows no end."""

    async def start_connection(*args, **kwargs):
        client, server = socket.socketpair()
        talks.append(asyncio.create_task(talk(server)))
        client.setblocking(False)
        return client

    async def talk(server):
        _, writer = await asyncio.open_connection(sock=server)
        for pause_s, data in says:
            await asyncio.sleep(pause_s)
            writer.write(data)
        await asyncio.sleep(2000)
        writer.close()

    talks = []
    with (
        virtual_time() as runner,
        mock.patch.object(aiohttp.connector.aiohappyeyeballs, "start_connection", start_connection),
        workplace({"LOCAL": "http://127.0.0.1:9"}) as folder,
    ):
        stdout = run_main(flags2_asyncio, ["program", "-v", "BR"])
        took_s = runner.get_loop().time() - BEGIN_S
        runner.run(asyncio.wait(talks))
        assert "*** Error for BR: " in stdout
        assert not list(folder.glob("*"))
    assert after_s <= took_s <= after_s + ROUNDED_S


delays = st.sampled_from([0.0, 0.5, 3.0, 29.0, 45.0])
slow_replies = st.one_of(
    st.builds(Serve, delay_s=delays),
    st.builds(Status, st.sampled_from([(503,), (404,)]), delay_s=delays),
    st.builds(Empty, delay_s=st.sampled_from([0.0, 3.0])),
    st.builds(Reset, st.sampled_from([0, 20, 400]), delay_s=delays),
    st.builds(Truncate, st.sampled_from([0, 9]), delay_s=delays),
    st.builds(Hang, st.sampled_from([0.0, 60.0])),
    st.builds(Drip, st.sampled_from([20_000, 50_000]), delay_s=delays),
)
slow_plans = st.dictionaries(
    st.sampled_from(["BR", "CN", "ZZ"]), slow_replies.map(lambda reply: (reply,))
).map(lambda rules: Plan(rules=rules))


@examples(25)
@given(plan=slow_plans, m=st.integers(1, 5), choose=orders(400))
def test_in_any_order_and_with_any_delay_the_ledger_balances_as_predicted(plan, m, choose):
    codes = ["BR", "CN", "FR", "ZZ"]
    run, _ = downloaded(plan, codes, m, choose)
    assert run.ledger.balanced, run.ledger.imbalances
    assert run.claims.totals is not None
    assert all(sum(said.values()) == 1 for said in run.claims.outcomes.values())
    for code, forecast in predict(plan, "LOCAL", codes, info_in(FlagCatalogue())).items():
        (reply,) = plan.rules.get(code, (Serve(),))
        late = reply.wait_s > SILENCE_S
        assert run.outcomes[code] == ("error" if late else forecast.outcome)


def test_a_404_after_the_client_gave_up_is_no_miscount():
    rules = {"AB": (Serve(delay_s=45.0),), "BR": (Serve(delay_s=29.0),)}
    run, _ = downloaded(Plan(rules=rules), ["AB", "BR"], m=1)
    assert run.outcomes == {"AB": "error", "BR": "ok"}
    assert run.ledger.balanced, run.ledger.imbalances


# --- the servers' own time limits --------------------------------------------------------


def converse(talk, **rules):
    """What a conversation with LOCAL gives, and the journal.

    It gets a stream; `clock`: the seconds since it began; `gone`, to wait for LOCAL to have no
    connection.
    """
    with virtual_time() as runner, joined(runner, Plan(rules=rules)) as (servers, wire):
        loop, connections = runner.get_loop(), servers._servers.states["LOCAL"].connections

        async def gone():
            while connections:
                await asyncio.sleep(0.01)

        async def conversation():
            await asyncio.sleep(0.5)  # between two looks of the servers at who is late
            sock = await wire.connect(port_of(servers))
            reader, writer = await asyncio.open_connection(sock=sock)
            began_s = loop.time()
            try:
                return await talk(reader, writer, lambda: loop.time() - began_s, gone)
            finally:
                writer.close()
                await gone()

        return runner.run(conversation()), servers.entries


def get(code, fields=""):
    path = f"/flags/{code}/{code}.gif".lower()
    return f"GET {path} HTTP/1.1\r\nHost: x\r\n{fields}\r\n".encode()


GET_BR = get("BR", "X-Padding: " + "a" * 60 + "\r\n")


def test_a_connection_is_closed_75_s_after_its_last_response():
    async def ask_once(reader, writer, clock, gone):
        await asyncio.sleep(50)
        writer.write(GET_BR)
        assert (await reader.read()).endswith(flag("BR"))
        return clock()

    closed_s, _ = converse(ask_once, BR=Serve(delay_s=60.0))
    idle_s = 50 + 60 + connection.IDLE_S
    assert idle_s < closed_s <= idle_s + SWEPT_S


@pytest.mark.parametrize("pause_s", [1000, 10, 0.3])
def test_a_request_has_30_s_to_arrive_whole_however_steadily_it_trickles(pause_s):
    async def trickle(reader, writer, clock, gone):
        async def send():
            with contextlib.suppress(ConnectionError):
                for n in range(len(GET_BR) - 1):
                    writer.write(GET_BR[n : n + 1])
                    await asyncio.sleep(pause_s)

        sending = asyncio.create_task(send())
        said = await reader.read()
        sending.cancel()
        return said, clock()

    (said, closed_s), entries = converse(trickle)
    assert said.startswith(b"HTTP/1.1 408 ")
    assert connection.REQUEST_S < closed_s <= connection.REQUEST_S + SWEPT_S
    assert entries[0]["status"] == 408


def test_a_client_that_does_not_close_is_dropped_2_s_after_the_server_did():
    async def stay(reader, writer, clock, gone):
        writer.write(get("BR"))
        await reader.read()
        closed_s = clock()
        await gone()
        return closed_s, clock()

    (closed_s, dropped_s), _ = converse(stay, BR=Truncate(9))
    assert closed_s < 0.01
    assert dropped_s == pytest.approx(sender.LINGER_S, abs=0.02)


def test_a_client_that_takes_nothing_for_75_s_is_dropped_though_a_reset_waits_for_it(monkeypatch):
    async def take_nothing(reader, writer, clock, gone):
        writer.transport.pause_reading()
        writer.write(get("CN"))
        await asyncio.sleep(0)
        await gone()
        return clock()

    monkeypatch.setattr(sender, "LOOK_S", 0.1)
    dropped_s, _ = converse(take_nothing, CN=Reset(400))
    assert connection.IDLE_S - 0.1 < dropped_s <= connection.IDLE_S + SWEPT_S


@pytest.mark.parametrize(
    ("reply", "first_byte_s", "end_s"),
    [
        (Serve(delay_s=0.5), 0.5, 0.5),
        (Hang(or_s=7.0, delay_s=0.5), None, 7.5),
        (Drip(200, delay_s=2.0), 2.0, 2.0 + len(flag("FR")) / 200),
        (Status((503,), delay_s=1000.0), 1000.0, 1000.0),
    ],
)
def test_a_response_comes_when_it_is_planned(reply, first_byte_s, end_s):
    async def ask(reader, writer, clock, gone):
        writer.write(get("FR", "Connection: close\r\n"))
        await reader.read()
        return clock()

    closed_s, (entry,) = converse(ask, FR=reply)
    assert closed_s == pytest.approx(end_s, abs=0.001)
    assert entry["end_s"] - entry["start_s"] == pytest.approx(end_s, abs=0.001)
    if first_byte_s is not None:
        assert entry["first_byte_s"] - entry["start_s"] == pytest.approx(first_byte_s, abs=0.001)
