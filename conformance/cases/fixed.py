"""The fixed cases: one or more for each clause that runs can show."""

from collections.abc import Mapping

from conformance.cases.arguments import command_line_cases, expansion_cases, legacy_cases
from conformance.cases.build import HANG_S, report_case, rules
from conformance.cases.model import Case
from mockservers.content.flag_images import flag
from mockservers.faults import (
    Attachment,
    BadChunk,
    BadGzip,
    BadLength,
    Chunked,
    CloseAfter,
    CutHeaders,
    Drip,
    Empty,
    Fault,
    Flip,
    Garbage,
    Gzip,
    Hang,
    HugeHeaders,
    Interim,
    NoLength,
    RateLimit,
    Redirect,
    RedirectLoop,
    Reset,
    Serve,
    SlowHead,
    Stall,
    Status,
    TooLong,
    Truncate,
    WrongType,
)
from mockservers.flags2.codes import POP20, path_of_code
from mockservers.plan import Bucket, Plan
from mockservers.profiles import ERROR_SEED


def _slow(delay_s: float) -> Plan:
    return Plan(mix=(Bucket(100, Serve(delay_s=delay_s)),))


LONG_S = 42
"""Seconds; longer than any limit for a pause may be."""
FOR_HEEDERS, FOR_OTHERS = "fixed/silence", "fixed/silence-and-a-long-body"
"""The case for a program that reads `FLAGS2_TIMEOUT_S`, and the one for any other."""

RESPONSES: Mapping[str, Mapping[str, Fault]] = {
    "OUT-1": {
        "serve": Serve(),
        "delay": Serve(delay_s=0.5),
        "drip": Drip(bytes_per_s=2_000),
        "wrong-type": WrongType(),
        "chunked": Chunked(),
        "gzip": Gzip(),
        "slow-head": SlowHead(bytes_per_s=200),
        "attachment": Attachment(filename="../other.gif"),
    },
    "OUT-2": {"404": Status((404,))},
    "OUT-3": {
        **{str(n): Status((n,)) for n in (201, 204, 206, 301, 304, 400, 403, 410, 418, 500, 503)},
        "429": RateLimit(),
        "429-until": RateLimit(date_in_s=2),
        "503-soon": RateLimit(status=503, retry_after="soon"),
    },
    "OUT-4": {
        "empty": Empty(),
        "reset": Reset(),
        "reset-in-the-head": Reset(after_bytes=30),
        "garbage": Garbage(),
        "hang": Hang(or_s=HANG_S),
    },
    "OUT-5": {
        "truncate-to-nothing": Truncate(),
        "truncate": Truncate(after_bytes=1000),
        "reset-in-the-body": Reset(after_bytes=1000),
        "bad-chunk": BadChunk(),
        "bad-gzip": BadGzip(),
        "cut-after-a-chunk": Chunked(cut="chunk"),
        "cut-in-a-chunk": Chunked(cut="data"),
        "stall": Stall(for_s=HANG_S),
    },
    "OUT-6": {
        "no-length": NoLength(),
        "cut-headers": CutHeaders(),
        "too-long": TooLong(),
        "huge-headers": HugeHeaders(),
        "too-short-a-length": BadLength(how="fewer"),
    },
    "OUT-7": {
        "flip": Flip(),
        "cut-after-the-chunks": Chunked(cut="end"),
        "two-lengths": BadLength(how="two"),
        "length-and-chunks": BadLength(how="with_chunked"),
        "gzip-unasked": Gzip(unasked=True),
    },
    "OUT-8": {"interim": Interim()},
    "OUT-9": {"cut-gzip": Gzip(cut=True)},
    "REQ-9": {
        "redirect": Redirect(to=path_of_code("AD")),
        "redirect-to-nothing": Redirect(to=path_of_code("ZZ")),
        "redirect-loop": RedirectLoop(),
    },
}
"""Responses by the clause that says how to count them."""
ALONE = ("OUT-6", "OUT-7", "OUT-8", "OUT-9", "REQ-9")
"""The clauses whose responses have a run each."""

_HAVE_FLAGS = (
    "BR CN DE ET FR ID IN IR JP MX NG PH PK RU TR US VN AE AF AG AL AM AO AR AT AU".split()
)


def fixed_cases() -> tuple[Case, ...]:
    """All fixed cases, the slowest first."""
    return (
        *_waiting(),
        *expansion_cases(),
        *command_line_cases(),
        *_responses(),
        *_runs(),
        *_concurrency(),
        *legacy_cases(),
    )


def _steady(code: str, lasts_s: float) -> Fault:
    """The flag of a code, without a pause, in that time."""
    return Drip(bytes_per_s=len(flag(code)) / lasts_s)


def _waiting() -> list[Case]:
    """Silences that must be given up, before a response and within it, beside a body that keeps
    arriving for longer than the limit that a program may have; and pauses that must be tolerated:
    8 s before the first byte, 12 s of drops, gaps of 2 s and of 8 s.
    """
    silent = {
        "BR": Hang(or_s=40),
        "CN": Stall(for_s=40),
        "ET": Stall(for_s=40, head_bytes=9),
    }
    slow = rules(
        BR=Serve(delay_s=8),
        CN=Drip(bytes_per_s=2_900),
        IN=Drip(bytes_per_s=2_100, piece_bytes=4_200),
        US=Drip(bytes_per_s=800, piece_bytes=6_400),
    )
    return [
        report_case(
            "silence",
            "REQ-7 REQ-10 REQ-11 HOOK-2",
            "-v -m 4 BR CN ET IN",
            "servers that fall silent, and one that does not",
            plan=rules(**silent, IN=_steady("IN", 3)),
            waits_s=5,
            timeout_s=1,
        ),
        report_case(
            "silence-and-a-long-body",
            "REQ-7 REQ-10 REQ-11 HOOK-2",
            "-v -m 4 BR CN ET IN",
            "the same for a program with a limit of its own",
            plan=rules(**silent, IN=_steady("IN", LONG_S)),
            waits_s=5,
            timeout_s=1,
        ),
        report_case(
            "patience",
            "REQ-11 OUT-1",
            "-v -m 4 BR CN IN US",
            "servers that take their time",
            plan=slow,
            waits_s=5,
        ),
    ]


def _responses() -> list[Case]:
    """Runs with each response, and with a flag beside it that must arrive all the same."""
    cases = [
        report_case(name, f"{clause} OUT-1", "-v BR CN", "one response", plan=rules(BR=response))
        for clause, responses in RESPONSES.items()
        for name, response in responses.items()
        if clause in ALONE
    ]
    for clause, responses in RESPONSES.items():
        if clause in ALONE:
            continue
        codes = dict(zip(_HAVE_FLAGS, responses.values(), strict=False))
        plan = rules(**codes)
        words = " ".join([*codes, "VU"])
        why = f"{', '.join(responses)}, and a flag"
        name = clause.lower()
        cases += [
            report_case(f"{name}-lines", f"{clause} OUT-1", f"-v {words}", why, plan=plan),
            report_case(f"{name}-totals", f"{clause} OUT-1", words, why, plan=plan),
        ]
    return [*cases, *_other_responses()]


def _other_responses() -> list[Case]:
    """Runs without a response, with one that comes later, and with none at all."""
    absent = report_case("absent", "OUT-2", "-v ZZ BR XX", "flags that do not exist")
    refused = report_case(
        "refused", "OUT-4", "-v BR CN", "connections are refused", plan=Plan(refuse=True)
    )
    again = report_case(
        "served-at-the-second-attempt",
        "REQ-4 OUT-3 OUT-5",
        "-v BR CN FR",
        "a second attempt would be served",
        plan=rules(
            BR=(Status((503,)), Serve()),
            CN=(Truncate(after_bytes=1000), Serve()),
            FR=(RateLimit(retry_after_s=0), Serve()),
        ),
    )
    never = report_case(
        "no-reply-at-all",
        "REQ-4 OUT-4",
        "-v BR CN",
        "a second attempt gets no response either",
        plan=rules(BR=Empty(), CN=Reset()),
    )
    once = report_case(
        "reset-once",
        "REQ-5 REQ-4",
        "-v BR CN",
        "one more attempt is served",
        plan=rules(BR=(Reset(), Serve()), CN=(Empty(), Serve())),
    )
    closed = report_case(
        "closed-connection",
        "REQ-4 REQ-5 OUT-1",
        "-v -m 1 BR CN US",
        "a connection ends after a whole response that lets it stay open",
        plan=rules(BR=CloseAfter(), CN=CloseAfter(after_s=0.1)),
    )
    return [absent, refused, again, never, once, closed]


def _runs() -> list[Case]:
    x_37 = Plan(
        seed=ERROR_SEED,
        mix=(Bucket(25, Status((501, 502, 503))), Bucket(50, Serve(delay_s=0.5))),
    )
    stale = {"br.gif": "not a flag", "cn.gif": "not a flag either"}
    return [
        report_case(
            "two-letters",
            "OUT-1 OUT-2 OUT-3",
            "-s ERROR -m 8 A B",
            "as in X-37",
            plan=x_37,
            waits_s=1,
        ),
        report_case(
            "two-letters-lines",
            "REP-8 ACC-2",
            "-s ERROR -v A B",
            "as in X-37",
            plan=x_37,
            waits_s=1,
        ),
        report_case(
            "one-error", "REP-4 OUT-3", "BR", "one of everything", plan=rules(BR=Status((503,)))
        ),
        report_case("one-flag", "REP-4", "BR", "one flag, one connection"),
        report_case("ten", "REP-2", " ".join(POP20[:10]), "ten codes are listed"),
        report_case("eleven", "REP-2", " ".join(POP20[:11]), "eleven codes are not"),
        report_case("stale", "FIL-4", "-v BR CN US", "files from before", files=stale),
        report_case(
            "stale-and-error",
            "FIL-2 OUT-5",
            "-v BR CN",
            "files from before",
            files=stale,
            plan=rules(BR=Truncate(after_bytes=1000), CN=Status((404,))),
        ),
        report_case("no-folder", "FIL-5", "-v BR", "no folder to save to", dest=False),
        report_case(
            "folder-in-the-way", "FIL-6", "-v BR CN", "it cannot be saved", files={"br.gif/": ""}
        ),
    ]


def _concurrency() -> list[Case]:
    one_more = Plan(mix=(Bucket(100, Serve(delay_s=0.1)),))
    return [
        report_case("alone", "CON-1 CON-2", "-m 1 BR CN US", "one connection", plan=_slow(0.25)),
        report_case(
            "three-of-nine",
            "CON-3 CON-1 CON-4",
            f"-m 3 {' '.join(POP20[:9])}",
            "exactly as many as announced",
            plan=one_more,
            gate=True,
        ),
        report_case(
            "two-of-six",
            "CON-1 CON-3 CON-4",
            f"-v -m 2 {' '.join(POP20[:6])}",
            "exactly as many as announced",
            plan=one_more,
            gate=True,
        ),
        report_case(
            "more-than-codes", "CON-2", "-m 9 BR CN", "more connections than codes", gate=True
        ),
        report_case("two-allowed", "CON-2", "-m 2 -v BR CN US VN", "fewer connections than codes"),
        report_case("eight", "CON-4 CON-3", "-m 8 A", "eight connections", gate=True),
    ]
