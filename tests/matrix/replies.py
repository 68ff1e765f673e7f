"""The rows of the matrix: every kind of reply, in each form that clients take differently."""

import hashlib
from dataclasses import dataclass

from support.faults import render

from mockservers.content.flag_images import flag
from mockservers.faults import (
    Attachment,
    BadChunk,
    BadGzip,
    BadLength,
    BadRange,
    Chunked,
    CloseAfter,
    CutHeaders,
    Drip,
    Empty,
    Fault,
    Flip,
    Garbage,
    Gzip,
    Hang,
    HugeHeaders,
    Interim,
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
    Unsatisfiable,
    WrongType,
)
from mockservers.flags2.codes import path_of_code
from mockservers.kinds.request import RequestForm
from mockservers.kinds.resource import ResourceInfo
from mockservers.plan import Plan

CODE = "BR"
"""The code that is asked for."""
OTHER = "CN"
"""The code to which a redirect leads."""
ABSENT = "ZZ"
"""A code without a flag."""

PATIENT_S = 10.0
"""Seconds of silence that a client bears; no reply takes so long."""
BRIEF_S = 1.5
"""The same for a large file, where some clients wait for what does not come."""
HASTY_S = 0.2
"""The same in the one row in which nobody answers."""


@dataclass(frozen=True)
class Row:
    """`replies` to the code asked for, by attempt."""

    name: str
    """Begins with the kind of the first reply."""
    replies: tuple[Fault, ...] = ()
    code: str = CODE
    patience_s: float = PATIENT_S
    gzip: bool | None = None
    """Whether the client offers gzip; None: as it does by itself."""
    refuse: bool = False
    large: bool = False
    """Whether the resource is a file of 2 MiB, and not a flag."""

    @property
    def content(self) -> dict[str, bytes] | None:
        """What is served; None: the flags."""
        return {path_of_code(CODE): LARGE} if self.large else None

    @property
    def plan(self) -> Plan:
        """What the server does."""
        rules = {self.code: self.replies} if self.replies else {}
        ranges = any(reply.needs_ranges for reply in self.replies)
        return Plan(rules=rules, refuse=self.refuse, ranges=ranges)

    @property
    def kind(self) -> str:
        """The kind of the first reply, or `refuse`."""
        return self.replies[0].do if self.replies else "refuse"

    @property
    def impatient(self) -> bool:
        """Whether the client gives up before the server does."""
        return self.patience_s == HASTY_S

    @property
    def resource(self) -> bytes:
        """What a download that succeeds brings."""
        if self.large:
            return LARGE
        leads = any(isinstance(reply, Redirect) for reply in self.replies)
        return flag(OTHER if leads else self.code)


LARGE = b"".join(hashlib.sha256(b"%d" % n).digest() for n in range(65_536))
"""A file of 2 MiB, which cannot be compressed."""

_BODY = len(flag(CODE))
_HEAD = render(Serve(), RequestForm(), ResourceInfo(_BODY, "image/gif")).head


def _bodies(length: int) -> list[tuple[str, tuple[Fault, ...]]]:
    """Rows for what happens to a body of that length."""
    half = length // 2
    head = len(render(Serve(), RequestForm(), ResourceInfo(length, "image/gif")).head)
    return [
        ("reset in the body", (Reset(head + half),)),
        ("reset in the body, then serve", (Reset(head + half), Serve())),
        ("reset after the end", (Reset(10**7),)),
        ("truncate at half", (Truncate(half),)),
        ("truncate at half, then serve", (Truncate(half), Serve())),
        ("stall, then closed", (Stall(for_s=0.02),)),
        ("too_long", (TooLong(),)),
        ("no_length, half", (NoLength(),)),
        ("chunked", (Chunked(),)),
        ("chunked, cut after a chunk", (Chunked(cut="chunk"),)),
        ("chunked, cut in a chunk", (Chunked(cut="data"),)),
        ("chunked, cut after the last size", (Chunked(cut="end"),)),
        ("bad_chunk", (BadChunk(),)),
        ("bad_length, fewer", (BadLength(how="fewer"),)),
        ("bad_length, two", (BadLength(how="two"),)),
        ("bad_length, with chunks", (BadLength(how="with_chunked"),)),
        ("flip", (Flip(),)),
        ("close_after", (CloseAfter(),)),
        ("close_after, reset", (CloseAfter(reset=True),)),
    ]


def _large(name: str, replies: tuple[Fault, ...], *, gzip: bool | None = None) -> Row:
    """The same for a file of 2 MiB."""
    return Row(f"{name}, 2 MiB", replies, patience_s=BRIEF_S, gzip=gzip, large=True)


def _behind(text: bytes) -> int:
    """How many bytes of the head there are up to and with `text`."""
    return _HEAD.index(text) + len(text)


ROWS = [
    Row("serve", (Serve(),)),
    Row("serve, no such flag", (Serve(),), ABSENT),
    Row("serve, late", (Serve(delay_s=0.02),)),
    *[Row(f"status {status}", (Status((status,)),)) for status in (204, 301, 304, 404, 503)],
    Row("status 503, with a page", (Status(503, body_bytes=300),)),
    Row("page", (Page(),)),
    Row("rate_limit", (RateLimit(retry_after_s=0),)),
    Row("rate_limit, until a date", (RateLimit(date_in_s=0),)),
    Row("rate_limit, 503 with a word", (RateLimit(status=503, retry_after="soon"),)),
    Row("refuse", refuse=True),
    Row("empty", (Empty(),)),
    Row("empty, then serve", (Empty(), Serve())),
    Row("reset at once", (Reset(),)),
    Row("reset at once, then serve", (Reset(), Serve())),
    Row("reset in the header section", (Reset(_behind(b"Content-Ty")),)),
    Row("truncate, no body", (Truncate(),)),
    Row("stall, the client gives up", (Stall(for_s=60),), patience_s=HASTY_S),
    Row("cut_headers in the status line", (CutHeaders(_behind(b"HTTP/1.1 2")),)),
    Row("cut_headers after the status line", (CutHeaders(_behind(b"OK\r\n")),)),
    Row("cut_headers in a field", (CutHeaders(_behind(b"Content-Ty")),)),
    Row("cut_headers in Content-Length", (CutHeaders(_behind(b"Content-Length: 27")),)),
    Row("cut_headers after Content-Length", (CutHeaders(len(_HEAD) - 2),)),
    Row("cut_headers, then serve", (CutHeaders(), Serve())),
    Row("no_length, whole", (NoLength(_BODY),)),
    Row("drip", (Drip(bytes_per_s=1_000_000),)),
    Row("hang, then closed", (Hang(or_s=0.02),)),
    Row("hang, the client gives up", (Hang(or_s=60),), patience_s=HASTY_S),
    Row("garbage", (Garbage(),)),
    *[Row(name, replies) for name, replies in _bodies(_BODY)],
    Row("bad_length, more: the client gives up", (BadLength(how="more"),), patience_s=HASTY_S),
    Row("gzip, gzip offered", (Gzip(),), gzip=True),
    Row("gzip, cut, gzip offered", (Gzip(cut=True),), gzip=True),
    Row("gzip, unasked", (Gzip(unasked=True),), gzip=False),
    Row("bad_gzip, gzip offered", (BadGzip(),), gzip=True),
    Row("bad_gzip, gzip not offered", (BadGzip(),), gzip=False),
    Row("wrong_type", (WrongType(),)),
    Row("huge_headers", (HugeHeaders(),)),
    Row("slow_head", (SlowHead(bytes_per_s=2000),)),
    Row("interim", (Interim(),)),
    Row("interim, and nothing follows", (Interim(then="hang"),), patience_s=HASTY_S),
    Row("attachment", (Attachment(filename="../other.gif"),)),
    Row("redirect", (Redirect(path_of_code(OTHER)),)),
    Row("redirect to an absent code", (Redirect(path_of_code(ABSENT)),)),
    Row("redirect to another scheme", (Redirect("gopher://localhost/br.gif"),)),
    Row("redirect to a file", (Redirect("file:///dev/null"),)),
    Row("redirect 308", (Redirect(path_of_code(OTHER), 308),)),
    Row("redirect_loop", (RedirectLoop(),)),
    Row("bad_range, without a Range", (BadRange(how="shift"),)),
    Row("unsatisfiable, without a Range", (Unsatisfiable(),)),
    _large("serve", (Serve(),)),
    *[_large(name, replies) for name, replies in _bodies(len(LARGE))],
    _large("gzip, cut, gzip offered", (Gzip(cut=True),), gzip=True),
]
