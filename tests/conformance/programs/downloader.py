"""A correct, plain flags2 downloader, from which the faulty implementations are derived.

It uses only the standard library, because these programs are started thousands of times.
"""

import getopt
import os
import re
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPResponse, parse_headers
from pathlib import Path
from string import ascii_uppercase
from urllib.parse import urlsplit

OK, NOT_FOUND, ERROR = "downloaded", "not found", "error"
EVERY = [a + b for a in ascii_uppercase for b in ascii_uppercase]
POP20 = "BD BR CD CN DE EG ET FR ID IN IR JP MX NG PH PK RU TR US VN".split()
URLS = {
    "LOCAL": "http://localhost:8001/flags",
    "DELAY": "http://localhost:8002/flags",
    "ERROR": "http://localhost:8003/flags",
    "REMOTE": "http://flupy.org/data/flags",
}
DOWNLOADS = Path("downloads")


class UsageError(Exception):
    """A command line that is rejected."""


def plural(count: int) -> str:
    return "" if count == 1 else "s"


def timeout_s() -> float:
    """Seconds of silence after which a request is given up."""
    with suppress(ValueError):
        return float(os.environ.get("FLAGS2_TIMEOUT_S", ""))
    return 30.0


class FinalResponse(HTTPResponse):
    """http.client passes over 100 only, and not over other interim responses."""

    def _read_status(self):  # type: ignore[no-untyped-def]
        version, status, reason = super()._read_status()  # type: ignore[misc]
        while 100 < status < 200:
            parse_headers(self.fp)
            version, status, reason = super()._read_status()  # type: ignore[misc]
        return version, status, reason


class Downloader:
    """Keeps every clause. A faulty implementation replaces one of its small methods."""

    usual_connections = 5
    most_connections = 100
    method = "GET"
    response_class: type[HTTPResponse] = FinalResponse
    usage_status = 2

    def __init__(self) -> None:
        self.all = self.every = self.verbose = False
        self.limit: int | None = None
        self.max_req: int | None = None
        self.label = "LOCAL"
        self.timeout_s: float | None = timeout_s()
        self.codes: list[str] = []
        self.results: list[tuple[str, str]] = []
        self.crash: Exception | None = None
        self.stopped = False
        # A thread that saves, counts and prints holds it, so Ctrl-C finds nothing half done.
        self.lock = threading.Lock()

    def main(self, words: list[str]) -> int:
        """Run; the exit status."""
        try:
            self.codes = self.expand(self.parse(words))
        except UsageError as exc:
            print(f"usage error: {exc}", file=sys.stderr)
            return self.usage_status
        self.start_s = time.monotonic()
        self.announce()
        try:
            self.download_all()
        except KeyboardInterrupt:
            with self.lock:
                self.stopped = True
            self.report()
            self.say(f"{len(self.codes) - len(self.results)} interrupted.")
            os._exit(130)
        if self.crash:
            raise self.crash
        self.report()
        return self.status()

    def status(self) -> int:
        return 0

    # The command line

    def parse(self, words: list[str]) -> list[str]:
        """Read the options; return the arguments."""
        try:
            options, arguments = self.split(words)
        except getopt.GetoptError as exc:
            raise UsageError(exc.msg) from exc
        for name, value in options:
            match name:
                case "-a" | "--all":
                    self.all = True
                case "-e" | "--every":
                    self.every = True
                case "-v" | "--verbose":
                    self.verbose = True
                case "-l" | "--limit":
                    self.limit = self.number(value)
                case "-m" | "--max_req":
                    self.max_req = self.number(value)
                case "-s" | "--server":
                    self.label = self.label_of(value)
        return arguments

    def split(self, words: list[str]) -> tuple[list[tuple[str, str]], list[str]]:
        names = ["all", "every", "limit=", "max_req=", "server=", "verbose"]
        return getopt.gnu_getopt(words, "ael:m:s:v", names)

    def number(self, text: str) -> int:
        if not (text.isascii() and text.isdigit() and int(text) >= 1):
            raise UsageError(f"{text!r} is no number from 1")
        return int(text)

    def label_of(self, text: str) -> str:
        if text.upper() not in URLS:
            raise UsageError(f"there is no server {text!r}")
        return text.upper()

    # The codes

    def expand(self, words: list[str]) -> list[str]:
        named = [code for word in words for code in self.codes_of(word)]
        if self.every:
            named = self.every_code()
        elif self.all:
            named = self.all_codes()
        return self.cut(self.arrange(named or self.usual_codes()))

    def codes_of(self, word: str) -> list[str]:
        word = word.upper() if word.isascii() else word
        if len(word) == 1 and word in ascii_uppercase:
            return self.codes_of_letter(word)
        if word not in EVERY:
            raise UsageError(f"{word!r} is neither a code nor a letter")
        return [word]

    def codes_of_letter(self, letter: str) -> list[str]:
        return [letter + second for second in ascii_uppercase]

    def every_code(self) -> list[str]:
        return EVERY

    def all_codes(self) -> list[str]:
        try:
            return Path("country_codes.txt").read_text(encoding="utf-8").split()
        except (OSError, UnicodeDecodeError) as exc:
            raise UsageError(f"cannot read country_codes.txt: {exc}") from exc

    def usual_codes(self) -> list[str]:
        return POP20

    def arrange(self, codes: list[str]) -> list[str]:
        return sorted(set(codes))

    def cut(self, codes: list[str]) -> list[str]:
        return codes[: self.limit]

    # What is printed

    def say(self, line: str) -> None:
        """Print a line, in one write."""
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    def announce(self) -> None:
        for line in self.announcement():
            self.say(line)

    def announcement(self) -> list[str]:
        return [self.site_line(), self.codes_line(), self.connections_line()]

    def site_line(self) -> str:
        return f"{self.label} site: {self.base_url()}"

    def codes_line(self) -> str:
        codes = self.codes
        few = len(codes) <= 10
        listed = ", ".join(codes) if few else f"from {codes[0]} to {codes[-1]}"
        return f"Searching for {len(codes)} flag{plural(len(codes))}: {listed}"

    def connections_line(self) -> str:
        count = self.connections()
        return f"{count} concurrent connection{plural(count)} will be used."

    def line_of(self, code: str, outcome: str, text: str) -> str:
        if outcome == ERROR:
            return f"*** Error for {code}: {text}"
        return f"{code} {'OK' if outcome == OK else outcome}"

    def report(self) -> None:
        for line in self.report_lines(self.totals()):
            self.say(line)

    def totals(self) -> Counter[str]:
        return Counter(outcome for _, outcome in self.results)

    def report_lines(self, totals: Counter[str]) -> list[str]:
        ok, not_found, errors = totals[OK], totals[NOT_FOUND], totals[ERROR]
        lines = ["-" * 20, f"{ok} flag{plural(ok)} downloaded."]
        if not_found:
            lines.append(f"{not_found} not found.")
        if errors:
            lines.append(f"{errors} error{plural(errors)}.")
        return [*lines, f"Elapsed time: {time.monotonic() - self.start_s:.2f}s"]

    # Downloads

    def connections(self) -> int:
        """The number that is announced."""
        wanted = self.max_req or self.usual_connections
        return min(wanted, self.most_connections, len(self.codes))

    def threads(self) -> int:
        """How many are used."""
        return self.connections()

    def queue(self) -> Iterable[str]:
        """The codes in the order in which they are requested."""
        return self.codes

    def download_all(self) -> None:
        queue = deque(self.queue())
        threads = [
            threading.Thread(target=self.work, args=(queue,), daemon=True)
            for _ in range(self.threads())
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def work(self, queue: deque[str]) -> None:
        try:
            while queue and not self.stopped:
                with suppress(IndexError):  # another thread was faster
                    self.download(queue.popleft())
        except Exception as exc:
            self.crash = exc

    def download(self, code: str) -> None:
        """One code, from its request to its line."""
        body = b""
        try:
            status, body = self.fetch(code)
        except (OSError, HTTPException) as exc:
            outcome, text = self.outcome_of_failure(exc), type(exc).__name__
        else:
            outcome, text = self.outcome_of(status), f"HTTP {status}"
        with self.lock:
            if self.stopped:
                return
            if outcome == OK:
                try:
                    self.save(code, body)
                except OSError as exc:
                    outcome, text = ERROR, f"not saved: {type(exc).__name__}"
            self.count(code, outcome)
            if self.verbose:
                self.say(self.line_of(code, outcome, text))

    def count(self, code: str, outcome: str) -> None:
        self.results.append((code, outcome))

    def outcome_of(self, status: int) -> str:
        return {200: OK, 404: NOT_FOUND}.get(status, ERROR)

    def outcome_of_failure(self, exc: Exception) -> str:
        return ERROR

    # Requests

    def base_url(self) -> str:
        return (os.environ.get(f"FLAGS2_{self.label}_URL") or URLS[self.label]).rstrip("/")

    def url_of_requests(self) -> str:
        return self.base_url()

    def path(self, code: str) -> str:
        """The path after the base URL."""
        return f"/{code.lower()}/{code.lower()}.gif"

    def headers(self) -> dict[str, str]:
        return {"Accept-Encoding": "identity", "Connection": "close"}

    def fetch(self, code: str) -> tuple[int, bytes]:
        """Status and whole body; raises OSError or HTTPException if they do not arrive."""
        return self.ask(self.url_of_requests() + self.path(code))

    def ask(self, url: str) -> tuple[int, bytes]:
        parts = urlsplit(url)
        connection = HTTPConnection(parts.hostname or "", parts.port, timeout=self.timeout_s)
        try:
            connection.response_class = self.response_class
            connection.request(self.method, parts.path, headers=self.headers())
            reply = connection.getresponse()
            return reply.status, self.read(reply)
        finally:
            connection.close()

    def read(self, reply: HTTPResponse) -> bytes:
        return reply.read()

    # Files

    def file(self, code: str) -> Path:
        return DOWNLOADS / f"{code.lower()}.gif"

    def save(self, code: str, body: bytes) -> None:
        """Whole or not at all; raises OSError."""
        self.make_folder()
        path = self.file(code)
        partial = path.with_name(f".{path.name}.part")
        try:
            partial.write_bytes(body)
            partial.replace(path)
        except OSError:
            partial.unlink(missing_ok=True)
            raise

    def make_folder(self) -> None:
        DOWNLOADS.mkdir(exist_ok=True)


FAULTY: dict[str, str] = {}
"""The clause that each faulty implementation breaks."""

LAX: dict[str, str] = {}
"""The SHOULD that each of these misses; they conform."""

PROGRAMS: dict[str, type[Downloader]] = {"correct": Downloader}


def name_of(program: type[Downloader]) -> str:
    """`asks-twice` of `AsksTwice`."""
    return re.sub(
        r"(?<=[a-z\d])(?=[A-Z])|(?<=[a-z])(?=\d)|(?<=[A-Z])(?=[A-Z])", "-", program.__name__
    ).lower()


def entered(table: dict[str, str], clause: str) -> Callable[[type[Downloader]], type[Downloader]]:
    def enter(program: type[Downloader]) -> type[Downloader]:
        PROGRAMS[name_of(program)] = program
        table[name_of(program)] = clause
        return program

    return enter


breaks, misses = partial(entered, FAULTY), partial(entered, LAX)


def run(programs: dict[str, type[Downloader]], words: list[str]) -> int:
    """Run the program that the first word names with the others; the exit status."""
    if not words or words[0] not in programs:
        print("NAME must be one of:", *programs, sep="\n  ", file=sys.stderr)
        return 2
    return programs[words[0]]().main(words[1:])
