"""Cases few enough to try every one: what can happen to a code, and what must come of it.

What must come of it is a plain table, made without a look at `mockservers.predict` or the ledger,
which are held against it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import NamedTuple

from mockservers import faults
from mockservers.content.flag_images import flag
from mockservers.content.resources import FlagCatalogue, info_in
from mockservers.flags2.codes import packaged_codes, path_of_code
from mockservers.plan import Plan
from mockservers.predict import predict
from mockservers.strategies import WITHOUT_RANGES
from support.downloaders import play_sockets
from support.examples import simplest

FIND = info_in(FlagCatalogue())

OK, NOT_FOUND, ERROR = {"ok"}, {"not_found"}, {"error"}
EITHER = OK | ERROR
"""Where no client can tell (SPEC.md, OUT-6)."""


class Fate(NamedTuple):
    """What happens to a code, and what a downloader may then say of it."""

    reply: faults.Fault | None
    """None: there is no flag of this code."""
    may_say: set[str]
    sends_flag: bool = False
    """The flag of the code arrives, every byte of it and no other."""


NEXT = faults.Redirect("the-next-code")
"""Stands for a redirect to the flag of the next code, or of the first one."""

FATES = {
    "serve": Fate(faults.Serve(), OK, sends_flag=True),
    "absent": Fate(None, NOT_FOUND),
    "status": Fate(faults.Status((503,)), ERROR),
    "empty": Fate(faults.Empty(), ERROR),
    "reset": Fate(faults.Reset(), ERROR),
    "reset in the body": Fate(faults.Reset(300), ERROR),
    "truncate": Fate(faults.Truncate(300), ERROR),
    "cut_headers": Fate(faults.CutHeaders(), EITHER),
    "too_long": Fate(faults.TooLong(), EITHER, sends_flag=True),
    "no_length": Fate(faults.NoLength(), EITHER),
    "drip": Fate(faults.Drip(bytes_per_s=20_000_000), OK, sends_flag=True),
    "hang": Fate(faults.Hang(or_s=0.001), ERROR),
    "garbage": Fate(faults.Garbage(), ERROR),
    "bad_chunk": Fate(faults.BadChunk(), ERROR),
    "bad_gzip": Fate(faults.BadGzip(), ERROR),
    "wrong_type": Fate(faults.WrongType(), OK, sends_flag=True),
    "huge_headers": Fate(faults.HugeHeaders(), EITHER, sends_flag=True),
    "redirect": Fate(NEXT, set()),
    "redirect_loop": Fate(faults.RedirectLoop(), ERROR),
    "rate_limit": Fate(faults.RateLimit(retry_after_s=0), ERROR),
}
"""Kinds of response, in forms that take no time; two places for `reset`; no flag at all."""


def _fate_of(kind: type[faults.Fault]) -> Fate:
    """The fate of a kind that has no row above: a prediction gives its outcome."""
    fault = simplest(kind)
    outcome = predict(Plan(rules={"BR": fault}), "LOCAL", ["BR"], FIND)["BR"].outcome
    return Fate(fault, EITHER if outcome == "depends" else {outcome})


FATES |= {kind.do: _fate_of(kind) for kind in WITHOUT_RANGES if kind.do not in FATES}

NAMES = tuple(FATES)


@dataclass(frozen=True)
class Codes:
    """The fates of some codes, by name, and how many connections ask for them."""

    fates: tuple[str, ...]
    connections: int

    @property
    def codes(self) -> tuple[str, ...]:
        """One code for each fate, in the order of requests."""
        known = packaged_codes()[:: len(packaged_codes()) // len(self.fates)]
        return tuple(
            f"X{ascii_uppercase[place]}" if name == "absent" else known[place]
            for place, name in enumerate(self.fates)
        )

    @property
    def plan(self) -> Plan:
        """What the server does."""
        rules = {}
        for place, (code, name) in enumerate(zip(self.codes, self.fates, strict=True)):
            reply = FATES[name].reply or faults.Serve()
            if reply is NEXT:
                following = self.codes[(place + 1) % len(self.codes)]
                reply = faults.Redirect(path_of_code(following))
            if reply != faults.Serve():
                rules[code] = (reply,)
        return Plan(rules=rules)

    def end(self, place: int) -> int | None:
        """Where the redirects from a place lead; None where they never end."""
        for hops in range(len(self.fates)):
            at = (place + hops) % len(self.fates)
            if FATES[self.fates[at]].reply is not NEXT:
                return at
        return None


def check(servers, downloader, case: Codes) -> None:
    """Run a downloader: outcomes and files are those of the table."""
    codes, plan = case.codes, case.plan
    run = play_sockets(servers, downloader, plan, ["-v", "-m", str(case.connections), *codes])
    assert run.ledger.balanced, run.ledger.imbalances
    said = run.claims.outcomes
    assert set(said) == set(codes), "each code has a line, and nothing else has"
    assert all(sum(counted.values()) == 1 for counted in said.values()), "and only one"
    assert sum(run.claims.totals.values()) == len(codes)
    assert run.ledger.most_in_flight <= case.connections
    saved = {f"{code.lower()}.gif" for code, outcome in run.outcomes.items() if outcome == "ok"}
    assert set(run.files) == saved, "a file for each flag, and no other"
    forecasts = predict(plan, "ERROR", codes, FIND)
    closes = len(codes) > 1 and "close_after" in case.fates  # a request may go to such a connection
    for place, code in enumerate(codes):
        end = case.end(place)
        fate = Fate(None, ERROR) if end is None else FATES[case.fates[end]]
        outcome = run.outcomes[code]
        assert outcome in fate.may_say | (ERROR if closes else set()), f"{code} is {outcome}"
        expected = "depends" if closes or len(fate.may_say) > 1 else outcome
        assert forecasts[code].outcome == expected, f"prediction for {code}"
        if outcome == "ok" and fate.sends_flag:
            assert run.files[f"{code.lower()}.gif"] == flag(codes[end]), f"the file of {code}"


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
