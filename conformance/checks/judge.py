"""All checks of a run, in the order in which one explains the next; pure."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from conformance.cases.model import Case
from conformance.checks.accounting import check_accounting
from conformance.checks.announcement import check_announcement
from conformance.checks.concurrency import check_concurrency
from conformance.checks.ending import check_end, check_exit, check_report_printed
from conformance.checks.freedoms import note_freedoms
from conformance.checks.interpret import Reading, interpret
from conformance.checks.patience import check_patience
from conformance.checks.report_format import check_report_format
from conformance.checks.requests import check_requests
from conformance.clauses import clauses
from conformance.recording import Run
from conformance.verdicts import FREE, Finding, broken

CHECKS: tuple[Callable[[Reading], list[Finding]], ...] = (
    check_end,
    check_requests,
    check_announcement,
    check_report_printed,
    check_patience,
    check_accounting,
    check_report_format,
    check_concurrency,
    check_exit,
    note_freedoms,
)
"""Each may rely on the ones before it: after a finding that stops, none of them is called."""

FOLLOWS_FROM = {
    "ACC-1": {"REQ-2", "REP-8"},
    "ACC-2": {"REQ-2", "REP-8"},
    "REP-8": {"REQ-2"},
    "REQ-2": {"REQ-3", "REQ-6", "ACC-4"},
    "FIL-4": {"REQ-6"},
    "FIL-3": {"FIL-1", "FIL-4"},
    "OUT-1": {"REQ-11"},
}
"""A clause whose finding is dropped where the run breaks one of these: it follows from that."""


def findings(case: Case, run: Run) -> list[Finding]:
    """All that is wrong with a run, and the freedoms that it used, in the order of `CHECKS`."""
    found = _without_consequences(_until_one_stops(interpret(case, run)))
    if clauses()[case.subject].keyword.startswith("SHOULD"):
        return _missed_should(case.subject, found)
    return found


def _until_one_stops(reading: Reading) -> list[Finding]:
    found: list[Finding] = []
    for check in CHECKS:
        for one in check(reading):
            found.append(one)
            if one.stops:
                return found
    return found


def _without_consequences(found: Sequence[Finding]) -> list[Finding]:
    broken_clauses = {one.clause for one in found}
    return [one for one in found if not broken_clauses & FOLLOWS_FROM.get(one.clause, set())]


def _missed_should(subject: str, found: Sequence[Finding]) -> list[Finding]:
    """The one finding of a case for a SHOULD: a program that misses it is not blamed for the
    consequences.
    """
    for one in (one for one in found if one.verdict not in FREE):
        if one.clause == subject or clauses()[one.clause].keyword.startswith("MUST"):
            missed = broken(
                subject,
                one.kind,
                one.actual,
                claimed=one.claimed,
                expected=one.expected,
                code=one.code,
                stops=True,
            )
            return [replace(missed, because=one.because or one.clause)]
    return []
