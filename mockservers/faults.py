"""What can happen to one reply: a closed set of small frozen values.

A plan holds such values; `mockservers.plan.fate` resolves one per request; `mockservers.wire`
turns it into bytes. To add a kind: its class here, its place in `Reply` and `KINDS`, its schema
in `plan.schema.json`; the type checker then names the `match` in `wire`, and the tests the
strategy and the tables that miss it.
"""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Uniform:
    """A delay drawn evenly from `low_s` to `high_s` seconds."""

    low_s: float
    high_s: float


@dataclass(frozen=True, slots=True)
class Lognormal:
    """A delay whose logarithm is normal: `median_s` times e to the `sigma` z, `max_s` at most."""

    median_s: float
    sigma: float
    max_s: float


Delay = float | Uniform | Lognormal
"""Seconds between the arrival of a request and the first byte of its reply; a resolved reply has
a number. The gate of a plan, if it has one, comes before."""


@dataclass(frozen=True, slots=True)
class Serve:
    """The resource with status 200, or a whole 404 where there is none."""

    do: ClassVar[str] = "serve"
    delay_s: Delay = 0.0


@dataclass(frozen=True, slots=True)
class Status:
    """A whole reply without a body, for any resource, there or not."""

    do: ClassVar[str] = "status"
    status: tuple[int, ...]
    """Status codes to draw from, 201 to 999; a fate has exactly one."""
    reason: str | None = None
    """Reason phrase; None: the usual one of the status."""
    headers: tuple[tuple[str, str], ...] = ()
    """Further header fields, in order; none that frames the reply."""
    delay_s: Delay = 0.0


@dataclass(frozen=True, slots=True)
class Empty:
    """The connection is closed in order, without a byte of reply."""

    do: ClassVar[str] = "empty"
    delay_s: Delay = 0.0


@dataclass(frozen=True, slots=True)
class Reset:
    """The connection is reset (RST) after `after_bytes` of the reply, headers included."""

    do: ClassVar[str] = "reset"
    after_bytes: int = 0
    delay_s: Delay = 0.0


@dataclass(frozen=True, slots=True)
class Truncate:
    """The full length is announced, `after_bytes` of the body are sent, then an orderly close."""

    do: ClassVar[str] = "truncate"
    after_bytes: int = 0
    delay_s: Delay = 0.0


@dataclass(frozen=True, slots=True)
class CutHeaders:
    """The first `after_bytes` of the head, then an orderly close; never the whole head.

    Cut behind the status line, some clients take what they have for a whole head.
    """

    do: ClassVar[str] = "cut_headers"
    after_bytes: int | None = None
    """None: half of the head."""
    delay_s: Delay = 0.0


@dataclass(frozen=True, slots=True)
class TooLong:
    """The whole resource and, behind the announced length, bytes that do not belong to it."""

    do: ClassVar[str] = "too_long"
    delay_s: Delay = 0.0


@dataclass(frozen=True, slots=True)
class NoLength:
    """No length is announced, `after_bytes` of the body are sent, then an orderly close.

    No client can tell that something is missing (RFC 9112, section 6.3, last case).
    """

    do: ClassVar[str] = "no_length"
    after_bytes: int | None = None
    """None: half of the body."""
    delay_s: Delay = 0.0


@dataclass(frozen=True, slots=True)
class Drip:
    """The resource, its body at an even rate."""

    do: ClassVar[str] = "drip"
    bytes_per_s: float
    """Bytes of the body per second, at least 1."""
    delay_s: Delay = 0.0


@dataclass(frozen=True, slots=True)
class Hang:
    """No reply; the connection is closed in order `or_s` seconds after the delay, or as soon as
    the client closes its side.
    """

    do: ClassVar[str] = "hang"
    or_s: float = 60.0
    delay_s: Delay = 0.0


@dataclass(frozen=True, slots=True)
class Garbage:
    """Bytes that are not HTTP, then an orderly close."""

    do: ClassVar[str] = "garbage"
    delay_s: Delay = 0.0
    noise: bytes = b""
    """What is sent: drawn by `fate` (SPEC.md, "The draw"), not part of a plan."""


@dataclass(frozen=True, slots=True)
class BadChunk:
    """Chunked coding: half of the body in a good chunk, then a chunk size that is no number."""

    do: ClassVar[str] = "bad_chunk"
    delay_s: Delay = 0.0


@dataclass(frozen=True, slots=True)
class BadGzip:
    """A whole reply whose body is said to be gzip and cannot be inflated."""

    do: ClassVar[str] = "bad_gzip"
    delay_s: Delay = 0.0


@dataclass(frozen=True, slots=True)
class WrongType:
    """The whole resource, called `text/html`."""

    do: ClassVar[str] = "wrong_type"
    delay_s: Delay = 0.0


@dataclass(frozen=True, slots=True)
class HugeHeaders:
    """The whole resource behind 200 header fields, one of them of 100 KB."""

    do: ClassVar[str] = "huge_headers"
    delay_s: Delay = 0.0


@dataclass(frozen=True, slots=True)
class Redirect:
    """302 to somewhere else."""

    do: ClassVar[str] = "redirect"
    to: str
    """A URL, or a path on the same server; what stands in the Location field."""
    delay_s: Delay = 0.0


@dataclass(frozen=True, slots=True)
class RedirectLoop:
    """302 to the very same path: each hop is the next attempt."""

    do: ClassVar[str] = "redirect_loop"
    delay_s: Delay = 0.0


@dataclass(frozen=True, slots=True)
class RateLimit:
    """429 with a Retry-After field."""

    do: ClassVar[str] = "rate_limit"
    retry_after_s: int = 1
    delay_s: Delay = 0.0


Reply = (
    Serve
    | Status
    | Empty
    | Reset
    | Truncate
    | CutHeaders
    | TooLong
    | NoLength
    | Drip
    | Hang
    | Garbage
    | BadChunk
    | BadGzip
    | WrongType
    | HugeHeaders
    | Redirect
    | RedirectLoop
    | RateLimit
)

KINDS: dict[str, type[Reply]] = {kind.do: kind for kind in Reply.__args__}
"""Every kind by the name it has in a plan (`do`)."""


def wait_s(reply: Reply) -> float:
    """Seconds from the turn of a request to the first byte, or the end, of a resolved reply."""
    if not isinstance(reply.delay_s, int | float):
        raise TypeError(f"{reply} is not resolved: ask mockservers.plan.fate")
    return reply.delay_s + (reply.or_s if isinstance(reply, Hang) else 0.0)
