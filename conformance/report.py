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

from conformance.report_text import (
    brief,
    finding_line,
    how,
    needs_file,
    not_tested_because,
    pretty,
    replay_line,
    rows,
    seen_of,
    sentence,
    setting,
    shell_command,
)
from conformance.verdicts import FAILURES, Verdict
from mockservers.files import write_whole
from mockservers.html_report.charts import chart_of
from mockservers.html_report.render import environment
from mockservers.journal_json import line_from_json
from mockservers.text import safe

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_BAD = {str(verdict) for verdict in FAILURES | {Verdict.KIT_ERROR}}


# --- files ----------------------------------------------------------------------------------------


def write_reports(report: dict[str, Any], folder: Path) -> list[Path]:
    """Write the replay files, report.json, junit.xml and report.html, each whole or not at all; of
    a download also known.json, a list for `--known` of what failed.

    Each failure, and each note, that needs one gets the path of its replay file, relative to the
    folder, as `replay`. Raises OSError with the path.
    """
    texts = {}
    for kind in ("failures", "notes"):
        for number, row in enumerate(filter(needs_file, report.get(kind, ())), 1):
            name = f"{kind}/{number:02}-{_plain(row['clause'])}-{_plain(row['word'])}"
            if row.get("case"):
                row["replay"] = f"{name}.json"
                texts[row["replay"]] = _json(row["case"])
            else:  # a question to an adapter, as it is sent
                row["replay"] = f"{name}.jsonl"
                texts[row["replay"]] = json.dumps(row["question"]) + "\n"
    texts |= {"report.json": _json(report), "junit.xml": junit_xml(report)}
    if report["door"] == "download":
        texts["known.json"] = _json(_to_accept(report))
    texts["report.html"] = report_html(report)
    paths = []
    for name, text in texts.items():
        paths.append(folder / name)
        write_whole(paths[-1], text)
    return paths


def _to_accept(report: Mapping[str, Any]) -> list[dict[str, str]]:
    """The failures of a report as a list for `--known`, without a reason yet."""
    return [
        {
            "case": one["code"],
            "clause": row["clause"],
            "word": row["word"],
            "why": "not looked into",
        }
        for row in report["failures"]
        for one in row["findings"]
    ]


def _plain(text: str) -> str:
    """A text as a part of a file's name."""
    return re.sub(r"[^\w-]+", "_", text, flags=re.ASCII)


def _json(data: Any) -> str:
    return json.dumps(data, indent=2) + "\n"


def junit_xml(report: Mapping[str, Any]) -> str:
    """JUnit XML: a testsuite for each chapter, with the cases whose first clause is in it."""
    root = ElementTree.Element("testsuites", name="conformance")
    bodies = {
        row["cases"][0]: [*row.get("story", ()), replay_line(row, report)]
        for row in report["failures"]
        if row.get("story")
    }
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
                found = ElementTree.SubElement(test, kind, type=case["verdict"], message=message)
                found.text = _xml("\n".join(bodies.get(case["id"], ())))
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
    findings = "; ".join(map(finding_line, case["findings"]))
    return str(case.get("known") or findings or case["verdict"])


def _xml(text: str) -> str:
    return _NO_XML.sub("\ufffd", text)


def _chapters(items: Any, clause_of: Any) -> list[tuple[str, list[Any]]]:
    """Items by the chapter of their clause; chapters in the order of their first item."""
    chapters: dict[str, list[Any]] = {}
    for item in items:
        chapters.setdefault(clause_of(item).partition("-")[0], []).append(item)
    return list(chapters.items())


# --- the browser ----------------------------------------------------------------------------------


def report_html(report: Mapping[str, Any]) -> str:
    """One page that needs no network, with a chart of the requests of every failure."""
    chapters = _chapters(report["clauses"].items(), lambda item: item[0])
    shown = rows(report)
    charts = [
        chart_of(
            map(line_from_json, failure.get("journal", ())),
            {row["code"] for row in failure.get("books", ()) if row.get("word")},
        )
        for failure in report["failures"]
    ]
    return _template().render(
        report=report, reports=None, chapters=chapters, charts=charts, shown=shown
    )


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
        "how": how,
        "not_tested_because": not_tested_because,
        "seen": seen_of,
        "setting": setting,
        "shell_command": shell_command,
        "replay_line": replay_line,
        "pretty": pretty,
        "brief": brief,
        "bad": _BAD,
    }
    text = resources.files("conformance").joinpath("report.html.jinja").read_text(encoding="utf-8")
    return made.from_string(text)


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
