"""The request parser, without sockets: what comes out of any bytes, cut anywhere."""

import contextlib
import itertools
import tracemalloc
from dataclasses import dataclass
from unittest import mock

import pytest
from hypothesis import example, find, given
from hypothesis import strategies as st
from support import FOUND_IS_ENOUGH, examples

from mockservers.http import request_parser as parser
from mockservers.http.fast_path import KnownHeaders
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
from mockservers.kinds.response import RequestForm


def read(*pieces, parser_class=RequestParser):
    """The events of a connection that brings `pieces`, and the parser behind it."""
    reading = parser_class()
    return [event for piece in pieces for event in reading.feed(piece)], reading


def in_bytes(data):
    return [data[at : at + 1] for at in range(len(data))]


def small_bounds():
    """Bounds that short examples reach."""
    return mock.patch.multiple(parser, MAX_TARGET=30, _MAX_LINE=50, MAX_HEAD=150, MAX_BODY=60)


# --- what comes out, event by event ----------------------------------------------------

GET = b"GET / HTTP/1.1\r\nHost: x\r\n"
PUT = b"PUT / HTTP/1.1\r\nHost: x\r\n"
ROOT, PLAIN, CLOSING = (
    RequestLine("GET", "/"),
    RequestComplete(RequestForm()),
    RequestComplete(RequestForm(keep_alive=False)),
)
PUTS, NOT_ALLOWED = RequestLine("PUT", "/"), RequestComplete(RequestForm(), 405)
GZIP = RequestComplete(RequestForm(gzip=True))
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


def line_of(target, method=b"GET", version=b"HTTP/1.1"):
    """The request line of a request, and a host."""
    return method + b" " + target + b" " + version + b"\r\nHost: x\r\n\r\n"


def with_fields(*fields, line=b"GET / HTTP/1.1"):
    """A request of these lines, and no body."""
    return b"\r\n".join([line, *fields, b"", b""])


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
    (line_of(b"/a?b/c"), [RequestLine("GET", "/a"), PLAIN]),
    (line_of(b"/%41?"), [RequestLine("GET", "/%41"), PLAIN]),
    (line_of(b"hTTp://[::1]:8001/a?b"), [RequestLine("GET", "/a"), PLAIN]),
    (line_of(b"https://x%4a.y?b"), [ROOT, PLAIN]),
    (line_of(b"Xhttp://x/a"), [RequestLine("GET", "Xhttp://x/a"), NO_FORM]),
    (line_of(b"http:///a"), [RequestLine("GET", "http:///a"), NO_FORM]),
    (line_of(b"a?b"), [RequestLine("GET", "a?b"), NO_FORM]),
    (line_of(b"*"), [RequestLine("GET", "*"), NO_FORM]),
    (line_of(b"*", b"OPTIONS"), [RequestLine("OPTIONS", "*"), NOT_ALLOWED]),
    (line_of(b"/a?b", b"OPTIONS"), [RequestLine("OPTIONS", "/a"), NOT_ALLOWED]),
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
    # a body behind Upgrade: nobody knows where it ends
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


@pytest.mark.parametrize(("data", "events"), EXACTLY, ids=range(len(EXACTLY)))
def test_exactly_these_events_come_out(data, events):
    assert read(data)[0] == events


def test_exactly_these_events_come_out_wherever_the_bytes_are_cut():
    for data, events in EXACTLY:
        for at in range(len(data)):
            assert read(data[:at], data[at:])[0] == events


@pytest.mark.parametrize(
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


@pytest.mark.parametrize(
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
        (
            GET + b"X y" + b" " * (65536 - len(GET) - 5) + b"\r\n",
            BAD,
        ),
    ],
    ids=lambda value: repr(value)[-50:],
)
def test_the_longest_that_is_served_and_the_shortest_that_is_not(data, last):
    events = read(data)[0]
    assert events[-1] == last
    assert len(events) == 2 or last.status == 414


# --- requests that are in order --------------------------------------------------------


@dataclass(frozen=True)
class Sent:
    """The bytes of a request, and what is to be heard of it."""

    data: bytes
    events: list


TOKENS = st.text("!#$%&'*+-.^_`|~09azAZ", min_size=1, max_size=8)
VALUES = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"))
PATHS = st.text("/abZ09%.;:@!$&'()*+,=~_-", max_size=12).map(lambda text: "/" + text)
QUERIES = st.sampled_from(["", "?", "?a=b", "?/?"])
ORIGINS = st.sampled_from(["", "http://h", "HTTP://h:80", "HttpS://[::1]:8001", "http://%41"])
HOSTS = st.sampled_from(["", "h", "h:", "h:80", "127.0.0.1:8001", "[::1]:8001", "%41!$&'()*+,;=~"])
METHODS = st.sampled_from(["GET", "HEAD", "GET", "POST", "TRACE", "BREW", "PLAY", "get"])
CONNECTIONS = st.lists(
    st.sampled_from(["close", "Close", "keep-alive", "Keep-Alive", "upgrade", "x", "closed", ""]),
    max_size=3,
)


@st.composite
def chunked(draw, content):
    """A body in chunked coding, with extensions and trailer fields."""
    extension = st.sampled_from([b"", b";a", b";a=b", b';a="b c"', b";a=b;c"])
    pieces = draw(st.lists(st.binary(min_size=1, max_size=9), max_size=3)) if content else []
    sizes = st.sampled_from([b"%x", b"%X", b"000%x"])
    coded = b"".join(
        draw(sizes) % len(piece) + draw(extension) + b"\r\n" + piece + b"\r\n" for piece in pieces
    )
    trailers = draw(st.sampled_from([b"", b"X: y\r\n", b"Host: z\r\nExpect: 100-continue\r\n"]))
    return coded + b"0" + draw(extension) + b"\r\n" + trailers + b"\r\n"


@st.composite
def sent(draw):
    """A request that a server has to understand."""
    method, minor = draw(METHODS), draw(st.integers(0, 9))
    origin, path, query = draw(ORIGINS), draw(PATHS), draw(QUERIES)
    options = draw(CONNECTIONS)
    expects = draw(st.booleans())
    framing = draw(st.sampled_from(["none", "length", *(["chunked"] if minor else [])]))
    content = draw(st.binary(max_size=20))
    body = {"none": b"", "length": content}.get(framing)
    fields = [("X-" + draw(TOKENS), draw(VALUES)) for _ in range(draw(st.integers(0, 2)))]
    fields += [("Connection", option) for option in options]
    if minor or draw(st.booleans()):
        fields.append(("Host", draw(HOSTS)))
    if expects:
        fields.append(("Expect", draw(st.sampled_from(["100-continue", "100-Continue"]))))
    if framing == "length":
        fields.append(("Content-Length", f"{len(content):0{draw(st.integers(1, 4))}}"))
    elif framing == "chunked":
        fields.append(("Transfer-Encoding", draw(st.sampled_from(["chunked", "Chunked"]))))
        body = draw(chunked(content))
    lines = [f"{method} {origin}{path}{query} HTTP/1.{minor}"]
    for name, value in draw(st.permutations(fields)):
        # No tab behind a value: httptools refuses it behind some (400 is a safe answer to that).
        before, behind = draw(st.sampled_from([(" ", ""), ("", ""), ("\t ", "  ")]))
        lines.append(f"{draw(st.sampled_from([name, name.swapcase()]))}:{before}{value}{behind}")
    head = "\r\n".join([*lines, "", ""]).encode("latin-1")
    options = [option.lower() for option in options]
    form = RequestForm(
        head_only=method == "HEAD",
        keep_alive="close" not in options and (minor > 0 or "keep-alive" in options),
        minor=min(minor, 1),
    )
    awaits = [Continue()] if expects and minor and (framing == "chunked" or body) else []
    refused = None if method in ("GET", "HEAD") else 405
    empty_lines = draw(st.sampled_from([b"", b"", b"\r\n", b"\r\n\r\n", b"\n"]))
    return Sent(
        empty_lines + head + body,
        [RequestLine(method, path), *awaits, RequestComplete(form, refused)],
    )


@examples(200)
@given(st.lists(sent(), min_size=1, max_size=4))
def test_a_request_in_order_is_a_line_and_whole_with_its_form(several):
    events, reading = read(b"".join(request.data for request in several))
    expected = []
    for request in several:
        expected += request.events
        if not request.events[-1].form.keep_alive:
            break  # RFC 9112, section 9.6: no further request is processed
    assert events == expected
    assert not reading.mid_request


@examples(200)
@given(sent(), st.data())
def test_a_request_is_under_way_from_its_first_byte_to_its_last(request_, data):
    cut = data.draw(st.integers(0, len(request_.data) - 1))
    events, reading = read(request_.data[:cut])
    assert events == request_.events[: len(events)]
    assert not any(isinstance(event, RequestComplete) for event in events)
    begun = bool(request_.data[:cut].replace(b"\r\n", b"").strip(b"\n"))
    assert reading.mid_request is begun
    assert [*events, *reading.feed(request_.data[cut:])] == request_.events


@pytest.mark.parametrize("wanted", [RequestLine, Continue, RequestComplete])
def test_every_event_of_a_request_in_order_can_be_drawn(wanted):
    find(
        sent(),
        lambda request: any(isinstance(event, wanted) for event in request.events),
        settings=FOUND_IS_ENOUGH,
    )


# --- bytes that may be anything --------------------------------------------------------

ODD = st.binary(min_size=1, max_size=4) | st.sampled_from(
    [
        *(bytes([byte]) for byte in b"\r\n\0 \t:,;/#*%-+0\x7f\xff"),
        *(b"\r\n", b"\r\n\r\n", b"\n\n", b"\r\r\n", b"\r\n ", b"0\r\n\r\n", b"GET / HTTP/1.1\r\n"),
        *(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"BREW / HTTP/1.1\r\n"),
        *(b"CONNECT x:1 HTTP/1.1\r\n", b"Content-Length: \t3"),
        *(b" HTTP/2.0", b"OPTIONS *", b"\r\nHost: y", b"\r\nConnection: close"),
        *(b"\r\nUpgrade: h2c\r\nConnection: upgrade", b"\r\nContent-Length: 5"),
        *(b"\r\nTransfer-Encoding: chunked", b"\r\nExpect: 100-continue"),
        *(b"a" * 40, b"\n" * 60, b"/" * 160),
    ]
)


@st.composite
def mangled(draw):
    """Some requests in a row, with a few places changed."""
    data = b"".join(request.data for request in draw(st.lists(sent(), max_size=3)))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data)))
        data = data[:at] + draw(st.just(b"") | ODD) + data[at + draw(st.integers(0, 3)) :]
    return data


WHOLE = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\n"
AWAITS_CHUNKS = POST + b"Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n0\r\n\r\n"
STREAMS = mangled() | st.binary(max_size=80) | st.lists(ODD, max_size=8).map(b"".join)


@st.composite
def cut(draw, data):
    """The same bytes in pieces, some of them empty."""
    marks = sorted(draw(st.lists(st.integers(0, len(data)), max_size=6)))
    return [data[at:stop] for at, stop in zip([0, *marks], [*marks, len(data)], strict=True)]


@examples(250)
@given(STREAMS, st.data())
@example(b"GET / HTTP/9.1x", None)  # the line was told of, or not, by what else was there
@example(WHOLE + b"GET /2 HTTP/1.1\r\nHo", None)  # the second line was lost
@example(WHOLE + b"BREW / HTTP/1.1\r\n\r\n", None)  # 405 alone, 400 behind another
@example(b"\r\r\n", None)  # an empty line, or none
@example(b"GET /" + b"a" * 60 + b"\xff HTTP/1.1\r\n", None)  # too long, or not ASCII
@example(WHOLE + b"\n" * 60, None)
@example(b"GET / HTTP/1.1\r\nX y:\r\n" + b"z" * 200, None)  # no field name, or too long
def test_how_the_bytes_are_cut_never_changes_what_comes_out(stream, data):
    with small_bounds():
        events, _ = read(stream)
        assert read(*in_bytes(stream))[0] == events
        if data:
            assert read(*data.draw(cut(stream)))[0] == events


def test_a_parser_that_reads_beyond_a_request_would_be_caught():
    class ReadsOn(RequestParser):
        def _stop(self, data, at, bound):
            return bound

    def differs(stream):
        whole, _ = read(stream, parser_class=ReadsOn)
        return whole != read(*in_bytes(stream), parser_class=ReadsOn)[0]

    assert find(mangled(), differs, settings=FOUND_IS_ENOUGH)


@examples(250)
@given(STREAMS, st.data())
@example(AWAITS_CHUNKS.replace(b"d\r", b"d\t\r"), None)  # refused, then asked for (found by fuzz/)
@example(POST + b"Content-Length: %b3\r\n\r\nabc" % (b"0" * 5000), None)  # int(): a ValueError
def test_events_come_in_order_and_none_after_the_last(stream, data):
    with small_bounds() if data else contextlib.nullcontext():
        events, reading = read(*data.draw(cut(stream)) if data else [stream])
        for before, event in itertools.pairwise([None, *events]):
            match before, event:
                case (
                    (None | RequestComplete(), RequestLine())
                    | (RequestLine(), Continue() | RequestComplete())
                    | (Continue(), RequestComplete())
                ):
                    assert not is_last(before)
                case (
                    None | RequestLine() | Continue() | RequestComplete(),
                    BadRequest(status, reason),
                ):
                    assert not is_last(before)
                    assert 400 <= status < 600
                    assert reason
                case _:
                    pytest.fail(f"{event} behind {before}")
        if events and is_last(events[-1]):
            assert reading.feed(WHOLE) == []
            assert not reading.mid_request


LINES = (
    b"Host: x|Host: y z|Connection: close|Connection: keep-alive|Content-Length: 0|X: y|X : y||"
    b"Content-Length: 3|Transfer-Encoding: chunked|Accept-Encoding: gzip|Continue: 100-continue|"
    b"Connection: upgrade|Upgrade: x|GET /b HTTP/1.1"
).split(b"|")
PLAIN_HEADS = st.lists(st.sampled_from(LINES), max_size=4).map(
    lambda lines: b"\r\n".join([b"GET /a HTTP/1.1", b"Host: x", *lines, b"", b""])
)


@examples(250)
@given(PLAIN_HEADS | mangled())
def test_the_short_cut_says_what_the_parser_says_or_nothing(stream):
    plain = KnownHeaders().whole_get(stream)
    events, reading = read(stream)
    if plain is not None:
        path, form = plain
        expected = [RequestLine("GET", path), RequestComplete(form)]
        assert (events, reading.mid_request) == (expected, False)


def test_the_short_cut_is_taken_by_a_plain_request():
    whole_get = KnownHeaders().whole_get
    assert whole_get(WHOLE) == whole_get(WHOLE) == ("/", RequestForm())
    assert whole_get(GET + b"Accept-Encoding: gzip\r\n\r\n") == ("/", GZIP.form)
    assert whole_get(line_of(b"/a.b")) == ("/a.b", PLAIN.form)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        GET,
        WHOLE + b"G",
        WHOLE + WHOLE,
        b"X" + WHOLE,
        line_of(b"/a?b"),
        line_of(b"/", b"HEAD"),
        line_of(b"/", version=b"HTTP/1.0"),
        with_fields(),
        GET + b"Connection: close\r\n\r\n",
        GET + b"Content-Length: 1\r\n\r\n",
    ],
)
def test_the_short_cut_is_not_taken_by_another_request(data):
    whole_get = KnownHeaders().whole_get
    assert whole_get(data) is whole_get(data) is None


def test_the_short_cut_learns_1024_heads_of_1024_bytes_and_no_more():
    def padded(size, letter=b"a"):
        return GET + b"X: " + letter * (size - len(b"Host: x\r\nX: \r\n\r\n")) + b"\r\n\r\n"

    whole_get = KnownHeaders().whole_get
    assert whole_get(padded(1025)) is None
    for n in range(1023):
        assert whole_get(GET + b"X: %d\r\n\r\n" % n) == ("/", PLAIN.form)
    assert whole_get(padded(1024)) == ("/", PLAIN.form)
    assert whole_get(padded(1024, b"b")) is None
    assert whole_get(padded(1024)) == ("/", PLAIN.form)


def is_last(event):
    return isinstance(event, BadRequest) or (
        isinstance(event, RequestComplete) and not event.form.keep_alive
    )


# --- bounds ----------------------------------------------------------------------------

START = b"GET / HTTP/1.1\r\nHost: x\r\n"
CHUNKED = START + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
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
        (CHUNKED, b"8\r\n01234567\r\n", 413),
        (CHUNKED + b"fffffff\r\n", b"a" * 63 + b"\n", 413),
        (CHUNKED + b"0;a=", b"b", 413),
        (CHUNKED + b"0\r\nX: ", b"y", 413),
        (CHUNKED + b"0\r\n", b"X: y\r\n", 413),
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


@examples(250)
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
