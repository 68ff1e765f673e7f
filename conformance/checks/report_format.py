"""The form of the report: totals, their order and number, the elapsed time; pure."""

from collections.abc import Sequence

from conformance.checks.interpret import Reading
from conformance.checks.printed_lines import COUNTED, ELAPSED, TOTAL
from conformance.verdicts import Finding, broken

ORDER = ("flag", "not", "error", "interrupted")
"""The order of the totals, by their first words."""


def check_report_format(reading: Reading) -> list[Finding]:
    """What is wrong with the form of a report that is there."""
    report = reading.printed.report
    totals = [match for text in report if (match := TOTAL.fullmatch(text))]
    found = _order_of_totals([match[2] for match in totals], [match[0] for match in totals])
    found += [
        broken("REP-6", "format", match[0], expected="left out")
        for match in totals
        if match[1] == "0" and "flag" not in match[2]
    ]
    if not any(ELAPSED.fullmatch(text) for text in report):
        found.append(broken("REP-7", "format", "no such line", expected="Elapsed time: S.SSs"))
    return found + _plurals(reading, [match[0] for match in totals])


def _order_of_totals(names: Sequence[str], lines: Sequence[str]) -> list[Finding]:
    words = [name.split()[0].removesuffix("s") for name in names]
    if words == [word for word in ORDER if word in words] and "flag" in words:
        return []
    expected = "N flags downloaded. N not found. N errors."
    return [broken("REP-5", "format", "; ".join(lines), expected=expected)]


def _plurals(reading: Reading, totals: Sequence[str]) -> list[Finding]:
    """A word after 1 is singular, after any other number plural."""
    printed = reading.printed
    lines = [printed.texts[p] for p in (printed.search, printed.connections) if p is not None]
    found = []
    for text in (*lines, *totals):
        for number, word, ending in COUNTED.findall(text):
            if (number == "1") == bool(ending):
                right = word if number == "1" else f"{word}s"
                found.append(broken("REP-4", "format", text, expected=f"{number} {right}"))
    return found
