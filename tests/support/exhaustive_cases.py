"""Worlds small enough to try every one: what can happen to a code, and what must come of it.

What must come of it is a plain table, made without a look at `mockservers.predict` or the ledger,
which are held against it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import NamedTuple

from mockservers.content.flag_images import flag
from mockservers.content.resources import FlagCatalogue, info_in
from mockservers.faults import (
    KINDS,
    BadChunk,
    BadGzip,
    CutHeaders,
    Drip,
    Empty,
    Fault,
    Garbage,
    Hang,
    HugeHeaders,
    NoLength,
    RateLimit,
    Redirect,
    RedirectLoop,
    Reset,
    Serve,
    Status,
    TooLong,
    Truncate,
    WrongType,
)
from mockservers.flags2.codes import packaged_codes, path_of_code
from mockservers.plan import Plan
from mockservers.predict import predict
from support.downloaders import play_sockets
from support.examples import simplest

FIND = info_in(FlagCatalogue())

OK, NOT_FOUND, ERROR = {"ok"}, {"not_found"}, {"error"}
EITHER = OK | ERROR
"""Where no client can tell (SPEC.md, OUT-6)."""


class Fate(NamedTuple):
    """What happens to a code, and what a downloader may then say of it."""

    reply: Fault | None
    """None: there is no flag of this code."""
    may_say: set[str]
    sends_flag: bool = False
    """The flag of the code arrives, every byte of it and no other."""


NEXT = Redirect("the-next-code")
"""Stands for a redirect to the flag of the code behind, or of the first one."""

FATES = {
    "serve": Fate(Serve(), OK, sends_flag=True),
    "absent": Fate(None, NOT_FOUND),
    "status": Fate(Status((503,)), ERROR),
    "empty": Fate(Empty(), ERROR),
    "reset": Fate(Reset(), ERROR),
    "reset in the body": Fate(Reset(300), ERROR),
    "truncate": Fate(Truncate(300), ERROR),
    "cut_headers": Fate(CutHeaders(), EITHER),
    "too_long": Fate(TooLong(), EITHER, sends_flag=True),
    "no_length": Fate(NoLength(), EITHER),
    "drip": Fate(Drip(bytes_per_s=20_000_000), OK, sends_flag=True),
    "hang": Fate(Hang(or_s=0.001), ERROR),
    "garbage": Fate(Garbage(), ERROR),
    "bad_chunk": Fate(BadChunk(), ERROR),
    "bad_gzip": Fate(BadGzip(), ERROR),
    "wrong_type": Fate(WrongType(), OK, sends_flag=True),
    "huge_headers": Fate(HugeHeaders(), EITHER, sends_flag=True),
    "redirect": Fate(NEXT, set()),
    "redirect_loop": Fate(RedirectLoop(), ERROR),
    "rate_limit": Fate(RateLimit(retry_after_s=0), ERROR),
}
"""Kinds of response, in forms that take no time; two places for `reset`; no flag at all."""


def _fate_of(kind: type[Fault]) -> Fate:
    """The fate of a kind that has no row above: a prediction gives its outcome."""
    fault = simplest(kind)
    outcome = predict(Plan(rules={"BR": fault}), "LOCAL", ["BR"], FIND)["BR"].outcome
    return Fate(fault, EITHER if outcome == "depends" else {outcome})


FATES |= {do: _fate_of(kind) for do, kind in KINDS.items() if do not in FATES}

NAMES = tuple(FATES)
ABSENT = tuple(f"X{letter}" for letter in ascii_uppercase)
"""Codes without a flag."""


@dataclass(frozen=True)
class World:
    """The fates of some codes, by name, and how many connections ask for them.

    Where `once`, a fate is that of the first request alone, and any further one is served.
    """

    fates: tuple[str, ...]
    connections: int
    once: bool = False

    @property
    def codes(self) -> tuple[str, ...]:
        """One code for each fate, in the order of requests."""
        known = packaged_codes()[:: len(packaged_codes()) // len(self.fates)]
        return tuple(
            ABSENT[place] if name == "absent" else known[place]
            for place, name in enumerate(self.fates)
        )

    @property
    def plan(self) -> Plan:
        """What the server does."""
        codes = self.codes
        rules: dict[str, tuple[Fault, ...]] = {}
        for place, (code, name) in enumerate(zip(codes, self.fates, strict=True)):
            reply = FATES[name].reply or Serve()
            if reply is NEXT:
                reply = Redirect(path_of_code(codes[(place + 1) % len(codes)]))
            if reply != Serve():
                rules[code] = (reply, Serve()) if self.once else (reply,)
        return Plan(rules=rules)

    def end(self, place: int) -> int | None:
        """Where the redirects from a place lead; None where they never end."""
        for hops in range(len(self.fates)):
            at = (place + hops) % len(self.fates)
            if FATES[self.fates[at]].reply is not NEXT:
                return at
        return None


def live_through(servers, downloader, world: World):
    """Run a downloader in a world; what must hold in every world is asserted."""
    codes, plan = world.codes, world.plan
    played = play_sockets(servers, downloader, plan, ["-v", "-m", str(world.connections), *codes])
    assert played.ledger.balanced, played.ledger.imbalances
    said = played.claims.outcomes
    assert set(said) == set(codes), "each code has a line, and nothing else has"
    assert all(sum(counted.values()) == 1 for counted in said.values()), "and only one"
    assert sum(played.claims.totals.values()) == len(codes)
    assert played.ledger.most_in_flight <= world.connections
    downloaded = {
        f"{code.lower()}.gif" for code, outcome in played.outcomes.items() if outcome == "ok"
    }
    assert set(played.files) == downloaded, "a file for each flag, and no other"
    for code, forecast in predict(plan, "ERROR", codes, FIND).items():
        assert forecast.outcome in (played.outcomes[code], "depends"), f"{code} as predicted"
    return played


def check_sticky(world: World, played) -> None:
    """Outcomes and files are those of the table, where each fate is that of every request."""
    codes = world.codes
    forecasts = predict(world.plan, "ERROR", codes, FIND)
    for place, code in enumerate(codes):
        end = world.end(place)
        fate = Fate(None, ERROR) if end is None else FATES[world.fates[end]]
        outcome = played.outcomes[code]
        assert outcome in fate.may_say, f"{code} is {outcome}"
        expected = "depends" if len(fate.may_say) > 1 else outcome
        assert forecasts[code].outcome == expected, f"prediction for {code}"
        if outcome == "ok" and fate.sends_flag:
            assert played.files[f"{code.lower()}.gif"] == flag(codes[end]), f"the file of {code}"


def prove(cases: Sequence, check, record_property) -> None:
    """Check every case; a failure names its case, and the number of cases is reported."""
    assert cases
    for case in cases:
        try:
            check(case)
        except BaseException as exc:
            exc.add_note(f"in the case {case}")
            raise
    record_property("cases", len(cases))
