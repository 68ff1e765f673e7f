"""Ctrl-C at every moment of the asyncio downloader."""

from collections import Counter
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.examples import SCALE, examples
from support.played_orders import Fate, order_of, play, play_double, whole
from support.virtual_loop import in_turn, joined, orders, virtual_time

from mockservers.faults import Reset, Serve
from mockservers.plan import Plan
from reference import flags2_asyncio, flags2_common


def play_joined(plan, codes, m, choose=in_turn, **how):
    """With the real client and the real servers; their ledger is the other result."""
    with virtual_time(choose) as runner, joined(runner, plan) as (servers, wire):
        run = play(runner, codes, m, servers.urls, **how)
        run.left += wire.open_ends
        runner.run(servers.settle())
        return run, runner.run(servers.ledger(stdout=run.stdout, asked=sorted(codes)))


# --- Ctrl-C at every moment ----------------------------------------------------------------


WORLDS = [
    {"BR": Fate("ok", 0.5), "CN": Fate("not_found", 0.5), "DE": Fate("error", 1), "FR": Fate("ok")},
    {"BR": Fate("error"), "CN": Fate("ok"), "ZZ": Fate("not_found")},
]

SHUFFLES = [in_turn, *range(2 * SCALE)]
"""Orders: that of asyncio, and some by chance."""


def check_interrupted(run, codes):
    """What was finished is reported, each code once and truly; files are those called ok.

    `codes` may have the fate of each.
    """
    claims = run.claims
    assert run.status == 130
    assert claims.totals is not None, "no report"
    assert sum(claims.totals.values()) == len(codes)
    assert run.stdout.splitlines()[-1] == f"{claims.totals['interrupted']} interrupted."
    lines = Counter(
        outcome for said in claims.outcomes.values() for outcome in Counter(said).elements()
    )
    if lines:
        assert all(sum(said.values()) == 1 for said in claims.outcomes.values())
        assert lines == +Counter(claims.totals) - Counter(interrupted=len(codes))
        assert run.files == whole(code for code, said in claims.outcomes.items() if said.get("ok"))
        if isinstance(codes, dict):
            assert all(said.get(codes[code].outcome) for code, said in claims.outcomes.items())
    assert len(run.files) == claims.totals["ok"]
    assert run.files.items() <= whole(codes).items()
    assert run.left == []


def interrupt_everywhere(world, m=2, shuffle=in_turn, **how):
    """Check a run for every moment at which Ctrl-C may come; tell how many these are."""
    moments = play_double(world, m, order_of(shuffle), **how)[0].moments
    for moment in range(moments):
        run, _ = play_double(world, m, order_of(shuffle), press=moment, **how)
        check_interrupted(run, world)
    return moments


@pytest.mark.parametrize("verbose", [True, False])
@pytest.mark.parametrize("shuffle", SHUFFLES)
@pytest.mark.parametrize("world", WORLDS)
def test_ctrl_c_at_any_moment_ends_with_a_true_report(world, shuffle, verbose, record_property):
    moments = interrupt_everywhere(world, shuffle=shuffle, verbose=verbose)
    assert moments > 15
    record_property("cases", moments)


@pytest.mark.parametrize("verbose", [True, False])
@pytest.mark.parametrize("world", WORLDS)
def test_ctrl_c_before_any_line_of_the_program_ends_with_a_true_report(
    world, verbose, record_property
):
    lines = interrupt_everywhere(world, verbose=verbose, lines=True)
    assert lines > 50
    record_property("cases", lines)


async def calls_what_did_not_start_an_error(session, cc, *args):
    try:
        return await DOWNLOAD_ONE(session, cc, *args)
    except flags2_common.NotStarted as exc:
        raise flags2_asyncio.FetchError(cc) from exc


DOWNLOAD_ONE = flags2_asyncio.download_one


def test_a_downloader_that_ctrl_c_breaks_is_found():
    twinned = mock.patch.object(flags2_asyncio, "download_one", calls_what_did_not_start_an_error)
    with twinned, pytest.raises(AssertionError):
        interrupt_everywhere(WORLDS[0])


# --- with the real client and the real servers --------------------------------------------


PLAN = Plan(
    rules={"BR": (Serve(delay_s=0.5),), "DE": (Reset(300),), "FR": (Serve(delay_s=2.0),)},
)
CODES = ("BR", "DE", "FR", "ZZ")


def test_ctrl_c_at_any_moment_of_client_and_server_leaves_a_balanced_ledger(record_property):
    moments = play_joined(PLAN, CODES, 2)[0].moments
    assert moments > 100
    record_property("cases", moments)
    for moment in range(moments):
        run, ledger = play_joined(PLAN, CODES, 2, press=moment)
        check_interrupted(run, CODES)
        assert ledger.balanced, ledger.imbalances


@examples(30)
@given(choose=orders(400), moment=st.integers(0, 120))
def test_ctrl_c_at_some_moment_in_any_order_leaves_a_balanced_ledger(choose, moment):
    run, ledger = play_joined(PLAN, CODES, 2, choose, press=moment)
    if moment < run.moments:
        check_interrupted(run, CODES)
    else:
        assert run.status == 0  # it had ended
    assert ledger.balanced, ledger.imbalances
