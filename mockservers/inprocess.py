"""The same plan without sockets: carried by `responses` (requests) and `aioresponses` (aiohttp).

Needs the extra `inprocess`. Quick, for pure logic; they replace the client's own network code,
so they can carry whole responses and the loss of a connection, and nothing in between. Delays
are not waited for. Real sockets are the authority for everything.
"""

import inspect
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import aioresponses
import requests
import responses
from msgspec import structs

from mockservers.content.resources import FlagCatalogue
from mockservers.faults import (
    Attachment,
    Empty,
    Fault,
    Flip,
    Hang,
    RateLimit,
    Reset,
    Serve,
    Status,
    WrongType,
)
from mockservers.journal import NoJournal, encode
from mockservers.kinds.request import Conditions, RequestForm
from mockservers.kinds.resource import Catalogue
from mockservers.kinds.response import Response
from mockservers.plan import Plan
from mockservers.run_state import Run, ServerRun

Record = Callable[[dict[str, Any]], None]
"""Takes a journal entry as a dictionary."""

EVERY_URL = re.compile(r"http://inprocess\.invalid/.*")
BASE_URL = "http://inprocess.invalid/flags"
"""What to give a downloader as its base URL; no such host can exist (RFC 6761)."""


CARRIED: tuple[type[Fault], ...] = (
    Serve,
    Status,
    Empty,
    Hang,
    RateLimit,
    WrongType,
    Flip,
    Attachment,
)
"""The kinds that these carriers can carry, and `Reset` before the first byte."""


class CannotCarryError(ValueError):
    """A plan holds what a carrier without sockets cannot do; the text names it."""


def refuse_what_needs_sockets(plan: Plan) -> None:
    """Raise CannotCarryError unless every response of `plan` can be carried without sockets."""
    for name in ("gate", "limit", "away", "refuse", "ranges"):
        if getattr(plan, name):
            raise CannotCarryError(f"{name} needs sockets: use mockservers.running")
    for fault in plan.faults():
        if isinstance(fault, CARRIED) or (isinstance(fault, Reset) and not fault.after_bytes):
            continue
        raise CannotCarryError(f"{fault} needs sockets: use mockservers.running")


@contextmanager
def responses_carrier(
    plan: Plan, label: str, record: Record, catalogue: Catalogue | None = None
) -> Iterator[None]:
    """Answer requests to `BASE_URL` by `plan`, as server `label`; entries go to `record`."""
    answer = _answerer(plan, label, record, catalogue)

    def callback(
        request: requests.PreparedRequest,
    ) -> tuple[int, dict[str, str], bytes] | Exception:
        response, body = answer(request.method or "GET", request.url or "", request.headers)
        if response.status is None:
            return requests.ConnectionError("Connection aborted.")
        return response.status, _fields(response), body

    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        for method in ("GET", "HEAD"):
            mock.add_callback(method, EVERY_URL, callback, content_type=None)
        yield


@contextmanager
def aioresponses_carrier(
    plan: Plan, label: str, record: Record, catalogue: Catalogue | None = None
) -> Iterator[None]:
    """The same for aiohttp. A lost connection is not tried again here, as aiohttp would."""
    answer = _answerer(plan, label, record, catalogue)

    def callback(url: object, **sent: Any) -> aioresponses.CallbackResult:
        response, body = answer("GET", str(url), sent.get("headers") or {})
        if response.status is None:
            raise aiohttp.ServerDisconnectedError
        return aioresponses.CallbackResult(
            status=response.status,
            body=body,
            headers=_fields(response),
            reason=response.head.split(b"\r\n", 1)[0].decode().split(" ", 2)[2],
            response_class=_response_class(),
        )

    with aioresponses.aioresponses() as mock:
        mock.get(EVERY_URL, callback=callback, repeat=True)
        yield


def _answerer(
    plan: Plan, label: str, record: Record, catalogue: Catalogue | None
) -> Callable[[str, str, Mapping[str, str]], tuple[Response, bytes]]:
    refuse_what_needs_sockets(plan)
    server_run = ServerRun(label, plan, catalogue or FlagCatalogue(), Run(NoJournal()))
    counting = threading.Lock()  # threads call this, where a server has its one loop

    def answer(method: str, url: str, fields: Mapping[str, str]) -> tuple[Response, bytes]:
        target = urlsplit(url)
        query = target.query if "?" in url else None
        given = {name.lower().encode(): [value.encode()] for name, value in fields.items()}
        with counting:
            request = server_run.arrive(method, target.path, query)
            request.form = RequestForm(method == "HEAD", conditions=Conditions.of(given))
            response = request.respond(request.form)
            assert request.body is not None
            body = request.body.read(response.body_stop)
            request.body.count(body)
            server_run.in_flight -= 1
            entry = request.entry(0, complete=True, client_gone=False)
            if entry.digest == "later":
                digest = request.body.digested_later()
                entry = structs.replace(entry, sha256=digest, digest=None)
            record(json.loads(encode(entry)))
        return response, body

    return answer


def _fields(response: Response) -> dict[str, str]:
    lines = response.head.decode().split("\r\n")[1:-2]
    return dict(line.split(": ", 1) for line in lines)


def _response_class() -> type[aiohttp.ClientResponse] | None:
    """A way round aioresponses 0.7.9, which does not know an argument new in aiohttp 3.14."""
    if "stream_writer" not in inspect.signature(aiohttp.ClientResponse.__init__).parameters:
        return None

    class Response(aiohttp.ClientResponse):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            kwargs.setdefault("stream_writer", SimpleNamespace(output_size=0))
            super().__init__(*args, **kwargs)

    return Response
