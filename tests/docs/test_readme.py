"""The README: every command runs as typed, in order, and the run that it shows is what one gets."""

import re
import shutil
import subprocess
import textwrap

import pytest
from support import TOP
from support.commands import environment, run

pytestmark = pytest.mark.slow

README = (TOP / "README.md").read_text(encoding="utf-8")
UNFENCED = re.sub(r"```.*?```", "", README, flags=re.DOTALL)
BLOCKS = [
    textwrap.dedent(block).lstrip("\n")
    for block in re.findall(r"(?:^    .*\n|(?<=\n)\n(?=    ))+", UNFENCED, re.MULTILINE)
]
TESTED_BY_CI = "pip install tox\ntox\n"
"""These are the commands of `.ci/run`, which runs this test too."""


def commands():
    """The blocks that are typed in a shell, in order."""
    return [block for block in BLOCKS if not block.startswith("from ") and block != TESTED_BY_CI]


def test_the_readme_shows_what_one_gets(tmp_path):
    shown = re.search(r"```\n(ERROR site.*?)```", README, re.DOTALL)[1]
    done = run("mockservers", "run", "--ports", "auto", "--", "flags2-threadpool", "-s", "ERROR",
               "-e", cwd=tmp_path)  # fmt: skip
    assert done.returncode == 0

    def normal(text):
        return re.sub(r":\d{4,5}/|\d+\.\d\ds", "...", text)

    assert normal(done.stdout) == normal(shown)


@pytest.mark.timeout(600)
@pytest.mark.usefixtures("fixed_ports")
def test_every_command_of_the_readme_runs_as_typed_in_order(tmp_path):
    """In one shell, in a copy of the tree; it installs from a package index."""
    copied = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=TOP, check=True,
        capture_output=True, text=True,
    ).stdout.split("\0")  # fmt: skip
    for name in filter(None, copied):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        if (TOP / name).is_file():
            shutil.copy2(TOP / name, tmp_path / name)
    typed = "".join(commands())
    assert typed.count("\n") > 12
    env = {
        name: value
        for name, value in environment().items()
        if name not in ("PYTHONPATH", "VIRTUAL_ENV")
    }
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail"], input=typed, cwd=tmp_path, env=env, text=True,
        capture_output=True, timeout=580, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    for name in ("downloads/br.gif", "br.gif", "run.html", "both.html", "report/report.html"):
        assert (tmp_path / name).stat().st_size
    assert "NOT BALANCED" not in done.stdout


def test_the_commands_that_run_the_tests_are_those_of_ci():
    ci = (TOP / ".ci/run").read_text(encoding="utf-8")
    assert TESTED_BY_CI in BLOCKS
    assert "install --quiet tox" in ci
    assert re.search(r'^"\$venv/bin/tox"$', ci, re.MULTILINE)
