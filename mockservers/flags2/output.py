"""What a flags2 program says of its own run, read from its stdout; pure.

Understood are the lines of the flags2 programs: three that announce, `-v` lines, and the totals
after a line of twenty hyphens; in the words of both editions of Fluent Python.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping

from msgspec import structs

from mockservers.flags2.codes import name_asked
from mockservers.journal import Claims

MAX_LINE = 4096
"""Characters of a line that are looked at; no line understood here is longer."""
MAX_CODES = 10_000
"""Codes whose lines are kept."""

_SITE = re.compile(r"(\w+) site: \S+")
_SEARCH = re.compile(r"Searching for (\d+) flags?: (?:from (\S+) to (\S+)|(\S+(?:, \S+)*))")
_BEGIN = re.compile(r"Searching for \d+ flag")
_CONNECTIONS = re.compile(r"(\d+) (?:concurrent )?connections? will be used\.")
_FATE = re.compile(
    r"([A-Z]{2}) (?:(OK)|(not found)(?:: .*)?|(error): .*)|\*\*\* Error for ([A-Z]{2}): .*"
)
_UNSAVED = re.compile(
    r"File too large|No space left|Permission denied|Read-only file system|Disk quota exceeded"
)
"""What a line says of a download that could not be saved."""
_TOTAL = re.compile(r" *(\d+) (?:flags? (downloaded)|(not found)|(errors?)|(interrupted))\.")
_ELAPSED = re.compile(r"Elapsed time: .*")
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[@-~]")
_BAR = re.compile(r"^.*\d%\|[^|]*\|[^]]*\]")
"""A progress bar of tqdm before the text of a line."""

_TOTALS = {"downloaded": "ok", "not found": "not_found", "errors": "error"}


class ClaimsReader:
    """Reads the output of a program line by line; `claims` is what it has said so far."""

    def __init__(self) -> None:
        self._announced: dict[str, object] = {}
        self._outcomes: dict[str, Counter[str]] = {}
        self._totals: dict[str, int] | None = None
        self._begun = self._ended = False
        self._unsaved: dict[str, None] = {}
        self._unread: str | None = None

    def read(self, line: str) -> None:
        """Take in a line of output, without its line end; colours and progress bars are skipped."""
        parts = _COLOURS.sub("", line[:MAX_LINE]).split("\r")
        for part in parts:
            # The text of an error may look like a bar.
            shown = part if _FATE.fullmatch(part) else _BAR.sub("", part)
            self._read(shown.rstrip() if len(parts) > 1 else shown)

    def _read(self, line: str) -> None:
        if line == "-" * 20:
            self._totals, self._unread, self._ended = _no_totals(), None, False
        elif self._totals is not None and (match := _TOTAL.fullmatch(line)):
            word = match[2] or match[3] or match[4] or match[5]
            self._totals[_TOTALS.get(word, word)] = int(match[1])
            self._ended = self._ended or word == "downloaded"
        elif match := _FATE.fullmatch(line):
            outcome = "ok" if match[2] else "not_found" if match[3] else "error"
            self._add(match[1] or match[5], outcome)
            if outcome == "error" and _UNSAVED.search(line):
                self._unsaved[match[1] or match[5]] = None
        elif match := _SITE.fullmatch(line):
            self._announced["label"] = match[1]
        elif match := _SEARCH.fullmatch(line):
            self._announce(int(match[1]), match[2], match[3], match[4])
        elif match := _CONNECTIONS.fullmatch(line):
            self._announced["concurrency"] = int(match[1])
        elif self._totals is not None and line and not _ELAPSED.fullmatch(line):
            self._unread = self._unread or line
        self._begun = self._begun or bool(_BEGIN.match(line))

    def _announce(self, count: int, first: str, last: str, listed: str | None) -> None:
        self._announced |= {"announced": count, "first": first, "last": last}
        if listed:
            codes = tuple(listed.split(", "))
            self._announced |= {"listed": codes, "first": codes[0], "last": codes[-1]}

    def _add(self, code: str, outcome: str) -> None:
        if len(self._outcomes) < MAX_CODES or code in self._outcomes:
            self._outcomes.setdefault(code, Counter())[outcome] += 1

    def report(self, outcomes: Mapping[str, str]) -> Claims:
        """The claims of a test that says what became of each code, or path, of a run.

        Raises ValueError for an outcome that is none of ok, not_found, error, and for what is
        neither a code nor a path.
        """
        self._totals = _no_totals()
        for name, outcome in outcomes.items():
            if outcome not in ("ok", "not_found", "error"):
                raise ValueError(f"{name}: {outcome!r} is none of ok, not_found, error")
            self._add(name_asked(name), outcome)
            self._totals[outcome] += 1
        return structs.replace(self.claims, by="said")

    @property
    def run_claims(self) -> Claims:
        """What a command claims by its output: a report, or nothing but its exit status."""
        if not self._begun:
            return Claims(by="exit")
        if self._ended:
            return structs.replace(self.claims, by="report")
        unread = self._unread or ("" if self._totals is None else "-" * 20)
        return structs.replace(self.claims, by="exit", unread=unread)

    @property
    def claims(self) -> Claims:
        """What was said so far."""
        outcomes = {code: dict(counted) for code, counted in self._outcomes.items()}
        unsaved = tuple(self._unsaved)[:MAX_CODES]
        totals = self._totals
        return Claims(**self._announced, outcomes=outcomes, totals=totals, unsaved=unsaved)  # type: ignore[arg-type]


def _no_totals() -> dict[str, int]:
    return {"ok": 0, "not_found": 0, "error": 0, "interrupted": 0}


def claims_of(lines: Iterable[str]) -> Claims:
    """What is said in lines of output, without their line ends."""
    reader = ClaimsReader()
    for line in lines:
        reader.read(line)
    return reader.claims


class LineReader:
    """Cuts a stream of bytes into lines, LF or CRLF, in bounded memory."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[str]:
        """The lines that have become whole; of an endless one only the start is kept."""
        *lines, rest = (self._rest + data).split(b"\n")
        self._rest = rest[: MAX_LINE * 4]
        return [line.decode("utf-8", "replace").removesuffix("\r") for line in lines]

    def close(self) -> list[str]:
        """The last line, if it had no end."""
        rest, self._rest = self._rest, b""
        return [rest.decode("utf-8", "replace")] if rest else []
