"""The books once more, on plain lists: what `mockservers.ledger` has to say, from SPEC.md alone.

A second opinion, so nothing here is taken from the ledger. It is complete where a request can
belong to one download only; where redirects lead several downloads to one path, it says which
codes are `murky` and nothing of them.
"""

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from itertools import combinations
from urllib.parse import urljoin

NOTHING = hashlib.sha256(b"").hexdigest()
SAYINGS = ("ok", "not_found", "error", "interrupted")
UP_TO_THE_CLIENT = ("no_length", "too_long", "huge_headers", "page")


@dataclass
class Told:
    """What was asked for, said and kept; `lines` are pairs of a code and a word of `SAYINGS`."""

    asked: tuple = ()
    label: str | None = None
    lines: list = field(default_factory=list)
    totals: dict | None = None
    files: dict | None = None
    before: dict = field(default_factory=dict)


def path_of(code):
    return f"/flags/{code.lower()}/{code.lower()}.gif"


def file_of(code):
    return f"{code.lower()}.gif"


def what_came(entry):
    """ok, not_found, error or unclear, of one request."""
    if entry["do"] == "cut_headers" and entry["complete"]:
        return "unclear"
    if entry["status"] == 404:
        return "not_found"
    if entry["status"] != 200 or entry["do"] == "bad_gzip":
        return "error"
    if entry["do"] in UP_TO_THE_CLIENT:
        return "unclear"
    if entry["length"] is None or entry["bytes_sent"] < entry["length"]:
        return "error"
    return "ok" if entry["complete"] and entry["do"] != "reset" else "unclear"


def place_of(entry):
    return entry["server"], entry["path"]


def led_to(entry):
    """Where a redirect leads (on the same server), or None."""
    if not entry.get("location"):
        return None
    return entry["server"], urljoin(entry["path"], entry["location"])


def in_scope(told, server):
    return told.label in (None, server)


class PlainBooks:
    """The judgement of `entries` (of journals, in any order) and what was `told`."""

    def __init__(self, entries, told):
        self.told = told
        self.requests = sorted(
            (e for e in entries if e["type"] == "request" and e["method"] != "HEAD"),
            key=lambda e: e["n"],
        )
        self.murky = self._murky()
        self.strays = []
        self.downloads = self._downloads()

    # --- whose request is it? ------------------------------------------------------------

    def _murky(self):
        """The codes whose requests cannot be told from those of another download."""
        told = self.told
        at = {}
        for server in ("LOCAL", "DELAY", "ERROR"):
            for code in told.asked:
                if in_scope(told, server):
                    at[server, path_of(code)] = {code}
        for _ in self.requests:  # as often as it takes to come to the end of every chain
            for entry in self.requests:
                if led_to(entry):
                    at.setdefault(led_to(entry), set()).update(at.get(place_of(entry), ()))
        groups = [codes for codes in at.values() if len(codes) > 1]
        murky = set().union(*groups)
        for _ in told.asked:
            murky.update(*(codes for codes in at.values() if codes & murky))
        return murky

    def _downloads(self):
        downloads = {code: [] for code in self.told.asked}
        expected = []  # places to which a download was led, and where it has not been yet
        for entry in self.requests:
            place = place_of(entry)
            hop = next((hop for hop in expected if hop[0] == place), None)
            if hop:
                expected.remove(hop)
                _, code, again = hop
                if entry["status"] is None and not again:
                    expected.append((place, code, True))
            elif entry["code"] in downloads and in_scope(self.told, entry["server"]):
                code = entry["code"]
            else:
                self.strays.append(entry)
                continue
            downloads[code].append(entry)
            if led_to(entry):
                expected.append((led_to(entry), code, False))
        return downloads

    # --- what became of a code -----------------------------------------------------------

    def came(self, code):
        requests = self.downloads[code]
        return what_came(requests[-1]) if requests else "no request"

    def sent(self, code):
        """The SHA-256 of the bytes that were sent last for it."""
        requests = self.downloads[code]
        return (requests[-1]["sha256"] or NOTHING) if requests else None

    def kept(self, code):
        return (self.told.files or {}).get(file_of(code))

    def untouched(self, name):
        """There before, and not written again."""
        return name in self.told.before and self.told.before[name] == self.told.files[name]

    def holds_what_was_sent(self, code):
        file = self.kept(code)
        return file is not None and file["sha256"] == self.sent(code)

    def may_say(self, code):
        came, file = self.came(code), self.kept(code)
        says = set()
        if came in ("ok", "unclear"):
            saved = self.told.files is None or self.holds_what_was_sent(code)
            says.add("ok" if saved else "error")
            if came == "unclear" or (file and self.untouched(file_of(code))):
                says.add("error")
        else:
            says.add("not_found" if came == "not_found" else "error")
            if came == "not_found" and self.downloads[code][-1].get("client_closed"):
                says.add("error")
        totals = self.told.totals
        if totals and totals["interrupted"] and not self._newly_saved(code):
            says.add("interrupted")
        return says

    def _newly_saved(self, code):
        return self.holds_what_was_sent(code) and not self.untouched(file_of(code))

    def hops(self, code):
        """Its requests, those for one hop together: a redirect begins the next hop."""
        hops = []
        for entry in self.downloads[code]:
            before = hops[-1][-1] if hops else None
            if before is None or led_to(before) == place_of(entry):
                hops.append([])
            hops[-1].append(entry)
        return hops

    # --- the words -------------------------------------------------------------------------

    def words_of_requests(self):
        """unexpected, duplicated: what was asked of the servers."""
        words = [("unexpected", entry["code"]) for entry in self.strays]
        for code in self.told.asked:
            for hop in self.hops(code):
                if len(hop) > 2 or (len(hop) == 2 and hop[0]["status"] is not None):
                    words.append(("duplicated", code))
                    break
        return words

    def recovered(self):
        """The codes with a hop that was asked for again, with good reason, and as often."""
        codes = Counter()
        for code in self.told.asked:
            for hop in self.hops(code):
                if len(hop) > 1 and hop[0]["status"] is None:
                    codes[code] += 1
                if len(hop) > 2 or (len(hop) == 2 and hop[0]["status"] is not None):
                    break
        return codes

    def words_of_lines(self):
        """What is wrong with lines by code, and the totals after them."""
        told = self.told
        not_asked = {code for code, _ in told.lines} - set(told.asked)
        words = [("unexpected", code) for code in not_asked]
        if told.totals is None:
            words.append(("lost", None))
        for code in told.asked:
            said = [word for name, word in told.lines if name == code]
            if not said:
                if told.totals is not None and "interrupted" not in self.may_say(code):
                    words.append(("lost", code))
            elif len(said) > 1:
                words.append(("duplicated", code))
            elif said[0] not in self.may_say(code):
                words.append((self._wrong(code, said[0]), code))
        return words

    def _wrong(self, code, said):
        if said != "ok":
            return "miscounted"
        if not self.downloads[code]:
            return "lost"
        if self.kept(code):
            return "corrupt"
        return "lost" if self.came(code) == "ok" else "miscounted"

    def lines_disagree_with_totals(self):
        """True, False, or None where the spec leaves open what is to be counted."""
        told = self.told
        codes = [code for code, _ in told.lines]
        if told.totals is None:
            return False
        if len(set(codes)) < len(codes) or set(codes) - set(told.asked):
            return None
        counted = Counter(said for _, said in told.lines)
        if told.totals["interrupted"]:
            counted["interrupted"] = len(told.asked) - len(codes)
        return any(counted[said] != told.totals[said] for said in SAYINGS)

    def totals_can_be(self):
        """Whether each code can be given something that may be said of it, to these totals."""
        told, can = self.told, [self.may_say(code) for code in self.told.asked]
        return sum(told.totals.values()) == len(can) and all(
            sum(says <= set(some) for says in can) <= sum(told.totals[said] for said in some)
            for size in range(1, 5)
            for some in combinations(SAYINGS, size)
        )

    def words_of_files(self, blamed=()):
        """corrupt, leftover: new files that nobody accounts for and that were not `blamed` yet."""
        words = []
        of_code = {file_of(code): code for code in self.told.asked}
        for name in self.told.files or ():
            code = of_code.get(name)
            if self.untouched(name) or code in blamed:
                continue
            if code and self.came(code) == "ok":
                if not self.holds_what_was_sent(code):
                    words.append(("corrupt", code))
            elif not (code and self.holds_what_was_sent(code) and "ok" in self.may_say(code)):
                two = name[:2].upper()
                named = two if two.isascii() and two.isalpha() and len(two) == 2 else None
                words.append(("leftover", code or named))
        return words

    def words(self):
        """All words of a report with lines by code, with one that the spec leaves open as None."""
        words = self.words_of_requests() + self.words_of_lines()
        blamed = {code for word, code in words if word in ("corrupt", "lost")}
        words += self.words_of_files(blamed - {None})
        if self.lines_disagree_with_totals():
            words.append(("miscounted", None))
        return Counter(words)
