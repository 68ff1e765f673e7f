"""Remake docs/client-effects.json, and docs/client-effects.md from it.

    python tests/matrix/make.py

Needs all clients: the packages of the extra `test`; curl, wget and node on PATH. Everything is
asked three times over; a cell that is not the same each time is named, and nothing is written.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from matrix.clients import CLIENTS
from matrix.measure import measure
from matrix.page import JSON_FILE, PAGE_FILE, dumps, page
from matrix.replies import ROWS

from mockservers.plan_json import plan_to_json

TIMES = 3


def main() -> None:
    missing = [client.name for client in CLIENTS if client.version() is None]
    if missing:
        sys.exit(f"not installed here: {', '.join(missing)}; the page has all clients")
    matrix = {
        "platform": sys.platform,
        "clients": {
            client.name: {"version": client.version(), "asked": client.asked} for client in CLIENTS
        },
        "rows": {
            row.name: {"kind": row.kind, "plan": plan_to_json(row.plan), "cells": {}}
            for row in ROWS
        },
    }
    varying = []
    for client in CLIENTS:
        first, *others = [measure(client, ROWS) for _ in range(TIMES)]
        for name, cell in first.items():
            matrix["rows"][name]["cells"][client.name] = cell
            varying += [
                f"{client.name}, {name}: {cell}, and then {o[name]}"
                for o in others
                if o[name] != cell
            ]
        print(f"{client.name}: {len(first)} cells")
    if varying:
        sys.exit("\n".join(["not the same each time:", *varying]))
    JSON_FILE.parent.mkdir(exist_ok=True)
    JSON_FILE.write_text(dumps(matrix), encoding="utf-8")
    PAGE_FILE.write_text(page(matrix), encoding="utf-8")
    print(f"written: {JSON_FILE.name}, {PAGE_FILE.name}")


if __name__ == "__main__":
    main()
