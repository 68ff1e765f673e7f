"""What every command of this project does with bad input, its streams and its exit status."""

import argparse
import io
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NoReturn, TextIO

from mockservers.text import one_line


class UsageError(Exception):
    """Bad input: one clear line on stderr, status 2."""


class Parser(argparse.ArgumentParser):
    """A parser that raises UsageError, where argparse would print its usage and exit."""

    def error(self, message: str) -> NoReturn:
        """Raise UsageError."""
        raise UsageError(f"{message} (see {self.prog} --help)")


def run_to_exit(
    program: str, action: Callable[[], int], statuses: Mapping[type[Exception], int]
) -> NoReturn:
    """Do `action` and end the process with the status it gives.

    An exception of `statuses` becomes one line on stderr and its status, or the `status` that it
    has itself. A reader of stdout that has gone is status 1, Ctrl-C is 130.
    """
    make_streams_safe()
    try:
        status = action()
        sys.stdout.flush()
    except BrokenPipeError:
        status = 1
    except KeyboardInterrupt:
        status = 130
    except tuple(statuses) as exc:
        complain(program, exc)
        by_kind = next(status for kind, status in statuses.items() if isinstance(exc, kind))
        status = getattr(exc, "status", by_kind)
    for stream in (sys.stdout, sys.stderr):
        _let_go(stream)
    sys.exit(status)


def complain(program: str, message: object) -> None:
    """Say on stderr what is wrong, on one line; stderr itself may be full."""
    with suppress(OSError):
        print(f"{program}: {one_line(message)}", file=sys.stderr)


def make_streams_safe() -> None:
    """Do without a stream that is closed (`>&-`), and escape what stdout cannot encode."""
    sys.stdout = sys.stdout or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    sys.stderr = sys.stderr or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _let_go(stream: TextIO) -> None:
    """Flush; what cannot be written is lost, else Python tries again at its end, and complains."""
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def how_to_install(extra: str) -> str:
    """The command that installs an extra, for a package and for a checkout."""
    return f"pip install 'flags2-reference[{extra}]' (in a checkout: pip install -e '.[{extra}]')"
