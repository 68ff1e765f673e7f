"""What a flags2 report may say of each code, by what came of it and what is kept."""

from collections.abc import Callable

from msgspec import structs

from mockservers.journal import RequestEntry
from mockservers.ledger.judge import arrived, kept_of
from mockservers.ledger.model import (
    Account,
    Arrived,
    Evidence,
    FileState,
    Kept,
    Row,
    Seen,
    digest_sent,
    seen_of,
)


def row_of(evidence: Evidence, account: Account) -> Row:
    """The row of a code: its file, and what may be said of it."""
    claims, files = evidence.claims, evidence.owned.get(account.path, ())
    kept, state = kept_of(files)
    came = arrived(account, had=kept is Kept.WHOLE)
    if claims.by is None:
        state = _file_state(evidence, account)
        accepts = _accepts(evidence, account, state)
    else:
        unclear = any(one.what is Kept.AS_SENT and one.unclear for one in files)
        accepts = _accepts_of(evidence, account, came, state, is_kept=kept is Kept.WHOLE or unclear)
    return Row(
        **structs.asdict(account),
        accepts=_or_interrupted(evidence, accepts, state),
        claims=claims.outcomes.get(account.code or account.path, {}),
        file=state,
        arrived=came,
        kept=kept,
        files=tuple(files),
    )


def _file_state(evidence: Evidence, account: Account) -> FileState:
    file = (evidence.files_after or {}).get(account.file_name)
    if file is None:
        return FileState.ABSENT
    untouched = evidence.files_before.get(account.file_name) == file
    served = {digest for entry in account.finals for digest in _digests(entry)}
    if None in served and not untouched:
        return FileState.UNKNOWN
    if not {file.sha256, None} & served:
        return FileState.OLD if untouched else FileState.DIFFERENT
    return FileState.KEPT if untouched else FileState.SAME


def _digests(entry: RequestEntry) -> set[str | None]:
    """Digests of the file that a response may make; what is coded unasked may stay so."""
    coded = {entry.sha256} if entry.decoded and entry.unclear else set()
    return {digest_sent(entry), *coded}


def _accepts_of(
    evidence: Evidence, account: Account, came: Arrived, state: FileState, *, is_kept: bool
) -> set[str]:
    """What may be said of a code, by what came of it and what is kept.

    A whole response of which nothing is kept may be called an error only where nothing can be
    saved: any other claim would lose it.
    """
    kept = evidence.files_after is None or is_kept or state is FileState.UNKNOWN
    may_fail = (
        state is not FileState.ABSENT
        or account.path in evidence.unwritable
        or account.code in evidence.claims.unsaved
    )
    accepts = _by_the_ends(account, state, lambda _: kept, may_fail=may_fail)
    return accepts | {"ok"} if came is Arrived.WHOLE and is_kept else accepts


def _by_the_ends(
    account: Account,
    state: FileState,
    is_kept: Callable[[RequestEntry], bool],
    *,
    may_fail: bool,
) -> set[str]:
    """What the last responses allow; `may_fail`: what came whole and is not kept is an error."""
    accepts = set() if account.finals else {"error"}
    for entry in account.finals:
        came_to = seen_of(entry)
        if came_to is Seen.NOT_FOUND:
            # A client that had closed its side, or took an interim response, may not have read it.
            missed = entry.client_closed or entry.unclear
            accepts |= {"not_found", "error"} if missed else {"not_found"}
        elif came_to is Seen.ERROR:
            accepts.add("error")
        elif is_kept(entry):
            accepts.add("ok")
            if came_to is Seen.INDETERMINATE or state in (FileState.KEPT, FileState.UNKNOWN):
                accepts.add("error")
        elif came_to is Seen.INDETERMINATE or may_fail:
            accepts.add("error")
    return accepts


def _or_interrupted(evidence: Evidence, accepts: set[str], state: FileState) -> frozenset[str]:
    """After Ctrl-C, what has no new file may be called interrupted."""
    totals = evidence.claims.totals or {}
    if totals.get("interrupted") and state is not FileState.SAME:
        accepts.add("interrupted")
    return frozenset(accepts)


def _accepts(evidence: Evidence, account: Account, state: FileState) -> set[str]:
    """What may be said of a code.

    ok: a whole 200 whose bytes are the file. not_found: a 404. error: anything else, a response
    that is up to the client, or a 404 for a client that may have gone before.
    """
    file = (evidence.files_after or {}).get(account.file_name)

    def is_kept(entry: RequestEntry) -> bool:
        if evidence.files_after is None:
            return True
        return file is not None and not _digests(entry).isdisjoint((None, file.sha256))

    return _by_the_ends(account, state, is_kept, may_fail=True)
