"""What is predicted happens, on every web of redirects."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from support.downloaders import DOWNLOADERS, play_sockets
from support.examples import examples
from support.plans import LABELS, forecast
from support.rows import each

from mockservers.faults import (
    BadChunk,
    BadGzip,
    CutHeaders,
    Drip,
    Empty,
    Garbage,
    Hang,
    HugeHeaders,
    NoLength,
    RateLimit,
    Redirect,
    RedirectLoop,
    Reset,
    Serve,
    Status,
    TooLong,
    Truncate,
    WrongType,
)
from mockservers.flags2.codes import ALL_CODES, path_of_code
from mockservers.plan import Bucket, Plan, fate
from mockservers.predict import totals
from mockservers.profiles import PROFILES
from mockservers.strategies import code_lists, plans, range_plans


def test_the_profiles_are_what_the_listings_were_run_against():
    delayed = forecast(PROFILES["DELAY"], "DELAY", ALL_CODES)
    assert Counter(f.outcome for f in delayed.values()) == {"ok": 194, "not_found": 482}
    assert all(fate(PROFILES["DELAY"], "DELAY", c, 1) == Serve(delay_s=0.5) for c in ALL_CODES)
    assert all(fate(PROFILES["LOCAL"], "LOCAL", c, 1) == Serve() for c in ALL_CODES)
    met = Counter(type(fate(PROFILES["ERROR"], "ERROR", c, 1)) for c in ALL_CODES)
    assert met[Status] == 165
    drawn = {fate(PROFILES["ERROR"], "ERROR", c, 1) for c in ALL_CODES}
    assert {reply.status for reply in drawn if isinstance(reply, Status)} == {
        (501,), (502,), (503,)
    }  # fmt: skip
    assert all(reply.delay_s == 0 for reply in drawn if isinstance(reply, Status))


US, ZZ, BR = map(path_of_code, ("US", "ZZ", "BR"))
LOOP = RedirectLoop()

PREDICTIONS = [
    # One reply, to a flag that is there.
    ({"BR": (Serve(),)}, {"BR": "ok"}),
    ({"BR": (Drip(1e7),)}, {"BR": "ok"}),
    ({"BR": (WrongType(),)}, {"BR": "ok"}),
    ({"BR": (Truncate(10**6),)}, {"BR": "ok"}),
    ({"BR": (Status((404,)),)}, {"BR": "not_found"}),
    ({"BR": (Status((503,)), Serve())}, {"BR": "error"}),
    ({"BR": (RateLimit(), Serve())}, {"BR": "error"}),
    ({"BR": (Reset(500), Serve())}, {"BR": "error"}),
    ({"BR": (Truncate(0), Serve())}, {"BR": "error"}),
    ({"BR": (BadChunk(), Serve())}, {"BR": "error"}),
    ({"BR": (BadGzip(), Serve())}, {"BR": "error"}),
    ({"BR": (CutHeaders(11),)}, {"BR": "error"}),
    ({"BR": (Hang(0.0),)}, {"BR": "error"}),
    ({"BR": (Garbage(),)}, {"BR": "error"}),
    ({"BR": (Empty(),)}, {"BR": "error"}),
    # It is up to the client.
    ({"BR": (Empty(), Serve())}, {"BR": "depends"}),
    ({"BR": (Hang(0.0), Redirect(US))}, {"BR": "depends"}),
    ({"BR": (Reset(), Empty(), Serve())}, {"BR": "error"}),
    ({"BR": (Reset(10**6),)}, {"BR": "depends"}),
    ({"BR": (CutHeaders(),)}, {"BR": "depends"}),
    ({"BR": (NoLength(),)}, {"BR": "depends"}),
    ({"BR": (TooLong(),)}, {"BR": "depends"}),
    ({"BR": (HugeHeaders(),)}, {"BR": "depends"}),
    # A flag that is not there cannot be damaged.
    ({"ZZ": (Truncate(0),)}, {"ZZ": "not_found"}),
    ({"ZZ": (Drip(1.0),)}, {"ZZ": "not_found"}),
    ({"ZZ": (RateLimit(),)}, {"ZZ": "error"}),
    ({"ZZ": (Redirect(US),)}, {"ZZ": "ok"}),
    # Redirects lead to what meets its own fate.
    ({"BR": (Redirect(US),)}, {"BR": "ok"}),
    ({"BR": (Redirect(ZZ),)}, {"BR": "not_found"}),
    ({"BR": (Redirect("/nowhere"),)}, {"BR": "not_found"}),
    # Most clients decode such, curl does not.
    ({"BR": (Redirect("/flags/us/%75s.gif"),)}, {"BR": "ok"}),
    ({"BR": (Redirect("../us/us.gif?a=1#b"),)}, {"BR": "ok"}),
    ({"BR": (Redirect(US),), "US": (Redirect(ZZ),)}, {"BR": "not_found", "US": "not_found"}),
    ({"BR": (Redirect(US),), "US": (Status((503,)),)}, {"BR": "error"}),
    ({"BR": (Redirect(US),), US: (Status((404,)),), "US": (Serve(),)}, {"BR": "not_found"}),
    ({"BR": (Redirect("/a"),), "/a": (Redirect("/b"),), "/b": (Redirect(US),)}, {"BR": "ok"}),
    # Who comes first to a target that changes?
    ({"BR": (Redirect(US),), "US": (Serve(), Status((503,)))}, {"BR": "depends"}),
    ({"BR": (Redirect(US),), "US": (Serve(), Drip(1e7))}, {"BR": "ok", "US": "ok"}),
    ({"BR": (Redirect(US),), "US": (Serve(), Status((404,)))}, {"BR": "depends", "US": "depends"}),
    ({"US": (Serve(), Status((404,)))}, {"US": "ok"}),
    # In a circle.
    ({"BR": (LOOP,)}, {"BR": "error"}),
    ({"BR": (LOOP, Serve())}, {"BR": "ok"}),
    ({"BR": (Redirect(BR), LOOP, Status((404,)))}, {"BR": "not_found"}),
    ({"BR": (Redirect(US),), "US": (Redirect(BR),)}, {"BR": "error", "US": "error"}),
    ({"BR": (*[LOOP] * 9, Serve())}, {"BR": "ok"}),  # as many as aiohttp follows
    ({"BR": (*[LOOP] * 10, Serve())}, {"BR": "depends"}),
    ({"BR": (*[LOOP] * 50, Serve())}, {"BR": "depends"}),  # as many as curl follows
    ({"BR": (*[LOOP] * 51, Serve())}, {"BR": "error"}),
    # Elsewhere, and nowhere.
    ({"BR": (Redirect("http://127.0.0.1:1/flags/us/us.gif"),)}, {"BR": "depends"}),
    ({"BR": (Redirect("//127.0.0.1:1/flags/us/us.gif"),)}, {"BR": "depends"}),
    ({"BR": (Redirect("mailto:somebody"),)}, {"BR": "depends"}),
    ({"BR": (Redirect("http://["),)}, {"BR": "depends"}),
]
"""Rules, and what each of the codes comes to that are asked for."""


def test_if_connections_are_refused_every_code_is_an_error():
    foreseen = forecast(Plan(mix=(Bucket(100, Serve()),), refuse=True), "LOCAL", ["BR", "ZZ"])
    assert {(one.do, one.status, one.outcome) for one in foreseen.values()} == {
        ("refuse", None, "error")
    }


def check_prediction(servers, plan, codes, m=2, downloaders=DOWNLOADERS):
    """Hold a prediction against what downloaders make of it."""
    foreseen = forecast(plan, "LOCAL", codes)
    for downloader in downloaders:
        arguments = ["-v", "-m", str(m), *codes]
        played = play_sockets(servers, downloader, plan, arguments, "LOCAL")
        assert played.ledger.balanced, played.ledger.imbalances
        for code, one in foreseen.items():
            assert one.outcome in (played.outcomes[code], "depends")


@each(("rules", "outcomes"), PREDICTIONS)
def test_a_prediction_says_what_a_correct_client_reports_and_a_downloader_does(
    servers, rules, outcomes
):
    foreseen = forecast(Plan(rules=rules), "LOCAL", outcomes)
    assert {code: one.outcome for code, one in foreseen.items()} == outcomes
    downloader = DOWNLOADERS[PREDICTIONS.index((rules, outcomes)) % 2]
    check_prediction(servers, Plan(rules=rules), list(outcomes), downloaders=[downloader])


AMONG_FEW = st.lists(
    st.sampled_from([BR, US, ZZ, "/a"]).map(Redirect)
    | st.sampled_from([LOOP, Serve(), Status((404,)), Status((503,)), Empty(), Truncate(9)]),
    min_size=1,
    max_size=4,
).map(tuple)


@examples(25)
@given(
    rules=st.dictionaries(st.sampled_from(["BR", "US", US, "ZZ", "/a"]), AMONG_FEW),
    codes=st.lists(st.sampled_from(["BR", "US", "ZZ"]), min_size=1, unique=True),
    m=st.integers(1, 3),
    downloader=st.sampled_from(DOWNLOADERS),
)
def test_a_prediction_holds_on_every_web_of_redirects(servers, rules, codes, m, downloader):
    check_prediction(servers, Plan(rules=rules), codes, m, [downloader])


@examples(25)
@given(plan=plans() | range_plans(), codes=code_lists(), label=LABELS)
def test_a_prediction_is_the_same_each_time_and_counts_every_code(plan, codes, label):
    foreseen = forecast(plan, label, codes)
    assert foreseen == forecast(plan, label, codes)
    assert list(foreseen) == codes
    assert sum(totals(foreseen).values()) == len(codes)
