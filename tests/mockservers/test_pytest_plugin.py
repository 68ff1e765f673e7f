"""The pytest plugin, and the orders of requests that a test can draw."""

import os
import re
import socket
import subprocess
import tempfile
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from support import TOP
from support.commands import pytest_in, run, sections, write
from support.examples import examples

from mockservers import running
from mockservers.plan import LABELS, Plan
from mockservers.plan_json import plan_from_json
from mockservers.pytest_plugin import _SERVERS, how_to_meet_again, pytest_runtest_setup
from mockservers.strategies import code_lists, plans, request_orders

posix = pytest.mark.skipif(os.name != "posix", reason="uses a POSIX shell")


def test_to_load_the_plugin_imports_nothing_but_itself():
    program = """if True:
        import sys, pytest
        before = set(sys.modules)
        import mockservers.pytest_plugin
        print(sorted(set(sys.modules) - before))
    """
    done = run("python", "-c", program, cwd=TOP)
    assert done.stdout == "['mockservers', 'mockservers.pytest_plugin']\n", done.stderr


@pytest.mark.parametrize("sent", [b"G", b"GET /flags/br", b"GET /flags/br/br.gif HTTP/1.1\r\nHost"])
def test_a_request_that_a_test_began_is_not_of_the_run_of_the_next_one(sent):
    rest = b"GET /flags/br/br.gif HTTP/1.1\r\nHost: x\r\n\r\n".removeprefix(sent)
    with running() as servers:
        item = SimpleNamespace(config=SimpleNamespace(stash={_SERVERS: servers}))
        address = urlsplit(servers.urls["LOCAL"])
        for _ in range(20):
            with socket.create_connection((address.hostname, address.port), 30) as client:
                client.sendall(sent)
                pytest_runtest_setup(item)
                client.sendall(rest)
                assert client.recv(12) == b"HTTP/1.1 200"
            servers.settle()
            assert servers.entries == []


SESSION = {
    "conftest.py": """
        import sys
        import threading
        from pathlib import Path

        from _pytest.runner import runtestprotocol
        from mockservers.plan import Plan

        sys.modules["hypothesis"] = None  # as where it is not installed
        servers = []

        def sockets():
            places = Path("/proc/self/fd")
            found = {str(place.resolve()) for place in places.iterdir()} if places.exists() else {}
            return [name for name in found if "socket:" in name]

        BEFORE = len(sockets())

        def pytest_runtest_setup(item):
            if item.name == "test_that_has_the_run_that_a_hook_began":
                servers[0].begin_run(Plan(seed=9))

        def pytest_runtest_protocol(item):
            if "one_by_one" not in item.name:
                return None
            item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
            runtestprotocol(item, nextitem=None)  # so fixtures of the session end with each test
            return True

        def pytest_unconfigure():
            threads = threading.enumerate()
            print("left:", len(threads) - 1, "threads", len(sockets()) - BEFORE, "sockets")
    """,
    "test_session.py": """
        import asyncio
        import urllib.request

        import pytest
        from conftest import servers

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
            servers.append(mock_servers)
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
            asyncio.run(by_the_way(mock_servers))

        def test_that_asks_and_has_no_plan(mock_servers):
            ask(mock_servers.urls["LOCAL"])
            mock_servers.settle()

        def test_that_has_the_same_servers_and_sees_nothing_of_it(mock_servers):
            assert mock_servers is servers[0]
            assert mock_servers.entries == []

        def test_that_has_the_run_that_a_hook_began(mock_servers):
            assert {plan.seed for plan in mock_servers.plans.values()} == {9}

        def test_one_by_one_with_a_plan(mock_servers):
            mock_servers.begin_run(Plan(seed=3))

        def test_one_by_one_without_a_plan(mock_servers):
            assert mock_servers is not servers[0]
            assert mock_servers.plans == {}
    """,
}


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """The session of the tests above, in this order."""
    folder = tmp_path_factory.mktemp("plugin")
    write(folder, SESSION)
    return pytest_in(folder, "-rA", only=["mockservers"])


def test_a_failing_test_tells_its_own_plan_and_no_other_does(done):
    late = '{"plan": 1, "seed": 0, "rules": {"BR": [{"do": "serve", "delay_s": 0.001}]}}'
    plain, seven = '{"plan": 1, "seed": 0}', '{"plan": 1, "seed": 7}'
    of_a_fixture, of_one, of_several, by_name = (
        text.rsplit("serve it again: ", 1)[0] for text in sections(done.stdout)
    )
    assert of_a_fixture == by_name == f"plan of LOCAL, DELAY, ERROR: {late}\n"
    assert of_one == f"plan of LOCAL, ERROR: {plain}\nplan of DELAY: {late}\n"
    assert of_several == f"plan of LOCAL: {late}\nplan of DELAY: {plain}\nplan of ERROR: {seven}\n"
    # The traceback ends at the line of the test that asked for a check.
    assert "mockservers/running_servers.py" not in done.stdout.replace(os.sep, "/")


def test_nothing_is_left_at_the_end(done):
    assert "6 failed, 7 passed, 1 error" in done.stdout, done.stdout
    assert "left: 0 threads 0 sockets" in done.stdout


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(
            ["asks_and_has_no_plan", "has_the_same_servers_and_sees_nothing_of_it",
             "has_the_run_that_a_hook_began"], id="one set for the session, a run for each test"),
        pytest.param(["one_by_one_with_a_plan", "one_by_one_without_a_plan"],
                     id="a plugin ended the fixtures of the session early"),
    ],
)  # fmt: skip
def test_a_test_has_servers_and_a_run_of_its_own(names, done):
    passed = re.findall(r"^PASSED .*::test_(?:that_)?(\w+)", done.stdout, re.MULTILINE)
    assert set(names) <= set(passed), done.stdout


@pytest.mark.slow
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
@examples(25)
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


@examples(60)
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
