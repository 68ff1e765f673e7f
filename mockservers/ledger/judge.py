"""Do the books balance? What was seen, said and kept, held against each other.

Pure, but for `resolve_asked`, which reads the codes file for `-a`. The judge knows entries only:
`balance(read_journal(path))` judges a journal written by somebody else's server too. What counts
as what stands in SPEC.md, "The ledger".
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

from mockservers.flags2.arguments import LABELS, is_code, readings
from mockservers.flags2.output import Claims
from mockservers.journal import Entry

OUTCOMES = ("ok", "not_found", "error", "interrupted")
"""What a program can say of a download."""

WORDS = ("lost", "unexpected", "duplicated", "miscounted", "corrupt", "leftover")
"""What does not balance is named by one of these."""

INDETERMINATE = ("no_length", "too_long", "huge_headers")
"""Kinds of reply with a whole head, of which no one can say whether a client takes them for a
success. (`cut_headers` is another; it has no status.)"""

_NOTHING = hashlib.sha256(b"").hexdigest()
_STRAYS = 1000
_NAMED = 26
"""Lost codes that are named one by one, where only totals were said."""
_KEPT_PER_CODE = 64
"""Requests for one code that are kept, per server, besides those that redirects led there;
further ones are only counted."""
_LEADING = 10_000
"""Redirects that make room for two more requests where they lead, for each may be asked for again,
once: enough for 50 hops of each of 194 codes."""
_KEPT_FIELDS = (
    "n", "conn", "server", "method", "path", "code", "do", "status", "length", "bytes_sent",
    "complete", "client_gone", "client_closed", "sha256", "location",
)  # fmt: skip

Files = Mapping[str, Mapping[str, Any]]
"""The files of a folder: name to `size`, `sha256`, `mtime_ns`."""


@dataclass(frozen=True, slots=True)
class Imbalance:
    """Something that does not balance; `code` is None where no single one can be named."""

    word: str
    code: str | None
    saw: str
    said: str

    def to_json(self) -> dict[str, str | None]:
        """As in the last line of `mockservers run --json`."""
        return {"word": self.word, "code": self.code, "saw": self.saw, "said": self.said}


@dataclass(slots=True)
class Row:
    """The account of one code."""

    requests: list[Entry] = field(default_factory=list)
    """Its requests, redirects that were followed included, in the order of arrival."""
    more: int = 0
    """Requests beyond those."""
    possible: list[Entry] = field(default_factory=list)
    """Requests of which one was its last, where the books cannot tell which."""
    accepts: frozenset[str] = frozenset()
    """What a program may say of it."""
    said: Counter[str] = field(default_factory=Counter)
    file: str = field(init=False)
    """One of: absent; same (written in this run, and equal to the bytes served); kept (equal, but
    from before the run); different (written, and not equal); old (not equal, from before)."""

    @property
    def finals(self) -> list[Entry]:
        """Its last request; several where the books cannot tell which it was."""
        return self.possible or self.requests[-1:]

    @property
    def seen(self) -> str:
        """What the server saw come of it, by the last request."""
        seen = {_seen(entry) for entry in self.finals} or {"no request"}
        return seen.pop() if len(seen) == 1 else "indeterminate"


@dataclass(slots=True)
class Ledger:
    """The books of one run, and what does not balance in them."""

    label: str | None
    """The server in scope; None: any of them."""
    asked: tuple[str, ...] | None
    claims: Claims
    rows: dict[str, Row]
    requests: int
    most_in_flight: int
    dest: str | None
    imbalances: list[Imbalance] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def saved(self) -> int:
        """New files that equal the bytes served."""
        return sum(row.file == "same" and "ok" in row.accepts for row in self.rows.values())

    @property
    def kept(self) -> int:
        """Files that equal the bytes served, and were there before the run, untouched."""
        return sum(row.file == "kept" for row in self.rows.values())

    @property
    def balanced(self) -> bool:
        """Whether nothing is out of balance. Notes do not count."""
        return not self.imbalances

    def to_json(self) -> dict[str, Any]:
        """As in the last line of `mockservers run --json`."""
        return {
            "ledger": 1,
            "balanced": self.balanced,
            "codes": {
                name: {
                    "requests": len(row.requests) + row.more,
                    "status": row.requests[-1]["status"] if row.requests else None,
                    "seen": row.seen,
                    "said": next(iter(row.said), None),
                    "file": row.file,
                }
                for name, row in self.rows.items()
            },
            "imbalances": [imbalance.to_json() for imbalance in self.imbalances],
            "notes": self.notes,
        }


def resolve_asked(
    command: Sequence[str], claims: Claims, folder: Path | None = None
) -> tuple[str, ...] | None:
    """The codes that a program was asked for, or None where nobody can know.

    They are those of the longest tail of the command that reads as a flags2 command line and
    agrees with what the program announced; else the list that it printed.
    """
    if claims.announced is None:
        return None
    announced = (claims.announced, claims.first, claims.last)
    for reading in readings(command, folder):
        if (len(reading.codes), reading.codes[0], reading.codes[-1]) == announced:
            return reading.codes
    if claims.listed and len(claims.listed) == claims.announced:
        return tuple(claims.listed)
    return None


def balance(journal: Iterable[Entry], files_after: Files | None = None) -> Ledger:
    """Judge a journal: its header, its entries, its end (absent when the writer was killed).

    `files_after` takes the place of the files that the journal ends with. Raises ValueError for
    an empty journal.
    """
    lines = iter(journal)
    header = next(lines, None)
    if header is None:
        raise ValueError("the journal is empty")
    requests: list[Entry] = []
    strays: list[Entry] = []
    kept: Counter[tuple[str, str]] = Counter()
    more: Counter[tuple[str, str]] = Counter()
    led_to: Counter[str] = Counter()
    timed_out: list[str] = []
    end: Entry = {}
    most_in_flight: Counter[str] = Counter()
    count = leading = 0
    for entry in lines:
        if entry.get("end"):
            end = entry
        elif entry.get("type") == "gate" and not entry["filled"]:
            timed_out.append(
                f"the gate of {entry['server']} opened by its time: {entry['held']} held"
            )
        elif entry.get("type") == "request":
            count += 1
            server = entry["server"]
            most_in_flight[server] = max(most_in_flight[server], entry["in_flight"])
            if entry["method"] == "HEAD":
                continue
            slim = {name: entry.get(name) for name in _KEPT_FIELDS}
            path = unquote(entry["path"])
            if slim["location"] and leading < _LEADING:
                leading += 1
                led_to[_led_to(slim)[1]] += 2
            what = server, entry["code"] or path
            if kept[what] < led_to[path] + (_KEPT_PER_CODE if entry["code"] else 0):
                kept[what] += 1
                requests.append(slim)
            elif entry["code"]:
                more[what] += 1
            elif len(strays) < _STRAYS:
                strays.append(slim)
    claims = Claims.from_json(end.get("claims") or {})
    asked = end.get("asked") if end else None if header.get("command") else header.get("asked")
    ledger = Ledger(
        label=claims.label,
        asked=tuple(asked) if asked is not None else None,
        claims=claims,
        rows={},
        requests=count,
        most_in_flight=max(most_in_flight.values(), default=0),
        dest=header.get("dest"),
        notes=timed_out,
    )
    if claims.label in LABELS:
        ledger.most_in_flight = most_in_flight[claims.label]
    for label, plan in (header.get("plans") or {}).items():
        if plan.get("refuse") and ledger.label in (None, label):
            ledger.notes.append(f"{label} refuses connections, as its plan says")
    if not end:
        ledger.notes.append("the journal has no end: the run was cut off, what was said is lost")
    # Entries come as requests end: one that was led there may stand before what led it there.
    requests += [entry for entry in strays if unquote(entry["path"]) in led_to]
    _enter(ledger, requests, [e for e in strays if unquote(e["path"]) not in led_to])
    for (server, code), count in more.items():
        name = _name(ledger, {"server": server, "code": code})
        if name in ledger.rows:
            ledger.rows[name].more += count
    after = end.get("files_after") if files_after is None else files_after
    _judge(ledger, header.get("files_before") or {}, after)
    return ledger


def _enter(ledger: Ledger, requests: Iterable[Entry], strays: list[Entry]) -> None:
    """Put every request into the row of its download, or call it unexpected where it is known
    what was asked for.

    A request that follows a redirect belongs to the download that was redirected.
    """
    ledger.rows = {code: Row() for code in ledger.asked or ()}
    waiting: Waiting = {}
    came_by: dict[tuple[str, str], set[str]] = {}
    for entry in sorted(requests, key=lambda entry: entry["n"]):
        name = _redirected(waiting, entry, ledger) or _name(ledger, entry)
        if name is None:
            strays.append(entry)
            continue
        ledger.rows.setdefault(name, Row()).requests.append(entry)
        came_by.setdefault((entry["server"], unquote(entry["path"])), set()).add(name)
        if entry["location"]:
            waiting.setdefault(_led_to(entry), []).append((name, entry["conn"], False))
    for entry in strays if ledger.asked is not None else ():
        _unexpected(ledger, entry)
    # Who still waits may have been there all the same, and another be taken for it.
    for (there, path), hops in waiting.items():
        for server in (there,) if there else LABELS:
            if (server, path) in came_by:
                came_by[server, path].update(name for name, *_ in hops)
    _disentangle(ledger, came_by.values())


def _name(ledger: Ledger, entry: Entry) -> str | None:
    """The row of a request that nobody was redirected to; None for one that was not asked for."""
    code: str | None = entry["code"]
    if ledger.asked is None:
        return code if ledger.label or not code else f"{entry['server']} {code}"
    in_scope = ledger.label in (None, entry["server"])
    return code if in_scope and code in ledger.rows else None


Waiting = dict[tuple[str | None, str], list[tuple[str, int, bool]]]
"""Where redirects lead (server, or None for any; path): row and connection of each, and whether
it was asked for there already, in vain."""


def _redirected(waiting: Waiting, entry: Entry, ledger: Ledger) -> str | None:
    """The row of the download that was led to this request, if one was; it waits no longer."""
    path = unquote(entry["path"])
    keys = ((entry["server"], path), (None, path))
    hops = [(key, hop) for key in keys for hop in waiting.get(key, ())]
    near = [(key, hop) for key, hop in hops if hop[1] == entry["conn"]]
    own = _name(ledger, entry)
    begun = own is not None and bool(own in ledger.rows and ledger.rows[own].requests)
    if not hops or (own and not begun and not near):
        return None
    # Who was there in vain may come once more, in the end for a reply; others, twice.
    key, hop = min(near or hops, key=lambda found: found[1][2] == (entry["status"] is None))
    waiting[key].remove(hop)
    name, _, in_vain = hop
    if entry["status"] is None and not in_vain:
        waiting[key].append((name, entry["conn"], True))
    return name


def _disentangle(ledger: Ledger, groups: Iterable[set[str]]) -> None:
    """Where several downloads came by one path and met different replies, nobody can tell who met
    which: each may have ended as any of them did.
    """
    apart: list[set[str]] = []
    for names in groups:
        if len(names) > 1:
            together = names.union(*(group for group in apart if group & names))
            apart = [*(group for group in apart if not group & names), together]
    for names in apart:
        rows = [ledger.rows[name] for name in names]
        ends = [
            e for row in rows for e in row.requests if not e["location"] or e is row.requests[-1]
        ]
        # What ended without a reply may have been asked for again, by whomever.
        asked_again = any(entry["status"] is None for row in rows for entry in row.requests)
        if asked_again or len({(_seen(entry), entry["sha256"]) for entry in ends}) > 1:
            for row in rows:
                row.possible = ends
            among = ", ".join(sorted(names)[:10])
            ledger.notes.append(
                f"redirects led to one path: which of {among} met which is not known"
            )


def _led_to(entry: Entry) -> tuple[str | None, str]:
    """Server (None: any) and decoded path to which a reply redirects; some clients decode it."""
    here = f"http://here.invalid{entry['path']}"
    try:
        to = urlsplit(urljoin(here, entry["location"]))
    except ValueError:
        return None, ""
    return entry["server"] if to.netloc == "here.invalid" else None, unquote(to.path) or "/"


def _leads(earlier: Entry, later: Entry) -> bool:
    """Whether a reply redirects to what was asked for later."""
    server, path = _led_to(earlier)
    return server in (None, later["server"]) and path == unquote(later["path"])


def _unexpected(ledger: Ledger, entry: Entry) -> None:
    saw = f"{entry['method']} {entry['path']} on {entry['server']}"
    said = f"asked of {ledger.label}" if entry["code"] in (ledger.asked or ()) else "not asked for"
    ledger.imbalances.append(Imbalance("unexpected", entry["code"], saw, said))


def _judge(ledger: Ledger, before: Files, after: Files | None) -> None:
    interrupted = bool(ledger.claims.totals and ledger.claims.totals["interrupted"])
    for name, row in ledger.rows.items():
        code = name[-2:]
        row.file = _file_state(row, code, before, after)
        file = (after or {}).get(f"{code.lower()}.gif", {}).get("sha256")
        row.accepts = _accepts(row, file, files_known=after is not None, interrupted=interrupted)
        row.said = ledger.claims.fates.get(code, Counter())
        _judge_repeats(ledger, name, row)
    if ledger.label == "REMOTE":
        ledger.notes.append("REMOTE is not served here: its requests cannot be seen")
    if ledger.asked is None:
        ledger.notes.append(
            "which codes were asked for is not known, for the program announced none (SPEC.md, "
            "The ledger, has the lines): only requests and counts were reconciled"
        )
        if ledger.claims.totals is not None:
            _judge_totals(ledger, ledger.claims.totals)
    else:
        _judge_claims(ledger)
    _judge_files(ledger, before, after or {})
    if ledger.asked is None and after is not None:
        _note_files(ledger, before, after)
    unclear = [name for name, row in ledger.rows.items() if row.seen == "indeterminate"]
    if unclear:
        ledger.notes.append(f"ok or error is up to the client: {_names(unclear)}")
    never = [name for name, row in ledger.rows.items() if not row.requests]
    if never and ledger.label != "REMOTE":
        ledger.notes.append(f"{len(never)} never requested: {_names(never)}")
    announced = ledger.claims.concurrency
    if announced is not None and ledger.most_in_flight > announced:
        ledger.notes.append(
            f"{ledger.most_in_flight} requests were in flight at once, {announced} were announced"
        )
    ledger.imbalances.sort(key=lambda found: (WORDS.index(found.word), found.code or ""))


def _file_state(row: Row, code: str, before: Files, after: Files | None) -> str:
    name = f"{code.lower()}.gif"
    file = (after or {}).get(name)
    if file is None:
        return "absent"
    if file["sha256"] not in {_bytes_sent(entry) for entry in row.finals}:
        return "old" if before.get(name) == file else "different"
    return "kept" if before.get(name) == file else "same"


def _bytes_sent(entry: Entry) -> str:
    return entry["sha256"] or _NOTHING


def _accepts(row: Row, file: str | None, *, files_known: bool, interrupted: bool) -> frozenset[str]:
    """What may be said of a code: ok <=> a whole 200 whose bytes are the file, not_found <=> 404,
    error <=> anything else, or a 404 for a client that may have gone before; what was not finished
    on Ctrl-C may be called interrupted. `file` is the SHA-256 of its file.
    """
    accepts = set() if row.finals else {"error"}
    for entry in row.finals:
        seen = _seen(entry)
        if seen == "not_found":
            accepts.add("not_found")
            if entry["client_closed"]:
                accepts.add("error")
        elif seen == "error":
            accepts.add("error")
        elif not files_known or file == _bytes_sent(entry):
            accepts.add("ok")
            if seen == "indeterminate" or row.file == "kept":
                accepts.add("error")
        else:
            accepts.add("error")
    if interrupted and row.file != "same":
        accepts.add("interrupted")
    return frozenset(accepts)


def _judge_repeats(ledger: Ledger, name: str, row: Row) -> None:
    recovered = False
    for earlier, later in zip(row.requests, row.requests[1:], strict=False):
        if row.possible:
            return  # whose requests these are is not known
        if earlier["location"] and _leads(earlier, later):
            recovered = False
        elif earlier["status"] is None and not recovered:
            recovered = True
            ledger.notes.append(f"{name} recovered: asked again after {_describe(earlier)}")
        elif ledger.asked is None:
            count = len(row.requests) + row.more
            ledger.notes.append(f"{name} was asked for {count} times")
            return
        else:
            saw = "; then ".join(map(_describe, row.requests))
            ledger.imbalances.append(Imbalance("duplicated", name, saw, "asked for once"))
            return


def _judge_claims(ledger: Ledger) -> None:
    claims, rows = ledger.claims, ledger.rows
    for code in claims.fates:
        if code not in rows:
            said = _words(claims.fates[code])
            ledger.imbalances.append(Imbalance("unexpected", code, "not asked for", said))
    if claims.totals is None:
        saw = f"{ledger.requests} requests for {len(rows)} codes"
        ledger.imbalances.append(Imbalance("lost", None, saw, "no final report"))
    if claims.fates:
        for code, row in rows.items():
            _judge_lines(ledger, code, row)
        if claims.totals is not None:
            _judge_sums(ledger, claims.totals)
    elif claims.totals is not None:
        _judge_totals(ledger, claims.totals)


def _judge_lines(ledger: Ledger, code: str, row: Row) -> None:
    """Hold what was said of one code against what was seen."""
    saw = _saw(row)
    if not row.said:
        if "interrupted" not in row.accepts and ledger.claims.totals is not None:
            ledger.imbalances.append(Imbalance("lost", code, saw, "nothing"))
    elif row.said.total() > 1:
        ledger.imbalances.append(Imbalance("duplicated", code, saw, _words(row.said)))
    elif not row.accepts & set(row.said):
        word = _wrong_ok(row) if "ok" in row.said else "miscounted"
        ledger.imbalances.append(Imbalance(word, code, saw, _words(row.said)))


def _wrong_ok(row: Row) -> str:
    """The word for a download that was called ok and is not."""
    if not row.requests:
        return "lost"
    if row.file != "absent":
        return "corrupt"
    return "lost" if row.seen == "ok" else "miscounted"


def _judge_sums(ledger: Ledger, totals: Mapping[str, int]) -> None:
    """Hold the lines of a program against its own totals."""
    lines = Counter(said for row in ledger.rows.values() for said in row.said)
    lines["interrupted"] = len(ledger.rows) - sum(bool(row.said) for row in ledger.rows.values())
    if not totals["interrupted"]:
        lines["interrupted"] = 0  # what has no line was called lost already
    if any(lines[outcome] != totals[outcome] for outcome in OUTCOMES):
        saw = f"{_words(lines)} by its own lines"
        ledger.imbalances.append(Imbalance("miscounted", None, saw, _words(totals)))


def _judge_totals(ledger: Ledger, totals: Mapping[str, int]) -> None:
    """Hold the totals alone against all that may be said of the codes."""
    rows = ledger.rows
    accepted = Counter(row.accepts for row in rows.values())
    most_ok = sum("ok" in row.accepts for row in rows.values())
    said = sum(totals.values())
    if said == len(rows) and _fits(accepted, totals):
        return
    if said < len(rows):
        unseen = [(code, "lost") for code, row in rows.items() if said == 0 or not row.requests]
        suspects = unseen if len(unseen) == len(rows) - said <= _NAMED else []
        if not suspects:
            saw = f"{len(rows)} codes asked for: {_seen_words(ledger)}"
            ledger.imbalances.append(Imbalance("lost", None, saw, _words(totals)))
            return
    else:
        bad = [(code, _wrong_ok(row)) for code, row in rows.items() if _calls_for_doubt(row)]
        suspects = bad if len(bad) == totals["ok"] - most_ok else []
    for code, word in suspects:
        ledger.imbalances.append(Imbalance(word, code, _saw(rows[code]), _words(totals)))
    if not suspects:
        saw = _seen_words(ledger)
        ledger.imbalances.append(Imbalance("miscounted", None, saw, _words(totals)))


def _fits(accepted: Mapping[frozenset[str], int], totals: Mapping[str, int]) -> bool:
    """Whether each code can be given one of the outcomes it accepts, to these totals.

    It can where no set of outcomes is all that is left to more codes than it has (Hall's theorem).
    """
    return all(
        sum(count for accepts, count in accepted.items() if accepts <= frozenset(some))
        <= sum(totals[outcome] for outcome in some)
        for size in range(len(OUTCOMES))
        for some in combinations(OUTCOMES, size)
    )


def _calls_for_doubt(row: Row) -> bool:
    """Whether the books themselves show how this could wrongly be called ok."""
    return "ok" not in row.accepts and (row.file != "absent" or row.seen == "ok")


def _judge_files(ledger: Ledger, before: Files, after: Files) -> None:
    """Name the files that no download accounts for."""
    named = {found.code for found in ledger.imbalances if found.word in ("corrupt", "lost")}
    codes = {f"{name[-2:].lower()}.gif": name for name in ledger.rows}
    for file, content in sorted(after.items()):
        name = codes.get(file)
        if before.get(file) == content or (name and name in named):
            continue
        kept = f"{file} has {content['size']} bytes"
        row = ledger.rows[name] if name else None
        if row and row.seen == "ok":
            if row.file == "different":
                ledger.imbalances.append(Imbalance("corrupt", name, _saw(row), kept))
        elif ledger.asked is not None and not (row and row.file == "same" and "ok" in row.accepts):
            code = name or (file[:2].upper() if is_code(file[:2].upper()) else None)
            saw = _saw(row) if row else "no download of it"
            ledger.imbalances.append(Imbalance("leftover", code, saw, kept))


def _note_files(ledger: Ledger, before: Files, after: Files) -> None:
    """Say what is odd about the files of a program of which nobody knows what it was asked for."""
    whole = {name: row for name, row in ledger.rows.items() if row.seen == "ok"}
    good = {f"{name[-2:].lower()}.gif" for name, row in whole.items() if row.file == "same"}
    odd = [
        name
        for name, file in sorted(after.items())
        if name not in good and before.get(name) != file
    ]
    if odd:
        ledger.notes.append(f"files that no whole download accounts for: {_names(odd)}")
    if whole and not ledger.saved and not ledger.kept:
        ledger.notes.append(
            f"none of {len(whole)} whole downloads is in {ledger.dest} (--dest names the folder)"
        )


# --- words --------------------------------------------------------------------------------


def _names(names: Sequence[str]) -> str:
    return ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")


def _seen(entry: Entry) -> str:
    if entry["do"] == "cut_headers" and entry["complete"]:
        return "indeterminate"
    if entry["status"] == 404:
        return "not_found"
    if entry["status"] != 200 or entry["do"] == "bad_gzip":
        return "error"
    if entry["do"] in INDETERMINATE:
        return "indeterminate"
    if entry["bytes_sent"] != entry["length"]:
        return "error"
    return "indeterminate" if entry["do"] == "reset" or not entry["complete"] else "ok"


def _describe(entry: Entry) -> str:
    if entry["status"] is None:
        if entry["client_gone"]:
            return "the client leaving before a reply"
        ending = {"reset": "a reset", "empty": "a close", "garbage": "garbage"}
        return f"{ending.get(entry['do'], 'an end')} before a reply"
    if entry["bytes_sent"] or entry["length"]:
        of = "" if entry["length"] is None else f" of {entry['length']}"
        return f"{entry['status']} with {entry['bytes_sent']}{of} bytes"
    return str(entry["status"])


def _saw(row: Row) -> str:
    saw = "; then ".join(map(_describe, row.requests)) or "no request"
    return saw if row.file in ("absent", "same") else f"{saw}; the file is {row.file}"


def _words(counted: Mapping[str, int]) -> str:
    """`1 ok, 2 error`, in the order of `OUTCOMES`, without zeros."""
    words = [f"{counted[o]} {o.replace('_', ' ')}" for o in OUTCOMES if counted.get(o)]
    return ", ".join(words) or "nothing"


def _seen_words(ledger: Ledger) -> str:
    seen = Counter("/".join(sorted(row.accepts, reverse=True)) for row in ledger.rows.values())
    return ", ".join(f"{count} {what.replace('_', ' ')}" for what, count in sorted(seen.items()))
