"""What the ledger makes of responses that are coded, in chunks, wrong at the right length, or of
another length than they say: with the bytes of files at hand, and with their digests only.
"""

import gzip
import hashlib
import http.client
import zlib

import pytest
from support.journals import balance
from support.server_in_loop import port_of
from support.small_ledgers import request

from mockservers.faults import (
    Attachment,
    BadLength,
    Chunked,
    CloseAfter,
    Flip,
    Gzip,
    Interim,
    Page,
    SlowHead,
    Truncate,
)
from mockservers.plan import Plan

BODY = bytes(range(256)) * 300
PATH = "/r.bin"
OFFER = {"Accept-Encoding": "gzip"}


def as_sent(body):
    return body


def decoded(body):
    return zlib.decompressobj(wbits=31).decompress(body)


def nothing(body):
    return None


def resource(body):
    return BODY


KEPT = [
    # fault, gzip offered, what is kept, the claim; what does not balance
    (Flip(), False, as_sent, "ok", []),
    (Flip(), False, nothing, "error", []),
    (Gzip(), True, decoded, "ok", []),
    (Gzip(), True, as_sent, "ok", []),
    (Gzip(cut=True), True, decoded, "ok", ["corrupt"]),
    (Gzip(cut=True), True, nothing, "error", []),
    (Gzip(unasked=True), False, decoded, "ok", []),
    (Gzip(unasked=True), False, as_sent, "ok", []),
    (Gzip(unasked=True), False, nothing, "error", []),
    (BadLength("fewer"), False, as_sent, "ok", []),
    (BadLength("fewer"), False, nothing, "error", []),
    (BadLength("two"), False, resource, "ok", []),
    (Chunked(), False, as_sent, "ok", []),
    (Chunked(), False, nothing, "ok", ["lost"]),
    (Chunked(cut="chunk"), False, as_sent, "ok", ["corrupt"]),
    (Chunked(cut="data"), False, nothing, "error", []),
    (Chunked(cut="end"), False, as_sent, "ok", []),
    (Chunked(cut="end"), False, nothing, "error", []),
    (CloseAfter(), False, as_sent, "ok", []),
    (Interim(), False, resource, "ok", []),
    (Interim(), False, nothing, "error", []),
    (SlowHead(1e6), False, as_sent, "ok", []),
    (Attachment("../../x"), False, as_sent, "ok", []),
    (Page(), False, as_sent, "ok", []),
]


def fetch(servers, *, offers, fields=None):
    """The body, as far as it comes."""
    client = http.client.HTTPConnection("127.0.0.1", port_of(servers), timeout=30)
    try:
        client.request("GET", PATH, headers=(OFFER if offers else {}) | (fields or {}))
        return client.getresponse().read()
    except http.client.IncompleteRead as cut:
        return cut.partial
    finally:
        client.close()


@pytest.mark.parametrize(("fault", "offers", "keep", "said", "found"), KEPT, ids=lambda one: "")
def test_the_books_say_so_with_bytes_and_with_digests(
    servers, tmp_path, fault, offers, keep, said, found
):
    servers.begin_run(Plan(4, rules={PATH: fault}), content={PATH: BODY})
    kept = keep(fetch(servers, offers=offers))
    if kept is not None:
        (tmp_path / "r.bin").write_bytes(kept)
    servers.settle()
    by_bytes = servers.ledger(said={PATH: said}, asked=[PATH], files=tmp_path)
    assert [one.kind for one in by_bytes.imbalances] == found
    digests = {} if kept is None else {"r.bin": digest(kept)}
    claims = {"fates": {}, "by": "file", "downloads": [{"path": PATH, "outcome": said}]}
    end = {"end": True, "claims": claims, "files_after": digests}
    header = {"journal": 1, "command": ["x"], "dest": "out", "dest_given": True}
    by_digests = balance([header, *servers.entries, end])
    assert [one.kind for one in by_digests.imbalances] == found


def test_parts_of_which_one_has_wrong_bytes_are_what_was_sent(servers, tmp_path):
    plan = Plan(7, rules={PATH: (Truncate(1000), Flip(900))}, ranges=True)
    servers.begin_run(plan, content={PATH: BODY[:3000]})
    kept = fetch(servers, offers=False)
    kept += fetch(servers, offers=False, fields={"Range": "bytes=1000-"})
    (tmp_path / "r.bin").write_bytes(kept)
    books = servers.ledger(said={PATH: "ok"}, asked=[PATH], files=tmp_path)
    assert books.balanced, books.imbalances
    (tmp_path / "r.bin").write_bytes(kept[:1000] + bytes(2000))
    books = servers.ledger(said={PATH: "ok"}, asked=[PATH], files=tmp_path)
    assert [one.kind for one in books.imbalances] == ["corrupt"]


def test_a_whole_file_from_before_is_kept_though_a_coded_response_brought_nothing():
    path = "/flags/br/br.gif"
    entry = request("BR", status=None, do="gzip", server="LOCAL")
    file = {"size": 3, "mtime_ns": 1, "inode": 2, "is": "whole", "of": path}
    claims = {"fates": {}, "by": "exit"}
    end = {"end": True, "claims": claims, "files_after": {"br.gif": file}}
    header = {"journal": 1, "command": ["x"], "dest": "out", "dest_given": True}
    assert balance([header | {"files_before": {"br.gif": file}}, entry, end]).balanced


def digest(kept):
    return {"size": len(kept), "sha256": hashlib.sha256(kept).hexdigest(), "mtime_ns": 1}


def test_what_gzip_sends_is_gzip(servers):
    servers.begin_run(Plan(rules={PATH: Gzip()}), content={PATH: BODY})
    assert gzip.decompress(fetch(servers, offers=True)) == BODY
