"""Run installed commands as a person would, in a folder of their own."""

import json
import os
import re
import subprocess
import sys
import sysconfig
import textwrap
from pathlib import Path

SCRIPTS = Path(sysconfig.get_path("scripts"))


def environment(**more):
    """Ours, without what would lead a program elsewhere."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("FLAGS2_")}
    env.pop("PYTHONUNBUFFERED", None)
    return {**env, "COLUMNS": "80", **more}


def command_line(*words):
    """The words, with the program found beside this interpreter, not on PATH."""
    program, *rest = map(str, words)
    if (SCRIPTS / program).exists():
        program = str(SCRIPTS / program)
    return [sys.executable if program == "python" else program, *rest]


def run(*words, cwd, stdin=subprocess.DEVNULL, timeout=60, **options):
    """Run to the end; text in and out."""
    return subprocess.run(
        command_line(*words), cwd=cwd, stdin=stdin, timeout=timeout, text=True,
        encoding="utf-8", capture_output=True, check=False,
        **{"env": environment(), **options},
    )  # fmt: skip


def mockservers_run(*words, cwd, options=(), **more):
    """`mockservers run` on free ports, and its ledger."""
    done = run(
        "mockservers", "run", "--ports", "auto", "--json", *options, "--", *words, cwd=cwd, **more
    )
    lines = done.stdout.splitlines()
    return done, json.loads(lines[-1]) if lines and lines[-1].startswith('{"ledger"') else None


def write(folder, files):
    """Write these texts under these names."""
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
