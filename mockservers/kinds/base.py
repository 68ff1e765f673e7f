"""What every kind of response has: fields with bounds, exact bytes, and an ending.

A kind is one frozen class, and that class says what it is. Its name in a plan (`do`) is
the class name in snake case. Its fields carry their bounds in their types; a value out of bounds
is a PlanError when the object is made, in Python as from JSON. Its `response` gives the bytes;
nothing is sent here. What a plan, a strategy, SPEC.md or a page needs to know of it is derived
from the class or checked against it.
"""

import copy
import math
import re
from functools import cache
from statistics import NormalDist
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Self, get_type_hints

from msgspec import Meta, Struct, ValidationError, convert
from msgspec.structs import force_setattr

from mockservers.kinds.chance import Chance
from mockservers.kinds.resource import ResourceInfo
from mockservers.kinds.response import RequestForm, Response, bodiless, whole

MAX_INTEGER = 2**53 - 1
"""The largest integer that every language with doubles can hold."""

Bytes = Annotated[
    int, Meta(ge=0, le=MAX_INTEGER, description=f"a number of bytes from 0 to {MAX_INTEGER}")
]
Seconds = Annotated[float, Meta(ge=0, le=3600, description="a number of seconds from 0 to 3600")]
Sigma = Annotated[float, Meta(ge=0, le=10, description="a number from 0 to 10")]


class PlanError(ValueError):
    """A plan, or a value in one, that cannot be used: one line with the place and the value."""


# --- values that check themselves ----------------------------------------------------------


class Value(Struct, frozen=True):
    """A frozen value whose fields are checked when it is made: PlanError names field and value."""

    def __post_init__(self) -> None:
        """Check the fields in their order; a list is kept as a tuple."""
        for name, wanted in field_types(type(self)).items():
            value = getattr(self, name)
            checked = check(name, value, wanted)
            if checked is not value:
                force_setattr(self, name, checked)


@cache
def field_types(cls: type[Struct]) -> dict[str, Any]:
    """The fields that a plan gives to a class, with their types and bounds."""
    hints = get_type_hints(cls, include_extras=True)
    left_out = getattr(cls, "drawn", ())
    return {name: hints[name] for name in cls.__struct_fields__ if name not in left_out}


def check(name: str, value: Any, wanted: Any) -> Any:
    """`value`, or its equal of the type `wanted`; raises PlanError with `name` and `value`."""
    if wanted is Delay:
        if isinstance(value, Uniform | Lognormal):
            return value
        wanted = Seconds
    try:
        checked = convert(value, wanted)
    except ValidationError:
        raise PlanError(f"{name}: {shorten(value)} is not {described(wanted)}") from None
    return value if checked == value else checked  # 1 stays 1, and does not become 1.0


def described(wanted: Any) -> str:
    """A type in words: the description of its bounds."""
    for part in (wanted, *getattr(wanted, "__args__", ())):
        for meta in getattr(part, "__metadata__", ()):
            if meta.description:
                return str(meta.description)
    names = {bool: "true or false", list: "an array", dict: "an object"}
    return names.get(wanted, str(wanted))


def shorten(value: object, most: int = 60) -> str:
    """The value as Python writes it, cut to `most` characters."""
    text = repr(value)
    return text if len(text) <= most else f"{text[: most - 3]}..."


# --- delays --------------------------------------------------------------------------------


class Uniform(Value, frozen=True):
    """A delay drawn evenly from `low_s` to `high_s` seconds."""

    low_s: Seconds
    high_s: Seconds

    def __post_init__(self) -> None:
        """Also check the order of the bounds."""
        super().__post_init__()
        if self.low_s > self.high_s:
            bounds = f"[{self.low_s:g}, {self.high_s:g}]"
            raise PlanError(f"uniform: {bounds}: the lower bound comes first")

    def seconds(self, u: float) -> float:
        """The delay for `u` drawn from [0, 1)."""
        return self.low_s + (self.high_s - self.low_s) * u


class Lognormal(Value, frozen=True):
    """A delay whose logarithm is normal: `median_s` times e to the `sigma` z, at most `max_s`."""

    median_s: Seconds
    sigma: Sigma
    max_s: Seconds

    def seconds(self, u: float) -> float:
        """The delay for `u` drawn from [0, 1)."""
        if u == 0:  # its normal quantile is minus infinity
            return 0.0
        z = NormalDist().inv_cdf(u)
        return min(self.max_s, self.median_s * math.exp(self.sigma * z))


Delay = Seconds | Uniform | Lognormal
"""Seconds from the moment a request is first in its queue, and the gate is open, to the first byte
of its response. After `resolved`, it is a number."""


# --- kinds ---------------------------------------------------------------------------------


class Look(NamedTuple):
    """How the page draws a kind: the name of a colour and of a pattern that it has."""

    colour: Literal["good", "absent", "slow", "refused", "elsewhere", "silent", "broken"]
    pattern: Literal["plain", "rising", "falling", "level", "upright", "cross", "grid", "dots"]


def do_of(class_name: str) -> str:
    """`cut_headers` of `CutHeaders`."""
    return re.sub("(?<=[a-z])(?=[A-Z])", "_", class_name).lower()


class Fault(Value, frozen=True, kw_only=True):
    """Something that can happen to one response; each subclass is a kind.

    A kind derives from this class and from no other kind. A fault is *resolved* when nothing is
    left to draw: `delay_s` is a number, and `status` has one code.
    """

    delay_s: Delay = 0.0

    do: ClassVar[str]
    look: ClassVar[Look]
    needs_resource: ClassVar[bool] = False
    """It acts on a resource that exists; a path without one gets its plain 404."""
    may_be_unclear: ClassVar[bool] = False
    """Whether there are responses of this kind that some correct clients call a success, and others
    an error (`Response.unclear`)."""
    decodable: ClassVar[bool] = True
    """Whether a client can decode a complete 200 of this kind."""
    silent_end: ClassVar[str] = "an end"
    """What a client sees where no response has begun."""
    uses_path: ClassVar[bool] = False
    """Whether the response depends on the path that was asked for."""
    drawn: ClassVar[tuple[str, ...]] = ()
    """Fields that `resolved` fills in, and no plan has."""

    def __init_subclass__(cls, **config: Any) -> None:
        super().__init_subclass__(**config)
        cls.do = do_of(cls.__name__)

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

    def effective(self, form: RequestForm, info: ResourceInfo | None) -> "Fault":
        """The fault that acts on this request: `truncate` of a missing path is a plain `serve`.

        `info` is None if there is no resource.
        """
        if info is None and self.needs_resource:
            return Serve(delay_s=self.delay_s)
        return self

    def response(self, form: RequestForm, info: ResourceInfo | None, path: str) -> Response:
        """The bytes of this fault, which is resolved and effective, and their ending.

        `path` is the raw path that was asked for, if `uses_path`.
        """
        if info is None:
            raise ValueError(f"{self} needs a resource")
        return self.of_resource(form, info)

    def of_resource(self, form: RequestForm, info: ResourceInfo) -> Response:
        """The response of a kind that needs a resource."""
        raise NotImplementedError


class Serve(Fault, frozen=True):
    """The resource with status 200, or a complete 404 where there is none."""

    look = Look("good", "plain")

    def response(self, form: RequestForm, info: ResourceInfo | None, path: str) -> Response:
        """See `Fault.response`."""
        return whole(form, info) if info else bodiless(404, form)
