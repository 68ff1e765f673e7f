"""`docs/client-effects.md`: what it says of real clients is what they do."""

import json
import sys

import pytest
from matrix.clients import CLIENTS
from matrix.measure import drift, measure
from matrix.page import BESIDE, JSON_FILE, short
from matrix.replies import ROWS

pytestmark = pytest.mark.slow

MATRIX = json.loads(JSON_FILE.read_text(encoding="utf-8"))


def cells(row):
    return MATRIX["rows"][row.name]["cells"]


def rows_to_ask(client):
    """All of them; of the client beside another one, those in which the two differ."""
    if client.name != BESIDE:
        return ROWS
    return [row for row in ROWS if short(cells(row)[BESIDE]) != short(cells(row)["curl"])]


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_a_client_makes_of_every_response_what_the_page_says(client):
    version = client.version()
    if version is None:
        pytest.skip(f"{client.name} cannot be asked: its program is not on PATH, or another")
    recorded = MATRIX["clients"][client.name]["version"], MATRIX["platform"]
    same = recorded == (version, sys.platform)
    drifts = []
    for name, cell in measure(client, rows_to_ask(client)).items():
        row = MATRIX["rows"][name]["cells"]
        found = drift(row[client.name], cell, same_conditions=same)
        drifts += [f"{name}: {found}"] if found else []
        # What the ledger accepts is up to what the server saw, not to who asked.
        assert cell["accepts"] in [other["accepts"] for other in row.values()]
    assert not drifts, f"{version}, recorded with {recorded[0]}: run `tox -e matrix`"
