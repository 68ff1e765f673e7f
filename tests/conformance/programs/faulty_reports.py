"""Downloaders with wrong reports, concurrency or accounts (REP, CON, ACC)."""

import sys
import time
from collections import Counter
from contextlib import suppress
from http.client import HTTPException, IncompleteRead

from downloader import ERROR, NOT_FOUND, OK, Downloader, breaks

# REP: what is printed


@breaks("REP-1")
class AnnouncesAnotherLabel(Downloader):
    def site_line(self):
        return f"REMOTE site: {self.base_url()}"


@breaks("REP-1")
class AnnouncesAnotherUrl(Downloader):
    def site_line(self):
        return f"{self.label} site: http://example.com/flags"


@breaks("REP-1")
class AnnouncesAfterTheRequests(Downloader):
    def announce(self):
        pass

    def report(self):
        super().announce()
        super().report()


@breaks("REP-2")
class ListsElevenCodes(Downloader):
    def codes_line(self):
        if len(self.codes) == 11:
            return f"Searching for 11 flags: {', '.join(self.codes)}"
        return super().codes_line()


@breaks("REP-2")
class ListsCodesWithoutCommas(Downloader):
    def codes_line(self):
        return super().codes_line().replace(", ", " ")


@breaks("REP-2")
class AnnouncesOneCodeMore(Downloader):
    def codes_line(self):
        listed = super().codes_line().partition(": ")[2]
        return f"Searching for {len(self.codes) + 1} flags: {listed}"


@breaks("REP-3")
class KeepsConnectionsToItself(Downloader):
    def announcement(self):
        return super().announcement()[:2]


@breaks("REP-4")
class OneFlagsDownloaded(Downloader):
    def report_lines(self, totals):
        lines = super().report_lines(totals)
        return [line.replace("flag downloaded", "flags downloaded") for line in lines]


@breaks("REP-4")
class ZeroFlagDownloaded(Downloader):
    def report_lines(self, totals):
        lines = super().report_lines(totals)
        return ["0 flag downloaded." if line[:2] == "0 " else line for line in lines]


@breaks("REP-4")
class OneErrors(Downloader):
    def report_lines(self, totals):
        return [
            "1 errors." if line == "1 error." else line for line in super().report_lines(totals)
        ]


@breaks("REP-4")
class OneConnections(Downloader):
    def connections_line(self):
        return f"{self.connections()} concurrent connections will be used."


@breaks("REP-5")
class TotalsInAnotherOrder(Downloader):
    def report_lines(self, totals):
        hyphens, *counts, elapsed = super().report_lines(totals)
        return [hyphens, *reversed(counts), elapsed]


@breaks("REP-5")
class NineteenHyphens(Downloader):
    def report_lines(self, totals):
        return ["-" * 19, *super().report_lines(totals)[1:]]


@breaks("REP-5")
class LeavesOutZeroFlags(Downloader):
    def report_lines(self, totals):
        return [line for line in super().report_lines(totals) if line[:2] != "0 "]


@breaks("REP-8")
class ForgetsLinesOfErrors(Downloader):
    def say(self, line):
        if line[:3] != "***":
            super().say(line)


@breaks("REP-8")
class PrintsALineTwice(Downloader):
    def say(self, line):
        super().say(line)
        if line == f"{self.codes[0]} OK":
            super().say(line)


@breaks("REP-8")
class OkInLowerCase(Downloader):
    def line_of(self, code, outcome, text):
        return super().line_of(code, outcome, text).replace(" OK", " ok")


@breaks("REP-10")
class ReportsOnStderr(Downloader):
    def report(self):
        sys.stdout = sys.stderr
        super().report()


@breaks("REP-10")
class AnnouncesOnStderr(Downloader):
    def announce(self):
        stdout, sys.stdout = sys.stdout, sys.stderr
        super().announce()
        sys.stdout = stdout


@breaks("REP-11")
class Prints20Megabytes(Downloader):
    def announce(self):
        super().announce()
        for _ in range(20_000):
            self.say("." * 1023)


# CON: concurrency


@breaks("CON-1")
class UsesOneConnectionMore(Downloader):
    def threads(self):
        return self.connections() + 1


@breaks("CON-2")
class AnnouncesMoreThanAllowed(Downloader):
    def connections(self):
        return min((self.max_req or 5) + 1, len(self.codes))


@breaks("CON-2")
class AnnouncesMoreThanCodes(Downloader):
    def connections(self):
        return self.max_req or 5

    def threads(self):
        return super().connections()


@breaks("CON-3")
class AsksOneAfterTheOther(Downloader):
    def threads(self):
        return 1


@breaks("CON-3")
class UsesOneConnectionLess(Downloader):
    def threads(self):
        return max(1, self.connections() - 1)


# ACC: accounting


@breaks("ACC-1")
class DropsErrors(Downloader):
    def totals(self):
        return super().totals() - Counter({ERROR: 999})


@breaks("ACC-1")
class LosesTheCountOfOneCodeOf20(Downloader):
    def totals(self):
        kept = [outcome for n, (_, outcome) in enumerate(sorted(self.results), 1) if n % 20]
        return Counter(kept)


@breaks("ACC-1")
class CountsNeighbouringErrorsOnce(Downloader):
    def totals(self):
        outcomes = [outcome for _, outcome in sorted(self.results)]
        pairs = zip(outcomes, ["", *outcomes], strict=False)
        return Counter(outcome for outcome, before in pairs if (outcome, before) != (ERROR, ERROR))


@breaks("ACC-1")
class CountsOneFlagTooMany(Downloader):
    def totals(self):
        return super().totals() + Counter({OK: 1})


@breaks("ACC-2")
class TotalsAreNotThoseOfTheLines(Downloader):
    def totals(self):
        totals = super().totals()
        if self.verbose:
            totals[NOT_FOUND], totals[ERROR] = totals[ERROR], totals[NOT_FOUND]
        return totals


@breaks("ACC-3")
class CrashesOn503(Downloader):
    def outcome_of(self, status):
        if status == 503:
            raise RuntimeError(status)
        return super().outcome_of(status)


@breaks("ACC-3")
class CrashesOnAReset(Downloader):
    def outcome_of_failure(self, exc):
        if isinstance(exc, ConnectionResetError):
            raise RuntimeError(exc)
        return ERROR


@breaks("ACC-3")
class CrashesOnHalfABody(Downloader):
    def outcome_of_failure(self, exc):
        if isinstance(exc, IncompleteRead):
            raise RuntimeError(exc)
        return ERROR


@breaks("ACC-4")
class AsksAfterItsReport(Downloader):
    def report(self):
        super().report()
        time.sleep(0.3)  # so that the report is read by then
        with suppress(OSError, HTTPException):
            self.fetch(self.codes[0])


@breaks("ACC-5")
class NeverEnds(Downloader):
    def status(self):
        time.sleep(600)
        return 0


@breaks("ACC-5")
class HangsAfterABrokenConnection(Downloader):
    def outcome_of_failure(self, exc):
        time.sleep(600)
        return ERROR
