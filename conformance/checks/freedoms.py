"""What a program does where a clause leaves it free; pure."""

from conformance.checks.interpret import Reading
from conformance.clauses import clauses
from conformance.verdicts import Finding, Verdict

HEEDED_WITHIN_S = 10
"""A run whose `FLAGS2_TIMEOUT_S` is 1 ends sooner if the program reads it."""


def note_freedoms(reading: Reading) -> list[Finding]:
    """One INFO for the freedom that the case is for, and one for `FLAGS2_TIMEOUT_S`."""
    found = []
    if reading.case.timeout_s is not None:
        heeds = reading.run.elapsed_s < HEEDED_WITHIN_S
        found.append(_freedom("HOOK-2", "reads it" if heeds else "does not read it"))
    subject = reading.case.subject
    if clauses()[subject].keyword == "MAY" and not subject.startswith("L-"):
        actual = _what_it_does(reading, subject)
        if actual:
            found.append(_freedom(subject, actual))
    return found


def _freedom(clause: str, actual: str) -> Finding:
    return Finding(clause, "freedom", actual, expected="either will do", verdict=Verdict.INFO)


def _what_it_does(reading: Reading, subject: str) -> str:
    requests = reading.requests_in_time
    more = len(requests) > len(reading.codes)
    if subject == "REQ-5":
        return "asks again" if more else "does not ask again"
    if subject == "REQ-9":
        return "follows redirects" if more else "does not follow redirects"
    kinds = {entry.code: entry.do for entry in requests if entry.do != "serve"}
    outcomes = reading.claims.outcomes
    each = [f"{do}: {'/'.join(outcomes[code])}" for code, do in kinds.items() if code in outcomes]
    return ", ".join(sorted(each)).replace("_", " ")
