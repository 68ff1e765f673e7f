"""Findings about a program, and the verdicts that follow from them; pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from conformance.clauses import clauses
from mockservers.text import cut_in_the_middle


class Verdict(StrEnum):
    """The result for a clause or a case."""

    KIT_ERROR = "KIT-ERROR"
    """The kit itself failed."""
    CRASH = "CRASH"
    """The program died."""
    TIMEOUT = "TIMEOUT"
    """The program did not end within the wall limit."""
    FAIL = "FAIL"
    """A MUST is broken."""
    FLAKY = "FLAKY"
    """A MUST was broken, but not in all of three repetitions."""
    NON_STRICT = "NON-STRICT"
    """A SHOULD is missed."""
    LEGACY = "LEGACY"
    """The program does the same odd thing as the listings."""
    INFO = "INFO"
    """The spec leaves this open, and the finding says what the program does."""
    PASS = "PASS"
    UNSUPPORTED = "UNSUPPORTED"
    """The adapter reports that it lacks the operation."""
    NOT_TESTED = "NOT-TESTED"
    """No case tested it."""


SEVERITY = tuple(Verdict)
"""Verdicts from the worst to the least; of several, the first one holds."""

FAILURES = frozenset({Verdict.FAIL, Verdict.CRASH, Verdict.TIMEOUT, Verdict.FLAKY})
"""A program with one of these does not conform."""

FREE = frozenset({Verdict.INFO, Verdict.LEGACY})
"""Findings that blame nothing: the spec leaves open what the program does."""

CONFIRMED = FAILURES | {Verdict.NON_STRICT}
"""Findings that are repeated and shrunk."""

VERIFIED = frozenset({Verdict.PASS, Verdict.NON_STRICT, Verdict.LEGACY, Verdict.INFO}) | FAILURES
"""A clause with one of these was tested."""


MOST_OF_A_VALUE = 200
"""Characters of what was seen, claimed or expected in a report."""

Cause = tuple[str, str]
"""Clause and kind: two findings with the same cause count as the same failure."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One promise that a run did not keep, or one freedom that it used.

    A finding has a claim or an expectation, or both.
    """

    clause: str
    kind: str
    """What is wrong in one word, of the ledger's words or of the kit's; `word` in JSON."""
    actual: str
    """What the evidence shows; `saw` in JSON."""
    claimed: str | None = None
    """What the program reported about it."""
    expected: str | None = None
    """What a conforming program does."""
    code: str | None = None
    verdict: Verdict = Verdict.FAIL
    certain: bool = True
    """False where another clause of the same chapter may be the broken one."""
    because: str | None = None
    """The clause that the run broke, where only a missed SHOULD is reported."""
    stops: bool = False
    """Nothing after it was judged, because everything else in the run may follow from it."""

    @property
    def cause(self) -> Cause:
        """What makes two findings the same."""
        return self.clause, self.kind

    def to_json(self) -> dict[str, Any]:
        """As in a report: `said` is the claim if there is one, else the expectation. Long values
        are cut in the middle.
        """
        claimed, expected = _cut(self.claimed), _cut(self.expected)
        return {
            "clause": self.clause,
            "word": self.kind,
            "saw": _cut(self.actual),
            "claimed": claimed,
            "expected": expected,
            "said": expected if claimed is None else claimed,
            "code": self.code,
            "verdict": self.verdict,
            "certain": self.certain,
            "because": self.because,
            "stops": self.stops,
        }


def _cut(text: str | None) -> str | None:
    return None if text is None else cut_in_the_middle(text, MOST_OF_A_VALUE)


def broken(
    clause: str,
    kind: str,
    actual: str,
    *,
    claimed: str | None = None,
    expected: str | None = None,
    code: str | None = None,
    stops: bool = False,
) -> Finding:
    """A finding whose verdict follows from the clause's keyword: FAIL for a MUST, NON-STRICT for a
    SHOULD, INFO for a MAY.
    """
    keyword = clauses()[clause].keyword.split()[0]
    verdict = {"MUST": Verdict.FAIL, "SHOULD": Verdict.NON_STRICT, "MAY": Verdict.INFO}[keyword]
    return Finding(clause, kind, actual, claimed, expected, code, verdict, stops=stops)


def freedom(clause: str, actual: str) -> Finding:
    """What a program does where a clause leaves it free."""
    return Finding(clause, "freedom", actual, expected="either is allowed", verdict=Verdict.INFO)


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The first of them in the order of `SEVERITY`; NOT-TESTED if there are none."""
    return min(verdicts, key=SEVERITY.index, default=Verdict.NOT_TESTED)


def verdict_of(found: Iterable[Finding]) -> Verdict:
    """The worst verdict of a case's findings; PASS without findings."""
    verdicts = [one.verdict for one in found]
    return worst(verdicts) if verdicts else Verdict.PASS


def exit_status(verdicts: Iterable[Verdict]) -> int:
    """0 conforms, 1 does not, 3 nothing was verified, 4 the kit failed."""
    found = set(verdicts)
    if Verdict.KIT_ERROR in found:
        return 4
    if found & FAILURES:
        return 1
    return 0 if found & VERIFIED else 3
