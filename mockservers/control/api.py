"""The control API of `mockservers serve --control`: begin runs, read and judge their journals.

JSON over HTTP on a port of its own, for test suites in any language; docs/control.md has every
call. Only programs of this machine may call, and those that were let in by name; no web pages.
"""

import asyncio
import json
import logging
import re
import threading
from collections.abc import Awaitable, Callable, Collection, Mapping
from concurrent.futures import Future
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

from aiohttp import web
from aiohttp.http import HttpProcessingError

from mockservers.control.content_as_sent import catalogue_as_sent
from mockservers.control.reported import end_as_reported
from mockservers.control.run_history import NumberedRun, RunHistory, read_slice
from mockservers.faults import PlanError
from mockservers.http.listeners import Listener, PortInUseError, bind
from mockservers.journal import End
from mockservers.journal_json import read_journal
from mockservers.ledger import balance
from mockservers.plan import LABELS
from mockservers.plan_json import plan_from_json, plan_to_json
from mockservers.run_state import FLUSH_S
from mockservers.server import MockServers, url_host
from mockservers.text import one_line

MAX_BODY = 1_000_000
"""Longest body of a request, in bytes; a longer one is rejected with 413."""
TOO_LONG = f"the body is longer than {MAX_BODY} bytes"
MAX_ENTRIES = 1000
"""Entries in one answer to `GET /journal`, at most."""
BODY_S = 10.0
"""Seconds for a body to come; then the request is rejected with 408."""
STOP_S = 0.2
"""Seconds that an answer on its way has when the servers end."""

_CURSOR = re.compile(r"([1-9][0-9]{0,8})-([1-9][0-9]{0,17})")

# aiohttp logs the faults of clients, with tracebacks; here the client gets a status and a line.
_quiet = logging.getLogger("mockservers.control.api")
_quiet.setLevel(logging.CRITICAL + 1)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
T = TypeVar("T")


class RequestError(Exception):
    """A request that is answered with `status` and one line."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Control:
    """The control API over `servers` and their `runs`; `start`, then `stop`."""

    def __init__(self, servers: MockServers, runs: RunHistory, root: Path | None = None) -> None:
        """`root` has the folders that may be served."""
        self._servers = servers
        self._runs = runs
        self._root = root
        self._hosts: frozenset[str] = frozenset()
        self._names: frozenset[str] = frozenset()
        self._one_at_a_time = asyncio.Lock()
        app = web.Application(middlewares=[self._answer], client_max_size=MAX_BODY + 1)
        app.add_routes(
            [
                web.get("/health", self._health),
                web.get("/plan", self._plan),
                web.put("/plan", self._put_plan),
                web.put("/plan/{label}", self._put_plan),
                web.put("/content", self._put_content),
                web.get("/journal", self._journal),
                web.get("/ledger", self._ledger),
                web.post("/ledger", self._ledger_as_reported),
                web.post("/reset", self._reset),
            ]
        )
        self._listeners: list[Listener] = []
        self._runner = web.AppRunner(
            app, access_log=None, logger=_quiet, auto_decompress=False, shutdown_timeout=STOP_S
        )

    async def start(self, port: int, host: str = "localhost", names: Collection[str] = ()) -> str:
        """Listen on `host` at `port`, a free one if 0; gives the URL.

        Requests may come for a loopback address, for `host`, and for `names`. Raises
        PortInUseError, and OSError for `host`.
        """
        try:
            self._listeners = bind(host, port)
        except PortInUseError as exc:
            reason = str(exc).partition(":")[0]  # what follows is about the other ports
            raise PortInUseError(
                f"--control: {reason}: choose another port, or --control auto"
            ) from None
        port = self._listeners[0].port
        loopback = ("127.0.0.1", "localhost", "[::1]")
        self._hosts = frozenset(f"{name}:{port}" if port != 80 else name for name in loopback)
        # A port may be mapped to another one, so theirs may be any.
        reached = () if host == "localhost" else (url_host(host),)
        self._names = frozenset(name.lower() for name in (*names, *reached))
        await self._runner.setup()
        for listener in self._listeners:
            await web.SockSite(self._runner, listener.socket).start()
        return f"http://{url_host(host)}:{port}"

    async def stop(self) -> None:
        """Stop listening, drop every connection; the port is free then."""
        await self._runner.cleanup()
        for listener in self._listeners:
            listener.close()

    # --- what every request meets ------------------------------------------------------

    @web.middleware
    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let no web page in; make of every failure a status and one line."""
        try:
            self._admit(request)
            return await handler(request)
        except RequestError as exc:
            return _error(exc.status, str(exc))
        except web.HTTPMethodNotAllowed as exc:
            allowed = ", ".join(sorted(exc.allowed_methods))
            text = f"{request.path} takes {allowed}, not {exc.method}"
            return _error(exc.status, text, {"Allow": allowed})
        except web.HTTPRequestEntityTooLarge:
            return _error(413, TOO_LONG)
        except web.HTTPNotFound as exc:
            return _error(exc.status, f"nothing is at {request.path}")
        except OSError as exc:
            return _error(503, str(exc))
        except Exception as exc:
            return _error(500, f"a fault of mockservers, please report it: {exc!r}")

    def _admit(self, request: web.Request) -> None:
        # A foreign Host is DNS rebinding: a page whose name was made to lead here.
        host = request.headers.get("Host", "").lower()
        if host not in self._hosts and re.sub(r":[0-9]{1,5}\Z", "", host) not in self._names:
            known = ", ".join(sorted(self._hosts | self._names))
            raise RequestError(403, f"the Host must be one of {known}")
        origin = request.headers.get("Origin", f"http://{host}")
        site = request.headers.get("Sec-Fetch-Site", "none")
        if origin.lower() != f"http://{host}" or site not in ("none", "same-origin"):
            raise RequestError(403, "pages of other origins may not call this API")

    async def _body(self, request: web.Request) -> str:
        """The body of a PUT or POST; only JSON passes, for a form could be sent by any page. Where
        there is no body, no type is needed.
        """
        bare = "Content-Type" not in request.headers and not request.can_read_body
        if request.content_type != "application/json" and not bare:
            raise RequestError(415, "the Content-Type must be application/json")
        if "Content-Encoding" in request.headers:
            raise RequestError(415, "the body may not be encoded")
        try:
            async with asyncio.timeout(BODY_S):
                body = await request.read()
        except TimeoutError:
            raise RequestError(408, "the body did not come in time") from None
        except (HttpProcessingError, web.RequestPayloadError):  # aiohttp's parser in Python
            raise RequestError(400, "the body does not come as HTTP says") from None
        if len(body) > MAX_BODY:  # whether aiohttp takes one byte more depends on its version
            raise RequestError(413, TOO_LONG)
        try:
            return body.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise RequestError(400, "the body is not UTF-8") from None

    def _about(self, run: NumberedRun) -> dict[str, Any]:
        """Which run an answer is about, and where its journal is, if it stays."""
        about: dict[str, Any] = {"run": run.number}
        if self._runs.kept:
            about["file"] = str(run.journal.path.absolute())
        return about

    # --- the calls -----------------------------------------------------------------------

    async def _health(self, request: web.Request) -> web.Response:
        return _json({"ready": True, "servers": self._servers.urls} | self._about_now())

    async def _plan(self, request: web.Request) -> web.Response:
        plans = self._runs.current.plans
        return _json(self._about_now() | {"plans": {p: plan_to_json(plans[p]) for p in plans}})

    async def _put_plan(self, request: web.Request) -> web.Response:
        label = request.match_info.get("label", "").upper()
        if label and label not in LABELS:
            raise RequestError(404, f"{label} is none of {', '.join(LABELS)}")
        text = await self._body(request)
        try:
            async with self._one_at_a_time:
                plan = await _apart(lambda: plan_from_json(text))
        except PlanError as exc:
            raise RequestError(400, str(exc)) from None
        named = (label,) if label else LABELS
        run = self._runs.current
        self._runs.begin({**run.plans, **dict.fromkeys(named, plan)}, run.catalogue)
        return _json(self._about_now())

    async def _put_content(self, request: web.Request) -> web.Response:
        text = await self._body(request)
        try:
            catalogue = await _apart(lambda: catalogue_as_sent(text, self._root))
        except ValueError as exc:
            raise RequestError(400, one_line(exc)) from None
        self._runs.begin(self._runs.current.plans, catalogue)
        return _json(self._about_now())

    async def _reset(self, request: web.Request) -> web.Response:
        if (await self._body(request)).strip() not in ("", "{}"):
            raise RequestError(400, "a reset takes no body, or {}")
        await self._runs.reset()
        return _json(self._about_now())

    async def _journal(self, request: web.Request) -> web.Response:
        start, limit = 0, MAX_ENTRIES
        run = self._runs.current
        for name, value in request.query.items():
            match name:
                case "after":
                    start = _start(value, run)
                case "limit":
                    limit = _limit(value)
                case _:
                    raise RequestError(
                        400, f"{name[:40]!r} is none of the parameters: after, limit"
                    )
        answer = self._to_read(run)
        try:
            piece = await _apart(lambda: read_slice(run.journal.path, start, limit))
        except ValueError as exc:
            raise RequestError(400, f"after: {exc}") from None
        except FileNotFoundError:
            raise _gone(run) from None
        if piece.header:
            answer["header"] = piece.header
        answer |= {"entries": piece.entries, "next": f"{run.number}-{piece.stop}"}
        return _json(answer)

    async def _ledger(self, request: web.Request) -> web.Response:
        return await self._judge(End)

    async def _ledger_as_reported(self, request: web.Request) -> web.Response:
        text = await self._body(request)
        return await self._judge(lambda: end_as_reported(text))

    async def _judge(self, end: Callable[[], End]) -> web.Response:
        """The ledger of the current run so far, as if it had come to `end`."""
        now, asked = self._servers.run, self._servers.run.digests_asked
        while now.digests_written < asked:
            await asyncio.sleep(FLUSH_S)
        async with self._one_at_a_time:
            run = self._runs.current
            answer = self._to_read(run)
            path = run.journal.path
            try:
                ledger = await _apart(lambda: balance(chain(read_journal(path), [end()])))
            except ValueError as exc:
                raise RequestError(400, str(exc)) from None
            except FileNotFoundError:
                raise _gone(run) from None
        return _json(answer | ledger.to_json())

    def _about_now(self) -> dict[str, Any]:
        return self._about(self._runs.current)

    def _to_read(self, run: NumberedRun) -> dict[str, Any]:
        """See to it that the journal of the current run can be read as far as it has come."""
        run.journal.flush()
        error = run.journal.error
        if error:
            reason = error.strerror or error
            raise RequestError(503, f"the journal of run {run.number} is incomplete: {reason}")
        now = self._servers.run
        due = now.digests_asked - now.digests_written
        answer = self._about(run) | {"under_way": now.under_way}
        return answer | ({"digests_due": due} if due else {})


def _start(cursor: str, run: NumberedRun) -> int:
    """The byte of the journal at which a page begins."""
    match = _CURSOR.fullmatch(cursor)
    if not match or int(match[1]) > run.number:
        raise RequestError(400, f"after: {cursor[:40]!r} is no cursor that was given out here")
    if int(match[1]) < run.number:
        raise RequestError(410, f"after: {cursor} is of run {match[1]}; this is run {run.number}")
    return int(match[2])


def _limit(text: str) -> int:
    if re.fullmatch("[0-9]{1,4}", text) and 1 <= int(text) <= MAX_ENTRIES:
        return int(text)
    raise RequestError(400, f"limit must be from 1 to {MAX_ENTRIES}, not {text[:40]!r}")


def _gone(run: NumberedRun) -> RequestError:
    if run.over.is_set():
        return RequestError(409, f"run {run.number} ended while it was being read: ask again")
    return RequestError(503, f"the journal {run.journal.path} is gone")


def _json(
    data: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    text = json.dumps(data) + "\n"
    return web.json_response(text=text, status=status, headers=headers)


def _error(status: int, reason: str, headers: Mapping[str, str] | None = None) -> web.Response:
    return _json({"error": one_line(reason)}, status, headers)


async def _apart(work: Callable[[], T]) -> T:
    """Do `work` in a thread of its own, so that the servers go on.

    The thread is a daemon: it does not hold up the end of the servers, as one of
    `asyncio.to_thread` would.
    """
    future: Future[T] = Future()
    future.set_running_or_notify_cancel()

    def run() -> None:
        try:
            future.set_result(work())
        except Exception as exc:
            future.set_exception(exc)

    threading.Thread(target=run, name="mockservers-control", daemon=True).start()
    return await asyncio.wrap_future(future)
