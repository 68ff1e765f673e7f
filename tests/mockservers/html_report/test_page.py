"""What a page says of a run; how it looks is tried in a browser (tests/browser)."""

import json
import os
import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.command_in_process import ended, posix
from support.commands import run
from support.examples import examples
from support.journals import as_file, balance, journal, lines_of, many, report, request, view_of

from mockservers.html_report import charts
from mockservers.html_report import view as html_view
from mockservers.html_report.charts import chart_of
from mockservers.html_report.render import compare_page, run_page, script_hash
from mockservers.plan_json import plan_from_json

CODES = ["BR", "CN", "DE"]
TOLD = ["BR OK", "CN not found", "*** Error for DE: HTTP 503 - Service Unavailable"]

spans = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 12)).map(lambda one: (one[0], sum(one))),
    min_size=1,
    max_size=30,
)
"""From when to when requests are under way, in tenths of a second."""


def under_way(spans):
    return [request(n, "BR", start / 10, end / 10) for n, (start, end) in enumerate(spans, 1)]


def three(**more):
    entries = [
        request(1, "BR", 10.0, 10.5, first_byte_s=10.4, delay_s=0.4),
        request(2, "CN", 10.1, 10.2, status=404, in_flight=2),
        request(3, "DE", 10.2, 10.9, do="status", status=503, in_flight=2, delay_s=0.7),
    ]
    lines = report(CODES, 2, 1, not_found=1, errors=1, told=TOLD)
    return journal(CODES, entries, lines, **more)


def view(lines):
    return view_of(balance(lines), lines)


# --- the sentences ---------------------------------------------------------------------


def test_a_run_that_balances_is_summed_up():
    seen = view(three())
    assert seen["verdict"] == "The books balance: 1 ok, 1 not found, 1 error, and 1 file saved."
    assert seen["balanced"]
    assert seen["facts"] == [
        ("Command", "flags2-threadpool"),
        ("Server", "ERROR"),
        ("Seed", "629"),
        ("Codes asked for", "3"),
        ("Requests", "3"),
        ("In flight at most", "2 (2 announced)"),
        ("Files", "1 equal to the bytes served"),
        ("First request to last", "0.90 s"),
    ]
    assert seen["bound"] == (
        "The plan asks for 1.10 s of waiting: with 2 at a time (announced), at least 0.70 s. "
        "It took 0.90 s, 1.29 times that."
    )


def test_what_was_lost_is_named_first():
    lines = three()
    lines[-1] |= {"claims": journal(CODES, [], report(CODES, 2, 0, not_found=1))[-1]["claims"]}
    lines[-1]["claims"]["fates"] = {"CN": {"not_found": 1}}
    seen = view(lines)
    assert re.fullmatch(r"Not balanced: 2 downloads are lost.*: BR, DE\.", seen["verdict"])
    assert not seen["balanced"]
    assert [row["code"] for row in seen["codes"]] == ["BR", "DE", "CN"]
    assert seen["codes"][0]["words"] == ["lost"]
    assert seen["codes"][0]["evidence"][0].startswith("saw 200 with ")
    off = dict(
        zip(seen["chart"]["bars"]["entries"]["code"], seen["chart"]["bars"]["off"], strict=True)
    )
    assert off == {"BR": True, "CN": False, "DE": True}


def test_of_many_lost_the_first_five_are_named():
    codes = ["BD", "BR", "CD", "CN", "DE", "EG", "ET"]
    entries = [request(n, code, n, n + 0.5) for n, code in enumerate(codes)]
    seen = view(journal(codes, entries, report(codes, 1, 0, told=["BD OK"])))
    assert ": BR, CD, CN, DE, EG, ..." in seen["verdict"]


@pytest.mark.parametrize(
    ("limit", "waits", "says"),
    [
        (1, [0.5, 0.5, 0.5], "1.50 s of waiting: with 1 at a time (announced), at least 1.50 s"),
        (2, [0.5, 0.5, 0.5], "1.50 s of waiting: with 2 at a time (announced), at least 0.75 s"),
        (3, [0.2, 0.1, 0.9], "1.20 s of waiting: with 3 at a time (announced), at least 0.90 s"),
        (3, [0.0, 0.0, 0.0], "The plan has no delays; from first request to last it took"),
    ],
)
def test_no_schedule_is_shorter_than_the_bound(limit, waits, says):
    entries = [
        request(n, code, n, n + wait, delay_s=wait)
        for n, (code, wait) in enumerate(zip(CODES, waits, strict=True))
    ]
    assert says in view(journal(CODES, entries, report(CODES, limit, 3)))["bound"]


def test_without_codes_and_requests_there_is_still_a_page():
    lines = [{"journal": 1, "plans": {}, "command": None, "files_before": None}]
    seen = view(lines)
    assert seen["verdict"] == "The books balance, as far as they go."
    assert seen["replay"] is None
    assert "No request arrived." in run_page(seen)
    assert ("Files", "none") in seen["facts"]


# --- the charts ------------------------------------------------------------------------


@examples(60)
@given(spans)
def test_bars_of_a_lane_do_not_overlap_and_no_lane_is_wasted(spans):
    bars = chart_of(lines_of(under_way(spans)), set())["bars"]
    of_lane = {}
    for start, end, lane in zip(bars["start"], bars["end"], bars["lane"], strict=True):
        assert of_lane.get(lane, 0) <= start
        of_lane[lane] = end
    # Who ends at once comes before who starts at that moment, and needs a lane beside the others.
    needed = [sum(s <= at < e for s, e in spans) for at, _ in spans]
    needed += [1 + sum(s < at < e for s, e in spans) for at, end in spans if at == end]
    assert bars["lanes"] == max(needed)
    assert set(bars["lane"]) == set(range(bars["lanes"]))


@examples(60)
@given(spans)
def test_the_curve_has_as_many_in_flight_as_there_were(spans):
    begin = min(start for start, _ in spans)
    flight = chart_of(lines_of(under_way(spans)), set())["in_flight"]
    assert flight["s"] == sorted(flight["s"])
    for at in range(begin, max(end for _, end in spans) + 1):
        known = [
            n
            for s, n in zip(flight["s"], flight["n"], strict=True)
            if s <= (at - begin) / 10 + 1e-9
        ]
        assert known[-1] == sum(start <= at < end for start, end in spans)
    moments = {moment for span in spans for moment in span}
    assert max(flight["n"]) == max(
        sum(start <= at <= end for start, end in spans) for at in moments
    )


def test_a_bar_has_its_time_of_waiting_and_its_entry():
    bars = view(three())["chart"]["bars"]
    assert bars["start"] == [0.0, pytest.approx(0.1), pytest.approx(0.2)]
    assert bars["first"] == [pytest.approx(0.4), pytest.approx(0.1), pytest.approx(0.2)]
    assert bars["end"] == [pytest.approx(0.5), pytest.approx(0.2), pytest.approx(0.9)]
    assert bars["lane"][:2] == [0, 1]
    assert bars["fate"] == ["serve", "not found", "status"]
    assert [column[2] for column in bars["entries"].values()] == list(three()[3].values())


def test_of_a_huge_run_an_even_choice_is_drawn_and_what_does_not_balance(monkeypatch):
    monkeypatch.setattr(html_view, "MOST_BARS", 200)
    monkeypatch.setattr(html_view, "MOST_OFF", 20)
    monkeypatch.setattr(charts, "MOST_POINTS", 40)
    count = 410
    entries = [*many(count - 1), request(count, "ZA", 0.0, 900.0)]
    codes = ["BR", "CN", "DE", "FR", "IN", "JP", "US", "ZA"]
    told = [f"{code} OK" for code in codes[:-1]]
    seen = view(journal(codes, entries, report(codes, 40, 7, told=told)))
    drawn = seen["chart"]["bars"]["entries"]["n"]
    assert seen["thinned"] == {"drawn": len(drawn), "of": count}
    assert {*range(3, count, 3), count} < set(drawn)
    assert len(drawn) < count
    assert sum(one["count"] for one in seen["chart"]["fates"]) == count
    assert len(seen["chart"]["in_flight"]["s"]) <= 40 + 1
    assert max(seen["chart"]["in_flight"]["n"]) >= 40
    assert f"Drawn are {len(drawn)} of {count} requests" in run_page(seen)


# --- the table and the pictures ----------------------------------------------------------


def test_a_flag_is_shown_where_it_was_saved_as_served():
    rows = {row["code"]: row for row in view(three())["codes"]}
    assert len(rows["BR"]["picture"]["colours"]) == 3
    assert rows["CN"]["picture"] is rows["DE"]["picture"] is None
    other = three(files={"br.gif": {"size": 1, "sha256": "0" * 64, "mtime_ns": 1}})
    assert view(other)["codes"][0]["picture"] is None
    kept = three()
    kept[0]["files_before"] = kept[-1]["files_after"]
    kept = {row["code"]: row for row in view(kept)["codes"]}["BR"]
    assert (kept["file"], kept["picture"]) == ("kept", rows["BR"]["picture"])


def test_two_runs_are_compared_code_by_code_differences_first():
    lost = three()
    lost[-1] = journal(CODES, lost[1:-1], report(CODES, 2, 1, not_found=1, told=TOLD[:2]))[-1]
    page = compare_page([view(three()), view(lost)], ["threads", "tasks"])
    body = page[page.index("<tbody>") :]
    assert re.findall(r'<th scope="row">(..)</th>', body) == ["DE", "BR", "CN"]
    assert "threads" in page
    assert "tasks" in page


# --- what comes from outside -------------------------------------------------------------

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"


def test_no_text_from_outside_becomes_markup():
    entry = request(1, HOSTILE, 0, 1, do="status", status=503, path=HOSTILE, server=HOSTILE)
    lines = journal([HOSTILE], [entry], [], command=["sh", HOSTILE], dest=HOSTILE)
    page = run_page(view(lines))
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert page.count("<script") == 3  # the data, and two of ours


def test_only_the_scripts_of_the_page_may_run():
    page = run_page(view(three()))
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    assert len(scripts) == 2
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)[1]
    assert policy == (
        f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
        f"script-src {script_hash(*scripts)}"
    )
    assert not re.search(r'(?:src|href)="(?!data:)', page)


# --- to run it again ---------------------------------------------------------------------


@posix
@pytest.mark.parametrize("folder", ["a b", "it's", "$HOME", "; true"])
def test_the_line_for_a_shell_brings_the_plans_and_the_command(folder, tmp_path):
    plan = {"plan": 1, "seed": 7, "rules": {"BR": [{"do": "reset"}]}}
    plans = {"X": {"plan": 1}, "ERROR": plan, "LOCAL": {"plan": 1}}
    line = view(three(plans=plans, command=["echo", "it's", "$HOME"], dest=folder))["replay"]
    line = line.replace("mockservers run", r"printf '%s\n'")
    words = subprocess.check_output(["sh", "-c", line], cwd=tmp_path, text=True).splitlines()
    files = {"ERROR": "replay-error.json", "LOCAL": "replay-local.json"}
    options = [word for item in files.items() for word in ("--plan", "=".join(item))]
    assert words == [*options, "--dest", folder, "--", "echo", "it's", "$HOME"]
    assert {path.name for path in tmp_path.iterdir()} == set(files.values())
    for label, file in files.items():
        text = (tmp_path / file).read_text()
        assert plan_from_json(text) == plan_from_json(json.dumps(plans[label]))
    assert view(three(plans={}))["replay"] == "mockservers run -- flags2-threadpool"


# --- the commands ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["ledger", "a.jsonl", "--html", "no/where.html"], "cannot write the page no/where.html"),
        (["ledger", "a.jsonl", "--html", "."], "cannot write the page ."),
        (["run", "--html", "no/where.html", "--", "true"], "cannot write the page no/where.html"),
        (["compare", "a.jsonl", "--html", "c.html"], "from 2 to 6 journals"),
        (["compare", "a.jsonl", "a.jsonl"], "--html"),
        (["compare", "a.jsonl", "nowhere", "--html", "c.html"], "cannot read the journal nowhere"),
        (["compare", "a.jsonl", "b.jsonl", "--html", "c.html"], "b.jsonl: line 1 is not JSON"),
    ],
)
def test_a_page_that_cannot_be_is_one_clear_line(words, says, in_folder, capsys):
    as_file(in_folder / "a.jsonl", three())
    (in_folder / "b.jsonl").write_text("{\n")
    status, stdout, stderr = ended(capsys, *words)
    assert (status, stdout) == (2, "")
    assert re.fullmatch(r"mockservers: .*\n", stderr)
    assert says in stderr
    assert not list(in_folder.glob("*.html"))


def test_without_the_extra_it_is_named_before_anything_runs(in_folder, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    words = ["run", "--ports", "auto", "--html", "a.html", "--", "touch", "ran"]
    status, _, stderr = ended(capsys, *words)
    assert status == 2
    assert "needs the extra pages: pip install 'flags2-reference[pages]'" in stderr
    assert not (in_folder / "ran").exists()


def test_journals_of_one_name_are_shown_with_their_folders(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        as_file(tmp_path / name / "run.jsonl", three())
    done = run(
        "mockservers", "compare", "a/run.jsonl", "b/run.jsonl", "--html", "c.html", cwd=tmp_path
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    page = (tmp_path / "c.html").read_text(encoding="utf-8")
    assert "<h2>a/run.jsonl</h2>" in page.replace(os.sep, "/")
    assert "<h2>b/run.jsonl</h2>" in page.replace(os.sep, "/")
