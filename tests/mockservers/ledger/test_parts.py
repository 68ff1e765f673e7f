"""The ledger of responses that are no whole file: parts, versions, digests that come later."""

import hashlib

from support.journals import balance
from support.ledger_of_rows import books
from support.rows import each
from support.small_ledgers import BODY, cut, file, found_in, judge, report, request, whole

LATE = {"sha256": None, "digest": "later"}


def part(code, status=206, **more):
    more = {"range": "bytes=5-", "version": 1, "n": 2, "sha256": "of the part", **more}
    return request(code, status=status, **more)


def late(sha256, n=1):
    return {"type": "digest", "n": n, "sha256": sha256}


OK = ["BR OK", *report(ok=1)]
LEDGERS = {
    # entries, the file, what does not balance
    "resumed": ([cut("BR"), part("BR")], file(), ["note"] * 3),
    "resumed, and called an error": ([cut("BR"), part("BR")], None, ["note"] * 3),
    "the client has it": ([part("BR", status=304, n=1)], file(), ["note"] * 2),
    "nothing was left to ask for": ([cut("BR"), part("BR", status=416)], file(), ["note"] * 3),
    "resumed twice": ([cut("BR"), part("BR"), part("BR", n=3)], file(), ["note"] * 4),
    "another version": ([cut("BR"), whole("BR", n=2, version=2, range="bytes=5-")], file(),
                        ["note"]),
    "the last part fails": (
        [cut("BR"), part("BR"), part("BR", n=3, status=503, do="status", version=None)], file(),
        ["note"] * 4,
    ),
    "no answer after a part": (
        [part("BR", n=1), part("BR", status=None, do="empty", version=None)], file(), ["note"] * 3
    ),
    "begun again after a 416": (
        [cut("BR"), part("BR", status=416), whole("BR", n=3, version=1)], file(), ["note"] * 2
    ),
    "whole twice": ([whole("BR", version=1), whole("BR", n=2, version=1, range="bytes=0-")], file(),
                    ["duplicated BR"]),
    "a digest that cannot be known, called an error": (
        [whole("BR", **LATE), late(None)], file(), ["note"]
    ),
    "a digest that comes later": (
        [whole("BR", **LATE), late(hashlib.sha256(BODY).hexdigest())], file(), []
    ),
    "another digest": ([whole("BR", **LATE), late("another")], file(), ["corrupt BR"]),
    "a digest that cannot be known": ([whole("BR", **LATE), late(None)], file(), ["note"]),
    "a digest that is missing": ([whole("BR", **LATE)], file(), ["note"]),
    "a digest of nobody": ([whole("BR"), late("another", n=9)], file(), []),
    "a planned 304": ([request("BR", status=304, do="status")], None, ["miscounted BR"]),
}  # fmt: skip


@each("name", LEDGERS)
def test_what_cannot_be_known_is_no_imbalance(name):
    entries, kept, found = LEDGERS[name]
    said = ["*** Error for BR: cut", *report(error=1)] if "called an error" in name else OK
    files = {} if kept is None else {"br.gif": kept}
    assert found_in(judge(["BR"], entries, said, files)) == found


def test_a_file_of_parts_is_not_odd_where_it_is_not_known_what_was_asked_for():
    ledger = balance(books(cut("BR"), part("BR"), files={"br.gif": file(), "x": file()}))
    assert "files that no whole download accounts for: x" in ledger.notes


def test_a_file_of_parts_is_not_counted_as_saved():
    ledger = judge(["BR"], [cut("BR"), part("BR")], OK, {"br.gif": file()})
    assert (ledger.saved, ledger.kept) == (0, 0)
    assert ledger.to_json()["codes"]["BR"]["file"] == "unknown"
    had = judge(["BR"], [part("BR", status=304, n=1)], OK, {"br.gif": file()}, {"br.gif": file()})
    assert (had.saved, had.kept) == (0, 1)
