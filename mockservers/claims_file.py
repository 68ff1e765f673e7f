"""The file in which any program may say what became of each download: `MOCKSERVERS_CLAIMS`.

JSON Lines: `{"resource": PATH or CODE or URL, "outcome": "ok", "not_found" or "error"}`, and where
it helps `"server": LABEL` and `"file": PATH`, relative to the working directory. The last line for
a resource holds.
"""

import json
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from msgspec import Meta

from mockservers.flags2.codes import is_code, path_of_code
from mockservers.journal import Claimed
from mockservers.kinds.names import as_sent, normalised
from mockservers.kinds.values import check, shorten
from mockservers.plan import LABELS
from mockservers.plan_json import json_object

MOST_BYTES = 64 * 1_048_576
"""Longest claims file that is read."""

Text = Annotated[str, Meta(min_length=1, description="a string that is not empty")]
Outcome = Annotated[Literal["ok", "not_found", "error"], Meta(description="ok, not_found or error")]


def claims_in(
    text: str, urls: Mapping[str, str], name_in_dest: Callable[[str], str]
) -> tuple[Claimed, ...]:
    """What a claims file says; `urls` are the servers by label.

    Raises ValueError with the number of the line that cannot be read, and why.
    """
    ports = {urlsplit(url).port: label for label, url in urls.items()}
    found: dict[tuple[str | None, str], Claimed] = {}
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            one = _claimed(line, ports, name_in_dest)
        except ValueError as exc:
            raise ValueError(f"line {number}: {exc}") from None
        found[one.server, one.path] = one
    return tuple(found.values())


def _claimed(
    line: str, ports: Mapping[int | None, str], name_in_dest: Callable[[str], str]
) -> Claimed:
    try:
        data = json.loads(line)
    except (ValueError, RecursionError) as exc:
        raise ValueError(f"is not JSON: {exc}") from None
    known = ("resource", "server", "outcome", "file")
    said: dict[str, Any] = json_object("the claim", data, known, ("resource", "outcome"))
    path, server = resource_of(check("resource", said["resource"], Text), ports)
    if "server" in said:
        server = str(check("server", said["server"], Text)).upper()
        if server not in LABELS:
            raise ValueError(f"server: {shorten(said['server'])} is none of {', '.join(LABELS)}")
    outcome = check("outcome", said["outcome"], Outcome)
    file = name_in_dest(check("file", said["file"], Text)) if "file" in said else None
    return Claimed(path, outcome, server, file)


def resource_of(text: str, ports: Mapping[int | None, str]) -> tuple[str, str | None]:
    """Path and server of PATH, CODE or URL; no server where the text has none."""
    if text.startswith("/"):
        return normalised(as_sent(text.partition("?")[0].partition("#")[0])), None
    if is_code(text.upper()):
        return path_of_code(text.upper()), None
    try:
        url = urlsplit(text)
        port = url.port or 80
    except ValueError:
        url, port = urlsplit(""), 0
    if url.scheme != "http" or not url.netloc:
        raise ValueError(f"resource: {shorten(text)} is no path (/...), no code and no http URL")
    if port not in ports:
        raise ValueError(f"resource: {shorten(text)} is not on a server of this run")
    return normalised(as_sent(url.path or "/")), ports[port]
