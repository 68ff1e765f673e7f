"""Downloaders that misread their arguments (EXP, CLI)."""

import getopt
import re
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path

from downloader import ERROR, EVERY, NOT_FOUND, POP20, URLS, Downloader, UsageError, breaks

# EXP: which codes are asked for


@breaks("EXP-1")
class KeepsLowerCase(Downloader):
    def codes_of(self, word):
        return [word] if word.upper() in EVERY else super().codes_of(word)


@breaks("EXP-1")
class RejectsLowerCase(Downloader):
    def codes_of(self, word):
        if word.islower():
            raise UsageError("capitals, please")
        return super().codes_of(word)


@breaks("EXP-2")
class LetterLosesItsLastCode(Downloader):
    def codes_of_letter(self, letter):
        return super().codes_of_letter(letter)[:-1]


@breaks("EXP-3")
class TakesCodesTwice(Downloader):
    def arrange(self, codes):
        return sorted(codes)


@breaks("EXP-4")
class KeepsTheOrderTyped(Downloader):
    def arrange(self, codes):
        return list(dict.fromkeys(codes))


@breaks("EXP-5")
class IgnoresTheLimit(Downloader):
    def cut(self, codes):
        return codes


@breaks("EXP-5")
class LimitsBeforeSorting(Downloader):
    def arrange(self, codes):
        return list(dict.fromkeys(codes))

    def cut(self, codes):
        return sorted(codes[: self.limit])


@breaks("EXP-5")
class LimitIsOneShort(Downloader):
    def cut(self, codes):
        return codes[: max(1, self.limit - 1)] if self.limit else codes


@breaks("EXP-6")
class EveryLosesItsLastCode(Downloader):
    def every_code(self):
        return EVERY[:-1]


@breaks("EXP-7")
class AllIsTheUsualTwenty(Downloader):
    def all_codes(self):
        return POP20


@breaks("EXP-7")
class AllLosesTheLastWord(Downloader):
    def all_codes(self):
        return super().all_codes()[:-1]


@breaks("EXP-7")
class SplitsAtSpaces(Downloader):
    def all_codes(self):
        return Path("country_codes.txt").read_text().strip().split(" ")


@breaks("EXP-7")
class SplitsAtLineEnds(Downloader):
    def all_codes(self):
        return Path("country_codes.txt").read_text().splitlines()


@breaks("EXP-8")
class UsualCodesHaveOneOther(Downloader):
    def usual_codes(self):
        return [*POP20[:-1], "GB"]


@breaks("EXP-9")
class SkipsBadCodes(Downloader):
    def codes_of(self, word):
        with suppress(UsageError):
            return super().codes_of(word)
        return []


# CLI: the command line


@breaks("CLI-1")
class DoesNotKnowVerbose(Downloader):
    def split(self, words):
        return getopt.gnu_getopt(words, "ael:m:s:")


@breaks("CLI-1")
class WantsServerFirst(Downloader):
    def parse(self, words):
        if "-s" in words[1:]:
            raise UsageError("-s must come first")
        return super().parse(words)


@breaks("CLI-3")
class UsualServerIsDelay(Downloader):
    def __init__(self):
        super().__init__()
        self.label = "DELAY"


@breaks("CLI-5")
class TakesAnUnknownLabelForLocal(Downloader):
    def label_of(self, text):
        return text.upper() if text.upper() in URLS else "LOCAL"


@breaks("CLI-5")
class TakesAnyNumber(Downloader):
    def number(self, text):
        return int(text) if text.isdigit() and text != "0" else 1


@breaks("CLI-5")
class ReadsTheDigitsInFront(Downloader):
    def number(self, text):
        digits = re.match(r"\d+", text)
        return super().number(digits[0] if digits else text)


@breaks("CLI-5")
class RoundsNumbersDown(Downloader):
    def number(self, text):
        with suppress(ValueError):
            text = str(int(float(text)))
        return super().number(text)


@breaks("CLI-5")
class IgnoresUnknownOptions(Downloader):
    def parse(self, words):
        known = {"-a", "-e", "-l", "-m", "-s", "-v"}
        return super().parse([word for word in words if word[:1] != "-" or word in known])


@breaks("CLI-6")
class UsageErrorHasStatus0(Downloader):
    usage_status = 0


@breaks("CLI-6")
class UsageErrorComesAfterRequests(Downloader):
    def codes_of(self, word):
        with suppress(UsageError):
            return super().codes_of(word)
        with suppress(OSError, HTTPException):
            self.fetch("BR")
        raise UsageError(f"{word!r} is no code")


@breaks("CLI-8")
class StatusShowsErrors(Downloader):
    def status(self):
        return 1 if self.totals()[ERROR] else 0


@breaks("CLI-8")
class StatusShowsNotFound(Downloader):
    def status(self):
        return 1 if self.totals()[NOT_FOUND] else 0


@breaks("CLI-9")
class CrashHasStatus0(Downloader):
    def main(self, words):
        try:
            return super().main(words)
        except RuntimeError:
            return 0

    def outcome_of(self, status):
        if status >= 500:
            raise RuntimeError(status)
        return super().outcome_of(status)
