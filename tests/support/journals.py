"""Journals of runs that never were, for pages and ledgers."""

import hashlib
import json
import random

from msgspec import convert, to_builtins

from mockservers import ledger
from mockservers.content.flag_images import flag
from mockservers.flags2.output import claims_of
from mockservers.html_report import view
from mockservers.journal import KeptFile
from mockservers.journal_json import line_from_json

PLANS = {"ERROR": {"plan": 1, "seed": 629}}


def request(n, code, start_s, end_s, *, do="serve", status=200, in_flight=1, **more):
    """An entry as the servers write it; what is served is a flag, or a short error."""
    body = flag(code) if (do, status) == ("serve", 200) else b"no"
    return {
        "type": "request", "n": n, "conn": n, "server": "ERROR", "method": "GET",
        "path": f"/flags/{code.lower()}/{code.lower()}.gif", "code": code, "attempt": 1,
        "do": do, "status": status, "length": len(body), "bytes_sent": len(body),
        "complete": True, "client_gone": False, "sha256": hashlib.sha256(body).hexdigest(),
        "in_flight": in_flight, "delay_s": 0.0, "start_s": start_s, "first_byte_s": start_s,
        "end_s": end_s,
    } | more  # fmt: skip


def said(*lines):
    """The claims of a program that printed these lines."""
    return to_builtins(claims_of(lines))


def report(codes, limit, ok, not_found=0, errors=0, told=()):
    """What a downloader prints of a run; `told` are its lines for each code."""
    lines = [
        "ERROR site: http://127.0.0.1:8003/flags",
        f"Searching for {len(codes)} flags: from {codes[0]} to {codes[-1]}",
        f"{limit} concurrent connections will be used.",
        *told,
        "-" * 20,
        f"{ok} flags downloaded.",
    ]
    if not_found:
        lines.append(f"{not_found} not found.")
    if errors:
        lines.append(f"{errors} errors.")
    return [*lines, "Elapsed time: 1.00s"]


def journal(codes, entries, lines, *, command=("flags2-threadpool",), files=None, **header):
    """The lines of a journal."""
    first = {
        "journal": 1, "plans": PLANS, "command": list(command), "asked": list(codes),
        "dest": "downloads", "files_before": {},
    }  # fmt: skip
    end = {
        "end": True, "status": 0, "asked": list(codes), "claims": said(*lines),
        "files_after": files if files is not None else saved(entries),
    }  # fmt: skip
    return [first | header, *entries, end]


def saved(entries):
    """The book of the files that a correct downloader keeps."""
    return {
        f"{entry['code'].lower()}.gif": {
            "size": entry["length"],
            "sha256": entry["sha256"],
            "mtime_ns": 1,
        }
        for entry in entries
        if (entry["do"], entry["status"]) == ("serve", 200)
    }


def many(count, at_once=40, seed=1):
    """So many requests of all looks for a few codes, `at_once` of them under way."""
    chance = random.Random(seed)
    codes = ["BR", "CN", "DE", "FR", "IN", "JP", "US"]
    kinds = [("serve", 200), ("serve", 404), ("status", 503), ("truncate", 200), ("reset", None)]
    free_s = [0.0] * at_once
    for n in range(1, count + 1):
        start_s = min(free_s)
        lasts_s = chance.uniform(0.01, 0.2)
        free_s[free_s.index(start_s)] = start_s + lasts_s
        do, status = chance.choice(kinds)
        code = chance.choice(codes)
        delay_s = lasts_s * 0.7
        yield request(
            n, code, round(start_s, 6), round(start_s + lasts_s, 6), do=do, status=status,
            first_byte_s=round(start_s + delay_s, 6), delay_s=delay_s, in_flight=at_once, attempt=n,
        )  # fmt: skip


def as_file(path, lines):
    """Write a journal."""
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    return path


def lines_of(journal):
    """The lines of a journal that is written down as JSON objects."""
    return [line_from_json(line) if isinstance(line, dict) else line for line in journal]


def balance(journal, files=None):
    """The ledger of a journal in JSON objects."""
    files = None if files is None else convert(files, dict[str, KeptFile])
    return ledger.balance(lines_of(journal), files)


def view_of(judged, journal):
    """What the page shows of a journal in JSON objects."""
    return view.view_of(judged, lines_of(journal))
