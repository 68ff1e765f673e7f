"""What the servers have: the built-in flags, or a folder of real files."""

import mimetypes
import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

from mockservers.content.flag_images import flag
from mockservers.flags2.codes import name_of, packaged_codes, path_of_code
from mockservers.kinds.resource import Catalogue, Resource, ResourceInfo


class FlagCatalogue:
    """The built-in flags of the 194 country codes."""

    in_memory = True

    def __init__(self) -> None:
        self._codes = {path_of_code(code): code for code in packaged_codes()}
        self._resources: dict[str, Resource] = {}

    def find(self, path: str) -> Resource | None:
        """The flag at `/flags/xx/xx.gif`."""
        if path in self._codes and path not in self._resources:
            body = flag(self._codes[path])
            info = ResourceInfo(len(body), "image/gif")
            self._resources[path] = Resource(info, lambda a, b: body[a:b], body)
        return self._resources.get(path)

    def name(self, path: str) -> str:
        """The code of `/flags/xx/xx.gif`; of any other path, the path itself."""
        return name_of(path)


class FolderCatalogue:
    """The regular files below a folder, and nothing outside it, whatever a path says."""

    in_memory = False

    def __init__(self, root: Path) -> None:
        """Raises NotADirectoryError unless `root` is a folder that can be listed."""
        if not root.is_dir():
            raise NotADirectoryError(f"--root {root} is not a folder")
        self._root = Path(os.path.realpath(root))

    def find(self, path: str) -> Resource | None:
        """The file at `path` below the folder; its bytes are read when they are sent."""
        parts = unquote(path).removeprefix("/").split("/")
        if any(part in ("", ".", "..") or "\\" in part for part in parts):
            return None
        try:
            file = Path(os.path.realpath(self._root.joinpath(*parts)))
            if not file.is_relative_to(self._root) or not file.is_file():
                return None
            length = file.stat().st_size
        except (OSError, ValueError):  # a name that is too long, or has a NUL
            return None

        def read(start: int, stop: int) -> bytes:
            with file.open("rb") as stream:
                stream.seek(start)
                return stream.read(stop - start)

        content_type = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        return Resource(ResourceInfo(length, content_type), read)

    def name(self, path: str) -> str:
        """The code of `/flags/xx/xx.gif`; of any other path, the path itself."""
        return name_of(path)


def info_in(catalogue: Catalogue) -> Callable[[str], ResourceInfo | None]:
    """What the catalogue has at a path, as `mockservers.predict` asks."""

    def find(path: str) -> ResourceInfo | None:
        resource = catalogue.find(path)
        return resource.info if resource else None

    return find
