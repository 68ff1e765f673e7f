"""JSON from users, checked against a type; an error names the place and the value.

`msgspec` alone names neither the value nor the key of an object that is used as a dictionary.
"""

import json
import re
from typing import Any, TypeVar

import msgspec

from mockservers.text import shorten

T = TypeVar("T")

MOST_OF_A_VALUE = 60
"""Characters of a wrong value that an error quotes."""

_AT = re.compile(r"(.*) - at (`key` in )?`\$(.*)`")
_MISSING = re.compile(r"Object missing required field `(.+)`")
_NOT_AMONG = re.compile(r"Invalid enum value .*")
_UNKNOWN = re.compile(r"Object contains unknown field `(.+)`")
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+)\]|(\[\.\.\.\])")


def checked(data: Any, wanted: type[T], whole: str) -> T:
    """The data as a value of the type `wanted`.

    Raises ValueError with the place (`whole` for the data itself), the value and what is wrong.
    """
    try:
        return msgspec.convert(data, wanted)
    except msgspec.ValidationError as exc:
        raise ValueError(_sentence(str(exc), data, wanted, whole)) from None


def quoted(value: Any) -> str:
    """A value as JSON, shortened."""
    return shorten(json.dumps(value, ensure_ascii=False), MOST_OF_A_VALUE)


def _sentence(message: str, data: Any, wanted: Any, whole: str) -> str:
    match = _AT.fullmatch(message)
    text, in_key, path = match.groups() if match else (message, None, "")
    place, value = _follow(path or "", message, data, wanted)
    place = place.removeprefix(".") or whole
    if missing := _MISSING.fullmatch(text):
        return f"{place}: the key '{missing[1]}' is missing"
    if unknown := _UNKNOWN.fullmatch(text):
        return f"{place}: unknown key '{unknown[1]}'"
    reason = f"{text[0].lower()}{text[1:]}"
    if _NOT_AMONG.fullmatch(text):
        reason = f"expected one of {', '.join(map(str, _choices(wanted, place)))}"
    if in_key:
        key = next(key for key in value if _message({key: value[key]}, value, data, wanted))
        return f"{place}: the key {quoted(key)}: {reason}"
    return f"{place}: {quoted(value)}: {reason}"


def _choices(wanted: Any, place: str) -> tuple[Any, ...]:
    """The values that a field of a struct may have, if its type is a Literal."""
    kind = msgspec.inspect.type_info(wanted)
    fields = kind.fields if isinstance(kind, msgspec.inspect.StructType) else ()
    kinds = [field.type for field in fields if field.encode_name == place]
    return next((k.values for k in kinds if isinstance(k, msgspec.inspect.LiteralType)), ())


def _follow(path: str, message: str, data: Any, wanted: Any) -> tuple[str, Any]:
    """The place that a path of msgspec leads to, and the value there.

    msgspec writes `[...]` for any key of a dictionary: here it becomes the first key without which
    the same error would not occur.
    """
    place, value = "", data
    for name, index, any_key in _STEP.findall(path):
        if any_key:
            name = next(k for k in value if _message({k: value[k]}, value, data, wanted) == message)
        value = value[int(index)] if index else value[name]
        place += f"[{index}]" if index else f".{name}"
    return place, value


def _message(part: Any, place: Any, data: Any, wanted: Any) -> str | None:
    """What is wrong when `part` replaces the value `place` (the object itself) within the data."""
    try:
        msgspec.convert(_with(data, place, part), wanted)
    except msgspec.ValidationError as exc:
        return str(exc)
    return None


def _with(data: Any, place: Any, part: Any) -> Any:
    if data is place:
        return part
    if isinstance(data, dict):
        return {key: _with(value, place, part) for key, value in data.items()}
    if isinstance(data, list):
        return [_with(value, place, part) for value in data]
    return data
