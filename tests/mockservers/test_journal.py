"""The journal line by line: what is written is what is read, and what is none is named."""

import contextlib
import json
import re

import psutil
import pytest
from support.rows import each

from mockservers.faults import KINDS
from mockservers.journal import (
    ConnectionEntry,
    End,
    GateEntry,
    Header,
    RequestEntry,
    decode,
    encode,
)
from mockservers.journal_json import (
    JournalFile,
    Recorder,
    end_line,
    header_line,
    line_from_json,
    read_journal,
)
from mockservers.ledger.text import met

HEADER = {"journal": 1}
REQUEST = {
    "type": "request",
    "n": 17,
    "conn": 4,
    "server": "100%s",
    "method": "GET",
    "path": '/flags/%62r/"br".gif',
    "query": "a=%s",
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
"""An entry with all its fields, in the order of SPEC.md."""


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


def test_a_recorder_hands_over_objects():
    entries = []
    Recorder(entries.append).write_line(b'{"n": 2}')
    assert entries == [{"n": 2}]


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
    journal.write_line(b"1")
    journal.write_line(b"2")
    assert lines(path) == []
    journal.flush()
    assert lines(path) == ["1\n", "2\n"]
    journal.write_line(b"3")
    journal.close()
    assert lines(path)[2:] == ["3\n"]


def test_a_flush_of_nothing_writes_nothing(tmp_path):
    journal = JournalFile(tmp_path / "journal")
    journal.flush()
    journal.close()
    assert lines(tmp_path / "journal") == []


def test_256_lines_do_not_wait_any_longer(tmp_path):
    path = tmp_path / "journal"
    journal = JournalFile(path)
    for number in range(1, 520):
        journal.write_line(b"%d" % number)
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

    def write(line):
        journal.write_line(line)
        journal.flush()

    write(b'{"n": 1}')
    with files_of_at_most(12):
        write(b'{"n": 2}')
    first = journal.error
    write(b'{"n": 3}')
    journal.close()
    assert lines(path) == ['{"n": 1}\n', '{"n']
    assert isinstance(first, OSError)
    assert journal.error is first


# --- lines and their JSON -----------------------------------------------------------------


@pytest.mark.parametrize("left_out", [(), ("location",), ("client_closed",)], ids=str)
def test_a_request_entry_is_written_field_by_field_as_it_was_read(left_out):
    data = {name: value for name, value in REQUEST.items() if name not in left_out}
    entry = line_from_json(data)
    assert isinstance(entry, RequestEntry)
    assert json.loads(encode(entry)) == data
    assert list(json.loads(encode(entry))) == list(data)
    assert decode(encode(entry)) == entry


GATE = {"type": "gate", "server": "ERROR", "held": 2, "filled": True, "at_s": 0.5}
CONNECTION = {
    "type": "connection", "conn": 3, "server": "LOCAL", "status": 400,
    "reason": "no request line", "start_s": 0.1, "end_s": 0.2,
}  # fmt: skip


@pytest.mark.parametrize(("data", "kind"), [(GATE, GateEntry), (CONNECTION, ConnectionEntry)])
def test_the_other_entries_are_written_as_they_were_read(data, kind):
    entry = line_from_json(data)
    assert isinstance(entry, kind)
    assert json.loads(encode(entry)) == data


def test_header_and_end_are_written_as_they_were_read():
    file, untimed = {"size": 1, "sha256": "ab", "mtime_ns": 5}, {"size": 1, "sha256": "ab"}
    header = {
        "journal": 1, "plans": {"LOCAL": {"plan": 1}}, "command": ["x", "\udcff"], "asked": ["BR"],
        "dest": "downloads", "files_before": {"br.gif": file},
    }  # fmt: skip
    assert json.loads(header_line(line_from_json(header))) == header
    claims = {
        "label": "ERROR", "announced": 1, "first": "BR", "last": "BR", "listed": ["BR"],
        "concurrency": 1, "fates": {"BR": {"ok": 1}}, "totals": {"ok": 1}, "by": "file",
        "downloads": [{"path": "/a", "outcome": "ok", "file": "a"}],
        "unsaved": [], "unread": None,
    }  # fmt: skip
    end = {"end": True, "status": 3, "asked": ["BR"], "claims": claims}
    piece = {"from": 0, "to": 1, "n": 3, "at": 0}
    part = untimed | {"is": "part", "of": "/flags/br/br.gif", "pieces": [piece]}
    end["files_after"] = {"cn.gif": untimed, "br.gif": part}
    assert json.loads(end_line(line_from_json(end))) == end


# --- read -------------------------------------------------------------------------------


def test_what_was_written_is_read_line_by_line(tmp_path):
    written = [HEADER, REQUEST, GATE, CONNECTION, {"type": "later"}, {"end": True}]
    header, *entries, unknown, end = read(tmp_path, *map(line, written))
    assert (header, unknown, end) == (Header(), None, End())
    assert entries == list(map(line_from_json, (REQUEST, GATE, CONNECTION)))


def test_fields_that_are_not_known_are_ignored(tmp_path):
    _, entry = read(tmp_path, line(HEADER), line(REQUEST | {"colour": "red"}))
    assert entry == line_from_json(REQUEST)


def test_a_last_line_that_was_cut_short_is_left_out(tmp_path):
    assert read(tmp_path, line(HEADER), b'{"type": "gate"}') == [Header()]
    assert read(tmp_path, b'{"journal": 1}') == []


NOT_NEEDED = "attempt query client_closed location delay_s start_s first_byte_s end_s".split()


@each("name", [name for name in REQUEST if name != "type"])
def test_a_request_entry_that_cannot_be_judged_names_what_it_lacks(tmp_path, name):
    problem = f"line 2 is no request entry: '{name}' is missing or of another type"
    with pytest.raises(ValueError, match=named(tmp_path, problem)):
        read(tmp_path, line(HEADER), line(REQUEST | {name: {"a": 1}}))
    without = line({key: value for key, value in REQUEST.items() if key != name})
    if name in NOT_NEEDED:
        assert isinstance(read(tmp_path, line(HEADER), without)[1], RequestEntry)
    else:
        with pytest.raises(ValueError, match=named(tmp_path, problem)):
            read(tmp_path, line(HEADER), without)


@each("name", ["code", "do", "status", "length", "sha256", "start_s", "end_s", "location"])
def test_a_field_may_be_null_where_there_was_nothing(tmp_path, name):
    _, entry = read(tmp_path, line(HEADER), line({**REQUEST, name: None}))
    assert not getattr(entry, name) or name in ("end_s", "location")
    assert not entry.location or name != "location"


def test_lines_that_are_not_judged_need_no_fields(tmp_path):
    header, gate, _, end = read(
        tmp_path,
        line({"journal": 1, "plans": None}),
        line({"type": "gate", "server": "LOCAL", "filled": False, "at_s": None}),
        line({"type": "connection"}),
        line({"end": True, "status": None}),
    )
    assert (header, end) == (Header(), End())
    assert gate == GateEntry(server="LOCAL", filled=False)


@each(
    ("content", "problem"),
    [
        (b"[]\n", "line 1 is not the header of a journal"),
        (b'{"plan": 1}\n', "line 1 is not the header of a journal"),
        (b'{"journal": 2}\n', "line 1 is not the header of a journal"),
        (b'{"journal": 0}\n', "line 1 is not the header of a journal"),
        (b"journal\n", "line 1 is not JSON: Expecting value: line 1 column 1 (char 0)"),
        (
            b'{"journal": 1}\n{"journal": 1}\n{"type"\n',
            "line 3 is not JSON: Expecting ':' delimiter: line 2 column 1 (char 8)",
        ),
        (b'{"journal": 1}\n1\n', "line 2 is not an entry"),
    ],
)
def test_what_is_no_journal_is_named_with_file_and_line(tmp_path, content, problem):
    with pytest.raises(ValueError, match=named(tmp_path, problem)):
        read(tmp_path, content)


@each(
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
    assert met(line_from_json(REQUEST | {"do": do, "status": status})) == name
