"""What is found wrong with a program, and what that makes of a clause; pure."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from conformance.clauses import clauses


class Verdict(StrEnum):
    """What a clause, or a case, came to."""

    KIT_ERROR = "KIT-ERROR"
    """The kit itself failed."""
    CRASH = "CRASH"
    """The program died."""
    TIMEOUT = "TIMEOUT"
    """It did not end by the wall limit."""
    FAIL = "FAIL"
    """A MUST is broken."""
    FLAKY = "FLAKY"
    """A MUST was broken, and not again when the same was run three times more."""
    NON_STRICT = "NON-STRICT"
    """A SHOULD is missed."""
    LEGACY = "LEGACY"
    """It does as the listings do, oddly."""
    INFO = "INFO"
    """It uses a freedom that the spec leaves, and this is how."""
    PASS = "PASS"
    UNSUPPORTED = "UNSUPPORTED"
    """An adapter says that it does not have this."""
    NOT_TESTED = "NOT-TESTED"
    """No case tried it."""


SEVERITY = tuple(Verdict)
"""Verdicts from the worst to the least; of several, the first one holds."""

FAILURES = frozenset({Verdict.FAIL, Verdict.CRASH, Verdict.TIMEOUT, Verdict.FLAKY})
"""With one of these a program does not conform."""

VERIFIED = frozenset({Verdict.PASS, Verdict.NON_STRICT, Verdict.LEGACY, Verdict.INFO}) | FAILURES
"""With one of these a clause was tried."""


Cause = tuple[str, str]
"""Clause and word: what makes two findings the same."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One promise that a run did not keep, or one freedom that it used."""

    clause: str
    word: str
    """What is wrong in one word: one of the ledger's, or one of the judge's own."""
    saw: str
    """What the evidence shows."""
    said: str
    """What the program said, or what it should have done."""
    code: str | None = None
    verdict: Verdict = Verdict.FAIL
    certain: bool = True
    """Whether it was this clause; else another one of its chapter may be meant."""
    because: str | None = None
    """The clause that was seen broken, where it is told as a missed SHOULD."""
    stops: bool = False
    """Nothing behind it was judged: what a run shows then follows from it."""

    @property
    def cause(self) -> Cause:
        """What makes two findings the same."""
        return self.clause, self.word

    def to_json(self) -> dict[str, Any]:
        """As in a report."""
        return asdict(self)


def broken(
    clause: str, word: str, saw: str, said: str, code: str | None = None, *, stops: bool = False
) -> Finding:
    """The finding that a clause is broken: FAIL for a MUST, NON-STRICT for a SHOULD, INFO for a
    MAY.
    """
    keyword = clauses()[clause].keyword.split()[0]
    verdict = {"MUST": Verdict.FAIL, "SHOULD": Verdict.NON_STRICT, "MAY": Verdict.INFO}[keyword]
    return Finding(clause, word, saw, said, code, verdict, stops=stops)


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The first of them in the order of `SEVERITY`; NOT-TESTED of none."""
    return min(verdicts, key=SEVERITY.index, default=Verdict.NOT_TESTED)


def verdict_of(found: Iterable[Finding]) -> Verdict:
    """The worst of what was found in one case; PASS where nothing was."""
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
