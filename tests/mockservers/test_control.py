"""The control API: each call, runs that do not leak into one another, and who is kept out."""

import asyncio
import contextlib
import errno
import hashlib
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import aiohttp
import aiohttp.web
import pytest
import pytest_asyncio
from aiohttp.http_exceptions import TransferEncodingError
from commands import command_line, environment, run
from hypothesis import given
from hypothesis import strategies as st
from support import examples

from mockservers.cli import commands as cli
from mockservers.content.flag_images import flag
from mockservers.content.resources import FlagCatalogue
from mockservers.control import api as control
from mockservers.control.api import Control
from mockservers.control.reported import end_as_reported
from mockservers.control.run_history import RunHistory, read_slice
from mockservers.faults import Hang
from mockservers.journal_json import read_journal
from mockservers.ledger import balance
from mockservers.plan import Plan
from mockservers.plan_json import plan_to_json
from mockservers.server import MockServers

TOP = Path(__file__).parents[2]
posix = pytest.mark.skipif(os.name != "posix", reason="uses curl, signals or a POSIX shell")
asynchronous = pytest.mark.asyncio
JSON = {"Content-Type": "application/json"}
FLAKY_BR = {"plan": 1, "rules": {"BR": [{"do": "status", "status": 503}, {"do": "serve"}]}}


class Driven:
    """Servers in this loop, and a client of their control API."""

    def __init__(self, folder, file=None):
        self.servers = MockServers(FlagCatalogue())
        self.folder = folder
        self.runs = RunHistory(self.servers, file, folder)
        self.control = Control(self.servers, self.runs)

    async def __aenter__(self):
        await self.servers.start()
        self.runs.begin({})
        self.url = await self.control.start(0)
        self.session = aiohttp.ClientSession()
        return self

    async def __aexit__(self, *exc_info):
        await self.session.close()
        await self.control.stop()
        await self.servers.stop()

    async def ask(self, method, path, body=None, **headers):
        """Status and JSON of an answer."""
        if isinstance(body, dict):
            body = json.dumps(body)
        if method != "GET":
            headers = {**JSON, **headers}
        async with self.session.request(
            method, self.url + path, data=body, headers=headers, skip_auto_headers=["Content-Type"]
        ) as answer:
            return answer.status, await answer.json()

    async def get(self, path, **headers):
        status, answer = await self.ask("GET", path, **headers)
        assert status == 200, answer
        return answer

    async def put(self, plan, label=""):
        status, answer = await self.ask("PUT", f"/plan{label}", plan)
        assert status == 200, answer
        return answer

    async def fetch(self, *codes, label="LOCAL"):
        """The status of the flag of each code, over one connection."""
        statuses = []
        for code in codes:
            url = f"{self.servers.urls[label]}/{code.lower()}/{code.lower()}.gif"
            async with self.session.get(url) as reply:
                await reply.read()
                statuses.append(reply.status)
        return statuses

    async def begin_request(self):
        """A connection with half a request on it, for BR, which is under way."""
        host, port = self.servers.urls["LOCAL"].split("/")[2].split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        before = self.servers.run.under_way
        writer.write(b"GET /flags/br/br.gif HTTP/1.1\r\n")
        while self.servers.run.under_way == before:
            await asyncio.sleep(0)
        return reader, writer


@pytest_asyncio.fixture
async def driven(tmp_path):
    async with Driven(tmp_path) as started:
        yield started


def entries(path):
    assert list(read_journal(path))
    return [json.loads(line) for line in path.read_text().splitlines()]


def requests(path):
    return [entry for entry in entries(path) if entry.get("type") == "request"]


# --- the page of documentation -----------------------------------------------------------


def shown():
    """The curl lines of docs/control.md, each with the status and the body below it."""
    page = (TOP / "docs/control.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^    (curl .*(?:\n    .+)*)", page, re.MULTILINE)
    for block in blocks:
        command, status, body = re.fullmatch(r"(?s)(.*?)\n    (\d{3})\b(.*)", block).groups()
        yield shlex.split(command.replace("\\\n", " ")), int(status), body.strip()


@contextlib.contextmanager
def serving(*options, cwd):
    """`mockservers serve --control auto --json`, and what it says when it is ready."""
    with subprocess.Popen(
        command_line("mockservers", "serve", "--ports", "auto", "--control", "auto", "--json",
                     *options),
        cwd=cwd, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as program:  # fmt: skip
        try:
            yield program, json.loads(program.stdout.readline())
        finally:
            program.kill()


@posix
def test_the_page_shows_what_one_gets(tmp_path):
    assert shutil.which("curl"), "this test needs curl"
    calls = list(shown())
    with serving(cwd=tmp_path) as (_, ready):
        servers = [url.removesuffix("/flags") for url in ready["servers"].values()]
        really = {
            f"http://127.0.0.1:800{n}": url for n, url in enumerate([ready["control"], *servers])
        }

        def with_ours(text):
            return re.sub("|".join(really), lambda match: really[match[0]], text)

        def normal(body):
            body = re.sub(r'("(?:start|first_byte|end)_s":) [\d.]+', r"\1 0", body)
            return json.loads(body) if body else None

        for command, status, body in calls:
            words = [*map(with_ours, command), "-sS", "-w", "\n%{http_code}"]
            done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=30)
            assert done.stderr == ""
            got_body, got_status = done.stdout.rsplit("\n", 1)
            assert int(got_status) == status, command
            for cursor in re.findall('"next": "(.*?)"', body):
                really[cursor] = json.loads(got_body)["next"]
            assert normal(got_body) == normal(with_ours(body)), command
    calls = {
        (
            c[c.index("-X") + 1] if "-X" in c else "POST" if "-d" in c else "GET",
            re.search(r"8000(/\w+)", str(c))[1],
        )
        for c, _, _ in calls
        if "8000" in str(c)
    }
    assert calls >= {
        ("GET", "/health"), ("GET", "/plan"), ("PUT", "/plan"), ("GET", "/journal"),
        ("GET", "/ledger"), ("POST", "/ledger"), ("POST", "/reset"),
    }  # fmt: skip


# --- runs ----------------------------------------------------------------------------------


@asynchronous
async def test_a_new_run_counts_attempts_from_zero(driven):
    await driven.put(FLAKY_BR)
    assert await driven.fetch("BR", "BR") == [503, 200]
    assert await driven.put(FLAKY_BR) == {"run": 3}
    assert await driven.fetch("BR") == [503]
    page = await driven.get("/journal")
    assert [(entry["n"], entry["attempt"]) for entry in page["entries"]] == [(1, 1)]


@asynchronous
async def test_a_plan_for_one_server_leaves_the_others_theirs(driven):
    everywhere = {"plan": 1, "seed": 3}
    await driven.put(everywhere)
    assert await driven.put(FLAKY_BR, "/error") == {"run": 3}
    plans = (await driven.get("/plan"))["plans"]
    assert plans == {"LOCAL": everywhere, "DELAY": everywhere, "ERROR": {**FLAKY_BR, "seed": 0}}
    assert await driven.fetch("BR", label="LOCAL") == [200]
    assert await driven.fetch("BR", label="ERROR") == [503]


@asynchronous
async def test_a_request_under_way_ends_in_the_run_before(tmp_path):
    async with Driven(tmp_path, tmp_path / "journal.jsonl") as driven:
        await driven.put(FLAKY_BR)
        reader, writer = await driven.begin_request()
        answer = await driven.put({"plan": 1})
        assert answer == {"run": 3, "file": str(tmp_path / "journal.3.jsonl")}
        assert await driven.fetch("CN") == [200]
        assert entries(tmp_path / "journal.2.jsonl")[1:] == []  # it goes on
        writer.write(b"Host: x\r\n\r\n")
        assert await reader.readline() == b"HTTP/1.1 503 Service Unavailable\r\n"
        writer.close()
        page = await driven.get("/journal")
        assert [entry["code"] for entry in page["entries"]] == ["CN"]
        header, entry, end = entries(tmp_path / "journal.2.jsonl")
        assert header["plans"]["LOCAL"] == {**FLAKY_BR, "seed": 0}
        assert (entry["code"], entry["status"], entry["attempt"]) == ("BR", 503, 1)
        assert end["end"] is True
    assert [entry["code"] for entry in requests(tmp_path / "journal.3.jsonl")] == ["CN"]


@asynchronous
async def test_a_reset_ends_what_hangs_at_once_and_in_its_own_run(tmp_path):
    async with Driven(tmp_path, tmp_path / "journal.jsonl") as driven:
        await driven.put(plan_to_json(Plan(rules={"BR": (Hang(),)})))
        writers = [(await driven.begin_request())[1] for _ in range(4)]
        for writer in writers:
            writer.write(b"Host: x\r\n\r\n")
        earlier = driven.runs.current
        await driven.put(plan_to_json(Plan(seed=8)))
        assert not earlier.over.is_set()
        started = time.monotonic()
        assert (await driven.ask("POST", "/reset"))[1]["run"] == 4
        assert time.monotonic() - started < 5  # a hang takes 60
        assert entries(tmp_path / "journal.2.jsonl")[-1]["end"] is True
        cut = requests(tmp_path / "journal.2.jsonl")
        assert [entry["client_gone"] for entry in cut] == [False] * 4
        assert requests(tmp_path / "journal.3.jsonl") == []
        assert (await driven.get("/plan"))["plans"]["LOCAL"]["seed"] == 8
        assert (await driven.get("/journal"))["entries"] == []
        for writer in writers:
            writer.close()


@asynchronous
async def test_after_a_reset_the_journals_of_all_earlier_runs_are_whole(tmp_path):
    async with Driven(tmp_path, tmp_path / "j") as driven:
        writers = []
        for _ in range(3):
            writers.append((await driven.begin_request())[1])
            await driven.put({"plan": 1})
        await driven.runs.reset()
        for name in ("j", "j.2", "j.3"):
            assert [entry.get("code") for entry in entries(tmp_path / name)] == [None, "BR", None]
            assert entries(tmp_path / name)[-1]["end"] is True
        for writer in writers:
            writer.close()


@asynchronous
async def test_a_temporary_journal_is_removed_after_its_run(driven):
    for _ in range(3):
        await driven.put({"plan": 1})
        assert await driven.fetch("BR") == [200]
    assert [path.name for path in driven.folder.iterdir()] == ["journal.4.jsonl"]
    reader, writer = await driven.begin_request()
    await driven.put({"plan": 1})
    assert len(list(driven.folder.iterdir())) == 2
    writer.write(b"Host: x\r\n\r\n")
    await reader.readline()
    assert [path.name for path in driven.folder.iterdir()] == ["journal.5.jsonl"]
    writer.close()


@asynchronous
async def test_a_journal_that_cannot_be_written_is_reported_and_the_run_goes_on(tmp_path):
    (tmp_path / "j.2").mkdir()
    async with Driven(tmp_path, tmp_path / "j") as driven:
        status, answer = await driven.ask("PUT", "/plan", FLAKY_BR)
        assert status == 503
        error = f"cannot write the journal {tmp_path / 'j.2'}: not a regular file"
        assert answer == {"error": error}
        assert await driven.fetch("BR") == [200]
        assert (await driven.get("/journal"))["run"] == 1
        (tmp_path / "j.2").rmdir()
        assert (await driven.ask("PUT", "/plan", FLAKY_BR))[1]["run"] == 2


@asynchronous
async def test_a_journal_with_a_hole_is_neither_shown_nor_judged(driven):
    journal = driven.runs.current.journal
    journal.error = OSError(errno.ENOSPC, "No space left on device")
    for path in ("/journal", "/ledger"):
        status, answer = await driven.ask("GET", path)
        assert status == 503
        assert answer == {"error": "the journal of run 1 is incomplete: No space left on device"}
    assert (await driven.ask("POST", "/reset"))[1] == {"run": 2}
    assert (await driven.get("/ledger"))["balanced"] is True
    assert driven.runs.incomplete is journal


# --- the journal ---------------------------------------------------------------------------


@asynchronous
async def test_pages_give_each_entry_exactly_once_while_traffic_goes_on(driven):
    codes = ["BR", "CN", "ZZ"] * 40
    traffic = asyncio.gather(*(driven.fetch(*codes) for _ in range(3)))
    page = await driven.get("/journal?limit=7")
    assert page["header"]["journal"] == 1
    read = page["entries"]
    pages = 0
    while len(read) < 3 * len(codes):
        assert len(page["entries"]) <= 7
        page = await driven.get(f"/journal?limit=7&after={page['next']}")
        assert "header" not in page
        read += page["entries"]
        pages += 1
    assert pages > 3 * len(codes) // 7 - 1
    await traffic
    assert sorted(entry["n"] for entry in read) == list(range(1, 3 * len(codes) + 1))
    last = await driven.get(f"/journal?after={page['next']}")
    assert last == {"run": 1, "under_way": 0, "entries": [], "next": page["next"]}


@asynchronous
async def test_what_is_under_way_is_counted_and_has_no_entry(driven):
    _, writer = await driven.begin_request()
    page = await driven.get("/journal")
    assert (page["under_way"], page["entries"]) == (1, [])
    assert (await driven.get("/ledger"))["under_way"] == 1
    writer.close()


@asynchronous
@pytest.mark.parametrize(
    ("query", "status", "says"),
    [
        ("after=1-1", 400, "no line of the journal starts at byte 1"),
        ("after=1-99999999999", 400, "no line of the journal starts"),
        ("after=3-710", 400, "'3-710' is no cursor that was given out here"),
        ("after=2-0", 400, "no cursor"),
        ("after=-1", 400, "no cursor"),
        ("after=", 400, "no cursor"),
        ("after=%00", 400, "no cursor"),
        ("after=1-%D9%A1", 400, "no cursor"),
        ("after=1-" + "9" * 5000, 400, "no cursor"),
        ("limit=0", 400, "limit must be from 1 to 1000, not '0'"),
        ("limit=1001", 400, "limit must be"),
        ("limit=all", 400, "limit must be"),
        ("since=1", 400, "'since' is none of the parameters"),
    ],
)
async def test_a_cursor_that_is_none_is_refused(driven, query, status, says):
    got, answer = await driven.ask("GET", f"/journal?{query}")
    assert (got, list(answer)) == (status, ["error"])
    assert says in answer["error"]


@asynchronous
async def test_a_cursor_of_an_earlier_run_is_noticed(driven):
    cursor = (await driven.get("/journal"))["next"]
    await driven.put({"plan": 1})
    status, answer = await driven.ask("GET", f"/journal?after={cursor}")
    assert (status, answer) == (410, {"error": f"after: {cursor} is of run 1; this is run 2"})


def test_a_page_starts_where_a_line_starts_and_nowhere_else(tmp_path):
    path = tmp_path / "journal.jsonl"
    lines = [b'{"journal": 1}\n', b'{"n": 1}\n', b'{"n": "\\n"}\n', b'{"n": 3}\n', b'{"cut": ']
    path.write_bytes(b"".join(lines))
    starts = {sum(map(len, lines[:n])): n for n in range(5)}
    for start in range(path.stat().st_size + 9):
        if start in starts:
            page = read_slice(path, start, 9)
            first = max(1, starts[start])
            assert page.entries == [json.loads(line) for line in lines[first:4]]
            assert page.stop == len(b"".join(lines[:4]))
        else:
            with pytest.raises(ValueError, match="no line of the journal starts"):
                read_slice(path, start, 9)


def test_a_page_has_a_thousand_entries_of_the_usual_length(tmp_path):
    path = tmp_path / "journal.jsonl"
    lines = [{"journal": 1}, *({"path": "x" * 500, "n": n} for n in range(1001))]
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    assert [entry["n"] for entry in read_slice(path, 0, 1000).entries] == list(range(1000))


def test_a_page_is_bounded_in_bytes_too(tmp_path, monkeypatch):
    monkeypatch.setattr("mockservers.control.run_history.PAGE_BYTES", 100)
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b'{"journal": 1}\n' + (json.dumps({"path": "x" * 60}) + "\n").encode() * 9)
    assert len(read_slice(path, 0, 9).entries) == 2


# --- the ledger ------------------------------------------------------------------------------


def kept(code):
    return {"size": len(flag(code)), "sha256": hashlib.sha256(flag(code)).hexdigest()}


@asynchronous
async def test_a_suite_that_tells_what_was_said_and_kept_gets_the_full_judgement(driven):
    await driven.put(FLAKY_BR)
    await driven.fetch("BR", "CN", "ZZ")
    truth = {"BR": "error", "CN": "ok", "ZZ": "not_found"}
    for body, words in [
        ({"said": truth}, []),
        ({"said": truth, "files": {"cn.gif": kept("CN")}}, []),
        ({"said": truth, "asked": ["BR", "CN", "ZZ", "US"]}, ["lost"]),
        ({"said": {**truth, "BR": "ok"}}, ["miscounted"]),
        ({"said": {"CN": "ok", "ZZ": "not_found"}}, ["unexpected"]),
        ({"said": truth, "files": {"cn.gif": kept("BR")}}, ["corrupt"]),
        ({"said": truth, "files": {"cn.gif": kept("CN"), "br.gif": kept("BR")}}, ["leftover"]),
        ({"said": truth, "files": {}}, ["lost"]),
    ]:
        status, answer = await driven.ask("POST", "/ledger", body)
        assert status == 200
        assert [found["word"] for found in answer["imbalances"]] == words, body
        assert answer["balanced"] is not words


@asynchronous
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
async def test_what_a_program_printed_is_understood(driven, line_end):
    await driven.fetch("CN", "ZZ")
    printed = [
        "LOCAL site: http://127.0.0.1:8001/flags", "Searching for 2 flags: CN, ZZ",
        "1 concurrent connection will be used.", "-" * 20, "1 flag downloaded.", "1 not found.",
    ]  # fmt: skip
    _, answer = await driven.ask("POST", "/ledger", {"stdout": line_end.join([*printed, ""])})
    assert answer["balanced"] is True
    assert answer["codes"].keys() == {"CN", "ZZ"}
    printed[-1] = "2 not found."
    _, answer = await driven.ask("POST", "/ledger", {"stdout": line_end.join([*printed, ""])})
    assert answer["balanced"] is False


@asynchronous
async def test_the_journal_of_each_run_is_judged_as_its_ledger_was(tmp_path):
    async with Driven(tmp_path, tmp_path / "journal.jsonl") as driven:
        judged = []
        for codes in (["BR", "ZZ"], [], ["BR", "BR", "CN"]):
            await driven.fetch(*codes)
            judged.append(await driven.get("/ledger"))
            await driven.put(FLAKY_BR)
    for ledger in judged:
        file = ledger.pop("file")
        assert (ledger.pop("run"), ledger.pop("under_way")) == (judged.index(ledger) + 1, 0)
        assert balance(read_journal(Path(file))).to_json() == ledger
    done = run("mockservers", "ledger", file, "--json", cwd=tmp_path)
    assert done.returncode == 0
    assert json.loads(done.stdout) == ledger
    assert {path.name for path in tmp_path.iterdir()} == {
        "journal.jsonl", "journal.2.jsonl", "journal.3.jsonl", "journal.4.jsonl",
    }  # fmt: skip


FILE = {"size": 1, "sha256": "0" * 64}


def file_told(**fields):
    return json.dumps({"files": {"br.gif": FILE | fields}})


def test_the_largest_report_is_accepted():
    told = {"asked": ["BR"] * 676, "files": dict.fromkeys(map(str, range(10_000)), FILE)}
    assert len(end_as_reported(json.dumps(told)).files_after) == 10_000


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("9" * 5000, "not JSON"),
        ("[]", "the body: [] is not an object"),
        ('{"codes": []}', "'codes'"),
        ('{"asked": ["br"]}', "asked[0]: 'br' is not a code (AA to ZZ)"),
        ('{"asked": ["BR\\n"]}', "asked[0]"),
        ('{"said": {"BR": "great"}}', "said.BR: 'great' is not ok, not_found or error"),
        ('{"said": {"BR": []}}', "said.BR"),
        ('{"said": {"\\ud800": "ok"}}', "said"),
        ('{"said": {}, "stdout": ""}', "one of them is enough"),
        ('{"stdout": 1}', "stdout: 1 is not a string"),
        ('{"files": {"br.gif": {"size": 1}}}', "the key 'sha256' is missing"),
        ('{"files": {"br.gif": {"size": NaN, "sha256": "' + "0" * 64 + '"}}}', "size"),
        ('{"asked": "BR"}', "asked: 'BR' is not an array"),
        ('{"asked": [1]}', "asked[0]: 1 is not a code"),
        (json.dumps({"asked": ["BR"] * 677}), "asked"),
        ('{"said": []}', "said: [] is not an object"),
        ('{"said": {"br": "ok"}}', "'br' is not a code"),
        ('{"files": []}', "files: [] is not an object"),
        (json.dumps({"files": dict.fromkeys(map(str, range(10_001)), FILE)}), "files"),
        ('{"files": {"br.gif": 1}}', "files.br.gif: 1 is not an object"),
        (file_told(size=-1), "-1 is not a size in bytes"),
        (file_told(size=1.5), "1.5 is not a size"),
        (file_told(sha256=1), "1 is not a SHA-256"),
        (file_told(sha256="0" * 63), "is not a SHA-256"),
        (file_told(sha256="0" * 64 + "\n"), "is not a SHA-256"),
        (file_told(mtime_ns=1), "unknown key 'mtime_ns'"),
    ],
)
def test_a_bad_report_is_refused_by_place_and_value(told, says):
    with pytest.raises(ValueError, match=re.escape(says)):
        end_as_reported(told)


@asynchronous
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("PUT", "/plan", {"plan": 1}), ("POST", "/ledger", {}), ("GET", "/ledger", None)],
)
async def test_the_servers_go_on_while_a_plan_is_read_or_a_journal_judged(
    driven, monkeypatch, method, path, body
):
    go_on = threading.Event()
    began = asyncio.Event()
    loop = asyncio.get_running_loop()

    def slow(real):
        def work(*args):
            loop.call_soon_threadsafe(began.set)
            assert go_on.wait(30)
            return real(*args)

        return work

    for name in ("plan_from_json", "balance"):
        monkeypatch.setattr(control, name, slow(getattr(control, name)))
    answer = asyncio.ensure_future(driven.ask(method, path, body))
    await began.wait()
    assert await driven.fetch("BR", "CN") == [200, 200]
    assert (await driven.get("/health"))["ready"] is True
    assert not answer.done()
    go_on.set()
    assert (await answer)[0] == 200


@asynchronous
async def test_the_end_does_not_wait_for_a_judgement(tmp_path, monkeypatch):
    go_on = threading.Event()
    monkeypatch.setattr(control, "balance", lambda _: go_on.wait(30))
    driven = await Driven(tmp_path).__aenter__()
    answer = asyncio.ensure_future(driven.ask("GET", "/ledger"))
    work = None
    while not work:
        await asyncio.sleep(0)
        work = [t for t in threading.enumerate() if t.name == "mockservers-control"]
    assert [thread.daemon for thread in work] == [True]  # nor does the process wait
    await driven.control.stop()
    with pytest.raises(aiohttp.ClientConnectionError):
        await answer
    await driven.__aexit__(None, None, None)
    go_on.set()


# --- who and what is refused -----------------------------------------------------------------


@asynchronous
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 403),
        ({"Host": "evil.example:PORT"}, 403),
        ({"Host": "127.0.0.1:1"}, 403),
        ({"Host": "127.0.0.1"}, 403),
        ({"Host": "127.0.0.1.evil.example:PORT"}, 403),
        ({"Host": "localhost.:PORT"}, 403),
        ({"Host": ""}, 403),
        ({"Host": "127.0.0.1:PORT"}, 200),
        ({"Host": "LocalHost:PORT"}, 200),
        ({"Host": "[::1]:PORT"}, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": ""}, 403),
        ({"Origin": "https://127.0.0.1:PORT"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Origin": "http://localhost:PORT"}, 403),  # to a browser another origin
        ({"Origin": "http://127.0.0.1:PORT"}, 200),
        ({"Host": "localhost:PORT", "Origin": "http://localhost:PORT"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
    ],
)
async def test_web_pages_are_kept_out(driven, headers, status):
    port = driven.url.rsplit(":", 1)[1]
    headers = {name: value.replace("PORT", port) for name, value in headers.items()}
    for method, path in [("GET", "/journal"), ("POST", "/reset")]:
        got, answer = await driven.ask(method, path, **headers)
        assert got == status
        assert status == 200 or list(answer) == ["error"]
    assert driven.runs.current.number == (2 if status == 200 else 1)


@asynchronous
async def test_the_control_api_is_on_loopback_only(driven):
    addresses = {address[0] for address in driven.control._runner.addresses}
    assert {"127.0.0.1"} <= addresses <= {"127.0.0.1", "::1"}


@asynchronous
@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status", "says"),
    [
        ("GET", "/", None, {}, 404, "nothing is at /"),
        ("GET", "/plan/ERROR", None, {}, 405, "/plan/ERROR takes PUT, not GET"),
        ("PUT", "/plan/MARS", "{}", {}, 404, "MARS is none of LOCAL, DELAY, ERROR"),
        ("DELETE", "/journal", None, {}, 405, "/journal takes GET, HEAD, not DELETE"),
        ("POST", "/health", "{}", {}, 405, "takes GET, HEAD, not POST"),
        ("OPTIONS", "/plan", None, {}, 405, "not OPTIONS"),
        ("PUT", "/plan", '{"plan": 1}', {"Content-Type": "text/plain"}, 415, "application/json"),
        ("POST", "/reset", "", {"Content-Type": "application/x-www-form-urlencoded"}, 415, "json"),
        ("PUT", "/plan", '{"plan": 1}', {"Content-Encoding": "gzip"}, 415, "encoded"),
        ("PUT", "/plan", "", {}, 400, "not a JSON plan"),
        ("PUT", "/plan", b"\xff", {}, 400, "the body is not UTF-8"),
        ("PUT", "/plan", "[" * 100_000, {}, 400, "not a JSON plan"),
        ("PUT", "/plan", '{"plan": 2}', {}, 400, "plan: "),
        ("PUT", "/plan", '{"plan": 1, "mix": [{"weight": 101, "do": "empty"}]}', {}, 400,
         "plan: mix[0].weight: 101 is not a percentage from 0 to 100"),
        ("PUT", "/plan", '{"plan": 1, "' + "x" * 10_000 + '": 1}', {}, 400, "unknown key"),
        ("PUT", "/plan", '{"plan": 1, "rules": {"/a\\nb": [{"do": "fly"}]}}', {}, 400, "'fly' is"),
        ("POST", "/ledger", '{"said": {"BR": "' + "x" * 10_000 + '"}}', {}, 400, "said.BR: 'xxx"),
        ("PUT", "/plan", " " * 1_000_001, {}, 413, "the body is longer than 1000000 bytes"),
        ("POST", "/ledger", " " * 1_000_001, {}, 413, "the body is longer than 1000000 bytes"),
        ("POST", "/reset", " " * 1_000_001, {}, 413, "the body is longer than 1000000 bytes"),
        ("POST", "/reset", "[]", {}, 400, "no body"),
        ("POST", "/ledger", '{"said": {"BR": "great"}}', {}, 400, "said.BR: 'great'"),
    ],
)  # fmt: skip
async def test_bad_calls_get_a_status_and_one_line(
    driven, method, path, body, headers, status, says
):
    got, answer = await driven.ask(method, path, body, **headers)
    assert got == status
    assert list(answer) == ["error"]
    assert says in answer["error"]
    assert "\n" not in answer["error"]
    assert len(answer["error"]) < 450
    assert (await driven.get("/health"))["run"] == 1


@asynchronous
async def test_a_body_may_begin_with_a_byte_order_mark(driven):
    assert (await driven.ask("PUT", "/plan", '\ufeff{"plan": 1, "seed": 7}'))[0] == 200
    assert (await driven.get("/plan"))["plans"]["LOCAL"]["seed"] == 7


@asynchronous
async def test_a_body_of_exactly_the_bound_is_read(driven):
    plan = '{"plan": 1}'
    assert (await driven.ask("PUT", "/plan", plan + " " * (1_000_000 - len(plan))))[0] == 200


@asynchronous
async def test_a_body_that_does_not_come_is_not_waited_for(driven, monkeypatch):
    monkeypatch.setattr(control, "BODY_S", 0.01)

    async def never():
        yield b"{"
        await asyncio.sleep(30)

    status, answer = await driven.ask("PUT", "/plan", never())
    assert (status, answer) == (408, {"error": "the body did not come in time"})


@asynchronous
async def test_a_body_that_breaks_off_as_a_chunk_is_no_fault_of_ours(driven, monkeypatch):
    async def broken(request):  # so does the parser of an aiohttp without its C extension
        raise TransferEncodingError("zz")

    monkeypatch.setattr(aiohttp.web.Request, "read", broken)
    status, answer = await driven.ask("POST", "/reset")
    assert (status, answer) == (400, {"error": "the body does not come as HTTP says"})


@asynchronous
async def test_an_internal_error_is_reported_as_one(driven, monkeypatch, capfd):
    monkeypatch.setattr(control, "balance", lambda _: 1 / 0)
    status, answer = await driven.ask("GET", "/ledger")
    assert status == 500
    assert "ZeroDivisionError" in answer["error"]
    assert capfd.readouterr().err == ""


@asynchronous
@pytest.mark.parametrize(
    "sent",
    [
        b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /health\r\n\r\n",
        b"GET /health HTTP/1.0\r\n\r\n",
        b"GET /health HTTP/1.1\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: HOST\r\nHost: HOST\r\n\r\n",
        b"GET /%ff%00 HTTP/1.1\r\nHost: HOST\r\n\r\n",
        b"GET /journal?after=%ff HTTP/1.1\r\nHost: HOST\r\n\r\n",
        b"GET http://evil.example/health HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        b"CONNECT evil.example:80 HTTP/1.1\r\nHost: HOST\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: HOST\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: HOST\r\nX: " + b"x" * 70_000 + b"\r\n\r\n",
        b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\nHost: HOST\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: HOST\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\nx",
        b"PUT /plan HTTP/1.1\r\nHost: HOST\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"PUT /plan HTTP/1.1\r\nHost: HOST\r\nContent-Type: application/json\r\n"
        b"Content-Length: 100\r\n\r\n{",
        b"PUT /plan HTTP/1.1\r\nHost: HOST\r\nContent-Type: application/json\r\n"
        b"Content-Length: 9999999\r\n\r\n" + b" " * 1_100_000,
        b"PUT /plan HTTP/1.1\r\nHost: HOST\r\nContent-Type: application/json\r\n"
        b"Content-Length: -1\r\n\r\n{",
        b"PUT /plan HTTP/1.1\r\nHost: HOST\r\nContent-Type: application/json\r\n"
        b"Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nabcde",
        b"PUT /plan HTTP/1.1\r\nHost: HOST\r\nContent-Type: ;;;\r\nContent-Length: 0\r\n\r\n",
        b"PUT /plan HTTP/1.1\r\nHost: HOST\r\nExpect: nothing\r\nContent-Length: 0\r\n\r\n",
    ],
)
async def test_what_is_hardly_http_brings_neither_a_traceback_nor_the_servers_down(
    driven, sent, capfd, caplog
):
    address = driven.url.removeprefix("http://")
    reader, writer = await asyncio.open_connection(*address.split(":"))
    writer.write(sent.replace(b"HOST", address.encode()))
    writer.write_eof()
    received = b""
    with contextlib.suppress(ConnectionError):
        received = await reader.read()
    writer.close()
    assert b"HTTP/1.1 5" not in received
    assert b"Traceback" not in received
    assert (await driven.get("/health"))["run"] == 1
    assert (capfd.readouterr().err, caplog.records) == ("", [])


@examples(200)
@given(st.text(max_size=20), st.integers(1, 5))
def test_no_text_for_a_cursor_is_a_fault_of_ours(text, number):
    with contextlib.suppress(control.RequestError):
        cursor = control._start(text, type("Run", (), {"number": number}))
        assert f"{number}-{cursor}" == text


# --- the command -------------------------------------------------------------------------------


@posix
def test_serve_says_where_the_control_api_is_before_it_is_ready(tmp_path):
    with subprocess.Popen(
        command_line("mockservers", "serve", "--ports", "auto", "--control", "auto"),
        cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, text=True,
    ) as program:  # fmt: skip
        lines = [program.stdout.readline() for _ in range(5)]
        program.send_signal(signal.SIGINT)
    page = (TOP / "docs/control.md").read_text(encoding="utf-8")
    in_the_page = re.search(r"--control 8000\n((?:    .*\n)+)", page)[1]
    assert re.sub(r":\d+", "", "".join(lines)) == re.sub(r"(?m):\d+|^ +", "", in_the_page)


@posix
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_all_at_once_with_clients_connected_and_requests_under_way(tmp_path, signum):
    (tmp_path / "plan.json").write_text('{"plan": 1, "rules": {"BR": [{"do": "hang"}]}}')
    options = ["--plan", "plan.json", "--journal", "journal.jsonl"]
    with contextlib.ExitStack() as stack:
        program, ready = stack.enter_context(serving(*options, cwd=tmp_path))
        ports = {
            name: int(url.split("/")[2].split(":")[1])
            for name, url in {"control": ready["control"], **ready["servers"]}.items()
        }

        def connect(name):
            address = ("127.0.0.1", ports[name])
            return stack.enter_context(socket.create_connection(address, timeout=20))

        def ask(sock, path, method="GET", host=f"127.0.0.1:{ports['control']}"):
            head = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n"
            sock.sendall(f"{head}Content-Type: application/json\r\n\r\n".encode())

        def answer(sock):
            return json.loads(sock.recv(65_536).partition(b"\r\n\r\n")[2] or sock.recv(65_536))

        kept_alive, half_a_body = connect("control"), connect("control")
        half_a_body.sendall(
            f"PUT /plan HTTP/1.1\r\nHost: 127.0.0.1:{ports['control']}\r\n"
            "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{".encode()
        )
        ask(kept_alive, "/reset", "POST")
        assert answer(kept_alive)["run"] == 2
        ask(connect("LOCAL"), "/flags/br/br.gif")
        under_way = 0
        while not under_way:
            ask(kept_alive, "/ledger")
            under_way = answer(kept_alive)["under_way"]
        started = time.monotonic()
        program.send_signal(signum)
        rest = program.communicate(timeout=20)
        assert time.monotonic() - started < 3  # one second, and what a busy machine needs
        assert rest == ("", "")
        assert program.returncode == 0
    for port in ports.values():
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(("127.0.0.1", port))
            sock.listen()
    assert [len(entries(tmp_path / name)) for name in ("journal.jsonl", "journal.2.jsonl")] == [
        2,
        3,
    ]
    _, entry, end = entries(tmp_path / "journal.2.jsonl")
    assert (entry["code"], entry["do"], entry["complete"]) == ("BR", "hang", False)
    assert end["end"] is True


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--control", "0"], "--control: a port from 1 to 65535 is needed, or the word auto"),
        (["--control", "65536"], "not '65536'"),
        (["--control", "8000,8001"], "not '8000,8001'"),
        (["--control", "٨٠٠٠"], "a port from 1 to 65535"),
        (["--control", "9" * 5000], "a port from 1 to 65535"),
        (["--control"], "--control"),
        (["--control", "8002"], "--control 8002 is a port of --ports: choose another"),
    ],
)
def test_a_bad_port_gets_one_clear_line(words, says, capsys):
    with pytest.raises(SystemExit, match="2"):
        cli.main(["serve", *words])
    captured = capsys.readouterr()
    assert captured.out == ""
    assert re.fullmatch(r"mockservers: .*\n", captured.err)
    assert says in captured.err


def test_a_control_port_in_use_is_named_and_the_journal_there_is_left_alone(tmp_path, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with pytest.raises(SystemExit, match="2"):
            cli.main(["serve", "--ports", "auto", "--control", port])
    assert capsys.readouterr() == (
        "",
        f"mockservers: --control: port {port} is in use: choose another port, or --control auto\n",
    )


def test_without_control_nothing_of_it_is_read(tmp_path):
    program = (
        "import sys, mockservers.cli.commands; print([m for m in sys.modules if 'aiohttp' in m])"
    )
    assert run("python", "-c", program, cwd=tmp_path).stdout == "[]\n"
