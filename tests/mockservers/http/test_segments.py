"""A request that comes in two pieces is the same request, wherever it was cut."""

import contextlib
import re
import socket
import threading
from itertools import pairwise
from unittest import mock
from urllib.parse import urlsplit

import pytest
from support.exhaustive_cases import prove
from support.rows import each

from mockservers.connection import Connection
from mockservers.content.flag_images import flag
from mockservers.faults import Reset, Serve, Status, Truncate
from mockservers.http.request_parser import (
    BadRequest,
    Continue,
    RequestComplete,
    RequestLine,
    RequestParser,
)
from mockservers.kinds.response import RequestForm
from mockservers.plan import Plan

WAIT_S = 30
"""Seconds after which a test gives up."""

SHORT = b"GET /flags/br/br.gif HTTP/1.1\r\nHost: x\r\n\r\n"
OTHER = SHORT.replace(b"br", b"cn")
BR = RequestLine("GET", "/flags/br/br.gif")
PLAIN = RequestComplete(RequestForm())
CLOSING = RequestComplete(RequestForm(keep_alive=False))
CHUNKED = (
    b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5;x=y\r\nabcde\r\n00A\r\n0123456789\r\n0\r\nTrailer: t\r\n\r\n"
)
LENGTH = (
    b"POST /a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 011\r\n\r\nGET / HTTP/"
)

REQUESTS = {
    "get": (SHORT, [BR, PLAIN]),
    "get as 1.0": (
        b"GET /a?b HTTP/1.0\r\n\r\n",
        [RequestLine("GET", "/a"), RequestComplete(RequestForm(False, False, 0))],
    ),
    "get as 1.0 that stays": (
        b"GET /a HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n",
        [RequestLine("GET", "/a"), RequestComplete(RequestForm(minor=0))],
    ),
    "get of a browser": (
        b"GET /flags/br/br.gif?a=b HTTP/1.1\r\nHost: localhost:8001\r\nUser-Agent: x/1 (y)\r\n"
        b"Accept-Encoding: gzip;q=0, gzip, deflate\r\nAccept-Encoding: br;q=1\r\n"
        b"Connection: keep-alive, x\r\n\r\n",
        [BR, PLAIN],
    ),
    "get with gzip": (
        b"GET /a HTTP/1.1\r\nhost:x\r\naccept-encoding:\t gzip;q=0.5 \r\n\r\n",
        [RequestLine("GET", "/a"), RequestComplete(RequestForm(gzip=True))],
    ),
    "head": (
        b"HEAD http://h:80/a HTTP/1.1\r\nHost: [::1]:80\r\nConnection: close\r\n\r\n",
        [RequestLine("HEAD", "/a"), RequestComplete(RequestForm(head_only=True, keep_alive=False))],
    ),
    "empty lines before": (b"\r\n\r\n" + SHORT, [BR, PLAIN]),
    "two at once": (SHORT + SHORT, [BR, PLAIN, BR, PLAIN]),
    "nothing behind a close": (SHORT[:-2] + b"Connection: close\r\n\r\n" + SHORT, [BR, CLOSING]),
    "length": (
        LENGTH,
        [RequestLine("POST", "/a"), Continue(), RequestComplete(RequestForm(), 405)],
    ),
    "length, then get": (
        LENGTH + SHORT,
        [RequestLine("POST", "/a"), Continue(), RequestComplete(RequestForm(), 405), BR, PLAIN],
    ),
    "chunks": (CHUNKED, [RequestLine("POST", "/a"), RequestComplete(RequestForm(), 405)]),
    "chunks, then get": (
        CHUNKED + SHORT,
        [RequestLine("POST", "/a"), RequestComplete(RequestForm(), 405), BR, PLAIN],
    ),
    "no host": (b"GET /a HTTP/1.1\r\nA: b\r\n\r\n", [RequestLine("GET", "/a"), BadRequest]),
    "two lengths": (
        b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        [RequestLine("POST", "/a"), BadRequest],
    ),
    "a bad chunk": (
        CHUNKED.replace(b"\r\n00A", b"\r\nxx"),
        [RequestLine("POST", "/a"), BadRequest],
    ),
    "no version": (b"GET /a\r\nHost: x\r\n\r\n", [RequestLine("GET", "/a"), BadRequest]),
    "no protocol": (b"\x16\x03\x01\x02\x00\x01\x00\r\n", [BadRequest]),
    "get, then nonsense": (SHORT + b"nonsense\r\n\r\n", [BR, PLAIN, BadRequest]),
    "half a get": (SHORT[:-2], [BR]),
}
"""Bytes of a client, and what is to be heard of them; of a refusal only that it is one."""


def read(pieces):
    """What comes out of the parser, and whether it is in the middle of a request."""
    parser = RequestParser()
    return [event for piece in pieces for event in parser.feed(piece)], parser.mid_request


def cut(data, *places):
    """The pieces between these places."""
    return [data[a:b] for a, b in pairwise((0, *places, len(data)))]


@each("name", REQUESTS)
def test_the_parser_hears_the_same_of_every_two_segments(name, record_property):
    data, expected = REQUESTS[name]
    events, mid_request = read([data])
    heard = [BadRequest if isinstance(event, BadRequest) else event for event in events]
    assert heard == expected

    def check(place):
        assert read(cut(data, place)) == (events, mid_request)

    prove(range(len(data) + 1), check, record_property)


def test_the_parser_hears_the_same_of_every_three_segments(record_property):
    data, expected = SHORT, [BR, PLAIN]

    def check(places):
        assert read(cut(data, *places)) == (expected, False)

    ends = range(len(data) + 1)
    prove([(a, b) for a in ends for b in ends if a <= b], check, record_property)


# --- on a socket ------------------------------------------------------------------------


class Arrivals:
    """What a server has received, piece by piece."""

    def __init__(self):
        self.pieces = []
        self.came = threading.Semaphore(0)

    @contextlib.contextmanager
    def watched(self):
        """Look at what the connections are handed."""
        receive = Connection.data_received

        def data_received(connection, data):
            receive(connection, data)
            self.pieces.append(bytes(data))
            self.came.release()

        with mock.patch.object(Connection, "data_received", data_received):
            yield


def exchange(url, pieces, arrivals):
    """Send each piece when the one before has arrived; all that comes back, and how it ends."""
    heard = b""
    with socket.create_connection(("127.0.0.1", urlsplit(url).port), timeout=WAIT_S) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            sock.sendall(piece)
            assert arrivals.came.acquire(timeout=WAIT_S)
        try:
            while data := sock.recv(65_536):
                heard += data
        except ConnectionResetError:
            return heard, "reset"
    return heard, "close"


def without_time(entry):
    """An entry but for numbers and times, which differ from one to the next."""
    return {
        key: value
        for key, value in entry.items()
        if key not in ("n", "conn", "start_s", "first_byte_s", "end_s")
    }


LAST = SHORT[:-2] + b"Connection: close\r\n\r\n"
"""A request behind which a server closes the connection."""


def answered(servers, arrivals, plan, pieces):
    """What comes back, how it ends, and the entries."""
    entries = servers.begin_run(plan)
    arrivals.pieces.clear()
    heard = exchange(servers.urls["LOCAL"], pieces, arrivals)
    servers.settle()
    assert arrivals.pieces == pieces, "each piece by itself"
    return *heard, list(map(without_time, entries))


@pytest.mark.parametrize(
    ("reply", "ends"),
    [(Serve(), "close"), (Status((503,)), "close"), (Truncate(9), "close"), (Reset(400), "reset")],
)
def test_a_server_answers_two_segments_as_it_answers_one(servers, reply, ends, record_property):
    arrivals, plan = Arrivals(), Plan(rules={"BR": (reply,)})
    with arrivals.watched():
        at_once = answered(servers, arrivals, plan, [LAST])
        assert at_once[1] == ends
        assert [entry["do"] for entry in at_once[2]] == [reply.do]

        def check(place):
            assert answered(servers, arrivals, plan, cut(LAST, place)) == at_once

        prove(range(1, len(LAST)), check, record_property)


POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(SHORT)


@pytest.mark.parametrize(
    ("first", "statuses", "delay_s"),
    [
        (SHORT, [200, 200], 0.0),
        (SHORT + OTHER, [200, 200, 200], 0.0),
        (SHORT + OTHER, [200, 200, 200], 0.004),  # the second has to wait for its turn
        (b"X" + SHORT, [405, 200], 0.0),  # behind the X there is a request like any other
        (POST + SHORT, [405, 200], 0.0),  # and so is the body here
    ],
    ids=["get", "two gets", "two late gets", "xget", "a get as a body"],
)
def test_a_connection_goes_on_after_two_segments_as_after_one(
    servers, first, statuses, delay_s, record_property
):
    arrivals, plan = Arrivals(), Plan(rules={"BR": (Serve(delay_s=delay_s),)})

    def on_one_connection(*pieces):
        heard, ends, entries = answered(servers, arrivals, plan, [*pieces, LAST])
        assert [entry["status"] for entry in entries] == statuses
        return heard, ends, [{**entry, "in_flight": None} for entry in entries]

    with arrivals.watched():
        at_once = on_one_connection(first)
        flags = [flag(entry["code"]) for entry in at_once[2] if entry["status"] == 200]
        assert b"".join(re.findall(rb"GIF8.*?(?=HTTP/1|\Z)", at_once[0], re.S)) == b"".join(flags)

        def check(place):
            assert on_one_connection(*cut(first, place)) == at_once

        prove(range(1, len(first)), check, record_property)
