"""Every kind of reply byte by byte, for every form of request: no sockets."""

import pytest
from support.faults import effective, render
from support.rows import each

from mockservers.faults import (
    BadChunk,
    BadGzip,
    CutHeaders,
    Drip,
    Empty,
    Garbage,
    Hang,
    HugeHeaders,
    NoLength,
    RateLimit,
    Redirect,
    RedirectLoop,
    Reset,
    Serve,
    Status,
    TooLong,
    Truncate,
    WrongType,
)
from mockservers.kinds.request import RequestForm
from mockservers.kinds.resource import ResourceInfo
from mockservers.kinds.response import Ending, Response, rejection

KEEP, CLOSE, RESET = Ending.KEEP, Ending.CLOSE, Ending.RESET
GET = RequestForm(head_only=False, keep_alive=True, minor=1, gzip=False)
HEAD = GET._replace(head_only=True)
LAST = GET._replace(keep_alive=False)
OLD = GET._replace(minor=0)
OLD_LAST = OLD._replace(keep_alive=False)
GZIP = GET._replace(gzip=True)
PNG = ResourceInfo(9, "image/png")


def head(status, *fields):
    """The head of a reply."""
    return "\r\n".join([f"HTTP/1.1 {status}", "Server: mockservers", *fields, "", ""]).encode()


OK = head("200 OK", "Content-Type: image/png", "Content-Length: 9")
OK_LAST = head("200 OK", "Content-Type: image/png", "Content-Length: 9", "Connection: close")
UNSIZED = head("200 OK", "Content-Type: image/png", "Connection: close")
CHUNKED = head("200 OK", "Content-Type: image/png", "Transfer-Encoding: chunked")
HUGE = head(
    "200 OK",
    "Content-Type: image/png",
    *[f"X-Huge-{n}: xxxxxxxxxxxxxxxxxxxx" for n in range(1, 200)],
    "X-Huge-200: " + "x" * 102_400,
    "Content-Length: 9",
)
NO_GZIP = bytes.fromhex("1f8b08000000000000ff") + b"\xff" * 54
NOTHING = "Content-Length: 0"
SURPLUS = b"more than was announced\r\n" * 4
NO_SIZE = b"this is no size\r\n"


def wire(
    sent,
    body_stop,
    ending,
    status=None,
    length=None,
    unclear=False,
    body=None,
    tail=b"",
    bytes_per_s=None,
    location=None,
):
    """A reply with all that can be said of it."""
    return Response(
        sent, body_stop, ending, status, length, unclear, body, tail, bytes_per_s, location
    )


ROWS = [
    (Serve(), GET, PNG, wire(OK, 9, KEEP, 200, 9)),
    (Serve(), HEAD, PNG, wire(OK, 0, KEEP, 200, 9)),
    (Serve(), LAST, PNG, wire(OK_LAST, 9, CLOSE, 200, 9)),
    (Serve(), OLD, PNG, wire(OK[:-2] + b"Connection: keep-alive\r\n\r\n", 9, KEEP, 200, 9)),
    (Serve(), OLD_LAST, PNG, wire(OK_LAST, 9, CLOSE, 200, 9)),
    (Serve(), GET, None, wire(head("404 Not Found", NOTHING), 0, KEEP, 404, 0)),
    (
        Serve(),
        LAST,
        None,
        wire(head("404 Not Found", NOTHING, "Connection: close"), 0, CLOSE, 404, 0),
    ),
    (Status((503,)), GET, PNG, wire(head("503 Service Unavailable", NOTHING), 0, KEEP, 503, 0)),
    (
        Status((503, 404), "Tea", (("A", "b"), ("C", "d"))),
        GET,
        None,
        wire(head("503 Tea", "A: b", "C: d", NOTHING), 0, KEEP, 503, 0),
    ),
    (Status((299,), ""), GET, PNG, wire(head("299 ", NOTHING), 0, KEEP, 299, 0)),
    (Status((204,)), GET, PNG, wire(head("204 No Content"), 0, KEEP, 204)),
    (Status((304,)), GET, PNG, wire(head("304 Not Modified"), 0, KEEP, 304)),
    (
        RateLimit(7),
        GET,
        PNG,
        wire(head("429 Too Many Requests", "Retry-After: 7", NOTHING), 0, KEEP, 429, 0),
    ),
    (
        RateLimit(7, 503),
        GET,
        PNG,
        wire(head("503 Service Unavailable", "Retry-After: 7", NOTHING), 0, KEEP, 503, 0),
    ),
    (
        Redirect("/a", 308),
        GET,
        None,
        wire(
            head("308 Permanent Redirect", "Location: /a", NOTHING), 0, KEEP, 308, 0, location="/a"
        ),
    ),
    (
        Redirect("/a?b#c"),
        GET,
        None,
        wire(head("302 Found", "Location: /a?b#c", NOTHING), 0, KEEP, 302, 0, location="/a?b#c"),
    ),
    (Empty(), GET, PNG, wire(b"", 0, CLOSE)),
    (Hang(), GET, None, wire(b"", 0, CLOSE)),
    (Garbage(noise=b"\xffnoise"), GET, PNG, wire(b"\xffnoise", 0, CLOSE)),
    (WrongType(), GET, PNG, wire(OK.replace(b"image/png", b"text/html"), 9, KEEP, 200, 9)),
    (HugeHeaders(), GET, PNG, wire(HUGE, 9, KEEP, 200, 9, unclear=True)),
    (HugeHeaders(), HEAD, PNG, wire(HUGE, 0, KEEP, 200, 9, unclear=True)),
    (
        BadGzip(),
        GZIP,
        PNG,
        wire(
            head(
                "200 OK", "Content-Type: image/png", "Content-Encoding: gzip", "Content-Length: 64"
            ),
            64,
            KEEP,
            200,
            64,
            body=NO_GZIP,
        ),
    ),
    (Drip(2.5), GET, PNG, wire(OK, 9, KEEP, 200, 9, bytes_per_s=2.5)),
    (Drip(2.5), HEAD, PNG, wire(OK, 0, KEEP, 200, 9)),
    (Truncate(), GET, PNG, wire(OK, 0, CLOSE, 200, 9)),
    (Truncate(8), GET, PNG, wire(OK, 8, CLOSE, 200, 9)),
    (Truncate(9), GET, PNG, wire(OK, 9, KEEP, 200, 9)),
    (Truncate(10), GET, PNG, wire(OK, 9, KEEP, 200, 9)),
    (Truncate(8), HEAD, PNG, wire(OK, 0, KEEP, 200, 9)),
    (TooLong(), GET, PNG, wire(OK_LAST, 9, CLOSE, 200, 9, unclear=True, tail=SURPLUS)),
    (TooLong(), HEAD, PNG, wire(OK, 0, KEEP, 200, 9)),
    (BadChunk(), GET, PNG, wire(CHUNKED + b"4\r\n", 4, CLOSE, 200, tail=b"\r\n" + NO_SIZE)),
    (
        BadChunk(),
        GET,
        ResourceInfo(21, "image/png"),
        wire(CHUNKED + b"a\r\n", 10, CLOSE, 200, tail=b"\r\n" + NO_SIZE),
    ),
    (BadChunk(), GET, ResourceInfo(1, "image/png"), wire(CHUNKED, 0, CLOSE, 200, tail=NO_SIZE)),
    (BadChunk(), HEAD, PNG, wire(OK, 0, KEEP, 200, 9)),
    (NoLength(), GET, PNG, wire(UNSIZED, 4, CLOSE, 200, unclear=True)),
    (NoLength(0), GET, PNG, wire(UNSIZED, 0, CLOSE, 200, unclear=True)),
    (NoLength(8), OLD, PNG, wire(UNSIZED, 8, CLOSE, 200, unclear=True)),
    (NoLength(10), GET, PNG, wire(UNSIZED, 9, CLOSE, 200, unclear=True)),
    (NoLength(8), HEAD, PNG, wire(UNSIZED, 0, CLOSE, 200, unclear=True)),
    (CutHeaders(0), GET, PNG, wire(b"", 0, CLOSE)),
    (CutHeaders(11), GET, PNG, wire(b"HTTP/1.1 20", 0, CLOSE)),
    (CutHeaders(12), GET, PNG, wire(b"HTTP/1.1 200", 0, CLOSE, unclear=True)),
    (CutHeaders(), GET, PNG, wire(OK[: len(OK) // 2], 0, CLOSE, unclear=True)),
    (CutHeaders(len(OK) - 1), GET, PNG, wire(OK[:-1], 0, CLOSE, unclear=True)),
    (CutHeaders(len(OK)), GET, PNG, wire(OK[:-1], 0, CLOSE, unclear=True)),
    (Reset(), GET, PNG, wire(b"", 0, RESET)),
    (Reset(), GET, None, wire(b"", 0, RESET)),
    (Reset(9), GET, None, wire(b"", 0, RESET)),
    (Reset(1), GET, PNG, wire(b"H", 0, RESET)),
    (Reset(len(OK) - 1), GET, PNG, wire(OK[:-1], 0, RESET)),
    (Reset(len(OK)), GET, PNG, wire(OK, 0, RESET, 200, 9)),
    (Reset(len(OK) + 8), GET, PNG, wire(OK, 8, RESET, 200, 9)),
    (Reset(len(OK) + 9), GET, PNG, wire(OK, 9, RESET, 200, 9, unclear=True)),
    (Reset(len(OK) + 99), GET, PNG, wire(OK, 9, RESET, 200, 9, unclear=True)),
    (Reset(len(OK)), HEAD, PNG, wire(OK, 0, RESET, 200, 9, unclear=True)),
]


@each(("reply", "asked", "found", "planned"), ROWS)
def test_a_response_is_exactly_these_bytes(reply, asked, found, planned):
    assert render(reply, asked, found) == planned


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/flags/br/br.gif", "/flags/br/br.gif"),
        ("/a%20b/%:=&;+$,@!*'()~", "/a%20b/%:=&;+$,@!*'()~"),
        ('/X"<', "/X%22%3C"),
        ("//x/a", "/.//x/a"),
        ("X//x", "X//x"),
    ],
)
def test_a_loop_leads_back(path, location):
    sent = head("302 Found", f"Location: {location}", NOTHING)
    assert render(RedirectLoop(), GET, PNG, path) == wire(sent, 0, KEEP, 302, 0, location=location)


def test_a_loop_of_no_path_leads_to_the_root():
    assert render(RedirectLoop(), GET, None).location == "/"


def test_a_request_form_is_a_plain_get_by_default():
    assert RequestForm() == (False, True, 1, False, None, None)


def test_a_response_has_the_body_of_the_resource_by_default():
    assert Response(b"", 0, KEEP, 200, 0) == wire(b"", 0, KEEP, 200, 0)


def test_what_acts_on_resources_needs_one():
    with pytest.raises(ValueError, match=r"^Truncate\(.*\) needs a resource$"):
        render(Truncate(), GET, None)


PHRASES = {
    299: "",
    404: "Not Found",
    412: "Precondition Failed",
    413: "Content Too Large",
    414: "URI Too Long",
    415: "Unsupported Media Type",
    416: "Range Not Satisfiable",
    417: "Expectation Failed",
    421: "Misdirected Request",
    422: "Unprocessable Content",
    423: "Locked",
    999: "",
}


@each("status", [status for status in PHRASES if status > 200])
def test_the_reason_phrase_is_that_of_rfc_9110(status):
    sent = render(Status((status,)), GET, PNG).head
    assert sent.startswith(f"HTTP/1.1 {status} {PHRASES[status]}\r\n".encode())


# --- what a reply comes to --------------------------------------------------------------

ACTS_ON_RESOURCES = [
    Truncate(8, delay_s=0.5),
    CutHeaders(8, delay_s=0.5),
    TooLong(delay_s=0.5),
    NoLength(8, delay_s=0.5),
    Drip(2.5, delay_s=0.5),
    BadChunk(delay_s=0.5),
    BadGzip(delay_s=0.5),
    WrongType(delay_s=0.5),
    HugeHeaders(delay_s=0.5),
    Reset(1, delay_s=0.5),
]
FOR_ANY = [
    Serve(delay_s=0.5),
    Status((503,), delay_s=0.5),
    RateLimit(7, delay_s=0.5),
    Redirect("/a", delay_s=0.5),
    RedirectLoop(delay_s=0.5),
    Empty(delay_s=0.5),
    Hang(0.5),
    Garbage(delay_s=0.5),
    Reset(0, delay_s=0.5),
]


@each("reply", ACTS_ON_RESOURCES)
def test_damage_to_what_is_not_there_is_a_whole_404_as_late(reply):
    assert effective(reply, GZIP, None) == Serve(delay_s=0.5)


@each("reply", FOR_ANY)
def test_what_needs_no_resource_stays(reply):
    assert effective(reply, GET, None) is reply


@pytest.mark.parametrize("asked", [GET, OLD, GZIP, OLD._replace(gzip=True)], ids=str)
def test_what_a_client_cannot_take_is_truncated_at_half(asked):
    taken = {BadChunk: asked.minor == 1, BadGzip: asked.gzip}
    for fault in ACTS_ON_RESOURCES + FOR_ANY:
        met = fault if taken.get(type(fault), True) else Truncate(4, delay_s=0.5)
        assert effective(fault, asked, PNG) == met


# --- rejections --------------------------------------------------------------------------


@each(
    ("status", "asked", "sent", "ending"),
    [
        (405, GET, head("405 Method Not Allowed", "Allow: GET, HEAD", NOTHING), KEEP),
        (
            405,
            LAST,
            head("405 Method Not Allowed", "Allow: GET, HEAD", NOTHING, "Connection: close"),
            CLOSE,
        ),
        (
            405,
            OLD,
            head("405 Method Not Allowed", "Allow: GET, HEAD", NOTHING, "Connection: keep-alive"),
            KEEP,
        ),
        (400, GET, head("400 Bad Request", NOTHING, "Connection: close"), CLOSE),
        (414, HEAD, head("414 URI Too Long", NOTHING, "Connection: close"), CLOSE),
        (501, OLD_LAST, head("501 Not Implemented", NOTHING, "Connection: close"), CLOSE),
    ],
)
def test_a_rejection_closes_unless_only_the_method_is_not_allowed(status, asked, sent, ending):
    assert rejection(status, asked) == wire(sent, 0, ending, status, 0)
