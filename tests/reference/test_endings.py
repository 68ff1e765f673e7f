"""How a downloader ends if its output cannot be written, and what it saves."""

import io
import sys
from pathlib import Path

import pytest
from golden.observe import AtOnce, as_recorded, end_at_once, run_main
from support.processes import own_ctrl_c

from reference import flags2_common as common


def failing(exc):
    def download_many(*_):
        raise exc

    return download_many


@pytest.mark.parametrize(
    ("exc", "lines"), [(BrokenPipeError(32, "Broken pipe"), 0), (OSError(28, "No space left"), 1)]
)
def test_output_that_cannot_be_written_ends_with_status_1_and_a_line_at_most(exc, lines):
    ended = run_main(["BR"], failing(exc))
    assert (ended.status, ended.stderr.count("\n")) == (1, lines)
    assert ("No space left" in ended.stderr) == bool(lines)
    assert ended.stdout.endswith("\n1 concurrent connection will be used.\n")


def test_any_other_exception_comes_out():
    with pytest.raises(ZeroDivisionError):
        run_main(["BR"], failing(ZeroDivisionError()))


class Full(io.StringIO):
    """A stream of which the flush finds that the disk is full."""

    def flush(self):
        raise OSError(28, "No space left")


@pytest.mark.parametrize("interrupted", [False, True])
def test_a_full_disk_that_only_the_last_flush_finds_is_reported(monkeypatch, interrupted):
    monkeypatch.setattr(sys, "argv", ["flags2", "BR"])
    monkeypatch.setattr(common.os, "_exit", end_at_once)
    monkeypatch.setattr(sys, "stdout", Full())
    monkeypatch.setattr(sys, "stderr", stderr := io.StringIO())

    def download_many(*_):
        common.interrupted = interrupted
        return common.Counter({common.HTTPStatus.ok: 1})

    with as_recorded(), own_ctrl_c(), pytest.raises(AtOnce) as caught:
        common.main(download_many, 1, 1)
    assert caught.value.status == 1
    assert "No space left" in stderr.getvalue()


@pytest.fixture
def dest(monkeypatch, tmp_path) -> Path:
    """A folder to save in that does not exist yet, nor does its parent."""
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


def test_a_file_is_first_written_under_its_name_and_part(dest):
    (dest / "br.gif.part").mkdir(parents=True)
    with pytest.raises(IsADirectoryError):
        common.save_flag(b"new", "br.gif")
    assert not (dest / "br.gif").exists()
