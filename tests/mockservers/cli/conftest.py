"""Fixtures of these tests."""

import errno
import json
import os

import pytest
from support import command_in_process
from support.command_in_process import ended

from mockservers.journal_json import JournalFile


@pytest.fixture
def in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def own_signals():
    """What signals do in this process, put back afterwards."""
    with command_in_process.own_signals() as before:
        yield before


@pytest.fixture
def plan_file(tmp_path):
    def write(**plan):
        path = tmp_path / "plan.json"
        path.write_text(json.dumps({"plan": 1, **plan}))
        return str(path)

    return write


@pytest.fixture
def run_folder(in_folder, own_signals):
    """The folder in which `mockservers run` runs in this process."""
    return in_folder


@pytest.fixture
def run_here(run_folder, capsys):
    """`mockservers run` in this process: its status, what the command printed, and the ledger."""

    def ran(*command, options=()):
        words = ["run", "--ports", "auto", "--json", *options, "--", *command]
        status, stdout, stderr = ended(capsys, *words)
        assert stderr == ""
        *printed, ledger = stdout.splitlines()
        return status, printed, json.loads(ledger)

    return ran


@pytest.fixture
def full_disk(monkeypatch):
    """A disk with room for the first line of a journal."""
    flush = JournalFile.flush

    def with_little_room(journal):
        if any(b'"journal"' not in line for line in journal._lines):
            journal.error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        flush(journal)

    monkeypatch.setattr(JournalFile, "flush", with_little_room)
