"""`mockservers ledger JOURNAL --entries`: a line per request."""

import json

import pytest
from support.command_in_process import ended

REQUEST = {
    "type": "request", "conn": 1, "server": "ERROR", "method": "GET", "code": None, "attempt": 1,
    "do": "serve", "status": 200, "length": 9, "bytes_sent": 9, "complete": True,
    "client_gone": False, "sha256": None, "in_flight": 1, "delay_s": 0, "start_s": 0.5,
    "first_byte_s": 0.5, "end_s": 0.75,
}  # fmt: skip
HEADER = {"journal": 1, "plans": {}, "command": None, "asked": None, "files_before": {}}


@pytest.fixture
def journal(tmp_path):
    lines = [
        HEADER,
        REQUEST | {"n": 1, "path": "/a.bin"},
        REQUEST | {"n": 2, "path": "/b.bin", "do": "status", "status": 503, "attempt": 2},
        REQUEST | {"n": 3, "path": "/flags/br/br.gif", "code": "BR", "do": "truncate",
                   "bytes_sent": 4},
        REQUEST | {"n": 4, "path": "/\x1b[2J", "do": "hang", "status": None, "length": None},
    ]  # fmt: skip
    file = tmp_path / "journal.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return file


def test_a_request_is_a_line(journal, capsys):
    status, stdout, _ = ended(capsys, "ledger", str(journal), "--entries")
    lines = stdout.splitlines()
    assert status == 0
    assert len(lines) == 6
    assert lines[1].split() == "1 0.500 0.250 ERROR 200 9 serve GET /a.bin".split()
    assert "4 of 9  truncate" in lines[3]
    assert "(attempt 2)" in lines[2]
    assert "\\x1b[2J" in lines[4]
    assert lines[-1] == "4 of 4 requests"


@pytest.mark.parametrize(
    ("options", "numbers"),
    [
        (["--code", "br"], [3]),
        (["--path", "/a.bin", "--path", "/b.bin"], [1, 2]),
        (["--status", "5xx", "--status", "none"], [2, 4]),
        (["--status", "200", "--path", "/a.bin"], [1]),
        (["--code", "ZZ"], []),
    ],
)
def test_options_choose_requests(options, numbers, journal, capsys):
    _, stdout, _ = ended(capsys, "ledger", str(journal), "--entries", *options)
    assert [int(line.split()[0]) for line in stdout.splitlines()[1:-1]] == numbers
    assert stdout.endswith(f"{len(numbers)} of 4 requests\n")


@pytest.mark.parametrize(
    "options", [["--code", "BR"], ["--entries", "--json"], ["--entries", "--status", "50"]]
)
def test_options_that_do_not_go_together_are_refused(options, journal, capsys):
    status, stdout, stderr = ended(capsys, "ledger", str(journal), *options)
    assert (status, stdout) == (2, "")
    assert len(stderr.splitlines()) == 1
