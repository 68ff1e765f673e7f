"""Many requests at once, under a plan of all kinds: each has its entry, and memory stays flat."""

import json
import os
import signal
import socket
import struct
from collections import Counter
from urllib.parse import urlsplit

import pytest
from support import TESTS
from support.commands import mockservers_run, run
from support.control_client import serving
from support.examples import SCALE, simplest

from mockservers.faults import KINDS
from mockservers.journal import RequestEntry
from mockservers.journal_json import read_journal
from mockservers.plan_json import fault_to_json

pytestmark = pytest.mark.slow
CLIENT = TESTS / "support/load_client.py"
NEEDS = {
    "status": {"status": [404, 418, 503]},
    "redirect": {"to": "/flags/br/br.gif"},
    "drip": {"bytes_per_s": 200_000},
    "hang": {"or_s": 0.2},
    "reset": {"after_bytes": 1000},
    "truncate": {"after_bytes": 1000},
    "serve": {"delay_s": {"uniform": [0, 0.2]}},
}


def test_every_request_has_its_entry_under_a_plan_of_all_kinds(tmp_path):
    # The thorough suite sends the 100,000 requests from 1,000 connections.
    connections, requests = (1000, 100_000) if SCALE > 1 else (100, 3000)
    # What is sent on a connection that `close_after` closes is not read.
    kinds = {do: kind for do, kind in KINDS.items() if do != "close_after"}
    needs = {do: fault_to_json(simplest(kind)) | NEEDS.get(do, {}) for do, kind in kinds.items()}
    mix = [{"weight": 100 / len(kinds), **reply} for reply in needs.values()]
    plan = {"plan": 1, "seed": 5, "mix": mix, "per_attempt": True, "ranges": True}
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    command = f"exec python {CLIENT} $FLAGS2_LOCAL_URL {connections} {requests}"
    options = ["--plan", "plan.json", "--journal", "journal.jsonl"]
    done, ledger = mockservers_run("sh", "-c", command, cwd=tmp_path, options=options, timeout=300)
    # It keeps nothing, ends with 0, and does not say where it would keep it.
    assert done.returncode == 1, done.stderr
    assert {one["word"] for one in ledger["imbalances"]} == {"lost"}
    said = json.loads(done.stdout.splitlines()[0])
    assert said["sent"] == requests

    entries = [e for e in read_journal(tmp_path / "journal.jsonl") if isinstance(e, RequestEntry)]
    assert [e.n for e in sorted(entries, key=lambda e: e.n)] == list(range(1, requests + 1))
    assert sum(row["requests"] for row in ledger["codes"].values()) == requests
    # `hang`, `garbage` and so on answer every code, the others those that have a flag.
    needed = {do for do, kind in kinds.items() if not kind.needs_ranges}
    assert set(Counter(entry.do for entry in entries)) == needed
    text = run("mockservers", "ledger", "journal.jsonl", cwd=tmp_path).stdout
    assert f"requests   {requests} for " in text
    growth_kb = said["late_kb"] - said["early_kb"]
    assert growth_kb < 20_000, f"{growth_kb} KB more than after a fifth of the requests"


@pytest.mark.skipif(os.name != "posix", reason="ends the servers by a signal")
def test_connections_in_sequence_leave_nothing(tmp_path):
    # The thorough suite makes a million of them, whose clients vanish in every phase.
    request = b"GET /flags/br/br.gif HTTP/1.1\r\nHost: x\r\n\r\n"
    with serving("--journal", "j.jsonl", cwd=tmp_path) as (program, ready):
        address = ("127.0.0.1", urlsplit(ready["servers"]["LOCAL"]).port)
        for n in range(1_000_000 if SCALE > 1 else 1000):
            with socket.create_connection(address) as sock:
                sock.sendall(request[: n % (len(request) + 1)])
                if n % 3 == 0:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        with socket.create_connection(address) as sock:
            sock.sendall(request)
            assert sock.recv(12) == b"HTTP/1.1 200"
        program.send_signal(signal.SIGINT)
        assert program.communicate(timeout=20)[1] == ""
    entries = list(read_journal(tmp_path / "j.jsonl"))[1:-1]
    assert sorted(Counter(entry.conn for entry in entries)) == list(range(1, n + 3))
