"""The reports of the kit for a terminal, for CI and for a browser, and a matrix of reports.

`python -m conformance.report DIR_OR_JSON ... -o FILE.html` makes a matrix of saved reports.
"""

import argparse
import json
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jinja2
from markupsafe import Markup, escape

from conformance.verdicts import FAILURES, Finding, Verdict
from mockservers.files import write_whole
from mockservers.html_report.charts import chart_of
from mockservers.html_report.render import environment
from mockservers.journal_json import line_from_json
from mockservers.text import safe, shorten

COLUMNS = 100
"""Characters of a line on the terminal."""
CELL = 28
"""Characters of a cell of the evidence table."""

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_COLUMNS_OF_TABLE = ("code", "planned", "seen", "said", "file", "word")
_BAD = {str(verdict) for verdict in FAILURES | {Verdict.KIT_ERROR}}


# --- files ----------------------------------------------------------------------------------------


def write_reports(report: dict[str, Any], folder: Path) -> list[Path]:
    """Write the replay files, report.json, junit.xml and report.html, each whole or not at all.

    Each failure with a case gets the path of its replay file, relative to the folder, as `replay`.
    Raises OSError with the path.
    """
    texts = {}
    for number, failure in enumerate(report["failures"], 1):
        if failure.get("case"):
            name = f"{number:02}-{_plain(failure['clause'])}-{_plain(failure['word'])}.json"
            failure["replay"] = f"failures/{name}"
            texts[failure["replay"]] = _json(failure["case"])
    texts |= {"report.json": _json(report), "junit.xml": junit_xml(report)}
    texts["report.html"] = report_html(report)
    paths = []
    for name, text in texts.items():
        paths.append(folder / name)
        write_whole(paths[-1], text)
    return paths


def _plain(text: str) -> str:
    """A text as a part of a file's name."""
    return re.sub(r"[^\w-]+", "_", text, flags=re.ASCII)


def _json(data: Any) -> str:
    return json.dumps(data, indent=2) + "\n"


def junit_xml(report: Mapping[str, Any]) -> str:
    """JUnit XML: a testsuite for each chapter, with the cases whose first clause is in it."""
    root = ElementTree.Element("testsuites", name="conformance")
    for chapter, cases in _chapters(report["cases"], lambda case: [*case["clauses"], "OTHER"][0]):
        suite = ElementTree.SubElement(root, "testsuite", name=chapter, tests=str(len(cases)))
        counts = dict.fromkeys(("failures", "errors", "skipped"), 0)
        for case in cases:
            name = _xml(case["id"])
            test = ElementTree.SubElement(suite, "testcase", classname=chapter, name=name)
            kind = _junit_kind(case)
            if kind:
                counts[{"failure": "failures", "error": "errors"}.get(kind, kind)] += 1
                message = _xml(_junit_message(case))
                ElementTree.SubElement(test, kind, type=case["verdict"], message=message)
        for count, number in counts.items():
            suite.set(count, str(number))
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=False) + "\n"


def _junit_kind(case: Mapping[str, Any]) -> str | None:
    verdict = case["verdict"]
    if case.get("stale") or verdict == Verdict.KIT_ERROR:
        return "error"
    if case.get("known") or verdict in (Verdict.UNSUPPORTED, Verdict.NOT_TESTED):
        return "skipped"
    return "failure" if verdict in _BAD else None


def _junit_message(case: Mapping[str, Any]) -> str:
    if case.get("stale"):
        return "listed as known, but it passed or failed otherwise"
    findings = "; ".join(map(_finding_line, case["findings"]))
    return str(case.get("known") or findings or case["verdict"])


def _xml(text: str) -> str:
    return _NO_XML.sub("\ufffd", text)


def _chapters(items: Any, clause_of: Any) -> list[tuple[str, list[Any]]]:
    """Items by the chapter of their clause; chapters in the order of their first item."""
    chapters: dict[str, list[Any]] = {}
    for item in items:
        chapters.setdefault(clause_of(item).partition("-")[0], []).append(item)
    return list(chapters.items())


# --- the terminal ---------------------------------------------------------------------------------


def text_report(report: Mapping[str, Any], folder: Path | None = None) -> str:
    """What is printed at the end: clauses that did not pass, failures, and a summary line.

    `folder` is the one that the report was written to.
    """
    lines = []
    for name, row in report["clauses"].items():
        left_out = report.get("only") and row["verdict"] == Verdict.NOT_TESTED
        if row["verdict"] != Verdict.PASS and not left_out:
            known = " (known)" if row.get("known") else ""
            what = _how(report, name) or row["text"]
            lines.append(shorten(f"{row['verdict']:<11} {name:<7}{known} {what}", COLUMNS))
    for failure in report["failures"]:
        lines += ["", *_failure_lines(failure, report["command"], folder)]
    lines += [f"KIT-ERROR: {error}" for error in report.get("errors", ())]
    stale = [case["id"] for case in report["cases"] if case.get("stale")]
    lines += [f"listed as known, but passed or failed otherwise: {name}" for name in stale]
    return safe("\n".join([*lines, "", sentence(report)]).lstrip("\n"))


def _how(report: Mapping[str, Any], clause: str) -> str:
    """How a freedom is used, or a SHOULD is missed; empty if a failure of the clause says more."""
    if clause in {failure["clause"] for failure in report["failures"]}:
        return ""
    found = [one for case in report["cases"] for one in case["findings"]]
    how = [f"{one['saw']} ({one['said']})" for one in found if one["clause"] == clause]
    return "; ".join(dict.fromkeys(how))


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
    lines += [f"{one.verdict} {_finding_line(one.to_json())}" for one in found] or ["PASS"]
    return safe("\n".join(lines))


def _failure_lines(
    failure: Mapping[str, Any], command: Sequence[str], folder: Path | None
) -> list[str]:
    known = f" (known: {failure['known']})" if failure.get("known") else ""
    lines = [f"{failure['verdict']} {failure['clause']} {failure['word']}{known}", failure["text"]]
    lines += [f"  {_finding_line(one)}" for one in failure.get("findings", ())]
    for name in ("question", "answer", "expected"):
        if name in failure:
            lines.append(f"{name:<8} {_pretty(failure[name])}")
    if failure.get("case"):
        lines.append(f"plan     {json.dumps(failure['case']['plan'])}")
        lines += [f"{name:<8} {text}" for name, text in _setting(failure["case"])]
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


def _finding_line(finding: Mapping[str, Any]) -> str:
    code = f" {finding['code']}" if finding.get("code") else ""
    return f"{finding['clause']} {finding['word']}{code}: saw {finding['saw']}; {finding['said']}"


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


# --- the browser ----------------------------------------------------------------------------------


def report_html(report: Mapping[str, Any]) -> str:
    """One page that needs no network, with a chart of the requests of every failure."""
    chapters = _chapters(report["clauses"].items(), lambda item: item[0])
    charts = [
        chart_of(
            map(line_from_json, failure.get("journal", ())),
            {row["code"] for row in failure.get("books", ()) if row.get("word")},
        )
        for failure in report["failures"]
    ]
    return _template().render(report=report, reports=None, chapters=chapters, charts=charts)


def matrix_html(reports: Sequence[Mapping[str, Any]]) -> str:
    """A page with clauses as rows and programs as columns."""
    clauses = {name: row for report in reports for name, row in report["clauses"].items()}
    return _template().render(report=None, reports=reports, clauses=clauses, charts=[])


@cache
def _template() -> jinja2.Template:
    made = environment()
    made.filters |= {
        "safe_text": lambda value: safe(str(value)),
        "shell": shlex.join,
        "code": _code,
    }
    made.globals |= {
        "sentence": sentence,
        "how": _how,
        "setting": _setting,
        "shell_command": shell_command,
        "replay_line": replay_line,
        "pretty": _pretty,
        "bad": _BAD,
    }
    text = resources.files("conformance").joinpath("report.html.jinja").read_text(encoding="utf-8")
    return made.from_string(text)


def _setting(case: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a case has apart from its plan and its arguments."""
    found = []
    if case.get("gate"):
        found.append(("gate", "responses are held until as many as announced are in flight"))
    if case.get("files"):
        found.append(("files", f"in downloads before: {', '.join(case['files'])}"))
    if case.get("dest") is False:
        found.append(("files", "the folder downloads does not exist before"))
    return found


def _pretty(data: Any) -> str:
    """JSON, on one line if it is short; a text as it is."""
    if isinstance(data, str):
        return data
    line = json.dumps(data)
    return line if len(line) <= COLUMNS else json.dumps(data, indent=2)


def _code(text: str) -> Markup:
    """A text of the spec as HTML, with its `code`."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the matrix; return 0, or 2 with one line on stderr if that is impossible."""
    parser = argparse.ArgumentParser(prog="python -m conformance.report")
    parser.add_argument("reports", nargs="+", type=Path, metavar="DIR_OR_JSON")
    parser.add_argument("-o", dest="out", required=True, type=Path, metavar="FILE.html")
    args = parser.parse_args(arguments)
    try:
        reports = [_read(path) for path in args.reports]
        write_whole(args.out, matrix_html(reports))
    except (OSError, ValueError) as exc:
        print(f"conformance.report: {safe(str(exc))}", file=sys.stderr)
        return 2
    return 0


def _read(path: Path) -> dict[str, Any]:
    file = path / "report.json" if path.is_dir() else path
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as exc:
        raise ValueError(f"{file} is not JSON: {exc}") from None
    if not isinstance(data, dict) or data.get("conformance") != 1:
        raise ValueError(f"{file} is not a report of the kit")
    return data


if __name__ == "__main__":
    sys.exit(main())
