"""What is wrong with an adapter's answer; pure.

The oracles are simpler than what they judge, and different: `sorted` and counting for the
quicksort, Miller-Rabin for the prime test, `mockservers.plan` for servers.
"""

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from conformance.adapter.answer import Answer
from conformance.adapter.cases import Question
from conformance.adapter.fates import (
    clause_of_wrong_fate,
    read_response,
    request_of,
    right_bytes,
    right_fate,
    right_places,
)
from conformance.adapter.primes import is_prime
from conformance.checks.expansion import expansion, explanations
from conformance.verdicts import Finding, Verdict, broken
from mockservers.plan import PlanError, draw
from mockservers.text import cut_in_the_middle

MOST_QUOTED = 200
"""Characters of an answer that a finding quotes."""
MOST_ITEMS_QUOTED = 80
"""Characters of a list of numbers within a finding."""

Findings = Iterator[Finding]


def findings(question: Question, answer: Answer, known: Collection[str] = ()) -> list[Finding]:
    """What is wrong with an answer. If several clauses may be the broken one, a clause among
    `known`, which are broken already, is preferred.
    """
    return list(_CHECKS.get(question.op, _check_unknown)(question, answer, known))


def right_answer(question: Question) -> str:
    """What would have been right, in a line."""
    say = _RIGHT_ANSWERS.get(question.op)
    return _quoted(say(question)) if say else '{"unsupported": true}'


def _check_unknown(question: Question, answer: Answer, known: Collection[str]) -> Findings:
    if answer.unsupported:
        return
    if answer.content is not None:
        yield _broken("HOOK-3", "unexpected", _quoted(answer.text), question)
    else:
        yield from _no_answer(question, answer)


def _broken(clause: str, kind: str, actual: str, question: Question) -> Finding:
    return broken(clause, kind, actual, expected=right_answer(question))


def _no_answer(question: Question, answer: Answer) -> Findings:
    """The finding for an answer without a result where there should be one."""
    actual, subject = _quoted(answer.text), question.clauses[0]
    if answer.fault == "crash":
        yield replace(_broken(subject, "crash", actual, question), verdict=Verdict.CRASH)
    elif answer.fault == "timeout":
        yield replace(_broken(subject, "timeout", actual, question), verdict=Verdict.TIMEOUT)
    elif answer.content is None:
        yield _broken(subject, "malformed", actual, question)
    elif answer.unsupported:
        unsupported = _broken(subject, "unsupported", "it does not have this", question)
        yield replace(unsupported, verdict=Verdict.UNSUPPORTED)
    else:
        yield _broken(subject, "refused", actual, question)


def _malformed(question: Question, answer: Answer, wanted: str) -> Finding:
    return broken(question.clauses[0], "malformed", _quoted(answer.text), expected=wanted)


# --- expand -------------------------------------------------------------------------------------


def _check_expand(question: Question, answer: Answer, known: Collection[str]) -> Findings:
    arguments = _expand_arguments(question)
    right = expansion(**arguments)
    if answer.content is not None and "error" in answer.content:
        if right is not None:
            may_be = _clauses_of_rejection(arguments, question.clauses[0])
            yield _broken(_likeliest(may_be, known), "refused", _quoted(answer.text), question)
        return
    if answer.content is None or answer.unsupported:
        yield from _no_answer(question, answer)
        return
    codes = answer.content["result"]
    if not isinstance(codes, list) or not all(isinstance(code, str) for code in codes):
        yield _malformed(question, answer, "a list of texts")
    elif right is None:
        yield _broken("EXP-9", "accepted", _quoted(answer.text), question)
    elif codes != list(right):
        may_be = explanations(codes, **arguments)
        yield _broken(_likeliest(may_be, known), "unexpected", _quoted(answer.text), question)


def _likeliest(may_be: Sequence[str], known: Collection[str]) -> str:
    """The first clause that is known to be broken, else the first of all."""
    return next((clause for clause in may_be if clause in known), may_be[0])


def _expand_arguments(question: Question) -> dict[str, Any]:
    values = question.arguments
    return {
        "arguments": values["args"],
        "every": values["every"],
        "all_codes": values["all"],
        "limit": values["limit"],
    }


def _clauses_of_rejection(arguments: dict[str, Any], subject: str) -> Sequence[str]:
    """The clauses that a rejection of right arguments may break, the likeliest first."""
    lengths = {len(word) for word in arguments["arguments"]}
    may_be = ["EXP-2"] * (1 in lengths) + ["EXP-1"] * (2 in lengths)
    if not lengths:
        may_be = ["EXP-6" if arguments["every"] else "EXP-7" if arguments["all_codes"] else "EXP-8"]
    if arguments["limit"] is not None:
        may_be.append("EXP-5")
    return sorted(may_be, key=lambda clause: clause != subject)


def _right_codes(question: Question) -> str:
    right = expansion(**_expand_arguments(question))
    return "an error" if right is None else f"{len(right)}: {', '.join(right)}"


# --- is_prime -------------------------------------------------------------------------------------


def _check_is_prime(question: Question, answer: Answer, known: Collection[str]) -> Findings:
    n, subject = question.arguments["n"], question.clauses[0]
    if subject.startswith("L-"):
        yield from _check_legacy(question, answer)
        return
    subject = "PRM-1" if n % 2 else "PRM-2"
    question = replace(question, clauses=(subject,))
    if answer.content is None or "result" not in answer.content:
        yield from _no_answer(question, answer)
    elif not isinstance(answer.content["result"], bool):
        yield _malformed(question, answer, "true or false")
    elif answer.content["result"] != is_prime(n):
        yield _broken(subject, "wrong", f"{n}: {_quoted(answer.text)}", question)


def _check_legacy(question: Question, answer: Answer) -> Findings:
    """The answer of the listings is LEGACY; any other is INFO."""
    clause, content = question.clauses[0], answer.content or {}
    as_listed = {
        "L-1": content.get("result") is False,
        "L-2": content.get("result") is True,
        "L-3": "error" in content,
    }
    if answer.unsupported:
        yield from _no_answer(question, answer)
        return
    kind, verdict = ("legacy", Verdict.LEGACY) if as_listed[clause] else ("other", Verdict.INFO)
    yield replace(_broken(clause, kind, _quoted(answer.text), question), verdict=verdict)


def _right_prime(question: Question) -> str:
    if question.clauses[0].startswith("L-"):
        return "any answer"
    return json.dumps({"result": is_prime(question.arguments["n"])})


# --- quicksort ------------------------------------------------------------------------------------


def _check_quicksort(question: Question, answer: Answer, known: Collection[str]) -> Findings:
    if answer.content is None or "result" not in answer.content:
        yield from _no_answer(question, answer)
        return
    items, result = question.arguments["items"], answer.content["result"]
    if not isinstance(result, list) or not all(map(_is_number, result)):
        yield _malformed(question, answer, "a list of numbers")
        return
    text = _quoted(answer.text)
    for place, (one, other) in enumerate(pairwise(result)):
        if one > other:
            yield _broken("QKS-1", "order", f"{one} before {other} at {place}: {text}", question)
            break
    lost, added = Counter(items) - Counter(result), Counter(result) - Counter(items)
    if lost or added:
        actual = f"lost {_quoted_items(lost)}, added {_quoted_items(added)}: {text}"
        yield _broken("QKS-2", "items", actual, question)
    elif "swaps" in answer.content:
        fault = _trace_fault(items, answer.content["swaps"], result)
        if fault:
            wanted = "swaps that turn the input into the result"
            yield broken("QKS-4", "trace", fault, expected=wanted)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _quoted_items(items: Counter[Any]) -> str:
    return cut_in_the_middle(str(list(items.elements())), MOST_ITEMS_QUOTED)


def _trace_fault(items: list[float], swaps: Any, result: list[float]) -> str | None:
    """What is wrong with a trace; None if it leads from the items to the result."""
    if not isinstance(swaps, list):
        return f"the swaps are {_quoted(json.dumps(swaps))}"
    sorting, places = list(items), range(len(items))
    for number, swap in enumerate(swaps):
        pair = swap if isinstance(swap, list) else []
        if len(pair) != 2 or not all(type(place) is int and place in places for place in pair):
            return f"swap {number} is {_quoted(json.dumps(swap))}"
        i, j = pair
        sorting[i], sorting[j] = sorting[j], sorting[i]
    if sorting != result:
        return f"the swaps lead to {_quoted(json.dumps(sorting))}"
    return None


def _right_order(question: Question) -> str:
    return json.dumps({"result": sorted(question.arguments["items"])})


# --- draw and fate --------------------------------------------------------------------------------


def _check_draw(question: Question, answer: Answer, known: Collection[str]) -> Findings:
    if answer.content is None or "result" not in answer.content:
        yield from _no_answer(question, answer)
    elif not _is_number(answer.content["result"]):
        yield _malformed(question, answer, "a number")
    elif answer.content["result"] != draw(**question.arguments):
        yield _broken("SRV-1", "wrong", _quoted(answer.text), question)


def _check_places(question: Question, answer: Answer, known: Collection[str]) -> Findings:
    yield from _check_drawn(question, answer, right_places(question), "a list of places")


def _check_bytes(question: Question, answer: Answer, known: Collection[str]) -> Findings:
    yield from _check_drawn(question, answer, right_bytes(question), "bytes in hexadecimal")


def _check_drawn(question: Question, answer: Answer, right: object, wanted: str) -> Findings:
    if answer.content is None or "result" not in answer.content:
        yield from _no_answer(question, answer)
    elif type(answer.content["result"]) is not type(right):
        yield _malformed(question, answer, wanted)
    elif answer.content["result"] != right:
        yield _broken("SRV-7", "wrong", _quoted(answer.text), question)


def _check_fate(question: Question, answer: Answer, known: Collection[str]) -> Findings:
    if answer.content is None or "result" not in answer.content:
        yield from _no_answer(question, answer)
        return
    try:
        met = read_response(answer.content["result"])
    except (PlanError, TypeError, ValueError) as exc:
        yield _malformed(question, answer, f"a response of a plan; {exc}")
        return
    clause = clause_of_wrong_fate(met, *request_of(question))
    if clause:
        yield _broken(clause, "wrong", _quoted(answer.text), question)


def _quoted(text: str) -> str:
    return cut_in_the_middle(text, MOST_QUOTED)


_CHECKS: dict[str, Callable[[Question, Answer, Collection[str]], Findings]] = {
    "expand": _check_expand,
    "is_prime": _check_is_prime,
    "quicksort": _check_quicksort,
    "draw": _check_draw,
    "fate": _check_fate,
    "places": _check_places,
    "bytes": _check_bytes,
}

_RIGHT_ANSWERS: dict[str, Callable[[Question], str]] = {
    "expand": _right_codes,
    "is_prime": _right_prime,
    "quicksort": _right_order,
    "draw": lambda question: json.dumps({"result": draw(**question.arguments)}),
    "fate": right_fate,
    "places": lambda question: json.dumps({"result": right_places(question)}),
    "bytes": lambda question: json.dumps({"result": right_bytes(question)}),
}
