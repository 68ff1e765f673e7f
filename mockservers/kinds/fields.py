"""Responses whose header section is slow, long, or not the first one (RFC 9110, section 15.2)."""

import re
from typing import Annotated, Literal
from urllib.parse import quote

from msgspec import Meta
from msgspec.structs import replace

from mockservers.kinds.base import Look, OfResource
from mockservers.kinds.request import RequestForm
from mockservers.kinds.resource import Fields, ResourceInfo
from mockservers.kinds.response import Ending, Response, bodiless, interim, whole
from mockservers.kinds.values import PlanError, shorten
from mockservers.kinds.whole import BytesPerSecond

FileName = Annotated[str, Meta(max_length=5000, description="a text of at most 5000 characters")]
InterimCode = Annotated[int, Meta(ge=100, le=199, description="a status code from 100 to 199")]
Interims = Annotated[
    tuple[InterimCode, ...],
    Meta(
        min_length=1,
        max_length=100,
        description="a list of 1 to 100 status codes from 100 to 199, without 101",
    ),
]
Then = Annotated[Literal["serve", "hang"], Meta(description="one of serve, hang")]

__all__ = ["Attachment", "HugeHeaders", "Interim", "SlowHead"]

LONGEST = 8_000
"""Bytes of a Content-Disposition field that clients read all the same."""
HANG_S = 60.0
"""Seconds of silence after interim responses that nothing follows."""
MANY_FIELDS = (
    *((f"X-Huge-{n}", "x" * 20) for n in range(1, 200)),
    ("X-Huge-200", "x" * 102_400),
)
"""The header fields of `huge_headers`."""

_PRINTABLE = re.compile(r"[\x20-\x7e]*")


class HugeHeaders(OfResource, frozen=True):
    """The whole resource after 200 header fields, one of them of 100 KB."""

    look = Look("slow", "upright")
    may_be_unclear = True

    def of_resource(self, form: RequestForm, info: ResourceInfo) -> Response:
        """See `OfResource.of_resource`."""
        return replace(whole(form, info, MANY_FIELDS), unclear=True)


class Attachment(OfResource, frozen=True):
    """The resource, with a name to save it under: Content-Disposition (RFC 6266).

    A name in printable ASCII is a quoted string; any other is in UTF-8, percent-encoded
    (`filename*`, RFC 8187). It may be one that leads out of a folder.
    """

    filename: FileName

    look = Look("good", "dots")

    def __post_init__(self) -> None:
        """Also check the length of the field."""
        super().__post_init__()
        if len(self._field[0][1]) > LONGEST:
            most = f"more than the {LONGEST} bytes of a field"
            raise PlanError(f"filename: {shorten(self.filename)} takes {most}")

    @property
    def _field(self) -> Fields:
        name = self.filename
        if _PRINTABLE.fullmatch(name):
            named = 'filename="{}"'.format(re.sub(r'(["\\])', r"\\\1", name))
        else:
            named = f"filename*=UTF-8''{quote(name.encode('utf-8', 'surrogatepass'), safe='')}"
        return (("Content-Disposition", f"attachment; {named}"),)

    def of_resource(self, form: RequestForm, info: ResourceInfo) -> Response:
        """See `OfResource.of_resource`."""
        return whole(form, info, self._field)


class Interim(OfResource, frozen=True):
    """Interim responses (RFC 9110, section 15.2), then the resource, or nothing for 60 s.

    HTTP/1.0 has no interim responses: there, only what follows them is sent. Clients that are
    built on http.client take the first one for the response.
    """

    statuses: Interims = (103,)
    then: Then = "serve"

    look = Look("slow", "rising")
    needs_resource = False
    may_be_unclear = True

    @property
    def sends_resource(self) -> bool:
        """See `OfResource.sends_resource`."""
        return self.then == "serve"

    def __post_init__(self) -> None:
        """101 would be another protocol."""
        super().__post_init__()
        if 101 in self.statuses:
            raise PlanError("statuses: 101 would switch to another protocol")

    def response(self, form: RequestForm, info: ResourceInfo | None, path: str) -> Response:
        """See `Fault.response`."""
        before = b"".join(map(interim, self.statuses)) if form.minor else b""
        if self.then == "hang":
            return Response(before, 0, Ending.CLOSE, None, None, silent_s=HANG_S)
        served = whole(form, info) if info else bodiless(404, form)
        return replace(served, head=before + served.head, unclear=bool(before))


class SlowHead(OfResource, frozen=True):
    """The header section byte by byte, at an even rate, then the resource at once."""

    bytes_per_s: BytesPerSecond = 20.0

    look = Look("slow", "level")

    def of_resource(self, form: RequestForm, info: ResourceInfo) -> Response:
        """See `OfResource.of_resource`."""
        return replace(whole(form, info), head_bytes_per_s=self.bytes_per_s)
