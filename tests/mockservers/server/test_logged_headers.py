"""The header fields of a request in its entry, where they are wanted."""

import http.client
import json
import socket

import pytest
from support.commands import mockservers_run
from support.rows import each
from support.server_in_loop import port_of

from mockservers import running
from mockservers.kinds.request import MAX_LOGGED, MAX_LOGGED_BYTES, logged


@pytest.fixture(scope="module")
def logging():
    with running(log_headers=True) as servers:
        yield servers


def entry_of(servers, request):
    servers.begin_run({})
    port = port_of(servers)
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.sendall(request)
        http.client.HTTPResponse(sock).begin()
    servers.settle()
    (entry,) = servers.entries
    return entry


def test_an_entry_has_the_fields_as_they_came_and_hides_secrets(logging):
    lines = [
        "Host: x", "accept:  a/b ", "X-A: 1", "X-A: 2", "COOKIE: id=7", "Authorization: Basic Zm9v",
        "Proxy-Authorization: x", "X-Empty:",
    ]  # fmt: skip
    request = "\r\n".join(["GET /flags/br/br.gif HTTP/1.1", *lines, "", ""]).encode()
    for _ in range(2):  # the second is a request that is known by now
        assert entry_of(logging, request)["headers"] == [
            ["Host", "x"], ["accept", "a/b"], ["X-A", "1"], ["X-A", "2"], ["COOKIE", "***"],
            ["Authorization", "***"], ["Proxy-Authorization", "***"], ["X-Empty", ""],
        ]  # fmt: skip


@each("line", [b"Host: y", b"Transfer-Encoding: gzip"])
def test_a_request_that_is_rejected_has_them_too(logging, line):
    entry = entry_of(logging, b"GET / HTTP/1.1\r\nHost: x\r\nX-A: 1\r\n%b\r\n\r\n" % line)
    assert (entry["status"], entry["headers"][:2]) == (400, [["Host", "x"], ["X-A", "1"]])


def test_a_field_beyond_ascii_is_read_as_latin_1(logging):
    request = b"GET / HTTP/1.1\r\nHost: x\r\nX-A: caf\xe9\r\n\r\n"
    assert entry_of(logging, request)["headers"][1] == ["X-A", "caf\xe9"]


def test_without_the_option_there_are_none(servers):
    assert "headers" not in entry_of(servers, b"GET / HTTP/1.1\r\nHost: x\r\nX-A: 1\r\n\r\n")


@each(
    ("lines", "count"),
    [
        ([(b"a", b"b")] * MAX_LOGGED, MAX_LOGGED),
        ([(b"a", b"b")] * (MAX_LOGGED + 1), MAX_LOGGED),
        ([(b"a", bytes(MAX_LOGGED_BYTES - 1))], 1),
        ([(b"a", bytes(MAX_LOGGED_BYTES)), (b"c", b"d")], 0),
        ([(b"a", b"b"), (b"a", bytes(MAX_LOGGED_BYTES - 3)), (b"c", b"")], 2),
        ([(b"cookie", bytes(60_000)), (b"c", b"d")], 2),
    ],
)
def test_what_is_logged_has_bounds(lines, count):
    fields = logged(lines)
    assert len(fields) == count
    assert sum(len(name) + len(value) for name, value in fields) <= MAX_LOGGED_BYTES


def test_the_command_has_the_option(tmp_path):
    journal = tmp_path / "journal.jsonl"
    program = "import os, urllib.request as u; u.urlopen(os.environ['FLAGS2_LOCAL_URL'])"
    options = ("--log-headers", "--journal", journal)
    mockservers_run("python", "-c", program, cwd=tmp_path, options=options)
    (entry,) = (
        e
        for line in journal.read_text().splitlines()
        if (e := json.loads(line)).get("type") == "request"
    )
    assert "Python-urllib" in dict(entry["headers"])["User-Agent"]
