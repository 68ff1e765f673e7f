"""A small client in which one of ten common bugs can be planted; it reports as flags2 does."""

from collections import Counter
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, IncompleteRead
from pathlib import Path
from time import monotonic
from urllib.parse import urljoin, urlsplit

BUGS = (
    "statuses below 400 accepted",
    "404 as error",
    "truncated body kept",
    "error page saved",
    "no timeout",
    "redirect not followed to its end",
    "counted twice after 503",
    "empty body accepted",
    "wrong file name",
    "Content-Length ignored",
)
REDIRECTS = (301, 302, 303, 307, 308)
TIMEOUT_S = 0.2
HOPS = 5


def download(url, codes, folder, bug=None):
    """Download and save flags; what a flags2 program prints. `bug` is one of `BUGS`."""
    client = Client(url, Path(folder), bug)
    for code in codes:
        client.download(code)
    return client.report()


class Client:
    """One run."""

    def __init__(self, url, folder, bug):
        self.url, self.folder, self.bug = url, folder, bug
        self.lines = []

    def has(self, bug):
        assert bug in BUGS
        return self.bug == bug

    def download(self, code):
        outcome = self.attempt(code)
        if outcome == HTTPStatus.SERVICE_UNAVAILABLE:
            outcome = "error"
            if self.has("counted twice after 503"):
                self.count(code, "error")
                again = self.attempt(code)
                outcome = again if isinstance(again, str) and again != "error" else "error"
        self.count(code, outcome)

    def count(self, code, outcome):
        self.lines.append((code, outcome))

    def attempt(self, code):
        """The outcome, or 503."""
        try:
            status, body, whole = self.fetch(f"{self.url}/{code.lower()}/{code.lower()}.gif")
        except (OSError, HTTPException):
            return "error"
        if status == HTTPStatus.NOT_FOUND:
            return "error" if self.has("404 as error") else "not_found"
        accepted = status == HTTPStatus.OK or (
            status < HTTPStatus.BAD_REQUEST
            and (
                self.has("statuses below 400 accepted")
                or (status in REDIRECTS and self.has("redirect not followed to its end"))
            )
        )
        if accepted and not whole:
            accepted = self.has("Content-Length ignored") or (
                not body and self.has("empty body accepted")
            )
            if not accepted and self.has("truncated body kept"):
                self.save(code, body)
        elif not accepted and body and self.has("error page saved"):
            self.save(code, body)
        if not accepted:
            return status if status == HTTPStatus.SERVICE_UNAVAILABLE else "error"
        self.save(code, body)
        return "ok"

    def fetch(self, url):
        """Status, body, and whether that is all of it."""
        for _ in range(2 if self.has("redirect not followed to its end") else HOPS + 1):
            status, location, body, whole = self.get(url)
            if status not in REDIRECTS or location is None:
                break
            url = urljoin(url, location)
        return status, body, whole

    def get(self, url):
        forever = self.has("no timeout")
        parts, began = urlsplit(url), monotonic()
        connection = HTTPConnection(
            parts.hostname, parts.port, timeout=3 * TIMEOUT_S if forever else TIMEOUT_S
        )
        try:
            connection.request("GET", parts.path)
            response = connection.getresponse()
            try:
                body, whole = response.read(), True
            except IncompleteRead as exc:
                body, whole = exc.partial, False
            return response.status, response.headers["Location"], body, whole
        except TimeoutError:
            assert not forever, f"it waits for ever for {url}, {monotonic() - began:.0f} s so far"
            raise
        finally:
            connection.close()

    def save(self, code, body):
        name = "flag" if self.has("wrong file name") else code.lower()
        (self.folder / f"{name}.gif").write_bytes(body)

    def report(self):
        codes = sorted({code for code, _ in self.lines})
        totals = Counter(outcome for _, outcome in self.lines)
        listed = ", ".join(codes) if len(codes) <= 10 else f"from {codes[0]} to {codes[-1]}"
        return "\n".join(
            [
                f"Searching for {len(codes)} flags: {listed}",
                *(_LINES[outcome].format(code) for code, outcome in self.lines),
                "-" * 20,
                f"{totals['ok']} flags downloaded.",
                f"{totals['not_found']} not found.",
                f"{totals['error']} errors.",
            ]
        )


_LINES = {"ok": "{} OK", "not_found": "{} not found", "error": "*** Error for {}: some reason"}
