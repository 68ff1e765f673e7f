"""A row of the table of RFC 9112."""

from dataclasses import dataclass

BR = b"/flags/br/br.gif"
ZZ = b"/flags/zz/zz.gif"
"""A path that is a whole 404."""
SERVED = b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n" % BR
NOT_ALLOWED = (405, 501)
"""RFC 9110, section 9.1: 501 for a method not known, 405 for one not allowed here."""


def get(*fields, target=BR, method=b"GET", version=b"HTTP/1.1", host=b"Host: x"):
    """A request without a body."""
    return b"\r\n".join([method + b" " + target + b" " + version, host, *fields, b"", b""])


def post(*fields, body=b"", version=b"HTTP/1.1"):
    """A request with a body, framed by `fields`."""
    return get(*fields, method=b"POST", version=version) + body


def chunked(body, *fields):
    """A request whose chunks are `body`."""
    return post(b"Transfer-Encoding: chunked", *fields, body=body)


@dataclass(frozen=True)
class Case:
    """What is sent on one connection, and what the RFC lets a server answer.

    `allowed` has the statuses of each final reply, in order. `stays`: whether the connection has to
    be open afterwards, or closed (None: the server may choose, and has to say so). `leave`: whether
    a 100 has to come before the second piece is sent, or must not come (None: it may).
    """

    name: str
    section: str
    sent: bytes | tuple[bytes, ...]
    allowed: tuple[tuple[int, ...], ...]
    stays: bool | None = None
    leave: bool | None = None


def case(name, section, sent, *allowed, **rest):
    """A row; a status stands for itself alone."""
    statuses = tuple((one,) if isinstance(one, int) else one for one in allowed)
    return Case(name, section, sent, statuses, **rest)
