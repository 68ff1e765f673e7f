"""What the commands, servers inside a program and the terminal's line do in single cases."""

import asyncio
import contextlib
import http.client
import importlib
import io
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from unittest import mock

import aiohttp
import pytest
import requests
from commands import (
    LITTLE_ROOM,
    command_line,
    environment,
    mockservers_run,
    pytest_in,
    run,
    sections,
    write,
)
from hypothesis import find, given
from journals import as_file, journal, report, request
from support import FOUND_IS_ENOUGH, examples, has_ended
from virtual_loop import BEGIN_S, virtual_time

import mockservers
from mockservers import strategies
from mockservers.cli import child_process, options
from mockservers.cli import commands as cli
from mockservers.cli import status_line as live
from mockservers.content.flag_images import flag
from mockservers.content.resources import FolderCatalogue
from mockservers.faults import Drip, Hang, Redirect, Status
from mockservers.files import files_in
from mockservers.flags2.codes import packaged_codes, path_of_code
from mockservers.flags2.output import ClaimsReader
from mockservers.http.listeners import PortInUseError
from mockservers.inprocess import BASE_URL, aioresponses_carrier, responses_carrier
from mockservers.plan import Plan
from mockservers.plan_json import plan_to_json

posix = pytest.mark.skipif(os.name != "posix", reason="uses a POSIX shell, signals or a terminal")
WELL = journal(["BR"], [request(1, "BR", 0.0, 0.5)], report(["BR"], 1, 1, told=["BR OK"]))
BADLY = journal(["BR"], [request(1, "BR", 0.0, 0.5)], report(["BR"], 1, 0))


def ended(capsys, *words):
    """Status, stdout and stderr of a command line, in this process."""
    with pytest.raises(SystemExit) as end:
        cli.main([str(word) for word in words])
    return end.value.code, *capsys.readouterr()


def args_of(*words):
    return options.parser().parse_args(list(words))


@pytest.fixture
def in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def own_signals():
    """What signals do in this process, put back afterwards."""
    before = {
        signum: signal.getsignal(signum) for signum in (*child_process._SIGNALS, signal.SIGTERM)
    }
    yield before
    for handler in before.items():
        signal.signal(*handler)


# --- what is said of bad input ---------------------------------------------------------


def test_a_complaint_is_one_line_whatever_was_typed(in_folder, capsys):
    status, stdout, stderr = ended(capsys, "predict", "--plan", "two\nlines  .json")
    assert (status, stdout) == (2, "")
    assert stderr.startswith("mockservers: cannot read the plan two lines .json: ")
    assert stderr.count("\n") == 1


def test_a_complaint_is_cut_short(in_folder, capsys):
    status, _, stderr = ended(capsys, "predict", "--plan", "x" * 1000)
    assert (status, len(stderr) < 450, stderr[-4:]) == (2, True, "...\n")


@pytest.mark.parametrize("seed", [-1, 2**53])
def test_a_seed_is_of_53_bits(seed, in_folder, capsys):
    status, stdout, stderr = ended(capsys, "predict", f"--seed={seed}")
    assert (status, stdout, stderr.count("\n")) == (2, "", 1)
    assert f"not {seed}" in stderr
    assert ended(capsys, "predict", f"--seed={2**53 - 1}", "BR")[0] == 0


def test_a_plan_that_is_not_utf_8_is_reported_as_that(in_folder, capsys):
    Path("plan.json").write_bytes(b"\xff")
    status, stdout, stderr = ended(capsys, "predict", "--plan", "plan.json")
    assert (status, stdout) == (2, "")
    assert stderr.startswith("mockservers: plan.json: ")
    assert "UTF-8" in stderr


def test_bad_usage_names_the_help_to_look_at(in_folder, capsys):
    status, _, stderr = ended(capsys, "predict", "--seed", "x")
    assert status == 2
    assert stderr.endswith(" (see mockservers predict --help)\n")
    assert ended(capsys, "no-such-command")[2].endswith(" (see mockservers --help)\n")


def test_ctrl_c_in_a_command_has_the_status_of_ctrl_c(monkeypatch, capsys):
    monkeypatch.setattr(options, "_read_plan", mock.Mock(side_effect=KeyboardInterrupt))
    assert ended(capsys, "predict", "--plan", "plan.json") == (130, "", "")


@pytest.mark.skipif(sys.getrecursionlimit() > 50_000, reason="nothing is too deep")
def test_a_journal_that_is_nested_too_deeply_is_one_line_on_stderr(tmp_path, capsys):
    file = tmp_path / "deep.jsonl"
    file.write_text('{"journal": 1, "plans": ' + "[" * 100_000 + "]" * 100_000 + "}\n")
    status, stdout, stderr = ended(capsys, "ledger", file)
    assert (status, stdout) == (2, "")
    assert stderr.startswith(f"mockservers: {file}: line 1 is not JSON: ")
    assert stderr.count("\n") == 1


def test_ctrl_c_while_the_modules_are_being_read_has_the_status_of_ctrl_c(monkeypatch, capsys):
    class Interrupted:
        def find_spec(self, name, path=None, target=None):
            if name == "mockservers.cli.commands":
                raise KeyboardInterrupt

    monkeypatch.delitem(sys.modules, "mockservers.cli.commands")
    monkeypatch.setattr(sys, "meta_path", [Interrupted(), *sys.meta_path])
    with pytest.raises(SystemExit) as end:
        importlib.import_module("mockservers.__main__").main()
    assert end.value.code == 130
    assert capsys.readouterr() == ("", "")


# --- plans -----------------------------------------------------------------------------


def write_plan(file, seed=5):
    Path(file).write_text(json.dumps(plan_to_json(Plan(seed=seed))))


def seeds(*words):
    plans = options.served(args_of("predict", *words)).plans
    return {label: plan.seed for label, plan in plans.items()}


def test_the_plan_of_one_server_beats_that_of_all_in_any_order(in_folder):
    write_plan("a.json", 5)
    write_plan("b.json", 6)
    assert seeds("--plan", "delay=b.json", "--plan", "a.json") == {
        "LOCAL": 5,
        "DELAY": 6,
        "ERROR": 5,
    }


def test_a_seed_replaces_that_of_a_plan_for_one_server_too(in_folder):
    write_plan("a.json")
    assert set(seeds("--plan", "ERROR=a.json", "--seed", "7").values()) == {7}


def test_a_plan_file_may_have_an_equals_sign_in_its_name(in_folder):
    write_plan("mars=plan.json")
    assert set(seeds("--plan", "mars=plan.json").values()) == {5}


def test_a_plan_file_may_begin_with_a_byte_order_mark(in_folder):
    text = json.dumps(plan_to_json(Plan(seed=5)))
    Path("a.json").write_text(text, encoding="utf-8-sig")
    assert set(seeds("--plan", "a.json").values()) == {5}


# --- predict ---------------------------------------------------------------------------


def test_a_code_without_a_response_is_predicted_without_a_status(in_folder, capsys):
    Path("a.json").write_text('{"plan": 1, "rules": {"BR": [{"do": "reset"}]}}')
    status, stdout, _ = ended(capsys, "predict", "--plan", "a.json", "BR")
    assert status == 0
    assert stdout.splitlines()[0].split()[:3] == ["BR", "reset", "---"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a file that is always full")
def test_a_stdout_that_takes_nothing_is_no_success(tmp_path):
    done = run("sh", "-c", '"$@" >/dev/full', "sh", *command_line("mockservers", "predict", "BR"),
               cwd=tmp_path)  # fmt: skip
    assert (done.returncode, done.stderr) == (
        2,
        "mockservers: [Errno 28] No space left on device\n",
    )


# --- compare ---------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["ab", "ba"])
def test_to_compare_is_a_success_only_if_both_runs_balance(order, in_folder, capsys):
    as_file(in_folder / "a", WELL)
    as_file(in_folder / "b", BADLY)
    assert ended(capsys, "compare", *order, "--html", "c.html") == (1, "", "")
    assert ended(capsys, "compare", "a", "a", "--html", "c.html") == (0, "", "")


# --- serve -----------------------------------------------------------------------------


class Screen(io.StringIO):
    """A stdout that sends SIGTERM to this process when it reads `ready`, and that is flushed."""

    ready = False

    def write(self, text):
        self.ready = self.ready or "ready" in text
        return super().write(text)

    def flush(self):
        if self.ready:
            self.ready = False
            signal.raise_signal(signal.SIGTERM)


@pytest.fixture
def serve(own_signals, monkeypatch):
    """Run `mockservers serve` until it is ready; its status and what it printed."""

    def served(*words):
        screen = Screen()
        monkeypatch.setattr(sys, "stdout", screen)
        with pytest.raises(SystemExit) as end:
            cli.main(["serve", "--ports", "auto", *words])
        return end.value.code, screen.getvalue()

    return served


@posix
def test_serve_says_where_it_is_driven_from(serve):
    status, printed = serve("--control", "auto")
    assert status == 0
    *servers, control, ready = printed.splitlines()
    assert [line.split()[0] for line in servers] == ["LOCAL", "DELAY", "ERROR"]
    assert control.startswith("control http://127.0.0.1:")
    assert ready == "ready: Ctrl-C ends it"


@posix
def test_serve_leaves_the_signals_as_they_were(serve, own_signals):
    assert serve("--json")[0] == 0
    assert {signum: signal.getsignal(signum) for signum in own_signals} == own_signals


@posix
def test_serve_listens_on_the_host_that_is_given(serve, capsys):
    assert serve("--host", "a..b") == (2, "")
    assert capsys.readouterr().err.startswith("mockservers: cannot listen on a..b: ")


@posix
def test_serve_with_an_incomplete_journal_is_no_success(tmp_path):
    (tmp_path / "short.json").write_text('{"plan": 1}')
    with subprocess.Popen(
        ["sh", "-c", LITTLE_ROOM, "sh", *command_line("mockservers", "serve"),
         "--ports", "auto", "--json", "--journal", "j", "--plan", "short.json"],
        cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as program:  # fmt: skip
        urls = json.loads(program.stdout.readline())["servers"]
        for code in ("BR", "CN", "DE", "FR"):  # more than the limit has room for
            assert get(urls["LOCAL"], path_of_code(code))[0] == 200
        program.send_signal(signal.SIGINT)
        _, stderr = program.communicate()
    assert program.returncode == 1, stderr
    assert stderr.startswith("mockservers: the journal j is incomplete: File too large")


# --- what a command is run with ----------------------------------------------------------


def test_a_folder_where_nothing_was_saved_is_named(tmp_path):
    script = """if True:
        import os, urllib.request
        urllib.request.urlopen(os.environ["FLAGS2_LOCAL_URL"] + "/br/br.gif").close()
    """
    done, ledger = mockservers_run(
        "python", "-c", script, cwd=tmp_path, options=["--dest", "elsewhere"]
    )
    assert done.returncode == 0, done.stderr
    assert any("elsewhere" in note for note in ledger["notes"])


def test_what_is_installed_beside_this_python_is_found_first():
    urls = dict.fromkeys(["LOCAL", "DELAY", "ERROR"], "http://127.0.0.1:1/flags")
    beside = str(Path(sys.executable).parent)
    env = child_process.environment({"PATH": "/somewhere"}, urls, 9)
    assert env["PATH"] == f"{beside}{os.pathsep}/somewhere"
    assert child_process.environment({}, urls, 9)["PATH"] == f"{beside}{os.pathsep}{os.defpath}"


def test_the_book_of_files_tells_the_time_of_a_change_to_the_nanosecond(tmp_path):
    file = tmp_path / "br.gif"
    file.write_bytes(b"GIF")
    os.utime(file, ns=(1, 1_000_000_000_123_456_789))
    book = files_in(tmp_path)
    assert book["br.gif"].mtime_ns == file.stat().st_mtime_ns
    assert book["br.gif"].mtime_ns % 1_000_000_000


# --- what becomes of a command -----------------------------------------------------------


class Hears(ClaimsReader):
    """A reader that keeps every line, and does something when it reads one of `actions`."""

    def __init__(self, **actions):
        super().__init__()
        self.lines = []
        self._actions = actions

    def read(self, line):
        self.lines.append(line)
        self._actions.get(line, lambda: None)()


WAITS = "; ".join(["sleep 60 & wait"] * 3)
"""In a shell; each signal that it traps ends one of them."""


def to_this_process(signum):
    return lambda: os.kill(os.getpid(), signum)


def ran(script, claims):
    """The status of a shell script, run to its end."""

    async def sweep():
        while True:
            await asyncio.sleep(0.1)

    async def beside_servers():
        # A signal that comes just as the loop goes to sleep is heard when it wakes: beside servers
        # it does so every second, to sweep their connections.
        sweeping = asyncio.create_task(sweep())
        status = await child_process.run_command(["sh", "-c", script], os.environ, claims)
        sweeping.cancel()
        return status

    return asyncio.run(beside_servers())


@pytest.fixture
def no_grace(monkeypatch):
    """A command has for ever to end after a signal: nothing stronger comes by itself."""
    monkeypatch.setattr(child_process, "GRACE_S", 3600.0)
    monkeypatch.setattr(child_process, "FINISH_S", 3600.0)


@posix
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_passed_on_as_it_is(signum, own_signals, no_grace, capfd):
    name = signum.name.removeprefix("SIG")
    claims = Hears(ready=to_this_process(signum))
    script = f"trap 'echo {name}; exit 3' {name}; echo ready; {WAITS}"
    assert ran(script, claims) == 128 + signum
    assert claims.lines == ["ready", name]


@posix
def test_a_second_signal_ends_the_command_at_once_and_the_first_is_its_status(
    own_signals, no_grace, capfd
):
    claims = Hears(ready=to_this_process(signal.SIGTERM), told=to_this_process(signal.SIGINT))
    script = f"trap 'echo told' TERM; trap '' INT; echo ready; {WAITS}"
    assert ran(script, claims) == 128 + signal.SIGTERM
    assert claims.lines == ["ready", "told"]  # the second signal was one that nobody can trap


@posix
def test_signals_that_come_when_the_command_has_ended_do_not_stop_the_ledger(own_signals, capfd):
    assert ran("exit 3", Hears()) == 3
    for signum in child_process._SIGNALS:
        signal.raise_signal(signum)  # would end this process, or raise KeyboardInterrupt


@posix
def test_what_a_command_leaves_running_ends_with_it(own_signals, capfd):
    claims = Hears()
    assert ran("sleep 300 >/dev/null 2>&1 & echo $!", claims) == 0
    assert has_ended(int(claims.lines[0]))


@posix
def test_a_last_line_without_its_end_is_heard_too(own_signals, capfd):
    claims = Hears()
    assert ran("printf 'one\\ntwo'", claims) == 0
    assert claims.lines == ["one", "two"]
    assert capfd.readouterr().out == "one\ntwo"


@posix
def test_only_the_first_pair_of_dashes_is_not_of_the_command(own_signals, capsys):
    words = ["sh", "-c", 'test "$1 $2" = "-- x" && exit 7', "sh", "--", "x"]
    assert ended(capsys, "run", "--ports", "auto", "--", *words)[0] == 7


@posix
def test_a_signal_that_comes_as_soon_as_the_command_runs_is_passed_on(
    own_signals, no_grace, monkeypatch
):
    class Interrupted(subprocess.Popen):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            signal.raise_signal(signal.SIGTERM)

    def is_not_passed_on(*_):
        raise AssertionError("the command would go on without us")

    signal.signal(signal.SIGTERM, is_not_passed_on)
    monkeypatch.setattr(subprocess, "Popen", Interrupted)
    assert ran("sleep 5", Hears()) == 128 + signal.SIGTERM


@posix
def test_a_command_that_cannot_be_started_leaves_the_signals_as_they_were(own_signals):
    with pytest.raises(child_process.CannotRunError, match="command not found: no-such-command"):
        asyncio.run(child_process.run_command(["no-such-command"], os.environ, ClaimsReader()))
    assert {signum: signal.getsignal(signum) for signum in own_signals} == own_signals


@pytest.mark.parametrize(
    ("first", "sent_at", "says_at"),
    [
        (signal.SIGINT, [("SIGINT", 0), ("SIGTERM", 40), ("SIGKILL", 45)], [1]),
        (signal.SIGTERM, [("SIGTERM", 0), ("SIGTERM", 5), ("SIGKILL", 10)], []),
    ],
)
def test_a_command_has_40_seconds_after_ctrl_c_and_5_after_other_signals(
    first, sent_at, says_at, monkeypatch
):
    sent, said = [], []

    async def interrupted():
        loop = asyncio.get_running_loop()

        def send(_, name):
            sent.append((name, round(loop.time() - BEGIN_S)))

        monkeypatch.setattr(child_process, "signal_group", send)
        monkeypatch.setattr(child_process, "_notice", lambda _: said.append(loop.time() - BEGIN_S))
        child_process._pass_on(None, [first])
        await asyncio.sleep(60)

    with virtual_time() as runner:
        runner.run(interrupted())
    assert sent == sent_at
    assert [round(at) for at in said] == says_at


@pytest.mark.parametrize("status", [None, 0])
def test_a_command_that_is_waited_for_is_said_to_be(status, capsys):
    child_process._notice(mock.Mock(returncode=status))
    said = capsys.readouterr().err
    assert ("40 s" in said) == (status is None)
    assert said.startswith("mockservers: " if status is None else "")


class Reader(io.RawIOBase):
    """A stdout whose reader takes its time: to write takes until `gate` is open."""

    def __init__(self):
        super().__init__()
        self.gate, self.writes = threading.Event(), threading.Event()
        self.buffer, self.taken = self, b""

    def write(self, data):
        self.writes.set()
        self.gate.wait()
        self.taken += data


def test_what_a_slow_reader_has_not_taken_yet_is_waited_for(monkeypatch):
    slow = Reader()
    monkeypatch.setattr(sys, "stdout", slow)
    monkeypatch.setattr(child_process, "SILENT_S", 0.1)
    hear, speak = os.pipe()
    hearing = child_process._OutputThread(hear, ClaimsReader())
    hearing.start()
    os.write(speak, b"the end\n")
    os.close(speak)
    slow.writes.wait()

    async def drained():
        asyncio.get_running_loop().call_later(0.2, slow.gate.set)
        await hearing.drain()
        return slow.gate.is_set()

    waited = asyncio.run(drained())
    slow.gate.set()
    hearing.join()
    assert waited
    assert slow.taken == b"the end\n"


def test_a_pipe_that_is_open_and_silent_is_given_up_after_a_second(monkeypatch):
    heard = threading.Event()
    hear, speak = os.pipe()
    hearing = child_process._OutputThread(hear, Hears(end=heard.set))
    hearing.start()
    os.write(speak, b"end\n")
    assert heard.wait(60)
    now_s = itertools.count(0.0, 0.3)
    looks = []

    async def look(_):
        looks.append(next(now_s))

    monkeypatch.setattr(child_process, "monotonic", lambda: looks[-1] if looks else 0.0)
    with monkeypatch.context() as patched, virtual_time() as runner:
        patched.setattr(child_process.asyncio, "sleep", look)
        hearing._pieces, hearing._waits = 0, True
        runner.run(hearing.drain())
    os.close(speak)
    hearing.join()
    assert looks == pytest.approx([0.0, 0.3, 0.6, 0.9, 1.2])


# --- servers inside a program ------------------------------------------------------------


def in_program(how, claim, **options):
    """Run `claim` on servers of a `with` block, or of an `async with` block."""
    if how == "with":
        with mockservers.running(**options) as servers:
            return claim(servers)

    async def entered():
        async with mockservers.running(**options) as servers:
            return await asyncio.to_thread(claim, servers)

    return asyncio.run(entered())


BOTH = pytest.mark.parametrize("how", ["with", "async with"])


def get(base_url, path):
    """Status, head and body of one request on a connection of its own."""
    host, port = base_url.split("/")[2].split(":")
    client = http.client.HTTPConnection(host, int(port), timeout=60)
    with contextlib.closing(client):
        client.request("GET", path)
        reply = client.getresponse()
        return reply.status, reply.headers, reply.read()


@contextlib.contextmanager
def waiting_for_br(servers):
    """A client that has asked for BR and does not read what it gets."""
    host, port = servers.urls["LOCAL"].split("/")[2].split(":")
    with socket.create_connection((host, int(port)), timeout=60) as client:
        client.sendall(b"GET /flags/br/br.gif HTTP/1.1\r\nHost: x\r\n\r\n")
        yield client


@BOTH
def test_servers_take_the_ports_they_are_given(how):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports = (0, taken.getsockname()[1], 0)
        with pytest.raises(PortInUseError, match=str(ports[1])):
            in_program(how, lambda servers: None, ports=ports)


@BOTH
def test_servers_have_the_catalogue_they_are_given(how, tmp_path):
    (tmp_path / "notes.txt").write_bytes(b"mine")
    reply = in_program(
        how,
        lambda servers: get(servers.urls["ERROR"], "/notes.txt"),
        catalogue=FolderCatalogue(tmp_path),
    )
    assert (reply[0], reply[1]["Content-Type"], reply[2]) == (200, "text/plain", b"mine")


def words(ledger):
    return [(found.kind, found.code) for found in ledger.imbalances]


def test_what_was_asked_for_is_what_something_is_said_of():
    with mockservers.running() as servers:
        ledger = servers.ledger({"BR": "ok"})
        assert ledger.asked == ("BR",)
        assert words(ledger) == words(servers.ledger({"BR": "ok"}, asked=["BR"]))
        assert servers.ledger().asked is None


def test_on_a_loop_a_code_that_was_asked_for_and_forgotten_is_lost():
    async def claim():
        async with mockservers.running() as servers:
            await asyncio.to_thread(get, servers.urls["LOCAL"], path_of_code("BR"))
            assert (await servers.check({"BR": "ok"}, asked=["BR"])).balanced
            with pytest.raises(AssertionError, match="lost"):
                await servers.check({"BR": "ok"}, asked=["BR", "CN"])

    asyncio.run(claim())


def test_on_a_loop_the_ledger_waits_for_what_is_under_way():
    async def claim():
        async with mockservers.running(Plan(rules={"BR": (Hang(0.05),)})) as servers:
            with waiting_for_br(servers):
                while not servers._servers.run.under_way:
                    await asyncio.sleep(0)
                return await servers.ledger({"BR": "error"})

    assert asyncio.run(claim()).requests == 1


def test_to_cancel_drops_clients_that_wait():
    plan = Plan(rules={"BR": (Hang(60.0),)})
    with mockservers.running(plan) as servers, waiting_for_br(servers) as client:
        while not servers.under_way:
            time.sleep(0.001)
        servers.drop_connections()
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(1) == b""


def test_the_clock_tells_the_seconds_of_the_run_as_its_entries_do():
    with mockservers.running() as servers:
        before = time.monotonic()
        servers.begin_run({})
        get(servers.urls["LOCAL"], path_of_code("BR"))
        servers.settle()
        assert servers.entries[0]["end_s"] <= servers.clock_s() <= time.monotonic() - before


# --- the line at the foot of a terminal ---------------------------------------------------


@posix
def test_the_line_moves_when_the_window_has_another_size(monkeypatch):
    size = [80, 24]
    monkeypatch.setattr(live, "AGAIN_S", 0)
    monkeypatch.setattr(os, "get_terminal_size", lambda _: os.terminal_size(size))
    screen = Terminal()

    async def shown():
        with live.live_line(screen, lambda: "told"):
            while "\x1b[24;1H" not in screen.getvalue():
                await asyncio.sleep(0)
            size[:] = [80, 30]
            for _ in range(9):
                await asyncio.sleep(0)

    asyncio.run(shown())
    before, after = screen.getvalue().split("\x1b[1;29r")
    assert "\x1b[1;23r" in before
    assert "\x1b[30;1H\x1b[2Ktold" in after
    assert "\x1b[24;1H" not in after
    assert after.endswith("\x1b7\x1b[r\x1b[30;1H\x1b[2K\x1b8")


class Terminal(io.StringIO):
    def fileno(self):
        return 1


def test_the_line_is_renewed_five_times_a_second_and_no_longer_than_it_is_wanted(monkeypatch):
    looks = Counter()
    monkeypatch.setattr(os, "get_terminal_size", lambda _: os.terminal_size((80, 24)))

    def text():
        looks["while", asyncio.get_running_loop().time() < BEGIN_S + 1.9] += 1
        return "told"

    async def shown():
        with live.live_line(Terminal(), text):
            await asyncio.sleep(1.9)
        await asyncio.sleep(60)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    with virtual_time() as runner:
        runner.run(shown())
    assert looks == {("while", True): 10}


def test_a_journal_that_is_counted_is_flushed_when_asked():
    class Flushed(list):
        def flush(self):
            self.append("flushed")

    journal = Flushed()
    live.Counted(journal).flush()
    assert journal == ["flushed"]


# --- without sockets ---------------------------------------------------------------------


def test_requests_without_sockets_may_ask_for_the_head_and_with_a_query():
    entries = []
    with responses_carrier(Plan(), "LOCAL", entries.append):
        head = requests.head(BASE_URL + "/br/br.gif", timeout=60)
        body = requests.get(BASE_URL + "/br/br.gif?size=1", timeout=60)
        missing = requests.get(BASE_URL + "/zz/zz.gif", timeout=60)
    assert (head.status_code, head.content) == (200, b"")
    assert (body.status_code, body.content) == (200, flag("BR"))
    assert head.headers["Content-Length"] == str(len(flag("BR")))
    assert (missing.status_code, missing.reason) == (404, "Not Found")
    assert [(entry["method"], entry["code"], entry["bytes_sent"]) for entry in entries] == [
        ("HEAD", "BR", 0),
        ("GET", "BR", len(flag("BR"))),
        ("GET", "ZZ", len(missing.content)),
    ]


def test_aiohttp_without_sockets_has_the_reason_of_a_status():
    plan = Plan(rules={"BR": (Status((503,), reason="Gone fishing"),)})

    async def asked():
        async with (
            aiohttp.ClientSession() as session,
            session.get(BASE_URL + "/br/br.gif") as reply,
        ):
            return reply.status, reply.reason

    with aioresponses_carrier(plan, "LOCAL", lambda entry: None):
        assert asyncio.run(asked()) == (503, "Gone fishing")


def test_without_sockets_the_catalogue_is_the_one_that_was_given(tmp_path):
    (tmp_path / "flags").mkdir()
    (tmp_path / "flags/notes.txt").write_bytes(b"mine")
    with responses_carrier(Plan(), "LOCAL", lambda entry: None, FolderCatalogue(tmp_path)):
        assert requests.get(BASE_URL + "/notes.txt", timeout=60).content == b"mine"
        assert requests.get(BASE_URL + "/br/br.gif", timeout=60).status_code == 404


def test_a_name_that_the_system_refuses_is_not_found(tmp_path):
    assert FolderCatalogue(tmp_path).find("/" + "x" * 5000) is None


def test_a_piece_of_a_file_is_read_from_where_it_begins_to_where_it_ends(tmp_path):
    (tmp_path / "letters").write_bytes(b"abcdef")
    resource = FolderCatalogue(tmp_path).find("/letters")
    assert resource.read(2, 4) == b"cd"
    assert resource.read(4, 9) == b"ef"


# --- the pytest plugin --------------------------------------------------------------------

SESSION = {
    "conftest.py": """
        from mockservers.plan import Plan

        servers = []


        def pytest_runtest_setup(item):
            if item.name == "test_3_has_the_run_that_a_hook_began":
                servers[0].begin_run(Plan(seed=9))
    """,
    "test_session.py": """
        import urllib.request

        from conftest import servers

        OPEN = urllib.request.build_opener(urllib.request.ProxyHandler({})).open


        def test_1_asks_and_has_no_plan(mock_servers):
            servers.append(mock_servers)
            OPEN(mock_servers.urls["LOCAL"] + "/br/br.gif").close()


        def test_2_has_the_same_servers_and_sees_nothing_of_it(mock_servers):
            assert mock_servers is servers[0]
            assert mock_servers.entries == []


        def test_3_has_the_run_that_a_hook_began(mock_servers):
            assert {plan.seed for plan in mock_servers.plans.values()} == {9}
    """,
}


def test_one_set_of_servers_is_for_the_session_and_a_run_for_each_test(tmp_path):
    write(tmp_path, SESSION)
    done = pytest_in(tmp_path, "-rP", only=["mockservers"])
    assert "3 passed" in done.stdout, done.stdout
    assert sections(done.stdout) == []  # only of a failure is the plan told


ONE_BY_ONE = {
    "conftest.py": """
        from _pytest.runner import runtestprotocol


        def pytest_runtest_protocol(item):
            item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
            runtestprotocol(item, nextitem=None)  # so fixtures of the session end with each test
            return True
    """,
    "test_one_by_one.py": """
        from mockservers.plan import Plan


        def test_1(mock_servers):
            mock_servers.begin_run(Plan(seed=3))


        def test_2(mock_servers):
            assert mock_servers.plans == {}
    """,
}


def test_servers_that_have_ended_are_not_asked_for_a_run(tmp_path):
    """Some plugins end the fixtures of a session early."""
    write(tmp_path, ONE_BY_ONE)
    done = pytest_in(tmp_path, only=["mockservers"])
    assert "2 passed" in done.stdout, done.stdout


# --- what strategies draw -----------------------------------------------------------------

PATHS = {path_of_code(code) for code in packaged_codes()}


@pytest.mark.parametrize(
    ("strategy", "wanted"),
    [
        (strategies.gates(7), lambda gate: gate.hold_until_in_flight == 7),
        (strategies.gates(7), lambda gate: gate.hold_until_in_flight == 1),
        (strategies.replies(Status), lambda reply: set(reply.status) <= set(range(201, 300))),
        (strategies.replies(Status), lambda reply: min(reply.status) > 503),
        (strategies.replies(Status), lambda reply: not {404, 503} & set(reply.status)),
        (strategies.replies(Status), lambda reply: reply.reason == ""),
        (strategies.replies(Status), lambda reply: reply.reason is None),
        (strategies.replies(Redirect), lambda reply: reply.to in PATHS),
        (strategies.delays(), lambda delay: isinstance(delay, float) and delay > 0.005),
        (strategies.codes(), lambda code: code not in packaged_codes()),
        (strategies.code_lists(), lambda codes: len(codes) == 12),
    ],
)
def test_it_can_be_drawn(strategy, wanted):
    find(strategy, wanted, settings=FOUND_IS_ENOUGH)


@examples(100)
@given(strategies.replies())
def test_what_is_drawn_does_not_wait_long(reply):
    fixed_s = reply.delay_s if isinstance(reply.delay_s, float | int) else 0
    longest_s = getattr(reply.delay_s, "high_s", None) or getattr(reply.delay_s, "max_s", fixed_s)
    assert longest_s <= 0.01
    if isinstance(reply, Drip):
        assert max(len(flag(code)) for code in packaged_codes()) / reply.bytes_per_s < 0.1
    if isinstance(reply, Status):
        assert not {301, 302, 303, 307, 308} & set(reply.status)
