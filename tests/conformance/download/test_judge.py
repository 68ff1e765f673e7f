"""What a recording shows, in a word, with its clause."""

from dataclasses import replace

import pytest

from conformance.download.content import Edition, Look, What
from conformance.download.judge import judge
from conformance.download.recording import Found, How, Ran, Recording
from conformance.download.resuming import situations
from conformance.verdicts import Verdict
from mockservers.journal import RequestEntry

SITUATIONS = {one.id: one for one in situations()}
OLD, NEW = Edition(), Edition(2)
SIZE = OLD.resource.info.length
WHOLE = Found(Look(What.WHOLE, "version 1, whole", OLD), SIZE, changed=True)
HALF = Found(Look(What.TRUNCATED, "truncated"), 700_001, changed=True)
PAGE = Found(Look(What.PAGE, "a page"), 500, changed=True)
FROM_BEFORE = Found(WHOLE.look, SIZE, changed=False)


def asked(n, do="serve", status=200, *, at=0.0, end=None, method="GET", sent=SIZE, **fields):
    headers = tuple(fields.pop("headers", {}).items())
    return RequestEntry(
        n=n, conn=fields.pop("conn", n), server="LOCAL", method=method, path="/file.bin",
        code=None, attempt=n, do=do, status=status, length=SIZE, bytes_sent=sent, complete=True,
        client_gone=False, sha256=None, in_flight=1, delay_s=0, start_s=at, first_byte_s=at,
        end_s=at if end is None else end, headers=headers, **fields,
    )  # fmt: skip


def part(n, do="serve", *, at=0.0, **fields):
    given = {
        "status": 206,
        "range": "bytes=700001-",
        "content_range": "bytes 700001-4194303/4194304",
    }
    return asked(n, do, at=at, **given | fields)


def seen(*entries, status=0, files=None, how=How.EXIT, outside=()):
    ended = status if how is How.EXIT else None
    run = Ran(ended, how, entries, 1.0)
    return Recording(("get",), (run,), files or {}, "file.bin", outside)


CUT = asked(1, "truncate", sent=700_001)
ONE = {"file.bin": WHOLE}
NONE = {}


@pytest.mark.parametrize(
    ("name", "recording", "word", "clause", "verdict"),
    [
        ("serve", seen(asked(1), files=ONE), "clean", None, Verdict.PASS),
        ("cut-first", seen(CUT, asked(2), files=ONE), "recovered", None, Verdict.PASS),
        ("cut-always", seen(CUT, status=1), "honest", None, Verdict.PASS),
        ("cut-always", seen(CUT, status=1, files={"file.bin": HALF}), "leftover", "DL-PAR",
         Verdict.NON_STRICT),
        ("cut-first", seen(CUT, asked(2), status=1, files=ONE), "false-alarm", "DL-FIN",
         Verdict.NON_STRICT),
        ("interim", seen(asked(1, "interim"), status=1), "false-alarm", "DL-INT",
         Verdict.NON_STRICT),
        ("idle-close", seen(asked(1, "redirect", 302), asked(2, "empty", None, conn=1), status=1),
         "false-alarm", "DL-IDL", Verdict.NON_STRICT),
        ("cut-first", seen(CUT, files={"file.bin": HALF}), "truncated", "DL-LEN", Verdict.FAIL),
        ("503-first", seen(asked(1, "status", 503), files={"file.bin": PAGE}), "page", "DL-STA",
         Verdict.FAIL),
        ("empty-always", seen(asked(1, "empty", None)), "lost", "DL-FIN", Verdict.FAIL),
        ("whole-longer", seen(asked(1), files={"file.bin": FROM_BEFORE}), "lost", "DL-CMB",
         Verdict.FAIL),
        ("whole-changed", seen(asked(1), files={"file.bin": FROM_BEFORE}), "up-to-the-client",
         "DL-RNS", Verdict.INFO),
        ("cut-gzip-first", seen(asked(1, "gzip"), files={"file.bin": HALF}), "truncated", "DL-FIN",
         Verdict.FAIL),
        ("name-parent", seen(asked(1, "attachment"), files=ONE, outside=("file.bin",)), "unsafe",
         "DL-NAM", Verdict.FAIL),
        ("to-file", seen(asked(1, "redirect", 302), files={"file.bin": PAGE}), "unsafe", "DL-RED",
         Verdict.FAIL),
        ("hang-first", seen(asked(1, "hang", None), how=How.HANGS), "hangs", "DL-SIL",
         Verdict.TIMEOUT),
        ("empty-always", seen(*[asked(n, "empty", None, at=n) for n in (1, 2)], how=How.ASKS_ON),
         "storm", "DL-BND", Verdict.NON_STRICT),
        ("cut-first", seen(CUT, how=How.WAITS), "undecided", "DL-LEN", Verdict.INFO),
        ("no-length", seen(asked(1, "no_length"), files={"file.bin": HALF}), "up-to-the-client",
         "DL-FIN", Verdict.INFO),
        ("retry-changed", seen(CUT, asked(2), files=ONE), "not-met", "DL-CMB", Verdict.NOT_TESTED),
        ("cut-first", seen(asked(1), files=ONE), "not-met", "DL-LEN", Verdict.NOT_TESTED),
    ],
)  # fmt: skip
def test_one_word_says_what_happened(name, recording, word, clause, verdict):
    found = judge(SITUATIONS[name], recording)
    assert (found.word, found.verdict) == (word, verdict)
    assert [one.clause for one in found.findings[:1]] == ([clause] if clause else [])


@pytest.mark.parametrize(
    ("name", "entries", "clause", "word"),
    [
        ("retry-changed-weak", [CUT, part(2, headers={"If-Range": 'W/"1"'})], "DL-VAL", "if-range"),
        ("cut-first", [CUT, asked(2, headers={"if-range": '"1"'})], "DL-VAL", "if-range"),
        ("retry-part", [CUT, part(2, headers={"If-Range": "Mon, 1 Jan"})], "DL-VAL", "if-range"),
        ("retry-after", [asked(1, "rate_limit", 429), asked(2, at=0.5)], "DL-RTA", "storm"),
        ("503-always", [asked(n, "status", 503, at=n / 10) for n in range(8)], "DL-BAK", "storm"),
        ("503-always", [asked(n, "status", 503, at=n * 2) for n in range(4)], "DL-BAK", "storm"),
        ("retry-no-content-range", [CUT, part(2, "bad_range", content_range=None)], "DL-CRG",
         "joined"),
        ("retry-other-total", [CUT, part(2, "bad_range", content_range="bytes 700001-4194303/9")],
         "DL-CRG", "unchecked"),
        ("cut-gzip-first", [asked(1, "gzip")], "DL-COD", "accepted"),
    ],
)  # fmt: skip
def test_what_else_the_journal_says(name, entries, clause, word):
    half = word == "accepted"
    recording = seen(*entries, files={"file.bin": HALF if half else WHOLE})
    found = judge(SITUATIONS[name], recording)
    assert (clause, word) in {(one.clause, one.kind) for one in found.findings}
    assert clause not in found.kept


@pytest.mark.parametrize(
    ("name", "entries"),
    [
        ("retry-part", [CUT, part(2, headers={"If-Range": '"1"'})]),
        ("retry-changed-no-etag", [CUT, part(2, headers={"If-Range": "Mon, 1 Jan"}), asked(3)]),
        ("retry-after", [asked(1, "rate_limit", 429), asked(2, at=2.0)]),
        ("503-always", [asked(n, "status", 503, at=2.0**n) for n in range(4)]),
        ("retry-no-content-range", [CUT, part(2, "bad_range", content_range=None), asked(3)]),
    ],
)
def test_nothing_is_said_where_nothing_is_wrong(name, entries):
    assert judge(SITUATIONS[name], seen(*entries, files=ONE)).findings == ()


def test_a_command_that_chooses_the_name_is_judged_by_its_new_file():
    new = Found(Look(What.WHOLE, "version 2, whole", NEW), SIZE, changed=True)
    for before in (FROM_BEFORE, Found(HALF.look, 700_001, changed=False)):
        recording = seen(asked(1), files={"file.bin": before, "file.bin.1": new})
        found = judge(SITUATIONS["whole-longer"], replace(recording, final=None))
        assert found.word == "clean"


def test_a_marked_part_is_no_leftover_and_no_download():
    marked = Found(HALF.look, 700_001, changed=True, marked=True)
    beside = {"file.bin.part": marked}
    assert judge(SITUATIONS["cut-always"], seen(CUT, status=1, files=beside)).word == "honest"
    assert judge(SITUATIONS["cut-always"], seen(CUT, files=beside)).word == "lost"
