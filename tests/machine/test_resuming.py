"""What docs/resuming.md says of clients that resume, asked of those that are installed."""

import re
import shutil
import subprocess
import sys
import textwrap
from typing import get_args

import pytest
from support import TOP

from mockservers import running
from mockservers.faults import BadRange, Serve, Truncate, Unsatisfiable
from mockservers.kinds.ranges import How
from mockservers.plan import Plan

pytestmark = pytest.mark.slow

PAGE = (TOP / "docs/resuming.md").read_text(encoding="utf-8")
PROGRAM = textwrap.dedent(re.search(r"    import contextlib\n(?:    .*\n|\n)+", PAGE)[0])
_, _TABLE = PAGE.split("\n|---|---|---|---|---|\n")
ROWS = [row.strip("| ").split(" | ") for row in _TABLE.split("\n\n")[0].splitlines()]

BODY = bytes((n * 2654435761 >> 13) & 255 for n in range(8 << 20))
CHANGED = BODY.translate(bytes((byte + 1) % 256 for byte in range(256)))
FIRST = 3_000_000


def run(client, url, folder):
    """Run a client as its row says; its exit status."""
    if client.startswith("the Python program"):
        command = [sys.executable, "-c", PROGRAM, url, "file.bin"]
    else:
        command = re.search("`(.*)`", client)[1].replace("URL", url).split()
        if not shutil.which(command[0]):
            pytest.skip(f"{command[0]} is not installed")
    for _ in range(2 if client.endswith("run twice") else 1):
        ended = subprocess.run(command, cwd=folder, timeout=60, check=False, capture_output=True)
    return ended.returncode


@pytest.mark.parametrize("changed", [False, True])
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_client_resumes_as_the_page_says(tmp_path, row, changed):
    client, asks, gets, *ends = row
    plan = Plan(
        rules={"/file.bin": (Truncate(FIRST), Serve(version=2 if changed else 1))}, ranges=True
    )
    with running(plan, content={"/file.bin": BODY}, log_headers=True) as servers:
        url = f"{servers.urls['LOCAL'].removesuffix('/flags')}/file.bin"
        status = run(client, url, tmp_path)
        servers.settle()
        first, *then = (one for one in servers.entries if one["type"] == "request")
    assert (first["status"], first["bytes_sent"], "range" in first) == (200, FIRST, False)
    with_if_range = {"If-Range" in dict(one["headers"]) for one in then}
    assert with_if_range == {"If-Range" in asks}
    if "parts" in asks:
        assert {one["status"] for one in then} == {206}
        assert len({one["conn"] for one in then}) > 1
    else:
        assert [one["range"] for one in then] == [asks.split("`")[1]]
        if not (changed and with_if_range == {True}):
            assert [one["content_range"] for one in then] == [gets.strip("`")]
    kept = (tmp_path / "file.bin").read_bytes()
    words = {BODY: "whole", CHANGED: "new"}
    assert f"{words.get(kept, 'mixed')}, status {status}" == ends[changed]
    assert len(kept) == len(BODY)


@pytest.mark.parametrize("how", get_args(get_args(How)[0]))
def test_the_program_of_the_page_is_right_whatever_a_server_does_to_a_range(tmp_path, how):
    for n, after in enumerate(((BadRange(how), Serve()), (BadRange(how),), (Unsatisfiable(),))):
        plan = Plan(rules={"/file.bin": (Truncate(FIRST), *after)}, ranges=True)
        folder = tmp_path / str(n)
        folder.mkdir()
        with running(plan, content={"/file.bin": BODY}) as servers:
            url = f"{servers.urls['LOCAL'].removesuffix('/flags')}/file.bin"
            status = run("the Python program", url, folder)
        kept = [file.read_bytes() for file in folder.iterdir()]
        assert kept in (([BODY], [CHANGED]) if status == 0 else ([],))
        assert n or status == (how == "total")  # of a wrong total, it asks for what there is not
