"""The matrix as JSON, and the page that is made from that."""

import json
import re
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from matrix.measure import Cell

DOCS = Path(__file__).parents[2] / "docs"
JSON_FILE = DOCS / "client-effects.json"
PAGE_FILE = DOCS / "client-effects.md"

Matrix = dict[str, Any]
"""`platform`; `clients`: by name, `version` and `asked`; `rows`: by name, `kind`, `plan` and
`cells`, which are a `Cell` by client."""

BESIDE = "plain curl"
"""The client that has no column: it only differs from the one before it."""

OUTCOMES = {"ok": "ok", "not_found": "404", "error": "err"}
SAVED = {"part": "½", "empty": "∅", "other": "≠"}

HEADERS = {
    "http.client": "http.<br>client",
    "flags2-threadpool": "flags2<br>threads",
    "flags2-asyncio": "flags2<br>asyncio",
}
"""Names that would make a column wide."""

EXITS = {
    "curl": {
        1: "no such protocol",
        7: "cannot connect",
        18: "less than was announced",
        22: "a status of 400 or above",
        27: "out of memory",
        28: "out of time",
        47: "too many redirects",
        52: "no reply",
        56: "cannot receive",
        61: "no such coding",
    },
    "wget": {1: "an error of another kind", 4: "the network fails", 8: "the server says so"},
}
"""What exit statuses mean, by the manuals of the programs."""

PAGE = """\
# What clients make of each kind of reply

What becomes of a broken reply is up to the client. Here is what some that are widely used, and the
two downloaders of this project, make of every kind of reply that a plan may have, on real sockets.
`tox -e matrix` remakes this page, and the daily suite fails where it is no longer true. The plan of
every row is in [client-effects.json](client-effects.json), as its `plan`.

{versions}

{table}

- A row names what the first request for BR meets, and behind *then* what the second does.
- **ok**, **404**, **err**: the client takes it for a success, for not found, for an error. In
  parentheses: the exit status of a program, where it is not 0.
- What it saved: **½** a part of the flag, **∅** an empty file or none, **≠** other bytes. Without a
  sign: the whole flag where it says ok, no file where it does not.
- **×4**: the server saw four requests. Without a sign: one.
- **Bold**: the ledger calls this out, where it knows what was asked for: an ok that is none
  (*corrupt*, *miscounted*), a part that is left behind (*leftover*), or asking more often than a
  download may (*duplicated*).
- **ledger**: what it accepts from a client that keeps just the bytes it was sent; where that
  depends on how often the client asks, by number of requests.

## What to know

{remarks}

## How clients are asked

| client | how, and what counts as ok |
| --- | --- |
{clients}

## What clients call an error

| client | says | of |
| --- | --- | --- |
{names}
"""

REMARKS = """\
**Half a body without a length is whole to every client** (`no_length`). There the ledger accepts
ok and err, and so it does where clients differ and none is wrong: heads that are cut, too many
fields, more body than announced, a reset behind the end.

**aiohttp asks again**, once, without a word, where a connection ends before the head of the reply
does. The ledger notes that as *recovered*. A fault that every client is to meet has to hit every
attempt, as one drawn from a mix does unless the plan says `per_attempt`.

**urllib3 asks up to four times**, after half a body and a 429 with `Retry-After` too; requests,
which is built on it, asks once. **wget asks again** when a connection breaks.

**curl and wget leave behind** the part that they got; `curl --remove-on-error` does not.

**Any status below 400 is ok** for requests, aiohttp and curl: a 304, or a 301 that leads nowhere,
is an empty file. wget takes bytes that are not HTTP for a file. http.client does not undo the
coding that it was told to offer.

**A loop of redirects** is followed {loops}.

**fetch** calls a reset by one of two names, as it hears of it; all other cells came out the same
whenever they were measured.

**Plain curl**, without `-L --fail`, differs from curl in this: {plain}."""


def dumps(matrix: Matrix) -> str:
    """The JSON of a matrix, a cell per line."""
    clients = [f"    {_json(name)}: {_json(client)}" for name, client in matrix["clients"].items()]
    rows = []
    for name, row in matrix["rows"].items():
        cells = [f"        {_json(client)}: {_json(cell)}" for client, cell in row["cells"].items()]
        rows.append(
            f'    {_json(name)}: {{\n      "kind": {_json(row["kind"])},\n'
            f'      "plan": {_json(row["plan"])},\n'
            f'      "cells": {{\n{_joined(cells)}\n      }}\n    }}'
        )
    return (
        f'{{\n  "platform": {_json(matrix["platform"])},\n'
        f'  "clients": {{\n{_joined(clients)}\n  }},\n  "rows": {{\n{_joined(rows)}\n  }}\n}}\n'
    )


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _joined(lines: list[str]) -> str:
    return ",\n".join(lines)


def page(matrix: Matrix) -> str:
    """The page of a matrix, in Markdown."""
    versions = [client["version"] for client in matrix["clients"].values()]
    used = ", ".join(dict.fromkeys(", ".join(versions).split(", ")))
    remarks = REMARKS.format(loops=_loops(matrix), plain=_plain(matrix)).split("\n\n")
    return PAGE.format(
        versions=_filled(f"Measured with {used}, on {matrix['platform']}."),
        table=_lines(_table(matrix)),
        remarks="\n".join(_filled(remark, "- ") for remark in remarks),
        clients=_lines([f"`{name}`", c["asked"]] for name, c in matrix["clients"].items()),
        names=_lines(_names(matrix)),
    )


def _filled(text: str, bullet: str = "") -> str:
    indent = " " * len(bullet)
    options = {"initial_indent": bullet, "subsequent_indent": indent, "break_on_hyphens": False}
    return textwrap.fill(text, 100, break_long_words=False, **options)


def _lines(rows: Iterable[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _table(matrix: Matrix) -> Iterator[list[str]]:
    columns = [name for name in matrix["clients"] if name != BESIDE]
    yield ["reply", *(HEADERS.get(name, name) for name in columns), "ledger"]
    yield ["---"] * (len(columns) + 2)
    for name, row in matrix["rows"].items():
        cells = [short(row["cells"].get(column)) for column in columns]
        yield [_label(name), *cells, _accepted(row["cells"].values())]


def _label(name: str) -> str:
    """The name of a row, its kinds as code: the first word, and the one behind `then`."""
    return re.sub(r"^\w+|(?<=, then )serve", r"`\g<0>`", name)


def short(cell: Cell | None) -> str:
    """A cell in a few signs; the page says what they mean."""
    if cell is None:
        return "–"
    said, came = [OUTCOMES[cell["outcome"]]], []
    if cell.get("exit"):
        said.append(f"({cell['exit']})")
    if cell["saved"] in SAVED:
        came.append(SAVED[cell["saved"]])
    elif cell["outcome"] == "ok" and cell["saved"] == "nothing":
        came.append(SAVED["empty"])
    if cell["requests"] != 1:
        came.append(f"×{cell['requests']}")
    text = " ".join("\u00a0".join(signs) for signs in (said, came) if signs)
    return f"**{text}**" if cell["imbalances"] else text


def _accepted(cells: Iterable[Cell]) -> str:
    fewest: dict[str, int] = {}
    for cell in sorted(cells, key=lambda cell: cell["requests"]):
        words = [word for outcome, word in OUTCOMES.items() if outcome in cell["accepts"]]
        fewest.setdefault("\u00a0or\u00a0".join(words), cell["requests"])
    if len(fewest) == 1:
        return next(iter(fewest))
    return ", ".join(f"×{requests}:\u00a0{words}" for words, requests in fewest.items())


def _loops(matrix: Matrix) -> str:
    by_hops: dict[int, list[str]] = {}
    for client, cell in matrix["rows"]["redirect_loop"]["cells"].items():
        if client != BESIDE and not client.startswith("flags2"):
            by_hops.setdefault(cell["requests"] - 1, []).append(client)
    return ", ".join(
        f"{hops or 'not'} {'times ' if hops else ''}by {' and '.join(clients)}"
        for hops, clients in sorted(by_hops.items())
    )


def _plain(matrix: Matrix) -> str:
    """Where the client without a column differs from the one before it."""
    names = list(matrix["clients"])
    beside = names[names.index(BESIDE) - 1]
    differ: dict[str, list[str]] = {}
    for name, row in matrix["rows"].items():
        sign = short(row["cells"][BESIDE])
        if sign != short(row["cells"][beside]):
            differ.setdefault(sign, []).append(_label(name))
    return ". ".join(f"{sign} for {'; '.join(labels)}" for sign, labels in differ.items())


def _names(matrix: Matrix) -> Iterator[list[str]]:
    """What each client calls which replies; what libraries say of a status is its number."""
    for client in matrix["clients"]:
        if client == BESIDE or client.startswith("flags2"):
            continue
        called: dict[str, list[str]] = {}
        for name, row in matrix["rows"].items():
            cell = row["cells"].get(client, {})
            if name.endswith("then serve"):
                continue  # as without it
            if cell.get("exit"):
                says = f"{cell['exit']}, {EXITS[client].get(cell['exit'], 'see its manual')}"
                called.setdefault(says, []).append(_label(name))
            elif "says" in cell and not cell["says"].startswith("HTTP "):
                called.setdefault(f"`{cell['says']}`", []).append(_label(name))
        first = f"`{client}`"
        for says, labels in called.items():
            yield [first, says, "; ".join(labels)]
            first = ""
