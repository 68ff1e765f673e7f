"""What a plan does to a request, by name."""

from mockservers.flags2.codes import is_code, path_of_code
from mockservers.plan import fate


def fate_of(plan, label, resource, attempt):
    """The fate of a request for a code or a path."""
    path = path_of_code(resource) if is_code(resource) else resource
    return fate(plan, label, resource, attempt, path)


def effective(fault, form, info):
    """The fault that acts on a request of this form."""
    return fault.effective(form, info)


def render(fault, form, info, path="/"):
    """The response of a fault."""
    return fault.response(form, info, path)
