"""Correct downloaders that are unusual: each conforms, and the kit must say so.

`NEEDS` has the programs that some of them need besides Python.
"""

import sys
from pathlib import Path

_HERE = Path(__file__).parent
_PYTHON = [sys.executable, str(_HERE / "variants.py")]
_PYTHON_VARIANTS = (
    "raw-http-10",  # raw sockets, HTTP/1.0
    "one-by-one",  # one connection, whatever -m says
    "kept-alive",  # one connection for many requests
    "reversed",  # requests in another order
    "shuffled",
    "slow-start",  # a long silence before the first line
    "crlf",  # lines that end with CRLF
    "noisy-stderr",  # a progress bar with a lot of output
    "fixed-ports",  # ignores FLAGS2_*_URL
    "status-64",  # another status for usage errors
    "slow-reader",  # reads bodies slowly
    "follows-redirects",  # over one connection each
    "limit-of-its-own",  # ignores FLAGS2_TIMEOUT_S, and tolerates little more than it must
    "other-lines",  # prints more than it must
)

UNUSUAL: dict[str, list[str]] = {
    **{name: [*_PYTHON, name] for name in _PYTHON_VARIANTS},
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
"""The programs that some of them need."""
