"""Values that check themselves, and the delays among them.

Their fields carry their bounds in their types. A value out of bounds is a PlanError when the object
is made, in Python as from JSON.
"""

import math
from functools import cache
from statistics import NormalDist
from typing import Annotated, Any, get_type_hints

from msgspec import Meta, Struct, ValidationError, convert
from msgspec.structs import force_setattr

MAX_INTEGER = 2**53 - 1
"""The largest integer that every language with doubles can hold."""

Bytes = Annotated[
    int, Meta(ge=0, le=MAX_INTEGER, description=f"a number of bytes from 0 to {MAX_INTEGER}")
]
SomeBytes = Annotated[int, Meta(ge=1, le=1_000_000, description="a whole number from 1 to 1000000")]
Seconds = Annotated[float, Meta(ge=0, le=3600, description="a number of seconds from 0 to 3600")]
Version = Annotated[int, Meta(ge=1, le=255, description="a whole number from 1 to 255")]
Grow = Annotated[
    int,
    Meta(
        ge=-MAX_INTEGER,
        le=MAX_INTEGER,
        description=f"a number of bytes from -{MAX_INTEGER} to {MAX_INTEGER}",
    ),
]
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
    except (ValidationError, UnicodeEncodeError):  # half a character of UTF-16 is no text
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
