"""`mockservers` as a person meets it: run, serve, predict, and what bad input is told."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import urllib.error
import urllib.request

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.commands import LITTLE_ROOM, command_line, environment, mockservers_run, run
from support.examples import examples

from mockservers.cli.child_process import environment as environment_of_run
from mockservers.cli.commands import main
from mockservers.content.flag_images import flag
from mockservers.flags2.output import claims_of

DOWNLOADERS = ("flags2-threadpool", "flags2-asyncio")
posix = pytest.mark.skipif(os.name != "posix", reason="uses a POSIX shell or signals")


def needs(program):
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")


@pytest.fixture
def plan_file(tmp_path):
    def write(data):
        path = tmp_path / "plan.json"
        path.write_text(data if isinstance(data, str) else json.dumps({"plan": 1, **data}))
        return str(path)

    return write


# --- run -------------------------------------------------------------------------------


@pytest.mark.parametrize("command", DOWNLOADERS)
def test_the_sample_run_comes_out_to_the_digit(command, tmp_path):
    done, ledger = mockservers_run(command, "-s", "ERROR", "-e", "-m", "300", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert ledger["balanced"]
    assert "150 flags downloaded.\n361 not found.\n165 errors.\n" in done.stdout
    assert len(ledger["codes"]) == 676


@posix
@pytest.mark.parametrize("command", DOWNLOADERS)
def test_what_is_predicted_is_what_a_run_does(command, tmp_path, plan_file):
    plan = plan_file(
        {
            "seed": 4,
            "mix": [
                {"weight": 20, "do": "status", "status": [404, 500, 204]},
                {"weight": 20, "do": "truncate", "after_bytes": 9},
                {"weight": 20, "do": "reset", "after_bytes": 300},
                {"weight": 10, "do": "empty"},
            ],
        }
    )
    options = ["--plan", f"ERROR={plan}", "--seed", "12345"]
    predicted = run("mockservers", "predict", *options, "-s", "ERROR", "-e", "--json", cwd=tmp_path)
    forecast = json.loads(predicted.stdout)
    done, ledger = mockservers_run(
        command, "-s", "ERROR", "-e", "-v", "-m", "50", cwd=tmp_path,
        options=[*options, "--journal", "journal.jsonl"],
    )  # fmt: skip
    assert ledger["balanced"], ledger["imbalances"]
    claims = claims_of(done.stdout.splitlines())
    said = {code: next(iter(fates)) for code, fates in claims.outcomes.items()}
    assert said == {code: met["outcome"] for code, met in forecast["codes"].items()}
    assert claims.totals["ok"] == forecast["totals"]["ok"]
    entries = [json.loads(line) for line in (tmp_path / "journal.jsonl").read_text().splitlines()]
    assert entries[0]["journal"] == 1
    assert entries[0]["command"][-2:] == ["-m", "50"]
    assert entries[-1]["end"] is True
    met = {e["code"]: (e["do"], e["status"]) for e in entries if e.get("type") == "request"}
    assert met == {c: (f["do"], f["status"]) for c, f in forecast["codes"].items()}


@posix
@needs("curl")
def test_files_of_an_earlier_run_are_not_saved_ones(tmp_path):
    for _ in range(2):
        done = run("mockservers", "run", "--ports", "auto", "--", "flags2-threadpool", "BR", "CN",
                   cwd=tmp_path)  # fmt: skip
        assert done.returncode == 0
        assert "files      2 saved in downloads, each equal to the bytes served\n" in done.stdout
    fetch = "curl -s -o /dev/null $FLAGS2_LOCAL_URL/br/br.gif"
    done = run("mockservers", "run", "--ports", "auto", "--", "sh", "-c", fetch, cwd=tmp_path)
    assert "0 saved in downloads; 1 there before, and not written again\n" in done.stdout


@pytest.mark.parametrize("command", DOWNLOADERS)
def test_remote_is_refused_and_nothing_leaves_the_machine(command, tmp_path):
    done, ledger = mockservers_run(command, "-s", "REMOTE", "BR", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "1 error." in done.stdout
    assert ledger["balanced"]


@posix
@needs("curl")
def test_a_program_that_miscounts_fails_the_run(tmp_path):
    liar = tmp_path / "liar.sh"
    liar.write_text(
        'echo "LOCAL site: x"\necho "Searching for 1 flag: BR"\n'
        'echo "1 concurrent connection will be used."\n'
        'curl -s -o /dev/null "$FLAGS2_LOCAL_URL/br/br.gif"\n'
        f'echo "{"-" * 20}"\necho "2 flags downloaded."\n'
    )
    done, ledger = mockservers_run("sh", str(liar), "BR", cwd=tmp_path)
    assert done.returncode == 1
    assert not ledger["balanced"]
    assert {one["word"] for one in ledger["imbalances"]} <= {"miscounted", "lost"}


@posix
@needs("curl")
@needs("wget")
def test_curl_wget_and_xargs_curl_get_what_the_plan_says(tmp_path, plan_file):
    plan = plan_file({"rules": {"BR": [{"do": "status", "status": 503}], "CN": [{"do": "empty"}]}})
    script = """
        for cc in br cn zz us; do
            curl -s -o $cc.gif -w "$cc %{http_code} %{exitcode}\\n" $FLAGS2_LOCAL_URL/$cc/$cc.gif
        done
        wget -q -t 1 -O wget.gif $FLAGS2_LOCAL_URL/de/de.gif; echo wget $?
        wget -q -t 1 -O /dev/null $FLAGS2_LOCAL_URL/zz/zz.gif; echo wget $?
        xargs -I{} curl -s -o {}.gif -w "{} %{http_code}\\n" $FLAGS2_LOCAL_URL/{}/{}.gif
        exit 0
    """
    with subprocess.Popen(["printf", "fr\\nit\\n"], stdout=subprocess.PIPE) as words:
        done, ledger = mockservers_run(
            "sh", "-c", script, cwd=tmp_path, stdin=words.stdout,
            options=["--plan", plan, "--dest", "."],
        )  # fmt: skip
    assert done.stdout.splitlines()[:-1] == [
        "br 503 0", "cn 000 52", "zz 404 0", "us 200 0", "wget 0", "wget 8", "fr 200", "it 200",
    ]  # fmt: skip
    assert done.returncode == 0
    assert ledger["balanced"]
    assert any("codes unknown" in note for note in ledger["notes"])
    for code in ("US", "FR", "IT"):
        assert (tmp_path / f"{code.lower()}.gif").read_bytes() == flag(code)


@posix
@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["sh", "-c", "exit 7"], 7),
        (["sh", "-c", "kill -9 $$"], 137),
        (["true"], 0),
        (["no-such-command-here"], 127),
        (["/"], 126),
    ],
)
def test_the_exit_status_is_that_of_the_command(words, status, tmp_path):
    done, _ = mockservers_run(*words, cwd=tmp_path)
    assert done.returncode == status
    assert "Traceback" not in done.stderr
    if status in (126, 127):
        assert re.fullmatch(r"mockservers: .*\n", done.stderr)


@posix
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("command", DOWNLOADERS)
def test_a_signal_ends_the_command_and_prints_the_ledger_so_far(
    command, signum, tmp_path, plan_file
):
    gate = {"hold_until_in_flight": 2, "or_s": 60}  # CN is saved when BR is under way
    plan = plan_file({"rules": {"BR": [{"do": "hang", "or_s": 2}]}, "gate": gate})
    program = subprocess.Popen(
        command_line("mockservers", "run", "--ports", "auto", "--plan", plan, "--journal", "j",
                     "--", command, "-m", "2", "BR", "CN", "US"),
        cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    while not (tmp_path / "downloads/cn.gif").exists():
        assert program.poll() is None
    program.send_signal(signum)
    stdout, stderr = program.communicate(timeout=20)
    assert program.returncode == 128 + signum
    assert "Traceback" not in stderr
    assert "\nledger: " in stdout
    entries = [json.loads(line) for line in (tmp_path / "j").read_text().splitlines()]
    assert entries[-1]["end"] is True
    assert {entry["code"] for entry in entries if entry.get("type") == "request"} >= {"BR", "CN"}
    if signum == signal.SIGINT:
        assert re.search(r"\n[01] interrupted.\nledger: the books balance\n", stdout)
        assert "mockservers: waiting up to 40 s" in stderr
    port = int(entries_port(stdout))
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)


def entries_port(stdout):
    return re.search(r"LOCAL site: http://127\.0\.0\.1:(\d+)/", stdout)[1]


@posix
def test_a_journal_is_readable_to_its_last_whole_line_after_a_kill(tmp_path, plan_file):
    plan = plan_file({"rules": {"BR": [{"do": "serve", "delay_s": 60}]}})
    program = subprocess.Popen(
        command_line("mockservers", "run", "--ports", "auto", "--plan", plan, "--journal", "j",
                     "--", "sh", "-c", "echo $$; exec flags2-threadpool BR CN"),
        cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        text=True,
    )  # fmt: skip
    child = int(program.stdout.readline())
    while b'"CN"' not in (tmp_path / "j").read_bytes().partition(b"\n")[2]:
        assert program.poll() is None
    program.kill()
    os.kill(child, signal.SIGKILL)
    program.communicate()
    entries = [json.loads(line) for line in (tmp_path / "j").read_text().splitlines()]
    assert [entry["code"] for entry in entries[1:]] == ["CN"]


@posix
def test_what_a_command_leaves_running_does_not_hold_the_run(tmp_path):
    done, _ = mockservers_run("sh", "-c", "sleep 300 & echo hi", cwd=tmp_path, timeout=30)
    assert done.stdout.startswith("hi\n")
    assert done.returncode == 0


def test_the_environment_points_at_the_servers_and_past_any_proxy():
    urls = {
        label: f"http://127.0.0.1:{n}/flags" for n, label in enumerate(["LOCAL", "DELAY", "ERROR"])
    }
    base = {"PATH": "/somewhere", "no_proxy": "example.org", "HTTP_PROXY": "http://proxy"}
    env = environment_of_run(base, urls, 9)
    assert env["FLAGS2_DELAY_URL"] == urls["DELAY"]
    assert env["FLAGS2_REMOTE_URL"] == "http://127.0.0.1:9/flags"
    assert env["no_proxy"] == "example.org,localhost,127.0.0.1,::1"
    assert env["NO_PROXY"] == "localhost,127.0.0.1,::1"
    assert env["PYTHONUNBUFFERED"] == "1"
    assert env["PATH"].endswith("/somewhere")
    assert base == {"PATH": "/somewhere", "no_proxy": "example.org", "HTTP_PROXY": "http://proxy"}


# --- serve -----------------------------------------------------------------------------


@posix
def test_serve_says_where_when_ready_and_ends_on_a_signal(tmp_path):
    (tmp_path / "root/flags/br").mkdir(parents=True)
    (tmp_path / "root/flags/br/br.gif").write_bytes(b"mine")
    program = subprocess.Popen(
        command_line("mockservers", "serve", "--ports", "auto", "--json", "--root", "root"),
        cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    ready = json.loads(program.stdout.readline())
    assert ready["ready"] is True
    assert list(ready["servers"]) == ["LOCAL", "DELAY", "ERROR"]
    with urllib.request.urlopen(f"{ready['servers']['LOCAL']}/br/br.gif") as reply:
        assert reply.read() == b"mine"
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(f"{ready['servers']['LOCAL']}/us/us.gif")
    program.send_signal(signal.SIGTERM)
    rest, _ = program.communicate(timeout=10)
    assert program.returncode == 0
    assert rest == ""


@posix
def test_serve_for_people_ends_its_lines_with_ready(tmp_path):
    with subprocess.Popen(
        command_line("mockservers", "serve", "--ports", "auto"),
        cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, text=True,
    ) as program:  # fmt: skip
        lines = [program.stdout.readline() for _ in range(4)]
        program.send_signal(signal.SIGINT)
    assert [line.split()[0].rstrip(":") for line in lines] == ["LOCAL", "DELAY", "ERROR", "ready"]


# --- bad input -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "COMMAND"),
        (["fly"], "fly"),
        (["run"], "needs a command"),
        (["run", "--seed", "x", "--", "true"], "--seed"),
        (["run", "--seed", "-1", "--", "true"], "--seed must be from 0"),
        (["run", "--ports", "1,2", "--", "true"], "three different ports"),
        (["run", "--ports", "1,1,2", "--", "true"], "three different ports"),
        (["run", "--ports", "0,1,99999", "--", "true"], "three different ports"),
        (["run", "--root", "nowhere", "--", "true"], "--root nowhere is not a folder"),
        (["run", "--plan", "nowhere.json", "--", "true"], "cannot read the plan nowhere.json"),
        (["run", "--plan", "MARS=plan.json", "--", "true"], "MARS is none of LOCAL, DELAY, ERROR"),
        (["run", "--plan", ".", "--", "true"], "cannot read the plan ."),
        (["run", "--journal", "no/where", "--", "true"], "cannot write the journal no/where"),
        (["run", "--journal", ".", "--", "true"], "cannot write the journal ."),
        (["run", "--ports", "auto", "--host", "a..b", "--", "true"], "cannot listen on a..b"),
        (["predict", "-s", "MARS"], "--server must be"),
        (["predict", "-s", "REMOTE"], "REMOTE is not served here"),
        (["predict", "BRA"], "CC must be A to Z or AA to ZZ, not 'BRA'"),
        (["predict", "-l", "0"], "--limit must be at least 1"),
        (["predict", "-l", "x"], "--limit"),
        (["predict", "--fast"], "--fast"),
    ],
)
def test_bad_input_gets_one_clear_line(words, says, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    stdout, stderr = capsys.readouterr()
    assert stdout == ""
    assert re.fullmatch(r"mockservers: .*\n", stderr)
    assert says in stderr


def test_a_bad_plan_is_reported_by_file_place_and_value(tmp_path, plan_file):
    plan = plan_file({"mix": [{"weight": 1, "do": "serve", "delay_s": -1}]})
    done = run("mockservers", "run", "--plan", plan, "--", "true", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == (
        f"mockservers: {plan}: mix[0].delay_s: -1 is not a number of seconds from 0 to 3600\n"
    )


def test_a_port_in_use_is_named(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        others = [n for n in (20011, 20012, 20013) if n != port][:2]
        ports = f"{others[0]},{others[1]},{port}"
        done = run("mockservers", "run", "--ports", ports, "--", "true", cwd=tmp_path)
    assert done.returncode == 2
    assert re.fullmatch(r"mockservers: port \d+ is in use.*--ports auto.*\n", done.stderr)


@posix
def test_a_journal_that_cannot_be_written_is_no_success(tmp_path):
    command = command_line("mockservers", "run", "--ports", "auto", "--journal", "j")
    words = [*command, "--", "flags2-threadpool", "A"]
    done = run("sh", "-c", LITTLE_ROOM, "sh", *words, cwd=tmp_path)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "is incomplete: File too large; the books cannot be balanced" in done.stderr


@posix
def test_a_reader_that_has_gone_is_no_traceback(tmp_path):
    words = " ".join(command_line("mockservers", "predict", "-e"))
    for shell in (f"{words} | head -1", f"{words} >&-", f"{words} >/dev/full"):
        done = run("sh", "-c", shell, cwd=tmp_path)
        assert "Traceback" not in done.stderr


# --- predict ---------------------------------------------------------------------------


def test_predict_for_people_ends_with_the_totals(tmp_path):
    done = run("mockservers", "predict", "-s", "error", "-e", cwd=tmp_path)
    *codes, total = done.stdout.splitlines()
    assert total == "676 codes of ERROR, seed 629: 150 ok, 361 not found, 165 error"
    assert len(codes) == 676


def test_predict_counts_all_four_outcomes(tmp_path, plan_file):
    plan = plan_file({"rules": {"BR": [{"do": "empty"}, {"do": "serve"}]}})
    words = ["predict", "--plan", plan, "BR", "US", "ZZ", "--json"]
    forecast = json.loads(run("mockservers", *words, cwd=tmp_path).stdout)
    assert forecast == {
        "codes": {
            "BR": {"do": "empty", "status": None, "outcome": "depends"},
            "US": {"do": "serve", "status": 200, "outcome": "ok"},
            "ZZ": {"do": "serve", "status": 404, "outcome": "not_found"},
        },
        "totals": {"ok": 1, "not_found": 1, "error": 0, "depends": 1},
    }


@examples(20)
@given(st.integers(0, 2**53 - 1))
def test_a_seed_replaces_that_of_every_plan(seed):
    from mockservers.cli.options import parser, served

    args = parser().parse_args(["predict", "--seed", str(seed)])
    assert {plan.seed for plan in served(args).plans.values()} == {seed}
