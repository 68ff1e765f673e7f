"""What several runs have in common, and what differs, before it is drawn; pure."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mockservers.html_report.rows import meanings_of

View = Mapping[str, Any]
MOST_RUNS = 6
"""Runs on one page."""


def comparison(views: Sequence[View], names: Sequence[str]) -> dict[str, Any]:
    """A table with a column for each run, sentences on what makes them hard to compare, and each
    code or path with its row of each run.
    """
    different = differences(views)
    return {
        "table": [
            (term, cells)
            for term, cell in _TERMS.items()
            if set(cells := [cell(view) for view in views]) != {"not known"}
        ],
        "sentences": _sentences(views, names, any(differs for *_, differs in different)),
        "rows_are": "Codes" if all(view["rows_are"] == "Codes" for view in views) else "Resources",
        "differences": different,
        "meanings": meanings_of([row for view in views for row in view["codes"]]),
    }


def differences(views: Sequence[View]) -> list[tuple[str, list[Mapping[str, Any] | None], bool]]:
    """Every code with its row of each run, and whether they differ; those that do come first."""
    by_code = [{row["code"]: row for row in view["codes"]} for view in views]
    found = []
    for code in dict.fromkeys(itertools.chain.from_iterable(by_code)):
        rows = [of_run.get(code) for of_run in by_code]
        values = [row and _outcome(row) for row in rows]
        found.append((code, rows, any(value != values[0] for value in values)))
    return sorted(found, key=lambda one: not one[2])


def _outcome(row: Mapping[str, Any]) -> list[Any]:
    """What became of a code. A program that prints only totals said nothing else than was seen."""
    return [row["seen"], row["said"] or row["seen"], row["file"], row["words"]]


# --- the table ------------------------------------------------------------------------------------


def _shortest(view: View) -> str:
    numbers = view["numbers"]
    if not numbers["bound_s"]:
        return "no delays are planned"
    ratio = numbers["took_s"] / numbers["bound_s"]
    return f"{numbers['bound_s']:.2f} s at least; it took {ratio:.2f} times that"


def _in_flight(view: View) -> str:
    numbers = view["numbers"]
    limit = "no limit" if numbers["limit"] is None else numbers["limit"]
    return f"{numbers['most']} ({limit} announced)"


def _fact(name: str) -> Callable[[View], str]:
    return lambda view: str(dict(view["facts"]).get(name, "not known"))


_TERMS: Mapping[str, Callable[[View], str]] = {
    **{name: _fact(name) for name in ("Command", "Server", "Seed", "Exit status")},
    "Result": lambda view: str(view["verdict"]),
    "First request to last": lambda view: f"{view['numbers']['took_s']:.2f} s",
    "Shortest possible": _shortest,
    "Requests": lambda view: str(view["numbers"]["requests"]),
    "In flight at most": _in_flight,
    "The servers sent": lambda view: str(view["numbers"]["sent"]),
}


# --- sentences ------------------------------------------------------------------------------------


def _sentences(views: Sequence[View], names: Sequence[str], differ: bool) -> list[str]:
    found = []
    limits = [view["numbers"]["limit"] for view in views]
    same_limit = len(set(limits)) == 1
    if not same_limit:
        said = " against ".join("none" if one is None else str(one) for one in limits)
        found.append(
            f"The requests at a time differ, {said}: only runs with the same limit (-m of flags2 "
            "programs) can be compared."
        )
    plans = [view["plans"] for view in views]
    if any(plan != plans[0] for plan in plans):
        seeds = [{plan.get("seed", 0) for plan in one.values()} for one in plans]
        alike = [_without_seeds(one) for one in plans]
        what = "seeds" if all(one == alike[0] for one in alike) else "plans"
        which = f": {', '.join('/'.join(map(str, sorted(one))) for one in seeds)}"
        found.append(f"The {what} differ{which if what == 'seeds' else ''}, so the servers did not "
                     "do the same in each run.")  # fmt: skip
    elif same_limit:
        found.append("The runs had the same plans, seeds and limit.")
    found.append(_nearest(views, names))
    for limit in () if same_limit else dict.fromkeys(limits):
        alike_runs = [n for n, one in enumerate(limits) if one == limit]
        if len(alike_runs) > 1:
            nearest = _nearest([views[n] for n in alike_runs], [names[n] for n in alike_runs])
            found.append(nearest and f"Of those with {limit} at a time: {nearest}")
    if not differ:
        found.append("No code or path differs between the runs.")
    return [one for one in found if one]


def _nearest(views: Sequence[View], names: Sequence[str]) -> str:
    """Which run came nearest to its shortest possible time, then which."""
    numbers = [view["numbers"] for view in views]
    ratios = sorted(
        (one["took_s"] / one["bound_s"], name)
        for one, name in zip(numbers, names, strict=True)
        if one["bound_s"]
    )
    if len(ratios) < len(views):
        return ""
    (ratio, name), *others = ratios
    then = ", ".join(f"{name} {ratio:.2f}" for ratio, name in others)
    return f"Nearest to its shortest possible time is {name}: {ratio:.2f} times that; then {then}."


def _without_seeds(plans: Mapping[str, Any]) -> dict[str, Any]:
    return {label: plan | {"seed": 0} for label, plan in plans.items()}
