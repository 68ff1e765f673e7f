"""Runs made by hand: each is right except for what is given."""

import re

from conformance.cases.model import Case
from conformance.checks.judge import findings
from mockservers.journal import RequestEntry
from support.recorded_runs import entry, run_of, summary

SITE = "LOCAL site: http://127.0.0.1:8001/flags"
SEARCH = "Searching for 2 flags: BR, CN"
CONNECTIONS = "2 concurrent connections will be used."
HYPHENS = "-" * 20
ELAPSED = "Elapsed time: 0.10s"
CODE = re.compile(r"\b[A-Z]{2}\b")
ELEVEN = "BD BR CD CN DE EG ET FR ID IN IR"


def error(code):
    return f"*** Error for {code}: some reason"


def with_status(code, number, **more):
    return {"code": code, "do": "status", "status": number, "length": 0} | more


def closed(code, **more):
    return {"code": code, "do": "empty", "status": None, "length": None, "bytes_sent": 0} | more


def cut(code, **more):
    return {"code": code, "do": "truncate", "length": 9, "bytes_sent": 5} | more


def no_length(code):
    return {"code": code, "do": "no_length", "length": None, "bytes_sent": 9}


def redirect(code, to, **more):
    return with_status(code, 302, do="redirect", location=to, **more)


def found_in(
    words="BR CN",
    *,
    start=None,
    lines=(),
    totals=(2, 0, 0),
    tail=(HYPHENS, ..., ELAPSED),
    stdout=None,
    entries=("BR 200 9", "CN 200 9"),
    files=None,
    subject="OUT-1",
    **more,
):
    """All findings of a run, a line each. Without arguments the run is right: two flags arrive, are
    saved and are counted. The announcement is that of the codes in `words`, and the files are those
    that arrived whole, unless something else is given.
    """
    of_case = {name: more.pop(name) for name in list(more) if name in Case.__slots__}
    of_case |= {"files": more.pop("there", {})}
    start = searching(" ".join(CODE.findall(words)) or "BR CN") if start is None else start
    after = [text for one in tail for text in (lines_of(totals) if one is ... else [one])]
    run = run_of(
        {
            "stdout": [*start, *lines, *after] if stdout is None else stdout,
            "entries": entries,
            "files": whole_files(entries) if files is None else files,
        }
        | more
    )
    case = Case("a", (subject,), tuple(words.split()), **of_case)
    return [summary(one) for one in findings(case, run)]


def all_found_in(runs):
    """The findings of every run of a table, by its name."""
    return {name: found_in(**changes) for name, changes, *_ in runs}


def all_expected_of(runs):
    return {name: expected for name, _, *expected in runs}


def lines_of(totals):
    """The totals in words: flags, not found and errors as numbers, or lines as they are."""
    if not isinstance(totals, tuple):
        return totals
    ok, not_found, errors = totals
    lines = [f"{ok} flag{'s' * (ok != 1)} downloaded."]
    lines += [f"{not_found} not found."] * bool(not_found)
    return lines + [f"{errors} error{'s' * (errors != 1)}."] * bool(errors)


def whole_files(entries):
    """A file for each flag that arrived whole."""
    made = [entry(n, one) for n, one in enumerate(entries, 1)]
    return {
        f"{one.code.lower()}.gif": one.length
        for one in made
        if isinstance(one, RequestEntry) and one.code and (one.do, one.status) == ("serve", 200)
    }


EITHER = {"subject": "L-4", "expects": "either"}
TEN = " ".join(ELEVEN.split()[:10])


def searching(codes, listed=None, number=None):
    """The announcement of these codes."""
    named = codes.split()
    count = number or len(named)
    of = listed or (", ".join(named) if count <= 10 else f"from {named[0]} to {named[-1]}")
    flags, connections = "flag" + "s" * (count > 1), "connection" + "s" * (count > 1)
    return (
        SITE,
        f"Searching for {count} {flags}: {of}",
        f"{min(2, count)} concurrent {connections} will be used.",
    )


def all_whole(codes):
    return {
        "entries": [f"{code} 200 9" for code in codes.split()],
        "totals": (len(codes.split()), 0, 0),
    }


NOTHING = {"stdout": [], "entries": [], "files": {}}
"""A run that does nothing."""

OLD = {"size": 3, "sha256": "old"}
"""A file that no server sent."""

BAD = {"words": "BRA", "subject": "EXP-9", "expects": "refusal"}
ONE = {"words": "BR"}
ONE_LINE = {"words": "-v BR"}
AT_DELAY = ("DELAY site: http://127.0.0.1:8002/flags", SEARCH, CONNECTIONS)
ASKED_DELAY = [{"code": code, "server": "DELAY", "length": 9} for code in ("BR", "CN")]


def before(name):
    """A file that existed before the run and did not change."""
    return {"there": {name: "old"}, "before": {name: OLD}, "kept": [name]}


BR_BEFORE, CN_BEFORE = before("br.gif"), before("cn.gif")
