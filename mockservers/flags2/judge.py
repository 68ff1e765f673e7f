"""Judges a program with a flags2 report: what was seen, claimed and kept of each code.

Each check is a plain function from evidence to findings: imbalances, and notes (plain text). What
counts as what is in SPEC.md, "The ledger". Journals of version 0.1 do not say what the claim is
(`Claims.by`); they are judged as they were, and so are the runs of `conformance`: files by their
names, and a whole response may be called an error.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import combinations

from mockservers.flags2.rows import row_of
from mockservers.journal import RequestEntry
from mockservers.ledger.judge import judge_rows
from mockservers.ledger.model import (
    Evidence,
    FileState,
    Kept,
    Owned,
    Row,
    Seen,
    digest_sent,
    in_parts,
    seen_of,
)
from mockservers.ledger.result import OUTCOMES, Finding, Imbalance, Ledger, ledger_of
from mockservers.ledger.words import (
    accepted_in_words,
    described,
    file_in_words,
    in_words,
    names_of,
    notes_of,
    responses,
    retries,
    story,
    told,
)

NAMED = 26
"""Lost codes that are named one by one, where only totals were reported."""

Rows = Mapping[str, Row]


def judge(evidence: Evidence) -> Ledger:
    """The ledger of a run."""
    rows = {name: row_of(evidence, account) for name, account in evidence.accounts.items()}
    found = list(_findings(evidence, rows))
    others, found_of_others = judge_rows(evidence, evidence.others)
    if evidence.claims.by:
        found += [*told(evidence, others, found_of_others), *notes_of(evidence, others)]
        found += _exceeded(evidence)
    return ledger_of(evidence, rows | others, found)


def _findings(evidence: Evidence, rows: Rows) -> Iterator[Finding]:
    for entry in evidence.unexpected:
        yield _unexpected(evidence, entry)
    for name, row in rows.items():
        yield from _repeats(evidence, name, row) if evidence.once else retries(name, row)
    if not evidence.served:
        yield f"{evidence.label} is not served here: its requests cannot be seen"
    totals = evidence.claims.totals
    if evidence.asked is not None:
        claimed = list(_claims(evidence, rows))
    else:
        yield (
            "requested codes unknown: no `Searching for` line says which (SPEC.md, The ledger), "
            "nor does --asked; checked requests and totals only"
        )
        claimed = [] if totals is None else list(_totals(rows, totals))
    yield from claimed
    named = {one.code for one in claimed if one.kind in ("corrupt", "lost")}
    if evidence.files_after is not None:
        if evidence.claims.by:
            yield from _files_of_rows(evidence, rows, named)
        else:
            yield from _files(evidence, rows, named)
        if evidence.asked is None:
            yield from _odd_files(evidence, rows)
    yield from _requests(evidence, rows)


# --- requests --------------------------------------------------------------------------------


def _unexpected(evidence: Evidence, entry: RequestEntry) -> Imbalance:
    saw = f"{entry.method} {entry.path} on {entry.server}"
    of_another_server = entry.code in (evidence.asked or ())
    expected = f"asked of {evidence.label}" if of_another_server else "not asked for"
    return Imbalance("unexpected", entry.code, saw, expected=expected)


def _repeats(evidence: Evidence, name: str, row: Row) -> Iterator[Finding]:
    """A second request follows a redirect, or is one retry after a request without a response."""
    if row.possible:
        return  # it is not known which of these requests are its own
    recovered = False
    for earlier, later, followed in zip(row.requests, row.requests[1:], row.followed, strict=False):
        resumes = later.range and (earlier.version or later.version) and seen_of(earlier) != Seen.OK
        if followed:
            recovered = False
        elif in_parts(earlier) or resumes:
            yield f"{name} went on after {described(earlier)}"
        elif earlier.status is None and not recovered:
            recovered = True
            yield f"{name} recovered: asked again after {described(earlier)}"
        elif evidence.asked is None:
            count = len(row.requests) + row.more
            yield f"{name} was asked for {count} times"
            return
        else:
            saw = "; then ".join(map(described, row.requests))
            yield Imbalance("duplicated", name, saw, expected="asked for once")
            return


def _requests(evidence: Evidence, rows: Rows) -> Iterator[str]:
    """What is worth a note about requests."""
    unclear = [name for name, row in rows.items() if row.seen is Seen.INDETERMINATE]
    if unclear:
        yield f"ok or error is up to the client: {names_of(unclear)}"
    unknown = [
        name
        for name, row in rows.items()
        if None in map(digest_sent, row.finals)
        and (evidence.claims.by is None or row.kept is Kept.UNKNOWN)
    ]
    if unknown:
        what = "came in parts, or changed as it was sent; the file is not judged"
        yield f"{what}: {names_of(unknown)}"
    never = [name for name, row in rows.items() if not row.requests]
    if never and evidence.served:
        yield f"{len(never)} never requested: {names_of(never)}"
    announced = evidence.claims.concurrency
    exceeded = announced is not None and evidence.most_in_flight > announced
    if exceeded and evidence.claims.by is None:
        yield _in_flight(evidence, announced)


def _in_flight(evidence: Evidence, announced: int | None) -> str:
    most = evidence.most_in_flight
    return f"{most} requests were in flight at once, {announced} were announced"


def _exceeded(evidence: Evidence) -> Iterator[Finding]:
    """More in flight than announced; a request that a client gave up counts here a while longer."""
    announced = evidence.claims.concurrency
    if announced is None or evidence.most_in_flight <= announced:
        return
    if evidence.most_in_flight - announced <= evidence.given_up:
        yield f"{_in_flight(evidence, announced)}; {evidence.given_up} were given up by the client"
    else:
        saw = f"{evidence.most_in_flight} requests in flight at once"
        yield Imbalance("exceeded", None, saw, f"{announced} connections", f"at most {announced}")


# --- claims ----------------------------------------------------------------------------------


def _claims(evidence: Evidence, rows: Rows) -> Iterator[Imbalance]:
    """Compare what a program said of codes, and its totals, with what was seen."""
    claims = evidence.claims
    for code, said in claims.outcomes.items():
        if code not in rows:
            yield Imbalance("unexpected", code, "not asked for", claimed=in_words(said))
    if claims.totals is None:
        saw = f"{evidence.requests} requests for {len(rows)} codes"
        yield Imbalance("lost", None, saw, claimed="no final report")
    if claims.outcomes:
        for code, row in rows.items():
            yield from _line(code, row, reported=claims.totals is not None)
        if claims.totals is not None:
            yield from _sums(rows, claims.totals)
    elif claims.totals is not None:
        yield from _totals(rows, claims.totals)


def _line(code: str, row: Row, *, reported: bool) -> Iterator[Imbalance]:
    """Compare what was said of one code with what was seen."""
    saw, said = story(row), in_words(row.claims)
    expected = " or ".join(sorted(row.accepts)).replace("_", " ") or "a file, and ok"
    if not row.claims:
        if "interrupted" not in row.accepts and reported:
            yield Imbalance("lost", code, saw, said, expected, row.resource)
    elif sum(row.claims.values()) > 1:
        yield Imbalance("duplicated", code, saw, said, "one line", row.resource)
    elif not row.accepts & set(row.claims):
        kind = _wrong_ok(row) if "ok" in row.claims else "miscounted"
        yield Imbalance(kind, code, saw, said, expected, row.resource)


def _wrong_ok(row: Row) -> str:
    """The kind of imbalance of a download that was called ok and is not."""
    if not row.requests:
        return "lost"
    if row.file is not FileState.ABSENT:
        return "corrupt"
    return "lost" if row.seen is Seen.OK else "miscounted"


def _sums(rows: Rows, totals: Mapping[str, int]) -> Iterator[Imbalance]:
    """Compare the lines of a program with its own totals."""
    lines = Counter(said for row in rows.values() for said in row.claims)
    silent = sum(not row.claims for row in rows.values())
    # Without Ctrl-C, `_line` has reported each code without a line as lost.
    lines["interrupted"] = silent if totals.get("interrupted") else 0
    if any(lines[outcome] != totals.get(outcome, 0) for outcome in OUTCOMES):
        saw = f"{in_words(lines)} by its own lines"
        yield Imbalance("miscounted", None, saw, claimed=in_words(totals))


def _totals(rows: Rows, totals: Mapping[str, int]) -> Iterator[Imbalance]:
    """Compare the totals alone with all that may be said of the codes."""
    said, words = sum(totals.values()), in_words(totals)
    if said == len(rows) and _fits(rows, totals):
        return
    if said < len(rows):
        unseen = [(code, "lost") for code, row in rows.items() if said == 0 or not row.requests]
        suspects = unseen if len(unseen) == len(rows) - said <= NAMED else []
        if not suspects:
            saw = f"{len(rows)} codes asked for: {accepted_in_words(rows)}"
            yield Imbalance("lost", None, saw, claimed=words)
            return
    else:
        most_ok = sum("ok" in row.accepts for row in rows.values())
        bad = [(code, _wrong_ok(row)) for code, row in rows.items() if _casts_doubt(row)]
        suspects = bad if len(bad) == totals.get("ok", 0) - most_ok else []
    for code, kind in suspects:
        yield Imbalance(kind, code, story(rows[code]), claimed=words)
    if not suspects:
        yield Imbalance("miscounted", None, accepted_in_words(rows), claimed=words)


def _fits(rows: Rows, totals: Mapping[str, int]) -> bool:
    """Whether each code can be given one of the outcomes it accepts, to these totals.

    It can if no set of outcomes is all that too many codes accept (Hall's theorem): with totals of
    2 ok and 1 error, at most 2 codes accept only ok, and at most 3 only ok or error.
    """
    accepted = Counter(row.accepts for row in rows.values())
    return all(
        sum(count for accepts, count in accepted.items() if accepts <= frozenset(some))
        <= sum(totals.get(outcome, 0) for outcome in some)
        for size in range(len(OUTCOMES))
        for some in combinations(OUTCOMES, size)
    )


def _casts_doubt(row: Row) -> bool:
    """Whether a file, or a whole response, explains a wrong ok."""
    kept = row.file is not FileState.ABSENT
    return "ok" not in row.accepts and (kept or row.seen is Seen.OK)


# --- files -----------------------------------------------------------------------------------


def _files(evidence: Evidence, rows: Rows, named: set[str | None]) -> Iterator[Imbalance]:
    """Files that no download accounts for; `named` are the codes that were named already."""
    codes = {row.file_name: name for name, row in rows.items()}
    for file, content in sorted((evidence.files_after or {}).items()):
        name = codes.get(file)
        if "/" in file:  # version 0.1 looked at one folder
            continue
        if evidence.files_before.get(file) == content or (name and name in named):
            continue
        kept = f"{file} has {content.size} bytes"
        row = rows[name] if name else None
        if row and row.seen is Seen.OK:
            if row.file is FileState.DIFFERENT:
                yield Imbalance("corrupt", name, story(row), claimed=kept)
        elif evidence.asked is not None and not (row and _is_saved(row)):
            code = name or evidence.codes_of_files.get(file)
            saw = story(row) if row else "no download of it"
            yield Imbalance("leftover", code, saw, claimed=kept)


def _files_of_rows(evidence: Evidence, rows: Rows, named: set[str | None]) -> Iterator[Finding]:
    """Files that are not what came of their download; `named` were named already."""
    for name, row in rows.items():
        if name in named:
            continue
        for one in row.files:
            wrong = one.what not in (Kept.WHOLE, Kept.UNKNOWN) and not one.untouched
            if not wrong or (one.unclear and "ok" in row.accepts and "ok" in row.claims):
                continue
            saw, kept = responses(row), f"{one.name} {file_in_words(row, one)}"
            if row.seen is Seen.OK and row.kept is not Kept.WHOLE:
                yield Imbalance("corrupt", name, saw, kept, "the whole resource", row.resource)
                break
            if not (one.marked and evidence.claims.by == "said") and not _fits_file(row, one):
                expected = "no file of a download that failed"
                yield Imbalance("leftover", name, saw, kept, expected, row.resource)
    whole = [n for n, row in rows.items() if row.seen is Seen.OK and row.kept is Kept.NOTHING]
    nowhere = [name for name in whole if rows[name].path in evidence.unwritable]
    if nowhere:
        yield f"nothing can be saved in {evidence.dest}: {names_of(nowhere)}"


def _fits_file(row: Row, one: Owned) -> bool:
    """Whether a file that is what an unclear response sent may be called ok, and may be there."""
    return one.what is Kept.AS_SENT and one.unclear and "ok" in row.accepts and not row.claims


def _is_saved(row: Row) -> bool:
    return row.file in (FileState.SAME, FileState.UNKNOWN) and "ok" in row.accepts


def _odd_files(evidence: Evidence, rows: Rows) -> Iterator[str]:
    """What is odd about files where it is not known what was asked for."""
    whole = [r for r in rows.values() if r.seen is Seen.OK or r.file is FileState.UNKNOWN]
    good = {row.file_name for row in whole if _is_saved(row)}
    before = evidence.files_before
    odd = [
        name
        for name, file in sorted((evidence.files_after or {}).items())
        if name not in good and before.get(name) != file
    ]
    if odd:
        yield f"files that no whole download accounts for: {names_of(odd)}"
    kept = any(_is_saved(row) or row.file is FileState.KEPT for row in rows.values())
    if whole and not kept:
        where = f"{evidence.dest} (--dest names the folder)"
        yield f"none of {len(whole)} whole downloads is in {where}"
