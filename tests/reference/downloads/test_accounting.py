"""Every download is accounted for, always."""

import hashlib
from collections import Counter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.downloaders import DOWNLOADERS, play_in_process, play_sockets
from support.examples import examples

from mockservers.content.flag_images import flag
from mockservers.content.resources import FlagCatalogue, info_in
from mockservers.faults import Empty, Redirect, RedirectLoop, Reset, Serve, Status
from mockservers.flags2.codes import ALL_CODES, path_of_code
from mockservers.inprocess import CARRIED
from mockservers.plan import Bucket, Gate, Plan
from mockservers.predict import predict
from mockservers.strategies import CLEAR, code_lists, plans, replies, sticky_plans
from reference import flags2_asyncio, flags2_threadpool
from reference.flags2_common import HTTPStatus

FIND = info_in(FlagCatalogue())
NOTHING = hashlib.sha256(b"").hexdigest()

limits = st.integers(1, 8)


def check_accounts(run, codes):
    """The claim of this file, for one run."""
    said = run.claims
    assert said.totals is not None, "no final report"
    assert sum(said.totals.values()) == len(codes), "ok + not found + error = asked"
    assert run.ledger.balanced, run.ledger.imbalances
    if said.outcomes:
        assert set(said.outcomes) == set(codes), "each code has a line"
        assert all(sum(counted.values()) == 1 for counted in said.outcomes.values()), "and only one"
    saved = said.totals["ok"]
    assert len(run.files) == saved
    for name, content in run.files.items():
        finals = run.ledger.rows[name[:2].upper()].finals
        digest = hashlib.sha256(content).hexdigest()
        assert digest in {final.sha256 or NOTHING for final in finals}, "the bytes served"
        if {final.do for final in finals} == {"serve"}:
            assert content in {flag(final.code) for final in finals}, "the flag itself"


@examples(25)
@given(
    plan=plans(replies(*CARRIED)),
    codes=code_lists(max_size=8),
    data=st.data(),
    m=limits,
    v=st.booleans(),
)
def test_every_code_gets_exactly_one_fate_in_process_and_in_any_order(plan, codes, data, m, v):
    ledgers = []
    for downloader in DOWNLOADERS:
        shuffled = data.draw(st.permutations(codes))
        run = play_in_process(downloader, plan, ["-m", str(m), *shuffled, *["-v"] * v])
        check_accounts(run, codes)
        ledgers.append(run.ledger.to_json())
    assert ledgers[0] == ledgers[1]


@examples(25)
@given(plan=plans(replies(silence_s=0.01)), codes=code_lists(max_size=5), m=limits)
@example(  # aiohttp asks again, once, after a connection that ended before the reply's head
    plan=Plan(rules={"BR": (Empty(), Serve())}), codes=["BR"], m=1
)
@example(plan=Plan(rules={"BR": (Reset(1), Reset(2), Serve())}), codes=["BR"], m=1)
@example(  # two go round at FI until they give up; the third is served there in the end
    plan=Plan(
        seed=11719001,
        mix=(Bucket(85, Redirect(path_of_code("FI"))), Bucket(6, Redirect(path_of_code("AD")))),
        per_attempt=True,
    ),
    codes=["AD", "AE", "AF"],
    m=1,
)
@example(  # others have been at GD before, and made so many attempts there that it is served
    plan=Plan(
        seed=862,
        mix=(Bucket(10, Redirect(path_of_code("GD"))), Bucket(88, RedirectLoop())),
        per_attempt=True,
    ),
    codes=["AD", "AE", "AF", "AG"],
    m=1,
)
def test_every_code_gets_exactly_one_fate_on_sockets(servers, plan, codes, m):
    """A prediction says otherwise only where clients differ."""
    predicted = predict(plan, "ERROR", codes, FIND)
    for downloader in DOWNLOADERS:
        run = play_sockets(servers, downloader, plan, ["-v", "-m", str(m), *codes])
        check_accounts(run, codes)
        assert run.ledger.most_in_flight <= min(m, len(codes))
        for code, forecast in predicted.items():
            assert forecast.outcome in (run.outcomes[code], "depends")


@examples(25)
@given(
    plan=sticky_plans(replies(*CLEAR, silence_s=0.01)),
    codes=code_lists(max_size=5),
    m=limits,
    n=limits,
)
def test_what_is_predicted_is_what_both_downloaders_do(servers, plan, codes, m, n):
    predicted = predict(plan, "ERROR", codes, FIND)
    threads, tasks = (
        play_sockets(servers, downloader, plan, ["-v", "-m", str(limit), *codes])
        for downloader, limit in zip(DOWNLOADERS, (m, n), strict=True)
    )
    assert threads.files == tasks.files
    for run in (threads, tasks):
        assert run.outcomes == {code: forecast.outcome for code, forecast in predicted.items()}
        asked = [entry for entry in run.entries if entry["code"] in codes]  # not led to
        met = {entry["code"]: (entry["do"], entry["status"]) for entry in asked}
        assert met == {code: (forecast.do, forecast.status) for code, forecast in predicted.items()}


@examples(25)
@given(
    downloader=st.sampled_from(DOWNLOADERS),
    n=st.integers(1, 12),
    m=st.integers(1, 14),
    extra=st.integers(0, 3),
)
@example(downloader=flags2_threadpool, n=3, m=3, extra=1)
@example(downloader=flags2_asyncio, n=3, m=2, extra=0)
def test_a_gate_is_filled_exactly_to_the_limit(servers, downloader, n, m, extra):
    together = min(m, n)
    plan, asked = Plan(gate=Gate(together, or_s=30.0)), str(m + extra * (m >= n))
    run = play_sockets(servers, downloader, plan, ["-e", "-l", str(n), "-m", asked])
    check_accounts(run, ALL_CODES[:n])
    gate = next(entry for entry in run.entries if entry["type"] == "gate")
    assert gate["filled"]
    assert gate["held"] == together
    assert run.ledger.most_in_flight == together


@pytest.mark.parametrize("downloader", DOWNLOADERS)
def test_more_connections_than_a_client_pool_holds_by_itself(servers, downloader):
    mix = (Bucket(10, Status((503,))), Bucket(10, Empty()), Bucket(10, Reset(300)))
    plan = Plan(mix=mix, gate=Gate(103, or_s=30.0))
    run = play_sockets(servers, downloader, plan, ["-e", "-l", "106", "-m", "103"])
    check_accounts(run, ALL_CODES[:106])
    assert run.ledger.most_in_flight == 103


@pytest.mark.parametrize("downloader", DOWNLOADERS)
def test_a_refused_connection_is_an_error_of_its_code(servers, downloader):
    run = play_sockets(servers, downloader, Plan(refuse=True), ["-v", "BR", "CN", "-m", "2"])
    check_accounts(run, ["BR", "CN"])
    assert run.outcomes == {"BR": "error", "CN": "error"}
    assert run.entries == []
    assert play_sockets(servers, downloader, Plan(), ["BR"]).claims.totals["ok"] == 1


def test_what_aiohttp_sends_again_by_itself_is_recovered_and_no_duplicate(servers):
    plan = Plan(rules={"BR": (Empty(), Serve())})
    tasks = play_sockets(servers, flags2_asyncio, plan, ["-v", "BR"])
    assert [entry["attempt"] for entry in tasks.entries] == [1, 2]
    assert tasks.ledger.balanced
    assert tasks.ledger.notes == ("BR recovered: asked again after a close before a response",)
    threads = play_sockets(servers, flags2_threadpool, plan, ["-v", "BR"])
    assert [entry["attempt"] for entry in threads.entries] == [1]
    assert threads.outcomes == {"BR": "error"}


@pytest.mark.parametrize("downloader", DOWNLOADERS)
def test_a_code_that_is_asked_for_twice_counts_twice(servers, downloader):
    servers.begin_run({})
    counter = downloader.download_many(["ZZ", "ZZ"], servers.urls["LOCAL"], True, 2)
    assert counter == Counter({HTTPStatus.not_found: 2})


# --- faulty downloaders that the check must refuse -----------------------------------------


def drops_an_error(counter, again):
    counter[HTTPStatus.error] -= 1


def calls_everything_ok(counter, again):
    counter[HTTPStatus.ok] = counter.total()
    del counter[HTTPStatus.error], counter[HTTPStatus.not_found]


def calls_an_error_not_found(counter, again):
    counter[HTTPStatus.not_found] += counter.pop(HTTPStatus.error)


def asks_twice(counter, again):
    again()


def is_right(counter, again):
    pass


@pytest.mark.parametrize("downloader", DOWNLOADERS)
def test_a_faulty_downloader_does_not_pass(downloader):
    plan, codes = Plan(rules={"BR": Empty()}), ["BR", "CN", "ZZ"]

    def passes(fault):
        def download_many(*order):
            counter = downloader.download_many(*order)
            fault(counter, lambda: downloader.download_many(*order))
            return counter

        try:
            check_accounts(
                play_in_process(downloader, plan, codes, download_many=download_many), codes
            )
        except (AssertionError, SystemExit):
            return False
        return True

    assert passes(is_right)
    for fault in (drops_an_error, calls_everything_ok, calls_an_error_not_found, asks_twice):
        assert not passes(fault), fault.__name__
