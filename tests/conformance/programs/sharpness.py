"""How sharp the kit is: it finds every faulty implementation and passes every unusual one.

    python tests/conformance/programs/sharpness.py [--record] [NAME ...]

`kills.json` records what it takes to find each: the case, its place among the cases for the clause,
the runs for shrinking, and the rules of the smallest plan. More of any of these is a failure.
"""

import argparse
import json
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import faulty
import unusual

from conformance import program_runner, scheduler, worker
from conformance.commands import WAITING
from conformance.recording import Profile
from conformance.smoke import learn
from conformance.verdicts import exit_status

HERE = Path(__file__).parent
KILLS = HERE / "kills.json"
JOBS = 3
EXAMPLES = 20
FEW_RULES = 3
PROFILE = Profile(startup_s=0.15, connections=8)
"""The same for all faulty implementations, so that they need not be measured first."""


def faulty_command(name):
    return program_runner.resolved([sys.executable, str(HERE / "faulty.py"), name])


def kill(name, executor):
    """What it takes to find a faulty implementation; None if the kit does not find it."""
    clause = faulty.FAULTY[name]
    cases = scheduler.chosen_cases([clause], EXAMPLES, 0)
    report = scheduler.judge_program(faulty_command(name), cases, executor, PROFILE)
    names = [case.id for case in cases]
    for failure in report["failures"]:
        if failure["clause"] == clause:
            return {
                "clause": clause,
                "word": failure["word"],
                "case": failure["cases"][0],
                "cases": 1 + min(map(names.index, failure["cases"])),
                "executions": failure["executions"],
                "rules": len(failure["case"]["plan"].get("rules", {})),
                "also": sorted({f["clause"] for f in report["failures"]} - {clause}),
            }
    return None


def blamed(name, executor):
    """The failures that the kit wrongly reports of a correct program."""
    command = program_runner.resolved(unusual.UNUSUAL[name])
    profile, problem = learn(command, (8001, 8002, 8003))
    if problem:
        return [f"{problem.step}: {problem.actual}"]
    waiting = None if profile.ports else ThreadPoolExecutor(WAITING)
    if profile.ports:
        executor = ThreadPoolExecutor(1)
    cases = scheduler.chosen_cases((), EXAMPLES, 0)
    report = scheduler.judge_program(command, cases, executor, profile, waiting=waiting)
    status = exit_status([row["verdict"] for row in report["clauses"].values()])
    wrong = [f"{f['clause']} {f['word']} in {f['cases'][0]}" for f in report["failures"]]
    return wrong + report["errors"] + ([f"exit {status}"] if status else [])


def worse(now, before):
    """Why a kill takes more than the recorded one; empty if it does not."""
    if before is None:
        return ["not recorded (--record)"]
    found = [f"{n} was {before[n]}, is {now[n]}" for n in ("clause",) if now[n] != before[n]]
    for what, slack in (("cases", 0), ("executions", 5), ("rules", 0)):
        if now[what] > before[what] + slack:
            found.append(f"{what}: {before[what]} before, {now[what]} now")
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--record", action="store_true", help="write kills.json")
    parser.add_argument(
        "names", metavar="NAME", nargs="*", help="faulty and unusual implementations"
    )
    args = parser.parse_args()
    recorded = json.loads(KILLS.read_text()) if KILLS.exists() else {}
    names = args.names or [*faulty.FAULTY, *unusual.UNUSUAL]
    wrong, unavailable = [], []
    executor = ThreadPoolExecutor(JOBS)
    for name in names:
        if name in unusual.UNUSUAL:
            missing = [need for need in unusual.NEEDS.get(name, ()) if not shutil.which(need)]
            if missing:
                unavailable.append(f"{name} needs {', '.join(missing)}")
                continue
            try:
                faults = blamed(name, executor)
            except OSError as exc:  # the fixed ports are in use
                faults = [str(exc)]
            print(
                f"{'passes' if not faults else 'BLAMED'}  {name}  {'; '.join(faults)}", flush=True
            )
        else:
            found = kill(name, executor)
            faults = worse(found, recorded.get(name)) if found else ["not found"]
            if args.record and found:
                recorded[name], faults = found, []
            what = json.dumps(found)
            print(
                f"{'killed' if not faults else 'WRONG '}  {name}  {what} {'; '.join(faults)}",
                flush=True,
            )
        wrong += [name] if faults else []
    if args.record:
        kept = {name: recorded[name] for name in faulty.FAULTY if name in recorded}
        lines = ",\n".join(f"{json.dumps(n)}: {json.dumps(kill)}" for n, kill in kept.items())
        KILLS.write_text(f"{{\n{lines}\n}}\n")
    executor.shutdown()
    worker.close_sandboxes()
    right = len(names) - len(wrong) - len(unavailable)
    print(f"{right} right, {len(wrong)} wrong: {', '.join(wrong)}")
    for line in unavailable:
        print(f"not tested: {line}")
    sys.exit(bool(wrong or unavailable))


if __name__ == "__main__":
    main()
