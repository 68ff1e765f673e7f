"""How sharp the kit is: every broken twin killed by its clause, every oddball passed.

    python tests/conformance/sharpness.py [--record] [NAME ...]

What a kill takes is recorded in `kills.json`: the case that shows it, which of the cases for that
clause it is, the runs to the smallest form, and its rules. More of them is a regression, and fails.
"""

import argparse
import json
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import oddballs
import twins

from conformance import program_runner, scheduler, worker
from conformance.recording import Profile
from conformance.verdicts import exit_status

HERE = Path(__file__).parent
KILLS = HERE / "kills.json"
JOBS = 3
EXAMPLES = 20
FEW_RULES = 3
TWIN = Profile(startup_s=0.15, connections=8)
"""All twins are alike in this, so that each need not be tried out first."""


def twin_command(name):
    return program_runner.resolved([sys.executable, str(HERE / "twins.py"), name])


def kill(name, executor):
    """What it takes to find out a twin: None where the kit does not."""
    clause = twins.TWINS[name]
    cases = scheduler.chosen_cases([clause], EXAMPLES, 0)
    report = scheduler.judge_program(twin_command(name), cases, executor, TWIN)
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


def pass_oddball(name, executor):
    """The clauses that a correct program is wrongly said to break."""
    command = program_runner.resolved(oddballs.ODDBALLS[name])
    profile = scheduler.learn(command)
    if profile.ports == "fixed":
        executor = ThreadPoolExecutor(1)
    cases = scheduler.chosen_cases((), EXAMPLES, 0)
    report = scheduler.judge_program(command, cases, executor, profile)
    status = exit_status([row["verdict"] for row in report["clauses"].values()])
    wrong = [f"{f['clause']} {f['word']} in {f['cases'][0]}" for f in report["failures"]]
    return wrong + report["errors"] + ([f"exit {status}"] if status else [])


def worse(now, before):
    """Why a kill takes more than the recorded one; nothing where it does not."""
    if before is None:
        return ["it is not recorded (--record)"]
    found = [f"{n} was {before[n]}, is {now[n]}" for n in ("clause",) if now[n] != before[n]]
    for what, slack in (("cases", 0), ("executions", 5), ("rules", 0)):
        if now[what] > before[what] + slack:
            found.append(f"{what}: {before[what]} before, {now[what]} now")
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--record", action="store_true", help="write kills.json")
    parser.add_argument("names", metavar="NAME", nargs="*", help="twins and oddballs")
    args = parser.parse_args()
    recorded = json.loads(KILLS.read_text()) if KILLS.exists() else {}
    names = args.names or [*twins.TWINS, *oddballs.ODDBALLS]
    wrong, unavailable = [], []
    executor = ThreadPoolExecutor(JOBS)
    for name in names:
        if name in oddballs.ODDBALLS:
            missing = [need for need in oddballs.NEEDS.get(name, ()) if not shutil.which(need)]
            if missing:
                unavailable.append(f"{name} needs {', '.join(missing)}")
                continue
            try:
                faults = pass_oddball(name, executor)
            except OSError as exc:  # the fixed ports are taken
                faults = [str(exc)]
            print(
                f"{'passes' if not faults else 'BLAMED'}  {name}  {'; '.join(faults)}", flush=True
            )
        else:
            found = kill(name, executor)
            faults = worse(found, recorded.get(name)) if found else ["not killed"]
            if args.record and found:
                recorded[name], faults = found, []
            what = json.dumps(found)
            print(
                f"{'killed' if not faults else 'WRONG '}  {name}  {what} {'; '.join(faults)}",
                flush=True,
            )
        wrong += [name] if faults else []
    if args.record:
        kept = {name: recorded[name] for name in twins.TWINS if name in recorded}
        lines = ",\n".join(f"{json.dumps(n)}: {json.dumps(kill)}" for n, kill in kept.items())
        KILLS.write_text(f"{{\n{lines}\n}}\n")
    executor.shutdown()
    worker.close_sandboxes()
    right = len(names) - len(wrong) - len(unavailable)
    print(f"{right} right, {len(wrong)} wrong: {', '.join(wrong)}")
    for line in unavailable:
        print(f"not tried: {line}")
    sys.exit(bool(wrong or unavailable))


if __name__ == "__main__":
    main()
