"""A server that takes only so many requests at once, and one that goes away and comes back."""

import contextlib
import json
import socket
import time

import pytest
from support.exchanges import connect, drain, exactly, get, head
from support.rows import each

from mockservers.faults import Hang, Serve, Status
from mockservers.plan import Away, Limit, Plan, PlanError
from mockservers.plan_json import plan_from_json, plan_to_json
from mockservers.predict import predict

BUSY = head("503 Service Unavailable", "Content-Length: 0", "Connection: close")
TEN = {"/r": b"0123456789"}


def requests(servers):
    servers.settle()
    return [entry for entry in servers.entries if entry["type"] == "request"]


def ask(servers):
    """What comes back, and how it ends."""
    with connect(servers) as sock:
        sock.sendall(get("/r", "Connection: close"))
        return drain(sock)


def test_a_request_beyond_the_limit_gets_another_response_and_is_no_attempt(servers):
    plan = Plan(rules={"/r": (Hang(60), Serve())}, limit=Limit(1, Status(503)))
    servers.begin_run(plan, content=TEN)
    with connect(servers) as first:
        first.sendall(get("/r"))
        _wait(servers)
        assert ask(servers) == (BUSY, "FIN")
    servers.settle()
    assert ask(servers)[0].endswith(b"0123456789"), "that is attempt 2"
    entries = requests(servers)
    says = [(e["attempt"], e.get("limited"), e["do"], e["in_flight"]) for e in entries]
    assert says == [(None, True, "status", 2), (1, None, "hang", 1), (2, None, "serve", 1)]


def _wait(servers):
    while not servers.under_way:
        time.sleep(0.001)


@each("plan", [Plan(limit=Limit(3, Status(429))), Plan(away=Away(2, 0.5))])
def test_a_plan_by_load_is_the_same_in_json(plan):
    assert plan_from_json(json.dumps(plan_to_json(plan))) == plan


@each(
    ("text", "says"),
    [
        ('{"plan": 1, "limit": {"in_flight": 0, "over": {"do": "serve"}}}', "limit.in_flight: 0"),
        ('{"plan": 1, "limit": {"in_flight": 1}}', "limit: the key 'over' is missing"),
        ('{"plan": 1, "limit": {"in_flight": 1, "over": {"do": "x"}}}', "limit.over.do: 'x'"),
        ('{"plan": 1, "limit": {"in_flight": 1, "over": {"do": "unsatisfiable"}}}',
         "limit.over: unsatisfiable acts on ranges"),
        ('{"plan": 1, "away": {"after_requests": 1, "for_s": -1}}', "away.for_s: -1"),
    ],
)  # fmt: skip
def test_a_plan_by_load_that_cannot_be_is_named(text, says):
    with pytest.raises(PlanError, match=says):
        plan_from_json(text)


@each("plan", [Plan(limit=Limit(3, Status(429))), Plan(away=Away(2, 0.5))])
def test_nothing_is_predicted_where_it_depends_on_the_load(plan):
    (forecast,) = predict(plan, "LOCAL", ["/r"], lambda path: None).values()
    assert forecast.outcome == "depends"


def test_a_server_goes_away_and_comes_back(servers):
    servers.begin_run(Plan(away=Away(2, 0.3)), content=TEN)
    with connect(servers) as idle:
        idle.sendall(get("/r"))
        exactly(idle, 1)
        began = time.monotonic()
        assert ask(servers)[0].endswith(b"0123456789"), "the second is sent whole"
        drain(idle)
        _until_refused(servers)
    received = b""
    while not received:
        with contextlib.suppress(OSError):
            received, _ = ask(servers)
        time.sleep(0.01)
    assert received.endswith(b"0123456789")
    assert time.monotonic() - began >= 0.29
    assert len(requests(servers)) == 3, "it goes away once"
    (away,) = [entry for entry in servers.entries if entry["type"] == "away"]
    assert (away["server"], away["for_s"]) == ("LOCAL", 0.3)


def test_what_is_under_way_ends_when_the_server_goes(servers):
    plan = Plan(rules={"/slow": Hang(60)}, away=Away(1, 0.01))
    servers.begin_run(plan, content=TEN)
    with connect(servers) as slow:
        slow.sendall(get("/slow"))
        _wait(servers)
        ask(servers)
        assert drain(slow)[0] == b""
    (dropped,) = [entry for entry in requests(servers) if entry["do"] == "hang"]
    assert (dropped["complete"], dropped["client_gone"]) == (False, False)


def _until_refused(servers):
    """The client sees the end of a response before the server has gone."""
    while True:
        try:
            connect(servers).close()
        except ConnectionRefusedError:
            return
        except OSError:  # it is going
            continue


def test_a_new_run_brings_a_server_back_and_others_stay(servers):
    servers.begin_run({"LOCAL": Plan(away=Away(1, 60))}, content=TEN)
    ask(servers)
    _until_refused(servers)
    other = int(servers.urls["ERROR"].rsplit(":", 1)[1].split("/")[0])
    socket.create_connection(("127.0.0.1", other), 5).close()
    servers.begin_run(Plan(), content=TEN)
    assert ask(servers)[1] == "FIN"


def test_the_ledger_notes_that_a_server_went_away(servers):
    servers.begin_run({"LOCAL": Plan(away=Away(1, 0.01))}, content=TEN)
    ask(servers)
    ledger = servers.ledger(said={"/r": "ok"}, asked=["/r"])
    assert any("LOCAL went away for 0.01 s" in note for note in ledger.notes)
