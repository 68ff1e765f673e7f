"""Whatever a server does to a code, the report adds up and nothing half-saved is left."""

import json
import threading
from functools import cache
from pathlib import Path
from unittest import mock

import pytest
from support import TESTS
from support.downloaders import DOWNLOADERS, play_sockets, run_main, workplace
from support.raw_responses import BODY, CODES, HIT, ROWS, serving

from mockservers.faults import BadChunk, Interim
from mockservers.flags2.codes import ALL_CODES, path_of_code
from mockservers.flags2.output import claims_of
from mockservers.plan import Plan
from reference import flags2_asyncio, flags2_common, flags2_threadpool

GOLDEN = TESTS / "golden/rows.json"
LISTINGS = json.loads(GOLDEN.read_text(encoding="ascii"))["rows"]
LOOP = "redirect loop"

both = pytest.mark.parametrize("downloader", DOWNLOADERS)


def download(downloader, rows, codes, longest_s):
    """What was printed, and the files."""
    silence = mock.patch.object(flags2_common, "TIMEOUT_S", longest_s)
    with silence, serving(rows) as base_url, workplace({"LOCAL": base_url}) as folder:
        stdout = run_main(downloader, ["program", "-v", "-m", "3", *codes])
        files = {path.name: path.read_bytes() for path in folder.glob("*")}
    return stdout, files


@cache
def runs(downloader):
    """Two runs with one code for each row: codes, what was printed, and files.

    The rows that never end have a run of their own, with a short limit: on a loaded machine others
    might take longer than that.
    """
    silent = [row for row in ROWS if row.ends == "wait" and row.outcomes == ("error",)]
    made = []
    for rows, longest_s in ([row for row in ROWS if row not in silent], 20.0), (silent, 0.2):
        others = iter(code for code in ALL_CODES if code != HIT)
        by_code = {HIT if row.name == LOOP else next(others): row for row in rows}
        made.append((by_code, *download(downloader, by_code, by_code, longest_s)))
    return made


def by_the_listing(downloader, row):
    """What the listing reported; any outcome where its report was lost; error for no flag."""
    recorded = LISTINGS[row.name][downloader.__name__.removeprefix("reference.")]
    if recorded["ends"] != "report":
        return row.outcomes
    no_flag = recorded["said"] == "ok" and recorded["saved"] < len(BODY)
    return {recorded["said"], "error"} if no_flag else {recorded["said"]}


@both
def test_a_response_of_any_form_ends_as_one_outcome(downloader):
    wrong = []
    for rows, stdout, files in runs(downloader):
        claims = claims_of(stdout.splitlines())
        assert sum(claims.totals.values()) == len(rows)
        assert set(claims.outcomes) == set(rows)
        ok = {code for code, said in claims.outcomes.items() if said == {"ok": 1}}
        assert claims.totals["ok"] == len(ok)
        assert set(files) == {f"{code.lower()}.gif" for code in ok}
        for code, row in rows.items():
            (outcome,) = claims.outcomes[code]
            if outcome not in row.outcomes or outcome not in by_the_listing(downloader, row):
                wrong.append((row.name, outcome))
    assert not wrong


@both
def test_the_clean_file_is_saved_as_it_was_sent(downloader):
    rows, _, files = runs(downloader)[0]
    (clean,) = [code for code, row in rows.items() if row.name == "clean"]
    assert files[f"{clean.lower()}.gif"] == BODY


def printed(downloader):
    """The text of each error, by the name of its row."""
    return {
        rows[line[14:16]].name: line.removeprefix(line[:16] + ": ")
        for rows, stdout, _ in runs(downloader)
        for line in stdout.splitlines()
        if line.startswith("*** Error for ")
    }


@both
def test_error_lines_are_one_line_of_ascii(downloader):
    texts = printed(downloader)
    assert set(texts) >= {row.name for row in ROWS if row.outcomes == ("error",)}
    for text in texts.values():
        assert text.isascii()
        assert text.isprintable()
        assert text.strip()


@both
def test_a_status_is_printed_with_its_reason(downloader):
    texts = printed(downloader)
    for status in ("204", "403", "418", "503"):
        row = next(row for row in ROWS if row.name == status)
        reason = row.sends.split(b"\r\n")[0].decode().partition(f"{status} ")[2]
        assert texts[status] == f"HTTP {status} - {reason}"


def test_a_broken_connection_is_printed_as_by_the_listing_on_threads():
    assert printed(flags2_threadpool)["reset before the reply"] == "Connection error"


@both
def test_a_server_that_is_silent_for_one_code_holds_up_no_other(downloader):
    row = next(row for row in ROWS if row.name == "never answers")
    stdout, files = download(downloader, row, CODES, longest_s=1.5)
    claims = claims_of(stdout.splitlines())
    assert (claims.totals["ok"], claims.totals["error"]) == (4, 1)
    assert claims.outcomes[HIT] == {"error": 1}
    assert set(files) == {f"{cc.lower()}.gif" for cc in CODES if cc != HIT}


def test_an_interim_response_is_passed_over_or_an_error(servers):
    plan = Plan(rules={"BR": Interim(), "ZZ": Interim()})
    both_outcomes = {flags2_threadpool: ("error", "error"), flags2_asyncio: ("ok", "not_found")}
    for downloader, (there, absent) in both_outcomes.items():
        run = play_sockets(servers, downloader, plan, ["-v", "BR", "CN", "ZZ"])
        assert run.ledger.balanced
        assert run.outcomes == {"BR": there, "CN": "ok", "ZZ": absent}


@both
def test_a_bad_chunk_that_comes_late_ends_the_download(servers, downloader):
    content = {path_of_code("BR"): bytes(1_000_000), path_of_code("CN"): b"CN"}
    servers.begin_run(Plan(rules={"BR": BadChunk()}), content=content)
    silence = mock.patch.object(flags2_common, "TIMEOUT_S", 0.3)
    with silence, workplace({"LOCAL": servers.urls["LOCAL"]}) as folder:
        stdout = run_main(downloader, ["program", "-v", "BR", "CN"])
        assert [path.name for path in folder.glob("*")] == ["cn.gif"]
    totals = claims_of(stdout.splitlines()).totals
    assert (totals["ok"], totals["error"]) == (1, 1)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts open files in /proc/self/fd")
def test_errors_do_not_keep_sockets_open(monkeypatch):
    open_files, uncounted = [], threading.Semaphore(4)
    get_flag = flags2_threadpool.get_flag

    def get_when_others_are_counted(*args):
        uncounted.acquire(timeout=5)
        return get_flag(*args)

    def count(line):
        open_files.append(len(list(Path("/proc/self/fd").iterdir())))
        uncounted.release()

    row = next(row for row in ROWS if row.name == "503")
    monkeypatch.setattr(flags2_threadpool, "get_flag", get_when_others_are_counted)
    monkeypatch.setattr(flags2_common, "say", count)
    with serving(row) as base_url:
        flags2_threadpool.download_many([HIT] * 60, base_url, True, 2)
    assert len(open_files) == 60
    assert max(open_files) - min(open_files) < 40, "both ends of a connection are in this process"
