"""How a downloader ends, and with which streams: a line at most, a status, never a traceback."""

import io
import pickle
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from golden.observe import AtOnce, as_recorded, end_at_once, run_main

from reference import flags2_common as common
from reference.flags2_common import (
    HTTPStatus,
    Result,
    Tally,
    exit_at_once,
    make_streams_safe,
    on_ctrl_c,
)


def failing(exc):
    def download_many(*_):
        raise exc

    return download_many


@pytest.mark.parametrize(
    ("exc", "status", "stderr"),
    [
        (KeyboardInterrupt(), 130, ""),
        (BrokenPipeError(32, "Broken pipe"), 1, ""),
        (OSError(28, "No space left"), 1, "*** ended by [Errno 28] No space left\n"),
        (RuntimeError("can't start new thread"), 1, "*** ended by can't start new thread\n"),
    ],
)
def test_what_ends_a_download_is_told_in_one_line_or_none(exc, status, stderr):
    ended = run_main(["BR"], failing(exc))
    assert (ended.status, ended.stderr) == (status, stderr)
    assert ended.stdout.endswith("\n1 concurrent connection will be used.\n")


def test_any_other_exception_comes_out():
    with pytest.raises(ZeroDivisionError):
        run_main(["BR"], failing(ZeroDivisionError()))


class Full(io.StringIO):
    """As a stream whose disk is full: that is found when it is flushed, or at once."""

    def __init__(self, *, at_once=False):
        super().__init__()
        self.at_once = at_once

    def write(self, text):
        if self.at_once:
            raise OSError(28, "No space left")
        return super().write(text)

    def flush(self):
        raise OSError(28, "No space left")


@pytest.fixture
def program(monkeypatch):
    """`main` with the given streams, for one code; its status."""

    def run(stdout, stderr):
        monkeypatch.setattr(sys, "argv", ["flags2", "BR"])
        monkeypatch.setattr(common.os, "_exit", end_at_once)
        monkeypatch.setattr(sys, "stdout", stdout)
        monkeypatch.setattr(sys, "stderr", stderr)
        with as_recorded(), pytest.raises(AtOnce) as caught:
            common.main(lambda *_: Tally([Result(HTTPStatus.ok, "BR")]), 1, 1)
        return caught.value.status

    return run


def test_a_stdout_that_is_found_full_behind_the_report_is_told(program):
    stderr = io.StringIO()
    assert program(Full(), stderr) == 1
    assert stderr.getvalue() == "*** ended by [Errno 28] No space left\n"


def test_where_stderr_is_full_too_the_status_tells_it_alone(program):
    assert program(Full(), Full(at_once=True)) == 1


@pytest.mark.parametrize("status", [1, 130])
def test_an_end_at_once_shows_what_was_printed_and_lets_a_save_come_to_its_end(monkeypatch, status):
    seen = []

    def end(status):
        seen.append((status, written.getvalue(), common.SAVING.locked()))
        raise AtOnce(status)

    written = io.BytesIO()
    monkeypatch.setattr(common.os, "_exit", end)
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written))
    print("last words")
    with pytest.raises(AtOnce):
        exit_at_once(status)
    assert seen == [(status, b"last words\n", True)]


def ctrl_c():
    signal.raise_signal(signal.SIGINT)


def test_for_as_long_as_somebody_listens_ctrl_c_raises_nothing():
    heard = []
    with on_ctrl_c(lambda: heard.append("Ctrl-C")):
        ctrl_c()
        ctrl_c()
    assert heard == ["Ctrl-C"] * 2
    with pytest.raises(KeyboardInterrupt):
        ctrl_c()
    with pytest.raises(ZeroDivisionError), on_ctrl_c(heard.clear):
        raise ZeroDivisionError
    with pytest.raises(KeyboardInterrupt):
        ctrl_c()


@pytest.mark.parametrize("handler", [signal.SIG_IGN, lambda *_: None])
def test_a_ctrl_c_that_is_ignored_or_handled_by_others_stays_so(handler):
    before = signal.signal(signal.SIGINT, handler)
    try:
        with on_ctrl_c(lambda: pytest.fail("heard")):
            assert signal.getsignal(signal.SIGINT) is handler
            ctrl_c()
        assert signal.getsignal(signal.SIGINT) is handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_beside_the_main_thread_ctrl_c_stays_as_it_is():
    def listen():
        with on_ctrl_c(lambda: None):
            return signal.getsignal(signal.SIGINT)

    with ThreadPoolExecutor(1) as executor:
        assert executor.submit(listen).result(10) is signal.default_int_handler


def test_a_stream_that_is_closed_takes_what_is_printed(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    make_streams_safe()
    with sys.stdout, sys.stderr:
        assert sys.stdout.write("one") == sys.stderr.write("two") == 3
    monkeypatch.undo()
    assert capsys.readouterr() == ("", "")


def test_a_program_without_streams_comes_to_its_end(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["flags2", "BR"])
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    common.main(lambda *_: Tally([Result(HTTPStatus.ok, "BR")]), 1, 1)
    with sys.stdout, sys.stderr:
        pass


@pytest.mark.parametrize("make", [io.StringIO, lambda: io.TextIOWrapper(io.BytesIO())])
def test_a_stream_that_is_open_stays(monkeypatch, make):
    out, err = make(), make()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    make_streams_safe()
    assert (sys.stdout, sys.stderr) == (out, err)


def test_a_letter_that_stdout_has_not_is_escaped(monkeypatch):
    out = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out, encoding="ascii"))
    make_streams_safe()
    print("fläge", flush=True)
    assert out.getvalue() == b"fl\\xe4ge\n"


def test_a_clock_that_was_put_back_gives_no_time_below_zero(monkeypatch, capsys):
    monkeypatch.setattr(common.time, "time", lambda: 1000.0)
    common.final_report([], Tally(), 1000.5)
    common.final_report([], Tally(), 999.5)
    elapsed = [line for line in capsys.readouterr().out.splitlines() if "Elapsed" in line]
    assert elapsed == ["Elapsed time: 0.00s", "Elapsed time: 0.50s"]


def test_a_status_is_known_by_its_name_and_can_be_sent_to_another_process():
    assert str(HTTPStatus.not_found) == "HTTPStatus.not_found"
    assert pickle.loads(pickle.dumps(list(HTTPStatus))) == list(HTTPStatus)


@pytest.fixture
def dest(monkeypatch, tmp_path) -> Path:
    """A folder to save in, that is not there yet, nor the one above it."""
    folder = tmp_path / "above/downloads"
    monkeypatch.setattr(common, "DEST_DIR", str(folder))
    return folder


def test_the_folders_of_a_file_are_made_and_the_file_can_be_saved_again(dest):
    common.save_flag(b"old", "br.gif")
    common.save_flag(b"new", "br.gif")
    assert [(path.name, path.read_bytes()) for path in dest.iterdir()] == [("br.gif", b"new")]


def test_flags_are_saved_in_downloads_below_the_working_directory(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    common.save_flag(b"GIF", "br.gif")
    assert (tmp_path / "downloads/br.gif").read_bytes() == b"GIF"


def test_a_file_is_begun_under_its_name_with_part_behind_it(dest):
    (dest / "br.gif.part").mkdir(parents=True)
    with pytest.raises(IsADirectoryError):
        common.save_flag(b"new", "br.gif")
    assert not (dest / "br.gif").exists()


@pytest.mark.parametrize("exc", [OSError(28, "No space left"), KeyboardInterrupt()])
def test_what_was_begun_is_taken_away_whatever_ends_it(dest, monkeypatch, exc):
    def begin(path, data):
        path.open("wb").close()
        raise exc

    monkeypatch.setattr(Path, "write_bytes", begin)
    with pytest.raises(type(exc)):
        common.save_flag(b"new", "br.gif")
    assert list(dest.iterdir()) == []
    assert not common.SAVING.locked()
