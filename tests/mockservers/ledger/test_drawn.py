"""The ledger against the plain books, on drawn entries, in memory.

`support.plain_ledger` is the second opinion. What a drawing found to be wrong stays here as a case.
"""

import itertools
import random
from collections import Counter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.drawn_ledgers import (
    BODY,
    CODES,
    Chance,
    book,
    compare_lines,
    compare_totals,
    journal,
    say,
    sha,
    words_of,
)
from support.examples import SCALE, examples
from support.journals import balance
from support.plain_ledger import SAYINGS, Told, file_of, path_of, what_came


def reply(do, status, sent=0, length=0, **more):
    """What a request of one kind leaves in its entry."""
    digest = sha(BODY[:sent]) if sent else None
    return {
        "do": do, "status": status, "length": length, "bytes_sent": sent, "sha256": digest,
        "complete": True, "client_gone": False, **more,
    }  # fmt: skip


ALL = len(BODY)
WHOLE = reply("serve", 200, ALL, ALL)
NO_REPLY = [
    reply("empty", None, length=None),
    reply("reset", None, length=None),
    reply("cut_headers", None, length=None),
    reply("hang", None, length=None, complete=False, client_gone=True),
]
FINAL = [
    WHOLE,
    reply("wrong_type", 200, ALL, ALL),
    reply("serve", 404),
    reply("status", 404),
    reply("serve", 404, client_closed=True),
    reply("serve", 200, ALL, ALL, client_closed=True),
    reply("status", 503),
    reply("status", 204, length=None),
    reply("redirect", 302),
    reply(None, 405),
    reply("truncate", 200, 5, ALL),
    reply("truncate", 200, 0, ALL),
    reply("reset", 200, 5, ALL),
    reply("reset", 200, ALL, ALL),
    reply("bad_chunk", 200, 5, None),
    reply("bad_gzip", 200, ALL, ALL),
    reply("no_length", 200, 5, None),
    reply("too_long", 200, ALL, ALL),
    reply("huge_headers", 200, ALL, ALL),
    reply("drip", 200, 5, ALL, complete=False, client_gone=True),
]
PATHS = [*map(path_of, CODES), "/x", "/y"]


def entries_of(requests):
    """Entries as a journal has them: pairs of (server, path, method) and what came of it."""
    codes = {path_of(code): code for code in CODES}
    return [
        {"type": "request", "n": n, "conn": n, "server": server, "method": method, "path": path,
         "code": codes.get(path), "attempt": 1, "in_flight": 1, **came}
        for n, ((server, path, method), came) in enumerate(requests, 1)
    ]  # fmt: skip


def redirected(to):
    return reply("redirect", 302, location=to)


def drawn_request(chance):
    path = chance.one(*PATHS)
    place = (chance.one("ERROR", "ERROR", "ERROR", "LOCAL"), path, chance.one(*["GET"] * 9, "HEAD"))
    if chance.often():
        return place, chance.one(WHOLE, *FINAL, *NO_REPLY, *NO_REPLY)
    return place, redirected(chance.one(path, *PATHS))


def drawn_telling(chance, entries):
    """What a program says of these requests: the truth, as far as it goes, or something else."""
    told = Told(
        asked=tuple(chance.shuffled(CODES)[: chance.below(4)]), label=chance.one(None, "ERROR")
    )
    told.files = chance.one(None, {}, 1, 1)
    if told.files == 1:
        told.before = book(chance, 1)
        untouched = {name: file for name, file in told.before.items() if chance.one(0, 1)}
        told.files = {**book(chance, 2), **untouched}
    say(chance, told, entries)
    return told


def judge(entries, told, lines=True):
    return balance(journal(entries, told, lines)).to_json()


def compare(chance):
    entries = entries_of([drawn_request(chance) for _ in range(chance.below(8))])
    told = drawn_telling(chance, entries)
    in_order_of_ending = chance.shuffled(entries)
    if told.lines:
        compare_lines(entries, told, judge(in_order_of_ending, told))
    compare_totals(entries, told, judge(in_order_of_ending, told, lines=False))


def of_seeds(count, check):
    """Check what so many seeds give; a failure names its seed."""
    for seed in range(count * SCALE):
        try:
            check(Chance(random.Random(seed).randrange))
        except AssertionError as exc:
            exc.add_note(f"again: {check.__name__}(Chance(random.Random({seed}).randrange))")
            raise


@examples(60)
@given(st.data())
def test_the_ledger_agrees_with_the_plain_oracle(data):
    compare(Chance(lambda below: data.draw(st.integers(0, below - 1))))


@pytest.mark.slow
def test_the_ledger_agrees_with_the_plain_oracle_in_thousands_of_runs():
    of_seeds(3000, compare)


SAVED = {"size": ALL, "sha256": sha(BODY)}
DOWNLOADS = {
    "ok": (WHOLE, SAVED),
    "not found": (reply("serve", 404), None),
    "an error": (reply("status", 503), None),
    "up to the client, saved": (reply("too_long", 200, ALL, ALL), SAVED),
    "up to the client, not saved": (reply("too_long", 200, ALL, ALL), None),
}


def all_totals(most):
    """Every report of up to `most` downloads."""
    for counts in itertools.product(range(most + 1), repeat=len(SAYINGS)):
        if sum(counts) <= most:
            yield dict(zip(SAYINGS, counts, strict=True))


@pytest.mark.parametrize("count", range(len(CODES) + 1))
def test_every_report_of_totals_is_accepted_exactly_where_it_can_be(count, record_property):
    cases = 0
    for kinds in itertools.combinations_with_replacement(DOWNLOADS.values(), count):
        asked = CODES[:count]
        entries = entries_of([get(c, kind[0]) for c, kind in zip(asked, kinds, strict=True)])
        files = {file_of(c): k[1] for c, k in zip(asked, kinds, strict=True) if k[1]}
        for totals in all_totals(count):
            told = Told(asked=asked, totals=totals, files=files)
            compare_totals(entries, told, judge(entries, told, lines=False))
            cases += 1
    record_property("cases", cases)


def came_in_a_maze(chance):
    """Whatever may come of a request, every second time a redirect."""
    return chance.one(
        chance.one(WHOLE, WHOLE, *FINAL, *NO_REPLY, *NO_REPLY), redirected(chance.one(*PATHS))
    )


def download(chance, code):
    """Requests of a correct client for one code, each with what came of it; and its outcome."""
    path, requests = path_of(code), []
    while True:
        came = came_in_a_maze(chance)
        requests.append((("ERROR", path, "GET"), came))
        again = came["status"] is None and chance.one(True, False)
        if again:
            came = came_in_a_maze(chance)
            requests.append((("ERROR", path, "GET"), came))
        if "location" not in came or len(requests) > 5 or not chance.often():
            return requests, came
        path = came["location"]


def compare_honest(chance):
    """Downloads at the same time, all well done and well reported."""
    asked = tuple(chance.shuffled(CODES)[: 1 + chance.below(3)])
    told = Told(asked=asked, label="ERROR", files={}, totals=dict.fromkeys(SAYINGS, 0))
    under_way, requests, connections = [], [], []
    for conn, code in enumerate(asked):
        mine, last = download(chance, code)
        under_way.append((conn, mine))
        came = what_came(last)
        said = chance.one("ok", "error") if came == "unclear" else came
        if said == "ok":
            size, digest = last["bytes_sent"], last["sha256"] or sha(b"")
            told.files[file_of(code)] = {"size": size, "sha256": digest}
        told.lines.append((code, said))
        told.totals[said] += 1
    kept_connections = chance.one(True, False)
    while under_way:
        conn, mine = chance.one(*under_way)
        requests.append(mine.pop(0))
        connections.append(conn if kept_connections else len(requests))
        under_way = [(conn, mine) for conn, mine in under_way if mine]
    entries = entries_of(requests)
    for entry, conn in zip(entries, connections, strict=True):
        entry["conn"] = conn
    for lines in (True, False):
        assert judge(entries, told, lines)["imbalances"] == []


@pytest.mark.parametrize("count", [300, pytest.param(5000, marks=pytest.mark.slow)])
def test_a_correct_program_is_never_reported_whatever_the_redirects(count):
    of_seeds(count, compare_honest)


@example(0, 0, "ok")  # the file equals the first response
@examples(25)
@given(st.integers(0, ALL - 1), st.integers(0, ALL), st.sampled_from(["ok", "error"]))
def test_of_two_responses_the_file_must_hold_the_last(sent, kept, said):
    """The first is cut short after `sent` bytes, the second is whole, the file has `kept` bytes."""
    requests = [get("BR", reply("truncate", 200, sent, ALL)), get("BR", WHOLE)]
    files = {"br.gif": {"size": kept, "sha256": sha(BODY[:kept])}}
    words = words_of(judge(entries_of(requests), told_of(("BR", said), files=files)))
    assert words["duplicated", "BR"] == 1
    assert words["corrupt", "BR"] == (kept < ALL)


# --- what these found --------------------------------------------------------------------------


def told_of(*codes_and_said, files=None):
    told = Told(label=None, asked=tuple(code for code, _ in codes_and_said), files=files)
    told.lines = list(codes_and_said)
    told.totals = dict.fromkeys(SAYINGS, 0) | Counter(said for _, said in codes_and_said)
    return told


def get(code_or_path, came, server="ERROR"):
    path = code_or_path if code_or_path.startswith("/") else path_of(code_or_path)
    return (server, path, "GET"), came


NONE = NO_REPLY[0]
PINNED = {
    "a redirect of another server leads elsewhere": (
        [get("BR", NONE), get("BR", redirected(path_of("BR")), "LOCAL"), get("BR", WHOLE)],
        told_of(("BR", "ok")),
        [("duplicated", "BR")],
    ),
    "two who meet at one path may each come twice": (
        [get("BR", redirected("/x")), get("CN", redirected("/x")), get("/x", NONE),
         get("/x", WHOLE), get("/x", NONE), get("/x", NONE)],
        told_of(("BR", "error"), ("CN", "ok")),
        [],
    ),
    "nobody knows whose second try it was": (
        [get("BR", redirected("/x")), get("/x", redirected(path_of("BR"))),
         get("BR", redirected(path_of("CN"))), get("CN", NONE),
         get("CN", redirected(path_of("CN"))), get("CN", redirected(path_of("BR"))),
         get("CN", NONE), get("CN", redirected("/y"))],
        told_of(("BR", "error"), ("CN", "error")),
        [],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PINNED)
def test_failures_that_the_oracle_found_stay_mended(name):
    requests, told, words = PINNED[name]
    assert words_of(judge(entries_of(requests), told)) == Counter(words)


def test_a_target_that_ended_before_the_redirect_to_it_is_expected():
    first, target = entries_of([get("BR", redirected("/x")), get("/x", WHOLE)])
    assert judge([target, first], told_of(("BR", "ok")))["balanced"]


def test_if_the_codes_are_unknown_no_request_is_unexpected():
    entries = entries_of([get("/x", WHOLE), get("BR", redirected("/x")), get("/x", WHOLE)] * 2)
    assert balance([{"journal": 1, "command": ["x"]}, *entries, {"end": True}]).balanced


def test_the_order_in_which_a_folder_is_listed_makes_no_difference():
    files = dict.fromkeys(("zz.gif", "br.gif.part", "br.gif"), SAVED)
    turned = dict(reversed(files.items()))
    told, turned = (told_of(("CN", "error"), files=kept) for kept in (files, turned))
    assert judge([], told) == judge([], turned)


def test_requests_beyond_those_kept_count_for_their_own_server_only():
    told = told_of(("BR", "ok"))
    told.label = "ERROR"
    for server, requests in (("LOCAL", 1), ("ERROR", 71)):
        entries = entries_of([get("BR", WHOLE), *[get("BR", WHOLE, server)] * 70])
        assert judge(entries, told)["codes"]["BR"]["requests"] == requests
