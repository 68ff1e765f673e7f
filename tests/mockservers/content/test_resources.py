"""What a folder of files gives away, and what it does not, whatever a path says."""

import os
from pathlib import Path
from urllib.parse import quote, unquote

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st
from support.examples import examples
from support.rows import each

from mockservers.content.flag_images import flag
from mockservers.content.folder import FolderCatalogue
from mockservers.content.resources import FlagCatalogue, info_in
from mockservers.flags2.codes import ALL_CODES, packaged_codes, path_of_code
from mockservers.kinds.resource import Resource, ResourceInfo

SECRET = b"nobody may read this"
INSIDE = [
    "plain.txt",
    "flags/br/br.gif",
    "a b.txt",
    "100%.txt",
    "%2e%2e",
    "...",
    "ü/日本.txt",
    "u\u0308.txt",
    "q?x#y&z",
    "deep/er/still/x",
    "plain.txt.d/secret",
]
OUTSIDE = ["secret", "served.d/secret", "served-secret", "etc/passwd"]
LEADING_IN = {"inner": "plain.txt", "there/and/back": "../../../served/plain.txt", "dir": "flags"}
LEADING_OUT = {
    "outer": "../secret",
    "up": "..",
    "far/up": "../../..",
    "slash": "/",
    "neighbour": "../served.d",
    "chain": "up/secret",
    "circle": "circle",
    "nowhere": "not/there",
}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A folder of files, each of which says its name, with secrets and links around it."""
    top = tmp_path_factory.mktemp("top")
    for name in OUTSIDE:
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_bytes(SECRET)
    root = top / "served"
    for name in INSIDE:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode())
    for name, target in {**LEADING_IN, **LEADING_OUT}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).symlink_to(target)
    (root / "absolute").symlink_to(top / "secret")
    (root / "absolute.in").symlink_to(root / "plain.txt")
    os.mkfifo(root / "pipe")
    return root


KNOWN = [*INSIDE, *OUTSIDE, *LEADING_IN, *LEADING_OUT, "absolute", "pipe", "served"]
ODD = ["", ".", "..;", "....", "..\\", "..\0", "\0", "~", "C:", "%", "\udcff", "\n", "é", "x" * 300]
SEGMENTS = st.one_of(
    st.sampled_from(["..", "secret", "outer", "up/secret", "../served-secret"]),
    st.sampled_from(KNOWN),
    st.sampled_from(ODD),
    st.text(max_size=4),
)


def all_encoded(text):
    return "".join(f"%{byte:02x}" for byte in text.encode("utf-8", "surrogatepass"))


def encoded(text, places, again):
    """`text` with the characters at `places` percent-encoded, and the percent signs once more."""
    once = "".join(
        all_encoded(char) if places >> at % 64 & 1 else char for at, char in enumerate(text)
    )
    return once.replace("%", "%25") if again else once


SOME, ALL, NONE = st.integers(0, 2**64 - 1), st.just(2**64 - 1), st.just(0)
PATHS = st.builds(
    encoded,
    st.builds(
        lambda start, slash, segments: start + slash.join(segments),
        st.sampled_from(["/", "/", "/", "/../", "//", "\\", ""]),
        st.sampled_from(["/", "/", "//", "\\"]),
        st.lists(SEGMENTS, min_size=1, max_size=5),
    ),
    NONE | SOME | ALL,
    st.sampled_from([False, False, False, True]),
)
"""Paths of which many try to leave: as a client may send them, and worse."""


def leaks(catalogue, path):
    """Whether a path leads to something outside."""
    resource = catalogue.find(path)
    return resource is not None and SECRET in resource.read(0, 10_000)


@examples(60)
@given(path=PATHS)
def test_nothing_outside_is_ever_found(root, path):
    resource = FolderCatalogue(root).find(path)
    if resource:
        content = resource.read(0, 10_000)
        assert content.decode() in INSIDE
        assert resource.info.length == len(content)


@examples(60)
@given(path=PATHS)
def test_nothing_outside_is_found_by_its_absolute_path(root, path):
    for start in (f"{root.parent}/", f"/{root.parent}/", f"{root}/../", f"/{quote(str(root))}"):
        assert not leaks(FolderCatalogue(root), start + path.removeprefix("/"))
        assert not leaks(FolderCatalogue(root), quote(start, safe="") + path)


@each("name", INSIDE)
def test_every_file_inside_is_found_however_it_is_encoded(root, name):
    catalogue = FolderCatalogue(root)
    for path in (quote(f"/{name}"), f"/{quote(name, safe='')}", f"/{all_encoded(name)}"):
        resource = catalogue.find(path)
        assert resource.read(0, 100) == name.encode()
        assert resource.read(2, 4) == name.encode()[2:4]
        assert info_in(catalogue)(path) == resource.info


def test_links_that_lead_back_inside_are_followed_and_others_are_not(root):
    catalogue = FolderCatalogue(root)
    for name, path in [("inner", "/inner"), ("back", "/there/and/back"), ("in", "/absolute.in")]:
        assert catalogue.find(path).read(0, 100) == b"plain.txt", name
    assert catalogue.find("/dir/br/br.gif").read(0, 100) == b"flags/br/br.gif"
    ways_out = ["/outer", "/up/secret", "/far/up/secret", "/neighbour/secret", "/absolute"]
    ways_out += ["/chain", f"/slash{root.parent}/secret", "/up/served.d/secret", "/circle"]
    for path in ways_out:
        assert catalogue.find(path) is None, path
    assert catalogue.find("/up/served/plain.txt").read(0, 100) == b"plain.txt"


def test_what_is_no_regular_file_is_not_found(root):
    for path in ["/", "", "/flags", "/flags/br/", "/plain.txt/", "/plain.txt/x", "/pipe", "/no"]:
        assert FolderCatalogue(root).find(path) is None, path


@pytest.mark.parametrize(
    "path",
    [
        "/./plain.txt",
        "/flags/../plain.txt",
        "//plain.txt",
        "/flags//br/br.gif",
        "/flags\\br/br.gif",
    ],
)
def test_a_file_has_no_second_name_by_dots_slashes_or_backslashes(root, path):
    for spelled in (path, f"/{all_encoded(path[1:])}"):
        assert FolderCatalogue(root).find(spelled) is None


@pytest.mark.parametrize("name", ["x" * 300, "plain.txt%00", "%00", "a%00/plain.txt"])
def test_a_name_that_no_file_can_have_is_not_found(root, name):
    assert FolderCatalogue(root).find(f"/{name}") is None


@pytest.mark.skipif(os.name != "posix", reason="elsewhere no file has such a name")
def test_a_name_that_is_a_path_elsewhere_is_not_found(tmp_path):
    (tmp_path / "flags\\br.gif").write_bytes(b"GIF")
    assert FolderCatalogue(tmp_path).find("/flags%5Cbr.gif") is None


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("br.gif", "image/gif"),
        ("page.html", "text/html"),
        ("flags.tar.gz", "application/x-tar"),
        ("no-suffix", "application/octet-stream"),
    ],
)
def test_the_type_of_a_file_is_that_of_its_name(tmp_path, name, content_type):
    (tmp_path / name).write_bytes(b"")
    assert FolderCatalogue(tmp_path).find(f"/{name}").info.content_type == content_type


class Careless(FolderCatalogue):
    """A twin that forgets one of its guards."""

    def __init__(self, root, forgets):
        super().__init__(root)
        self._folder, self._forgets = root, forgets

    def find(self, path):
        try:
            return self._find(path)
        except (OSError, ValueError):
            return None

    def _find(self, path):
        decoded = unquote(path)
        if self._forgets == "links":
            file = self._folder / decoded.removeprefix("/")
            if ".." in decoded or not file.is_relative_to(self._folder):
                return None
        elif self._forgets == "encoding":
            if ".." in path:
                return None
            file = self._folder / unquote(decoded).removeprefix("/")
        else:  # a folder whose name begins as that of the root
            file = Path(os.path.realpath(self._folder / decoded.removeprefix("/")))
            if not str(file).startswith(str(self._folder)):
                return None
        content = file.read_bytes() if file.is_file() else None
        return content and Resource(ResourceInfo(len(content), ""), lambda a, b: content[a:b])


@pytest.mark.parametrize("forgets", ["links", "encoding", "prefix"])
def test_a_careless_catalogue_is_caught(root, forgets):
    assert find(
        PATHS,
        lambda path: leaks(Careless(root, forgets), path),
        settings=settings(
            max_examples=20_000,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )


def test_a_root_that_is_no_folder_is_refused(root):
    for name in ("plain.txt", "nowhere"):
        with pytest.raises(NotADirectoryError, match="is not a folder"):
            FolderCatalogue(root / name)


def test_the_flags_are_found_at_their_paths_and_nowhere_else():
    catalogue = FlagCatalogue()
    there = {code for code in ALL_CODES if catalogue.find(path_of_code(code))}
    assert there == set(packaged_codes())
    body = flag("BR")
    assert info_in(catalogue)(path_of_code("BR")) == ResourceInfo(len(body), "image/gif")
    for path in ["/flags/BR/BR.gif", "/flags/br/us.gif", "/flags/br/br.gif/", "//flags/br/br.gif"]:
        assert info_in(catalogue)(path) is None
