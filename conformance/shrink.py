"""Shrink a failing case; pure except for the predicate it calls.

Candidates are tried from the largest reduction to the smallest. Shrinking goes on from the first
one that still fails. The number of calls is limited, because each is a run of a program.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from string import ascii_uppercase

from msgspec import structs

from conformance.cases.model import Case
from mockservers.faults import Drip, Fault, Hang, Reset, Serve, Status, Truncate
from mockservers.flags2.codes import is_code, packaged_codes, path_of_code
from mockservers.plan import Plan, fate

FEW_BYTES = 100
"""A response is cut after so many bytes: after none, it would look like another fault."""
FEW = 30
"""A mix is written out as rules for up to this many codes."""


@dataclass(frozen=True, slots=True)
class Shrunk:
    """The result of shrinking."""

    case: Case
    executions: int


def shrink(case: Case, fails: Callable[[Case], bool], most: int) -> Shrunk:
    """The smallest case found for which `fails` is true, as it is for `case`.

    `fails` is called at most `most` times, and only once for the same case.
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
    """Simpler cases, each different from `case`; those of a usage error are usage errors."""
    for reduction in REDUCTIONS:
        for candidate in reduction(case):
            if case.asks and candidate.arguments != case.arguments:
                continue  # the lists are right for these arguments alone
            if (candidate.request() is None) == (case.request() is None):
                yield candidate


# --- the plan -------------------------------------------------------------------------------------


def _with_rules(case: Case, rules: dict[str, tuple[Fault, ...]]) -> Case:
    return replace(case, plan=structs.replace(case.plan, rules=rules))


def _no_mix(case: Case) -> Iterator[Case]:
    """Without the mix; or with what it draws for each code as rules."""
    plan = case.plan
    if not plan.mix:
        return
    yield replace(case, plan=structs.replace(plan, mix=()))
    request = case.request()
    if request and len(request.codes) <= FEW:
        drawn = {
            code: (fate(plan, request.label, code, 1, path_of_code(code)),)
            for code in request.codes
        }
        odd = {code: rule for code, rule in drawn.items() if rule != (Serve(),)}
        yield replace(case, plan=Plan(rules=odd | dict(plan.rules)))


def _no_rules(case: Case) -> Iterator[Case]:
    if case.plan.rules:
        yield _with_rules(case, {})


def _half_the_rules(case: Case) -> Iterator[Case]:
    rules = case.plan.rules
    for names in _halves(list(rules)):
        yield _with_rules(case, {name: rules[name] for name in names})


def _one_rule_less(case: Case) -> Iterator[Case]:
    rules = case.plan.rules
    for name in rules if len(rules) > 2 else ():
        yield _with_rules(case, {other: rules[other] for other in rules if other != name})


def _no_gate(case: Case) -> Iterator[Case]:
    if case.gate:
        yield replace(case, gate=False)


def _seed_0(case: Case) -> Iterator[Case]:
    if case.plan.seed and not case.plan.mix:
        yield replace(case, plan=structs.replace(case.plan, seed=0))


def _halves(items: list[str]) -> Iterator[list[str]]:
    if len(items) > 1:
        middle = len(items) // 2
        yield items[:middle]
        yield items[middle:]


# --- the command line -----------------------------------------------------------------------------


def _fewer_codes(case: Case) -> Iterator[Case]:
    """One code alone, first those with a rule; half of them; one less."""
    places = case.command_line().places
    if len(places) > 1:
        ruled = [i for i in places if case.arguments[i].upper() in case.plan.rules]
        middle = len(places) // 2
        yield from _dropped(case, [set(places) - {i} for i in [*ruled[:2], places[0]]])
        yield from _dropped(case, [set(places[:middle]), set(places[middle:])])
        yield from _dropped(case, [{i} for i in places])


def _fewer_options(case: Case) -> Iterator[Case]:
    drops = []
    for i, word in enumerate(case.arguments):
        if word in ("-l", "-s", "-m"):
            drops.append({i, i + 1})
        elif word in ("-a", "-e"):
            drops.append({i})
    yield from _dropped(case, drops)


def _dropped(case: Case, drops: Iterable[set[int]]) -> Iterator[Case]:
    """Without the arguments at these places, and without rules for codes that are gone."""
    had_codes = case.command_line().places
    for drop in drops:
        left = tuple(word for i, word in enumerate(case.arguments) if i not in drop)
        smaller = replace(case, arguments=left)
        if not {"-a", "-e"} & {*left} and not smaller.command_line().codes:
            continue  # without codes it would be the usual twenty, and a limit is legacy (L-4)
        named = {word.upper() for word in left}
        rules = {
            name: rule
            for name, rule in case.plan.rules.items()
            if not is_code(name) or name in named or not had_codes or name[0] in named
        }
        yield _with_rules(smaller, rules)


def _codes_for_letters(case: Case) -> Iterator[Case]:
    """A code in place of a letter."""
    for i in case.command_line().places:
        if len(case.arguments[i]) == 1:
            for code in _codes_of_letter(case.arguments[i].upper()):
                yield _with_word(case, i, code)


def _one_code(case: Case) -> Iterator[Case]:
    """One code in place of the usual twenty, or of all."""
    words = case.arguments
    if not words:
        yield replace(case, arguments=("BR",))
    for i, word in enumerate(words):
        if word in ("-a", "-e"):
            for code in ("BR", "ZZ"):
                yield replace(case, arguments=(*words[:i], *words[i + 1 :], code))


def _smaller_numbers(case: Case) -> Iterator[Case]:
    words = case.arguments
    for i, word in enumerate(words[:-1]):
        if word in ("-m", "-l") and words[i + 1].isdigit():
            for number in range(1, min(int(words[i + 1]), 4)):
                yield _with_word(case, i + 1, str(number))


def _upper_case(case: Case) -> Iterator[Case]:
    for i in case.command_line().places:
        word = case.arguments[i]
        if word != word.upper():
            yield _with_word(case, i, word.upper())


def _with_word(case: Case, place: int, word: str) -> Case:
    words = case.arguments
    return replace(case, arguments=(*words[:place], word, *words[place + 1 :]))


def _codes_of_letter(letter: str) -> tuple[str, ...]:
    """A code with a flag, if the letter has one, and a code without."""
    codes = [letter + second for second in ascii_uppercase]
    with_flag = packaged_codes()
    return tuple(
        next((c for c in codes if (c in with_flag) is wanted), codes[0]) for wanted in (True, False)
    )


# --- files and responses --------------------------------------------------------------------------


def _fewer_files(case: Case) -> Iterator[Case]:
    if case.files:
        yield replace(case, files={})
    for name in case.files if len(case.files) > 1 else ():
        yield replace(case, files={n: text for n, text in case.files.items() if n != name})


def _simpler_responses(case: Case) -> Iterator[Case]:
    rules = dict(case.plan.rules)
    for name, rule in rules.items():
        simpler = [rule[:1]] if len(rule) > 1 else []
        for place, response in enumerate(rule):
            rest = rule[place + 1 :]
            simpler += [(*rule[:place], other, *rest) for other in _simpler(response)]
        for changed in simpler:
            yield _with_rules(case, {**rules, name: changed})


def _simpler(response: Fault) -> Iterator[Fault]:
    if response.delay_s:
        yield structs.replace(response, delay_s=0.0)
    match response:
        case Status(status=(first, *_)) if len(response.status) > 1:
            yield structs.replace(response, status=(first,))
        case Status(status=(number,)) if number not in (404, 503):
            yield structs.replace(response, status=(503,))
        case Reset(after_bytes=count) | Truncate(after_bytes=count) if count > FEW_BYTES:
            yield structs.replace(response, after_bytes=FEW_BYTES)
        case Drip() | Hang():
            yield Serve()
        case _:
            pass  # no other kind has a simpler form


REDUCTIONS: tuple[Callable[[Case], Iterator[Case]], ...] = (
    _no_mix,
    _no_rules,
    _half_the_rules,
    _one_rule_less,
    _no_gate,
    _seed_0,
    _fewer_codes,
    _fewer_options,
    _codes_for_letters,
    _one_code,
    _smaller_numbers,
    _upper_case,
    _fewer_files,
    _simpler_responses,
)
"""In the order in which they are tried."""
