"""Runs made by hand, and all that is found in each; what findings make of a clause and a program.

`test_recorded_runs.py` has runs that programs made. Here is what none of them happened to do: two
faults at once, bounds, and lines that no twin prints.
"""

from dataclasses import FrozenInstanceError, replace

import pytest
from test_recorded_runs import run_of, told

from conformance.cases.model import Case
from conformance.checks.judge import findings
from conformance.checks.printed_lines import read_lines
from conformance.evidence_table import table_of_run
from conformance.recording import PrintedLine
from conformance.verdicts import Finding, Verdict, broken, exit_status, verdict_of, worst
from mockservers.plan import Plan

SITE = "LOCAL site: http://127.0.0.1:8001/flags"
SEARCH = "Searching for 2 flags: BR, CN"
CONNECTIONS = "2 concurrent connections will be used."
HYPHENS = "-" * 20
ELAPSED = "Elapsed time: 0.10s"
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
    head=(SITE, SEARCH, CONNECTIONS),
    lines=(),
    totals=("2 flags downloaded.",),
    tail=(HYPHENS, ..., ELAPSED),
    stdout=None,
    entries=("BR 200 9", "CN 200 9"),
    files=None,
    subject="OUT-1",
    **more,
):
    """All that is found in a run, a line each. It is right where nothing else is said: two flags
    that came, were saved and counted.
    """
    of_case = {name: more.pop(name) for name in list(more) if name in Case.__slots__}
    of_case |= {"files": more.pop("there", {})}
    behind = [text for one in tail for text in (totals if one is ... else [one])]
    run = run_of(
        {
            "stdout": [*head, *lines, *behind] if stdout is None else stdout,
            "entries": entries,
            "files": {"br.gif": 9, "cn.gif": 9} if files is None else files,
        }
        | more
    )
    return [
        told(one) for one in findings(Case("a", (subject,), tuple(words.split()), **of_case), run)
    ]


EITHER = {"subject": "L-4", "expects": "either"}
TEN = " ".join(ELEVEN.split()[:10])


def searching(codes, listed=None, number=None):
    """The announcement of so many codes."""
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
        "files": {f"{code.lower()}.gif": 9 for code in codes.split()},
        "totals": [f"{len(codes.split())} flag{'s' * (len(codes.split()) > 1)} downloaded."],
    }


NOTHING = {"stdout": [], "entries": [], "files": {}}
"""A run that does nothing at all."""

OLD = {"size": 3, "sha256": "old"}
"""A file that no server sent."""

BAD = {"words": "BRA", "subject": "EXP-9", "expects": "refusal"}
ONE = {"words": "BR", "head": searching("BR")}
ONE_TOLD = {"words": "-v BR", "head": searching("BR")}
AT_DELAY = ("DELAY site: http://127.0.0.1:8002/flags", SEARCH, CONNECTIONS)
ASKED_DELAY = [{"code": code, "server": "DELAY", "length": 9} for code in ("BR", "CN")]


def before(name):
    """A file that lay there, and lies there still."""
    return {"there": {name: "old"}, "before": {name: OLD}, "kept": [name]}


BR_BEFORE, CN_BEFORE = before("br.gif"), before("cn.gif")

RUNS = [
    ("a run that is right", {}),
    ("a SHOULD is the subject and another is missed",
     {"subject": "FIL-5", "tail": (HYPHENS, ...), "head": (SITE, SEARCH, CONNECTIONS)}),
    ("a SHOULD is the subject and two MUSTs are broken",
     {"subject": "FIL-5", "totals": ["1 flags downloaded.", "1 error."], "status": 1},
     "NON-STRICT FIL-5 miscounted - (because of OUT-1) (stops)"),
    ("a hang that was borne as long as it took",
     {**ONE, "totals": ["0 flags downloaded.", "1 error."], "entries": [closed("BR", do="hang",
      start_s=0.5, end_s=39.5)], "files": {}},
     "FAIL REQ-7 unbounded BR (stops)"),
    ("a hang that was not borne so long",
     {**ONE, "totals": ["0 flags downloaded.", "1 error."], "entries": [closed("BR", do="hang",
      start_s=0.5, end_s=39.4)], "files": {}}),
    ("a hang that the client left",
     {**ONE, "totals": ["0 flags downloaded.", "1 error."], "entries": [closed("BR", do="hang",
      end_s=39.5, client_gone=True)], "files": {}}),
    ("a line as long as one likes, and the end of it",
     {**NOTHING, "status": 2, "stderr": ["x" * 201]},
     "FAIL CLI-1 refused - (stops)"),
    ("the line that tells of an error, not the last",
     {**NOTHING, "status": 2, "stderr": ["ValueError: of nothing", "bye"]},
     "FAIL CLI-1 refused - (stops)"),
    ("a word that only looks like one that tells",
     {**NOTHING, "status": 2, "stderr": ["Errors of mine", "bye"]},
     "FAIL CLI-1 refused - (stops)"),
    ("a crash before anything is announced",
     {**NOTHING, "status": 1, "stderr": ["Traceback (most recent call last):", "KeyError: 'BR'"]},
     "CRASH ACC-3 crash - (stops)"),
    ("killed by a signal before anything is announced",
     {**NOTHING, "status": 129},
     "CRASH ACC-3 crash - (stops)"),
    ("a status that no signal gives",
     {**NOTHING, "status": 128},
     "FAIL CLI-1 refused - (stops)"),
    ("a refusal of Ctrl-C",
     {**NOTHING, "expects": "interrupt", "subject": "CLI-10", "status": 2},
     "NON-STRICT CLI-10 refused - (because of CLI-10) (stops)"),
    ("a refusal of codes in small letters",
     {"words": "br cn", **NOTHING, "status": 2, "stderr": ["no"]},
     "FAIL EXP-1 refused - (stops)"),
    ("a refusal where the subject is the expansion",
     {"words": "b", "subject": "EXP-2", **NOTHING, "status": 2, "stderr": ["no"]},
     "FAIL EXP-2 refused - (stops)"),
    ("a refusal that is none: killed",
     {**BAD, **NOTHING, "status": 129, "stderr": ["no"]},
     "CRASH CLI-6 crash - (stops)"),
    ("a refusal with the status 128",
     {**BAD, **NOTHING, "status": 128, "stderr": ["no"]},
     "INFO L-6 refusal - (stops)"),
    ("a refusal that is told nowhere",
     {**BAD, **NOTHING, "status": 2},
     "NON-STRICT CLI-7 silent -",
     "LEGACY L-6 refusal - (stops)"),
    ("a refusal on stdout with the status of stderr",
     {**BAD, **(NOTHING | {"stdout": ["no"]}), "status": 2},
     "INFO L-6 refusal - (stops)"),
    ("a refusal on stderr with the status of stdout",
     {**BAD, **NOTHING, "status": 1, "stderr": ["no"]},
     "INFO L-6 refusal - (stops)"),
    ("nothing where either would do",
     {"words": "-l 5", **EITHER, **NOTHING},
     "FAIL CLI-6 status - (stops)"),
    ("nothing at all where a report is due",
     {**NOTHING},
     "FAIL CLI-9 silent - (stops)"),
    ("a report where either would do",
     {"words": "BR", **EITHER, "head": searching("BR"), **all_whole("BR")}),
    ("neither the line of the site nor that of the codes, of a command line that listings refuse",
     {"words": "-z BR", **EITHER, "asks": (("BR", ), ), "head": (SITE, "Searching for 1 flag: BR",
      "1 concurrent connection will be used."), **all_whole("BR")}),
    ("no totals behind the hyphens",
     {"totals": []},
     "FAIL REP-5 missing - (stops)"),
    ("totals on stderr",
     {"totals": [], "stderr": ["2 flags downloaded."]},
     "FAIL REP-10 missing - (stops)"),
    ("two requests behind the report",
     {"entries": ["BR 200 9", "CN 200 9", {"code": "BR", "length": 9, "start_s": 1.5},
      {"code": "CN", "length": 9, "start_s": 1.6}]},
     "FAIL ACC-4 late -"),
    ("the only request came behind the report",
     {**ONE, "files": {}, "totals": ["0 flags downloaded.", "1 error."],
      "entries": [{"code": "BR", "length": 9, "start_s": 1.5}]},
     "FAIL ACC-4 late -"),
    ("a request at the moment of the report",
     {**ONE, "files": {"br.gif": 9}, "totals": ["1 flag downloaded."], "entries": [{"code": "BR",
      "length": 9, "start_s": 1.0}]}),
    ("no report and nothing printed",
     {"stdout": [], "status": 1},
     "CRASH ACC-3 crash - (stops)"),
    ("no report and an announcement",
     {"stdout": [SITE, SEARCH, CONNECTIONS], "status": 1},
     "CRASH ACC-3 crash - (stops)"),
    ("no report of an announcement that lacks a line",
     {"stdout": [SITE, CONNECTIONS], "status": 1},
     "FAIL REP-2 missing -",
     "CRASH ACC-3 crash - (stops)"),
    ("no line of what was interrupted",
     {"words": "-m 2 BR CN", "expects": "interrupt", "subject": "CLI-10", "status": 130},
     "NON-STRICT CLI-10 format - (because of CLI-10) (stops)"),
    ("an interrupted run with another status",
     {"words": "-m 2 BR CN", "expects": "interrupt", "subject": "ACC-1", "status": 1,
      "totals": ["1 flag downloaded."], "tail": (HYPHENS, ..., ELAPSED, "1 interrupted."),
      "entries": ["BR 200 9"], "files": {"br.gif": 9}},
     "NON-STRICT CLI-10 status -"),
    ("two processes are left",
     {"left": ["sleep", "cat"]},
     "NON-STRICT ACC-6 leftover -"),
    ("a connection with a request that is none",
     {"entries": [{"type": "connection", "server": "LOCAL", "status": 400,
      "reason": "bad request line"}, "BR 200 9", "CN 200 9"]},
     "FAIL REQ-8 malformed - (stops)"),
    ("a request that is none, and its reason",
     {"entries": ["BR 200 9", {"code": "CN", "do": None, "status": 431,
      "reason": "the head is too long", "length": 0}]},
     "FAIL REQ-8 malformed - (stops)"),
    ("a connection without a request",
     {"entries": [{"type": "connection", "server": "LOCAL", "status": None}, "BR 200 9",
      "CN 200 9"]}),
    ("two requests for nothing that was asked for",
     {"entries": ["BR 200 9", "CN 200 9", {"code": None, "path": "/flags/b.gif", "length": 0},
      {"code": None, "path": "/flags/c.gif", "length": 0}]},
     "FAIL REQ-3 unexpected - (stops)"),
    ("two requests of another form",
     {"entries": [{"code": None, "path": "/flags/b.gif", "length": 0}, {"code": None,
      "path": "/flags/c.gif", "server": "DELAY", "length": 0}]},
     "FAIL REQ-1 malformed - (stops)"),
    ("a redirect to another name in the folder is followed",
     {"entries": [redirect("BR", "moved.gif"), {"code": None, "path": "/flags/br/moved.gif",
      "length": 9, "sha256": "BR:9"}, "CN 200 9"]}),
    ("a path that a redirect only repeats",
     {"entries": [redirect("BR", "/flags/b.gif") | {"code": None, "path": "/flags/b.gif"},
      "CN 200 9"]},
     "FAIL REQ-1 malformed - (stops)"),
    ("the label of another server, without asking it",
     {"head": AT_DELAY},
     "FAIL REP-1 miscounted -"),
    ("the label of another server, asking both",
     {"head": AT_DELAY, "entries": ["BR 200 9", {"code": "CN", "server": "DELAY", "length": 9}]},
     "FAIL REP-1 miscounted -",
     "FAIL REQ-6 unexpected CN"),
    ("the label of no server, asking it",
     {"head": ("OTHER site: http://127.0.0.1:8002/flags", SEARCH, CONNECTIONS),
      "entries": [{"code": "BR", "server": "OTHER", "length": 9}, {"code": "CN",
      "server": "OTHER", "length": 9}]},
     "FAIL REP-1 miscounted -",
     "FAIL REQ-6 unexpected BR",
     "FAIL REQ-6 unexpected CN"),
    ("another server than -s says",
     {"words": "-s LOCAL BR CN", "head": AT_DELAY, "entries": ASKED_DELAY},
     "FAIL CLI-1 unexpected -"),
    ("another server than --server says",
     {"words": "--server LOCAL BR CN", "head": AT_DELAY, "entries": ASKED_DELAY},
     "FAIL CLI-1 unexpected -"),
    ("another server where the subject is the command line",
     {"words": "BR CN", "subject": "CLI-2", "head": AT_DELAY, "entries": ASKED_DELAY},
     "NON-STRICT CLI-2 unexpected - (because of CLI-2) (stops)"),
    ("another server where the subject is an option",
     {"words": "BR CN", "subject": "CLI-5", "head": AT_DELAY, "entries": ASKED_DELAY},
     "FAIL CLI-5 unexpected -"),
    ("REMOTE, which has no URL here",
     {"words": "-s REMOTE BR CN", "files": {}, "head": ("REMOTE site: http://example.com/flags",
      SEARCH, CONNECTIONS), "entries": []},
     "FAIL REQ-2 miscounted -",
     "FAIL REQ-2 lost BR"),
    ("a URL by another name of the machine, with a slash",
     {"head": ("LOCAL site: http://localhost:8001/flags/", SEARCH, CONNECTIONS)}),
    ("a URL of another scheme",
     {"head": ("LOCAL site: https://127.0.0.1:8001/flags", SEARCH, CONNECTIONS)},
     "FAIL REP-1 miscounted -"),
    ("a URL of another path",
     {"head": ("LOCAL site: http://127.0.0.1:8001/flagsX", SEARCH, CONNECTIONS)},
     "FAIL REP-1 miscounted -"),
    ("a URL that is none",
     {"head": ("LOCAL site: http://127.0.0.1:port/flags", SEARCH, CONNECTIONS)},
     "FAIL REP-1 miscounted -"),
    ("no line of the site",
     {"head": (SEARCH, CONNECTIONS)},
     "FAIL REP-1 missing -"),
    ("the site behind the codes",
     {"head": (SEARCH, SITE, CONNECTIONS)},
     "FAIL REP-2 format -"),
    ("the codes behind the connections",
     {"head": (SITE, CONNECTIONS, SEARCH)},
     "FAIL REP-3 format -"),
    ("connections and no codes",
     {"head": (SITE, CONNECTIONS)},
     "FAIL REP-2 missing -"),
    ("the announcement behind a line that is not the first",
     {"words": "-v BR CN", "head": ("hello", "BR OK", "CN OK", SITE, SEARCH, CONNECTIONS)},
     "FAIL REP-1 late -"),
    ("ten codes are listed", {"words": TEN, "head": searching(TEN), **all_whole(TEN)}),
    ("ten codes are not listed",
     {"words": TEN, "head": searching(TEN, "from BD to IN"), **all_whole(TEN)},
     "FAIL REP-2 format -"),
    ("eleven codes are listed and miscounted",
     {"words": ELEVEN, "head": searching(ELEVEN, number=12), **all_whole(ELEVEN)},
     "FAIL REP-2 miscounted -"),
    ("a number more, and the right requests",
     {"head": searching("BR CN", number=3)},
     "FAIL REP-2 miscounted -"),
    ("a number more, and a wrong list",
     {"head": searching("BR CN US")},
     "FAIL EXP-1 unexpected - (stops)"),
    ("a number more, and one is asked for twice",
     {"head": searching("BR CN", number=3), "entries": ["BR 200 9", "BR 200 9", "CN 200 9"]},
     "FAIL EXP-1 unexpected - (stops)"),
    ("a number more, and one was redirected in a circle",
     {"head": searching("BR CN", number=3), "entries": [redirect("BR", "/flags/br/br.gif"),
      redirect("BR", "/flags/br/br.gif"), "CN 200 9"]},
     "FAIL REP-2 miscounted -",
     "FAIL OUT-3 corrupt BR"),
    ("a number more, and one is not asked for",
     {"head": searching("BR CN", number=3), "entries": ["BR 200 9"]},
     "FAIL EXP-1 unexpected - (stops)"),
    ("a number more, and not the ends of the list",
     {"words": ELEVEN, "head": searching(ELEVEN, "from BE to IR", number=12), **all_whole(ELEVEN)},
     "FAIL EXP-1 unexpected - (stops)"),
    ("a number more, and not the other end of the list",
     {"words": ELEVEN, "head": searching(ELEVEN, "from BD to IS", number=12), **all_whole(ELEVEN)},
     "FAIL EXP-1 unexpected - (stops)"),
    ("a wrong list where the subject is the command line",
     {"subject": "CLI-1", "head": searching("BR US")},
     "FAIL CLI-1 unexpected - (stops)"),
    ("a wrong list where the subject is a legacy",
     {"words": "-l 2", "subject": "L-4", "asks": (("BD", "BR", "CD"), ("BD", "BR")),
      "head": searching("BD CD")},
     "INFO L-4 unexpected - (stops)"),
    ("the second of two readings",
     {"words": "-l 2", **EITHER, "asks": (tuple(TEN.split()), ("BD", "BR")),
      "head": searching("BD BR"), **all_whole("BD BR")},
     "INFO L-4 reading -"),
    ("no line of the codes where there are two readings",
     {"words": "-l 2", **EITHER, "asks": (tuple(TEN.split()), ("BD", "BR")), "head": (SITE,
      CONNECTIONS), **all_whole("BD BR")},
     "FAIL REP-2 missing -",
     "FAIL REQ-2 lost CD",
     "FAIL REQ-2 lost CN",
     "FAIL REQ-2 lost DE",
     "FAIL REQ-2 lost EG",
     "FAIL REQ-2 lost ET",
     "FAIL REQ-2 lost FR",
     "FAIL REQ-2 lost ID",
     "FAIL REQ-2 lost IN"),
    ("others of all codes than the limit leaves",
     {"words": "-e -l 3", "head": searching("AA AC AD"), **all_whole("AA AC AD")},
     "FAIL EXP-6 unexpected - (stops)"),
    ("more of all codes than the limit leaves",
     {"words": "-e -l 2", "head": searching("AA AB AC"), **all_whole("AA AB AC")},
     "FAIL EXP-5 unexpected - (stops)"),
    ("others of the countries than the limit leaves",
     {"words": "-a -l 2", "head": searching("AD AF"), **all_whole("AD AF")},
     "FAIL EXP-7 unexpected - (stops)"),
    ("all codes backwards",
     {"words": "-e", "head": (SITE, "Searching for 676 flags: from ZZ to AA", CONNECTIONS)},
     "FAIL EXP-4 unexpected - (stops)"),
    ("no connection",
     {"head": (SITE, SEARCH, "0 concurrent connections will be used.")},
     "FAIL CON-2 exceeded -",
     "FAIL CON-1 exceeded -"),
    ("no connection, and no request",
     {"head": (SITE, SEARCH, "0 concurrent connections will be used."), "entries": [],
      "plan": Plan(refuse=True), "files": {}, "totals": ["0 flags downloaded.", "2 errors."]},
     "FAIL CON-2 exceeded -"),
    ("seven connections of twenty",
     {"words": "-m 20 " + ELEVEN, "head": (*searching(ELEVEN)[:2],
      "7 concurrent connections will be used."), **all_whole(ELEVEN)},
     "NON-STRICT CON-4 unreached -"),
    ("eight connections of twenty",
     {"words": "-m 20 " + ELEVEN, "head": (*searching(ELEVEN)[:2],
      "8 concurrent connections will be used."), **all_whole(ELEVEN)}),
    ("seven connections of seven",
     {"words": "-m 7 " + ELEVEN, "head": (*searching(ELEVEN)[:2],
      "7 concurrent connections will be used."), **all_whole(ELEVEN)}),
    ("one is not asked for, and the totals have it as an error",
     {"totals": ["1 flag downloaded.", "1 error."], "entries": ["BR 200 9"],
      "files": {"br.gif": 9}},
     "FAIL REQ-2 lost CN"),
    ("one is not asked for, and its line has it as an error",
     {"words": "-v BR CN", "lines": ["BR OK", error("CN")], "totals": ["1 flag downloaded.",
      "1 error."], "entries": ["BR 200 9"], "files": {"br.gif": 9}},
     "FAIL REQ-2 lost CN"),
    ("none is asked for, and the totals have them as errors",
     {"totals": ["0 flags downloaded.", "2 errors."], "entries": [], "files": {}},
     "FAIL REQ-2 lost BR"),
    ("one is not asked for, and is called downloaded",
     {"words": "-v BR CN", "lines": ["BR OK", "CN OK"], "entries": ["BR 200 9"],
      "files": {"br.gif": 9}},
     "FAIL REQ-2 lost CN"),
    ("one is not asked for, is there, and is called downloaded by its line only",
     {"words": "-v BR CN", "lines": ["BR OK", "CN OK"], "totals": ["1 flag downloaded.",
      "1 error."], "entries": ["BR 200 9"], **CN_BEFORE, "files": {"br.gif": 9}},
     "FAIL FIL-4 lost CN",
     "FAIL ACC-2 miscounted -"),
    ("one is not asked for, is there, and has no line",
     {"words": "-v BR CN", "lines": ["BR OK"], "totals": ["1 flag downloaded."],
      "entries": ["BR 200 9"], **CN_BEFORE, "files": {"br.gif": 9}},
     "FAIL REQ-2 lost CN"),
    ("one is not asked for, and is called not found",
     {"words": "-v BR CN", "lines": ["BR OK", "CN not found"], "totals": ["1 flag downloaded.",
      "1 not found."], "entries": ["BR 200 9"], "files": {"br.gif": 9}},
     "FAIL REQ-2 miscounted CN"),
    ("two are not asked for, and one is miscounted besides",
     {"words": "BR CN US", "head": searching("BR CN US"), "totals": ["1 flag downloaded."],
      "entries": ["BR 200 9"], "files": {"br.gif": 9}},
     "FAIL REQ-2 lost CN",
     "FAIL REQ-2 lost US"),
    ("nothing is counted, and everything was saved",
     {"totals": ["0 flags downloaded."]},
     "FAIL ACC-1 lost BR",
     "FAIL ACC-1 lost CN"),
    ("nothing is counted, and nothing was saved",
     {"totals": ["0 flags downloaded."], "files": {}},
     "FAIL FIL-1 lost BR",
     "FAIL FIL-1 lost CN"),
    ("a flag that is not there is called downloaded",
     {"words": "-v BR CN", "lines": ["BR OK", "CN OK"], "files": {"br.gif": 9}},
     "FAIL FIL-1 lost CN"),
    ("a file from before is called downloaded where nobody listens",
     {**ONE_TOLD, "plan": Plan(refuse=True), "lines": ["BR OK"], "totals": ["1 flag downloaded."],
      "entries": [], "files": {}, **BR_BEFORE},
     "FAIL FIL-4 lost BR"),
    ("a flag is called downloaded where nobody listens",
     {**ONE_TOLD, "plan": Plan(refuse=True), "lines": ["BR OK"], "totals": ["1 flag downloaded."],
      "entries": [], "files": {}},
     "FAIL FIL-1 lost BR"),
    ("a line for a code that nobody asked for",
     {"words": "-v BR CN", "lines": ["BR OK", "CN OK", "US OK"]},
     "FAIL REP-8 unexpected US"),
    ("a line for a code that nobody asked for, and one not asked for",
     {"words": "-v BR CN", "lines": ["BR OK", "US OK"], "totals": ["1 flag downloaded."],
      "entries": ["BR 200 9"], "files": {"br.gif": 9}},
     "FAIL REQ-2 lost CN"),
    ("one line is missing, and a number less",
     {"words": "-v BR CN", "lines": ["BR OK"], "totals": ["1 flag downloaded."]},
     "FAIL REP-8 lost CN"),
    ("one line is missing, and two numbers more",
     {"words": "-v BR CN", "lines": ["BR OK"], "totals": ["3 flags downloaded."]},
     "FAIL REP-8 lost CN"),
    ("one line is missing, and its number is right",
     {"words": "-v BR CN", "lines": ["BR OK"]},
     "FAIL REP-8 lost CN"),
    ("a line twice and a request twice",
     {"words": "-v BR CN", "lines": ["BR OK", "BR OK", "CN OK"], "entries": ["BR 200 9",
      "BR 200 9", "CN 200 9"]},
     "FAIL REQ-4 duplicated BR",
     "FAIL REQ-4 duplicated BR"),
    ("a request twice",
     {"words": "-v BR CN", "lines": ["BR OK", "CN OK"], "entries": ["BR 200 9", "BR 200 9",
      "CN 200 9"]},
     "FAIL REQ-4 duplicated BR"),
    ("a wrong request in place of the right one",
     {"entries": ["BR 200 9", "US 200 9"], "files": {"br.gif": 9},
      "totals": ["1 flag downloaded.", "1 error."]},
     "FAIL REQ-3 unexpected US"),
    ("a file from before, and the request went elsewhere",
     {**ONE_TOLD, "lines": ["BR OK"], "totals": ["1 flag downloaded."], "entries": [{"code": "BR",
      "server": "DELAY", "length": 9}], **BR_BEFORE, "files": {}},
     "FAIL REQ-6 unexpected BR"),
    ("a file from before, and a new one by another name",
     {**ONE_TOLD, "lines": ["BR OK"], "totals": ["1 flag downloaded."], "entries": ["BR 200 9"],
      **BR_BEFORE, "files": {"flag.gif": {"size": 9, "sha256": "BR:9"}}},
     "FAIL FIL-4 corrupt BR"),
    ("whole flags are called not found in the totals",
     {"totals": ["1 flag downloaded.", "1 not found."]},
     "FAIL OUT-1 miscounted -"),
    ("whole flags are called errors in the totals",
     {"totals": ["1 flag downloaded.", "1 error."]},
     "FAIL OUT-1 miscounted -"),
    ("whole flags are called errors, and one not found is right",
     {"words": "BR CN ZZ", "head": searching("BR CN ZZ"), "entries": ["BR 200 9", "CN 200 9",
      "ZZ 404 0"], "totals": ["1 flag downloaded.", "1 not found.", "1 error."]},
     "FAIL OUT-1 miscounted -"),
    ("an error of three kinds is called downloaded",
     {"words": "BR CN US", "head": searching("BR CN US"), "entries": [with_status("BR", 503),
      closed("CN"), cut("US")], "files": {}, "totals": ["1 flag downloaded.", "2 errors."]},
     "FAIL OUT-3 miscounted - (not certain)"),
    ("an error of two kinds is called downloaded",
     {"entries": [closed("BR"), cut("CN")], "files": {}, "totals": ["1 flag downloaded.",
      "1 error."]},
     "FAIL OUT-4 miscounted - (not certain)"),
    ("an error of one kind is called downloaded",
     {**ONE, "entries": [cut("BR")], "files": {}, "totals": ["1 flag downloaded."]},
     "FAIL OUT-5 miscounted -"),
    ("a status that is called downloaded",
     {**ONE, "entries": [with_status("BR", 503)], "files": {}, "totals": ["1 flag downloaded."]},
     "FAIL OUT-3 miscounted -"),
    ("two errors are called downloaded, and one left a file",
     {"entries": [closed("BR"), with_status("CN", 503)], "files": {"br.gif": OLD}},
     "FAIL OUT-4 miscounted - (not certain)"),
    ("two errors are called downloaded, and one left what was sent",
     {"entries": [cut("BR"), with_status("CN", 503)], "files": {"br.gif": {"size": 5,
      "sha256": "BR:5"}}},
     "FAIL OUT-5 miscounted - (not certain)"),
    ("two errors left files, and one is called downloaded",
     {"entries": [cut("BR"), with_status("CN", 503)], "files": {"br.gif": OLD, "cn.gif": OLD},
      "totals": ["1 flag downloaded.", "1 error."]},
     "FAIL OUT-3 miscounted - (not certain)"),
    ("two errors left files, and are called so",
     {"entries": [cut("BR"), with_status("CN", 503)], "files": {"br.gif": OLD, "cn.gif": OLD},
      "totals": ["0 flags downloaded.", "2 errors."]},
     "FAIL FIL-2 leftover BR",
     "FAIL FIL-2 leftover CN"),
    ("an error, and a whole flag with another file, are called downloaded",
     {"words": "BR CN US", "head": searching("BR CN US"), "entries": ["BR 200 9",
      with_status("CN", 503), with_status("US", 503)], "files": {"br.gif": OLD},
      "totals": ["3 flags downloaded."]},
     "FAIL FIL-1 miscounted - (not certain)",
     "FAIL FIL-1 corrupt BR"),
    ("one file from before and one missing, and one is called an error",
     {**BR_BEFORE, "files": {}, "totals": ["1 flag downloaded.", "1 error."]},
     "FAIL FIL-4 miscounted - (not certain)"),
    ("one file missing and one never asked for, and both are called downloaded",
     {"entries": ["BR 200 9"], "files": {}},
     "FAIL FIL-1 miscounted - (not certain)",
     "FAIL REQ-2 lost CN"),
    ("one status and one never asked for, and one is called downloaded",
     {"entries": [with_status("BR", 503)], "files": {}, "totals": ["1 flag downloaded.",
      "1 error."]},
     "FAIL REQ-2 miscounted - (not certain)",
     "FAIL REQ-2 lost CN"),
    ("what may be ok or an error is called not found",
     {**ONE, "entries": [no_length("BR")], "files": {"br.gif": 9},
      "totals": ["0 flags downloaded.", "1 not found."]},
     "FAIL ACC-1 miscounted -"),
    ("what may be ok or an error is called not found by its line",
     {**ONE_TOLD, "entries": [no_length("BR")], "files": {}, "lines": ["BR not found"],
      "totals": ["0 flags downloaded.", "1 not found."]},
     "FAIL OUT-5 miscounted BR"),
    ("what may be ok or an error is called ok, and is not there",
     {**ONE_TOLD, "entries": [no_length("BR")], "files": {}, "lines": ["BR OK"],
      "totals": ["1 flag downloaded."]},
     "FAIL FIL-1 miscounted BR"),
    ("what may be ok or an error is called ok, and is something else",
     {**ONE_TOLD, "entries": [no_length("BR")], "files": {"br.gif": OLD}, "lines": ["BR OK"],
      "totals": ["1 flag downloaded."]},
     "FAIL FIL-1 corrupt BR"),
    ("the same in an interrupted run",
     {"words": "-v BR CN", "expects": "interrupt", "status": 130, "entries": [no_length("BR")],
      "files": {"br.gif": OLD}, "lines": ["BR OK"], "totals": ["1 flag downloaded.",
      "1 interrupted."]},
     "FAIL FIL-1 corrupt BR"),
    ("a whole flag is something else in an interrupted run",
     {"words": "-v BR CN", "expects": "interrupt", "status": 130, "entries": ["BR 200 9"],
      "files": {"br.gif": OLD}, "lines": ["BR OK"], "totals": ["1 flag downloaded.",
      "1 interrupted."]},
     "FAIL FIL-1 corrupt BR"),
    ("what may be ok or an error is not there, and counted as downloaded besides an error",
     {"entries": [no_length("BR"), with_status("CN", 503)], "files": {}},
     "FAIL FIL-1 miscounted - (not certain)"),
    ("a whole flag that is not there is called not found",
     {**ONE_TOLD, "files": {}, "entries": ["BR 200 9"], "lines": ["BR not found"],
      "totals": ["0 flags downloaded.", "1 not found."]},
     "FAIL FIL-1 miscounted BR"),
    ("a whole flag is called not found",
     {**ONE_TOLD, "files": {"br.gif": 9}, "entries": ["BR 200 9"], "lines": ["BR not found"],
      "totals": ["0 flags downloaded.", "1 not found."]},
     "FAIL OUT-1 miscounted BR"),
    ("a close, and then a status, are called not found",
     {**ONE_TOLD, "files": {}, "entries": [closed("BR"), with_status("BR", 503)],
      "lines": ["BR not found"], "totals": ["0 flags downloaded.", "1 not found."]},
     "FAIL OUT-3 miscounted BR"),
    ("a status twice in two lines, and its file is left",
     {**ONE_TOLD, "files": {"br.gif": OLD}, "entries": [with_status("BR", 503)],
      "lines": ["BR OK", "BR OK"], "totals": ["1 flag downloaded."]},
     "FAIL REP-8 duplicated BR"),
    ("a file of a code that was called an error",
     {**ONE_TOLD, "files": {"br.gif": OLD}, "entries": [with_status("BR", 503)],
      "lines": [error("BR")], "totals": ["0 flags downloaded.", "1 error."]},
     "FAIL FIL-2 leftover BR"),
    ("a number too many, and a wrong file",
     {**ONE_TOLD, "files": {"br.gif": OLD}, "entries": ["BR 200 9"], "lines": ["BR OK"],
      "totals": ["2 flags downloaded."]},
     "FAIL ACC-1 miscounted -",
     "FAIL ACC-1 corrupt BR"),
    ("two whole flags are called errors by their lines",
     {"words": "-v BR CN", "lines": [error("BR"), error("CN")], "totals": ["0 flags downloaded.",
      "2 errors."], "files": {}},
     "FAIL OUT-1 miscounted BR"),
    ("one whole flag is called an error, and there was no folder in its place",
     {"words": "-v BR CN", "there": {"br.gif/": ""}, "lines": [error("BR"), "CN OK"],
      "totals": ["1 flag downloaded.", "1 error."], "files": {"cn.gif": 9}}),
    ("two whole flags are called errors in the totals, and are not there",
     {"totals": ["0 flags downloaded.", "2 errors."], "files": {}},
     "FAIL OUT-1 miscounted BR"),
    ("a whole flag is not there, and called an error beside a status and a 404",
     {"words": "BR CN ZZ", "head": searching("BR CN ZZ"), "entries": ["BR 200 9",
      with_status("CN", 503), "ZZ 404 0"], "files": {}, "totals": ["0 flags downloaded.",
      "1 not found.", "2 errors."]},
     "FAIL OUT-1 miscounted BR"),
    ("a whole flag is not there where something lay in the folder",
     {"totals": ["0 flags downloaded.", "2 errors."], "files": {}, "there": {"x.txt": "x"}}),
    ("a whole flag is not there where there was no folder",
     {"totals": ["0 flags downloaded.", "2 errors."], "files": {}, "dest": False}),
    ("no line of a code with -v",
     {"words": "-v BR CN"},
     "FAIL REP-8 lost -"),
    ("no line of a code with -v, interrupted",
     {"words": "-v BR CN", "expects": "interrupt", "subject": "CLI-10", "status": 130,
      "totals": ["1 flag downloaded."], "tail": (HYPHENS, ..., ELAPSED, "1 interrupted."),
      "entries": ["BR 200 9"], "files": {"br.gif": 9}}),
    ("eight in flight of two, then seven",
     {"entries": [{"code": "BR", "length": 9, "in_flight": 8}, {"code": "CN", "length": 9,
      "in_flight": 7}]},
     "FAIL CON-1 exceeded -"),
    ("two in flight of two",
     {"entries": [{"code": "BR", "length": 9, "in_flight": 2}, {"code": "CN", "length": 9,
      "in_flight": 1}]}),
    ("a gate held one of two",
     {"entries": ["BR 200 9", "CN 200 9", {"type": "gate", "server": "LOCAL", "held": 1,
      "filled": False}]},
     "FAIL CON-3 unreached -"),
    ("a gate was filled by fewer",
     {"entries": ["BR 200 9", "CN 200 9", {"type": "gate", "server": "LOCAL", "held": 1,
      "filled": True}]}),
    ("a gate held as many as are announced",
     {"entries": ["BR 200 9", "CN 200 9", {"type": "gate", "server": "LOCAL", "held": 2,
      "filled": False}]}),
    ("a gate held one, and only one was asked for",
     {"entries": ["BR 200 9", {"type": "gate", "server": "LOCAL", "held": 1, "filled": False}]},
     "FAIL REQ-2 lost CN"),
    ("the gate of another server",
     {"entries": ["BR 200 9", "CN 200 9", {"type": "gate", "server": "DELAY", "held": 1,
      "filled": False}]}),
    ("a time-out that is not heeded",
     {"timeout_s": 1.0, "elapsed_s": 10.0},
     "INFO HOOK-2 freedom -"),
    ("a time-out that is heeded",
     {"timeout_s": 1.0, "elapsed_s": 9.9},
     "INFO HOOK-2 freedom -"),
    ("a reset, and no second attempt",
     {"subject": "REQ-5", "entries": [closed("BR"), "CN 200 9"], "files": {"cn.gif": 9},
      "totals": ["1 flag downloaded.", "1 error."]},
     "INFO REQ-5 freedom -"),
    ("redirects that are not followed",
     {"subject": "REQ-9", "entries": [redirect("BR", "/flags/ad/ad.gif"), "CN 200 9"],
      "files": {"cn.gif": 9}, "totals": ["1 flag downloaded.", "1 error."]},
     "INFO REQ-9 freedom -"),
    ("two replies that leave it free",
     {"subject": "OUT-6", "words": "-v BR CN", "entries": [no_length("BR"), closed("CN",
      do="cut_headers")], "files": {"br.gif": 9}, "lines": ["BR OK", error("CN")],
      "totals": ["1 flag downloaded.", "1 error."]},
     "INFO OUT-6 freedom -"),
    ("a reply that leaves it free, told in two ways",
     {"subject": "OUT-6", "words": "-v BR CN", "entries": [no_length("BR"), "CN 200 9"],
      "lines": ["BR OK", error("BR"), "CN OK"]},
     "FAIL REP-8 duplicated BR",
     "INFO OUT-6 freedom -"),
    ("a reply that leaves it free, without its line",
     {"subject": "OUT-6", "entries": [no_length("BR"), "CN 200 9"]}),
    ("a reply that leaves it free in a case for a legacy",
     {"words": "-v -l 2 BR CN", "subject": "L-4", "expects": "either",
      "entries": [no_length("BR"), "CN 200 9"], "lines": ["BR OK", "CN OK"]}),
    ("totals in another order, with one of nothing",
     {"totals": ["0 errors.", "2 flags downloaded."]},
     "FAIL REP-5 format -",
     "NON-STRICT REP-6 format -"),
    ("totals without flags",
     {"totals": ["2 not found."], "entries": ["BR 404 0", "CN 404 0"], "files": {}},
     "FAIL REP-5 format -"),
    ("a usage error behind one request",
     {**BAD, "head": searching("BR"), "entries": ["BR 200 9"], "status": 1},
     "FAIL CLI-6 late - (stops)"),
    ("one connection of two",
     {"words": "-m 2 BR CN", "head": (SITE, SEARCH, "1 concurrent connection will be used.")},
     "NON-STRICT CON-4 unreached -"),
    ("REMOTE with a URL that is none",
     {"words": "-s REMOTE BR CN", "files": {}, "head": ("REMOTE site: http://x:port/flags",
      SEARCH, CONNECTIONS), "entries": []},
     "FAIL REQ-2 miscounted -",
     "FAIL REQ-2 lost BR"),
    ("a number of connections that nobody reads",
     {"head": (SITE, SEARCH, "9" * 4100 + " concurrent connections will be used.")},
     "FAIL REP-3 missing -"),
    ("an error of its own beside another is called not found",
     {"words": "-v BR CN", "entries": [with_status("BR", 503), closed("CN")], "files": {},
      "lines": ["BR not found", error("CN")], "totals": ["0 flags downloaded.", "1 not found.",
      "1 error."]},
     "FAIL OUT-3 miscounted BR"),
    ("one of three is not counted, and the others are errors",
     {"words": "BR CN US", "head": searching("BR CN US"), "entries": [with_status("BR", 503),
      closed("CN"), "US 200 9"], "files": {"us.gif": 9}, "totals": ["1 flag downloaded.",
      "1 error."]},
     "FAIL ACC-1 lost -"),
    ("two are not asked for, and one of them is not counted",
     {"words": "BR CN US", "head": searching("BR CN US"), "entries": ["BR 200 9"],
      "files": {"br.gif": 9}, "totals": ["1 flag downloaded.", "1 error."]},
     "FAIL REQ-2 lost CN"),
    ("one is not asked for, and is called downloaded by its line only",
     {"words": "-v BR CN", "lines": ["BR OK", "CN OK"], "totals": ["1 flag downloaded.",
      "1 error."], "entries": ["BR 200 9"], "files": {"br.gif": 9}},
     "FAIL REQ-2 lost CN"),
]  # fmt: skip
"""Name, what is not as in a run that is right, and all that is found."""


@pytest.mark.parametrize(
    ("changes", "expected"),
    [pytest.param(changes, expected, id=name) for name, changes, *expected in RUNS],
)
def test_all_that_is_found_in_a_run(changes, expected):
    assert found_in(**changes) == expected


def test_a_request_is_late_when_a_line_of_the_report_was_heard_before_it():
    texts = [*searching("BR"), HYPHENS, "1 flag downloaded.", ELAPSED]
    case = Case("a", ("OUT-1",), ("BR",))

    def late(start_s):
        asked = {"code": "BR", "length": 9, "start_s": start_s}
        run = run_of({"entries": [asked], "files": {"br.gif": 9}})
        lines = tuple(PrintedLine(0.1 * n, text) for n, text in enumerate(texts))
        return [one.clause for one in findings(case, replace(run, lines=lines))]

    assert late(0.35) == []  # the hyphens were heard, and nothing of the totals
    assert late(0.45) == ["ACC-4"]


# --- books that people are shown ------------------------------------------------------------------


def shown(words, entries, files, *, there=(), **more):
    """The books of a run that counts everything as downloaded, and what is found in it."""
    codes = words.removeprefix("-v ").split()
    lines = [f"{code} OK" for code in codes] if "-v" in words else []
    totals = [HYPHENS, f"{len(codes)} flags downloaded.", ELAPSED]
    case = Case("a", ("OUT-1",), tuple(words.split()), files=dict.fromkeys(there, "old"))
    stdout = [*searching(" ".join(codes)), *lines, *totals]
    run = run_of({"stdout": stdout, "entries": entries, "files": files} | more)
    return table_of_run(case, run, findings(case, run))


def test_a_row_has_its_columns_by_name():
    first, *_, last = shown("-v BR CN", ["BR 200 9", "CN 404 0"], {"br.gif": 9})
    assert list(first) == list(last) == ["code", "planned", "seen", "said", "file", "word"]
    assert (first["code"], first["planned"], first["said"]) == ("BR", "serve", "ok")
    assert last["code"] is None


def test_a_row_tells_a_file_from_before_from_one_that_is_not_as_sent():
    same, whole = {"size": 9, "sha256": "BR:9"}, ["BR 200 9", "CN 200 9"]
    before, new, _ = shown(
        "-v BR CN", whole, {"cn.gif": OLD}, there=["br.gif"], before={"br.gif": same},
        kept=["br.gif"],
    )  # fmt: skip
    assert "before" in before["file"]
    assert (before["word"], new["word"]) == (None, "corrupt")


# --- what is said ---------------------------------------------------------------------------------


def test_a_report_is_what_stands_behind_the_last_hyphens():
    lines = read_lines(
        [SITE, HYPHENS, "1 flag downloaded.", HYPHENS, "2 flags downloaded.", ELAPSED]
    )
    assert lines.report == ("2 flags downloaded.", ELAPSED)
    assert read_lines([SITE]).report == ()


def test_lines_between_hyphens_are_no_report():
    assert found_in(tail=(HYPHENS, "1 not found.", ..., HYPHENS, ..., ELAPSED)) == []


# --- what findings make of a clause and a program -------------------------------------------------

LOST = Finding("OUT-1", "lost", "nothing", expected="1 ok", code="BR")


@pytest.mark.parametrize(
    ("clause", "verdict"),
    [
        ("OUT-1", "FAIL"),
        ("FIL-2", "FAIL"),  # a MUST NOT
        ("REP-7", "NON-STRICT"),
        ("REP-9", "NON-STRICT"),  # a SHOULD NOT
        ("OUT-6", "INFO"),
    ],
)
def test_a_broken_clause_weighs_as_its_keyword_says(clause, verdict):
    found = broken(clause, "lost", "nothing", expected="1 ok", code="BR", stops=True)
    assert found.to_json() == {
        "clause": clause,
        "word": "lost",
        "saw": "nothing",
        "said": "1 ok",
        "code": "BR",
        "verdict": verdict,
        "certain": True,
        "because": None,
        "stops": True,
    }


def test_a_finding_is_a_value_that_others_can_be_the_same_as():
    assert LOST.cause == ("OUT-1", "lost")
    assert replace(LOST, actual="something", code=None).cause == LOST.cause
    with pytest.raises(FrozenInstanceError):
        LOST.actual = "something"
    with pytest.raises(FrozenInstanceError):
        read_lines([]).site = 1


WORST_FIRST = (
    "KIT-ERROR", "CRASH", "TIMEOUT", "FAIL", "FLAKY", "NON-STRICT", "LEGACY", "INFO", "PASS",
    "UNSUPPORTED", "NOT-TESTED",
)  # fmt: skip


def test_the_worst_verdict_counts():
    for place, name in enumerate(WORST_FIRST):
        assert worst(map(Verdict, reversed(WORST_FIRST[place:]))) == name
    assert worst([]) == "NOT-TESTED"


def test_a_case_comes_to_the_worst_of_what_was_found_in_it():
    freedom = broken("OUT-6", "freedom", "ok", expected="either will do")
    assert verdict_of([freedom, LOST, freedom]) == "FAIL"
    assert verdict_of([]) == "PASS"


@pytest.mark.parametrize(
    ("status", "verdicts"),
    [
        (4, "KIT-ERROR"),
        (4, "PASS FAIL KIT-ERROR"),
        (1, "FAIL"),
        (1, "CRASH PASS"),
        (1, "TIMEOUT"),
        (1, "PASS FLAKY"),
        (0, "PASS"),
        (0, "NON-STRICT NOT-TESTED"),
        (0, "LEGACY"),
        (0, "INFO UNSUPPORTED"),
        (3, "UNSUPPORTED NOT-TESTED"),
        (3, ""),
    ],
)
def test_the_exit_status_says_what_the_verdicts_come_to(status, verdicts):
    assert exit_status(map(Verdict, verdicts.split())) == status
