"""Parts of resources, versions of them, and what goes wrong with ranges, on sockets."""

import hashlib
import http.client
import re

import pytest
from support.rows import each
from support.server_in_loop import port_of

from mockservers.content.resources import BytesCatalogue
from mockservers.faults import (
    BadChunk,
    BadGzip,
    BadRange,
    CutHeaders,
    Drip,
    Empty,
    NoLength,
    Reset,
    Serve,
    Status,
    TooLong,
    Truncate,
    Unsatisfiable,
    WrongType,
)
from mockservers.kinds.resource import DAY_S, MODIFIED_S
from mockservers.kinds.selection import http_date
from mockservers.plan import Bucket, Plan, PlanError

BODY = bytes(range(256)) * 4
PART, WHOLE = "bytes=100-199", len(BODY)


def version(number, grow=0):
    moved = bytes((byte + number - 1) % 256 for byte in BODY[: WHOLE + grow])
    return moved + bytes((i + number) % 256 for i in range(WHOLE, WHOLE + grow))


def ask(servers, method="GET", path="/r", **fields):
    """Status, fields, body, and how it ended."""
    port = port_of(servers)
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        named = {name.replace("_", "-"): value for name, value in fields.items()}
        client.request(method, path, headers=named)
        got = client.getresponse()
        try:
            return got.status, got.headers, got.read(), "whole"
        except http.client.IncompleteRead as cut:
            return got.status, got.headers, cut.partial, "cut"
        except ConnectionResetError:
            return got.status, got.headers, b"", "reset"
    except (http.client.HTTPException, OSError) as failed:
        return None, {}, b"", type(failed).__name__
    finally:
        client.close()


def begin(servers, *faults, etag="strong", content=None):
    plan = Plan(rules={"/r": faults}, ranges=True, etag=etag)
    servers.begin_run(plan, content=content or {"/r": BODY})


def entry(servers, n=-1):
    servers.settle()
    return [one for one in servers.entries if one["type"] == "request"][n]


# --- faults on a part ---------------------------------------------------------------------------

SAYS = f"bytes 100-199/{WHOLE}"
PARTS = [
    # fault, its status, Content-Range, the bytes that come, how it ends, `do` of its entry
    (Serve(), 206, SAYS, BODY[100:200], "whole", "serve"),
    (Truncate(30), 206, SAYS, BODY[100:130], "cut", "truncate"),
    (Truncate(100), 206, SAYS, BODY[100:200], "whole", "truncate"),
    (NoLength(), 206, SAYS, BODY[100:150], "whole", "no_length"),
    (NoLength(7), 206, SAYS, BODY[100:107], "whole", "no_length"),
    (TooLong(), 206, SAYS, BODY[100:200], "whole", "too_long"),
    (BadChunk(), 206, SAYS, BODY[100:150], "cut", "bad_chunk"),
    (Drip(10_000), 206, SAYS, BODY[100:200], "whole", "drip"),
    (WrongType(), 206, SAYS, BODY[100:200], "whole", "wrong_type"),
    (BadGzip(), 206, SAYS, BODY[100:150], "cut", "truncate"),
    (CutHeaders(3), None, None, b"", "BadStatusLine", "cut_headers"),
    (Reset(), None, None, b"", "ConnectionResetError", "reset"),
    (Empty(), None, None, b"", "RemoteDisconnected", "empty"),
    (Status((503,)), 503, None, b"", "whole", "status"),
    (Serve(version=3), 206, SAYS, version(3)[100:200], "whole", "serve"),
    (Truncate(30, version=255, grow=-850), 206, "bytes 100-173/174", version(255)[100:130], "cut",
     "truncate"),
    (BadRange("ignored"), 200, None, BODY, "whole", "bad_range"),
    (BadRange("shift"), 206, f"bytes 99-199/{WHOLE}", BODY[99:200], "whole", "bad_range"),
    (BadRange("moved"), 206, f"bytes 99-198/{WHOLE}", BODY[99:199], "whole", "bad_range"),
    (BadRange("total"), 206, f"bytes 100-199/{WHOLE + 1}", BODY[100:200], "whole", "bad_range"),
    (BadRange("unit"), 206, f"lines 100-199/{WHOLE}", BODY[100:200], "whole", "bad_range"),
    (BadRange("missing"), 206, None, BODY[100:200], "whole", "bad_range"),
    (BadRange("short"), 206, f"bytes 100-149/{WHOLE}", BODY[100:150], "whole", "bad_range"),
    (BadRange("stale"), 206, SAYS, version(2)[100:200], "whole", "bad_range"),
    (BadRange("stale", version=9), 206, SAYS, version(9)[100:200], "whole", "bad_range"),
    (Unsatisfiable(), 416, f"bytes */{WHOLE}", b"", "whole", "unsatisfiable"),
    (Unsatisfiable("wrong"), 416, f"bytes */{WHOLE + 1}", b"", "whole", "unsatisfiable"),
    (Unsatisfiable("absent"), 416, None, b"", "whole", "unsatisfiable"),
]  # fmt: skip


@each(("fault", "status", "content_range", "body", "end", "do"), PARTS)
def test_a_fault_acts_on_the_part_that_was_asked_for(
    servers, fault, status, content_range, body, end, do
):
    begin(servers, fault)
    found, fields, came, ended = ask(servers, Range=PART)
    told = entry(servers)
    assert (told["do"], told["range"]) == (do, PART)
    assert told["bytes_sent"] == len(body)
    assert told["sha256"] == (hashlib.sha256(body).hexdigest() if body else None)
    assert ended == end
    assert (found, fields.get("Content-Range"), came) == (status, content_range, body)
    assert told.get("content_range") == content_range


ACTS_ON_RANGES = [fault for fault, *_, do in PARTS if do in ("bad_range", "unsatisfiable")]


@each("fault", ACTS_ON_RANGES)
def test_a_range_kind_serves_any_other_request(servers, fault):
    begin(servers, fault)
    sent = version(fault.sent_version)
    for fields in ({}, {"Range": "bytes=0-1,5-6"}, {"Range": "lines=0-1"}):
        assert ask(servers, **fields)[::2] == (200, sent)
        assert entry(servers)["do"] == "serve"
        assert entry(servers)["version"] == fault.sent_version
    assert ask(servers, Range=f"bytes={WHOLE}-")[0] == 416
    assert entry(servers)["do"] == "serve"
    assert ask(servers, If_None_Match="*")[0] == 304
    assert ask(servers, "HEAD", Range=PART)[0] == 200
    assert ask(servers, path="/absent", Range=PART)[0] == 404


@each("fault", ACTS_ON_RANGES)
def test_a_range_kind_needs_a_plan_with_ranges(fault):
    for place, plan in (
        ("mix[0]", {"mix": Bucket(1, fault)}),
        ("rules./r[1]", {"rules": {"/r": (Serve(), fault)}}),
    ):
        with pytest.raises(PlanError, match=re.escape(f"{place}: {fault.do} acts on ranges")):
            Plan(**plan)


def test_a_moved_part_is_as_long_as_the_one_asked_for(servers):
    begin(servers, BadRange("moved"))
    for asked, sent in (("0-9", "1-10"), ("0-", f"1-{WHOLE - 1}"), ("5-5", "4-4")):
        fields = ask(servers, Range=f"bytes={asked}")[1]
        assert fields["Content-Range"] == f"bytes {sent}/{WHOLE}"
    begin(servers, BadRange("moved"), content={"/r": b"1"})
    assert ask(servers, Range="bytes=0-")[1]["Content-Range"] == "bytes 0-0/1"


def test_a_part_that_begins_at_0_is_shifted_the_other_way(servers):
    begin(servers, BadRange("shift"))
    for last in (9, 1, 0):
        _, fields, body, _ = ask(servers, Range=f"bytes=0-{last}")
        end = max(last, 1)
        assert (fields["Content-Range"], body) == (f"bytes 1-{end}/{WHOLE}", BODY[1 : end + 1])
    begin(servers, BadRange("shift"), BadRange("short"), content={"/r": b"1"})
    for _ in range(2):  # there is nothing else to send
        assert ask(servers, Range="bytes=0-")[1]["Content-Range"] == "bytes 0-0/1"


def test_the_page_of_a_416_has_its_length_and_is_no_part_of_the_resource(servers):
    begin(servers, Unsatisfiable(body_bytes=500))
    status, fields, body, _ = ask(servers, Range=PART)
    assert (status, len(body), fields["Content-Type"]) == (416, 500, "text/html")
    assert entry(servers)["sha256"] == hashlib.sha256(body).hexdigest()


def test_what_is_coded_ignores_the_range(servers):
    begin(servers, BadGzip())
    status, fields, *_ = ask(servers, Range=PART, Accept_Encoding="gzip")
    assert (status, fields["Content-Encoding"]) == (200, "gzip")


# --- versions and validators ----------------------------------------------------------------------


@each(("number", "grow"), [(1, 0), (2, 0), (255, 0), (1, 300), (7, 40), (3, -1000), (4, -WHOLE)])
def test_a_version_has_bytes_a_tag_and_a_date_of_its_own(servers, number, grow):
    begin(servers, Serve(), Serve(version=number, grow=grow))
    _, first, *_ = ask(servers)
    status, fields, body, _ = ask(servers)
    assert (status, body) == (200, version(number, grow))
    assert (fields["ETag"] == first["ETag"]) is ((number, grow) == (1, 0))
    assert fields["Last-Modified"] == http_date(MODIFIED_S + (number - 1) * DAY_S)
    assert entry(servers)["version"] == number
    if len(body) > 9:  # a range that crosses the end of what there was
        start = max(0, min(WHOLE, len(body)) - 5)
        assert ask(servers, Range=f"bytes={start}-{start + 9}")[2] == body[start : start + 10]


def test_a_version_needs_no_ranges_and_then_shows_no_validators(servers):
    servers.begin_run(Plan(rules={"/r": Serve(version=2)}), content={"/r": BODY})
    status, fields, body, _ = ask(servers, Range=PART, If_None_Match="*")
    assert (status, body) == (200, version(2))
    assert not {"ETag", "Last-Modified", "Accept-Ranges", "Date"} & set(fields)
    assert (entry(servers)["version"], entry(servers)["range"]) == (2, PART)


def test_if_range_goes_on_with_one_version_only_and_stale_with_any(servers):
    begin(servers, Serve(), Serve(version=2), BadRange("stale", version=2))
    _, fields, *_ = ask(servers)
    asked = {"Range": PART, "If_Range": fields["ETag"]}
    assert ask(servers, **asked)[::2] == (200, version(2))
    status, stale, body, _ = ask(servers, **asked)
    assert (status, body) == (206, version(2)[100:200])
    assert stale["ETag"] != fields["ETag"]


@each(
    ("etag", "own", "date", "has_it"),
    [("strong", 206, 206, 304), ("weak", 200, 206, 304), ("per_request", 200, 206, 200)],
)
def test_what_an_etag_of_each_form_is_good_for(servers, etag, own, date, has_it):
    begin(servers, Serve(), etag=etag)
    _, fields, *_ = ask(servers)
    tag = fields["ETag"]
    assert tag.startswith('W/"' if etag == "weak" else '"')
    assert ask(servers, Range=PART, If_Range=tag)[0] == own
    assert ask(servers, Range=PART, If_Range=fields["Last-Modified"])[0] == date
    assert ask(servers, If_None_Match=tag)[0] == has_it


def test_an_etag_per_request_is_never_that_of_another_run(servers):
    tags = set()
    for _ in range(3):
        begin(servers, Serve(), etag="per_request")
        tags |= {ask(servers)[1]["ETag"] for _ in range(2)}
    assert len(tags) == 6


def test_without_etags_there_is_none_and_a_star_still_matches(servers):
    begin(servers, Serve(), etag="none")
    assert ask(servers)[1]["ETag"] is None
    assert ask(servers, If_None_Match='""')[0] == 200
    assert ask(servers, If_None_Match="*")[0] == 304


def test_a_tag_of_bytes_is_that_of_equal_bytes_alone():
    one, other = (BytesCatalogue({"/a": b"1", "/b": b"1", "/c": b"2"}) for _ in range(2))
    tags = {path: one.find(path).tag for path in ("/a", "/b", "/c")}
    assert tags["/a"] == tags["/b"] == other.find("/a").tag != tags["/c"]


def test_a_file_that_is_replaced_has_another_tag(servers, tmp_path):
    file = tmp_path / "r"
    file.write_bytes(BODY)
    begin(servers, Serve(), content=tmp_path)
    tag = ask(servers)[1]["ETag"]
    assert ask(servers)[1]["ETag"] == tag
    (tmp_path / "new").write_bytes(BODY)
    (tmp_path / "new").replace(file)
    assert ask(servers)[1]["ETag"] != tag


def test_a_client_that_has_it_meets_no_fault(servers):
    begin(servers, Serve(), Truncate(5))
    tag = ask(servers)[1]["ETag"]
    status, fields, body, end = ask(servers, If_None_Match=tag)
    assert (status, body, end, entry(servers)["do"]) == (304, b"", "whole", "serve")
    assert fields["Content-Length"] is None
