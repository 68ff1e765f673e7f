"""What the page says of a run, computed before it is drawn; pure."""

import json
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from mockservers.faults import Drip
from mockservers.flags2.codes import is_code
from mockservers.html_report.charts import chart, names_of, shown, span
from mockservers.html_report.rows import (
    columns_of,
    file_in_words,
    meanings_of,
    rows_of,
    seen_in_words,
)
from mockservers.journal import Header, Line, RequestEntry
from mockservers.ledger import text
from mockservers.ledger.model import FileState, Kept
from mockservers.ledger.result import OUTCOMES, Ledger
from mockservers.ledger.text import met
from mockservers.plan import LABELS, Plan, fate
from mockservers.plan_json import plan_from_json
from mockservers.text import counted

MOST_BARS = 20_000
"""Requests that are drawn; beyond that, every n-th."""
MOST_OFF = 100
"""Codes out of balance that are drawn besides, and requests of each."""
MOST_NAMES = 5
"""Codes or paths in the headline."""


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
    rows = rows_of(ledger)
    drawing["rows"] = {
        row["code"]: [row[key] for key in ("said", "file", "words", "wrong")] for row in rows
    }
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
            "sent": _sent(ledger),
        },
        "bound": drawn.planned.sentence(at_once, took_s, announced=limit),
        "thinned": None if drawn.stride == 1 else thinned,
        "chart": drawing,
        "rows_are": "Codes" if all(row.code for row in ledger.rows.values()) else "Resources",
        "codes": rows,
        "columns": columns_of(rows),
        "meanings": meanings_of(rows),
        "more_codes": len(ledger.rows) - len(rows),
        "replay": replay_line(header),
        "plans": header.plans,
        "plan_texts": [
            (", ".join(labels), json.dumps(plan, indent=2)) for labels, plan in alike(header.plans)
        ],
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
    if not ledger.balanced:
        names = list(dict.fromkeys(one.code for one in ledger.imbalances if one.code))
        which = ", ".join([*names[:MOST_NAMES], *(["..."] if len(names) > MOST_NAMES else [])])
        return f"{text.verdict(ledger).capitalize()}{': ' if which else ''}{which}."
    far = "" if ledger.asked is not None else ", as far as they go"
    sent = f"the servers sent {_sent(ledger)}"
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
    announced = "no limit announced" if limit is None else f"{limit} announced"
    gates = [plan["gate"]["hold_until_in_flight"] for plan in plans.values() if plan.get("gate")]
    if gates:
        held = " or ".join(map(str, sorted(set(gates))))
        facts.append(("Gate", f"responses wait until {held} requests are in flight"))
    facts.append(("In flight at most", f"{ledger.most_in_flight} ({announced})"))
    facts.append(("Files", _files(ledger)))
    facts.append(("First request to last", f"{took_s:.2f} s"))
    return facts


def _sent(ledger: Ledger) -> str:
    """What came of all resources, in the words of the column `seen`."""
    found = Counter(map(seen_in_words, ledger.rows.values())).most_common()
    return ", ".join(f"{count} {word}" for word, count in found) or "nothing"


def _files(ledger: Ledger) -> str:
    """How many files are what, in the words of the column `file`; those from before apart."""
    found = Counter[str](
        row.file if row.file is FileState.KEPT else file_in_words(row)
        for row in ledger.rows.values()
    )
    parts = [
        f"{found[word]} {'equal to the bytes served' if word == 'same' else word}"
        for word in found
        if word not in (FileState.ABSENT, Kept.NOTHING)
    ]
    return ", ".join(parts) or "none"


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
        # As long as the client had patience, or as the header section lasted.
        if entry.do in ("hang", "stall", "slow_head") or nothing_follows:
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
            f"The plan asks for {self._total_s:.2f} s of waiting: with {at_once} at a time "
            f"({limit}), at least {bound_s:.2f} s. It took {took_s:.2f} s, "
            f"{took_s / bound_s:.2f} times that."
        )


# --- to run it again -------------------------------------------------------------------


def alike(plans: Mapping[str, Any]) -> list[tuple[list[str], Any]]:
    """Each plan once, with the labels of the servers that have it."""
    found: list[tuple[list[str], Any]] = []
    for label, plan in plans.items():
        same = next((labels for labels, other in found if other == plan), None)
        if same is None:
            found.append(([label], plan))
        else:
            same.append(label)
    return found


def replay_line(header: Header) -> str | None:
    """One line for a shell that runs the command on the same plans again."""
    if not header.command:
        return None
    plans = {label: plan for label, plan in header.plans.items() if label in LABELS}
    files, options = [], []
    for labels, plan in alike(plans):
        whole = len(labels) == len(LABELS)
        file = "replay.json" if whole else f"replay-{'-'.join(labels).lower()}.json"
        files.append(f"printf %s {shlex.quote(json.dumps(plan))} > {file}")
        options += [f"--plan {file}"] if whole else [f"--plan {one}={file}" for one in labels]
    if header.options:
        options.append(shlex.join(header.options))
    elif header.dest not in (None, "downloads"):  # a journal of version 0.1
        options.append(f"--dest {shlex.quote(header.dest or '')}")
    run = " ".join(["mockservers run", *options, "--", shlex.join(header.command)])
    return " && ".join([*files, run])
