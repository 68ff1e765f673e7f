"""A folder of real files, looked up for every request; small ones are kept in memory.

What a path has is never older than the request: a kept file counts only as long as the file system
says the same of it (device, inode, size, both times). A write changes these at once, except one
through a memory map, which may do so later.
"""

import contextlib
import mimetypes
import os
import stat
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
KEPT_IN_ALL = 16_777_216
"""Bytes of files that are kept; those that were not asked for longest go first."""
SETTLED_NS = 50_000_000
"""Nanoseconds since the last change after which a file is kept: the times of a file system are not
exact, and a second change may show the same ones."""
LOCATED_S = 1.0
"""Seconds after which it is looked again whether a kept file is still inside the folder: it would
not be if a folder on the way had been moved out, and a link had taken its place."""
TRIES = 3
"""How often a small file is read that is replaced, or written, meanwhile."""

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

    def name(self, path: str) -> str:
        """The code of `/flags/xx/xx.gif`; of any other path, the path itself."""
        return name_of(path)

    def find(self, path: str) -> Resource | None:
        """The file at `path` below the folder; a long one is read when it is sent."""
        if kept := self._kept.get(path):
            if kept.unchanged and kept.unchanged():
                self._kept.move_to_end(path)
                return kept
            self._forget(path)
        try:
            return self._read(path)
        except (OSError, ValueError):  # there is none; a name that is too long, or has a NUL
            return None

    def _read(self, path: str) -> Resource | None:
        """Look the file up, and read it if it is small; raises OSError, ValueError."""
        for _ in range(TRIES):
            now_ns, located = time.time_ns(), self._locate(path)
            if located is None:
                return None
            file, found = located
            if found.size > KEPT_FILE:
                break
            body = _bytes_of(file, found)
            if body is not None:
                resource = _resource(file, found, body)
                if now_ns - max(found[3:]) > SETTLED_NS:
                    self._keep(path, resource)
                return resource
        return _resource(file, found, None)

    def _locate(self, path: str) -> "tuple[str, _Found] | None":
        """The real path of a regular file inside the folder; raises OSError, ValueError."""
        parts = unquote(path).removeprefix("/").split("/")
        if any(part in ("", ".", "..") or "\\" in part for part in parts):
            return None
        named = self._root.joinpath(*parts)
        named.stat()  # most of those that are not there end here
        file = Path(os.path.realpath(named))
        status = file.stat()
        if not file.is_relative_to(self._root) or not stat.S_ISREG(status.st_mode):
            return None
        return str(file), _Found.of(status)

    def _keep(self, path: str, resource: Resource) -> None:
        self._kept[path] = resource
        self._kept_bytes += resource.info.length
        while self._kept_bytes > KEPT_IN_ALL:
            self._forget(next(iter(self._kept)))

    def _forget(self, path: str) -> None:
        self._kept_bytes -= self._kept.pop(path).info.length


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


def _resource(file: str, found: _Found, body: bytes | None) -> Resource:
    return Resource(
        ResourceInfo(found.size, content_type(file)),
        _FileBytes(file, found),
        body,
        tag="-".join(f"{part:x}" for part in found[:4]),
        modified_s=found.mtime_ns // 1_000_000_000,
        unchanged=_Unchanged(file, found),
        open=_Opener(file, found),
    )


def content_type(name: str) -> str:
    """The media type that the end of a name stands for."""
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


# --- one file ------------------------------------------------------------------------------


class _OpenFile:
    """A file, open."""

    sends = hasattr(os, "sendfile")

    def __init__(self, file: str, found: _Found) -> None:
        """Raises OSError if it is gone, or another one has its name by now."""
        self.descriptor = os.open(file, _READ)
        if _Found.of(os.fstat(self.descriptor))[:2] != found[:2]:
            self.close()
            raise FileNotFoundError(file)

    def send(self, to: int, start: int, stop: int) -> int:
        return os.sendfile(to, self.descriptor, start, stop - start)

    def read(self, start: int, stop: int) -> bytes:
        os.lseek(self.descriptor, start, os.SEEK_SET)
        return os.read(self.descriptor, stop - start)

    def close(self) -> None:
        os.close(self.descriptor)


@dataclass(frozen=True, slots=True)
class _Opener:
    """Opens a file."""

    file: str
    found: _Found

    def __call__(self) -> OpenFile:
        return _OpenFile(self.file, self.found)


@dataclass(frozen=True, slots=True)
class _FileBytes:
    """Reads a file; never another one that has its name by now."""

    file: str
    found: _Found

    def __call__(self, start: int, stop: int) -> bytes:
        with contextlib.closing(_OpenFile(self.file, self.found)) as opened:
            return opened.read(start, stop)


@dataclass(slots=True, unsafe_hash=True)
class _Unchanged:
    """Looks whether a file is as it was, and where it was."""

    file: str
    found: _Found
    _until: float = field(default=0.0, compare=False)

    def __call__(self) -> bool:
        found = self.found
        try:
            status = os.lstat(self.file)
        except OSError:
            return False
        if (now := time.monotonic()) > self._until:
            if os.path.realpath(self.file) != self.file:
                return False
            self._until = now + LOCATED_S
        return (
            status.st_ino == found.inode
            and status.st_ctime_ns == found.ctime_ns
            and status.st_mtime_ns == found.mtime_ns
            and status.st_size == found.size
            and status.st_dev == found.device
        )


def _bytes_of(file: str, found: _Found) -> bytes | None:
    """All bytes of a file; None if it is changed or replaced meanwhile, or cannot be read."""
    try:
        with contextlib.closing(_OpenFile(file, found)) as opened:
            body = opened.read(0, found.size)
            same = _Found.of(os.fstat(opened.descriptor)) == found
    except OSError:
        return None
    return body if same and len(body) == found.size else None
