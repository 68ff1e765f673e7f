"""Each kind on real sockets: bytes, ending, entry."""

import contextlib
import hashlib
import threading
import time

import pytest
from support.exchanges import (
    BR,
    GIF,
    LAST,
    LENGTH,
    NEVER_ABSENT,
    NOT_FOUND,
    PATH,
    WHOLE,
    Row,
    connect,
    drain,
    exactly,
    get,
    head,
    whole,
)
from support.replayed import bytes_by_the_spec

from mockservers.faults import (
    Attachment,
    BadChunk,
    BadGzip,
    BadLength,
    CutHeaders,
    Drip,
    Empty,
    Garbage,
    Hang,
    HugeHeaders,
    Lognormal,
    NoLength,
    Page,
    RateLimit,
    Redirect,
    RedirectLoop,
    Reset,
    Serve,
    Stall,
    Status,
    TooLong,
    Truncate,
    Uniform,
    WrongType,
)
from mockservers.flags2.codes import path_of_code
from mockservers.plan import LABELS, Bucket, Plan, fate

HALF = len(BR) // 2


def noise(seed, label, code):
    text = f"v1|{seed}|{label}|{code}|0|bytes"
    drawn = b"".join(hashlib.sha256(f"{text}|{k}".encode()).digest() for k in range(8))
    return bytes([drawn[0] | 128]) + drawn[1:]


HUGE = [f"X-Huge-{n}: {'x' * 20}" for n in range(1, 200)] + [f"X-Huge-200: {'x' * 102_400}"]
NOISE = noise(5, "LOCAL", "BR")
NO_GZIP = b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + b"\xff" * 54

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
    Row(Status(204, body="none"), head("204 No Content"), status=204),
    whole(
        Status(503, body="ü", content_type="text/plain", headers={"Retry-After": "1"}),
        head(
            "503 Service Unavailable",
            "Content-Type: text/plain",
            "Retry-After: 1",
            "Content-Length: 2",
        ),
        503,
        body="ü".encode(),
    ),
    whole(
        Status(416, body_bytes=45),
        head("416 Range Not Satisfiable", "Content-Type: text/html", "Content-Length: 45"),
        416,
        body=bytes_by_the_spec(5, "LOCAL", "BR", 0, 45),
    ),
    whole(
        Page("<p>Sign in</p>"),
        head("200 OK", "Content-Type: text/html", "Content-Length: 14"),
        body=b"<p>Sign in</p>",
    ),
    Row(Stall(for_s=0.05), WHOLE, BR[:HALF], b"", "FIN", 200, len(BR)),
    Row(Stall(0, 0.05), WHOLE, b"", b"", "FIN", 200, len(BR)),
    whole(Stall(len(BR)), WHOLE, body=BR),
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
    planned = row.before + row.body + row.after
    if row.ending == "stays":  # then what was sent after it is answered
        assert received == planned + LAST
        assert ending == "FIN"
    else:
        assert received == planned
        assert ending == row.ending
    first, *after = entries
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
    served = [(entry["code"], entry["status"], entry["complete"]) for entry in after]
    if row.ending == "stays":
        assert served == [("ZZ", 404, True)]
    else:  # read or not, it gets no reply
        assert served in ([], [("ZZ", None, False)])
        assert not any(entry["client_gone"] for entry in after)


@pytest.mark.parametrize("kind", [*NEVER_ABSENT, Reset])
def test_an_absent_flag_is_a_whole_404_instead(servers, kind):
    made = {Drip: Drip(1.0), Reset: Reset(9), Attachment: Attachment("a")}
    reply = made.get(kind) or (BadLength("more") if kind is BadLength else kind())
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


def test_a_drip_in_pieces_sends_nothing_between_two_of_them(servers):
    rate, piece = len(BR) / 0.2, len(BR) // 3 - 1
    _, arrivals = dripped(servers, rate, piece)
    pieces = [piece, 2 * piece, 3 * piece, len(BR)]
    assert {so_far for _, so_far in arrivals} <= set(pieces)
    assert all(so_far <= rate * at + 1 for at, so_far in arrivals)


def dripped(servers, rate, piece=None):
    """The entry of a drip, and how many bytes of it were there so many seconds after the asking."""
    entries = servers.begin_run(Plan(rules={"BR": (Drip(rate, piece),)}))
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
