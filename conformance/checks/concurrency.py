"""Requests in flight: no more than announced, and as many where a gate waits for them; pure."""

from conformance.checks.interpret import Reading
from conformance.verdicts import Finding, broken
from mockservers.journal import GateEntry


def check_concurrency(reading: Reading) -> list[Finding]:
    """Whether the requests in flight were as many as announced."""
    announced = reading.claims.concurrency
    if announced is None:
        return []
    return [*_exceeded(reading, announced), *_unreached(reading, announced)]


def _exceeded(reading: Reading, announced: int) -> list[Finding]:
    requests = [e for e in reading.requests_in_time if e.server == reading.label]
    over = [entry.in_flight for entry in requests if entry.in_flight > announced]
    # The server may still count a request that the client has given up.
    if not over or any(entry.client_gone or entry.client_closed for entry in requests):
        return []
    actual, expected = f"{max(over)} in flight", f"{announced} announced"
    return [broken("CON-1", "exceeded", actual, expected=expected)]


def _unreached(reading: Reading, announced: int) -> list[Finding]:
    requests = [e for e in reading.requests_in_time if e.server == reading.label]
    if len(requests) < announced:
        return []  # a request that was never sent cannot be in flight
    found = []
    for entry in reading.run.entries:
        if not isinstance(entry, GateEntry) or entry.server != reading.label:
            continue
        if not entry.filled and entry.held < announced:
            actual = f"{entry.held} in flight, while the server held its responses"
            expected = f"{announced} announced"
            found.append(broken("CON-3", "unreached", actual, expected=expected))
    return found
