"""What several runs have in common, and what differs, before it is drawn; pure."""

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

View = Mapping[str, Any]
MOST_RUNS = 6
"""Runs on one page."""


def comparison(views: Sequence[View], names: Sequence[str]) -> dict[str, Any]:
    """A table with a column for each run, sentences on what makes them hard to compare, and each
    code or path with its row of each run.
    """
    different = differences(views)
    return {
        "table": [(term, [cell(view) for view in views]) for term, cell in _TERMS.items()],
        "sentences": _sentences(views, names, any(differs for *_, differs in different)),
        "rows_are": "Codes" if all(view["rows_are"] == "Codes" for view in views) else "Resources",
        "differences": different,
    }


def differences(views: Sequence[View]) -> list[tuple[str, list[Mapping[str, Any] | None], bool]]:
    """Every code with its row of each run, and whether they differ; those that do come first."""
    by_code = [{row["code"]: row for row in view["codes"]} for view in views]
    found = []
    for code in dict.fromkeys(itertools.chain.from_iterable(by_code)):
        rows = [of_run.get(code) for of_run in by_code]
        values = [row and [row[key] for key in ("seen", "said", "file", "words")] for row in rows]
        found.append((code, rows, any(value != values[0] for value in values)))
    return sorted(found, key=lambda one: not one[2])


# --- the table ------------------------------------------------------------------------------------


def _shortest(view: View) -> str:
    numbers = view["numbers"]
    if not numbers["bound_s"]:
        return "no delays are planned"
    return f"{numbers['bound_s']:.2f} s, so it took {numbers['took_s'] / numbers['bound_s']:.2f} x"


def _in_flight(view: View) -> str:
    numbers = view["numbers"]
    limit = "none" if numbers["limit"] is None else numbers["limit"]
    return f"{numbers['most']}; announced: {limit}"


_TERMS: Mapping[str, Callable[[View], str]] = {
    "Command": lambda view: str(dict(view["facts"]).get("Command", "not known")),
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
    if len(set(limits)) > 1:
        said = " against ".join("none" if one is None else str(one) for one in limits)
        found.append(
            f"The requests at a time differ, {said}: only runs with the same limit (-m of flags2 "
            "programs) can be compared."
        )
    plans = [view["plans"] for view in views]
    if any(plan != plans[0] for plan in plans):
        seeds = [{json.loads(text).get("seed", 0) for text in one.values()} for one in plans]
        alike = [_without_seeds(one) for one in plans]
        what = "seeds" if all(one == alike[0] for one in alike) else "plans"
        which = f": {', '.join('/'.join(map(str, sorted(one))) for one in seeds)}"
        found.append(f"The {what} differ{which if what == 'seeds' else ''}, so the servers did not "
                     "do the same in each run.")  # fmt: skip
    found.append(_nearest(views, names))
    for limit in dict.fromkeys(limits) if len(set(limits)) > 1 else ():
        alike_runs = [n for n, one in enumerate(limits) if one == limit]
        if len(alike_runs) > 1:
            nearest = _nearest([views[n] for n in alike_runs], [names[n] for n in alike_runs])
            found.append(nearest and f"Of those with {limit} at a time: {nearest}")
    if not differ:
        found.append("No code or path differs between the runs.")
    return [one for one in found if one]


def _nearest(views: Sequence[View], names: Sequence[str]) -> str:
    """Which run came nearest to its shortest possible time."""
    numbers = [view["numbers"] for view in views]
    ratios = [
        (one["took_s"] / one["bound_s"], name)
        for one, name in zip(numbers, names, strict=True)
        if one["bound_s"]
    ]
    if len(ratios) < len(views):
        return ""
    ratio, name = min(ratios)
    return f"Nearest to its shortest possible time is {name}: {ratio:.2f} times that."


def _without_seeds(plans: Mapping[str, str]) -> dict[str, Any]:
    return {label: json.loads(text) | {"seed": 0} for label, text in plans.items()}
