"""Debian's Chromium, or Chrome, headless. As a program: says in one line where there is none."""

import shutil
import sys
from contextlib import contextmanager

from playwright.sync_api import sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
MISSING = "tox -e slow needs Chromium on PATH: apt-get install chromium"


def place():
    """Where it is; None where it is not."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def launched():
    """A browser, for as long as the block lasts."""
    if place() is None:
        raise RuntimeError(MISSING)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=place(), args=OPTIONS)
        yield browser
        browser.close()


if __name__ == "__main__" and place() is None:
    sys.exit(MISSING)
