"""Texts for people: one line, not too long, without characters that play tricks."""

import re

MOST = 400
"""Characters of a message, at most."""

_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def shorten(text: str, most: int = MOST) -> str:
    """The start of a text that is longer than `most` characters."""
    return text if len(text) <= most else f"{text[:most]}..."


def one_line(text: object, most: int = MOST) -> str:
    """A message on one line, cut to `most` characters."""
    return shorten(" ".join(str(text).split()), most)


def plural(count: int, noun: str) -> str:
    """`1 code`, `2 codes`."""
    return f"{count} {noun}" + ("" if count == 1 else "s")


def safe(text: str) -> str:
    """A text with control characters, and those that turn its direction, written as escapes."""
    return _CONTROLS.sub(lambda found: ascii(found[0])[1:-1], text)
