"""What an adapter answered, and what is wrong with it; pure.

The oracles are simpler than what they judge, and different: `sorted` and counting for the
quicksort, Miller-Rabin for the prime test, `mockservers.plan` for servers.
"""

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from conformance.adapter.cases import Question
from conformance.checks.expansion import expansion, explanations
from conformance.verdicts import Finding, Verdict, broken
from mockservers.codes import is_code, path_of_code
from mockservers.faults import Delay, Garbage, Reply, Serve
from mockservers.plan import Plan, PlanError, draw, fate, plan_from_json, reply_to_json

MICROSECOND = 1e-6
SHORT = 300
"""Characters of an answer that a finding quotes."""
ONE_OF = {"result", "error", "unsupported"}
"""Of these keys an answer has exactly one."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: a line, or why there is none that can be judged."""

    text: str
    """The line; without one, what happened."""
    said: Mapping[str, Any] | None = None
    """The JSON object of the line; None where there is none."""
    fault: str | None = None
    """`crash`, `timeout` or `malformed`, where there is none."""

    @property
    def unsupported(self) -> bool:
        """Whether it is the answer to an operation that the adapter does not have."""
        return self.said is not None and self.said.get("unsupported") is True

    def to_json(self) -> dict[str, Any]:
        """As in a report."""
        if self.said is not None and len(self.text) <= SHORT * 10:
            return dict(self.said)
        return {"text": _short(self.text, SHORT * 10)} | (
            {"fault": self.fault} if self.fault else {}
        )


def read_answer(line: bytes) -> Answer:
    """Read a line: a JSON object with one of `ONE_OF`: `error` a text, `unsupported` true."""
    try:
        text = line.decode("utf-8")
        said = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return Answer(repr(line[: SHORT * 10]), fault="malformed")
    match said:
        case {"result": _} | {"error": str()} | {"unsupported": True} if (
            len(said.keys() & ONE_OF) == 1
        ):
            return Answer(text.strip(), said)
    return Answer(text.strip(), fault="malformed")


def _no_constant(name: str) -> float:
    raise ValueError(name)


def findings(question: Question, answer: Answer, known: Collection[str] = ()) -> list[Finding]:
    """What is wrong with an answer. Where several clauses may be the broken one, it is the one
    among `known`, if there is one.
    """
    return list(_JUDGES.get(question.op, _judge_unknown)(question, answer, known))


def expected(question: Question) -> str:
    """What would have been right, in a line."""
    say = _EXPECTED.get(question.op)
    return _short(say(question)) if say else '{"unsupported": true}'


Findings = Iterator[Finding]


def _judge_unknown(question: Question, answer: Answer, known: Collection[str]) -> Findings:
    if answer.unsupported:
        return
    if answer.said is not None:
        yield broken("HOOK-3", "unexpected", _short(answer.text), expected(question))
    else:
        yield from _no_answer(question, answer)


def _no_answer(question: Question, answer: Answer) -> Findings:
    """The findings for an answer without a result where there should be one."""
    saw, wanted, subject = _short(answer.text), expected(question), question.clauses[0]
    if answer.fault == "crash":
        yield replace(broken(subject, "crash", saw, wanted), verdict=Verdict.CRASH)
    elif answer.fault == "timeout":
        yield replace(broken(subject, "timeout", saw, wanted), verdict=Verdict.TIMEOUT)
    elif answer.said is None:
        yield broken(subject, "malformed", saw, wanted)
    elif answer.unsupported:
        saw = "it does not have this"
        yield Finding(subject, "unsupported", saw, wanted, verdict=Verdict.UNSUPPORTED)
    else:
        yield broken(subject, "refused", saw, wanted)


def _malformed(question: Question, answer: Answer, what: str) -> Finding:
    return broken(question.clauses[0], "malformed", _short(answer.text), what)


# --- expand -------------------------------------------------------------------------------------


def _judge_expand(question: Question, answer: Answer, known: Collection[str]) -> Findings:
    asked = _asked(question)
    right, wanted = expansion(**asked), expected(question)
    if answer.said is not None and "error" in answer.said:
        if right is not None:
            may_be = _refusals(asked, question.clauses[0])
            yield broken(_likeliest(may_be, known), "refused", _short(answer.text), wanted)
        return
    if answer.said is None or answer.unsupported:
        yield from _no_answer(question, answer)
        return
    codes = answer.said["result"]
    if not isinstance(codes, list) or not all(isinstance(code, str) for code in codes):
        yield _malformed(question, answer, "a list of texts")
    elif right is None:
        yield broken("EXP-9", "accepted", _short(answer.text), wanted)
    elif codes != list(right):
        may_be = explanations(codes, **asked)
        yield broken(_likeliest(may_be, known), "unexpected", _short(answer.text), wanted)


def _likeliest(may_be: Sequence[str], known: Collection[str]) -> str:
    """The clause that is broken: rather one that is known to be, else the first."""
    return next((clause for clause in may_be if clause in known), may_be[0])


def _asked(question: Question) -> dict[str, Any]:
    values = question.arguments
    return {
        "arguments": values["args"],
        "every": values["every"],
        "all_codes": values["all"],
        "limit": values["limit"],
    }


def _refusals(asked: dict[str, Any], subject: str) -> Sequence[str]:
    """The clauses of which one is broken where codes were refused, the likeliest first."""
    lengths = {len(word) for word in asked["arguments"]}
    may_be = ["EXP-2"] * (1 in lengths) + ["EXP-1"] * (2 in lengths)
    if not lengths:
        may_be = ["EXP-6" if asked["every"] else "EXP-7" if asked["all_codes"] else "EXP-8"]
    if asked["limit"] is not None:
        may_be.append("EXP-5")
    return sorted(may_be, key=lambda clause: clause != subject)


def _expected_codes(question: Question) -> str:
    right = expansion(**_asked(question))
    return "an error" if right is None else f"{len(right)}: {', '.join(right)}"


# --- is_prime -------------------------------------------------------------------------------------

_BASES = range(2, 38)
"""Miller-Rabin with the primes among these errs for no number below 2**64."""


def is_prime(n: int) -> bool:
    """Whether `n`, from 0 to 2**64, is prime; by Miller-Rabin."""
    if n % 2 == 0 or n == 1:
        return n == 2
    odd = n - 1
    twos = (odd & -odd).bit_length() - 1
    odd >>= twos

    def passes(base: int) -> bool:
        x = pow(base, odd, n)  # 0 for a multiple of n, of which it says nothing
        return x in (0, 1, n - 1) or any((x := x * x % n) == n - 1 for _ in range(twos))

    return all(map(passes, _BASES))


def _judge_is_prime(question: Question, answer: Answer, known: Collection[str]) -> Findings:
    n, subject = question.arguments["n"], question.clauses[0]
    if subject.startswith("L-"):
        yield from _legacy(question, answer)
        return
    subject = "PRM-1" if n % 2 else "PRM-2"
    question = replace(question, clauses=(subject,))
    if answer.said is None or "result" not in answer.said:
        yield from _no_answer(question, answer)
    elif not isinstance(answer.said["result"], bool):
        yield _malformed(question, answer, "true or false")
    elif answer.said["result"] != is_prime(n):
        yield broken(subject, "wrong", f"{n}: {_short(answer.text)}", expected(question))


def _legacy(question: Question, answer: Answer) -> Findings:
    """What the listings do is LEGACY, and anything else a freedom."""
    clause, said = question.clauses[0], answer.said or {}
    saw, wanted = _short(answer.text), expected(question)
    as_listed = {
        "L-1": said.get("result") is False,
        "L-2": said.get("result") is True,
        "L-3": "error" in said,
    }
    if answer.unsupported:
        yield from _no_answer(question, answer)
    elif as_listed[clause]:
        yield Finding(clause, "legacy", saw, wanted, verdict=Verdict.LEGACY)
    else:
        yield Finding(clause, "other", saw, wanted, verdict=Verdict.INFO)


def _expected_prime(question: Question) -> str:
    if question.clauses[0].startswith("L-"):
        return "any answer"
    return json.dumps({"result": is_prime(question.arguments["n"])})


# --- quicksort ------------------------------------------------------------------------------------


def _judge_quicksort(question: Question, answer: Answer, known: Collection[str]) -> Findings:
    if answer.said is None or "result" not in answer.said:
        yield from _no_answer(question, answer)
        return
    items, result = question.arguments["items"], answer.said["result"]
    if not isinstance(result, list) or not all(map(_is_number, result)):
        yield _malformed(question, answer, "a list of numbers")
        return
    saw, wanted = _short(answer.text), expected(question)
    for place, (one, other) in enumerate(pairwise(result)):
        if one > other:
            yield broken("QKS-1", "order", f"{one} before {other} at {place}: {saw}", wanted)
            break
    lost, added = Counter(items) - Counter(result), Counter(result) - Counter(items)
    if lost or added:
        what = f"lost {_short(str(list(lost.elements())), 80)}, "
        what += f"added {_short(str(list(added.elements())), 80)}: {saw}"
        yield broken("QKS-2", "items", what, wanted)
    elif "swaps" in answer.said:
        fault = _trace_fault(items, answer.said["swaps"], result)
        if fault:
            yield broken("QKS-4", "trace", fault, "swaps that turn the input into the result")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _trace_fault(items: list[float], swaps: Any, result: list[float]) -> str | None:
    """What is wrong with a trace; None when it leads from the items to the result."""
    if not isinstance(swaps, list):
        return f"the swaps are {_short(json.dumps(swaps))}"
    sorting, places = list(items), range(len(items))
    for number, swap in enumerate(swaps):
        pair = swap if isinstance(swap, list) else []
        if len(pair) != 2 or not all(type(place) is int and place in places for place in pair):
            return f"swap {number} is {_short(json.dumps(swap))}"
        i, j = pair
        sorting[i], sorting[j] = sorting[j], sorting[i]
    if sorting != result:
        return f"the swaps lead to {_short(json.dumps(sorting))}"
    return None


def _expected_sorted(question: Question) -> str:
    return json.dumps({"result": sorted(question.arguments["items"])})


# --- draw and fate --------------------------------------------------------------------------------


def _judge_draw(question: Question, answer: Answer, known: Collection[str]) -> Findings:
    if answer.said is None or "result" not in answer.said:
        yield from _no_answer(question, answer)
    elif not _is_number(answer.said["result"]):
        yield _malformed(question, answer, "a number")
    elif answer.said["result"] != draw(**question.arguments):
        yield broken("SRV-1", "wrong", _short(answer.text), expected(question))


def _judge_fate(question: Question, answer: Answer, known: Collection[str]) -> Findings:
    if answer.said is None or "result" not in answer.said:
        yield from _no_answer(question, answer)
        return
    try:
        met = _read_reply(answer.said["result"])
    except (PlanError, TypeError, ValueError) as exc:
        yield _malformed(question, answer, f"a reply of a plan; {exc}")
        return
    clause = _misfated(met, *_request(question))
    if clause:
        yield broken(clause, "wrong", _short(answer.text), expected(question))


def _request(question: Question) -> tuple[Plan, str, str, int]:
    values = question.arguments
    plan = plan_from_json(json.dumps(values["plan"]), question.id)
    return plan, values["label"], values["resource"], values["attempt"]


def _read_reply(data: Any) -> Reply:
    """A reply as an adapter says it; raises PlanError, TypeError or ValueError."""
    if not isinstance(data, dict):
        raise TypeError("it is an object")
    noise = bytes.fromhex(data.get("noise", ""))
    bare = {key: value for key, value in data.items() if key != "noise"}
    plan = plan_from_json(json.dumps({"plan": 1, "rules": {"AA": [bare]}}), "answer")
    (reply,) = plan.rules["AA"]
    return replace(reply, noise=noise) if isinstance(reply, Garbage) else reply


def _misfated(met: Reply, plan: Plan, label: str, resource: str, attempt: int) -> str | None:
    """The clause that is broken by meeting `met`; None when it is right."""
    right = fate(plan, label, resource, attempt)
    if _same(met, right):
        return None
    ruled = resource in plan.rules or (is_code(resource) and path_of_code(resource) in plan.rules)
    mixed = [bucket.reply for bucket in plan.mix]
    if not ruled and sum(bucket.weight for bucket in plan.mix) < 100:
        mixed.append(Serve())
    for other in (*mixed, *plan.replies()):
        alone = replace(plan, mix=(), rules={resource: (other,)})
        if _same(met, fate(alone, label, resource, attempt)):
            return "SRV-2" if other in mixed and not ruled else "SRV-6"
    if _same(met, right, "noise"):
        return "SRV-5"
    if _same(met, right, "delay_s"):
        return "SRV-4"
    if _same(met, right, "status", "delay_s"):
        return "SRV-3"
    return "SRV-6" if ruled else "SRV-2"


def _same(one: Reply, other: Reply, *without: str) -> bool:
    """Whether two replies are the same, delays within a microsecond, apart from some fields."""
    names = [name for name in type(one).__slots__ if name not in ("delay_s", *without)]
    return (
        type(one) is type(other)
        and ("delay_s" in without or _close(one.delay_s, other.delay_s))
        and all(getattr(one, name) == getattr(other, name) for name in names)
    )


def _close(one: Delay, other: Delay) -> bool:
    numbers = isinstance(one, int | float) and isinstance(other, int | float)
    return numbers and abs(one - other) <= MICROSECOND  # type: ignore[operator]


def _expected_fate(question: Question) -> str:
    reply = fate(*_request(question))
    noise = {"noise": reply.noise.hex()} if isinstance(reply, Garbage) else {}
    return json.dumps({"result": reply_to_json(reply) | noise})


def _short(text: str, most: int = SHORT) -> str:
    return text if len(text) <= most else f"{text[: most - 3]}..."


_JUDGES: dict[str, Callable[[Question, Answer, Collection[str]], Findings]] = {
    "expand": _judge_expand,
    "is_prime": _judge_is_prime,
    "quicksort": _judge_quicksort,
    "draw": _judge_draw,
    "fate": _judge_fate,
}

_EXPECTED: dict[str, Callable[[Question], str]] = {
    "expand": _expected_codes,
    "is_prime": _expected_prime,
    "quicksort": _expected_sorted,
    "draw": lambda question: json.dumps({"result": draw(**question.arguments)}),
    "fate": _expected_fate,
}
