"""A request parser, fed with pieces."""

from mockservers.http.request_parser import RequestComplete, RequestLine, RequestParser
from mockservers.kinds.request import RequestForm


def read(*pieces, parser_class=RequestParser):
    """The events of a connection that brings `pieces`, and the parser that made them."""
    reading = parser_class()
    return [event for piece in pieces for event in reading.feed(piece)], reading


GET = b"GET / HTTP/1.1\r\nHost: x\r\n"

ROOT, PLAIN, CLOSING = (
    RequestLine("GET", "/"),
    RequestComplete(RequestForm()),
    RequestComplete(RequestForm(keep_alive=False)),
)

GZIP = RequestComplete(RequestForm(gzip=True))


def line_of(target, method=b"GET", version=b"HTTP/1.1"):
    """The request line of a request, and a host."""
    return method + b" " + target + b" " + version + b"\r\nHost: x\r\n\r\n"


def with_fields(*fields, line=b"GET / HTTP/1.1"):
    """A request of these lines, and no body."""
    return b"\r\n".join([line, *fields, b"", b""])
