"""Journals and ledgers through the control API."""

import asyncio
import hashlib
import json
import re
import threading
from pathlib import Path

import aiohttp
import aiohttp.web
import pytest
from support.command_in_process import ended
from support.control_client import FLAKY_BR, Driven, asynchronous
from support.rows import each

from mockservers.content.flag_images import flag
from mockservers.control import api as control
from mockservers.control.reported import end_as_reported
from mockservers.control.run_history import read_slice
from mockservers.journal_json import read_journal
from mockservers.kinds.body import Body
from mockservers.ledger import balance

# --- the journal ---------------------------------------------------------------------------


@asynchronous
async def test_pages_give_each_entry_exactly_once_while_traffic_goes_on(driven):
    codes = ["BR", "CN", "ZZ"] * 15
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
async def test_the_journal_does_not_wait_for_a_digest_and_the_ledger_does(driven, monkeypatch):
    go_on = threading.Event()
    monkeypatch.setattr("mockservers.kinds.body.DIGESTED_AT_ONCE", 1)
    monkeypatch.setattr(Body, "digested_later", lambda self: go_on.wait() and "it")
    try:
        await driven.fetch("BR")
        judged = asyncio.create_task(driven.get("/ledger"))
        while (page := await driven.get("/journal"))["under_way"]:
            pass
        assert (page["digests_due"], len(page["entries"])) == (1, 1)
        assert not judged.done()
    finally:
        go_on.set()
    assert "digests_due" not in await judged
    assert len((await driven.get("/journal"))["entries"]) == 2


@asynchronous
async def test_a_cursor_that_is_none_is_refused(driven):
    for query, says in [
        ("after=1-1", "no line of the journal starts at byte 1"),
        ("after=1-99999999999", "no line of the journal starts"),
        ("after=3-710", "'3-710' is no cursor that was given out here"),
        ("after=2-0", "no cursor"),
        ("after=-1", "no cursor"),
        ("after=", "no cursor"),
        ("after=%00", "no cursor"),
        ("after=1-%D9%A1", "no cursor"),
        ("after=1-" + "9" * 5000, "no cursor"),
        ("limit=0", "limit must be from 1 to 1000, not '0'"),
        ("limit=1001", "limit must be"),
        ("limit=all", "limit must be"),
        ("since=1", "'since' is none of the parameters"),
    ]:
        status, answer = await driven.ask("GET", f"/journal?{query}")
        assert (status, list(answer)) == (400, ["error"]), query
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
async def test_the_journal_of_each_run_is_judged_as_its_ledger_was(tmp_path, capsys):
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
    status, stdout, _ = ended(capsys, "ledger", file, "--json")
    assert (status, json.loads(stdout)) == (0, ledger)
    assert {path.name for path in tmp_path.iterdir()} == {
        "journal.jsonl", "journal.2.jsonl", "journal.3.jsonl", "journal.4.jsonl",
    }  # fmt: skip


FILE = {"size": 1, "sha256": "0" * 64}


def file_told(**fields):
    return json.dumps({"files": {"br.gif": FILE | fields}})


def test_the_largest_report_is_accepted():
    told = {"asked": ["BR"] * 676, "files": dict.fromkeys(map(str, range(10_000)), FILE)}
    assert len(end_as_reported(json.dumps(told)).files_after) == 10_000


@each(
    ("told", "says"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("9" * 5000, "not JSON"),
        ("[]", "the body: [] is not an object"),
        ('{"codes": []}', "'codes'"),
        (
            '{"asked": ["br"]}',
            "asked[0]: 'br' is not a code (AA to ZZ) or a path (/...)",
        ),
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
        (json.dumps({"asked": ["BR"] * 10_001}), "asked"),
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
