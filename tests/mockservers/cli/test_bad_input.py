"""What the commands say of bad input, plans and streams; and `mockservers predict`."""

import importlib
import json
import os
import re
import socket
import sys
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.command_in_process import ended, posix
from support.examples import examples
from support.journals import as_file, journal, report, request

from mockservers.cli import options

WELL = journal(["BR"], [request(1, "BR", 0.0, 0.5)], report(["BR"], 1, 1, told=["BR OK"]))
BADLY = journal(["BR"], [request(1, "BR", 0.0, 0.5)], report(["BR"], 1, 0))

# --- what is said of bad input ---------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("", "COMMAND"),
        ("fly", "fly' .*see mockservers --help"),
        ("run", "needs a command"),
        ("run --seed x -- true", "--seed"),
        ("run --seed -1 -- true", "--seed must be from 0 .* not -1"),
        (f"predict --seed {2**53}", f"--seed must be from 0 .* not {2**53}"),
        ("run --ports 1,2 -- true", "three different ports"),
        ("run --ports 1,1,2 -- true", "three different ports"),
        ("run --ports 0,1,99999 -- true", "three different ports"),
        ("run --root nowhere -- true", "--root nowhere is not a folder"),
        ("run --plan nowhere.json -- true", "cannot read the plan nowhere.json"),
        ("run --plan MARS=plan.json -- true", "MARS is none of LOCAL, DELAY, ERROR"),
        ("run --plan . -- true", r"cannot read the plan \."),
        ("run --journal no/where -- true", "cannot write the journal no/where"),
        ("run --journal . -- true", r"cannot write the journal \."),
        ("run --ports auto --host a..b -- true", r"cannot listen on a\.\.b"),
        ("serve --ports auto --host a..b", r"cannot listen on a\.\.b: "),
        ("serve --control 0",
         "--control: a port from 1 to 65535 is needed, or the word auto; not '0'"),
        ("serve --control 65536", "not '65536'"),
        ("serve --control 8000,8001", "not '8000,8001'"),
        ("serve --control ٨٠٠٠", "a port from 1 to 65535"),
        ("serve --control " + "9" * 5000, "a port from 1 to 65535"),
        ("serve --control", "--control"),
        ("serve --control 8002", "--control 8002 is a port of --ports: choose another"),
        ("serve --control-name mock", "--control-name need --control PORT"),
        ("serve --control-host 0.0.0.0", "--control-name need --control PORT"),
        ("serve --control 8000 --control-name mock:80", "'mock:80' is not a host name: it has no"),
        ("serve --ports auto --control auto --control-host a..b", r"cannot listen on a\.\.b"),
        ("predict -s MARS", "--server must be"),
        ("predict -s REMOTE", "REMOTE is not served here"),
        ("predict BRA", "CC must be A to Z or AA to ZZ, not 'BRA'"),
        ("predict -l 0", "--limit must be at least 1"),
        ("predict -l x", r"--limit.* \(see mockservers predict --help\)"),
        ("predict --fast", "--fast"),
        ("predict --plan bytes.json", "bytes.json: .*UTF-8"),
        ("run --plan delay.json -- true",
         r"delay.json: mix\[0\].delay_s: -1 is not a number of seconds from 0 to 3600\n"),
    ],
)  # fmt: skip
def test_bad_input_gets_one_clear_line(words, says, in_folder, capsys):
    Path("bytes.json").write_bytes(b"\xff")
    mix = [{"weight": 1, "do": "serve", "delay_s": -1}]
    Path("delay.json").write_text(json.dumps({"plan": 1, "mix": mix}))
    status, stdout, stderr = ended(capsys, *words.split())
    assert (status, stdout) == (2, "")
    assert re.fullmatch(r"mockservers: .*\n", stderr)
    assert re.search(says, stderr)


def test_a_complaint_is_one_short_line_whatever_was_typed(in_folder, capsys):
    status, stdout, stderr = ended(capsys, "predict", "--plan", "two\nlines  .json" + "x" * 1000)
    assert (status, stdout) == (2, "")
    assert stderr.startswith("mockservers: cannot read the plan two lines .jsonxxx")
    assert (stderr.count("\n"), len(stderr) < 450, stderr[-4:]) == (1, True, "...\n")


def test_a_port_in_use_is_named(capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        others = [n for n in (20011, 20012, 20013) if n != port][:2]
        of_servers = ["run", "--ports", f"{others[0]},{others[1]},{port}", "--", "true"]
        status, _, stderr = ended(capsys, *of_servers)
        of_control = ended(capsys, "serve", "--ports", "auto", "--control", port)
    assert status == 2
    assert re.fullmatch(r"mockservers: port \d+ is in use.*--ports auto.*\n", stderr)
    says = f"--control: port {port} is in use: choose another port, or --control auto"
    assert of_control == (2, "", f"mockservers: {says}\n")


def test_ctrl_c_in_a_command_has_the_status_of_ctrl_c(monkeypatch, capsys):
    monkeypatch.setattr(options, "_read_plan", mock.Mock(side_effect=KeyboardInterrupt))
    assert ended(capsys, "predict", "--plan", "plan.json") == (130, "", "")


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


# --- streams ---------------------------------------------------------------------------


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a file that is always full")
def test_a_stdout_that_takes_nothing_is_no_success(monkeypatch, capsys):
    with open("/dev/full", "w") as full:  # noqa: PTH123
        monkeypatch.setattr(sys, "stdout", full)
        status, _, stderr = ended(capsys, "predict", "BR")
    assert (status, stderr) == (2, "mockservers: [Errno 28] No space left on device\n")


def test_without_a_stdout_a_command_succeeds(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdout", None)
    assert ended(capsys, "predict", "BR") == (0, "", "")
    sys.stdout.close()  # what it was replaced by


@posix
def test_the_page_is_written_although_stdout_has_no_reader(in_folder, monkeypatch, capsys):
    as_file(in_folder / "a.jsonl", WELL)
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as nobody:
        monkeypatch.setattr(sys, "stdout", nobody)
        assert ended(capsys, "ledger", "a.jsonl", "--html", "a.html") == (1, "", "")
    assert "The books balance" in Path("a.html").read_text(encoding="utf-8")


# --- plans -----------------------------------------------------------------------------


def seeds(*words):
    plans = options.served(options.parser().parse_args(["predict", *words])).plans
    return {label: plan.seed for label, plan in plans.items()}


def test_the_plan_of_one_server_beats_that_of_all_in_any_order_and_a_seed_beats_both(in_folder):
    Path("a.json").write_text('\ufeff{"plan": 1, "seed": 5}', encoding="utf-8")
    Path("mars=plan.json").write_text('{"plan": 1, "seed": 6}')
    words = ["--plan", "delay=mars=plan.json", "--plan", "a.json"]
    assert seeds(*words) == seeds(*words[2:], *words[:2]) == {"LOCAL": 5, "DELAY": 6, "ERROR": 5}
    assert set(seeds("--plan", "mars=plan.json").values()) == {6}
    assert set(seeds(*words, "--seed", "7").values()) == {7}


@examples(25)
@given(st.integers(0, 2**53 - 1))
def test_a_seed_replaces_that_of_every_plan(seed):
    assert set(seeds("--seed", str(seed)).values()) == {seed}


# --- predict ---------------------------------------------------------------------------


def test_predict_for_people_ends_with_the_totals(capsys):
    status, stdout, _ = ended(capsys, "predict", "-s", "error", "-e")
    *codes, total = stdout.splitlines()
    assert total == "676 codes of ERROR, seed 629: 150 ok, 361 not found, 165 error"
    assert (status, len(codes)) == (0, 676)


def test_predict_counts_all_four_outcomes(plan_file, capsys):
    plan = plan_file(rules={"BR": [{"do": "empty"}, {"do": "serve"}]})
    words = ["predict", "--plan", plan, "BR", "US", "ZZ", "--json"]
    assert json.loads(ended(capsys, *words)[1]) == {
        "codes": {
            "BR": {"do": "empty", "status": None, "outcome": "depends"},
            "US": {"do": "serve", "status": 200, "outcome": "ok"},
            "ZZ": {"do": "serve", "status": 404, "outcome": "not_found"},
        },
        "totals": {"ok": 1, "not_found": 1, "error": 0, "depends": 1},
    }


def test_a_code_without_a_response_is_predicted_without_a_status(plan_file, capsys):
    plan = plan_file(rules={"BR": [{"do": "reset"}]})
    status, stdout, _ = ended(capsys, "predict", f"--seed={2**53 - 1}", "--plan", plan, "BR")
    assert status == 0
    assert stdout.splitlines()[0].split()[:3] == ["BR", "reset", "---"]


# --- compare ---------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["ab", "ba"])
def test_to_compare_is_a_success_only_if_both_runs_balance(order, in_folder, capsys):
    as_file(in_folder / "a", WELL)
    as_file(in_folder / "b", BADLY)
    assert ended(capsys, "compare", *order, "--html", "c.html") == (1, "", "")
    assert ended(capsys, "compare", "a", "a", "--html", "c.html") == (0, "", "")
