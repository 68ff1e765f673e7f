"""Downloaders that conform, but miss a SHOULD."""

import getopt
import os
import time
from contextlib import suppress
from pathlib import Path

from downloader import ERROR, NOT_FOUND, URLS, Downloader, UsageError, misses, plural


@misses("EXP-10")
class KnowsTheCountriesByItself(Downloader):
    def all_codes(self):
        return Path(__file__).parents[3].joinpath("country_codes.txt").read_text().split()


@misses("CLI-2")
class ShortOptionsOnly(Downloader):
    def split(self, words):
        if any(word[:1] == "-" and len(word) > 2 for word in words):
            raise UsageError("one letter, please")
        return getopt.getopt(words, "ael:m:s:v")


@misses("CLI-4")
class RejectsLowerCaseLabels(Downloader):
    def label_of(self, text):
        if text not in URLS:
            raise UsageError(f"there is no server {text!r}")
        return text


@misses("CLI-7")
class RejectsSilently(Downloader):
    def main(self, words):
        with suppress(UsageError):
            Downloader().expand(Downloader().parse(words))
            return super().main(words)
        return 2


@misses("CLI-10")
class DiesOfCtrlC(Downloader):
    def download_all(self):
        try:
            super().download_all()
        except KeyboardInterrupt:
            os._exit(1)


@misses("FIL-5")
class WantsTheFolder(Downloader):
    def make_folder(self):
        pass


@misses("FIL-6")
class EndsIfItCannotSave(Downloader):
    def save(self, code, body):
        try:
            super().save(code, body)
        except OSError as exc:
            raise RuntimeError from exc


@misses("REP-6")
class PrintsTotalsOfZero(Downloader):
    def report_lines(self, totals):
        hyphens, flags, *_, elapsed = super().report_lines(totals)
        errors = f"{totals[ERROR]} error{plural(totals[ERROR])}."
        return [hyphens, flags, f"{totals[NOT_FOUND]} not found.", errors, elapsed]


@misses("REP-7")
class KeepsItsTimeToItself(Downloader):
    def report_lines(self, totals):
        return super().report_lines(totals)[:-1]


@misses("REP-9")
class AlwaysVerbose(Downloader):
    def __init__(self):
        super().__init__()
        self.verbose = True


@misses("CON-4")
class UsesTwoConnectionsAtMost(Downloader):
    most_connections = 2


@misses("ACC-6")
class LeavesAProcess(Downloader):
    def status(self):
        if os.fork() == 0:
            for fd in range(3):
                os.close(fd)
            time.sleep(20)
            os._exit(0)
        return 0


@misses("HOOK-1")
class IgnoresTheVariables(Downloader):
    def base_url(self):
        return URLS[self.label]
