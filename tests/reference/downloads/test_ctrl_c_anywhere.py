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

THREE = {"BR": Fate("error"), "CN": Fate("ok"), "ZZ": Fate("not_found")}
FOUR = {
    "BR": Fate("ok", 0.5), "CN": Fate("not_found", 0.5), "DE": Fate("error", 1), "FR": Fate("ok"),
}  # fmt: skip


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


def interrupt_everywhere(codes, shuffle=in_turn, **how):
    """Check a run for every moment at which Ctrl-C may come; tell how many these are."""
    moments = play_double(codes, 2, order_of(shuffle), **how)[0].moments
    for moment in range(moments):
        run, _ = play_double(codes, 2, order_of(shuffle), press=moment, **how)
        check_interrupted(run, codes)
    return moments


@pytest.mark.parametrize("verbose", [True, False])
def test_ctrl_c_at_any_moment_ends_with_a_true_report(verbose, record_property):
    moments = interrupt_everywhere(FOUR, verbose=verbose)
    assert moments > 15
    record_property("cases", moments)


@pytest.mark.slow
@pytest.mark.parametrize("verbose", [True, False])
@pytest.mark.parametrize("shuffle", range(2 * SCALE))
@pytest.mark.parametrize("codes", [FOUR, THREE])
def test_ctrl_c_at_any_moment_in_an_order_by_chance_ends_with_a_true_report(
    codes, shuffle, verbose, record_property
):
    record_property("cases", interrupt_everywhere(codes, shuffle=shuffle, verbose=verbose))


async def calls_what_did_not_start_an_error(session, cc, *args):
    try:
        return await DOWNLOAD_ONE(session, cc, *args)
    except flags2_common.NotStarted as exc:
        raise flags2_asyncio.FetchError(cc) from exc


DOWNLOAD_ONE = flags2_asyncio.download_one


def test_a_downloader_that_ctrl_c_breaks_is_found():
    faulty = mock.patch.object(flags2_asyncio, "download_one", calls_what_did_not_start_an_error)
    with faulty, pytest.raises(AssertionError):
        interrupt_everywhere(FOUR)


# --- with the real client and the real servers --------------------------------------------


PLAN = Plan(rules={"BR": Serve(delay_s=0.5), "DE": Reset(300), "FR": Serve(delay_s=2.0)})
CODES = ("BR", "DE", "FR", "ZZ")


def play_joined(choose=in_turn, **how):
    """A run, and the ledger of the servers."""
    with virtual_time(choose) as runner, joined(runner, PLAN) as (servers, wire):
        run = play(runner, CODES, 2, servers.urls, **how)
        run.left += wire.open_ends
        runner.run(servers.settle())
        return run, runner.run(servers.ledger(stdout=run.stdout, asked=CODES))


@pytest.mark.slow
def test_ctrl_c_at_any_moment_of_client_and_server_leaves_a_balanced_ledger(record_property):
    moments = play_joined()[0].moments
    assert moments > 100
    record_property("cases", moments)
    for moment in range(moments):
        run, ledger = play_joined(press=moment)
        check_interrupted(run, CODES)
        assert ledger.balanced, ledger.imbalances


@examples(25)
@given(choose=orders(400), moment=st.integers(0, 120))
def test_ctrl_c_at_some_moment_in_any_order_leaves_a_balanced_ledger(choose, moment):
    run, ledger = play_joined(choose, press=moment)
    if moment < run.moments:
        check_interrupted(run, CODES)
    else:
        assert run.status == 0  # it had ended
    assert ledger.balanced, ledger.imbalances
