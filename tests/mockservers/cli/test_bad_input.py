"""What the commands say of bad input, plans and journals."""

import importlib
import json
import sys
from pathlib import Path
from unittest import mock

import pytest
from support.command_in_process import ended
from support.commands import (
    command_line,
    run,
)
from support.journals import as_file, journal, report, request

from mockservers.cli import options
from mockservers.plan import Plan
from mockservers.plan_json import plan_to_json

WELL = journal(["BR"], [request(1, "BR", 0.0, 0.5)], report(["BR"], 1, 1, told=["BR OK"]))
BADLY = journal(["BR"], [request(1, "BR", 0.0, 0.5)], report(["BR"], 1, 0))


def args_of(*words):
    return options.parser().parse_args(list(words))


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
