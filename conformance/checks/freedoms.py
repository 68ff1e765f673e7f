"""What a program does where a clause leaves it free; pure."""

from conformance.checks.interpret import Reading
from conformance.clauses import clauses
from conformance.verdicts import Finding, freedom


def note_freedoms(reading: Reading) -> list[Finding]:
    """One INFO for the freedom that the case is for."""
    subject = reading.case.subject
    if clauses()[subject].keyword != "MAY" or subject.startswith("L-"):
        return []
    actual = _what_it_does(reading, subject)
    return [freedom(subject, actual)] if actual else []


def _what_it_does(reading: Reading, subject: str) -> str:
    requests = reading.requests_in_time
    more = len(requests) > len(reading.codes)
    if subject == "REQ-5":
        return "asks again" if more else "does not ask again"
    if subject == "REQ-9":
        return "follows redirects" if more else "does not follow redirects"
    kinds = {entry.code: entry.do for entry in requests if entry.do != "serve"}
    outcomes = reading.claims.outcomes
    each = [
        f"`{do}` is counted as {'/'.join(outcomes[code]).replace('_', ' ')}"
        for code, do in kinds.items()
        if code in outcomes
    ]
    return ", ".join(sorted(each))
