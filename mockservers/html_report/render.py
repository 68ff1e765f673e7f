"""The page as HTML: one file that needs no network, and can be read without scripts.

Its charts are drawn by `assets/page.js` from the bars and points given with it.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any

import jinja2
from markupsafe import Markup

from mockservers.html_report.charts import LOOKS
from mockservers.html_report.comparison import comparison
from mockservers.text import safe, shorten

MOST_LETTERS = 400
"""Characters of what was seen or said of one code; the ledger has all."""


def run_page(view: Mapping[str, Any]) -> str:
    """The page of one run."""
    return _render([view], ["run"])


def compare_page(views: Sequence[Mapping[str, Any]], names: Sequence[str]) -> str:
    """The page of several runs: what they have in common, then each, on one scale of time."""
    return _render(views, names)


def _render(views: Sequence[Mapping[str, Any]], names: Sequence[str]) -> str:
    return _template().render(
        runs=list(zip(names, views, strict=True)),
        charts=[view["chart"] for view in views],
        comparison=comparison(views, names) if len(views) > 1 else None,
    )


@cache
def page_file(name: str) -> str:
    """A file of the page, as text."""
    return (
        resources.files("mockservers.html_report")
        .joinpath("assets", name)
        .read_text(encoding="utf-8")
    )


def script_hash(*scripts: str) -> str:
    """What a Content-Security-Policy allows: these scripts, to the letter, and no other."""
    return " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
        for text in scripts
    )


def environment() -> jinja2.Environment:
    """Templates of pages: what they show is escaped; `charts.html.jinja` has the charts."""
    made = jinja2.Environment(
        loader=jinja2.FunctionLoader(page_file),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: safe(value) if type(value) is str else value,
    )
    scripts = [page_file("uplot.min.js"), page_file("page.js")]
    made.globals |= {
        "looks": {name: [look.colour, look.pattern] for name, look in LOOKS.items()},
        "scripts": [Markup(text) for text in scripts],  # noqa: S704 - ours, not from outside
        "styles": Markup(page_file("uplot.min.css") + page_file("page.css")),  # noqa: S704 - ours
        "script_hash": Markup(script_hash(*scripts)),  # noqa: S704 - base64
    }
    made.filters["brief"] = lambda text: shorten(text, MOST_LETTERS)
    return made


@cache
def _template() -> jinja2.Template:
    return environment().get_template("run.html.jinja")
