"""The draw and the fates again, from SPEC.md alone; the vectors."""

import json
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.examples import examples
from support.faults import fate_of
from support.replayed import (
    VECTORS,
    completed,
    fate_by_the_spec,
    laid_out,
    noise_by_the_spec,
    u_by_the_spec,
)

from mockservers.faults import Garbage
from mockservers.kinds.chance import Chance, bytes_of, places_in
from mockservers.plan import LABELS, Bucket, Plan, draw, noise
from mockservers.plan_json import fault_to_json, plan_from_json, plan_to_json
from mockservers.strategies import codes, plans, range_plans, seeds

MICROSECOND = 1e-6
RESOURCES = codes() | st.sampled_from(["/a/b.txt", "/flags/é.gif", "/a%20b", "*"])
ATTEMPTS = st.integers(1, 9)
PURPOSES = st.sampled_from(["bucket", "status", "delay", "bytes"])


# --- the draw again, from SPEC.md ------------------------------------------------------


def same(one, other):
    """Whether two replies are the same, their delays to the microsecond."""
    one, other = dict(one), dict(other)
    apart = abs(one.pop("delay_s", 0) - other.pop("delay_s", 0))
    return one == other and apart <= MICROSECOND


@examples(300)
@given(seeds(), st.sampled_from(LABELS), RESOURCES, st.integers(0, 9), PURPOSES)
def test_the_draw_is_the_formula_of_the_spec(seed, label, resource, attempt, purpose):
    u = draw(seed, label, resource, attempt, purpose)
    assert u == u_by_the_spec(f"v1|{seed}|{label}|{resource}|{attempt}|{purpose}")
    assert 0 <= u < 1


@examples(60)
@given(plans() | range_plans(), st.sampled_from(LABELS), RESOURCES, ATTEMPTS)
def test_a_fate_is_what_the_spec_says(plan, label, resource, attempt):
    expected = fate_by_the_spec(plan_to_json(plan), label, resource, attempt)
    assert same(fault_to_json(fate_of(plan, label, resource, attempt)), expected)


@examples(60)
@given(seeds(), st.sampled_from(LABELS), RESOURCES, ATTEMPTS, st.booleans())
def test_noise_is_what_the_spec_says(seed, label, resource, attempt, per_attempt):
    expected = noise_by_the_spec(seed, label, resource, attempt)
    assert noise(seed, label, resource, attempt) == expected
    assert len(expected) == 256
    plan = Plan(seed, (Bucket(100, Garbage()),), per_attempt=per_attempt)
    drawn = noise_by_the_spec(seed, label, resource, attempt if per_attempt else 0)
    assert fate_of(plan, label, resource, attempt).noise == drawn


# --- the vectors -----------------------------------------------------------------------


def test_the_vectors_are_what_the_spec_says():
    text = VECTORS.read_text(encoding="utf-8")
    vectors, fresh = json.loads(text), completed(json.loads(text))
    assert vectors["vectors"] == 1
    for name in ("draw", "noise", "bytes", "places"):
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
    for vector in vectors["bytes"]:
        assert bytes_of(text_of(vector, "bytes"), vector["length"]).hex() == vector["hex"]
    for vector in vectors["places"]:
        drawn = places_in(text_of(vector, "places"), vector["count"], vector["length"])
        assert list(drawn) == vector["places"]
    for vector in vectors["fates"]:
        plan = plan_from_json(json.dumps(vector["plan"]))
        reply = fate_of(plan, vector["label"], vector["resource"], vector["attempt"])
        assert same(fault_to_json(reply), vector["reply"]), vector


def text_of(vector, purpose):
    asked = (vector[key] for key in ("seed", "label", "resource", "attempt"))
    return Chance(*asked).text(purpose)


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
