"""The evidence of a run in the form that all checks read; pure.

The checks judge each kind of evidence by the one before it: the announcement by the arguments, the
requests by the announcement, the claims and the files by the responses. So one fault breaks one
clause. `interpret` decides once what a program took its task to be; no check changes it.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote, urljoin, urlsplit

from conformance.cases.model import Case
from conformance.checks.printed_lines import TOTAL, PrintedLines, read_lines
from conformance.recording import Run
from mockservers.journal import Claims, RequestEntry
from mockservers.plan import LABELS
from mockservers.text import counted


@dataclass(frozen=True, slots=True)
class Reading:
    """A case, its run, and what the run shows of how the program understood the case."""

    case: Case
    run: Run
    printed: PrintedLines
    requests: tuple[RequestEntry, ...]
    """The requests of the journal, in its order."""
    late: tuple[RequestEntry, ...]
    """Those that arrived after a line of the report had been read."""
    redirect_targets: frozenset[str]
    """Decoded paths to which a response redirected from another path."""
    asked_label: str
    """The server that the command line names."""
    asked_codes: tuple[str, ...]
    """The codes that the command line asks for, as the listings read it; empty for a usage
    error."""
    label: str
    """The server that the program uses: another one if it announces that one and asks no other."""
    codes: tuple[str, ...]
    """The codes that the program takes itself to be asked for: another list that the case allows if
    the program announces that one."""

    @property
    def claims(self) -> Claims:
        """What the program reported."""
        return self.printed.claims

    @property
    def totals(self) -> dict[str, int]:
        """The totals of the report; empty without a report."""
        return self.claims.totals or {}

    @property
    def requests_in_time(self) -> tuple[RequestEntry, ...]:
        """The requests that arrived before the report."""
        return tuple(entry for entry in self.requests if entry not in self.late)

    @property
    def announces_other_codes(self) -> bool:
        """Whether the codes announced are not those asked for, in whatever form they are listed."""
        if self.printed.search is None or not self.asked_codes:
            return False
        lists = self.case.code_lists()
        line = self.printed.texts[self.printed.search]
        return announced_list(self.printed, lists) is None and not any(
            lists_codes(line, codes) for codes in lists
        )

    @property
    def did_nothing(self) -> bool:
        """Whether nothing was announced, requested or reported."""
        nothing = not self.run.entries and self.claims.announced is None
        return nothing and self.printed.hyphens is None

    @property
    def progress(self) -> str:
        """How far the program came, for people."""
        done = counted(len(self.requests), "request")
        return f"{done}, no report" if self.claims.totals is None else f"{done}, report printed"


def interpret(case: Case, run: Run) -> Reading:
    """What a run shows, with the server and the codes that the program took its task to be."""
    printed = read_lines(run.texts)
    requests = tuple(entry for entry in run.entries if isinstance(entry, RequestEntry))
    request = case.request()
    asked_label = request.label if request else "LOCAL"
    lists = case.code_lists()
    asked_codes = lists[0] if lists else ()
    place = announced_list(printed, lists)
    return Reading(
        case=case,
        run=run,
        printed=printed,
        requests=requests,
        late=_late(run, printed, requests),
        redirect_targets=_redirect_targets(requests),
        asked_label=asked_label,
        asked_codes=asked_codes,
        label=_label_used(printed.claims.label, asked_label, requests),
        codes=asked_codes if place is None else lists[place],
    )


def announced_list(printed: PrintedLines, lists: Sequence[Sequence[str]]) -> int | None:
    """Which of several lists of codes the line `Searching for` announces; None for none of them."""
    claims = printed.claims
    if printed.search is None or claims.announced is None:
        return None
    listed = tuple(claims.listed or ())
    announced = (claims.announced, claims.first, claims.last)
    for place, codes in enumerate(lists):
        if (len(codes), codes[0], codes[-1]) == announced and listed in ((), codes):
            return place
    return None


def lists_codes(line: str, codes: Sequence[str]) -> bool:
    """Whether a line `Searching for` has these codes, or the first and the last, however it
    separates them.
    """
    number, _, listed = line.removeprefix("Searching for ").partition(" ")
    words = re.findall(r"\b[A-Z]{2}\b", listed)
    return number == str(len(codes)) and words in ([*codes], [codes[0], codes[-1]])


def _label_used(announced: str | None, asked: str, requests: Sequence[RequestEntry]) -> str:
    """The server announced, if the program sent requests to it and none to the one asked for."""
    servers = Counter(entry.server for entry in requests)
    if announced in LABELS and announced in servers and asked not in servers:
        return announced
    return asked


def _late(
    run: Run, printed: PrintedLines, requests: Sequence[RequestEntry]
) -> tuple[RequestEntry, ...]:
    at = printed.hyphens
    if at is None or not any(TOTAL.fullmatch(text) for text in printed.report):
        return ()
    read_s = run.lines[at + 1].at_s
    return tuple(entry for entry in requests if entry.start_s > read_s)


def _redirect_targets(requests: Sequence[RequestEntry]) -> frozenset[str]:
    targets = {
        (entry.path, urlsplit(urljoin(f"http://x{entry.path}", entry.location)).path)
        for entry in requests
        if entry.location
    }
    return frozenset(unquote(there) for here, there in targets if here != there)
