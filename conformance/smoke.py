"""The first runs of a program: does it start, announce, ask the servers, and end with its report?

If it does not, no case would show more, and one finding with advice replaces them all.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from conformance.cases.model import Case
from conformance.checks.ending import last_words
from conformance.checks.patience import LATE_S, given_up_s
from conformance.checks.printed_lines import HYPHENS, TOTAL, PrintedLines, read_lines
from conformance.program_runner import Sandbox
from conformance.recording import Ports, Profile, Run
from conformance.report_model import SMOKE
from mockservers.faults import Hang
from mockservers.plan import Plan
from mockservers.text import cut_in_the_middle

PLAIN = replace(SMOKE, id="smoke/plain", arguments=("BR",))
"""The smallest command line that a flags2 program accepts."""

SILENT_S = 2.5
SILENT = Case(
    "smoke/silent",
    ("HOOK-2",),
    ("BR",),
    Plan(rules={"BR": (Hang(or_s=SILENT_S),)}),
    "whether the program may read FLAGS2_TIMEOUT_S",
    timeout_s=1,
)

MOST_OF_WORDS = 200


@dataclass(frozen=True, slots=True)
class Problem:
    """A step at which the smoke run failed."""

    step: str
    """`start`, `announce`, `ask`, `report` or `end`."""
    actual: str
    advice: str

    @property
    def nothing_verified(self) -> bool:
        """Whether the program did nothing at all, so that no clause can be judged."""
        return self.step == "start"


def learn(
    command: Sequence[str], fixed: Ports, ports: Ports | None = None
) -> tuple[Profile, Problem | None]:
    """Measure a program in small runs: how long it takes, how many connections it uses, and whether
    it sends its requests to the servers that it is given, or to the `fixed` ports.

    Raises CannotStartError, and PortInUseError if it uses the fixed ports and they are in use.
    """
    with Sandbox(ports) as sandbox:

        def run(case: Case) -> Run:
            return sandbox.execute(command, case, Profile(ports=ports))

        first = run(SMOKE)
        if _did_nothing(first) and not _did_nothing(plain := run(PLAIN)):
            first = plain
        if ports is None and _asks_elsewhere(first) and _asks(command, fixed):
            return learn(command, fixed, fixed)
        problem = problem_of(first, command, ports or fixed)
        if problem:
            return Profile(ports=ports), problem
        waited_s = given_up_s(run(SILENT))
    announced = read_lines(first.texts).claims.concurrency
    profile = Profile(
        startup_s=first.elapsed_s,
        connections=max(1, min(8, announced or 8)),
        ports=ports,
        may_heed=waited_s is not None and waited_s < SILENT_S - LATE_S,
    )
    return profile, None


def problem_of(run: Run, command: Sequence[str], ports: Ports) -> Problem | None:
    """The first step that a smoke run did not take."""
    printed = read_lines(run.texts)
    words = cut_in_the_middle(last_words(run), MOST_OF_WORDS)
    if _did_nothing(run):
        actual = f"status {run.status} before it announced or requested anything: {words}"
        return Problem("start", actual, _advice_to_start(command))
    if not run.entries and not _announces(printed, run):
        advice = (
            "this judges flags2 programs, which announce what they do (SPEC.md, REP-1 to REP-3); "
            "`mockservers run` judges any downloader (docs/any-downloader.md)"
        )
        return Problem("announce", f"no announcement and no request: {words}", advice)
    if run.ended == "timeout":
        actual = f"still running after {run.elapsed_s:.0f} s"
        return Problem("end", actual, "a run of eight codes has to end by itself (ACC-5)")
    if not run.entries:
        advice = (
            "requests go to the URL in FLAGS2_LOCAL_URL (HOOK-1), or to the ports "
            f"{', '.join(map(str, ports))}; `--ports` names others"
        )
        return Problem("ask", "no request reached the servers", advice)
    if not _reports(printed, run):
        advice = (
            "a run ends with 20 hyphens and its totals (SPEC.md, REP-5); `mockservers run` judges "
            "programs without a report (docs/any-downloader.md)"
        )
        return Problem("report", f"no report, status {run.status}: {words}", advice)
    return None


def _did_nothing(run: Run) -> bool:
    printed = read_lines(run.texts)
    idle = not run.entries and not _announces(printed, run) and not _reports(printed, run)
    return idle and run.status != 0 and run.ended == "exit"


def _announces(printed: PrintedLines, run: Run) -> bool:
    places = (printed.site, printed.search, printed.connections)
    return places != (None, None, None) or HYPHENS in run.stderr.splitlines()


def _reports(printed: PrintedLines, run: Run) -> bool:
    lines = {*printed.texts, *run.stderr.splitlines()}
    return HYPHENS in lines or any(map(TOTAL.fullmatch, lines))


def _asks_elsewhere(run: Run) -> bool:
    """Whether a run announced or reported something although no server saw a request, and does not
    name the server that it was given.
    """
    printed = read_lines(run.texts)
    names_ours = printed.site is not None and run.urls["LOCAL"] in printed.texts[printed.site]
    spoke = _announces(printed, run) or _reports(printed, run)
    return spoke and not run.entries and not names_ours


def _asks(command: Sequence[str], fixed: Ports) -> bool:
    with Sandbox(fixed) as sandbox:
        return bool(sandbox.execute(command, SMOKE, Profile(ports=fixed)).entries)


def _advice_to_start(command: Sequence[str]) -> str:
    missing = [word for word in command[1:] if _looks_like_a_file(word)]
    if missing:
        return f"there is no file {missing[0]} in this folder"
    return "try the command by hand, with the argument BR; each run has an empty folder of its own"


def _looks_like_a_file(word: str) -> bool:
    path = Path(word)
    return bool(path.suffix or path.parent.name) and not word.startswith("-") and not path.exists()
