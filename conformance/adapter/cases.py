"""Fixed questions to an adapter; pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from mockservers.flags2.codes import path_of_code
from mockservers.plan import SEED_BOUND

LONG = 10_000
"""Numbers in a long list."""


@dataclass(frozen=True, slots=True)
class Question:
    """One line to an adapter."""

    id: str
    op: str
    arguments: Mapping[str, Any]
    clauses: tuple[str, ...]
    """What the right answer shows. The first is the subject: a missing answer counts against it."""
    why: str

    @property
    def limit_s(self) -> float:
        """Seconds that the answer may take."""
        return 60.0 if len(self.arguments.get("items", ())) >= LONG else 10.0

    def to_json(self) -> dict[str, Any]:
        """As the adapter gets it."""
        return {"op": self.op, **self.arguments}


def expand(
    args: Sequence[str], *, every: bool = False, all_codes: bool = False, limit: int | None = None
) -> dict[str, Any]:
    """The arguments of the operation `expand`."""
    return {"args": list(args), "every": every, "all": all_codes, "limit": limit}


# --- fixed questions ------------------------------------------------------------------------


@cache
def fixed_questions() -> tuple[Question, ...]:
    """Every fixed question: the unknown operation first, small questions first within each."""
    tables = (_hook, _expand, _is_prime, _quicksort, _draw, _fate, _places, _bytes)
    questions = tuple(question for table in tables for question in table())
    assert len({question.id for question in questions}) == len(questions), "duplicate id"
    return questions


def _questions(op: str) -> Callable[[str, str, dict[str, Any], str], Question]:
    def ask(name: str, clauses: str, arguments: dict[str, Any], why: str) -> Question:
        return Question(f"adapter/{name}", op, arguments, tuple(clauses.split()), why)

    return ask


def _hook() -> list[Question]:
    clauses = ("HOOK-3",)
    return [
        Question("adapter/unknown", "no_such_operation", {}, clauses, "an unknown operation"),
        Question("adapter/unknown-case", "EXPAND", expand(["BR"]), clauses, "names are exact"),
    ]


def _expand() -> list[Question]:
    ask = _questions("expand")
    letters = [chr(code) for code in range(ord("A"), ord("Z") + 1)]
    return [
        ask("expand-code", "EXP-1", expand(["BR"]), "a code"),
        ask("expand-small-code", "EXP-1", expand(["br"]), "in lower case"),
        ask("expand-mixed-code", "EXP-1", expand(["bR", "Cn"]), "one letter of each"),
        ask("expand-corners", "EXP-1", expand(["aa", "az", "za", "zz"]), "the first and the last"),
        ask("expand-letter", "EXP-2", expand(["B"]), "a letter"),
        ask("expand-small-letter", "EXP-2", expand(["b"]), "in lower case"),
        ask("expand-empty-letter", "EXP-2", expand(["X"]), "a letter without any flag"),
        ask("expand-alphabet", "EXP-2", expand(letters), "all letters are all codes"),
        ask("expand-twice", "EXP-3", expand(["BR", "BR"]), "one code, named twice"),
        ask("expand-twice-mixed", "EXP-3", expand(["BR", "br", "bR"]), "the same, as written"),
        ask("expand-twice-apart", "EXP-3", expand(["BR", "CN", "BR"]), "not side by side"),
        ask("expand-code-of-letter", "EXP-3", expand(["BR", "b"]), "a code of a letter there"),
        ask("expand-pair", "EXP-4", expand(["CN", "BR"]), "in descending order"),
        ask("expand-three", "EXP-4", expand(["IN", "US", "BR"]), "in no order"),
        ask("expand-letters", "EXP-4", expand(["C", "A", "B"]), "letters in no order"),
        ask("expand-code-letter", "EXP-4", expand(["CN", "B"]), "a letter after a code"),
        ask("expand-limit", "EXP-5", expand(["AA", "BB", "CC"], limit=2), "two of three"),
        ask("expand-limit-1", "EXP-5", expand(["B"], limit=1), "the first of a letter"),
        ask("expand-limit-sorts", "EXP-5", expand(["US", "CN", "BR"], limit=2), "sorted first"),
        ask("expand-limit-once", "EXP-5", expand(["AA", "AA", "BB"], limit=2), "once each first"),
        ask("expand-limit-exact", "EXP-5", expand(["AA", "BB"], limit=2), "all of them"),
        ask(
            "expand-limit-beyond",
            "EXP-5",
            expand(["AA", "BB"], limit=5),
            "more than all",
        ),
        ask("expand-limit-letters", "EXP-5", expand(["a", "b"], limit=27), "one of the second"),
        ask("expand-every-limit", "EXP-5", expand([], every=True, limit=27), "of all codes"),
        ask("expand-all-limit", "EXP-5", expand([], all_codes=True, limit=5), "of the 194"),
        ask("expand-every", "EXP-6", expand([], every=True), "AA to ZZ"),
        ask("expand-all", "EXP-7", expand([], all_codes=True), "the 194 codes"),
        ask("expand-none", "EXP-8", expand([]), "nothing named: twenty codes"),
        *(
            ask(f"expand-refused-{n}", "EXP-9", expand(words), why)
            for n, (words, why) in enumerate(_REFUSED)
        ),
    ]


_REFUSED = (
    (["BRA"], "three letters"),
    (["1"], "a digit"),
    (["B1"], "a letter and a digit"),
    (["42"], "two digits"),
    ([""], "an empty argument"),
    (["B "], "a letter and a blank"),
    (["@A"], "the character before A"),
    (["[Z"], "the character after Z"),
    (["é"], "a letter beyond Z"),
    (["ÉÉ"], "two of them"),
    (["БР"], "another alphabet"),
    (["BR", "BRA"], "a wrong one after a right one"),
    (["BRA", "BR"], "a wrong one before a right one"),
    (["BR", "C", "*"], "a wrong one after a letter"),
)


PRIMES = (3, 5, 7, 11, 13, 17, 97, 7919, 65537, 104729, 1000003, 2**31 - 1, 2**32 - 5)
"""Primes, small and around 32 bits."""
LARGE_PRIMES = (10**12 - 11, 112272535095293)
"""The second is in the listing."""
SQUARES = (9, 25, 49, 121, 169, 1369, 104729**2, 1000003**2)
"""Squares of primes: the root is the only divisor."""
CARMICHAEL = (561, 1105, 1729, 6601, 41041, 825265, 2047, 1373653, 25326001, 3215031751)
"""Carmichael numbers, and strong pseudoprimes to small bases."""
COMPOSITE = (15, 21, 35, 91, 1001, 2**32 + 1, 2**32 + 3, 2**53 - 1, 11112324353465)
"""Other composite numbers; in 32 bits, 2**32 + 1 and 2**32 + 3 are 1 and 3."""
EVEN = (0, 4, 6, 8, 100, 1122, 2**31, 2**32, 2**32 + 2, 2**53 - 2, 2**53)


def _is_prime() -> list[Question]:
    ask = _questions("is_prime")

    def each(numbers: Sequence[int], clause: str, why: str) -> list[Question]:
        return [ask(f"prime-{n}", clause, {"n": n}, why) for n in numbers]

    return [
        *each(PRIMES, "PRM-1", "a prime"),
        *each(SQUARES, "PRM-1", "the square of a prime"),
        *each(COMPOSITE, "PRM-1", "composite"),
        *each(CARMICHAEL, "PRM-1", "looks prime to a weaker test"),
        *each(LARGE_PRIMES, "PRM-1", "a large prime"),
        *each(EVEN, "PRM-2", "0, or even"),
        ask("prime-2", "L-1", {"n": 2}, "2"),
        ask("prime-1", "L-2", {"n": 1}, "1"),
        ask("prime--1", "L-3", {"n": -1}, "negative and odd"),
        ask("prime--7", "L-3", {"n": -7}, "negative and odd"),
    ]


def _quicksort() -> list[Question]:
    ask = _questions("quicksort")
    both = "QKS-1 QKS-2 QKS-4"
    half = LONG // 2
    # The multiplier has no divisor in common with LONG, so every number comes once.
    shuffled = [n * 7919 % LONG for n in range(LONG)]
    small = (
        ("three", [3, 1, 2], "three numbers"),
        ("pair", [2, 1], "two"),
        ("digits", [10, 9, 100, 1], "numbers, not texts"),
        ("negative", [3, -1, -20, 0, 2], "negative numbers"),
        ("decimals", [0.5, -0.25, 0.125, 10.75, 2], "decimals"),
        ("close", [0.3, 0.1, 0.2, 0.15], "less than 1 apart"),
        ("large", [2**53, 1, -(2**53), 2**53 - 1, 2**31, 2**32], "large ones"),
        ("shuffled", [n * 37 % 101 for n in range(101)], "a hundred in no order"),
    )
    items: tuple[tuple[str, list[float], str], ...] = (
        ("empty", [], "no number"),
        ("single", [7], "one"),
        ("twice", [2, 1, 2], "one of them twice"),
        ("equal", [5, 5, 5, 5, 5, 5], "all equal"),
        ("two-values", [n % 2 for n in range(20)], "two values"),
        ("duplicates", [n * n % 13 for n in range(100)], "many of each"),
    )
    long = (
        ("long-sorted", list(range(LONG)), "sorted already"),
        ("long-reversed", list(range(LONG, 0, -1)), "reversed"),
        ("long-equal", [1] * LONG, "all equal"),
        ("long-organ-pipe", [*range(half), *range(half, 0, -1)], "up and down again"),
        ("long-two-values", [n % 2 for n in range(LONG)], "two values in turn"),
        ("long-sawtooth", [n % 100 for n in range(LONG)], "up a hundred times"),
        ("long-shuffled", shuffled, "in no order"),
        ("long-all-but-last", [*range(1, LONG), 0], "sorted except for the last"),
    )
    return [
        *(ask(f"sort-{name}", both, {"items": of}, why) for name, of, why in small),
        *(ask(f"sort-{n}", "QKS-2 QKS-1 QKS-4", {"items": of}, why) for n, of, why in items),
        *(ask(f"sort-{n}", "QKS-3 QKS-1 QKS-2 QKS-4", {"items": of}, why) for n, of, why in long),
    ]


def _draw() -> list[Question]:
    ask = _questions("draw")
    rows = (
        ("bucket", 0, "LOCAL", "AA", 0, "bucket", "the first of the spec"),
        ("seed", 629, "ERROR", "BR", 0, "bucket", "another seed, label and code"),
        ("status", 629, "ERROR", "BR", 0, "status", "another purpose"),
        ("attempt", 0, "LOCAL", "BR", 2, "bucket", "a later attempt"),
        ("attempt-10", 0, "LOCAL", "BR", 10, "bucket", "of two digits"),
        ("path", SEED_BOUND - 1, "DELAY", "/a/b.txt", 3, "delay", "the last seed, and a path"),
        ("utf-8", 0, "LOCAL", "/flags/é/日本.gif", 0, "bucket", "UTF-8"),
        ("astral", 0, "LOCAL", "/🇧🇷", 1, "delay", "four bytes in UTF-8"),
        ("bar", 0, "LOCAL", "/a|b", 1, "delay", "a bar in the path"),
        ("small", 136584, "ERROR", "BR", 0, "delay", "near 0"),
        ("near-1", 114312, "ERROR", "BR", 0, "delay", "near 1"),
    )
    names = ("seed", "label", "resource", "attempt", "purpose")
    return [
        ask(f"draw-{name}", "SRV-1", dict(zip(names, values, strict=True)), why)
        for name, *values, why in rows
    ]


def _fate() -> list[Question]:
    return [
        Question(
            f"adapter/fate-{name}-{resource.strip('/').replace('/', '-').lower()}-{attempt}",
            "fate",
            {
                "plan": {"plan": 1, "seed": 7, **plan},
                "label": "ERROR",
                "resource": resource,
                "attempt": attempt,
            },
            (clause,),
            why,
        )
        for name, clause, plan, resource, attempt, why in (
            *_drawn_fates(),
            *_resolved_fates(),
            *_ruled_fates(),
        )
    ]


_DRAWN_BY = ("seed", "label", "resource", "attempt")


def _places() -> list[Question]:
    ask = _questions("places")
    rows = (
        ("one", 7, "LOCAL", "BR", 0, 1, 27_681, "one place of a flag"),
        ("many", 7, "LOCAL", "BR", 0, 20, 27_681, "twenty"),
        ("again", 0, "ERROR", "/a/b", 2, 10, 12, "places that are drawn twice"),
        ("all", 0, "ERROR", "ZZ", 0, 5, 3, "no more than there are"),
        ("large", 7, "DELAY", "/large", 1, 3, 2**40, "a large resource"),
    )
    names = (*_DRAWN_BY, "count", "length")
    return [
        ask(f"places-{name}", "SRV-7", dict(zip(names, values, strict=True)), why)
        for name, *values, why in rows
    ]


def _bytes() -> list[Question]:
    ask = _questions("bytes")
    rows = (
        ("none", 7, "LOCAL", "BR", 0, 0, "no bytes"),
        ("few", 7, "LOCAL", "BR", 0, 5, "less than a digest"),
        ("more", 0, "ERROR", "/a/b", 2, 300, "more than garbage has"),
    )
    names = (*_DRAWN_BY, "length")
    return [
        ask(f"bytes-{name}", "SRV-7", dict(zip(names, values, strict=True)), why)
        for name, *values, why in rows
    ]


_FateRows = tuple[tuple[str, str, dict[str, Any], str, int, str], ...]
"""Name, clause, keys of the plan, resource, attempt, why."""

_STATUSES = {"do": "status", "status": [501, 502, 503]}
_LOGNORMAL = {"lognormal": {"median": 2, "sigma": 1.5, "max": 50}}


def _always(do: str, **keys: Any) -> dict[str, Any]:
    return {"mix": [{"weight": 100, "do": do, **keys}]}


def _drawn_fates() -> _FateRows:
    """The fate is drawn from the mix."""
    drawn = {"seed": 629, "mix": [{"weight": 25, **_STATUSES}, {"weight": 50, "do": "hang"}]}
    again = {**drawn, "per_attempt": True}
    return (
        ("empty", "SRV-2", {}, "BR", 1, "an empty plan serves"),
        *(("bucket", "SRV-2", drawn, c, 1, "a code") for c in "AA AC AD AN BR CN ZZ".split()),
        ("bucket", "SRV-2", drawn, "/index.html", 1, "a path"),
        ("sticky", "SRV-2", drawn, "AC", 3, "a fate holds for all attempts"),
        *(("drawn", "SRV-2", again, "AC", n, "drawn for every attempt") for n in (1, 2, 3, 4)),
    )


def _resolved_fates() -> _FateRows:
    """Status, delay and bytes are drawn, too."""
    one_of_three = {"mix": [{"weight": 100, **_STATUSES}]}
    uniform = _always("serve", delay_s={"uniform": [1, 100]})
    lognormal = _always("drip", bytes_per_s=5, delay_s=_LOGNORMAL)
    noise_again = {**_always("garbage"), "per_attempt": True}
    return (
        *(("status", "SRV-3", one_of_three, c, 1, "one of three") for c in "AA BR CN DE".split()),
        ("status-rule", "SRV-3", {"rules": {"BR": [_STATUSES]}}, "BR", 1, "those of a rule too"),
        ("uniform", "SRV-4", uniform, "BR", 1, "a uniform delay"),
        ("uniform", "SRV-4", uniform, "CN", 1, "a uniform delay"),
        ("lognormal", "SRV-4", lognormal, "BR", 1, "a lognormal delay"),
        ("lognormal", "SRV-4", lognormal, "US", 1, "a lognormal delay"),
        ("max", "SRV-4", {**lognormal, "seed": 114312}, "BR", 1, "cut at its maximum"),
        ("garbage", "SRV-5", _always("garbage"), "BR", 1, "256 bytes"),
        ("garbage", "SRV-5", _always("garbage"), "/a/b", 1, "those of a path"),
        ("garbage-again", "SRV-5", noise_again, "BR", 2, "those of the second attempt"),
    )


def _ruled_fates() -> _FateRows:
    """The fate comes from a rule."""
    path = path_of_code("BR")
    paths = {"rules": {path: [{"do": "empty"}], "BR": [{"do": "hang"}]}}
    turns: dict[str, Any] = {"rules": {"BR": [{"do": "empty"}, {"do": "serve"}, {"do": "hang"}]}}
    beaten = {**turns, **_always("bad_chunk")}
    per_attempt = {**turns, "per_attempt": True}
    return (
        ("rule", "SRV-6", beaten, "BR", 1, "a rule beats the mix"),
        ("rule-other", "SRV-6", beaten, "CN", 1, "a rule for another code does not"),
        ("rule-path", "SRV-6", paths, "BR", 1, "the rule of the path beats that of the code"),
        *(("rule", "SRV-6", turns, "BR", n, "responses by attempt") for n in (2, 3)),
        *(("rule", "SRV-6", turns, "BR", n, "the last one repeats") for n in (4, 8)),
        ("rule-drawn", "SRV-6", per_attempt, "BR", 2, "attempts count all the same"),
    )
