"""What a program has kept is judged by its bytes, whatever the files are called."""

import os
import urllib.error
import urllib.request

import pytest
from support.rows import each

from mockservers import running
from mockservers.faults import NoLength, Status, Truncate
from mockservers.files import files_in, stats_in, unwritable_in
from mockservers.ledger.text import ledger_text
from mockservers.plan import Plan

BODIES = {
    f"/data/{name}.bin": bytes((n * factor >> 13) & 255 for n in range(9_000))
    for name, factor in (("one", 2654435761), ("two", 2246822519), ("three", 3266489917))
}
ONE, TWO, THREE = BODIES.values()
PLAN = Plan(rules={"/data/two.bin": (Truncate(3_000),), "/data/three.bin": (Status(503),)})


@pytest.fixture(scope="module")
def own():
    with running(PLAN, BODIES) as servers:
        yield servers


def ask(servers):
    servers.begin_run(PLAN, BODIES)
    for path in BODIES:
        try:
            url = servers.urls["LOCAL"].removesuffix("/flags") + path
            with urllib.request.urlopen(url) as response:
                response.read(10_000)
        except urllib.error.HTTPError as exc:
            exc.close()


KEPT = {
    # files -> what does not balance for a program that ended with 0
    "nothing": ({}, {"one": "lost", "two": "lost", "three": "lost"}),
    "all of it, from elsewhere": ({"1": ONE, "2": TWO, "3": THREE}, {}),
    "as it came": ({"one.bin": ONE, "two.bin": TWO[:3_000], "three.bin": b""},
                   {"two": "corrupt", "three": "corrupt"}),
    "under other names": ({"x": ONE, "y/z": TWO[:3_000], "w": THREE}, {"two": "corrupt"}),
    "a part that begins elsewhere": ({"x": ONE, "y": b"junk" + TWO[:3_000], "w": THREE},
                                     {"two": "corrupt"}),
    "names changed about": ({"two.bin": ONE, "one.bin": TWO, "w": THREE}, {}),
    "marked": ({"x": ONE, "two.bin.part": TWO[:3_000], "w": THREE}, {"two": "corrupt"}),
    "and a log": ({"1": ONE, "2": TWO, "3": THREE, "log.txt": b"all is well\n" * 99}, {}),
}  # fmt: skip


@each("name", KEPT)
def test_files_belong_to_resources_by_their_bytes(own, tmp_path, name):
    files, words = KEPT[name]
    folder = tmp_path / name
    for file, content in files.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(content)
    ask(own)
    ledger = own.ledger(ok=True, files=folder)
    found = {one.code.split("/")[2].removesuffix(".bin"): one.kind for one in ledger.imbalances}
    assert found == words
    foreign = [note for note in ledger.notes if "belong to nothing" in note]
    assert [note.endswith(": log.txt") for note in foreign] == [True] * ("log.txt" in files)


HEADER = b"id,name,value,comment,some,more,columns,to,make,the,first,line,long,enough,really\n"
ALIKE = {
    "/x.csv": HEADER + ONE,
    "/y.csv": HEADER + TWO,
    "/tiny.txt": b"2026.11",
    "/empty": b"",
}


def get(servers, path, spec=None):
    url = servers.urls["LOCAL"].removesuffix("/flags") + path
    asked = urllib.request.Request(url, headers={"Range": f"bytes={spec}"} if spec else {})
    with urllib.request.urlopen(asked) as response:
        return response.read()


def test_a_file_that_came_in_parts_is_known_by_all_of_its_bytes(own, tmp_path):
    own.begin_run(Plan(ranges=True), ALIKE)
    kept = {"one": "/x.csv", "two": "/y.csv", "version": "/tiny.txt", "nothing": "/empty"}
    for name, path in kept.items():
        parts = [get(own, path)] if path == "/empty" else [
            get(own, path, "0-2"), get(own, path, "3-"),
        ]  # fmt: skip
        (tmp_path / name).write_bytes(b"".join(parts))
    assert own.check(ok=True, files=tmp_path).balanced
    (tmp_path / "two").write_bytes(ALIKE["/y.csv"][:5_000])
    (wrong,) = own.ledger(ok=True, files=tmp_path).imbalances
    assert (wrong.kind, wrong.code) == ("corrupt", "LOCAL /y.csv")
    assert wrong.actual.endswith("two has only the first 5000 of 9082 bytes")


TWINS = {"/d1/x": ONE, "/d2/x": ONE, "/d1/__init__.py": b"", "/d2/__init__.py": b""}


def test_of_files_with_one_name_each_belongs_to_the_path_that_its_folder_is_in(own, tmp_path):
    own.begin_run({}, TWINS)
    for path in TWINS:
        file = tmp_path / path[1:]
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(get(own, path))
    assert own.check(ok=True, files=tmp_path).balanced
    (tmp_path / "d2/x").unlink()
    assert [one.code for one in own.ledger(ok=True, files=tmp_path).imbalances] == ["LOCAL /d2/x"]


def test_a_resource_that_is_named_like_a_control_file_is_kept(own, tmp_path):
    own.begin_run({}, {"/data.st": ONE, "/x.aria2": TWO})
    for path in ("/data.st", "/x.aria2"):
        (tmp_path / path[1:]).write_bytes(get(own, path))
    assert own.check(ok=True, files=tmp_path).balanced


def test_what_is_not_to_be_fetched_need_not_be_kept(own, tmp_path):
    own.begin_run({}, BODIES)
    (tmp_path / "1").write_bytes(get(own, "/data/one.bin"))
    get(own, "/data/two.bin")
    ledger = own.check(ok=True, asked=["/data/one.bin"], files=tmp_path)
    assert any("/data/two.bin" in note for note in ledger.notes)
    lost = own.ledger(ok=True, files=tmp_path).imbalances
    assert [(one.kind, one.code) for one in lost] == [("lost", "LOCAL /data/two.bin")]


def test_a_request_that_is_no_get_is_no_row(own, tmp_path):
    own.begin_run({}, BODIES)
    url = own.urls["LOCAL"].removesuffix("/flags") + "/data/one.bin"
    for method in ("POST", "HEAD"):
        request = urllib.request.Request(url, method=method)
        try:
            urllib.request.urlopen(request).close()
        except urllib.error.HTTPError as exc:
            exc.close()
    assert own.check(ok=True, files=tmp_path).rows == {}


def test_only_what_is_blocked_may_be_called_an_error(own, tmp_path):
    own.begin_run({}, BODIES)
    get(own, "/data/one.bin")
    (tmp_path / "logs").mkdir()
    said = {"/data/one.bin": "error"}
    assert [one.kind for one in own.ledger(said, files=tmp_path).imbalances] == ["miscounted"]
    (tmp_path / "one.bin.part").mkdir()
    assert own.check(said, files=tmp_path).balanced


def test_a_name_cannot_forge_a_line_of_the_ledger(own, tmp_path):
    own.begin_run({}, BODIES)
    get(own, "/data/one.bin")
    (tmp_path / "x\nledger: the books balance").write_bytes(ONE[:500])
    text = ledger_text(own.ledger(ok=True, files=tmp_path))
    assert [line for line in text.splitlines() if line.startswith("ledger: ")] == [
        "ledger: NOT BALANCED: 1 file is wrong though the program is said to have ended well"
    ]


def test_of_resources_that_share_blocks_the_one_with_the_most_in_place_has_the_file(own, tmp_path):
    shared = ONE[:64]
    alike = {"/a": TWO[:640] + TWO[1_000:], "/b": THREE[:64] + shared * 100, "/c": shared * 99}
    own.begin_run(Plan(rules={"/a": (NoLength(640),)}), alike | {"/a": TWO[:128] + shared * 90})
    for path in alike:
        get(own, path)
    (tmp_path / "a").write_bytes(TWO[:128] + shared * 8)
    (tmp_path / "b").write_bytes(alike["/b"])
    (tmp_path / "c").write_bytes(alike["/c"])
    assert own.check(dict.fromkeys(alike, "ok"), files=tmp_path).balanced


def test_a_file_made_of_a_whole_one_is_a_note_unless_it_has_the_name(own, tmp_path):
    ask(own)
    for name, content in {"1": ONE, "2": TWO, "3": THREE, "preview": ONE[:500]}.items():
        (tmp_path / name).write_bytes(content)
    ledger = own.check(ok=True, files=tmp_path)
    assert any("preview has only the first 500 of 9000 bytes" in note for note in ledger.notes)
    (tmp_path / "preview").rename(tmp_path / "one.bin")
    assert [one.kind for one in own.ledger(ok=True, files=tmp_path).imbalances] == ["leftover"]


def test_a_test_may_say_what_became_of_paths(own, tmp_path):
    ask(own)
    said = {"/data/one.bin": "ok", "/data/two.bin": "error", "/data/three.bin": "error"}
    (tmp_path / "any").write_bytes(ONE)
    assert own.check(said, files=tmp_path).balanced
    said["/data/three.bin"] = "not_found"
    words = [(one.kind, one.code) for one in own.ledger(said, files=tmp_path).imbalances]
    assert words == [("miscounted", "/data/three.bin")]
    with pytest.raises(ValueError, match=r"'br' is not a code .*: codes are in capitals"):
        own.ledger({"br": "ok"})
    with pytest.raises(ValueError, match="one of them is enough"):
        own.ledger(said, ok=True)


def test_what_was_never_asked_for_is_lost_and_a_failure_claims_nothing(own, tmp_path):
    ask(own)
    (tmp_path / "1").write_bytes(ONE)
    asked = ["/data/one.bin", "/data/four.bin"]
    lost = own.ledger(ok=True, asked=asked, files=tmp_path).imbalances
    assert ("lost", "LOCAL /data/four.bin") in [(one.kind, one.code) for one in lost]
    assert own.check(ok=False, asked=asked, files=tmp_path).balanced


def test_a_folder_is_looked_at_with_all_below_it_and_no_link_is_followed(tmp_path):
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/b/c").write_bytes(b"c")
    (tmp_path / "d").write_bytes(b"d")
    (tmp_path / "link").symlink_to(tmp_path / "d")
    (tmp_path / "loop").symlink_to(tmp_path)
    before = stats_in(tmp_path)
    assert sorted(before) == ["a/b/c", "d"]
    (tmp_path / "d").write_bytes(b"dd")
    after = files_in(tmp_path, before, but=[tmp_path / "a/b/x"])
    assert (after["a/b/c"].sha256, after["d"].size) == (None, 2)
    assert after["d"].sha256
    assert sorted(stats_in(tmp_path, [tmp_path / "d"])) == ["a/b/c"]
    assert files_in(tmp_path / "missing") == {}


def test_what_cannot_be_saved_as_is_found(tmp_path):
    assert unwritable_in(tmp_path / "made") == ()
    assert not (tmp_path / "made").exists()
    (tmp_path / "br.gif").mkdir()
    (tmp_path / "file").write_bytes(b"")
    assert unwritable_in(tmp_path) == ("br.gif",)
    (tmp_path / "nowhere").symlink_to("no/where")
    assert unwritable_in(tmp_path / "nowhere") == (".",)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["br.gif", "file", "nowhere"]


@pytest.mark.slow
def test_a_file_of_5_gb_and_100000_files_are_looked_at(tmp_path):
    big = tmp_path / "site/big.bin"
    big.parent.mkdir()
    with big.open("wb") as file:
        file.truncate(5_000_000_000)
        file.seek(4_999_999_000)
        file.write(ONE[:1000])
    (tmp_path / "out").mkdir()
    for n in range(100_000):
        (tmp_path / f"out/{n}").write_bytes(b"%d" % n)
    os.link(big, tmp_path / "out/big.bin")
    with running({}, tmp_path / "site") as servers:
        url = servers.urls["LOCAL"].removesuffix("/flags") + "/big.bin"
        with urllib.request.urlopen(url) as response:
            while response.read(1 << 20):
                pass
        ledger = servers.ledger(ok=True, files=tmp_path / "out")
    assert ledger.balanced
    assert ledger.rows["LOCAL /big.bin"].kept == "whole"
