"""The journal line by line: what is written is what is read, and what is none is named."""

import contextlib
import json
import re

import psutil
import pytest

from mockservers.faults import KINDS
from mockservers.journal import (
    JournalFile,
    Recorder,
    fate_name,
    narrowed,
    read_journal,
    request_template,
)

HEADER = {"journal": 1}
REQUEST = {
    "type": "request",
    "n": 17,
    "conn": 4,
    "server": "100%s",
    "method": "GET",
    "path": '/flags/%62r/"br".gif',
    "code": "BR",
    "attempt": 1,
    "do": "redirect",
    "status": 302,
    "location": "/%62r?100%d",
    "length": 0,
    "bytes_sent": 3,
    "complete": True,
    "client_gone": False,
    "client_closed": True,
    "sha256": "ab12",
    "in_flight": 12,
    "delay_s": 0.25,
    "start_s": 0.1042,
    "first_byte_s": None,
    "end_s": 0.1044,
}
"""An entry with all its fields, in the order of SPEC.md, and with what a template has to escape."""
PLACES = "n conn path code attempt in_flight delay_s start_s first_byte_s end_s".split()
TEMPLATE = {name: REQUEST[name] for name in REQUEST if name not in ("type", *PLACES)}


def lines(path):
    """What is in a journal now."""
    return path.read_bytes().decode().splitlines(keepends=True)


def read(tmp_path, *entries):
    """What is read of a journal with these lines, whole or not."""
    path = tmp_path / "journal"
    path.write_bytes(b"".join(entries))
    return list(read_journal(path))


def named(tmp_path, told):
    """The whole of a complaint about that journal."""
    return "^" + re.escape(f"{tmp_path / 'journal'}: {told}") + "$"


def line(entry):
    return json.dumps(entry).encode() + b"\n"


# --- written ----------------------------------------------------------------------------


def test_a_recorder_hands_over_objects_whatever_it_is_given():
    entries = []
    recorder = Recorder(entries.append)
    recorder.write({"n": 1})
    recorder.write_line('{"n": 2}')
    assert entries == [{"n": 1}, {"n": 2}]


def test_what_is_no_file_cannot_be_a_journal(tmp_path):
    with pytest.raises(OSError, match=r"^\[Errno 22\] not a regular file$"):
        JournalFile(tmp_path)


def test_a_journal_takes_the_place_of_the_last_one(tmp_path):
    path = tmp_path / "journal"
    path.write_text("the last one")
    journal = JournalFile(path)
    assert (journal.path, journal.error, lines(path)) == (path, None, [])
    journal.close()


def test_a_line_can_be_read_as_soon_as_it_is_flushed(tmp_path):
    path = tmp_path / "journal"
    journal = JournalFile(path)
    journal.write({"journal": 1})
    assert lines(path) == ['{"journal": 1}\n']
    journal.write_line("2")
    journal.write_line("3")
    assert lines(path)[1:] == []
    journal.write({"n": 4})
    assert lines(path)[1:] == ["2\n", "3\n", '{"n": 4}\n']
    journal.write_line("5")
    journal.close()
    assert lines(path)[4:] == ["5\n"]


def test_a_flush_of_nothing_writes_nothing(tmp_path):
    journal = JournalFile(tmp_path / "journal")
    journal.flush()
    journal.close()
    assert lines(tmp_path / "journal") == []


def test_256_lines_do_not_wait_any_longer(tmp_path):
    path = tmp_path / "journal"
    journal = JournalFile(path)
    for number in range(1, 520):
        journal.write_line(str(number))
        assert len(lines(path)) == number // 256 * 256
    journal.close()
    assert lines(path) == [f"{number}\n" for number in range(1, 520)]


def test_a_journal_that_is_closed_leaves_no_open_file(tmp_path):
    path = tmp_path / "journal"
    journal = JournalFile(path)
    assert str(path) in [file.path for file in psutil.Process().open_files()]
    journal.close()
    assert str(path) not in [file.path for file in psutil.Process().open_files()]


@contextlib.contextmanager
def files_of_at_most(size):
    """No file of this process can grow any longer than this."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_journal_that_could_not_be_written_has_no_hole(tmp_path):
    path = tmp_path / "journal"
    journal = JournalFile(path)
    journal.write({"n": 1})
    with files_of_at_most(12):
        journal.write({"n": 2})
    first = journal.error
    journal.write({"n": 3})
    journal.close()
    assert lines(path) == ['{"n": 1}\n', '{"n']
    assert isinstance(first, OSError)
    assert journal.error is first


# --- request entries --------------------------------------------------------------------


def test_a_template_filled_in_is_the_entry_field_by_field():
    template = request_template(**TEMPLATE)
    filled = template % tuple(json.dumps(REQUEST[name]) for name in PLACES)
    assert filled == json.dumps(REQUEST)


def test_a_narrowed_template_filled_in_is_the_entry_too():
    template = request_template(**TEMPLATE)
    few = narrowed(template, REQUEST["path"], REQUEST["code"], REQUEST["delay_s"])
    filled = few % (17, 4, 1, 12, 0.1042, "null", 0.1044)
    assert filled == json.dumps(REQUEST).replace("0.1044}", "0.104400}")


def test_only_a_redirect_has_a_location():
    template = request_template(**{**TEMPLATE, "location": None})
    entry = json.loads(template % ((1,) * len(PLACES)))
    assert list(entry) == [name for name in REQUEST if name != "location"]


def test_only_where_the_client_had_closed_its_side_is_that_told():
    template = request_template(**{**TEMPLATE, "client_closed": False})
    entry = json.loads(template % ((1,) * len(PLACES)))
    assert list(entry) == [name for name in REQUEST if name != "client_closed"]


def test_a_template_is_made_once():
    assert request_template(**TEMPLATE) is request_template(**TEMPLATE)


# --- read -------------------------------------------------------------------------------


def test_what_was_written_is_read_line_by_line(tmp_path):
    entries = [HEADER, REQUEST, {"type": "gate"}, {"end": True}]
    assert read(tmp_path, *map(line, entries)) == entries


def test_a_last_line_that_was_cut_short_is_left_out(tmp_path):
    assert read(tmp_path, line(HEADER), b'{"type": "gate"}') == [HEADER]
    assert read(tmp_path, b'{"journal": 1}') == []


@pytest.mark.parametrize("name", [name for name, value in REQUEST.items() if value is not None])
def test_a_request_entry_that_cannot_be_judged_names_what_it_lacks(tmp_path, name):
    free = "type attempt client_closed location delay_s start_s end_s"
    judged = name not in free.split()
    for entry in (
        {key: value for key, value in REQUEST.items() if key != name},
        {**REQUEST, name: [1]},
    ):
        if not judged:
            assert read(tmp_path, line(HEADER), line(entry)) == [HEADER, entry]
            continue
        told = f"line 2 is no request entry: '{name}' is missing or of another type"
        with pytest.raises(ValueError, match=named(tmp_path, told)):
            read(tmp_path, line(HEADER), line(entry))


@pytest.mark.parametrize("name", ["code", "do", "status", "length", "sha256"])
def test_a_field_may_be_null_where_there_was_nothing(tmp_path, name):
    entry = {**REQUEST, name: None}
    assert read(tmp_path, line(HEADER), line(entry)) == [HEADER, entry]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"[]\n", "line 1 is not the header of a journal"),
        (b'{"plan": 1}\n', "line 1 is not the header of a journal"),
        (b'{"journal": 2}\n', "line 1 is not the header of a journal"),
        (b'{"journal": 0}\n', "line 1 is not the header of a journal"),
        (
            b"journal\n",
            "line 1 is not JSON: Expecting value: line 1 column 1 (char 0)",
        ),
        (
            b'{"journal": 1}\n{"journal": 1}\n{"type"\n',
            "line 3 is not JSON: Expecting ':' delimiter: line 2 column 1 (char 8)",
        ),
        (b'{"journal": 1}\n1\n', "line 2 is not an entry"),
    ],
)
def test_what_is_no_journal_is_named_with_file_and_line(tmp_path, content, told):
    with pytest.raises(ValueError, match=named(tmp_path, told)):
        read(tmp_path, content)


@pytest.mark.parametrize(
    ("do", "status", "name"),
    [
        *((do, 200, do) for do in KINDS),
        ("serve", 404, "not found"),
        ("serve", 403, "serve"),
        ("status", 404, "status"),
        (None, 400, "bad request"),
        ("teleport", 200, "other"),
    ],
)
def test_what_a_request_met_has_a_name(do, status, name):
    assert fate_name({"do": do, "status": status}) == name
