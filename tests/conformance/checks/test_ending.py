"""How a run ended: usage errors, crashes, time-outs, status, what is left."""

from dataclasses import replace

from support.made_runs import (
    BAD,
    CONNECTIONS,
    EITHER,
    ELAPSED,
    HYPHENS,
    NOTHING,
    ONE,
    SEARCH,
    SITE,
    all_expected_of,
    all_found_in,
    all_whole,
    closed,
    error,
    searching,
)
from support.recorded_runs import run_of

from conformance.cases.model import Case
from conformance.checks.judge import findings
from conformance.recording import PrintedLine

RUNS = [
    ("a run that is right", {}),
    ("a SHOULD is the subject and another is missed", {"subject": "FIL-5", "tail": (HYPHENS, ...)}),
    ("a SHOULD is the subject and two MUSTs are broken", {"subject": "FIL-5",
     "totals": ["1 flags downloaded.", "1 error."], "status": 1},
     "NON-STRICT FIL-5 miscounted - (because of OUT-1) (stops)"),
    ("a hang until the server closes", {**ONE, "totals": (0, 0, 1), "entries": [closed("BR",
     do="hang", start_s=0.5, end_s=39.5)]}, "FAIL REQ-7 unbounded BR (stops)"),
    ("a shorter hang", {**ONE, "totals": (0, 0, 1), "entries": [closed("BR", do="hang", start_s=0.5,
     end_s=39.4)]}),
    ("a hang that the client gave up", {**ONE, "totals": (0, 0, 1), "entries": [closed("BR",
     do="hang", end_s=39.5, client_gone=True)]}),
    ("a long line is quoted in part", {**NOTHING, "status": 2, "stderr": ["x" * 201]},
     "FAIL CLI-1 refused - (stops)"),
    ("the line with the error is quoted, not the last one", {**NOTHING, "status": 2,
     "stderr": ["ValueError: of nothing", "bye"]}, "FAIL CLI-1 refused - (stops)"),
    ("a word that only resembles an error", {**NOTHING, "status": 2,
     "stderr": ["Errors of mine", "bye"]}, "FAIL CLI-1 refused - (stops)"),
    ("a crash before anything is announced", {**NOTHING, "status": 1, "stderr":
     ["Traceback (most recent call last):", "KeyError: 'BR'"]}, "CRASH ACC-3 crash - (stops)"),
    ("killed by a signal before anything is announced", {**NOTHING, "status": 129},
     "CRASH ACC-3 crash - (stops)"),
    ("the highest status that is no signal", {**NOTHING, "status": 128},
     "FAIL CLI-1 refused - (stops)"),
    ("an interrupted run that rejects its arguments", {**NOTHING, "expects": "interrupt",
     "subject": "CLI-10", "status": 2}, "NON-STRICT CLI-10 refused - (because of CLI-10) (stops)"),
    ("lower-case codes are rejected", {"words": "br cn", **NOTHING, "status": 2, "stderr": ["no"]},
     "FAIL EXP-1 refused - (stops)"),
    ("codes are rejected in a case for the expansion", {"words": "b", "subject": "EXP-2", **NOTHING,
     "status": 2, "stderr": ["no"]}, "FAIL EXP-2 refused - (stops)"),
    ("killed in place of a usage error", {**BAD, **NOTHING, "status": 129, "stderr": ["no"]},
     "CRASH CLI-6 crash - (stops)"),
    ("a usage error with status 128", {**BAD, **NOTHING, "status": 128, "stderr": ["no"]},
     "INFO L-6 refusal - (stops)"),
    ("a usage error without a message", {**BAD, **NOTHING, "status": 2},
     "NON-STRICT CLI-7 silent -", "INFO L-6 refusal - (stops)"),
    ("a usage error on stdout with the status for stderr", {**BAD, **NOTHING | {"stdout": ["no"]},
     "status": 2}, "INFO L-6 refusal - (stops)"),
    ("a usage error on stderr with the status for stdout", {**BAD, **NOTHING, "status": 1,
     "stderr": ["no"]}, "INFO L-6 refusal - (stops)"),
    ("no output where a report or a usage error is right", {"words": "-l 5", **EITHER, **NOTHING},
     "FAIL CLI-6 status - (stops)"),
    ("no output where a report is expected", {**NOTHING}, "FAIL CLI-9 silent - (stops)"),
    ("a report where a usage error is right too", {"words": "BR", **EITHER, **all_whole("BR")}),
    ("neither the line of the site nor that of the codes, of a command line that listings refuse",
     {"words": "-z BR", **EITHER, "asks": (("BR",),), **all_whole("BR")}),
    ("no totals after the hyphens", {"totals": []}, "FAIL REP-5 missing - (stops)"),
    ("totals on stderr", {"totals": [], "stderr": ["2 flags downloaded."]},
     "FAIL REP-10 missing - (stops)"),
    ("two requests after the report", {"entries": ["BR 200 9", "CN 200 9", {"code": "BR", "length":
     9, "start_s": 1.5}, {"code": "CN", "length": 9, "start_s": 1.6}]}, "FAIL ACC-4 late -"),
    ("the only request is after the report", {**ONE, "files": {}, "totals": (0, 0, 1), "entries":
     [{"code": "BR", "length": 9, "start_s": 1.5}]}, "FAIL ACC-4 late -"),
    ("a request at the moment of the report", {**ONE, "totals": (1, 0, 0), "entries": [{"code":
     "BR", "length": 9, "start_s": 1.0}]}),
    ("no report and nothing printed", {"stdout": [], "status": 1}, "CRASH ACC-3 crash - (stops)"),
    ("no report and an announcement", {"stdout": [SITE, SEARCH, CONNECTIONS], "status": 1},
     "CRASH ACC-3 crash - (stops)"),
    ("no report after an announcement that lacks a line", {"stdout": [SITE, CONNECTIONS],
     "status": 1}, "FAIL REP-2 missing -", "CRASH ACC-3 crash - (stops)"),
    ("no line `N interrupted.`", {"words": "-m 2 BR CN", "expects": "interrupt",
     "subject": "CLI-10", "status": 130}, "NON-STRICT CLI-10 format - (because of CLI-10) (stops)"),
    ("an interrupted run with another status", {"words": "-m 2 BR CN", "expects": "interrupt",
     "subject": "ACC-1", "status": 1, "totals": (1, 0, 0),
     "tail": (HYPHENS, ..., ELAPSED, "1 interrupted."), "entries": ["BR 200 9"]},
     "NON-STRICT CLI-10 status -"),
    ("two processes are left running", {"left": ["sleep", "cat"]}, "NON-STRICT ACC-6 leftover -"),
    ("a usage error after one request", {**BAD, "start": searching("BR"), "entries": ["BR 200 9"],
     "status": 1, "files": {"br.gif": 9, "cn.gif": 9}}, "FAIL CLI-6 late - (stops)"),
    ("an error, and the status says so", {"words": "-v BR CN", "lines": [error("BR"), "CN OK"],
     "entries": [closed("BR"), "CN 200 9"],
     "totals": (1, 0, 1), "status": 1}, "FAIL CLI-8 status -"),
    ("the wall limit ended the run", {**NOTHING, "status": None, "ended": "timeout"},
     "TIMEOUT ACC-5 timeout - (stops)"),
    ("a usage error with status 0", {**BAD, **NOTHING, "stderr": ["no"]},
     "FAIL CLI-6 status - (stops)"),
    ("a SHOULD is the subject, and what it is for is not there", {"subject": "FIL-5",
     "dest": False, "files": {}},
     "NON-STRICT FIL-5 lost BR (because of FIL-1) (stops)"),
]  # fmt: skip
"""Name, what differs from a right run, and every finding."""


def test_every_run_has_exactly_its_findings():
    assert all_found_in(RUNS) == all_expected_of(RUNS)


def test_a_request_is_late_if_a_line_of_the_report_was_read_before_it():
    texts = [*searching("BR"), HYPHENS, "1 flag downloaded.", ELAPSED]
    case = Case("a", ("OUT-1",), ("BR",))

    def late(start_s):
        asked = {"code": "BR", "length": 9, "start_s": start_s}
        run = run_of({"entries": [asked], "files": {"br.gif": 9}})
        lines = tuple(PrintedLine(0.1 * n, text) for n, text in enumerate(texts))
        return [one.clause for one in findings(case, replace(run, lines=lines))]

    assert late(0.35) == []  # the hyphens were read, but no total
    assert late(0.45) == ["ACC-4"]
