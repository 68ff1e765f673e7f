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

LARGE = ", 2 MiB"
"""The end of the name of a row for a large file."""

OUTCOMES = {"ok": "ok", "not_found": "404", "error": "err"}
SAVED = {"part": "½", "empty": "∅", "other": "≠"}

HEADERS = {
    "http.client": "http.<br>client",
    "urllib.request": "urllib.<br>request",
    "flags2-threadpool": "flags2<br>threads",
    "flags2-asyncio": "flags2<br>asyncio",
}
"""Names that would make a column wide."""

EXITS = {
    "curl": {
        1: "no such protocol",
        7: "cannot connect",
        18: "less than announced",
        22: "a status of 400 or above",
        27: "out of memory",
        28: "timeout",
        47: "too many redirects",
        52: "no response",
        56: "cannot receive",
        61: "no such coding",
    },
    "wget": {1: "an error of another kind", 4: "the network fails", 8: "the server says so"},
}
"""What exit statuses mean, by the manuals of the programs."""

PAGE = Path(__file__).with_name("page.template.md").read_text(encoding="utf-8")
REMARKS = Path(__file__).with_name("remarks.template.md").read_text(encoding="utf-8").strip()


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
        table=_lines(_table(matrix, large=False)),
        large=_lines(_table(matrix, large=True)),
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


def _table(matrix: Matrix, *, large: bool) -> Iterator[list[str]]:
    """The rows for flags; or those for a large file that differ from these."""
    columns = [name for name in matrix["clients"] if name != BESIDE]
    yield ["response", *(HEADERS.get(name, name) for name in columns), "ledger"]
    yield ["---"] * (len(columns) + 2)
    for name, row in matrix["rows"].items():
        cells = [short(row["cells"].get(column)) for column in columns]
        if name.endswith(LARGE):
            of_flag = matrix["rows"][name.removesuffix(LARGE)]["cells"]
            if not large or cells == [short(of_flag.get(column)) for column in columns]:
                continue
        elif large:
            continue
        yield [_label(name.removesuffix(LARGE)), *cells, _accepted(row["cells"].values())]


def _label(name: str) -> str:
    """The name of a row, its kinds as code: the first word, and the one after `then`."""
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
        if name.endswith(LARGE):
            continue
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
            if name.endswith(("then serve", LARGE)):
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
