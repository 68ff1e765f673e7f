"""A recording as text: the requests of each run, and the bytes of each response; pure."""

from math import inf

from conformance.download.recording import Ran, Recording
from mockservers.journal import AwayEntry, RequestEntry

MOST, LAST = 12, 3
"""Lines for requests of one run, and how many of them are for the last ones."""
AT_THE_END_S = 0.5
"""Requests that end together with the last one were in flight when a run was ended."""


def story(seen: Recording) -> list[str]:
    """A line for each request, and for the end of each run."""
    lines: list[str] = []
    for number, run in enumerate(seen.runs, 1):
        if len(seen.runs) > 1:
            lines.append(f"run {number}:")
        until_s = _in_flight_until_s(run)
        shown = [_of_entry(entry, until_s) for entry in run.entries]
        if len(shown) > MOST:
            shown[MOST - LAST : -LAST] = [f"and {len(shown) - MOST} more"]
        lines += shown
        lines.append(_end(run))
    files = [
        f"{name}{' (as before)' if not file.changed else ''}{' (marked)' if file.marked else ''}: "
        f"{file.look.text}"
        for name, file in seen.files.items()
    ]
    return [*lines, *files]


def _in_flight_until_s(run: Ran) -> float:
    """Requests that end after this were in flight when the suite ended the command."""
    if run.status is not None:
        return inf
    return max((one.end_s for one in run.requests), default=inf) - AT_THE_END_S


def _end(run: Ran) -> str:
    if run.status is None:
        return f"ended by the suite after {run.elapsed_s:.1f} s ({run.how})"
    return f"status {run.status} after {run.elapsed_s:.1f} s"


def _of_entry(entry: RequestEntry | AwayEntry, until_s: float) -> str:
    if isinstance(entry, AwayEntry):
        return f"{entry.at_s:.2f} s  the server is away for {entry.for_s:g} s"
    asked = [entry.method, entry.path]
    for name, value in entry.headers or ():
        if name.lower() in ("range", "if-range"):
            asked.append(f"({name}: {value})")
    answer = [str(entry.status) if entry.status else "no status"]
    if entry.location:
        answer.append(f"to {entry.location}")
    if entry.content_range:
        answer.append(f"with {entry.content_range}")
    if entry.version and entry.length:
        answer.append(f"version {entry.version}")
    if entry.length is not None and entry.method == "GET":
        answer.append(f"{entry.bytes_sent:,} of {entry.length:,} bytes")
    elif entry.bytes_sent:
        answer.append(f"{entry.bytes_sent:,} bytes")
    if entry.client_gone:
        answer.append(
            "the suite ended the client" if entry.end_s > until_s else "the client closed"
        )
    number = f"{entry.n}." if not entry.limited else f"{entry.n}. (beyond the limit)"
    kind = f"[{entry.do}]" if entry.do else "[rejected]"
    return f"{entry.start_s:.2f} s  {number} {' '.join(asked)} -> {kind} {', '.join(answer)}"
