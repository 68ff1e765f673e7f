"""Chance as a pure function: the draw of SPEC.md, "The draw"."""

import hashlib
from functools import lru_cache

NOISE_BYTES = 256
"""The length of a `garbage` response."""
DIGEST_BYTES = 32


class Chance:
    """What one request draws from: the same for the same seed, server, resource and attempt."""

    def __init__(self, seed: int, label: str, resource: str, attempt: int) -> None:
        self._key = seed, label, resource, attempt

    def number(self, purpose: str) -> float:
        """A number in [0, 1)."""
        return draw(*self._key, purpose)

    def text(self, purpose: str) -> str:
        """The text of a draw, for `places_in` and `bytes_of`."""
        return _text(*self._key, purpose)

    def noise(self) -> bytes:
        """256 bytes that do not begin an HTTP response."""
        return noise(*self._key)


def draw(seed: int, label: str, resource: str, attempt: int, purpose: str) -> float:
    """A number in [0, 1) that depends on the arguments alone (SPEC.md, "The draw")."""
    return _number(_text(seed, label, resource, attempt, purpose))


def noise(seed: int, label: str, resource: str, attempt: int) -> bytes:
    """256 bytes that depend on the arguments alone and do not begin an HTTP response."""
    drawn = bytes_of(_text(seed, label, resource, attempt, "bytes"), NOISE_BYTES)
    return bytes([drawn[0] | 0x80]) + drawn[1:]


@lru_cache(maxsize=16)
def bytes_of(text: str, length: int) -> bytes:
    """So many bytes, drawn with a text."""
    blocks = range(-(-length // DIGEST_BYTES))
    return b"".join(_digest(f"{text}|{block}") for block in blocks)[:length]


@lru_cache(maxsize=16)
def places_in(text: str, count: int, length: int) -> tuple[int, ...]:
    """`count` different places below `length`, drawn with a text, in ascending order; all of them
    if there are no more.
    """
    found: set[int] = set()
    draws = 0
    while len(found) < min(count, length):
        found.add(int(_number(f"{text}|{draws}") * length))
        draws += 1
    return tuple(sorted(found))


def _text(seed: int, label: str, resource: str, attempt: int, purpose: str) -> str:
    return f"v1|{seed}|{label}|{resource}|{attempt}|{purpose}"


def _number(text: str) -> float:
    return (int.from_bytes(_digest(text)[:8], "big") >> 11) / 2**53


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()
