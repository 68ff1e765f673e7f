"""Requests in order, and bytes that may be anything."""

import contextlib
import itertools
from dataclasses import dataclass
from unittest import mock

import pytest
from hypothesis import example, find, given
from hypothesis import strategies as st
from support.examples import FOUND_IS_ENOUGH, examples
from support.parsed import GET, GZIP, PLAIN, line_of, read, with_fields
from support.rows import each

from mockservers.http import request_parser as parser
from mockservers.http.fast_path import KnownHeaders
from mockservers.http.request_parser import (
    BadRequest,
    Continue,
    RequestComplete,
    RequestLine,
    RequestParser,
)
from mockservers.kinds.request import RequestForm


def in_bytes(data):
    return [data[at : at + 1] for at in range(len(data))]


def small_bounds():
    """Bounds that short examples reach."""
    return mock.patch.multiple(parser, MAX_TARGET=30, _MAX_LINE=50, MAX_HEAD=150, MAX_BODY=60)


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
        # No tab after a value: httptools refuses it after some (400 is a safe answer to that).
        before, after = draw(st.sampled_from([(" ", ""), ("", ""), ("\t ", "  ")]))
        lines.append(f"{draw(st.sampled_from([name, name.swapcase()]))}:{before}{value}{after}")
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
        [
            RequestLine(method, path, query[1:] if query else None),
            *awaits,
            RequestComplete(form, refused),
        ],
    )


@examples(40)
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


@examples(40)
@given(sent(), st.data())
def test_a_request_is_under_way_from_its_first_byte_to_its_last(request_, data):
    cut = data.draw(st.integers(0, len(request_.data) - 1))
    events, reading = read(request_.data[:cut])
    assert events == request_.events[: len(events)]
    assert not any(isinstance(event, RequestComplete) for event in events)
    begun = bool(request_.data[:cut].replace(b"\r\n", b"").strip(b"\n"))
    assert reading.mid_request is begun
    assert [*events, *reading.feed(request_.data[cut:])] == request_.events


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


@examples(40)
@given(STREAMS, st.data())
@example(b"GET / HTTP/9.1x", None)  # the line was told of, or not, by what else was there
@example(WHOLE + b"GET /2 HTTP/1.1\r\nHo", None)  # the second line was lost
@example(WHOLE + b"BREW / HTTP/1.1\r\n\r\n", None)  # 405 alone, 400 after another
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


@examples(40)
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
                    pytest.fail(f"{event} after {before}")
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


@examples(40)
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


@each(
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
