"""A million malformed, cut and oversized requests, for the parser and for a live server.

    pip install -e . atheris
    python fuzz/request_path.py --inputs 1000000 --seed 1

Inputs come from real requests by way of atheris (libFuzzer), which keeps what reaches new code in
the request parser; most changes are those of `MUTATIONS`. Each input is read at once and in
pieces, which has to give the same events in a possible order; one in `LIVE_SHARE` also goes to a
server on loopback, which has to answer with the statuses of those events. Exit status 1, and the
input as a Python literal, on an exception anywhere, a server that does not answer the next
request, a connection, task, thread or file that is left, or memory that grows.
"""

import argparse
import asyncio
import contextlib
import gc
import logging
import os
import re
import signal
import socket
import struct
import sys
import tempfile
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit

import atheris

with atheris.instrument_imports(include=["mockservers.http.request_parser"]):
    from mockservers.http import request_parser as parser

    pass
from mockservers import running
from mockservers.http.fast_path import KnownHeaders
from mockservers.http.request_parser import (
    BadRequest,
    Continue,
    Event,
    RequestComplete,
    RequestLine,
    RequestParser,
)

LIVE_SHARE = 100
"""One input in so many goes to the live server."""
OVERSIZED_SHARE = 25
"""One input in so many gets longer than a bound somewhere."""
BATCH = 100
"""After so many of those, the server must have let go of them all and answer a plain request."""
STUCK_S = 20
"""Seconds after which an input counts as one that never ends."""
GROWTH_MB = 8
"""Megabytes by which memory may grow between a tenth of the inputs and the end."""

GET = b"GET /flags/br/br.gif HTTP/1.1\r\nHost: x\r\n\r\n"
CORPUS = (
    GET,
    GET * 3,
    b"GET /flags/cn/cn.gif HTTP/1.1\r\nHost: localhost:8001\r\nUser-Agent: python-requests/2.32\r\n"
    b"Accept-Encoding: gzip, deflate\r\nAccept: */*\r\nConnection: keep-alive\r\n\r\n",
    b"GET /flags/zz/zz.gif?a=b HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n",
    b"HEAD /flags/us/us.gif HTTP/1.1\r\nhost: [::1]:8001\r\nAccept-Encoding: x-gzip;q=0, *\r\n\r\n",
    b"GET http://elsewhere:80/flags/br/br.gif HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    + GET,
    b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
    b"CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n",
    b"BREW /pot HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc" + GET,
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabc",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    b'3;a="b"\r\nabc\r\n00A\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n' + GET,
    b"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"
    b"0\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"GET /\r\n",
)
WORDS = (
    *(bytes([byte]) for byte in b'\r\n\0 \t\x0b\x7f\x80\xff:,;=#%*/?[]@"-+0'),
    *(b"\r\n", b"\r\n\r\n", b"\n\n", b"0\r\n\r\n", b"http://", b"https://x"),
    *b"HTTP/1.1 HTTP/1.0 HTTP/1.9 HTTP/2.0 chunked close keep-alive gzip".split(),
    b"18446744073709551616",
)
FIELDS = (
    *(b"Host: x", b"Host: a b", b"Host:", b"Content-Length: 5", b"Content-Length: 0", b"X : y"),
    *(b"Content-Length: 1048577", b"Transfer-Encoding: chunked", b"Transfer-Encoding: brew"),
    *(b"Transfer-Encoding:", b"Connection: close", b"Connection: keep-alive, upgrade", b" folded"),
    *(b"Upgrade: h2c", b"Expect: 100-continue", b"Accept-Encoding: gzip;q=0", b": empty", b"X"),
)


# --- inputs ----------------------------------------------------------------------------


def flip(data: bytes, chance: Random) -> bytes:
    """A bit is another."""
    at = chance.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]


def shorten(data: bytes, chance: Random) -> bytes:
    """The end is missing."""
    return data[: chance.randrange(len(data))]


def leave_out(data: bytes, chance: Random) -> bytes:
    """Something is missing."""
    at = chance.randrange(len(data))
    return data[:at] + data[at + chance.randint(1, 20) :]


def somewhere(data: bytes, chance: Random) -> int:
    """A place in `data`; mostly where something begins or ends."""
    borders = [mark.end() for mark in re.finditer(rb": ?|(?=\r)|\n| |/|;|,", data)]
    return (
        chance.choice(borders) if borders and chance.randrange(3) else chance.randrange(len(data))
    )


def put_in(data: bytes, chance: Random) -> bytes:
    """A word stands where it should not."""
    at = somewhere(data, chance)
    return data[:at] + chance.choice(WORDS) + data[at + chance.choice([0, 0, 1, 4]) :]


def repeat(data: bytes, chance: Random) -> bytes:
    """Something comes again and again."""
    at = chance.randrange(len(data))
    stop = at + chance.randint(1, 60)
    return data[:at] + data[at:stop] * chance.choice([2, 3, 9, 40]) + data[stop:]


def splice(data: bytes, chance: Random) -> bytes:
    """The beginning of this, the end of another."""
    other = chance.choice(CORPUS)
    return data[: chance.randrange(len(data))] + other[chance.randrange(len(other)) :]


def play_with_fields(data: bytes, chance: Random) -> bytes:
    """A header line comes in, goes, changes places, or has white space around."""
    lines = data.split(b"\r\n")
    at = chance.randrange(len(lines))
    match chance.randrange(5):
        case 0:
            lines.insert(at, chance.choice(FIELDS))
        case 1:
            del lines[at]
        case 2:
            lines[at] += chance.choice([b" ", b"\t", b" \t "])
        case 3:
            lines[at] = chance.choice([b" ", b"\t"]) + lines[at]
        case _:
            lines.insert(chance.randrange(len(lines)), lines.pop(at))
    return b"\r\n".join(lines)


MUTATIONS: tuple[Callable[[bytes, Random], bytes], ...] = (
    *(flip, shorten, leave_out, put_in, repeat, splice, play_with_fields),
)


def mutated(data: bytes, max_size: int, seed: int) -> bytes:
    """What libFuzzer is to try next after `data`."""
    chance = Random(seed)
    match chance.randrange(10):
        case 0 | 1 | 2:
            return bytes(atheris.Mutate(data, max_size))
        case 3 | 4 | 5:  # what libFuzzer keeps soon has many bad first lines
            data = chance.choice(CORPUS)
    for _ in range(chance.choice([1, 1, 2, 4])):
        data = chance.choice(MUTATIONS)(data or GET, chance)
    return data[:max_size]


def outgrown(data: bytes) -> bytes:
    """The same, or longer than is to be borne; not known to libFuzzer, whose inputs stay small."""
    chance = Random(zlib.crc32(data))
    if chance.randrange(OVERSIZED_SHARE):
        return data
    data = chance.choice([data or GET, *CORPUS])  # in most of `data` something is wrong before
    units = (b"a", b"0", b"9", b"\r\n", b"X: y\r\n", b"1\r\na\r\n", b"/", b" ", b",", b"\t", b"\0")
    unit = chance.choice(units)
    # Rarely a body: a million lines of one byte take a second.
    bound = chance.choice([parser.MAX_TARGET] * 99 + [parser.MAX_HEAD] * 99 + [parser.MAX_BODY])
    at = somewhere(data, chance)
    return data[:at] + unit * (bound // len(unit) + chance.randrange(3)) + data[at:]


def in_pieces(data: bytes) -> list[bytes]:
    """The same bytes, cut in a way that depends on nothing but them."""
    chance = Random(zlib.crc32(data))
    if len(data) < 200 and chance.randrange(4) == 0:
        return [data[at : at + 1] for at in range(len(data))]
    marks = sorted(chance.randrange(len(data) + 1) for _ in range(chance.randint(1, 4)))
    return [data[at:stop] for at, stop in zip([0, *marks], [*marks, len(data)], strict=True)]


# --- what must hold --------------------------------------------------------------------


def read(pieces: list[bytes]) -> tuple[list[Event], bool]:
    """The events of a connection that brings `pieces`, and whether a request is under way."""
    reading = RequestParser()
    events = [event for piece in pieces for event in reading.feed(piece)]
    if events and is_last(events[-1]):
        assert not reading.feed(GET), "an event after the last"
    return events, reading.mid_request


KNOWN_HEADERS = KnownHeaders()
LETTERS = {RequestLine: "L", Continue: "E", RequestComplete: "W", BadRequest: "R"}


def is_last(event: Event) -> bool:
    """Whether no more may follow."""
    return isinstance(event, BadRequest) or (
        isinstance(event, RequestComplete) and not event.form.keep_alive
    )


def check_parser(data: bytes) -> tuple[list[Event], bool]:
    """The events of `data`; raises AssertionError if they depend on its pieces, or are none."""
    events, under_way = read([data])
    assert (events, under_way) == read(in_pieces(data)), "the pieces change the events"
    plain = KNOWN_HEADERS.whole_get(data)
    expected = plain and [RequestLine("GET", plain[0]), RequestComplete(plain[1])]
    assert not plain or events == expected, "the short cut leads elsewhere"
    order = "".join(LETTERS[type(event)] for event in events)
    assert re.fullmatch("(LE?W)*(LE?)?R?", order), f"events in the order {order}"
    assert not any(map(is_last, events[:-1])), "an event after the last"
    return events, under_way


def statuses(events: list[Event]) -> list[int]:
    """What a server without faults has to answer; 0 where there is a flag or not."""
    found = []
    for event in events:
        match event:
            case RequestLine():
                pass
            case Continue():
                found.append(100)
            case RequestComplete(rejected=rejected):
                found.append(rejected or 0)
            case BadRequest(status=status):
                found.append(status)
    return found


def statuses_in(received: bytes, events: list[Event]) -> list[int]:
    """The statuses of the replies that came; raises AssertionError for what is no reply."""
    heads = [isinstance(event, RequestComplete) and event.form.head_only for event in events]
    replies = [
        head
        for head, event in zip(heads, events, strict=True)
        if not isinstance(event, RequestLine)
    ]
    found: list[int] = []
    while received:
        head = re.match(rb"HTTP/1\.1 (\d{3}) [ -~]*\r\n(?:[A-Za-z-]+: [ -~]*\r\n)*\r\n", received)
        assert head, f"no reply: {received[:80]!r}"
        length = re.search(rb"\r\nContent-Length: (\d+)\r\n", head[0])
        head_only = len(found) < len(replies) and replies[len(found)]
        found.append(int(head[1]))
        received = received[head.end() + (int(length[1]) if length and not head_only else 0) :]
    return [0 if status in (200, 404) else status for status in found]


class LiveServer:
    """A server in this process, and what can be seen of its health."""

    def __init__(self) -> None:
        self.errors: list[str] = []
        handler = logging.Handler(logging.WARNING)
        handler.emit = lambda record: self.errors.append(record.getMessage())  # type: ignore[method-assign]
        logging.getLogger("asyncio").addHandler(handler)
        sys.unraisablehook = lambda unraisable: self.errors.append(str(unraisable.exc_value))
        threading.excepthook = lambda args: self.errors.append(str(args.exc_value))
        self._loop = asyncio.new_event_loop()  # of the clients
        self._stack = contextlib.ExitStack()
        self._before = self._resources()
        self._servers = self._stack.enter_context(running())
        self._port = urlsplit(self._servers.urls["LOCAL"]).port
        self._tasks = len(self._server_tasks())

    def check(self, data: bytes, events: list[Event], leaves: str = "") -> None:
        """Send `data` in pieces on a connection; it has to be answered, unless we leave at once."""
        leaves = leaves or Random(~zlib.crc32(data)).choice(["end", "end", "close", "reset"])
        received = self._loop.run_until_complete(self._talk(in_pieces(data), leaves))
        if leaves == "end":
            expected = statuses(events)
            answered = statuses_in(received, events)
            assert answered == expected, f"answered {answered} instead of {expected}"
        self.check_errors()

    def check_errors(self) -> None:
        """Nothing has been raised where nobody catches it."""
        assert not self.errors, self.errors

    def check_health(self) -> None:
        """All connections are let go, and the next request is answered."""
        deadline = time.monotonic() + STUCK_S / 2
        while any(state.connections for state in self._servers._servers.states.values()):
            assert time.monotonic() < deadline, f"a connection is left by one of {BATCH} inputs"
            time.sleep(0.001)
        self._servers.settle()
        self._servers.begin_run({})  # and forget the journal of the last one
        self.check(GET, RequestParser().feed(GET), "end")
        assert len(self._server_tasks()) == self._tasks, "a task is left"

    def stop(self) -> None:
        """Stop it; nothing must be left."""
        self.check_health()
        self._stack.close()
        self._loop.close()
        gc.collect()
        self.check_errors()
        assert self._resources()[0] == self._before[0], "a thread is left"
        assert self._resources()[1] < self._before[1], "a file is left"  # our own loop is closed

    def _server_tasks(self) -> Any:
        return asyncio.all_tasks(self._servers._loop)

    def _resources(self) -> tuple[int, int]:
        return threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))

    async def _talk(self, pieces: list[bytes], leaves: str) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        receiving = asyncio.ensure_future(reader.read())
        try:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
            if leaves == "end":
                writer.write_eof()
                return await receiving
        except ConnectionError:
            assert leaves != "end", "reset in the middle of a reply"
        finally:
            if leaves == "reset":
                sock = writer.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            receiving.cancel()
            writer.close()
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                await receiving
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
        return b""


# --- the run ---------------------------------------------------------------------------


class Fuzz:
    """What libFuzzer calls with each input, until enough were wrong in some way."""

    def __init__(self, inputs: int) -> None:
        self._inputs = inputs
        self._server = LiveServer()
        self._kinds: Counter[str] = Counter()
        self._runs = self._live = self._bad = 0
        self._memory_mb: float | None = None
        self._began = time.monotonic()

    def __call__(self, data: bytes) -> None:
        """Check one input; ends the process at the first failure, and after the last input."""
        data = outgrown(data)
        try:
            signal.alarm(STUCK_S)
            self._check(data)
            if self._memory_mb is None and self._bad >= self._inputs // 10:
                self._memory_mb = memory_mb()
            if self._bad >= self._inputs:
                self._finish()
        except Exception as exc:
            part = data if isinstance(exc, TimeoutError) else smallest(data)
            print(f"failed: {type(exc).__name__}: {exc}\ninput: {part!r}", flush=True)
            os._exit(1)

    def _check(self, data: bytes) -> None:
        events, under_way = check_parser(data)
        kind = kind_of(events, under_way)
        self._kinds[kind] += 1
        self._bad += kind != "in order"
        self._runs += 1
        if self._runs % LIVE_SHARE == 0:
            self._live += 1
            self._server.check(data, events)
            if self._live % BATCH == 0:
                self._server.check_health()

    def _finish(self) -> None:
        self._server.stop()
        before, now = self._memory_mb or 0, memory_mb()
        if now - before > GROWTH_MB:
            raise MemoryError(f"{now:.0f} MB, and {before:.0f} MB after a tenth of the inputs")
        seconds = time.monotonic() - self._began
        kinds = ", ".join(f"{n} {kind}" for kind, n in sorted(self._kinds.items()))
        print(f"{self._runs} inputs in {seconds:.0f} s, {self._live} of them over sockets: {kinds}")
        print(f"nothing failed or is left; {before:.0f} MB after a tenth, {now:.0f} MB at the end")
        sys.stdout.flush()
        os._exit(0)


def kind_of(events: list[Event], under_way: bool) -> str:
    """What is wrong with an input, in a word or two."""
    match events:
        case [*_, BadRequest(status=413 | 414 | 431 | 501)]:
            return "oversized"
        case [*_, BadRequest()]:
            return "malformed"
    return "cut" if under_way or not events else "in order"


def smallest(data: bytes) -> bytes:
    """A part of `data` on which the parser fails as well; all of it if it is not the parser."""

    def fails(part: bytes) -> bool:
        try:
            check_parser(part)
        except Exception:
            return True
        return False

    size = len(data) // 2 if fails(data) else 0
    while size:
        for at in range(0, len(data), size):
            if fails(data[:at] + data[at + size :]):
                data = data[:at] + data[at + size :]
                break
        else:
            size //= 2
    return data


def memory_mb() -> float:
    """The memory of this process that is in use, in megabytes."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE") / 1e6


def stuck(number: int, frame: Any) -> None:
    """A signal handler: the input takes too long."""
    raise TimeoutError(f"no end after {STUCK_S} s")


def main() -> None:
    """Parse, run; `Fuzz` ends the process."""
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--inputs", type=int, default=1_000_000, help="that are wrong in some way")
    options.add_argument("--seed", type=int, default=1, help="of libFuzzer, from 1")
    arguments = options.parse_args()
    signal.signal(signal.SIGALRM, stuck)
    with tempfile.TemporaryDirectory() as folder:
        for n, data in enumerate(CORPUS):
            Path(folder, str(n)).write_bytes(data)
        atheris.Setup(
            [
                sys.argv[0],
                f"-seed={arguments.seed}",
                "-max_len=4096",
                "-len_control=0",
                "-timeout=0",  # ours prints the input
                "-verbosity=0",
                f"-artifact_prefix={folder}/",
                folder,
            ],
            Fuzz(arguments.inputs),
            custom_mutator=mutated,
        )
        atheris.Fuzz()


if __name__ == "__main__":
    main()
