"""What the page says of a run, computed before it is drawn; pure."""

import hashlib
import json
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mockservers.content.flag_images import colours, flag
from mockservers.faults import Drip
from mockservers.flags2.codes import is_code
from mockservers.html_report.charts import chart, label_of, names_of, shown, span
from mockservers.html_report.stretches import first_wrong, stretches
from mockservers.journal import Header, Line, RequestEntry
from mockservers.ledger.model import FileState, Row
from mockservers.ledger.result import OUTCOMES, Imbalance, Ledger
from mockservers.ledger.text import arrived_in_words, met
from mockservers.plan import LABELS, Plan, fate
from mockservers.plan_json import plan_from_json
from mockservers.text import counted

MOST_BARS = 20_000
"""Requests that are drawn; beyond that, every n-th."""
MOST_OFF = 100
"""Codes out of balance that are drawn besides, and requests of each."""
MOST_ROWS = 2_000
"""Codes in the table; what does not balance comes first."""

FILE_WORDS = {
    "whole": "all of it",
    "absent": "there is none",
    "same": "written in this run, equal to what was served",
    "kept": "equal to what was served, but from before the run",
    "old": "from before the run, and not equal",
    "unknown": "what it should be is not known",
    "different": "not equal to what was served",
    "as sent": "the body of a response that is not the whole resource",
    "part": "the beginning of what was served",
    "mixed": "bytes from several places",
    "page": "the body of an error status",
    "nothing": "there is none",
}
"""What words of the column `file` mean, without those that need no explanation."""
COLUMNS = {
    "balance": "words", "met": "fates", "status": "status", "requests": "requests",
    "seen": "seen", "said": "said", "file": "file", "flag": "picture",
}  # fmt: skip
"""The columns of the table, and the key of a row that each shows."""


# --- what is on the page ---------------------------------------------------------------


def view_of(ledger: Ledger, journal: Iterable[Line], *, queries: bool = False) -> dict[str, Any]:
    """What the page shows of a run: its ledger, and the same journal, read once more; the query of
    a request only with `queries`.

    A dict of JSON values; the times of `chart` are seconds since the first request.
    """
    lines = iter(journal)
    header = next(lines)
    assert isinstance(header, Header)
    drawn = _Drawn(ledger, _Planned(header.plans))
    for entry in lines:
        if isinstance(entry, RequestEntry):
            drawn.add(shown(entry, queries=queries))
    limit = ledger.claims.concurrency
    drawing = chart(drawn.requests, drawn.spans, drawn.met, limit, drawn.out_of_balance)
    took_s = drawing["took_s"]
    at_once = limit or ledger.most_in_flight
    rows = _codes(ledger)
    drawing["rows"] = {
        row["code"]: [row[key] for key in ("said", "file", "words", "wrong")] for row in rows
    }
    files = dict.fromkeys(row["file"] for row in rows)
    thinned = {"drawn": len(drawn.requests), "of": len(drawn.spans)}
    return {
        "verdict": verdict(ledger),
        "balanced": ledger.balanced,
        "imbalances": [one.to_json() for one in ledger.imbalances],
        "notes": list(ledger.notes),
        "facts": _facts(ledger, header, took_s),
        "numbers": {
            "took_s": took_s,
            "bound_s": drawn.planned.bound_s(at_once),
            "requests": ledger.requests,
            "most": ledger.most_in_flight,
            "limit": limit,
            "sent": arrived_in_words(ledger),
        },
        "bound": drawn.planned.sentence(at_once, took_s, announced=limit),
        "thinned": None if drawn.stride == 1 else thinned,
        "chart": drawing,
        "rows_are": "Codes" if all(row.code for row in ledger.rows.values()) else "Resources",
        "codes": rows,
        "columns": [name for name, key in COLUMNS.items() if any(row[key] for row in rows)],
        "file_words": {word: FILE_WORDS[word] for word in files if word in FILE_WORDS},
        "more_codes": max(0, len(ledger.rows) - MOST_ROWS),
        "replay": replay_line(header),
        "plans": {label: json.dumps(plan, indent=2) for label, plan in header.plans.items()},
    }


class _Drawn:
    """Chooses the requests that are drawn, and counts all."""

    def __init__(self, ledger: Ledger, planned: "_Planned") -> None:
        off = ledger.imbalances[:MOST_OFF]
        self.out_of_balance = {name: 0 for one in off for name in (one.code, one.resource) if name}
        self.stride = max(1, -(-ledger.requests // MOST_BARS))
        self.requests: list[RequestEntry] = []
        self.spans: list[tuple[float, float]] = []
        self.met: Counter[str] = Counter()
        self.planned = planned

    def add(self, entry: RequestEntry) -> None:
        """Count a request, and keep it if it is to be drawn."""
        self.met[met(entry)] += 1
        self.spans.append(span(entry))
        self.planned.add(entry)
        names = [name for name in names_of(entry) if name in self.out_of_balance]
        off = any(self.out_of_balance[name] < MOST_OFF for name in names)
        for name in names:
            self.out_of_balance[name] += 1
        if off or len(self.spans) % self.stride == 0:
            self.requests.append(entry)


def verdict(ledger: Ledger) -> str:
    """The balance in one sentence, what was lost first."""
    by_kind: dict[str, list[str]] = {}
    for one in ledger.imbalances:
        by_kind.setdefault(one.kind, []).append(one.code or "totals")
    if by_kind:
        parts = [
            f"{len(names)} {kind} ({', '.join(names[:5])}{', ...' if len(names) > 5 else ''})"
            for kind, names in by_kind.items()
        ]
        return f"Not balanced: {', '.join(parts)}."
    far = "" if ledger.asked is not None else ", as far as they go"
    sent = f"the servers sent {arrived_in_words(ledger)}"
    saved = f"{counted(ledger.saved, 'file')} saved"
    if ledger.claims.by in ("exit", "file"):
        claim = f"the command ended with {ledger.status}"
        return f"The books balance: {claim}, {saved}; {sent}."
    said = ledger.claims.totals or {}
    parts = [_told(said[name], name) for name in OUTCOMES if said.get(name)]
    if parts:
        return f"The books balance{far}: {', '.join(parts)}, and {saved}."
    if not ledger.rows:
        return f"The books balance{far}."
    return f"The books balance{far}: {sent}, and the program gave no result."


def _told(number: int, outcome: str) -> str:
    if outcome == "error":
        return counted(number, outcome)
    return f"{number} {outcome.replace('_', ' ')}"


def _facts(ledger: Ledger, header: Header, took_s: float) -> list[tuple[str, str]]:
    facts = []
    if header.command:
        facts.append(("Command", shlex.join(header.command)))
    if ledger.label or ledger.claims.by == "report":
        facts.append(("Server", ledger.label or "not announced"))
    plans = header.plans
    seeds = {label: plan.get("seed", 0) for label, plan in plans.items()}
    if ledger.label in seeds:
        facts.append(("Seed", str(seeds[ledger.label])))
    elif len(set(seeds.values())) == 1:
        facts.append(("Seed", str(next(iter(seeds.values())))))
    if ledger.asked is not None:
        paths = not all(map(is_code, ledger.asked))
        facts.append(("Asked for" if paths else "Codes asked for", str(len(ledger.asked))))
    if ledger.status is not None:
        facts.append(("Exit status", str(ledger.status)))
    facts.append(("Requests", str(ledger.requests)))
    limit = ledger.claims.concurrency
    announced = "none announced" if limit is None else f"{limit} announced"
    gates = [plan["gate"]["hold_until_in_flight"] for plan in plans.values() if plan.get("gate")]
    if gates:
        held = " or ".join(map(str, sorted(set(gates))))
        facts.append(("Gate", f"responses wait until {held} requests are in flight"))
    facts.append(("In flight at most", f"{ledger.most_in_flight}, {announced}"))
    equal = f"{ledger.saved}, each equal to the bytes served"
    facts.append(("Files saved", equal if ledger.saved else "none"))
    facts.append(("First request to last", f"{took_s:.2f} s"))
    return facts


class _Planned:
    """Adds up the seconds that a plan makes a run wait."""

    def __init__(self, plans: Mapping[str, Any]) -> None:
        self._plans = {label: plan_from_json(json.dumps(plan)) for label, plan in plans.items()}
        self._total_s = 0.0
        self._longest_s = 0.0

    def add(self, entry: RequestEntry) -> None:
        """Count a request."""
        waits = entry.delay_s
        nothing_follows = entry.do == "interim" and entry.status is None
        if entry.do in ("hang", "stall") or nothing_follows:  # as long as the client had patience
            start, end = span(entry)
            waits = max(waits, end - start)
        elif entry.do == "drip":
            waits += entry.bytes_sent / self._rate(entry)
        self._total_s += waits
        self._longest_s = max(self._longest_s, waits)

    def _rate(self, entry: RequestEntry) -> float:
        plan = self._plans.get(entry.server, Plan())
        name = entry.code or entry.path
        fault = fate(plan, entry.server, name, entry.attempt, entry.path)
        return fault.bytes_per_s if isinstance(fault, Drip) else float("inf")

    def bound_s(self, at_once: int) -> float:
        """The shortest time that this could have taken.

        No schedule of jobs on `at_once` machines is shorter than its longest job, nor than all of
        them shared out evenly: the lower bound of the makespan.
        """
        return max(self._longest_s, self._total_s / max(at_once, 1))

    def sentence(self, at_once: int, took_s: float, *, announced: int | None) -> str:
        """The shortest possible time, against the time it took."""
        bound_s = self.bound_s(at_once)
        if not bound_s:
            return f"The plan has no delays; from first request to last it took {took_s:.2f} s."
        limit = "announced" if announced else "seen"
        return (
            f"With {at_once} at a time ({limit}), the {self._total_s:.2f} s of waiting that the "
            f"plan asks for take {bound_s:.2f} s at least; it took {took_s:.2f} s, "
            f"{took_s / bound_s:.2f} times that."
        )


def _codes(ledger: Ledger) -> list[dict[str, Any]]:
    found: dict[str | None, list[Imbalance]] = {}
    for one in ledger.imbalances:
        found.setdefault(one.code, []).append(one)
    names = sorted(ledger.rows, key=lambda name: name not in found)  # a stable sort
    return [_code(name, ledger.rows[name], found.get(name, [])) for name in names[:MOST_ROWS]]


def _code(name: str, row: Row, found: Sequence[Imbalance]) -> dict[str, Any]:
    last = row.requests[-1] if row.requests else None
    by_report = row.said is None
    return {
        "code": name,
        "words": [one.kind for one in found],
        "evidence": [f"saw {one.actual}; said: {one.said}" for one in found],
        "fates": list(dict.fromkeys(label_of(met(entry)) for entry in row.requests)),
        "requests": len(row.requests) + row.more,
        "status": last.status if last else None,
        "seen": row.seen.replace("_", " ") if by_report else row.arrived,
        "said": ", ".join(row.claims).replace("_", " "),
        "file": row.file if by_report else row.kept,
        "picture": _picture(row),
        "stretches": stretches(row),
        "wrong": first_wrong(row),
    }


def _picture(row: Row) -> dict[str, Any] | None:
    """The bands of the flag, where the file equals the bytes served and those are our flag."""
    if row.file not in (FileState.SAME, FileState.KEPT) or row.code is None:
        return None
    served = {entry.sha256 for entry in row.finals}
    if served != {hashlib.sha256(flag(row.code)).hexdigest()}:
        return None
    bands, upright = colours(row.code)
    return {"colours": bands, "upright": upright}


# --- to run it again -------------------------------------------------------------------


def replay_line(header: Header) -> str | None:
    """One line for a shell that runs the command on the same plans again."""
    if not header.command:
        return None
    files, options = [], []
    for label, plan in header.plans.items():
        if label not in LABELS:
            continue
        file = f"plan-{label.lower()}.json"
        files.append(f"printf %s {shlex.quote(json.dumps(plan))} > {file}")
        options.append(f"--plan {label}={file}")
    if header.options:
        options.append(shlex.join(header.options))
    elif header.dest not in (None, "downloads"):  # a journal of version 0.1
        options.append(f"--dest {shlex.quote(header.dest or '')}")
    run = " ".join(["mockservers run", *options, "--", shlex.join(header.command)])
    return " && ".join([*files, run])
