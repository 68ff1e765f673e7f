"""Hypothesis strategies for plans and what is in them, in the order of `faults` and `plan`.

Needs the extra `strategies`. What they draw is valid and small, and finds the usual faults of
clients within 100 examples: each class of status is drawn as often, and rules are for codes that
are asked for. Delays stay below `MAX_DELAY_S`; only a silence may last `SILENCE_S`.
"""

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any, get_args

from hypothesis import strategies as st

from mockservers.faults import (
    KINDS,
    CutHeaders,
    Delay,
    Drip,
    Empty,
    Fault,
    Gzip,
    Hang,
    Lognormal,
    NoLength,
    RateLimit,
    Redirect,
    RedirectLoop,
    Reset,
    Serve,
    Stall,
    Status,
    Truncate,
    Uniform,
)
from mockservers.flags2.codes import ALL_CODES, packaged_codes, path_of_code
from mockservers.kinds import cut, fields, framing, policy, ranges, values, whole
from mockservers.kinds.selection import ETagForm
from mockservers.plan import SEED_BOUND, Bucket, Gate, Plan

MAX_DELAY_S = 0.01
"""The longest delay drawn, in seconds."""
SILENCE_S = 5.0
"""Seconds that a `hang` or a `stall` lasts, if it is long: a client without a time limit shows. A
client whose limit is shorter waits no longer than that."""
USUAL_CODES = ("AD", "BR", "CN", "US", "AA", "ZZ")
"""Codes that are drawn more often, so that rules and codes meet: four have a flag."""

FILE_NAMES = (
    "br.gif",
    "../br.gif",
    "/etc/br.gif",
    "..",
    "a/../b",
    r"..\br.gif",
    'a"b',
    "é.gif",
    "",
)
"""Names that a server may suggest for a file, most of them with harm in mind."""

FAILING_STATUSES = tuple(
    status for status in range(201, 600) if status not in (301, 302, 303, 307, 308)
)
"""Statuses that a client meets as such; a redirect would make it ask somebody else."""


def delays() -> st.SearchStrategy[Delay]:
    """Seconds to wait before a response, fixed or to be drawn; often none."""
    seconds = st.floats(0, MAX_DELAY_S)
    uniform = st.tuples(seconds, seconds).map(sorted).map(lambda pair: Uniform(*pair))
    lognormal = st.builds(Lognormal, seconds, st.floats(0, 2), seconds)
    return st.just(0.0) | st.one_of(seconds, uniform, lognormal)


def _status_codes() -> st.SearchStrategy[tuple[int, ...]]:
    """One status, or several to draw from: 503, 404, or as often one of each class."""
    classes = [[n for n in FAILING_STATUSES if n // 100 == first] for first in (2, 3, 4, 5)]
    one = st.one_of([st.just(503), st.just(404), *map(st.sampled_from, classes)])
    return st.tuples(one) | st.lists(one, min_size=1, max_size=3).map(tuple)


FIELDS: dict[object, Callable[[], st.SearchStrategy[object]]] = {
    values.Delay: lambda: delays(),
    values.Bytes: lambda: st.just(0) | st.integers(0, 1000),
    values.Version: lambda: st.just(1) | st.integers(1, 255),
    values.Grow: lambda: st.just(0) | st.integers(-100, 100),
    ranges.How: lambda: st.sampled_from(_words(ranges.How)),
    ranges.Total: lambda: st.sampled_from(_words(ranges.Total)),
    whole.PageBytes: lambda: st.integers(0, 1000),
    whole.Text: lambda: st.sampled_from(["", "ok", "<p>Busy</p>\n", "é" * 40]),
    whole.ContentType: lambda: st.sampled_from(["text/plain", "application/json; charset=utf-8"]),
    whole.Statuses: _status_codes,
    whole.Reason: lambda: st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=9),
    whole.HeaderPairs: lambda: st.sampled_from(
        [(), (("Retry-After", "1"),), (("X-A", "a b"), ("X-B", ""))]
    ),
    # At this rate every flag takes less than 0.1 s.
    whole.BytesPerSecond: lambda: st.integers(500_000, 10_000_000),
    cut.HeadBytes: lambda: st.integers(1, 11),
    values.SomeBytes: lambda: st.integers(1, 5_000),
    policy.Target: lambda: codes().map(path_of_code),
    policy.RedirectStatus: lambda: st.sampled_from(_words(policy.RedirectStatus)),
    policy.LimitStatus: lambda: st.sampled_from(_words(policy.LimitStatus)),
    policy.WholeSeconds: lambda: st.integers(0, 5),
    policy.DateIn: lambda: st.integers(-5, 5),
    fields.FileName: lambda: st.sampled_from(FILE_NAMES),
    fields.Interims: lambda: st.sampled_from([(103,), (103, 103), (102, 103), (199,)]),
    # Not the silences whose length no plan says: `hang` here, and `more` there.
    fields.Then: lambda: st.just("serve"),
    framing.Cut: lambda: st.sampled_from(_words(framing.Cut)),
    framing.Off: lambda: st.sampled_from(("fewer", "two", "with_chunked")),
    whole.FlipCount: lambda: st.integers(1, 20),
    bool: st.booleans,
}
"""What draws a field, by its type; a new kind with fields of these types needs nothing here."""


def _words(wanted: Any) -> tuple[Any, ...]:
    return get_args(get_args(wanted)[0])


def plain(
    kind: type[Fault], *, versions: bool = False, silence_s: float = SILENCE_S
) -> st.SearchStrategy[Fault]:
    """A fault of one kind; every field is drawn, but no `cut` of `gzip`, and a version only if
    wanted: what it sends is not what the catalogue has. A silence is short, or lasts `silence_s`.
    """
    # Most libraries take a cut coding for whole, and their users cannot help it.
    left_out = ["cut"] if kind is Gzip else []
    left_out += [] if versions else ["version", "grow"]
    types = values.field_types(kind)
    long = st.just(float(silence_s))
    silences = st.one_of(st.floats(0, MAX_DELAY_S), long, long.map(float))  # mostly long
    return st.builds(
        kind,
        **{
            name: silences if types[name] is values.Seconds else _field(types[name])
            for name in types
            if name not in left_out
        },
    )


def rate_limits(
    *, versions: bool = False, silence_s: float = SILENCE_S
) -> st.SearchStrategy[Fault]:
    """Responses of the kind `rate_limit`, whose Retry-After says what it says in one way."""
    types = values.field_types(RateLimit)
    ways = ("retry_after_s", "retry_after", "date_in_s")
    both = {name: _field(types[name]) for name in types if name not in ways}
    none = {way: st.none() for way in ways}
    return st.one_of(
        [st.builds(RateLimit, **both, **none | {way: _field(types[way])}) for way in ways]
    )


def _field(wanted: Any) -> st.SearchStrategy[object]:
    if wanted in FIELDS:
        return FIELDS[wanted]()
    options = getattr(wanted, "__args__", ())
    return st.one_of([st.none() if one is type(None) else FIELDS[one]() for one in options])


def statuses(*, versions: bool = False, silence_s: float = SILENCE_S) -> st.SearchStrategy[Fault]:
    """Responses of the kind `status`: a third each without a body, with a text, with a page."""
    types = values.field_types(Status)
    no_body = [name for name in types if name not in ("body", "body_bytes", "content_type")]
    plain_fields = {name: _field(types[name]) for name in no_body}
    content_type = {"content_type": FIELDS[whole.ContentType]()}
    bodies: st.SearchStrategy[dict[str, Any]] = st.one_of(
        st.just({}),
        st.fixed_dictionaries({"body": FIELDS[whole.Text]()}, optional=content_type),
        st.fixed_dictionaries({"body_bytes": FIELDS[whole.PageBytes]()}, optional=content_type),
    )
    return st.builds(
        lambda body, **fields: Status(**fields, **body),
        bodies,
        **plain_fields,
    )


STRATEGIES: dict[type[Fault], Callable[..., st.SearchStrategy[Fault]]] = {
    kind: partial(plain, kind) for kind in KINDS.values()
} | {Status: statuses, RateLimit: rate_limits}
"""What draws each kind."""

serves = partial(plain, Serve)
empties, resets = partial(plain, Empty), partial(plain, Reset)
truncates, cut_headers = partial(plain, Truncate), partial(plain, CutHeaders)
no_lengths, drips, hangs = (
    partial(plain, NoLength),
    partial(plain, Drip),
    partial(plain, Hang),
)
redirects = partial(plain, Redirect)
"""Short names of common kinds."""

WITHOUT_RANGES = tuple(kind for kind in KINDS.values() if not kind.needs_ranges)
"""The kinds that need no plan with `ranges`."""

CLEAR = tuple(kind for kind in WITHOUT_RANGES if not kind.may_be_unclear)
"""The kinds of which all correct clients make the same (SPEC.md, "Kinds of response")."""


@cache
def replies(
    *kinds: type[Fault], versions: bool = False, silence_s: float = SILENCE_S
) -> st.SearchStrategy[Fault]:
    """A response of one of `kinds`; without any, of every kind that a plan without `ranges` may
    have. With `versions`, of any version of the resource. Silences are short, or last `silence_s`
    seconds.
    """
    # The first is what a failing example is simplified to: a 503.
    drawn = kinds or (Status, *WITHOUT_RANGES[1:], Serve)
    return st.one_of([STRATEGIES[kind](versions=versions, silence_s=silence_s) for kind in drawn])


def codes() -> st.SearchStrategy[str]:
    """A code; a third of those drawn are among `USUAL_CODES`, and more than half have a flag."""
    return st.one_of([st.sampled_from(of) for of in (USUAL_CODES, packaged_codes(), ALL_CODES)])


def code_lists(max_size: int = 12) -> st.SearchStrategy[list[str]]:
    """Different codes in any order, at least one."""
    return _sized(
        lambda n: st.lists(codes(), min_size=n, max_size=n, unique=True), range(1, max_size + 1)
    )


def _sized(
    of_size: Callable[[int], st.SearchStrategy[Any]], sizes: Sequence[int]
) -> st.SearchStrategy[Any]:
    """Collections of these sizes: without it, most of those drawn are the smallest."""
    return st.sampled_from(sizes).flatmap(of_size)


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


def mixes(reply: st.SearchStrategy[Fault] | None = None) -> st.SearchStrategy[tuple[Bucket, ...]]:
    """Up to three buckets whose weights sum to at most 100; without `reply`, mostly one for all
    requests or half of them, with a fault that clients often get wrong.
    """
    one = replies() if reply is None else reply
    several = _mixes(_sized(lambda n: st.lists(one, min_size=n, max_size=n), (0, 1, 2, 3)))
    if reply is not None:
        return several
    bucket = st.builds(Bucket, st.sampled_from((100, 50)), _often_wrong())
    # Twice, and each an object of its own: Hypothesis draws from an equal one only once.
    return st.one_of(several, *(bucket.map(lambda one: (one,)) for _ in range(2)))


def _often_wrong() -> st.SearchStrategy[Fault]:
    """Faults that clients often get wrong, each as often."""
    path = st.sampled_from(USUAL_CODES).map(path_of_code)
    page = {"body_bytes": st.integers(1, 1000)}
    return st.one_of(
        st.builds(Status, st.sampled_from([n for n in FAILING_STATUSES if n < 400])),
        st.builds(Status, st.sampled_from([n for n in FAILING_STATUSES if n > 404]), **page),
        st.builds(Truncate),
        st.builds(Stall, st.just(0), st.just(MAX_DELAY_S)),
        st.builds(Truncate, st.integers(1, 1000)),
        st.builds(Hang, st.just(SILENCE_S)) | st.builds(Stall, for_s=st.just(SILENCE_S)),
        st.builds(Redirect, path) | st.builds(RedirectLoop),
    )


@st.composite
def _mixes(draw: st.DrawFn, lists: st.SearchStrategy[list[Fault]]) -> tuple[Bucket, ...]:
    left, buckets = 100, []
    for drawn in draw(lists):
        weight = left - draw(st.integers(0, left))  # the simplest bucket is for all that is left
        left -= weight
        if weight:
            buckets.append(Bucket(weight, drawn))
    return tuple(buckets)


def rules(
    reply: st.SearchStrategy[Fault] | None = None, max_attempts: int = 3
) -> st.SearchStrategy[dict[str, tuple[Fault, ...]]]:
    """Responses by attempt for some codes and paths, mostly of `USUAL_CODES`."""
    usual = st.sampled_from(USUAL_CODES)
    names = usual | usual.map(path_of_code) | codes() | codes().map(path_of_code)
    one = replies() if reply is None else reply
    attempts = st.lists(one, min_size=1, max_size=max_attempts).map(tuple)
    return _sized(
        lambda n: st.dictionaries(names, attempts, min_size=n, max_size=n), (0, 1, 2, 3, 3, 3)
    )


def gates(most: int) -> st.SearchStrategy[Gate]:
    """A gate that `most` requests at once can fill; generous in time."""
    return st.builds(Gate, st.integers(1, most), st.just(30.0))


def sticky_plans(reply: st.SearchStrategy[Fault] | None = None) -> st.SearchStrategy[Plan]:
    """Plans whose fates are the same at every attempt."""
    return st.builds(Plan, mix=mixes(reply), rules=rules(reply, max_attempts=1), seed=seeds())


def plans(reply: st.SearchStrategy[Fault] | None = None) -> st.SearchStrategy[Plan]:
    """Plans of every form, without a gate (whether one can fill depends on the client)."""
    return st.builds(
        Plan,
        mix=mixes(reply),
        rules=rules(reply),
        per_attempt=st.booleans(),
        seed=seeds(),  # last: half of what Hypothesis tries is the simplest after a new start
    )


def range_plans(silence_s: float = SILENCE_S) -> st.SearchStrategy[Plan]:
    """Plans with `ranges`: every kind, and any version of what there is. Silences are short, or
    last `silence_s` seconds.
    """
    reply = replies(*KINDS.values(), versions=True, silence_s=silence_s)
    etags = st.sampled_from(_words(ETagForm))
    return st.builds(
        Plan, mix=mixes(reply), rules=rules(reply), ranges=st.just(True), etag=etags, seed=seeds()
    )
