"""The report of `conformance download`, in the form of that of `conformance run`; pure."""

import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from typing import Any

from msgspec import to_builtins

from conformance.download.clauses import clauses
from conformance.download.recording import Recording
from conformance.download.resuming import situations
from conformance.download.runner import Settings
from conformance.download.situations import Situation
from conformance.download.story import story
from conformance.download.suite import Outcome
from conformance.known_failures import KnownFailure
from conformance.report_model import JOURNAL_LINES, TAIL
from conformance.verdicts import FAILURES, FREE, Finding, Verdict, worst
from mockservers.plan_json import plan_to_json

PREFIX = "download/"
"""What the name of a situation begins with, where it may be that of another case."""

FALSE_ALARM = "The file could be had, or was there, and the command reported a failure."
OF_RETRIES = ("DL-BND", "DL-BAK")
"""Clauses that only a command shows that tries again."""

_Cause = tuple[str, str]
_Group = list[tuple[Outcome, Finding]]


def report_of(
    typed: Sequence[str],
    settings: Settings,
    outcomes: Iterable[Outcome],
    known: Sequence[KnownFailure] = (),
    errors: Sequence[str] = (),
) -> dict[str, Any]:
    """The report without its time and its exit status (its form: report.schema.json)."""
    places = {one.id: place for place, one in enumerate(situations())}
    outcomes = sorted(outcomes, key=lambda one: places[one.situation.id])
    accepted = {(one.case, one.clause, one.kind): one.why for one in known}
    groups = _groups(outcomes)
    shown = [_row(cause, group, settings, accepted) for cause, group in groups.items()]
    rows = _clause_rows(outcomes, accepted)
    return {
        "conformance": 1,
        "door": "download",
        "command": list(typed),
        "version": version("flags2-reference"),
        "replay_options": _options(settings),
        "clauses": rows,
        "cases": [_case_row(one, accepted) for one in outcomes],
        "failures": [row for row in shown if row["verdict"] in FAILURES],
        "notes": [row for row in shown if row["verdict"] not in FAILURES],
        "errors": list(errors),
        "words": dict(Counter(one.judgement.word for one in outcomes).most_common()),
        "totals": _totals(rows),
    }


def _options(settings: Settings) -> str:
    """What a replay needs to be the same."""
    usual = Settings(())
    options = [f"--partial {shlex.quote(glob)}" for glob in settings.partial]
    if settings.seed != usual.seed:
        options.append(f"--seed {settings.seed}")
    if settings.patience_s != usual.patience_s:
        options.append(f"--patience {settings.patience_s:g}")
    return " ".join(options)


def _groups(outcomes: Iterable[Outcome]) -> dict[_Cause, _Group]:
    """What is to be shown, by its cause: failures, then missed SHOULDs, then each freedom."""
    groups: dict[_Cause, _Group] = {}
    found = [(one, finding) for one in outcomes for finding in one.judgement.findings]
    found = [item for item in found if item[1].verdict is not Verdict.NOT_TESTED]
    found.sort(key=lambda item: (item[1].verdict in FREE, item[1].verdict not in FAILURES))
    for one, finding in found:
        name = finding.kind
        if finding.verdict in FREE:
            name = f"{name} {one.situation.id}"
        groups.setdefault((finding.clause, name), []).append((one, finding))
    return groups


def _row(
    cause: _Cause, group: _Group, settings: Settings, accepted: Mapping[tuple[str, str, str], str]
) -> dict[str, Any]:
    clause, (first, shown) = cause[0], group[0]
    whys = [accepted.get((one.situation.id, *finding.cause)) for one, finding in group]
    findings = [finding.to_json() | {"code": one.situation.id} for one, finding in group]
    seen = first.seen
    return {
        "clause": clause,
        "word": shown.kind,
        "verdict": shown.verdict,
        "text": FALSE_ALARM if shown.kind == "false-alarm" else clauses()[clause].text,
        "cases": [one.situation.id for one, _ in group],
        "case": case_of(first.situation, settings),
        "command": list(seen.command),
        "repeated": first.repeated,
        "findings": findings,
        "status": seen.last.status,
        "books": [],
        "story": story(seen),
        "stdout": seen.last.stdout[-TAIL:],
        "stderr": seen.last.stderr[-TAIL:],
        "journal": _journal(seen),
        "known": "; ".join(sorted({why for why in whys if why})) if all(whys) else None,
        "replay": PREFIX + first.situation.id,
    }


def case_of(situation: Situation, settings: Settings) -> dict[str, Any]:
    """A situation as JSON: its plan, or the plan of each run."""
    plans = [
        plan_to_json(step.plan(situation.path, settings.seed, probes=settings.probes))
        for step in situation.steps
    ]
    case: dict[str, Any] = {"id": situation.id, "why": situation.why}
    case["plan"] = plans[0] if len(plans) == 1 else plans
    if situation.before:
        case["before"] = f"{situation.before.size:,} bytes of version 1"
    return case | {"arguments": []}


def _journal(seen: Recording) -> list[Any]:
    return list(map(to_builtins, seen.requests[:JOURNAL_LINES]))


def _case_row(one: Outcome, accepted: Mapping[tuple[str, str, str], str]) -> dict[str, Any]:
    found = one.judgement.findings
    whys = [accepted.get((one.situation.id, *finding.cause)) for finding in found]
    verdict = worst(finding.verdict for finding in found) if found else one.judgement.verdict
    row: dict[str, Any] = {
        "id": one.situation.id,
        "clauses": list(one.situation.clauses),
        "why": one.situation.why,
        "word": one.judgement.word,
        "verdict": verdict,
        "findings": [finding.to_json() for finding in found],
        "known": "; ".join(why for why in whys if why) or None,
    }
    if _is_stale(one, accepted):
        row["stale"] = True
    return row


def _is_stale(one: Outcome, accepted: Mapping[tuple[str, str, str], str]) -> bool:
    """Whether a failure is accepted that did not occur."""
    failed = {f.cause for f in one.judgement.findings if f.verdict in FAILURES}
    return any(key[0] == one.situation.id and key[1:] not in failed for key in accepted)


def _clause_rows(
    outcomes: Sequence[Outcome], accepted: Mapping[tuple[str, str, str], str]
) -> dict[str, dict[str, Any]]:
    rows = {}
    for name, clause in clauses().items():
        seen = [
            (one, finding)
            for one in outcomes
            for finding in one.judgement.findings
            if finding.clause == name
        ]
        kept = [one.situation.id for one in outcomes if name in one.judgement.kept]
        verdicts = [finding.verdict for _, finding in seen] + [Verdict.PASS] * bool(kept)
        stale = [one for one in outcomes if _is_stale(one, accepted)]
        verdicts += [Verdict.FAIL for one in stale if one.situation.clauses[0] == name]
        failures = [(one, f) for one, f in seen if f.verdict in FAILURES]
        rows[name] = {
            "keyword": clause.keyword,
            "text": clause.text,
            "verdict": worst(verdicts),
            "cases": list(dict.fromkeys([*(one.situation.id for one, _ in seen), *kept])),
            "known": bool(failures)
            and all((one.situation.id, *f.cause) in accepted for one, f in failures),
        }
        if name in OF_RETRIES and outcomes and not any(map(_asked_again, outcomes)):
            rows[name]["reason"] = "it never asked a second time"
    return rows


def _asked_again(one: Outcome) -> bool:
    return len(one.seen.gets) > 1


def _totals(rows: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    verdicts = [row["verdict"] for row in rows.values()]
    return {verdict: verdicts.count(verdict) for verdict in Verdict if verdict in verdicts}


def failed_control(typed: Sequence[str], reason: str, seen: Recording) -> dict[str, Any]:
    """The report of a command that fails where nothing goes wrong."""
    report = report_of(typed, Settings(tuple(typed)), ())
    report["smoke"] = {
        "step": "control",
        "actual": reason,
        "advice": "try it by hand: where nothing goes wrong, the command has to save {url} as "
        "{file}, or in {dir}, and to end with status 0",
    }
    return report
