"""A ledger, and what a request met, as people read it; pure."""

from collections import Counter

from mockservers.faults import KINDS
from mockservers.flags2.codes import is_code
from mockservers.journal import RequestEntry
from mockservers.ledger.model import Arrived, Seen
from mockservers.ledger.result import OUTCOMES, Ledger
from mockservers.ledger.words import in_words
from mockservers.text import code_list, counted, safe

MOST_IMBALANCES = 100
"""Imbalances that are printed; the others are counted."""
MOST_NOTES = 20
"""Notes that are printed; the others are counted."""


def ledger_text(ledger: Ledger) -> str:
    """The ledger in lines: the verdict first, then the counts, then what does not balance."""
    lines = [f"ledger: {verdict(ledger)}", _asked(ledger), _requests(ledger)]
    lines += _outcomes(ledger)
    lines.append(_files(ledger))
    lines += [
        f"  {one.kind:<10} {one.code or '--'}: saw {one.actual}; said: {one.said}"
        for one in ledger.imbalances[:MOST_IMBALANCES]
    ]
    if len(ledger.imbalances) > MOST_IMBALANCES:
        lines.append(f"  ... and {len(ledger.imbalances) - MOST_IMBALANCES} more; --json has all")
    lines += [f"  note       {note}" for note in ledger.notes[:MOST_NOTES]]
    if len(ledger.notes) > MOST_NOTES:
        lines.append(f"  note       ... and {len(ledger.notes) - MOST_NOTES} more; --json has all")
    return "\n".join(safe(line.replace("\n", "\\n")).rstrip() for line in lines)


_LOSSES = {
    "lost": ("download is lost", "downloads are lost"),
    "unexpected": ("request or claim is unexpected", "requests or claims are unexpected"),
    "duplicated": (
        "download was asked for or reported twice",
        "downloads were asked for or reported twice",
    ),
    "miscounted": ("claim is not what was seen", "claims are not what was seen"),
    "corrupt": ("file is wrong", "files are wrong"),
    "leftover": ("file is left over", "files are left over"),
    "exceeded": ("limit was exceeded", "limits were exceeded"),
}
_FIRST = ("corrupt", "lost")
"""What loses data is said first."""


def verdict(ledger: Ledger) -> str:
    """The verdict in one line: what was lost, and whether the exit status says so."""
    found = Counter(one.kind for one in ledger.imbalances)
    if not found:
        by_status = ledger.claims.by in ("exit", "file")
        far = "" if ledger.asked is not None or by_status else ", as far as they go"
        return f"the books balance{far}"
    kinds = [*_FIRST, *(kind for kind in _LOSSES if kind not in _FIRST)]
    parts = [f"{found[kind]} {_LOSSES[kind][found[kind] != 1]}" for kind in kinds if found[kind]]
    silent = any(found[kind] for kind in _FIRST) and ledger.status == 0
    said = (
        "the command ended with 0" if ledger.command else "the program is said to have ended well"
    )
    though = f" though {said}" if silent and ledger.claims.by == "exit" else ""
    return f"NOT BALANCED: {', '.join(parts)}{though}"


def met(entry: RequestEntry) -> str:
    """What a request met: its kind of response; a plain 404 has a name of its own."""
    if entry.do is None:
        return "bad request"
    if entry.do == "serve" and entry.status == 404:
        return "not found"
    return entry.do if entry.do in KINDS else "other"


def _asked(ledger: Ledger) -> str:
    if ledger.asked is None:
        return "  asked      not known"
    names = [name.replace(":/", " /") for name in ledger.asked]
    of = f" of {ledger.label}" if ledger.label else ""
    what = "code" if all(map(is_code, names)) else "resource"
    return f"  asked      {counted(len(names), what)}{of}: {code_list(names)}"


def _requests(ledger: Ledger) -> str:
    rows = [row for row in ledger.rows.values() if row.requests]
    what = "code" if all(row.code for row in rows) else "resource"
    announced = ledger.claims.concurrency
    limit = "" if announced is None else f", {announced} announced"
    return (
        f"  requests   {ledger.requests} for {counted(len(rows), what)}; "
        f"at most {ledger.most_in_flight} in flight{limit}"
    )


def _outcomes(ledger: Ledger) -> list[str]:
    if ledger.claims.by in ("exit", "file"):
        return [*_arrived(ledger), _claim(ledger)]
    seen = Counter[str](row.seen for row in ledger.rows.values())
    said = ledger.claims.totals
    lines = [f"  outcomes   {'':<13} {'seen':>5}" + (f" {'said':>5}" if said else "")]
    for outcome in (*OUTCOMES, Seen.INDETERMINATE, Seen.NO_REQUEST):
        reported = said.get(outcome, 0) if said else 0
        if seen[outcome] or reported or outcome == "ok":
            row = f"             {outcome.replace('_', ' '):<13} {seen[outcome]:>5}"
            lines.append(row + (f" {reported:>5}" if said else ""))
    if said is None:
        said_of = len(ledger.claims.outcomes)
        only = f"only lines for {counted(said_of, 'code')}" if said_of else "nothing was said"
        lines.append(f"             (no final report was printed: {only})")
    return lines


def _arrived(ledger: Ledger) -> list[str]:
    return [f"  arrived    {arrived_in_words(ledger)}"]


def arrived_in_words(ledger: Ledger) -> str:
    """`2 whole, 1 failed`: what the servers sent of the resources."""
    rows = ledger.rows.values()
    parts = [
        f"{count} {'not found' if word is Arrived.ABSENT else word}"
        for word in Arrived
        if (count := sum(row.arrived is word for row in rows))
    ]
    return ", ".join(parts) or "nothing"


def _claim(ledger: Ledger) -> str:
    mentioned = len(ledger.claims.downloads)
    ended = f"the command ended with {ledger.status}"
    if not ledger.command:
        ended = f"the program is said to have {'failed' if ledger.status else 'ended well'}"
    if not mentioned:
        meaning = "everything is kept whole" if ledger.status == 0 else "something failed"
        return f"  claim      {ended}: {meaning}"
    said = Counter[str](one.outcome for one in ledger.claims.downloads)
    return f"  claim      the claims file: {in_words(said)}; {ended}"


def _files(ledger: Ledger) -> str:
    where = f" in {ledger.dest}" if ledger.dest else ""
    saved = ledger.saved
    if ledger.claims.by in ("exit", "file"):
        before = f"; {ledger.kept} there before, and not written again" if ledger.kept else ""
        return f"  files      {saved} saved whole{where}{before}"
    same = "equal to the bytes served" if saved == 1 else "each equal to the bytes served"
    kept = f"; {ledger.kept} there before, and not written again" if ledger.kept else ""
    return f"  files      {saved} saved{where}" + (f", {same}" if saved else "") + kept
