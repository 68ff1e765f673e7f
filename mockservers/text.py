"""Texts for people: one line, not too long, without characters that play tricks."""

import re
from collections.abc import Sequence

MOST = 400
"""Characters of a message, at most."""

_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def shorten(text: str, most: int = MOST) -> str:
    """The text in at most `most` characters; three dots show that something was cut off."""
    return text if len(text) <= most else f"{text[: most - 3]}..."


def cut_in_the_middle(text: str, most: int = MOST) -> str:
    """The text, or its begin and its end with the number of characters that it has."""
    if len(text) <= most:
        return text
    size = f" ({len(text):,} characters)"
    kept = most - len(size) - 5
    return f"{text[: kept - kept // 2]} ... {text[len(text) - kept // 2 :]}{size}"


def one_line(text: object, most: int = MOST) -> str:
    """A message on one line, cut to `most` characters."""
    return shorten(" ".join(str(text).split()), most)


def counted(number: int, noun: str) -> str:
    """`1 code`, `2 codes`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def code_list(codes: Sequence[str]) -> str:
    """Up to ten codes in full; beyond that, the first and the last."""
    return ", ".join(codes) if len(codes) <= 10 else f"from {codes[0]} to {codes[-1]}"


def safe(text: str) -> str:
    """A text with control characters, and those that turn its direction, written as escapes."""
    return _CONTROLS.sub(lambda found: ascii(found[0])[1:-1], text)
