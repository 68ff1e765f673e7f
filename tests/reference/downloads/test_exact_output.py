"""What the two downloaders ask and print, to the letter, and what they stop doing at an end."""

import asyncio
import contextlib
import io
import re
import runpy
import sys
from collections import Counter
from pathlib import Path

import aiohttp
import pytest
import requests
import responses
from support.downloaders import CARRIERS, DOWNLOADERS, play_in_process, workplace
from support.raw_responses import BODY, HIT, SIZED_HEAD, Row, serving

from mockservers.faults import Empty, Serve, Status
from mockservers.inprocess import BASE_URL
from mockservers.plan import Plan
from reference import flags2_asyncio, flags2_threadpool
from reference.flags2_common import HTTPStatus, Result

URL = "http://double.invalid/flags/br/br.gif"
BASE = "http://double.invalid/flags"

PLAN = Plan(rules={"BR": (Serve(),), "CN": (Status((503,)),), "DE": (Empty(),)})


def without_time(stdout):
    return re.sub(r"\d\.\d\ds\n", "#s\n", stdout)


@pytest.mark.parametrize("downloader", DOWNLOADERS)
def test_each_code_has_its_line_and_the_report_follows(downloader):
    played = play_in_process(downloader, PLAN, ["-v", "-m", "1", "ZZ", "CN", "BR"])
    lines = without_time(played.stdout).splitlines()
    assert lines[:3] == [
        f"ERROR site: {BASE_URL}",
        "Searching for 3 flags: BR, CN, ZZ",
        "1 concurrent connection will be used.",
    ]
    assert sorted(lines[3:6]) == [
        "*** Error for CN: HTTP 503 - Service Unavailable", "BR OK", "ZZ not found",
    ]  # fmt: skip
    assert lines[6:] == [
        "--------------------", "1 flag downloaded.", "1 not found.", "1 error.",
        "Elapsed time: #s",
    ]  # fmt: skip
    assert list(played.files) == ["br.gif"]


@pytest.mark.parametrize("downloader", DOWNLOADERS)
def test_without_v_there_is_no_line_of_a_code(downloader):
    played = play_in_process(downloader, PLAN, ["ZZ", "CN", "BR"])
    assert played.stdout.splitlines()[3:-1] == [
        "--------------------", "1 flag downloaded.", "1 not found.", "1 error.",
    ]  # fmt: skip


def test_on_threads_a_broken_connection_is_printed_as_by_the_listing():
    played = play_in_process(flags2_threadpool, PLAN, ["-v", "DE"])
    assert "*** Error for DE: Connection error\n" in played.stdout


@pytest.mark.parametrize("downloader", DOWNLOADERS)
def test_the_progress_bar_counts_the_codes_on_stderr(downloader):
    assert "100%" in shown_on_stderr(downloader, verbose=False)
    assert "2/2" in shown_on_stderr(downloader, verbose=False)
    assert shown_on_stderr(downloader, verbose=True) == ""


def shown_on_stderr(downloader, *, verbose):
    with (
        workplace({}),
        CARRIERS[downloader](PLAN, "ERROR", lambda entry: None),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()) as err,
    ):
        downloader.download_many(["BR", "ZZ"], BASE_URL, verbose, 2)
    return err.getvalue()


# --- one request ---------------------------------------------------------------------------


def fetch_by_thread(**reply):
    with responses.RequestsMock() as carrier:
        carrier.get(URL, **reply)
        body = flags2_threadpool.get_flag(BASE, "BR")
        (call,) = carrier.calls
    return body, call.request.headers


def test_the_one_on_threads_asks_in_lower_case_for_the_flag_as_it_is():
    body, fields = fetch_by_thread(body=b"GIF")
    assert body == b"GIF"
    assert fields["Accept-Encoding"] == "identity"


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


@pytest.mark.parametrize("status", [201, 206, 403, 405, 503])
def test_any_status_but_200_and_404_comes_out_of_a_download_on_threads(status):
    with responses.RequestsMock() as carrier:
        carrier.get(URL, body=b"GIF", status=status)
        with pytest.raises(requests.HTTPError) as caught:
            flags2_threadpool.download_one("BR", BASE)
    assert caught.value.response.status_code == status


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ("", "ok"),
        ("Content-Encoding: identity\r\n", "ok"),
        ("Content-Encoding: identity\r\nContent-Encoding: identity\r\n", "ok"),
        ("Content-Encoding: x\r\n", "error"),
        ("Content-Encoding: identity\r\nContent-Encoding: x, y\r\n", "error"),
    ],
)
@pytest.mark.parametrize("downloader", DOWNLOADERS)
def test_a_coding_that_was_not_asked_for_is_an_error_of_both(downloader, fields, outcome):
    row = Row("coded", SIZED_HEAD + fields.encode() + b"\r\n" + BODY)
    with serving(row) as url, workplace({}):
        counter = downloader.download_many([HIT], url, False, 1)
    assert counter == {HTTPStatus[outcome]: 1}


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


@pytest.mark.parametrize("downloader", DOWNLOADERS)
def test_run_as_a_script_it_is_the_command(downloader, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["program", "-m", "0"])
    with pytest.raises(SystemExit) as caught:
        runpy.run_path(downloader.__file__, run_name="__main__")
    assert caught.value.code == 1
    assert capsys.readouterr().out.startswith("*** Usage error: --max_req CONCURRENT")
