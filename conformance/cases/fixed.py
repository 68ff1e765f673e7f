"""The fixed cases: one or more for each clause that runs can show."""

from collections.abc import Mapping

from conformance.cases.model import Case
from mockservers.faults import (
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
from mockservers.flags2.codes import POP20, path_of_code
from mockservers.plan import Bucket, Plan
from mockservers.profiles import ERROR_SEED

HANG_S = 0.5
"""Seconds after which the server ends a hang, except in the case of REQ-7."""

ALWAYS = (
    "REQ-1 REQ-2 REQ-3 REQ-4 REQ-6 REQ-8 FIL-1 FIL-2 FIL-3 REP-1 REP-2 REP-3 REP-4 REP-5 REP-6 "
    "REP-7 REP-10 REP-11 CLI-8 CLI-9 CON-1 CON-2 ACC-1 ACC-3 ACC-4 ACC-5 ACC-6"
).split()
"""The clauses that every run with a report shows."""


def _rules(**responses: Fault | tuple[Fault, ...]) -> Plan:
    """A plan of rules for codes."""
    return Plan(rules={code: r if isinstance(r, tuple) else (r,) for code, r in responses.items()})


def _slow(delay_s: float) -> Plan:
    return Plan(mix=(Bucket(100, Serve(delay_s=delay_s)),))


RESPONSES: Mapping[str, Mapping[str, Fault]] = {
    "OUT-1": {
        "serve": Serve(),
        "delay": Serve(delay_s=0.2),
        "drip": Drip(bytes_per_s=2_000),
        "wrong-type": WrongType(),
    },
    "OUT-2": {"404": Status((404,))},
    "OUT-3": {
        **{str(n): Status((n,)) for n in (201, 204, 206, 301, 304, 400, 403, 410, 418, 500, 503)},
        "429": RateLimit(),
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
    },
    "OUT-6": {
        "no-length": NoLength(),
        "cut-headers": CutHeaders(),
        "too-long": TooLong(),
        "huge-headers": HugeHeaders(),
    },
    "REQ-9": {
        "redirect": Redirect(to=path_of_code("AD")),
        "redirect-to-nothing": Redirect(to=path_of_code("ZZ")),
        "redirect-loop": RedirectLoop(),
    },
}
"""Responses by the clause that says how to count them. Those of OUT-6 and REQ-9 have a run each."""

_HAVE_FLAGS = (
    "BR CN DE ET FR ID IN IR JP MX NG PH PK RU TR US VN AE AF AG AL AM AO AR AT AU".split()
)


def fixed_cases() -> tuple[Case, ...]:
    """All fixed cases, the slowest first."""
    return (*_silence(), *_expansion(), *_command_lines(), *_responses(), *_runs(), *_legacy())


def _report(name: str, clauses: str, arguments: str, why: str, **fields: object) -> Case:
    """A case that ends with its report; it shows `clauses`, and then what every such case shows."""
    words = tuple(arguments.split())
    shown = [*clauses.split(), *ALWAYS]
    if "-v" in words:
        shown += ["REP-8", "ACC-2"]
    else:
        shown += ["REP-9"]
    named = tuple(dict.fromkeys(shown))
    return Case(f"fixed/{name}", named, words, why=why, **fields)  # type: ignore[arg-type]


def _silence() -> list[Case]:
    plan = _rules(BR=Hang(or_s=40))
    why = "a server that sends nothing"
    return [_report("silence", "REQ-7 HOOK-2", "-v BR", why, plan=plan, waits_s=5, timeout_s=1)]


def _expansion() -> list[Case]:
    return [
        _report("code", "EXP-1 CLI-3", "br", "a code in lower case"),
        _report("letter", "EXP-2", "b", "a letter stands for 26 codes"),
        _report("letter-and-code", "EXP-2 EXP-3", "-v Z ZW", "a code that its letter includes"),
        _report("twice", "EXP-3", "BR br BR", "a code that is named three times"),
        _report("order", "EXP-4", "US CN BR", "codes in descending order"),
        _report("limit", "EXP-5", "-l 2 US CN BR", "the limit counts after sorting"),
        _report("limit-of-letter", "EXP-5", "-l 3 Z A", "the first of 52"),
        _report("high-limit", "EXP-5", "-l 9 CN BR", "a limit above the number of codes"),
        _report("every", "EXP-6", "-e", "all codes"),
        _report("every-with-limit", "EXP-6 EXP-5", "-e -l 3", "the first of all codes"),
        _report("all", "EXP-7", "-a", "all countries"),
        _report("all-with-limit", "EXP-7 EXP-5", "-l 2 -a", "the first countries"),
        _report("default", "EXP-8", "", "no codes at all"),
        _report(
            "own-codes-file",
            "EXP-10",
            "-a",
            "another codes file in the working directory",
            codes_file="US\nBR CN\n",
            asks=(("BR", "CN", "US"),),
        ),
        *_refusals("EXP-9", {"three-letters": "BRA", "digit": "B1", "one-of-three": "BR 12 CN"}),
    ]


def _refusals(clause: str, lines: Mapping[str, str]) -> list[Case]:
    return [
        Case(
            f"fixed/{name}",
            (clause, "CLI-6", "CLI-7", "L-6"),
            tuple(line.split()),
            why="a usage error",
            expects="refusal",
        )
        for name, line in lines.items()
    ]


def _command_lines() -> list[Case]:
    both = _rules(BR=Status((503,)), US=Status((404,)))
    return [
        _report("options", "CLI-1 REQ-6", "-v -m 2 -s DELAY BR CN", "three options"),
        _report("options-again", "CLI-1 REQ-6", "-s ERROR -m 1 -v BR CN", "another order"),
        _report("options-last", "CLI-2", "BR CN -v -s DELAY", "options after the codes"),
        _report(
            "long-forms",
            "CLI-2",
            "--limit 1 --max_req 2 --server ERROR --verbose BR CN",
            "long forms of options",
        ),
        _report("long-every", "CLI-2", "--every --limit 2", "a long form"),
        _report("long-all", "CLI-2", "--all --limit 2", "a long form"),
        _report("one-word", "CLI-2", "-ev -l 2", "two options in one word"),
        _report("local", "REQ-6", "-s LOCAL BR", "the server is named"),
        _report("small-label", "CLI-4", "-s error BR", "a label in lower case"),
        *_refusals(
            "CLI-5",
            {
                "no-such-server": "-s NOWHERE BR",
                "limit-of-nothing": "-l 0 BR",
                "no-connections": "-m 0 BR",
                "limit-no-number": "-l x BR",
                "connections-no-number": "-m x BR",
                "no-such-option": "-x BR",
                "no-such-long-option": "--nonsense BR",
            },
        ),
        _report("all-errors", "CLI-8", "CN BR", "nothing but errors", plan=_status_for_all(503)),
        _report(
            "some-error",
            "CLI-8",
            "-v CN BR US",
            "errors do not fail a run",
            plan=both,
        ),
        Case(
            "fixed/interrupt",
            ("CLI-10",),
            ("-m", "2", "BR", "CN", "EG", "FR", "US", "VN"),
            plan=Plan(
                mix=(Bucket(100, Serve(delay_s=1)),),
                rules={"BR": (Serve(),), "CN": (Hang(or_s=2),)},
            ),
            why="Ctrl-C while requests are in flight",
            expects="interrupt",
            waits_s=5,
        ),
    ]


def _status_for_all(status: int) -> Plan:
    return Plan(mix=(Bucket(100, Status((status,))),))


def _responses() -> list[Case]:
    """Runs with each response, and with a flag beside it that must arrive all the same."""
    cases = [
        _report(name, f"{clause} OUT-1", "-v BR CN", "one response", plan=_rules(BR=response))
        for clause, responses in RESPONSES.items()
        for name, response in responses.items()
        if clause in ("OUT-6", "REQ-9")
    ]
    for clause, responses in RESPONSES.items():
        if clause in ("OUT-6", "REQ-9"):
            continue
        codes = dict(zip(_HAVE_FLAGS, responses.values(), strict=False))
        plan = _rules(**codes)
        words = " ".join([*codes, "VU"])
        why = f"{', '.join(responses)}, and a flag"
        name = clause.lower()
        cases += [
            _report(f"{name}-lines", f"{clause} OUT-1", f"-v {words}", why, plan=plan),
            _report(f"{name}-totals", f"{clause} OUT-1", words, why, plan=plan),
        ]
    absent = _report("absent", "OUT-2", "-v ZZ BR XX", "flags that do not exist")
    refused = _report(
        "refused", "OUT-4", "-v BR CN", "connections are refused", plan=Plan(refuse=True)
    )
    again = _report(
        "served-at-the-second-attempt",
        "REQ-4 OUT-3 OUT-5",
        "-v BR CN FR",
        "a second attempt would be served",
        plan=_rules(
            BR=(Status((503,)), Serve()),
            CN=(Truncate(after_bytes=1000), Serve()),
            FR=(RateLimit(retry_after_s=0), Serve()),
        ),
    )
    never = _report(
        "no-reply-at-all",
        "REQ-4 OUT-4",
        "-v BR CN",
        "a second attempt gets no response either",
        plan=_rules(BR=Empty(), CN=Reset()),
    )
    once = _report(
        "reset-once",
        "REQ-5 REQ-4",
        "-v BR CN",
        "one more attempt is served",
        plan=_rules(BR=(Reset(), Serve()), CN=(Empty(), Serve())),
    )
    return [*cases, absent, refused, again, never, once]


def _runs() -> list[Case]:
    sample = Plan(
        seed=ERROR_SEED,
        mix=(Bucket(25, Status((501, 502, 503))), Bucket(50, Serve(delay_s=0.05))),
    )
    stale = {"br.gif": "not a flag", "cn.gif": "not a flag either"}
    one_more = Plan(mix=(Bucket(100, Serve(delay_s=0.1)),))
    return [
        _report("two-letters", "OUT-1 OUT-2 OUT-3", "-s ERROR -m 8 A B", "a mix", plan=sample),
        _report("two-letters-lines", "REP-8 ACC-2", "-s ERROR -v A B", "a mix", plan=sample),
        _report(
            "one-error", "REP-4 OUT-3", "BR", "one of everything", plan=_rules(BR=Status((503,)))
        ),
        _report("one-flag", "REP-4", "BR", "one flag, one connection"),
        _report("ten", "REP-2", " ".join(POP20[:10]), "ten codes are listed"),
        _report("eleven", "REP-2", " ".join(POP20[:11]), "eleven codes are not"),
        _report("stale", "FIL-4", "-v BR CN US", "files from before", files=stale),
        _report(
            "stale-and-error",
            "FIL-2 OUT-5",
            "-v BR CN",
            "files from before",
            files=stale,
            plan=_rules(BR=Truncate(after_bytes=1000), CN=Status((404,))),
        ),
        _report("no-folder", "FIL-5", "-v BR", "no folder to save to", dest=False),
        _report(
            "folder-in-the-way", "FIL-6", "-v BR CN", "it cannot be saved", files={"br.gif/": ""}
        ),
        _report("alone", "CON-1 CON-2", "-m 1 BR CN US", "one connection", plan=_slow(0.25)),
        _report(
            "three-of-nine",
            "CON-3 CON-1 CON-4",
            f"-m 3 {' '.join(POP20[:9])}",
            "exactly as many as announced",
            plan=one_more,
            gate=True,
        ),
        _report(
            "two-of-six",
            "CON-1 CON-3 CON-4",
            f"-v -m 2 {' '.join(POP20[:6])}",
            "exactly as many as announced",
            plan=one_more,
            gate=True,
        ),
        _report("more-than-codes", "CON-2", "-m 9 BR CN", "more connections than codes", gate=True),
        _report("two-allowed", "CON-2", "-m 2 -v BR CN US VN", "fewer connections than codes"),
        _report("eight", "CON-4 CON-3", "-m 8 A", "eight connections", gate=True),
    ]


def _legacy() -> list[Case]:
    every = (Case("", ("EXP-6",), ("-e",)).code_lists()[0],)
    countries = Case("", ("EXP-7",), ("-a",)).code_lists()[0]

    def either(name: str, legacy: str, arguments: str, why: str, **fields: object) -> Case:
        words = tuple(arguments.split())
        return Case(f"legacy/{name}", (legacy,), words, why=why, expects="either", **fields)  # type: ignore[arg-type]

    return [
        either(
            "limit-without-codes", "L-4", "-l 5", "all twenty, or five", asks=(POP20, POP20[:5])
        ),
        either("sharp-s", "L-5", "ß", "SS, or a usage error", asks=(("SS",),) * 2),
        either("every-and-all", "L-7", "-e -a", "-e, or -a", asks=(*every, countries)),
        either("all-and-code", "L-7", "-a XX", "-a", asks=(countries, countries)),
    ]
