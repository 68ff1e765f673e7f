"""What the servers have: the built-in flags, a folder of real files, or bytes by path."""

import os
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from urllib.parse import unquote

from mockservers.content.flag_images import flag
from mockservers.content.folder import FolderCatalogue, content_type
from mockservers.flags2.codes import name_of, packaged_codes, path_of_code
from mockservers.kinds.names import as_sent, normalised
from mockservers.kinds.resource import Catalogue, Resource, ResourceInfo


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
            self._resources[normalised(path)] = _in_memory(body, content_type(unquote(path)))

    def find(self, path: str) -> Resource | None:
        """The bytes of that path."""
        return self._resources.get(path)


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


def info_in(catalogue: Catalogue) -> Callable[[str], ResourceInfo | None]:
    """What the catalogue has at a path, as `mockservers.predict` asks."""

    def find(path: str) -> ResourceInfo | None:
        resource = catalogue.find(path)
        return resource.info if resource else None

    return find
