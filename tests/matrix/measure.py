"""The cells of the matrix: ask a client for a reply, and hold what came of it against the books."""

import hashlib
import http.client
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from matrix.clients import Ask, Client, Question
from matrix.replies import Row
from msgspec import to_builtins
from support.journals import balance

from mockservers import running
from mockservers.files import files_in
from mockservers.flags2.output import ClaimsReader
from mockservers.ledger import Ledger

Cell = dict[str, Any]
"""`outcome`, `says`, `exit` (as in `Told`, without what is None); `requests`, how many the server
saw; `saved`, what is in the file: nothing (there is none), empty, part, whole or other; `accepts`,
what the ledger lets a program say that has saved the bytes that were served; `imbalances`, the
words of the ledger for what this client did."""

BY_CHANCE = {"ECONNRESET", "UND_ERR_SOCKET"}
"""What fetch calls a reset: the one or the other, as it hears of it by a read or by a hang-up."""


def measure(client: Client, rows: Iterable[Row]) -> dict[str, Cell]:
    """A cell for each row; none where a client cannot do what the row needs."""
    with client.opened() as ask:
        return {row.name: _cell(ask, row) for row in rows if client.can_offer_gzip or not row.gzip}


def _cell(ask: Ask, row: Row) -> Cell:
    code, name = row.code, f"{row.code.lower()}.gif"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, name)
        # Servers of its own: no connection is left from another row.
        with running(row.plan, content=row.content) as servers:
            url = f"{servers.urls['LOCAL']}/{code.lower()}/{name}"
            told = ask(Question(url, file, row.patience_s, row.gzip))
            if row.impatient:
                _let_arrive(servers.urls["DELAY"])
        lines = servers.entries
        entries = [
            entry for entry in lines if entry["type"] == "request" and entry["server"] == "LOCAL"
        ]
        files = files_in(Path(folder))
        saved = file.read_bytes() if file.exists() else None
    digests = {entry["n"]: entry["sha256"] for entry in lines if entry["type"] == "digest"}
    entries = [entry | {"sha256": digests.get(entry["n"], entry["sha256"])} for entry in entries]
    last = entries[-1] if entries else {}
    served = (last.get("decoded") or last).get("sha256") or hashlib.sha256(b"").hexdigest()
    judged = _judge(row, told.outcome, entries, files)
    had_it_saved = _judge(row, told.outcome, entries, {name: {"size": 0, "sha256": served}})
    says = told.says
    if says in BY_CHANCE and row.kind == "reset":
        says = " or ".join(sorted(BY_CHANCE))
    cell = {
        "outcome": told.outcome,
        "says": says,
        "exit": told.exit,
        "requests": len(entries),
        "saved": _state(saved, row.resource),
        "accepts": sorted(had_it_saved.rows[code].accepts),
        "imbalances": [found.kind for found in judged.imbalances],
    }
    return {key: value for key, value in cell.items() if value is not None}


def _judge(row: Row, outcome: str, entries: list[dict[str, Any]], files: dict[str, Any]) -> Ledger:
    reader = ClaimsReader()
    reader.report({row.code: outcome})
    claims, files = to_builtins(reader.claims), to_builtins(files)
    end = {"end": True, "asked": [row.code], "claims": claims, "files_after": files}
    return balance([{"journal": 1}, *entries, end])


def _let_arrive(url: str) -> None:
    """Return when the servers have seen all that was sent to them before.

    A client that gave up leaves without knowing whether they have.
    """
    to = urlsplit(url)
    connection = http.client.HTTPConnection(to.hostname, to.port)
    connection.request("GET", "/")
    connection.getresponse().read()
    connection.close()


def _state(saved: bytes | None, resource: bytes) -> str:
    if saved is None:
        return "nothing"
    if not saved:
        return "empty"
    if saved == resource:
        return "whole"
    return "part" if resource.startswith(saved) else "other"


def drift(recorded: Cell, cell: Cell, *, same_conditions: bool) -> str | None:
    """In what a cell differs from the recorded one; None where it does not.

    Names, texts and retries vary between versions and systems. Under other conditions only outcome
    and exit status are held; where the ledger accepts more than one outcome, any of these will do.
    """
    if same_conditions:
        held = recorded.keys() | cell.keys()
    elif len(recorded["accepts"]) > 1 and cell["outcome"] in recorded["accepts"]:
        held = set()
    else:
        held = {"outcome", "exit"}
    differ = [
        f"{key} is {cell.get(key)!r}, was {recorded.get(key)!r}"
        for key in sorted(held)
        if cell.get(key) != recorded.get(key)
    ]
    return "; ".join(differ) or None
