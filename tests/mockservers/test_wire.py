"""Every kind of reply: its exact bytes, the end of its connection, its entry in the journal."""

import contextlib
import errno
import hashlib
import http.client
import io
import socket
import struct
import threading
import time
import zlib
from http import HTTPStatus
from types import SimpleNamespace
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import effective, examples, render

from mockservers.content.flag_images import flag
from mockservers.faults import (
    KINDS,
    BadChunk,
    BadGzip,
    CutHeaders,
    Drip,
    Empty,
    Garbage,
    Hang,
    HugeHeaders,
    Lognormal,
    NoLength,
    RateLimit,
    Redirect,
    RedirectLoop,
    Reset,
    Serve,
    Status,
    TooLong,
    Truncate,
    Uniform,
    WrongType,
)
from mockservers.flags2.codes import path_of_code
from mockservers.kinds.resource import ResourceInfo
from mockservers.kinds.response import Ending, RequestForm
from mockservers.plan import LABELS, Bucket, Plan, fate
from mockservers.strategies import replies, seeds

WAIT_S = 30
"""Seconds after which a test gives up."""

# --- bytes, without a socket -----------------------------------------------------------

FORMS = st.builds(RequestForm, st.booleans(), st.booleans(), st.sampled_from([0, 1]), st.booleans())
GETS = FORMS.filter(lambda asked: not asked.head_only)
BODIES = st.binary(max_size=300)
NEVER_ABSENT = (
    Truncate, CutHeaders, TooLong, NoLength, Drip, BadChunk, BadGzip, WrongType, HugeHeaders
)  # fmt: skip
"""What can only happen to a resource that is there."""


def resolved(*kinds):
    """Replies as a plan gives them to a request."""
    plans = st.builds(Plan, seeds(), st.tuples(st.builds(Bucket, st.just(100), replies(*kinds))))
    return plans.map(lambda plan: fate(plan, "LOCAL", "BR", 1))


def rendered(reply, asked, body):
    """What becomes of a reply, and the bytes that are sent."""
    found = None if body is None else ResourceInfo(len(body), "image/gif")
    wire = render(effective(reply, asked, found), asked, found, "/flags/br/br.gif")
    content = body if wire.body is None else wire.body
    return wire, wire.head + (content or b"")[: wire.body_stop] + wire.tail


class Unclosed(io.BytesIO):
    """Bytes received, of which something may be left when a reply has been read."""

    def close(self):
        pass


def read(sent, method="GET"):
    """What http.client makes of a reply: the reply, its body, and what is left."""
    stream = Unclosed(sent)
    sock = SimpleNamespace(makefile=lambda _: stream)
    reply = http.client.HTTPResponse(sock, method=method)
    reply.begin()
    return reply, reply.read(), stream.read()


@examples(150)
@given(resolved(), FORMS, st.none() | BODIES)
def test_a_response_becomes_what_its_kind_says(reply, asked, body):
    found = None if body is None else ResourceInfo(len(body), "image/gif")
    now = effective(reply, asked, found)
    assert now.delay_s == reply.delay_s
    assert effective(now, asked, found) == now
    damages = isinstance(reply, NEVER_ABSENT) or getattr(reply, "after_bytes", 0)
    refused = {BadChunk: asked.minor == 0, BadGzip: not asked.gzip}
    if found is None and damages:
        assert now == Serve(delay_s=reply.delay_s)
    elif found and refused.get(type(reply)):
        assert now == Truncate(len(body) // 2, delay_s=reply.delay_s)
    else:
        assert now is reply


@examples(150)
@given(resolved(), FORMS)
def test_an_absent_resource_is_never_damaged_in_the_middle(reply, asked):
    wire, sent = rendered(reply, asked, None)
    now = effective(reply, asked, None)
    if isinstance(now, Empty | Hang | Reset):
        assert sent == b""
    elif isinstance(now, Garbage):
        assert sent == now.noise
    else:
        answer, body, left = read(sent, "HEAD" if asked.head_only else "GET")
        assert (answer.status, body, left) == (wire.status, b"", b"")
        assert answer.status == 404 or not isinstance(now, Serve)
    assert not wire.unclear


@examples(150)
@given(resolved(), GETS, st.none() | BODIES)
def test_head_gets_the_head_of_the_get_and_no_body(reply, asked, body):
    head_only = asked._replace(head_only=True)
    of_get, _ = rendered(reply, asked, body)
    of_head, sent = rendered(reply, head_only, body)
    assert (of_head.body_stop, of_head.tail, sent) == (0, b"", of_head.head)
    if body is not None and isinstance(reply, BadChunk | TooLong):
        of_get, _ = rendered(Serve(), asked, body)  # there is no body that could be bad
    assert of_head.head == of_get.head
    assert of_head.status == of_get.status


@examples(150)
@given(resolved(), FORMS, st.none() | BODIES)
def test_a_connection_stays_open_only_after_a_complete_response_if_the_client_wants_it(
    reply, asked, body
):
    wire, sent = rendered(reply, asked, body)
    if wire.ending is Ending.KEEP:
        assert asked.keep_alive
        if not wire.unclear:
            answer, _, left = read(sent, "HEAD" if asked.head_only else "GET")
            assert (answer.will_close, left) == (False, b"")
    head = wire.head if wire.status else b""
    if b"\r\nConnection: close\r\n" in head:
        assert wire.ending is Ending.CLOSE or isinstance(reply, Reset)
    elif head:
        assert asked.keep_alive
        assert (b"\r\nConnection: keep-alive\r\n" in head) is (asked.minor == 0)


@pytest.mark.parametrize(
    "path",
    [
        "/flags/br/br.gif",
        "/a%20b%2fc",
        "/a;b=c&d@e:f",
        "//elsewhere/a",
    ],
)
def test_a_loop_leads_back_to_the_very_same_path(path):
    wire = render(RedirectLoop(), RequestForm(), None, path)
    assert urljoin(f"http://here{path}", wire.location) == f"http://here{path}"
    assert f"\r\nLocation: {wire.location}\r\n".encode() in wire.head


@pytest.mark.parametrize("kind", KINDS.values())
@examples(20)
@given(data=st.data(), asked=GETS, body=BODIES)
def test_a_client_that_is_not_ours_reads_what_was_planned(kind, data, asked, body):
    reply = data.draw(resolved(kind))
    wire, sent = rendered(reply, asked, body)
    whole = rendered(Serve(), asked, body)[1]
    match effective(reply, asked, ResourceInfo(len(body), "image/gif")):
        case Serve() | Drip() | WrongType():
            assert read(sent)[1:] == (body, b"")
            assert wire.length == len(body)
        case Status() | Redirect() | RedirectLoop() | RateLimit():
            answer, content, left = read(sent)
            assert (answer.status, content, left) == (wire.status, b"", b"")
        case Empty() | Hang() | Reset(0):
            with pytest.raises(http.client.RemoteDisconnected):
                read(sent)
        case Garbage():
            assert len(sent) == 256
            with pytest.raises(http.client.BadStatusLine):
                read(sent)
        case Reset(after_bytes):
            assert sent == whole[:after_bytes]
            assert wire.unclear is (after_bytes >= len(whole))
        case CutHeaders(after_bytes):
            head = whole.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
            cut = len(head) // 2 if after_bytes is None else after_bytes
            assert sent == head[:-1][:cut]
        case Truncate(after_bytes) if after_bytes >= len(body):
            assert sent == whole
        case Truncate(after_bytes):
            with pytest.raises(http.client.IncompleteRead) as caught:
                read(sent)
            assert caught.value.partial == body[:after_bytes]
        case TooLong():
            _, content, left = read(sent)
            assert content == body
            assert len(left) > 0
        case NoLength(after_bytes):
            cut = len(body) // 2 if after_bytes is None else after_bytes
            answer, content, left = read(sent)
            assert (content, answer.length) == (body[:cut], None)
        case BadChunk():
            with pytest.raises(http.client.IncompleteRead) as caught:
                read(sent)
            assert caught.value.partial == body[: len(body) // 2]
            assert wire.length is None
        case BadGzip():
            answer, content, left = read(sent)
            assert (answer.headers["Content-Encoding"], left) == ("gzip", b"")
            with pytest.raises(zlib.error):
                zlib.decompress(content, wbits=31)
        case HugeHeaders():
            with pytest.raises(http.client.HTTPException):
                read(sent)  # it takes no more than 100 fields, and no long ones
            assert sent.endswith(b"\r\n\r\n" + body)


# --- on sockets ------------------------------------------------------------------------

BR = flag("BR")
HALF = len(BR) // 2
PATH = path_of_code("BR")
GIF = "Content-Type: image/gif"
LENGTH = f"Content-Length: {len(BR)}"


def head(status, *fields):
    return "\r\n".join([f"HTTP/1.1 {status}", "Server: mockservers", *fields, "", ""]).encode()


def noise(seed, label, code):
    text = f"v1|{seed}|{label}|{code}|0|bytes"
    drawn = b"".join(hashlib.sha256(f"{text}|{k}".encode()).digest() for k in range(8))
    return bytes([drawn[0] | 128]) + drawn[1:]


WHOLE = head("200 OK", GIF, LENGTH)
HUGE = [f"X-Huge-{n}: {'x' * 20}" for n in range(1, 200)] + [f"X-Huge-200: {'x' * 102_400}"]
NOISE = noise(5, "LOCAL", "BR")
NO_GZIP = b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + b"\xff" * 54
NOT_FOUND = head("404 Not Found", "Content-Length: 0")
LAST = head("404 Not Found", "Content-Length: 0", "Connection: close")


def get(path=PATH, *fields, method="GET", version="1.1"):
    return "\r\n".join([f"{method} {path} HTTP/{version}", "Host: x", *fields, "", ""]).encode()


class Row(NamedTuple):
    """A reply, what goes over the wire, how the connection ends, and what the entry says."""

    reply: object
    before: bytes = b""
    body: bytes = b""
    behind: bytes = b""
    ending: str = "stays"
    status: int | None = None
    length: int | None = None
    do: str | None = None
    location: str | None = None
    request: bytes = get()


def whole(reply, sent, status=200, body=b"", **more):
    return Row(reply, sent, body, status=status, length=len(body), **more)


ROWS = [
    whole(Serve(), WHOLE, body=BR),
    whole(Drip(1e9), WHOLE, body=BR),
    whole(WrongType(), head("200 OK", "Content-Type: text/html", LENGTH), body=BR),
    whole(HugeHeaders(), head("200 OK", GIF, *HUGE, LENGTH), body=BR),
    whole(Truncate(10**6), WHOLE, body=BR, do="truncate"),
    whole(Status((418,), "Tea", (("X", "y"),)), head("418 Tea", "X: y", "Content-Length: 0"), 418),
    whole(
        RateLimit(7),
        head("429 Too Many Requests", "Retry-After: 7", "Content-Length: 0"),
        status=429,
    ),
    whole(
        Redirect("/else?where#to"),
        head("302 Found", "Location: /else?where#to", "Content-Length: 0"),
        status=302,
        location="/else?where#to",
    ),
    whole(
        RedirectLoop(),
        head("302 Found", f"Location: {PATH}", "Content-Length: 0"),
        status=302,
        location=PATH,
    ),
    whole(
        BadGzip(),
        head("200 OK", GIF, "Content-Encoding: gzip", f"Content-Length: {len(NO_GZIP)}"),
        body=NO_GZIP,
        request=get(PATH, "Accept-Encoding: gzip"),
    ),
    Row(Status((204,)), head("204 No Content"), status=204),
    Row(BadGzip(), WHOLE, BR[:HALF], b"", "FIN", 200, len(BR), do="truncate"),
    Row(Truncate(), WHOLE, b"", b"", "FIN", 200, len(BR)),
    Row(Truncate(100), WHOLE, BR[:100], b"", "FIN", 200, len(BR)),
    Row(
        TooLong(),
        head("200 OK", GIF, LENGTH, "Connection: close"),
        BR,
        b"more than was announced\r\n" * 4,
        "FIN",
        200,
        len(BR),
    ),
    Row(NoLength(), head("200 OK", GIF, "Connection: close"), BR[:HALF], b"", "FIN", 200),
    Row(NoLength(0), head("200 OK", GIF, "Connection: close"), b"", b"", "FIN", 200),
    Row(NoLength(10**6), head("200 OK", GIF, "Connection: close"), BR, b"", "FIN", 200),
    Row(
        BadChunk(),
        head("200 OK", GIF, "Transfer-Encoding: chunked") + b"%x\r\n" % HALF,
        BR[:HALF],
        b"\r\nthis is no size\r\n",
        "FIN",
        200,
    ),
    Row(
        BadChunk(),
        head("200 OK", GIF, LENGTH, "Connection: close"),
        BR[:HALF],
        b"",
        "FIN",
        200,
        len(BR),
        do="truncate",
        request=get(version="1.0"),
    ),
    Row(CutHeaders(), WHOLE[: len(WHOLE) // 2], ending="FIN"),
    Row(CutHeaders(0), ending="FIN"),
    Row(CutHeaders(1), WHOLE[:1], ending="FIN"),
    Row(CutHeaders(10**6), WHOLE[:-1], ending="FIN"),
    Row(Garbage(), NOISE, ending="FIN"),
    Row(Empty(), ending="FIN"),
    Row(Hang(0.05), ending="FIN"),
    Row(Reset(), ending="RST"),
    Row(Reset(20), WHOLE[:20], ending="RST"),
    Row(Reset(len(WHOLE) + 7), WHOLE, BR[:7], ending="RST", status=200, length=len(BR)),
    Row(Reset(10**6), WHOLE, BR, ending="RST", status=200, length=len(BR)),
]


def connect(servers, host="127.0.0.1"):
    return socket.create_connection((host, urlsplit(servers.urls["LOCAL"]).port), WAIT_S)


def drain(sock):
    """All that still comes, and how the connection ends."""
    received = b""
    try:
        while data := sock.recv(65_536):
            received += data
    except ConnectionResetError:
        return received, "RST"
    return received, "FIN"


def exactly(sock, length):
    """The next bytes, so many of them."""
    received = b""
    while len(received) < length and (data := sock.recv(length - len(received))):
        received += data
    return received


def exchange(servers, *requests):
    """All that comes back on a connection, and how it ends."""
    with connect(servers) as sock:
        sock.sendall(b"".join(requests))
        received = drain(sock)
    servers.settle()
    return received


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row.reply)[:40])
def test_a_kind_is_exactly_its_bytes_its_ending_and_its_entry(servers, row):
    entries = servers.begin_run(Plan(5, rules={"BR": (row.reply,)}))
    received, ending = exchange(
        servers, row.request, get("/flags/zz/zz.gif", "Connection: close"), get("/flags/us/us.gif")
    )
    planned = row.before + row.body + row.behind
    if row.ending == "stays":  # then what was sent behind it is answered
        assert received == planned + LAST
        assert ending == "FIN"
    else:
        assert received == planned
        assert ending == row.ending
    first, *behind = entries
    assert {name: first[name] for name in ("do", "status", "length", "code", "attempt")} == {
        "do": row.do or row.reply.do,
        "status": row.status,
        "length": row.length,
        "code": "BR",
        "attempt": 1,
    }
    assert first.get("location") == row.location
    assert first["bytes_sent"] == len(row.body)
    assert first["sha256"] == (hashlib.sha256(row.body).hexdigest() if row.body else None)
    assert (first["complete"], first["client_gone"], first["delay_s"]) == (True, False, 0)
    assert (first["first_byte_s"] is None) is (planned == b"")
    served = [(entry["code"], entry["status"], entry["complete"]) for entry in behind]
    if row.ending == "stays":
        assert served == [("ZZ", 404, True)]
    else:  # read or not, it gets no reply
        assert served in ([], [("ZZ", None, False)])
        assert not any(entry["client_gone"] for entry in behind)


@pytest.mark.parametrize("kind", [*NEVER_ABSENT, Reset])
def test_an_absent_flag_is_a_whole_404_instead(servers, kind):
    reply = {Drip: Drip(1.0), Reset: Reset(9)}.get(kind) or kind()
    entries = servers.begin_run(Plan(rules={"ZZ": (reply,)}))
    asks = get("/flags/zz/zz.gif", "Accept-Encoding: gzip")
    received, ending = exchange(servers, asks, get("/flags/zz/zz.gif", "Connection: close"))
    assert (received, ending) == (NOT_FOUND + LAST, "FIN")
    assert [(e["do"], e["status"], e["attempt"]) for e in entries] == [
        ("serve", 404, 1),
        ("serve", 404, 2),
    ]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row.reply)[:40])
def test_a_kind_can_be_met_twice_on_as_many_connections(servers, row):
    servers.begin_run(Plan(5, rules={"BR": (row.reply,)}))
    with connect(servers) as one, connect(servers) as other:
        for sock in (one, other):
            sock.sendall(row.request[:-2] + b"Connection: close\r\n\r\n")
        assert drain(one) == drain(other)


def test_a_hang_sends_nothing_and_ends_by_itself(servers):
    entries = servers.begin_run(Plan(rules={"BR": (Hang(0.1, delay_s=0.05),)}))
    began = time.monotonic()
    assert exchange(servers, get()) == (b"", "FIN")
    assert time.monotonic() - began >= 0.149
    (entry,) = entries
    assert entry["end_s"] - entry["start_s"] >= 0.149
    assert entry["delay_s"] == 0.05
    assert entry["first_byte_s"] is None


def test_a_drip_keeps_its_rate(servers):
    rate = len(BR) / 0.4
    for _ in range(3):  # a busy machine may make it late, but nothing makes it early
        entry, arrivals = dripped(servers, rate)
        *_, (ended, total) = arrivals
        assert total == len(BR)
        assert all(so_far <= rate * at + 1 for at, so_far in arrivals)
        by_the_journal = entry["end_s"] - entry["first_byte_s"]
        assert min(by_the_journal, ended) >= 0.399
        if max(by_the_journal, ended) <= 0.4 * 1.05:
            break
    else:
        pytest.fail(f"{len(BR)} bytes took {by_the_journal} s, not 0.4 s")
    assert len(arrivals) > 5


def dripped(servers, rate):
    """The entry of a drip, and how many bytes of it were there so many seconds after the asking."""
    entries = servers.begin_run(Plan(rules={"BR": (Drip(rate),)}))
    arrivals, total = [], 0
    with connect(servers) as sock:
        asked = time.monotonic()
        sock.sendall(get())
        assert exactly(sock, len(WHOLE)) == WHOLE
        while total < len(BR):
            total += len(sock.recv(65_536))
            arrivals.append((time.monotonic() - asked, total))
    servers.settle()
    return entries[0], arrivals


def test_garbage_is_other_garbage_for_another_seed_label_and_code(servers):
    plans = {label: Plan(5, (Bucket(100, Garbage()),)) for label in LABELS}
    received = set()
    for seed in (5, 6):
        servers.begin_run({**plans, "LOCAL": Plan(seed, (Bucket(100, Garbage()),))})
        for code in ("BR", "US"):
            sent, _ = exchange(servers, get(path_of_code(code)))
            assert sent == noise(seed, "LOCAL", code)
            received.add(sent)
    assert len(received) == 4
    assert not any(sent.startswith(b"HTTP") for sent in received)


def test_huge_headers_are_200_fields_one_of_them_of_100_kb(servers):
    servers.begin_run(Plan(rules={"BR": (HugeHeaders(),)}))
    received, _ = exchange(servers, get(PATH, "Connection: close"))
    fields = received.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]
    assert len([field for field in fields if field.startswith(b"X-")]) == 200
    assert [len(field) >= 102_400 for field in fields].count(True) == 1


DELAYS = {
    "BR": 0.06,
    "CN": Uniform(0.03, 0.09),
    "US": Lognormal(0.05, 0.5, 0.1),
    "ZZ": Lognormal(0.5, 0.5, 0.08),
}


def test_delays_that_are_fixed_or_drawn_are_waited_for_and_no_longer(servers):
    rules = {code: (Serve(delay_s=delay),) for code, delay in DELAYS.items()}
    plan = Plan(3, rules=rules)
    entries = servers.begin_run(plan)
    with contextlib.ExitStack() as stack:
        socks = {code: stack.enter_context(connect(servers)) for code in DELAYS}
        began = time.monotonic()
        for code, sock in socks.items():
            sock.sendall(get(path_of_code(code), "Connection: close"))
        took = {}

        def listen(code, sock):
            sock.recv(1)
            took[code] = time.monotonic() - began
            drain(sock)

        listeners = [threading.Thread(target=listen, args=pair) for pair in socks.items()]
        for listener in listeners:
            listener.start()
        for listener in listeners:
            listener.join()
    servers.settle()
    assert len(entries) == len(DELAYS)
    for entry in entries:
        planned = fate(plan, "LOCAL", entry["code"], 1).delay_s
        assert entry["delay_s"] == planned
        assert planned - 0.001 <= entry["first_byte_s"] - entry["start_s"] <= planned + 0.5
        assert planned - 0.001 <= took[entry["code"]] <= planned + 0.5
    assert {e["code"]: e["delay_s"] for e in entries}["ZZ"] == 0.08  # held by its maximum


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
