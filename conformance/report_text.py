"""The report of a program as text for a terminal, and the words that all its forms share."""

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from conformance.verdicts import FREE, SEVERITY, Finding, Verdict
from mockservers.text import cut_in_the_middle, safe, shorten

MOST_FINDINGS = 5
"""Findings of one failure that are shown in full on the terminal."""
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
    """Whether a case or a question is not one of the kit by its name: only a file can hold it."""
    return bool(row.get("case") or row.get("question")) and not row["replay"]


def text_report(report: Mapping[str, Any], folder: Path | None = None) -> str:
    """What is printed at the end: clauses that did not pass, the worst first; failures; and a
    summary line.

    `folder` is the one that the report was written to.
    """
    stale = [case["id"] for case in report["cases"] if case.get("stale")]
    shown = [row for row in rows(report) if row["verdict"] not in FREE]
    parts = [
        _smoke_lines(report),
        [*_clause_lines(report), *_untested_lines(report)],
        *(_failure_lines(row, report, folder) for row in shown),
        [f"KIT-ERROR: {error}" for error in report.get("errors", ())],
        [f"listed as known, but passed or failed otherwise: {name}" for name in stale],
        [*_words_line(report), sentence(report)],
    ]
    return safe("\n\n".join("\n".join(lines) for lines in parts if lines))


def _words_line(report: Mapping[str, Any]) -> list[str]:
    """How often each thing happened to a download."""
    words = report.get("words", {})
    counts = ", ".join(f"{number} {word}" for word, number in words.items())
    total = sum(words.values())
    return [f"{total} situation{'s' if total > 1 else ''}: {counts}"] if words else []


def _clause_lines(report: Mapping[str, Any]) -> list[str]:
    """A line for each clause that did not pass; for a freedom, one for each case that shows it."""
    lines = []
    unseen = (Verdict.PASS, Verdict.NOT_TESTED, Verdict.UNSUPPORTED)
    clauses = [item for item in report["clauses"].items() if item[1]["verdict"] not in unseen]
    for name, row in sorted(clauses, key=lambda item: SEVERITY.index(item[1]["verdict"])):
        known = " (known)" if row.get("known") else ""
        texts = how(report, name) or [(row["verdict"], shorten(row["text"], COLUMNS - 20))]
        lines += [f"{verdict:<11} {name:<7}{known} {text}" for verdict, text in texts]
    free = [row for row in report.get("notes", ()) if row["verdict"] in FREE and row["replay"]]
    if free:
        command = _replay_command(free[0]["replay"], report)
        lines.append(f"to run a case above again: {command}")
    return lines


def how(report: Mapping[str, Any], clause: str) -> list[tuple[str, str]]:
    """How a freedom is used, or a SHOULD is missed: a verdict and a text for each case; empty if a
    failure of the clause says more, or nothing is to be said.
    """
    if clause in {failure["clause"] for failure in report["failures"]}:
        return []
    found = []
    for row in report.get("notes", ()):
        case, verdict = row["cases"][0], row["verdict"]
        findings = row["findings"]
        if report["door"] == "download" and len(findings) > 1:  # one for each situation
            case, findings = f"{case} and {len(findings) - 1} more", findings[:1]
        found += [
            (verdict, f"{case}: {seen_of(one)}")
            for one in findings
            if one["clause"] == clause == row["clause"]
        ]
    return found


def not_tested_because(report: Mapping[str, Any], clause: str) -> str:
    """Why no case showed a clause, as far as that is known."""
    row = report["clauses"][clause]
    if row.get("hidden_by"):
        return f"hidden by {', '.join(row['hidden_by'])}"
    if row.get("reason"):
        return str(row["reason"])
    if row.get("operation"):
        return f"the adapter does not have `{row['operation']}`"
    findings = (one for case in report["cases"] for one in case["findings"])
    return next((str(one["saw"]) for one in findings if one["clause"] == clause), "")


def _untested_lines(report: Mapping[str, Any]) -> list[str]:
    """The clauses that no case showed, by the reason; with `--only`, those that are hidden; none
    after a first run that failed.
    """
    if report.get("smoke"):
        return []
    reasons: dict[tuple[str, str], list[str]] = {}
    for name, row in report["clauses"].items():
        if row["verdict"] in (Verdict.NOT_TESTED, Verdict.UNSUPPORTED):
            reason = not_tested_because(report, name)
            if reason or not report.get("only"):
                reasons.setdefault((row["verdict"], reason), []).append(name)
    return [
        f"{verdict:<11} {', '.join(names)}{': ' if reason else ''}{reason}"
        for (verdict, reason), names in reasons.items()
    ]


def _smoke_lines(report: Mapping[str, Any]) -> list[str]:
    if not report.get("smoke"):
        return []
    smoke = report["smoke"]
    return [
        f"the first run failed: {smoke['actual']}",
        f"advice: {smoke['advice']}",
        "no other clause was tested",
    ]


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
    failure: Mapping[str, Any], report: Mapping[str, Any], folder: Path | None
) -> list[str]:
    known = f" (known: {failure['known']})" if failure.get("known") else ""
    lines = [f"{failure['verdict']} {failure['clause']} {failure['word']}{known}", failure["text"]]
    found = failure.get("findings", ())
    lines += [f"  {finding_line(one)}" for one in found[:MOST_FINDINGS]]
    if others := [str(one["code"]) for one in found[MOST_FINDINGS:]]:
        lines.append(f"  and {len(others)} more: {', '.join(others)}")
    if "question" in failure:
        lines.append(f"question {brief(failure['question'], MOST_OF_JSON)}")
        if "fault" not in failure["answer"]:  # else the finding says what came instead
            lines.append(f"answer   {brief(failure['answer'], MOST_OF_JSON)}")
    if failure.get("case"):
        lines += [f"what     {failure['case']['why']}"] if failure.get("story") else []
        lines.append(f"plan     {json.dumps(failure['case']['plan'])}")
        lines += [f"{name:<8} {text}" for name, text in setting(failure["case"])]
        lines.append(f"command  {shell_command(failure, report['command'])}")
        lines += [] if report.get("smoke") else _table(failure.get("books", ()))
        lines += [f"  {line}" for line in failure.get("story", ())]
    if failure.get("replay"):
        lines.append(replay_line(failure, report, folder))
    return lines


def shell_command(failure: Mapping[str, Any], command: Sequence[str]) -> str:
    """The command of a failure, quoted for a shell."""
    own = failure.get("command") or [*command, *failure["case"]["arguments"]]
    return shlex.join(own)


def replay_line(
    failure: Mapping[str, Any], report: Mapping[str, Any], folder: Path | None = None
) -> str:
    """The command that runs a failure again; without `folder`, relative to that of the report."""
    replay = failure["replay"]
    file = shlex.quote(str(Path(folder or "", replay)))
    if "question" in failure:
        return f"{shlex.join(report['command'])} < {file}"
    return _replay_command(file if needs_folder(replay) else replay, report)


def needs_folder(replay: str) -> bool:
    """Whether a replay is a file of the report, and no case of the kit."""
    return replay.endswith((".json", ".jsonl"))


def _replay_command(case: str, report: Mapping[str, Any]) -> str:
    ports = report.get("program", {}).get("fixed_ports")
    option = f" --ports {','.join(map(str, ports))}" if ports else ""
    option += f" {report['replay_options']}" if report.get("replay_options") else ""
    return f"conformance replay{option} {case} -- {shlex.join(report['command'])}"


def finding_line(finding: Mapping[str, Any]) -> str:
    """A finding in one line: clause, word, code, and what was seen, claimed and expected."""
    code = f" {finding['code']}" if finding.get("code") else ""
    return f"{finding['clause']} {finding['word']}{code}: {seen_of(finding)}"


def seen_of(finding: Mapping[str, Any]) -> str:
    """What was seen; what the program claimed about it, if it did; and what was expected. Of a
    freedom, what was seen, and what is allowed.
    """
    if finding["verdict"] in FREE:
        return f"{finding['saw']} ({finding['expected']})"
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
    of = f"of {len(report['clauses'])} clauses, " if report.get("door") == "download" else ""
    return f"{start}: {of}{totals}" if totals else start


def setting(case: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a case has apart from its plan and its arguments."""
    found = []
    if case.get("gate"):
        found.append(("gate", "responses are held until as many as announced are in flight"))
    if case.get("files"):
        found.append(("files", f"in downloads before: {', '.join(case['files'])}"))
    if case.get("codes_file") is not None:
        found.append(("file", f"country_codes.txt has {case['codes_file']!r}"))
    if case.get("expects") == "interrupt":
        found.append(("signal", "Ctrl-C (SIGINT) is sent while requests are in flight"))
    if case.get("timeout_s"):
        found.append(("setting", f"FLAGS2_TIMEOUT_S={case['timeout_s']:g}"))
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
