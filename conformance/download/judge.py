"""What a recording shows: one word for what happened, and what else the journal says; pure."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from conformance.download.clauses import clauses
from conformance.download.content import What
from conformance.download.recording import Found, How, Recording
from conformance.download.situations import Situation
from conformance.verdicts import Finding, Verdict
from mockservers.faults import RateLimit, Redirect, Serve, Truncate
from mockservers.journal import RequestEntry

EARLY_S = 0.1
"""Seconds by which a request may be too early."""
AT_ONCE = 5
"""Requests in the first second, at most."""

_VERDICTS = {
    "hangs": Verdict.TIMEOUT,
    "leftover": Verdict.NON_STRICT,
    "false-alarm": Verdict.NON_STRICT,
    "storm": Verdict.NON_STRICT,
    "unchecked": Verdict.NON_STRICT,
    "accepted": Verdict.NON_STRICT,
    "up-to-the-client": Verdict.INFO,
    "undecided": Verdict.INFO,
    "not-met": Verdict.NOT_TESTED,
    "clean": Verdict.PASS,
    "recovered": Verdict.PASS,
    "honest": Verdict.PASS,
}
"""The verdict of each word; FAIL for any other."""
_NOTHING_BROKEN = (Verdict.PASS, Verdict.INFO, Verdict.NON_STRICT)
"""What says little where the situation did not come about: others show it too."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What happened in a situation."""

    word: str
    """As `recovered` or `truncated`: docs/downloaders/README.md has them all."""
    findings: tuple[Finding, ...]
    """What is to be said of it, the one about `word` first."""
    kept: tuple[str, ...]
    """The clauses that it shows to be kept."""

    @property
    def verdict(self) -> Verdict:
        """That of its word."""
        return _VERDICTS.get(self.word, Verdict.FAIL)


def judge(situation: Situation, seen: Recording) -> Judgement:
    """What the runs of a command in a situation show."""
    word, clause, actual, expected = _what_happened(situation, seen)
    untold = ("not-met", "undecided", "up-to-the-client")
    tested = word not in untold and (situation.met(seen) or seen.last.how is not How.EXIT)
    beside = [*_of_validators(situation, seen), *_of_waits(situation, seen), *_of_parts(seen, word)]
    findings = []
    if word not in ("clean", "recovered", "honest"):
        findings.append(_finding(word, clause, actual, expected))
        if clauses()[clause].keyword.startswith("SHOULD") and findings[0].verdict is Verdict.FAIL:
            # Bytes that are missing at status 0 break a MUST, whatever else they show.
            also = _finding("accepted", clause, actual, expected)
            findings = [_finding(word, "DL-FIN", actual, expected), also]
    findings += beside
    if _VERDICTS.get(word) is Verdict.PASS:
        word = next((one.kind for one in beside if one.verdict is Verdict.FAIL), word)
    broken = {one.clause for one in findings}
    shown = [*situation.clauses, "DL-BND"] if tested else []
    if seen.last.how is How.EXIT and seen.last.status and tested:
        shown.append("DL-PAR")
    shown.append("DL-VAL")
    kept = [one for one in dict.fromkeys(shown) if one not in broken and _shows(one, seen)]
    return Judgement(word, tuple(findings), tuple(kept))


def _shows(clause: str, seen: Recording) -> bool:
    """Whether a recording shows a clause, or nothing that it is about took place."""
    match clause:
        case "DL-VAL":
            return bool(_conditions(seen))
        case "DL-BND" | "DL-BAK" | "DL-RTA":
            return len(seen.gets) > (0 if clause == "DL-RTA" else 1)
        case _:
            return True


def _finding(word: str, clause: str, actual: str, expected: str | None) -> Finding:
    verdict = _VERDICTS.get(word, Verdict.FAIL)
    return Finding(clause, word, actual, expected=expected, verdict=verdict)


# --- one word -------------------------------------------------------------------------------------

_Happened = tuple[str, str, str, str | None]
"""Word, clause, what was seen, what was expected."""


def _what_happened(situation: Situation, seen: Recording) -> _Happened:
    main, last = situation.clauses[0], seen.last
    private = [name for name, file in seen.files.items() if _is_private(file)]
    if seen.outside:
        return (
            "unsafe",
            "DL-NAM",
            f"new files outside its folder: {', '.join(seen.outside)}",
            "nothing outside its folder",
        )
    if "DL-RED" in situation.clauses and private and last.status == 0:
        return "unsafe", "DL-RED", f"{private[0]} has the bytes of a local file", "a failure"
    match last.how:
        case How.HANGS:
            took = f"a request in flight, and no more of it; ended after {last.elapsed_s:.0f} s"
            return (
                "hangs",
                "DL-SIL",
                took,
                "an end before that; if its own limit is longer, use --patience",
            )
        case How.ASKS_ON:
            asked = (
                f"{len(seen.requests)} requests in {last.elapsed_s:.0f} s; there the suite ended it"
            )
            return "storm", "DL-BND", asked, "a limit of its own before that"
        case How.WAITS | How.TOO_LONG | How.STOPPED:
            tries = len(last.requests)
            waited = f"no end after {last.elapsed_s:.0f} s and {tries} requests, none in flight"
            return "undecided", main if tries < 2 else "DL-BND", waited, "either is allowed"
        case How.EXIT:
            ended = _at_0(situation, seen) if last.status == 0 else _failed(situation, seen)
    if situation.met(seen):
        return ended
    if _VERDICTS.get(ended[0]) in _NOTHING_BROKEN:
        return "not-met", main, f"{situation.why}: this did not come about", None
    word, _, actual, expected = ended
    return word, _broken_without(seen, word), actual, expected


def _broken_without(seen: Recording, word: str) -> str:
    """The clause that is broken where what the situation is for did not come about."""
    if word == What.SPLICED:
        return "DL-CMB"
    cuts = [one for one in seen.requests if one.do == Truncate.do and not one.client_gone]
    return "DL-LEN" if any(one.bytes_sent < (one.length or 0) for one in cuts) else "DL-FIN"


def _is_private(file: Found) -> bool:
    return file.changed and file.look.what is What.PAGE


def _at_0(situation: Situation, seen: Recording) -> _Happened:
    clause = situation.clauses[0]
    found = _kept(seen)
    if found is None:
        marked = next((name for name, file in seen.files.items() if file.marked), None)
        there = f"only {marked}" if marked else "no file"
        return "lost", clause, f"status 0 and {there}", "the file, or a failure"
    name, file = found
    what, text = file.look.what, f"{name}: {file.look.text}"
    if what is What.WHOLE and not _is_old(situation, file):
        again = sum(one.do != Redirect.do for one in seen.gets) > 1
        word = "recovered" if again and not situation.harmless else "clean"
        if What.WHOLE in situation.free and not situation.before:
            word = "up-to-the-client"
        return word, clause, text, "either is allowed"
    if what in situation.free or not (file.changed or seen.requests):
        return "up-to-the-client", clause, f"status 0; {text}", "either is allowed"
    if what is What.WHOLE:
        return "lost", clause, f"status 0; {text}, from before", "the version that the server has"
    return str(what), clause, f"status 0; {text}", "the file whole, or a failure"


def _kept(seen: Recording) -> tuple[str, Found] | None:
    """The file that a status of 0 speaks of: that of the final name. If the command chooses the
    name, a new file rather than one from before, and of these a whole one.
    """
    if seen.final:
        file = seen.files.get(seen.final)
        return (seen.final, file) if file else None
    files = [(name, file) for name, file in seen.files.items() if not file.marked]
    files.sort(key=lambda one: (not one[1].changed, one[1].look.what is not What.WHOLE))
    return files[0] if files else None


def _is_old(situation: Situation, file: Found) -> bool:
    """Whether it is from before, and a version that the server does not have now."""
    return not file.changed and file.look.edition not in situation.steps[-1].editions


def _failed(situation: Situation, seen: Recording) -> _Happened:
    clause, status = situation.clauses[0], seen.last.status
    found = _left(situation, seen)
    if found:
        name, file = found
        text = f"status {status}; {name}: {file.look.text}"
        return "leftover", "DL-PAR", text, "no such file, or a name that says so"
    final = _kept(seen)
    whole = final is not None and final[1].changed and final[1].look.what is What.WHOLE
    if whole and _ended_well(seen):
        text = f"status {status}, though {final[0] if final else ''} is whole"
        return "false-alarm", "DL-FIN", text, "status 0"
    if situation.harmless:
        alarm = f"status {status}, though every correct client can succeed: {situation.why}"
        return "false-alarm", situation.clauses[-1], alarm, "status 0 and the file"
    return "honest", clause, f"status {status}", None


def _left(situation: Situation, seen: Recording) -> tuple[str, Found] | None:
    """A file that is not whole, and does not say so."""
    for name, file in seen.files.items():
        if seen.final and name != seen.final:
            continue
        longer = situation.before is not None and file.look.what is What.TRUNCATED
        allowed = file.look.what is What.WHOLE or file.look.what in situation.free
        if file.changed and not file.marked and not longer and not allowed:
            return name, file
    return None


def _ended_well(seen: Recording) -> bool:
    """Whether the last response was a plain one, and whole."""
    gets = seen.gets
    return bool(gets) and gets[-1].do == Serve.do and gets[-1].complete


# --- what the journal says beside that ------------------------------------------------------------


def _field(one: RequestEntry, wanted: str) -> str | None:
    return next((value for name, value in one.headers or () if name.lower() == wanted), None)


def _conditions(seen: Recording) -> list[RequestEntry]:
    return [one for one in seen.requests if _field(one, "if-range")]


def _of_validators(situation: Situation, seen: Recording) -> Iterator[Finding]:
    """If-Range without a Range, with a weak ETag, or with a date where there is an ETag."""
    had_etag = False
    for step, run in zip(situation.steps, seen.runs, strict=False):
        for one in run.requests:
            value = _field(one, "if-range")
            wrong = None
            if value and not one.range:
                wrong = "without a Range"
            elif value and value.startswith("W/"):
                wrong = "a weak ETag"
            elif value and not value.startswith('"') and had_etag:
                wrong = "a date, though there was an ETag"
            if wrong:
                text = f"request {one.n} has If-Range: {value}: {wrong}"
                yield _finding("if-range", "DL-VAL", text, "a strong ETag, or a date without one")
                return
            had_etag |= step.etag != "none" and one.status in (200, 206)


def _of_waits(situation: Situation, seen: Recording) -> Iterator[Finding]:
    """Requests that came too early."""
    for run in seen.runs:
        asked = run.requests
        for one in asked:
            if one.do == RateLimit.do and one.method == "GET" and "DL-RTA" in situation.clauses:
                date = situation.id == "retry-after-date"
                least = one.end_s + 2.0 - EARLY_S  # a date has whole seconds: 3 may be 2
                again = [e for e in asked if e.start_s > one.end_s and e.range == one.range]
                if again and again[0].start_s < least:
                    waited = again[0].start_s - one.end_s
                    text = f"request {again[0].n} came {waited:.1f} s after request {one.n}"
                    expected = f"a wait of {'2 to 3' if date else '2'} s, as Retry-After says"
                    yield _finding("storm", "DL-RTA", text, expected)
                    return
        if "DL-BAK" in situation.clauses:
            yield from _of_backing_off(asked)


def _of_backing_off(asked: Sequence[RequestEntry]) -> Iterator[Finding]:
    for part in dict.fromkeys(one.range for one in asked):
        gets = [one for one in asked if one.method == "GET" and one.range == part]
        early = [one for one in gets if one.start_s < gets[0].start_s + 1]
        waits = [later.start_s - one.end_s for one, later in pairwise(gets)]
        text = ""
        if len(early) > AT_ONCE:
            text = f"{len(early)} requests in the first second"
        elif len(waits) > 1 and max(waits[1:]) < waits[0] * 1.1 + 0.05:
            text = f"waits of {', '.join(f'{wait:.2f}' for wait in waits[:5])} s"
        if text:
            yield _finding("storm", "DL-BAK", text, "waits that grow")
            return


def _of_parts(seen: Recording, word: str) -> Iterator[Finding]:
    """A part whose Content-Range is wrong and that was joined, though its bytes were right."""
    found = _kept(seen) if word in ("clean", "recovered") else None
    if found is None:
        return
    right = re.compile(rf"bytes \d+-\d+/({found[1].size}|\*)")
    for one in seen.requests:
        valid = right.fullmatch(one.content_range or "")
        if one.status == 206 and not valid and one.complete and _needed(seen, one):
            given = one.content_range or ""
            said = f'Content-Range "{given}"' if given else "no Content-Range"
            text = f"the part of request {one.n} was joined, with {said}"
            word = "unchecked" if given.startswith("bytes ") else "joined"
            yield _finding(word, "DL-CRG", text, "another request, or a failure")
            return


def _needed(seen: Recording, part: RequestEntry) -> bool:
    """Whether no later response had those bytes."""
    return not any(
        one.n > part.n and one.method == "GET" and one.status in (200, 206) and one.bytes_sent
        for one in seen.last.requests
    )
