"""What a page says in single cases: its sentences, charts, table, and the file it is written to."""

import re

import pytest
from support.journals import balance, journal, lines_of, report, request
from support.rows import each
from support.viewed import one, view

from mockservers.faults import KINDS
from mockservers.html_report import charts
from mockservers.html_report import rows as html_rows
from mockservers.html_report import view as html_view
from mockservers.html_report.charts import LOOKS, chart_of
from mockservers.html_report.comparison import comparison, differences
from mockservers.html_report.render import compare_page, page_file, run_page


def facts(lines):
    return dict(view(lines)["facts"])


# --- the sentences ---------------------------------------------------------------------


def test_the_seed_is_that_of_the_server_that_was_asked_or_of_all():
    apart = {"LOCAL": {"plan": 1, "seed": 1}, "ERROR": {"plan": 1, "seed": 2}}
    alike = {"LOCAL": {"plan": 1, "seed": 3}, "ERROR": {"plan": 1, "seed": 3}}
    entries = [request(1, "BR", 0.0, 0.5)]
    assert facts(one(plans=apart))["Seed"] == "2"
    assert facts(journal(["BR"], entries, [], plans=alike))["Seed"] == "3"
    assert "Seed" not in facts(journal(["BR"], entries, [], plans=apart))


def test_the_command_is_shown_as_a_shell_takes_it():
    assert facts(one(command=["sh", "-c", "echo it"]))["Command"] == "sh -c 'echo it'"


def test_the_headline_says_what_was_claimed_and_what_is_on_disk():
    entries = [request(1, "BR", 0.0, 0.5, do="too_long"), request(2, "CN", 0.0, 0.5)]
    told = report(["BR", "CN"], 1, 2, told=["BR OK", "CN OK"])
    files = journal(["CN"], entries[1:], [])[-1]["files_after"]
    files["br.gif"] = {"size": 1, "sha256": entries[0]["sha256"], "mtime_ns": 1}
    lines = journal(["BR", "CN"], entries, told, files=files)
    assert view(lines)["verdict"] == "The books balance: 2 ok, and 2 files saved."


def test_what_does_not_balance_is_listed_with_what_was_seen_and_said():
    lines = one(told=["BR not found"], entry=request(1, "BR", 0.0, 0.5, do="status", status=503))
    seen = view(lines)
    assert seen["verdict"] == "Not balanced: 2 claims are not what was seen: BR."
    assert seen["imbalances"] == [found.to_json() for found in balance(lines).imbalances] != []
    body = run_page(seen)
    assert '<strong class="bad">miscounted</strong> BR: saw 503' in body


def test_codes_that_are_not_known_are_not_counted_and_that_is_noted():
    lines = one()
    lines[0]["asked"] = None
    seen = view(lines[:-1])
    assert "Codes asked for" not in dict(seen["facts"])
    assert seen["notes"] == list(balance(lines[:-1]).notes) != []
    assert seen["notes"][0].split(":")[0] in run_page(seen)


def test_without_an_announced_limit_the_bound_is_that_of_what_was_seen():
    entries = [
        request(1, "BR", 0.0, 0.5, delay_s=0.5),
        request(2, "CN", 0.0, 0.5, delay_s=0.5, in_flight=2),
    ]
    seen = view(journal(["BR", "CN"], entries, []))
    assert dict(seen["facts"])["In flight at most"] == "2 (no limit announced)"
    assert "1.00 s of waiting: with 2 at a time (seen), at least" in seen["bound"]
    assert seen["chart"]["limit"] is None
    announced = view(journal(["BR", "CN"], entries, report(["BR", "CN"], 7, 2)))
    assert announced["chart"]["limit"] == 7


def drip(n, bytes_sent, **more):
    return request(n, "BR", 0.0, 9.0, do="drip", bytes_sent=bytes_sent, **more)


def hang(n, start_s, end_s, **more):
    return request(n, "CN", start_s, end_s, do="hang", status=None, bytes_sent=0,
                   first_byte_s=None, **more)  # fmt: skip


DRIPS = [{"do": "drip", "bytes_per_s": 1000}, {"do": "drip", "bytes_per_s": 100}]


@each(
    ("entries", "rules", "wait"),
    [
        # to its end, whose client waits as long
        ([drip(1, 2000), hang(2, 0.0, 5.0)], {"BR": DRIPS}, "7.00"),
        # the rule of the second attempt, after its delay
        ([drip(1, 1000, attempt=2, delay_s=1.0)], {"BR": DRIPS}, "11.00"),
        # the client of a hang went early
        ([hang(1, 3.0, 3.5, delay_s=2.0)], {}, "2.00"),
        # the rule of a path
        ([drip(1, 1000) | {"code": None, "path": "/x"}], {"/x": DRIPS}, "1.00"),
        # without an attempt it is the first
        ([{k: v for k, v in drip(1, 2000).items() if k != "attempt"}], {"BR": DRIPS}, "2.00"),
        # a slow header section
        ([request(1, "BR", 0.0, 3.0, do="slow_head")], {}, "3.00"),
        # the plan does not know of a drip
        ([drip(1, 1000, delay_s=1.0)], {}, "1.00"),
    ],
)
def test_a_drip_and_a_hang_wait_as_the_plan_has_it(entries, rules, wait):
    plans = {"ERROR": {"plan": 1, "rules": rules}}
    lines = journal(["BR", "CN"], entries, [], plans=plans, files={})
    assert f"asks for {wait} s of waiting" in view(lines)["bound"]


def test_header_fields_are_not_on_the_page_and_a_query_only_if_it_is_asked_for():
    entry = request(1, "BR", 0.0, 0.5) | {"query": "token=1", "headers": [["Cookie", "k=2"]]}
    lines = journal(["BR"], [entry], [])
    shown = html_view.view_of(balance(lines), lines_of(lines), queries=True)
    assert "token=1" in str(shown)
    assert "k=2" not in str(shown)
    assert "token" not in str(view(lines))


# --- the charts ------------------------------------------------------------------------


def test_each_fate_is_counted_with_its_look():
    entries = [request(1, "BR", 0.0, 0.5), *asked_again([503, 503])]
    assert view(journal(["BR"], entries, []))["chart"]["fates"] == [
        {
            "name": "status",
            "label": "error status",
            "count": 2,
            "colour": "refused",
            "pattern": "rising",
        },
        {"name": "serve", "label": "serve", "count": 1, "colour": "good", "pattern": "plain"},
    ]


def test_every_fate_has_a_look_of_its_own_and_the_page_has_it_in_light_and_dark():
    assert set(LOOKS) == {*KINDS, "not found", "bad request", "other"}
    assert len(set(LOOKS.values())) == len(LOOKS)
    colours = re.findall(r"--c-(\w+):", page_file("page.css"))
    strokes = page_file("page.js").partition("const STROKES = {")[2].partition("};")[0]
    assert sorted(colours) == sorted(2 * [*{look.colour for look in LOOKS.values()}])
    assert set(re.findall(r"(\w+): \[", strokes)) == {look.pattern for look in LOOKS.values()}


def test_a_bar_without_a_first_byte_waits_to_its_end_and_one_without_an_end_has_no_length():
    entries = [hang(1, 1.0, 3.0), request(2, "BR", 1.5, None)]
    bars = view(journal(["BR", "CN"], entries, []))["chart"]["bars"]
    assert (bars["start"], bars["first"], bars["end"]) == ([0.0, 0.5], [2.0, 0.5], [2.0, 0.5])


def test_times_are_shown_to_the_microsecond():
    entries = [
        request(1, "BR", 0.0, 0.5),
        request(2, "CN", 0.1234567, 1.2345678, first_byte_s=0.2345678),
    ]
    chart = view(journal(["BR", "CN"], entries, []))["chart"]
    bars, flight = chart["bars"], chart["in_flight"]
    assert (bars["start"][1], bars["first"][1], bars["end"][1]) == (0.123457, 0.234568, 1.234568)
    assert chart["took_s"] == 1.234568
    assert flight == {"s": [0.0, 0.0, 0.123457, 0.5, 1.234568], "n": [0, 1, 2, 1, 0]}


def test_a_chart_of_nothing_has_one_lane_and_one_point():
    chart = chart_of([], set())
    assert chart["bars"]["lanes"] == 1
    assert chart["in_flight"] == {"s": [0.0], "n": [0]}


def test_of_each_few_points_the_highest_is_kept_and_the_last_of_all(monkeypatch):
    monkeypatch.setattr(charts, "MOST_POINTS", 3)
    spans = [(1.0, 2.0), (1.5, 9.0), (4.0, 5.0), (4.5, 6.0)]
    # 0, 1, 2 | 1, 2, 3 | 2, 1, 0 in flight, by threes
    assert charts._in_flight(spans, 1.0) == {"s": [0.5, 3.5, 4.0, 8.0], "n": [2, 3, 2, 0]}


def test_of_one_change_more_than_there_is_room_for_one_in_two_is_kept(monkeypatch):
    monkeypatch.setattr(charts, "MOST_POINTS", 40)
    spans = [(float(n), n + 0.5) for n in range(20)]  # and one point is before all of them
    assert len(charts._in_flight(spans, 0.0)["s"]) == 20 + 2
    assert len(charts._in_flight([(1.0, 1.7), *spans[1:]], 0.0)["s"]) == 40


def test_of_a_code_that_does_not_balance_a_hundred_requests_are_drawn_besides(monkeypatch):
    monkeypatch.setattr(html_view, "MOST_BARS", 1)  # of all others, the last
    entries = [request(n, "BR", n, n + 0.5) for n in range(150)]
    entries.append(request(150, "CN", 150.0, 150.5))
    seen = view(journal(["BR", "CN"], entries, report(["BR", "CN"], 1, 2)))
    assert seen["chart"]["bars"]["entries"]["n"] == [*range(100), 150]
    assert seen["thinned"] == {"drawn": 101, "of": 151}


def test_of_a_hundred_codes_that_do_not_balance_all_requests_are_drawn(monkeypatch):
    monkeypatch.setattr(html_view, "MOST_BARS", 1)
    codes = [a + b for a in "ABCDE" for b in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"]
    entries = [request(n, code, n, n + 0.5) for n, code in enumerate(codes)]
    seen = view(journal(codes, entries, report(codes, 1, 0, told=[f"{codes[-1]} OK"])))
    assert seen["chart"]["bars"]["entries"]["code"] == [*codes[:100], codes[-1]]


def test_what_is_no_request_is_passed_over():
    gate = {"type": "gate", "server": "ERROR", "held": 1, "filled": True, "at_s": 0.1}
    entries = [request(1, "BR", 0.0, 0.5), gate, request(2, "CN", 0.5, 1.0)]
    lines = journal(["BR", "CN"], [], report(["BR", "CN"], 1, 2))
    lines[1:1] = entries
    chart = view(lines)["chart"]
    assert [fate["count"] for fate in chart["fates"]] == [2]
    assert chart["bars"]["fate"] == ["serve", "serve"]


def test_where_there_is_room_for_all_requests_all_are_drawn(monkeypatch):
    monkeypatch.setattr(html_view, "MOST_BARS", 30)
    assert view(journal(["BR"], [], report(["BR"], 1, 0)))["thinned"] is None
    entries = [request(n, "BR", n / 10, n / 10 + 0.05) for n in range(31)]
    seen = view(journal(["BR"], entries[1:], []))
    assert seen["thinned"] is None
    assert len(seen["chart"]["bars"]["start"]) == 30
    assert view(journal(["BR"], entries, []))["thinned"]["of"] == 31


# --- the table -------------------------------------------------------------------------


def test_the_table_says_how_many_more_codes_there_are_than_it_has(monkeypatch):
    monkeypatch.setattr(html_rows, "MOST_ROWS", 20)
    codes = [f"/{n}" for n in range(23)]
    entries = [request(n, code, 0.0, 0.5, status=503) for n, code in enumerate(codes, 1)]
    seen = view(journal(codes, entries, []))
    assert (len(seen["codes"]), seen["more_codes"]) == (20, 3)
    assert view(one())["more_codes"] == 0


def asked_again(statuses):
    return [
        request(n, "BR", n / 10, n / 10 + 0.1, do="status", status=status, attempt=n)
        for n, status in enumerate(statuses, 1)
    ]


def test_a_row_tells_what_it_met_and_what_was_seen_and_said():
    lines = journal(
        ["BR"], asked_again([503, 404]), report(["BR"], 1, 1, told=["BR OK", "BR not found"])
    )
    (row,) = view(lines)["codes"]
    saw = "503 with 2 of 2 bytes; then 404 with 2 of 2 bytes"
    assert (row["requests"], row["status"], row["fates"]) == (2, 404, ["error status"])
    assert row["said"] == "ok, not found"
    assert row["words"] == ["duplicated", "duplicated"]
    assert row["evidence"] == [
        f"saw {saw}; said: asked for once",
        f"saw {saw}; said: 1 ok, 1 not found",
    ]


def test_a_code_that_one_run_of_two_was_not_asked_for_differs():
    other = journal(
        ["BR", "CN"], [request(1, "BR", 0.0, 0.5)], report(["BR", "CN"], 1, 1, told=["BR OK"])
    )
    both = [view(one()), view(other)]
    assert [(code, differ) for code, _, differ in differences(both)] == [
        ("CN", True),
        ("BR", False),
    ]
    assert "<td>not asked for</td>" in compare_page(both, ["one", "two"])


def test_runs_are_compared_in_a_table_and_in_sentences():
    plans = {"ERROR": {"plan": 1, "seed": 7}}
    entry = request(1, "BR", 0.0, 0.6, delay_s=0.5)
    views = [
        view(journal(["BR"], [entry], report(["BR"], limit, 1, told=["BR OK"]), **more))
        for limit, more in ((30, {}), (5, {"plans": plans}))
    ]
    seen = comparison(views, ["threads", "tasks"])
    table = dict(seen["table"])
    assert table["First request to last"] == ["0.60 s", "0.60 s"]
    assert table["Shortest possible"] == ["0.50 s at least; it took 1.20 times that"] * 2
    assert table["In flight at most"] == ["1 (30 announced)", "1 (5 announced)"]
    limits, plans, nearest, same = seen["sentences"]
    assert comparison([views[0]] * 2, ["a", "b"])["sentences"][0].startswith(
        "The runs had the same"
    )
    assert "1.20 times" in nearest
    assert "differ, 30 against 5" in limits
    assert same.startswith("No code or path differs")
    assert plans.startswith("The seeds differ: 629, 7")


def test_runs_do_not_differ_where_one_only_asked_again():
    again = [
        request(1, "BR", 0.0, 0.1, do="empty", status=None, sha256=None, bytes_sent=0),
        request(2, "BR", 0.1, 0.5, attempt=2),
    ]
    recovered = journal(["BR"], again, report(["BR"], 1, 1, told=["BR OK"]))
    ((_, rows, differ),) = differences([view(one()), view(recovered)])
    assert [row["requests"] for row in rows] == [1, 2]
    assert not differ


def test_runs_do_not_differ_where_one_printed_only_totals():
    totals = journal(["BR"], [request(1, "BR", 0.0, 0.5)], report(["BR"], 1, 1))
    ((_, rows, differ),) = differences([view(one(told=["BR OK"])), view(totals)])
    assert [row["said"] for row in rows] == ["ok", ""]
    assert not differ


def test_every_run_has_its_name():
    with pytest.raises(ValueError, match="longer"):
        compare_page([view(one())] * 2, ["one"])
    assert 'aria-label="run"' in run_page(view(one()))


def test_a_row_counts_also_the_requests_that_the_ledger_does_not_keep():
    lines = journal(["BR"], asked_again([503] * 2000), [])
    assert balance(lines).rows["BR"].more
    assert view(lines)["codes"][0]["requests"] == 2000


def test_runs_differ_where_only_their_files_do():
    before = one()
    before[0]["files_before"] = before[-1]["files_after"]
    first, second = view(one()), view(before)
    for key in ("seen", "said", "words"):
        assert first["codes"][0][key] == second["codes"][0][key]
    ((code, _, differ),) = differences([first, second])
    assert (code, differ) == ("BR", True)


def test_a_gate_of_the_plan_is_a_fact_of_the_run():
    plans = {"ERROR": {"plan": 1, "gate": {"hold_until_in_flight": 3, "or_s": 1.0}}}
    assert facts(one(plans=plans))["Gate"] == "responses wait until 3 requests are in flight"
