"""Read what was recorded, and watch the ports the way the recorder watched the listings."""

import contextlib
import io
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NoReturn
from unittest import mock

from golden.normalise import command_text
from support.processes import own_ctrl_c

from reference import flags2_common as common


@cache
def recorded(name: str) -> dict:
    """The content of the file `name` beside this one."""
    return json.loads(Path(__file__).with_name(name).read_text(encoding="ascii"))


@dataclass
class Ended:
    """How a run of `main` ended; `calls` holds the arguments that `download_many` got."""

    status: int
    stdout: str
    stderr: str
    calls: list[tuple]


class AtOnce(BaseException):
    """Stands for `os._exit`, which would end the tests too."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def end_at_once(status: int) -> NoReturn:
    raise AtOnce(status)


class Writes(io.StringIO):
    """A stdout that keeps each write apart; empty ones, which nobody sees, are left out."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []

    def write(self, text: str) -> int:
        if text:
            self.pieces.append(text)
        return super().write(text)


def all_ok(codes: list[str], *_: object) -> Counter:
    """A `download_many` for which all goes well."""
    return Counter({common.HTTPStatus.ok: len(codes)})


@contextlib.contextmanager
def as_recorded() -> Iterator[None]:
    """80 columns and the base URLs of the listings, whatever the environment says."""
    servers = recorded("reports.json")["servers"]
    with (
        mock.patch.dict(os.environ, COLUMNS="80"),
        mock.patch.dict(common.SERVERS, servers, clear=True),
    ):
        yield


def run_main(
    argv: list[str],
    download_many: Callable[..., Counter] = all_ok,
    default: int = 30,
    most: int = 1000,
) -> Ended:
    """Run `main` in this process; an exception that is no exit comes out."""
    calls: list[tuple] = []
    status = None

    def watched(*args: object) -> Counter:
        calls.append(args)
        return download_many(*args)

    with (
        as_recorded(),
        own_ctrl_c(),
        mock.patch.object(sys, "argv", ["flags2", *argv]),
        mock.patch.object(os, "_exit", end_at_once),
        contextlib.redirect_stdout(io.StringIO()) as out,
        contextlib.redirect_stderr(io.StringIO()) as err,
    ):
        try:
            common.main(watched, default, most)
        except SystemExit as exc:
            status = exc.code
        except AtOnce as exc:
            status = exc.status
    if isinstance(status, str):  # as the interpreter does
        err.write(f"{status}\n")
        status = 1
    return Ended(status or 0, command_text(out.getvalue()), command_text(err.getvalue()), calls)


def usage_error(message: str) -> Ended:
    """How `main` must end for a usage error: told on stdout with the usage, nothing requested."""
    return Ended(1, f"{message}\n{recorded('cli.json')['usage']}\n", "", [])
