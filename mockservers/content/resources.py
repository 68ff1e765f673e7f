"""What the servers have: the built-in flags, a folder of real files, or bytes by path."""

import mimetypes
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from mockservers.content.flag_images import flag
from mockservers.flags2.codes import name_of, packaged_codes, path_of_code
from mockservers.kinds.resource import Catalogue, Resource, ResourceInfo, as_sent, normalised


class _Named:
    def name(self, path: str) -> str:
        """The code of `/flags/xx/xx.gif`; of any other path, the path itself."""
        return name_of(path)


class FlagCatalogue(_Named):
    """The built-in flags of the 194 country codes."""

    in_memory = True

    def __init__(self) -> None:
        self._codes = {path_of_code(code): code for code in packaged_codes()}
        self._resources: dict[str, Resource] = {}

    def find(self, path: str) -> Resource | None:
        """The flag at `/flags/xx/xx.gif`."""
        if path in self._codes and path not in self._resources:
            self._resources[path] = _in_memory(flag(self._codes[path]), "image/gif")
        return self._resources.get(path)


class BytesCatalogue(_Named):
    """Bytes by path."""

    in_memory = True

    def __init__(self, bodies: Mapping[str, bytes]) -> None:
        """Keys are paths (`/a%20b.bin`); raises ValueError for another key, and no bytes."""
        self._resources: dict[str, Resource] = {}
        for path, body in bodies.items():
            if not isinstance(path, str) or path[:1] != "/" or "?" in path or as_sent(path) != path:
                raise ValueError(f"content: {path!r} is not a path such as '/a%20b.bin'")
            if not isinstance(body, bytes):
                raise ValueError(f"content: {path}: {type(body).__name__} is not bytes")
            self._resources[normalised(path)] = _in_memory(body, _content_type(unquote(path)))

    def find(self, path: str) -> Resource | None:
        """The bytes of that path."""
        return self._resources.get(path)


class FolderCatalogue(_Named):
    """The regular files below a folder, and nothing outside it, whatever a path says."""

    in_memory = False

    def __init__(self, root: Path) -> None:
        """Raises NotADirectoryError unless `root` is a folder that can be listed."""
        if not root.is_dir():
            raise NotADirectoryError(f"{root} is not a folder")
        self._root = Path(os.path.realpath(root))

    def find(self, path: str) -> Resource | None:
        """The file at `path` below the folder; its bytes are read when they are sent."""
        parts = unquote(path).removeprefix("/").split("/")
        if any(part in ("", ".", "..") or "\\" in part for part in parts):
            return None
        try:
            file = Path(os.path.realpath(self._root.joinpath(*parts)))
            status = file.stat() if file.is_relative_to(self._root) else None
        except (OSError, ValueError):  # a name that is too long, or has a NUL
            return None
        if status is None or not stat.S_ISREG(status.st_mode):
            return None
        found = _Found.of(status)
        return Resource(
            ResourceInfo(found.size, _content_type(file.name)),
            _FileBytes(file, found),
            tag="-".join(f"{part:x}" for part in found[:4]),
            modified_s=found.mtime_ns // 1_000_000_000,
            unchanged=_Unchanged(file, found),
        )


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


@dataclass(frozen=True, slots=True)
class _FileBytes:
    """Reads a file; never another one that has its name by now."""

    path: Path
    found: _Found

    def __call__(self, start: int, stop: int) -> bytes:
        with self.path.open("rb") as stream:
            if _Found.of(os.fstat(stream.fileno()))[:2] != self.found[:2]:
                return b""
            stream.seek(start)
            return stream.read(stop - start)


@dataclass(frozen=True, slots=True)
class _Unchanged:
    """Looks whether a file is as it was."""

    path: Path
    found: _Found

    def __call__(self) -> bool:
        try:
            return _Found.of(self.path.stat()) == self.found
        except OSError:
            return False


Content = Catalogue | str | os.PathLike[str] | Mapping[str, bytes]
"""What can be served: a catalogue, the path of a folder, or bytes by path."""


def catalogue_of(content: Content) -> Catalogue:
    """The catalogue of some content; raises ValueError or NotADirectoryError, in one line."""
    if isinstance(content, Mapping):
        return BytesCatalogue(content)
    if isinstance(content, str | os.PathLike):
        return FolderCatalogue(Path(content))
    return content


def _in_memory(body: bytes, content_type: str) -> Resource:
    info = ResourceInfo(len(body), content_type)
    return Resource(info, lambda a, b: body[a:b], body, tag=sha256(body).hexdigest()[:16])


def _content_type(name: str) -> str:
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


def info_in(catalogue: Catalogue) -> Callable[[str], ResourceInfo | None]:
    """What the catalogue has at a path, as `mockservers.predict` asks."""

    def find(path: str) -> ResourceInfo | None:
        resource = catalogue.find(path)
        return resource.info if resource else None

    return find
