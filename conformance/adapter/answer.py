"""What an adapter answered to a question: a JSON object, or why there is none; pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mockservers.text import shorten

MOST_IN_REPORT = 3000
"""Characters of an answer in a report."""
ONE_OF = {"result", "error", "unsupported"}
"""An answer has exactly one of these keys."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The line that came back, or why there is none that can be judged."""

    text: str
    """The line; if there is none, what happened."""
    content: Mapping[str, Any] | None = None
    """The JSON object of the line; None without a valid one."""
    fault: str | None = None
    """`crash`, `timeout` or `malformed` if `content` is None."""

    @property
    def unsupported(self) -> bool:
        """Whether the adapter reports that it lacks the operation."""
        return self.content is not None and self.content.get("unsupported") is True

    def to_json(self) -> dict[str, Any]:
        """As in a report."""
        if self.content is not None and len(self.text) <= MOST_IN_REPORT:
            return dict(self.content)
        return {"text": shorten(self.text, MOST_IN_REPORT)} | (
            {"fault": self.fault} if self.fault else {}
        )


def read_answer(line: bytes) -> Answer:
    """Read a line: a JSON object with exactly one of `ONE_OF`; `error` is a string, `unsupported`
    is true.
    """
    try:
        text = line.decode("utf-8")
        content = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return Answer(repr(line[:MOST_IN_REPORT]), fault="malformed")
    match content:
        case {"result": _} | {"error": str()} | {"unsupported": True} if (
            len(content.keys() & ONE_OF) == 1
        ):
            return Answer(text.strip(), content)
    return Answer(text.strip(), fault="malformed")


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")
