"""`docs/testing.md`: what it shows is what a newcomer gets."""

import contextlib
import itertools
import os
import re
import signal
import subprocess
import textwrap
import tomllib
from functools import partial

import pytest
from support import TOP
from support.commands import SCRIPTS, environment, pytest_in, sections, write
from support.examples import simplest

import mockservers
from mockservers import strategies
from mockservers.faults import KINDS, Reset
from mockservers.inprocess import CannotCarryError, refuse_what_needs_sockets
from mockservers.plan import LABELS, Gate, Plan
from mockservers.plan_json import plan_from_json

pytestmark = pytest.mark.slow

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
    short = {name for name, value in vars(strategies).items() if isinstance(value, partial)}
    assert set(re.findall(r"(\w+)\(", part("The strategies"))) == own | short
    with mockservers.running() as servers:
        for name in re.findall(r"^\| `(\w+)", part("The servers"), re.MULTILINE)[1:]:
            assert hasattr(servers, name), name


def test_the_carrier_of_the_page_carries():
    (block,) = indented(part("Without sockets"))
    exec(block, {})


def test_the_page_names_every_kind_that_the_carriers_carry_and_that_they_refuse():
    refused = set()
    for do, kind in KINDS.items():
        try:
            refuse_what_needs_sockets(Plan(rules={"BR": simplest(kind)}, ranges=kind.needs_ranges))
        except CannotCarryError:
            refused.add(do)
    for plan in (Plan(gate=Gate(1, 1.0)), Plan(refuse=True), Plan(rules={"BR": (Reset(1),)})):
        with pytest.raises(CannotCarryError):
            refuse_what_needs_sockets(plan)
    carried = part("Without sockets").split("Carried are ")[1].split("refused by")[0]
    assert set(re.findall(r"`([a-z_]+)`", carried)) == set(KINDS) - refused
