"""The request parser, without sockets: what comes out of any bytes, cut anywhere."""

import tracemalloc
from unittest import mock

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.examples import examples
from support.parsed import CLOSING, GET, GZIP, PLAIN, ROOT, line_of, read, with_fields
from support.rows import each

from mockservers.http.request_parser import (
    MAX_BODY,
    MAX_HEAD,
    MAX_TARGET,
    BadRequest,
    Continue,
    RequestComplete,
    RequestLine,
    RequestParser,
)
from mockservers.kinds.request import RequestForm

# --- what comes out, event by event ----------------------------------------------------


PUT = b"PUT / HTTP/1.1\r\nHost: x\r\n"
PUTS, NOT_ALLOWED = RequestLine("PUT", "/"), RequestComplete(RequestForm(), 405)
CONNECTED = RequestComplete(RequestForm(keep_alive=False), 405)
HEAD = RequestComplete(RequestForm(head_only=True))
NO_LINE = BadRequest(400, "no request line")
BAD = BadRequest(400, mock.ANY)
"""What httptools refuses, in its words."""
NO_FORM = BadRequest(400, "request target of no known form")
NO_HOST = BadRequest(400, "Host is no host")
NO_VERSION = BadRequest(505, "not HTTP/1.0 or HTTP/1.1")
TOO_MUCH = BadRequest(413, "request body too long")
OTHER_CODING = BadRequest(501, "Transfer-Encoding besides chunked")
NOT_CHUNKED = BadRequest(400, "Transfer-Encoding that is not chunked in the end, or in HTTP/1.0")
CHUNKS = b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
UPGRADE = b"Connection: upgrade\r\nUpgrade: x\r\n"

EXACTLY = [
    # the request line
    (b"", []),
    (b"\r\n\n\r\n", []),
    (b"\r\n\n" + line_of(b"/"), [ROOT, PLAIN]),
    (b"\r\r\n", [NO_LINE]),
    (b"\x16\x03", [NO_LINE]),
    (b"nonsense", []),
    (b"nonsense\r\n", [NO_LINE]),
    (b"GET / HTTP/1.1", []),
    (b"GET / HTTP/1.1\r\n", [ROOT]),
    (b"GET /\r\n", [ROOT, NO_VERSION]),
    (b"GET  / HTTP/1.1\r\n", [NO_LINE]),
    (line_of(b"/", version=b"HTTP/2.0"), [ROOT, NO_VERSION]),
    (line_of(b"/", version=b"HTTP/0.1"), [ROOT, NO_VERSION]),
    (line_of(b"/", version=b"HTTP/1.2"), [ROOT, PLAIN]),
    (line_of(b"/", version=b"HTTP/1.0"), [ROOT, RequestComplete(RequestForm(False, False, 0))]),
    (line_of(b"x", version=b"HTTP/2.0"), [RequestLine("GET", "x"), NO_VERSION]),
    (line_of(b"/a?b/c"), [RequestLine("GET", "/a", "b/c"), PLAIN]),
    (line_of(b"/%41?"), [RequestLine("GET", "/%41", ""), PLAIN]),
    (line_of(b"hTTp://[::1]:8001/a?b"), [RequestLine("GET", "/a", "b"), PLAIN]),
    (line_of(b"https://x%4a.y?b"), [RequestLine("GET", "/", "b"), PLAIN]),
    (line_of(b"Xhttp://x/a"), [RequestLine("GET", "Xhttp://x/a"), NO_FORM]),
    (line_of(b"http:///a"), [RequestLine("GET", "http:///a"), NO_FORM]),
    (line_of(b"a?b"), [RequestLine("GET", "a?b"), NO_FORM]),
    (line_of(b"*"), [RequestLine("GET", "*"), NO_FORM]),
    (line_of(b"*", b"OPTIONS"), [RequestLine("OPTIONS", "*"), NOT_ALLOWED]),
    (line_of(b"/a?b", b"OPTIONS"), [RequestLine("OPTIONS", "/a", "b"), NOT_ALLOWED]),
    (line_of(b"x:1", b"CONNECT"), [RequestLine("CONNECT", "x:1"), CONNECTED]),
    (line_of(b"x:1", b"CONNECT") * 2, [RequestLine("CONNECT", "x:1"), CONNECTED]),
    (line_of(b"x", b"CONNECT"), [RequestLine("CONNECT", "x"), NO_FORM]),
    (line_of(b"/", b"CONNECT"), [RequestLine("CONNECT", "/"), NO_FORM]),
    (line_of(b"x:1"), [RequestLine("GET", "x:1"), NO_FORM]),
    # methods
    (line_of(b"/", b"PUT"), [PUTS, NOT_ALLOWED]),
    (line_of(b"/", b"HEAD"), [RequestLine("HEAD", "/"), HEAD]),
    (line_of(b"/", b"get"), [RequestLine("get", "/"), NOT_ALLOWED]),
    (line_of(b"/", b"XGET"), [RequestLine("XGET", "/"), NOT_ALLOWED]),
    (line_of(b"/", b"XHEAD"), [RequestLine("XHEAD", "/"), NOT_ALLOWED]),
    # Host
    (with_fields(), [ROOT, BadRequest(400, "0 Host fields")]),
    (with_fields(b"Host: x", b"host: x"), [ROOT, BadRequest(400, "2 Host fields")]),
    (
        with_fields(b"Host: x", b"host: x", line=b"GET / HTTP/1.0"),
        [ROOT, BadRequest(400, "2 Host fields")],
    ),
    (with_fields(line=b"GET / HTTP/1.0"), [ROOT, RequestComplete(RequestForm(False, False, 0))]),
    (with_fields(b"Host: a b", line=b"GET / HTTP/1.0"), [ROOT, NO_HOST]),
    (with_fields(b"Host: a/b"), [ROOT, NO_HOST]),
    (with_fields(b"Host:\t [::1]:8001 \t"), [ROOT, PLAIN]),
    (with_fields(b"Host:"), [ROOT, PLAIN]),
    (with_fields(b"Host: Xa"), [ROOT, PLAIN]),
    (with_fields(b"XHost: a"), [ROOT, BadRequest(400, "0 Host fields")]),
    # what httptools refuses, at once
    (GET + b"X y\r\nHo", [ROOT, BAD]),
    (
        PUT + b"Content-Length: 3\r\ncontent-length: 3\r\n\r\nabc",
        [PUTS, BAD],
    ),
    (
        PUT + b"Content-Length: X3\r\n\r\nabc",
        [PUTS, BAD],
    ),
    (
        PUT + b"Transfer-Encoding: chunked\r\n\r\nz\r\n",
        [PUTS, BAD],
    ),
    # bodies
    (PUT + b"Content-Length: 3\r\n\r\nabc", [PUTS, NOT_ALLOWED]),
    (PUT + b"Content-Length: 3\r\n\r\nab", [PUTS]),
    (PUT + b"Content-Length: 3\r\n\r\nabc" + line_of(b"/"), [PUTS, NOT_ALLOWED, ROOT, PLAIN]),
    (PUT + b"Content-Length: 0\r\n\r\n" + line_of(b"/"), [PUTS, NOT_ALLOWED, ROOT, PLAIN]),
    (PUT + b"Content-Length: 003\r\n\r\nabc" + GET, [PUTS, NOT_ALLOWED, ROOT]),
    (GET + b"Content-Length: 3\r\n\r\n\n\n\n" + GET, [ROOT, PLAIN, ROOT]),
    (PUT + CHUNKS, [PUTS, NOT_ALLOWED]),
    (PUT + CHUNKS[:-2], [PUTS]),
    (PUT + CHUNKS + PUT + CHUNKS + GET, [PUTS, NOT_ALLOWED] * 2 + [ROOT]),
    (PUT + CHUNKS[:-2] + b"Host: y\r\nConnection: close\r\n\r\n" + GET, [PUTS, NOT_ALLOWED, ROOT]),
    (PUT + b"Content-Length: 1048577\r\n\r\n", [PUTS, TOO_MUCH]),
    (PUT + b"Content-Length: 1048576\r\n\r\n", [PUTS]),
    (PUT + b"Content-Length: 18446744073709551615\r\n\r\n", [PUTS, TOO_MUCH]),
    (PUT + b"Transfer-Encoding: gzip\r\n\r\n", [PUTS, BAD]),
    (PUT + UPGRADE + b"Transfer-Encoding: gzip\r\n\r\n", [PUTS, NOT_CHUNKED]),
    (PUT + UPGRADE + b"Transfer-Encoding: chunked, gzip\r\n\r\n", [PUTS, BAD]),
    (PUT + UPGRADE + b"Transfer-Encoding: a, b\r\n\r\n", [PUTS, NOT_CHUNKED]),
    (PUT + UPGRADE + b"Transfer-Encoding: Xchunked\r\n\r\n", [PUTS, NOT_CHUNKED]),
    (PUT + b"Transfer-Encoding: gzip, chunked\r\n\r\n", [PUTS, OTHER_CODING]),
    (PUT + b"Transfer-Encoding: a\r\nTransfer-Encoding: b, chunked\r\n\r\n", [PUTS, OTHER_CODING]),
    (PUT.replace(b"1.1", b"1.0") + CHUNKS, [PUTS, NOT_CHUNKED]),
    (PUT + b"Transfer-Encoding: CHUNKED" + CHUNKS[26:], [PUTS, NOT_ALLOWED]),
    # a body after Upgrade: nobody knows where it ends
    (GET + UPGRADE + b"\r\n" + GET, [ROOT, PLAIN, ROOT]),
    (GET + UPGRADE + b"Content-Length: 3\r\n\r\nabc" + GET, [ROOT, CLOSING]),
    (GET + UPGRADE + b"Content-Length: 0\r\n\r\n" + GET, [ROOT, PLAIN, ROOT]),
    (GET + UPGRADE + CHUNKS + GET, [ROOT, CLOSING]),
    # leave to send a body
    (PUT + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\n", [PUTS, Continue()]),
    (
        PUT + b"Expect: x, 100-Continue\r\nContent-Length: 3\r\n\r\nabc",
        [PUTS, Continue(), NOT_ALLOWED],
    ),
    (PUT + b"Expect: 100-continue\r\n" + CHUNKS, [PUTS, Continue(), NOT_ALLOWED]),
    (PUT + b"Expect: 100-continue\r\n\r\n", [PUTS, NOT_ALLOWED]),
    (PUT + b"Expect: X100-continue\r\n" + CHUNKS, [PUTS, NOT_ALLOWED]),
    (PUT + b"Expect: x\r\n" + CHUNKS, [PUTS, NOT_ALLOWED]),
    (PUT + b"Expect: 100-continue\r\nContent-Length: 1048577\r\n\r\n", [PUTS, TOO_MUCH]),
    (
        PUT.replace(b"1.1", b"1.0") + b"Expect: 100-continue\r\nContent-Length: 1\r\n\r\na",
        [PUTS, RequestComplete(RequestForm(False, False, 0), 405)],
    ),
    # which of two goes on
    (GET + b"Connection: close\r\n\r\n" + GET, [ROOT, CLOSING]),
    (GET + b"Connection: x ,\tClose\t , y\r\n\r\n" + GET, [ROOT, CLOSING]),
    (GET + b"Connection: keep-alive\r\nConnection: close\r\n\r\n" + GET, [ROOT, CLOSING]),
    (GET + b"Connection: Xclose\r\n\r\n" + GET, [ROOT, PLAIN, ROOT]),
    (GET + b"Connection: a, Xclose\r\n\r\n" + GET, [ROOT, PLAIN, ROOT]),
    (GET + b"XConnection: close\r\n\r\n" + GET, [ROOT, PLAIN, ROOT]),
    (
        with_fields(b"Connection: Keep-Alive", line=b"GET / HTTP/1.0") + GET,
        [ROOT, RequestComplete(RequestForm(minor=0)), ROOT],
    ),
    (
        with_fields(b"Connection: a, Xkeep-alive", line=b"GET / HTTP/1.0") + GET,
        [ROOT, RequestComplete(RequestForm(False, False, 0))],
    ),
    # gzip
    *[
        (GET + b"Accept-Encoding: " + offer + b"\r\n\r\n", [ROOT, GZIP])
        for offer in (
            *(b"gzip", b"x-gzip", b"*", b"GZip ; q=0.1", b"br, gzip", b"br;q=0,\tgzip\t;q=1"),
            *(b"gzip;q=0X", b"*;q=0, gzip", b"gzip\r\nAccept-Encoding: br", b"*, br;q=0"),
            *(b"gzip;q=0.01", b"gzip;Xq=0"),
        )
    ],
    *[
        (GET + b"Accept-Encoding: " + offer + b"\r\n\r\n", [ROOT, PLAIN])
        for offer in (
            *(b"", b"br", b"gzip;q=0", b"gzip;q=0.000", b"x-gzip ; q=0.", b"*;q=0", b"Xgzip"),
            *(b"gzip;q=0, *", b"gzip, x-gzip;q=0", b"gzip;q=0, gzip", b"a;gzip", b"br, Xgzip"),
            *(b"gzip;a;q=0", b"X*", b"identity", b"Xx-gzip"),
        )
    ],
]  # fmt: skip


@each(("data", "events"), EXACTLY)
def test_exactly_these_events_come_out(data, events):
    assert read(data)[0] == events


def test_exactly_these_events_come_out_wherever_the_bytes_are_cut():
    for data, events in EXACTLY:
        for at in range(len(data)):
            assert read(data[:at], data[at:])[0] == events


@each(
    ("pieces", "mid_request"),
    [
        ([], False),
        ([b"G"], True),
        ([b"\r\n"], False),
        ([b"\r"], True),
        ([b"GET / HTTP/1.1\r\n"], True),
        ([PUT, b"Content-Length: 1\r\n\r\n"], True),
        ([PUT, b"Content-Length: 1\r\n\r\n", b"a"], False),
        ([PUT, b"Content-Length: 1\r\n\r\n", b"aG"], True),
        ([GET, b"Connection: close\r\n\r\nG"], False),
        ([b"\0"], False),
    ],
)
def test_a_request_is_under_way_or_not(pieces, mid_request):
    assert read(*pieces)[1].mid_request is mid_request


@pytest.mark.parametrize(
    ("start", "most", "told"),
    [
        (b"", 8256, BadRequest(501, "request line too long")),
        (b"GET ", 8256, BadRequest(414, "request line too long")),
        (GET + b"X: ", 65536, BadRequest(431, "request head too long")),
        (PUT + CHUNKS[:30] + b"1;", 1048576 + len(PUT) + 30, TOO_MUCH),
    ],
)
def test_what_has_no_end_is_refused_as_soon_as_it_is_too_long(start, most, told):
    reading = RequestParser()
    events = reading.feed(start + b"a" * (most - 1 - len(start)))
    assert not any(isinstance(event, BadRequest) for event in events)
    assert reading.feed(b"a") == [told]
    assert reading.feed(b"a") == []


def test_empty_lines_without_an_end_are_refused_as_no_request_line():
    reading = RequestParser()
    assert reading.feed(b"\r\n" * 4127) == []
    assert reading.feed(b"\r\n") == [BadRequest(400, "request line too long")]


@each(
    ("data", "last"),
    [
        (line_of(b"/" + b"a" * 8191), PLAIN),
        (line_of(b"/" + b"a" * 8192), BadRequest(414, "request target too long")),
        (GET + b"X: " + b"a" * (65536 - len(GET) - 7) + b"\r\n\r\n", PLAIN),
        (
            GET + b"X: " + b"a" * (65537 - len(GET) - 7) + b"\r\n\r\n",
            BadRequest(431, "request head too long"),
        ),
        (PUT + b"Content-Length: 1048576\r\n\r\n" + b"a" * 1048576, NOT_ALLOWED),
        (PUT + b"Transfer-Encoding: chunked\r\n\r\n" + b"0" * 1048572 + b"\r\n\r\n", NOT_ALLOWED),
        (PUT + b"Transfer-Encoding: chunked\r\n\r\n" + b"0" * 1048573 + b"\r\n\r\n", TOO_MUCH),
        # The first thing that is wrong is told, however much is there at once.
        (GET + b"X y\r\n" + b"X: y\r\n" * 30_000, BAD),
        # A head that fills its bounds and is refused is refused once.
        (GET + b"X y" + b" " * (65536 - len(GET) - 5) + b"\r\n", BAD),
    ],
)
def test_the_longest_that_is_served_and_the_shortest_that_is_not(data, last):
    events = read(data)[0]
    assert events[-1] == last
    assert len(events) == 2 or last.status == 414


# --- bounds ----------------------------------------------------------------------------


START = b"GET / HTTP/1.1\r\nHost: x\r\n"
CHUNKED = START + b"Transfer-Encoding: chunked\r\n\r\n"


@each(
    ("start", "endless", "status"),
    [
        (b"", b"\r\n", 400),
        (b"", b"A", 501),
        (b"", b"\x16\x03\x01", 400),
        (b"GET /", b"a", 414),
        (b"GET / HTTP/1.1", b" ", 414),
        (START + b"X: ", b"a", 431),
        (START, b"a", 431),
        (START, b"X: a\r\n", 431),
        (START + b"Content-Length: 2000000\r\n\r\n", b"a", 413),
        (CHUNKED, b"0", 413),
        (CHUNKED, b"200\r\n%b\r\n" % bytes(512), 413),
        (CHUNKED + b"fffffff\r\n", b"a" * 1023 + b"\n", 413),
        (CHUNKED + b"0;a=", b"b", 413),
        (CHUNKED + b"0\r\nX: ", b"y", 413),
        (CHUNKED + b"0\r\n", b"X: %b\r\n" % (b"y" * 512), 413),
    ],
)  # fmt: skip
def test_what_never_ends_is_refused_and_not_kept(start, endless, status):
    piece = endless * (65_536 // len(endless))
    reading = RequestParser()
    tracemalloc.start()
    try:
        events = reading.feed(start)
        for _ in range(20):
            events += reading.feed(piece)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert isinstance(events[-1], BadRequest)
    assert events[-1].status == status
    assert peak < 3 * MAX_BODY


@pytest.mark.parametrize("surplus", [0, 1])
@pytest.mark.parametrize(
    ("request_of", "longest", "status"),
    [
        (lambda n: b"GET /%b HTTP/1.1\r\nHost: x\r\n\r\n" % (b"a" * (n - 1)), MAX_TARGET, 414),
        (lambda n: START + b"X: %b\r\n\r\n" % (b"a" * (n - len(START) - 7)), MAX_HEAD, 431),
        (lambda n: START + b"Content-Length: %d\r\n\r\n" % n + b"a" * n, MAX_BODY, 413),
        (lambda n: CHUNKED + b"%08x\r\n%b\r\n0\r\n\r\n" % (n - 17, b"a" * (n - 17)), MAX_BODY, 413),
    ],
)  # fmt: skip
def test_a_bound_is_exact(request_of, longest, status, surplus):
    data = request_of(longest + surplus)
    for pieces in ([data], [data[:-1], data[-1:]], [data[:9000], data[9000:]]):
        last = read(*pieces)[0][-1]
        assert getattr(last, "status", None) == (status if surplus else None)


# --- gzip ------------------------------------------------------------------------------


WEIGHTS = st.sampled_from(["", "q=1", "q=0.001", "q=0.5", "q=1.000", "q=0", "q=0.", "q=0.000"])
OFFERS = st.tuples(
    st.sampled_from(["gzip", "x-gzip", "*", "br", "deflate", "identity", "gzipped"]), WEIGHTS
)
SPACE = st.sampled_from(["", " ", "\t", "  "])


def offers_gzip(offers):
    """Section 12.5.3 of RFC 9110 again: by name if it is named, else by the asterisk."""
    named = [weight for coding, weight in offers if coding in ("gzip", "x-gzip")]
    starred = [weight for coding, weight in offers if coding == "*"]
    weights = [float(weight.removeprefix("q=") or 1) for weight in named or starred]
    return bool(weights) and min(weights) > 0


@examples(120)
@given(st.lists(OFFERS, max_size=4), st.data())
@example([("gzip", "q=0"), ("*", "")], None)
@example([("gzip", "")], None)
def test_gzip_is_offered_by_its_names_or_an_asterisk_of_some_weight(offers, data):
    lines = ["GET / HTTP/1.1", "Host: x"]
    draw = data.draw if data else lambda strategy: ""
    for coding, weight in offers:
        member = f"{draw(SPACE)};{draw(SPACE)}".join([coding, weight] if weight else [coding])
        member = draw(SPACE) + member + draw(SPACE)
        if data and data.draw(st.booleans()):
            member = member.upper()
        if lines[-1].startswith("Accept") and data and data.draw(st.booleans()):
            lines[-1] += "," + member
        else:
            lines.append(f"Accept-Encoding:{member}")
    (_, whole), _ = read("\r\n".join([*lines, "", ""]).encode())
    assert whole.form.gzip is offers_gzip(offers)
