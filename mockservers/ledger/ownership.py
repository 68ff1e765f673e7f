"""Which resource a file belongs to, and what it is of it, as far as names and digests say.

`ledger.explain` says more where the bytes are at hand; what it found is in the files then.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from itertools import takewhile
from urllib.parse import unquote

from mockservers.journal import Claimed, Files, KeptFile, RequestEntry
from mockservers.kinds.coding import Gzip
from mockservers.kinds.names import normalised
from mockservers.ledger.judge import span_of
from mockservers.ledger.model import (
    NOTHING,
    Account,
    Kept,
    Owned,
    Seen,
    digest_sent,
    in_parts,
    is_unclear,
    seen_of,
)

CONTROL = (".aria2", ".aria2__temp", ".st", ".ytdl")
"""Names of control files: beside a file, they mark it."""
MARKS = (".part", ".partial", ".crdownload", ".download", ".incomplete", ".tmp", ".temp", *CONTROL)
"""Ends of names that mark a file as incomplete."""
FOLDERS = ("partial", "incomplete", "tmp")
"""Folders whose files are marked."""

_COPY = re.compile(r"\.\d{1,4}$")  # wget's name for a second file


def is_marked(name: str, names: Collection[str], globs: Sequence[str] = ()) -> bool:
    """Whether a file is marked as incomplete: by its name, its folder, or a file beside it."""
    *folders, base = name.split("/")
    return (
        base.startswith(".")
        or base.lower().endswith(MARKS)
        or any(folder.lower() in FOLDERS for folder in folders)
        or any(name + end in names for end in CONTROL)
        or any(fnmatchcase(one, glob) for one in (name, base) for glob in globs)
    )


def is_control(name: str) -> bool:
    """Whether it is a control file, which holds nothing of a resource."""
    return name.lower().endswith(CONTROL)


def names_of_file(name: str) -> Iterator[str]:
    """What a file may be named after, in lower case: its name without marks."""
    base = name.rpartition("/")[2].lower()
    yield base
    shorter = base.removeprefix(".")
    while shorter.endswith(MARKS):
        shorter = shorter.rpartition(".")[0]
        yield shorter
    yield _COPY.sub("", shorter)


def names_of_account(account: Account) -> Iterator[str]:
    """The names that a file of it may have, in lower case."""
    last = unquote(account.path).rpartition("/")[2].lower() or "index.html"
    yield last
    yield from (f"{last}?{unquote(e.query).lower()}" for e in account.requests[:1] if e.query)
    if account.code:
        yield account.code.lower()


class Owners:
    """Finds the resource that a file belongs to."""

    def __init__(self, accounts: Collection[Account], claimed: Iterable[Claimed] = ()) -> None:
        self._claimed: dict[str, dict[str, None]] = {}
        for one in claimed:
            if one.file:
                self._add(self._claimed, one.file, one.path)
        self._named: dict[str, dict[str, None]] = {}
        self._whole: dict[str, dict[str, None]] = {}
        self._sent: dict[str, dict[str, None]] = {}
        """Paths by the digest of a body that is not whole; no bytes only if that is unclear."""
        self._taken: set[str] = set()
        self._ends: dict[str, str] = {}
        """The resource that was redirected, by the path at the end."""
        for account in accounts:
            ends = (normalised(entry.path) for entry in account.requests)
            self._ends.update(dict.fromkeys(ends, account.path))
            for name in names_of_account(account):
                self._add(self._named, name, account.path)
            for entry in account.requests:
                if _is_whole(entry) and digest_sent(entry):
                    self._add(self._whole, digest_sent(entry) or "", account.path)
                elif entry.bytes_sent or seen_of(entry) is Seen.INDETERMINATE:
                    self._add(self._sent, digest_sent(entry) or "", account.path)

        self._ends.update({path: path for path in (account.path for account in accounts)})

    @staticmethod
    def _add(index: dict[str, dict[str, None]], key: str, path: str) -> None:
        index.setdefault(key, {})[path] = None

    def recorded(self, file: KeptFile) -> str | None:
        """The path that the journal names, unless its bytes were sent for others only."""
        paths = self._whole.get(file.sha256 or "", (file.of,))
        return file.of if file.what != Kept.WHOLE or file.of in paths else None

    def by_claim(self, name: str, sha256: str | None) -> str | None:
        """The path that a claim names the file for; of several, the one whose bytes it has."""
        paths = self._claimed.get(name, {})
        right = [path for path in paths if path in self._whole.get(sha256 or "", ())]
        found = next(iter([*right, *paths]), None)
        return self._ends.get(found or "", found)

    def by_digest(self, name: str, sha256: str | None) -> str | None:
        """The path whose bytes it has; of several, the one it is named after, else a free one."""
        paths = list(self._whole.get(sha256 or "", ()))
        if sha256 == NOTHING and (named := self.by_name(name)):  # an empty file of another one
            paths = [path for path in paths if path in named]
        return self._free(name, paths)

    def as_sent(self, name: str, sha256: str | None) -> str | None:
        """The same of a body that is not whole; a file of another name may be what was sent."""
        return self._free(name, list(self._sent.get(sha256 or "-", ())))

    def _free(self, name: str, paths: list[str]) -> str | None:
        if len(paths) < 2:
            return next(iter(paths), None)
        named = [path for path in self.by_name(name) if path in paths]
        free = [path for path in (*named, *paths) if path not in self._taken]
        found = next(iter([*free, *named, *paths]), None)
        if found:
            self._taken.add(found)
        return found

    def by_name(self, name: str) -> list[str]:
        """The paths that it is named after."""
        found = [path for one in names_of_file(name) for path in self._named.get(one, ())]
        if not found:  # `BR.png` for the code BR
            stem = name.rpartition("/")[2].partition(".")[0].lower()
            found = list(self._named.get(stem, ())) if len(stem) == 2 else []
        alike = [(_alike_at_the_end(path, name), path) for path in dict.fromkeys(found)]
        return [path for _, path in sorted(alike, key=lambda one: -one[0])]


def _alike_at_the_end(path: str, name: str) -> int:
    """How many segments at the end of a path are those of a name, its last one aside."""
    folders = zip(unquote(path).split("/")[-2::-1], name.split("/")[-2::-1], strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0].lower() == pair[1].lower(), folders))


def untouched(before: Files, after: Files) -> set[str]:
    """The names of files that are as they were, or were moved."""
    moved = {_identity(file) for file in before.values()} - {None}
    return {
        name
        for name, file in after.items()
        if same(file, before.get(name)) or _identity(file) in moved
    }


def same(file: KeptFile, before: KeptFile | None) -> bool:
    """Whether a file was not written again: what is known of both is equal."""
    if before is None or file.size != before.size:
        return False
    both = ((file.sha256, before.sha256), (file.mtime_ns, before.mtime_ns))
    known = [(a, b) for a, b in (*both, (file.inode, before.inode)) if a and b]
    return bool(known) and all(a == b for a, b in known)


def _identity(file: KeptFile) -> tuple[int, int, int] | None:
    """What is the same of a file that is moved."""
    if file.inode is None or file.mtime_ns is None:
        return None
    return file.inode, file.size, file.mtime_ns


def own(
    before: Files,
    after: Files,
    accounts: Iterable[Account],
    claimed: Iterable[Claimed] = (),
    partial: Sequence[str] = (),
) -> tuple[dict[str, tuple[Owned, ...]], tuple[str, ...]]:
    """The files of each path, and those new ones that belong to none."""
    accounts = list(accounts)
    owners, by_path = Owners(accounts, claimed), dict[str, list[Account]]()
    for account in accounts:
        by_path.setdefault(account.path, []).append(account)
    owned: dict[str, list[Owned]] = {}
    foreign = []
    had = untouched(before, after)
    for name, file in sorted(after.items()):
        path = owners.recorded(file) or owners.by_claim(name, file.sha256)
        path = path or owners.by_digest(name, file.sha256)
        if path is None and not is_control(name):
            path = next(iter(owners.by_name(name)), None) or owners.as_sent(name, file.sha256)
        if path not in by_path:
            if name not in had and not is_control(name):
                foreign.append(name)
            continue
        requests = [entry for account in by_path[path] for entry in account.requests]
        what, unclear = what_is(file, requests)
        marked = is_marked(name, after, partial)
        one = Owned(
            name,
            file,
            what,
            untouched=name in had,
            marked=marked,
            unclear=unclear,
            named=path in owners.by_name(name),
        )
        owned.setdefault(path, []).append(one)
    return {path: tuple(files) for path, files in owned.items()}, tuple(foreign)


def what_is(file: KeptFile, requests: Sequence[RequestEntry]) -> tuple[Kept, bool]:
    """What a file is, and whether it is what an unclear response sent."""
    sent = [
        e for e in requests if (digest_sent(e) == file.sha256 if file.size else not e.bytes_sent)
    ]
    unclear = any(seen_of(entry) is Seen.INDETERMINATE and not in_parts(entry) for entry in sent)
    coded = any(entry.do == Gzip.do and entry.sha256 == file.sha256 for entry in requests)
    if file.sha256 and coded:
        return Kept.AS_SENT, True  # it is kept as it was coded
    # It may have been looked at while the response was another's, which one that redirects led to.
    others = unclear and file.what in (Kept.MIXED, Kept.PART, Kept.EMPTY)
    if file.what and not others:  # of several bodies, in their places: as unclear as one of them
        together = file.what == Kept.AS_SENT and len(file.pieces) > 1
        return Kept(file.what), unclear or (together and any(map(is_unclear, requests)))
    if any(map(_is_whole, sent)):
        return Kept.WHOLE, unclear
    if sent and unclear:
        return Kept.AS_SENT, True
    if not file.size:
        return Kept.EMPTY, False
    if sent:
        spans = [span_of(entry) for entry in sent]
        if any(span and not span.start for span in spans):
            return Kept.PART, False
        pages = any((entry.status or 0) >= 300 for entry in sent)
        return (Kept.PAGE if pages else Kept.AS_SENT), False
    unknown = any(digest_sent(entry) is None for entry in requests) or file.sha256 is None
    return (Kept.UNKNOWN if unknown else Kept.DIFFERENT), False


def _is_whole(entry: RequestEntry) -> bool:
    span = span_of(entry)
    return span is not None and not span.start and span.stop == span.version[2]
