"""`examples/downloader.py` under every kind of response: whole, or an honest failure."""

import asyncio
import importlib.util
from unittest import mock

import pytest
from support import TOP
from support.examples import simplest

from mockservers.faults import (
    KINDS,
    Attachment,
    BadLength,
    BadRange,
    Chunked,
    Flip,
    Gzip,
    Hang,
    Interim,
    RateLimit,
    Redirect,
    Serve,
    Stall,
    Status,
    Truncate,
    Unsatisfiable,
)
from mockservers.plan import Plan

pytestmark = pytest.mark.slow

BODY = bytes(range(256)) * 1000
NEW = bytes((byte + 1) % 256 for byte in BODY)
WHOLE = (BODY, NEW, NEW[:-1000])
SPEC = importlib.util.spec_from_file_location("downloader", TOP / "examples/downloader.py")
downloader = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(downloader)


def simple(kind):
    made = {Hang: Hang(60), Stall: Stall(60_000), Redirect: Redirect("/absent")}
    return made.get(kind) or (BadRange(how="stale") if kind is BadRange else simplest(kind))


CUT = Truncate(100_000)
FAULTS = [simple(kind) for kind in KINDS.values()] + [
    Chunked(cut="chunk"), Chunked(cut="data"), Chunked(cut="end"), Interim([103, 103]),
    BadLength("more"), BadLength("two"), BadLength("with_chunked"), Gzip(unasked=True),
    Gzip(unasked=True, cut=True), RateLimit(date_in_s=0), RateLimit(retry_after="soon"),
    Redirect("file:///etc/hostname"), Redirect("{ERROR}/r"), Attachment("../../x"),
    Status(503, body_bytes=500),
]  # fmt: skip
ATTEMPTS = [
    *((fault,) for fault in FAULTS),
    *((fault, Serve()) for fault in FAULTS),
    *((CUT, fault, Serve()) for fault in FAULTS),
    (CUT, Serve(version=2)), (CUT, Serve(version=2, grow=-1000)), (CUT, CUT, CUT, Serve()),
    *((CUT, BadRange(how=how), Serve())
      for how in ("ignored", "shift", "total", "unit", "missing", "short", "stale")),
    (CUT, Unsatisfiable("wrong", body_bytes=300), Serve()),
]  # fmt: skip


@pytest.fixture(autouse=True)
def hasty():
    waits = {"PATIENCE_S": 0.3, "FIRST_WAIT_S": 0.001}
    with mock.patch.multiple(downloader, **waits):
        yield


@pytest.mark.parametrize("etag", ["strong", "weak"])
def test_what_it_saves_is_whole_and_what_it_cannot_save_is_not_there(servers, tmp_path, etag):
    wrong = []
    for n, faults in enumerate(ATTEMPTS):
        plan = Plan(n, rules={"/r": faults}, ranges=True, etag=etag)
        servers.begin_run(plan, content={"/r": BODY})
        folder = tmp_path / str(n)
        folder.mkdir()
        url = servers.urls["LOCAL"].removesuffix("/flags") + "/r"
        try:
            asyncio.run(downloader.download(url, folder / "r"))
            status = 0
        except downloader.Failed:
            status = 1
        kept = {path.name: path.read_bytes() for path in folder.iterdir()}
        servers.settle()
        books = servers.ledger(ok=not status, asked=["/r"], files=folder)
        most = 11  # aiohttp asks again by itself, where a connection ends without a response
        asked = sum(entry["type"] == "request" for entry in servers.entries)
        if not books.balanced or set(kept) != ({"r"} if not status else set()) or asked > most:
            wrong.append(
                (faults, status, {k: len(v) for k, v in kept.items()}, asked, books.imbalances)
            )
        last_serves = isinstance(faults[-1], Serve) and len(faults) > 1
        fatal = (Redirect, Status, KINDS["redirect_loop"], KINDS["page"], Flip, KINDS["no_length"])
        may_fail = any(isinstance(fault, (*fatal, BadLength, Gzip)) for fault in faults)
        if last_serves and not may_fail and (status or kept.get("r") not in WHOLE):
            wrong.append((faults, status, "it did not recover"))
    assert not wrong, "\n".join(map(str, wrong))
