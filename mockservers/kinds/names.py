"""The names of resources in a plan: codes, and paths in one spelling (RFC 3986, section 6.2.2)."""

import re
from urllib.parse import quote

from mockservers.kinds.values import PlanError, shorten

_RULE = re.compile(r"[A-Z]{2}|/[^?]*")
_ESCAPE = re.compile("%([0-9A-Fa-f]{2})")
_NEVER_SENT = re.compile(r'[^!"$-~]+')  # in the target of a request
_STRAY = re.compile("%(?![0-9A-Fa-f]{2})")
_UNRESERVED = re.compile("[A-Za-z0-9._~-]")


def normalised(path: str) -> str:
    """The one spelling of a path that rules, names and content are looked up by.

    RFC 3986, sections 6.2.2.1 and 6.2.2.2: an escaped unreserved character is decoded, and the
    hex digits of any other are capitals. Dot segments and empty segments stay. A path with a
    percent sign that escapes nothing is no path of a URI, and has no other spelling.
    """
    if "%" not in path or _STRAY.search(path):
        return path
    return _ESCAPE.sub(_in_one_spelling, path)


def as_sent(path: str) -> str:
    """The path with what no request line can have escaped."""
    return _NEVER_SENT.sub(lambda found: quote(found[0], errors="surrogatepass"), path)


def _in_one_spelling(escape: re.Match[str]) -> str:
    character = chr(int(escape[1], 16))
    return character if _UNRESERVED.fullmatch(character) else escape[0].upper()


def checked_name(name: object) -> str:
    """The name that a rule is looked up by; raises PlanError for what is never asked for."""
    if not isinstance(name, str) or not _RULE.fullmatch(name):
        wanted = "a code (AA to ZZ) or a path without a query (/...)"
        raise PlanError(f"rules: {shorten(name)} is not {wanted}")
    sent = as_sent(name)
    if sent != name:
        raise PlanError(f"rules: {shorten(name)} is never asked for: write {shorten(sent)}")
    return normalised(name)
