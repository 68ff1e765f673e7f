"""What became of each download: journal, claims and files must agree; pure.

The ledger finds the imbalances. The functions here name the clause that each of them breaks.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from msgspec import structs

from conformance.checks.interpret import Reading
from conformance.verdicts import Finding, broken
from mockservers.journal import End, Header
from mockservers.ledger import Imbalance, Ledger, Row, balance
from mockservers.text import code_list, counted

SUSPECTS = ("FIL-4", "FIL-1", "REQ-2", "OUT-1", "OUT-2", "OUT-3", "OUT-4", "OUT-5", "OUT-9")
"""Where several downloads may be the one miscounted, the first of these clauses is reported."""


@dataclass(frozen=True, slots=True)
class Accounts:
    """A reading and the ledger of its run."""

    reading: Reading
    ledger: Ledger

    @property
    def add_up(self) -> bool:
        """Whether the totals are those of as many codes as were asked for."""
        return sum(self.reading.totals.values()) == len(self.ledger.rows)

    @property
    def too_many_ok(self) -> bool:
        """Whether more downloads were counted as ok than there are rows that accept it."""
        acceptable = sum("ok" in row.accepts for row in self.ledger.rows.values())
        return self.reading.totals["ok"] > acceptable


def ledger_of(reading: Reading) -> Ledger:
    """The ledger of a run, for the server and the codes that the program took its task to be."""
    header = Header(files_before=dict(reading.run.files_before))
    end = End(
        asked=tuple(dict.fromkeys(reading.codes)),
        claims=structs.replace(reading.claims, label=reading.label),
        files_after=dict(reading.run.files_after),
    )
    return balance([header, *reading.requests_in_time, end])


def check_accounting(reading: Reading) -> list[Finding]:
    """All that does not balance, by the clause that says how it should."""
    accounts = Accounts(reading, ledger_of(reading))
    named = [_finding(accounts, one) for one in accounts.ledger.imbalances]
    return [
        *(one for one in named if one),
        *_never_requested(accounts),
        *_lines_of_codes(accounts),
        *_saved_nothing(accounts),
        *_took_an_interim_response(accounts),
    ]


def responses_text(row: Row) -> str:
    """What the servers saw of a code, in words."""
    texts = []
    for entry in row.requests:
        if entry.status is None:
            texts.append(f"no response ({entry.do})")
        elif entry.length and entry.bytes_sent != entry.length:
            texts.append(f"{entry.status}, {entry.bytes_sent} of {entry.length} bytes")
        else:
            texts.append(f"{entry.status}, {entry.bytes_sent} bytes")
    return "; then ".join(texts) or "no request"


# --- imbalances of the ledger ---------------------------------------------------------------------


def _finding(accounts: Accounts, one: Imbalance) -> Finding | None:
    row = accounts.ledger.rows.get(one.code) if one.code else None
    clause = _CLAUSE_OF_KIND[one.kind](accounts, one, row)
    if clause is None:
        return None
    expected = one.expected or _expected(clause, row)
    claimed = None if one.kind == "leftover" else one.claimed
    found = broken(clause, one.kind, one.actual, claimed=claimed, expected=expected, code=one.code)
    return replace(found, certain=_certain(accounts, one))


def _certain(accounts: Accounts, one: Imbalance) -> bool:
    """Whether an imbalance of the totals can break only one clause."""
    if one.code or one.kind != "miscounted":
        return True
    errors = [row for row in accounts.ledger.rows.values() if row.accepts == {"error"}]
    return len({_outcome_clause(accounts, row) for row in errors}) < 2


def _lost(accounts: Accounts, one: Imbalance, row: Row | None) -> str:
    if row is None:
        return "ACC-1"
    case, run = accounts.reading.case, accounts.reading.run
    if not row.requests and not case.plan.refuse:
        claimed_ok = "ok" in row.claims or accounts.too_many_ok
        existed = f"{one.code}.gif".lower() in run.files_before
        return "FIL-4" if claimed_ok and existed else "REQ-2"
    if "ok" in row.claims:
        return "FIL-4" if row.file == "old" else "FIL-1"
    if accounts.ledger.claims.outcomes:
        return "REP-8"
    return "FIL-1" if row.seen == "ok" and row.file == "absent" else "ACC-1"


def _unexpected(accounts: Accounts, one: Imbalance, row: Row | None) -> str:
    if one.actual == "not asked for":
        return "REP-8"
    return "REQ-6" if one.said.startswith("asked of") else "REQ-3"


def _duplicated(accounts: Accounts, one: Imbalance, row: Row | None) -> str:
    return "REP-8" if row and len(row.requests) < 2 else "REQ-4"


def _miscounted(accounts: Accounts, one: Imbalance, row: Row | None) -> str:
    if row:
        return _outcome_clause(accounts, row)
    if not accounts.add_up:
        return "ACC-1"
    if accounts.ledger.claims.outcomes:
        return "ACC-2"
    for outcome in ("not_found", "ok", "error"):
        sure = [r for r in accounts.ledger.rows.values() if r.accepts == {outcome}]
        if accounts.reading.totals[outcome] < len(sure):
            # Errors that left a file are the ones that were not counted as errors.
            left = [r for r in sure if r.seen == "error" and r.file in ("same", "different")]
            clauses = [_outcome_clause(accounts, row) for row in left or sure]
            return min(clauses, key=SUSPECTS.index)
    return "ACC-1"


def _corrupt(accounts: Accounts, one: Imbalance, row: Row | None) -> str:
    if not accounts.add_up:
        return "ACC-1"
    if row and row.seen not in ("ok", "indeterminate"):
        return _outcome_clause(accounts, row)
    return "FIL-4" if row and row.file == "old" else "FIL-1"


def _leftover(accounts: Accounts, one: Imbalance, row: Row | None) -> str | None:
    name = one.said.partition(" ")[0]
    if row and name == f"{one.code}.gif".lower():
        if "ok" in row.claims or (not row.claims and accounts.too_many_ok):
            return None  # it is counted as ok, and another finding says so
        return "FIL-2"
    return "FIL-3"


def _outcome_clause(accounts: Accounts, row: Row) -> str:
    """The clause that says what a download must be counted as."""
    claimed_other = row.seen == "indeterminate" and row.claims and "ok" not in row.claims
    arrived = row.seen in ("ok", "indeterminate")
    if arrived and row.accepts == {"error"} and not claimed_other:
        # The response was good, and the file is not what it brought.
        return "FIL-4" if row.file == "old" else "FIL-1"
    if row.seen == "ok":
        return "OUT-1"
    if row.seen == "not_found":
        return "OUT-2"
    entry = row.requests[-1] if row.requests else None
    if entry is None and not accounts.reading.case.plan.refuse:
        return "REQ-2"
    if entry is None or entry.status is None:
        return "OUT-4"
    if entry.status != 200:
        return "OUT-3"
    return "OUT-9" if entry.do == "gzip" else "OUT-5"


_CLAUSE_OF_KIND: Mapping[str, Callable[[Accounts, Imbalance, Row | None], str | None]] = {
    "lost": _lost,
    "unexpected": _unexpected,
    "duplicated": _duplicated,
    "miscounted": _miscounted,
    "corrupt": _corrupt,
    "leftover": _leftover,
}


_EXPECTED = {
    "REQ-2": "one request",
    "REQ-3": "no such request",
    "REQ-4": "one request",
    "REQ-6": "every request at the server that is named",
    "FIL-1": "the bytes that were sent, in the file",
    "FIL-2": "no new file",
    "FIL-3": "no other file",
    "FIL-4": "the file replaced by the bytes that were sent",
    "REP-8": "one line for each code",
    "ACC-1": "each code in one total",
    "ACC-2": "totals that agree with the lines",
}
"""What a conforming program does, by the clause that it breaks."""


def _expected(clause: str, row: Row | None) -> str:
    """What a conforming program does; for an outcome, the one that it reports."""
    if clause in _EXPECTED:
        return _EXPECTED[clause]
    accepted = sorted(row.accepts) if row else []
    return " or ".join(accepted).replace("_", " ") or "those totals"


# --- what the ledger accepts and a clause does not ------------------------------------------------


def _never_requested(accounts: Accounts) -> list[Finding]:
    case = accounts.reading.case
    if case.plan.refuse or case.expects == "interrupt":
        return []
    reported = {one.code for one in accounts.ledger.imbalances}
    # What is sent on a connection that is being closed is not seen.
    unseen = any(entry.do == "close_after" for entry in accounts.reading.requests)
    for code, row in accounts.ledger.rows.items():
        if not row.requests and code not in reported and not (unseen and "error" in row.claims):
            claimed, expected = "/".join(row.claims) or None, _EXPECTED["REQ-2"]
            return [
                broken("REQ-2", "lost", "no request", claimed=claimed, expected=expected, code=code)
            ]
    return []


def _saved_nothing(accounts: Accounts) -> list[Finding]:
    """Flags that arrived whole and were counted as errors although they could have been saved."""
    case, rows = accounts.reading.case, accounts.ledger.rows
    for code, row in rows.items():
        hindered = f"{code.lower()}.gif/" in case.files
        if row.seen == "ok" and "error" in row.claims and not hindered and len(row.finals) == 1:
            actual = responses_text(row)
            return [_called_an_error(actual, "error", code)]
    whole = [
        code
        for code, row in rows.items()
        if row.accepts == {"error"} and row.seen == "ok" and row.file == "absent"
    ]
    if not whole or accounts.ledger.claims.outcomes or not case.dest or case.files:
        return []
    errors = accounts.reading.totals["error"]
    if errors <= sum(row.seen not in ("ok", "not_found") for row in rows.values()):
        return []
    actual = f"{counted(len(whole), 'whole flag')} not there: {code_list(whole)}"
    return [_called_an_error(actual, counted(errors, "error"), whole[0])]


def _took_an_interim_response(accounts: Accounts) -> list[Finding]:
    """Flags that arrived whole after an interim response and were counted as errors."""
    for code, row in accounts.ledger.rows.items():
        final = row.finals[-1] if row.finals else None
        whole = final and final.status == 200 and final.bytes_sent == final.length
        if final and final.do == "interim" and whole and "error" in row.claims:
            actual = f"{responses_text(row)} after an interim response"
            return [_called_an_error(actual, "error", code, "OUT-8")]
    return []


def _called_an_error(actual: str, claimed: str, code: str, clause: str = "OUT-1") -> Finding:
    return broken(clause, "miscounted", actual, claimed=claimed, expected="downloaded", code=code)


def _lines_of_codes(accounts: Accounts) -> list[Finding]:
    """With `-v` each code has a line, without it none has."""
    reading = accounts.reading
    case, outcomes = reading.case, reading.claims.outcomes
    verbose = case.command_line().verbose
    if verbose and not outcomes and reading.codes and case.expects == "report":
        expected = counted(len(reading.codes), "line")
        return [broken("REP-8", "lost", "no line of a code", expected=expected)]
    if not verbose and outcomes:
        actual = f"a line for {next(iter(outcomes))}"
        return [broken("REP-9", "unexpected", actual, expected="none without -v")]
    return []
