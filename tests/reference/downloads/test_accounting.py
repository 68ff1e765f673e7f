"""Every download is accounted for, always."""

import hashlib
from collections import Counter

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st
from support.downloaders import DOWNLOADERS, play_in_process, play_sockets
from support.examples import examples

from mockservers.content.flag_images import flag
from mockservers.content.resources import FlagCatalogue, info_in
from mockservers.faults import Empty, Redirect, Reset, Serve, Status
from mockservers.flags2.codes import ALL_CODES, path_of_code
from mockservers.inprocess import CARRIED
from mockservers.plan import Bucket, Gate, Plan
from mockservers.predict import predict
from mockservers.strategies import CLEAR, code_lists, plans, replies, sticky_plans
from reference import flags2_asyncio, flags2_threadpool
from reference.flags2_common import HTTPStatus

CATALOGUE = FlagCatalogue()
NOTHING = hashlib.sha256(b"").hexdigest()


def forecasts(plan, codes):
    return predict(plan, "ERROR", codes, info_in(CATALOGUE))


def check_accounts(played, codes):
    """The claim of this file, for one run."""
    said = played.claims
    assert said.totals is not None, "no final report"
    assert sum(said.totals.values()) == len(codes), "ok + not found + error = asked"
    assert played.ledger.balanced, played.ledger.imbalances
    if said.outcomes:
        assert set(said.outcomes) == set(codes), "each code has a line"
        assert all(sum(counted.values()) == 1 for counted in said.outcomes.values()), "and only one"
    saved = said.totals["ok"]
    assert len(played.files) == saved
    for name, content in played.files.items():
        finals = played.ledger.rows[name[:2].upper()].finals
        digest = hashlib.sha256(content).hexdigest()
        assert digest in {final.sha256 or NOTHING for final in finals}, "the bytes served"
        if {final.do for final in finals} == {"serve"}:
            assert content in {flag(final.code) for final in finals}, "the flag itself"


carried = replies(*CARRIED)


@pytest.mark.parametrize("downloader", DOWNLOADERS)
@examples(120)
@given(plan=plans(carried), codes=code_lists(), m=st.integers(1, 12), verbose=st.booleans())
def test_every_code_gets_exactly_one_fate_in_process(downloader, plan, codes, m, verbose):
    arguments = ["-m", str(m), *codes, *["-v"] * verbose]
    check_accounts(play_in_process(downloader, plan, arguments), codes)


@pytest.mark.parametrize("downloader", DOWNLOADERS)
@examples(60)
@given(plan=plans(), codes=code_lists(), m=st.integers(1, 12), verbose=st.booleans())
@example(  # aiohttp asks again, once, after a connection that ended before the reply's head
    plan=Plan(rules={"BR": (Empty(), Serve())}), codes=["BR"], m=1, verbose=True
)
@example(plan=Plan(rules={"BR": (Reset(1), Reset(2), Serve())}), codes=["BR"], m=1, verbose=True)
@example(  # two go round at FI until they give up; the third is served there in the end
    plan=Plan(
        seed=11719001,
        mix=(Bucket(85, Redirect(path_of_code("FI"))), Bucket(6, Redirect(path_of_code("AD")))),
        per_attempt=True,
    ),
    codes=["AD", "AE", "AF"],
    m=1,
    verbose=False,
)
def test_every_code_gets_exactly_one_fate_on_sockets(servers, downloader, plan, codes, m, verbose):
    arguments = ["-m", str(m), *codes, *["-v"] * verbose]
    played = play_sockets(servers, downloader, plan, arguments)
    check_accounts(played, codes)
    assert played.ledger.most_in_flight <= min(m, len(codes))


@pytest.mark.parametrize("downloader", DOWNLOADERS)
@examples(50)
@given(plan=sticky_plans(replies(*CLEAR)), codes=code_lists(), m=st.integers(1, 12))
def test_what_is_predicted_is_what_happens(servers, downloader, plan, codes, m):
    played = play_sockets(servers, downloader, plan, ["-v", "-m", str(m), *codes])
    predicted = forecasts(plan, codes)
    assert played.outcomes == {code: forecast.outcome for code, forecast in predicted.items()}
    asked = [entry for entry in played.entries if entry["code"] in codes]  # not led to
    met = {entry["code"]: (entry["do"], entry["status"]) for entry in asked}
    assert met == {code: (forecast.do, forecast.status) for code, forecast in predicted.items()}


@examples(50)
@given(plan=plans(), codes=code_lists(), m=st.integers(1, 12))
def test_a_prediction_depends_only_where_the_clients_differ(servers, plan, codes, m):
    predicted = forecasts(plan, codes)
    for downloader in DOWNLOADERS:
        played = play_sockets(servers, downloader, plan, ["-v", "-m", str(m), *codes])
        for code, forecast in predicted.items():
            assert forecast.outcome in (played.outcomes[code], "depends")


@examples(40)
@given(
    plan=sticky_plans(replies(*CLEAR)),
    codes=code_lists(),
    m=st.integers(1, 12),
    n=st.integers(1, 12),
)
def test_threads_and_asyncio_agree_on_every_sticky_plan(servers, plan, codes, m, n):
    threads = play_sockets(servers, flags2_threadpool, plan, ["-v", "-m", str(m), *codes])
    tasks = play_sockets(servers, flags2_asyncio, plan, ["-v", "-m", str(n), *codes])
    assert threads.outcomes == tasks.outcomes
    assert threads.files == tasks.files


@pytest.mark.parametrize("downloader", DOWNLOADERS)
@examples(30)
@given(plan=plans(carried), data=st.data(), codes=code_lists())
def test_the_ledger_is_the_same_in_any_order_of_codes(downloader, plan, data, codes):
    shuffled = data.draw(st.permutations(codes))
    first, second = (
        play_in_process(downloader, plan, ["-v", *order]).ledger.to_json()
        for order in (codes, shuffled)
    )
    assert first == second


@pytest.mark.parametrize("downloader", DOWNLOADERS)
@examples(40)
@given(codes=code_lists(max_size=20), m=st.integers(1, 24), extra=st.integers(0, 3))
def test_a_gate_is_filled_exactly_to_the_limit(servers, downloader, codes, m, extra):
    together = min(m, len(codes))
    plan = Plan(gate=Gate(together, or_s=30.0))
    played = play_sockets(
        servers, downloader, plan, ["-m", str(m + extra * (m >= len(codes))), *codes]
    )
    check_accounts(played, codes)
    gate = next(entry for entry in played.entries if entry["type"] == "gate")
    assert gate["filled"]
    assert gate["held"] == together
    assert played.ledger.most_in_flight == together


@pytest.mark.parametrize("downloader", DOWNLOADERS)
@pytest.mark.parametrize("reply", [Serve(), Status((503,)), Empty(), Reset(300)])
def test_more_connections_than_a_client_pool_holds_by_itself(servers, downloader, reply):
    plan = Plan(mix=(Bucket(30, reply),), gate=Gate(105, or_s=30.0))
    played = play_sockets(servers, downloader, plan, ["-e", "-l", "120", "-m", "105"])
    check_accounts(played, ALL_CODES[:120])
    assert played.ledger.most_in_flight == 105


@pytest.mark.parametrize("downloader", DOWNLOADERS)
def test_a_refused_connection_is_an_error_of_its_code(servers, downloader):
    played = play_sockets(servers, downloader, Plan(refuse=True), ["-v", "BR", "CN", "-m", "2"])
    check_accounts(played, ["BR", "CN"])
    assert played.outcomes == {"BR": "error", "CN": "error"}
    assert played.entries == []
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
def test_a_code_that_is_asked_for_twice_counts_twice(servers, downloader, tmp_path):
    servers.begin_run({})
    counter = downloader.download_many(["ZZ", "ZZ"], servers.urls["LOCAL"], True, 2)
    assert counter == Counter({HTTPStatus.not_found: 2})


# --- twins: what the claim above must refuse -------------------------------------------


def drops_an_error(many):
    def download_many(cc_list, *rest):
        counter = many(cc_list, *rest)
        counter[HTTPStatus.error] = max(0, counter[HTTPStatus.error] - 1)
        return counter

    return download_many


def calls_everything_ok(many):
    def download_many(cc_list, *rest):
        many(cc_list, *rest)
        return Counter({HTTPStatus.ok: len(cc_list)})

    return download_many


def calls_an_error_not_found(many):
    def download_many(cc_list, *rest):
        counter = many(cc_list, *rest)
        counter[HTTPStatus.not_found] += counter.pop(HTTPStatus.error, 0)
        return counter

    return download_many


def asks_twice(many):
    def download_many(cc_list, *rest):
        many(cc_list, *rest)
        return many(cc_list, *rest)

    return download_many


@pytest.mark.parametrize("downloader", DOWNLOADERS)
@pytest.mark.parametrize(
    "twin",
    [drops_an_error, calls_everything_ok, calls_an_error_not_found, asks_twice],
)
def test_a_faulty_downloader_does_not_pass(downloader, twin):
    @settings(examples(200), phases=[Phase.generate])  # to be found is enough: no shrinking
    @given(plan=sticky_plans(carried), codes=code_lists())
    def claim(plan, codes):
        broken = twin(downloader.download_many)
        check_accounts(play_in_process(downloader, plan, codes, download_many=broken), codes)

    with pytest.raises(BaseException) as caught:  # noqa: PT011 - an assertion or SystemExit
        claim()
    assert isinstance(caught.value, AssertionError | SystemExit | BaseExceptionGroup)
