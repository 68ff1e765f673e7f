"""The fixed cases about arguments: codes, options, and what the listings leave open."""

from conformance.cases.build import refusals, report_case, rules
from conformance.cases.model import Case
from mockservers.faults import Hang, Serve, Status
from mockservers.flags2.codes import POP20
from mockservers.plan import Bucket, Plan


def expansion_cases() -> list[Case]:
    """Which codes are asked for (EXP)."""
    return [
        report_case("code", "EXP-1 CLI-3", "br", "a code in lower case"),
        report_case("letter", "EXP-2", "b", "a letter stands for 26 codes"),
        report_case("letter-and-code", "EXP-2 EXP-3", "-v Z ZW", "a code that its letter includes"),
        report_case("twice", "EXP-3", "BR br BR", "a code that is named three times"),
        report_case("order", "EXP-4", "US CN BR", "codes in descending order"),
        report_case("limit", "EXP-5", "-l 2 US CN BR", "the limit counts after sorting"),
        report_case("limit-of-letter", "EXP-5", "-l 3 Z A", "the first of 52"),
        report_case("high-limit", "EXP-5", "-l 9 CN BR", "a limit above the number of codes"),
        report_case("every", "EXP-6", "-e", "all codes"),
        report_case("every-with-limit", "EXP-6 EXP-5", "-e -l 3", "the first of all codes"),
        report_case("all", "EXP-7", "-a", "all countries"),
        report_case("all-with-limit", "EXP-7 EXP-5", "-l 2 -a", "the first countries"),
        report_case("default", "EXP-8", "", "no codes at all"),
        report_case(
            "own-codes-file",
            "EXP-10",
            "-a",
            "another codes file in the working directory",
            codes_file="US\nBR CN\n",
            asks=(("BR", "CN", "US"),),
        ),
        *refusals("EXP-9", {"three-letters": "BRA", "digit": "B1", "one-of-three": "BR 12 CN"}),
    ]


def command_line_cases() -> list[Case]:
    """Options, usage errors, exit status and Ctrl-C (CLI)."""
    both = rules(BR=Status((503,)), US=Status((404,)))
    return [
        report_case("options", "CLI-1 REQ-6", "-v -m 2 -s DELAY BR CN", "three options"),
        report_case("options-again", "CLI-1 REQ-6", "-s ERROR -m 1 -v BR CN", "another order"),
        report_case("options-last", "CLI-2", "BR CN -v -s DELAY", "options after the codes"),
        report_case(
            "long-forms",
            "CLI-2",
            "--limit 1 --max_req 2 --server ERROR --verbose BR CN",
            "long forms of options",
        ),
        report_case("long-every", "CLI-2", "--every --limit 2", "a long form"),
        report_case("long-all", "CLI-2", "--all --limit 2", "a long form"),
        report_case("one-word", "CLI-2", "-ev -l 2", "two options in one word"),
        report_case("local", "REQ-6", "-s LOCAL BR", "the server is named"),
        report_case("small-label", "CLI-4", "-s error BR", "a label in lower case"),
        *_usage_errors(),
        report_case(
            "all-errors", "CLI-8", "CN BR", "nothing but errors", plan=_status_for_all(503)
        ),
        report_case(
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


def _usage_errors() -> list[Case]:
    return refusals(
        "CLI-5",
        {
            "no-such-server": "-s NOWHERE BR",
            "limit-of-nothing": "-l 0 BR",
            "no-connections": "-m 0 BR",
            "limit-no-number": "-l x BR",
            "connections-no-number": "-m x BR",
            "limit-below-nothing": "-l -1 BR",
            "limit-and-a-letter": "-l 2x BR",
            "limit-with-exponent": "-l 1e1 BR",
            "connections-with-decimals": "-m 3.7 BR",
            "no-value": "BR -m",
            "no-such-option": "-x BR",
            "no-such-long-option": "--nonsense BR",
        },
    )


def _status_for_all(status: int) -> Plan:
    return Plan(mix=(Bucket(100, Status((status,))),))


def legacy_cases() -> list[Case]:
    """Command lines that may be read in two ways (L)."""
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
