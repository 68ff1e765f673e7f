"""Which resource a file belongs to, by claim, digest and name; and which files are marked."""

import hashlib

from msgspec import convert
from support.rows import each
from support.small_ledgers import BODY, cut, file, no_length, whole

from mockservers.journal import Claimed, KeptFile
from mockservers.journal_json import line_from_json
from mockservers.ledger.model import Account
from mockservers.ledger.ownership import is_marked, own

OTHER = b"other bytes " * 9


def account(path, *entries, code=None):
    requests = tuple(line_from_json(entry | {"path": path}) for entry in entries)
    return Account(code, path, "LOCAL", "", requests, 0, (), ())


ACCOUNTS = [
    account("/a/one.bin", whole("BR")),
    account("/a/two.bin", cut("BR")),
    account("/b/caf%C3%A9.bin", whole("BR", sha256=hashlib.sha256(OTHER).hexdigest())),
    account("/flags/br/br.gif", no_length("BR", n=4), code="BR"),
    account("/", cut("BR")),
]
OWNERS = {
    # name, content -> path, what it is
    ("one.bin", BODY): ("/a/one.bin", "whole"),
    ("anything", BODY): ("/a/one.bin", "whole"),
    ("deep/er/anything", OTHER): ("/b/caf%C3%A9.bin", "whole"),
    ("café.bin", b"x"): ("/b/caf%C3%A9.bin", "different"),
    ("TWO.BIN", b"x"): ("/a/two.bin", "different"),
    ("two.bin.part", BODY[:5]): ("/a/two.bin", "part"),
    (".two.bin.tmp", b""): ("/a/two.bin", "empty"),
    ("two.bin.1", b"x"): ("/a/two.bin", "different"),
    ("index.html", b"x"): ("/", "different"),
    ("BR.png", BODY[:5]): ("/flags/br/br.gif", "as sent"),
    ("br.gif", b"x"): ("/flags/br/br.gif", "different"),
    ("claimed.txt", b"x"): ("/a/two.bin", "different"),
    ("notes.txt", b"x"): None,
    ("two.bin.aria2", b"x"): None,
}


@each("file_", OWNERS)
def test_a_file_belongs_to_the_resource_that_its_claim_bytes_or_name_say(file_):
    name, content = file_
    after = {name: convert(file(content), KeptFile)}
    claims = [Claimed("/a/two.bin", "ok", file="claimed.txt")]
    owned, foreign = own({}, after, ACCOUNTS, claims)
    if OWNERS[file_] is None:
        assert owned == {}
        assert foreign == (() if name.endswith(".aria2") else (name,))
    else:
        ((path, (one,)),) = owned.items()
        assert (path, one.what) == OWNERS[file_]


def test_of_equal_resources_each_has_a_file_of_its_own():
    twins = [account("/x.bin", whole("BR")), account("/y.bin", whole("BR"))]
    after = {name: convert(file(), KeptFile) for name in ("1", "2")}
    assert {path: one[0].name for path, one in own({}, after, twins)[0].items()} == {
        "/x.bin": "1", "/y.bin": "2",
    }  # fmt: skip
    named = {name: convert(file(), KeptFile) for name in ("copy", "y.bin")}
    assert own({}, named, twins)[0]["/y.bin"][0].name == "y.bin"


@each(
    ("name", "beside", "marked"),
    [
        ("a.part", [], True), ("a.PART", [], True), ("a.crdownload", [], True), (".a", [], True),
        ("partial/a", [], True), ("x/tmp/a", [], True), ("a", ["a.aria2"], True),
        ("a", ["a.st"], True), ("a", ["b.aria2"], False), ("a", [], False), ("part/a", [], False),
        ("a.parts", [], False), ("a.wip7", [], True), ("x/a.wip7", [], True),
    ],
)  # fmt: skip
def test_a_file_is_marked_by_its_name_its_folder_or_a_control_file(name, beside, marked):
    assert is_marked(name, {name, *beside}, ["*.wip?"]) is marked
