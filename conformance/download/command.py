"""What `conformance download`, and the replay of one situation, do; each returns an exit status."""

import argparse
import json
import time
from collections.abc import Collection, Sequence
from fnmatch import fnmatchcase
from typing import Any

from msgspec import structs

from conformance.download.clauses import clauses
from conformance.download.judge import judge
from conformance.download.report import PREFIX, case_of, failed_control, report_of
from conformance.download.resuming import situations
from conformance.download.runner import Settings, record
from conformance.download.situations import Situation
from conformance.download.story import story
from conformance.download.suite import ControlFailedError, Suite, control
from conformance.known_failures import KnownFailure
from conformance.program_runner import resolved
from conformance.report_text import finding_line
from conformance.scheduler import Progress
from conformance.verdicts import exit_status
from mockservers.cli.command_line import UsageError
from mockservers.text import safe


def judge_download(
    args: argparse.Namespace,
    typed: Sequence[str],
    progress: Progress,
    known: Sequence[KnownFailure],
) -> dict[str, Any]:
    """Judge a command in every situation; gives the report."""
    chosen = chosen_situations(args.only)
    known = [_of_a_situation(one) for one in known]
    began = time.monotonic()
    interrupted = False
    suite = Suite(_settings(args, typed), args.jobs, progress)
    try:
        suite.examine_all(chosen)
    except ControlFailedError as exc:
        report = failed_control(typed, str(exc), exc.seen)
    except KeyboardInterrupt:
        interrupted = True
    if interrupted or suite.outcomes or suite.errors:
        report = report_of(typed, suite.settings, suite.outcomes.values(), known, suite.errors)
    report |= {"interrupted": interrupted, "seed": args.seed}
    report["elapsed_s"] = round(time.monotonic() - began, 1)
    return report | ({"only": list(args.only)} if args.only else {})


def _settings(args: argparse.Namespace, typed: Sequence[str]) -> Settings:
    if not any("{url}" in word for word in typed):
        raise UsageError(
            "{url} is missing in the command: conformance download -- curl -o {file} {url}"
        )
    return Settings(resolved(typed), args.patience, args.seed, tuple(args.partial))


def _of_a_situation(known: KnownFailure) -> KnownFailure:
    name = known.case.removeprefix(PREFIX)
    if name not in {one.id for one in situations()}:
        raise UsageError(f"--known: there is no situation {known.case}")
    return structs.replace(known, case=name)


def chosen_situations(only: Collection[str]) -> list[Situation]:
    """All, or those that are for a clause, or have one of these names (`onto-*` too)."""
    every = situations()
    found: dict[str, Situation] = {}
    for name in only:
        wanted = name.removeprefix(PREFIX)
        named = [one for one in every if name in one.clauses or fnmatchcase(one.id, wanted)]
        if not named and name in clauses():  # every failure may show it
            named = list(every)
        if not named:
            raise UsageError(f"--only {name}: there is no such clause or situation")
        found |= {one.id: one for one in named}
    return [one for one in every if one.id in found or not only]


def replay_situation(args: argparse.Namespace, typed: Sequence[str], name: str) -> int:
    """Run one situation again and show it; return the exit status."""
    found = [one for one in situations() if one.id == name.removeprefix(PREFIX)]
    if not found:
        raise UsageError(f"there is no situation {name}")
    settings = _settings(args, typed)
    try:
        settings = control(settings)
    except ControlFailedError as exc:
        raise UsageError(f"it fails where nothing goes wrong: {exc}") from None
    seen = record(settings, found[0])
    judged = judge(found[0], seen)
    plan = json.dumps(case_of(found[0], settings)["plan"])
    lines = [found[0].why, f"plan     {plan}", *story(seen), ""]
    lines += ["stderr:", seen.last.stderr.rstrip(), ""] if seen.last.stderr.strip() else []
    lines.append(f"{judged.verdict} {judged.word}")
    lines += [f"{one.verdict} {finding_line(one.to_json())}" for one in judged.findings]
    print(safe("\n".join(lines)))
    return exit_status([judged.verdict, *(one.verdict for one in judged.findings)])
