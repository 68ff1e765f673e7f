"""What a program has kept: its new files, compared with what the servers sent, byte by byte.

The files are looked at while the bytes are at hand: at the end of `mockservers run`, and in
`check(files=...)`. What is found goes into the journal (`KeptFile`), by which any ledger judges.
"""

import contextlib
import json
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO

from msgspec import structs

from mockservers.content.folder import FolderCatalogue
from mockservers.content.resources import FlagCatalogue
from mockservers.faults import Fault
from mockservers.files import files_in, stats_of
from mockservers.journal import Claimed, Files, KeptFile, RequestEntry
from mockservers.journal_json import read_journal
from mockservers.kinds.base import OfResource
from mockservers.kinds.coding import Gzip
from mockservers.kinds.names import normalised
from mockservers.kinds.request import RequestForm
from mockservers.kinds.resource import Catalogue, Resource
from mockservers.kinds.response import Response
from mockservers.ledger.attribution import attribute
from mockservers.ledger.collected import collect
from mockservers.ledger.explain import SEARCHED, Read, Sent, Version, common, explain
from mockservers.ledger.judge import span_of
from mockservers.ledger.model import Account, Kept, Seen, seen_of
from mockservers.ledger.ownership import Owners, is_control, untouched
from mockservers.plan import Plan, fate
from mockservers.plan_json import plan_from_json

ALIKE = 64
"""Bytes by which a file is known to hold something of a resource."""
SAMPLES, SAMPLES_IN_ALL = 64, 200_000
"""Blocks of each resource, and of all, that are looked for in files."""
SEARCHED_FOR, SEARCHES = 1_000, 1_000
"""Resources that are looked for anywhere in a file whose name says nothing; and such files."""
LOOKED_THROUGH = 2_000_000_000
"""Bytes that are looked through for blocks of resources in one file, each block by itself."""
SCORED = 100
"""Resources that are compared with a file whose bytes several of them have."""
MOST_SENT = 64
"""Responses of a resource with which a file is compared."""


def look_again(journal: Path, folder: Path) -> Files:
    """The files of a folder, compared with what the run of a journal was sent.

    Where what was served is no longer there, they have digests only.
    """
    collected = collect(read_journal(journal))
    header, evidence = collected.header, attribute(collected)
    options = dict(zip(header.options, header.options[1:], strict=False))
    before = header.files_before or {}
    try:
        catalogue = (
            FolderCatalogue(Path(options["--root"])) if "--root" in options else FlagCatalogue()
        )
        plans = {label: plan_from_json(json.dumps(plan)) for label, plan in header.plans.items()}
    except (OSError, ValueError):
        return files_in(folder, before)
    files = KeptFiles(evidence.every, plans, catalogue, evidence.claims.downloads)
    return files.look(folder, before, [journal])


class KeptFiles:
    """Looks at the files of a folder, knowing what was served."""

    def __init__(
        self,
        accounts: Iterable[Account],
        plans: Mapping[str, Plan],
        catalogue: Catalogue,
        claimed: Sequence[Claimed] = (),
    ) -> None:
        self._accounts: dict[str, list[Account]] = {}
        for account in accounts:
            self._accounts.setdefault(account.path, []).append(account)
        every = [one for found in self._accounts.values() for one in found]
        self._owners = Owners(every, claimed)
        self._claimed = [one.file for one in claimed if one.file]
        self._plans, self._catalogue = plans, catalogue
        self._by_size: dict[int, dict[str, list[Version]]] | None = None
        self._blocks: dict[bytes, set[str]] | None = None
        self._searches = SEARCHES if len(self._accounts) <= SEARCHED_FOR else 0

    def look(
        self,
        folder: Path,
        before: Files,
        but: Collection[Path] = (),
        progress: Callable[[int], None] = lambda count: None,
    ) -> dict[str, KeptFile]:
        """The files of a folder, and of claims: new ones with what they are, and whose."""
        files = files_in(folder, before, but, progress)
        claimed, self._claimed = self._claimed, []  # by a claim, only once
        for name in claimed:
            if name not in files and (outside := stats_of(folder / name)):
                files[name] = outside
        had = untouched(before, files)
        found = dict(files)
        for name in [one for one in files if one not in had]:
            found[name] = self._explained(folder / name, name, files[name])
        whole = {file.of for file in found.values() if file.what == Kept.WHOLE}
        for name in sorted(had):  # a client may have it already: is that a resource?
            paths = self._sizes().get(files[name].size, {}).keys() - whole
            with contextlib.suppress(OSError), (folder / name).open("rb") as stream:
                path = self._equal(files[name].size, _reader(stream), name, paths)
                if path:
                    whole.add(path)
                    found[name] = structs.replace(files[name], what=str(Kept.WHOLE), of=path)
        return found

    def _explained(self, file: Path, name: str, kept: KeptFile) -> KeptFile:
        digest = self._owners.by_digest(name, kept.sha256)
        path = self._owners.by_claim(name, kept.sha256) or digest
        try:
            with file.open("rb") as stream:
                read = _reader(stream)
                path = path or self._owner(name, kept.size, read)
                path = path or self._owners.as_sent(name, kept.sha256)
                if path is None or path not in self._accounts:
                    return kept
                if path == digest:
                    return structs.replace(kept, what=str(Kept.WHOLE), of=path)
                sent, versions = self._sent(path)
                what, pieces = explain(kept.size, read, sent, versions)
        except OSError:
            return kept
        return structs.replace(kept, what=str(what), of=path, pieces=pieces)

    # --- whose file it is --------------------------------------------------------------------

    def _owner(self, name: str, size: int, read: Read) -> str | None:
        """The path that it equals, or of whose bytes it holds the most; else the one it is named
        after.
        """
        named = self._owners.by_name(name)
        paths = self._sizes().get(size, {}).keys()
        if size and (equal := self._equal(size, read, name, paths)):
            return equal
        if is_control(name):
            return None
        held = self._held(size, read)
        if not held and not named and self._searches and ALIKE <= size <= SEARCHED:
            self._searches -= 1
            held = self._held_anywhere(read(0, size))
        scores = {path: (self._in_place(path, size, read), held[path]) for path in [*held][:SCORED]}
        most = [path for path, score in scores.items() if score == max(scores.values())]
        if len(most) == 1:
            return most[0]
        among = [path for path in named if path in most] or named
        return among[0] if among else None

    def _in_place(self, path: str, size: int, read: Read) -> int:
        """How many blocks at the beginning of a file are those of a version, where they belong."""
        data = read(0, min(size, SEARCHED // 64))
        found = []
        for version in self._sent(path)[1]:
            other = version.read(0, min(len(data), version.length))
            places = range(0, min(len(data), len(other)), ALIKE)
            found.append(sum(data[at : at + ALIKE] == other[at : at + ALIKE] for at in places))
        return max(found, default=0)

    def _equal(self, size: int, read: Read, name: str, paths: Collection[str]) -> str | None:
        """The path with a version that a file equals, of those that have one of its size."""
        named = self._owners.by_name(name)
        for path in sorted(paths, key=lambda path: path not in named):
            versions = self._sizes()[size][path]
            if any(common(read, 0, size, one.read, 0, size) == size for one in versions):
                return path
        return None

    def _sizes(self) -> dict[int, dict[str, list[Version]]]:
        """The versions of resources by their size, and by path."""
        if self._by_size is None:
            self._by_size = {}
            for path in self._accounts:
                for version in self._sent(path)[1]:
                    self._by_size.setdefault(version.length, {}).setdefault(path, []).append(
                        version
                    )
        return self._by_size

    def _held(self, size: int, read: Read) -> Counter[str]:
        """How many blocks of each path a file holds, at multiples of their length."""
        index, found = self._index(), Counter[str]()
        for start in range(0, min(size, SEARCHED), SEARCHED // 64):
            data = read(start, start + SEARCHED // 64)
            for at in range(0, len(data) - ALIKE + 1, ALIKE):
                found.update(index.get(data[at : at + ALIKE], ()))
        return found

    def _index(self) -> dict[bytes, set[str]]:
        """Blocks of resources, and the paths that have them."""
        if self._blocks is None:
            self._blocks = {}
            for path, block in self._samples():
                self._blocks.setdefault(block, set()).add(path)
        return self._blocks

    def _held_anywhere(self, data: bytes) -> Counter[str]:
        if len(data) * len(self._index()) > LOOKED_THROUGH:
            return Counter()
        held = (paths for block, paths in self._index().items() if block in data)
        return Counter(path for paths in held for path in paths)

    def _samples(self) -> Iterator[tuple[str, bytes]]:
        """Blocks of each version of each resource, the first one among them."""
        most = max(1, min(SAMPLES, SAMPLES_IN_ALL // max(1, len(self._accounts))))
        for path in self._accounts:
            for version in self._sent(path)[1]:
                step = max(ALIKE, version.length // most // ALIKE * ALIKE)
                for at in range(0, version.length - ALIKE + 1, step):
                    block = version.read(at, at + ALIKE)
                    if len(set(block)) > 1:  # zeros are no sign of anything
                        yield path, block

    # --- what was sent -----------------------------------------------------------------------

    def _sent(self, path: str) -> tuple[list[Sent], list[Version]]:
        """The bodies that responses of a resource had, and its versions."""
        sent: list[Sent] = []
        versions: dict[tuple[str, int, int], Resource] = {}
        own = self._catalogue.find(path)
        if own:
            versions[path, 1, 0] = own
        requests = [entry for one in self._accounts[path] for entry in one.requests]
        for entry in requests[:MOST_SENT]:
            place = normalised(entry.path)
            fault = fate(
                self._plans.get(entry.server, Plan()),
                entry.server,
                self._catalogue.name(place),
                entry.attempt,
                place,
            )
            resource = self._catalogue.find(place)
            number, grow = 1, 0
            if isinstance(fault, OfResource):
                number, grow = fault.sent_version, fault.grow
            version = resource.version(number, grow) if resource else None
            if resource and version and span_of(entry):
                versions[place, number, grow] = version
            one = _body_sent(entry, fault, version, place)
            if one:
                sent.append(one)
        return sent, [Version(one.info.length, one.read) for one in versions.values()]


def _body_sent(
    entry: RequestEntry, fault: Fault, version: Resource | None, path: str
) -> Sent | None:
    unclear = seen_of(entry) is Seen.INDETERMINATE
    span, sent = span_of(entry), entry.bytes_sent
    planned = _planned(entry, fault, version, path)
    if version and sent and (span or (planned and planned.body is None)):
        source = planned.made(version) if planned and planned.made else version
        if entry.do == Gzip.do:  # nothing of it is where it belongs
            coded = source.read  # who does not decode it cannot tell that it is cut
            return Sent(entry.n, sent, lambda a, b: coded(a, min(b, sent)), None, unclear=True)
        first = re.search(r"\d+", entry.content_range or "")
        start = int(first[0]) if first and entry.status == HTTPStatus.PARTIAL_CONTENT else 0

        def read(a: int, b: int) -> bytes:
            return source.read(start + a, start + min(b, sent))

        unclear = unclear and entry.status != HTTPStatus.PARTIAL_CONTENT
        # Its bytes are wrong, or its length is: it is of that version, and like no other.
        what = span.version if span else (path, entry.version or 1, version.info.length, entry.n)
        return Sent(entry.n, sent, read, start, unclear=unclear, version=what)
    if sent and (planned is None or planned.body is None):
        return None
    body = (planned.body or b"")[:sent] if planned else b""
    is_page = entry.status is not None and entry.status >= 300
    return Sent(entry.n, len(body), lambda a, b: body[a:b], None, is_page, unclear)


def _planned(
    entry: RequestEntry, fault: Fault, version: Resource | None, path: str
) -> Response | None:
    """The response to a request that had no Range; None where it is not known."""
    if fault.do != entry.do:
        return None
    try:
        return fault.response(RequestForm(gzip=True), version.info if version else None, path)
    except ValueError:  # it needs a resource
        return None


def _reader(stream: BinaryIO) -> Read:
    def read(start: int, stop: int) -> bytes:
        stream.seek(start)
        return stream.read(stop - start)

    return read
