"""What the control API rejects; and how `mockservers serve --control` ends."""

import asyncio
import contextlib
import json
import signal
import socket
import time
from http.client import HTTPConnection
from urllib.parse import urlsplit

import aiohttp
import aiohttp.web
import pytest
from aiohttp.http_exceptions import TransferEncodingError
from hypothesis import given
from hypothesis import strategies as st
from support.command_in_process import posix
from support.commands import run
from support.control_client import JSON, Driven, asynchronous, entries, serving
from support.examples import examples

from mockservers.control import api as control

# --- who and what is refused -----------------------------------------------------------------


KEPT_OUT = [
    {"Host": "evil.example"}, {"Host": "evil.example:PORT"}, {"Host": "127.0.0.1:1"},
    {"Host": "127.0.0.1"}, {"Host": "127.0.0.1.evil.example:PORT"}, {"Host": "localhost.:PORT"},
    {"Host": ""}, {"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": ""},
    {"Origin": "https://127.0.0.1:PORT"}, {"Origin": "http://127.0.0.1:1"},
    {"Origin": "http://localhost:PORT"},  # to a browser another origin
    {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
]  # fmt: skip
LET_IN = [
    {"Host": "127.0.0.1:PORT"}, {"Host": "LocalHost:PORT"}, {"Host": "[::1]:PORT"},
    {"Origin": "http://127.0.0.1:PORT"}, {"Sec-Fetch-Site": "same-origin"},
    {"Host": "localhost:PORT", "Origin": "http://localhost:PORT"}, {"Sec-Fetch-Site": "none"},
]  # fmt: skip
"""Headers of a request; PORT is that of the control API."""


@asynchronous
async def test_web_pages_are_kept_out(driven):
    port = driven.url.rsplit(":", 1)[1]
    misses = []
    for headers in KEPT_OUT + LET_IN:
        sent = {name: value.replace("PORT", port) for name, value in headers.items()}
        before = driven.runs.current.number
        calls = [("GET", "/journal"), ("POST", "/reset")]
        got = [await driven.ask(*call, **sent) for call in calls]
        statuses = {status for status, _ in got}
        errors = [list(answer) == ["error"] for _, answer in got]
        runs = driven.runs.current.number - before
        if (statuses, all(errors), any(errors), runs) != (
            ({403}, True, True, 0) if headers in KEPT_OUT else ({200}, False, False, 1)
        ):
            misses.append((headers, got))
    assert misses == []


@asynchronous
async def test_a_program_elsewhere_is_let_in_by_name(tmp_path):
    async with Driven(tmp_path, reached_by=("0.0.0.0", ["Mock", "[fd00::1]"])) as driven:
        for host, status in {
            "mock:8000": 200, "MOCK": 200, "[fd00::1]:80": 200, "mock.evil.example": 403,
            "evil.example:8000": 403, "mock:8000:8000": 403, "localhost:1": 403,
        }.items():  # fmt: skip
            assert (await driven.ask("GET", "/health", Host=host))[0] == status, host
        origin = {"Host": "mock:8000", "Origin": "http://evil.example"}
        assert (await driven.ask("GET", "/health", **origin))[0] == 403


@asynchronous
async def test_the_control_api_is_on_loopback_only(driven):
    addresses = {address[0] for address in driven.control._runner.addresses}
    assert {"127.0.0.1"} <= addresses <= {"127.0.0.1", "::1"}


BAD_CALLS = [
    ("GET", "/", None, {}, 404, "nothing is at /"),
    ("GET", "/plan/ERROR", None, {}, 405, "/plan/ERROR takes PUT, not GET"),
    ("PUT", "/plan/MARS", "{}", {}, 404, "MARS is none of LOCAL, DELAY, ERROR"),
    ("DELETE", "/journal", None, {}, 405, "/journal takes GET, HEAD, not DELETE"),
    ("POST", "/health", "{}", {}, 405, "takes GET, HEAD, not POST"),
    ("OPTIONS", "/plan", None, {}, 405, "not OPTIONS"),
    ("PUT", "/plan", '{"plan": 1}', {"Content-Type": "text/plain"}, 415, "application/json"),
    ("POST", "/reset", "", {"Content-Type": "application/x-www-form-urlencoded"}, 415, "json"),
    ("PUT", "/plan", '{"plan": 1}', {"Content-Encoding": "gzip"}, 415, "encoded"),
    ("PUT", "/plan", "", {}, 400, "not a JSON plan"),
    ("PUT", "/plan", b"\xff", {}, 400, "the body is not UTF-8"),
    ("PUT", "/plan", "[" * 100_000, {}, 400, "not a JSON plan"),
    ("PUT", "/plan", '{"plan": 2}', {}, 400, "plan: "),
    ("PUT", "/plan", '{"plan": 1, "mix": [{"weight": 101, "do": "empty"}]}', {}, 400,
     "plan: mix[0].weight: 101 is not a percentage from 0 to 100"),
    ("PUT", "/plan", '{"plan": 1, "' + "x" * 10_000 + '": 1}', {}, 400, "unknown key"),
    ("PUT", "/plan", '{"plan": 1, "rules": {"/a\\nb": [{"do": "fly"}]}}', {}, 400, "'fly' is"),
    ("POST", "/ledger", '{"said": {"BR": "' + "x" * 10_000 + '"}}', {}, 400, "said.BR: 'xxx"),
    ("PUT", "/plan", " " * 1_000_001, {}, 413, "the body is longer than 1000000 bytes"),
    ("POST", "/ledger", " " * 1_000_001, {}, 413, "the body is longer than 1000000 bytes"),
    ("POST", "/reset", " " * 1_000_001, {}, 413, "the body is longer than 1000000 bytes"),
    ("POST", "/reset", "[]", {}, 400, "no body"),
    ("POST", "/ledger", '{"said": {"BR": "great"}}', {}, 400, "said.BR: 'great'"),
]  # fmt: skip
"""A call, the status that it gets, and what its error says."""


@asynchronous
async def test_bad_calls_get_a_status_and_one_line(driven):
    misses = []
    for method, path, body, headers, status, says in BAD_CALLS:
        got, answer = await driven.ask(method, path, body, **headers)
        error = answer.get("error", "")
        if not (
            (got, list(answer)) == (status, ["error"])
            and says in error
            and "\n" not in error
            and len(error) < 450
        ):
            misses.append((method, path, says, got, answer))
    assert misses == []
    assert (await driven.get("/health"))["run"] == 1


@asynchronous
async def test_a_body_may_begin_with_a_byte_order_mark(driven):
    assert (await driven.ask("PUT", "/plan", '\ufeff{"plan": 1, "seed": 7}'))[0] == 200
    assert (await driven.get("/plan"))["plans"]["LOCAL"]["seed"] == 7


@asynchronous
async def test_a_body_that_does_not_come_is_not_waited_for(driven, monkeypatch):
    monkeypatch.setattr(control, "BODY_S", 0.01)

    async def never():
        yield b"{"
        await asyncio.sleep(30)

    status, answer = await driven.ask("PUT", "/plan", never())
    assert (status, answer) == (408, {"error": "the body did not come in time"})


@asynchronous
async def test_a_body_that_breaks_off_as_a_chunk_is_no_fault_of_ours(driven, monkeypatch):
    async def broken(request):  # so does the parser of an aiohttp without its C extension
        raise TransferEncodingError("zz")

    monkeypatch.setattr(aiohttp.web.Request, "read", broken)
    status, answer = await driven.ask("POST", "/reset")
    assert (status, answer) == (400, {"error": "the body does not come as HTTP says"})


@asynchronous
async def test_an_internal_error_is_reported_as_one(driven, monkeypatch, capfd):
    monkeypatch.setattr(control, "balance", lambda _: 1 / 0)
    status, answer = await driven.ask("GET", "/ledger")
    assert status == 500
    assert "ZeroDivisionError" in answer["error"]
    assert capfd.readouterr().err == ""


GET = b"GET /health HTTP/1.1\r\nHost: HOST\r\n"
PUT = b"PUT /plan HTTP/1.1\r\nHost: HOST\r\n"
PUT_JSON = PUT + b"Content-Type: application/json\r\n"
HARDLY_HTTP = [
    b"\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"GET /health\r\n\r\n",
    b"GET /health HTTP/1.0\r\n\r\n",
    b"GET /health HTTP/1.1\r\n\r\n",
    b"GET /%ff%00 HTTP/1.1\r\nHost: HOST\r\n\r\n",
    b"GET /journal?after=%ff HTTP/1.1\r\nHost: HOST\r\n\r\n",
    b"GET http://evil.example/health HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\nHost: HOST\r\n\r\n",
    b"CONNECT evil.example:80 HTTP/1.1\r\nHost: HOST\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: HOST\r\n\r\n",
    GET + b"Host: HOST\r\n\r\n",
    GET + b"X: " + b"x" * 70_000 + b"\r\n\r\n",
    GET + b"Upgrade: websocket\r\nConnection: upgrade\r\n\r\nx",
    PUT_JSON + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    PUT_JSON + b"Content-Length: 100\r\n\r\n{",
    PUT_JSON + b"Content-Length: 9999999\r\n\r\n" + b" " * 1_100_000,
    PUT_JSON + b"Content-Length: -1\r\n\r\n{",
    PUT_JSON + b"Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nabcde",
    PUT + b"Content-Type: ;;;\r\nContent-Length: 0\r\n\r\n",
    PUT + b"Expect: nothing\r\nContent-Length: 0\r\n\r\n",
]


@asynchronous
async def test_what_is_hardly_http_brings_neither_a_traceback_nor_the_servers_down(
    driven, capfd, caplog
):
    address = driven.url.removeprefix("http://")
    for sent in HARDLY_HTTP:
        reader, writer = await asyncio.open_connection(*address.split(":"))
        writer.write(sent.replace(b"HOST", address.encode()))
        writer.write_eof()
        received = b""
        with contextlib.suppress(ConnectionError):
            received = await reader.read()
        writer.close()
        assert b"HTTP/1.1 5" not in received, sent
        assert b"Traceback" not in received, sent
        assert (await driven.get("/health"))["run"] == 1, sent
        assert (capfd.readouterr().err, caplog.records) == ("", []), sent


@examples(300)
@given(st.text(max_size=20), st.integers(1, 5))
def test_no_text_for_a_cursor_is_a_fault_of_ours(text, number):
    with contextlib.suppress(control.RequestError):
        cursor = control._start(text, type("Run", (), {"number": number}))
        assert f"{number}-{cursor}" == text


# --- the command -------------------------------------------------------------------------------


@posix
@pytest.mark.parametrize(
    "signum", [pytest.param(signal.SIGINT, marks=pytest.mark.slow), signal.SIGTERM]
)
def test_a_signal_ends_all_at_once_with_clients_connected_and_requests_under_way(tmp_path, signum):
    (tmp_path / "plan.json").write_text('{"plan": 1, "rules": {"BR": [{"do": "hang"}]}}')
    options = ["--plan", "plan.json", "--journal", "journal.jsonl"]
    with contextlib.ExitStack() as stack:
        program, ready = stack.enter_context(serving(*options, cwd=tmp_path))
        urls = {"control": ready["control"], **ready["servers"]}
        ports = {name: urlsplit(url).port for name, url in urls.items()}

        def connect(name):
            client = HTTPConnection("127.0.0.1", ports[name], timeout=20)
            return stack.enter_context(contextlib.closing(client))

        def answer(method, path):
            kept_alive.request(method, path, headers=JSON)
            return json.load(kept_alive.getresponse())

        kept_alive, half_a_body, hangs = connect("control"), connect("control"), connect("LOCAL")
        half_a_body.request("PUT", "/plan", b"{", {**JSON, "Content-Length": "100"})
        assert answer("POST", "/reset")["run"] == 2
        hangs.request("GET", "/flags/br/br.gif")
        while not answer("GET", "/ledger")["under_way"]:
            pass
        started = time.monotonic()
        program.send_signal(signum)
        rest = program.communicate(timeout=20)
        assert time.monotonic() - started < 3  # one second, and what a busy machine needs
        assert rest == ("", "")
        assert program.returncode == 0
    for port in ports.values():
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(("127.0.0.1", port))
            sock.listen()
    assert len(entries(tmp_path / "journal.jsonl")) == 2
    _, entry, end = entries(tmp_path / "journal.2.jsonl")
    assert (entry["code"], entry["do"], entry["complete"]) == ("BR", "hang", False)
    assert end["end"] is True


def test_without_control_nothing_of_it_is_read(tmp_path):
    program = (
        "import sys, mockservers.cli.commands; print([m for m in sys.modules if 'aiohttp' in m])"
    )
    assert run("python", "-c", program, cwd=tmp_path).stdout == "[]\n"
