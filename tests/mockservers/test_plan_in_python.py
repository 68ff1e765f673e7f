"""Plans made in Python check themselves."""

import re

import pytest
from msgspec.structs import fields, replace
from support.examples import simplest
from support.rows import each

from mockservers.faults import (
    KINDS,
    BadRange,
    Drip,
    Redirect,
    Reset,
    Serve,
    Status,
    Truncate,
    Uniform,
)
from mockservers.kinds.base import OfResource
from mockservers.plan import Bucket, Gate, Plan, PlanError

BAD_VALUES = {
    "a code in lower case": (lambda: Plan(rules={"br": (Status(503),)}), "rules: 'br' is not"),
    "a code of three letters": (lambda: Plan(rules={"BRA": (Reset(),)}), "rules: 'BRA' is not"),
    "a path with a query": (lambda: Plan(rules={"/a?b": (Reset(),)}), "rules: '/a?b' is not"),
    "an empty rule": (lambda: Plan(rules={"BR": ()}), "rules.BR: 0 faults"),
    "a number for a fault": (lambda: Plan(rules={"BR": (503,)}), "rules.BR[0]: 503 is not"),
    "a class for a fault": (lambda: Plan(rules={"BR": (Reset,)}), "rules.BR[0]: <class"),
    "a fault of no kind": (lambda: Plan(rules={"BR": OfResource()}), "rules.BR[0]: OfResource("),
    "a version 0": (lambda: Serve(version=0), "version: 0 is not a whole number from 1 to 255"),
    "half a byte": (lambda: Serve(grow=1.5), "grow: 1.5 is not"),
    "a way to go wrong that there is not": (lambda: BadRange("x"), "how: 'x' is not one of"),
    "an ETag that there is not": (lambda: Plan(etag="x"), "etag: 'x' is not one of strong, weak"),
    "a list for rules": (lambda: Plan(rules=[Reset()]), "rules: [Reset("),
    "weights of 170 percent": (
        lambda: Plan(mix=(Bucket(80, Serve()), Bucket(90, Serve()))),
        "mix: the weights sum to 170",
    ),
    "no bucket": (lambda: Plan(mix=(Serve(),)), "mix[0]: Serve("),
    "a bucket of nothing": (lambda: Bucket(5, None), "fault: None is not"),
    "a weight below 0": (lambda: Bucket(-1, Serve()), "weight: -1 is not"),
    "a seed below 0": (lambda: Plan(seed=-1), "seed: -1 is not"),
    "a seed that is text": (lambda: Plan(seed="1"), "seed: '1' is not"),
    "a gate that is none": (lambda: Plan(gate=3), "gate: 3 is not"),
    "a gate of nobody": (lambda: Gate(0, 1.0), "hold_until_in_flight: 0 is not"),
    "a word for a flag": (lambda: Plan(refuse="yes"), "refuse: 'yes' is not"),
    "a delay below 0": (lambda: Serve(delay_s=-1), "delay_s: -1 is not"),
    "a delay that is text": (lambda: Serve(delay_s="1"), "delay_s: '1' is not"),
    "bounds in the wrong order": (lambda: Uniform(2, 1), "uniform: [2, 1]: the lower bound"),
    "a status of 200": (lambda: Status(200), "status: 200 is not"),
    "no status": (lambda: Status(()), "status: () is not"),
    "a Location": (lambda: Status(302, headers={"location": "/"}), "headers: 'location' is not"),
    "a header twice": (lambda: Status(503, headers=(("A", "b"), ("A", "c"))), "headers: 'A' is"),
    "a header in two lines": (lambda: Status(503, headers={"A": "b\nC: d"}), "headers.A: 'b"),
    "a target with a blank": (lambda: Redirect("/a b"), "to: '/a b' is not"),
    "bytes below 0": (lambda: Truncate(-1), "after_bytes: -1 is not"),
    "no rate": (lambda: Drip(0), "bytes_per_s: 0 is not"),
}


@each("name", BAD_VALUES)
def test_a_value_that_no_plan_in_json_could_have_is_refused_when_it_is_made(name):
    make, message = BAD_VALUES[name]
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        make()


def test_a_single_fault_means_a_list_of_one_and_an_integer_one_status():
    assert Plan(rules={"BR": Reset()}) == Plan(rules={"BR": (Reset(),)})
    assert Plan(rules={"BR": [Reset(), Serve()]}) == Plan(rules={"BR": (Reset(), Serve())})
    assert Plan(mix=Bucket(5, Serve())) == Plan(mix=(Bucket(5, Serve()),))
    assert Status(503) == Status((503,)) == Status([503])
    assert Status(503, headers={"A": "b"}) == Status(503, headers=(("A", "b"),))


@each("kind", KINDS.values())
def test_every_field_of_every_kind_is_checked(kind):
    good = simplest(kind)
    for field in fields(good):
        if field.name not in kind.drawn:
            with pytest.raises(PlanError, match=f"^{field.name}: "):
                replace(good, **{field.name: object()})
