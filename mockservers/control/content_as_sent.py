"""What the servers are to serve, as JSON: the body of `PUT /content` (docs/control.md)."""

import base64
from pathlib import Path
from typing import Any

from mockservers.content.resources import catalogue_of
from mockservers.control.reported import Text, body_object
from mockservers.kinds.resource import Catalogue
from mockservers.kinds.values import check, shorten


def catalogue_as_sent(text: str, root: Path | None) -> Catalogue | None:
    """The folder or the bytes of a body; None for `{}`: what the servers were started with.

    A folder is one below `root`, for who calls the API may not read everything that this process
    can. Raises ValueError, or OSError, that names place and value.
    """
    body = body_object(text, ("folder", "resources"))
    if len(body) == 2:
        raise ValueError("folder and resources: one of them is enough")
    if "folder" in body:
        return catalogue_of(_folder(check("folder", body["folder"], Text), root))
    if "resources" in body:
        sent: dict[str, Any] = check("resources", body["resources"], dict)
        return catalogue_of({path: _decoded(path, data) for path, data in sent.items()})
    return None


def _folder(name: str, root: Path | None) -> Path:
    if root is None:
        raise ValueError(f"folder: {name!r}: the servers were started without --root FOLDER")
    folder = (root / name).resolve()
    if not folder.is_relative_to(root.resolve()):
        raise ValueError(f"folder: {name!r} is not below the folder of --root")
    if not folder.is_dir():
        raise ValueError(f"folder: {name!r} is not a folder below that of --root")
    return folder


def _decoded(path: str, value: object) -> bytes:
    text: str = check(f"resources.{path}", value, Text)
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as exc:
        raise ValueError(f"resources.{path}: {shorten(text)} is not base64: {exc}") from None
