"""The three lines that announce a run: site, codes, connections; pure."""

from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from conformance.checks.ending import missing_line, requests_for
from conformance.checks.expansion import misread
from conformance.checks.interpret import Reading, announced_list, lists_codes
from conformance.checks.printed_lines import CONNECTIONS, HYPHENS, SEARCH, SITE
from conformance.clauses import clauses
from conformance.verdicts import Finding, Verdict, broken
from mockservers.plan import LABELS
from mockservers.text import code_list, counted


def check_announcement(reading: Reading) -> list[Finding]:
    """What is wrong with the announcement; nothing where a run did not come to one."""
    claims = reading.claims
    reported = (claims.label, claims.announced, claims.concurrency, claims.totals)
    if reported == (None, None, None, None) and HYPHENS not in reading.run.stderr:
        return []
    return [
        *_too_late(reading),
        *_site(reading),
        *_codes(reading),
        *_connections(reading),
    ]


def _too_late(reading: Reading) -> list[Finding]:
    printed = reading.printed
    results = [p for p in (printed.hyphens, printed.line_of_code) if p is not None]
    if not results:
        return []
    first = min(results)
    lines = (printed.site, printed.search, printed.connections)
    late = [place for place in lines if place is not None and place > first]
    if not late:
        return []
    actual = f"{printed.texts[late[0]]} after {printed.texts[first]}"
    return [broken("REP-1", "late", actual, expected="the announcement comes first")]


# --- the site -------------------------------------------------------------------------------------


def _site(reading: Reading) -> list[Finding]:
    printed, label = reading.printed, reading.asked_label
    if printed.site is None:
        clause, where = missing_line(reading, SITE, "REP-1")
        return [broken(clause, "missing", where, expected=f"{label} site: URL")]
    announced, url = reading.claims.label, SITE.fullmatch(printed.texts[printed.site])
    assert url
    if announced == label:
        if _place(url[1]) == _place(reading.run.urls.get(label, url[1])):
            return []
        return [broken("REP-1", "miscounted", url[1], expected=reading.run.urls[label])]
    actual = f"{announced} is announced"
    if announced in LABELS and reading.label == announced:
        clause = _clause_on_servers(reading)
        return [broken(clause, "unexpected", f"{actual} and requested", expected=label)]
    return [broken("REP-1", "miscounted", actual, expected=label)]


def _clause_on_servers(reading: Reading) -> str:
    """The clause that says which server the arguments name."""
    subject = reading.case.subject
    if subject[:3] == "CLI":
        return subject
    explicit = {"-s", "--server"} & set(reading.case.arguments)
    return "CLI-1" if explicit else "CLI-3"


def _place(url: str) -> tuple[str, int | None, str] | None:
    """Scheme, port and path of a URL, whatever name of this machine it has; None for a URL that
    cannot be parsed.
    """
    try:
        parts = urlsplit(url.rstrip("/"))
        return parts.scheme, parts.port, parts.path
    except ValueError:
        return None


# --- the codes ------------------------------------------------------------------------------------


def _codes(reading: Reading) -> list[Finding]:
    printed, claims = reading.printed, reading.claims
    if printed.search is None:
        clause, where = missing_line(reading, SEARCH, "REP-2")
        return [broken(clause, "missing", where, expected="Searching for N flags: ...")]
    if claims.announced is None:
        return [_unreadable_codes(reading, printed.texts[printed.search])]
    found = []
    if printed.site is not None and printed.search < printed.site:
        actual = "it is before the line of the site"
        found.append(broken("REP-2", "format", actual, expected="after it"))
    lists = reading.case.code_lists()
    place = announced_list(printed, lists)
    if place is None:
        return [*found, _wrong_codes(reading)]
    found += _form_of_list(reading, lists[place])
    if len(lists) > 1:
        found.append(_way_of_reading(reading, place))
    return found


def _unreadable_codes(reading: Reading, line: str) -> Finding:
    """A list that is not of the form of REP-2: of other codes, or of the right ones."""
    codes, subject = reading.asked_codes, reading.case.subject
    right = lists_codes(line, codes)
    expected = f"{len(codes)}: {code_list(codes)}"
    all_codes = reading.case.command_line().all_codes
    if not right and (all_codes or subject.startswith("EXP")):
        clause = subject if subject.startswith("EXP") else "EXP-7"
        return broken(clause, "unexpected", line, expected=expected, stops=True)
    return broken("REP-2", "format", line, expected=expected, stops=not right)


def _form_of_list(reading: Reading, codes: Sequence[str]) -> list[Finding]:
    """Up to ten codes must be listed; beyond that, the first and the last."""
    if bool(reading.claims.listed) == (len(codes) <= 10):
        return []
    assert reading.printed.search is not None
    line = reading.printed.texts[reading.printed.search]
    form = "from" if len(codes) > 10 else "listed"
    return [broken("REP-2", "format", line, expected=f"{len(codes)} codes are {form}")]


def _way_of_reading(reading: Reading, place: int) -> Finding:
    """Of several lists that are right, the first is that of the listings."""
    verdict = Verdict.INFO if place else Verdict.LEGACY
    actual = requests_for(reading.codes)
    return Finding(
        reading.case.subject, "reading", actual, expected="either is allowed", verdict=verdict
    )


def _wrong_codes(reading: Reading) -> Finding:
    codes, listed = reading.asked_codes, tuple(reading.claims.listed or ())
    assert reading.printed.search is not None
    actual = reading.printed.texts[reading.printed.search]
    expected = f"{len(codes)}: {code_list(codes)}"
    if _requests_right_codes(reading) and _announces_right_codes(reading, listed):
        return broken("REP-2", "miscounted", actual, expected=expected)
    clause, likeliest = _misread(reading, listed)
    found = broken(clause, "unexpected", actual, expected=expected, stops=True)
    should = clauses()[clause].keyword.startswith("SHOULD")
    return replace(found, because=likeliest) if should and clause != likeliest else found


def _requests_right_codes(reading: Reading) -> bool:
    """Whether exactly the codes asked for are requested, as far as redirects let this be seen."""
    requests = [e for e in reading.requests if e.path not in reading.redirect_targets]
    once = len([e for e in requests if not e.location]) <= len(reading.asked_codes)
    return {entry.code for entry in requests} == set(reading.asked_codes) and once


def _announces_right_codes(reading: Reading, listed: Sequence[str]) -> bool:
    """Whether the codes listed, or the first and the last one, are right."""
    claims, codes = reading.claims, reading.asked_codes
    ends = (claims.first, claims.last) == (codes[0], codes[-1])
    return tuple(listed) == codes if listed else ends


def _misread(reading: Reading, listed: Sequence[str]) -> tuple[str, str]:
    """The clause on reading arguments that a wrong list of codes breaks: the subject of a case for
    a command line, else the likeliest; and the likeliest.
    """
    subject, likeliest = reading.case.subject, _likeliest(reading, listed)
    return (subject if subject[:3] == "CLI" or subject[:2] == "L-" else likeliest), likeliest


def _likeliest(reading: Reading, listed: Sequence[str]) -> str:
    parts, claims = reading.case.command_line(), reading.claims
    clause = misread(
        listed or (claims.first or "", claims.last or ""),
        parts.codes,
        every=parts.every,
        all_codes=parts.all_codes,
        limit=parts.limit,
        count=claims.announced,
    )
    if clause == "EXP-5" and claims.announced == len(reading.asked_codes):
        # As many as the limit leaves, but of another list.
        return "EXP-6" if parts.every else "EXP-7" if parts.all_codes else clause
    return clause


# --- the connections ------------------------------------------------------------------------------


def _connections(reading: Reading) -> list[Finding]:
    printed, announced = reading.printed, reading.claims.concurrency
    if printed.connections is None or announced is None:
        clause, where = missing_line(reading, CONNECTIONS, "REP-3")
        expected = "N concurrent connections will be used."
        return [broken(clause, "missing", where, expected=expected)]
    found = []
    if printed.search is not None and printed.connections < printed.search:
        actual = "it is before the line of the codes"
        found.append(broken("REP-3", "format", actual, expected="after it"))
    count = reading.claims.announced or len(reading.codes)
    allowed = reading.case.command_line().connections
    most = min(allowed or count, count)
    actual = counted(announced, "connection")
    if not 1 <= announced <= most:
        found.append(broken("CON-2", "exceeded", actual, expected=f"1 to {most}"))
    elif allowed is not None and announced < min(most, 8):
        found.append(broken("CON-4", "unreached", actual, expected=f"{min(most, 8)}"))
    return found
