"""Folders and files: what a folder holds, and a file that is written whole or not at all."""

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path

from mockservers.journal import KeptFile


def files_in(folder: Path) -> dict[str, KeptFile]:
    """The regular files of a folder, not of folders below it; none where it cannot be read."""
    found: dict[str, KeptFile] = {}
    with contextlib.suppress(OSError):
        for path in sorted(folder.iterdir()):
            with contextlib.suppress(OSError):
                if path.is_file():
                    with path.open("rb") as file:
                        digest = hashlib.file_digest(file, "sha256").hexdigest()
                    status = path.stat()
                    found[path.name] = KeptFile(status.st_size, digest, status.st_mtime_ns)
    return found


def write_whole(path: Path, text: str) -> None:
    """Write a file whole or not at all; raises OSError with the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
    try:
        with os.fdopen(
            handle, "w", encoding="utf-8", errors="backslashreplace", newline="\n"
        ) as file:
            file.write(text)
        Path(name).chmod(0o644)
        os.replace(name, path)  # noqa: PTH105 - the error then names both paths
    except OSError as exc:
        Path(name).unlink(missing_ok=True)
        raise OSError(exc.errno, exc.strerror, str(path)) from exc
