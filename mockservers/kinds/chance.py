"""Chance as a pure function: the draw of SPEC.md, "The draw"."""

import hashlib

NOISE_BLOCKS = 8
"""How many SHA-256 digests make up a `garbage` response."""


class Chance:
    """What one request draws from: the same for the same seed, server, resource and attempt."""

    def __init__(self, seed: int, label: str, resource: str, attempt: int) -> None:
        self._key = seed, label, resource, attempt

    def number(self, purpose: str) -> float:
        """A number in [0, 1)."""
        return draw(*self._key, purpose)

    def noise(self) -> bytes:
        """256 bytes that do not begin an HTTP response."""
        return noise(*self._key)


def draw(seed: int, label: str, resource: str, attempt: int, purpose: str) -> float:
    """A number in [0, 1) that depends on the arguments alone (SPEC.md, "The draw")."""
    digest = _digest(f"v1|{seed}|{label}|{resource}|{attempt}|{purpose}")
    return (int.from_bytes(digest[:8], "big") >> 11) / 2**53


def noise(seed: int, label: str, resource: str, attempt: int) -> bytes:
    """256 bytes that depend on the arguments alone and do not begin an HTTP response."""
    text = f"v1|{seed}|{label}|{resource}|{attempt}|bytes"
    drawn = b"".join(_digest(f"{text}|{block}") for block in range(NOISE_BLOCKS))
    return bytes([drawn[0] | 0x80]) + drawn[1:]


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()
