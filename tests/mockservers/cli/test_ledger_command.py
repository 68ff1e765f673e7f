"""`mockservers ledger`: the books of an earlier run, balanced again."""

import io
import json
import os
import re
import shutil
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.command_in_process import ended, own_signals
from support.commands import run
from support.examples import examples

from mockservers.cli import commands as cli
from mockservers.content.flag_images import flag
from mockservers.journal_json import read_journal
from mockservers.ledger import balance

PLAN = {
    "plan": 1,
    "rules": {
        "BR": [{"do": "status", "status": 503}],
        "CN": [{"do": "truncate", "after_bytes": 9}],
        "DE": [{"do": "reset"}],
        "FR": [{"do": "no_length"}],
    },
}
HEADER = {"journal": 1, "plans": {}, "command": None, "asked": None, "files_before": {}}
LIAR = """
echo 'LOCAL site: x'; echo 'Searching for 1 flag: US'; echo '1 concurrent connection will be used.'
mkdir downloads; echo 'not a flag' > downloads/us.gif
curl -sS -o /dev/null $FLAGS2_LOCAL_URL/us/us.gif
echo --------------------; echo '1 flag downloaded.'
"""


@pytest.fixture(scope="module", params=["flags2", "liar"])
def finished(request, tmp_path_factory):
    """A folder with what `mockservers run --journal` left there, and its lines of ledger."""
    if request.param == "liar" and (os.name != "posix" or not shutil.which("curl")):
        pytest.skip("the program that lies is a POSIX shell script that needs curl")
    folder = tmp_path_factory.mktemp("finished")
    (folder / "plan.json").write_text(json.dumps(PLAN))
    command = {
        "flags2": ["flags2-threadpool", "BR", "CN", "DE", "FR", "IT", "ZZ"],
        "liar": ["sh", "-c", LIAR, "US"],
    }[request.param]
    shown = io.TextIOWrapper(io.BytesIO(), write_through=True)
    options = ["--ports", "auto", "--plan", "plan.json", "--journal", "journal.jsonl"]
    with own_signals(), pytest.MonkeyPatch.context() as here:
        here.chdir(folder)
        here.setattr(sys, "stdout", shown)
        with pytest.raises(SystemExit) as end:
            cli.main(["run", *options, "--", *command])
    assert end.value.code == (1 if request.param == "liar" else 0)
    _, ledger, lines = shown.buffer.getvalue().decode().partition("ledger: ")
    return folder, ledger + lines


def ledger(capsys, *words):
    """Status, stdout and stderr of `mockservers ledger`, in this process."""
    return ended(capsys, "ledger", *words)


def test_the_verdict_is_that_of_the_run(finished, capsys, monkeypatch):
    folder, shown = finished
    monkeypatch.chdir(folder)
    status = int("NOT BALANCED" in shown)
    judged = balance(read_journal(Path("journal.jsonl"))).to_json()
    assert status == int(not judged["balanced"])
    for files in ([], ["--files", "downloads"]):
        assert ledger(capsys, "journal.jsonl", *files) == (status, shown, "")
        as_json = f"{json.dumps(judged)}\n"
        assert ledger(capsys, "journal.jsonl", *files, "--json") == (status, as_json, "")


@pytest.mark.parametrize("finished", ["flags2"], indirect=True)
def test_the_verdict_is_the_same_in_another_process(finished):
    folder, shown = finished
    done = run("mockservers", "ledger", "journal.jsonl", cwd=folder)
    assert (done.returncode, done.stdout, done.stderr) == (0, shown, "")


@pytest.mark.parametrize("finished", ["flags2"], indirect=True)
def test_files_are_judged_as_they_are_now_where_asked(finished, tmp_path, capsys):
    journal, files = finished[0] / "journal.jsonl", tmp_path / "files"
    shutil.copytree(finished[0] / "downloads", files)
    (files / "it.gif").write_bytes(flag("US"))
    for words in ([], ["corrupt"]):
        status, out, _ = ledger(capsys, journal, *(["--files", files] if words else []), "--json")
        assert status == len(words)
        assert [found["word"] for found in json.loads(out)["imbalances"]] == words
    (files / "it.gif").unlink()
    status, out, _ = ledger(capsys, journal, "--files", files)
    assert status == 1
    assert "  lost       IT: saw 200 with " in out


def test_a_journal_without_its_end_is_judged_and_that_is_noted(finished, tmp_path, capsys):
    lines = (finished[0] / "journal.jsonl").read_bytes().splitlines(keepends=True)
    cut = tmp_path / "cut.jsonl"
    cut.write_bytes(b"".join(lines[:-1]) + lines[-1][:-5])
    _, out, err = ledger(capsys, cut)
    assert "the journal has no end: the run was cut off, what was said is lost\n" in out
    assert f"  requests   {len(lines) - 2} for " in out
    assert err == ""


@examples(25)
@given(st.data())
def test_a_journal_cut_anywhere_gives_a_ledger_or_one_line(tmp_path_factory, data):
    folder = tmp_path_factory.getbasetemp()
    entry = {
        "type": "request", "n": 1, "conn": 1, "server": "LOCAL", "method": "GET",
        "path": "/flags/br/br.gif", "code": "BR", "attempt": 1, "do": "serve", "status": 404,
        "length": 0, "bytes_sent": 0, "complete": True, "client_gone": False, "sha256": None,
        "in_flight": 1,
    }  # fmt: skip
    lines = [json.dumps(line) + "\n" for line in (HEADER, entry, {"end": True})]
    stop = data.draw(st.integers(0, len("".join(lines))))
    path = folder / "cut anywhere.jsonl"
    path.write_text("".join(lines)[:stop])
    whole_lines = "".join(lines)[:stop].count("\n")
    with pytest.raises(SystemExit) as ended:
        cli.main(["ledger", str(path)])
    assert ended.value.code == (0 if whole_lines else 2)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "the journal is empty"),
        (b'{"journal": 1', "the journal is empty"),
        (flag("BR") + b"\n", "line 1 is not JSON"),
        (b"\xff\xfe\n", "line 1 is not JSON"),
        (b"\n", "line 1 is not JSON"),
        (b"[" * 100_000 + b"\n", ""),
        (
            b'{"journal": 1, "plans": ' + b"[" * 100_000 + b"]" * 100_000 + b"}\n",
            "line 1 is not JSON",
        ),
        (b"9" * 5000 + b"\n", "line 1 is not JSON"),
        (b"# Changelog\n", "line 1 is not JSON"),
        (b"[]\n", "line 1 is not the header of a journal"),
        (b'{"plan": 1}\n', "line 1 is not the header of a journal"),
        (b'{"journal": 2}\n', "line 1 is not the header of a journal"),
        (b'{"journal": 1}\nline\n', "line 2 is not JSON"),
        (b'{"journal": 1}\n1\n', "line 2 is not an entry"),
        (b'{"journal": 1}\n{"type": "request", "n": 1}\n', "line 2 is no request entry: 'conn'"),
        (b'{"journal": 1}\n{"type": "request", "n": "1"}\n', "line 2 is no request entry: 'n'"),
        (b'{"journal": 1}\n{"type": "gate"}\n', ""),
        (b'{"journal": 1}\n{"end": true, "asked": 5}\n', ""),
        (b'{"journal": 1}\n{"end": true, "claims": [1]}\n', ""),
        (b'{"journal": 1}\n{"end": true, "claims": {"fates": 3}}\n', ""),
        (b'{"journal": 1}\n{"end": true, "files_after": {"br.gif": 3}}\n', ""),
        (b'{"journal": 1, "asked": 3}\n', ""),
    ],
)
def test_what_is_no_journal_gets_one_line_that_names_it(content, says, tmp_path, capsys):
    path = tmp_path / "other.jsonl"
    path.write_bytes(content)
    status, out, err = ledger(capsys, path)
    assert (status, out) == (2, "")
    assert re.fullmatch(r"mockservers: .*\n", err)
    assert says in err
    assert err.count(str(path)) == 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nowhere.jsonl"], "cannot read the journal nowhere.jsonl: No such file"),
        (["."], "cannot read the journal .: "),
        (["nowhere.jsonl", "--files", "nowhere"], "--files nowhere is not a folder"),
        ([], "JOURNAL"),
    ],
)
def test_what_is_not_there_gets_one_line(words, says, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, out, err = ledger(capsys, *words)
    assert (status, out) == (2, "")
    assert re.fullmatch(r"mockservers: .*\n", err)
    assert says in err


def test_a_page_overwrites_neither_its_journal_nor_what_is_no_file(tmp_path, capsys):
    journal, pipe = tmp_path / "j.jsonl", tmp_path / "pipe"
    journal.write_text(json.dumps(HEADER) + "\n")
    os.mkfifo(pipe)
    for html in (journal, pipe):
        status, _, stderr = ledger(capsys, str(journal), "--html", str(html))
        assert (status, len(stderr.splitlines())) == (2, 1)
    assert json.loads(journal.read_text()) == HEADER
    assert pipe.is_fifo()
