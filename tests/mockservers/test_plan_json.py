"""Plans as JSON: errors name file, place and value."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.examples import examples
from support.rows import each

from mockservers.plan import PlanError
from mockservers.plan_json import plan_from_json, plan_to_json

BAD_PLANS = [
    ("", "not a JSON plan"),
    ("[]", "the plan: [] is not an object"),
    ("{}", "the key 'plan' is missing"),
    ('{"plan": 2}', "plan: 2: the only version of the format is 1"),
    ('{"plan": 1, "sed": 1}', "the plan: unknown key 'sed'"),
    ('{"plan": 1, "seed": -1}', "seed: -1 is not an integer from 0 to"),
    ('{"plan": 1, "seed": 9007199254740992}', "seed: 9007199254740992 is not an integer from 0 to"),
    ('{"plan": 1, "seed": true}', "seed: True is not an integer"),
    ('{"plan": 1, "seed": NaN}', "NaN is not a JSON number"),
    ('{"plan": 1, "plan": 1}', "duplicate key 'plan'"),
    ('{"plan": 1, "mix": {}}', "mix: {} is not an array"),
    ('{"plan": 1, "mix": [{"do": "serve"}]}', "mix[0]: the key 'weight' is missing"),
    ('{"plan": 1, "mix": [{"weight": 1, "do": "explode"}]}', "mix[0].do: 'explode' is none of"),
    ('{"plan": 1, "mix": [{"weight": 1, "do": "serve", "x": 1}]}', "mix[0]: unknown key 'x'"),
    ('{"plan": 1, "mix": [{"weight": 60, "do": "empty"}, {"weight": 41, "do": "empty"}]}',
     "mix: the weights sum to 101, more than 100 percent"),
    ('{"plan": 1, "mix": [{"weight": 1, "do": "serve", "delay_s": -0.5}]}',
     "mix[0].delay_s: -0.5 is not a number of seconds from 0 to 3600"),
    ('{"plan": 1, "mix": [{"weight": 1, "do": "serve", "delay_s": 1e999}]}',
     "mix[0].delay_s: inf is not a number of seconds"),
    ('{"plan": 1, "mix": [{"weight": 1, "do": "status"}]}', "the key 'status' is missing"),
    ('{"plan": 1, "mix": [{"weight": 1, "do": "status", "status": 200}]}',
     "mix[0].status: 200 is not a status code from 201 to 999"),
    ('{"plan": 1, "mix": [{"weight": 1, "do": "status", "status": []}]}', "mix[0].status: []"),
    ('{"plan": 1, "mix": [{"weight": 1, "do": "status", "status": 503, "reason": "a\\r\\nb"}]}',
     "mix[0].reason: 'a\\r\\nb' is not printable ASCII"),
    ('{"plan": 1, "mix": [{"weight": 1, "do": "status", "status": 503, '
     '"headers": {"Content-Length": "9"}}]}', "'Content-Length' is not a header name"),
    ('{"plan": 1, "rules": {"br": [{"do": "empty"}]}}', "'br' is not a code (AA to ZZ) or a path"),
    ('{"plan": 1, "rules": {"/café.gif": [{"do": "empty"}]}}',
     "rules: '/café.gif' is never asked for: write '/caf%C3%A9.gif'"),
    ('{"plan": 1, "rules": {"/a b": [{"do": "empty"}]}}', "never asked for: write '/a%20b'"),
    ('{"plan": 1, "rules": {"/a#\\u007f": [{"do": "empty"}]}}', "asked for: write '/a%23%7F'"),
    ('{"plan": 1, "rules": {"/%61": [{"do": "empty"}], "/a": [{"do": "serve"}]}}',
     "rules: '/a' is there in another spelling, too"),
    ('{"plan": 1, "rules": {"BR": []}}', "rules.BR: 0 faults"),
    ('{"plan": 1, "rules": {"BR": [{"do": "reset", "after_bytes": 1.5}]}}',
     "rules.BR[0].after_bytes: 1.5 is not a number of bytes"),
    ('{"plan": 1, "gate": {"hold_until_in_flight": 0, "or_s": 1}}', "gate.hold_until_in_flight: 0"),
    ('{"plan": 1, "gate": {}}', "gate: the key 'hold_until_in_flight' is missing"),
    ('{"plan": 1, "rules": {"BR": [{"do": "serve", "delay_s": {"uniform": [2, 1]}}]}}',
     "rules.BR[0].delay_s.uniform: [2, 1]: the lower bound comes first"),
    ('{"plan": 1, "rules": {"BR": [{"do": "serve", "delay_s": {"uniform": [1]}}]}}',
     "rules.BR[0].delay_s: {'uniform': [1]} is neither a number nor"),
    ('{"plan": 1, "rules": {"BR": [{"do": "serve", "delay_s": {}}]}}', "rules.BR[0].delay_s: {}"),
    ('{"plan": 1, "rules": {"BR": [{"do": "serve", "delay_s": "1"}]}}',
     "rules.BR[0].delay_s: '1' is not a number of seconds"),
    ('{"plan": 1, "rules": {"BR": [{"do": "serve", "delay_s": {"lognormal": {"median": 1}}}]}}',
     "rules.BR[0].delay_s.lognormal: the key 'sigma' is missing"),
    ('{"plan": 1, "rules": {"BR": [{"do": "serve", "delay_s": {"lognormal": {"median": 1, "max": 2'
     ', "sigma": -0.5}}}]}}', "delay_s.lognormal.sigma: -0.5 is not a number from 0 to 10"),
    ('{"plan": 1, "rules": {"BR": [{"do": "serve", "delay_s": {"normal": 1}}]}}',
     "rules.BR[0].delay_s: {'normal': 1} is neither a number nor"),
    ('{"plan": 1, "rules": {"BR": [{"do": "drip"}]}}', "the key 'bytes_per_s' is missing"),
    ('{"plan": 1, "rules": {"BR": [{"do": "drip", "bytes_per_s": 0.5}]}}',
     "rules.BR[0].bytes_per_s: 0.5 is not a number of bytes per second"),
    ('{"plan": 1, "rules": {"BR": [{"do": "hang", "or_s": 3601}]}}',
     "rules.BR[0].or_s: 3601 is not a number of seconds from 0 to 3600"),
    ('{"plan": 1, "rules": {"BR": [{"do": "redirect"}]}}', "the key 'to' is missing"),
    ('{"plan": 1, "rules": {"BR": [{"do": "redirect", "to": "/a b"}]}}',
     "rules.BR[0].to: '/a b' is not a URL or a path"),
    ('{"plan": 1, "rules": {"BR": [{"do": "redirect", "to": "/a\\r\\nX: y"}]}}',
     "is not a URL or a path"),
    ('{"plan": 1, "mix": [{"weight": 1, "do": "status", "status": 302, "headers": {"location": "/"'
     "}}]}", "'location' is not a header name that leaves framing and redirects alone"),
    ('{"plan": 1, "mix": [{"weight": 1, "do": "status", "status": 302, "headers": {"URI": "/"}}]}',
     "'URI' is not a header name that leaves"),  # aiohttp takes it for a Location
    ('{"plan": 1, "rules": {"BR": [{"do": "garbage", "noise": "ab"}]}}',
     "rules.BR[0]: unknown key 'noise'"),
    ('{"plan": 1, "rules": {"BR": [{"do": "empty", "after_bytes": 1}]}}',
     "rules.BR[0]: unknown key 'after_bytes'"),
    ('{"plan": 1, "refuse": 1}', "refuse: 1 is not true or false"),
    ('{"plan": 1, "rules": {"BR": [{"do": "no_length", "after_bytes": null}]}}',
     "rules.BR[0].after_bytes: null"),
    ('{"plan": 1, "rules": {"BR": [{"do": "status", "status": 503, "headers": [["A", "b"]]}]}}',
     "rules.BR[0].headers: [['A', 'b']] is not an object"),
    ('{"plan": 1, "rules": {"BR": {"do": "serve"}}}', "rules.BR: {'do': 'serve'} is not an array"),
    ("[" * 100_000, "not a JSON plan"),
]  # fmt: skip


@each(("text", "message"), BAD_PLANS)
def test_a_bad_plan_is_refused_with_file_place_and_value(text, message):
    with pytest.raises(PlanError) as caught:
        plan_from_json(text, "file.json")
    assert str(caught.value).startswith("file.json: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["plan", "seed", "mix", "rules", "gate", "weight", "do", "status", "BR", "or_s"]
            ),
            inner | st.sampled_from([1, "serve", "status"]),
            max_size=5,
        )
    ),
    max_leaves=8,
)


@examples(120)
@given(st.text(max_size=30) | JSON.map(json.dumps))
@example('{"plan": 1, "mix": [{"weight": 1, "do": ["serve"]}]}')
@example('{"plan": 1, "rules": {"BR": [{"do": "status", "status": "503"}]}}')
def test_whatever_is_read_is_a_plan_or_one_line(text):
    try:
        plan = plan_from_json(text, "file.json")
    except PlanError as exc:
        assert len(str(exc).splitlines()) == 1  # noqa: PT017 - both ways out are fine
    else:
        assert plan_from_json(json.dumps(plan_to_json(plan))) == plan
