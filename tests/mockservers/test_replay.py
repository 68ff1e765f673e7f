"""A fate is a function of seed, label, resource and attempt: in any order, program, language.

The draw stands here a second time, written from SPEC.md alone, plan and reply as plain JSON;
`tests/vectors/draw.json` is made by it: after a change of what is asked there, run
`PYTHONPATH=tests python tests/mockservers/test_replay.py`.
"""

import asyncio
import hashlib
import json
import math
import os
import random
import re
import socket
import subprocess
import sys
import threading
from bisect import bisect_right
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from itertools import accumulate
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import examples, fate_of

from mockservers.content.resources import FlagCatalogue
from mockservers.faults import Empty, Garbage, Lognormal, Reset, Serve, Status, Truncate, Uniform
from mockservers.flags2.codes import ALL_CODES, path_of_code
from mockservers.journal import NoJournal
from mockservers.plan import LABELS, Bucket, Plan, draw, noise
from mockservers.plan_json import fault_to_json, plan_from_json, plan_to_json
from mockservers.run_state import Run, ServerRun
from mockservers.strategies import codes, plans, seeds

TOP = Path(__file__).parents[2]
VECTORS = TOP / "tests/vectors/draw.json"
MICROSECOND = 1e-6

RESOURCES = codes() | st.sampled_from(["/a/b.txt", "/flags/é.gif", "/a%20b", "*"])
ATTEMPTS = st.integers(1, 9)
PURPOSES = st.sampled_from(["bucket", "status", "delay", "bytes"])


# --- the draw again, from SPEC.md ------------------------------------------------------


def u_by_the_spec(text):
    return int(hashlib.sha256(text.encode()).hexdigest()[:16], 16) // 2**11 / 2**53


def noise_by_the_spec(seed, label, resource, attempt):
    text = f"v1|{seed}|{label}|{resource}|{attempt}|bytes"
    blocks = [hashlib.sha256(f"{text}|{k}".encode()).hexdigest() for k in range(8)]
    drawn = bytearray.fromhex("".join(blocks))
    drawn[0] = drawn[0] % 128 + 128
    return bytes(drawn)


def normal_quantile(u):
    """The z below which a normal variable stays with probability `u`, by bisection."""
    if u > 0.5:
        return -normal_quantile(1 - u)
    low, high = -40.0, 0.0
    while low < (middle := (low + high) / 2) < high:
        if math.erfc(-middle / math.sqrt(2)) / 2 < u:
            low = middle
        else:
            high = middle
    return high


def fate_by_the_spec(plan, label, resource, attempt):
    """The reply, resolved, as JSON, without what is left to its default."""
    drawn_attempt = attempt if plan.get("per_attempt") else 0

    def u(purpose):
        return u_by_the_spec(f"v1|{plan['seed']}|{label}|{resource}|{drawn_attempt}|{purpose}")

    keys = [resource]
    if re.fullmatch("[A-Z][A-Z]", resource):
        keys.insert(0, "/flags/{0}/{0}.gif".format(resource.lower()))
    rules = [plan["rules"][key] for key in keys if key in plan.get("rules", {})]
    if rules:
        reply = (rules[0] + rules[0][-1:] * attempt)[attempt - 1]
    else:
        mix = [*plan.get("mix", []), {"weight": 101, "do": "serve"}]
        sums = list(accumulate(bucket["weight"] for bucket in mix))
        reply = mix[bisect_right(sums, 100 * u("bucket"))]
    reply = {key: value for key, value in reply.items() if key != "weight"}
    if isinstance(reply.get("status"), list):
        reply["status"] = reply["status"][int(len(reply["status"]) * u("status"))]
    match reply.get("delay_s"):
        case {"uniform": [a, b]}:
            reply["delay_s"] = a + (b - a) * u("delay")
        case {"lognormal": {"median": median, "sigma": sigma, "max": most}}:
            z = normal_quantile(u("delay"))
            reply["delay_s"] = min(most, median * math.exp(sigma * z))
    return reply


def same(one, other):
    """Whether two replies are the same, their delays to the microsecond."""
    one, other = dict(one), dict(other)
    apart = abs(one.pop("delay_s", 0) - other.pop("delay_s", 0))
    return one == other and apart <= MICROSECOND


@examples(400)
@given(seeds(), st.sampled_from(LABELS), RESOURCES, st.integers(0, 9), PURPOSES)
def test_the_draw_is_the_formula_of_the_spec(seed, label, resource, attempt, purpose):
    u = draw(seed, label, resource, attempt, purpose)
    assert u == u_by_the_spec(f"v1|{seed}|{label}|{resource}|{attempt}|{purpose}")
    assert 0 <= u < 1


@examples(100)
@given(plans(), st.sampled_from(LABELS), RESOURCES, ATTEMPTS)
def test_a_fate_is_what_the_spec_says(plan, label, resource, attempt):
    expected = fate_by_the_spec(plan_to_json(plan), label, resource, attempt)
    assert same(fault_to_json(fate_of(plan, label, resource, attempt)), expected)


@examples(100)
@given(seeds(), st.sampled_from(LABELS), RESOURCES, ATTEMPTS, st.booleans())
def test_noise_is_what_the_spec_says(seed, label, resource, attempt, per_attempt):
    expected = noise_by_the_spec(seed, label, resource, attempt)
    assert noise(seed, label, resource, attempt) == expected
    assert len(expected) == 256
    plan = Plan(seed, (Bucket(100, Garbage()),), per_attempt=per_attempt)
    drawn = noise_by_the_spec(seed, label, resource, attempt if per_attempt else 0)
    assert fate_of(plan, label, resource, attempt).noise == drawn


# --- the vectors -----------------------------------------------------------------------


def completed(vectors):
    """The vectors with their answers, whatever answers stood there."""
    for vector in vectors["draw"]:
        vector["u"] = u_by_the_spec(vector["text"])
    for vector in vectors["noise"]:
        asked = (vector[key] for key in ("seed", "label", "resource", "attempt"))
        vector["hex"] = noise_by_the_spec(*asked).hex()
    for vector in vectors["fates"]:
        asked = (vector[key] for key in ("plan", "label", "resource", "attempt"))
        vector["reply"] = fate_by_the_spec(*asked)
    return vectors


def laid_out(vectors):
    """The text of the vectors: one a line."""
    lists = (
        f'"{name}": [\n'
        + ",\n".join(json.dumps(vector, ensure_ascii=False) for vector in vectors[name])
        + "\n]"
        for name in ("draw", "noise", "fates")
    )
    return '{"vectors": 1,\n' + ",\n".join(lists) + "}\n"


def test_the_vectors_are_what_the_spec_says():
    text = VECTORS.read_text(encoding="utf-8")
    vectors, fresh = json.loads(text), completed(json.loads(text))
    assert vectors["vectors"] == 1
    for name in ("draw", "noise"):
        assert vectors[name] == fresh[name]
    for vector, again in zip(vectors["fates"], fresh["fates"], strict=True):
        assert same(vector["reply"], again["reply"]), vector
    assert text == laid_out(vectors)


def test_the_vectors_are_what_the_servers_do():
    vectors = json.loads(VECTORS.read_text(encoding="utf-8"))
    for vector in vectors["draw"]:
        version, seed, label, rest = vector["text"].split("|", 3)
        resource, attempt, purpose = rest.rsplit("|", 2)
        assert version == "v1"
        assert draw(int(seed), label, resource, int(attempt), purpose) == vector["u"]
    for vector in vectors["noise"]:
        drawn = noise(vector["seed"], vector["label"], vector["resource"], vector["attempt"])
        assert drawn.hex() == vector["hex"]
    for vector in vectors["fates"]:
        plan = plan_from_json(json.dumps(vector["plan"]))
        reply = fate_of(plan, vector["label"], vector["resource"], vector["attempt"])
        assert same(fault_to_json(reply), vector["reply"]), vector


def node_can_run():
    try:
        return subprocess.run(["node", "--version"], capture_output=True).returncode == 0
    except OSError:
        return False


def check_in_node(path):
    return subprocess.run(
        ["node", VECTORS.with_name("check_draw.mjs"), path], capture_output=True, text=True
    )


@pytest.mark.skipif(not node_can_run(), reason="there is no node to run JavaScript")
def test_a_program_in_another_language_agrees_and_a_wrong_vector_is_caught(tmp_path):
    right = check_in_node(VECTORS)
    assert (right.returncode, right.stderr) == (0, "")
    assert len(right.stdout.splitlines()) == 1
    spoilt = json.loads(VECTORS.read_text(encoding="utf-8"))
    late = next(v for v in spoilt["fates"] if "delay_s" in v["reply"])
    late["reply"]["delay_s"] += 3 * MICROSECOND
    wrong = tmp_path / "wrong.json"
    wrong.write_text(json.dumps(spoilt), encoding="utf-8")
    assert check_in_node(wrong).returncode == 1


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
    return {(arrived.name, arrived.attempt): arrived.fault for arrived in arrivals}


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
    with closing(HTTPConnection(urlsplit(url).netloc, timeout=30)) as connection:
        try:
            connection.request("GET", path_of_code(code))
            connection.getresponse().read()
        except Exception:
            return


async def ask_async(url, code):
    """The same on an event loop."""
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        writer.write(b"GET %b HTTP/1.0\r\n\r\n" % path_of_code(code).encode())
        await reader.read()
    except ConnectionError:
        return
    finally:
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
fates = [fate(plan, label, code, 2) for label in LABELS for code in ALL_CODES]
texts = [
    json.dumps({**fault_to_json(reply), "delay_s": f"{reply.delay_s:.6f}"})
    + getattr(reply, "noise", b"").hex()
    for reply in fates
]
print(len(texts), hashlib.sha256("".join(texts).encode()).hexdigest())
"""


def fates_of_another_process(python, hash_seed):
    done = subprocess.run(
        [python, "-c", CHILD, TOP],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_processes_that_hash_differently_give_the_same_fates():
    first = fates_of_another_process(sys.executable, "1")
    assert first.startswith("2028 ")
    assert fates_of_another_process(sys.executable, "2") == first


# --- attempts --------------------------------------------------------------------------


def test_attempts_are_counted_one_by_one_although_threads_ask_at_once(servers):
    statuses = range(500, 540)
    rule = tuple(Status((status,)) for status in statuses)
    servers.begin_run(Plan(rules={"BR": rule}))
    together = threading.Barrier(len(statuses))

    def status_of(label):
        with closing(HTTPConnection(urlsplit(servers.urls[label]).netloc, timeout=30)) as asking:
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
