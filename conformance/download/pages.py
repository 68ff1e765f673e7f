"""Bodies that were sent and are nothing of the resource; pure."""

from conformance.download.content import Page, the_resource
from conformance.download.recording import Ran
from mockservers.faults import Fault, TooLong
from mockservers.journal import RequestEntry
from mockservers.kinds.base import OfResource
from mockservers.kinds.coding import BadGzip, Gzip
from mockservers.kinds.request import RequestForm
from mockservers.plan import Plan, fate


def pages_of(plan: Plan, run: Ran, before: int) -> dict[str, Page]:
    """The bodies that were sent and are nothing of the resource, by their title."""
    found = {}
    for one in run.requests:
        if one.bytes_sent:
            body = _body_of(one, fate(plan, one.server, one.path, one.attempt, one.path))
            if body:
                title = f"the body of {one.status} (request {one.n + before})"
                found[title] = Page(title, body)
    return found


def _body_of(one: RequestEntry, fault: Fault) -> bytes:
    """What a response sent that is nothing of the resource."""
    if one.do != fault.do:
        return b""
    resource = the_resource()
    if isinstance(fault, OfResource):
        resource = resource.version(fault.sent_version, fault.grow)
    try:
        response = fault.response(RequestForm(gzip=True), resource.info, one.path)
    except ValueError:
        return b""
    if isinstance(fault, Gzip | BadGzip) and response.made:
        return response.made(resource).read(0, one.bytes_sent)
    return response.body or (response.tail if isinstance(fault, TooLong) else b"")
