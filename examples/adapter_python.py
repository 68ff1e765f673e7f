"""An adapter around the package `reference`: `conformance adapter -- python adapter_python.py`."""

import contextlib
import io
import json
import sys

from reference.flags2_common import POP20_CC, expand_cc_args
from reference.primes_threadpool import is_prime
from reference.quicksort import quicksort


def expand(args, every, all, limit):  # noqa: A002 - the name in the protocol
    """The selected codes; without arguments, those of the twenty most populous countries."""
    return expand_cc_args(every, all, args, limit or sys.maxsize) or sorted(POP20_CC)


def prime(n):
    """Whether `n` is prime."""
    with contextlib.redirect_stdout(io.StringIO()):  # is_prime prints, and stdout is for answers
        return is_prime(n)


def sort(items):
    """The items in ascending order."""
    quicksort(items)
    return items


OPERATIONS = {"expand": expand, "is_prime": prime, "quicksort": sort}

for line in sys.stdin:
    question = json.loads(line)
    operation = OPERATIONS.get(question.pop("op"))
    if operation is None:
        answer = {"unsupported": True}
    else:
        try:
            answer = {"result": operation(**question)}
        except ValueError as exc:
            answer = {"error": str(exc)}
    print(json.dumps(answer), flush=True)
