"""Files of a folder that are kept in memory: never older than the request."""

import os
import shutil

import pytest

from mockservers.content import folder
from mockservers.content.folder import KEPT_FILE, SETTLED_NS, FolderCatalogue

PATH = "/sub/file"
BEFORE, AFTER = b"before", b"behind"
"""Of one length."""


@pytest.fixture
def root(tmp_path):
    """A folder with one file, which nothing has changed for long."""
    (tmp_path / "root/sub").mkdir(parents=True)
    (tmp_path / "root/sub/file").write_bytes(BEFORE)
    (tmp_path / "outside").write_bytes(b"secret")
    return tmp_path / "root"


@pytest.fixture
def catalogue(root, monkeypatch):
    monkeypatch.setattr(folder, "SETTLED_NS", -1)
    return FolderCatalogue(root)


def is_kept(catalogue, path=PATH):
    return catalogue.find(path) is catalogue.find(path)


def test_a_file_is_kept_with_its_bytes(catalogue):
    assert catalogue.find(PATH).body == BEFORE
    assert is_kept(catalogue)


@pytest.mark.parametrize(("age_ns", "kept"), [(SETTLED_NS, False), (SETTLED_NS + 1, True)])
@pytest.mark.parametrize("latest", ["mtime", "ctime"])
def test_a_file_that_has_just_been_changed_is_not_kept(root, monkeypatch, age_ns, kept, latest):
    file = root / "sub/file"
    changed_ns = file.stat().st_ctime_ns
    if latest == "mtime":
        changed_ns += 10**9
        os.utime(file, ns=(changed_ns, changed_ns))
    monkeypatch.setattr(folder.time, "time_ns", lambda: changed_ns + age_ns)
    catalogue = FolderCatalogue(root)
    assert catalogue.find(PATH).body == BEFORE
    assert is_kept(catalogue) is kept


@pytest.mark.parametrize(("size", "kept"), [(0, True), (KEPT_FILE, True), (KEPT_FILE + 1, False)])
def test_a_long_file_is_not_kept(catalogue, root, size, kept):
    (root / "sub/file").write_bytes(bytes(size))
    assert (catalogue.find(PATH).body is not None) is kept
    assert is_kept(catalogue) is kept


def test_a_long_file_is_the_same_again_so_its_digest_is_remembered(catalogue, root):
    (root / "sub/file").write_bytes(bytes(KEPT_FILE + 1))
    first = catalogue.find(PATH)
    assert (catalogue.find(PATH), hash(catalogue.find(PATH))) == (first, hash(first))
    (root / "sub/file").write_bytes(bytes(KEPT_FILE + 2))
    assert catalogue.find(PATH) != first


def rename_over(file):
    other = file.with_name("other")
    other.write_bytes(AFTER)
    shutil.copystat(file, other)
    other.replace(file)


def write_in_place(file):
    """With the time that it had."""
    status = file.stat()
    clock = file.with_name("clock")  # that of the file system is coarse: until it goes on
    while not clock.exists() or clock.stat().st_ctime_ns == status.st_ctime_ns:
        clock.write_bytes(b"")
    with file.open("r+b") as stream:
        stream.write(AFTER)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


def lead_to(target):
    def change(file):
        file.unlink()
        file.symlink_to(target)

    return change


def replace_the_folder(file):
    shutil.copytree(file.parent, file.parents[1] / "new")
    (file.parents[1] / "new/file").write_bytes(AFTER)
    file.parent.rename(file.parents[1] / "old")
    (file.parents[1] / "new").rename(file.parent)


def move_out(file):
    """The same file, reached by a link that leads out of the folder."""
    away = file.parents[2] / "away"
    file.parent.rename(away)
    file.parent.symlink_to(away)


def pipe(file):
    file.unlink()
    os.mkfifo(file)


CHANGES = {
    rename_over: AFTER,
    write_in_place: AFTER,
    replace_the_folder: AFTER,
    lambda file: file.write_bytes(AFTER + b"!"): AFTER + b"!",
    lambda file: file.unlink(): None,
    lead_to("../../outside"): None,
    pipe: None,
    move_out: None,
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_found_is_what_is_there(catalogue, root, monkeypatch, change):
    monkeypatch.setattr(folder, "LOCATED_S", 0.0)
    assert is_kept(catalogue)
    change(root / "sub/file")
    found = catalogue.find(PATH)
    assert (found and found.body) == CHANGES[change]


def test_a_link_that_leads_elsewhere_now_is_followed_there(catalogue, root):
    (root / "one").write_bytes(BEFORE)
    (root / "two").write_bytes(AFTER)
    (root / "current").symlink_to("one")
    assert is_kept(catalogue, "/current")
    (root / "next").symlink_to("two")
    (root / "next").replace(root / "current")
    assert catalogue.find("/current").body == AFTER


def test_those_not_asked_for_longest_go_first(catalogue, root, monkeypatch):
    monkeypatch.setattr(folder, "KEPT_IN_ALL", 3 * (10 + folder.OVERHEAD))
    for name in "abcd":
        (root / name).write_bytes(bytes(10))
    first = {path: catalogue.find(path) for path in ("/a", "/b", "/c", "/a", "/d")}
    again = {path: catalogue.find(path) for path in ("/a", "/c", "/d", "/b")}
    assert [path for path in first if first[path] is again[path]] == ["/a", "/c", "/d"]


def test_a_file_that_is_replaced_while_it_is_read_is_read_again(catalogue, root, monkeypatch):
    opened = folder._OpenFile.found

    def replaced(self):
        monkeypatch.setattr(folder._OpenFile, "found", opened)
        rename_over(root / "sub/file")
        return opened(self)

    monkeypatch.setattr(folder._OpenFile, "found", replaced)
    assert catalogue.find(PATH).body in (BEFORE, AFTER)
    assert catalogue.find(PATH).body == AFTER


def test_one_that_cannot_be_read_is_found_without_its_bytes(catalogue, monkeypatch):
    monkeypatch.setattr(folder._Located, "all_bytes", lambda self: None)
    assert catalogue.find(PATH).body is None


def test_a_file_that_is_closed_is_read_no_more(catalogue):
    opened = catalogue.find(PATH).open()
    assert opened.read(2, 4) == BEFORE[2:4]
    opened.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        opened.read(0, 1)
