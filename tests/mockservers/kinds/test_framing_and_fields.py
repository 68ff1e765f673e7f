"""Chunks, lengths, codings, wrong bytes, odd header sections and early ends, on sockets."""

import gzip
import hashlib
import socket
import time
import zlib
from email.utils import parsedate_to_datetime

import pytest
from support.exchanges import drain, exactly, get, head
from support.replayed import bytes_by_the_spec, places_by_the_spec
from support.rows import each
from support.server_in_loop import port_of

from mockservers.faults import (
    Attachment,
    BadLength,
    Chunked,
    CloseAfter,
    Flip,
    Gzip,
    Interim,
    RateLimit,
    Redirect,
    Serve,
    SlowHead,
    Status,
    Unsatisfiable,
)
from mockservers.plan import Plan, PlanError

BODY = b"0123456789"
OCTETS = "Content-Type: application/octet-stream"
WHOLE = head("200 OK", OCTETS, "Content-Length: 10")
ABSENT = head("404 Not Found", "Content-Length: 0")
LAST = head("404 Not Found", "Content-Length: 0", "Connection: close")
IN_CHUNKS = head("200 OK", OCTETS, "Transfer-Encoding: chunked", "Trailer: X-Trailer")
CHUNKS = b"4\r\n0123\r\n4\r\n4567\r\n2\r\n89\r\n"
TRAILER = b"0\r\nX-Trailer: mockservers\r\n\r\n"
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </>; rel=preload\r\n\r\n"
STORED = bytes.fromhex("1f8b08000000000000ff 01 0a00 f5ff") + BODY
CODED = STORED + zlib.crc32(BODY).to_bytes(4, "little") + bytes([10, 0, 0, 0])
ACCEPTS = "Accept-Encoding: gzip"
GZIPPED = head("200 OK", OCTETS, "Content-Encoding: gzip", f"Content-Length: {len(CODED)}")
CUT = head("200 OK", OCTETS, "Content-Encoding: gzip", f"Content-Length: {len(CODED) // 2}")
FLIPPED = bytearray(BODY)
for place in places_by_the_spec(5, "LOCAL", "/r", 0, 3, 10):
    FLIPPED[place] ^= 0xFF


def length(n, *fields):
    return head("200 OK", OCTETS, *fields, f"Content-Length: {n}")


def attached(field):
    return head("200 OK", OCTETS, f"Content-Disposition: attachment; {field}", "Content-Length: 10")


def exchange(servers, *requests):
    """All that comes back on a connection, and how it ends."""
    with socket.create_connection(("127.0.0.1", port_of(servers)), 30) as sock:
        sock.sendall(b"".join(requests))
        received = drain(sock)
    servers.settle()
    return received


def begin(servers, *faults, body=BODY, ranges=False):
    plan = Plan(5, rules={"/r": faults}, ranges=ranges)
    return servers.begin_run(plan, content={"/r": body})


ROWS = [
    # fault, a field of the request, what comes, how it ends (None: it stays open), its entry
    (Chunked(4), "", IN_CHUNKS + CHUNKS + TRAILER, None, {"length": 10, "bytes_sent": 10}),
    (Chunked(), "", IN_CHUNKS + b"a\r\n" + BODY + b"\r\n" + TRAILER, None, {"bytes_sent": 10}),
    (Chunked(4, "chunk"), "", IN_CHUNKS + CHUNKS[:18], "FIN", {"length": None, "bytes_sent": 8}),
    (Chunked(4, "data"), "", IN_CHUNKS + CHUNKS[:14], "FIN", {"length": None, "bytes_sent": 6}),
    (Chunked(1, "data"), "", IN_CHUNKS + b"".join(b"1\r\n%d\r\n" % n for n in range(4)) + b"1\r\n",
     "FIN", {"bytes_sent": 4}),
    (Chunked(4, "end"), "", IN_CHUNKS + CHUNKS + b"0\r\n", "FIN", {"unclear": True, "length": 10}),
    (Chunked(10, "chunk"), "", IN_CHUNKS + b"a\r\n" + BODY + b"\r\n", "FIN", {"length": None}),
    (BadLength("more"), "", length(110) + BODY, None, {"length": 110, "unclear": False}),
    (BadLength("fewer", 4), "", length(6) + BODY, None,
     {"length": 6, "bytes_sent": 6, "unclear": True}),
    (BadLength("fewer"), "", length(0) + BODY, None, {"length": 0, "bytes_sent": 0}),
    (BadLength("two", 7), "",
     length(17, "Content-Length: 10")[:-2] + b"Connection: close\r\n\r\n" + BODY, "FIN",
     {"length": 10, "unclear": True}),
    (BadLength("with_chunked"), "",
     length(10, "Transfer-Encoding: chunked") + b"a\r\n" + BODY + b"\r\n0\r\n\r\n", None,
     {"length": 10, "unclear": True}),
    (Gzip(), ACCEPTS, GZIPPED + CODED, None, {"length": len(CODED), "unclear": False}),
    (Gzip(), "", WHOLE + BODY, None, {"do": "serve", "unclear": None}),
    (Gzip(cut=True), ACCEPTS, CUT + CODED[: len(CODED) // 2], None,
     {"length": len(CODED) // 2, "decoded": None}),
    (Gzip(unasked=True), "", GZIPPED + CODED, None, {"unclear": True}),
    (Flip(3), "", WHOLE + FLIPPED, None, {"unclear": True}),
    (Interim(), "", HINTS + WHOLE + BODY, None, {"status": 200, "unclear": True}),
    (Interim([102, 199]), "",
     b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 199 \r\n\r\n" + WHOLE + BODY, None, {}),
    (SlowHead(10_000), "", WHOLE + BODY, None, {"status": 200}),
    (Attachment("a b.gif"), "", attached('filename="a b.gif"') + BODY, None, {}),
    (Attachment(r'..\x/"y'), "", attached(r'filename="..\\x/\"y"') + BODY, None, {}),
    (Attachment(""), "", attached('filename=""') + BODY, None, {}),
    (Attachment("é/\0\r\n"), "", attached("filename*=UTF-8''%C3%A9%2F%00%0D%0A") + BODY, None, {}),
    (CloseAfter(), "", WHOLE + BODY, "FIN", {"unclear": False}),
    (CloseAfter(0.02), "", WHOLE + BODY, "FIN", {"complete": True}),
    (CloseAfter(reset=True), "", WHOLE + BODY, "RST", {"unclear": True}),
    (CloseAfter(0.02, reset=True), "", WHOLE + BODY, "RST", {"unclear": True}),
    (RateLimit(retry_after="soon"), "",
     head("429 Too Many Requests", "Retry-After: soon", "Content-Length: 0"), None, {}),
    (RateLimit(), "", head("429 Too Many Requests", "Retry-After: 1", "Content-Length: 0"), None,
     {"status": 429}),
    (Status(503, body_bytes=70), "",
     head("503 Service Unavailable", "Content-Type: text/html", "Content-Length: 70")
     + bytes_by_the_spec(5, "LOCAL", "/r", 0, 70), None, {"status": 503, "bytes_sent": 70}),
]  # fmt: skip


@pytest.mark.parametrize(("fault", "field", "comes", "ends", "says"), ROWS, ids=lambda one: "")
def test_a_response_is_these_bytes_this_ending_and_this_entry(
    servers, fault, field, comes, ends, says
):
    begin(servers, fault)
    asks = get("/r", *filter(None, [field])), get("/zz", "Connection: close")
    received, ending = exchange(servers, *asks)
    assert (received, ending) == ((comes, ends) if ends else (comes + LAST, "FIN"))
    entry = {"do": fault.do, "complete": True, "client_gone": False} | says
    first = servers.entries[0]
    assert {key: first.get(key) for key in entry} == entry
    sent = {Flip: bytes(FLIPPED), Gzip: CODED[: first["bytes_sent"]]}.get(type(fault), BODY)
    if first["do"] == "serve":
        sent = BODY
    if first["status"] == 200:
        digest = hashlib.sha256(sent[: first["bytes_sent"]]).hexdigest()
        assert first["sha256"] == (digest if first["bytes_sent"] else None)


KINDS = [
    Chunked(), BadLength("more"), Gzip(), Flip(), SlowHead(1e4), Attachment("a"), CloseAfter(),
]  # fmt: skip


@each("fault", KINDS)
def test_an_absent_resource_is_a_whole_404(servers, fault):
    begin(servers, fault)
    servers.begin_run(Plan(rules={"/absent": (fault,)}))
    asks = get("/absent", ACCEPTS), get("/absent", "Connection: close")
    assert exchange(servers, *asks) == (ABSENT + LAST, "FIN")


@each(
    ("fault", "comes"),
    [(Chunked(), WHOLE), (Chunked(cut="end"), WHOLE), (BadLength("with_chunked"), WHOLE),
     (Interim(), WHOLE), (CloseAfter(), WHOLE), (Gzip(unasked=True), GZIPPED)],
)  # fmt: skip
def test_http_1_0_gets_neither_chunks_nor_interim_responses(servers, fault, comes):
    begin(servers, fault)
    received, ending = exchange(servers, get("/r", version="1.0"))
    assert received.startswith(comes[:-2] + b"Connection: close\r\n\r\n")
    assert ending == "FIN"


@each("fault", [Chunked(), BadLength("more"), BadLength("with_chunked"), Gzip(), Flip(), Interim()])
def test_head_has_the_header_section_of_the_get(servers, fault):
    begin(servers, fault)
    asked, _ = exchange(servers, get("/r", ACCEPTS), get("/zz", "Connection: close"))
    only, _ = exchange(servers, get("/r", ACCEPTS, method="HEAD"), get("/z", "Connection: close"))
    *sections, _ = only.removesuffix(LAST).split(b"\r\n\r\n")
    assert only == b"".join(section + b"\r\n\r\n" for section in sections) + LAST
    assert asked.startswith(only.removesuffix(LAST))


# --- bodies of any length ---------------------------------------------------------------------

LONG = bytes(range(256)) * 1200  # longer than a block, and than a digest at once


def body_of(servers, *fields):
    received, _ = exchange(servers, get("/r", "Connection: close", *fields))
    return received.partition(b"\r\n\r\n")


@each("size", [0, 1, 65_534, 65_535, 65_536, 131_070, 131_071, len(LONG)])
def test_what_is_coded_can_be_decoded(servers, size):
    begin(servers, Gzip(), body=LONG[:size])
    _, _, body = body_of(servers, ACCEPTS)
    assert gzip.decompress(body) == LONG[:size]
    entry = servers.entries[0]
    assert (entry["bytes_sent"], entry["length"]) == (len(body), len(body))
    short = size <= 262_144
    digest = hashlib.sha256(LONG[:size]).hexdigest() if short else None
    assert entry["decoded"] == {"length": size, "sha256": digest}


@pytest.mark.parametrize("cut", ["chunk", "data", "end", None])
@pytest.mark.parametrize("in_a_folder", [False, True])
def test_chunks_are_the_same_from_memory_and_from_a_file(tmp_path, servers, cut, in_a_folder):
    (tmp_path / "r").write_bytes(LONG)
    content = tmp_path if in_a_folder else {"/r": LONG}
    servers.begin_run(Plan(rules={"/r": Chunked(100_000, cut)}), content=content)
    _, _, body = body_of(servers)
    framed = b"".join(
        b"%x\r\n%b\r\n" % (len(chunk), chunk)
        for chunk in (LONG[at : at + 100_000] for at in range(0, len(LONG), 100_000))
    )
    ends = {"chunk": 200_000 + 18, "data": 150_000 + 16, "end": len(framed)}
    trailer = {"end": b"0\r\n", None: TRAILER}.get(cut, b"")
    assert body == framed[: ends.get(cut, len(framed))] + trailer


@pytest.mark.parametrize("in_a_folder", [False, True])
def test_wrong_bytes_are_where_they_were_drawn(tmp_path, servers, in_a_folder):
    (tmp_path / "r").write_bytes(LONG)
    content = tmp_path if in_a_folder else {"/r": LONG}
    servers.begin_run(Plan(3, rules={"/r": Flip(4)}, ranges=True), content=content)
    places = places_by_the_spec(3, "LOCAL", "/r", 0, 4, len(LONG))
    _, _, body = body_of(servers)
    assert [n for n, (a, b) in enumerate(zip(LONG, body, strict=True)) if a ^ b] == places
    _, _, part = body_of(servers, f"Range: bytes={places[1]}-")  # of the whole resource
    assert part == body[places[1] :]


def test_what_is_coded_has_no_parts_and_a_weak_etag(servers):
    begin(servers, Gzip(), ranges=True)
    plain, _, _ = body_of(servers, "Range: bytes=2-4")
    assert b" 206 " in plain
    coded, _, body = body_of(servers, ACCEPTS, "Range: bytes=2-4")
    assert (b" 200 " in coded, gzip.decompress(body)) == (True, BODY)
    assert b"ETag: W/" in coded
    assert b'ETag: "' in plain


def test_the_body_of_a_416_is_drawn(servers):
    begin(servers, Unsatisfiable(body_bytes=40), ranges=True)
    _, _, body = body_of(servers, "Range: bytes=2-4")
    assert body == bytes_by_the_spec(5, "LOCAL", "/r", 0, 40)


# --- time -------------------------------------------------------------------------------------


def test_a_slow_head_keeps_its_rate(servers):
    entries = begin(servers, SlowHead(len(WHOLE) / 0.3))
    with socket.create_connection(("127.0.0.1", port_of(servers)), 30) as sock:
        began = time.monotonic()
        sock.sendall(get("/r"))
        first = sock.recv(1)
        assert first + exactly(sock, len(WHOLE) - 1) == WHOLE
        took_s = time.monotonic() - began
        assert exactly(sock, 10) == BODY
    assert took_s >= 0.29
    servers.settle()
    assert entries[0]["end_s"] - entries[0]["first_byte_s"] >= 0.29


def test_a_header_section_that_is_not_sent_whole_has_no_status(servers):
    entries = begin(servers, SlowHead(20))
    with socket.create_connection(("127.0.0.1", port_of(servers)), 30) as sock:
        sock.sendall(get("/r"))
        assert sock.recv(1) == b"H"
    servers.settle()
    says = ("status", "length", "bytes_sent", "complete", "client_gone")
    assert [entries[0][key] for key in says] == [None, None, 0, False, True]


def test_what_hangs_after_interim_responses_heeds_no_condition(servers):
    begin(servers, Interim(then="hang"), ranges=True)
    for field in ("If-None-Match: *", "Range: bytes=99-"):
        with socket.create_connection(("127.0.0.1", port_of(servers)), 30) as sock:
            sock.sendall(get("/r", field))
            assert exactly(sock, len(HINTS)) == HINTS


def test_head_has_no_body_that_could_be_decoded(servers):
    entries = begin(servers, Gzip(unasked=True))
    exchange(servers, get("/r", "Connection: close", method="HEAD"))
    assert (entries[0].get("decoded"), entries[0]["unclear"]) == (None, False)


def test_no_request_is_read_before_a_close(servers):
    entries = begin(servers, CloseAfter(0.2))
    with socket.create_connection(("127.0.0.1", port_of(servers)), 30) as sock:
        sock.sendall(get("/r"))
        assert exactly(sock, len(WHOLE) + 10) == WHOLE + BODY
        servers.settle()
        assert entries[0]["complete"], "it has ended, though the connection has not"
        sock.sendall(get("/r"))
        assert drain(sock) == (b"", "FIN")
    servers.settle()
    assert len(entries) == 1


def test_nothing_follows_interim_responses_that_hang(servers):
    entries = begin(servers, Interim(then="hang"))
    with socket.create_connection(("127.0.0.1", port_of(servers)), 30) as sock:
        sock.sendall(get("/r"))
        assert exactly(sock, len(HINTS)) == HINTS
    servers.settle()
    assert (entries[0]["status"], entries[0]["bytes_sent"]) == (None, 0)


@each("in_s", [-100, 0, 3000])
def test_a_date_to_retry_after_is_so_far_from_the_date_of_the_response(servers, in_s):
    begin(servers, RateLimit(date_in_s=in_s))
    section, _, _ = body_of(servers)
    fields = dict(line.split(": ", 1) for line in section.decode().split("\r\n")[1:])
    date, after = (parsedate_to_datetime(fields[name]) for name in ("Date", "Retry-After"))
    assert (after - date).total_seconds() == in_s


@each(
    ("to", "label", "leads"),
    [("{LOCAL}/a", "LOCAL", "/a"), ("{ERROR}/flags/br/br.gif?x", "ERROR", "/flags/br/br.gif?x"),
     ("{DELAY}", "DELAY", ""), ("{MARS}/a", None, "{MARS}/a"), ("gopher://x/", None, "gopher://x/")],
)  # fmt: skip
def test_a_redirect_may_name_another_server(servers, to, label, leads):
    entries = begin(servers, Redirect(to, 307))
    origin = servers.urls[label].removesuffix("/flags") if label else ""
    section, _, _ = body_of(servers)
    assert f"Location: {origin}{leads}\r\n".encode() in section
    assert entries[0]["location"] == origin + leads


@each(
    ("make", "says"),
    [
        (lambda: RateLimit(1, retry_after="x"), "retry_after: retry_after_s is there already"),
        (lambda: Attachment("é" * 1400), "takes more than the 8000 bytes of a field"),
        (lambda: Interim([101]), "statuses: 101 would switch"),
        (lambda: Interim([200]), "statuses"),
        (lambda: Flip(0), "count: 0 is not"),
        (lambda: Chunked(cut="half"), "cut: 'half' is not one of"),
        (lambda: Chunked(cut="\ud800"), r"cut: '\\ud800' is not one of"),
    ],
)
def test_what_cannot_be_is_named(make, says):
    with pytest.raises(PlanError, match=says):
        make()


def test_a_connection_that_is_closed_on_time_does_not_hinder_the_next(servers):
    begin(servers, CloseAfter(), Serve())
    for attempt in (1, 2):
        received, ending = exchange(servers, get("/r", *["Connection: close"] * (attempt - 1)))
        assert received.endswith(BODY)
        assert ending == "FIN"
