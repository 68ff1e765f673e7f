"""The measure of the ledger: a large journal, judged in one pass by a process of its own."""

import json
import random
import subprocess
import sys
import time
from pathlib import Path

from bench.rig import Bench, Verdict

RESOURCES, ENTRIES = 100_000, 1_000_000
JUDGE = """
import resource, sys, time
from pathlib import Path
from mockservers.journal_json import read_journal
from mockservers.ledger import balance
from mockservers.ledger.text import ledger_text
began = time.perf_counter()
ledger = balance(read_journal(Path(sys.argv[1])))
ledger_text(ledger)
took_s = time.perf_counter() - began
print(took_s, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, len(ledger.rows))
"""


def measure_ledger(bench: Bench) -> list[Verdict]:
    """A journal of 1,000,000 entries for 100,000 resources, with as many files."""
    resources, entries = bench.number(RESOURCES, 5_000), bench.number(ENTRIES, 50_000)
    samples = []
    with bench.room() as room:
        journal = room / "journal.jsonl"
        _write(journal, resources, entries)
        for _ in range(bench.number(3, 1)):
            words = [sys.executable, "-c", JUDGE, str(journal)]
            done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603
            samples.append([float(word) for word in done.stdout.split()])
            assert samples[-1][2] == resources
            time.sleep(0.5)
    took_s, rss_mb, _ = sorted(samples)[len(samples) // 2]
    bench.figures["ledger"] = {"samples": samples}
    text = f"{took_s:.1f} s, {rss_mb:.0f} MB"
    return [Verdict("ledger", text, "30 s, 500 MB", took_s < 30 and rss_mb < 500)]


def _write(journal: Path, resources: int, entries: int) -> None:
    """Statuses are drawn; the last response of each resource is whole."""
    chance = random.Random(1)  # noqa: S311 - the same every time
    with journal.open("w", encoding="utf-8") as file:
        header = {"journal": 1, "command": ["x"], "dest": "out", "files_before": {}}
        file.write(json.dumps(header) + "\n")
        for n in range(entries):
            last = n >= entries - resources
            status = 200 if last else chance.choice([200, 200, 503, 404, 206])
            file.write(json.dumps(_entry(n, n % resources, status)) + "\n")
        files = {f"{r}.bin": {"size": 1000 + r, "sha256": f"{r:064x}"} for r in range(resources)}
        end = {"end": True, "status": 0, "claims": {"by": "exit"}, "files_after": files}
        file.write(json.dumps(end) + "\n")


def _entry(n: int, resource: int, status: int) -> dict[str, object]:
    size = 1000 + resource
    sent = size if status in (200, 206) else 0
    part = {"content_range": f"bytes 0-{size - 1}/{size}", "version": 1} if status == 206 else {}
    return {
        "type": "request", "n": n + 1, "conn": n % 64, "server": "LOCAL", "method": "GET",
        "path": f"/data/{resource}.bin", "code": None, "attempt": 1,
        "do": "status" if status == 503 else "serve", "status": status, "length": sent,
        "bytes_sent": sent, "complete": True, "client_gone": False,
        "sha256": f"{resource if status == 200 else n:064x}" if sent else None, "in_flight": 64,
        "delay_s": 0.0, "start_s": n / 1e4, "first_byte_s": n / 1e4, "end_s": n / 1e4,
    } | part  # fmt: skip
