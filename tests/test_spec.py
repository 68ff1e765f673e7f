"""SPEC.md and README.md say what is so: every example that stands there is run."""

import http.client
import json
import os
import re
import shlex
import signal
import subprocess
import textwrap
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from golden.observe import run_main
from msgspec import structs
from support.commands import command_line, environment
from support.downloaders import DOWNLOADERS, play_in_process, play_sockets
from support.faults import fate_of
from support.processes import until_it_waits
from support.rows import each

from conformance.adapter.answer import read_answer
from conformance.adapter.cases import Question
from conformance.adapter.checks import findings
from mockservers.content.resources import FlagCatalogue, info_in
from mockservers.faults import KINDS
from mockservers.flags2.arguments import parse_flags2
from mockservers.inprocess import BASE_URL
from mockservers.plan import draw, fate, noise
from mockservers.plan_json import fault_to_json, plan_from_json
from mockservers.predict import predict, totals
from reference import quicksort
from reference.flags2_common import SERVERS
from reference.primes_threadpool import is_prime

TESTS = Path(__file__).parent
SPEC = TESTS.with_name("SPEC.md").read_text(encoding="utf-8")
PORTS = TESTS.with_name("reference")
ROW = re.compile(r"^\| ([LRD])-(\d+) \| (.*) \| (?:`(.*)::(.*)` )?\|$", re.MULTILINE)
ROWS = ROW.findall(SPEC) + ROW.findall((PORTS / "README.md").read_text(encoding="utf-8"))
COUNTS_EVER = {"L": 8, "D": 4, "R": 20}
"""Differences so far; an id is never used again, so a withdrawn one keeps its row."""


# --- the differences ----------------------------------------------------------------------------


def test_every_difference_names_an_existing_test_or_is_withdrawn():
    for kind, number, what, file, test in ROWS:
        if test:
            assert f"def {test}(" in (TESTS / file).read_text(encoding="utf-8"), f"{kind}-{number}"
        else:
            assert what.startswith("Withdrawn: "), f"{kind}-{number}"


@pytest.mark.parametrize("kind", COUNTS_EVER)
def test_differences_are_numbered_without_a_gap_and_stay(kind):
    numbers = [int(number) for found, number, *_ in ROWS if found == kind]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) >= COUNTS_EVER[kind]


def test_every_difference_that_the_code_names_is_in_a_table():
    ids = {f"{kind}-{number}" for kind, number, _, _, test in ROWS if test}
    for source in [*PORTS.glob("*.py"), *TESTS.parent.glob("mockservers/*.py")]:
        assert set(re.findall(r"\b[LRD]-\d+\b", source.read_text(encoding="utf-8"))) <= ids


# --- the kinds of response ------------------------------------------------------------------------

_, _KINDS_TABLE = SPEC.split("\n| `do` | what happens | further keys |\n|---|---|---|\n")
KIND_ROWS = {
    row.split("`")[1]: row.strip("| ").split(" | ")
    for row in _KINDS_TABLE.split("\n\n")[0].splitlines()
}


def test_the_table_has_every_kind_and_no_other():
    assert set(KIND_ROWS) == set(KINDS)


@each("do", KIND_ROWS)
def test_the_row_of_a_kind_says_what_its_class_says(do):
    kind, (name, _, *keys) = KINDS[do], KIND_ROWS[do]
    keys = "".join(keys)
    own = [field for field in structs.fields(kind) if field.name in kind.__match_args__]
    own = [field for field in own if field.name not in kind.drawn]
    assert name.endswith("*") is kind.needs_resource
    assert re.findall(r"`(\w+)`(?=:| \(default)", keys) == [field.name for field in own]
    assert ("required" in keys) is any(field.required for field in own)
    defaults = [float(number) for number in re.findall(r"default (\d+)", keys)]
    numbers = [f.default for f in own if isinstance(f.default, int | float)]
    assert defaults == [number for number in numbers if not isinstance(number, bool)]


def test_the_kinds_that_are_up_to_the_client_are_named():
    _, text = SPEC.split("\nWith these kinds, or with some responses of them, the client decides")
    named = re.findall(r"`(\w+)`", text.split("(OUT-6")[0])
    assert set(named) - {"depends", "reset"} == {do for do, k in KINDS.items() if k.may_be_unclear}


# --- the examples -------------------------------------------------------------------------------


def table(head):
    """The cells of the examples in the table with this head, without the marks of code."""
    _, text = SPEC.split(f"\n| example | {head} |\n")
    rows = text.split("\n\n")[0].splitlines()[1:]
    cells = [row.strip("| ").split(" | ") for row in rows]
    return [pytest.param(*(c.strip("`") for c in rest), id=name) for name, *rest in cells]


def runs():
    """Of each whole run: what is said of it, plan, arguments, and the lines of stdout."""
    pattern = r"^\*\*(X-\d+)\*\* ((?:.+\n)+)\n((?:    .+\n)+)\n    \$ PROGRAM (.*)\n((?:    .+\n)+)"
    for name, prose, plan, arguments, stdout in re.findall(pattern, SPEC, re.MULTILINE):
        lines = textwrap.dedent(stdout).splitlines()
        yield name, " ".join(prose.split()), plan_from_json(plan, name), arguments.split(), lines


RUNS = list(runs())
ENDED = [
    pytest.param(*run, id=name, marks=pytest.mark.slow if "-e" in run[2] else ())
    for name, *run in RUNS
    if "Ctrl-C" not in run[0]
]
INTERRUPTED = [pytest.param(*run, id=name) for name, *run in RUNS if "Ctrl-C" in run[0]]
COUNTS = {"nothing": 0, "eleven": 11, "150": 150}


def settled(lines, url=None):
    """Lines of a run without what is left free: seconds, texts of errors, the order of codes."""
    texts = [re.sub(r"\d+\.\d\ds$", "#s", line) for line in lines]
    texts = [re.sub(r"^(\*\*\* Error for ..: ).+", r"\1#", line) for line in texts]
    if url:
        texts = [
            line.replace(url, SERVERS[line.split()[0]]) if url in line else line for line in texts
        ]
    end = texts.index("-" * 20)
    return [*texts[:3], *sorted(texts[3:end]), *texts[end:]]


def said_to_be_left(prose, files):
    """Whether the words after `downloads` fit the files there."""
    said = re.split(r"[Ii]n `downloads`: ", prose)[1]
    names = re.findall(r"`(\w+\.gif)`", said)
    return sorted(files) == names if names else len(files) == COUNTS[said.split(" ")[0].strip(".")]


def test_examples_are_numbered_without_a_gap():
    named = re.findall(r"^(?:\| |\*\*)X-(\d+)", SPEC, re.MULTILINE)
    assert sorted(map(int, named)) == list(range(1, len(named) + 1))
    assert len(named) >= 65


def test_every_example_is_in_a_form_that_is_run():
    tables = re.findall(r"^\| example \| (.*) \|$", SPEC, re.MULTILINE)
    rows = sum(len(table(head)) for head in tables)
    blocks = re.findall(r"^\*\*X-\d+\*\*", SPEC, re.MULTILINE)
    assert rows + len(blocks) == len(re.findall(r"^(?:\| |\*\*)X-\d+", SPEC, re.MULTILINE))
    assert len(tables) == 8
    assert len(blocks) == len(RUNS) + 2


def called(arguments):
    """What the reference is called with for arguments, and what it prints; None, refused."""
    ended = run_main([] if arguments == "none" else shlex.split(arguments))
    return (ended.calls[0] if ended.status == 0 else None), ended.stdout


def agrees(codes, said):
    """Whether a list of codes is what a cell says: all of them, or how many, first and last."""
    if match := re.fullmatch(r"(\d+), (\w\w) to (\w\w)", said):
        return (len(codes), codes[0], codes[-1]) == (int(match[1]), match[2], match[3])
    return " ".join(codes) == said


@each(("arguments", "codes"), table("arguments | codes"))
def test_arguments_of_an_example_stand_for_its_codes(arguments, codes, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    call, _ = called(arguments)
    if codes == "usage error":
        assert call is None
    else:
        assert agrees(call[0], codes)


@each(("arguments", "server", "codes"), table("command line | server | codes"))
def test_a_command_line_of_an_example_asks_for_its_codes_of_its_server(arguments, server, codes):
    call, _ = called(arguments)
    if codes == "usage error":
        assert call is None
    else:
        asked, url, *_ = call
        assert agrees(asked, codes)
        assert url == SERVERS[server]


@pytest.mark.parametrize(("arguments", "line"), table("command line | announced"))
def test_an_example_announces_its_connections(arguments, line):
    _, stdout = called(arguments)
    assert stdout.splitlines()[2] == line


@pytest.mark.parametrize("downloader", DOWNLOADERS, ids=lambda downloader: downloader.__name__)
@pytest.mark.parametrize(("prose", "plan", "arguments", "lines"), ENDED)
def test_the_run_of_an_example_prints_and_saves_what_spec_shows(
    servers, downloader, prose, plan, arguments, lines
):
    label = parse_flags2(arguments).label
    if len(plan.mix) > 1:  # half a second for half of 676 codes: not waited for
        played, url = play_in_process(downloader, plan, arguments, label), BASE_URL
    else:
        played = play_sockets(servers, downloader, plan, arguments, label)
        url = servers.urls[label]
    assert settled(played.stdout.splitlines(), url) == settled(lines)
    assert said_to_be_left(prose, played.files)
    assert played.ledger.balanced


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT to another process")
@pytest.mark.parametrize("command", ["flags2-threadpool", "flags2-asyncio"])
@pytest.mark.parametrize(("prose", "plan", "arguments", "lines"), INTERRUPTED)
def test_the_interrupted_run_of_an_example_prints_and_saves_what_spec_shows(
    servers, command, prose, plan, arguments, lines, tmp_path
):
    servers.begin_run({"LOCAL": plan})
    program = subprocess.Popen(
        command_line(command, *arguments), cwd=tmp_path,
        env=environment(FLAGS2_LOCAL_URL=servers.urls["LOCAL"]),
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    while servers.under_way < 2:
        assert program.poll() is None
    until_it_waits(program.pid)
    program.send_signal(signal.SIGINT)
    stdout, _ = program.communicate(timeout=15)
    assert settled(stdout.splitlines(), servers.urls["LOCAL"]) == settled(lines)
    assert said_to_be_left(prose, [path.name for path in tmp_path.glob("downloads/*")])
    assert f"Status {program.returncode};" in prose


def test_a_program_that_asks_again_would_be_served_in_the_example_of_one_that_does_not():
    (plan,) = [plan for _, prose, plan, *_ in RUNS if "REQ-4 forbids" in prose]
    assert [fate(plan, "LOCAL", "BR", attempt).do for attempt in (1, 2)] == ["status", "serve"]


@each(("number", "prime"), table("number | prime"))
def test_a_number_of_an_example_is_prime_as_it_says(number, prime):
    assert is_prime(int(number)) == {"yes": True, "no": False}[prime]


@pytest.mark.parametrize(("items", "result", "trace"), table("list | result | trace of the ports"))
def test_a_list_of_an_example_is_sorted_by_its_swaps(items, result, trace, monkeypatch):
    swaps, swap = [], quicksort.swap

    def watched(array, i, j):
        swaps.append([i, j])
        swap(array, i, j)

    monkeypatch.setattr(quicksort, "swap", watched)
    array = json.loads(items)
    quicksort.quicksort(array)
    assert array == json.loads(result)
    assert swaps == json.loads(trace)


def judged(question, answer):
    """What the kit finds in an answer."""
    arguments = json.loads(question)
    asked = Question("example", arguments.pop("op"), arguments, ("HOOK-3",), "")
    return findings(asked, read_answer(answer.encode()))


@each(("question", "answer"), table("question | answer"))
def test_the_kit_takes_an_answer_of_an_example_and_no_other(question, answer):
    assert not judged(question, answer)
    assert judged(question, '{"result": "something else"}')


def test_every_operation_of_an_adapter_is_described_and_has_an_example():
    text = SPEC.split("\n| `op` | ")[1].split("\n\n")[0]
    described = re.findall(r"^\| `(\w+)` \| (.*?) \| ", text, re.MULTILINE)
    asked = [json.loads(param.values[0]) for param in table("question | answer")]
    for op, keys in described:
        examples = [question for question in asked if question["op"] == op]
        assert examples, op
        for question in examples:
            assert set(question) - {"op"} == set(re.findall(r"`(\w+)`", keys)), op
    unknown = {question["op"] for question in asked} - {op for op, _ in described}
    assert len(unknown) == 1


def plan_of(text):
    """The plan in a cell; one is named by the id of a run."""
    if match := re.fullmatch(r"that of (X-\d+)", text):
        (plan,) = [plan for name, _, plan, *_ in RUNS if name == match[1]]
        return plan
    return plan_from_json(text)


@each(("plan", "request_", "reply"), table("plan | label, resource, attempt | response"))
def test_a_request_of_an_example_meets_its_response(plan, request_, reply):
    label, resource, attempt = request_.split()
    met = fault_to_json(fate_of(plan_of(plan), label, resource, int(attempt)))
    wanted = json.loads(reply)
    delay_s = wanted.pop("delay_s", 0)
    assert met.pop("delay_s", 0) == pytest.approx(delay_s, abs=1e-6, rel=0)
    assert met == wanted


@each(("fault", "request_", "response"), table("plan of its path | request | response"))
def test_a_range_of_an_example_gets_its_response(servers, fault, request_, response):
    plan = plan_from_json(f'{{"plan": 1, "ranges": true, "rules": {{"/r": [{fault}]}}}}')
    servers.begin_run(plan, content={"/r": bytes(range(10))})
    request = urllib.request.Request(f"{servers.urls['LOCAL'].removesuffix('/flags')}/r")
    request.add_header(*request_.split(": "))
    try:
        with urllib.request.urlopen(request) as got:
            status, headers, body = got.status, got.headers, got.read()
    except urllib.error.HTTPError as refused:
        status, headers, body = refused.code, refused.headers, b""
    except http.client.IncompleteRead as cut:
        status, headers, body = 206, got.headers, cut.partial
    said, content_range, *more = response.split(", ")
    numbers = re.findall(r"\d+", more[0]) if more else []
    assert (status, [*body]) == (int(said), [*map(int, numbers)])
    assert headers["Content-Range"] == content_range.strip("`").removeprefix("Content-Range: ")


def test_the_draws_of_the_example_are_those_of_the_formula():
    block = SPEC.split("**X-57**")[1].split("\n\n")[1]
    for line in block.splitlines():
        text, u = line.split()
        _, seed, label, resource, attempt, purpose = text.split("|")
        assert draw(int(seed), label, resource, int(attempt), purpose) == float(u)


def test_the_garbage_of_the_example_begins_with_its_bytes():
    text = SPEC.split("**X-65** ")[1].split("\n\n")[0]
    plan, start = re.findall(r"`(\{.*\})`|bytes `(\w+)`", " ".join(text.split()))
    seed = plan_from_json(plan[0]).seed
    assert noise(seed, "LOCAL", "BR", 0).hex().startswith(start[1])


def test_the_totals_of_the_whole_sample_are_known_before_it_runs():
    (found,) = [run for run in RUNS if "-e" in run[3]]
    *_, plan, arguments, lines = found
    order = parse_flags2([word for word in arguments if word not in ("-m", "5")])
    known = totals(predict(plan, order.label, order.codes, info_in(FlagCatalogue())))
    report = " ".join(lines)
    assert f"{known['ok']} flags downloaded. {known['not_found']} not found." in report
    assert f"{known['error']} errors." in report


# --- README.md ----------------------------------------------------------------------------------


def test_the_snippet_of_the_readme_runs():
    readme = TESTS.with_name("README.md").read_text(encoding="utf-8")
    (snippet,) = re.findall(r"^    from mockservers.*?(?=^\S)", readme, re.MULTILINE | re.DOTALL)
    asks = 'ask(servers.urls["LOCAL"] + "/br/br.gif")'

    def ask(url):
        try:
            urllib.request.urlopen(url)
        except OSError:
            return
        raise AssertionError("BR is to be reset")

    exec(textwrap.dedent(snippet).replace("...  #", f"{asks}  #"), {"ask": ask})
