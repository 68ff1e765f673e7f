"""What docs/client-effects.md says of real clients is so."""

import json

from matrix.clients import CLIENTS
from matrix.measure import drift
from matrix.page import JSON_FILE, PAGE_FILE, dumps, page
from matrix.replies import ROWS
from support.rows import each

from mockservers.content.resources import BytesCatalogue, FlagCatalogue, info_in
from mockservers.faults import KINDS
from mockservers.plan_json import plan_to_json
from mockservers.predict import predict
from mockservers.strategies import CLEAR

MATRIX = json.loads(JSON_FILE.read_text(encoding="utf-8"))
DOWNLOADERS = ("flags2-threadpool", "flags2-asyncio")


def cells(row):
    return MATRIX["rows"][row.name]["cells"]


def test_the_page_is_made_from_the_json():
    assert PAGE_FILE.read_text(encoding="utf-8") == page(MATRIX)
    assert JSON_FILE.read_text(encoding="utf-8") == dumps(MATRIX)


def test_rows_and_columns_are_those_that_are_measured():
    assert {name: (row["kind"], row["plan"]) for name, row in MATRIX["rows"].items()} == {
        row.name: (row.kind, plan_to_json(row.plan)) for row in ROWS
    }
    assert {name: client["asked"] for name, client in MATRIX["clients"].items()} == {
        client.name: client.asked for client in CLIENTS
    }


def test_every_kind_of_response_has_a_row():
    assert {row.kind for row in ROWS} == {*KINDS, "refuse"}


def test_no_downloader_is_called_out_by_the_ledger():
    for row in ROWS:
        for name in DOWNLOADERS:
            assert not cells(row).get(name, {}).get("imbalances"), row.name


def test_the_downloaders_agree_on_the_kinds_that_are_called_clear():
    clear = [row for row in ROWS if len(row.replies) == 1 and type(row.replies[0]) in CLEAR]
    assert {row.kind for row in clear} == {kind.do for kind in CLEAR}
    for row in clear:
        assert (
            len({cell["outcome"] for name, cell in cells(row).items() if name in DOWNLOADERS}) < 2
        )


def test_the_downloaders_meet_what_was_predicted():
    for row in ROWS:
        find = info_in(BytesCatalogue(row.content) if row.content else FlagCatalogue())
        (forecast,) = predict(row.plan, "LOCAL", [row.code], find).values()
        for name in DOWNLOADERS:
            outcome = cells(row).get(name, {}).get("outcome")
            assert outcome in (None, forecast.outcome) or forecast.outcome == "depends", row.name


@each(
    ("change", "noticed_elsewhere"),
    [({"outcome": "ok"}, True), ({"exit": 56}, True), ({"says": "Oops"}, False),
     ({"requests": 2}, False), ({"saved": "part"}, False), ({"imbalances": ["lost"]}, False)],
)  # fmt: skip
def test_a_cell_that_changes_is_noticed(change, noticed_elsewhere):
    recorded = MATRIX["rows"]["truncate, no body"]["cells"]["curl"]
    assert drift(recorded, dict(recorded), same_conditions=True) is None
    assert drift(recorded, recorded | change, same_conditions=True)
    assert bool(drift(recorded, recorded | change, same_conditions=False)) is noticed_elsewhere


def test_where_clients_may_differ_a_new_version_may_too():
    recorded = MATRIX["rows"]["huge_headers"]["cells"]["curl"]
    newer = {**recorded, "outcome": "ok", "exit": 0}
    assert drift(recorded, newer, same_conditions=True)
    assert drift(recorded, newer, same_conditions=False) is None
    assert drift(recorded, {**newer, "outcome": "not_found"}, same_conditions=False)
