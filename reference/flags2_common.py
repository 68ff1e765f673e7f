"""What the two downloaders share: country codes, command line, reports, saving.

Port of the listing `flags2_common.py`, in its order. What only repairs need comes last.
"""

import argparse
import os
import signal
import string
import sys
import threading
import time
from collections import Counter, namedtuple
from collections.abc import Callable, Iterable
from contextlib import suppress
from enum import Enum
from pathlib import Path
from types import FrameType
from typing import NoReturn

HTTPStatus = Enum("HTTPStatus", "ok not_found error")
# The status of one download, and its country code in `data`.
Result = namedtuple("Result", "status data")

POP20_CC = "CN IN US ID BR PK NG BD RU JP MX PH VN ET EG DE IR TR CD FR".split()

SERVERS = {
    "REMOTE": "http://flupy.org/data/flags",
    "LOCAL": "http://localhost:8001/flags",
    "DELAY": "http://localhost:8002/flags",
    "ERROR": "http://localhost:8003/flags",
}
for _label, _url in list(SERVERS.items()):  # the environment may name other URLs
    SERVERS[_label] = (os.environ.get(f"FLAGS2_{_label}_URL") or _url).rstrip("/")
DEFAULT_SERVER = "LOCAL"

DEST_DIR = "downloads/"
COUNTRY_CODES_FILE = "country_codes.txt"

Counts = Counter[HTTPStatus]
# download_many(cc_list, base_url, verbose, concur_req): only here do the two programs differ.
DownloadMany = Callable[[list[str], str, bool, int], Counts]


def save_flag(img: bytes, filename: str) -> None:
    """Write `img` to `filename` in `DEST_DIR`, completely or not at all (R-5). Raises OSError."""
    path = Path(DEST_DIR, filename)
    partial = path.with_name(f"{filename}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(img)
        partial.replace(path)
    except OSError:
        with suppress(OSError):
            partial.unlink()
        raise


def initial_report(cc_list: list[str], actual_req: int, server_label: str) -> None:
    """Print the server, the codes (a range if there are more than ten) and the concurrency."""
    if len(cc_list) <= 10:
        cc_msg = ", ".join(cc_list)
    else:
        cc_msg = f"from {cc_list[0]} to {cc_list[-1]}"
    print(f"{server_label} site: {SERVERS[server_label]}")
    print(f"Searching for {len(cc_list)} flag{plural(len(cc_list))}: {cc_msg}")
    print(f"{actual_req} concurrent connection{plural(actual_req)} will be used.")


def final_report(cc_list: list[str], counter: Counts, start_time: float) -> None:
    """Print the totals, and the seconds since `start_time` (a value of `time.time()`)."""
    elapsed = time.time() - start_time
    ok, not_found, error = (counter[status] for status in HTTPStatus)  # in the order of the Enum
    print("-" * 20)
    print(f"{ok} flag{plural(ok)} downloaded.")
    if not_found:
        print(f"{not_found} not found.")
    if error:
        print(f"{error} error{plural(error)}.")
    print(f"Elapsed time: {elapsed:.2f}s")


def plural(count: int) -> str:
    """The ending of a counted noun."""
    return "" if count == 1 else "s"


def expand_cc_args(every_cc: bool, all_cc: bool, cc_args: Iterable[str], limit: int) -> list[str]:
    """The requested codes: sorted, without duplicates, the first `limit` of them.

    `every_cc` (AA to ZZ) overrides `all_cc` (the codes file), which overrides `cc_args`: codes, or
    letters for the 26 codes that start with them. Raises ValueError with the usage error.
    """
    letters = string.ascii_uppercase
    codes: set[str] = set()
    if every_cc:
        codes.update(a + b for a in letters for b in letters)
    elif all_cc:
        codes.update(read_country_codes())
    else:
        for cc in (arg.upper() for arg in cc_args):
            if len(cc) == 1 and cc in letters:
                codes.update(cc + c for c in letters)
            elif len(cc) == 2 and all(c in letters for c in cc):
                codes.add(cc)
            else:
                raise ValueError("*** Usage error: each CC argument must be A to Z or AA to ZZ.")
    return sorted(codes)[:limit]


def process_args(default_concur_req: int) -> tuple[argparse.Namespace, list[str]]:
    """Parse the command line. A usage error exits with status 1, one of argparse with 2 (L-6)."""
    server_options = ", ".join(sorted(SERVERS))
    parser = argparse.ArgumentParser(
        description="Download flags for country codes. Default: top 20 countries by population."
    )
    option = parser.add_argument
    # fmt: off
    option("cc", metavar="CC", nargs="*", help="country code or 1st letter (eg. B for BA...BZ)")
    option("-a", "--all", action="store_true", help="get all available flags (AD to ZW)")
    option("-e", "--every", action="store_true", help="get flags for every possible code (AA...ZZ)")
    option("-l", "--limit", metavar="N", type=int, default=sys.maxsize,
           help="limit to N first codes")
    option("-m", "--max_req", metavar="CONCURRENT", type=int, default=default_concur_req,
           help=f"maximum concurrent requests (default={default_concur_req})")
    option("-s", "--server", metavar="LABEL", default=DEFAULT_SERVER,
           help=f"Server to hit; one of {server_options} (default={DEFAULT_SERVER})")
    option("-v", "--verbose", action="store_true", help="output detailed progress info")
    # fmt: on
    args = parser.parse_args()

    def usage_error(message: str) -> NoReturn:
        print(message)
        parser.print_usage()
        sys.exit(1)

    if args.max_req < 1:
        usage_error("*** Usage error: --max_req CONCURRENT must be >= 1")
    if args.limit < 1:
        usage_error("*** Usage error: --limit N must be >= 1")
    args.server = args.server.upper()
    if args.server not in SERVERS:
        usage_error(f"*** Usage error: --server LABEL must be one of {server_options}")
    try:
        cc_list = expand_cc_args(args.every, args.all, args.cc, args.limit)
    except ValueError as exc:
        usage_error(str(exc))
    return args, cc_list or sorted(POP20_CC)


def main(download_many: DownloadMany, default_concur_req: int, max_concur_req: int) -> None:
    """Run a downloader from command line to report. Exits with 1 on failure, 130 after Ctrl-C."""
    signal.signal(signal.SIGINT, on_ctrl_c)
    try:
        args, cc_list = process_args(default_concur_req)
        actual_req = min(args.max_req, max_concur_req, len(cc_list))
        initial_report(cc_list, actual_req, args.server)
        t0 = time.time()
        counter = download_many(cc_list, SERVERS[args.server], args.verbose, actual_req)
        counted, asked = counter.total(), len(cc_list)
        if counted != asked and not interrupted:
            sys.exit(f"*** some downloads are unaccounted for: {counted} counted of {asked}")
        final_report(cc_list, counter, t0)
        if interrupted:
            print(f"{asked - counted} interrupted.", flush=True)
            sys.exit(130)
        print(end="", flush=True)
    except OSError as exc:  # stdout or stderr has failed
        if not isinstance(exc, BrokenPipeError):
            with suppress(OSError):
                print(f"*** stopped: {exc}", file=sys.stderr)
        os._exit(1)  # without another attempt to flush stdout


# --- for repairs: README.md has their table ---

# Seconds that a server may be silent: while connecting, and between two bytes.
TIMEOUT_S = 30.0
with suppress(ValueError):
    TIMEOUT_S = float(os.environ.get("FLAGS2_TIMEOUT_S", TIMEOUT_S))

HEADERS = {"Accept-Encoding": "identity"}  # sent with every request
stdout_lock = threading.Lock()

# True after Ctrl-C, or if stdout has no reader: no further download starts.
interrupted = False


class NotStarted(BaseException):
    """Ctrl-C came before this download, which is not counted. `except Exception` lets it pass."""


def on_ctrl_c(signum: int, frame: FrameType | None) -> None:
    """Let no further download start, and let a second Ctrl-C end the process.

    The main thread may hold any lock of the standard library when this interrupts it. So this
    takes none (no `Future.cancel`, no `Event.set`, no `print`): it could wait for ever.
    """
    global interrupted
    interrupted = True
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def say(line: str) -> None:
    """Print a line in one write and one thread at a time, because threads share stdout (R-11)."""
    global interrupted
    try:
        with stdout_lock:
            print(f"{line}\n", end="")
    except OSError:
        interrupted = True
        raise


def one_line(text: str) -> str:
    """The first line of `text` in printable ASCII, the rest escaped as in Python source (R-10)."""
    return ascii(text.partition("\n")[0])[1:-1]


def error_text(exc: BaseException) -> str:
    """The type of `exc` and the first line of its text, if it has one."""
    return one_line(f"{type(exc).__name__}: {exc}" if str(exc) else type(exc).__name__)


def refuse_coding(codings: str) -> None:
    """Raise ValueError for a coded body: if it is cut short, neither library notices (R-4)."""
    for coding in codings.lower().split(","):
        if coding.strip() not in ("", "identity"):
            raise ValueError(f"Content-Encoding {codings} was not asked for")


def read_country_codes() -> list[str]:
    """The words of `COUNTRY_CODES_FILE`, here or else in this package (R-14). Raises ValueError."""
    path = Path(COUNTRY_CODES_FILE)
    try:
        if not path.exists():
            path = Path(__file__).with_name(COUNTRY_CODES_FILE)
        return path.read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError) as exc:
        raise ValueError(f"*** Usage error: cannot read {path}: {one_line(str(exc))}") from exc
