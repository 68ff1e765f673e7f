"""`mockservers serve` in this process."""

import io
import re
import signal
import sys

import pytest
from support import TOP
from support.command_in_process import posix

from mockservers.cli import commands as cli


class Screen(io.StringIO):
    """A stdout that sends a signal to this process when it reads `ready`, and that is flushed."""

    def __init__(self, signum):
        super().__init__()
        self.signum, self.ready = signum, False

    def write(self, text):
        self.ready = self.ready or "ready" in text
        return super().write(text)

    def flush(self):
        if self.ready:
            self.ready = False
            signal.raise_signal(self.signum)


@pytest.fixture
def serve(own_signals, monkeypatch):
    """Run `mockservers serve` until it is ready; its status and what it printed."""

    def served(*words, signum=signal.SIGTERM):
        screen = Screen(signum)
        monkeypatch.setattr(sys, "stdout", screen)
        with pytest.raises(SystemExit) as end:
            cli.main(["serve", "--ports", "auto", *words])
        return end.value.code, screen.getvalue()

    return served


@posix
def test_serve_says_where_it_is_driven_from_as_the_documents_show(serve):
    status, printed = serve("--control", "auto")
    assert status == 0
    page = (TOP / "docs/control.md").read_text(encoding="utf-8")
    shown = re.search(r"--control 8000\n((?:    .*\n)+)", page)[1]
    assert re.sub(r":\d+", "", printed) == re.sub(r"(?m):\d+|^ +", "", shown)


@posix
def test_serve_warns_where_other_machines_may_drive_it(serve, capsys):
    _, printed = serve("--control", "auto", "--control-host", "127.0.0.1", "--control-name", "mock")
    assert "control http://127.0.0.1:" in printed
    assert capsys.readouterr().err == (
        "warning: the control API has no password; it listens on 127.0.0.1, "
        "and answers to loopback, mock\n"
    )


@posix
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_serve_ends_on_a_signal_and_leaves_the_signals_as_they_were(serve, own_signals, signum):
    status, printed = serve(signum=signum)
    assert status == 0
    first = [line.split()[0] for line in printed.splitlines()]
    assert first == ["LOCAL", "DELAY", "ERROR", "ready:"]
    assert {signum: signal.getsignal(signum) for signum in own_signals} == own_signals


@posix
def test_serve_with_an_incomplete_journal_is_no_success(serve, full_disk, in_folder, capsys):
    assert serve("--json", "--journal", "j")[0] == 1
    said = "mockservers: the journal j is incomplete: No space left on device"
    assert capsys.readouterr().err.startswith(said)
