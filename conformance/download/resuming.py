"""What a command may meet when it goes on after a failure: parts, and versions that change; pure.

There are three ways to go on: in the run that failed (`retry`), in the next run (`again`), and with
a part that is there before (`onto`). In each, the server does one thing to the next request. A
command that asks for several parts meets that, too (`second`).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from conformance.download.content import SIZE, What
from conformance.download.met import Met, asked, asked_for_a_part, did, got_two_versions
from conformance.download.recording import Recording
from conformance.download.situations import (
    CUT,
    Before,
    Situation,
    Step,
    of_one_run,
)
from mockservers.faults import BadRange, Drip, Fault, Serve, Status, Truncate, Unsatisfiable
from mockservers.kinds.selection import ETagForm

MORE = 100_000
"""Bytes by which a version is longer, or shorter."""


@dataclass(frozen=True, slots=True)
class _Next:
    """What happens to the request that goes on."""

    name: str
    faults: tuple[Fault, ...]
    clause: str
    why: str
    met: Met | None = None
    etag: ETagForm = "strong"


def _got_a_part(seen: Recording) -> bool:
    return any(one.status == 206 and one.do == Serve.do for one in seen.requests)


_BAD_RANGE = did(BadRange)
_V2 = Serve(version=2)

_NEXT = [
    _Next("part", (Serve(),), "DL-CMB", "the rest of it", _got_a_part),
    _Next("ignored", (BadRange("ignored"), Serve()), "DL-IGN", "a whole 200 for a part",
          _BAD_RANGE),
    _Next("ignored-changed", (BadRange("ignored", version=2), _V2), "DL-CMB",
          "a whole 200 of version 2", _BAD_RANGE),
    _Next("shifted", (BadRange("shift"), Serve()), "DL-CRG", "a part that begins a byte early",
          _BAD_RANGE),
    _Next("moved", (BadRange("moved"), Serve()), "DL-CRG",
          "a part that begins and ends a byte early", _BAD_RANGE),
    _Next("no-content-range", (BadRange("missing"), Serve()), "DL-CRG",
          "a part without Content-Range", _BAD_RANGE),
    _Next("other-unit", (BadRange("unit"), Serve()), "DL-CRG", "a part in lines", _BAD_RANGE),
    _Next("other-total", (BadRange("total"), Serve()), "DL-CRG", "a part of a longer whole",
          _BAD_RANGE),
    _Next("short", (BadRange("short"), Serve()), "DL-TOT", "half of the part asked for",
          _BAD_RANGE),
    _Next("stale", (BadRange("stale", version=2), _V2), "DL-CMB",
          "a part of version 2, whatever If-Range says", _BAD_RANGE),
    _Next("changed", (_V2,), "DL-CMB", "version 2, as long"),
    _Next("longer", (Serve(version=2, grow=MORE),), "DL-CMB", "version 2, longer"),
    _Next("shorter", (Serve(version=2, grow=-MORE),), "DL-CMB", "version 2, shorter"),
    _Next("gone", (Serve(version=2, grow=CUT // 2 - SIZE),), "DL-RNS",
          "version 2, shorter than the part"),
    _Next("changed-weak", (_V2,), "DL-CMB", "version 2, with weak ETags", etag="weak"),
    _Next("changed-no-etag", (_V2,), "DL-CMB", "version 2, without ETags", etag="none"),
    _Next("other-etag", (Serve(),), "DL-CMB", "the same bytes with another ETag",
          etag="per_request"),
    _Next("416", (Unsatisfiable(body_bytes=500), Serve()), "DL-RNS", "416 with a page",
          did(Unsatisfiable)),
    _Next("416-total", (Unsatisfiable("wrong"), Serve()), "DL-RNS", "416 with another length",
          did(Unsatisfiable)),
    _Next("416-bare", (Unsatisfiable("absent"),), "DL-RNS", "416 without a length, every time",
          did(Unsatisfiable)),
    _Next("503", (Status((503,), body_bytes=500), Serve()), "DL-STA", "503 with a page",
          did(Status)),
    _Next("cut", (Truncate(CUT), Truncate(CUT), Serve()), "DL-LEN", "two more cuts"),
]  # fmt: skip


def _going_on() -> Iterator[Situation]:
    for one in _NEXT:
        for way in ("retry", "again", "onto"):
            met = one.met or asked_for_a_part
            match way:
                case "retry":
                    steps: tuple[Step, ...] = (Step((Truncate(CUT), *one.faults), etag=one.etag),)
                case "again":
                    # 403: a client that tries again in the first run gives up there.
                    cut = Step((Truncate(CUT), Status((403,))), etag=one.etag)
                    steps = (cut, Step(one.faults, etag=one.etag))
                case _:
                    steps = (Step(one.faults, etag=one.etag),)
            before = Before() if way == "onto" else None
            begins = {"retry": "a cut, then", "again": "a cut; in the next run"}
            why = f"{begins.get(way, 'a part is there;')} {one.why}"
            clauses = (one.clause, "DL-VAL")
            yield Situation(f"{way}-{one.name}", clauses, why, steps, met, before, slow=True)


def _between() -> Iterator[Situation]:
    """What a command meets that asks for several parts, at once or one after another."""
    faults: dict[str, tuple[tuple[Fault, ...], str, str]] = {
        "changed": ((_V2,), "DL-CMB", "version 2, as long"),
        "cut": ((Truncate(1_000), Serve()), "DL-LEN", "a close after 1,000 bytes"),
        "503": ((Status((503,), body_bytes=500), Serve()), "DL-STA", "503 with a page"),
        "ignored": ((BadRange("ignored"), Serve()), "DL-IGN", "a whole 200 for a part"),
        "shifted": ((BadRange("shift"), Serve()), "DL-CRG", "a part that begins a byte early"),
        "moved": (
            (BadRange("moved"), Serve()),
            "DL-CRG",
            "a part that begins and ends a byte early",
        ),
        "short": ((BadRange("short"), Serve()), "DL-TOT", "half of the part asked for"),
    }
    for name, (second, clause, does) in faults.items():
        met = got_two_versions if second == (_V2,) else did(type(second[0]))
        # The first response takes a second, so that others begin while it lasts.
        steps = (Step((Drip(SIZE), *second)),)
        why = f"for a second request, {does}"
        yield Situation(f"second-{name}", (clause,), why, steps, met, slow=True)


def _onto_a_whole_file() -> Iterator[Situation]:
    whole = Before(SIZE)
    versions = {
        "same": (Serve(), "DL-RNS", "it is there already"),
        "changed": (_V2, "DL-RNS", "version 2, as long"),
        "longer": (Serve(version=2, grow=MORE), "DL-CMB", "version 2, longer"),
        "shorter": (Serve(version=2, grow=-MORE), "DL-RNS", "version 2, shorter"),
        "404": (Status((404,), body_bytes=500), "DL-STA", "404 with a page"),
    }
    for name, (fault, clause, does) in versions.items():
        why = f"version 1 is there, whole; {does}"
        steps = (Step((fault,)),)
        free = frozenset({What.WHOLE}) if name == "changed" else frozenset()
        yield Situation(f"whole-{name}", (clause,), why, steps, asked, whole, free, slow=True)


def situations() -> tuple[Situation, ...]:
    """Every situation, in the order of a report."""
    found = (*of_one_run(), *_going_on(), *_between(), *_onto_a_whole_file())
    assert len({one.id for one in found}) == len(found)
    return found


CONTROL = next(one for one in of_one_run() if one.id == "serve")
"""The one with which a command has to succeed before anything is judged."""
