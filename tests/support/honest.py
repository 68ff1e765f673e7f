"""A small downloader that is honest: it retries, resumes with If-Range, and saves under any name.

A fault can be planted in it. `met` says whether the fault made a difference.
"""

import contextlib
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

import urllib3

FAULTS = {
    "a short body is whole": "keeps what came of a body that was cut short",
    "any status is ok": "saves the body of a response whatever its status is",
    "an empty file": "leaves an empty file of a download that failed",
    "failures are ok": "ends with 0 though a download failed",
    "forgets to save": "saves nothing of a whole body",
    "a part in place": "leaves the part of a failed download under its final name",
    "a wrong byte": "changes one byte of what it saves",
    "one byte less": "saves all but the last byte",
    "zeros": "makes the file as long as announced, and ends with 0",
    "twice": "saves the body twice over",
    "appends": "appends whatever comes to what it has",
    "splices": "goes on without a validator, and joins what comes",
    "from the start": "writes the rest to the start of the file",
    "416 is done": "takes a 416 for the end of a download",
    "never asks": "leaves one out, and ends with 0",
}


@dataclass
class Downloader:
    """Downloads paths from a server into a folder."""

    base: str
    folder: Path
    fault: str | None = None
    tries: int = 3
    met: bool = False
    failed: bool = False
    absent: bool = False
    names: dict[str, str] = field(default_factory=dict)

    def run(self, paths):
        """Download all; True if it ends with 0."""
        with urllib3.PoolManager(retries=False, timeout=5) as self.http:
            for number, path in enumerate(paths):
                if self.fault == "never asks" and number == 0:
                    self.met = True
                    continue
                self.download(path)
        if self.failed and self.fault in ("failures are ok", "zeros"):
            return True
        if (self.failed or self.absent) and self.fault in ("forgets to save", "never asks"):
            self.met = False  # it says that something is missing
        return not (self.failed or self.absent)

    def download(self, path):
        """Download one, in several tries."""
        have, etag, total = b"", None, None
        for _ in range(self.tries):
            status, headers, body, whole = self.get(path, have, etag)
            resumed = status == HTTPStatus.PARTIAL_CONTENT
            if status == HTTPStatus.NOT_FOUND and self.fault != "any status is ok":
                self.absent = True
                return
            if self.fault == "416 is done" and status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                self.met = True
                self.save(path, have)
                return
            if self.fault == "any status is ok" and status and status >= HTTPStatus.BAD_REQUEST:
                self.met = True
                self.save(path, body)
                return
            if self.fault == "appends" and have and status == HTTPStatus.OK and whole:
                self.met = True
                self.save(path, have + body)
                return
            if status == HTTPStatus.OK:
                have, etag = body, headers.get("ETag")
                total = headers.get("Content-Length")
                if whole:
                    self.save(path, have)
                    return
                if self.fault == "a short body is whole":
                    self.met = True
                    self.save(path, have)
                    return
            elif resumed and self.fits(headers, have, etag):
                before, have = have, have + body
                if len(have) == self.total_of(headers):
                    if self.fault == "from the start":
                        self.met, have = True, body + before[len(body) :]
                    self.save(path, have)
                    return
            else:
                have, etag = b"", None
        self.give_up(path, have, total)

    def get(self, path, have, etag):
        """Status, header fields, body as far as it came, and whether that is all."""
        headers = {"Accept-Encoding": "identity"}
        if have and (self.may_resume(etag) or self.fault == "splices"):
            headers["Range"] = f"bytes={len(have)}-"
            if self.fault != "splices":
                headers["If-Range"] = etag
        body = b""
        try:
            response = self.http.request(
                "GET", self.base + path, headers=headers, preload_content=False, redirect=True,
                retries=urllib3.Retry(0, redirect=5, raise_on_redirect=False),
            )  # fmt: skip
        except urllib3.exceptions.HTTPError:
            return None, {}, b"", False
        with contextlib.closing(response):
            try:
                for piece in response.stream(4096, decode_content=False):
                    body += piece
            except urllib3.exceptions.HTTPError:
                return response.status, response.headers, body, False
            return response.status, response.headers, body, True

    @staticmethod
    def may_resume(etag):
        """A strong one (RFC 9110, section 13.1.5)."""
        return bool(etag) and not etag.startswith("W/")

    def fits(self, headers, have, etag):
        """Whether a part goes on where the bytes end that are there."""
        unit, _, given = headers.get("Content-Range", "").partition(" ")
        start = given.partition("-")[0]
        if self.fault == "splices":
            fits = unit == "bytes" and start == str(len(have))
            self.met = self.met or (fits and headers.get("ETag") != etag)
            return fits
        return unit == "bytes" and start == str(len(have)) and headers.get("ETag") == etag

    @staticmethod
    def total_of(headers):
        return int(headers["Content-Range"].rpartition("/")[2])

    def file_of(self, path):
        return self.folder / self.names.get(path, path.rpartition("/")[2])

    def save(self, path, body):
        """Save a whole body, first as a file that is marked."""
        if self.fault == "forgets to save":
            self.met = True
            return
        spoilt = {
            "a wrong byte": body[:-1] + bytes([body[-1] ^ 1]) if body else body,
            "one byte less": body[:-1],
            "twice": body * 2,
        }.get(self.fault, body)
        self.met = self.met or spoilt != body
        file = self.file_of(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        marked = file.with_name(f"{file.name}.part")
        marked.write_bytes(spoilt)
        marked.replace(file)

    def give_up(self, path, have, total):
        """A download has failed."""
        self.failed = True
        self.met = self.met or self.fault == "failures are ok"
        file = self.file_of(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        match self.fault:
            case "an empty file":
                self.met = True
                file.write_bytes(b"")
            case "a part in place" if have:
                self.met = True
                file.write_bytes(have)
            case "zeros" if total:
                self.met = True
                file.write_bytes(have.ljust(int(total), b"\0"))
            case _ if have:
                file.with_name(f"{file.name}.part").write_bytes(have)
