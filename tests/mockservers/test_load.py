"""Many requests at once, under a plan of all kinds: each has its entry, and memory stays flat."""

import json
import os
import signal
import socket
import struct
import subprocess
from collections import Counter
from urllib.parse import urlsplit

import pytest
from support import TESTS
from support.commands import command_line, environment, mockservers_run, run
from support.examples import SCALE, simplest

from mockservers.faults import KINDS
from mockservers.journal import RequestEntry
from mockservers.journal_json import read_journal
from mockservers.plan_json import fault_to_json

CLIENT = TESTS / "support/load_client.py"
FEW_FILES = 64
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
    weight = 100 / len(KINDS)
    needs = {do: fault_to_json(simplest(kind)) for do, kind in KINDS.items()}
    mix = [{"weight": weight, **needs[do], **NEEDS.get(do, {})} for do in KINDS]
    plan = {"plan": 1, "seed": 5, "mix": mix, "per_attempt": True}
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    command = f"exec python {CLIENT} $FLAGS2_LOCAL_URL {connections} {requests}"
    options = ["--plan", "plan.json", "--journal", "journal.jsonl"]
    done, ledger = mockservers_run("sh", "-c", command, cwd=tmp_path, options=options, timeout=300)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[0])
    assert said["sent"] == requests

    entries = [e for e in read_journal(tmp_path / "journal.jsonl") if isinstance(e, RequestEntry)]
    assert [e.n for e in sorted(entries, key=lambda e: e.n)] == list(range(1, requests + 1))
    assert sum(row["requests"] for row in ledger["codes"].values()) == requests
    # `hang`, `garbage` and so on answer every code, the others those that have a flag.
    assert set(Counter(entry.do for entry in entries)) == set(KINDS)
    text = run("mockservers", "ledger", "journal.jsonl", cwd=tmp_path).stdout
    assert f"requests   {requests} for 676 codes" in text
    growth_kb = said["late_kb"] - said["early_kb"]
    assert growth_kb < 20_000, f"{growth_kb} KB more than after a fifth of the requests"


# --- connections -------------------------------------------------------------------------


@pytest.fixture
def serving(tmp_path, request):
    """`mockservers serve` and its port of LOCAL; the test says whether files are few."""

    def few_files():
        import resource

        if request.param:
            resource.setrlimit(resource.RLIMIT_NOFILE, (FEW_FILES, FEW_FILES))

    program = subprocess.Popen(
        command_line("mockservers", "serve", "--ports", "auto", "--json", "--journal", "j.jsonl"),
        cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=few_files,
    )  # fmt: skip
    ready = json.loads(program.stdout.readline())
    yield program, urlsplit(ready["servers"]["LOCAL"]).port
    program.send_signal(signal.SIGINT)
    program.wait(timeout=20)


def status_of_a_get(sock):
    sock.sendall(b"GET /flags/br/br.gif HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    return sock.recv(12)


@pytest.mark.skipif(os.name != "posix", reason="a limit of open files is POSIX")
@pytest.mark.parametrize("serving", [True], indirect=True, ids=["few files"])
def test_without_room_for_a_connection_that_is_said_once_and_others_wait(serving):
    program, port = serving
    many = [socket.create_connection(("127.0.0.1", port)) for _ in range(2 * FEW_FILES)]
    said = program.stderr.readline()
    assert said.startswith("mockservers: no room for more connections: Too many open files")
    assert status_of_a_get(many[0]) == b"HTTP/1.1 200"
    for sock in many[:-1]:
        sock.close()
    many[-1].settimeout(20)
    assert status_of_a_get(many[-1]) == b"HTTP/1.1 200"  # accepted when there was room again
    many[-1].close()
    program.send_signal(signal.SIGINT)
    assert program.communicate(timeout=20)[1] == ""
    assert program.returncode == 0


@pytest.mark.skipif(os.name != "posix", reason="a limit of open files is POSIX")
@pytest.mark.parametrize("serving", [False], indirect=True, ids=["many files"])
def test_connections_in_sequence_leave_nothing(serving, tmp_path):
    # The thorough suite makes a million of them, whose clients vanish in every phase.
    program, port = serving
    request = b"GET /flags/br/br.gif HTTP/1.1\r\nHost: x\r\n\r\n"
    for n in range(1_000_000 if SCALE > 1 else 1000):
        with socket.create_connection(("127.0.0.1", port)) as sock:
            sock.sendall(request[: n % (len(request) + 1)])
            if n % 3 == 0:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with socket.create_connection(("127.0.0.1", port)) as sock:
        assert status_of_a_get(sock) == b"HTTP/1.1 200"
    program.send_signal(signal.SIGINT)
    assert program.communicate(timeout=20)[1] == ""
    entries = list(read_journal(tmp_path / "j.jsonl"))[1:-1]
    assert sorted(Counter(entry.conn for entry in entries)) == list(range(1, n + 3))
