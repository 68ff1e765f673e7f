"""Clauses are promises that others build on: an id stays, and so does what it means."""

import re

import pytest
from support import TOP

from conformance.clauses import KEYWORDS, clauses_json, read_clauses
from mockservers.flags2.codes import is_code

SPEC = TOP.joinpath("SPEC.md").read_text(encoding="utf-8")
KNOWN = """
EXP-1 MUST two letters from A to Z | EXP-2 MUST one letter | EXP-3 MUST selected once |
EXP-4 MUST ascending order | EXP-5 MUST first N of the codes | EXP-6 MUST all 676 codes |
EXP-7 MUST 194 codes | EXP-8 MUST BD BR CD CN DE EG ET FR ID IN IR JP MX NG PH PK RU TR US VN |
EXP-9 MUST Any argument other than | EXP-10 SHOULD has other codes |
CLI-1 MUST before the codes | CLI-2 SHOULD long forms | CLI-3 MUST server MUST be LOCAL |
CLI-4 SHOULD label in lower case | CLI-5 MUST below 1 | CLI-6 MUST before anything is requested |
CLI-7 SHOULD reported on stdout or stderr | CLI-8 MUST with status 0, whatever the outcomes |
CLI-9 MUST NOT without its report | CLI-10 SHOULD Ctrl-C |
REQ-1 MUST http://localhost:8001/flags/br/br.gif | REQ-2 MUST Every code |
REQ-3 MUST NOT anything else | REQ-4 MUST NOT again in the same run | REQ-5 MAY repeated, once |
REQ-6 MUST server that the command line names | REQ-7 MUST of its request |
REQ-8 MUST HTTP/1.0 or HTTP/1.1 | REQ-9 MAY redirect MAY be followed |
OUT-1 MUST status 200 that arrives whole | OUT-2 MUST status 404 | OUT-3 MUST any other status |
OUT-4 MUST no valid response arrives | OUT-5 MUST cut short or cannot be decoded |
OUT-6 MAY Where no client can tell |
FIL-1 MUST byte for byte | FIL-2 MUST NOT leave a file | FIL-3 MUST hold nothing |
FIL-4 MUST from before the run MUST be replaced | FIL-5 SHOULD created if it is missing |
FIL-6 SHOULD cannot be saved |
REP-1 MUST `LABEL site: URL` | REP-2 MUST `Searching for N flags: ` |
REP-3 MUST `N concurrent connections will be used.` | REP-4 MUST singular | REP-5 MUST 20 hyphens |
REP-6 SHOULD A total of 0 SHOULD be left out | REP-7 SHOULD `Elapsed time: 1.23s` |
REP-8 MUST each code MUST get one line | REP-9 SHOULD NOT Without `-v` |
REP-10 MUST report MUST be printed on stdout | REP-11 MUST NOT 16 MiB |
CON-1 MUST NOT more requests in flight | CON-2 MUST from 1 to that of `-m` |
CON-3 MUST As many requests as announced | CON-4 SHOULD Up to `-m 8` |
ACC-1 MUST add up | ACC-2 MUST With `-v` | ACC-3 MUST MUST print its report |
ACC-4 MUST NOT after printing its report | ACC-5 MUST MUST end | ACC-6 SHOULD no process running |
PRM-1 MUST An odd number | PRM-2 MUST NOT even numbers |
QKS-1 MUST ascending order | QKS-2 MUST each as often | QKS-3 MUST 10,000 numbers |
QKS-4 MUST trace |
SRV-1 MUST exactly | SRV-2 MUST for `bucket` | SRV-3 MUST for `status` | SRV-4 MUST for `delay` |
SRV-5 MUST bytes of `garbage` | SRV-6 MUST rule for a path |
SRV-7 MUST places of `flip` | OUT-7 MAY In these five cases too | OUT-8 SHOULD Interim responses |
OUT-9 SHOULD which the program offered, ends too early |
REQ-10 MUST stops in the middle | REQ-11 MUST NOT shorter than 10 seconds |
HOOK-1 SHOULD `FLAGS2_LOCAL_URL` | HOOK-2 MAY `FLAGS2_TIMEOUT_S` |
HOOK-3 MUST `{"unsupported": true}` |
L-1 MAY `is_prime(2)` | L-2 MAY `is_prime(1)` | L-3 MAY odd negative | L-4 MAY selects all twenty |
L-5 MAY `ß` is SS | L-6 MAY of argparse to stderr | L-7 MAY `-e` overrides `-a` |
L-8 MAY `country_codes.txt`
"""
"""Every id that there ever was, its keyword, and words by which its meaning is known again. Add to
these what is new; take nothing away, and change the words only where the meaning stays."""

RECORDED = [
    re.fullmatch(rf"(\w+-\d+) ({'|'.join(KEYWORDS)}) (.*)", one.strip()).groups()
    for one in KNOWN.split(" |")
]
EXAMPLES = 72
"""X-1 to X-72 have been used."""
CHAPTERS = {clause.partition("-")[0] for clause, *_ in RECORDED} | {"L", "R", "D", "X"}
ID = re.compile(rf"(?<![\w-])(?:{'|'.join(CHAPTERS)})-\d+(?![\w-])")


def test_clauses_json_is_what_the_spec_makes():
    there = TOP.joinpath("conformance/clauses.json").read_text(encoding="utf-8")
    assert there == clauses_json(SPEC), "run `python -m conformance.clauses`"


def test_every_clause_keeps_its_id_its_keyword_and_its_meaning():
    """An id is never taken away: the text of its clause says that it holds no longer. The words of
    a clause are in the text of no other clause of its chapter.
    """
    there = read_clauses(SPEC)
    assert {clause.id for clause in there} == {name for name, *_ in RECORDED}
    found = {
        (name, keyword, words): [
            (other.id, other.keyword)
            for other in there
            if other.id[:2] == name[:2] and words in other.text
        ]
        for name, keyword, words in RECORDED
    }
    assert found == {one: [one[:2]] for one in RECORDED}


def test_no_example_is_removed():
    numbers = set(map(int, re.findall(r"^(?:\| |\*\*)X-(\d+)", SPEC, re.MULTILINE)))
    assert numbers >= set(range(1, EXAMPLES + 1))


def test_a_clause_is_read_with_all_its_parts():
    one, other = read_clauses(
        "- **TOY-1** [run, adapter] A toy MUST NOT\n  break.\n- **TOY-2** [none: no toy] It MAY."
    )
    assert (one.id, one.chapter, one.keyword, one.evidence, one.text, one.reason) == (
        "TOY-1", "TOY", "MUST NOT", ("run", "adapter"), "A toy MUST NOT break.", None,
    )  # fmt: skip
    assert (other.keyword, other.evidence, other.reason) == ("MAY", ("none",), "no toy")


WRONG = [
    "- **TOY-7** [run] A toy must last.",
    "- **TOY-7** [run] A toy MUST last and SHOULD shine.",
    "- **TOY-7** [run] A toy MUST last\n  and MUST shine.",
    "- **TOY-7** [guess] A toy MUST last.",
    "- **TOY-7** [run, Guess] A toy MUST last.",
    "- **TOY-7** A toy MUST last.",
    "- **TOY-7** [] A toy MUST last.",
    "- **TOY-7** [none] A toy MUST last.",
    "- **TOY-7** [run: why] A toy MUST last.",
    "- **TOY-7** [run, none: why] A toy MUST last.",
    "- **TOY-7** [run]",
    "- **TOY-7** [run] A toy MUST last.\n- **TOY-7** [run] It MUST shine.",
]


def test_an_invalid_clause_is_rejected_by_name():
    for text in WRONG:
        with pytest.raises(ValueError, match="TOY-7"):
            read_clauses(f"- **TOY-1** [run] A toy MAY last.\n{text}\n")


def test_ids_that_are_named_exist():
    there = {name for name, *_ in RECORDED}
    rows = SPEC + TOP.joinpath("reference/README.md").read_text(encoding="utf-8")
    there |= set(re.findall(r"^(?:\| |\*\*)([XRD]-\d+)(?= \||\*\*)", rows, re.MULTILINE))
    sources = [
        TOP / "SPEC.md",
        *TOP.glob("conformance/**/*.py"),
        *TOP.glob("tests/conformance/*.py"),
    ]
    unknown = {
        f"{source.relative_to(TOP)}: {name}"
        for source in sources
        for name in ID.findall(source.read_text(encoding="utf-8"))
        if name not in there
    }
    assert not unknown


def test_ids_are_found_where_they_are_named():
    assert ID.findall('("REQ-4 FIL-2", L-3) X-12: PRE-4 UTF-8 a-R-1') == [
        "REQ-4", "FIL-2", "L-3", "X-12",
    ]  # fmt: skip


def test_the_default_codes_of_the_spec_are_codes_of_its_countries():
    countries = TOP.joinpath("country_codes.txt").read_text(encoding="ascii").split()
    (text,) = [clause.text for clause in read_clauses(SPEC) if clause.id == "EXP-8"]
    codes = re.findall(r"\b[A-Z]{2}\b", text)
    assert len(codes) == 20
    assert codes == sorted(codes)
    assert all(is_code(code) and code in countries for code in codes)
