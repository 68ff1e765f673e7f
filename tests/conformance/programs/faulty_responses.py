"""Downloaders that go wrong where a right response is unusual, or a wrong one looks right."""

import threading
import time
import zlib
from http.client import (
    HTTPConnection,
    HTTPException,
    HTTPResponse,
    IncompleteRead,
    RemoteDisconnected,
)
from pathlib import Path
from urllib.parse import urlsplit

from downloader import DOWNLOADS, Downloader, breaks, misses
from faulty_requests import OffersGzipAndCannotInflate


@misses("OUT-9")
class TakesACutStreamForAWholeOne(OffersGzipAndCannotInflate):
    def read(self, reply):
        body = reply.read()
        coded = reply.headers["Content-Encoding"] == "gzip"
        try:
            return zlib.decompressobj(wbits=31).decompress(body) if coded else body
        except zlib.error as exc:
            raise HTTPException(str(exc)) from exc


@breaks("OUT-5")
class TakesTheEndOfAConnectionForThatOfTheChunks(Downloader):
    def read(self, reply):
        try:
            return reply.read()
        except IncompleteRead as exc:
            if reply.chunked:
                return exc.partial
            raise


@breaks("OUT-1")
class GivesUpASlowHeaderSection(Downloader):
    def ask(self, url):
        start_s = time.monotonic()
        status, body = super().ask(url)
        if time.monotonic() - start_s > 0.55:
            raise TimeoutError
        return status, body


@breaks("ACC-3")
class WantsSecondsInRetryAfter(Downloader):
    def read(self, reply):
        int(reply.headers["Retry-After"] or 0)
        return reply.read()


class KeepsAConnection(Downloader):
    """It does not ask again on another one: that is right, too."""

    kept = threading.local()

    def headers(self):
        return {"Accept-Encoding": "identity"}

    def ask(self, url):
        parts = urlsplit(url)
        if not hasattr(self.kept, "connection"):
            self.kept.connection = HTTPConnection(parts.hostname, parts.port, self.timeout_s)
            self.kept.connection.response_class = self.response_class
        connection = self.kept.connection
        try:
            connection.request("GET", parts.path, headers=self.headers())
            reply = connection.getresponse()
            return reply.status, self.read(reply)
        except (OSError, HTTPException):
            connection.close()
            raise


@breaks("REQ-4")
class AsksAgainForTheLastOneOfAConnectionToo(KeepsAConnection):
    def ask(self, url):
        last, self.kept.last = getattr(self.kept, "last", url), url
        try:
            return super().ask(url)
        except RemoteDisconnected:
            super().ask(last)
            return super().ask(url)


@breaks("FIL-1")
class SavesTheChunksAsTheyCome(Downloader):
    def read(self, reply):
        if reply.chunked and reply.status == 200:
            return reply.fp.read()
        return reply.read()


@breaks("FIL-1")
class SavesUnderTheNameThatItGets(Downloader):
    given = threading.local()

    def read(self, reply):
        field = reply.headers["Content-Disposition"] or ""
        self.given.name = field.partition('filename="')[2].strip('"')
        return reply.read()

    def file(self, code):
        return DOWNLOADS / Path(self.given.name or f"{code.lower()}.gif").name


@misses("OUT-8")
class TakesAnInterimResponseForTheFinalOne(Downloader):
    response_class = HTTPResponse
