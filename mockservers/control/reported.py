"""What a suite reports of a run, as JSON: the body of `POST /ledger` (docs/control.md)."""

import json
from typing import Annotated, Any, Literal

from msgspec import Meta, structs

from mockservers.flags2.arguments import asked_codes
from mockservers.flags2.codes import name_asked
from mockservers.flags2.output import ClaimsReader, LineReader
from mockservers.journal import Claims, End, KeptFile
from mockservers.kinds.values import check
from mockservers.plan_json import json_object

Names = Annotated[
    list[Any], Meta(max_length=10_000, description="an array of at most 10000 codes and paths")
]
Outcome = Annotated[Literal["ok", "not_found", "error"], Meta(description="ok, not_found or error")]
FilesSaid = Annotated[
    dict[str, Any], Meta(max_length=10_000, description="an object of at most 10000 files")
]
Size = Annotated[int, Meta(ge=0, description="a size in bytes")]
Digest = Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z", description="a SHA-256 in 64 hex digits")]
Text = Annotated[str, Meta(description="a string")]


def body_object(text: str, known: tuple[str, ...]) -> dict[str, Any]:
    """The JSON object of a body; raises ValueError for no object, and a key that is not `known`."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise ValueError(f"not JSON: {exc}") from None
    return json_object("the body", data, known)


def end_as_reported(text: str) -> End:
    """The end of a journal, as a suite reports it: what was asked, said, printed and kept.

    Raises ValueError that names place and value.
    """
    body = body_object(text, ("asked", "said", "stdout", "ok", "files", "once"))
    reader, asked, claims = ClaimsReader(), _asked(body), None
    if len({"said", "stdout", "ok"} & body.keys()) > 1:
        raise ValueError("said, stdout and ok mean the same: one of them is enough")
    if "stdout" in body:
        lines = LineReader()
        stdout = check("stdout", body["stdout"], Text).encode("utf-8", "replace")
        for line in lines.feed(stdout) + lines.close():
            reader.read(line)
        claims = structs.replace(reader.claims, by="report")
        asked = asked_codes((), claims) if asked is None else asked
    if "said" in body:
        said = check("said", body["said"], dict)
        for name, outcome in said.items():
            _named("said", name)
            check(f"said.{name}", outcome, Outcome)
        claims = reader.report(said)
        asked = tuple(map(name_asked, said)) if asked is None else asked
    status = 0
    if "ok" in body:
        status, claims = int(not check("ok", body["ok"], bool)), Claims(by="exit")
    once = bool(check("once", body.get("once", False), bool))
    return End(status=status, asked=asked, claims=claims, files_after=_files(body), once=once)


def _asked(body: dict[str, Any]) -> tuple[str, ...] | None:
    if "asked" not in body:
        return None
    names = check("asked", body["asked"], Names)
    return tuple(_named(f"asked[{n}]", name) for n, name in enumerate(names))


def _named(place: str, name: Any) -> str:
    try:
        return name_asked(name)
    except ValueError as exc:
        raise ValueError(f"{place}: {exc}") from None


def _files(body: dict[str, Any]) -> dict[str, KeptFile] | None:
    if "files" not in body:
        return None
    found = {}
    for name, data in check("files", body["files"], FilesSaid).items():
        place = f"files.{name}"
        file = json_object(place, data, ("size", "sha256"), ("size", "sha256"))
        size = check(f"{place}.size", file["size"], Size)
        found[name] = KeptFile(size, check(f"{place}.sha256", file["sha256"], Digest))
    return found
