"""How a run ended: usage errors, crashes, time-outs, the exit status, what is left; pure."""

import re

from conformance.checks.interpret import Reading
from conformance.checks.patience import check_silence
from conformance.checks.printed_lines import HYPHENS, TOTAL
from conformance.checks.requests import describe
from conformance.recording import MAX_STDOUT, Run
from conformance.verdicts import Finding, Verdict, broken
from mockservers.flags2.arguments import parses
from mockservers.text import code_list, counted, shorten

MOST_OF_A_LINE = 200
"""Characters of the program's own words that a finding quotes."""

_ERROR_WORDS = re.compile(r"\w*(Error|Exception|panicked|fault)\b", re.IGNORECASE)


def check_end(reading: Reading) -> list[Finding]:
    """Ends after which nothing else can be judged: no end, a flood, a usage error."""
    found = [*check_silence(reading), *_ended_from_outside(reading)]
    if found:
        return found
    case, status = reading.case, reading.run.status
    if reading.did_nothing and status and case.expects in ("report", "interrupt"):
        return [_rejected(reading, status)]
    may_be_refused = case.expects in ("refusal", "either")
    if may_be_refused and status and not reading.requests and reading.claims.totals is None:
        return _usage_error(reading, status)
    if case.expects == "refusal" or (case.expects == "either" and reading.did_nothing):
        return [_not_rejected(reading)]
    return []


def check_report_printed(reading: Reading) -> list[Finding]:
    """The report is missing, or not on stdout, or requests follow it."""
    at, printed = reading.printed.hyphens, reading.printed
    if at is None:
        return [_no_report(reading)]
    if not any(TOTAL.fullmatch(text) for text in printed.report):
        clause, where = missing_line(reading, TOTAL, "REP-5")
        return [broken(clause, "missing", where, expected="N flags downloaded.", stops=True)]
    if reading.late:
        actual = f"{describe(reading.late[0])} after the report"
        return [broken("ACC-4", "late", actual, expected="nothing")]
    return []


def check_exit(reading: Reading) -> list[Finding]:
    """The exit status of a run with a report, and processes that are still running."""
    found = []
    run, interrupted = reading.run, reading.case.expects == "interrupt"
    status = 130 if interrupted else 0
    if run.status != status:
        clause = "CLI-10" if interrupted else "CLI-8"
        actual, expected = f"status {run.status}", f"status {status}"
        found.append(broken(clause, "status", actual, expected=expected))
    if interrupted and not reading.totals["interrupted"]:
        found.append(broken("CLI-10", "format", "no line `N interrupted.`", expected="one"))
    if run.left:
        actual = f"still running: {', '.join(sorted(run.left))}"
        found.append(broken("ACC-6", "leftover", actual, expected="no process left running"))
    return found


def missing_line(reading: Reading, pattern: re.Pattern[str], clause: str) -> tuple[str, str]:
    """The clause broken by a line that stdout lacks, and what is seen instead: REP-10 where stderr
    has the line, else `clause`.
    """
    if any(pattern.fullmatch(text.strip()) for text in reading.run.stderr.splitlines()):
        return "REP-10", "it is on stderr"
    return clause, "no such line on stdout"


def _fatal(clause: str, verdict: Verdict, kind: str, actual: str, expected: str) -> Finding:
    return Finding(clause, kind, actual, expected=expected, verdict=verdict, stops=True)


def _ended_from_outside(reading: Reading) -> list[Finding]:
    run = reading.run
    if run.ended == "flood":
        most = f"at most {MAX_STDOUT // 2**20} MiB"
        return [broken("REP-11", "flood", "more on stdout", expected=most, stops=True)]
    if run.ended == "timeout":
        actual = f"still running after {run.elapsed_s:.0f} s; {reading.progress}"
        return [_fatal("ACC-5", Verdict.TIMEOUT, "timeout", actual, "a run ends")]
    return []


def _rejected(reading: Reading, status: int) -> Finding:
    """A command line that should have led to a report was rejected."""
    case, last = reading.case, last_words(reading.run)
    if status > 128 or "Traceback" in reading.run.stderr:
        actual = f"status {status} before anything was announced: {last}"
        return _fatal("ACC-3", Verdict.CRASH, "crash", actual, "a report")
    lower_case = any(map(str.islower, case.command_line().codes))
    named = case.subject[:3] in ("EXP", "CLI")
    clause = case.subject if named else "EXP-1" if lower_case else "CLI-1"
    expected = requests_for(reading.asked_codes)
    return broken(clause, "refused", f"status {status}: {last}", expected=expected, stops=True)


def requests_for(codes: tuple[str, ...]) -> str:
    """What a program does that reads its arguments as these codes."""
    return f"asks for {len(codes)}: {code_list(codes)}"


def _usage_error(reading: Reading, status: int) -> list[Finding]:
    """A command line that must or may be rejected was."""
    case, run = reading.case, reading.run
    found = []
    if status > 128:
        found.append(_fatal("CLI-6", Verdict.CRASH, "crash", f"status {status}", "a usage error"))
    on_stdout = bool(run.stdout.strip())
    if not on_stdout and not run.stderr.strip():
        actual, expected = "nothing on stdout or stderr", "what is wrong"
        found.append(broken("CLI-7", "silent", actual, expected=expected))
    if case.expects == "either":
        actual = f"takes it for a usage error: {last_words(reading.run)}"
        found.append(
            Finding(
                case.subject, "refused", actual, expected="either is allowed", verdict=Verdict.INFO
            )
        )
    as_listed = (2, False) if not parses(case.arguments) else (1, True)
    verdict = Verdict.LEGACY if (status, on_stdout) == as_listed else Verdict.INFO
    actual = f"status {status}, message on {'stdout' if on_stdout else 'stderr'}"
    found.append(
        Finding("L-6", "refusal", actual, expected="any is allowed", verdict=verdict, stops=True)
    )
    return found


def _not_rejected(reading: Reading) -> Finding:
    """A usage error was accepted, or reported too late, or with status 0."""
    status, requests = reading.run.status, reading.requests
    if not requests and reading.claims.totals is None:
        actual, expected = f"status {status}", "another status than 0"
        return broken("CLI-6", "status", actual, expected=expected, stops=True)
    actual = f"{counted(len(requests), 'request')}, status {status}"
    if status != 0:
        return broken("CLI-6", "late", actual, expected="no request", stops=True)
    return broken(reading.case.subject, "accepted", actual, expected="a usage error", stops=True)


def _no_report(reading: Reading) -> Finding:
    """Why there are no hyphens: a report without them, on stderr, none in silence, a crash."""
    status = reading.run.status
    if any(TOTAL.fullmatch(text) for text in reading.printed.texts):
        actual = "totals without 20 hyphens before them"
        return broken("REP-5", "format", actual, expected="a report", stops=True)
    if HYPHENS in reading.run.stderr.splitlines():
        actual = "the report is on stderr"
        return broken("REP-10", "misplaced", actual, expected="on stdout", stops=True)
    if status == 0:
        actual = f"status 0; {reading.progress}"
        return broken("CLI-9", "silent", actual, expected="a report", stops=True)
    actual = f"status {status}, no report; last line: {last_words(reading.run)}"
    return _fatal("ACC-3", Verdict.CRASH, "crash", actual, "a report")


def last_words(run: Run) -> str:
    """The line in which the program says what went wrong."""
    return error_line(run.stderr) or error_line(run.stdout) or "nothing was printed"


def error_line(text: str) -> str:
    """The last line that looks like an error, else the last line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    lines = [line for line in lines if not line.lower().startswith("usage:")] or lines
    errors = [line for line in lines if _ERROR_WORDS.search(line)]
    return shorten((errors or lines or [""])[-1], MOST_OF_A_LINE)
