"""What every kind of response has: fields with bounds, exact bytes, and an ending.

A kind is one frozen class, and that class says what it is. Its name in a plan (`do`) is
the class name in snake case. Its `response` gives the bytes; nothing is sent here. What a plan, a
strategy, SPEC.md or a page needs to know of it is derived from the class or checked against it.
"""

import copy
import re
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, NamedTuple, Self

from msgspec.structs import force_setattr

from mockservers.kinds.chance import Chance
from mockservers.kinds.request import RequestForm
from mockservers.kinds.resource import ResourceInfo
from mockservers.kinds.response import Response, bodiless, whole
from mockservers.kinds.values import Delay, Grow, Value, Version

KINDS: dict[str, type["Fault"]] = {}
"""Every kind by the name it has in a plan (`do`)."""


class Look(NamedTuple):
    """How the page draws a kind: the name of a colour and of a pattern that it has."""

    colour: Literal["good", "absent", "slow", "refused", "elsewhere", "silent", "broken"]
    pattern: Literal["plain", "rising", "falling", "level", "upright", "cross", "grid", "dots"]


def do_of(class_name: str) -> str:
    """`cut_headers` of `CutHeaders`."""
    return re.sub("(?<=[a-z])(?=[A-Z])", "_", class_name).lower()


class Fault(Value, frozen=True, kw_only=True):
    """Something that can happen to one response; each subclass is a kind.

    A kind derives from this class or from `OfResource`, and from no other kind. A fault is
    *resolved* when nothing is left to draw: `delay_s` is a number, and `status` has one code.
    """

    delay_s: Delay = 0.0

    do: ClassVar[str]
    look: ClassVar[Look]
    needs_resource: ClassVar[bool] = False
    """It acts on a resource that exists; a path without one gets its plain 404."""
    may_be_unclear: ClassVar[bool] = False
    """Whether there are responses of this kind that some correct clients call a success, and others
    an error (`Response.unclear`)."""
    gives_resource: ClassVar[bool] = True
    """Whether the body of a complete 200 of this kind is the resource, as its length says."""
    silent_end: ClassVar[str] = "an end"
    """What a client sees where no response has begun."""
    needs_ranges: ClassVar[bool] = False
    """Whether it acts on parts of a resource, so that a plan needs `ranges` for it."""
    uses_path: ClassVar[bool] = False
    """Whether the response depends on the path that was asked for."""
    drawn: ClassVar[tuple[str, ...]] = ()
    """Fields that `resolved` fills in, and no plan has."""

    def __init_subclass__(cls, **config: Any) -> None:
        super().__init_subclass__(**config)
        if "look" in vars(cls):
            cls.do = do_of(cls.__name__)
            KINDS[cls.do] = cls

    @property
    def fixed_delay_s(self) -> float:
        """The delay of a resolved fault, in seconds."""
        if not isinstance(self.delay_s, int | float):
            raise TypeError(f"{self} is not resolved: ask mockservers.plan.fate")
        return self.delay_s

    @property
    def wait_s(self) -> float:
        """Seconds from the turn of a request to the first byte, or the end, once resolved."""
        return self.fixed_delay_s

    @property
    def uses_date(self) -> bool:
        """Whether the response depends on the time, and has a Date."""
        return False

    def resolved(self, chance: Chance) -> Self:
        """The same fault with nothing left to draw."""
        if isinstance(self.delay_s, int | float):
            return self
        return self.with_drawn(delay_s=self.delay_s.seconds(chance.number("delay")))

    def with_drawn(self, **values: object) -> Self:
        """A copy with other values, which are in bounds already and are not checked again."""
        made = copy.copy(self)
        for name, value in values.items():
            force_setattr(made, name, value)
        return made

    def located(self, origins: Mapping[str, str]) -> "Fault":
        """The same fault where the servers have these origins, by label."""
        return self

    def effective(self, form: RequestForm, info: ResourceInfo | None) -> "Fault":
        """The fault that acts on this request: `truncate` of a missing path is a plain `serve`.

        `info` is None if there is no resource.
        """
        if info is None and self.needs_resource:
            return Serve(delay_s=self.delay_s)
        return self

    def response(self, form: RequestForm, info: ResourceInfo | None, path: str) -> Response:
        """The bytes of this fault, which is resolved and effective, and their ending.

        `info` is what is to be sent of the resource: all, or a part. `path` is the raw path that
        was asked for, if `uses_path`.
        """
        raise NotImplementedError


class OfResource(Fault, frozen=True, kw_only=True):
    """A fault that sends a resource, or something of it."""

    version: Version = 1
    """Which version of it: SPEC.md, "Versions"."""
    grow: Grow = 0
    """Bytes that this version has more than the resource, or fewer."""

    needs_resource = True

    @property
    def sent_version(self) -> int:
        """The version that is sent."""
        return self.version

    @property
    def sends_resource(self) -> bool:
        """Whether it sends something of it at all, so that conditions and ranges count."""
        return True

    @property
    def heeds_if_range(self) -> bool:
        """Whether a Range waits for its If-Range to hold."""
        return True

    def sends_parts(self, form: RequestForm) -> bool:
        """Whether a Range has a part for an answer, and not the whole."""
        return True

    def instead(self, kind: "type[OfResource]", **fields: Any) -> "OfResource":
        """A fault of another kind, of the same version and with the same delay."""
        return kind(delay_s=self.delay_s, version=self.sent_version, grow=self.grow, **fields)

    def response(self, form: RequestForm, info: ResourceInfo | None, path: str) -> Response:
        """See `Fault.response`."""
        if info is None:
            raise ValueError(f"{self} needs a resource")
        return self.of_resource(form, info)

    def of_resource(self, form: RequestForm, info: ResourceInfo) -> Response:
        """The response, where there is a resource."""
        raise NotImplementedError


class Serve(OfResource, frozen=True):
    """The resource with status 200, or a complete 404 where there is none."""

    look = Look("good", "plain")
    needs_resource = False

    def response(self, form: RequestForm, info: ResourceInfo | None, path: str) -> Response:
        """See `Fault.response`."""
        return whole(form, info) if info else bodiless(404, form)
