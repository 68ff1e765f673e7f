"""What of a resource a request gets: all, a part, or nothing new (RFC 9110, sections 13 and 14).

`response_to` puts the steps of SPEC.md, "Ranges", in order: version, conditions, range, fault.
"""

import re
from email.utils import mktime_tz, parsedate_tz
from functools import lru_cache
from typing import Annotated, Literal, NamedTuple

from msgspec import Meta
from msgspec.structs import replace

from mockservers.kinds.base import Fault, OfResource, Serve
from mockservers.kinds.request import Conditions, RequestForm
from mockservers.kinds.resource import Fields, Resource, ResourceInfo
from mockservers.kinds.response import Response, bodiless, http_date

ETagForm = Annotated[
    Literal["strong", "weak", "none", "per_request"],
    Meta(description="one of strong, weak, none, per_request"),
]
"""What kind of ETag a server sends."""

_BYTES = re.compile("bytes=([^=]*)", re.IGNORECASE)
_SPEC = re.compile("([0-9]*)-([0-9]*)")
_TIME = r"\d\d:\d\d:\d\d"
_DATE = re.compile(
    rf"[A-Z][a-z]{{2}}, \d\d [A-Z][a-z]{{2}} \d{{4}} {_TIME} GMT"
    rf"|[A-Z][a-z]{{5,8}}, \d\d-[A-Z][a-z]{{2}}-\d\d {_TIME} GMT"
    rf"|[A-Z][a-z]{{2}} [A-Z][a-z]{{2}} [ \d]\d {_TIME} \d{{4}}",
    re.ASCII,
)
_TAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')


class Validators(NamedTuple):
    """What a response says of the version that it is of, and when it says so."""

    etag: str | None
    """As it is sent: `"abc"` or `W/"abc"`; None: none is sent."""
    modified_s: int
    """Last-Modified, in seconds since 1970."""
    strong_date: bool
    """Whether that date is a strong validator (section 8.8.2.2)."""

    @property
    def fields(self) -> Fields:
        """Header fields of every response with the resource, a part of it, or neither."""
        tag = (("ETag", self.etag),) if self.etag else ()
        modified = ("Last-Modified", http_date(self.modified_s))
        return (*tag, modified, ("Accept-Ranges", "bytes"))


def validators(resource: Resource, form: ETagForm, request: str, now_s: int) -> Validators:
    """The validators that a request is sent at a time; no two requests have one name."""
    tags = {
        "strong": f'"{resource.tag}"',
        "weak": f'W/"{resource.tag}"',
        "per_request": f'"{resource.tag}.{request}"',
    }
    # Section 8.8.2.1: never later than Date; a version adds its days all the same.
    modified_s = max(0, min(resource.modified_s, now_s))
    settled = modified_s < now_s  # so it does not change again in that second
    return Validators(tags.get(form), modified_s + resource.later_s, settled)


# --- the steps ------------------------------------------------------------------------------


def version_of(fault: Fault, resource: Resource | None) -> Resource | None:
    """The version of a resource that a fault sends."""
    if resource is None or not isinstance(fault, OfResource):
        return resource
    return resource.version(fault.sent_version, fault.grow)


def response_to(
    fault: Fault,
    form: RequestForm,
    info: ResourceInfo | None,
    path: str,
    known: Validators | None = None,
) -> tuple[Fault, Response]:
    """The response to a request, and the fault that it meets, which may be a plain `serve`.

    `info` is that of the version; without validators (a plan without `ranges`), conditions and
    ranges are ignored.
    """
    if known and info and isinstance(fault, OfResource) and fault.sends_resource:
        selected = _selected(fault, form, info, known)
        if isinstance(selected, Response):
            return fault.instead(Serve), selected
        info = selected
    fault = fault.effective(form, info)
    # One path for all kinds but `redirect_loop`, and no conditions: what is rendered is shared.
    form, path = form._replace(conditions=None), path if fault.uses_path else "/"
    rendered = fault.response(form, info, path) if known else _rendered(fault, form, info, path)
    return fault, rendered


def _selected(
    fault: OfResource, form: RequestForm, info: ResourceInfo, known: Validators
) -> ResourceInfo | Response:
    """What is to be sent, or the 304 or 416 that ends the matter."""
    asked = form.conditions or Conditions()
    info = info._replace(fields=known.fields)
    if _has_it(asked, known):
        return bodiless(304, form, info.fields)
    # Section 14.2: ranges are defined for GET alone.
    if asked.range is None or form.head_only or not fault.sends_parts(form):
        return info
    if fault.heeds_if_range and not _may_go_on(asked, known):
        return info
    part = part_of(asked.range, info.length)
    if part is None:
        return info
    start, stop = part
    if start == stop:
        return unsatisfied(form, info.fields, f"bytes */{info.length}")
    return info._replace(length=stop - start, status=206, start=start, total=info.length)


@lru_cache(maxsize=512)
def _rendered(fault: Fault, form: RequestForm, info: ResourceInfo | None, path: str) -> Response:
    return fault.response(form, info, path)


def unsatisfied(
    form: RequestForm, fields: Fields, content_range: str | None, length: int = 0
) -> Response:
    """A 416 (section 15.5.17); a body of `length` bytes is the caller's."""
    more = (("Content-Range", content_range),) if content_range else ()
    response = bodiless(416, form, (*fields, *more), length=length)
    return replace(response, content_range=content_range)


# --- Range ----------------------------------------------------------------------------------


def part_of(asked: str, length: int) -> tuple[int, int] | None:
    """The first byte of the part that a Range asks for, and the one after its last.

    The two are equal where no byte of the resource is in the range. None: the Range is ignored,
    for it is not one range of bytes (sections 14.1.2 and 14.2).
    """
    found = _BYTES.fullmatch(asked)
    specs = [spec.strip(" \t") for spec in found[1].split(",")] if found else []
    match [_SPEC.fullmatch(spec) for spec in specs if spec]:
        case [re.Match() as spec] if spec[0] != "-":
            first, last = (_number(digits) for digits in spec.groups())
        case _:
            return None
    if first is None:
        if last and not length:  # it can be met, but no Content-Range can say so
            return None
        return max(0, length - (last or 0)), length
    if last is not None and last < first:
        return None
    if first >= length:
        return length, length
    return first, length if last is None else min(last + 1, length)


def _number(digits: str) -> int | None:
    """The number, at most 10**20: int() refuses thousands of digits."""
    if not digits:
        return None
    significant = digits.lstrip("0")
    return 10**20 if len(significant) > 20 else int(significant or "0")


# --- conditions -----------------------------------------------------------------------------


def _has_it(asked: Conditions, known: Validators) -> bool:
    """Whether the client has this version (section 13.2.2, steps 3 and 4)."""
    if asked.if_none_match is not None:
        if asked.if_none_match == "*":
            return True
        tags = {_opaque(tag) for tag in _TAG.findall(asked.if_none_match)}
        return known.etag is not None and _opaque(known.etag) in tags
    since_s = _seconds(asked.if_modified_since)
    return since_s is not None and known.modified_s <= since_s


def _may_go_on(asked: Conditions, known: Validators) -> bool:
    """Whether If-Range lets a Range count (section 13.1.5): strong, and exactly this version."""
    if asked.if_range is None:
        return True
    if _TAG.fullmatch(asked.if_range):
        return asked.if_range == known.etag and not asked.if_range.startswith("W/")
    return known.strong_date and _seconds(asked.if_range) == known.modified_s


def _opaque(tag: str) -> str:
    """Tags are compared weakly (section 8.8.3.2)."""
    return tag.removeprefix("W/")


# --- dates ----------------------------------------------------------------------------------


def _seconds(date: str | None) -> int | None:
    """Seconds since 1970 of a date in any of the three forms; None for what is none."""
    found = parsedate_tz(date) if date and _DATE.fullmatch(date) else None
    if not found:
        return None
    try:
        seconds = mktime_tz((*found[:9], 0))
        there_is = parsedate_tz(http_date(seconds))
    except (ValueError, OverflowError):
        return None
    # The 31st of February would become a day in March.
    return seconds if there_is and there_is[:6] == found[:6] else None
