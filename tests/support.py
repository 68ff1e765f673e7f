"""How many examples a property gets."""

import os

from hypothesis import settings

SCALE = 10 if os.environ.get("HYPOTHESIS_PROFILE") == "thorough" else 1


def examples(n: int) -> settings:
    """`n` examples in the daily suite, ten times as many in the thorough one; no deadline."""
    return settings(max_examples=n * SCALE, deadline=None)
