"""A folder of real files, looked up for every request; small ones are kept in memory.

What a path has is never older than the request: a kept file counts only as long as the file system
says the same of it (device, inode, size, both times). A write changes these at once, except one
through a memory map, which may do so later.
"""

import contextlib
import mimetypes
import os
import stat
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from mockservers.flags2.codes import name_of
from mockservers.kinds.resource import OpenFile, Resource, ResourceInfo

KEPT_FILE = 262_144
"""Longest file that is kept in memory, in bytes."""
KEPT_IN_ALL, OVERHEAD = 16_777_216, 1_024
"""Bytes of files that are kept, each with as many for what is known of it; those that were not
asked for longest go first."""
SETTLED_NS = 50_000_000
"""Nanoseconds since the last change after which a file is kept: the times of a file system are not
exact, and a second change may show the same ones."""
LOCATED_S = 1.0
"""Seconds after which it is looked again whether a kept file is still inside the folder: it would
not be if a folder on the way had been moved out, and a link had taken its place."""

# A named pipe that takes the place of a file must not block.
_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


class FolderCatalogue:
    """The regular files below a folder, and nothing outside it, whatever a path says."""

    in_memory = False

    def __init__(self, root: Path) -> None:
        """Raises NotADirectoryError unless `root` is a folder that can be listed."""
        if not root.is_dir():
            raise NotADirectoryError(f"{root} is not a folder")
        self._root = Path(os.path.realpath(root))
        self._kept: OrderedDict[str, Resource] = OrderedDict()
        self._kept_bytes = 0
        self._lock = threading.Lock()  # a ledger looks in another thread

    def name(self, path: str) -> str:
        """The code of `/flags/xx/xx.gif`; of any other path, the path itself."""
        return name_of(path)

    def find(self, path: str) -> Resource | None:
        """The file at `path` below the folder; a long one is read when it is sent."""
        with self._lock:
            kept = self._kept.pop(path, None)
            if kept and kept.unchanged and kept.unchanged():
                self._kept[path] = kept  # it is the last one again
                return kept
            self._kept_bytes -= _room(kept) if kept else 0
            try:
                return self._read(path)
            except (OSError, ValueError):  # there is none; a name that is too long, or has a NUL
                return None

    def _read(self, path: str, tries: int = 3) -> Resource | None:
        """Look the file up, and read it if it is small; raises OSError, ValueError."""
        now_ns, located = time.time_ns(), self._locate(path)
        if located is None:
            return None
        if located.found.size > KEPT_FILE:
            return located.resource(None)
        body = located.all_bytes()
        if body is None and tries > 1:  # it is being written, or was replaced
            return self._read(path, tries - 1)
        resource = located.resource(body)
        if body is not None and now_ns - max(located.found[3:]) > SETTLED_NS:
            self._kept[path] = resource
            self._kept_bytes += _room(resource)
            while self._kept_bytes > KEPT_IN_ALL:
                self._kept_bytes -= _room(self._kept.popitem(last=False)[1])
        return resource

    def _locate(self, path: str) -> "_Located | None":
        """The regular file inside the folder that a path leads to; raises OSError, ValueError."""
        parts = unquote(path).removeprefix("/").split("/")
        if any(part in ("", ".", "..") or "\\" in part for part in parts):
            return None
        named = self._root.joinpath(*parts)
        named.stat()  # most of those that are not there end here
        file = Path(os.path.realpath(named))
        status = file.stat()
        if not file.is_relative_to(self._root) or not stat.S_ISREG(status.st_mode):
            return None
        return _Located(str(named), str(file), _Found.of(status))


def _room(resource: Resource) -> int:
    return resource.info.length + OVERHEAD


class _Found(NamedTuple):
    """A file, and when it was changed."""

    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> "_Found":
        times = status.st_mtime_ns, status.st_ctime_ns
        return cls(status.st_dev, status.st_ino, status.st_size, *times)


def content_type(name: str) -> str:
    """The media type that the end of a name stands for."""
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


# --- one file ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Located:
    """A file inside the folder: the path that leads to it, its real path, and what it is."""

    named: str
    file: str
    found: _Found

    def resource(self, body: bytes | None) -> Resource:
        """The file as something to serve, with its bytes where they have been read."""
        found = self.found
        return Resource(
            ResourceInfo(found.size, content_type(self.file)),
            self,
            body,
            tag="-".join(f"{part:x}" for part in found[:4]),
            modified_s=found.mtime_ns // 1_000_000_000,
            unchanged=_Unchanged(self.named, self.file, found),
            open=_Opener(self),
        )

    def open(self) -> "_OpenFile":
        """Open it; raises OSError if it is gone, or another one has its name by now."""
        return _OpenFile(self.file, self.found)

    def __call__(self, start: int, stop: int) -> bytes:
        """Some of its bytes; raises OSError likewise."""
        with contextlib.closing(self.open()) as opened:
            return opened.read(start, stop)

    def all_bytes(self) -> bytes | None:
        """All of its bytes; None if it is changed or replaced meanwhile, or cannot be read."""
        try:
            with contextlib.closing(self.open()) as opened:
                body = opened.read(0, self.found.size)
                same = opened.found() == self.found
        except OSError:
            return None
        return body if same and len(body) == self.found.size else None


@dataclass(frozen=True, slots=True)
class _Opener:
    """Opens a file; equal for the same one, so that its digest is remembered."""

    located: _Located

    def __call__(self) -> OpenFile:
        return self.located.open()


@dataclass(slots=True, unsafe_hash=True)
class _Unchanged:
    """Looks whether a path still leads to a file as it was: for each request, so it is quick."""

    named: str
    file: str
    found: _Found
    until: float = field(default=0.0, compare=False)

    def __call__(self) -> bool:
        try:
            now = os.stat(self.named)  # noqa: PTH116
        except OSError:
            return False
        here = (now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns)
        return here == self.found and (time.monotonic() < self.until or self.is_inside())

    def is_inside(self) -> bool:
        """Whether the way there is the same; that is not looked at again for `LOCATED_S`."""
        same = os.path.realpath(self.named) == self.file
        self.until = time.monotonic() + LOCATED_S if same else 0.0
        return same


class _OpenFile:
    """A file, open."""

    sends = hasattr(os, "sendfile")

    def __init__(self, file: str, found: _Found) -> None:
        """Raises OSError if it is gone, or another one has its name by now."""
        self.descriptor = os.open(file, _READ)
        self._lock = threading.Lock()  # it may be closed while a thread reads
        if self.found()[:2] != found[:2]:
            self.close()
            raise FileNotFoundError(file)

    def found(self) -> _Found:
        return _Found.of(os.fstat(self.descriptor))

    def send(self, to: int, start: int, stop: int) -> int:
        return os.sendfile(to, self.descriptor, start, stop - start)

    def read(self, start: int, stop: int) -> bytes:
        with self._lock:
            os.lseek(self.descriptor, start, os.SEEK_SET)
            return os.read(self.descriptor, stop - start)

    def close(self) -> None:
        with self._lock:
            os.close(self.descriptor)
            self.descriptor = -1
