"""What a command may meet, as data: the steps of the server, and what counts as what; pure."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from conformance.download.content import NAME, SIZE, Edition, What
from conformance.download.met import Met, always, closed_a_kept_connection, did, limited, was_away
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
    WrongType,
)
from mockservers.kinds.base import OfResource
from mockservers.kinds.selection import ETagForm
from mockservers.plan import Away, Limit, Plan

CUT = 700_001
"""Bytes after which a body is cut: in the middle of a block, and of a quarter of the resource."""
FOR_EVER_S = 3600.0
"""A silence that no patience outlasts."""
THERE = "{there}"
"""In a Location: a path beside that of the situation, with the resource."""
ROOT = "{root}"
"""In a name or a Location: the folder around everything that a run may write to."""
PRIVATE = "private.txt"
"""A file in that folder that no command may read."""


@dataclass(frozen=True, slots=True)
class Step:
    """One run of the command, and what the server does meanwhile, attempt by attempt."""

    faults: tuple[Fault, ...] = (Serve(),)
    there: tuple[Fault, ...] = ()
    """What redirects lead to, after one that is not the resource."""
    etag: ETagForm = "strong"
    limit: Limit | None = None
    away: Away | None = None
    refuse: bool = False

    @property
    def editions(self) -> tuple[Edition, ...]:
        """The versions that the server has."""
        sent = [one for one in (*self.faults, *self.there) if isinstance(one, OfResource)]
        return tuple(Edition(one.sent_version, one.grow) for one in sent)

    def plan(self, path: str, seed: int, root: str = ROOT, probes: int = 0) -> Plan:
        """The plan of every server, for the resource at `path`; so many requests come first."""
        there = f"{path.removesuffix(NAME)}there/{NAME}"
        first = self.editions[0] if self.editions else Edition()
        before = (Serve(version=first.number, grow=first.grow),) * probes
        faults = (*before, *(_filled_in(fault, root, there) for fault in self.faults))
        return Plan(
            seed,
            rules={path: faults, **({there: self.there} if self.there else {})},
            ranges=True,
            etag=self.etag,
            limit=self.limit,
            away=self.away,
            refuse=self.refuse,
        )


def _filled_in(fault: Fault, root: str, there: str) -> Fault:
    match fault:
        case Redirect(to=to):
            return Redirect(to.replace(ROOT, root).replace(THERE, there), fault.status)
        case Attachment(filename=name):
            return Attachment(name.replace(ROOT, root))
        case _:
            return fault


@dataclass(frozen=True, slots=True)
class Before:
    """A file that has the final name before: the first `size` bytes of version 1."""

    size: int = CUT


@dataclass(frozen=True, slots=True)
class Situation:
    """Something that a command may meet, and what counts as what."""

    id: str
    clauses: tuple[str, ...]
    """What it shows. The first one is broken by a file that is wrong, or not there, at status 0."""
    why: str
    """What happens, in a few words."""
    steps: tuple[Step, ...]
    met: Met
    before: Before | None = None
    free: frozenset[What] = frozenset()
    """What a file may be at status 0, though it is not the resource: up to the client."""
    harmless: bool = False
    """Every correct client can succeed: a failure is a false alarm."""
    silent: bool = False
    """The server falls silent: a client that waits for it hangs."""
    slow: bool = False
    """It may take long, for clients wait or try again."""

    @property
    def path(self) -> str:
        """The path of the resource."""
        return f"/{self.id}/{NAME}"

    @property
    def editions(self) -> tuple[Edition, ...]:
        """The versions that the server has, and the one that was there before."""
        had = [edition for step in self.steps for edition in step.editions]
        return tuple(dict.fromkeys([Edition(), *had]))


PAGE_503 = Status((503,), body_bytes=2048)


@dataclass(frozen=True, slots=True)
class _Kind:
    """A fault that is met at the first attempt, or at every one."""

    name: str
    fault: Fault
    clauses: tuple[str, ...]
    why: str
    free: tuple[What, ...] = ()
    silent: bool = False
    ways: str = "first always"


_FAILING = [
    _Kind("503", PAGE_503, ("DL-STA", "DL-BAK", "DL-BND"), "503 with a page"),
    _Kind("500", Status((500,), body_bytes=500), ("DL-STA",), "500 with a page"),
    _Kind("403", Status((403,), body_bytes=500), ("DL-STA",), "403 with a page", ways="always"),
    _Kind("404", Status((404,), body_bytes=500), ("DL-STA",), "404 with a page", ways="always"),
    _Kind("416", Status((416,)), ("DL-RNS",), "416 though no part was asked for"),
    _Kind("empty", Empty(), ("DL-FIN",), "a close before the first byte"),
    _Kind("reset", Reset(), ("DL-FIN",), "a reset before the first byte"),
    _Kind("reset-body", Reset(after_bytes=CUT), ("DL-LEN",), "a reset in the body"),
    _Kind("cut", Truncate(CUT), ("DL-LEN",), "a close in the body"),
    _Kind("cut-early", Truncate(1_000), ("DL-LEN",), "a close after 1,000 bytes", ways="first"),
    _Kind("cut-at-0", Truncate(0), ("DL-LEN",), "a close before the first byte of the body"),
    _Kind("cut-status", CutHeaders(8), ("DL-FIN",), "a close in the status line"),
    _Kind("cut-headers", CutHeaders(), ("DL-FIN",), "a close in the headers", (What.EMPTY,)),
    _Kind("garbage", Garbage(), ("DL-FIN",), "bytes that are not HTTP", (What.PAGE,)),
    _Kind("bad-chunk", BadChunk(), ("DL-CHK",), "a chunk whose size is no number"),
    _Kind("cut-after-chunk", Chunked(cut="chunk"), ("DL-CHK",), "a close after a whole chunk"),
    _Kind("cut-in-chunk", Chunked(cut="data"), ("DL-CHK",), "a close in a chunk"),
    _Kind("bad-gzip", BadGzip(), ("DL-COD",), "gzip that cannot be decoded", (What.PAGE,)),
    _Kind("cut-gzip", Gzip(cut=True), ("DL-COD",), "gzip that ends too early", (What.PAGE,)),
    _Kind("hang", Hang(FOR_EVER_S), ("DL-FIN", "DL-SIL"), "no response", silent=True),
    _Kind("stall", Stall(65_536, FOR_EVER_S), ("DL-LEN", "DL-SIL"), "silence in the body",
          silent=True),
    _Kind("stall-end", Stall(SIZE - 100, FOR_EVER_S), ("DL-LEN", "DL-SIL"),
          "silence before the last 100 bytes", silent=True, ways="first"),
    _Kind("stall-head", Stall(None, FOR_EVER_S, 8), ("DL-FIN", "DL-SIL"),
          "silence in the status line", silent=True, ways="first"),
    _Kind("interim-hang", Interim(then="hang"), ("DL-INT", "DL-SIL"), "103, then silence",
          silent=True, ways="first"),
    _Kind("loop", RedirectLoop(), ("DL-FIN", "DL-BND"), "a redirect to itself", (What.EMPTY,),
          ways="always"),
]  # fmt: skip

_ODD = [
    _Kind("two-lengths", BadLength("two"), ("DL-LEN",), "two Content-Lengths that differ",
          (What.WHOLE, What.TRUNCATED)),
    _Kind("length-fewer", BadLength("fewer"), ("DL-INT",), "a Content-Length that is too small",
          (What.TRUNCATED,)),
    _Kind("length-chunked", BadLength("with_chunked"), ("DL-FIN",), "chunks and a Content-Length"),
    _Kind("chunked", Chunked(65_536), ("DL-CHK",), "chunks, and a trailer field"),
    _Kind("whole-no-length", NoLength(SIZE), ("DL-FIN",), "all of it, and no length"),
    _Kind("wrong-type", WrongType(), ("DL-FIN",), "it is called HTML"),
    _Kind("no-length", NoLength(), ("DL-FIN",), "half of it, and no length", (What.TRUNCATED,)),
    _Kind("too-long", TooLong(), ("DL-INT",), "bytes after the announced end"),
    _Kind("page", Page(), ("DL-FIN",), "200 with another page", (What.PAGE,)),
    _Kind("flip", Flip(3), ("DL-FIN",), "three wrong bytes", (What.FLIPPED,)),
    _Kind("no-last-line", Chunked(cut="end"), ("DL-CHK",), "a close before the last empty line",
          (What.WHOLE,)),
    _Kind("huge-headers", HugeHeaders(), ("DL-FIN",), "100 KB of headers"),
    _Kind("unasked-gzip", Gzip(unasked=True), ("DL-COD",), "gzip, offered or not"),
    _Kind("reset-after", CloseAfter(1, reset=True), ("DL-FIN",), "a reset after a whole response"),
]  # fmt: skip

_HARMLESS = [
    _Kind("serve", Serve(), ("DL-FIN",), "nothing special"),
    _Kind("gzip", Gzip(), ("DL-COD",), "gzip, as offered"),
    _Kind("drip", Drip(2_000_000), ("DL-LEN",), "two megabytes a second"),
    _Kind("slow-head", SlowHead(200), ("DL-FIN",), "the headers at 200 bytes a second"),
    _Kind("interim", Interim((103, 103)), ("DL-INT",), "two interim responses before it"),
    _Kind("close-after", CloseAfter(), ("DL-FIN", "DL-IDL"), "a close after a whole response"),
    _Kind("attachment", Attachment("another.bin"), ("DL-FIN", "DL-NAM"), "another name for it"),
]


def _of_kinds() -> Iterator[Situation]:
    for kind in _FAILING:
        for way in kind.ways.split():
            faults = (kind.fault, Serve()) if way == "first" else (kind.fault,)
            yield replace(_of_kind(kind, faults), id=f"{kind.name}-{way}", slow=True)
    for kind in _ODD:
        yield _of_kind(kind, (kind.fault,))
    for kind in _HARMLESS:
        yield replace(_of_kind(kind, (kind.fault,)), harmless=True)


def _of_kind(kind: _Kind, faults: tuple[Fault, ...]) -> Situation:
    return Situation(
        kind.name,
        kind.clauses,
        kind.why,
        (Step(faults),),
        did(type(kind.fault)),
        free=frozenset(kind.free),
        silent=kind.silent,
    )


def _waits() -> Iterator[Situation]:
    limits = {
        "retry-after": RateLimit(2),
        "retry-after-date": RateLimit(date_in_s=3),
        "retry-after-503": RateLimit(2, status=503),
        "retry-after-words": RateLimit(retry_after="soon"),
    }
    for name, limit in limits.items():
        said = limit.retry_after or ("a date" if limit.date_in_s else "2 s")
        why = f"{limit.status} with Retry-After: {said}"
        clauses = ("DL-STA",) if name == "retry-after-words" else ("DL-STA", "DL-RTA")
        yield Situation(name, clauses, why, (Step((limit, Serve())),), did(RateLimit), slow=True)
    busy = Step(limit=Limit(1, PAGE_503))
    yield Situation(
        "busy", ("DL-STA",), "503 for a second request at once", (busy,), limited, slow=True
    )
    away = Step((Truncate(CUT), Serve()), away=Away(1, 1.0))
    yield Situation(
        "away", ("DL-LEN",), "a cut, then a closed port for a second", (away,), was_away, slow=True
    )
    yield Situation(
        "refused", ("DL-FIN",), "a closed port", (Step(refuse=True),), always, slow=True
    )
    closed = Step((Redirect(THERE),), there=(Empty(), Serve()))
    yield Situation(
        "idle-close",
        ("DL-FIN", "DL-IDL"),
        "a kept connection has ended when it is used again",
        (closed,),
        closed_a_kept_connection,
        harmless=True,
        slow=True,
    )


def _redirects() -> Iterator[Situation]:
    for status in (301, 302, 303, 307, 308):
        step = Step((Redirect(THERE, status),))
        yield Situation(f"{status}", ("DL-FIN",), f"a redirect ({status})", (step,), did(Redirect))
    step = Step((Redirect("{ERROR}" + THERE),))
    yield Situation(
        "other-server", ("DL-FIN",), "a redirect to another port", (step,), did(Redirect)
    )
    step = Step((Redirect(f"file://{ROOT}/{PRIVATE}"),))
    clauses = ("DL-FIN", "DL-RED")
    yield Situation("to-file", clauses, "a redirect to a local file", (step,), did(Redirect))


_NAMES = {
    "parent": f"../{NAME}",
    "absolute": f"{ROOT}/{NAME}",
    "below-and-up": f"a/../../../{NAME}",
    "dots": "..",
    "long": "long" * 200,
}


def _names() -> Iterator[Situation]:
    for name, filename in _NAMES.items():
        shown = filename if len(filename) < 40 else "a name of 800 letters"
        step = Step((Attachment(filename),))
        why = f"Content-Disposition has {shown}"
        yield Situation(f"name-{name}", ("DL-FIN", "DL-NAM"), why, (step,), did(Attachment))
    step = Step((Redirect(f"/name-redirect/..%2F..%2F{NAME}"),))
    why = "a redirect to a path whose last segment leads up"
    yield Situation("name-redirect", ("DL-FIN", "DL-NAM"), why, (step,), did(Redirect))


def of_one_run() -> Iterator[Situation]:
    """The situations without ranges."""
    yield from _of_kinds()
    yield from _redirects()
    yield from _waits()
    yield from _names()
