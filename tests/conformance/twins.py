"""A correct, plain flags2 downloader, and broken twins of it with one fault each.

`python twins.py NAME [flags2 arguments]` runs one; `correct` is the one without a fault. `TWINS`
names the clause that each of them breaks, `LAX` that of those that only miss a SHOULD. Only the
standard library, for these are started thousands of times.
"""

import getopt
import os
import re
import socket
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse, IncompleteRead
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
    """A command line that is refused."""


def plural(count: int) -> str:
    return "" if count == 1 else "s"


def timeout_s() -> float:
    """Seconds of silence that are borne."""
    with suppress(ValueError):
        return float(os.environ.get("FLAGS2_TIMEOUT_S", ""))
    return 30.0


class Downloader:
    """Keeps every clause. A twin replaces one of its small methods."""

    usual_connections = 5
    most_connections = 100
    method = "GET"
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
        # Who holds it saves, counts and prints; so Ctrl-C finds nothing half done.
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
        """Take the options; the arguments are left."""
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
        """How many are really used."""
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
        """The path behind the base URL."""
        return f"/{code.lower()}/{code.lower()}.gif"

    def headers(self) -> dict[str, str]:
        return {"Accept-Encoding": "identity", "Connection": "close"}

    def fetch(self, code: str) -> tuple[int, bytes]:
        """Status and whole body; raises OSError or HTTPException where they do not come."""
        return self.ask(self.url_of_requests() + self.path(code))

    def ask(self, url: str) -> tuple[int, bytes]:
        parts = urlsplit(url)
        connection = HTTPConnection(parts.hostname or "", parts.port, timeout=self.timeout_s)
        try:
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


TWINS: dict[str, str] = {}
"""The clause that each broken twin breaks."""

LAX: dict[str, str] = {}
"""The SHOULD that each of these misses; they conform."""

PROGRAMS: dict[str, type[Downloader]] = {"correct": Downloader}


def name_of(program: type[Downloader]) -> str:
    """`asks-twice` of `AsksTwice`."""
    return re.sub(
        r"(?<=[a-z\d])(?=[A-Z])|(?<=[a-z])(?=\d)|(?<=[A-Z])(?=[A-Z])", "-", program.__name__
    ).lower()


def breaks(clause: str) -> Callable[[type[Downloader]], type[Downloader]]:
    def enter(program: type[Downloader]) -> type[Downloader]:
        PROGRAMS[name_of(program)] = program
        TWINS[name_of(program)] = clause
        return program

    return enter


def misses(clause: str) -> Callable[[type[Downloader]], type[Downloader]]:
    def enter(program: type[Downloader]) -> type[Downloader]:
        PROGRAMS[name_of(program)] = program
        LAX[name_of(program)] = clause
        return program

    return enter


# EXP: which codes are asked for


@breaks("EXP-1")
class KeepsSmallLetters(Downloader):
    def codes_of(self, word):
        return [word] if word.upper() in EVERY else super().codes_of(word)


@breaks("EXP-1")
class RefusesSmallLetters(Downloader):
    def codes_of(self, word):
        if word.islower():
            raise UsageError("capitals, please")
        return super().codes_of(word)


@breaks("EXP-2")
class LetterLosesItsLastCode(Downloader):
    def codes_of_letter(self, letter):
        return super().codes_of_letter(letter)[:-1]


@breaks("EXP-3")
class TakesCodesTwice(Downloader):
    def arrange(self, codes):
        return sorted(codes)


@breaks("EXP-4")
class KeepsTheOrderTyped(Downloader):
    def arrange(self, codes):
        return list(dict.fromkeys(codes))


@breaks("EXP-5")
class IgnoresTheLimit(Downloader):
    def cut(self, codes):
        return codes


@breaks("EXP-5")
class LimitsBeforeSorting(Downloader):
    def arrange(self, codes):
        return list(dict.fromkeys(codes))

    def cut(self, codes):
        return sorted(codes[: self.limit])


@breaks("EXP-5")
class LimitIsOneShort(Downloader):
    def cut(self, codes):
        return codes[: max(1, self.limit - 1)] if self.limit else codes


@breaks("EXP-6")
class EveryLosesItsLastCode(Downloader):
    def every_code(self):
        return EVERY[:-1]


@breaks("EXP-7")
class AllIsTheUsualTwenty(Downloader):
    def all_codes(self):
        return POP20


@breaks("EXP-7")
class AllLosesTheLastWord(Downloader):
    def all_codes(self):
        return super().all_codes()[:-1]


@breaks("EXP-8")
class UsualCodesHaveOneOther(Downloader):
    def usual_codes(self):
        return [*POP20[:-1], "GB"]


@breaks("EXP-9")
class SkipsBadCodes(Downloader):
    def codes_of(self, word):
        with suppress(UsageError):
            return super().codes_of(word)
        return []


# CLI: the command line


@breaks("CLI-1")
class DoesNotKnowVerbose(Downloader):
    def split(self, words):
        return getopt.gnu_getopt(words, "ael:m:s:")


@breaks("CLI-1")
class WantsServerFirst(Downloader):
    def parse(self, words):
        if "-s" in words[1:]:
            raise UsageError("-s must come first")
        return super().parse(words)


@breaks("CLI-3")
class UsualServerIsDelay(Downloader):
    def __init__(self):
        super().__init__()
        self.label = "DELAY"


@breaks("CLI-5")
class TakesLocalForAnUnknownLabel(Downloader):
    def label_of(self, text):
        return text.upper() if text.upper() in URLS else "LOCAL"


@breaks("CLI-5")
class TakesAnyNumber(Downloader):
    def number(self, text):
        return int(text) if text.isdigit() and text != "0" else 1


@breaks("CLI-5")
class IgnoresUnknownOptions(Downloader):
    def parse(self, words):
        known = {"-a", "-e", "-l", "-m", "-s", "-v"}
        return super().parse([word for word in words if word[:1] != "-" or word in known])


@breaks("CLI-6")
class UsageErrorHasStatus0(Downloader):
    usage_status = 0


@breaks("CLI-6")
class UsageErrorComesAfterRequests(Downloader):
    def codes_of(self, word):
        with suppress(UsageError):
            return super().codes_of(word)
        with suppress(OSError, HTTPException):
            self.fetch("BR")
        raise UsageError(f"{word!r} is no code")


@breaks("CLI-8")
class StatusTellsOfErrors(Downloader):
    def status(self):
        return 1 if self.totals()[ERROR] else 0


@breaks("CLI-8")
class StatusTellsOfNotFound(Downloader):
    def status(self):
        return 1 if self.totals()[NOT_FOUND] else 0


@breaks("CLI-9")
class CrashHasStatus0(Downloader):
    def main(self, words):
        try:
            return super().main(words)
        except RuntimeError:
            return 0

    def outcome_of(self, status):
        if status >= 500:
            raise RuntimeError(status)
        return super().outcome_of(status)


# REQ: requests


@breaks("REQ-1")
class CapitalsInThePath(Downloader):
    def path(self, code):
        return f"/{code}/{code}.gif"


@breaks("REQ-1")
class AsksByHead(Downloader):
    method = "HEAD"


@breaks("REQ-1")
class AsksByPost(Downloader):
    method = "POST"


@breaks("REQ-1")
class AsksForPng(Downloader):
    def path(self, code):
        return super().path(code).replace(".gif", ".png")


@breaks("REQ-2")
class LosesOneCodeOf20(Downloader):
    def queue(self):
        return [code for n, code in enumerate(self.codes, 1) if n % 20]


@breaks("REQ-2")
class LosesTheLastCodeOfOneConnection(Downloader):
    def queue(self):
        return self.codes[:-1] if self.connections() == 1 else self.codes


@breaks("FIL-4")
class AsksNotForWhatIsThere(Downloader):
    def download(self, code):
        if self.file(code).is_file():
            self.count(code, OK)
            if self.verbose:
                self.say(self.line_of(code, OK, ""))
        else:
            super().download(code)


@breaks("REQ-3")
class AsksForRobotsTxt(Downloader):
    def download_all(self):
        with suppress(OSError, HTTPException):
            self.ask(self.base_url() + "/robots.txt")
        super().download_all()


@breaks("REQ-3")
class AsksForACodeNobodyWanted(Downloader):
    def download_all(self):
        super().download_all()
        unwanted = next((code for code in EVERY if code not in self.codes), "AA")
        with suppress(OSError, HTTPException):
            self.fetch(unwanted)


@breaks("REQ-4")
class AsksTwice(Downloader):
    def fetch(self, code):
        if code == self.codes[0]:
            super().fetch(code)
        return super().fetch(code)


@breaks("REQ-4")
class AsksAgainAfter503(Downloader):
    def fetch(self, code):
        status, body = super().fetch(code)
        return super().fetch(code) if status == 503 else (status, body)


@breaks("REQ-4")
class AsksAgainAfterHalfABody(Downloader):
    def fetch(self, code):
        try:
            return super().fetch(code)
        except IncompleteRead:
            return super().fetch(code)


@breaks("REQ-4")
class AsksThreeTimesWithoutAReply(Downloader):
    def fetch(self, code):
        for _ in range(2):
            with suppress(ConnectionError):
                return super().fetch(code)
        return super().fetch(code)


@breaks("REQ-6")
class AsksAnotherServer(Downloader):
    def url_of_requests(self):
        announced, self.label = self.label, "DELAY" if self.label == "LOCAL" else "LOCAL"
        url, self.label = self.base_url(), announced
        return url


@breaks("REQ-7")
class WaitsForEver(Downloader):
    def __init__(self):
        super().__init__()
        self.timeout_s = None


@breaks("REQ-8")
class SendsHttp7(Downloader):
    def ask(self, url):
        parts = urlsplit(url)
        with socket.create_connection((parts.hostname, parts.port), self.timeout_s) as sock:
            sock.sendall(f"GET {parts.path} HTTP/7.0\r\nHost: {parts.netloc}\r\n\r\n".encode())
            reply = HTTPResponse(sock)
            reply.begin()
            return reply.status, reply.read()


@breaks("REQ-8")
class SendsAHeaderWithoutAColon(Downloader):
    def ask(self, url):
        parts = urlsplit(url)
        with socket.create_connection((parts.hostname, parts.port), self.timeout_s) as sock:
            sock.sendall(f"GET {parts.path} HTTP/1.1\r\nHost {parts.netloc}\r\n\r\n".encode())
            reply = HTTPResponse(sock)
            reply.begin()
            return reply.status, reply.read()


# OUT: outcomes


@breaks("OUT-1")
class GivesUpSlowBodies(Downloader):
    def read(self, reply):
        start_s = time.monotonic()
        body = reply.read()
        if time.monotonic() - start_s > 0.3:
            raise TimeoutError
        return body


@breaks("OUT-1")
class WantsTheRightType(Downloader):
    def read(self, reply):
        if reply.status == 200 and reply.headers.get_content_maintype() != "image":
            raise HTTPException("no image")
        return reply.read()


@breaks("OUT-2")
class CountsNotFoundAsError(Downloader):
    def outcome_of(self, status):
        return OK if status == 200 else ERROR


@breaks("OUT-2")
class CountsAllAsDownloaded(Downloader):
    def totals(self):
        return Counter({OK: len(self.codes)})


@breaks("OUT-3")
class CountsErrorsAsNotFound(Downloader):
    def outcome_of(self, status):
        return OK if status == 200 else NOT_FOUND


@breaks("OUT-3")
class Counts410AsNotFound(Downloader):
    def outcome_of(self, status):
        return NOT_FOUND if status == 410 else super().outcome_of(status)


@breaks("OUT-3")
class Takes204ForOk(Downloader):
    def outcome_of(self, status):
        return OK if status == 204 else super().outcome_of(status)


@breaks("OUT-3")
class TakesRedirectsForOk(Downloader):
    def outcome_of(self, status):
        return OK if 300 <= status < 400 else super().outcome_of(status)


@breaks("OUT-4")
class CountsAResetAsNotFound(Downloader):
    def outcome_of_failure(self, exc):
        return NOT_FOUND if isinstance(exc, ConnectionResetError) else ERROR


@breaks("OUT-4")
class CountsARefusalAsNotFound(Downloader):
    def outcome_of_failure(self, exc):
        return NOT_FOUND if isinstance(exc, ConnectionRefusedError) else ERROR


@breaks("OUT-4")
class TakesGarbageForNotFound(Downloader):
    def outcome_of_failure(self, exc):
        return NOT_FOUND if type(exc).__name__ == "BadStatusLine" else ERROR


@breaks("OUT-5")
class KeepsHalfABody(Downloader):
    def read(self, reply):
        try:
            return reply.read()
        except IncompleteRead as exc:
            return exc.partial


@breaks("OUT-5")
class OffersGzipAndCannotInflate(Downloader):
    def headers(self):
        return {"Accept-Encoding": "gzip", "Connection": "close"}


# FIL: files


@breaks("FIL-1")
class SavesOneByteLess(Downloader):
    def save(self, code, body):
        super().save(code, body[:-1])


@breaks("FIL-1")
class SavesAsText(Downloader):
    def save(self, code, body):
        super().save(code, body.decode("utf-8", "replace").encode())


@breaks("FIL-1")
class NamesFilesInCapitals(Downloader):
    def file(self, code):
        return DOWNLOADS / f"{code}.gif"


@breaks("FIL-2")
class SavesTheBodyOf404(Downloader):
    def fetch(self, code):
        status, body = super().fetch(code)
        if status == 404:
            self.save(code, body)
        return status, body


@breaks("FIL-2")
class LeavesAPartOfABrokenBody(Downloader):
    def fetch(self, code):
        try:
            return super().fetch(code)
        except (IncompleteRead, ConnectionResetError) as exc:
            self.save(code, getattr(exc, "partial", b""))
            raise


@breaks("FIL-3")
class LeavesTemporaryFiles(Downloader):
    def save(self, code, body):
        super().save(code, body)
        Path(DOWNLOADS, f"{code.lower()}.gif.part").write_bytes(body)


@breaks("FIL-4")
class KeepsAFileFromBefore(Downloader):
    def save(self, code, body):
        if not self.file(code).is_file():
            super().save(code, body)


# REP: what is printed


@breaks("REP-1")
class AnnouncesAnotherLabel(Downloader):
    def site_line(self):
        return f"REMOTE site: {self.base_url()}"


@breaks("REP-1")
class AnnouncesAnotherUrl(Downloader):
    def site_line(self):
        return f"{self.label} site: http://example.com/flags"


@breaks("REP-1")
class AnnouncesAfterTheRequests(Downloader):
    def announce(self):
        pass

    def report(self):
        super().announce()
        super().report()


@breaks("REP-2")
class ListsElevenCodes(Downloader):
    def codes_line(self):
        if len(self.codes) == 11:
            return f"Searching for 11 flags: {', '.join(self.codes)}"
        return super().codes_line()


@breaks("REP-2")
class ListsCodesWithoutCommas(Downloader):
    def codes_line(self):
        return super().codes_line().replace(", ", " ")


@breaks("REP-2")
class AnnouncesOneCodeMore(Downloader):
    def codes_line(self):
        listed = super().codes_line().partition(": ")[2]
        return f"Searching for {len(self.codes) + 1} flags: {listed}"


@breaks("REP-3")
class KeepsConnectionsToItself(Downloader):
    def announcement(self):
        return super().announcement()[:2]


@breaks("REP-4")
class OneFlagsDownloaded(Downloader):
    def report_lines(self, totals):
        lines = super().report_lines(totals)
        return [line.replace("flag downloaded", "flags downloaded") for line in lines]


@breaks("REP-4")
class ZeroFlagDownloaded(Downloader):
    def report_lines(self, totals):
        lines = super().report_lines(totals)
        return ["0 flag downloaded." if line[:2] == "0 " else line for line in lines]


@breaks("REP-4")
class OneErrors(Downloader):
    def report_lines(self, totals):
        return [
            "1 errors." if line == "1 error." else line for line in super().report_lines(totals)
        ]


@breaks("REP-4")
class OneConnections(Downloader):
    def connections_line(self):
        return f"{self.connections()} concurrent connections will be used."


@breaks("REP-5")
class TotalsInAnotherOrder(Downloader):
    def report_lines(self, totals):
        hyphens, *counts, elapsed = super().report_lines(totals)
        return [hyphens, *reversed(counts), elapsed]


@breaks("REP-5")
class NineteenHyphens(Downloader):
    def report_lines(self, totals):
        return ["-" * 19, *super().report_lines(totals)[1:]]


@breaks("REP-5")
class LeavesOutZeroFlags(Downloader):
    def report_lines(self, totals):
        return [line for line in super().report_lines(totals) if line[:2] != "0 "]


@breaks("REP-8")
class ForgetsLinesOfErrors(Downloader):
    def say(self, line):
        if line[:3] != "***":
            super().say(line)


@breaks("REP-8")
class PrintsALineTwice(Downloader):
    def say(self, line):
        super().say(line)
        if line == f"{self.codes[0]} OK":
            super().say(line)


@breaks("REP-8")
class OkInSmallLetters(Downloader):
    def line_of(self, code, outcome, text):
        return super().line_of(code, outcome, text).replace(" OK", " ok")


@breaks("REP-10")
class ReportsOnStderr(Downloader):
    def report(self):
        sys.stdout = sys.stderr
        super().report()


@breaks("REP-10")
class AnnouncesOnStderr(Downloader):
    def announce(self):
        stdout, sys.stdout = sys.stdout, sys.stderr
        super().announce()
        sys.stdout = stdout


@breaks("REP-11")
class Prints20Megabytes(Downloader):
    def announce(self):
        super().announce()
        for _ in range(20_000):
            self.say("." * 1023)


# CON: concurrency


@breaks("CON-1")
class UsesOneConnectionMore(Downloader):
    def threads(self):
        return self.connections() + 1


@breaks("CON-2")
class AnnouncesMoreThanAllowed(Downloader):
    def connections(self):
        return min((self.max_req or 5) + 1, len(self.codes))


@breaks("CON-2")
class AnnouncesMoreThanCodes(Downloader):
    def connections(self):
        return self.max_req or 5

    def threads(self):
        return super().connections()


@breaks("CON-3")
class AsksOneAfterTheOther(Downloader):
    def threads(self):
        return 1


@breaks("CON-3")
class UsesOneConnectionLess(Downloader):
    def threads(self):
        return max(1, self.connections() - 1)


# ACC: accounting


@breaks("ACC-1")
class DropsErrors(Downloader):
    def totals(self):
        return super().totals() - Counter({ERROR: 999})


@breaks("ACC-1")
class LosesTheCountOfOneCodeOf20(Downloader):
    def totals(self):
        kept = [outcome for n, (_, outcome) in enumerate(sorted(self.results), 1) if n % 20]
        return Counter(kept)


@breaks("ACC-1")
class CountsNeighbouringErrorsOnce(Downloader):
    def totals(self):
        outcomes = [outcome for _, outcome in sorted(self.results)]
        pairs = zip(outcomes, ["", *outcomes], strict=False)
        return Counter(outcome for outcome, before in pairs if (outcome, before) != (ERROR, ERROR))


@breaks("ACC-1")
class CountsOneFlagTooMany(Downloader):
    def totals(self):
        return super().totals() + Counter({OK: 1})


@breaks("ACC-2")
class TotalsAreNotThoseOfTheLines(Downloader):
    def totals(self):
        totals = super().totals()
        if self.verbose:
            totals[NOT_FOUND], totals[ERROR] = totals[ERROR], totals[NOT_FOUND]
        return totals


@breaks("ACC-3")
class CrashesOn503(Downloader):
    def outcome_of(self, status):
        if status == 503:
            raise RuntimeError(status)
        return super().outcome_of(status)


@breaks("ACC-3")
class CrashesOnAReset(Downloader):
    def outcome_of_failure(self, exc):
        if isinstance(exc, ConnectionResetError):
            raise RuntimeError(exc)
        return ERROR


@breaks("ACC-3")
class CrashesOnHalfABody(Downloader):
    def outcome_of_failure(self, exc):
        if isinstance(exc, IncompleteRead):
            raise RuntimeError(exc)
        return ERROR


@breaks("ACC-4")
class AsksBehindItsReport(Downloader):
    def report(self):
        super().report()
        time.sleep(0.3)  # so that the report is read by then
        with suppress(OSError, HTTPException):
            self.fetch(self.codes[0])


@breaks("ACC-5")
class NeverEnds(Downloader):
    def status(self):
        time.sleep(600)
        return 0


@breaks("ACC-5")
class HangsOnceAConnectionBroke(Downloader):
    def outcome_of_failure(self, exc):
        time.sleep(600)
        return ERROR


# Those that conform, and miss a SHOULD


@misses("EXP-10")
class KnowsTheCountriesByItself(Downloader):
    def all_codes(self):
        return Path(__file__).parents[2].joinpath("country_codes.txt").read_text().split()


@misses("CLI-2")
class ShortOptionsOnly(Downloader):
    def split(self, words):
        if any(word[:1] == "-" and len(word) > 2 for word in words):
            raise UsageError("one letter, please")
        return getopt.getopt(words, "ael:m:s:v")


@misses("CLI-4")
class RefusesSmallLabels(Downloader):
    def label_of(self, text):
        if text not in URLS:
            raise UsageError(f"there is no server {text!r}")
        return text


@misses("CLI-7")
class RefusesWithoutAWord(Downloader):
    def main(self, words):
        with suppress(UsageError):
            Downloader().expand(Downloader().parse(words))
            return super().main(words)
        return 2


@misses("CLI-10")
class DiesOfCtrlC(Downloader):
    def download_all(self):
        try:
            super().download_all()
        except KeyboardInterrupt:
            os._exit(1)


@misses("FIL-5")
class WantsTheFolder(Downloader):
    def make_folder(self):
        pass


@misses("FIL-6")
class EndsWhereItCannotSave(Downloader):
    def save(self, code, body):
        try:
            super().save(code, body)
        except OSError as exc:
            raise RuntimeError from exc


@misses("REP-6")
class PrintsTotalsOfZero(Downloader):
    def report_lines(self, totals):
        hyphens, flags, *_, elapsed = super().report_lines(totals)
        errors = f"{totals[ERROR]} error{plural(totals[ERROR])}."
        return [hyphens, flags, f"{totals[NOT_FOUND]} not found.", errors, elapsed]


@misses("REP-7")
class KeepsItsTimeToItself(Downloader):
    def report_lines(self, totals):
        return super().report_lines(totals)[:-1]


@misses("REP-9")
class AlwaysVerbose(Downloader):
    def __init__(self):
        super().__init__()
        self.verbose = True


@misses("CON-4")
class UsesTwoConnectionsAtMost(Downloader):
    most_connections = 2


@misses("ACC-6")
class LeavesAProcess(Downloader):
    def status(self):
        if os.fork() == 0:
            for fd in range(3):
                os.close(fd)
            time.sleep(20)
            os._exit(0)
        return 0


@misses("HOOK-1")
class IgnoresTheVariables(Downloader):
    def base_url(self):
        return URLS[self.label]


def run(programs: dict[str, type[Downloader]], words: list[str]) -> int:
    """Run the program that the first word names with the others; the exit status."""
    if not words or words[0] not in programs:
        print("NAME must be one of:", *programs, sep="\n  ", file=sys.stderr)
        return 2
    return programs[words[0]]().main(words[1:])


if __name__ == "__main__":
    sys.exit(run(PROGRAMS, sys.argv[1:]))
