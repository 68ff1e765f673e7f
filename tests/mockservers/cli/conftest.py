"""Fixtures of these tests."""

import signal

import pytest

from mockservers.cli import child_process


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
