"""Runs as `recorded_runs.json` has them, and findings in a line."""

from conformance.evidence_table import table_of_run
from conformance.recording import PrintedLine, Run
from mockservers.journal import KeptFile
from mockservers.journal_json import entry_from_json
from support import TESTS

RECORDED = TESTS / "conformance/recorded_runs.json"
URLS = {
    label: f"http://127.0.0.1:{8001 + n}/flags"
    for n, label in enumerate(("LOCAL", "DELAY", "ERROR"))
}
FEW_CODES = 9
"""Evidence tables of up to this many codes are recorded."""
FLAG = {
    "type": "request", "server": "LOCAL", "method": "GET", "attempt": 1, "do": "serve",
    "status": 200, "sha256": None, "complete": True, "client_gone": False, "in_flight": 1,
    "start_s": 0.0, "end_s": 0.0,
}  # fmt: skip
"""The default values of an entry."""


def path_of(code):
    return f"/flags/{code.lower()}/{code.lower()}.gif"


def content(code, size):
    """A name for the bytes that were served, in place of their SHA-256."""
    return f"{code}:{size}" if size else None


def entry(number, data):
    """An entry of the journal: `BR 200 12` for a flag or a 404 that arrived whole; else an object
    of what differs from `FLAG`.
    """
    if isinstance(data, str):
        code, status, size = data.split()
        data = {"code": code, "status": int(status), "length": int(size)}
    if data.get("type", "request") != "request":
        return entry_from_json(
            {"conn": number, "server": "LOCAL", "status": None, "reason": ""} | data
        )
    sent = data.get("bytes_sent", data.get("length") or 0)
    made = {"n": number, "conn": number, "bytes_sent": sent, "length": sent}
    code = data["code"]
    if code is not None:
        made |= {"path": path_of(code), "sha256": content(code, sent)}
    return entry_from_json(FLAG | made | data)


def file(name, data):
    """A file of the folder: its size if it contains what was served; else an object."""
    if isinstance(data, int):
        data = {"size": data, "sha256": content(name[:2].upper(), data)}
    data = {"mtime_ns": 1} | data
    return KeptFile(data["size"], data["sha256"] or "", data["mtime_ns"])


def run_of(data):
    """The recorded run; every line was read at 1 s."""
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


def summary(one):
    """A finding in a line, without its texts."""
    assert one.actual
    assert one.expected
    text = f"{one.verdict} {one.clause} {one.kind} {one.code or '-'}"
    text += "" if one.certain else " (not certain)"
    text += f" (because of {one.because})" if one.because else ""
    return text + (" (stops)" if one.stops else "")


def table_lines(case, run, found):
    """Each row of the evidence table: the code, what was planned, and the kind of the finding."""
    columns = ("code", "planned", "word")
    return [
        " | ".join(str(row[name]) for name in columns) for row in table_of_run(case, run, found)
    ]
