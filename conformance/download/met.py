"""Whether a situation came about, by the journal; pure."""

from collections.abc import Callable

from conformance.download.recording import Recording
from mockservers.faults import Empty, Fault, Redirect, Reset, Stall, Truncate
from mockservers.journal import AwayEntry, RequestEntry

Met = Callable[[Recording], bool]
OK = 200


def did(*kinds: type[Fault]) -> Met:
    """Whether a request met one of these: a GET, or a HEAD that was not answered with 200.

    A cut that comes after the end of what was asked for is not met.
    """
    names = {kind.do for kind in kinds}
    cuts = {kind.do for kind in (Reset, Stall, Truncate)}

    def met(one: RequestEntry) -> bool:
        if one.do not in names or (one.do in cuts and one.bytes_sent == (one.length or -1)):
            return False
        return one.method == "GET" or one.status != OK

    return lambda seen: any(map(met, seen.requests))


def asked_for_a_part(seen: Recording) -> bool:
    """Whether a part was asked for that does not begin at 0."""
    return any(one.range and not one.range.startswith("bytes=0-") for one in seen.requests)


def got_two_versions(seen: Recording) -> bool:
    """Whether GETs were answered with bytes of different versions."""
    return len({one.version for one in seen.gets if one.bytes_sent and one.version}) > 1


def always(seen: Recording) -> bool:
    """It needs nothing from the client."""
    return True


def asked(seen: Recording) -> bool:
    """Whether anything was asked for."""
    return bool(seen.requests)


def limited(seen: Recording) -> bool:
    """Whether a request was beyond the limit of the plan."""
    return any(one.limited for one in seen.requests)


def was_away(seen: Recording) -> bool:
    """Whether the server was away."""
    return any(isinstance(one, AwayEntry) for one in seen.entries)


def closed_a_kept_connection(seen: Recording) -> bool:
    """Whether a request met `empty` on a connection that had had a whole response before."""
    had = {one.conn for one in seen.requests if one.do == Redirect.do and one.complete}
    return any(one.do == Empty.do and one.conn in had for one in seen.requests)
