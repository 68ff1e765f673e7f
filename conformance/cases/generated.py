"""Cases drawn by Hypothesis: arguments, codes, a plan with all kinds, a gate, files."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from conformance.cases.build import ALWAYS, HANG_S
from conformance.cases.model import Case
from mockservers.content.flag_images import flag
from mockservers.faults import (
    CutHeaders,
    Drip,
    Fault,
    Hang,
    NoLength,
    RateLimit,
    Redirect,
    Reset,
    Serve,
    Stall,
    Status,
    Truncate,
)
from mockservers.flags2.codes import is_code, packaged_codes, path_of_code
from mockservers.kinds.request import RequestForm
from mockservers.kinds.resource import ResourceInfo
from mockservers.plan import LABELS, Plan
from mockservers.strategies import WITHOUT_RANGES, plain

ELSEWHERE = tuple(path_of_code(code) for code in ("YE", "ZZ"))
"""The targets of redirects: a flag, and none. No generated case asks for these codes."""

_POOL = tuple(code for code in (*packaged_codes()[:40], "AA", "QQ", "XX") if is_code(code))
_EXPANSION = "EXP-1 EXP-3 EXP-4 EXP-5".split()

_FORM = RequestForm()
_delays = st.sampled_from([0.0, 0.0, 0.0, 0.02, 0.05])
_bytes = st.integers(0, 2000)

_RESPONSES: dict[type[Fault], st.SearchStrategy[Fault]] = {
    Status: st.sampled_from([503, 404, 500, 403, 204, 301, 304]).map(
        lambda status: Status((status,))
    ),
    Serve: st.builds(Serve, delay_s=_delays),
    Reset: st.builds(Reset, after_bytes=st.just(0) | _bytes, delay_s=_delays),
    Truncate: st.builds(Truncate, after_bytes=_bytes, delay_s=_delays),
    CutHeaders: st.builds(CutHeaders, after_bytes=st.none() | st.integers(12, 100)),
    NoLength: st.builds(NoLength, after_bytes=_bytes),
    Drip: st.builds(Drip, bytes_per_s=st.sampled_from([50_000.0, 200_000.0])),
    Hang: st.builds(Hang, or_s=st.just(HANG_S)),
    Stall: plain(Stall, silence_s=HANG_S),
    Redirect: st.builds(Redirect, to=st.sampled_from(ELSEWHERE)),
    RateLimit: st.builds(RateLimit, retry_after_s=st.just(0)),
}
"""Kinds whose values matter to a program; every other kind is drawn as for any test."""


@cache
def responses() -> st.SearchStrategy[Fault]:
    """A response of any kind that needs no ranges and takes less than a second."""
    return st.one_of(
        [_RESPONSES[kind] if kind in _RESPONSES else plain(kind) for kind in WITHOUT_RANGES]
    )


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """A run whose report must balance, whatever its requests meet."""
    codes = draw(st.lists(st.sampled_from(_POOL), min_size=1, max_size=8, unique=True))
    words = [draw(st.sampled_from([code, code, code.lower()])) for code in codes]
    words += draw(st.lists(st.sampled_from(words), max_size=2))
    arguments: list[str] = []
    if draw(st.sampled_from([True, True, False])):
        arguments.append("-v")
    if draw(st.booleans()):
        arguments += ["-s", draw(st.sampled_from(LABELS))]
    gate = draw(st.booleans())
    if gate or draw(st.booleans()):
        arguments += ["-m", str(draw(st.integers(1, 6)))]
    if draw(st.sampled_from([False, False, True])):
        arguments += ["-l", str(draw(st.integers(1, 8)))]
    broken = draw(st.lists(st.sampled_from(codes), max_size=len(codes), unique=True))
    attempts = st.lists(responses(), min_size=1, max_size=2).map(tuple)
    rules = {code: draw(attempts) for code in broken}
    stale = draw(st.lists(st.sampled_from(codes), max_size=2, unique=True))
    verbose = ["REP-8", "ACC-2"] if "-v" in arguments else ["REP-9"]
    return Case(
        id="generated",
        clauses=(
            *("ACC-3", *ALWAYS, *_EXPANSION, *verbose, *_outcomes(codes, rules)),
            *(["CON-3"] if gate else []),
            *(["FIL-4"] if stale else []),
        ),
        arguments=(*arguments, *words),
        plan=Plan(rules=rules),
        gate=gate,
        files={f"{code.lower()}.gif": "from before" for code in stale},
    )


def _outcomes(codes: Sequence[str], rules: Mapping[str, tuple[Fault, ...]]) -> list[str]:
    """The clauses on outcomes that the first response for each code shows."""
    there = packaged_codes()
    shown = {"OUT-1" if code in there else "OUT-2" for code in codes if code not in rules}
    for code, (fault, *_) in rules.items():
        info = ResourceInfo(len(flag(code)), "image/gif") if code in there else None
        clause = _clause_shown(fault.effective(_FORM, info), info)
        shown |= {clause} if clause else set()
    return sorted(shown)


def _clause_shown(fault: Fault, info: ResourceInfo | None) -> str | None:
    """The clause on outcomes that a response shows; None where a program may choose."""
    response = fault.response(_FORM, info, "/")
    if response.unclear or response.location is not None:
        return None
    if response.status is None:
        return "OUT-4"
    if response.status != 200:
        return "OUT-2" if response.status == 404 else "OUT-3"
    complete = fault.gives_resource and response.body_stop == response.length
    return "OUT-1" if complete else "OUT-5"


def generated_cases(examples: int, number: int) -> tuple[Case, ...]:
    """`examples` cases that depend on the seed `number` alone, for one version of Hypothesis (and,
    in a checkout, for the same modules loaded: Hypothesis looks for constants in them).
    """
    if not examples:
        return ()
    drawn: list[Case] = []

    @seed(number)
    @settings(
        max_examples=examples,
        database=None,
        phases=[Phase.generate],
        deadline=None,
        suppress_health_check=list(HealthCheck),  # cases are only drawn here, not run
    )
    @given(cases())
    def collect(case: Case) -> None:
        drawn.append(case)

    collect()
    return tuple(_named(case, f"generated/{number}/{i}") for i, case in enumerate(drawn, 1))


def _named(case: Case, name: str) -> Case:
    values: dict[str, Any] = {field: getattr(case, field) for field in case.__slots__}
    return Case(**values | {"id": name})
