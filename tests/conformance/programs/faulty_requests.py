"""Downloaders with wrong requests, outcomes or files (REQ, OUT, FIL)."""

import socket
import threading
import time
from collections import Counter
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse, IncompleteRead
from pathlib import Path
from urllib.parse import urlsplit

from downloader import DOWNLOADS, ERROR, EVERY, NOT_FOUND, OK, Downloader, breaks

# REQ: requests


@breaks("REQ-1")
class UpperCaseInThePath(Downloader):
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
class SkipsExistingFiles(Downloader):
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
class AsksForAnUnwantedCode(Downloader):
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
class AsksThreeTimesWithoutAResponse(Downloader):
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
class WaitsForever(Downloader):
    def __init__(self):
        super().__init__()
        self.timeout_s = None


@breaks("REQ-10")
class WaitsForeverInABody(Downloader):
    def read(self, reply):
        reply.fp.raw._sock.settimeout(None)
        return super().read(reply)


@breaks("REQ-11")
class ToleratesFiveSecondsOfSilence(Downloader):
    def __init__(self):
        super().__init__()
        self.timeout_s = min(self.timeout_s, 5.0)


class HasATotalLimit(Downloader):
    def ask(self, url):
        sockets = []

        def connect(*arguments, **keywords):
            sockets.append(socket.create_connection(*arguments, **keywords))
            return sockets[-1]

        def end():
            for sock in sockets:
                with suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)

        parts = urlsplit(url)
        connection = HTTPConnection(parts.hostname, parts.port, timeout=self.timeout_s)
        connection._create_connection = connect
        timer = threading.Timer(self.limit_s, end)
        timer.start()
        try:
            connection.request("GET", parts.path, headers=self.headers())
            reply = connection.getresponse()
            return reply.status, reply.read()
        finally:
            timer.cancel()
            connection.close()


@breaks("REQ-11")
class AllowsHalfASecond(HasATotalLimit):
    limit_s = 0.5


@breaks("REQ-11")
class AllowsTenSeconds(HasATotalLimit):
    limit_s = 10.0


class SendsItsOwnHead(Downloader):
    def ask(self, url):
        parts = urlsplit(url)
        with socket.create_connection((parts.hostname, parts.port), self.timeout_s) as sock:
            sock.sendall(self.head.format(parts).encode())
            reply = HTTPResponse(sock)
            reply.begin()
            return reply.status, reply.read()


@breaks("REQ-8")
class SendsHttp7(SendsItsOwnHead):
    head = "GET {0.path} HTTP/7.0\r\nHost: {0.netloc}\r\n\r\n"


@breaks("REQ-8")
class SendsAHeaderWithoutAColon(SendsItsOwnHead):
    head = "GET {0.path} HTTP/1.1\r\nHost {0.netloc}\r\n\r\n"


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
class NamesFilesInUpperCase(Downloader):
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
