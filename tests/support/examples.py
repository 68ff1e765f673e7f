"""How many examples a property gets, and the simplest fault of each kind."""

import os
from functools import cache

from hypothesis import Phase, find, settings

from mockservers.strategies import replies

PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "")
SCALE = 10 if PROFILE == "thorough" else 1

# For mutants: the same examples every time, and a failure is enough.
settings.register_profile(
    "mutation", derandomize=True, database=None, phases=[Phase.explicit, Phase.generate]
)
if PROFILE == "mutation":
    settings.load_profile(PROFILE)


def examples(n: int) -> settings:
    """`n` examples in the daily suite, ten times as many in the thorough one; no deadline."""
    return settings(max_examples=n * SCALE, deadline=None)


# For `find`, where that there is an example is enough: without one there is an error.
FOUND_IS_ENOUGH = settings(examples(2000), phases=[Phase.generate], database=None)


@cache
def simplest(kind):
    """The simplest fault of a kind."""
    shrink = settings(phases=[Phase.generate, Phase.shrink], database=None, deadline=None)
    return find(replies(kind), lambda fault: True, settings=shrink)
