"""Questions drawn by Hypothesis, for each operation; pure."""

from typing import Any

from hypothesis import strategies as st

from conformance.adapter.cases import Question, expand
from conformance.checks.expansion import codes_of
from mockservers import strategies
from mockservers.flags2.codes import ALL_CODES
from mockservers.plan import LABELS
from mockservers.plan_json import plan_to_json

ALL_OF_EXPANSION = ("EXP-1", "EXP-2", "EXP-3", "EXP-4", "EXP-5", "EXP-9")
ALL_OF_FATES = ("SRV-2", "SRV-3", "SRV-4", "SRV-5", "SRV-6")


def generated_questions() -> dict[str, st.SearchStrategy[Question]]:
    """A strategy for the questions of every operation."""
    return {
        "expand": _generated("expand", ALL_OF_EXPANSION, expansions(), "any arguments"),
        "is_prime": _generated("is_prime", ("PRM-1", "PRM-2"), numbers(), "any number"),
        "quicksort": _generated("quicksort", ("QKS-1", "QKS-2", "QKS-4"), lists(), "any list"),
        "draw": _generated("draw", ("SRV-1",), draws(), "any draw"),
        "fate": _generated("fate", ALL_OF_FATES, fates(), "any plan"),
        "places": _generated("places", ("SRV-7",), places(), "any places"),
        "bytes": _generated("bytes", ("SRV-7",), some_bytes(), "any bytes"),
    }


def _generated(
    op: str, clauses: tuple[str, ...], drawn: st.SearchStrategy[dict[str, Any]], why: str
) -> st.SearchStrategy[Question]:
    return drawn.map(lambda values: Question(f"adapter/{op}-any", op, values, clauses, why))


def expansions() -> st.SearchStrategy[dict[str, Any]]:
    """Arguments of which few are refused, with a limit or without."""
    letter = st.sampled_from("ABCXYZabcxyz")
    right = st.text(letter, min_size=1, max_size=2)
    # Letters whose capitals are A to Z are legacy (L-5), and not asked for.
    wrong = st.text(st.characters(codec="utf-8"), max_size=3).filter(
        lambda word: not codes_of(word) and not codes_of(word.upper())
    )
    some = st.lists(right, min_size=1, max_size=6)
    limits = st.none() | st.integers(1, 60)
    return st.one_of(
        st.builds(expand, some, limit=limits),
        st.builds(expand, some, limit=limits),
        st.builds(lambda few, one: expand([*few, one]), st.lists(right, max_size=3), wrong),
    )


def numbers() -> st.SearchStrategy[dict[str, Any]]:
    """Numbers up to a million, odd ones more often, and even ones up to 2**53."""
    odd = st.integers(1, 500_000).map(lambda half: 2 * half + 1)
    even = st.integers(2, 2**52).map(lambda half: 2 * half)
    products = st.tuples(odd, odd).map(lambda pair: pair[0] * pair[1]).filter(lambda n: n < 10**9)
    return st.one_of(odd, products, odd, even).map(lambda n: {"n": n})


def lists() -> st.SearchStrategy[dict[str, Any]]:
    """Short lists of numbers, with many duplicates or few."""
    decimals = st.integers(-10_000, 10_000).map(lambda n: n / 100)
    items = st.integers(0, 3) | st.integers(-(2**53), 2**53) | decimals
    kinds = st.one_of(*(st.lists(kind, max_size=60) for kind in (st.integers(0, 9), items)))
    return kinds.map(lambda drawn: {"items": drawn})


def draws() -> st.SearchStrategy[dict[str, Any]]:
    """Any draw of any resource."""
    purposes = ["bucket", "status", "delay", "bytes", "places|3"]
    return _drawn(purpose=st.sampled_from(purposes))


def places() -> st.SearchStrategy[dict[str, Any]]:
    """Places in a resource of any length."""
    lengths = st.integers(0, 12) | st.integers(0, 2**40)
    return _drawn(count=st.integers(1, 20), length=lengths)


def some_bytes() -> st.SearchStrategy[dict[str, Any]]:
    """Bytes of a body."""
    return _drawn(length=st.integers(0, 200))


def _drawn(**more: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    paths = st.text(st.characters(codec="utf-8"), max_size=9).map(lambda text: f"/{text}")
    return st.fixed_dictionaries(
        {
            "seed": strategies.seeds(),
            "label": st.sampled_from(LABELS),
            "resource": st.sampled_from(ALL_CODES) | paths,
            "attempt": st.integers(0, 12),
            **more,
        }
    )


def fates() -> st.SearchStrategy[dict[str, Any]]:
    """A resource and a plan, which may have rules for it."""

    @st.composite
    def questions(draw: st.DrawFn) -> dict[str, Any]:
        plan = draw(strategies.plans())
        ruled = [key for key in plan.rules if not key.startswith("/")] or ["BR"]
        resource = st.sampled_from(ruled) | strategies.codes() | st.just("/index.html")
        return {
            "plan": plan_to_json(plan),
            "label": draw(st.sampled_from(LABELS)),
            "resource": draw(resource),
            "attempt": draw(st.integers(1, 5)),
        }

    return questions()
