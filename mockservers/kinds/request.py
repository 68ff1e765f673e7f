"""What of a request decides its response, and what of it is logged."""

import re
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import NamedTuple

from mockservers.kinds.resource import Fields

CONDITIONS = (b"range", b"if-range", b"if-none-match", b"if-modified-since")
"""Header fields that a response may depend on."""


class Conditions(NamedTuple):
    """What a request makes its response depend on: header fields, as they came (RFC 9110)."""

    range: str | None = None
    """Section 14.2."""
    if_range: str | None = None
    """Section 13.1.5."""
    if_none_match: str | None = None
    """Section 13.1.2."""
    if_modified_since: str | None = None
    """Section 13.1.3."""

    @classmethod
    def of(cls, fields: Mapping[bytes, list[bytes]]) -> "Conditions | None":
        """Those among header fields, if any; the lines of a field are one list (section 5.3)."""
        if not any(name in fields for name in CONDITIONS):
            return None
        lines = (fields.get(name) for name in CONDITIONS)
        return cls(*(b", ".join(found).decode("latin-1") if found else None for found in lines))


MAX_LOGGED, MAX_LOGGED_BYTES = 64, 8_192
"""How many header fields are logged, and how many bytes of them, at most."""
_SECRET = {b"authorization", b"proxy-authorization", b"cookie"}


def logged(lines: Iterable[tuple[bytes, bytes]]) -> Fields:
    """Header fields of a request for the journal, as far as there is room; secrets as `***`."""
    fields, room = [], MAX_LOGGED_BYTES
    for name, value in islice(lines, MAX_LOGGED):
        shown = b"***" if name.lower() in _SECRET else value
        room -= len(name) + len(shown)
        if room < 0:
            break
        fields.append((name.decode("latin-1"), shown.decode("latin-1")))
    return tuple(fields)


def members(fields: Mapping[bytes, list[bytes]], name: bytes) -> list[bytes]:
    """The members of a list field, from all lines, in lower case (RFC 9110, section 5.6)."""
    lines = fields.get(name, [])
    return [member.strip(b" \t").lower() for line in lines for member in line.split(b",")]


_NO_WEIGHT = re.compile(rb"q=0(?:\.0*)?")


def offers_gzip(codings: list[bytes]) -> bool:
    """Whether the members of Accept-Encoding let a server use gzip (RFC 9110, section 12.5.3)."""
    offers: dict[bytes, bool] = {}
    for coding, *parameters in (
        [part.strip() for part in member.split(b";")] for member in codings
    ):
        declined = any(_NO_WEIGHT.fullmatch(parameter) for parameter in parameters)
        name = b"gzip" if coding == b"x-gzip" else coding
        offers[name] = offers.get(name, True) and not declined
    return offers.get(b"gzip", offers.get(b"*", False))


class RequestForm(NamedTuple):
    """The part of a request that decides the form of its response."""

    head_only: bool = False
    """HEAD: the header fields of a GET, no body (RFC 9110, section 9.3.2)."""
    keep_alive: bool = True
    """The client wants the connection to persist (RFC 9112, section 9.3)."""
    minor: int = 1
    """Minor HTTP version: 1.0 or 1.1."""
    gzip: bool = False
    """The client offers gzip (RFC 9110, section 12.5.3)."""
    conditions: Conditions | None = None
    """None where there are none."""
    now_s: int | None = None
    """The Date that a response is to have, in seconds since 1970; None: it has none."""

    @classmethod
    def of(cls, method: bytes, minor: int, fields: Mapping[bytes, list[bytes]]) -> "RequestForm":
        """That of a request, by its header fields, whose names are in lower case."""
        options = members(fields, b"connection")
        return cls(
            head_only=method == b"HEAD",
            # RFC 9112, section 9.3. After CONNECT, there may be anything.
            keep_alive=b"close" not in options
            and (minor == 1 or b"keep-alive" in options)
            and method != b"CONNECT",
            minor=minor,
            gzip=offers_gzip(members(fields, b"accept-encoding")),
            conditions=Conditions.of(fields),
        )
