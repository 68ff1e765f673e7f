"""What the commands show of a run: its ledger in lines or JSON, and its page."""

import argparse
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mockservers.cli.command_line import UsageError, how_to_install
from mockservers.files import write_whole
from mockservers.journal_json import read_journal
from mockservers.ledger import Ledger
from mockservers.ledger.text import ledger_text


def show(ledger: Ledger, page: str | None, args: argparse.Namespace) -> None:
    """Print the ledger, and write the page even where what is printed has no reader any more."""
    try:
        print(json.dumps(ledger.to_json()) if args.json else ledger_text(ledger), flush=True)
    finally:
        if page is not None:
            write_page(args.html, page)


@contextmanager
def judging(journal: Path) -> Iterator[None]:
    """Say in one line what is wrong with a journal: it may hold anything."""
    try:
        yield
    except (UsageError, BrokenPipeError):
        raise
    except OSError as exc:
        raise UsageError(f"cannot read the journal {journal}: {exc.strerror}") from None
    except ValueError as exc:
        reason = str(exc).removeprefix(f"{journal}: ")
        raise UsageError(f"{journal}: {reason}") from None
    except (LookupError, TypeError, AttributeError, RecursionError) as exc:
        raise UsageError(f"{journal}: cannot be judged: {exc!r}") from None


def is_one_of(file: Path, others: Iterable[Path]) -> bool:
    """Whether a file is one of several, whatever its names and links."""
    return os.path.realpath(file) in map(os.path.realpath, others)


def check_page(file: Path | None, others: Iterable[Path]) -> None:
    """Refuse at once what would fail when the run is over, or overwrite one of `others`."""
    if file is None:
        return
    try:
        import jinja2  # noqa: F401 - whether it is there
    except ModuleNotFoundError:
        raise UsageError(f"--html needs the extra pages: {how_to_install('pages')}") from None
    if file.is_dir() or not file.parent.is_dir():
        raise UsageError(f"cannot write the page {file}: it is a folder, or its folder is missing")
    if file.exists() and not file.is_file():
        raise UsageError(f"cannot write the page {file}: it is not a regular file")
    if is_one_of(file, others):
        raise UsageError(f"--html {file}: the same file is read or written by this command")


def page_of(ledger: Ledger, journal: Path, args: argparse.Namespace) -> str | None:
    """The page of a run, where one is wanted."""
    if args.html is None:
        return None
    from mockservers.html_report.render import run_page
    from mockservers.html_report.view import view_of

    return run_page(view_of(ledger, read_journal(journal), queries=args.queries))


def write_page(file: Path, text: str) -> None:
    """Write the page whole, or leave what was there; raises UsageError."""
    try:
        write_whole(Path(os.path.realpath(file)), text)
    except OSError as exc:
        raise UsageError(f"cannot write the page {file}: {exc.strerror}") from None
