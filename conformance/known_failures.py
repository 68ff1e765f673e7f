"""The list of failures that are accepted (`--known FILE`)."""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct, field

from conformance.json_input import checked

_Text = Annotated[str, Meta(min_length=1)]


class KnownFailure(Struct, frozen=True, forbid_unknown_fields=True):
    """A failure that is accepted: in this case, of this kind, for this reason."""

    case: _Text
    clause: _Text
    kind: _Text = field(name="word")
    why: _Text


def read_known_failures(path: Path, among: Collection[str]) -> list[KnownFailure]:
    """Read the list, of failures of clauses `among` these; raises OSError, or ValueError with the
    file, the place and the value.
    """
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
        if one.clause not in among:
            raise ValueError(f"{path}: there is no clause {one.clause}")
    return known
