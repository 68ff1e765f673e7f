"""A resource in parts, as the stretches of one bar."""

from support.journals import balance, view_of
from support.small_ledgers import BODY, cut, request

HEADER = {"journal": 1, "command": ["x"], "dest": "d", "files_before": {}}
PART = {"status": 206, "version": 2, "length": 15, "bytes_sent": 15, "sha256": "x",
        "content_range": "bytes 5-19/20"}  # fmt: skip
PIECES = [{"from": 0, "to": 5, "n": 1, "at": 0}, {"from": 5, "to": 20, "n": None, "at": 0}]


def row_of(*entries, **file):
    files = {"br.gif": {"size": len(BODY), "sha256": "0", "of": "/flags/br/br.gif", **file}}
    lines = [HEADER, *entries, {"end": True, "claims": {"by": "exit"}, "files_after": files}]
    (row,) = view_of(balance(lines), lines)["codes"]
    return row


def bar(*entries, **file):
    row = row_of(*entries, **file)
    return [(one["x"], one["width"], one["colour"], one["says"]) for one in row["stretches"]]


def test_what_several_responses_sent_is_one_bar():
    assert bar(cut("BR"), request("BR", n=2, **PART), **{"is": "whole"}) == [
        (0, 25, "broken", "bytes 0 to 4 sent by request 1, version 1"),
        (25, 75, "good", "bytes 5 to 19 sent by request 2, version 2"),
    ]
    assert bar(cut("BR"), **{"is": "whole"}) == []


def test_a_file_that_is_not_whole_shows_where_its_bytes_come_from():
    assert bar(cut("BR"), **{"is": "mixed", "pieces": PIECES}) == [
        (0, 25, "good", "bytes 0 to 4 are from request 1"),
        (25, 75, "wrong", "bytes 5 to 19 are zero"),
    ]
    pieces = [PIECES[0], {"from": 5, "to": 20, "n": 2, "at": 0}]
    assert bar(cut("BR"), request("BR", n=2, **PART), **{"is": "mixed", "pieces": pieces}) == [
        (0, 25, "good", "bytes 0 to 4 are from request 1"),
        (25, 75, "wrong", "bytes 5 to 19 are from request 2 (version 2)"),
    ]
    assert bar(cut("BR"), **{"is": "part", "size": 5, "pieces": PIECES[:1]}) == [
        (0, 25, "good", "bytes 0 to 4 are from request 1"),
    ]


def test_a_wrong_file_has_the_place_of_its_first_wrong_byte_and_what_is_there():
    def wrong(*pieces, **more):
        return row_of(cut("BR"), **{"is": "mixed", "pieces": pieces, **more})["wrong"]

    right = {"from": 0, "to": 5, "n": 1, "at": 0}
    assert wrong(*PIECES) == "wrong from byte 5 on: 5 to 19 are zero"
    assert wrong(right, **{"is": "part", "size": 5}) == "only the first 5 of 20 bytes"
    assert wrong({**right, "at": 2}).startswith("wrong from its first byte on: 0 to 4 are from")
    assert row_of(cut("BR"), **{"is": "whole"})["wrong"] == ""
    assert wrong(right, **{"is": "as sent"}) == "", "what differs is not known"
