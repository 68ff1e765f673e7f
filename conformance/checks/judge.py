"""What is wrong with a run; pure.

Each book is judged by the one before it: the announcement by the arguments, the requests by the
announcement, the claims and the files by the replies. So one fault breaks one clause.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

from conformance.cases.model import Case
from conformance.checks.expansion import misread
from conformance.checks.printed_lines import (
    CONNECTIONS,
    COUNTED,
    ELAPSED,
    HYPHENS,
    SEARCH,
    SITE,
    TOTAL,
    heard,
)
from conformance.clauses import clauses
from conformance.evidence_table import reply_text, side_by_side
from conformance.recording import MAX_STDOUT, Run
from conformance.verdicts import Finding, Verdict, broken
from mockservers.claims import Claims
from mockservers.codes import CODE_OF_PATH, LABELS
from mockservers.journal import Entry
from mockservers.ledger import Imbalance, Ledger, Row, balance

_SILENT_S = 39.0
"""A hang that was borne as long as this was borne until the server ended it (REQ-7)."""


def findings(case: Case, run: Run) -> list[Finding]:
    """All that is wrong with a run, and the freedoms that it used; in the order of the books."""
    found = list(_Judgement(case, run).findings())
    subject = clauses()[case.subject]
    if subject.keyword.startswith("SHOULD"):
        # Who does not keep this is not to be blamed for what follows from that.
        wrong = [one for one in found if one.verdict not in (Verdict.INFO, Verdict.LEGACY)]
        return [
            replace(
                broken(subject.id, one.word, one.saw, one.said, one.code, stops=True),
                because=one.clause,
            )
            for one in wrong
            if one.clause == subject.id or clauses()[one.clause].keyword.startswith("MUST")
        ][:1]
    return found


class _Judgement:
    """One case, one run; `findings` goes through the books in order."""

    def __init__(self, case: Case, run: Run) -> None:
        self.case = case
        self.run = run
        self.said = heard(run.texts)
        self.claims = self.said.claims
        self.totals = self.claims.totals or {}
        """What is behind `_report` has all of them."""
        order = case.order()
        self.label = order.label if order else "LOCAL"
        self.codes = case.asked()[0] if case.asked() else ()
        """Which are asked for; where the announcement says otherwise, what it says."""
        self.requests = [entry for entry in run.entries if entry.get("type") == "request"]
        self.told: set[str] = set()
        """The clauses that were found broken so far."""

    def findings(self) -> Iterator[Finding]:
        for part in (
            self._end,
            self._malformed,
            self._announcement,
            self._report,
            self._books,
            self._format,
            self._concurrency,
            self._ending,
            self._freedoms,
        ):
            for one in part():
                self.told.add(one.clause)
                yield one
                if one.stops:
                    return

    # --- ends of all kinds ------------------------------------------------------------------

    def _end(self) -> Iterator[Finding]:
        """Ends that leave nothing to be judged."""
        run, case = self.run, self.case
        for entry in self.requests:
            held_s = entry["end_s"] - entry["start_s"]
            if entry["do"] == "hang" and held_s >= _SILENT_S and not entry["client_gone"]:
                saw, said = f"{held_s:.0f} s without a byte, then the server closed", "40 s at most"
                yield broken("REQ-7", "unbounded", saw, said, entry["code"], stops=True)
        if run.ended == "flood":
            saw, limit = "more on stdout", f"at most {MAX_STDOUT // 2**20} MiB"
            yield broken("REP-11", "flood", saw, limit, stops=True)
        if run.ended == "timeout":
            saw = f"still running after {run.elapsed_s:.0f} s; {self._state()}"
            yield _fatal("ACC-5", Verdict.TIMEOUT, "timeout", saw, "a run ends")
        if self._says_nothing() and run.status:
            if case.expects in ("report", "interrupt"):
                yield self._refused(run.status)
            else:
                yield from self._refusal(run.status)
        elif case.expects == "refusal" or (case.expects == "either" and self._says_nothing()):
            yield self._not_refused()

    def _state(self) -> str:
        done = _some(len(self.requests), "request")
        return f"{done}, no report" if self.claims.totals is None else f"{done}, report printed"

    def _says_nothing(self) -> bool:
        """Whether nothing was announced, requested or reported."""
        nothing = not self.run.entries and self.claims.announced is None
        return nothing and self.said.hyphens is None

    def _refused(self, status: int) -> Finding:
        """Nothing was done where a report is due."""
        case, last = self.case, self._last()
        if status > 128 or "Traceback" in self.run.stderr:
            saw = f"status {status} before anything was announced: {last}"
            return _fatal("ACC-3", Verdict.CRASH, "crash", saw, "a report")
        small = any(map(str.islower, case.words().codes))
        named = case.subject[:3] in ("EXP", "CLI")
        clause = case.subject if named else "EXP-1" if small else "CLI-1"
        return broken(
            clause, "refused", f"status {status}: {last}", _asking(self.codes), stops=True
        )

    def _last(self) -> str:
        """The last of what it printed."""
        run = self.run
        return _last_line(run.stderr) or _last_line(run.stdout) or "nothing was printed"

    def _refusal(self, status: int) -> Iterator[Finding]:
        """The command line was taken for a usage error, rightly or as it likes."""
        case, run = self.case, self.run
        if status > 128:
            yield _fatal("CLI-6", Verdict.CRASH, "crash", f"status {status}", "a usage error")
        if not run.stdout.strip() and not run.stderr.strip():
            yield broken("CLI-7", "silent", "nothing on stdout or stderr", "what is wrong")
        on_stdout = bool(run.stdout.strip())
        like_listing = (status, on_stdout) in ((1, True), (2, False))
        where = f"status {status}, told on {'stdout' if on_stdout else 'stderr'}"
        verdict = Verdict.LEGACY if like_listing else Verdict.INFO
        if case.expects == "either":
            saw = f"takes it for a usage error: {self._last()}"
            yield Finding(case.subject, "refused", saw, "either will do", verdict=Verdict.INFO)
        yield Finding("L-6", "refusal", where, "a usage error", verdict=verdict, stops=True)

    def _not_refused(self) -> Finding:
        status = self.run.status
        if not self.requests and self.claims.totals is None:
            saw = f"status {status}"
            return broken("CLI-6", "status", saw, "another status than 0", stops=True)
        saw = f"{_some(len(self.requests), 'request')}, status {status}"
        if status != 0:
            return broken("CLI-6", "late", saw, "no request", stops=True)
        return broken(self.case.subject, "accepted", saw, "a usage error", stops=True)

    def _report(self) -> Iterator[Finding]:
        """No report, and requests that arrived when it had been heard."""
        run, status, at = self.run, self.run.status, self.said.hyphens
        if at is None:
            if any(TOTAL.fullmatch(text) for text in self.said.texts):
                saw = "totals without 20 hyphens before"
                yield broken("REP-5", "format", saw, "a report", stops=True)
            elif HYPHENS in run.stderr.splitlines():
                saw = "the report is on stderr"
                yield broken("REP-10", "misplaced", saw, "on stdout", stops=True)
            elif status == 0:
                saw = f"status 0, no report; {self._state()}"
                yield broken("CLI-9", "silent", saw, "a report", stops=True)
            saw = f"status {status}, no report: {self._last()}"
            yield _fatal("ACC-3", Verdict.CRASH, "crash", saw, "a report")
        elif not any(TOTAL.fullmatch(text) for text in self.said.report):
            clause, where = self._where_is(TOTAL, "REP-5")
            yield broken(clause, "missing", where, "N flags downloaded.", stops=True)
        else:
            heard_s = run.lines[at + 1].at_s
            late = [entry for entry in self.requests if entry["start_s"] > heard_s]
            if late:
                self.requests = [entry for entry in self.requests if entry not in late]
                yield broken("ACC-4", "late", f"{_what(late[0])} behind the report", "nothing")

    def _ending(self) -> Iterator[Finding]:
        expected = 130 if self.case.expects == "interrupt" else 0
        if self.run.status != expected:
            clause = "CLI-10" if expected else "CLI-8"
            yield broken(clause, "status", f"status {self.run.status}", f"status {expected}")
        if self.case.expects == "interrupt" and not self.totals["interrupted"]:
            yield broken("CLI-10", "format", "no line `N interrupted.`", "one")
        if self.run.left:
            names = ", ".join(sorted(self.run.left))
            yield broken("ACC-6", "leftover", f"still running: {names}", "nothing left behind")

    # --- what is asked --------------------------------------------------------------------------

    def _malformed(self) -> Iterator[Finding]:
        """Requests that are none, or not those of a code."""
        led_to = self._led_to()
        for entry in self.run.entries:
            if (entry.get("type") == "connection" and entry.get("status")) or (
                entry.get("type") == "request" and entry["do"] is None and entry["status"] != 405
            ):
                saw = entry.get("reason") or f"{_what(entry)}: {entry['status']}"
                yield broken("REQ-8", "malformed", saw, "HTTP/1.1", stops=True)
        odd = [
            entry
            for entry in self.requests
            if entry["method"] != "GET"
            or (unquote(entry["path"]) not in CODE_OF_PATH and unquote(entry["path"]) not in led_to)
        ]
        got = {entry["code"] for entry in self.requests if entry not in odd}
        if odd and set(self.codes) <= got:
            yield broken("REQ-3", "unexpected", _what(odd[0]), "nothing else", stops=True)
        elif odd:
            yield broken("REQ-1", "malformed", _what(odd[0]), "GET /flags/cc/cc.gif", stops=True)

    def _led_to(self) -> set[str]:
        """The paths to which redirects led from others."""
        to = {
            (entry["path"], urlsplit(urljoin(f"http://x{entry['path']}", entry["location"])).path)
            for entry in self.requests
            if entry.get("location")
        }
        return {unquote(there) for here, there in to if here != there}

    def _announcement(self) -> Iterator[Finding]:
        claims = self.claims
        told = (claims.label, claims.announced, claims.concurrency, claims.totals)
        if told == (None, None, None, None) and HYPHENS not in self.run.stderr:
            return  # it did not get so far, which is told below
        first = min(
            (p for p in (self.said.hyphens, self.said.line_of_code) if p is not None), default=None
        )
        late = [
            p
            for p in (self.said.site, self.said.search, self.said.connections)
            if p is not None and first is not None and p > first
        ]
        if late:
            saw = f"{self.said.texts[late[0]]} behind {self.said.texts[first or 0]}"
            yield broken("REP-1", "late", saw, "the announcement comes first")
        yield from self._site()
        yield from self._search()
        yield from self._connections()

    def _site(self) -> Iterator[Finding]:
        said, asked_of = self.said, Counter(entry["server"] for entry in self.requests)
        if said.site is None:
            clause, where = self._where_is(SITE, "REP-1")
            yield broken(clause, "missing", where, f"{self.label} site: URL")
            return
        label, url = self.claims.label, SITE.fullmatch(said.texts[said.site])
        assert url
        if label != self.label:
            saw = f"{label} is announced"
            if label in LABELS and label in asked_of and self.label not in asked_of:
                explicit = "-s" in self.case.arguments or "--server" in self.case.arguments
                clause = "CLI-1" if explicit else "CLI-3"
                clause = self.case.subject if self.case.subject[:3] == "CLI" else clause
                yield broken(clause, "unexpected", f"{saw} and asked", f"{self.label}")
                self.label = label
            else:
                yield broken("REP-1", "miscounted", saw, f"{self.label}")
        elif _place(url[1]) != _place(self.run.urls.get(self.label, url[1])):
            yield broken("REP-1", "miscounted", url[1], self.run.urls[self.label])

    def _where_is(self, pattern: re.Pattern[str], clause: str) -> tuple[str, str]:
        """The clause that is broken by a line that is not on stdout, and what is seen instead."""
        if any(pattern.fullmatch(text.strip()) for text in self.run.stderr.splitlines()):
            return "REP-10", "it is on stderr"
        return clause, "no such line on stdout"

    def _search(self) -> Iterator[Finding]:
        claims, said = self.claims, self.said
        if said.search is None or claims.announced is None:
            clause, where = self._where_is(SEARCH, "REP-2")
            yield broken(clause, "missing", where, "Searching for N flags: ...")
            return
        if said.site is not None and said.search < said.site:
            yield broken("REP-2", "format", "it is before the line of the site", "behind it")
        listed = tuple(claims.listed or ())
        announced = (claims.announced, claims.first, claims.last)
        short = "from" if claims.announced > 10 else "listed"
        for place, codes in enumerate(self.case.asked()):
            if (len(codes), codes[0], codes[-1]) == announced and listed in ((), codes):
                self.codes = codes
                if bool(listed) != (len(codes) <= 10):
                    line = said.texts[said.search]
                    yield broken("REP-2", "format", line, f"{len(codes)} codes are {short}")
                if len(self.case.asked()) > 1:
                    yield self._reading(place, codes)
                return
        saw = said.texts[said.search]
        right = f"{len(self.codes)}: {_names(self.codes)}"
        if self._asks_right() and self._lists_right(listed):
            yield broken("REP-2", "miscounted", saw, right)
        else:
            yield broken(self._misread(listed), "unexpected", saw, right, stops=True)

    def _asks_right(self) -> bool:
        """Whether just the codes that are asked for are requested, as far as can be seen."""
        led_to = self._led_to()
        asked = [entry for entry in self.requests if entry["path"] not in led_to]
        once = len([e for e in asked if not e.get("location")]) <= len(self.codes)
        return {entry["code"] for entry in asked} == set(self.codes) and once

    def _lists_right(self, listed: Sequence[str]) -> bool:
        """Whether the codes, where they are listed, or the first and last of them, are right."""
        ends = (self.claims.first, self.claims.last) == (self.codes[0], self.codes[-1])
        return tuple(listed) == tuple(self.codes) if listed else ends

    def _reading(self, place: int, codes: Sequence[str]) -> Finding:
        verdict = Verdict.INFO if place else Verdict.LEGACY
        saw = _asking(codes)
        return Finding(self.case.subject, "reading", saw, "either will do", verdict=verdict)

    def _misread(self, listed: Sequence[str]) -> str:
        """The clause on reading arguments that was broken."""
        subject = self.case.subject
        if subject[:3] == "CLI" or subject[:2] == "L-":
            return subject
        words = self.case.words()
        claims = self.claims
        clause = misread(
            listed or (claims.first or "", claims.last or ""),
            words.codes,
            every=words.every,
            all_codes=words.all_codes,
            limit=words.limit,
            count=claims.announced,
        )
        if clause == "EXP-5" and claims.announced == len(self.codes):
            # As many as the limit leaves, but of others: of which list?
            return "EXP-6" if words.every else "EXP-7" if words.all_codes else clause
        return clause

    def _connections(self) -> Iterator[Finding]:
        said, announced = self.said, self.claims.concurrency
        if said.connections is None or announced is None:
            clause, where = self._where_is(CONNECTIONS, "REP-3")
            yield broken(clause, "missing", where, "N concurrent connections will be used.")
            return
        if said.search is not None and said.connections < said.search:
            yield broken("REP-3", "format", "it is before the line of the codes", "behind it")
        count = self.claims.announced or len(self.codes)
        allowed = self.case.words().connections
        most = min(allowed or count, count)
        saw = _some(announced, "connection")
        if not 1 <= announced <= most:
            yield broken("CON-2", "exceeded", saw, f"1 to {most}")
        elif allowed is not None and announced < min(most, 8):
            yield broken("CON-4", "unreached", saw, f"{min(most, 8)}")

    # --- the books --------------------------------------------------------------------------------

    def _books(self) -> Iterator[Finding]:
        ledger = self.ledger()
        named = [found for one in ledger.imbalances if (found := self._finding(ledger, one))]
        named += self._never_requested(ledger)
        named += self._lines_of_codes()
        told = self.told | {one.clause for one in named}
        for one in named:
            if not told & _FOLLOWS_FROM.get(one.clause, set()):
                yield one
        yield from self._not_taken(ledger)

    def ledger(self) -> Ledger:
        """The books of this run, of what it says that it was asked for."""
        claims = Claims.from_json(self.claims.to_json() | {"label": self.label})
        header: Entry = {"files_before": self.run.files_before}
        end: Entry = {
            "end": True,
            "asked": list(dict.fromkeys(self.codes)),
            "claims": claims.to_json(),
            "files_after": self.run.files_after,
        }
        return balance([header, *self.requests, end])

    def _finding(self, ledger: Ledger, one: Imbalance) -> Finding | None:
        """The clause that an imbalance of the ledger breaks."""
        row = ledger.rows.get(one.code) if one.code else None
        clause = _CLAUSE_OF_WORD[one.word](self, ledger, one, row)
        if clause is None:
            return None
        found = broken(clause, one.word, one.saw, one.said, one.code)
        return replace(found, certain=self._certain(ledger, one))

    def _lost(self, ledger: Ledger, one: Imbalance, row: Row | None) -> str:
        if row is None:
            return "ACC-1"
        if not row.requests and not self.case.plan.refuse:
            said_ok = "ok" in row.said or self._too_many_ok(ledger)
            there = f"{one.code}.gif".lower() in self.run.files_before
            return "FIL-4" if said_ok and there else "REQ-2"
        if "ok" in row.said:
            return "FIL-4" if row.file == "old" else "FIL-1"
        if ledger.claims.fates:
            return "REP-8"
        return "FIL-1" if row.seen == "ok" and row.file == "absent" else "ACC-1"

    def _unexpected(self, ledger: Ledger, one: Imbalance, row: Row | None) -> str:
        if one.saw == "not asked for":
            return "REP-8"
        return "REQ-6" if one.said.startswith("asked of") else "REQ-3"

    def _duplicated(self, ledger: Ledger, one: Imbalance, row: Row | None) -> str:
        return "REP-8" if row and len(row.requests) < 2 else "REQ-4"

    def _miscounted(self, ledger: Ledger, one: Imbalance, row: Row | None) -> str:
        if row:
            return self._outcome_clause(row)
        if not self._adds_up(ledger):
            return "ACC-1"
        if ledger.claims.fates:
            return "ACC-2"
        for outcome in ("not_found", "ok", "error"):
            sure = [r for r in ledger.rows.values() if r.accepts == {outcome}]
            if self.totals[outcome] < len(sure):
                # Of what should be errors, those that left a file were taken for none.
                left = [r for r in sure if r.seen == "error" and r.file in ("same", "different")]
                sure = left or sure
                return min(map(self._outcome_clause, sure), key=_SUSPECTS.index)
        return "ACC-1"

    def _adds_up(self, ledger: Ledger) -> bool:
        """Whether the totals, where only they were said, are those of as many codes."""
        return sum(self.totals.values()) == len(ledger.rows)

    def _certain(self, ledger: Ledger, one: Imbalance) -> bool:
        """Whether only one clause can be meant by an imbalance of the totals."""
        if one.code or one.word != "miscounted":
            return True
        errors = [row for row in ledger.rows.values() if row.accepts == {"error"}]
        return len(set(map(self._outcome_clause, errors))) < 2

    def _outcome_clause(self, row: Row) -> str:
        """The clause that says what this download is."""
        other = row.seen == "indeterminate" and row.said and "ok" not in row.said
        if row.seen in ("ok", "indeterminate") and row.accepts == {"error"} and not other:
            # It came, and what is there is not what came.
            return "FIL-4" if row.file == "old" else "FIL-1"
        if row.seen == "ok":
            return "OUT-1"
        if row.seen == "not_found":
            return "OUT-2"
        entry = row.requests[-1] if row.requests else None
        if entry is None and not self.case.plan.refuse:
            return "REQ-2"
        if entry is None or entry["status"] is None:
            return "OUT-4"
        return "OUT-3" if entry["status"] != 200 else "OUT-5"

    def _corrupt(self, ledger: Ledger, one: Imbalance, row: Row | None) -> str:
        if not self._adds_up(ledger):
            return "ACC-1"
        if row and row.seen not in ("ok", "indeterminate"):
            return self._outcome_clause(row)
        return "FIL-4" if row and row.file == "old" else "FIL-1"

    def _leftover(self, ledger: Ledger, one: Imbalance, row: Row | None) -> str | None:
        name = one.said.partition(" ")[0]
        if row and name == f"{one.code}.gif".lower():
            if "ok" in row.said or (not row.said and self._too_many_ok(ledger)):
                return None  # it is counted as downloaded, and that is told already
            return "FIL-2"
        return "FIL-3"

    def _too_many_ok(self, ledger: Ledger) -> bool:
        """Whether the totals count as downloaded what no row accepts so."""
        return self.totals["ok"] > sum("ok" in row.accepts for row in ledger.rows.values())

    def _never_requested(self, ledger: Ledger) -> Iterator[Finding]:
        if self.case.plan.refuse or self.case.expects == "interrupt":
            return
        told = {one.code for one in ledger.imbalances}
        for code, row in ledger.rows.items():
            if not row.requests and code not in told:
                said = next(iter(row.said), "something")
                yield broken("REQ-2", "lost", "no request", f"said {said}", code)
                return

    def _not_taken(self, ledger: Ledger) -> Iterator[Finding]:
        """Whole flags that were called an error although nothing hindered saving them."""
        for code, row in ledger.rows.items():
            hindered = f"{code.lower()}.gif/" in self.case.files
            if row.seen == "ok" and "error" in row.said and not hindered and len(row.finals) == 1:
                yield broken("OUT-1", "miscounted", reply_text(row), "error", code)
                return
        errors = self.totals["error"]
        whole = [c for c, row in ledger.rows.items() if row.accepts == {"error"} and _whole(row)]
        if whole and not ledger.claims.fates and self.case.dest and not self.case.files:
            saw = f"{_some(len(whole), 'whole flag')} not there: {_names(whole)}"
            if errors > sum(row.seen not in ("ok", "not_found") for row in ledger.rows.values()):
                yield broken("OUT-1", "miscounted", saw, _some(errors, "error"), whole[0])

    def _lines_of_codes(self) -> Iterator[Finding]:
        verbose = self.case.words().verbose
        if verbose and not self.claims.fates and self.codes and self.case.expects == "report":
            yield broken("REP-8", "lost", "no line of a code", _some(len(self.codes), "line"))
        if not verbose and self.claims.fates:
            code = next(iter(self.claims.fates))
            yield broken("REP-9", "unexpected", f"a line for {code}", "none without -v")

    # --- form, concurrency, freedoms ------------------------------------------------------------

    def _format(self) -> Iterator[Finding]:
        said = self.said
        report = said.report
        totals = [match for text in report if (match := TOTAL.fullmatch(text))]
        words = [match[2].split()[0].removesuffix("s") for match in totals]
        order = [word for word in ("flag", "not", "error", "interrupted") if word in words]
        if words != order or "flag" not in words:
            shown = "; ".join(match[0] for match in totals)
            yield broken("REP-5", "format", shown, "N flags downloaded. N not found. N errors.")
        for match in totals:
            if match[1] == "0" and "flag" not in match[2]:
                yield broken("REP-6", "format", match[0], "left out")
        if not any(ELAPSED.fullmatch(text) for text in report):
            yield broken("REP-7", "format", "no such line", "Elapsed time: S.SSs")
        lines = [said.texts[p] for p in (said.search, said.connections) if p is not None]
        lines += [match[0] for match in totals]
        for text in lines:
            for number, word, ending in COUNTED.findall(text):
                if (number == "1") == bool(ending):
                    right = word if number == "1" else f"{word}s"
                    yield broken("REP-4", "format", text, f"{number} {right}")

    def _concurrency(self) -> Iterator[Finding]:
        announced = self.claims.concurrency
        if announced is None:
            return
        ours = [entry for entry in self.requests if entry["server"] == self.label]
        over = [entry["in_flight"] for entry in ours if entry["in_flight"] > announced]
        # A client that leaves early may be gone for itself, and not yet for the server.
        if over and not any(entry["client_gone"] for entry in ours):
            yield broken("CON-1", "exceeded", f"{max(over)} in flight", f"{announced} announced")
        for entry in self.run.entries:
            if entry.get("type") == "gate" and entry["server"] == self.label:
                short = len(ours) < announced  # who does not ask cannot be in flight
                if not entry["filled"] and entry["held"] < announced and not short:
                    saw = f"{entry['held']} in flight, while the server held its replies"
                    yield broken("CON-3", "unreached", saw, f"{announced} announced")

    def _freedoms(self) -> Iterator[Finding]:
        """What it makes of clauses that leave it free."""
        subject, requests = self.case.subject, self.requests
        if self.case.timeout_s is not None:
            saw = "heeds it" if self.run.elapsed_s < 10 else "does not heed it"
            yield Finding("HOOK-2", "freedom", saw, "either will do", verdict=Verdict.INFO)
        if clauses()[subject].keyword != "MAY" or subject.startswith("L-"):
            return
        codes = len(self.codes)
        if subject == "REQ-5":
            saw = "asks again" if len(requests) > codes else "does not ask again"
        elif subject == "REQ-9":
            saw = "follows redirects" if len(requests) > codes else "does not follow redirects"
        else:
            kinds = {e["code"]: e["do"] for e in requests if e["do"] != "serve"}
            said = self.claims.fates
            each = [f"{do}: {'/'.join(said[code])}" for code, do in kinds.items() if code in said]
            saw = ", ".join(sorted(each)).replace("_", " ")
        if saw:
            yield Finding(subject, "freedom", saw, "either will do", verdict=Verdict.INFO)


_CLAUSE_OF_WORD: Mapping[str, Callable[[_Judgement, Ledger, Imbalance, Row | None], str | None]] = {
    "lost": _Judgement._lost,
    "unexpected": _Judgement._unexpected,
    "duplicated": _Judgement._duplicated,
    "miscounted": _Judgement._miscounted,
    "corrupt": _Judgement._corrupt,
    "leftover": _Judgement._leftover,
}


_FOLLOWS_FROM = {
    "ACC-1": {"REQ-2", "REP-8"},
    "ACC-2": {"REQ-2", "REP-8"},
    "REP-8": {"REQ-2"},
    "REQ-2": {"REQ-3", "REQ-6", "ACC-4"},
    "FIL-4": {"REQ-6"},
    "FIL-3": {"FIL-1", "FIL-4"},
}
"""What is not told of a run that breaks one of these: it follows from that."""


def _fatal(clause: str, verdict: Verdict, word: str, saw: str, said: str) -> Finding:
    return Finding(clause, word, saw, said, verdict=verdict, stops=True)


def books(case: Case, run: Run, found: Sequence[Finding]) -> list[dict[str, Any]]:
    """The four books side by side (`books.side_by_side`), of what the program was asked for."""
    judgement = _Judgement(case, run)
    for _ in judgement.findings():
        pass  # it learns on the way what the program took itself to be asked for
    return side_by_side(judgement.ledger(), run.files_after, found)


# --- words ------------------------------------------------------------------------------------


def _place(url: str) -> tuple[str, int | None, str] | None:
    """What a URL names, by whatever name of this machine: scheme, port and path; None for one that
    cannot be read.
    """
    try:
        parts = urlsplit(url.rstrip("/"))
        return parts.scheme, parts.port, parts.path
    except ValueError:
        return None


_SUSPECTS = ("FIL-4", "FIL-1", "REQ-2", "OUT-1", "OUT-2", "OUT-3", "OUT-4", "OUT-5")
"""Of several downloads that may be meant, the first of these is told."""


def _whole(row: Row) -> bool:
    return row.seen == "ok" and row.file == "absent"


def _what(entry: Entry) -> str:
    return f"{entry['method']} {entry['path']} on {entry['server']}"


def _some(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _asking(codes: Sequence[str]) -> str:
    return f"asks for {len(codes)}: {_names(codes)}"


def _names(codes: Sequence[str]) -> str:
    return ", ".join(codes) if len(codes) <= 10 else f"from {codes[0]} to {codes[-1]}"


_TELLING = re.compile(r"\w*(Error|Exception|panicked|fault)\b", re.IGNORECASE)


def _last_line(text: str) -> str:
    """The line that says what went wrong, if one looks like that, else the last one."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if _TELLING.search(line)]
    return (telling or lines or [""])[-1][:200]
