"""What the two downloaders share: country codes, command line, reports, saving.

Port of the listing `flags2_common.py`.
"""

import argparse
import io
import os
import signal
import socket
import string
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from pathlib import Path
from typing import NamedTuple, NoReturn

HTTPStatus = Enum("HTTPStatus", "ok not_found error")


class Result(NamedTuple):
    """What became of one download: its status, and the country code in `data`."""

    status: HTTPStatus
    data: str


POP20_CC = (
    "CN IN US ID BR PK NG BD RU JP "
    "MX PH VN ET EG DE IR TR CD FR"
).split()  # fmt: skip

SERVERS = {
    label: (os.environ.get(f"FLAGS2_{label}_URL") or url).rstrip("/")
    for label, url in {
        "REMOTE": "http://flupy.org/data/flags",
        "LOCAL": "http://localhost:8001/flags",
        "DELAY": "http://localhost:8002/flags",
        "ERROR": "http://localhost:8003/flags",
    }.items()
}
DEFAULT_SERVER = "LOCAL"

DEST_DIR = "downloads/"
COUNTRY_CODES_FILE = "country_codes.txt"

TIMEOUT_S = 30.0
"""The longest silence borne from a server, in seconds: to connect, and between bytes."""
with suppress(ValueError):
    TIMEOUT_S = float(os.environ.get("FLAGS2_TIMEOUT_S", TIMEOUT_S))


HEADERS = {"Accept-Encoding": "identity"}
"""What every request says: flags come as they are, for a GIF gains nothing from coding."""


SAVING = threading.Lock()
"""Held while a file is written: the program does not end in the middle of one."""


class Tally(Counter[HTTPStatus]):
    """How many downloads met each status, and in `codes` which downloads those were."""

    def __init__(self, results: Iterable[Result] = ()) -> None:
        results = list(results)
        super().__init__(result.status for result in results)
        self.codes = [result.data for result in results]


class Interrupted(KeyboardInterrupt):
    """Ctrl-C in `download_many`; `counter` has the downloads that were finished by then."""

    def __init__(self, counter: Tally) -> None:
        self.counter = counter


DownloadMany = Callable[[list[str], str, bool, int], Counter[HTTPStatus]]
"""`download_many(cc_list, base_url, verbose, concur_req)`: in this alone the programs differ."""


def save_flag(img: bytes, filename: str) -> None:
    """Write `img` to `filename` in `DEST_DIR`, whole or not at all.

    Raises OSError when it cannot; what was there under that name is then still there.
    """
    path = Path(DEST_DIR, filename)
    partial = path.with_name(f"{filename}.part")
    with SAVING:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            partial.write_bytes(img)
            partial.replace(path)
        except BaseException:
            with suppress(OSError):
                partial.unlink()
            raise


def say(line: str) -> None:
    """Print a line as one write: `print` makes two, and threads tear them apart."""
    sys.stdout.write(f"{line}\n")


def error_text(exc: BaseException) -> str:
    """What went wrong, on one line of at most 200 characters of ASCII; never empty."""
    while exc.args and isinstance(exc.args[0], Exception):  # requests wraps urllib3's
        exc = exc.args[0]
    text = str(exc)
    match exc.args:
        case (str() as said, Exception(), *_):
            text = said
        case (_, socket.gaierror(strerror=str() as said), *_):  # its numbers are no errno
            text = said
        case (_, OSError(errno=int() as number), *_):
            text = os.strerror(number)
    if hasattr(exc, "message"):  # aiohttp: its str() shows objects where there is none
        text = exc.message if isinstance(exc.message, str) else ""
    text = text.strip().partition("\n")[0].partition(": <")[0]  # behind stand bytes, or a repr
    text = "".join(c if c.isprintable() else " " for c in text).strip(" :")
    if " " not in text or text[0] in "<0123456789":  # a URL, a number, a repr
        text = f"{type(exc).__name__}: {text}" if text else type(exc).__name__
    return text.encode("ascii", "backslashreplace").decode()[:200]


def refuse_coding(codings: str) -> None:
    """Raise ValueError for a body that is coded although nobody asked for that.

    `codings` are those of every Content-Encoding field, between commas. Neither client library
    can tell a compressed body that was cut short from a whole one.
    """
    for coding in map(str.strip, codings.split(",")):
        if coding.lower() not in ("", "identity"):
            raise ValueError(f"Content-Encoding {coding} was not asked for")


def initial_report(cc_list: list[str], actual_req: int, server_label: str) -> None:
    """Announce server, codes and concurrency; ten codes or fewer are listed."""
    if len(cc_list) <= 10:
        cc_msg = ", ".join(cc_list)
    else:
        cc_msg = f"from {cc_list[0]} to {cc_list[-1]}"
    print(f"{server_label} site: {SERVERS[server_label]}")
    print(f"Searching for {len(cc_list)} flag{plural(len(cc_list))}: {cc_msg}")
    print(f"{actual_req} concurrent connection{plural(actual_req)} will be used.")


def final_report(cc_list: list[str], counter: Counter[HTTPStatus], start_time: float) -> None:
    """Report the totals, and the seconds since `start_time` (as `time.time()` gives them)."""
    elapsed = max(0.0, time.time() - start_time)  # the clock may have been put back
    ok, not_found, error = (counter[status] for status in HTTPStatus)
    print("-" * 20)
    print(f"{ok} flag{plural(ok)} downloaded.")
    if not_found:
        print(f"{not_found} not found.")
    if error:
        print(f"{error} error{plural(error)}.")
    print(f"Elapsed time: {elapsed:.2f}s")


def plural(count: int) -> str:
    """The ending of a noun that is counted."""
    return "" if count == 1 else "s"


def expand_cc_args(every_cc: bool, all_cc: bool, cc_args: Iterable[str], limit: int) -> list[str]:
    """The codes asked for: sorted, each once, the first `limit` of them.

    `every_cc` (AA to ZZ) beats `all_cc` (those of the codes file) beats `cc_args` (a code, or
    a letter for the 26 codes that start with it, in either case). Raises ValueError, with
    the usage error as its text, for any other argument and for a codes file that cannot be read.
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


def read_country_codes() -> list[str]:
    """The words of `COUNTRY_CODES_FILE` in the working directory, else of the packaged copy.

    Raises ValueError, with a usage error as its text, when that file cannot be read.
    """
    path = Path(COUNTRY_CODES_FILE)
    try:
        if not path.exists():
            path = Path(__file__).with_name(COUNTRY_CODES_FILE)
        return path.read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError) as exc:
        raise ValueError(f"*** Usage error: cannot read {path}: {error_text(exc)}") from exc


def process_args(default_concur_req: int) -> tuple[argparse.Namespace, list[str]]:
    """Parse the command line; without codes, the twenty most populous countries are meant.

    A usage error is printed on stdout with the usage and ends the program with status 1;
    one that argparse finds goes to stderr with status 2.
    """
    server_options = ", ".join(sorted(SERVERS))
    parser = argparse.ArgumentParser(
        description="Download flags for country codes. Default: top 20 countries by population."
    )
    parser.add_argument(
        "cc", metavar="CC", nargs="*", help="country code or 1st letter (eg. B for BA...BZ)"
    )
    parser.add_argument(
        "-a", "--all", action="store_true", help="get all available flags (AD to ZW)"
    )
    parser.add_argument(
        "-e", "--every", action="store_true", help="get flags for every possible code (AA...ZZ)"
    )
    parser.add_argument(
        "-l", "--limit", metavar="N", type=int, help="limit to N first codes", default=sys.maxsize
    )
    parser.add_argument(
        "-m",
        "--max_req",
        metavar="CONCURRENT",
        type=int,
        default=default_concur_req,
        help=f"maximum concurrent requests (default={default_concur_req})",
    )
    parser.add_argument(
        "-s",
        "--server",
        metavar="LABEL",
        default=DEFAULT_SERVER,
        help=f"Server to hit; one of {server_options} (default={DEFAULT_SERVER})",
    )
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="output detailed progress info"
    )
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
    """Run one of the downloaders from the command line to the final report.

    Ends the program with status 1 when a download is unaccounted for, with 130 on Ctrl-C.
    """
    make_streams_safe()
    try:
        args, cc_list = process_args(default_concur_req)
        actual_req = min(args.max_req, max_concur_req, len(cc_list))
        initial_report(cc_list, actual_req, args.server)
        t0 = time.time()
        try:
            counter = download_many(cc_list, SERVERS[args.server], args.verbose, actual_req)
        except Interrupted as exc:
            final_report(cc_list, exc.counter, t0)
            print(f"{len(cc_list) - exc.counter.total()} interrupted.")
            exit_at_once(130)
        check_accounts(cc_list, counter)
        final_report(cc_list, counter, t0)
        sys.stdout.flush()
    except KeyboardInterrupt:
        exit_at_once(130)
    # stdout or stderr: its disk is full, or its reader (`| head`) has gone. Or the operating system
    # has no room for another thread, which Python calls a RuntimeError.
    except (OSError, RuntimeError) as exc:
        if not isinstance(exc, BrokenPipeError):
            with suppress(OSError):
                sys.stderr.write(f"*** ended by {error_text(exc)}\n")
        exit_at_once(1)


def make_streams_safe() -> None:
    """Do without a stream that is closed (`>&-`), and escape what stdout has no letters for."""
    sys.stdout = sys.stdout or Path(os.devnull).open("w")  # noqa: SIM115
    sys.stderr = sys.stderr or Path(os.devnull).open("w")  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def check_accounts(cc_list: list[str], counter: Counter[HTTPStatus]) -> None:
    """End the program with status 1 unless every code of `cc_list` was counted, and once."""
    message = f"*** some downloads are unaccounted for: {counter.total()} counted of {len(cc_list)}"
    if isinstance(counter, Tally):
        missing = Counter(cc_list)
        missing.subtract(counter.codes)
        if any(missing.values()):
            names = ", ".join((+missing).elements()) or "none"
            sys.exit(f"{message}; missing: {names}")
    if counter.total() != len(cc_list):
        sys.exit(message)


@contextmanager
def on_ctrl_c(call: Callable[[], object]) -> Iterator[None]:
    """Meanwhile Ctrl-C calls `call` and raises nothing.

    A KeyboardInterrupt may come between any two instructions, also those of a lock of `threading`,
    which is then locked for ever, or raises a RuntimeError. As with `asyncio.run`, all stays as
    it is beside the main thread, and where Ctrl-C is not handled by Python itself.
    """
    python_handles_it = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    ours = python_handles_it and threading.current_thread() is threading.main_thread()
    if ours:
        signal.signal(signal.SIGINT, lambda *_: call())
    try:
        yield
    finally:
        if ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def exit_at_once(status: int) -> NoReturn:
    """End the program without waiting for threads whose requests were given up.

    What is being saved will be whole: a second Ctrl-C comes while a thread still writes.
    """
    with suppress(OSError):
        sys.stdout.flush()
    with SAVING:
        os._exit(status)
