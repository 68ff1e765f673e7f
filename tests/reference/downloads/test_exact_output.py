"""What the two downloaders ask and print, to the letter, and what they stop doing at an end."""

import asyncio
import contextlib
import io
import runpy
import sys
from collections import Counter
from pathlib import Path

import aiohttp
import pytest
import requests
import responses
from golden.normalise import command_text
from support.downloaders import CARRIERS, DOWNLOADERS, play_in_process, run_main, workplace
from support.raw_responses import BODY, CODES, SIZED_HEAD, Row, serving

from mockservers.faults import Serve, Status
from mockservers.flags2.output import claims_of
from mockservers.inprocess import BASE_URL
from mockservers.plan import Plan
from reference import flags2_asyncio, flags2_threadpool
from reference.flags2_common import HTTPStatus, Result

URL = "http://double.invalid/flags/br/br.gif"
BASE = "http://double.invalid/flags"

PLAN = Plan(rules={"BR": Serve(), "CN": Status((503,))})
REPORT = [20 * "-", "1 flag downloaded.", "1 not found.", "1 error."]

both = pytest.mark.parametrize("downloader", DOWNLOADERS)


@both
def test_each_code_has_its_line_and_the_report_follows(downloader):
    run = play_in_process(downloader, PLAN, ["-v", "-m", "1", "ZZ", "CN", "BR"])
    lines = command_text(run.stdout).splitlines()
    assert lines[:3] == [
        f"ERROR site: {BASE_URL}",
        "Searching for 3 flags: BR, CN, ZZ",
        "1 concurrent connection will be used.",
    ]
    assert sorted(lines[3:6]) == [
        "*** Error for CN: HTTP 503 - Service Unavailable", "BR OK", "ZZ not found",
    ]  # fmt: skip
    assert lines[6:] == [*REPORT, "Elapsed time: #s"]
    assert list(run.files) == ["br.gif"]


@both
def test_without_v_there_is_no_line_of_a_code(downloader):
    run = play_in_process(downloader, PLAN, ["ZZ", "CN", "BR"])
    assert run.stdout.splitlines()[3:-1] == REPORT


@both
@pytest.mark.parametrize("verbose", [True, False])
def test_the_progress_bar_counts_the_codes_on_stderr(downloader, verbose):
    with (
        workplace({}),
        CARRIERS[downloader](PLAN, "ERROR", lambda entry: None),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()) as err,
    ):
        downloader.download_many(["BR", "ZZ"], BASE_URL, verbose, 2)
    assert ("100%" in err.getvalue()) == ("2/2" in err.getvalue()) == (not verbose)
    assert (err.getvalue() == "") == verbose


# --- one request ---------------------------------------------------------------------------


def test_the_one_on_threads_asks_in_lower_case_for_the_flag_as_it_is():
    with responses.RequestsMock() as carrier:
        carrier.get(URL, body=b"GIF")
        assert flags2_threadpool.get_flag(BASE, "BR") == b"GIF"
        assert carrier.calls[0].request.headers["Accept-Encoding"] == "identity"


def test_the_one_on_asyncio_asks_in_lower_case_for_the_flag_as_it_is():
    heard = asyncio.Queue()

    async def answer(reader, writer):
        heard.put_nowait(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nGIF")
        writer.close()

    async def fetch():
        async with (
            await asyncio.start_server(answer, "127.0.0.1") as server,
            aiohttp.ClientSession() as session,
        ):
            base_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/flags"
            return await flags2_asyncio.get_flag(session, base_url, "BR"), await heard.get()

    body, request = asyncio.run(fetch())
    assert body == b"GIF"
    assert request.startswith(b"GET /flags/br/br.gif HTTP/1.1\r\n")
    assert b"\r\nAccept-Encoding: identity\r\n" in request


def test_any_status_but_200_and_404_comes_out_of_a_download_on_threads():
    for status in (201, 206, 403, 405, 503):
        with responses.RequestsMock() as carrier:
            carrier.get(URL, body=b"GIF", status=status)
            with pytest.raises(requests.HTTPError) as caught:
                flags2_threadpool.download_one("BR", BASE)
        assert caught.value.response.status_code == status


NONE = b"Content-Encoding: identity\r\n"
CODINGS = [
    (b"", "ok"), (NONE, "ok"), (NONE + NONE, "ok"), (b"Content-Encoding: x\r\n", "error"),
    (NONE + b"Content-Encoding: x, y\r\n", "error"),
]  # fmt: skip


@both
def test_a_coding_that_was_not_asked_for_is_an_error_of_both(downloader):
    rows = {
        code: Row("coded", SIZED_HEAD + fields + b"\r\n" + BODY)
        for code, (fields, _) in zip(CODES, CODINGS, strict=True)
    }
    with serving(rows) as url, workplace({"LOCAL": url}):
        stdout = run_main(downloader, ["program", "-v", *CODES])
    said = claims_of(stdout.splitlines()).outcomes
    assert [said[code] for code in CODES] == [{outcome: 1} for _, outcome in CODINGS]


def test_one_download_on_threads_is_silent_unless_verbose(capsys):
    with responses.RequestsMock() as carrier, workplace({}) as folder:
        carrier.get(URL, body=b"GIF")
        assert flags2_threadpool.download_one("BR", BASE) == Result(HTTPStatus.ok, "BR")
        assert [path.name for path in folder.iterdir()] == ["br.gif"]
    assert capsys.readouterr().out == ""


# --- the commands ----------------------------------------------------------------------------


@pytest.mark.parametrize(("downloader", "default"), [(flags2_threadpool, 30), (flags2_asyncio, 5)])
@pytest.mark.parametrize(("options", "most"), [([], None), (["-m", "2000"], 1000)])
def test_requests_at_once_by_default_and_at_most(
    downloader, default, options, most, monkeypatch, tmp_path
):
    """No more than 676 codes exist, but a codes file may have any words."""
    Path(tmp_path, "country_codes.txt").write_text(" ".join(map(str, range(1500))))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["program", "-a", *options])
    asked = []

    def download_many(cc_list, base_url, verbose, concur_req):
        asked.append(concur_req)
        return Counter({HTTPStatus.ok: len(cc_list)})

    monkeypatch.setattr(downloader, "download_many", download_many)
    downloader.main()
    assert asked == [most or default]


@both
def test_run_as_a_script_it_is_the_command(downloader, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["program", "-m", "0"])
    with pytest.raises(SystemExit) as caught:
        runpy.run_path(downloader.__file__, run_name="__main__")
    assert caught.value.code == 1
    assert capsys.readouterr().out.startswith("*** Usage error: --max_req CONCURRENT")
