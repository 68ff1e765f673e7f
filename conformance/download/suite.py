"""All situations of one command: run, repeated where it fails, and summed up as a report."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace

from conformance.download.judge import Judgement, judge
from conformance.download.recording import How, Recording
from conformance.download.resuming import CONTROL
from conformance.download.runner import Settings, record, with_probes
from conformance.download.situations import Situation
from conformance.program_runner import stopping
from conformance.scheduler import Progress
from conformance.verdicts import CONFIRMED, Verdict

WAITING = 16
"""Runs at a time that mostly wait; those that wait for a silent server wait all at once."""
MOST_AT_A_TIME = 32
REPEATS = 3
"""Further runs in which a failure has to show again."""
BY_TIME = ("hangs", "storm")
"""Words that depend on time: they are seen again with nothing else running before they count."""


class ControlFailedError(Exception):
    """The command does not succeed where nothing goes wrong; the text says what it did."""

    def __init__(self, text: str, seen: Recording) -> None:
        super().__init__(text)
        self.seen = seen


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a situation."""

    situation: Situation
    judgement: Judgement
    seen: Recording
    repeated: int = 0
    """In how many further runs it failed in the same way."""


def control(settings: Settings) -> Settings:
    """The settings, with what the control run shows of the command.

    Raises ControlFailedError unless the command saves the resource whole, with status 0.
    """
    seen = record(settings, CONTROL)
    found = judge(CONTROL, seen)
    if found.verdict is not Verdict.PASS and found.word != "unsafe":
        said = next((one.actual for one in found.findings), found.word)
        if not seen.requests and seen.last.how is How.EXIT:
            said = f"it requested nothing, and ended with status {seen.last.status}"
        last = (seen.last.stderr.strip() or seen.last.stdout.strip()).splitlines()[-1:]
        raise ControlFailedError(f"{said}; it said: {last[0]}" if last else said, seen)
    return with_probes(settings, seen)


@dataclass(slots=True)
class Suite:
    """The work on one command, and its results so far."""

    settings: Settings
    jobs: int
    progress: Progress
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)

    def examine_all(self, situations: Sequence[Situation]) -> None:
        """Fill in the outcomes; those that may hang begin first, and wait side by side.

        Raises ControlFailedError if the command fails where nothing goes wrong.
        """
        self.settings = control(self.settings)
        self.progress.begin(len(situations), "situations")
        order = sorted(situations, key=lambda one: (not one.silent, not one.slow))

        def take(outcome: Outcome) -> None:
            self.outcomes[outcome.situation.id] = outcome

        self._examine(order, take)
        self._confirm()

    def _examine(self, situations: Sequence[Situation], take: Callable[[Outcome], None]) -> None:
        """Run each in a thread, as many at a time as its kind allows, and take what it gives."""
        waiting, quick = threading.Semaphore(WAITING), threading.Semaphore(self.jobs)

        def run(one: Situation) -> Outcome:
            if one.silent:
                return self._examined(one)
            with waiting if one.slow else quick:
                return self._examined(one)

        pool = ThreadPoolExecutor(MOST_AT_A_TIME)
        futures = {pool.submit(run, one): one for one in situations}
        try:
            for future in as_completed(futures):
                try:
                    take(future.result())
                except Exception as exc:
                    name = futures[future].id
                    self.errors.append(f"{name}: {type(exc).__name__}: {exc}")
                self.progress.step()
        except KeyboardInterrupt:
            stopping.set()
            raise
        finally:
            pool.shutdown(cancel_futures=True)
            stopping.clear()

    def _examined(self, situation: Situation) -> Outcome:
        seen = record(self.settings, situation)
        return Outcome(situation, judge(situation, seen), seen)

    def _confirm(self) -> None:
        """Run again what failed, and last and apart what depends on time."""
        failed = [one for one in self.outcomes.values() if _causes(one)]
        by_time = [one.situation for one in failed if _depends_on_time(one)]
        others = [one.situation for one in failed if not _depends_on_time(one)]
        again = [one for one in others for _ in range(REPEATS)]
        self.progress.begin(len(again) + len(by_time), "repeating")
        self._repeat(again)
        self._repeat(by_time)

    def _repeat(self, situations: Sequence[Situation]) -> None:
        seen: dict[str, list[Outcome]] = {one.id: [] for one in situations}

        def take(outcome: Outcome) -> None:
            seen[outcome.situation.id].append(outcome)

        self._examine(situations, take)
        for name, found in seen.items():
            self.outcomes[name] = _confirmed(self.outcomes[name], found)


def _confirmed(first: Outcome, seen: Sequence[Outcome]) -> Outcome:
    """The outcome, as far as it is the same each time; FLAKY where a MUST is broken at times.

    What does not show again, and is no broken MUST, is forgotten.
    """
    found = []
    for one in first.judgement.findings:
        again = sum(one.cause in _causes(other) for other in seen)
        if one.verdict not in CONFIRMED or again == len(seen):
            found.append(one)
        elif one.verdict is Verdict.FAIL:
            found.append(replace(one, verdict=Verdict.FLAKY))
    judgement = first.judgement
    if judgement.verdict in CONFIRMED and not found:
        return next((other for other in seen if not _causes(other)), seen[-1])
    return replace(first, judgement=replace(judgement, findings=tuple(found)), repeated=len(seen))


def _causes(outcome: Outcome) -> set[tuple[str, str]]:
    return {one.cause for one in outcome.judgement.findings if one.verdict in CONFIRMED}


def _depends_on_time(outcome: Outcome) -> bool:
    return any(one.kind in BY_TIME for one in outcome.judgement.findings)
