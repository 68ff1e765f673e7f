"""Runs of broken twins and of correct programs, judged again from what was recorded of them.

`record_runs.py` plays the programs and writes `recorded_runs.json`; here nothing is started. What
the judge finds is compared (verdict, clause, word and code), and so are the books that it shows.
"""

import json
from pathlib import Path

import pytest

from conformance.cases.model import case_from_json
from conformance.checks.judge import findings
from conformance.evidence_table import table_of_run
from conformance.recording import PrintedLine, Run

RECORDED = Path(__file__).with_name("recorded_runs.json")
URLS = {
    label: f"http://127.0.0.1:{8001 + n}/flags"
    for n, label in enumerate(("LOCAL", "DELAY", "ERROR"))
}
FEW_CODES = 9
"""Books of so many codes are recorded."""
FLAG = {
    "type": "request", "server": "LOCAL", "method": "GET", "attempt": 1, "do": "serve",
    "status": 200, "complete": True, "client_gone": False, "in_flight": 1, "start_s": 0.0,
    "end_s": 0.0,
}  # fmt: skip
"""What an entry has that says nothing else."""


def path_of(code):
    return f"/flags/{code.lower()}/{code.lower()}.gif"


def content(code, size):
    """The name that a recording has for the bytes that were served, in place of their SHA-256."""
    return f"{code}:{size}" if size else None


def entry(number, data):
    """An entry of the journal: `BR 200 12` for a flag or a 404 that came whole; else an object of
    all that is not as in `FLAG`.
    """
    if isinstance(data, str):
        code, status, size = data.split()
        data = {"code": code, "status": int(status), "length": int(size)}
    if data.get("type", "request") != "request":
        return data
    sent = data.get("bytes_sent", data.get("length") or 0)
    made = {"n": number, "conn": number, "bytes_sent": sent, "length": sent}
    code = data["code"]
    if code is not None:
        made |= {"path": path_of(code), "sha256": content(code, sent)}
    return FLAG | made | data


def file(name, data):
    """A file of the folder: its size, where it is what was served; else an object."""
    if isinstance(data, int):
        data = {"size": data, "sha256": content(name[:2].upper(), data)}
    return {"mtime_ns": 1} | data


def run_of(data):
    """The run that was recorded so; every line was heard at 1 s."""
    before = {
        name: file(name, {"mtime_ns": 0} | one) for name, one in data.get("before", {}).items()
    }
    after = {name: file(name, one) for name, one in data.get("files", {}).items()}
    kept = {name: before[name] for name in data.get("kept", ())}
    return Run(
        status=data.get("status", 0),
        ended=data.get("ended", "exit"),
        lines=tuple(PrintedLine(1.0, text) for text in data.get("stdout", ())),
        stderr="\n".join(data.get("stderr", ())),
        entries=tuple(entry(n, one) for n, one in enumerate(data.get("entries", ()), 1)),
        urls=URLS,
        files_before=before,
        files_after=kept | after,
        left=tuple(data.get("left", ())),
        elapsed_s=data.get("elapsed_s", 0.1),
    )  # fmt: skip


def told(one):
    """A finding in a line, without its sentences."""
    assert one.actual
    text = f"{one.verdict} {one.clause} {one.kind} {one.code or '-'}"
    text += "" if one.certain else " (not certain)"
    text += f" (because of {one.because})" if one.because else ""
    return text + (" (stops)" if one.stops else "")


def book_lines(case, run, found):
    """Of each row of the books: the code, what was planned, and the word of what is wrong."""
    columns = ("code", "planned", "word")
    return [
        " | ".join(str(row[name]) for name in columns) for row in table_of_run(case, run, found)
    ]


def recorded():
    return json.loads(RECORDED.read_text(encoding="utf-8")) if RECORDED.exists() else []


@pytest.mark.parametrize("one", [pytest.param(one, id=one["program"]) for one in recorded()])
def test_a_recorded_run_is_judged_as_it_was(one):
    case, run = case_from_json(one["case"]), run_of(one["run"])
    found = findings(case, run)
    assert [told(finding) for finding in found] == one["found"]
    if "books" in one:
        assert book_lines(case, run, found) == one["books"]
