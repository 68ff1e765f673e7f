"""Faulty implementations, each with one fault: `python faulty.py NAME [flags2 arguments]`.

`FAULTY` has the clause that each of them breaks, `LAX` that of those that only miss a SHOULD;
`correct` is the implementation without a fault.
"""

import sys

import faulty_arguments  # noqa: F401 - fills the tables
import faulty_lax  # noqa: F401
import faulty_reports  # noqa: F401
import faulty_requests  # noqa: F401
import faulty_responses  # noqa: F401
from downloader import FAULTY, LAX, PROGRAMS, run

__all__ = ["FAULTY", "LAX", "PROGRAMS", "run"]

if __name__ == "__main__":
    sys.exit(run(PROGRAMS, sys.argv[1:]))
