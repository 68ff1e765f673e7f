"""Whatever a server does to one code, the report adds up and nothing half-saved is left."""

import json
from pathlib import Path

import pytest
from support import TESTS
from support.downloaders import DOWNLOADERS, run_main, workplace
from support.raw_responses import BODY, CODES, HIT, ROWS, serving

from mockservers.flags2.output import claims_of
from reference import flags2_common, flags2_threadpool

GOLDEN = TESTS / "golden/rows.json"
LISTINGS = json.loads(GOLDEN.read_text(encoding="ascii"))["rows"]


def download(downloader, row, monkeypatch, codes=CODES, longest_s=20.0):
    monkeypatch.setattr(flags2_common, "TIMEOUT_S", longest_s)
    with serving(row) as base_url, workplace({"LOCAL": base_url}) as folder:
        stdout = run_main(downloader, ["program", "-v", "-m", "3", *codes])
        files = {path.name: path.read_bytes() for path in folder.glob("*")}
    claims = claims_of(stdout.splitlines())
    return claims, files


def by_the_listing(downloader, row):
    """What the listing reported; any outcome where its report was lost; error for no flag."""
    recorded = LISTINGS[row.name][downloader.__name__.removeprefix("reference.")]
    if recorded["ends"] != "report":
        return row.outcomes
    no_flag = recorded["said"] == "ok" and recorded["saved"] < len(BODY)
    return {recorded["said"], "error"} if no_flag else {recorded["said"]}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
@pytest.mark.parametrize("downloader", DOWNLOADERS)
def test_a_response_of_any_form_ends_as_one_outcome(downloader, row, monkeypatch):
    codes, longest_s = CODES, 20.0
    if row.ends == "wait" and row.outcomes == ("error",):
        # The clean ones might come too late on a loaded machine; for them there is the next test.
        codes, longest_s = (HIT,), 0.2
    claims, files = download(downloader, row, monkeypatch, codes, longest_s)
    assert sum(claims.totals.values()) == len(codes)
    (outcome,) = claims.outcomes[HIT]
    assert outcome in row.outcomes
    assert outcome in by_the_listing(downloader, row)
    assert claims.totals["ok"] == len(codes) - (outcome != "ok")
    assert set(files) == {f"{cc.lower()}.gif" for cc in codes if cc != HIT or outcome == "ok"}


@pytest.mark.parametrize("downloader", DOWNLOADERS)
def test_a_server_that_is_silent_for_one_code_holds_up_no_other(downloader, monkeypatch):
    row = next(row for row in ROWS if row.name == "never answers")
    claims, files = download(downloader, row, monkeypatch, longest_s=1.5)
    assert (claims.totals["ok"], claims.totals["error"]) == (4, 1)
    assert claims.outcomes[HIT] == {"error": 1}
    assert set(files) == {f"{cc.lower()}.gif" for cc in CODES if cc != HIT}


def test_each_repair_is_of_something_that_a_listing_did():
    lost = {
        row: did for row, did in LISTINGS.items() if did["flags2_threadpool"]["ends"] != "report"
    }
    assert {"closed in the body", "broken gzip", "redirect loop", "never answers"} <= set(lost)
    for row in ("204", "301", "gzip cut short in a whole reply"):
        assert LISTINGS[row]["flags2_threadpool"]["said"] == "ok"
        assert LISTINGS[row]["flags2_threadpool"]["saved"] < len(BODY)
    assert LISTINGS["silent after an interim reply"]["flags2_asyncio"]["ends"] == "waits"


@pytest.mark.parametrize("downloader", DOWNLOADERS)
def test_error_lines_are_one_line_of_ascii(downloader, monkeypatch):
    for row in ROWS:
        if row.outcomes == ("error",):
            monkeypatch.setattr(flags2_common, "TIMEOUT_S", 0.2)
            with serving(row) as base_url, workplace({"LOCAL": base_url}):
                stdout = run_main(downloader, ["program", "-v", HIT])
            line = next(line for line in stdout.splitlines() if line.startswith("*** Error"))
            text = line.removeprefix("*** Error for BR: ")
            assert text.isascii()
            assert text.isprintable()
            assert text.strip()


def told(downloader, row):
    """The line about BR."""
    with serving(row) as base_url, workplace({"LOCAL": base_url}):
        stdout = run_main(downloader, ["program", "-v", HIT])
    return next(line for line in stdout.splitlines() if HIT in line and "Searching" not in line)


@pytest.mark.parametrize("status", ["204", "403", "418", "503"])
@pytest.mark.parametrize("downloader", DOWNLOADERS)
def test_a_status_is_printed_with_its_reason(downloader, status):
    row = next(row for row in ROWS if row.name == status)
    reason = row.sends.split(b"\r\n")[0].decode().partition(f"{status} ")[2]
    assert told(downloader, row) == f"*** Error for BR: HTTP {status} - {reason}"


def test_a_broken_connection_is_printed_as_by_the_listing_on_threads():
    row = next(row for row in ROWS if row.name == "reset before the reply")
    assert told(flags2_threadpool, row) == "*** Error for BR: Connection error"


def test_one_download_on_threads_prints_nothing_unless_verbose(capsys):
    with serving(ROWS[0]) as base_url, workplace({}):
        result = flags2_threadpool.download_one(HIT, base_url)
    assert (result.data, result.status.name) == (HIT, "ok")
    assert capsys.readouterr().out == ""


def test_the_clean_file_is_saved_as_it_was_sent(monkeypatch):
    for downloader in DOWNLOADERS:
        _, files = download(downloader, ROWS[0], monkeypatch)
        assert set(files.values()) == {BODY}


def test_errors_do_not_keep_sockets_open(monkeypatch):
    row = next(row for row in ROWS if row.name == "503")
    open_files = Path("/proc/self/fd")
    if not open_files.exists():
        pytest.skip("counts open files in /proc/self/fd, which this system has not")
    most = 0

    def counting_print(*_, **__):
        nonlocal most
        most = max(most, len(list(open_files.iterdir())))

    with serving(row) as base_url, monkeypatch.context() as patch:
        patch.setattr(flags2_threadpool, "print", counting_print, raising=False)
        before = len(list(open_files.iterdir()))
        flags2_threadpool.download_many([HIT] * 60, base_url, True, 2)
    assert most - before < 60, "both ends of a connection are in this process"
