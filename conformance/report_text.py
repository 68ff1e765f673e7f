"""The report of a program as text for a terminal, and the words that all its forms share."""

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from conformance.verdicts import Finding, Verdict
from mockservers.text import cut_in_the_middle, safe, shorten

MOST_OF_JSON = 300
"""Characters of a question or an answer on the terminal."""
COLUMNS = 100
"""Characters of a line on the terminal."""
CELL = 28
"""Characters of a cell of the evidence table."""
_COLUMNS_OF_TABLE = ("code", "planned", "seen", "said", "file", "word")


def rows(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Failures, and what is reported beside them."""
    return [*report["failures"], *report.get("notes", ())]


def needs_file(row: Mapping[str, Any]) -> bool:
    """Whether a case is not one of the kit, so that only a file can hold it."""
    return bool(row.get("case")) and not row["replay"]


def text_report(report: Mapping[str, Any], folder: Path | None = None) -> str:
    """What is printed at the end: clauses that did not pass, failures, and a summary line.

    `folder` is the one that the report was written to.
    """
    lines = _smoke_lines(report)
    for name, row in report["clauses"].items():
        if row["verdict"] not in (Verdict.PASS, Verdict.NOT_TESTED, Verdict.UNSUPPORTED):
            known = " (known)" if row.get("known") else ""
            start = f"{row['verdict']:<11} {name:<7}{known}"
            lines += [f"{start} {what}" for what in how(report, name)]
            if not how(report, name):
                lines.append(shorten(f"{start} {row['text']}", COLUMNS))
    lines += _untested_lines(report)
    if any(row["verdict"] in (Verdict.INFO, Verdict.LEGACY) for row in report.get("notes", ())):
        command = shlex.join(report["command"])
        lines.append(f"to run one of these cases again: conformance replay CASE -- {command}")
    for row in rows(report):
        if row["verdict"] not in (Verdict.INFO, Verdict.LEGACY):
            lines += ["", *_failure_lines(row, report["command"], folder)]
    lines += _advice_lines(report)
    lines += [f"KIT-ERROR: {error}" for error in report.get("errors", ())]
    stale = [case["id"] for case in report["cases"] if case.get("stale")]
    lines += [f"listed as known, but passed or failed otherwise: {name}" for name in stale]
    return safe("\n".join([*lines, "", sentence(report)]).lstrip("\n"))


def how(report: Mapping[str, Any], clause: str) -> list[str]:
    """How a freedom is used, or a SHOULD is missed, each with its case; empty if a failure of the
    clause says more, or nothing is to be said.
    """
    if clause in {failure["clause"] for failure in report["failures"]}:
        return []
    if hidden_by := report["clauses"][clause].get("hidden_by"):
        return [f"hidden by {', '.join(hidden_by)}"]
    return [
        f"{row['cases'][0]}: {seen_of(one)}"
        for row in report.get("notes", ())
        for one in row["findings"]
        if one["clause"] == clause == row["clause"]
    ]


def _untested_lines(report: Mapping[str, Any]) -> list[str]:
    """The clauses that no case showed, by the reason; with `--only`, those that are hidden; none
    after a first run that failed.
    """
    if report.get("smoke"):
        return []
    reasons: dict[tuple[str, str], list[str]] = {}
    for name, row in report["clauses"].items():
        if row["verdict"] in (Verdict.NOT_TESTED, Verdict.UNSUPPORTED):
            hidden_by = row.get("hidden_by")
            reason = f"hidden by {', '.join(hidden_by)}" if hidden_by else ""
            if row.get("operation"):
                reason = f"the adapter does not have `{row['operation']}`"
            if report.get("only") and not reason:
                continue
            reasons.setdefault((row["verdict"], reason), []).append(name)
    return [
        f"{verdict:<11} {', '.join(names)}{': ' if reason else ''}{reason}"
        for (verdict, reason), names in reasons.items()
    ]


def _smoke_lines(report: Mapping[str, Any]) -> list[str]:
    if not report.get("smoke"):
        return []
    return [f"the first run failed: {report['smoke']['actual']}", ""]


def _advice_lines(report: Mapping[str, Any]) -> list[str]:
    if not report.get("smoke"):
        return []
    return ["", f"advice   {report['smoke']['advice']}", "no other clause was tested"]


def text_replay(
    command: Sequence[str],
    case: Mapping[str, Any],
    stdout: str | Sequence[str],
    stderr: str,
    status: int | None,
    found: Sequence[Finding],
    table: Sequence[Mapping[str, Any]],
) -> str:
    """What is printed for one case that was run again; `table` is its evidence table."""
    output = stdout if isinstance(stdout, str) else "\n".join(stdout)
    lines = [f"plan     {json.dumps(case['plan'])}"]
    lines += [f"command  {shlex.join([*command, *case['arguments']])}", *_table(table)]
    lines += ["", f"status   {status}", "stdout:", output.rstrip(), "stderr:", stderr.rstrip(), ""]
    lines += [f"{one.verdict} {finding_line(one.to_json())}" for one in found] or ["PASS"]
    return safe("\n".join(lines))


def _failure_lines(
    failure: Mapping[str, Any], command: Sequence[str], folder: Path | None
) -> list[str]:
    known = f" (known: {failure['known']})" if failure.get("known") else ""
    lines = [f"{failure['verdict']} {failure['clause']} {failure['word']}{known}", failure["text"]]
    lines += [f"  {finding_line(one)}" for one in failure.get("findings", ())]
    for name in ("question", "answer", "expected"):
        if name in failure:
            lines.append(f"{name:<8} {brief(failure[name], MOST_OF_JSON)}")
    if failure.get("case"):
        lines.append(f"plan     {json.dumps(failure['case']['plan'])}")
        lines += [f"{name:<8} {text}" for name, text in setting(failure["case"])]
        lines.append(f"command  {shell_command(failure, command)}")
        lines += _table(failure.get("books", ()))
    if failure.get("replay"):
        lines.append(replay_line(failure, command, folder))
    return lines


def shell_command(failure: Mapping[str, Any], command: Sequence[str]) -> str:
    """The command of a failure, quoted for a shell."""
    own = failure.get("command") or [*command, *failure["case"]["arguments"]]
    return shlex.join(own)


def replay_line(
    failure: Mapping[str, Any], command: Sequence[str], folder: Path | None = None
) -> str:
    """The command that runs a failure again; without `folder`, relative to that of the report."""
    file = str(Path(folder or "", failure["replay"]))
    return f"conformance replay {shlex.quote(file)} -- {shlex.join(command)}"


def finding_line(finding: Mapping[str, Any]) -> str:
    """A finding in one line: clause, word, code, and what was seen, claimed and expected."""
    code = f" {finding['code']}" if finding.get("code") else ""
    return f"{finding['clause']} {finding['word']}{code}: {seen_of(finding)}"


def seen_of(finding: Mapping[str, Any]) -> str:
    """What was seen; what the program claimed about it, if it did; and what was expected."""
    parts = [f"saw {finding['saw']}"]
    if finding.get("claimed") is not None:
        parts.append(f"claimed {finding['claimed']}")
    if finding.get("expected") is not None:
        parts.append(f"expected {finding['expected']}")
    return "; ".join(parts)


def _table(evidence: Sequence[Mapping[str, Any]]) -> list[str]:
    """The evidence table; `>` marks what does not balance."""
    if not evidence:
        return []
    keys = _COLUMNS_OF_TABLE
    rows = [keys, *([safe(str(row.get(key) or "")) for key in keys] for row in evidence)]
    rows = [[shorten(cell.replace("\n", " "), CELL) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    marks = [" ", *(">" if row.get("word") else " " for row in evidence)]
    return [
        f"{mark} {'  '.join(map(str.ljust, row, widths))}".rstrip()
        for mark, row in zip(marks, rows, strict=True)
    ]


def sentence(report: Mapping[str, Any]) -> str:
    """The verdict in one line."""
    verdict = {0: "conforms", 1: "does not conform", 3: "nothing was verified"}
    start = verdict.get(report["exit"], "the kit failed")
    if report.get("interrupted"):
        start = "interrupted"
    totals = ", ".join(f"{number} {name}" for name, number in report["totals"].items())
    return f"{start}: {totals}" if totals else start


def setting(case: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a case has apart from its plan and its arguments."""
    found = []
    if case.get("gate"):
        found.append(("gate", "responses are held until as many as announced are in flight"))
    if case.get("files"):
        found.append(("files", f"in downloads before: {', '.join(case['files'])}"))
    if case.get("dest") is False:
        found.append(("files", "the folder downloads does not exist before"))
    return found


def brief(data: Any, most: int) -> str:
    """JSON on one line, or a text as it is, cut in the middle."""
    return cut_in_the_middle(data if isinstance(data, str) else json.dumps(data), most)


def pretty(data: Any) -> str:
    """JSON, on one line if it is short; a text as it is."""
    if isinstance(data, str):
        return data
    line = json.dumps(data)
    return line if len(line) <= COLUMNS else json.dumps(data, indent=2)
