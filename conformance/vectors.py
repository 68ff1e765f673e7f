"""The test vectors: plain JSON for implementations in any language."""

import hashlib
import json
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from mockservers.files import write_whole

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
"""The files that `write_vectors` writes; the last one is the JSON Schema of the others."""


def vector_text(name: str) -> str:
    """The text of one of `FILES`, or of `ids.json`: the digest of every id ever used."""
    folder = resources.files("conformance").joinpath("vector_files")
    return folder.joinpath(name).read_text(encoding="utf-8")


@cache
def cases(name: str) -> tuple[dict[str, Any], ...]:
    """The cases of one file, in its order."""
    return tuple(json.loads(vector_text(name))["cases"])


def digest(case: dict[str, Any]) -> str:
    """The start of the SHA-256 of a case's JSON with sorted keys: it changes with the case."""
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
    """Write every one of `FILES` into `folder`, which is created if needed; return their paths.

    Files of these names are replaced. Raises OSError, which names the path; each file is then
    either unchanged or complete.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / name for name in FILES]
    for path in paths:
        write_whole(path, vector_text(path.name))
    return paths
