"""The plugin and its page: what `docs/testing.md` shows is what a newcomer gets."""

import contextlib
import itertools
import json
import os
import re
import signal
import subprocess
import tempfile
import textwrap
import tomllib
from pathlib import Path

import pytest
from commands import SCRIPTS, environment, run
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from support import examples

import mockservers
from mockservers import strategies
from mockservers.codes import LABELS
from mockservers.faults import KINDS, Reset
from mockservers.inprocess import CannotCarryError, refuse_what_needs_sockets
from mockservers.plan import Gate, Plan, plan_from_json
from mockservers.pytest_plugin import how_to_meet_again
from mockservers.strategies import code_lists, plans, request_orders

TOP = Path(__file__).parents[2]
PAGE = (TOP / "docs/testing.md").read_text(encoding="utf-8")
FILES = {
    name: textwrap.dedent(block).strip() + "\n"
    for name, block in re.findall(r"^`([\w.]+)`[^\n]*:\n\n((?:    .*\n|\n)+)", PAGE, re.MULTILINE)
}
"""The project of five files."""
posix = pytest.mark.skipif(os.name != "posix", reason="uses a POSIX shell")


def part(title):
    """What stands below a heading of the page."""
    return re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)[1]


def indented(text):
    """The blocks of code in it."""
    blocks = re.findall(r"(?:^    .*\n|(?<=\n)\n(?=    ))+", text, re.MULTILINE)
    return [textwrap.dedent(block) for block in blocks]


def write(folder, files):
    for name, text in files.items():
        (folder / name).write_text(textwrap.dedent(text), encoding="utf-8")


def pytest_in(folder, *options, only=()):
    """A session of its own, which knows nothing of this one; with `only` these plugins."""
    env = {name: value for name, value in environment().items() if not name.startswith("PYTEST_")}
    if only:
        env["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    named = (f"-p{plugin}" for plugin in only)
    return run("python", "-m", "pytest", *named, *options, cwd=folder, env=env)


def sections(stdout):
    """What the plugin said of each failure, in order."""
    return re.findall(r"^-+ mock servers -+\n((?:\w.*\n)+)", stdout, re.MULTILINE)


# --- the page -------------------------------------------------------------------------


def test_the_project_of_the_page_passes(tmp_path):
    assert len(FILES) == 5
    write(tmp_path, FILES)
    done = pytest_in(tmp_path)
    assert done.returncode == 0, done.stdout
    assert "5 passed" in done.stdout


def test_the_extras_of_the_page_are_there():
    extras = tomllib.loads((TOP / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert "flags2-reference[strategies]" in FILES["requirements.txt"]
    assert "the extra `inprocess`" in PAGE
    assert {"strategies", "inprocess"} <= set(extras)


DOCUMENTED = """\
    from tempfile import TemporaryDirectory

    from downloader import download
    from mockservers.plan import plan_from_json


    def test_documented(mock_servers):
        mock_servers.begin_run(plan_from_json({plan!r}))
        with TemporaryDirectory() as folder:
            said = download(mock_servers.urls["ERROR"], ["AD"], folder)
            mock_servers.check(said, asked=["AD"], files=folder)
"""


@contextlib.contextmanager
def served_by(shell_line, folder):
    """The base URLs of what a line for a shell serves, for as long as the block lasts."""
    env = environment(PATH=os.pathsep.join([str(SCRIPTS), os.environ["PATH"]]))
    serving = subprocess.Popen(
        ["sh", "-c", shell_line], cwd=folder, env=env, stdout=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    with serving:
        try:
            until_ready = itertools.takewhile(lambda line: "ready" not in line, serving.stdout)
            yield dict(line.split() for line in until_ready)
        finally:
            os.killpg(serving.pid, signal.SIGTERM)


@posix
def test_a_broken_downloader_gets_what_the_page_shows_and_can_meet_it_again(tmp_path):
    ledger, rule, section = re.split(
        r"^(-+ mock servers -+\n)", indented(part("When it fails"))[0], flags=re.MULTILINE
    )
    section = section.replace("\n    ", " ")  # it was wrapped
    right, wrong = 'get(reply.status, "error")', 'get(reply.status, "not_found")'
    assert right in FILES["downloader.py"]
    assert f"`.{wrong}`" in PAGE
    # To explain takes most of the time; and chance must not decide whether it is found.
    quick = "deadline=None, phases=[Phase.generate, Phase.shrink], max_examples=1000"
    property_test = FILES["test_accounting.py"].replace("import given", "import Phase, given")
    broken = FILES["downloader.py"].replace(right, wrong)
    write(
        tmp_path,
        {
            "downloader.py": broken,
            "test_a.py": property_test.replace("deadline=None", quick),
            "test_b.py": DOCUMENTED.format(plan=re.search(r"^plan of .*?: (.*)", section)[1]),
        },
    )
    done = pytest_in(tmp_path, only=["mockservers", "hypothesispytest"])
    assert "2 failed" in done.stdout, done.stdout
    drawn, documented = sections(done.stdout)
    assert documented == section
    assert rule in done.stdout
    assert ledger in re.sub(r"(?<= saved in )\S+", "FOLDER", done.stdout)

    plan = plan_from_json(re.match(r"plan of LOCAL, DELAY, ERROR: (.*)\n", drawn)[1])
    code = re.search(r"^E +codes=\['(..)'\]", done.stdout, re.MULTILINE)[1]
    module = {}
    exec(broken, module)
    with served_by(re.search(r"^serve it again: (.*)", drawn, re.MULTILINE)[1], tmp_path) as urls:
        assert set(urls) == set(LABELS)
        assert module["download"](urls["ERROR"], [code], tmp_path) == {code: "not_found"}
    assert plan_from_json((tmp_path / "failing-plan.json").read_text()) == plan


def test_the_page_names_every_strategy_and_what_the_servers_have():
    own = {
        name
        for name, value in vars(strategies).items()
        if getattr(value, "__module__", "") == strategies.__name__ and not name.startswith("_")
    }
    assert set(re.findall(r"(\w+)\(", part("The strategies"))) == own
    with mockservers.running() as servers:
        for name in re.findall(r"^\| `(\w+)", part("The servers"), re.MULTILINE)[1:]:
            assert hasattr(servers, name), name


def test_the_carrier_of_the_page_carries():
    (block,) = indented(part("Without sockets"))
    exec(block, {})


def test_the_page_names_every_kind_that_the_carriers_carry_and_that_they_refuse():
    needed = {"status": {"status": 503}, "drip": {"bytes_per_s": 9}, "redirect": {"to": "/"}}
    refused = set()
    for do in KINDS:
        rules = {"BR": [{"do": do, **needed.get(do, {})}]}
        try:
            refuse_what_needs_sockets(plan_from_json(json.dumps({"plan": 1, "rules": rules})))
        except CannotCarryError:
            refused.add(do)
    for plan in (Plan(gate=Gate(1, 1.0)), Plan(refuse=True), Plan(rules={"BR": (Reset(1),)})):
        with pytest.raises(CannotCarryError):
            refuse_what_needs_sockets(plan)
    carried, not_carried = part("Without sockets").split("Carried are ")[1].split("refused by")
    assert set(re.findall(r"`([a-z_]+)`", carried)) == set(KINDS) - refused
    extra = {"gate", "refuse", "reset"}
    assert set(re.findall(r"`([a-z_]+)`", not_carried)) == refused | extra


# --- the plugin -----------------------------------------------------------------------


def test_to_load_the_plugin_imports_nothing_but_itself():
    program = """if True:
        import sys, pytest
        before = set(sys.modules)
        import mockservers.pytest_plugin
        print(sorted(set(sys.modules) - before))
    """
    done = run("python", "-c", program, cwd=TOP)
    assert done.stdout == "['mockservers', 'mockservers.pytest_plugin']\n", done.stderr


REPORTS = {
    "conftest.py": """\
        import sys
        import threading
        from pathlib import Path

        sys.modules["hypothesis"] = None  # as where it is not installed


        def sockets():
            places = Path("/proc/self/fd")
            found = {str(place.resolve()) for place in places.iterdir()} if places.exists() else {}
            return [name for name in found if "socket:" in name]


        BEFORE = len(sockets())


        def pytest_unconfigure():
            threads = threading.enumerate()
            print("left:", len(threads) - 1, "threads", len(sockets()) - BEFORE, "sockets")
    """,
    "test_reports.py": """\
        import urllib.request

        import pytest

        from mockservers.faults import Empty, Serve, Status
        from mockservers.plan import Plan

        LATE = Plan(rules={"BR": (Serve(delay_s=0.001),)})


        def ask(url):
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with opener.open(url + "/br/br.gif") as reply:
                assert reply.status == 200


        def test_before_there_are_servers():
            assert False


        def test_that_passes(mock_servers):
            mock_servers.begin_run(Plan(rules={"BR": (Empty(),)}))


        def test_that_fails_for_another_reason(mock_servers):
            assert not mock_servers.plans and not mock_servers.entries
            ask(mock_servers.urls["ERROR"])  # the plan of the test before is gone
            mock_servers.begin_run({})
            assert False


        def test_that_does_not_want_servers():
            assert False


        def test_of_one_server(mock_servers):
            mock_servers.begin_run({"DELAY": LATE})
            ask(mock_servers.urls["DELAY"])
            mock_servers.check({"BR": "error"})


        def test_of_several_runs(mock_servers):
            mock_servers.begin_run(LATE)
            ask(mock_servers.urls["LOCAL"])
            mock_servers.begin_run({"LOCAL": LATE, "ERROR": Plan(seed=7)})
            assert False


        @pytest.fixture
        def broken(mock_servers):
            mock_servers.begin_run(LATE)
            raise RuntimeError("in the fixture")


        def test_of_a_fixture(broken):
            pass


        def test_that_asks_by_name(request):
            request.getfixturevalue("mock_servers").begin_run(LATE)
            assert False


        async def by_the_way(servers):
            servers.begin_run(LATE)
            servers.settle()


        def test_from_a_coroutine(mock_servers):
            import asyncio
            asyncio.run(by_the_way(mock_servers))
    """,
}


def test_a_failing_test_tells_its_own_plan_and_nothing_is_left_at_the_end(tmp_path):
    write(tmp_path, REPORTS)
    done = pytest_in(tmp_path, only=["mockservers"])
    assert "6 failed, 2 passed, 1 error" in done.stdout, done.stdout
    late = '{"plan": 1, "seed": 0, "rules": {"BR": [{"do": "serve", "delay_s": 0.001}]}}'
    plain, seven = '{"plan": 1, "seed": 0}', '{"plan": 1, "seed": 7}'
    of_a_fixture, of_one, of_several, by_name = (
        text.rsplit("serve it again: ", 1)[0] for text in sections(done.stdout)
    )
    assert of_a_fixture == by_name == f"plan of LOCAL, DELAY, ERROR: {late}\n"
    assert of_one == f"plan of LOCAL, ERROR: {plain}\nplan of DELAY: {late}\n"
    assert of_several == f"plan of LOCAL: {late}\nplan of DELAY: {plain}\nplan of ERROR: {seven}\n"
    assert "left: 0 threads 0 sockets" in done.stdout
    # The traceback ends at the line of the test that asked for a check.
    assert "mockservers/embed.py" not in done.stdout.replace(os.sep, "/")


def test_each_worker_has_servers_of_its_own_and_reports_them(tmp_path):
    test = """
        from mockservers.plan import Plan

        def test_servers(mock_servers):
            mock_servers.begin_run(Plan(seed=3))
            raise AssertionError(" ".join(mock_servers.urls.values()))
    """
    write(tmp_path, {"test_workers.py": test})
    done = pytest_in(tmp_path, "--dist=each", "--tx=2*popen", only=["mockservers", "xdist"])
    assert len(set(re.findall(r"http://[\d.:]+/flags", done.stdout))) == 6, done.stdout
    assert len(sections(done.stdout)) == 2


@posix
@examples(20)
@given(st.fixed_dictionaries({}, optional=dict.fromkeys(LABELS, plans())))
def test_the_line_for_a_shell_tells_the_same_plans(by_label):
    *_, line = how_to_meet_again(by_label).splitlines()
    line = line.removeprefix("serve it again: ").replace("mockservers serve --ports auto", "echo")
    served = {}
    with tempfile.TemporaryDirectory() as folder:
        echoed = subprocess.check_output(["sh", "-c", line], cwd=folder, text=True)
        for option in echoed.split("--plan ")[1:]:
            label, _, file = option.strip().rpartition("=")
            plan = plan_from_json(Path(folder, file).read_text())
            served |= {label: plan} if label else dict.fromkeys(LABELS, plan)
    assert served == dict.fromkeys(LABELS, Plan()) | by_label


# --- orders ---------------------------------------------------------------------------


@examples(100)
@given(st.data(), code_lists(), st.none() | st.integers(1, 5))
def test_an_order_holds_every_code_once_and_none_arrives_before_it_was_begun(
    data, codes, in_flight
):
    order = data.draw(request_orders(codes, in_flight))
    assert sorted(order) == sorted(codes)
    for place, code in enumerate(order):
        begun = codes[: place + (in_flight or len(codes))]
        assert code in begun


def test_every_order_that_the_limit_allows_can_be_drawn():
    def of(in_flight):
        seen = set()

        @settings(max_examples=300, database=None, phases=[Phase.generate])
        @given(request_orders("ABC", in_flight))
        def draw(order):
            seen.add("".join(order))

        draw()
        return seen

    assert of(1) == {"ABC"}
    assert of(2) == {"ABC", "ACB", "BAC", "BCA"}
    assert of(None) == {"ABC", "ACB", "BAC", "BCA", "CAB", "CBA"}
