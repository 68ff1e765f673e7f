"""The response of each kind, without a socket."""

import http.client
import io
import re
import zlib
from types import SimpleNamespace
from urllib.parse import urljoin

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.examples import examples
from support.exchanges import NEVER_ABSENT
from support.faults import effective, render

from mockservers.faults import (
    Attachment,
    BadChunk,
    BadGzip,
    BadLength,
    Chunked,
    CloseAfter,
    CutHeaders,
    Drip,
    Empty,
    Garbage,
    Gzip,
    Hang,
    HugeHeaders,
    NoLength,
    Page,
    RateLimit,
    Redirect,
    RedirectLoop,
    Reset,
    Serve,
    SlowHead,
    Stall,
    Status,
    TooLong,
    Truncate,
    WrongType,
)
from mockservers.kinds.body import Body
from mockservers.kinds.request import RequestForm
from mockservers.kinds.resource import Resource, ResourceInfo
from mockservers.kinds.response import Ending
from mockservers.plan import Bucket, Plan, fate
from mockservers.strategies import replies, seeds

NONE = st.none()
FORMS = st.builds(
    RequestForm, st.booleans(), st.booleans(), st.sampled_from([0, 1]), st.booleans(), NONE, NONE
)
GETS = FORMS.filter(lambda asked: not asked.head_only)
BODIES = st.binary(max_size=300)


def resolved(*kinds):
    """Replies as a plan gives them to a request."""
    plans = st.builds(
        Plan, seeds(), st.tuples(st.builds(Bucket, st.just(100), replies(*kinds, silence_s=0.01)))
    )
    return plans.map(lambda plan: fate(plan, "LOCAL", "BR", 1))


def rendered(reply, asked, body):
    """What becomes of a reply, and the bytes that are sent."""
    found = None if body is None else ResourceInfo(len(body), "image/gif")
    wire = render(effective(reply, asked, found), asked, found, "/flags/br/br.gif")
    resource = found and Resource(found, lambda start, stop: body[start:stop], body)
    to_send = Body(wire, resource)
    return wire, wire.head + to_send.framed(to_send.read(wire.body_stop))


class Unclosed(io.BytesIO):
    """Bytes received, of which something may be left when a reply has been read."""

    def close(self):
        pass


def final(sent):
    """What comes after interim responses."""
    return re.sub(rb"\A(HTTP/1\.1 1\d\d .*?\r\n\r\n)+", b"", sent, flags=re.DOTALL)


def read(sent, method="GET"):
    """What http.client makes of a reply: the reply, its body, and what is left."""
    stream = Unclosed(final(sent))
    sock = SimpleNamespace(makefile=lambda _: stream)
    reply = http.client.HTTPResponse(sock, method=method)
    reply.begin()
    return reply, reply.read(), stream.read()


@examples(60)
@given(resolved(), FORMS, st.none() | BODIES)
def test_a_response_becomes_what_its_kind_says(reply, asked, body):
    found = None if body is None else ResourceInfo(len(body), "image/gif")
    now = effective(reply, asked, found)
    assert now.delay_s == reply.delay_s
    assert effective(now, asked, found) == now
    damages = isinstance(reply, NEVER_ABSENT) or getattr(reply, "after_bytes", 0)
    old = asked.minor == 0
    chunked = isinstance(reply, Chunked) or getattr(reply, "how", None) == "with_chunked"
    refused = {BadChunk: old, BadGzip: not asked.gzip}
    spared = old and isinstance(reply, Chunked) and not reply.cut
    spared |= isinstance(reply, Gzip) and not (asked.gzip or reply.unasked)
    refused |= {type(reply): True} if chunked and old else {}
    if (found is None and damages) or spared:
        assert now == Serve(delay_s=reply.delay_s)
    elif found and refused.get(type(reply)):
        assert now == Truncate(len(body) // 2, delay_s=reply.delay_s)
    else:
        assert now is reply


@examples(60)
@given(resolved(), FORMS)
def test_an_absent_resource_is_never_damaged_in_the_middle(reply, asked):
    wire, sent = rendered(reply, asked, None)
    now = effective(reply, asked, None)
    if isinstance(now, Empty | Hang | Reset) or getattr(now, "then", "") == "hang":
        assert final(sent) == b""
    elif isinstance(now, Garbage):
        assert sent == now.noise
    else:
        answer, body, left = read(sent, "HEAD" if asked.head_only else "GET")
        assert (answer.status, left) == (wire.status, b"")
        assert body == b"" or isinstance(now, Page | Status)
        assert answer.status == 404 or not isinstance(now, Serve)
    assert wire.unclear == (isinstance(now, Page) or final(sent) != sent)


@examples(60)
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


@examples(60)
@given(resolved(), FORMS, st.none() | BODIES)
def test_a_connection_stays_open_only_after_a_complete_response_if_the_client_wants_it(
    reply, asked, body
):
    wire, sent = rendered(reply, asked, body)
    if wire.ending is Ending.KEEP:
        assert asked.keep_alive
        if not wire.unclear and not isinstance(reply, BadLength):
            answer, _, left = read(sent, "HEAD" if asked.head_only else "GET")
            assert (answer.will_close, left) == (False, b"")
    head = wire.head if wire.status else b""
    if b"\r\nConnection: close\r\n" in head:
        assert wire.ending is Ending.CLOSE or isinstance(reply, Reset | CloseAfter)
    elif head:
        assert asked.keep_alive
        assert (b"\r\nConnection: keep-alive\r\n" in head) is (asked.minor == 0)


@pytest.mark.parametrize(
    "path", ["/flags/br/br.gif", "/a%20b%2fc", "/a;b=c&d@e:f", "//elsewhere/a"]
)
def test_a_loop_leads_back_to_the_very_same_path(path):
    wire = render(RedirectLoop(), RequestForm(), None, path)
    assert urljoin(f"http://here{path}", wire.location) == f"http://here{path}"
    assert f"\r\nLocation: {wire.location}\r\n".encode() in wire.head


@examples(120)
@example(Chunked(2, "data"), RequestForm(), b"\0\0")
@example(Chunked(1, "data"), RequestForm(), b"abc")
@given(reply=resolved(), asked=GETS, body=BODIES)
def test_a_client_that_is_not_ours_reads_what_was_planned(reply, asked, body):
    wire, sent = rendered(reply, asked, body)
    whole = rendered(Serve(), asked, body)[1]
    match effective(reply, asked, ResourceInfo(len(body), "image/gif")):
        case Serve() | Drip() | WrongType() | SlowHead() | Attachment() | CloseAfter():
            assert read(sent)[1:] == (body, b"")
            assert wire.length == len(body)
        case Status() | Page() as made if wire.body:
            answer, content, left = read(sent)
            planned = {204: b"", 304: b""}.get(answer.status, wire.body)
            assert (answer.status, content, left) == (wire.status, planned, b"")
            assert made.body is None or made.body.encode() == wire.body
        case Status() | Page() | Redirect() | RedirectLoop() | RateLimit():
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
        case Stall(head_bytes=int(n)):
            assert sent == whole[:n]
        case Stall(after_bytes, for_s):
            half = len(body) // 2 if after_bytes is None else after_bytes
            assert sent == whole[: len(whole) - len(body) + min(half, len(body))]
            assert wire.silent_s == (for_s if half < len(body) else 0)
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
        case Chunked(cut=None):
            assert read(sent)[1:] == (body, b"")
        case Chunked(chunk_bytes, cut="data"):
            with pytest.raises(http.client.IncompleteRead) as caught:
                read(sent)
            # http.client gives up the chunk that is cut, not those before it.
            assert caught.value.partial == body[: wire.body_stop // chunk_bytes * chunk_bytes]
            part = body[len(caught.value.partial) : wire.body_stop]
            assert sent.endswith(b"\r\n" + part)
        case BadChunk() | Chunked(cut="chunk"):
            with pytest.raises(http.client.IncompleteRead) as caught:
                read(sent)
            assert caught.value.partial == body[: wire.body_stop]
            assert (wire.length, wire.body_stop <= len(body)) == (None, True)
        case BadGzip():
            answer, content, left = read(sent)
            assert (answer.headers["Content-Encoding"], left) == ("gzip", b"")
            with pytest.raises(zlib.error):
                zlib.decompress(content, wbits=31)
        case HugeHeaders():
            with pytest.raises(http.client.HTTPException):
                read(sent)  # it takes no more than 100 fields, and no long ones
            assert sent.endswith(b"\r\n\r\n" + body)
