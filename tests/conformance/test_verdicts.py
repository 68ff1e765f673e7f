"""Runs made by hand, and all that is found in each; what findings make of a clause and a program.

`test_recorded_runs.py` has runs that programs made. Here is what none of them happened to do: two
faults at once, bounds, and lines that no twin prints.
"""

from dataclasses import FrozenInstanceError, replace

import pytest
from test_recorded_runs import book_lines, run_of, told

from conformance.cases import Case
from conformance.judge import books, findings
from conformance.record import Line
from conformance.said import heard
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
    """All that is found in a run, a text each. It is right where nothing else is said: two flags
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
     "NON-STRICT FIL-5 miscounted -: 2 ok | 1 ok, 1 error (because of OUT-1) (stops)"),
    ("a hang that was borne as long as it took",
     {**ONE, "totals": ["0 flags downloaded.", "1 error."], "entries": [closed("BR", do="hang",
      start_s=0.5, end_s=39.5)], "files": {}},
     "FAIL REQ-7 unbounded BR: 39 s without a byte, then the server closed | "
     "40 s at most (stops)"),
    ("a hang that was not borne so long",
     {**ONE, "totals": ["0 flags downloaded.", "1 error."], "entries": [closed("BR", do="hang",
      start_s=0.5, end_s=39.4)], "files": {}}),
    ("a hang that the client left",
     {**ONE, "totals": ["0 flags downloaded.", "1 error."], "entries": [closed("BR", do="hang",
      end_s=39.5, client_gone=True)], "files": {}}),
    ("a line as long as one likes, and the end of it",
     {**NOTHING, "status": 2, "stderr": ["x" * 201]},
     "FAIL CLI-1 refused -: status 2: " + "x" * 200
     + " | asks for 2: BR, CN (stops)"),
    ("the line that tells of an error, not the last",
     {**NOTHING, "status": 2, "stderr": ["ValueError: of nothing", "bye"]},
     "FAIL CLI-1 refused -: status 2: ValueError: of nothing | asks for 2: BR, CN (stops)"),
    ("a word that only looks like one that tells",
     {**NOTHING, "status": 2, "stderr": ["Errors of mine", "bye"]},
     "FAIL CLI-1 refused -: status 2: bye | asks for 2: BR, CN (stops)"),
    ("a crash before anything is announced",
     {**NOTHING, "status": 1, "stderr": ["Traceback (most recent call last):", "KeyError: 'BR'"]},
     "CRASH ACC-3 crash -: status 1 before anything was announced: KeyError: 'BR' | "
     "a report (stops)"),
    ("killed by a signal before anything is announced",
     {**NOTHING, "status": 129},
     "CRASH ACC-3 crash -: status 129 before anything was announced: nothing was printed | "
     "a report (stops)"),
    ("a status that no signal gives",
     {**NOTHING, "status": 128},
     "FAIL CLI-1 refused -: status 128: nothing was printed | asks for 2: BR, CN (stops)"),
    ("a refusal of Ctrl-C",
     {**NOTHING, "expects": "interrupt", "subject": "CLI-10", "status": 2},
     "NON-STRICT CLI-10 refused -: status 2: nothing was printed | "
     "asks for 2: BR, CN (because of CLI-10) (stops)"),
    ("a refusal of codes in small letters",
     {"words": "br cn", **NOTHING, "status": 2, "stderr": ["no"]},
     "FAIL EXP-1 refused -: status 2: no | asks for 2: BR, CN (stops)"),
    ("a refusal where the subject is the expansion",
     {"words": "b", "subject": "EXP-2", **NOTHING, "status": 2, "stderr": ["no"]},
     "FAIL EXP-2 refused -: status 2: no | asks for 26: from BA to BZ (stops)"),
    ("a refusal that is none: killed",
     {**BAD, **NOTHING, "status": 129, "stderr": ["no"]},
     "CRASH CLI-6 crash -: status 129 | a usage error (stops)"),
    ("a refusal with the status 128",
     {**BAD, **NOTHING, "status": 128, "stderr": ["no"]},
     "INFO L-6 refusal -: status 128, told on stderr | a usage error (stops)"),
    ("a refusal that is told nowhere",
     {**BAD, **NOTHING, "status": 2},
     "NON-STRICT CLI-7 silent -: nothing on stdout or stderr | what is wrong",
     "LEGACY L-6 refusal -: status 2, told on stderr | a usage error (stops)"),
    ("a refusal on stdout with the status of stderr",
     {**BAD, **(NOTHING | {"stdout": ["no"]}), "status": 2},
     "INFO L-6 refusal -: status 2, told on stdout | a usage error (stops)"),
    ("a refusal on stderr with the status of stdout",
     {**BAD, **NOTHING, "status": 1, "stderr": ["no"]},
     "INFO L-6 refusal -: status 1, told on stderr | a usage error (stops)"),
    ("nothing where either would do",
     {"words": "-l 5", **EITHER, **NOTHING},
     "FAIL CLI-6 status -: status 0 | another status than 0 (stops)"),
    ("nothing at all where a report is due",
     {**NOTHING},
     "FAIL CLI-9 silent -: status 0, no report; 0 requests, no report | a report (stops)"),
    ("a report where either would do",
     {"words": "BR", **EITHER, "head": searching("BR"), **all_whole("BR")}),
    ("neither the line of the site nor that of the codes, of a command line that listings refuse",
     {"words": "-z BR", **EITHER, "asks": (("BR", ), ), "head": (SITE, "Searching for 1 flag: BR",
      "1 concurrent connection will be used."), **all_whole("BR")}),
    ("no totals behind the hyphens",
     {"totals": []},
     "FAIL REP-5 missing -: no such line on stdout | N flags downloaded. (stops)"),
    ("totals on stderr",
     {"totals": [], "stderr": ["2 flags downloaded."]},
     "FAIL REP-10 missing -: it is on stderr | N flags downloaded. (stops)"),
    ("two requests behind the report",
     {"entries": ["BR 200 9", "CN 200 9", {"code": "BR", "length": 9, "start_s": 1.5},
      {"code": "CN", "length": 9, "start_s": 1.6}]},
     "FAIL ACC-4 late -: GET /flags/br/br.gif on LOCAL behind the report | nothing"),
    ("the only request came behind the report",
     {**ONE, "files": {}, "totals": ["0 flags downloaded.", "1 error."],
      "entries": [{"code": "BR", "length": 9, "start_s": 1.5}]},
     "FAIL ACC-4 late -: GET /flags/br/br.gif on LOCAL behind the report | nothing"),
    ("a request at the moment of the report",
     {**ONE, "files": {"br.gif": 9}, "totals": ["1 flag downloaded."], "entries": [{"code": "BR",
      "length": 9, "start_s": 1.0}]}),
    ("no report and nothing printed",
     {"stdout": [], "status": 1},
     "CRASH ACC-3 crash -: status 1, no report: nothing was printed | a report (stops)"),
    ("no report and an announcement",
     {"stdout": [SITE, SEARCH, CONNECTIONS], "status": 1},
     "CRASH ACC-3 crash -: status 1, no report: 2 concurrent connections will be used. | "
     "a report (stops)"),
    ("no report of an announcement that lacks a line",
     {"stdout": [SITE, CONNECTIONS], "status": 1},
     "FAIL REP-2 missing -: no such line on stdout | Searching for N flags: ...",
     "CRASH ACC-3 crash -: status 1, no report: 2 concurrent connections will be used. | "
     "a report (stops)"),
    ("no line of what was interrupted",
     {"words": "-m 2 BR CN", "expects": "interrupt", "subject": "CLI-10", "status": 130},
     "NON-STRICT CLI-10 format -: no line `N interrupted.` | one (because of CLI-10) (stops)"),
    ("an interrupted run with another status",
     {"words": "-m 2 BR CN", "expects": "interrupt", "subject": "ACC-1", "status": 1,
      "totals": ["1 flag downloaded."], "tail": (HYPHENS, ..., ELAPSED, "1 interrupted."),
      "entries": ["BR 200 9"], "files": {"br.gif": 9}},
     "NON-STRICT CLI-10 status -: status 1 | status 130"),
    ("two processes are left",
     {"left": ["sleep", "cat"]},
     "NON-STRICT ACC-6 leftover -: still running: cat, sleep | nothing left behind"),
    ("a connection with a request that is none",
     {"entries": [{"type": "connection", "server": "LOCAL", "status": 400,
      "reason": "bad request line"}, "BR 200 9", "CN 200 9"]},
     "FAIL REQ-8 malformed -: bad request line | HTTP/1.1 (stops)"),
    ("a request that is none, and its reason",
     {"entries": ["BR 200 9", {"code": "CN", "do": None, "status": 431,
      "reason": "the head is too long", "length": 0}]},
     "FAIL REQ-8 malformed -: the head is too long | HTTP/1.1 (stops)"),
    ("a connection without a request",
     {"entries": [{"type": "connection", "server": "LOCAL", "status": None}, "BR 200 9",
      "CN 200 9"]}),
    ("two requests for nothing that was asked for",
     {"entries": ["BR 200 9", "CN 200 9", {"code": None, "path": "/flags/b.gif", "length": 0},
      {"code": None, "path": "/flags/c.gif", "length": 0}]},
     "FAIL REQ-3 unexpected -: GET /flags/b.gif on LOCAL | nothing else (stops)"),
    ("two requests of another form",
     {"entries": [{"code": None, "path": "/flags/b.gif", "length": 0}, {"code": None,
      "path": "/flags/c.gif", "server": "DELAY", "length": 0}]},
     "FAIL REQ-1 malformed -: GET /flags/b.gif on LOCAL | GET /flags/cc/cc.gif (stops)"),
    ("a redirect to another name in the folder is followed",
     {"entries": [redirect("BR", "moved.gif"), {"code": None, "path": "/flags/br/moved.gif",
      "length": 9, "sha256": "BR:9"}, "CN 200 9"]}),
    ("a path that a redirect only repeats",
     {"entries": [redirect("BR", "/flags/b.gif") | {"code": None, "path": "/flags/b.gif"},
      "CN 200 9"]},
     "FAIL REQ-1 malformed -: GET /flags/b.gif on LOCAL | GET /flags/cc/cc.gif (stops)"),
    ("the label of another server, without asking it",
     {"head": AT_DELAY},
     "FAIL REP-1 miscounted -: DELAY is announced | LOCAL"),
    ("the label of another server, asking both",
     {"head": AT_DELAY, "entries": ["BR 200 9", {"code": "CN", "server": "DELAY", "length": 9}]},
     "FAIL REP-1 miscounted -: DELAY is announced | LOCAL",
     "FAIL REQ-6 unexpected CN: GET /flags/cn/cn.gif on DELAY | asked of LOCAL"),
    ("the label of no server, asking it",
     {"head": ("OTHER site: http://127.0.0.1:8002/flags", SEARCH, CONNECTIONS),
      "entries": [{"code": "BR", "server": "OTHER", "length": 9}, {"code": "CN",
      "server": "OTHER", "length": 9}]},
     "FAIL REP-1 miscounted -: OTHER is announced | LOCAL",
     "FAIL REQ-6 unexpected BR: GET /flags/br/br.gif on OTHER | asked of LOCAL",
     "FAIL REQ-6 unexpected CN: GET /flags/cn/cn.gif on OTHER | asked of LOCAL"),
    ("another server than -s says",
     {"words": "-s LOCAL BR CN", "head": AT_DELAY, "entries": ASKED_DELAY},
     "FAIL CLI-1 unexpected -: DELAY is announced and asked | LOCAL"),
    ("another server than --server says",
     {"words": "--server LOCAL BR CN", "head": AT_DELAY, "entries": ASKED_DELAY},
     "FAIL CLI-1 unexpected -: DELAY is announced and asked | LOCAL"),
    ("another server where the subject is the command line",
     {"words": "BR CN", "subject": "CLI-2", "head": AT_DELAY, "entries": ASKED_DELAY},
     "NON-STRICT CLI-2 unexpected -: DELAY is announced and asked | "
     "LOCAL (because of CLI-2) (stops)"),
    ("another server where the subject is an option",
     {"words": "BR CN", "subject": "CLI-5", "head": AT_DELAY, "entries": ASKED_DELAY},
     "FAIL CLI-5 unexpected -: DELAY is announced and asked | LOCAL"),
    ("REMOTE, which has no URL here",
     {"words": "-s REMOTE BR CN", "files": {}, "head": ("REMOTE site: http://example.com/flags",
      SEARCH, CONNECTIONS), "entries": []},
     "FAIL REQ-2 miscounted -: 2 error | 2 ok",
     "FAIL REQ-2 lost BR: no request | said something"),
    ("a URL by another name of the machine, with a slash",
     {"head": ("LOCAL site: http://localhost:8001/flags/", SEARCH, CONNECTIONS)}),
    ("a URL of another scheme",
     {"head": ("LOCAL site: https://127.0.0.1:8001/flags", SEARCH, CONNECTIONS)},
     "FAIL REP-1 miscounted -: https://127.0.0.1:8001/flags | http://127.0.0.1:8001/flags"),
    ("a URL of another path",
     {"head": ("LOCAL site: http://127.0.0.1:8001/flagsX", SEARCH, CONNECTIONS)},
     "FAIL REP-1 miscounted -: http://127.0.0.1:8001/flagsX | http://127.0.0.1:8001/flags"),
    ("a URL that is none",
     {"head": ("LOCAL site: http://127.0.0.1:port/flags", SEARCH, CONNECTIONS)},
     "FAIL REP-1 miscounted -: http://127.0.0.1:port/flags | http://127.0.0.1:8001/flags"),
    ("no line of the site",
     {"head": (SEARCH, CONNECTIONS)},
     "FAIL REP-1 missing -: no such line on stdout | LOCAL site: URL"),
    ("the site behind the codes",
     {"head": (SEARCH, SITE, CONNECTIONS)},
     "FAIL REP-2 format -: it is before the line of the site | behind it"),
    ("the codes behind the connections",
     {"head": (SITE, CONNECTIONS, SEARCH)},
     "FAIL REP-3 format -: it is before the line of the codes | behind it"),
    ("connections and no codes",
     {"head": (SITE, CONNECTIONS)},
     "FAIL REP-2 missing -: no such line on stdout | Searching for N flags: ..."),
    ("the announcement behind a line that is not the first",
     {"words": "-v BR CN", "head": ("hello", "BR OK", "CN OK", SITE, SEARCH, CONNECTIONS)},
     "FAIL REP-1 late -: LOCAL site: http://127.0.0.1:8001/flags behind BR OK | "
     "the announcement comes first"),
    ("ten codes are listed", {"words": TEN, "head": searching(TEN), **all_whole(TEN)}),
    ("ten codes are not listed",
     {"words": TEN, "head": searching(TEN, "from BD to IN"), **all_whole(TEN)},
     "FAIL REP-2 format -: Searching for 10 flags: from BD to IN | 10 codes are listed"),
    ("eleven codes are listed and miscounted",
     {"words": ELEVEN, "head": searching(ELEVEN, number=12), **all_whole(ELEVEN)},
     "FAIL REP-2 miscounted -: Searching for 12 flags: from BD to IR | 11: from BD to IR"),
    ("a number more, and the right requests",
     {"head": searching("BR CN", number=3)},
     "FAIL REP-2 miscounted -: Searching for 3 flags: BR, CN | 2: BR, CN"),
    ("a number more, and a wrong list",
     {"head": searching("BR CN US")},
     "FAIL EXP-1 unexpected -: Searching for 3 flags: BR, CN, US | 2: BR, CN (stops)"),
    ("a number more, and one is asked for twice",
     {"head": searching("BR CN", number=3), "entries": ["BR 200 9", "BR 200 9", "CN 200 9"]},
     "FAIL EXP-1 unexpected -: Searching for 3 flags: BR, CN | 2: BR, CN (stops)"),
    ("a number more, and one was redirected in a circle",
     {"head": searching("BR CN", number=3), "entries": [redirect("BR", "/flags/br/br.gif"),
      redirect("BR", "/flags/br/br.gif"), "CN 200 9"]},
     "FAIL REP-2 miscounted -: Searching for 3 flags: BR, CN | 2: BR, CN",
     "FAIL OUT-3 corrupt BR: 302; then 302; the file is different | 2 ok"),
    ("a number more, and one is not asked for",
     {"head": searching("BR CN", number=3), "entries": ["BR 200 9"]},
     "FAIL EXP-1 unexpected -: Searching for 3 flags: BR, CN | 2: BR, CN (stops)"),
    ("a number more, and not the ends of the list",
     {"words": ELEVEN, "head": searching(ELEVEN, "from BE to IR", number=12), **all_whole(ELEVEN)},
     "FAIL EXP-1 unexpected -: Searching for 12 flags: from BE to IR | "
     "11: from BD to IR (stops)"),
    ("a number more, and not the other end of the list",
     {"words": ELEVEN, "head": searching(ELEVEN, "from BD to IS", number=12), **all_whole(ELEVEN)},
     "FAIL EXP-1 unexpected -: Searching for 12 flags: from BD to IS | "
     "11: from BD to IR (stops)"),
    ("a wrong list where the subject is the command line",
     {"subject": "CLI-1", "head": searching("BR US")},
     "FAIL CLI-1 unexpected -: Searching for 2 flags: BR, US | 2: BR, CN (stops)"),
    ("a wrong list where the subject is a legacy",
     {"words": "-l 2", "subject": "L-4", "asks": (("BD", "BR", "CD"), ("BD", "BR")),
      "head": searching("BD CD")},
     "INFO L-4 unexpected -: Searching for 2 flags: BD, CD | 3: BD, BR, CD (stops)"),
    ("the second of two readings",
     {"words": "-l 2", **EITHER, "asks": (tuple(TEN.split()), ("BD", "BR")),
      "head": searching("BD BR"), **all_whole("BD BR")},
     "INFO L-4 reading -: asks for 2: BD, BR | either will do"),
    ("no line of the codes where there are two readings",
     {"words": "-l 2", **EITHER, "asks": (tuple(TEN.split()), ("BD", "BR")), "head": (SITE,
      CONNECTIONS), **all_whole("BD BR")},
     "FAIL REP-2 missing -: no such line on stdout | Searching for N flags: ...",
     "FAIL REQ-2 lost CD: no request | 2 ok",
     "FAIL REQ-2 lost CN: no request | 2 ok",
     "FAIL REQ-2 lost DE: no request | 2 ok",
     "FAIL REQ-2 lost EG: no request | 2 ok",
     "FAIL REQ-2 lost ET: no request | 2 ok",
     "FAIL REQ-2 lost FR: no request | 2 ok",
     "FAIL REQ-2 lost ID: no request | 2 ok",
     "FAIL REQ-2 lost IN: no request | 2 ok"),
    ("others of all codes than the limit leaves",
     {"words": "-e -l 3", "head": searching("AA AC AD"), **all_whole("AA AC AD")},
     "FAIL EXP-6 unexpected -: Searching for 3 flags: AA, AC, AD | 3: AA, AB, AC (stops)"),
    ("more of all codes than the limit leaves",
     {"words": "-e -l 2", "head": searching("AA AB AC"), **all_whole("AA AB AC")},
     "FAIL EXP-5 unexpected -: Searching for 3 flags: AA, AB, AC | 2: AA, AB (stops)"),
    ("others of the countries than the limit leaves",
     {"words": "-a -l 2", "head": searching("AD AF"), **all_whole("AD AF")},
     "FAIL EXP-7 unexpected -: Searching for 2 flags: AD, AF | 2: AD, AE (stops)"),
    ("all codes backwards",
     {"words": "-e", "head": (SITE, "Searching for 676 flags: from ZZ to AA", CONNECTIONS)},
     "FAIL EXP-4 unexpected -: Searching for 676 flags: from ZZ to AA | "
     "676: from AA to ZZ (stops)"),
    ("no connection",
     {"head": (SITE, SEARCH, "0 concurrent connections will be used.")},
     "FAIL CON-2 exceeded -: 0 connections | 1 to 2",
     "FAIL CON-1 exceeded -: 1 in flight | 0 announced"),
    ("no connection, and no request",
     {"head": (SITE, SEARCH, "0 concurrent connections will be used."), "entries": [],
      "plan": Plan(refuse=True), "files": {}, "totals": ["0 flags downloaded.", "2 errors."]},
     "FAIL CON-2 exceeded -: 0 connections | 1 to 2"),
    ("seven connections of twenty",
     {"words": "-m 20 " + ELEVEN, "head": (*searching(ELEVEN)[:2],
      "7 concurrent connections will be used."), **all_whole(ELEVEN)},
     "NON-STRICT CON-4 unreached -: 7 connections | 8"),
    ("eight connections of twenty",
     {"words": "-m 20 " + ELEVEN, "head": (*searching(ELEVEN)[:2],
      "8 concurrent connections will be used."), **all_whole(ELEVEN)}),
    ("seven connections of seven",
     {"words": "-m 7 " + ELEVEN, "head": (*searching(ELEVEN)[:2],
      "7 concurrent connections will be used."), **all_whole(ELEVEN)}),
    ("one is not asked for, and the totals have it as an error",
     {"totals": ["1 flag downloaded.", "1 error."], "entries": ["BR 200 9"],
      "files": {"br.gif": 9}},
     "FAIL REQ-2 lost CN: no request | said something"),
    ("one is not asked for, and its line has it as an error",
     {"words": "-v BR CN", "lines": ["BR OK", error("CN")], "totals": ["1 flag downloaded.",
      "1 error."], "entries": ["BR 200 9"], "files": {"br.gif": 9}},
     "FAIL REQ-2 lost CN: no request | said error"),
    ("none is asked for, and the totals have them as errors",
     {"totals": ["0 flags downloaded.", "2 errors."], "entries": [], "files": {}},
     "FAIL REQ-2 lost BR: no request | said something"),
    ("one is not asked for, and is called downloaded",
     {"words": "-v BR CN", "lines": ["BR OK", "CN OK"], "entries": ["BR 200 9"],
      "files": {"br.gif": 9}},
     "FAIL REQ-2 lost CN: no request | 1 ok"),
    ("one is not asked for, is there, and is called downloaded by its line only",
     {"words": "-v BR CN", "lines": ["BR OK", "CN OK"], "totals": ["1 flag downloaded.",
      "1 error."], "entries": ["BR 200 9"], **CN_BEFORE, "files": {"br.gif": 9}},
     "FAIL FIL-4 lost CN: no request; the file is old | 1 ok",
     "FAIL ACC-2 miscounted -: 2 ok by its own lines | 1 ok, 1 error"),
    ("one is not asked for, is there, and has no line",
     {"words": "-v BR CN", "lines": ["BR OK"], "totals": ["1 flag downloaded."],
      "entries": ["BR 200 9"], **CN_BEFORE, "files": {"br.gif": 9}},
     "FAIL REQ-2 lost CN: no request; the file is old | nothing"),
    ("one is not asked for, and is called not found",
     {"words": "-v BR CN", "lines": ["BR OK", "CN not found"], "totals": ["1 flag downloaded.",
      "1 not found."], "entries": ["BR 200 9"], "files": {"br.gif": 9}},
     "FAIL REQ-2 miscounted CN: no request | 1 not found"),
    ("two are not asked for, and one is miscounted besides",
     {"words": "BR CN US", "head": searching("BR CN US"), "totals": ["1 flag downloaded."],
      "entries": ["BR 200 9"], "files": {"br.gif": 9}},
     "FAIL REQ-2 lost CN: no request | 1 ok",
     "FAIL REQ-2 lost US: no request | 1 ok"),
    ("nothing is counted, and everything was saved",
     {"totals": ["0 flags downloaded."]},
     "FAIL ACC-1 lost BR: 200 with 9 of 9 bytes | nothing",
     "FAIL ACC-1 lost CN: 200 with 9 of 9 bytes | nothing"),
    ("nothing is counted, and nothing was saved",
     {"totals": ["0 flags downloaded."], "files": {}},
     "FAIL FIL-1 lost BR: 200 with 9 of 9 bytes | nothing",
     "FAIL FIL-1 lost CN: 200 with 9 of 9 bytes | nothing"),
    ("a flag that is not there is called downloaded",
     {"words": "-v BR CN", "lines": ["BR OK", "CN OK"], "files": {"br.gif": 9}},
     "FAIL FIL-1 lost CN: 200 with 9 of 9 bytes | 1 ok"),
    ("a file from before is called downloaded where nobody listens",
     {**ONE_TOLD, "plan": Plan(refuse=True), "lines": ["BR OK"], "totals": ["1 flag downloaded."],
      "entries": [], "files": {}, **BR_BEFORE},
     "FAIL FIL-4 lost BR: no request; the file is old | 1 ok"),
    ("a flag is called downloaded where nobody listens",
     {**ONE_TOLD, "plan": Plan(refuse=True), "lines": ["BR OK"], "totals": ["1 flag downloaded."],
      "entries": [], "files": {}},
     "FAIL FIL-1 lost BR: no request | 1 ok"),
    ("a line for a code that nobody asked for",
     {"words": "-v BR CN", "lines": ["BR OK", "CN OK", "US OK"]},
     "FAIL REP-8 unexpected US: not asked for | 1 ok"),
    ("a line for a code that nobody asked for, and one not asked for",
     {"words": "-v BR CN", "lines": ["BR OK", "US OK"], "totals": ["1 flag downloaded."],
      "entries": ["BR 200 9"], "files": {"br.gif": 9}},
     "FAIL REQ-2 lost CN: no request | nothing"),
    ("one line is missing, and a number less",
     {"words": "-v BR CN", "lines": ["BR OK"], "totals": ["1 flag downloaded."]},
     "FAIL REP-8 lost CN: 200 with 9 of 9 bytes | nothing"),
    ("one line is missing, and two numbers more",
     {"words": "-v BR CN", "lines": ["BR OK"], "totals": ["3 flags downloaded."]},
     "FAIL REP-8 lost CN: 200 with 9 of 9 bytes | nothing"),
    ("one line is missing, and its number is right",
     {"words": "-v BR CN", "lines": ["BR OK"]},
     "FAIL REP-8 lost CN: 200 with 9 of 9 bytes | nothing"),
    ("a line twice and a request twice",
     {"words": "-v BR CN", "lines": ["BR OK", "BR OK", "CN OK"], "entries": ["BR 200 9",
      "BR 200 9", "CN 200 9"]},
     "FAIL REQ-4 duplicated BR: 200 with 9 of 9 bytes; then 200 with 9 of 9 bytes | "
     "asked for once",
     "FAIL REQ-4 duplicated BR: 200 with 9 of 9 bytes; then 200 with 9 of 9 bytes | 2 ok"),
    ("a request twice",
     {"words": "-v BR CN", "lines": ["BR OK", "CN OK"], "entries": ["BR 200 9", "BR 200 9",
      "CN 200 9"]},
     "FAIL REQ-4 duplicated BR: 200 with 9 of 9 bytes; then 200 with 9 of 9 bytes | "
     "asked for once"),
    ("a wrong request in place of the right one",
     {"entries": ["BR 200 9", "US 200 9"], "files": {"br.gif": 9},
      "totals": ["1 flag downloaded.", "1 error."]},
     "FAIL REQ-3 unexpected US: GET /flags/us/us.gif on LOCAL | not asked for"),
    ("a file from before, and the request went elsewhere",
     {**ONE_TOLD, "lines": ["BR OK"], "totals": ["1 flag downloaded."], "entries": [{"code": "BR",
      "server": "DELAY", "length": 9}], **BR_BEFORE, "files": {}},
     "FAIL REQ-6 unexpected BR: GET /flags/br/br.gif on DELAY | asked of LOCAL"),
    ("a file from before, and a new one by another name",
     {**ONE_TOLD, "lines": ["BR OK"], "totals": ["1 flag downloaded."], "entries": ["BR 200 9"],
      **BR_BEFORE, "files": {"flag.gif": {"size": 9, "sha256": "BR:9"}}},
     "FAIL FIL-4 corrupt BR: 200 with 9 of 9 bytes; the file is old | 1 ok"),
    ("whole flags are called not found in the totals",
     {"totals": ["1 flag downloaded.", "1 not found."]},
     "FAIL OUT-1 miscounted -: 2 ok | 1 ok, 1 not found"),
    ("whole flags are called errors in the totals",
     {"totals": ["1 flag downloaded.", "1 error."]},
     "FAIL OUT-1 miscounted -: 2 ok | 1 ok, 1 error"),
    ("whole flags are called errors, and one not found is right",
     {"words": "BR CN ZZ", "head": searching("BR CN ZZ"), "entries": ["BR 200 9", "CN 200 9",
      "ZZ 404 0"], "totals": ["1 flag downloaded.", "1 not found.", "1 error."]},
     "FAIL OUT-1 miscounted -: 1 not found, 2 ok | 1 ok, 1 not found, 1 error"),
    ("an error of three kinds is called downloaded",
     {"words": "BR CN US", "head": searching("BR CN US"), "entries": [with_status("BR", 503),
      closed("CN"), cut("US")], "files": {}, "totals": ["1 flag downloaded.", "2 errors."]},
     "FAIL OUT-3 miscounted -: 3 error | 1 ok, 2 error (not certain)"),
    ("an error of two kinds is called downloaded",
     {"entries": [closed("BR"), cut("CN")], "files": {}, "totals": ["1 flag downloaded.",
      "1 error."]},
     "FAIL OUT-4 miscounted -: 2 error | 1 ok, 1 error (not certain)"),
    ("an error of one kind is called downloaded",
     {**ONE, "entries": [cut("BR")], "files": {}, "totals": ["1 flag downloaded."]},
     "FAIL OUT-5 miscounted -: 1 error | 1 ok"),
    ("a status that is called downloaded",
     {**ONE, "entries": [with_status("BR", 503)], "files": {}, "totals": ["1 flag downloaded."]},
     "FAIL OUT-3 miscounted -: 1 error | 1 ok"),
    ("two errors are called downloaded, and one left a file",
     {"entries": [closed("BR"), with_status("CN", 503)], "files": {"br.gif": OLD}},
     "FAIL OUT-4 miscounted -: 2 error | 2 ok (not certain)"),
    ("two errors are called downloaded, and one left what was sent",
     {"entries": [cut("BR"), with_status("CN", 503)], "files": {"br.gif": {"size": 5,
      "sha256": "BR:5"}}},
     "FAIL OUT-5 miscounted -: 2 error | 2 ok (not certain)"),
    ("two errors left files, and one is called downloaded",
     {"entries": [cut("BR"), with_status("CN", 503)], "files": {"br.gif": OLD, "cn.gif": OLD},
      "totals": ["1 flag downloaded.", "1 error."]},
     "FAIL OUT-3 miscounted -: 2 error | 1 ok, 1 error (not certain)"),
    ("two errors left files, and are called so",
     {"entries": [cut("BR"), with_status("CN", 503)], "files": {"br.gif": OLD, "cn.gif": OLD},
      "totals": ["0 flags downloaded.", "2 errors."]},
     "FAIL FIL-2 leftover BR: 200 with 5 of 9 bytes; the file is different | "
     "br.gif has 3 bytes",
     "FAIL FIL-2 leftover CN: 503; the file is different | cn.gif has 3 bytes"),
    ("an error, and a whole flag with another file, are called downloaded",
     {"words": "BR CN US", "head": searching("BR CN US"), "entries": ["BR 200 9",
      with_status("CN", 503), with_status("US", 503)], "files": {"br.gif": OLD},
      "totals": ["3 flags downloaded."]},
     "FAIL FIL-1 miscounted -: 3 error | 3 ok (not certain)",
     "FAIL FIL-1 corrupt BR: 200 with 9 of 9 bytes; the file is different | br.gif has 3 bytes"),
    ("one file from before and one missing, and one is called an error",
     {**BR_BEFORE, "files": {}, "totals": ["1 flag downloaded.", "1 error."]},
     "FAIL FIL-4 miscounted -: 2 error | 1 ok, 1 error (not certain)"),
    ("one file missing and one never asked for, and both are called downloaded",
     {"entries": ["BR 200 9"], "files": {}},
     "FAIL FIL-1 miscounted -: 2 error | 2 ok (not certain)",
     "FAIL REQ-2 lost CN: no request | said something"),
    ("one status and one never asked for, and one is called downloaded",
     {"entries": [with_status("BR", 503)], "files": {}, "totals": ["1 flag downloaded.",
      "1 error."]},
     "FAIL REQ-2 miscounted -: 2 error | 1 ok, 1 error (not certain)",
     "FAIL REQ-2 lost CN: no request | said something"),
    ("what may be ok or an error is called not found",
     {**ONE, "entries": [no_length("BR")], "files": {"br.gif": 9},
      "totals": ["0 flags downloaded.", "1 not found."]},
     "FAIL ACC-1 miscounted -: 1 ok/error | 1 not found"),
    ("what may be ok or an error is called not found by its line",
     {**ONE_TOLD, "entries": [no_length("BR")], "files": {}, "lines": ["BR not found"],
      "totals": ["0 flags downloaded.", "1 not found."]},
     "FAIL OUT-5 miscounted BR: 200 with 9 bytes | 1 not found"),
    ("what may be ok or an error is called ok, and is not there",
     {**ONE_TOLD, "entries": [no_length("BR")], "files": {}, "lines": ["BR OK"],
      "totals": ["1 flag downloaded."]},
     "FAIL FIL-1 miscounted BR: 200 with 9 bytes | 1 ok"),
    ("what may be ok or an error is called ok, and is something else",
     {**ONE_TOLD, "entries": [no_length("BR")], "files": {"br.gif": OLD}, "lines": ["BR OK"],
      "totals": ["1 flag downloaded."]},
     "FAIL FIL-1 corrupt BR: 200 with 9 bytes; the file is different | 1 ok"),
    ("the same in an interrupted run",
     {"words": "-v BR CN", "expects": "interrupt", "status": 130, "entries": [no_length("BR")],
      "files": {"br.gif": OLD}, "lines": ["BR OK"], "totals": ["1 flag downloaded.",
      "1 interrupted."]},
     "FAIL FIL-1 corrupt BR: 200 with 9 bytes; the file is different | 1 ok"),
    ("a whole flag is something else in an interrupted run",
     {"words": "-v BR CN", "expects": "interrupt", "status": 130, "entries": ["BR 200 9"],
      "files": {"br.gif": OLD}, "lines": ["BR OK"], "totals": ["1 flag downloaded.",
      "1 interrupted."]},
     "FAIL FIL-1 corrupt BR: 200 with 9 of 9 bytes; the file is different | 1 ok"),
    ("what may be ok or an error is not there, and counted as downloaded besides an error",
     {"entries": [no_length("BR"), with_status("CN", 503)], "files": {}},
     "FAIL FIL-1 miscounted -: 2 error | 2 ok (not certain)"),
    ("a whole flag that is not there is called not found",
     {**ONE_TOLD, "files": {}, "entries": ["BR 200 9"], "lines": ["BR not found"],
      "totals": ["0 flags downloaded.", "1 not found."]},
     "FAIL FIL-1 miscounted BR: 200 with 9 of 9 bytes | 1 not found"),
    ("a whole flag is called not found",
     {**ONE_TOLD, "files": {"br.gif": 9}, "entries": ["BR 200 9"], "lines": ["BR not found"],
      "totals": ["0 flags downloaded.", "1 not found."]},
     "FAIL OUT-1 miscounted BR: 200 with 9 of 9 bytes | 1 not found"),
    ("a close, and then a status, are called not found",
     {**ONE_TOLD, "files": {}, "entries": [closed("BR"), with_status("BR", 503)],
      "lines": ["BR not found"], "totals": ["0 flags downloaded.", "1 not found."]},
     "FAIL OUT-3 miscounted BR: a close before a reply; then 503 | 1 not found"),
    ("a status twice in two lines, and its file is left",
     {**ONE_TOLD, "files": {"br.gif": OLD}, "entries": [with_status("BR", 503)],
      "lines": ["BR OK", "BR OK"], "totals": ["1 flag downloaded."]},
     "FAIL REP-8 duplicated BR: 503; the file is different | 2 ok"),
    ("a file of a code that was called an error",
     {**ONE_TOLD, "files": {"br.gif": OLD}, "entries": [with_status("BR", 503)],
      "lines": [error("BR")], "totals": ["0 flags downloaded.", "1 error."]},
     "FAIL FIL-2 leftover BR: 503; the file is different | br.gif has 3 bytes"),
    ("a number too many, and a wrong file",
     {**ONE_TOLD, "files": {"br.gif": OLD}, "entries": ["BR 200 9"], "lines": ["BR OK"],
      "totals": ["2 flags downloaded."]},
     "FAIL ACC-1 miscounted -: 1 ok by its own lines | 2 ok",
     "FAIL ACC-1 corrupt BR: 200 with 9 of 9 bytes; the file is different | 1 ok"),
    ("two whole flags are called errors by their lines",
     {"words": "-v BR CN", "lines": [error("BR"), error("CN")], "totals": ["0 flags downloaded.",
      "2 errors."], "files": {}},
     "FAIL OUT-1 miscounted BR: 200, 9 bytes | error"),
    ("one whole flag is called an error, and there was no folder in its place",
     {"words": "-v BR CN", "there": {"br.gif/": ""}, "lines": [error("BR"), "CN OK"],
      "totals": ["1 flag downloaded.", "1 error."], "files": {"cn.gif": 9}}),
    ("two whole flags are called errors in the totals, and are not there",
     {"totals": ["0 flags downloaded.", "2 errors."], "files": {}},
     "FAIL OUT-1 miscounted BR: 2 whole flags not there: BR, CN | 2 errors"),
    ("a whole flag is not there, and called an error beside a status and a 404",
     {"words": "BR CN ZZ", "head": searching("BR CN ZZ"), "entries": ["BR 200 9",
      with_status("CN", 503), "ZZ 404 0"], "files": {}, "totals": ["0 flags downloaded.",
      "1 not found.", "2 errors."]},
     "FAIL OUT-1 miscounted BR: 1 whole flag not there: BR | 2 errors"),
    ("a whole flag is not there where something lay in the folder",
     {"totals": ["0 flags downloaded.", "2 errors."], "files": {}, "there": {"x.txt": "x"}}),
    ("a whole flag is not there where there was no folder",
     {"totals": ["0 flags downloaded.", "2 errors."], "files": {}, "dest": False}),
    ("no line of a code with -v",
     {"words": "-v BR CN"},
     "FAIL REP-8 lost -: no line of a code | 2 lines"),
    ("no line of a code with -v, interrupted",
     {"words": "-v BR CN", "expects": "interrupt", "subject": "CLI-10", "status": 130,
      "totals": ["1 flag downloaded."], "tail": (HYPHENS, ..., ELAPSED, "1 interrupted."),
      "entries": ["BR 200 9"], "files": {"br.gif": 9}}),
    ("eight in flight of two, then seven",
     {"entries": [{"code": "BR", "length": 9, "in_flight": 8}, {"code": "CN", "length": 9,
      "in_flight": 7}]},
     "FAIL CON-1 exceeded -: 8 in flight | 2 announced"),
    ("two in flight of two",
     {"entries": [{"code": "BR", "length": 9, "in_flight": 2}, {"code": "CN", "length": 9,
      "in_flight": 1}]}),
    ("a gate held one of two",
     {"entries": ["BR 200 9", "CN 200 9", {"type": "gate", "server": "LOCAL", "held": 1,
      "filled": False}]},
     "FAIL CON-3 unreached -: 1 in flight, while the server held its replies | 2 announced"),
    ("a gate was filled by fewer",
     {"entries": ["BR 200 9", "CN 200 9", {"type": "gate", "server": "LOCAL", "held": 1,
      "filled": True}]}),
    ("a gate held as many as are announced",
     {"entries": ["BR 200 9", "CN 200 9", {"type": "gate", "server": "LOCAL", "held": 2,
      "filled": False}]}),
    ("a gate held one, and only one was asked for",
     {"entries": ["BR 200 9", {"type": "gate", "server": "LOCAL", "held": 1, "filled": False}]},
     "FAIL REQ-2 lost CN: no request; the file is different | 2 ok"),
    ("the gate of another server",
     {"entries": ["BR 200 9", "CN 200 9", {"type": "gate", "server": "DELAY", "held": 1,
      "filled": False}]}),
    ("a time-out that is not heeded",
     {"timeout_s": 1.0, "elapsed_s": 10.0},
     "INFO HOOK-2 freedom -: does not heed it | either will do"),
    ("a time-out that is heeded",
     {"timeout_s": 1.0, "elapsed_s": 9.9},
     "INFO HOOK-2 freedom -: heeds it | either will do"),
    ("a reset, and no second attempt",
     {"subject": "REQ-5", "entries": [closed("BR"), "CN 200 9"], "files": {"cn.gif": 9},
      "totals": ["1 flag downloaded.", "1 error."]},
     "INFO REQ-5 freedom -: does not ask again | either will do"),
    ("redirects that are not followed",
     {"subject": "REQ-9", "entries": [redirect("BR", "/flags/ad/ad.gif"), "CN 200 9"],
      "files": {"cn.gif": 9}, "totals": ["1 flag downloaded.", "1 error."]},
     "INFO REQ-9 freedom -: does not follow redirects | either will do"),
    ("two replies that leave it free",
     {"subject": "OUT-6", "words": "-v BR CN", "entries": [no_length("BR"), closed("CN",
      do="cut_headers")], "files": {"br.gif": 9}, "lines": ["BR OK", error("CN")],
      "totals": ["1 flag downloaded.", "1 error."]},
     "INFO OUT-6 freedom -: cut headers: error, no length: ok | either will do"),
    ("a reply that leaves it free, told in two ways",
     {"subject": "OUT-6", "words": "-v BR CN", "entries": [no_length("BR"), "CN 200 9"],
      "lines": ["BR OK", error("BR"), "CN OK"]},
     "FAIL REP-8 duplicated BR: 200 with 9 bytes | 1 ok, 1 error",
     "INFO OUT-6 freedom -: no length: ok/error | either will do"),
    ("a reply that leaves it free, without its line",
     {"subject": "OUT-6", "entries": [no_length("BR"), "CN 200 9"]}),
    ("a reply that leaves it free in a case for a legacy",
     {"words": "-v -l 2 BR CN", "subject": "L-4", "expects": "either",
      "entries": [no_length("BR"), "CN 200 9"], "lines": ["BR OK", "CN OK"]}),
    ("totals in another order, with one of nothing",
     {"totals": ["0 errors.", "2 flags downloaded."]},
     "FAIL REP-5 format -: 0 errors.; 2 flags downloaded. | "
     "N flags downloaded. N not found. N errors.",
     "NON-STRICT REP-6 format -: 0 errors. | left out"),
    ("totals without flags",
     {"totals": ["2 not found."], "entries": ["BR 404 0", "CN 404 0"], "files": {}},
     "FAIL REP-5 format -: 2 not found. | N flags downloaded. N not found. N errors."),
    ("a usage error behind one request",
     {**BAD, "head": searching("BR"), "entries": ["BR 200 9"], "status": 1},
     "FAIL CLI-6 late -: 1 request, status 1 | no request (stops)"),
    ("one connection of two",
     {"words": "-m 2 BR CN", "head": (SITE, SEARCH, "1 concurrent connection will be used.")},
     "NON-STRICT CON-4 unreached -: 1 connection | 2"),
    ("REMOTE with a URL that is none",
     {"words": "-s REMOTE BR CN", "files": {}, "head": ("REMOTE site: http://x:port/flags",
      SEARCH, CONNECTIONS), "entries": []},
     "FAIL REQ-2 miscounted -: 2 error | 2 ok",
     "FAIL REQ-2 lost BR: no request | said something"),
    ("a number of connections that nobody reads",
     {"head": (SITE, SEARCH, "9" * 4100 + " concurrent connections will be used.")},
     "FAIL REP-3 missing -: no such line on stdout | N concurrent connections will be used."),
    ("an error of its own beside another is called not found",
     {"words": "-v BR CN", "entries": [with_status("BR", 503), closed("CN")], "files": {},
      "lines": ["BR not found", error("CN")], "totals": ["0 flags downloaded.", "1 not found.",
      "1 error."]},
     "FAIL OUT-3 miscounted BR: 503 | 1 not found"),
    ("one of three is not counted, and the others are errors",
     {"words": "BR CN US", "head": searching("BR CN US"), "entries": [with_status("BR", 503),
      closed("CN"), "US 200 9"], "files": {"us.gif": 9}, "totals": ["1 flag downloaded.",
      "1 error."]},
     "FAIL ACC-1 lost -: 3 codes asked for: 2 error, 1 ok | 1 ok, 1 error"),
    ("two are not asked for, and one of them is not counted",
     {"words": "BR CN US", "head": searching("BR CN US"), "entries": ["BR 200 9"],
      "files": {"br.gif": 9}, "totals": ["1 flag downloaded.", "1 error."]},
     "FAIL REQ-2 lost CN: no request | said something"),
    ("one is not asked for, and is called downloaded by its line only",
     {"words": "-v BR CN", "lines": ["BR OK", "CN OK"], "totals": ["1 flag downloaded.",
      "1 error."], "entries": ["BR 200 9"], "files": {"br.gif": 9}},
     "FAIL REQ-2 lost CN: no request | 1 ok"),
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
        lines = tuple(Line(0.1 * n, text) for n, text in enumerate(texts))
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
    return book_lines(case, run, findings(case, run)), books(case, run, findings(case, run))


def test_a_row_has_its_columns_by_name():
    _, (row, *_, last) = shown("-v BR CN", ["BR 200 9", "CN 404 0"], {"br.gif": 9})
    assert row == {
        "code": "BR",
        "planned": "serve",
        "seen": "200, 9 bytes",
        "said": "ok",
        "file": "9 bytes, as sent",
        "word": None,
    }
    assert last == {
        "code": None,
        "planned": "",
        "seen": "1 ok, 1 not found",
        "said": "2 ok",
        "file": "1 in downloads",
        "word": None,
    }


def test_a_file_from_before_that_is_what_was_sent_is_said_to_be_so():
    same = {"size": 9, "sha256": "BR:9"}
    lines, _ = shown(
        "-v BR CN",
        ["BR 200 9", "CN 200 9"],
        {"cn.gif": OLD},
        there=["br.gif"],
        before={"br.gif": same},
        kept=["br.gif"],
    )
    assert lines[:2] == [
        "BR | serve | 200, 9 bytes | ok | 9 bytes, from before | None",
        "CN | serve | 200, 9 bytes | ok | 3 bytes, not as sent | corrupt",
    ]


def test_a_line_is_said_in_all_the_ways_that_it_was():
    case = Case("a", ("OUT-1",), ("-v", "BR"))
    run = run_of({"stdout": [*searching("BR"), "BR OK", "BR not found"], "entries": ["BR 200 9"]})
    row, last = book_lines(case, run, ())
    assert row == "BR | serve | 200, 9 bytes | ok/not found | none | None"
    assert last == "None |  | 1 ok | no report | 0 in downloads | None"


# --- what is said ---------------------------------------------------------------------------------


def test_a_report_is_what_stands_behind_the_last_hyphens():
    lines = heard([SITE, HYPHENS, "1 flag downloaded.", HYPHENS, "2 flags downloaded.", ELAPSED])
    assert lines.report == ("2 flags downloaded.", ELAPSED)
    assert heard([SITE]).report == ()


def test_lines_between_hyphens_are_no_report():
    assert found_in(tail=(HYPHENS, "1 not found.", ..., HYPHENS, ..., ELAPSED)) == []


# --- what findings make of a clause and a program -------------------------------------------------

LOST = Finding("OUT-1", "lost", "nothing", "1 ok", "BR")


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
    found = broken(clause, "lost", "nothing", "1 ok", "BR", stops=True)
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
    assert replace(LOST, saw="something", code=None).cause == LOST.cause
    with pytest.raises(FrozenInstanceError):
        LOST.saw = "something"
    with pytest.raises(FrozenInstanceError):
        heard([]).site = 1


WORST_FIRST = (
    "KIT-ERROR", "CRASH", "TIMEOUT", "FAIL", "FLAKY", "NON-STRICT", "LEGACY", "INFO", "PASS",
    "UNSUPPORTED", "NOT-TESTED",
)  # fmt: skip


def test_the_worst_verdict_counts():
    for place, name in enumerate(WORST_FIRST):
        assert worst(map(Verdict, reversed(WORST_FIRST[place:]))) == name
    assert worst([]) == "NOT-TESTED"


def test_a_case_comes_to_the_worst_of_what_was_found_in_it():
    freedom = broken("OUT-6", "freedom", "ok", "either will do")
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
