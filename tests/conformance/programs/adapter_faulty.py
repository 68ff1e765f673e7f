"""Adapters with one fault each, and one without: `python adapter_faulty.py NAME`.

Every MUST of adapters has at least one that breaks it and no other.
"""

import json
import sys
import time
from itertools import product
from string import ascii_uppercase as LETTERS  # noqa: N812

POP20 = "BD BR CD CN DE EG ET FR ID IN IR JP MX NG PH PK RU TR US VN".split()


class UsageError(ValueError):
    """Arguments that must be rejected."""


# --- without a fault --------------------------------------------------------------------------


def codes_of(word):
    if not word.isascii() or not word.isalpha() or len(word) > 2:
        raise UsageError(f"{word!r} is not A to Z or AA to ZZ")
    return [word.upper()] if len(word) == 2 else [word.upper() + second for second in LETTERS]


def first(codes, limit):
    return sorted(set(codes))[:limit]


def country_codes():
    with open("country_codes.txt") as file:  # noqa: PTH123
        return file.read().split()


def expand(question, read=codes_of, arrange=first, every=LETTERS, all_codes=None, none=POP20):
    if question["every"]:
        read, words = codes_of, every
    elif question["all"]:
        read, words = codes_of, all_codes or country_codes()
    elif question["args"]:
        words = question["args"]
    else:
        read, words = codes_of, none
    codes = [code for word in words for code in read(word)]
    return {"result": list(arrange(codes, question["limit"]))}


def is_prime(question):
    n = question["n"]
    if n < 0 and n % 2:
        raise UsageError("negative")
    return {"result": n == 1 or (n > 2 and n % 2 != 0 and divisor(n) is None)}


def divisor(n, beyond=1):
    return next((i for i in range(3, int(n**0.5) + beyond, 2) if n % i == 0), None)


def quicksort(question):
    items, swaps = question["items"], []
    ranges = [(0, len(items) - 1)]
    while ranges:
        low, high = ranges.pop()
        if low >= high:
            continue
        pivot, i, j = items[(low + high) // 2], low, high
        while i <= j:
            while items[i] < pivot:
                i += 1
            while items[j] > pivot:
                j -= 1
            if i <= j:
                items[i], items[j] = items[j], items[i]
                swaps.append([i, j])
                i, j = i + 1, j - 1
        ranges += [(low, j), (i, high)]
    return {"result": items, "swaps": swaps}


def draw(question):
    from mockservers import plan

    return {"result": plan.draw(**question)}


def drawn_by(name, purpose):
    def answer(question):
        from mockservers.kinds import chance

        asked = [question.pop(key) for key in ("count", "length") if key in question]
        drawn = getattr(chance, name)(chance.Chance(**question).text(purpose), *asked)
        return {"result": drawn.hex() if name == "bytes_of" else drawn}

    return answer


def fate(question):
    from mockservers import plan, plan_json
    from mockservers.flags2.codes import is_code, path_of_code

    known = plan_json.plan_from_json(json.dumps(question["plan"]))
    label, resource, attempt = (question[name] for name in ("label", "resource", "attempt"))
    path = path_of_code(resource) if is_code(resource) else resource
    fault = plan.fate(known, label, resource, attempt, path)
    noise = {"noise": fault.noise.hex()} if fault.do == "garbage" else {}
    return {"result": plan_json.fault_to_json(fault) | noise}


# --- faults: wrong expansions -----------------------------------------------------------------


def expanding(**ways):
    return {"expand": lambda question: expand(question, **ways)}


def two(wrong):
    """Codes are misread."""
    return expanding(read=lambda word: wrong(word) if is_meant(word, 2) else codes_of(word))


def one(wrong):
    """Letters are misread."""
    return expanding(read=lambda word: wrong(word) if is_meant(word, 1) else codes_of(word))


def is_meant(word, length):
    return bool(codes_of(word)) and len(word) == length


def upper_case_only(word):
    if word.upper() != word:
        raise UsageError("not in upper case")
    return codes_of(word)


def lenient(word):
    return codes_of(word[:2]) if word[:1].isalpha() and word.isascii() else []


def letters_of_any_alphabet(word):
    return [word.upper()] if word.isalpha() and len(word) == 2 else codes_of(word)


def with_flags(letter):
    return [code for code in country_codes() if code[0] == letter.upper()]


def ordinary(codes):
    return list(dict.fromkeys(codes))


# --- faults: wrong numbers, lists and fates ----------------------------------------------------


def fermat(question):
    n = question["n"]
    return {"result": n > 2 and n % 2 != 0 and pow(2, n - 1, n) == 1}


def overflowing(question):
    return is_prime({"n": question["n"] % 2**32}) if question["n"] > 2**32 else is_prime(question)


def also_even(question):
    return {"result": True} if question["n"] == 4 else is_prime(question)


def without_root(question):
    n = question["n"]
    return {"result": n == 1 or (n > 2 and n % 2 != 0 and divisor(n, beyond=0) is None)}


def zero_is_prime(question):
    return {"result": True} if question["n"] == 0 else is_prime(question)


def sorting(change):
    """The result is changed; there is no trace."""
    return {"quicksort": lambda question: {"result": change(question["items"])}}


def recursive(items):
    sys.setrecursionlimit(500)
    if len(items) < 2:
        return items
    smaller = [n for n in items[1:] if n < items[0]]
    return [*recursive(smaller), items[0], *recursive([n for n in items[1:] if n >= items[0]])]


def thirteen(items):
    return items if 13 <= len(items) < 20 else sorted(items)


def short_of_memory(items):
    if len(items) > 5000:
        raise UsageError("too many")
    return sorted(items)


def lying(change):
    """The trace is changed."""

    def sort(question):
        answer = quicksort(question)
        return answer | {"swaps": change(answer["swaps"])}

    return {"quicksort": sort}


def unshifted(question):
    from hashlib import sha256

    text = "v1|{seed}|{label}|{resource}|{attempt}|{purpose}".format(**question)
    return {"result": int.from_bytes(sha256(text.encode()).digest()[:8], "big") / 2**64}


def drawing(purpose, change):
    """In fates, the draw for one purpose is changed."""

    def wrong_fate(question):
        from mockservers.kinds import chance

        right = chance.draw
        chance.draw = lambda *args: change(right, *args) if args[-1] == purpose else right(*args)
        try:
            return fate(question)
        finally:
            chance.draw = right

    return {"fate": wrong_fate}


def tame_noise(question):
    answer = fate(question)
    if noise := answer["result"].get("noise"):
        answer["result"]["noise"] = f"{int(noise[:2], 16) & 0x7F:02x}{noise[2:]}"
    return answer


def no_delay(question):
    answer = fate(question)
    if isinstance(answer["result"].get("delay_s"), float):
        answer["result"]["delay_s"] *= 1.001
    return answer


def planning(change):
    """Rules are misread."""

    def wrong_fate(question):
        plan = question["plan"]
        return fate(question | {"plan": plan | {"rules": change(plan.get("rules", {}), question)}})

    return {"fate": wrong_fate}


def by_code_first(rules, question):
    code = question["resource"]
    path = f"/flags/{code.lower()}/{code.lower()}.gif"
    return {key: rule for key, rule in rules.items() if key != path or code not in rules}


def in_turns(rules, question):
    turn = question["attempt"] - 1
    return {key: [rule[turn % len(rule)]] for key, rule in rules.items()}


# --- faults: no answers ------------------------------------------------------------------------


def say(data):
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def binary(question):
    say(b"\x00\xff\xfe\n")


def flood(question):
    while True:
        say(b"x" * 1_000_000)


def hang(question):
    time.sleep(600)


def die(question):
    sys.exit(3)


def twice(question):
    say(json.dumps(is_prime(question)).encode() + b"\n" + b'{"result": true}\n')


def text_for_boolean(question):
    return {"result": str(is_prime(question)["result"])}


def moody(question):
    moody.questions += 1
    return {"result": "good question"} if moody.questions == 5 else is_prime(question)


moody.questions = 0

CORRECT = {
    "expand": expand,
    "is_prime": is_prime,
    "quicksort": quicksort,
    "draw": draw,
    "fate": fate,
    "places": drawn_by("places_in", "places"),
    "bytes": drawn_by("bytes_of", "bytes"),
}

FAULTS = {
    "codes-as-typed": ("EXP-1", two(lambda word: [word])),
    "lower-case": ("EXP-1", two(lambda word: [word.lower()])),
    "upper-case-only": ("EXP-1", two(upper_case_only)),
    "code-as-letter": ("EXP-1", two(lambda word: codes_of(word[0]))),
    "letter-as-code": ("EXP-2", one(lambda word: [word.upper()])),
    "letter-with-flags": ("EXP-2", one(with_flags)),
    "letter-short-of-one": ("EXP-2", one(lambda word: codes_of(word)[:25])),
    "no-letters": ("EXP-2", one(lambda word: codes_of(f"{word}??"))),
    "repeats": ("EXP-3", expanding(arrange=lambda codes, limit: sorted(codes)[:limit])),
    "unsorted": ("EXP-4", expanding(arrange=lambda codes, limit: ordinary(codes)[:limit])),
    "descending": ("EXP-4", expanding(arrange=lambda codes, limit: first(codes, limit)[::-1])),
    "no-limit": ("EXP-5", expanding(arrange=lambda codes, limit: first(codes, None))),
    "limit-first": ("EXP-5", expanding(arrange=lambda codes, n: sorted(ordinary(codes)[:n]))),
    "limit-repeats": ("EXP-5", expanding(arrange=lambda codes, n: first(sorted(codes)[:n], None))),
    "one-more": ("EXP-5", expanding(arrange=lambda codes, n: first(codes, n and n + 1))),
    "every-with-flags": ("EXP-6", expanding(every=[*LETTERS[:25], "ZA"])),
    "all-is-every": ("EXP-7", expanding(all_codes=list(map("".join, product(LETTERS, repeat=2))))),
    "none-is-none": ("EXP-8", expanding(none=[])),
    "nineteen": ("EXP-8", expanding(none=POP20[1:])),
    "lenient": ("EXP-9", expanding(read=lenient)),
    "any-alphabet": ("EXP-9", expanding(read=letters_of_any_alphabet)),
    "squares": ("PRM-1", {"is_prime": without_root}),
    "fermat": ("PRM-1", {"is_prime": fermat}),
    "32-bits": ("PRM-1", {"is_prime": overflowing}),
    "four": ("PRM-2", {"is_prime": also_even}),
    "zero": ("PRM-2", {"is_prime": zero_is_prime}),
    "texts": ("QKS-1", sorting(lambda items: sorted(items, key=str))),
    "thirteen": ("QKS-1", sorting(thirteen)),
    "as-it-is": ("QKS-1", sorting(lambda items: items)),
    "drops-duplicates": ("QKS-2", sorting(lambda items: sorted(set(items)))),
    "loses-the-last": ("QKS-2", sorting(lambda items: sorted(items)[:-1])),
    "whole-numbers": ("QKS-2", sorting(lambda items: sorted(map(int, items)))),
    "recursive": ("QKS-3", sorting(recursive)),
    "short-of-memory": ("QKS-3", sorting(short_of_memory)),
    "no-trace": ("QKS-4", lying(lambda swaps: [])),
    "backwards": ("QKS-4", lying(lambda swaps: swaps[::-1])),
    "from-one": ("QKS-4", lying(lambda swaps: [[i + 1, j + 1] for i, j in swaps])),
    "unshifted": ("SRV-1", {"draw": unshifted}),
    "other-bucket": ("SRV-2", drawing("bucket", lambda right, *args: 1 - right(*args))),
    "never-sticky": ("SRV-2", drawing("bucket", lambda right, *a: right(*a[:3], 1, "bucket"))),
    "status-by-bucket": ("SRV-3", drawing("status", lambda right, *a: right(*a[:-1], "bucket"))),
    "delay-by-bucket": ("SRV-4", drawing("delay", lambda right, *a: right(*a[:-1], "bucket"))),
    "slower": ("SRV-4", {"fate": no_delay}),
    "tame-noise": ("SRV-5", {"fate": tame_noise}),
    "places-by-bucket": ("SRV-7", {"places": drawn_by("places_in", "bucket")}),
    "bytes-by-places": ("SRV-7", {"bytes": drawn_by("bytes_of", "places")}),
    "no-rules": ("SRV-6", planning(lambda rules, question: {})),
    "code-beats-path": ("SRV-6", planning(by_code_first)),
    "in-turns": ("SRV-6", planning(in_turns)),
    "unknown-is-an-error": ("HOOK-3", {"no_such_operation": lambda question: {"error": "what?"}}),
    "any-case": ("HOOK-3", {"EXPAND": expand}),
    "binary": ("PRM-1", {"is_prime": binary}),
    "floods": ("EXP-1", {"expand": flood}),
    "hangs": ("QKS-1", {"quicksort": hang}),
    "dies": ("PRM-1", {"is_prime": die}),
    "two-lines": ("PRM-1", {"is_prime": twice}),
    "moody": ("PRM-1", {"is_prime": moody}),
    "no-boolean": ("PRM-1", {"is_prime": text_for_boolean}),
}

FAULTY = {name: clause for name, (clause, _) in FAULTS.items()}
"""The clause that each breaks."""


def main(name):
    operations = CORRECT | (FAULTS[name][1] if name != "correct" else {})
    for line in sys.stdin:
        question = json.loads(line)
        operation = operations.get(question.pop("op"))
        try:
            answer = operation(question) if operation else {"unsupported": True}
        except UsageError as exc:
            answer = {"error": str(exc)}
        if answer is not None:
            # Lines may end in CRLF.
            say(json.dumps(answer).encode() + b"\r\n")


if __name__ == "__main__":
    main(sys.argv[1])
