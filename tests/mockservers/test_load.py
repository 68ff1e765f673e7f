"""Many requests at once, under a plan of all kinds: each has its entry, and memory stays flat."""

import json
from collections import Counter
from pathlib import Path

from commands import mockservers_run, run
from support import SCALE

from mockservers.faults import KINDS
from mockservers.journal import read_journal

CLIENT = Path(__file__).parents[1] / "load_client.py"
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
    mix = [{"weight": weight, "do": do, **NEEDS.get(do, {})} for do in KINDS]
    plan = {"plan": 1, "seed": 5, "mix": mix, "per_attempt": True}
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    command = f"exec python {CLIENT} $FLAGS2_LOCAL_URL {connections} {requests}"
    options = ["--plan", "plan.json", "--journal", "journal.jsonl"]
    done, ledger = mockservers_run("sh", "-c", command, cwd=tmp_path, options=options, timeout=300)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[0])
    assert said["sent"] == requests

    entries = [e for e in read_journal(tmp_path / "journal.jsonl") if e.get("type") == "request"]
    assert [e["n"] for e in sorted(entries, key=lambda e: e["n"])] == list(range(1, requests + 1))
    assert sum(row["requests"] for row in ledger["codes"].values()) == requests
    # `hang`, `garbage` and so on answer every code, the others those that have a flag.
    assert set(Counter(entry["do"] for entry in entries)) == set(KINDS)
    text = run("mockservers", "ledger", "journal.jsonl", cwd=tmp_path).stdout
    assert f"requests   {requests} for 676 codes" in text
    growth_kb = said["late_kb"] - said["early_kb"]
    assert growth_kb < 20_000, f"{growth_kb} KB more than after a fifth of the requests"
