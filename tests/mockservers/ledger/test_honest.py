"""The books of an honest downloader balance, whatever breaks; those of a faulty one do not."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.examples import examples
from support.honest import FAULTS, Downloader

from mockservers.content.resources import FlagCatalogue
from mockservers.faults import (
    BadRange,
    Reset,
    Serve,
    Stall,
    Status,
    Truncate,
    Unsatisfiable,
)
from mockservers.flags2.codes import path_of_code
from mockservers.kinds.base import OfResource
from mockservers.plan import Plan
from mockservers.strategies import code_lists, plans, range_plans, replies

NAMED = ["{code}.gif", "{low}.gif", "{low}", "deep/er/{code}.GIF"]
"""Names that say whose file it is."""
NAMES = st.sampled_from([*NAMED, "x{n}", "deep/er/{n} ü.bin"])
MAY_BE_RIGHT = ("a short body is whole", "an empty file")
"""Faults that are none where it is up to the client what a response is."""
FLAGS = FlagCatalogue()
HALF = 9_000
CUT = (Truncate(HALF), Reset(after_bytes=HALF), Stall(after_bytes=HALF, for_s=0.0))


def downloaded(servers, plan, codes, name, fault=None):
    """The ledger of a download of some codes, and the downloader."""
    servers.begin_run(plan)
    paths = [path_of_code(code) for code in codes]
    names = {
        path: name.format(code=code, low=code.lower(), n=n)
        for n, (code, path) in enumerate(zip(codes, paths, strict=True))
    }
    with TemporaryDirectory() as folder:
        base = servers.urls["LOCAL"].removesuffix("/flags")
        downloader = Downloader(base, Path(folder), fault, names=names)
        ok = downloader.run(paths)
        if fault == "splices" and all(is_whole(downloader.file_of(p), p, plan) for p in paths):
            downloader.met = False  # what came belongs together after all
        if fault in MAY_BE_RIGHT and any(one.may_be_unclear for one in plan.faults()):
            downloader.met = False
        return servers.ledger(ok=ok, asked=codes, files=folder), downloader


def is_whole(file, path, plan):
    """Whether a file is a version of what is at a path; also if there is none."""
    resource = FLAGS.find(path)
    if resource is None or not file.exists():
        return True
    faults = [fault for fault in (Serve(), *plan.faults()) if isinstance(fault, OfResource)]
    versions = [resource.version(one.sent_version, one.grow) for one in faults]
    content = file.read_bytes()
    return any(content == one.read(0, one.info.length) for one in versions)


PLANS = plans(replies(silence_s=0.01)) | range_plans(silence_s=0.01)


@examples(25)
@given(plan=PLANS, codes=code_lists(max_size=3), name=NAMES)
def test_the_books_of_an_honest_downloader_balance(servers, plan, codes, name):
    ledger, _ = downloaded(servers, plan, codes, name)
    assert ledger.balanced, (ledger.imbalances, plan)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_that_was_met_is_an_imbalance(servers, fault):
    @examples(4)
    @given(
        plan=PLANS,
        codes=code_lists(max_size=3),
        name=st.sampled_from(NAMED),
    )
    def drawn(plan, codes, name):
        check(plan, codes, name)

    def check(plan, codes, name):
        ledger, downloader = downloaded(servers, plan, codes, name, fault)
        assert not (downloader.met and ledger.balanced), (plan, ledger.notes)
        return downloader.met

    drawn()
    met = (
        check(Plan(rules={"BR": replies}, ranges=True), ["BR", "CN"], "{low}.gif")
        for replies in (
            *((cut, Serve(version=version)) for cut in CUT for version in (1, 2)),
            (Truncate(HALF), BadRange("ignored")),
            (Truncate(HALF), BadRange("stale")),
            (Truncate(HALF), Unsatisfiable()),
            (Truncate(HALF),),
            (Status(503, body_bytes=700),),
        )
    )
    assert any(met), "no plan shows this fault"
