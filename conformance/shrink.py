"""The smallest case that still shows the same; pure but for the question that is put.

Candidates are tried from the boldest to the most timid; the first one that still fails is where it
goes on. Answers are remembered, and only so many are asked for: a run of a program takes its time.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from string import ascii_uppercase

from conformance.cases.model import Case
from mockservers.codes import country_codes, is_code
from mockservers.faults import Drip, Hang, Reply, Reset, Serve, Status, Truncate
from mockservers.plan import Plan, fate

FEW = 30
"""Codes up to which a mix is written out as rules."""


@dataclass(frozen=True, slots=True)
class Shrunk:
    """What shrinking came to."""

    case: Case
    executions: int


def shrink(case: Case, fails: Callable[[Case], bool], most: int) -> Shrunk:
    """The smallest case found for which `fails` says yes, as it does for `case`; it is asked at
    most `most` times, and never twice for the same.
    """
    memo: dict[str, bool] = {}
    executions = 0
    while True:
        for candidate in candidates(case):
            key = _key(candidate)
            if key not in memo and executions < most:
                executions += 1
                memo[key] = fails(candidate)
            if memo.get(key):
                case = candidate
                break
        else:
            return Shrunk(case, executions)


def _key(case: Case) -> str:
    return json.dumps(case.to_json(), sort_keys=True)


def candidates(case: Case) -> Iterator[Case]:
    """Simpler cases, each different from `case`; of a usage error they are usage errors."""
    for part in (_simpler_plan, _fewer_words, _fewer_files, _simpler_replies):
        for candidate in part(case):
            if (candidate.order() is None) == (case.order() is None):
                yield candidate


def _simpler_plan(case: Case) -> Iterator[Case]:
    plan = case.plan
    if plan.mix:
        yield replace(case, plan=replace(plan, mix=()))
        order = case.order()
        if order and len(order.codes) <= FEW:
            drawn = {code: (fate(plan, order.label, code, 1),) for code in order.codes}
            odd = {code: rule for code, rule in drawn.items() if rule != (Serve(),)}
            yield replace(case, plan=Plan(rules=odd | dict(plan.rules)))
    if plan.rules:
        yield replace(case, plan=replace(plan, rules={}))
    names = list(plan.rules)
    for part in _halves(names):
        kept = {name: plan.rules[name] for name in part}
        yield replace(case, plan=replace(plan, rules=kept))
    for name in names if len(names) > 2 else ():
        rest = {other: plan.rules[other] for other in names if other != name}
        yield replace(case, plan=replace(plan, rules=rest))
    if case.gate:
        yield replace(case, gate=False)
    if plan.seed and not plan.mix:
        yield replace(case, plan=replace(plan, seed=0))


def _halves(items: list[str]) -> Iterator[list[str]]:
    if len(items) > 1:
        middle = len(items) // 2
        yield items[:middle]
        yield items[middle:]


def _fewer_words(case: Case) -> Iterator[Case]:
    """Without some of the codes, or an option."""
    words = list(case.arguments)
    places = _places_of_codes(words)
    drops: list[set[int]] = []
    if len(places) > 1:
        broken = [i for i in places if words[i].upper() in case.plan.rules]
        drops += [set(places) - {i} for i in [*broken[:2], places[0]]]
        middle = len(places) // 2
        drops += [set(places[:middle]), set(places[middle:])]
        drops += [{i} for i in places]
    for i, word in enumerate(words):
        if word in ("-l", "-s", "-m"):
            drops.append({i, i + 1})
        elif word in ("-a", "-e"):
            drops.append({i})
    for drop in drops:
        left = tuple(word for i, word in enumerate(words) if i not in drop)
        if not {"-a", "-e"} & {*left} and not _places_of_codes(list(left)):
            continue  # no code means twenty, and what a limit is then is legacy (L-4)
        named = {word.upper() for word in left}
        rules = {
            name: rule
            for name, rule in case.plan.rules.items()
            if not is_code(name) or name in named or not places or name[0] in named
        }
        yield replace(case, arguments=left, plan=replace(case.plan, rules=rules))
    for i in places:
        if len(words[i]) == 1:
            for code in _codes_of_letter(words[i].upper()):
                yield replace(case, arguments=(*words[:i], code, *words[i + 1 :]))
    if not words:
        yield replace(case, arguments=("BR",))
    for i, word in enumerate(words):
        if word in ("-a", "-e"):
            for code in ("BR", "ZZ"):
                yield replace(case, arguments=(*words[:i], *words[i + 1 :], code))
    for i, word in enumerate(words[:-1]):
        if word in ("-m", "-l") and words[i + 1].isdigit():
            for number in range(1, min(int(words[i + 1]), 4)):
                yield replace(case, arguments=(*words[: i + 1], str(number), *words[i + 2 :]))
    for i in places:
        if words[i] != words[i].upper():
            yield replace(case, arguments=(*words[:i], words[i].upper(), *words[i + 1 :]))


def _codes_of_letter(letter: str) -> tuple[str, ...]:
    """A code with a flag, if there is one, and a code without."""
    ours = [letter + second for second in ascii_uppercase]
    there = country_codes()
    return tuple(
        next((c for c in ours if (c in there) is wanted), ours[0]) for wanted in (True, False)
    )


_WITH_VALUE = ("-l", "-m", "-s", "--limit", "--max_req", "--server")


def _places_of_codes(words: list[str]) -> list[int]:
    values = {i + 1 for i, word in enumerate(words) if word in _WITH_VALUE}
    return [i for i, word in enumerate(words) if i not in values and not word.startswith("-")]


def _fewer_files(case: Case) -> Iterator[Case]:
    if case.files:
        yield replace(case, files={})
    for name in case.files if len(case.files) > 1 else ():
        yield replace(case, files={n: text for n, text in case.files.items() if n != name})


def _simpler_replies(case: Case) -> Iterator[Case]:
    rules = case.plan.rules
    for name, rule in rules.items():
        simpler = [rule[:1]] if len(rule) > 1 else []
        for place, reply in enumerate(rule):
            rest = rule[place + 1 :]
            simpler += [(*rule[:place], other, *rest) for other in _simpler(reply)]
        for changed in simpler:
            yield replace(case, plan=replace(case.plan, rules={**rules, name: changed}))


def _simpler(reply: Reply) -> Iterator[Reply]:
    if reply.delay_s:
        yield replace(reply, delay_s=0.0)
    match reply:
        case Status(status=(first, *_)) if len(reply.status) > 1:
            yield replace(reply, status=(first,))
        case Status(status=(number,)) if number not in (404, 503):
            yield replace(reply, status=(503,))
        case Reset(after_bytes=count) | Truncate(after_bytes=count) if count:
            yield replace(reply, after_bytes=0)
        case Drip() | Hang():
            yield Serve()
        case _:
            pass
