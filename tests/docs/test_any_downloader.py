"""What docs/any-downloader.md shows, run."""

import json
import re
import shlex
import shutil

import pytest
from support import TOP
from support.commands import mockservers_run, run

pytestmark = pytest.mark.slow

PAGE = (TOP / "docs/any-downloader.md").read_text(encoding="utf-8")
_, _TABLE = PAGE.split("\n|---|---|---|---|---|\n")
ROWS = [row.strip("| ").split(" | ") for row in _TABLE.split("\n\n")[0].splitlines()]
BODY = bytes((n * 2654435761 >> 13) & 255 for n in range(300_000))


def served(folder, *replies):
    """A folder with the file, and the plan of it."""
    (folder / "site").mkdir()
    (folder / "site/a.bin").write_bytes(BODY)
    (folder / "out").mkdir()
    plan = {"plan": 1, "rules": {"/a.bin": list(replies)}}
    plan |= {"ranges": True} if any("version" in one for one in replies) else {}
    (folder / "plan.json").write_text(json.dumps(plan))
    return ["--root", "site", "--dest", "out", "--plan", "plan.json"]


def test_the_table_has_enough_rows():
    assert len(ROWS) >= 20


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[1][1:60]} {row[0][:40]}")
def test_a_row_is_what_happens(tmp_path, row):
    does, command, status, kept, verdict = row
    command = shlex.split(command[1:-1])
    if not shutil.which(command[0]):
        pytest.skip(f"{command[0]} is not installed")
    options = served(tmp_path, *map(json.loads, re.findall(r"`(.*?)`", does)))
    done, ledger = mockservers_run(*command, cwd=tmp_path, options=options)
    (resource,) = ledger["resources"].values()
    words = [one["word"] for one in ledger["imbalances"]]
    assert (resource["kept"], words) == (kept, [] if verdict == "balances" else [verdict])
    assert done.returncode == (int(status) or int(verdict != "balances"))


def test_the_first_five_minutes_are_what_is_shown(tmp_path):
    make, begin, shown = re.search(
        r"\n((?:    .+\n)+)\nRun a command.*?\n((?:    .+\n)+)\nIt ends.*?```\n(.*?)```", PAGE, re.S
    ).groups()
    script = f"{make}{begin.replace('mockservers run', 'mockservers run --ports auto')}"
    done = run("sh", "-c", script, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, shown)


def test_a_program_with_its_own_url_is_tried_through_a_proxy(tmp_path):
    (tmp_path / "site/data").mkdir(parents=True)
    (tmp_path / "site/data/x.zip").write_bytes(BODY)
    (tmp_path / "out").mkdir()
    line = re.search(r"    (mockservers run .* env http_proxy.*)\n", PAGE)[1]
    done = run("sh", "-c", line.replace("run", "run --ports auto", 1), cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert (tmp_path / "out/x.zip").read_bytes() == BODY
