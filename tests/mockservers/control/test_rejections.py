"""What the control API rejects; and `mockservers serve --control`."""

import asyncio
import contextlib
import json
import re
import signal
import socket
import subprocess
import time

import aiohttp
import aiohttp.web
import pytest
from aiohttp.http_exceptions import TransferEncodingError
from hypothesis import given
from hypothesis import strategies as st
from support import TOP
from support.commands import command_line, environment, run
from support.control_client import asynchronous, entries, posix, serving
from support.examples import examples

from mockservers.cli import commands as cli
from mockservers.control import api as control

# --- who and what is refused -----------------------------------------------------------------


@asynchronous
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 403),
        ({"Host": "evil.example:PORT"}, 403),
        ({"Host": "127.0.0.1:1"}, 403),
        ({"Host": "127.0.0.1"}, 403),
        ({"Host": "127.0.0.1.evil.example:PORT"}, 403),
        ({"Host": "localhost.:PORT"}, 403),
        ({"Host": ""}, 403),
        ({"Host": "127.0.0.1:PORT"}, 200),
        ({"Host": "LocalHost:PORT"}, 200),
        ({"Host": "[::1]:PORT"}, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": ""}, 403),
        ({"Origin": "https://127.0.0.1:PORT"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Origin": "http://localhost:PORT"}, 403),  # to a browser another origin
        ({"Origin": "http://127.0.0.1:PORT"}, 200),
        ({"Host": "localhost:PORT", "Origin": "http://localhost:PORT"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
    ],
)
async def test_web_pages_are_kept_out(driven, headers, status):
    port = driven.url.rsplit(":", 1)[1]
    headers = {name: value.replace("PORT", port) for name, value in headers.items()}
    for method, path in [("GET", "/journal"), ("POST", "/reset")]:
        got, answer = await driven.ask(method, path, **headers)
        assert got == status
        assert status == 200 or list(answer) == ["error"]
    assert driven.runs.current.number == (2 if status == 200 else 1)


@asynchronous
async def test_the_control_api_is_on_loopback_only(driven):
    addresses = {address[0] for address in driven.control._runner.addresses}
    assert {"127.0.0.1"} <= addresses <= {"127.0.0.1", "::1"}


@asynchronous
@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status", "says"),
    [
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
    ],
)  # fmt: skip
async def test_bad_calls_get_a_status_and_one_line(
    driven, method, path, body, headers, status, says
):
    got, answer = await driven.ask(method, path, body, **headers)
    assert got == status
    assert list(answer) == ["error"]
    assert says in answer["error"]
    assert "\n" not in answer["error"]
    assert len(answer["error"]) < 450
    assert (await driven.get("/health"))["run"] == 1


@asynchronous
async def test_a_body_may_begin_with_a_byte_order_mark(driven):
    assert (await driven.ask("PUT", "/plan", '\ufeff{"plan": 1, "seed": 7}'))[0] == 200
    assert (await driven.get("/plan"))["plans"]["LOCAL"]["seed"] == 7


@asynchronous
async def test_a_body_of_exactly_the_bound_is_read(driven):
    plan = '{"plan": 1}'
    assert (await driven.ask("PUT", "/plan", plan + " " * (1_000_000 - len(plan))))[0] == 200


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


@asynchronous
@pytest.mark.parametrize(
    "sent",
    [
        b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /health\r\n\r\n",
        b"GET /health HTTP/1.0\r\n\r\n",
        b"GET /health HTTP/1.1\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: HOST\r\nHost: HOST\r\n\r\n",
        b"GET /%ff%00 HTTP/1.1\r\nHost: HOST\r\n\r\n",
        b"GET /journal?after=%ff HTTP/1.1\r\nHost: HOST\r\n\r\n",
        b"GET http://evil.example/health HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        b"CONNECT evil.example:80 HTTP/1.1\r\nHost: HOST\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: HOST\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: HOST\r\nX: " + b"x" * 70_000 + b"\r\n\r\n",
        b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\nHost: HOST\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: HOST\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\nx",
        b"PUT /plan HTTP/1.1\r\nHost: HOST\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"PUT /plan HTTP/1.1\r\nHost: HOST\r\nContent-Type: application/json\r\n"
        b"Content-Length: 100\r\n\r\n{",
        b"PUT /plan HTTP/1.1\r\nHost: HOST\r\nContent-Type: application/json\r\n"
        b"Content-Length: 9999999\r\n\r\n" + b" " * 1_100_000,
        b"PUT /plan HTTP/1.1\r\nHost: HOST\r\nContent-Type: application/json\r\n"
        b"Content-Length: -1\r\n\r\n{",
        b"PUT /plan HTTP/1.1\r\nHost: HOST\r\nContent-Type: application/json\r\n"
        b"Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nabcde",
        b"PUT /plan HTTP/1.1\r\nHost: HOST\r\nContent-Type: ;;;\r\nContent-Length: 0\r\n\r\n",
        b"PUT /plan HTTP/1.1\r\nHost: HOST\r\nExpect: nothing\r\nContent-Length: 0\r\n\r\n",
    ],
)
async def test_what_is_hardly_http_brings_neither_a_traceback_nor_the_servers_down(
    driven, sent, capfd, caplog
):
    address = driven.url.removeprefix("http://")
    reader, writer = await asyncio.open_connection(*address.split(":"))
    writer.write(sent.replace(b"HOST", address.encode()))
    writer.write_eof()
    received = b""
    with contextlib.suppress(ConnectionError):
        received = await reader.read()
    writer.close()
    assert b"HTTP/1.1 5" not in received
    assert b"Traceback" not in received
    assert (await driven.get("/health"))["run"] == 1
    assert (capfd.readouterr().err, caplog.records) == ("", [])


@examples(200)
@given(st.text(max_size=20), st.integers(1, 5))
def test_no_text_for_a_cursor_is_a_fault_of_ours(text, number):
    with contextlib.suppress(control.RequestError):
        cursor = control._start(text, type("Run", (), {"number": number}))
        assert f"{number}-{cursor}" == text


# --- the command -------------------------------------------------------------------------------


@posix
def test_serve_says_where_the_control_api_is_before_it_is_ready(tmp_path):
    with subprocess.Popen(
        command_line("mockservers", "serve", "--ports", "auto", "--control", "auto"),
        cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, text=True,
    ) as program:  # fmt: skip
        lines = [program.stdout.readline() for _ in range(5)]
        program.send_signal(signal.SIGINT)
    page = (TOP / "docs/control.md").read_text(encoding="utf-8")
    in_the_page = re.search(r"--control 8000\n((?:    .*\n)+)", page)[1]
    assert re.sub(r":\d+", "", "".join(lines)) == re.sub(r"(?m):\d+|^ +", "", in_the_page)


@posix
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_all_at_once_with_clients_connected_and_requests_under_way(tmp_path, signum):
    (tmp_path / "plan.json").write_text('{"plan": 1, "rules": {"BR": [{"do": "hang"}]}}')
    options = ["--plan", "plan.json", "--journal", "journal.jsonl"]
    with contextlib.ExitStack() as stack:
        program, ready = stack.enter_context(serving(*options, cwd=tmp_path))
        ports = {
            name: int(url.split("/")[2].split(":")[1])
            for name, url in {"control": ready["control"], **ready["servers"]}.items()
        }

        def connect(name):
            address = ("127.0.0.1", ports[name])
            return stack.enter_context(socket.create_connection(address, timeout=20))

        def ask(sock, path, method="GET", host=f"127.0.0.1:{ports['control']}"):
            head = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n"
            sock.sendall(f"{head}Content-Type: application/json\r\n\r\n".encode())

        def answer(sock):
            return json.loads(sock.recv(65_536).partition(b"\r\n\r\n")[2] or sock.recv(65_536))

        kept_alive, half_a_body = connect("control"), connect("control")
        half_a_body.sendall(
            f"PUT /plan HTTP/1.1\r\nHost: 127.0.0.1:{ports['control']}\r\n"
            "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{".encode()
        )
        ask(kept_alive, "/reset", "POST")
        assert answer(kept_alive)["run"] == 2
        ask(connect("LOCAL"), "/flags/br/br.gif")
        under_way = 0
        while not under_way:
            ask(kept_alive, "/ledger")
            under_way = answer(kept_alive)["under_way"]
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
    assert [len(entries(tmp_path / name)) for name in ("journal.jsonl", "journal.2.jsonl")] == [
        2,
        3,
    ]
    _, entry, end = entries(tmp_path / "journal.2.jsonl")
    assert (entry["code"], entry["do"], entry["complete"]) == ("BR", "hang", False)
    assert end["end"] is True


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--control", "0"], "--control: a port from 1 to 65535 is needed, or the word auto"),
        (["--control", "65536"], "not '65536'"),
        (["--control", "8000,8001"], "not '8000,8001'"),
        (["--control", "٨٠٠٠"], "a port from 1 to 65535"),
        (["--control", "9" * 5000], "a port from 1 to 65535"),
        (["--control"], "--control"),
        (["--control", "8002"], "--control 8002 is a port of --ports: choose another"),
    ],
)
def test_a_bad_port_gets_one_clear_line(words, says, capsys):
    with pytest.raises(SystemExit, match="2"):
        cli.main(["serve", *words])
    captured = capsys.readouterr()
    assert captured.out == ""
    assert re.fullmatch(r"mockservers: .*\n", captured.err)
    assert says in captured.err


def test_a_control_port_in_use_is_named_and_the_journal_there_is_left_alone(tmp_path, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with pytest.raises(SystemExit, match="2"):
            cli.main(["serve", "--ports", "auto", "--control", port])
    assert capsys.readouterr() == (
        "",
        f"mockservers: --control: port {port} is in use: choose another port, or --control auto\n",
    )


def test_without_control_nothing_of_it_is_read(tmp_path):
    program = (
        "import sys, mockservers.cli.commands; print([m for m in sys.modules if 'aiohttp' in m])"
    )
    assert run("python", "-c", program, cwd=tmp_path).stdout == "[]\n"
