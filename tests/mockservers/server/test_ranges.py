"""Ranges and conditions by RFC 9110: one table, for the servers here and for nginx."""

import http.client
import os
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from unittest.mock import ANY

import pytest
from support.rows import each
from support.server_in_loop import port_of

from mockservers import running
from mockservers.plan import Plan

BODY = bytes(n * 7 % 251 for n in range(100))
MODIFIED_S, DATE = 1_700_000_000, "Tue, 14 Nov 2023 22:13:20 GMT"
LATER, EARLIER = "Tue, 14 Nov 2023 22:13:21 GMT", "Tue, 14 Nov 2023 22:13:19 GMT"


@dataclass
class Case:
    section: str
    fields: tuple
    wanted: str
    """Status, and the range of a 206."""
    nginx: str = ""
    """What nginx answers, if it is something else; and why, in a comment."""
    line: str = "GET /r.bin HTTP/1.1"


def case(section, *fields, to, nginx="", line="GET /r.bin HTTP/1.1"):
    return Case(section, fields, to, nginx, line)


def asked(section, spec, to, nginx=""):
    return case(section, f"Range: {spec}", to=to, nginx=nginx)


HEAD, EMPTY = "HEAD /r.bin HTTP/1.1", "GET /empty HTTP/1.1"
FIRST = "Range: bytes=0-9"
CASES = [
    case("14.2", to="200"),
    # The three forms of a range of bytes.
    asked("14.1.1", "bytes=0-0", "206 0-0"),
    asked("14.1.1", "bytes=0-49", "206 0-49"),
    asked("14.1.1", "bytes=50-99", "206 50-99"),
    asked("14.1.1", "bytes=0-99", "206 0-99"),
    asked("14.1.2", "bytes=90-1000", "206 90-99"),
    asked("14.1.2", "bytes=0-", "206 0-99"),
    asked("14.1.2", "bytes=50-", "206 50-99"),
    asked("14.1.2", "bytes=99-", "206 99-99"),
    asked("14.1.2", "bytes=-1", "206 99-99"),
    asked("14.1.2", "bytes=-100", "206 0-99"),
    asked("14.1.2", "bytes=-1000", "206 0-99"),
    asked("14.1.2", "bytes=00000-00001", "206 0-1"),
    # A number that is too large for it is an error to nginx.
    asked("14.1.2", f"bytes=0-{'9' * 30}", "206 0-99", nginx="416"),
    asked("14.1.2", f"bytes=-{'9' * 30}", "206 0-99", nginx="416"),
    asked("14.1.2", f"bytes={'9' * 5000}-", "416"),
    asked("14.1.2", f"bytes={'9' * 24}-1{'0' * 24}", "416"),
    asked("14.1", "BYTES=0-1", "206 0-1"),
    # Elements of a list may be empty (5.6.1.2); to nginx they may not.
    asked("5.6.1.2", "bytes=0-1,", "206 0-1", nginx="416"),
    asked("5.6.1.2", "bytes=,0-1", "206 0-1", nginx="416"),
    asked("5.6.1.2", "bytes= 0-1", "206 0-1"),
    case("14.2", FIRST, to="206 0-9", line="GET /r.bin HTTP/1.0"),
    # No byte is in the range.
    asked("15.5.17", "bytes=100-", "416"),
    asked("15.5.17", "bytes=100-200", "416"),
    asked("14.1.2", "bytes=-0", "416"),
    case("14.1.2", "Range: bytes=0-", to="416", line=EMPTY, nginx="200"),  # it has no parts
    case("14.1.2", "Range: bytes=-0", to="416", line=EMPTY, nginx="200"),
    case("14.1.2", "Range: bytes=-5", to="200", line=EMPTY),
    # No valid range of bytes: a server may ignore it, or answer 416 (14.2), as nginx does.
    asked("14.1.1", "bytes=9-3", "200", nginx="416"),
    asked("14.1.1", "bytes=a-b", "200", nginx="416"),
    asked("14.1.1", "bytes=1", "200", nginx="416"),
    asked("14.1.1", "bytes=-", "200", nginx="416"),
    asked("14.1.1", "bytes=", "200"),
    asked("14.1.1", "bytes=+1-2", "200", nginx="416"),
    asked("14.1.1", "bytes=0x1-2", "200", nginx="416"),
    asked("14.1.1", "bytes=1--2", "200", nginx="416"),
    asked("14.1.1", "bytes=1 - 2", "200", nginx="206 1-2"),  # nginx skips spaces
    asked("14.1.1", "bytes 0-1", "200"),
    asked("14.1.1", "", "200"),
    asked("14.2", "lines=0-1", "200"),
    # Several ranges get the whole here; nginx sends them as multipart, or sees the first line only.
    asked("14.2", "bytes=0-1,5-6", "200", nginx="206 multipart"),
    asked("14.2", "bytes=0-1, 200-300", "200", nginx="206 0-1"),
    case("5.3", "Range: bytes=0-1", "Range: bytes=5-6", to="200", nginx="206 0-1"),
    # Ranges are defined for GET alone; nginx has them for HEAD, too.
    case("14.2", FIRST, to="200", line=HEAD, nginx="206 0-9"),
    case("14.2", "Range: bytes=100-", to="200", line=HEAD, nginx="416"),
    case("6.6.1", FIRST, "Content-Length: 0", to="405", line="POST /r.bin HTTP/1.1"),
    case("14.2", FIRST, to="404", line="GET /absent HTTP/1.1"),
    # If-None-Match: tags are compared weakly.
    case("13.1.2", "If-None-Match: {tag}", to="304"),
    case("13.1.2", "If-None-Match: W/{tag}", to="304"),
    case("13.1.2", "If-None-Match: *", to="304"),
    case("13.1.2", 'If-None-Match: "a,b", {tag}', to="304"),
    case("13.1.2", 'If-None-Match: "a"', to="200"),
    case("13.1.2", "If-None-Match: {bare}", to="200"),
    case("13.1.2", "If-None-Match: {tag}", to="304", line=HEAD),
    case("13.2.2", "If-None-Match: {tag}", FIRST, to="304"),
    case("13.2.2", 'If-None-Match: "a"', FIRST, to="206 0-9"),
    # The lines of a field are one list (5.3); nginx takes one line only.
    case("5.3", 'If-None-Match: "a"', "If-None-Match: {tag}", to="304", nginx="400"),
    # If-Modified-Since, which counts only without If-None-Match; nginx asks for both.
    case("13.1.3", f"If-Modified-Since: {DATE}", to="304"),
    case("13.1.3", f"If-Modified-Since: {LATER}", to="304"),
    case("13.1.3", f"If-Modified-Since: {EARLIER}", to="200"),
    case("5.6.7", "If-Modified-Since: Tuesday, 14-Nov-23 22:13:20 GMT", to="304"),
    case("5.6.7", "If-Modified-Since: Tue Nov 14 22:13:20 2023", to="304"),
    case("13.1.3", "If-Modified-Since: yesterday", to="200"),
    case("5.6.7", "If-Modified-Since: Tue, 99 Feb 2030 99:99:99 GMT", to="200"),
    case("5.6.7", "If-Modified-Since: Sun, 31 Feb 2030 00:00:00 GMT", to="200"),
    case("5.6.7", "If-Modified-Since: Mon, 01 Jan 2030 00:00:00 -0500", to="200", nginx="304"),
    case("5.6.7", "If-Modified-Since: 1 Jan 2030 00:00", to="200"),
    case(
        "13.1.3",
        f"If-Modified-Since: {LATER}",
        f"If-Modified-Since: {LATER}",
        to="200",
        nginx="400",
    ),
    case("13.1.3", f"If-Modified-Since: {DATE}", to="304", line=HEAD),
    case("13.1.3", f"If-Modified-Since: {DATE}", FIRST, to="304"),
    case("13.1.3", 'If-None-Match: "a"', f"If-Modified-Since: {DATE}", to="200"),
    case("13.2.2", "If-None-Match: {tag}", f"If-Modified-Since: {EARLIER}", to="304", nginx="200"),
    # If-Range: strong, and exactly this version.
    case("13.1.5", FIRST, "If-Range: {tag}", to="206 0-9"),
    case("13.1.5", FIRST, 'If-Range: "a"', to="200"),
    case("13.1.5", FIRST, "If-Range: W/{tag}", to="200"),
    case("13.1.5", FIRST, "If-Range: {bare}", to="200"),
    case("13.1.5", FIRST, "If-Range: *", to="200"),
    case("13.1.5", FIRST, f"If-Range: {DATE}", to="206 0-9"),
    case("13.1.5", FIRST, f"If-Range: {LATER}", to="200"),
    case("13.1.5", FIRST, f"If-Range: {EARLIER}", to="200"),
    case("13.1.5", "If-Range: {tag}", to="200"),
    case("13.1.5", "Range: bytes=100-", 'If-Range: "a"', to="200"),
    case("13.1.5", "Range: bytes=100-", "If-Range: {tag}", to="416"),
]


# --- asking -------------------------------------------------------------------------------------


def exchange(port, line, fields=(), *, at_once=True):
    """The response to a request, its body read."""
    request = "\r\n".join([line, "Host: x", *fields, "Connection: close", "", ""]).encode()
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for n in range(0, len(request), len(request) if at_once else 1):
            sock.sendall(request if at_once else request[n : n + 1])
        response = http.client.HTTPResponse(sock, method=line.split()[0])
        response.begin()
        response.content = response.read()
        return response


def check(port, one, wanted, *, at_once):
    tag = exchange(port, "HEAD /r.bin HTTP/1.1").headers["ETag"]
    fields = [field.format(tag=tag, bare=tag.strip('"')) for field in one.fields]
    got = exchange(port, one.line, fields, at_once=at_once)
    status, _, part = wanted.partition(" ")
    said = got.headers["Content-Range"]
    assert got.status == int(status), said
    if part == "multipart":
        return
    length = 0 if "empty" in one.line else len(BODY)
    first, last = map(int, part.split("-")) if part else (0, length - 1)
    ranges = {206: f"bytes {first}-{last}/{length}", 416: f"bytes */{length}"}
    assert said == ranges.get(got.status)
    assert got.headers["ETag"] == (tag if length and got.status in (200, 206, 304) else ANY)
    assert got.headers["Date"]
    if got.status in (200, 206):
        body = BODY[first : last + 1] if length else b""
        assert got.content == (b"" if one.line == HEAD else body)
        assert got.headers["Content-Length"] == str(len(body))
    if got.status == 304:
        assert (got.content, got.headers["Content-Length"]) == (b"", None)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    for name, body in {"r.bin": BODY, "empty": b""}.items():
        (folder / name).write_bytes(body)
        os.utime(folder / name, (MODIFIED_S, MODIFIED_S))
    return folder


@pytest.fixture(scope="module")
def ours(site):
    with running(Plan(ranges=True), content=site) as servers:
        yield port_of(servers)


@pytest.fixture(scope="module")
def nginx(tmp_path_factory, site):
    if not shutil.which("nginx"):
        pytest.skip("nginx is not installed")
    folder = tmp_path_factory.mktemp("nginx")
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
    paths = "client_body proxy fastcgi uwsgi scgi".split()
    temporary = " ".join(f"{one}_temp_path {folder}/{one};" for one in paths)
    (folder / "nginx.conf").write_text(
        f"daemon off; master_process off; pid nginx.pid; error_log stderr; events {{}}\n"
        f"http {{ access_log off; if_modified_since before; {temporary}\n"
        f"large_client_header_buffers 4 64k;"
        f"server {{ listen 127.0.0.1:{port}; root {site}; }} }}\n"
    )
    command = ["nginx", "-e", "stderr", "-p", folder, "-c", folder / "nginx.conf"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        until = time.monotonic() + 30
        while time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                time.sleep(0.01)
        yield port
        process.terminate()


def test_the_table_has_at_least_60_cases():
    assert len(CASES) >= 60


@each(("at_once", "one"), [(at_once, one) for at_once in (True, False) for one in CASES])
def test_a_request_gets_what_rfc_9110_says(ours, at_once, one):
    check(ours, one, one.wanted, at_once=at_once)


@each("one", CASES)
def test_nginx_answers_alike_but_for_what_the_table_says(nginx, one):
    check(nginx, one, one.nginx or one.wanted, at_once=True)
