"""The table of SPEC.md, "The ledger of any program": claim, what arrived, what is kept."""

from itertools import product

import pytest
from support.journals import balance
from support.rows import each
from support.small_ledgers import (
    BODY,
    closed,
    cut,
    file,
    no_length,
    not_found,
    redirected,
    request,
    whole,
)

ARRIVED = {
    "whole": [whole("BR")],
    "absent": [not_found("BR")],
    "unclear": [no_length("BR")],
    "failed": [cut("BR")],
}
WRONG = ("part", "mixed", "page", "empty")
AS_SENT = {"size": 7, "sha256": "0", "is": "as sent", "of": "/flags/br/br.gif"}
KEPT = {
    "whole": file() | {"is": "whole", "of": "/flags/br/br.gif"},
    "as sent": file(BODY[:5]),
    "nothing": None,
    **{
        word: {"size": 0 if word == "empty" else 7, "sha256": "0", "is": word,
               "of": "/flags/br/br.gif"}
        for word in WRONG
    },
}  # fmt: skip


def judged(entries, files, status=0, claims=None, before=None, **header):
    header = {"journal": 1, "command": ["x"], "files_before": before or {}, "dest": "d", **header}
    claims = {"by": "exit"} if claims is None else {"by": "file", "downloads": claims}
    end = {"end": True, "status": status, "claims": claims, "files_after": files}
    return balance([header, *entries, end])


def found(ledger):
    return [(one.kind, one.code) for one in ledger.imbalances]


def expected(ok, arrived, kept, marked):
    """The verdict, read off the table."""
    if ok:
        if kept == "nothing":
            return None if arrived == "absent" else "lost"
        if kept == "as sent":
            return None if arrived == "unclear" else "corrupt"
        return None if kept == "whole" else "corrupt"
    return "leftover" if kept in WRONG and not marked else None


@pytest.mark.parametrize(("arrived", "kept"), [*product(ARRIVED, KEPT)])
def test_the_verdict_is_that_of_the_table(arrived, kept):
    for ok, marked in product((True, False), repeat=2):
        name = "br.gif.part" if marked else "br.gif"
        files = {} if KEPT[kept] is None else {name: KEPT[kept]}
        if kept == "as sent" and arrived != "unclear":  # the body of some other response
            files = {name: AS_SENT}
        ledger = judged(ARRIVED[arrived], files, status=0 if ok else 3, dest_given=True)
        word = expected(ok, arrived, kept, marked)
        assert found(ledger) == ([(word, "ERROR BR")] if word else []), (ok, marked)
        assert ledger.rows["ERROR BR"].arrived == arrived
        assert ledger.rows["ERROR BR"].kept == kept


OK = {"path": "/flags/br/br.gif", "outcome": "ok"}
ERROR = OK | {"outcome": "error"}
BR = [("lost", "ERROR BR")]


@each(
    ("claims", "header", "words"),
    [
        (None, {}, []),
        (None, {"dest_given": True}, BR),
        ([OK], {}, []),
        ([OK | {"file": "br.gif"}], {}, BR),
        ([OK | {"server": "ERROR"}], {"dest_given": True}, BR),
        ([OK | {"server": "LOCAL"}], {}, [("unexpected", "/flags/br/br.gif")]),
        ([ERROR], {}, [("miscounted", "ERROR BR")]),
        ([ERROR | {"server": "DELAY"}], {}, []),
    ],
)
def test_a_whole_response_of_which_nothing_is_kept(claims, header, words):
    assert found(judged([whole("BR")], {}, claims=claims, **header)) == words


def test_an_error_is_no_imbalance_where_nothing_can_be_saved():
    claims = {"by": "file", "downloads": [ERROR]}
    header = {"journal": 1, "command": ["x"], "files_before": {}, "dest": "d"}
    end = {"end": True, "claims": claims, "files_after": {}, "unwritable": ["."]}
    ledger = balance([header, whole("BR"), end])
    assert ledger.balanced
    assert ledger.notes == ("whole, and nothing can be saved in d: ERROR BR",)


def part(start, stop, **more):
    body = {"status": 206, "length": stop - start, "bytes_sent": stop - start, "version": 1}
    place = f"bytes {start}-{stop - 1}/{len(BODY)}"
    return request(
        "BR", **{**body, "range": "x", "sha256": f"{start}", "content_range": place, **more}
    )


END = len(BODY)
CAME = {
    # requests -> what arrived
    "in two parts": ([part(0, 9), part(9, END, n=2)], "whole"),
    "in parts that overlap, the last one first": ([part(5, END), part(0, 9, n=2)], "whole"),
    "with a gap": ([part(0, 9), part(10, END, n=2)], "failed"),
    "a cut, and the rest": ([cut("BR", version=1), part(5, END, n=2)], "whole"),
    "two versions": ([part(0, 9), part(9, END, n=2, version=2)], "failed"),
    "a part whose place is not said": (
        [part(0, 9), part(9, END, n=2, content_range=None)], "failed",
    ),
    "a part in lines": (
        [part(0, 9), part(9, END, n=2, content_range=f"lines 9-{END - 1}/{END}")], "failed",
    ),
    "a part that the client may have missed": (
        [part(0, 9), part(9, END, n=2, client_gone=True)], "unclear",
    ),
    "a reset after the last byte": ([whole("BR", do="reset")], "unclear"),
    "whole, and then a 503": ([whole("BR"), request("BR", n=2, status=503, do="status")], "whole"),
    "a 503, and then whole": ([request("BR", status=503, do="status"), whole("BR", n=2)], "whole"),
    "a page in its place": ([whole("BR", do="page")], "unclear"),
    "a 416": ([request("BR", status=416, version=1)], "failed"),
    "a close": ([closed("BR")], "failed"),
    "a redirect that nobody followed": ([redirected("BR", "CN")], "failed"),
    "a redirect to what is whole": ([redirected("BR", "CN"), whole("CN", n=2)], "whole"),
    "an unknown kind": ([whole("BR", do="later")], "whole"),
    "an empty resource": ([whole("BR", sent=0, length=0)], "whole"),
}  # fmt: skip


@each("name", CAME)
def test_what_arrived_is_what_all_responses_cover(name):
    entries, arrived = CAME[name]
    assert judged(entries, {}).rows["ERROR BR"].arrived == arrived


def test_a_304_for_an_earlier_file_that_is_whole_has_arrived():
    old = {"size": END, "mtime_ns": 5, "inode": 7}
    not_modified = request("BR", status=304, version=1)
    after = {"br.gif": old | {"is": "whole", "of": "/flags/br/br.gif"}}
    ledger = judged([not_modified], after, before={"br.gif": old}, dest_given=True)
    row = ledger.rows["ERROR BR"]
    assert (row.arrived, row.kept, row.file, ledger.balanced) == ("whole", "whole", "kept", True)


def test_a_file_from_before_that_did_not_change_is_never_a_finding():
    old = {"size": 3, "mtime_ns": 5, "inode": 7}
    ledger = judged([cut("BR")], {"br.gif": old}, status=1, before={"br.gif": old})
    assert ledger.balanced


def test_a_file_of_a_resource_that_came_whole_and_another_that_did_not():
    files = {"br.gif": file(), "br.gif.1": KEPT["part"], "br.gif.part": KEPT["part"]}
    assert found(judged([whole("BR")], files)) == [("leftover", "ERROR BR")]
    ledger = judged([whole("BR")], {"br.gif": file(), "preview": KEPT["part"]})
    assert ledger.balanced
    assert any("preview has only the first 7" in note for note in ledger.notes)


@each(
    ("entries", "note"),
    [
        (
            [closed("BR"), closed("BR", n=2), whole("BR", n=3)],
            "recovered: a close before a response",
        ),
        ([whole("BR"), whole("BR", n=2)], "came whole 2 times"),
        ([cut("BR", version=1), part(5, END, n=2)], "came in parts: 200 with 5 of 20 bytes"),
    ],
)
def test_a_repeat_is_one_note_or_an_imbalance_where_each_is_to_be_asked_for_once(entries, note):
    ledger = judged(entries, {"br.gif": KEPT["whole"]})
    assert ledger.balanced
    (only,) = ledger.notes
    assert only.startswith(f"ERROR BR {note}")
    end = {"end": True, "claims": {"by": "exit"}, "files_after": {"br.gif": KEPT["whole"]}}
    header = {"journal": 1, "command": ["x"], "dest": "d"}
    strict = balance([header, *entries, end | {"once": True}])
    assert found(strict) == [("duplicated", "ERROR BR")]


def test_what_is_no_code_is_a_row_beside_a_report():
    header = {"journal": 1, "command": ["x"], "dest": "d", "files_before": {}}
    meta = whole("BR", n=2) | {"code": None, "path": "/flags/br/metadata.json"}
    claims = {"by": "report", "label": "ERROR", "announced": 1, "first": "BR", "last": "BR",
              "totals": {"ok": 1, "not_found": 0, "error": 0, "interrupted": 0}}  # fmt: skip
    end = {"end": True, "asked": ["BR"], "claims": claims, "files_after": {"Brazil.gif": file()}}
    ledger = balance([header, whole("BR"), meta, end])
    assert ledger.balanced, ledger.imbalances
    assert set(ledger.rows) == {"BR", "ERROR /flags/br/metadata.json"}
    assert balance([header, whole("BR"), meta, end | {"asked": ["CN"]}]).balanced is False


@each(("given_up", "word"), [(0, ["exceeded"]), (1, [])])
def test_more_in_flight_than_announced_is_exceeded_unless_requests_were_given_up(given_up, word):
    header = {"journal": 1, "command": ["x"], "dest": "d"}
    claims = {"by": "report", "label": "ERROR", "concurrency": 2,
              "totals": {"ok": 1, "not_found": 0, "error": given_up, "interrupted": 0}}  # fmt: skip
    gone = [closed("CN", n=2, client_gone=True)] * given_up
    end = {"end": True, "asked": ["BR", "CN"][: 1 + given_up], "claims": claims,
           "files_after": {"br.gif": file()}}  # fmt: skip
    ledger = balance([header, whole("BR", in_flight=3), *gone, end])
    assert [one.kind for one in ledger.imbalances] == word
    assert any("3 requests were in flight" in note for note in ledger.notes) is bool(given_up)
