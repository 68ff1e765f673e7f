"""A ledger, and what a request met, as people read it; pure."""

from collections import Counter

from mockservers.faults import KINDS
from mockservers.journal import RequestEntry
from mockservers.ledger.model import OUTCOMES, Ledger, Seen
from mockservers.text import code_list, counted

MOST_NOTES = 20
"""Notes that are printed; the others are counted."""


def ledger_text(ledger: Ledger) -> str:
    """The ledger in lines: the verdict first, then the counts, then what does not balance."""
    found = len(ledger.imbalances)
    verdict = f"NOT BALANCED: {counted(found, 'imbalance')}" if found else "the books balance"
    if ledger.asked is None and not found:
        verdict += ", as far as they go"
    lines = [f"ledger: {verdict}", _asked(ledger), _requests(ledger)]
    lines += _outcomes(ledger)
    lines.append(_files(ledger))
    lines += [
        f"  {one.kind:<10} {one.code or '--'}: saw {one.actual}; said: {one.said}"
        for one in ledger.imbalances
    ]
    lines += [f"  note       {note}" for note in ledger.notes[:MOST_NOTES]]
    if len(ledger.notes) > MOST_NOTES:
        lines.append(f"  note       ... and {len(ledger.notes) - MOST_NOTES} more; --json has all")
    return "\n".join(line.rstrip() for line in lines)


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
    codes = ledger.asked
    of = f" of {ledger.label}" if ledger.label else ""
    return f"  asked      {counted(len(codes), 'code')}{of}: {code_list(codes)}"


def _requests(ledger: Ledger) -> str:
    codes = sum(bool(row.requests) for row in ledger.rows.values())
    announced = ledger.claims.concurrency
    limit = "" if announced is None else f", {announced} announced"
    return (
        f"  requests   {ledger.requests} for {counted(codes, 'code')}; "
        f"at most {ledger.most_in_flight} in flight{limit}"
    )


def _outcomes(ledger: Ledger) -> list[str]:
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


def _files(ledger: Ledger) -> str:
    where = f" in {ledger.dest}" if ledger.dest else ""
    saved = ledger.saved
    same = "equal to the bytes served" if saved == 1 else "each equal to the bytes served"
    kept = f"; {ledger.kept} there before, and not written again" if ledger.kept else ""
    return f"  files      {saved} saved{where}" + (f", {same}" if saved else "") + kept
