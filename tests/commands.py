"""Run installed commands as a person would, in a folder of their own."""

import json
import os
import subprocess
import sys
import sysconfig
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
