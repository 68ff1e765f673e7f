"""The texts before and after the downloads, and that each is printed as a whole."""

import contextlib
import io
import random
import re
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from string import ascii_uppercase
from types import SimpleNamespace
from unittest import mock

from golden.normalise import command_text
from golden.observe import Writes, as_recorded, recorded
from hypothesis import given
from hypothesis import strategies as st
from support.examples import examples

from reference import flags2_common as common
from reference import flags2_threadpool
from reference.flags2_common import HTTPStatus

EVERY = [a + b for a, b in product(ascii_uppercase, repeat=2)]

counts = st.integers(0, 3) | st.integers(0, 10**6)
code_lists = st.builds(
    lambda n, seed: sorted(random.Random(seed).sample(EVERY, n)),
    st.integers(0, 30), st.integers(0, 2**32),
)  # fmt: skip


def printed_before(codes: list[str], requests: int, label: str) -> str:
    with as_recorded(), contextlib.redirect_stdout(io.StringIO()) as out:
        common.initial_report(codes, requests, label)
    return out.getvalue()


def printed_after(counter: Counter, seconds: float = 0.0) -> str:
    clock = SimpleNamespace(time=lambda: 1000.0 + seconds)
    with mock.patch.object(common, "time", clock), contextlib.redirect_stdout(io.StringIO()) as out:
        common.final_report([], counter, 1000.0)
    return out.getvalue()


def test_each_recorded_initial_report_is_printed_alike():
    different = []
    for codes, requests, label, text in recorded("reports.json")["initial"]:
        if isinstance(codes, int):
            drawn = sorted(random.Random(codes).sample(EVERY, codes))
        else:
            drawn = codes.split()
        seen = printed_before(drawn, requests, label)
        if seen != text:
            different.append((codes, requests, label, text, seen))
    assert not different


def test_each_recorded_final_report_is_printed_alike():
    different = []
    for *numbers, text in recorded("reports.json")["final"]:
        counter = Counter(dict(zip(HTTPStatus, numbers, strict=True)))
        for same in (counter, +counter):
            seen = command_text(printed_after(same))
            if seen != text:
                different.append((numbers, text, seen))
    assert not different


@examples(200)
@given(code_lists, st.integers(0, 1000), st.sampled_from(["LOCAL", "DELAY", "ERROR", "REMOTE"]))
def test_the_initial_report_tells_server_number_codes_and_connections(codes, requests, label):
    site, search, connections = printed_before(codes, requests, label).splitlines()
    assert site.split(" site: ") == [label, recorded("reports.json")["servers"][label]]
    number, noun, named = re.fullmatch(r"Searching for (\d+) (flags?): (.*)", search).groups()
    assert (int(number), noun) == (len(codes), "flag" if number == "1" else "flags")
    if len(codes) > 10:
        assert named.split() == ["from", codes[0], "to", codes[-1]]
    else:
        assert [code for code in named.split(", ") if code] == codes
    words = re.fullmatch(r"(\d+) concurrent (connections?) will be used\.", connections).groups()
    assert words == (str(requests), "connection" if requests == 1 else "connections")


@examples(200)
@given(counts, counts, counts)
def test_the_final_report_has_a_line_for_each_count_but_none_for_no_failures(ok, missed, failed):
    counter = Counter(dict(zip(HTTPStatus, (ok, missed, failed), strict=True)))
    hyphens, *totals, elapsed = printed_after(counter).splitlines()
    assert hyphens == 20 * "-"
    assert elapsed == "Elapsed time: 0.00s"
    seen = [(int(n), what) for n, what in (line.split(" ", 1) for line in totals)]
    expected = [(ok, "flag downloaded." if ok == 1 else "flags downloaded.")]
    expected += [(missed, "not found.")] * (missed > 0)
    expected += [(failed, "error." if failed == 1 else "errors.")] * (failed > 0)
    assert seen == expected


@examples(200)
@given(st.integers(0, 10**6))
def test_the_elapsed_time_is_in_seconds_to_the_hundredth(hundredths):
    *_, line = printed_after(Counter(), hundredths / 100).splitlines()
    whole, part = divmod(hundredths, 100)
    assert line == f"Elapsed time: {whole}.{part:02}s"


# The listings print a line in pieces, which threads tear apart; the ports print it whole.


def test_a_verbose_line_is_one_write_where_the_listing_made_four():
    assert recorded("reports.json")["verbose_writes"] == ["BR", " ", "OK", "\n"]
    with (
        mock.patch.object(flags2_threadpool, "get_flag", return_value=b"GIF"),
        mock.patch.object(flags2_threadpool, "save_flag"),
        contextlib.redirect_stdout(Writes()) as out,
    ):
        flags2_threadpool.download_one("BR", "", True)
    assert out.pieces == ["BR OK\n"]


class Shared(io.StringIO):
    """A stdout that notices a write during another one."""

    inside, overlaps = 0, 0

    def write(self, text):
        self.inside += 1
        for _ in range(10):
            time.sleep(0)  # other threads may run
        self.overlaps += self.inside > 1
        self.inside -= 1
        return super().write(text)


def test_threads_write_one_at_a_time():
    """Python 3.11 loses lines of a buffered stdout if one thread writes during another's flush."""
    with contextlib.redirect_stdout(Shared()) as out, ThreadPoolExecutor(8) as pool:
        list(pool.map(common.say, map(str, range(200))))
    assert out.overlaps == 0
