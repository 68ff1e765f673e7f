"""The test vectors: plain JSON for implementations in any language."""

import hashlib
import json
import os
import tempfile
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

FILES = (
    "expansion.json",
    "command_line.json",
    "reports.json",
    "primes.json",
    "quicksort.json",
    "draws.json",
    "scenarios.json",
    "vector.schema.json",
)
"""What `write_vectors` writes; the last one is the JSON Schema of the others."""


def vector_text(name: str) -> str:
    """The text of one of `FILES`, or of `ids.json`: the digest of each id ever given."""
    folder = resources.files("conformance").joinpath("vector_files")
    return folder.joinpath(name).read_text(encoding="utf-8")


@cache
def cases(name: str) -> tuple[dict[str, Any], ...]:
    """The cases of one file, in its order."""
    return tuple(json.loads(vector_text(name))["cases"])


def digest(case: dict[str, Any]) -> str:
    """What changes with anything in a case: the start of the SHA-256 of its JSON with
    sorted keys.
    """
    text = json.dumps(case, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@cache
def vector_clauses() -> dict[str, tuple[str, ...]]:
    """The ids of the vectors for each clause that has any."""
    found: dict[str, list[str]] = {}
    for name in FILES[:-1]:
        for case in cases(name):
            for clause in case["clauses"]:
                found.setdefault(clause, []).append(case["id"])
    return {clause: tuple(ids) for clause, ids in found.items()}


def write_vectors(folder: Path) -> list[Path]:
    """Write every one of `FILES` into `folder`, made where it is missing; returns their paths.

    What is there under these names is replaced. Raises OSError, which names the path, where it
    cannot; every file is then as it was before, or whole.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / name for name in FILES]
    for path in paths:
        _replace(path, vector_text(path.name))
    return paths


def _replace(path: Path, text: str) -> None:
    handle, partial = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        Path(partial).chmod(0o644)
        Path(partial).replace(path)
    except BaseException:
        Path(partial).unlink(missing_ok=True)
        raise
