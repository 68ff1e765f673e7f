"""The page as a file, and what is known of the files of a folder."""

import base64
import hashlib
import os
from pathlib import Path

import pytest
from support.viewed import one, view

from mockservers.files import files_in, write_whole
from mockservers.html_report.render import compare_page, run_page, script_hash

posix = pytest.mark.skipif(os.name != "posix", reason="files have POSIX modes")


def test_a_script_is_allowed_by_the_hash_of_its_bytes():
    sums = [
        base64.b64encode(hashlib.sha256(text).digest()).decode() for text in (b"a", b"\xc3\xa4")
    ]
    assert script_hash("a", "ä") == f"'sha256-{sums[0]}' 'sha256-{sums[1]}'"


def test_the_folder_of_a_page_is_made(tmp_path):
    write_whole(tmp_path / "new" / "newer" / "a.html", "text")
    assert (tmp_path / "new" / "newer" / "a.html").read_text() == "text"


def test_a_page_that_is_being_written_is_hidden(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(os, "replace", lambda source, to: seen.append(Path(source).name))
    write_whole(tmp_path / "a.html", "text")
    assert [name.startswith(".writing-") for name in seen] == [True]


@posix
def test_everybody_may_read_a_page(tmp_path):
    write_whole(tmp_path / "a.html", "text")
    assert (tmp_path / "a.html").stat().st_mode & 0o777 == 0o644


def test_a_page_that_cannot_be_written_leaves_no_file(tmp_path):
    (tmp_path / "a.html").mkdir()
    with pytest.raises(OSError, match=r"a\.html"):
        write_whole(tmp_path / "a.html", "text")
    assert [path.name for path in tmp_path.iterdir()] == ["a.html"]
    assert not list((tmp_path / "a.html").iterdir())


def test_a_page_that_somebody_takes_away_meanwhile_is_named_in_the_error(tmp_path, monkeypatch):
    def taken_away(source, to):
        Path(source).unlink()
        raise FileNotFoundError(2, "No such file or directory", source, None, to)

    monkeypatch.setattr(os, "replace", taken_away)
    with pytest.raises(FileNotFoundError, match=r"'[^']*a\.html'$"):
        write_whole(tmp_path / "a.html", "text")


def test_letters_that_no_file_can_hold_are_escaped(tmp_path):
    write_whole(tmp_path / "a.html", "ä \udcff\n")
    assert (tmp_path / "a.html").read_bytes() == "ä \\udcff\n".encode()


def test_control_characters_and_turns_of_direction_are_shown_as_escapes():
    lines = one(command=["echo", "\x1b[31mred", "\u202eback"])
    for text in (run_page(view(lines)), compare_page([view(lines), view(lines)], ["\x07a", "b"])):
        assert not set(text) & {"\x1b", "\u202e", "\x07"}
        assert r"\x1b[31mred" in text
        assert r"\u202eback" in text


def test_the_time_of_a_change_to_a_file_is_known_to_the_nanosecond(tmp_path):
    file = tmp_path / "br.gif"
    file.write_bytes(b"GIF")
    os.utime(file, ns=(1, 1_000_000_000_123_456_789))
    (kept,) = files_in(tmp_path).values()
    assert kept.mtime_ns == file.stat().st_mtime_ns
    assert kept.mtime_ns % 1_000_000_000
