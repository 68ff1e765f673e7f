"""Small ledgers, by hand."""

from support.small_ledgers import file, redirected, whole

TOTALS = {"ok": 0, "not_found": 0, "error": 0, "interrupted": 0}


def at(path, n=1, **more):
    """A whole 200 for what is not the path of a code."""
    return whole("BR", n=n) | {"code": None, "path": path, **more}


def books(*entries, asked=None, totals=None, files=None, before=(), claims=(), **header):
    """A journal from its header to its end."""
    first = {"journal": 1, "command": ["x"], "files_before": dict(before), **header}
    said = {"totals": None if totals is None else TOTALS | totals, **dict(claims)}
    return [first, *entries, {"end": True, "asked": asked, "claims": said, "files_after": files}]


WAS = {"br.gif": file() | {"mtime_ns": 1}}
OTHER = file(b"x") | {"mtime_ns": 1}
NOW = {"br.gif": file() | {"mtime_ns": 2}}


def led(code, location, **more):
    return redirected(code, "x", **more) | {"location": location}
