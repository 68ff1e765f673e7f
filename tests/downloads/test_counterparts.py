"""What a server sees of a download, and what ends well: no request too many, no code unasked."""

from collections import Counter
from string import ascii_uppercase

import psutil
import pytest
from play import DOWNLOADERS, play_in_process, run_main, workplace
from rows import HIT, ROWS, serving

from mockservers.claims import Claims
from mockservers.faults import Empty, Serve, Status, WrongType
from mockservers.plan import Plan

REPLIES = {
    "AD": (Serve(),),
    "BR": (Status((503,)), Serve()),
    "CN": (Status((404,)), Serve()),
    "DE": (Empty(), Serve()),
    "FR": (WrongType(),),
}


@pytest.mark.parametrize("verbose", [True, False])
@pytest.mark.parametrize("downloader", DOWNLOADERS)
def test_each_code_is_asked_for_once_whatever_came_and_nothing_else_is(downloader, verbose):
    played = play_in_process(downloader, Plan(rules=REPLIES), [*REPLIES, *["-v"] * verbose])
    asked = Counter((entry["method"], entry["path"]) for entry in played.entries)
    assert asked == {("GET", f"/flags/{cc.lower()}/{cc.lower()}.gif"): 1 for cc in REPLIES}
    assert played.claims.totals == {"ok": 2, "not_found": 1, "error": 2, "interrupted": 0}
    assert set(played.files) == {"ad.gif", "fr.gif"}


@pytest.mark.parametrize("downloader", DOWNLOADERS)
def test_a_download_leaves_no_process_behind(downloader):
    here = psutil.Process()
    before = here.children(recursive=True)
    play_in_process(downloader, Plan(), ["BR"])
    assert here.children(recursive=True) == before


@pytest.mark.parametrize("status", [201, 204, 206, 301, 304, 403, 410, 418, 500, 503])
@pytest.mark.parametrize("downloader", DOWNLOADERS)
def test_any_status_but_200_and_404_is_an_error_of_its_code_and_leaves_no_file(downloader, status):
    played = play_in_process(downloader, Plan(rules={"BR": (Status((status,)),)}), ["BR"])
    assert played.claims.totals == {"ok": 0, "not_found": 0, "error": 1, "interrupted": 0}
    assert played.files == {}


@pytest.mark.parametrize("downloader", DOWNLOADERS)
def test_of_many_codes_that_fail_alike_none_is_lost_and_none_counted_with_its_neighbour(downloader):
    codes = [f"{a}{b}" for a in "AZ" for b in ascii_uppercase]
    fates = dict.fromkeys(codes, (Status((404,)),)) | dict.fromkeys(codes[5:25], (Status((503,)),))
    played = play_in_process(downloader, Plan(rules=fates), ["-m", "1", "a", "z"])
    assert played.claims.totals == {"ok": 0, "not_found": 32, "error": 20, "interrupted": 0}


@pytest.mark.parametrize("name", ["reset before the reply", "closed in the body", "not HTTP"])
@pytest.mark.parametrize("downloader", DOWNLOADERS)
def test_a_reply_that_breaks_is_an_error_of_its_code_and_leaves_no_file(downloader, name):
    row = next(row for row in ROWS if row.name == name)
    with serving(row) as base_url, workplace({"LOCAL": base_url}) as folder:
        said = Claims.from_lines(run_main(downloader, ["program", "-v", HIT]).splitlines())
        left = list(folder.glob("*"))
    assert said.fates == {HIT: {"error": 1}}
    assert said.totals == {"ok": 0, "not_found": 0, "error": 1, "interrupted": 0}
    assert left == []
