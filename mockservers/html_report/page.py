"""A run as a page for a browser: one file, without network; pure.

What the page says is computed here and stands in the HTML, so it can be read without scripts; its
charts are drawn by `page_files/page.js` from the bars and points given with it.
"""

import base64
import hashlib
import heapq
import itertools
import json
import os
import re
import shlex
import tempfile
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from mockservers.content.flag_images import flag
from mockservers.faults import Drip
from mockservers.flags2.arguments import LABELS, is_code
from mockservers.journal import Entry, fate_name
from mockservers.ledger import OUTCOMES, Ledger, Row
from mockservers.plan import Plan, fate, plan_from_json

MOST_BARS = 20_000
"""Requests that are drawn; of more, every so manieth."""
MOST_OFF = 100
"""Codes out of balance that are drawn besides, and requests of each."""
MOST_POINTS = 4_000
"""Points of the curve of requests in flight; of more, the highest of each span."""
MOST_ROWS = 2_000
"""Codes in the table; what does not balance comes first."""

MOST_LETTERS = 160
"""Letters of what was seen or said of one code; the ledger has all."""

_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Look:
    """How a fate is drawn: the name of a colour and of a pattern, which the page has."""

    colour: str
    pattern: str


LOOKS: Mapping[str, Look] = {
    "serve": Look("good", "plain"),
    "not found": Look("absent", "plain"),
    "drip": Look("slow", "dots"),
    "status": Look("refused", "rising"),
    "rate_limit": Look("refused", "falling"),
    "redirect": Look("elsewhere", "level"),
    "redirect_loop": Look("elsewhere", "upright"),
    "empty": Look("silent", "plain"),
    "reset": Look("silent", "rising"),
    "hang": Look("silent", "level"),
    "truncate": Look("broken", "rising"),
    "cut_headers": Look("broken", "falling"),
    "too_long": Look("broken", "level"),
    "no_length": Look("broken", "upright"),
    "garbage": Look("broken", "dots"),
    "bad_chunk": Look("broken", "cross"),
    "bad_gzip": Look("broken", "grid"),
    "wrong_type": Look("broken", "plain"),
    "huge_headers": Look("slow", "upright"),
    "bad request": Look("absent", "cross"),
    "other": Look("absent", "grid"),
}
"""One for every kind of reply; a whole 404 is told apart from `serve`. Somebody else's journal may
have others."""


_ORDER = (*OUTCOMES, "indeterminate", "no request")
_WORDS = {
    "ok": "downloaded",
    "not_found": "not found",
    "error": "failed",
    "no request": "never asked",
}


# --- what is on the page ---------------------------------------------------------------


def view_of(ledger: Ledger, journal: Iterable[Entry]) -> dict[str, Any]:
    """What the page shows of a run: its ledger, and the same journal, read once more.

    A dict of JSON values; the times of `chart` are seconds since the first request.
    """
    lines = iter(journal)
    header = next(lines)
    out_of_balance = {one.code: 0 for one in ledger.imbalances[:MOST_OFF]}
    stride = max(1, -(-ledger.requests // MOST_BARS))
    requests: list[Entry] = []
    spans: list[tuple[float, float]] = []
    fates: Counter[str] = Counter()
    planned = _Planned(header.get("plans") or {})
    for entry in lines:
        if entry.get("type") != "request":
            continue
        fates[fate_name(entry)] += 1
        spans.append(_span(entry))
        planned.add(entry)
        off = entry["code"] in out_of_balance and out_of_balance[entry["code"]] < MOST_OFF
        if off:
            out_of_balance[entry["code"]] += 1
        if off or len(spans) % stride == 0:
            requests.append(entry)
    limit = ledger.claims.concurrency
    chart = _chart(requests, spans, fates, limit, out_of_balance)
    took_s = chart["took_s"]
    return {
        "verdict": verdict(ledger),
        "balanced": ledger.balanced,
        "imbalances": [one.to_json() for one in ledger.imbalances],
        "notes": ledger.notes,
        "facts": _facts(ledger, header, took_s),
        "bound": planned.sentence(limit or ledger.most_in_flight, took_s, announced=limit),
        "thinned": None if stride == 1 else {"drawn": len(requests), "of": len(spans)},
        "chart": chart,
        "codes": _codes(ledger),
        "more_codes": max(0, len(ledger.rows) - MOST_ROWS),
        "replay": replay_line(header),
        "plans": {
            label: json.dumps(plan, indent=2) for label, plan in (header.get("plans") or {}).items()
        },
    }


def verdict(ledger: Ledger) -> str:
    """The balance in one sentence, what was lost first."""
    by_word: dict[str, list[str]] = {}
    for one in ledger.imbalances:
        by_word.setdefault(one.word, []).append(one.code or "totals")
    if by_word:
        parts = [
            f"{len(names)} {word} ({', '.join(names[:5])}{', ...' if len(names) > 5 else ''})"
            for word, names in by_word.items()
        ]
        return f"Not balanced: {', '.join(parts)}."
    far = "" if ledger.asked is not None else ", as far as they go"
    seen = Counter(row.seen for row in ledger.rows.values())
    parts = [f"{seen[name]} {_WORDS.get(name, name)}" for name in _ORDER if seen[name]]
    counted = f": {', '.join(parts)}" if parts else ""
    return f"The books balance{far}{counted}."


def _facts(ledger: Ledger, header: Entry, took_s: float) -> list[tuple[str, str]]:
    facts = []
    if header.get("command"):
        facts.append(("Command", shlex.join(header["command"])))
    facts.append(("Server", ledger.label or "not announced"))
    plans = header.get("plans") or {}
    seeds = {label: plan.get("seed", 0) for label, plan in plans.items()}
    if ledger.label in seeds:
        facts.append(("Seed", str(seeds[ledger.label])))
    elif len(set(seeds.values())) == 1:
        facts.append(("Seed", str(next(iter(seeds.values())))))
    asked = "not known" if ledger.asked is None else str(len(ledger.asked))
    facts.append(("Codes asked for", asked))
    facts.append(("Requests", str(ledger.requests)))
    limit = ledger.claims.concurrency
    announced = "none announced" if limit is None else f"{limit} announced"
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

    def add(self, entry: Entry) -> None:
        """Count a request."""
        waits = entry.get("delay_s") or 0.0
        if entry["do"] == "hang":  # as long as the client had patience
            start, end = _span(entry)
            waits = max(waits, end - start)
        elif entry["do"] == "drip":
            waits += entry["bytes_sent"] / self._rate(entry)
        self._total_s += waits
        self._longest_s = max(self._longest_s, waits)

    def _rate(self, entry: Entry) -> float:
        plan = self._plans.get(entry["server"], Plan())
        reply = fate(plan, entry["server"], entry["code"] or entry["path"], entry.get("attempt", 1))
        return reply.bytes_per_s if isinstance(reply, Drip) else float("inf")

    def sentence(self, at_once: int, took_s: float, *, announced: int | None) -> str:
        """The shortest time that this could have taken, against the time it took.

        No schedule of jobs on `at_once` machines is shorter than its longest job, nor than all of
        them shared out evenly: the lower bound of the makespan.
        """
        bound_s = max(self._longest_s, self._total_s / max(at_once, 1))
        if not bound_s:
            return f"The plan makes nobody wait; from first request to last it took {took_s:.2f} s."
        limit = "announced" if announced else "seen"
        return (
            f"With {at_once} at a time ({limit}), the {self._total_s:.2f} s of waiting that the "
            f"plan asks for take {bound_s:.2f} s at least; it took {took_s:.2f} s, "
            f"{took_s / bound_s:.2f} times that."
        )


def _fate(name: str, count: int) -> dict[str, Any]:
    look = LOOKS[name]
    return {"name": name, "count": count, "colour": look.colour, "pattern": look.pattern}


# --- the charts ------------------------------------------------------------------------


def chart_of(entries: Iterable[Entry], out_of_balance: Collection[str | None]) -> dict[str, Any]:
    """The chart of a short run, all of whose requests are drawn."""
    requests = [entry for entry in entries if entry.get("type") == "request"]
    fates = Counter(map(fate_name, requests))
    return _chart(requests, list(map(_span, requests)), fates, None, out_of_balance)


def _chart(
    requests: Sequence[Entry],
    spans: Sequence[tuple[float, float]],
    fates: Counter[str],
    limit: int | None,
    out_of_balance: Collection[str | None],
) -> dict[str, Any]:
    """What is drawn of `requests`; `spans` and `fates` are those of all there were."""
    begin = min((start for start, _ in spans), default=0.0)
    end = max((end for _, end in spans), default=0.0)
    return {
        "fates": [_fate(name, count) for name, count in fates.most_common()],
        "bars": _bars(requests, begin, out_of_balance),
        "in_flight": _in_flight(spans, begin),
        "limit": limit,
        "took_s": round(end - begin, 6),
    }


def _span(entry: Entry) -> tuple[float, float]:
    """From when to when a request was under way."""
    start = entry.get("start_s") or 0.0
    return start, max(entry.get("end_s") or start, start)


def _bars(
    requests: Sequence[Entry], begin: float, out_of_balance: Collection[str | None]
) -> dict[str, Any]:
    """The requests in columns, by their start, each with a lane in which it overlaps nothing."""
    requests = sorted(requests, key=_span)
    fields = list(dict.fromkeys(name for entry in requests for name in entry))
    starts, firsts, ends = [], [], []
    for entry in requests:
        start, end = _span(entry)
        first = entry.get("first_byte_s")
        starts.append(start - begin)
        ends.append(end - begin)
        firsts.append((end if first is None else first) - begin)
    lanes = list(_lanes(starts, ends))
    return {
        "start": [round(value, 6) for value in starts],
        "first": [round(value, 6) for value in firsts],
        "end": [round(value, 6) for value in ends],
        "lane": lanes,
        "lanes": max(lanes, default=0) + 1,
        "fate": [fate_name(entry) for entry in requests],
        "off": [
            entry.get("code") is not None and entry["code"] in out_of_balance for entry in requests
        ],
        "entries": {name: [entry.get(name) for entry in requests] for name in fields},
    }


def _lanes(starts: Sequence[float], ends: Sequence[float]) -> Iterator[int]:
    """For each span, in the order of their starts, the lowest lane that is free then."""
    free: list[int] = []
    taken: list[tuple[float, int]] = []
    for start, end in zip(starts, ends, strict=True):
        while taken and taken[0][0] <= start:
            heapq.heappush(free, heapq.heappop(taken)[1])
        lane = heapq.heappop(free) if free else len(taken)
        heapq.heappush(taken, (end, lane))
        yield lane


def _in_flight(spans: Iterable[tuple[float, float]], begin: float) -> dict[str, list[float]]:
    """The number of requests under way, as steps; of each of many spans of time, the highest."""
    changes = sorted(itertools.chain.from_iterable(((start, 1), (end, -1)) for start, end in spans))
    seconds: list[float] = [0.0]
    numbers: list[float] = [0]
    number = 0
    for moment, group in itertools.groupby(changes, key=lambda change: change[0]):
        changed = [change for _, change in group]
        # Who starts at the moment at which another ends was in flight with it.
        for step in (changed.count(1), -changed.count(-1)):
            if step:
                number += step
                seconds.append(round(moment - begin, 6))
                numbers.append(number)
    share = -(-len(seconds) // MOST_POINTS)
    if share > 1:
        highest = [
            max(range(at, min(at + share, len(seconds))), key=numbers.__getitem__)
            for at in range(0, len(seconds), share)
        ]
        seconds = [seconds[at] for at in highest] + seconds[-1:]
        numbers = [numbers[at] for at in highest] + numbers[-1:]
    return {"s": seconds, "n": numbers}


# --- the table -------------------------------------------------------------------------


def _codes(ledger: Ledger) -> list[dict[str, Any]]:
    found: dict[str | None, list[Any]] = {}
    for one in ledger.imbalances:
        found.setdefault(one.code, []).append(one)
    names = sorted(ledger.rows, key=lambda name: name not in found)  # a stable sort
    return [_code(name, ledger.rows[name], found.get(name, [])) for name in names[:MOST_ROWS]]


def _code(name: str, row: Row, found: Sequence[Any]) -> dict[str, Any]:
    last = row.requests[-1] if row.requests else None
    return {
        "code": name,
        "words": [one.word for one in found],
        "evidence": [f"saw {one.saw}; said: {one.said}" for one in found],
        "fates": list(dict.fromkeys(fate_name(entry) for entry in row.requests)),
        "requests": len(row.requests) + row.more,
        "status": last["status"] if last else None,
        "seen": row.seen.replace("_", " "),
        "said": ", ".join(row.said).replace("_", " "),
        "file": row.file,
        "picture": _picture(name, row),
    }


def _picture(name: str, row: Row) -> str | None:
    """The flag, as a data URL, where the file equals the bytes served and those are our flag."""
    if row.file not in ("same", "kept") or not is_code(name):
        return None
    image = flag(name)
    served = {entry["sha256"] for entry in row.finals}
    if served != {hashlib.sha256(image).hexdigest()}:
        return None
    return f"data:image/gif;base64,{base64.b64encode(image).decode()}"


# --- to run it again -------------------------------------------------------------------


def replay_line(header: Entry) -> str | None:
    """One line for a shell that runs the command on the same plans again."""
    if not header.get("command"):
        return None
    files, options = [], []
    for label, plan in (header.get("plans") or {}).items():
        if label not in LABELS:
            continue
        file = f"plan-{label.lower()}.json"
        files.append(f"printf %s {shlex.quote(json.dumps(plan))} > {file}")
        options.append(f"--plan {label}={file}")
    if header.get("dest") not in (None, "downloads"):
        options.append(f"--dest {shlex.quote(header['dest'])}")
    run = " ".join(["mockservers run", *options, "--", shlex.join(header["command"])])
    return " && ".join([*files, run])


# --- the page --------------------------------------------------------------------------


def run_page(view: Mapping[str, Any]) -> str:
    """The page of one run."""
    return _render([view], ["run"])


def compare_page(views: Sequence[Mapping[str, Any]], names: Sequence[str]) -> str:
    """The page of several runs, one beside the other, on one scale of time."""
    return _render(views, names)


def _render(views: Sequence[Mapping[str, Any]], names: Sequence[str]) -> str:
    return _template().render(
        runs=list(zip(names, views, strict=True)),
        charts=[view["chart"] for view in views],
        differences=_differences(views) if len(views) == 2 else None,
    )


def _differences(
    views: Sequence[Mapping[str, Any]],
) -> list[tuple[str, list[dict[str, Any] | None], bool]]:
    """Every code with its row of each run, and whether they differ; those that do come first."""
    by_code = [{row["code"]: row for row in view["codes"]} for view in views]
    found = []
    for code in dict.fromkeys(itertools.chain.from_iterable(by_code)):
        rows = [of_run.get(code) for of_run in by_code]
        told = [row and [row[key] for key in ("seen", "said", "file", "words")] for row in rows]
        found.append((code, rows, told[0] != told[1]))
    return sorted(found, key=lambda one: not one[2])


def write_whole(path: Path, text: str) -> None:
    """Write a file whole or not at all; raises OSError with the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".page-")
    try:
        with os.fdopen(
            handle, "w", encoding="utf-8", errors="backslashreplace", newline="\n"
        ) as file:
            file.write(text)
        Path(name).chmod(0o644)
        os.replace(name, path)  # noqa: PTH105 - the error then names both paths
    except OSError as exc:
        Path(name).unlink(missing_ok=True)
        raise OSError(exc.errno, exc.strerror, str(path)) from exc


@cache
def page_file(name: str) -> str:
    """A file of the page, as text."""
    return (
        resources.files("mockservers.html_report")
        .joinpath("assets", name)
        .read_text(encoding="utf-8")
    )


def script_hash(*scripts: str) -> str:
    """What a Content-Security-Policy allows: these scripts, to the letter, and no other."""
    return " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
        for text in scripts
    )


def safe(text: str) -> str:
    """A text without control characters and such as turn the direction of what follows."""
    return _CONTROLS.sub(lambda found: ascii(found[0])[1:-1], text)


def environment() -> jinja2.Environment:
    """Templates of pages: what they show is escaped; `charts.html.jinja` has the charts."""
    made = jinja2.Environment(
        loader=jinja2.FunctionLoader(page_file),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: safe(value) if type(value) is str else value,
    )
    scripts = [page_file("uplot.min.js"), page_file("page.js")]
    made.globals |= {
        "looks": {name: [look.colour, look.pattern] for name, look in LOOKS.items()},
        "scripts": [Markup(text) for text in scripts],  # noqa: S704 - ours, not from outside
        "styles": Markup(page_file("uplot.min.css") + page_file("page.css")),  # noqa: S704 - ours
        "script_hash": Markup(script_hash(*scripts)),  # noqa: S704 - base64
    }
    made.filters["brief"] = brief
    return made


def brief(text: str) -> str:
    """The start of a text that is too long for a line or two."""
    return text if len(text) <= MOST_LETTERS else f"{text[:MOST_LETTERS]} ..."


@cache
def _template() -> jinja2.Template:
    return environment().get_template("run.html.jinja")
