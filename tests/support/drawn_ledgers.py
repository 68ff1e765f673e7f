"""Books that are drawn, and how a ledger of them is held against the plain books."""

import hashlib
from collections import Counter

from support.plain_ledger import SAYINGS, PlainBooks, file_of

BODY = b"GIF87a, more or less"
CODES = ("BR", "CN", "ZZ")


def sha(content):
    return hashlib.sha256(content).hexdigest()


class Chance:
    """Chooses: by Hypothesis, which finds the smallest case, or by a seed, which is fast."""

    def __init__(self, below):
        self.below = below
        """A number from 0 to below that of the argument."""

    def one(self, *choices):
        return choices[self.below(len(choices))]

    def often(self):
        return self.below(4) > 0

    def some(self, choices, most):
        return [self.one(*choices) for _ in range(self.below(most + 1))]

    def shuffled(self, things):
        left = list(things)
        return [left.pop(self.below(len(left))) for _ in things]


CONTENTS = (BODY, BODY, BODY[:5], b"", b"x")


def book(chance, mtime, contents=CONTENTS):
    """Files of a folder."""
    names = chance.some([*map(file_of, CODES), "br.gif.part", "notes.txt"], 4)
    kept = {name: chance.one(*contents) for name in names}
    return {
        name: {"size": len(content), "sha256": sha(content), "mtime_ns": mtime}
        for name, content in kept.items()
    }


def say(chance, told, entries):
    """Draw what is said, knowing what was asked and kept."""
    told.totals = dict.fromkeys(SAYINGS, 0) | {"interrupted": chance.one(0, 0, 1)}
    books = PlainBooks(entries, told)
    for code in told.asked:
        truth = sorted(books.may_say(code) - {"interrupted"})
        silent = [None] * 3 * told.totals["interrupted"]
        said = chance.one(*truth * 5, *silent, None, "ok", "not_found", "error")
        told.lines += [(code, said)] if said else []
    silent = len(told.asked) - len(told.lines)
    if not chance.often():
        told.lines.append((chance.one(*CODES), chance.one("ok", "error")))
    if told.totals["interrupted"]:
        told.totals["interrupted"] = silent
    told.totals |= Counter(said for _, said in told.lines)
    match chance.below(8):
        case 0:
            told.totals[chance.one(*SAYINGS)] += 1
        case 1:
            told.totals |= Counter(chance.one(*SAYINGS) for _ in told.asked)


def journal(entries, told, lines=True):
    fates = {}
    for code, said in told.lines if lines else ():
        fates.setdefault(code, Counter())[said] += 1
    claims = {"label": told.label, "fates": fates, "totals": told.totals}
    header = {"journal": 1, "command": ["x"], "files_before": told.before}
    asked = list(told.asked)
    end = {"end": True, "asked": asked, "claims": claims, "files_after": told.files}
    return [header, *entries, end]


def words_of(judged):
    return Counter((one["word"], one["code"]) for one in judged["imbalances"])


def clear(words, books, but=()):
    """Without what nobody can be sure of."""
    return {
        (word, code): count
        for (word, code), count in words.items()
        if code not in books.murky
        and (word, code) not in but
        and not (word == "unexpected" and books.murky)
    }


def compare_lines(entries, told, judged):
    """The words of a ledger are those of the plain books, where there are lines by code."""
    books = PlainBooks(entries, told)
    open_to_both = [("miscounted", None)] if books.lines_disagree_with_totals() is None else []
    ours = clear(books.words(), books, but=open_to_both)
    assert clear(words_of(judged), books, but=open_to_both) == ours
    notes = Counter(note[:2] for note in judged["notes"] if " recovered: " in note)
    assert clear_codes(notes, books) == clear_codes(books.recovered(), books)
    for code, row in judged["codes"].items():
        if code not in books.murky:
            requests = books.downloads[code]
            came = books.came(code).replace("unclear", "indeterminate")
            status = requests[-1]["status"] if requests else None
            assert (row["requests"], row["seen"], row["status"]) == (len(requests), came, status)


def clear_codes(counted, books):
    return {code: n for code, n in counted.items() if code not in books.murky}


def compare_totals(entries, told, judged):
    """Totals alone balance exactly when there is an outcome for each code that adds up to them."""
    books = PlainBooks(entries, told)
    if books.murky:
        return
    words = books.words_of_requests()
    good = books.totals_can_be()
    assert judged["balanced"] == (good and not words and not books.words_of_files())
    found = words_of(judged)
    assert {word for word in found if word[0] in ("unexpected", "duplicated")} == set(words)
    lost_or_miscounted = {word for word, _ in found} & {"lost", "miscounted", "corrupt"}
    assert good or lost_or_miscounted
