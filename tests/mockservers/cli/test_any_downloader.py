"""`mockservers run` judges programs that were written elsewhere, whatever they print."""

import json
import os
import shutil
import sys

import pytest
from support import TESTS
from support.command_in_process import ended
from support.commands import SCRIPTS, environment, run
from support.rows import each

from mockservers.content.flag_images import flag
from mockservers.html_report.view import replay_line
from mockservers.journal_json import read_journal

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")

SECOND = [sys.executable, str(TESTS / "support/second_edition.py")]
FLAGS = "{LOCAL}/flags"
BROKEN = {"BR": [{"do": "truncate", "after_bytes": 500}], "CN": [{"do": "status", "status": 503}]}
TO_PATHS = "for c in br cn us; do curl -s -o downloads/$c.gif {LOCAL}/flags/$c/$c.gif; done"


def words(ledger):
    return [(one["word"], one["code"]) for one in ledger["imbalances"]]


@pytest.fixture
def judged(run_here, plan_file, in_folder):
    """Run a command under some rules: exit status, what does not balance, and the ledger."""
    (in_folder / "downloads").mkdir()

    def run(*command, rules=None, options=(), **plan):
        options = ["--plan", plan_file(rules=rules or {}, **plan), *options]
        status, _, ledger = run_here(*command, options=options)
        return status, words(ledger), ledger

    return run


def test_a_half_and_an_empty_file_of_a_command_that_ends_with_0_are_corrupt(judged):
    status, found, ledger = judged("sh", "-c", TO_PATHS, rules=BROKEN)
    assert (status, found) == (1, [("corrupt", "LOCAL BR"), ("corrupt", "LOCAL CN")])
    half, empty = ledger["imbalances"]
    assert (
        half["saw"] == "200 with 500 of 27681 bytes; br.gif has only the first 500 of 27681 bytes"
    )
    assert empty["saw"] == "503; cn.gif is empty"
    assert (half["said"], half["resource"]) == ("exit status 0", "LOCAL /flags/br/br.gif")


def test_the_first_line_names_the_loss(judged, capsys, in_folder):
    judged("sh", "-c", TO_PATHS, rules=BROKEN, options=["--journal", "run.jsonl"])
    status, out, _ = ended(capsys, "ledger", "run.jsonl")
    first = "ledger: NOT BALANCED: 2 files are wrong though the command ended with 0"
    assert (status, out.splitlines()[0]) == (1, first)
    status, again, _ = ended(capsys, "ledger", "run.jsonl", "--files", "downloads")
    assert (status, again) == (1, out)


@pytest.mark.skipif(shutil.which("wget") is None, reason="needs wget")
def test_wget_that_meets_a_416_and_saves_nothing_has_lost_it(judged):
    wget = ["wget", "-q", "-P", "downloads", "{LOCAL}/flags/br/br.gif"]
    rules = {"BR": [{"do": "status", "status": 416}]}
    assert judged(*wget, rules=rules)[:2] == (1, [("lost", "LOCAL BR")])


SECOND_EDITION = {
    # options -> exit status, and what does not balance
    "correct": (["-v"], 0, []),
    "correct, and silent": ([], 0, []),
    "its bug": (["-v", "--bug"], 1, [("miscounted", "US"), ("miscounted", "ZZ")]),
    "its bug, and silent": (["--bug"], 1, [("miscounted", None)]),
    "files by country, and metadata": (["--by-country", "--meta"], 0, []),
    "saves nothing, all are errors": (
        ["-v", "--save-nothing"], 1, [("miscounted", "US"), ("miscounted", "ZZ")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SECOND_EDITION)
def test_the_second_edition_is_judged_right_and_wrong(judged, name):
    options, expected, imbalances = SECOND_EDITION[name]
    command = [*SECOND, *options, FLAGS, "BR", "CN", "US", "ZZ"]
    dest = ["--dest", "downloaded"] if "-v" in options else []
    status, found, ledger = judged(*command, rules=BROKEN, options=dest)
    assert (status, found) == (expected, imbalances), ledger
    assert ledger["codes"]["BR"]["said"] in ("error", None)


def test_a_program_that_saves_nothing_and_calls_everything_an_error_is_miscounted(judged):
    command = [*SECOND, "--save-nothing", FLAGS, "BR", "CN", "US"]
    status, found, _ = judged(*command, options=["--dest", "downloaded"])
    assert (status, found) == (1, [("miscounted", None)])


def test_a_partial_file_with_its_control_file_is_no_imbalance(judged):
    script = """
        curl -s -o downloads/br.gif {LOCAL}/flags/br/br.gif; touch downloads/br.gif.aria2; exit 7
    """
    status, found, ledger = judged("sh", "-c", script, rules={"BR": BROKEN["BR"]})
    assert (status, found, ledger["notes"]) == (7, [], [])


OWN = {
    "whole": ("", 0, []),
    "one is cut": ("head -c 100 site/a.bin > out/a.bin", 1, [("corrupt", "LOCAL /a.bin")]),
}


@each("name", OWN)
def test_own_files_are_judged_by_their_bytes(judged, in_folder, name):
    spoil, expected, imbalances = OWN[name]
    (in_folder / "site/sub").mkdir(parents=True, exist_ok=True)
    shutil.rmtree(in_folder / "out", ignore_errors=True)
    (in_folder / "site/a.bin").write_bytes(flag("BR"))
    (in_folder / "site/b.bin").write_bytes(flag("CN"))
    (in_folder / "site/hello.txt").write_text("hello, world\n")
    (in_folder / "site/sub/c.bin").write_bytes(flag("US"))
    script = f"""
        mkdir out; cd out
        for path in a.bin b.bin hello.txt sub/c.bin; do curl -sO {{LOCAL}}/$path; done
        cd ..; {spoil or ":"}
    """
    status, found, ledger = judged("sh", "-c", script, options=["--root", "site", "--dest", "out"])
    assert (status, found) == (expected, imbalances)
    kept = {name: row["kept"] for name, row in ledger["resources"].items()}
    cut = "part" if spoil else "whole"
    assert kept == {
        "LOCAL /a.bin": cut, "LOCAL /b.bin": "whole",
        "LOCAL /hello.txt": "whole", "LOCAL /sub/c.bin": "whole",
    }  # fmt: skip


def test_a_file_that_was_there_before_and_is_right_is_kept(judged, in_folder):
    (in_folder / "site").mkdir()
    (in_folder / "out").mkdir()
    for file in ("site/a.bin", "out/mine"):
        (in_folder / file).write_bytes(flag("BR"))
    options = ["--root", "site", "--dest", "out"]
    unchanged = "curl -s -z out/mine -o out/mine {LOCAL}/a.bin"
    status, found, ledger = judged("sh", "-c", unchanged, options=options, ranges=True)
    assert (status, found) == (0, [])
    assert ledger["resources"]["LOCAL /a.bin"] == {
        "requests": 1, "status": 304, "arrived": "whole", "kept": "whole", "said": None,
        "files": ["mine"],
    }  # fmt: skip
    assert judged("true", options=[*options, "--asked", "/a.bin"])[:2] == (0, [])
    assert judged("true", options=[*options, "--asked", "/b.bin"])[:2] == (
        1, [("lost", "LOCAL /b.bin")],
    )  # fmt: skip


# --- claims, placeholders, what was asked for -----------------------------------------------------

SAYS = """
import json, os, sys, urllib.request
with open(os.environ["MOCKSERVERS_CLAIMS"], "w") as file:
    for line in sys.argv[1:]:
        print(line, file=file)
for path in ("/flags/br/br.gif", "/flags/zz/zz.gif"):
    try:
        urllib.request.urlopen(os.environ["MOCKSERVERS_LOCAL_URL"] + path).read()
    except OSError:
        pass
sys.exit(3)
"""


def claim(**said):
    return json.dumps(said)


CLAIMED = {
    # lines of the claims file -> what does not balance; the exit status of the command is 3
    "nothing": ([], []),
    "an error that came whole": (
        [claim(resource="BR", outcome="error")], [("miscounted", "LOCAL BR")],
    ),
    "ok, and no file": (
        [claim(resource="/flags/br/br.gif", outcome="ok", file="br.gif")], [("lost", "LOCAL BR")],
    ),
    "ok, and no file is named": ([claim(resource="BR", outcome="ok")], []),
    "the last line holds": (
        [claim(resource="BR", outcome="error"), claim(resource="BR", outcome="ok")], [],
    ),
    "ok, and never asked for": (
        [claim(resource="/a.bin", outcome="ok")], [("unexpected", "/a.bin")],
    ),
    "an absent one": ([claim(resource="ZZ", outcome="not_found", server="LOCAL")], []),
}  # fmt: skip


@pytest.mark.parametrize("name", CLAIMED)
def test_a_claims_file_is_the_claim(judged, name):
    lines, imbalances = CLAIMED[name]
    status, found, _ = judged(sys.executable, "-c", SAYS, *lines)
    assert (status, found) == (3, imbalances)


REDIRECTED = """
import json, os, urllib.request
response = urllib.request.urlopen(os.environ["MOCKSERVERS_LOCAL_URL"] + "/latest")
open("downloads/any.bin", "wb").write(response.read())
claim = {"resource": response.url, "outcome": "ok", "file": "downloads/any.bin"}
open(os.environ["MOCKSERVERS_CLAIMS"], "w").write("\\ufeff" + json.dumps(claim))
"""


def test_a_claim_may_name_the_end_of_a_redirect(judged):
    rules = {"/latest": [{"do": "redirect", "to": "/flags/br/br.gif"}]}
    assert judged(sys.executable, "-c", REDIRECTED, rules=rules)[:2] == (0, [])


def test_a_file_that_was_moved_is_no_new_one(judged, in_folder):
    (in_folder / "downloads").mkdir(exist_ok=True)
    (in_folder / "downloads/br.gif").write_bytes(b"another one")
    script = """
        mkdir downloads/old; mv downloads/br.gif downloads/old
        curl -s -o downloads/br.gif {LOCAL}/flags/br/br.gif
    """
    assert judged("sh", "-c", script)[:2] == (0, [])


@each("file", ["plan.json", "run.jsonl"])
def test_a_claims_file_is_none_of_the_other_files(run_folder, capsys, plan_file, file):
    options = ["--plan", plan_file(), "--journal", "run.jsonl", "--claims", file]
    status, _, err = ended(capsys, "run", "--ports", "auto", *options, "--", "true")
    assert status == 2
    assert err.startswith(f"mockservers: --claims {file}: it is removed before the run")


@pytest.mark.parametrize("make", ["mkfifo", "mkdir"])
def test_a_claims_file_that_is_no_file_is_refused(run_folder, capsys, make):
    words = ["--", "sh", "-c", f'{make} "$MOCKSERVERS_CLAIMS"']
    status, _, err = ended(capsys, "run", "--ports", "auto", *words)
    assert (status, err) == (2, "mockservers: the claims file is no regular file\n")


@each(
    ("line", "says"),
    [
        ("{", "line 1: is not JSON"),
        (claim(resource="BR"), "line 1: the claim: the key 'outcome' is missing"),
        (claim(resource="br ", outcome="ok"), "line 1: resource: 'br ' is no path"),
        (claim(resource="BR", outcome="fine"), "line 1: outcome: 'fine' is not ok, not_found"),
        (claim(resource="http://h:1/a", outcome="ok"), "is not on a server of this run"),
    ],
)
def test_a_claims_file_that_cannot_be_read_is_one_line_and_no_verdict(
    run_folder, capsys, line, says
):
    words = ["run", "--ports", "auto", "--", sys.executable, "-c", SAYS, line]
    status, out, err = ended(capsys, *words)
    assert (status, out) == (2, "")
    assert err.startswith("mockservers: the claims file, line 1: ")
    assert says in err
    assert err.count("\n") == 1


def test_placeholders_become_origins_unless_a_brace_or_a_dollar_precedes_them(run_here):
    text = "{LOCAL} ${LOCAL} {{LOCAL}} {ERROR}/x {OTHER}"
    _, (printed,), _ = run_here("echo", text)
    local, dollar, braces, error, other = printed.split()
    assert local.startswith("http://127.0.0.1:")
    assert error.startswith("http://127.0.0.1:")
    assert error.endswith("/x")
    assert (dollar, braces, other) == ("${LOCAL}", "{{LOCAL}}", "{OTHER}")


def test_what_was_to_be_fetched_and_never_was_is_lost(judged, in_folder):
    (in_folder / "list.txt").write_text("# what to fetch\nERROR:/x.bin  # a path\nus\n")
    asked = ["--asked", "BR,/y.bin", "--asked-file", "list.txt"]
    status, found, _ = judged("true", options=asked)
    assert status == 1
    assert sorted(found) == [
        ("lost", "ERROR /x.bin"), ("lost", "LOCAL /y.bin"), ("lost", "LOCAL BR"),
        ("lost", "LOCAL US"),
    ]  # fmt: skip
    assert judged("false", options=asked)[:2] == (1, [])


@each("wrong", ["BRA", "MARS:BR", "a.bin", "/a?b"])
def test_what_cannot_be_asked_for_is_named(run_folder, capsys, wrong):
    status, _, err = ended(capsys, "run", "--ports", "auto", "--asked", wrong, "--", "true")
    assert status == 2
    assert err.startswith(f"mockservers: --asked {wrong}: ")


def test_a_rule_that_no_request_met_and_a_run_without_requests_are_noted(judged):
    rules = {"/ab.bin": [{"do": "empty"}], "/flags/br/br.gif": [{"do": "serve"}]}
    _, _, ledger = judged("curl", "-s", "-o", "/dev/null", "{LOCAL}/flags/br/br.gif", rules=rules)
    assert "no request met these rules of the plan: /ab.bin" in ledger["notes"]
    _, _, ledger = judged("true")
    assert any(note.startswith("no request reached the servers") for note in ledger["notes"])


def test_a_report_that_is_not_understood_is_shown_and_the_exit_status_is_the_claim(judged):
    script = f"""
        echo "LOCAL site: x"; echo "Searching for 1 flag: BR"; echo {"-" * 20}; echo "all is well"
        curl -s -o downloads/br.gif {{LOCAL}}/flags/br/br.gif; exit 0
    """
    status, found, ledger = judged("sh", "-c", script, rules=BROKEN)
    assert (status, found) == (1, [("corrupt", "LOCAL BR")])
    assert any("'all is well'" in note for note in ledger["notes"])


def test_a_prediction_of_paths_names_server_path_and_outcome(run_folder, capsys, plan_file):
    (run_folder / "site").mkdir()
    (run_folder / "site/a.bin").write_bytes(b"a")
    words = ["predict", "--root", "site", "--asked", "/a.bin,ERROR:/b.bin,ERROR:BR"]
    words += ["--plan", plan_file(rules={"/a.bin": [{"do": "stall", "after_bytes": 0}]})]
    status, out, _ = ended(capsys, *words)
    assert status == 0
    assert [line.split() for line in out.splitlines()[:3]] == [
        ["LOCAL", "/a.bin", "stall", "200", "error"],
        ["ERROR", "/b.bin", "serve", "404", "not", "found"],
        ["ERROR", "BR", "serve", "404", "not", "found"],
    ]
    status, out, _ = ended(capsys, *words, "--json")
    assert json.loads(out)["resources"]["LOCAL /a.bin"]["outcome"] == "error"
    assert ended(capsys, *words, "BR")[0] == 2


def test_the_line_that_runs_it_again_has_every_option(judged, in_folder):
    (in_folder / "site").mkdir(exist_ok=True)
    (in_folder / "out").mkdir()
    given = ["--root", "site", "--dest", "out", "--asked", "/a b.bin", "--partial", "*.x"]
    judged("true", options=[*given, "--journal", "run.jsonl"])
    header = next(read_journal(in_folder / "run.jsonl"))
    assert replay_line(header).endswith(
        "--root site --dest out --ports auto --asked '/a b.bin' --partial '*.x' -- true"
    )


@pytest.mark.slow
def test_the_line_that_runs_it_again_gives_the_same_verdict_in_a_shell(in_folder, plan_file):
    (in_folder / "site").mkdir()
    (in_folder / "site/a b.bin").write_bytes(bytes(9000))
    plan = plan_file(seed=3, rules={"/a%20b.bin": [{"do": "truncate", "after_bytes": 500}]})
    given = ["--root", "site", "--dest", "out", "--asked", "/a%20b.bin", "--ports", "auto"]
    get = "mkdir -p out; curl -s -o out/a.bin '{LOCAL}/a%20b.bin'; true"
    words = ["mockservers", "run", *given, "--plan", plan, "--journal", "j", "--", "sh", "-c", get]
    first = run(*words, cwd=in_folder)
    line = replay_line(next(read_journal(in_folder / "j")))
    shutil.rmtree(in_folder / "out")
    path = {"PATH": f"{SCRIPTS}:{os.environ['PATH']}"}
    again = run("sh", "-c", line, cwd=in_folder, env=environment(**path))
    assert "the first 500 of 9000 bytes" in first.stdout
    assert (again.returncode, again.stdout) == (first.returncode, first.stdout)
