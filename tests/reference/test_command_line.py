"""What the arguments of a downloader make it do, print, and end with."""

import os
import runpy
import signal
import subprocess
import sys
from collections import Counter
from itertools import permutations, product
from string import ascii_uppercase
from unittest import mock

import pytest
from golden.normalise import codes_summary
from golden.observe import Ended, recorded, run_main, usage_error
from hypothesis import assume, given
from hypothesis import strategies as st
from support.examples import examples

from mockservers.flags2.output import claims_of
from reference import flags2_common
from reference.flags2_common import HTTPStatus

GOLDEN = recorded("cli.json")
CASES = GOLDEN["cases"]
COUNTRIES = recorded("expand.json")["country_codes"].split()
TOP20 = sorted(recorded("expand.json")["pop20"].split())
SERVERS = recorded("reports.json")["servers"]
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"

EVERY = [a + b for a, b in product(ascii_uppercase, repeat=2)]
codes = st.sampled_from(EVERY)
code_lists = st.lists(codes, max_size=4)
some = st.integers(1, 60)
labels = st.sampled_from(sorted(SERVERS))


STREAMS = ("stdout", "stderr")


def text_of(stream, case):
    """What a recorded run printed; None where that was not recorded for this Python."""
    text = case[stream]
    if isinstance(text, dict):
        text = text.get(PYTHON)
    return None if text is None else text.replace("{usage}", GOLDEN["usage"])


def test_a_recorded_command_line_prints_calls_and_ends_as_recorded(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    different = []
    for case in CASES:
        counts = case.get("counts")

        def download_many(asked: list[str], *_: object, counts=counts) -> Counter:
            return Counter(dict(zip(HTTPStatus, counts or [len(asked), 0, 0], strict=True)))

        ended = run_main(case["argv"], download_many, case["default"], case["max"])
        ended.calls = [[codes_summary(asked), *rest] for asked, *rest in ended.calls]
        expected = Ended(case["status"], *map(text_of, STREAMS, [case] * 2), case["calls"])
        if expected.stdout is None or expected.stderr is None:
            # What argparse prints was not recorded for this version of Python.
            expected.stdout, expected.stderr = ended.stdout, ended.stderr
        if ended != expected:
            different.append((case, ended))
    assert not different


# Oddities that are kept.


def test_usage_errors_go_to_stdout_with_status_1_and_those_of_argparse_to_stderr_with_2():
    own, argparses = run_main(["-m", "0"]), run_main(["-m", "x"])
    assert (own.status, own.stderr) == (1, "")
    assert own.stdout.startswith("*** Usage error: --max_req CONCURRENT must be >= 1\nusage: ")
    assert (argparses.status, argparses.stdout) == (2, "")
    assert argparses.stderr.startswith("usage: ")


@examples(25)
@given(st.integers(1, 10**6))
def test_a_limit_without_codes_still_takes_all_twenty(limit):
    ((asked, *_),) = run_main([f"-l{limit}"]).calls
    assert asked == TOP20


@examples(25)
@given(code_lists, st.permutations(["-e", "-a"]), st.sampled_from([None, 1, 5, 300]))
def test_every_beats_all_and_both_ignore_codes(given_codes, options, limit):
    limits = [] if limit is None else ["-l", str(limit)]
    ((every, *_),) = run_main([*options, *limits, *given_codes]).calls
    ((countries, *_),) = run_main(["-a", *limits, *given_codes]).calls
    assert every == EVERY[:limit]
    assert countries == COUNTRIES[:limit]


# The grammar.


def spelled(draw: st.DrawFn, option: str, value: object | None = None) -> list[str]:
    """A short, long or abbreviated spelling of an option, as one argument or two."""
    names = [option[: n + 1] for n in range(2, len(option))] + [option[1:3]]
    name = draw(st.sampled_from(names))
    if value is None:
        return [name]
    joined = f"{name}{value}" if len(name) == 2 else f"{name}={value}"
    return draw(st.sampled_from([[name, str(value)], [joined]]))


@st.composite
def command_lines(draw: st.DrawFn) -> tuple[list[str], tuple]:
    """Arguments, and the call that they must lead to."""
    asked = draw(st.lists(codes, max_size=8))
    limit = draw(st.none() | st.integers(1, 20))
    most = draw(st.none() | st.integers(1, 50))
    label = draw(st.none() | labels)
    verbose = draw(st.booleans())
    options = []
    if limit is not None:
        options.append(spelled(draw, "--limit", limit))
    if most is not None:
        options.append(spelled(draw, "--max_req", most))
    if label is not None:
        recased = [draw(st.sampled_from([c.upper(), c.lower()])) for c in label]
        options.append(spelled(draw, "--server", "".join(recased)))
    if verbose:
        options.append(spelled(draw, "--verbose"))
    groups = draw(st.permutations([*options, asked])) if asked else draw(st.permutations(options))
    expected = sorted(set(asked))[:limit] or TOP20
    call = (expected, SERVERS[label or "LOCAL"], verbose, min(most or 30, len(expected)))
    return [arg for group in groups for arg in group], call


@examples(60)
@given(command_lines())
def test_options_in_any_order_and_spelling_lead_to_the_same_downloads(drawn):
    argv, call = drawn
    ended = run_main(argv)
    assert ended.calls == [call]
    assert (ended.status, ended.stderr) == (0, "")


@examples(25)
@given(some, some, st.none() | some, st.sets(codes, min_size=1, max_size=6))
def test_requests_at_once_are_the_least_of_asked_allowed_and_codes(
    default, most, asked, given_codes
):
    argv = [*given_codes, *([] if asked is None else ["-m", str(asked)])]
    ended = run_main(argv, default=default, most=most)
    ((*_, concurrent),) = ended.calls
    assert concurrent == min(default if asked is None else asked, most, len(given_codes))
    assert f"\n{concurrent} concurrent connection" in ended.stdout


# Usage errors: nothing is requested.


@examples(60)
@given(
    st.sampled_from([("-m", "--max_req CONCURRENT"), ("-l", "--limit N")]),
    st.integers(max_value=0),
    code_lists,
)
def test_a_number_below_one_is_a_usage_error_that_requests_nothing(option, number, given_codes):
    name, meaning = option
    ended = run_main([*given_codes, name, str(number)])
    assert ended == usage_error(f"*** Usage error: {meaning} must be >= 1")


@examples(25)
@given(st.text() | st.text("LOCADEYRMT ", max_size=7), code_lists)
def test_an_unknown_server_is_a_usage_error_that_requests_nothing(label, given_codes):
    assume(label.upper() not in SERVERS)
    ended = run_main([*given_codes, f"--server={label}"])
    assert ended == usage_error(
        "*** Usage error: --server LABEL must be one of DELAY, ERROR, LOCAL, REMOTE"
    )


def test_of_several_usage_errors_max_req_comes_before_limit_server_and_codes():
    errors = ["-m0", "-l0", "-snowhere", "123"]
    first = {error: run_main([error]) for error in errors}
    for argv in (argv for length in (2, 3, 4) for argv in permutations(errors, length)):
        assert run_main(list(argv)) == first[min(argv, key=errors.index)]


def is_number(text: str) -> bool:
    try:
        int(text)
    except ValueError:
        return False
    return True


@examples(25)
@given(
    st.sampled_from(["--limit", "--max_req"]),
    st.text().filter(lambda text: not is_number(text)),
    code_lists,
)
def test_a_text_for_a_number_is_an_error_of_argparse_that_requests_nothing(name, text, given_codes):
    ended = run_main([*given_codes, f"{name}={text}"])
    assert (ended.status, ended.stdout, ended.calls) == (2, "", [])


# Accounts: every download was counted.

COUNTS = {"too few": [1, 0, 0], "none": [0, 0, 0], "too many": [3, 0, 1]}
counters = st.builds(
    lambda *numbers: Counter(dict(zip(HTTPStatus, numbers, strict=True))), *[st.integers(0, 3)] * 3
)


@pytest.mark.parametrize("name", COUNTS)
def test_a_wrong_total_ends_with_status_1_and_without_a_report_as_in_the_listing(name):
    was = GOLDEN["accounting"][name]["plain"]
    assert was["last_line"] == "AssertionError: some downloads are unaccounted for"
    counter = Counter(dict(zip(HTTPStatus, COUNTS[name], strict=True)))
    ended = run_main(["BR", "CN"], lambda *_: counter)
    assert (ended.status, ended.stdout) == (was["status"], was["stdout"])
    assert f"unaccounted for: {sum(COUNTS[name])} counted of 2\n" in ended.stderr


def test_the_accounting_check_survives_python_dash_o():
    assert GOLDEN["accounting"]["too few"]["with -O"]["status"] == 0
    code = (
        "import sys; sys.argv = ['flags2', 'BR', 'CN']\n"
        "from collections import Counter\n"
        "from reference.flags2_common import HTTPStatus, main\n"
        "main(lambda *_: Counter({HTTPStatus.ok: 1}), 30, 1000)\n"
    )
    run = subprocess.run(
        [sys.executable, "-P", "-O", "-c", code], capture_output=True, text=True, check=False
    )
    assert (run.returncode, 20 * "-" in run.stdout) == (1, False)
    assert "unaccounted" in run.stderr


@examples(60)
@given(st.sets(codes, min_size=1, max_size=4), counters)
def test_there_is_a_report_exactly_if_as_many_were_counted_as_asked_for(asked, counter):
    ended = run_main(sorted(asked), lambda *_: counter)
    assert (ended.status == 0) == (20 * "-" in ended.stdout) == (counter.total() == len(asked))


@examples(25)
@given(st.sets(codes, min_size=9, max_size=12), counters)
def test_an_interrupted_run_reports_what_finished_then_the_rest_and_ends_with_130(asked, counter):
    def interrupted(*_: object) -> Counter:
        signal.raise_signal(signal.SIGINT)
        return counter

    ended = run_main(sorted(asked), interrupted)
    claims = claims_of(ended.stdout.splitlines())
    rest = len(asked) - counter.total()
    assert ended.status == 130
    assert list(claims.totals.values()) == [*(counter[status] for status in HTTPStatus), rest]
    assert ended.stdout.endswith(f"Elapsed time: #s\n{rest} interrupted.\n")


# Base URLs.


def common_with(**variables: str) -> dict[str, object]:
    """What the module has in an interpreter that starts with these variables."""
    env = {name: text for name, text in os.environ.items() if not name.startswith("FLAGS2_")}
    with mock.patch.dict(os.environ, env | variables, clear=True):
        return runpy.run_path(flags2_common.__file__)


def test_without_variables_the_base_urls_are_those_of_the_listing():
    assert common_with()["SERVERS"] == SERVERS


def test_each_base_url_can_be_overridden_by_its_variable():
    urls = {label: f"http://127.0.0.1:{port}/flags/X" for port, label in enumerate(SERVERS, 9000)}
    variables = {f"FLAGS2_{label}_URL": f"{url}/" for label, url in urls.items()}
    assert common_with(**variables)["SERVERS"] == urls
    one = {"FLAGS2_ERROR_URL": urls["ERROR"], "FLAGS2_LOCAL_URL": "", "FLAGS2_NOWHERE_URL": "x"}
    assert common_with(**one)["SERVERS"] == SERVERS | {"ERROR": urls["ERROR"]}


@pytest.mark.parametrize(
    ("variables", "means"),
    [({}, 30.0), ({"FLAGS2_TIMEOUT_S": "1.5"}, 1.5), ({"FLAGS2_TIMEOUT_S": "x"}, 30.0)],
)
def test_the_longest_silence_can_be_overridden_by_its_variable(variables, means):
    assert common_with(**variables)["TIMEOUT_S"] == means
