"""The same fates in any order, from any program."""

import asyncio
import contextlib
import io
import json
import os
import random
import socket
import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from urllib.parse import urlsplit

from support import TOP
from support.command_in_process import get
from support.replayed import VECTORS, completed, laid_out

from mockservers.content.resources import FlagCatalogue
from mockservers.faults import Empty, Garbage, Lognormal, Reset, Serve, Status, Truncate, Uniform
from mockservers.flags2.codes import ALL_CODES, path_of_code
from mockservers.journal import NoJournal
from mockservers.plan import LABELS, Bucket, Plan
from mockservers.run_state import Run, ServerRun

# --- in any order, from any program ----------------------------------------------------


EVERY_DRAW = Plan(
    seed=20,
    mix=(
        Bucket(20, Status((501, 502, 503))),
        Bucket(20, Serve(delay_s=Uniform(0.0, 0.002))),
        Bucket(20, Status((404,), delay_s=Lognormal(0.0005, 1.0, 0.002))),
        Bucket(10, Garbage()),
        Bucket(10, Truncate(10)),
    ),
    rules={
        "BR": (Empty(), Reset(), Status((501, 502, 503)), Serve()),
        path_of_code("CN"): (Garbage(), Garbage(delay_s=Uniform(0.0, 0.001)), Serve()),
    },
    per_attempt=True,
)
"""Plan of a run in which all is drawn, anew for every attempt."""
ASKED = [code for code in ("BR", "CN", "US", "ZZ", *ALL_CODES[::40]) for _ in range(4)]
"""Codes to ask for, four times each."""


def fates_in_order(asked, label="ERROR", plan=EVERY_DRAW):
    """What each attempt meets when requests arrive in this order, as a server counts them."""
    server_run = ServerRun(label, plan, FlagCatalogue(), Run(NoJournal()))
    arrivals = [server_run.arrive("GET", path_of_code(code)) for code in asked]
    return {(arrived.code or arrived.path, arrived.attempt): arrived.fault for arrived in arrivals}


def test_a_hundred_orders_of_arrival_give_the_same_fates():
    fates = fates_in_order(ASKED)
    assert len(fates) == len(ASKED)
    for order in range(100):
        shuffled = random.Random(order).sample(ASKED, len(ASKED))
        assert fates_in_order(shuffled) == fates


def test_other_resources_that_are_asked_for_change_nothing():
    crowd = [code for pair in zip(ASKED, ALL_CODES, strict=False) for code in pair]
    assert fates_in_order(ASKED).items() <= fates_in_order(crowd + list(ALL_CODES)).items()


def test_labels_and_seeds_have_fates_of_their_own():
    other_seed = Plan(EVERY_DRAW.seed + 1, EVERY_DRAW.mix, per_attempt=True)
    same_seed = Plan(EVERY_DRAW.seed, EVERY_DRAW.mix, per_attempt=True)
    variants = [fates_in_order(ASKED, label, same_seed) for label in LABELS]
    variants.append(fates_in_order(ASKED, "ERROR", other_seed))
    for place, fates in enumerate(variants):
        for others in variants[:place]:
            differ = sum(fates[key] != others[key] for key in fates)
            assert differ > len(fates) / 2


def ask(url, code):
    """GET a flag on a connection of its own, whatever comes of it."""
    with contextlib.suppress(Exception):
        get(url, path_of_code(code))


async def ask_async(url, code):
    """The same on an event loop."""
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    with contextlib.suppress(ConnectionError):
        writer.write(b"GET %b HTTP/1.0\r\n\r\n" % path_of_code(code).encode())
        await reader.read()
    writer.transport.abort()


def seen(servers, run):
    """What a run in some order saw of each attempt."""
    entries = servers.begin_run({"ERROR": EVERY_DRAW})
    run(servers.urls["ERROR"])
    servers.settle()
    about = ("do", "status", "delay_s", "sha256")
    return {(e["code"], e["attempt"]): tuple(e[name] for name in about) for e in entries}


def test_one_by_one_from_threads_and_from_asyncio_the_fates_are_the_same(servers):
    def one_by_one(url):
        for code in ASKED:
            ask(url, code)

    def from_threads(url):
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(ask, [url] * len(ASKED), reversed(ASKED)))

    def from_asyncio(url):
        async def everything():
            await asyncio.gather(*(ask_async(url, code) for code in random.sample(ASKED, 84)))

        asyncio.run(everything())

    assert len(ASKED) == 84
    fates = seen(servers, one_by_one)
    assert len(fates) == len(ASKED)
    assert seen(servers, from_threads) == fates
    assert seen(servers, from_asyncio) == fates


CHILD = """
import hashlib, json, sys
sys.path.insert(0, sys.argv[1])
from mockservers.flags2.codes import ALL_CODES
from mockservers.faults import Garbage, Lognormal, Status, Uniform
from mockservers.plan import LABELS, Bucket, Plan, fate
from mockservers.plan_json import fault_to_json
replies = (
    Status((501, 502, 503)),
    Status((404,), delay_s=Uniform(0.0, 9.0)),
    Status((404,), delay_s=Lognormal(1.0, 1.0, 9.0)),
    Garbage(),
)
mix = tuple(Bucket(20, reply) for reply in replies)
plan = Plan(20, mix, {code: replies[::-1] for code in {"BR", "CN", "US"}}, per_attempt=True)
fates = [fate(plan, label, code, 2) for label in LABELS for code in ALL_CODES[::4]]
texts = [
    json.dumps({**fault_to_json(reply), "delay_s": f"{reply.delay_s:.6f}"})
    + getattr(reply, "noise", b"").hex()
    for reply in fates
]
print(len(texts), hashlib.sha256("".join(texts).encode()).hexdigest())
"""


def test_a_process_that_hashes_differently_gives_the_same_fates():
    hash_seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    done = subprocess.run(
        [sys.executable, "-c", CHILD, TOP],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("507 ")
    here = io.StringIO()
    with contextlib.redirect_stdout(here):
        exec(CHILD.replace("sys.path.insert", "# "), {})
    assert done.stdout == here.getvalue()


# --- attempts --------------------------------------------------------------------------


def test_attempts_are_counted_one_by_one_although_threads_ask_at_once(servers):
    statuses = range(500, 540)
    rule = tuple(Status((status,)) for status in statuses)
    servers.begin_run(Plan(rules={"BR": rule}))
    together = threading.Barrier(len(statuses))

    def status_of(label):
        address = urlsplit(servers.urls[label]).netloc
        with contextlib.closing(HTTPConnection(address, timeout=30)) as asking:
            asking.connect()
            together.wait(30)
            asking.request("GET", path_of_code("BR"))
            return asking.getresponse().status

    for label in ("LOCAL", "ERROR"):  # each server counts for itself
        with ThreadPoolExecutor(len(statuses)) as pool:
            met = list(pool.map(status_of, [label] * len(statuses)))
        assert Counter(met) == Counter(statuses)


def test_a_request_target_that_is_no_path_is_no_attempt(servers):
    entries = servers.begin_run(Plan(rules={"BR": (Status((501,)), Status((502,)))}))
    asking = socket.create_connection(("127.0.0.1", urlsplit(servers.urls["LOCAL"]).port), 30)
    with asking:
        asking.sendall(b"GET BR HTTP/1.1\r\nHost: x\r\n\r\n")
        assert asking.recv(12) == b"HTTP/1.1 400"
    ask(servers.urls["LOCAL"], "BR")
    servers.settle()
    assert [entry["status"] for entry in entries] == [400, 501]


if __name__ == "__main__":
    VECTORS.write_text(laid_out(completed(json.loads(VECTORS.read_text("utf-8")))), "utf-8")
