"""Clients that go away, and ports that refuse."""

import contextlib
import errno
import hashlib
import socket
import struct
from http import HTTPStatus
from urllib.parse import urlsplit

import pytest
from support.exchanges import BR, LAST, NOT_FOUND, WAIT_S, WHOLE, connect, drain, exactly, get

from mockservers.faults import Drip, Hang, Serve, Stall
from mockservers.plan import Plan

# --- a client that goes away -----------------------------------------------------------


def reset(sock):
    """Leave without a word."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


@pytest.mark.parametrize("reply", [Serve(delay_s=WAIT_S), Hang(WAIT_S), Drip(1.0, delay_s=WAIT_S)])
def test_a_client_that_leaves_before_the_first_byte_is_seen_at_once(servers, reply):
    entries = servers.begin_run(Plan(rules={"BR": (reply,)}))
    with connect(servers) as sock:
        # When the first has its reply, the second has arrived with it, and waits.
        sock.sendall(get("/flags/zz/zz.gif") + get() + get("/flags/us/us.gif"))
        assert exactly(sock, len(NOT_FOUND)) == NOT_FOUND
        reset(sock)
    servers.settle()
    assert [(e["code"], e["complete"], e["client_gone"]) for e in entries] == [
        ("ZZ", True, False),
        ("BR", False, True),
        ("US", False, True),
    ]
    waiting = entries[1]
    assert (waiting["do"], waiting["delay_s"]) == (reply.do, reply.delay_s)
    assert waiting["status"] is waiting["first_byte_s"] is waiting["sha256"] is None


@pytest.mark.parametrize("read_first", [0, 1000])
@pytest.mark.parametrize("leave", [reset, socket.socket.close])
def test_a_client_that_leaves_a_drip_is_seen(servers, read_first, leave):
    entries = servers.begin_run(Plan(rules={"BR": (Drip(20_000),)}))
    with connect(servers) as sock:
        sock.sendall(get())
        assert exactly(sock, len(WHOLE) + read_first) == WHOLE + BR[:read_first]
        leave(sock)
    servers.settle()
    (entry,) = entries
    assert (entry["status"], entry["complete"], entry["client_gone"]) == (200, False, True)
    assert read_first <= entry["bytes_sent"] < len(BR)
    sent = BR[: entry["bytes_sent"]]
    assert entry["sha256"] == (hashlib.sha256(sent).hexdigest() if sent else None)


@pytest.mark.parametrize("reply", [Serve(delay_s=0.05), Drip(len(BR) / 0.05)])
def test_a_client_that_has_said_all_may_still_listen(servers, reply):
    entries = servers.begin_run(Plan(rules={"BR": (reply,)}))
    with connect(servers) as sock:
        sock.sendall(get())
        sock.shutdown(socket.SHUT_WR)
        received, ending = drain(sock)
    assert received.replace(b"\r\nConnection: close", b"") == WHOLE + BR
    assert ending == "FIN"
    servers.settle()
    assert [(e["complete"], e["client_gone"]) for e in entries] == [(True, False)]


@pytest.mark.parametrize("early", [True, False])
def test_a_stall_ends_when_the_client_closes_its_side(servers, early):
    entries = servers.begin_run(Plan(rules={"BR": (Stall(after_bytes=9, for_s=WAIT_S),)}))
    with connect(servers) as sock:
        sock.sendall(get())
        if early:
            sock.shutdown(socket.SHUT_WR)
        received = drain(sock)[0] if early else exactly(sock, len(WHOLE) + 9)
    assert received.replace(b"\r\nConnection: close", b"") == WHOLE + BR[:9]
    servers.settle()
    (entry,) = entries
    assert (entry["do"], entry["status"], entry["bytes_sent"]) == ("stall", 200, 9)
    assert entry["sha256"] == hashlib.sha256(BR[:9]).hexdigest()
    assert entry["client_gone"] is not entry["complete"]


def test_a_client_that_closes_while_nothing_will_be_said_has_gone(servers):
    entries = servers.begin_run(Plan(rules={"BR": (Hang(WAIT_S),)}))
    with connect(servers) as sock:
        sock.sendall(get("/flags/zz/zz.gif") + get())
        assert exactly(sock, len(NOT_FOUND)) == NOT_FOUND
    servers.settle()
    assert [(e["complete"], e["client_gone"]) for e in entries] == [(True, False), (False, True)]


# --- nobody listens --------------------------------------------------------------------


def hosts():
    """The loopback addresses that there are."""
    for host in ("127.0.0.1", "::1"):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with contextlib.suppress(OSError), socket.socket(family) as sock:
            sock.bind((host, 0))
            yield host, family


@pytest.mark.parametrize(("host", "family"), list(hosts()))
def test_a_port_that_refuses_stays_ours_and_serves_again(servers, host, family):
    port = urlsplit(servers.urls["LOCAL"]).port
    for _ in range(3):
        entries = servers.begin_run({"LOCAL": Plan(refuse=True)})
        with pytest.raises(ConnectionRefusedError):
            connect(servers, host)
        for reuse in (0, 1):
            with socket.socket(family) as thief:
                thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, reuse)
                with pytest.raises(OSError) as caught:  # noqa: PT011 - the number tells
                    thief.bind((host, port))
                assert caught.value.errno == errno.EADDRINUSE
        assert entries == []
        entries = servers.begin_run({})
        with connect(servers, host) as sock:
            sock.sendall(get("/flags/zz/zz.gif", "Connection: close"))
            assert drain(sock) == (LAST, "FIN")
        servers.settle()
        assert [entry["status"] for entry in entries] == [HTTPStatus.NOT_FOUND]


def test_refusing_is_for_one_server_and_lets_what_is_under_way_end(servers):
    servers.begin_run(Plan(rules={"BR": (Serve(delay_s=0.1),)}))
    with connect(servers) as busy, connect(servers) as idle:
        idle.sendall(get("/flags/zz/zz.gif"))
        assert exactly(idle, len(NOT_FOUND)) == NOT_FOUND
        busy.sendall(get("/flags/zz/zz.gif") + get())
        assert exactly(busy, len(NOT_FOUND)) == NOT_FOUND
        servers.begin_run({"LOCAL": Plan(refuse=True)})
        assert drain(idle)[0] == b""
        assert drain(busy) == (WHOLE + BR, "FIN")
    other = urlsplit(servers.urls["DELAY"]).port
    with socket.create_connection(("127.0.0.1", other), WAIT_S) as sock:
        sock.sendall(get("/flags/zz/zz.gif", "Connection: close"))
        assert drain(sock) == (LAST, "FIN")
    servers.begin_run({})
