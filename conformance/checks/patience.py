"""How long a program tolerates silence: long enough, and no longer; pure.

REQ-7 and REQ-10 limit a silence from above, REQ-11 from below; HOOK-2 lets the environment set the
limit.
"""

from dataclasses import replace

from conformance.cases.model import Case
from conformance.checks.interpret import Reading
from conformance.recording import Run
from conformance.verdicts import Finding, Verdict, broken, freedom
from mockservers.faults import Drip
from mockservers.journal import RequestEntry
from mockservers.plan import fate

SILENT_S = 39.0
"""A client that waits this long in a silence of 40 s has waited until the server ended it."""
PATIENT_S = 10.0
"""A shorter pause must be tolerated (REQ-11)."""
LONGER_S = 4.0
"""The value of `FLAGS2_TIMEOUT_S` in the second run of a case that sets it to less."""
AT_ONCE_S = 0.2
"""A client that ends its side sooner does so whatever comes, and still reads the response."""
LATE_S = 0.5
"""Seconds by which a limit may be missed."""

CLAUSE_OF_SILENCE = {"hang": "REQ-7", "stall": "REQ-10"}
"""The clause on the silence of a kind of response."""
WHOLE = ("serve", "drip", "wrong_type")
"""Kinds that arrive whole for a client that waits."""


def check_silence(reading: Reading) -> list[Finding]:
    """Silences that were not given up; nothing after them is judged."""
    unseen, found = [], []
    for entry in reading.requests:
        clause, silent_s = CLAUSE_OF_SILENCE.get(entry.do or ""), _silent_s(entry)
        if clause is None:
            continue
        if reading.case.timeout_s and silent_s < AT_ONCE_S and entry.client_gone:
            # The server cannot tell whether the client still waits.
            actual, expected = "it ends its side after a request", "a side that stays open"
            verdict = Verdict.NOT_TESTED
            unseen.append(Finding(clause, "unseen", actual, expected=expected, verdict=verdict))
        elif silent_s >= SILENT_S and not entry.client_gone:
            actual = f"{silent_s:.0f} s of silence, then the server closed"
            expected = "given up within 40 s"
            found.append(broken(clause, "unbounded", actual, expected=expected, code=entry.code))
    return [*unseen, *found[:-1], *(replace(one, stops=True) for one in found[-1:])]


def check_patience(reading: Reading) -> list[Finding]:
    """The first download that was given up although its response kept coming (REQ-11)."""
    case = reading.case
    hindered = not case.dest or any(name.endswith("/") for name in case.files)
    if case.expects != "report" or hindered:
        return []
    limit_s = PATIENT_S if case.timeout_s is None else case.timeout_s
    for entry in reading.requests_in_time:
        if entry.do in WHOLE and entry.status in (None, 200) and _is_given_up(reading, entry):
            pause_s = _pause_s(case, entry)
            if pause_s >= (limit_s if case.timeout_s is None else limit_s / 2):
                continue
            actual = f"{_how_far(entry)}; no pause was longer than {pause_s:.1f} s"
            expected = f"it waits while no pause is longer than {limit_s:g} s"
            return [broken("REQ-11", "impatient", actual, expected=expected, code=entry.code)]
    return []


def _is_given_up(reading: Reading, entry: RequestEntry) -> bool:
    """Whether the client left; one that only closed its side may have read the response."""
    if not entry.client_closed:
        return entry.client_gone and not entry.complete
    if entry.delay_s < AT_ONCE_S:
        return False  # no program gives up so soon
    claimed = reading.claims.outcomes.get(entry.code or "")
    if claimed:
        return "ok" not in claimed
    whole = sum(one.do in WHOLE and one.status == 200 for one in reading.requests_in_time)
    return reading.totals["ok"] < whole


def _how_far(entry: RequestEntry) -> str:
    """What of a response had come when the client left, and when the server saw that."""
    if entry.client_closed:
        return f"it gave up before the first byte, after {entry.delay_s:.1f} s at most"
    what = f"{entry.bytes_sent} of {entry.length} bytes" if entry.status else "no byte"
    return f"it gave up within {entry.end_s - entry.start_s:.1f} s, with {what}"


def _pause_s(case: Case, entry: RequestEntry) -> float:
    """The longest pause of a response that arrives whole."""
    name = entry.code or entry.path
    fault = fate(case.plan, entry.server, name, entry.attempt or 1, entry.path)
    piece_s = (fault.piece_bytes or 1) / fault.bytes_per_s if isinstance(fault, Drip) else 0.0
    return max(fault.wait_s, piece_s)


def _silent_s(entry: RequestEntry) -> float:
    """Seconds from the last byte, or from the request, to the end: these kinds send all they have
    at once.
    """
    begun = entry.start_s if entry.first_byte_s is None else entry.first_byte_s
    return entry.end_s - begun


# --- FLAGS2_TIMEOUT_S -----------------------------------------------------------------------------


def given_up_s(run: Run) -> float | None:
    """The longest silence after which the program gave up; None if it gave up none."""
    silences = [
        _silent_s(entry)
        for entry in run.entries
        if isinstance(entry, RequestEntry) and entry.do in CLAUSE_OF_SILENCE and entry.client_gone
    ]
    return max((silent_s for silent_s in silences if silent_s >= AT_ONCE_S), default=None)


def may_heed(case: Case, run: Run) -> bool:
    """Whether it takes a second run, with `LONGER_S`, to see what the first gave up for."""
    given_up = given_up_s(run)
    return case.timeout_s is not None and given_up is not None and given_up < LONGER_S - LATE_S


def note_timeout(case: Case, first: Run, second: Run | None) -> list[Finding]:
    """Whether a program reads `FLAGS2_TIMEOUT_S` (HOOK-2), by one run or by two."""
    waited = given_up_s(first)
    if case.timeout_s is None or waited is None:
        return []
    longer = given_up_s(second) if second else None
    heeds = longer is not None and longer >= LONGER_S - LATE_S
    actual = "reads it" if heeds else "does not read it"
    actual += f": gave up after {waited:.1f} s with {case.timeout_s:g}"
    if longer is not None:
        actual += f", after {longer:.1f} s with {LONGER_S:g}"
    return [freedom("HOOK-2", actual)]
