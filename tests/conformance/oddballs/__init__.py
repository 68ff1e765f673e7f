"""Correct downloaders that are unusual: each conforms, and the kit must say so.

What a program needs besides Python stands in `NEEDS`; without it, it cannot be tried.
"""

import sys
from pathlib import Path

_HERE = Path(__file__).parent
_PYTHON = [sys.executable, str(_HERE / "variants.py")]
_PYTHON_ODDBALLS = (
    "raw-http-10",  # raw sockets, HTTP/1.0
    "one-by-one",  # one connection, whatever -m says
    "kept-alive",  # a connection for many requests
    "reversed",  # requests in another order
    "shuffled",
    "slow-start",  # long silence before the first line
    "crlf",  # lines that end with CRLF
    "noisy-stderr",  # a progress bar, and much of it
    "fixed-ports",  # knows no FLAGS2_*_URL
    "status-64",  # another status of usage errors
    "slow-reader",  # bodies that are read slowly
    "follows-redirects",  # by itself, over one connection each
    "other-lines",  # prints more than it must
)

ODDBALLS: dict[str, list[str]] = {
    **{name: [*_PYTHON, name] for name in _PYTHON_ODDBALLS},
    "curl": ["sh", str(_HERE / "curl.sh")],
    "fetch": ["node", str(_HERE / "fetch.mjs")],
    "java": ["java", str(_HERE / "Flags2.java")],
}
"""The command of each by its name."""

NEEDS: dict[str, tuple[str, ...]] = {
    "curl": ("sh", "curl", "xargs", "mktemp"),
    "fetch": ("node",),
    "java": ("java",),
}
"""The programs that have to be there for some of them."""
