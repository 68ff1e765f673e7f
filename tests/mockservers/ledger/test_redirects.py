"""Which download a request belongs to after redirects."""

import pytest
import urllib3
from support.journals import balance
from support.ledger_of_rows import at, books, led
from support.small_ledgers import (
    closed,
    file,
    found_in,
    judge,
    not_found,
    redirected,
    refused,
    report,
    whole,
)

from mockservers.faults import NoLength, Page, Redirect, Serve, TooLong
from mockservers.plan import Plan

FOLLOWED = {
    # where BR is sent -> server and path that belong to it then
    "a path": ("/x", "ERROR", "/x"),
    "a path beside it": ("x.gif", "ERROR", "/flags/br/x.gif"),
    "a path in other letters": ("/%78%20y", "ERROR", "/x%20y"),
    "a path in other letters, decoded by the client": ("/x%20y", "ERROR", "/x y"),
    "another host": ("http://h:1/x", "LOCAL", "/x"),
    "another host, which may be this": ("http://h:1/x", "ERROR", "/x"),
    "another host without a path": ("http://h:1", "DELAY", "/"),
    "another host by the same scheme": ("//h:1/x", "DELAY", "/x"),
    "with a query": ("/x?y=1", "ERROR", "/x"),
}

NOT_FOLLOWED = {
    "another path": ("/x", "ERROR", "/y"),
    "another server": ("/x", "LOCAL", "/x"),
    "nowhere": ("http://[", "ERROR", "/"),
    "nowhere, and a path without a slash": ("http://[", "LOCAL", "X"),
}


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("name", FOLLOWED)
def test_what_a_redirect_led_to_is_part_of_the_download(name, turned):
    location, server, path = FOLLOWED[name]
    entries = [led("BR", location), at(path, n=2, server=server)]
    ledger = judge(["BR"], entries[:: -1 if turned else 1], report(1), ("BR",))
    assert found_in(ledger) == []
    assert ledger.to_json()["codes"]["BR"]["requests"] == 2


@pytest.mark.parametrize("name", NOT_FOLLOWED)
def test_what_no_redirect_led_to_is_unexpected(name):
    location, server, path = NOT_FOLLOWED[name]
    ledger = judge(["BR"], [led("BR", location), at(path, n=2, server=server)], report(error=1))
    assert found_in(ledger) == ["unexpected --"]


def test_downloads_with_the_same_response_at_one_path_are_distinguished():
    entries = [led("BR", "/x"), led("US", "/x", n=2), at("/x", n=3), at("/x", n=4)]
    assert found_in(judge(["BR", "US"], entries, report(2), ("BR", "US"))) == []


def seen_of(ledger):
    return {code: row["seen"] for code, row in ledger.to_json()["codes"].items()}


def numbers_of(ledger):
    """The requests that each code has got, by their number."""
    return {code: [entry.n for entry in row.requests] for code, row in ledger.rows.items()}


def test_a_request_on_the_connection_of_a_redirect_follows_it():
    entries = [redirected("BR", "CN"), whole("CN", n=2, conn=1)]
    ledger = judge(["BR", "CN"], entries, report(1, 0, 1), ("BR",))
    assert seen_of(ledger) == {"BR": "ok", "CN": "no request"}
    assert found_in(ledger) == ["note"]


def test_a_request_on_the_connection_of_a_redirect_is_its_own_where_the_claims_fit_no_other_way():
    entries = [redirected("BR", "CN"), whole("CN", n=2, conn=1)]
    ledger = judge(["BR", "CN"], entries, report(1, 0, 1), ("CN",))
    assert seen_of(ledger) == {"BR": "error", "CN": "ok"}
    assert found_in(ledger) == []


def test_the_file_of_such_a_request_is_its_own_too():
    kept = file() | {"is": "whole", "of": "/flags/br/br.gif"}  # as the first reading has it
    wanted = ["ERROR:BR", "ERROR:CN"]
    downloads = [
        {"path": "/flags/br/br.gif", "outcome": "error"},
        {"path": "/flags/cn/cn.gif", "outcome": "ok"},
    ]
    entries = [redirected("BR", "CN"), whole("CN", n=2, conn=1)]
    claims = {"by": "file", "downloads": downloads}
    journal = books(*entries, wanted=wanted, claims=claims, files={"cn.gif": kept})
    assert found_in(balance(journal)) == []


def test_so_is_a_request_for_a_path_of_no_code():
    nothing = {"length": 0, "bytes_sent": 0, "sha256": None, "conn": 1}
    entries = [
        at("/a.bin", status=302, do="redirect", location="/b.bin", **nothing),
        at("/b.bin", n=2, conn=1),
    ]
    downloads = [{"path": "/a.bin", "outcome": "error"}, {"path": "/b.bin", "outcome": "ok"}]
    claims = {"by": "file", "downloads": downloads}
    wanted = ["ERROR:/a.bin", "ERROR:/b.bin"]
    journal = books(*entries, wanted=wanted, claims=claims, files={"b.bin": file()})
    assert found_in(balance(journal)) == []


def test_one_response_is_not_two_downloads():
    entries = [redirected("BR", "CN"), whole("CN", n=2, conn=1)]
    ledger = judge(["BR", "CN"], entries, report(2), ("BR", "CN"))
    assert found_in(ledger) == ["lost CN", "note"]


def test_a_request_on_another_connection_may_be_its_own():
    entries = [redirected("BR", "CN"), whole("CN", n=2, conn=2)]
    ledger = judge(["BR", "CN"], entries, report(1, 0, 1), ("BR",))
    assert seen_of(ledger) == {"BR": "indeterminate", "CN": "indeterminate"}
    assert found_in(ledger) == ["note", "note"]


def test_of_two_redirects_to_one_path_the_one_on_the_same_connection_goes_on():
    entries = [
        led("BR", "/x", conn=1), led("CN", "/x", n=2, conn=2),
        at("/x", n=3, conn=2), at("/x", n=4, conn=1),
    ]  # fmt: skip
    ledger = judge(["BR", "CN"], entries, report(2), ("BR", "CN"))
    assert numbers_of(ledger) == {"BR": [1, 4], "CN": [2, 3]}


def test_a_redirect_to_another_host_may_have_led_to_any_server():
    entries = [
        led("BR", "http://h:1/x"), led("CN", "http://h:1/x", n=2), at("/x", n=3, server="LOCAL"),
    ]  # fmt: skip
    for code in ("BR", "CN"):
        assert judge(["BR", "CN"], entries, report(1, 0, 1), (code,)).balanced
    entries = [led("BR", "/x"), led("CN", "http://h:1/x", n=2), at("/x", n=3, server="LOCAL")]
    assert seen_of(judge(["BR", "CN"], entries, report(1, 0, 1))) == {"BR": "error", "CN": "ok"}


def test_redirects_to_one_path_do_not_concern_another():
    asked = ["BR", "CN", "DE", "FR"]
    entries = [
        led("BR", "/x"), led("CN", "/x", n=2), at("/x", n=3), at("/x", n=4, status=503),
        led("DE", "/y", n=5), led("FR", "/y", n=6), at("/y", n=7), at("/y", n=8),
    ]  # fmt: skip
    ledger = judge(asked, entries, report(3, 0, 1), ("BR", "DE", "FR"))
    assert found_in(ledger) == ["note", "note"]


def test_redirects_that_share_paths_in_turn_are_one_group():
    asked = ["BR", "CN", "DE", "FR"]
    entries = [
        led("BR", "/x"), led("CN", "/x", n=2), led("DE", "/y", n=3), led("FR", "/y", n=4),
        at("/x", n=5), at("/x", n=6, status=302, location="/z"),
        at("/y", n=7, status=302, location="/z"), at("/y", n=8), at("/z", n=9), at("/z", n=10),
    ]  # fmt: skip
    notes = judge(asked, entries, report(4), ("BR", "CN", "DE", "FR")).notes
    assert notes == ()
    entries[-1] |= {"status": 503}
    notes = judge(asked, entries, report(3, 0, 1), ("BR", "CN", "DE")).notes
    assert notes[0] == ("redirects led to one path: which of BR, CN, DE, FR met which is not known")


NONE = {"status": None, "do": "empty", "length": 0, "bytes_sent": 0, "sha256": None}


def test_at_the_end_of_a_redirect_a_second_try_is_the_last():
    entries = [led("BR", "/x"), at("/x", n=2, **NONE), at("/x", n=3, **NONE), at("/x", n=4)]
    assert found_in(judge(["BR"], entries, report(error=1))) == ["unexpected --", "note"]


def test_at_each_end_of_a_redirect_one_may_try_again():
    entries = [closed("BR"), led("BR", "/x", n=2), at("/x", n=3, **NONE), at("/x", n=4)]
    ledger = judge(["BR"], entries, report(1), ("BR",))
    assert found_in(ledger) == ["note"] * 2


def test_where_a_code_was_asked_for_already_another_was_led_there():
    entries = [whole("CN"), redirected("BR", "CN", n=2), whole("CN", n=3)]
    ledger = judge(["BR", "CN"], entries, report(2), ("BR", "CN"))
    assert numbers_of(ledger) == {"BR": [2, 3], "CN": [1]}


@pytest.mark.parametrize(
    ("second", "numbers"),
    [({}, {"BR": [1, 3, 4], "CN": [2]}), (NONE, {"BR": [1, 3], "CN": [2, 4]})],
)
def test_a_retry_gets_the_next_response_and_there_is_only_one_retry(second, numbers):
    entries = [
        led("BR", "/x"),
        led("CN", "/x", n=2),
        at("/x", n=3, **NONE),
        at("/x", n=4, **second),
    ]
    assert numbers_of(judge(["BR", "CN"], entries, report(error=2))) == numbers


def test_no_code_is_recovered_if_its_requests_are_unknown():
    entries = [
        led("BR", "/x"), led("CN", "/x", n=2),
        at("/x", n=3, **NONE), at("/x", n=4, **NONE), at("/x", n=5),
    ]  # fmt: skip
    assert found_in(judge(["BR", "CN"], entries, report(1, 0, 1), ("BR",))) == ["note", "note"]


def test_however_often_a_code_was_asked_for_it_is_duplicated_once():
    ledger = judge(["BR"], [refused("BR", n=n) for n in range(4)], report(error=1))
    assert found_in(ledger) == ["duplicated BR"]


@pytest.mark.parametrize(("closed", "accepted"), [(True, True), (False, False)])
def test_a_404_is_an_error_for_a_client_that_may_have_gone_before(closed, accepted):
    entry = not_found("BR", **({"client_closed": True} if closed else {}))
    assert judge(["BR"], [entry], report(not_found=1)).balanced
    assert judge(["BR"], [entry], report(error=1)).balanced is accepted
    lines = ["*** Error for BR: timed out", *report(error=1)]
    assert judge(["BR"], [entry], lines).balanced is accepted
    assert not judge(["BR"], [entry], report(ok=1), ("BR",)).balanced


def test_to_ask_again_is_not_to_follow_a_redirect():
    ledger = judge(["BR"], [led("BR", "/x"), whole("BR", n=2)], report(1), ("BR",))
    assert found_in(ledger) == ["duplicated BR"]


@pytest.mark.parametrize("body", [Page(body=""), Page(), NoLength(), Serve(), TooLong()])
def test_a_client_that_follows_nothing_may_ask_for_where_a_redirect_leads(body, servers, tmp_path):
    servers.begin_run(Plan(rules={"AE": (Redirect("/flags/cn/cn.gif", 301),), "CN": (body,)}))
    with urllib3.PoolManager(retries=False) as http:  # one connection
        for code in ("ae", "cn"):
            reply = http.request("GET", f"{servers.urls['ERROR']}/{code}/{code}.gif")
    (tmp_path / "cn.gif").write_bytes(reply.data)
    servers.check({"AE": "error", "CN": "ok"}, asked=["AE", "CN"], files=tmp_path)
