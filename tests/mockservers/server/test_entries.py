"""What a server writes down."""

import asyncio
import contextlib
import json

import pytest
from support.server_fixture import get
from support.server_in_loop import reply

from mockservers.connection import Reading
from mockservers.content.flag_images import flag
from mockservers.faults import Empty, Reset, Serve, Status, Truncate
from mockservers.plan import Gate, Plan

pytestmark = pytest.mark.asyncio


async def test_a_connection_without_a_request_line_has_an_entry(house):
    await house.send(b"")
    await house.send(b"GET /fla")
    await house.quiet()
    assert [entry["type"] for entry in house.entries] == ["connection", "connection"]


async def test_a_request_whose_head_never_ends_has_an_entry(house):
    await house.send(b"GET /flags/br/br.gif HTTP/1.1\r\nHost: x")
    await house.quiet()
    (entry,) = house.entries
    assert (entry["type"], entry["code"], entry["status"]) == ("request", "BR", None)
    assert entry["client_gone"]
    assert not entry["complete"]


async def test_a_client_that_half_closes_before_its_response_is_marked(house):
    house.begin_run(BR=[Serve(delay_s=0.01)], CN=[Serve(delay_s=0.01)])
    await house.send(get(), eof=True)
    await house.send(get("/flags/cn/cn.gif", "Connection: close"), eof=False)
    early, late = house.requests
    assert (early["client_closed"], early["complete"], early["client_gone"]) == (True, True, False)
    assert "client_closed" not in late


async def test_every_entry_has_every_field_of_the_format(house):
    await house.send(get())
    (entry,) = house.entries
    assert (
        list(entry)
        == (
            "type n conn server method path code attempt do status length bytes_sent complete "
            "client_gone sha256 in_flight delay_s start_s first_byte_s end_s"
        ).split()
    )
    assert json.loads(json.dumps(entry)) == entry
    assert entry["start_s"] <= entry["first_byte_s"] <= entry["end_s"]


async def test_in_flight_is_counted_from_arrival_to_the_last_byte(house):
    house.begin_run(Plan(gate=Gate(5, 30.0)))
    await asyncio.gather(*(house.send(get(f"/flags/z{c}/z{c}.gif")) for c in "vwxyz"))
    assert sorted(entry["in_flight"] for entry in house.requests) == [1, 2, 3, 4, 5]
    assert house.servers.states["LOCAL"].server_run.in_flight == 0
    (gate,) = (entry for entry in house.entries if entry["type"] == "gate")
    assert (gate["held"], gate["filled"]) == (5, True)


async def test_a_gate_that_does_not_fill_opens_by_its_time_and_only_once(house):
    house.begin_run(Plan(gate=Gate(3, 0.05)))
    await house.send(get("/flags/zz/zz.gif"))
    await house.send(get("/flags/zz/zz.gif"))
    gates = [entry for entry in house.entries if entry["type"] == "gate"]
    assert [(gate["held"], gate["filled"]) for gate in gates] == [(1, False)]


async def test_a_gate_of_the_run_before_still_opens_by_its_time(house):
    house.begin_run(Plan(gate=Gate(2, 0.05)))
    before = house.entries
    held = asyncio.create_task(house.send(get("/flags/zz/zz.gif"), eof=False))
    while not house.servers.run.under_way:
        await asyncio.sleep(0.001)
    house.begin_run()
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(held, 0.3)  # the connection itself stays open
    assert [entry["type"] for entry in before] == ["gate", "request"]
    assert house.entries == []


@pytest.mark.parametrize("fault", [Reset(), Empty(), Truncate(9), Reset(300)])
async def test_nothing_is_served_after_the_end_of_a_connection(house, fault):
    house.begin_run(US=[fault])
    await house.send(get("/flags/us/us.gif") + get() * 3)
    await house.quiet()
    first, *after = house.requests
    assert first["complete"]
    assert all(entry["bytes_sent"] == 0 and not entry["complete"] for entry in after)


async def test_responses_due_are_sent_although_the_last_request_is_cut(house):
    house.begin_run(BR=[Serve(delay_s=0.05)])
    cut = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc"
    received, _ = await house.send(get() + cut)
    assert received.endswith(flag("BR"))


async def test_leave_to_send_comes_when_it_is_the_turn_of_the_request(house):
    house.begin_run(BR=[Serve(delay_s=0.05)])
    reader, writer = await house.connect()
    asks = get("/", "Content-Length: 3", "Expect: 100-continue", method="POST")
    writer.write(get() + asks)
    await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(len(flag("BR")))
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.close()


async def test_attempts_are_counted_for_a_bounded_set_of_names(house):
    for n in range(50):
        await house.send(get(f"/nowhere/{n}"))
    await house.send(get("/flags/zz/zz.gif?n=1"))
    await house.send(get("/flags/zz/zz.gif?n=2"))
    assert dict(house.servers.states["LOCAL"].server_run._attempts) == {"ZZ": 2}
    assert house.requests[-1]["attempt"] == 2
    assert [entry.get("query") for entry in house.requests[-3:]] == [None, "n=1", "n=2"]


async def half_sent(house, data):
    """A connection that has sent `data`, which is no whole request, and the end of its run."""
    ends = []
    house.begin_run(BR=[Status((500,))], over=lambda: ends.append("over"))
    stream = await house.connect()
    stream[1].write(data)
    states = house.servers.states["LOCAL"].connections
    await house.until(lambda: any(one._reading is Reading.PARTIAL for one in states))
    before = house.entries
    house.begin_run()
    return *stream, before, ends


@pytest.mark.parametrize("earlier", [b"", get("/flags/us/us.gif")])
@pytest.mark.parametrize("sent", [1, 5, 20, len(get()) - 1])
async def test_a_request_is_of_the_run_in_which_its_first_byte_arrived(house, earlier, sent):
    reader, writer, before, ends = await half_sent(house, earlier + get()[:sent])
    assert ends == []
    writer.write(get()[sent:] + get())
    statuses = [(await reply(reader))[0] for _ in range(3 if earlier else 2)]
    assert statuses == [*([200] if earlier else []), 500, 200]
    writer.close()
    await house.quiet()
    assert [entry["status"] for entry in before] == statuses[:-1]
    assert [(entry["attempt"], entry["status"]) for entry in house.entries] == [(1, 200)]
    assert ends == ["over"]


async def test_a_run_ends_when_a_request_line_that_began_in_it_will_not_be_whole(house):
    _, writer, _, ends = await half_sent(house, b"GET /fl")
    assert ends == []
    writer.close()
    await house.quiet()
    assert ends == ["over"]
