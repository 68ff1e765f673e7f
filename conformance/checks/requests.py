"""Requests that are malformed, or for something else than a flag (REQ-1, REQ-3, REQ-8); pure."""

from urllib.parse import unquote

from conformance.checks.interpret import Reading
from conformance.verdicts import Finding, broken
from mockservers.flags2.codes import CODE_OF_PATH
from mockservers.journal import ConnectionEntry, RequestEntry


def describe(entry: RequestEntry) -> str:
    """A request in words."""
    return f"{entry.method} {entry.path} on {entry.server}"


def check_requests(reading: Reading) -> list[Finding]:
    """What is wrong with the requests themselves, whatever came of them."""
    if reading.announces_other_codes:
        return []  # what is requested follows from what is announced
    return [*_not_http(reading), *_not_for_flags(reading)]


def _not_http(reading: Reading) -> list[Finding]:
    found = []
    for entry in reading.run.entries:
        match entry:
            case ConnectionEntry(status=int(), reason=reason):
                actual = reason
            case RequestEntry(do=None, status=status) if status != 405:
                actual = f"{describe(entry)}: {status}"
            case _:
                continue
        found.append(broken("REQ-8", "malformed", actual, expected="HTTP/1.1", stops=True))
    return found


def _not_for_flags(reading: Reading) -> list[Finding]:
    odd = [entry for entry in reading.requests if not _is_for_flag(entry, reading)]
    if not odd:
        return []
    actual = describe(odd[0])
    requested = {entry.code for entry in reading.requests if entry not in odd}
    if set(reading.asked_codes) <= requested:
        return [broken("REQ-3", "unexpected", actual, expected="nothing else", stops=True)]
    return [broken("REQ-1", "malformed", actual, expected="GET /flags/cc/cc.gif", stops=True)]


def _is_for_flag(entry: RequestEntry, reading: Reading) -> bool:
    path = unquote(entry.path)
    known = path in CODE_OF_PATH or path in reading.redirect_targets
    return entry.method == "GET" and known
