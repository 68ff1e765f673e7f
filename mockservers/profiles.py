"""The three servers that the listings were written for, as plans.

LOCAL was a plain static server; DELAY and ERROR were proxies in front of it, configured as
the comment beside each says.
"""

from mockservers.faults import Serve, Status
from mockservers.plan import Bucket, Plan

ERROR_SEED = 629
"""The first seed, counted from 0, with which `-e` gives the sample run in the listing
`flags2_threadpool.py`: 150 flags downloaded, 361 not found, 165 errors."""

PROFILES = {
    "LOCAL": Plan(),
    # 100 % of the responses delayed by 0.5 s
    "DELAY": Plan(mix=(Bucket(100, Serve(delay_s=0.5)),)),
    # 25 % answered by an error (501, 502 or 503), another 50 % delayed by 0.5 s
    "ERROR": Plan(
        seed=ERROR_SEED,
        mix=(Bucket(25, Status((501, 502, 503))), Bucket(50, Serve(delay_s=0.5))),
    ),
}
