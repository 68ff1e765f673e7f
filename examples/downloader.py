"""Download one URL into a file, whole or not at all: `python downloader.py URL FILE`.

Status 0: the file is there, whole. Status 1: one line on stderr says why not, and no part has its
name. What comes is written to FILE.part, which is renamed at the end.
"""

import asyncio
import re
import sys
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import BinaryIO

import aiohttp

TRIES = 4
"""Requests for the resource at most, without those that follow redirects."""
PATIENCE_S = 10.0
"""Seconds without a byte after which a request is given up."""
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 30.0
"""Seconds before the second try, which double each time; and the most that a server may ask for."""
TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=PATIENCE_S)
TRANSIENT = {408, 425, 429, 500, 502, 503, 504}
HOPELESS = aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError, aiohttp.TooManyRedirects


class Failed(Exception):
    """The download cannot succeed."""


class TryAgain(Exception):
    """Another request may succeed, after so many seconds if the server says so."""

    after_s: float | None = None


@dataclass
class Part:
    """What has come so far."""

    file: BinaryIO
    size: int = 0
    total: int | None = None  # the length of the resource, if it is known
    etag: str | None = None
    """Its strong validator: without one, parts are never joined (RFC 9110, section 15.3.7.3)."""

    def begin(self) -> None:
        """Forget it."""
        self.file.seek(0)
        self.file.truncate()
        self.size, self.total, self.etag = 0, None, None


async def download(url: str, file: Path) -> None:
    """Save the resource at `url` as `file`; raises Failed, and OSError if it cannot be saved."""
    part_of = file.with_name(f"{file.name}.part")
    try:
        with part_of.open("wb") as stream:
            await fetch(url, Part(stream))
        part_of.replace(file)
    except BaseException:
        part_of.unlink(missing_ok=True)
        raise


async def fetch(url: str, part: Part) -> None:
    """Ask for the resource until all of it is there, a few times."""
    wait_s = FIRST_WAIT_S
    for tries_left in reversed(range(TRIES)):
        # A session of its own for each try: a connection that was kept may have been closed.
        async with aiohttp.ClientSession(auto_decompress=False, timeout=TIMEOUT) as session:
            try:
                await ask(session, url, part)
                return
            except HOPELESS as exc:
                raise Failed(f"{type(exc).__name__}: {exc}") from None
            # RuntimeError: to read on after a bad chunk, where the connection is closed already.
            except (aiohttp.ClientError, TimeoutError, RuntimeError, TryAgain) as exc:
                why = str(exc) or type(exc).__name__
                after_s = getattr(exc, "after_s", None)
        if not tries_left or (after_s or 0) > LONGEST_WAIT_S:
            raise Failed(why)
        await asyncio.sleep(wait_s if after_s is None else after_s)
        wait_s *= 2


async def ask(session: aiohttp.ClientSession, url: str, part: Part) -> None:
    """Ask for what is missing."""
    fields = {"Accept-Encoding": "identity"}
    if part.size and part.etag:
        fields |= {"Range": f"bytes={part.size}-", "If-Range": part.etag}
    else:
        part.begin()
    # It follows redirects, ten at most, and only to http and https.
    async with await asyncio.wait_for(session.get(url, headers=fields), PATIENCE_S) as response:
        look_at(response, part, resumes="Range" in fields)
        # Not `read`: its limit ends with a bad chunk, and it would wait for ever.
        while piece := await asyncio.wait_for(response.content.readany(), PATIENCE_S):
            part.file.write(piece)
            part.size += len(piece)
    if part.total is not None and part.size != part.total:
        raise TryAgain(f"{part.size} of {part.total} bytes")


def look_at(response: aiohttp.ClientResponse, part: Part, *, resumes: bool) -> None:
    """Make ready for the body, or raise what is wrong with the response."""
    etag = response.headers.get("ETag")
    if response.status in TRANSIENT:
        again = TryAgain(f"HTTP {response.status}")
        again.after_s = seconds(response.headers.get("Retry-After"))
        raise again
    if resumes and response.status in (206, 416):
        given = response.headers.get("Content-Range", "")
        found = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", given)
        fits = found and int(found[1]) == part.size and part.total in (None, int(found[2]))
        if response.status == 206 and etag == part.etag and fits:
            part.total = int(found[2])
            return
        part.begin()
        raise TryAgain(f"HTTP {response.status} with {given or 'no Content-Range'}")
    if response.status != 200:
        raise Failed(f"HTTP {response.status}")
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise Failed("it is coded, though no coding was offered")
    part.begin()
    part.total = response.content_length
    part.etag = etag if etag and not etag.startswith("W/") else None


def seconds(retry_after: str | None) -> float | None:
    """Seconds of a Retry-After field (RFC 9110, section 10.2.3); None for none, or a bad one."""
    if retry_after and retry_after.isdecimal():
        return float(retry_after)
    with suppress(TypeError, ValueError):
        until = parsedate_to_datetime(retry_after or "")
        return max(0.0, (until - datetime.now(UTC)).total_seconds())
    return None


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: downloader.py URL FILE")
    try:
        asyncio.run(download(sys.argv[1], Path(sys.argv[2])))
    except (Failed, OSError) as exc:
        sys.exit(f"{sys.argv[1]}: {exc}")
