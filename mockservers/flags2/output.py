"""What a program says of its own run, read from its stdout; pure.

Understood are the reports of the flags2 programs: the three announcing lines, `-v` lines, and
the totals behind a line of twenty hyphens.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

MAX_LINE = 4096
"""Characters of a line that are looked at; no line understood here is longer."""

_SITE = re.compile(r"(\w+) site: \S+")
_SEARCH = re.compile(r"Searching for (\d+) flags?: (?:from (\S+) to (\S+)|(\S+(?:, \S+)*))")
_CONNECTIONS = re.compile(r"(\d+) concurrent connections? will be used\.")
_FATE = re.compile(r"([A-Z]{2}) (OK|not found)|\*\*\* Error for ([A-Z]{2}): .*")
_TOTAL = re.compile(r"(\d+) (?:flags? (downloaded)|(not found)|(errors?)|(interrupted))\.")

_OUTCOMES = {"OK": "ok", "not found": "not_found", None: "error"}
_TOTALS = {"downloaded": "ok", "not found": "not_found", "errors": "error"}


@dataclass(slots=True)
class Claims:
    """What has been said so far; feed it lines with `hear`."""

    label: str | None = None
    """The server that the program says it asks."""
    announced: int | None = None
    """How many codes it says it will ask for; `first`, `last` or `listed` are some of them."""
    first: str | None = None
    last: str | None = None
    listed: list[str] | None = None
    concurrency: int | None = None
    """How many connections it says it will use."""
    fates: dict[str, Counter[str]] = field(default_factory=dict)
    """How often a code was said to be ok, not_found or error (`-v` lines)."""
    totals: dict[str, int] | None = None
    """The final report: ok, not_found, error, interrupted; None when there was none."""

    def hear(self, line: str) -> None:
        """Take in a line of output, without its line end."""
        line = line[:MAX_LINE]
        if line == "-" * 20:
            self.totals = {"ok": 0, "not_found": 0, "error": 0, "interrupted": 0}
        elif self.totals is not None and (match := _TOTAL.fullmatch(line)):
            word = match[2] or match[3] or match[4] or match[5]
            self.totals[_TOTALS.get(word, word)] = int(match[1])
        elif match := _FATE.fullmatch(line):
            code, said = match[1] or match[3], _OUTCOMES[match[2]]
            if len(self.fates) < 10_000 or code in self.fates:
                self.fates.setdefault(code, Counter())[said] += 1
        elif match := _SITE.fullmatch(line):
            self.label = match[1]
        elif match := _SEARCH.fullmatch(line):
            self.announced, self.first, self.last = int(match[1]), match[2], match[3]
            if match[4]:
                self.listed = match[4].split(", ")
                self.first, self.last = self.listed[0], self.listed[-1]
        elif match := _CONNECTIONS.fullmatch(line):
            self.concurrency = int(match[1])

    def report(self, said: Mapping[str, str]) -> None:
        """Take in what became of each code (ok, not_found or error), in place of its lines."""
        self.totals = {"ok": 0, "not_found": 0, "error": 0, "interrupted": 0}
        for code, outcome in said.items():
            if outcome not in ("ok", "not_found", "error"):
                raise ValueError(f"{code}: {outcome!r} is none of ok, not_found, error")
            self.fates.setdefault(code, Counter())[outcome] += 1
            self.totals[outcome] += 1

    @classmethod
    def from_lines(cls, lines: Iterable[str]) -> "Claims":
        """What is said in lines of output, without their line ends."""
        claims = cls()
        for line in lines:
            claims.hear(line)
        return claims

    def to_json(self) -> dict[str, Any]:
        """As it stands in the end line of a journal."""
        return {
            "label": self.label,
            "announced": self.announced,
            "first": self.first,
            "last": self.last,
            "listed": self.listed,
            "concurrency": self.concurrency,
            "fates": {code: dict(counted) for code, counted in self.fates.items()},
            "totals": self.totals,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Claims":
        """Read back what `to_json` gave; what is absent was not said."""
        known = {name: data[name] for name in cls.__slots__ if data.get(name) is not None}
        known["fates"] = {code: Counter(said) for code, said in data.get("fates", {}).items()}
        return cls(**known)


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
