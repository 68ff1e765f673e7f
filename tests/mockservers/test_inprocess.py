"""The carriers without sockets do what the sockets do, and refuse what they cannot."""

import re

import pytest
from hypothesis import find, given
from hypothesis import strategies as st
from play import CARRIERS, DOWNLOADERS, play_in_process, play_sockets
from support import FOUND_IS_ENOUGH, examples

from mockservers.faults import Reset, Truncate
from mockservers.inprocess import CARRIED, CannotCarryError
from mockservers.plan import Bucket, Gate, Plan
from mockservers.strategies import STRATEGIES, code_lists, replies, sticky_plans


@pytest.mark.parametrize("downloader", DOWNLOADERS)
@examples(60)
@given(plan=sticky_plans(replies(*CARRIED)), codes=code_lists(), m=st.integers(1, 9))
def test_what_is_carried_in_process_is_what_sockets_carry(servers, downloader, plan, codes, m):
    arguments = ["-v", "-m", str(m), *codes]
    inside = play_in_process(downloader, plan, arguments)
    outside = play_sockets(servers, downloader, plan, arguments)
    assert inside.outcomes == outside.outcomes
    assert inside.files == outside.files
    assert inside.claims.totals == outside.claims.totals


@pytest.mark.parametrize("downloader", DOWNLOADERS)
@pytest.mark.parametrize(
    "plan",
    [
        Plan(mix=(Bucket(1, Truncate(1)),)),
        Plan(rules={"BR": (Reset(1),)}),
        Plan(gate=Gate(1, 1.0)),
        Plan(refuse=True),
        *(
            Plan(rules={"BR": (find(strategy(), lambda reply: True, settings=FOUND_IS_ENOUGH),)})
            for kind, strategy in STRATEGIES.items()
            if kind not in (*CARRIED, Reset)
        ),
    ],
)
def test_a_plan_that_needs_sockets_is_refused_by_name(downloader, plan):
    with (
        pytest.raises(CannotCarryError, match=re.escape("mockservers.running")),
        CARRIERS[downloader](plan, "ERROR", print),
    ):
        pass
