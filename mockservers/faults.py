"""What can happen to one reply: a closed set of small frozen values.

A plan holds such values; `mockservers.plan.fate` resolves one per request; `mockservers.wire`
turns it into bytes. To add a kind: its class here, its place in `Reply`, its schema in
`plan.schema.json`, its name in `KINDS`; the type checker then names the `match` in `wire`.
"""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Serve:
    """The resource with status 200, or a whole 404 where there is none."""

    do: ClassVar[str] = "serve"
    delay_s: float = 0.0
    """Seconds between the arrival of the request and the first byte of the reply."""


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
    delay_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Empty:
    """The connection is closed in order, without a byte of reply."""

    do: ClassVar[str] = "empty"
    delay_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Reset:
    """The connection is reset (RST) after `after_bytes` of the reply, headers included."""

    do: ClassVar[str] = "reset"
    after_bytes: int = 0
    delay_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Truncate:
    """The full length is announced, `after_bytes` of the body are sent, then an orderly close."""

    do: ClassVar[str] = "truncate"
    after_bytes: int = 0
    delay_s: float = 0.0


Reply = Serve | Status | Empty | Reset | Truncate

KINDS: dict[str, type[Reply]] = {kind.do: kind for kind in (Serve, Status, Empty, Reset, Truncate)}
"""Every kind by the name it has in a plan (`do`)."""
