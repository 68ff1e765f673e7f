"""What a server does by load: it holds responses, limits requests, goes away.

These are not pure: what happens depends on the order and the time in which requests arrive.
"""

from typing import Annotated

from msgspec import Meta

from mockservers.kinds.base import Fault
from mockservers.kinds.values import Seconds, Value, check

Requests = Annotated[int, Meta(ge=1, le=100_000, description="a whole number from 1 to 100000")]


class Gate(Value, frozen=True):
    """Hold responses until `hold_until_in_flight` are held at once, or `or_s` after the first.

    Opens once per server and run; after that nothing is held.
    """

    hold_until_in_flight: Requests
    or_s: Seconds


class Limit(Value, frozen=True):
    """A request beyond `in_flight` on its server, when it arrives, gets `over`, and is no attempt.

    What `over` draws is drawn for attempt 0.
    """

    in_flight: Requests
    over: Fault

    def __post_init__(self) -> None:
        """Raises PlanError; the plan checks `over`."""
        check("in_flight", self.in_flight, Requests)


class Away(Value, frozen=True):
    """When response `after_requests` has ended, every connection of the server is closed, and its
    port refuses for `for_s` seconds; once per run.
    """

    after_requests: Requests
    for_s: Seconds
