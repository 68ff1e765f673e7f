"""Texts that people read: shortened, counted, listed; pure."""

from collections.abc import Sequence


def shorten(text: str, most: int) -> str:
    """The text in at most `most` characters; three dots show that something was cut off."""
    return text if len(text) <= most else f"{text[: most - 3]}..."


def counted(number: int, noun: str) -> str:
    """`1 error`, `2 errors`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def code_list(codes: Sequence[str]) -> str:
    """Up to ten codes in full; beyond that, the first and the last."""
    return ", ".join(codes) if len(codes) <= 10 else f"from {codes[0]} to {codes[-1]}"
