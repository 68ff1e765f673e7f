"""Hypothesis strategies for plans and what is in them, in the order of `faults` and `plan`.

Needs the extra `strategies`. What they draw is valid, small, and quick to run: delays stay
below `MAX_DELAY_S`.
"""

from collections.abc import Callable, Sequence

from hypothesis import strategies as st

from mockservers.faults import (
    BadChunk,
    BadGzip,
    CutHeaders,
    Delay,
    Drip,
    Empty,
    Garbage,
    Hang,
    HugeHeaders,
    Lognormal,
    NoLength,
    RateLimit,
    Redirect,
    RedirectLoop,
    Reply,
    Reset,
    Serve,
    Status,
    TooLong,
    Truncate,
    Uniform,
    WrongType,
)
from mockservers.flags2.arguments import ALL_CODES, country_codes, path_of_code
from mockservers.plan import SEED_BOUND, Bucket, Gate, Plan

MAX_DELAY_S = 0.01
"""The longest delay drawn, in seconds."""

FAILING_STATUSES = tuple(
    status for status in range(201, 600) if status not in (301, 302, 303, 307, 308)
)
"""Statuses that a client meets as such; a redirect would make it ask somebody else."""


def delays() -> st.SearchStrategy[Delay]:
    """Seconds to wait before a reply, fixed or to be drawn; often none."""
    seconds = st.floats(0, MAX_DELAY_S)
    uniform = st.tuples(seconds, seconds).map(sorted).map(lambda pair: Uniform(*pair))
    lognormal = st.builds(Lognormal, seconds, st.floats(0, 2), seconds)
    return st.just(0.0) | st.one_of(seconds, uniform, lognormal)


def serves() -> st.SearchStrategy[Serve]:
    """The resource, or a whole 404."""
    return st.builds(Serve, delay_s=delays())


def statuses() -> st.SearchStrategy[Status]:
    """One status or several to draw from, with or without reason and further headers."""
    one = st.sampled_from([503, 404]) | st.sampled_from(FAILING_STATUSES)
    return st.builds(
        Status,
        status=st.tuples(one) | st.lists(one, min_size=1, max_size=3).map(tuple),
        reason=st.none() | st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=9),
        headers=st.sampled_from([(), (("Retry-After", "1"),), (("X-A", "a b"), ("X-B", ""))]),
        delay_s=delays(),
    )


def empties() -> st.SearchStrategy[Empty]:
    """A close without a byte."""
    return st.builds(Empty, delay_s=delays())


def resets() -> st.SearchStrategy[Reset]:
    """A reset before, in the head of, or in the body of a reply; never behind its end."""
    return st.builds(Reset, after_bytes=st.integers(0, 1000), delay_s=delays())


def truncates() -> st.SearchStrategy[Truncate]:
    """An orderly close in the body."""
    return st.builds(Truncate, after_bytes=st.integers(0, 1000), delay_s=delays())


def cut_headers() -> st.SearchStrategy[CutHeaders]:
    """An orderly close in the head."""
    return st.builds(CutHeaders, st.none() | st.integers(1, 150), delay_s=delays())


def no_lengths() -> st.SearchStrategy[NoLength]:
    """A body of unknown length, whole or not."""
    return st.builds(NoLength, st.none() | st.integers(0, 1000), delay_s=delays())


def drips() -> st.SearchStrategy[Drip]:
    """A body at a rate at which every flag takes less than 0.1 s."""
    return st.builds(Drip, st.integers(500_000, 10_000_000), delay_s=delays())


def hangs() -> st.SearchStrategy[Hang]:
    """No reply, for a moment."""
    return st.builds(Hang, st.floats(0, MAX_DELAY_S), delay_s=delays())


def redirects() -> st.SearchStrategy[Redirect]:
    """A redirect to the flag of a code, there or not."""
    return st.builds(Redirect, codes().map(path_of_code), delay_s=delays())


def rate_limits() -> st.SearchStrategy[RateLimit]:
    """A client that asks too often."""
    return st.builds(RateLimit, st.integers(0, 5), delay_s=delays())


def plain(kind: type[Reply]) -> st.SearchStrategy[Reply]:
    """A kind that has nothing to choose but its delay."""
    return st.builds(kind, delay_s=delays())


STRATEGIES: dict[type[Reply], Callable[[], st.SearchStrategy[Reply]]] = {
    Serve: serves,
    Status: statuses,
    Empty: empties,
    Reset: resets,
    Truncate: truncates,
    CutHeaders: cut_headers,
    TooLong: lambda: plain(TooLong),
    NoLength: no_lengths,
    Drip: drips,
    Hang: hangs,
    Garbage: lambda: plain(Garbage),
    BadChunk: lambda: plain(BadChunk),
    BadGzip: lambda: plain(BadGzip),
    WrongType: lambda: plain(WrongType),
    HugeHeaders: lambda: plain(HugeHeaders),
    Redirect: redirects,
    RedirectLoop: lambda: plain(RedirectLoop),
    RateLimit: rate_limits,
}
"""What draws each kind."""

CLEAR = tuple(
    kind for kind in STRATEGIES if kind not in (CutHeaders, TooLong, NoLength, HugeHeaders)
)
"""The kinds of which all correct clients make the same (SPEC.md, "Kinds of reply")."""


def replies(*kinds: type[Reply]) -> st.SearchStrategy[Reply]:
    """A reply of one of `kinds`; without any, of every kind."""
    return st.one_of([STRATEGIES[kind]() for kind in kinds or STRATEGIES])


def codes() -> st.SearchStrategy[str]:
    """A code; half of those drawn have a flag."""
    return st.sampled_from(country_codes()) | st.sampled_from(ALL_CODES)


def code_lists(max_size: int = 12) -> st.SearchStrategy[list[str]]:
    """Different codes in any order, at least one."""
    return st.lists(codes(), min_size=1, max_size=max_size, unique=True)


@st.composite
def request_orders(
    draw: st.DrawFn, codes: Sequence[str], in_flight: int | None = None
) -> list[str]:
    """An order in which requests for `codes` may arrive from a downloader that begins them in the
    order of the list and has at most `in_flight` under way: the next to arrive is always among
    the first `in_flight` of those left. Without that limit, every order.
    """
    left, order = list(codes), []
    while left:
        last = len(left) if in_flight is None else min(in_flight, len(left))
        order.append(left.pop(draw(st.integers(0, last - 1))))
    return order


def seeds() -> st.SearchStrategy[int]:
    """Every seed a plan may have."""
    return st.integers(0, SEED_BOUND - 1)


def mixes(reply: st.SearchStrategy[Reply] | None = None) -> st.SearchStrategy[tuple[Bucket, ...]]:
    """Up to three buckets whose weights sum to at most 100."""
    return _mixes(st.lists(replies() if reply is None else reply, max_size=3))


@st.composite
def _mixes(draw: st.DrawFn, lists: st.SearchStrategy[list[Reply]]) -> tuple[Bucket, ...]:
    left, buckets = 100, []
    for drawn in draw(lists):
        weight = draw(st.integers(0, left))
        left -= weight
        buckets.append(Bucket(weight, drawn))
    return tuple(buckets)


def rules(
    reply: st.SearchStrategy[Reply] | None = None, max_attempts: int = 3
) -> st.SearchStrategy[dict[str, tuple[Reply, ...]]]:
    """Replies by attempt for some codes and paths."""
    return st.dictionaries(
        codes() | codes().map(path_of_code),
        st.lists(replies() if reply is None else reply, min_size=1, max_size=max_attempts).map(
            tuple
        ),
        max_size=3,
    )


def gates(most: int) -> st.SearchStrategy[Gate]:
    """A gate that `most` requests at once can fill; generous in time."""
    return st.builds(Gate, st.integers(1, most), st.just(30.0))


def sticky_plans(reply: st.SearchStrategy[Reply] | None = None) -> st.SearchStrategy[Plan]:
    """Plans whose fates are the same at every attempt."""
    return st.builds(Plan, seed=seeds(), mix=mixes(reply), rules=rules(reply, max_attempts=1))


def plans(reply: st.SearchStrategy[Reply] | None = None) -> st.SearchStrategy[Plan]:
    """Plans of every form, without a gate (whether one can fill depends on the client)."""
    return st.builds(
        Plan,
        seed=seeds(),
        mix=mixes(reply),
        rules=rules(reply),
        per_attempt=st.booleans(),
    )
