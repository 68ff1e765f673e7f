"""Folders and files: what a folder holds, and a file that is written whole or not at all."""

import contextlib
import hashlib
import os
import stat
import tempfile
from collections.abc import Callable, Collection
from pathlib import Path

from msgspec import structs

from mockservers.journal import Files, KeptFile
from mockservers.ledger.ownership import same

MOST_NAMES = 1_000
PIECE = 1_048_576
"""Bytes that are read at once."""
ROOM = 65_536
"""Bytes that are written to see whether there is room."""


def files_in(
    folder: Path,
    before: Files | None = None,
    but: Collection[Path] = (),
    progress: Callable[[int], None] = lambda count: None,
) -> dict[str, KeptFile]:
    """The regular files of a folder and of those below it, by name; links are not followed.

    A file that is as it was in `before` has no digest. `but` are left out. What cannot be read is
    left out, or has no digest.
    """
    found: dict[str, KeptFile] = {}
    for name, file in sorted(stats_in(folder, but).items()):
        progress(len(found))
        found[name] = file
        if not same(file, (before or {}).get(name)):
            with contextlib.suppress(OSError):
                found[name] = structs.replace(file, sha256=_digest(folder / name, file.size))
    return found


def _digest(path: Path, size: int) -> str:
    """The digest of as many bytes; not of all there are, for some files have no end."""
    digest, left = hashlib.sha256(), size
    with path.open("rb") as stream:
        while left and (piece := stream.read(min(left, PIECE))):
            digest.update(piece)
            left -= len(piece)
    return digest.hexdigest()


def stats_in(folder: Path, but: Collection[Path] = ()) -> dict[str, KeptFile]:
    """The same, without digests: sizes, times, inodes."""
    found: dict[str, KeptFile] = {}
    left_out = {os.path.realpath(path) for path in but}
    to_do = [(os.path.realpath(folder), "")]
    while to_do:
        where, below = to_do.pop()
        with contextlib.suppress(OSError), os.scandir(where) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    name = f"{below}{entry.name}"
                    status = entry.stat(follow_symlinks=False)
                    if stat.S_ISDIR(status.st_mode):
                        to_do.append((entry.path, f"{name}/"))
                    elif stat.S_ISREG(status.st_mode) and entry.path not in left_out:
                        found[name] = _stats(status)
    return found


def stats_of(path: Path) -> KeptFile | None:
    """The same of one regular file; None where there is none."""
    try:
        status = path.stat()
    except (OSError, ValueError):  # a name that no file can have
        return None
    return _stats(status) if stat.S_ISREG(status.st_mode) else None


def _stats(status: os.stat_result) -> KeptFile:
    return KeptFile(status.st_size, None, status.st_mtime_ns, status.st_ino)


def unwritable_in(folder: Path) -> tuple[str, ...]:
    """What nothing can be saved as: `.` if no file can be made in the folder, and the names of
    what is no regular file in it, at most `MOST_NAMES`. A file is made there, and removed.
    """
    made = [one for one in (folder, *folder.parents) if not one.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".writing-") as file:
            file.write(bytes(ROOM))
            file.flush()
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if not entry.is_file(follow_symlinks=False)]
        return tuple(sorted(names)[:MOST_NAMES])
    except OSError:
        return (".",)
    finally:
        for one in made:
            with contextlib.suppress(OSError):
                one.rmdir()


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
