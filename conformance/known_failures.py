"""The list of failures that are accepted (`--known FILE`)."""

import json
from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct, field

from conformance.clauses import clauses
from conformance.json_input import checked

_Text = Annotated[str, Meta(min_length=1)]


class KnownFailure(Struct, frozen=True, forbid_unknown_fields=True):
    """A failure that is accepted: in this case, of this kind, for this reason."""

    case: _Text
    clause: _Text
    kind: _Text = field(name="word")
    why: _Text


def read_known_failures(path: Path) -> list[KnownFailure]:
    """Read the list; raises OSError, or ValueError with the file, the place and the value."""
    text = path.read_text(encoding="utf-8")
    try:
        data = json.loads(text)
    except ValueError as exc:
        raise ValueError(f"{path} is not JSON: {exc}") from None
    try:
        known = checked(data, list[KnownFailure], "the list")
    except ValueError as exc:
        raise ValueError(f"{path}: {exc}") from None
    for one in known:
        if one.clause not in clauses():
            raise ValueError(f"{path}: there is no clause {one.clause}")
    return known
