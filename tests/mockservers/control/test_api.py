"""The control API: each call, runs that do not leak into one another, and who is kept out."""

import errno
import json
import re
import shlex
import shutil
import subprocess
import time

from support import TOP
from support.command_in_process import posix
from support.control_client import FLAKY_BR, Driven, asynchronous, entries, serving

from mockservers.faults import Hang
from mockservers.plan import Plan
from mockservers.plan_json import plan_to_json


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
        ("GET", "/ledger"), ("POST", "/ledger"), ("POST", "/reset"), ("PUT", "/content"),
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
async def test_a_reset_is_answered_when_all_earlier_journals_are_whole(tmp_path):
    async with Driven(tmp_path, tmp_path / "j") as driven:
        runs, writers = [driven.runs.current], []
        for n in range(1, 4):
            writers.append((await driven.begin_request())[1])
            assert (await driven.put({"plan": 1}))["run"] == n + 1
            runs.append(driven.runs.current)
        assert [run.over.is_set() for run in runs] == [False] * 4
        await driven.ask("POST", "/reset")
        assert [run.over.is_set() for run in runs] == [True] * 4
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
async def test_a_call_without_a_body_needs_no_type(driven):
    url = f"{driven.url}/reset"
    async with driven.session.post(url, skip_auto_headers=["Content-Type"]) as answer:
        assert (answer.status, await answer.json()) == (200, {"run": 2})


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
