"""What a value would lose by being encoded: it is compared with what decoding gives back.

Only called when the two are not plainly equal, so it may be slow and thorough. It never shows the
values themselves, only types and places: payloads do not belong into error messages.
"""

import datetime
import math
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, NamedTuple

from pydantic import BaseModel

Path = tuple[str | int, ...]


class Loss(NamedTuple):
    """The first difference found, the way to it, and what can be done."""

    path: Path
    problem: str
    hint: str


def find_loss(value: object, decoded: object, path: Path = ()) -> Loss | None:
    """The first place where the decoded value is another one; None if there is none.

    An int where a float is declared counts as the same, as it does for type checkers. Objects that
    do not define equality are compared field by field.
    """
    if type(value) is not type(decoded):
        return _loss_of_type(value, decoded, path)
    if equal(value, decoded):
        return None
    if isinstance(value, list | tuple):
        assert isinstance(decoded, list | tuple)
        if len(value) != len(decoded):
            return Loss(path, "it would come back with another length", DECLARE_WHAT_IS_GIVEN)
        return _first(
            find_loss(one, other, (*path, index))
            for index, (one, other) in enumerate(zip(value, decoded, strict=True))
        )
    if isinstance(value, dict):
        assert isinstance(decoded, dict)
        if value.keys() != decoded.keys():
            return Loss(path, "it would come back with other keys", DECLARE_WHAT_IS_GIVEN)
        return _first(find_loss(value[key], decoded[key], (*path, str(key))) for key in value)
    if isinstance(value, datetime.datetime):
        assert isinstance(decoded, datetime.datetime)
        return _loss_of_datetime(value, decoded, path)
    if isinstance(value, BaseModel) and value.__pydantic_private__:
        assert isinstance(decoded, BaseModel)
        if not equal(value.__pydantic_private__, decoded.__pydantic_private__):
            return Loss(path, "its private attributes would be lost", "make them fields")
    fields = fields_of(value)
    if fields is None:
        return _loss_of_scalar(value, path)
    others = fields_of(decoded) or {}
    if fields.keys() != others.keys():
        return Loss(path, "it would come back with other attributes", DECLARE_WHAT_IS_GIVEN)
    return _first(find_loss(fields[name], others[name], (*path, name)) for name in fields)


DECLARE_WHAT_IS_GIVEN = "declare the very type that is given, or give the declared one"
GIVE_FINITE = "give a finite number, or None for no value"


def equal(one: object, other: object) -> bool:
    """Equality that holds for sure; one that raises or answers with no bool is none."""
    try:
        return bool(one == other)
    except Exception:  # a user's __eq__, a signalling NaN, an array: the slow comparison decides
        return False


def fields_of(value: object) -> dict[str, Any] | None:
    """The attributes of an object by name, None for what has none (numbers, sets, bytes)."""
    if isinstance(value, BaseModel):
        fields = {name: getattr(value, name) for name in type(value).model_fields}
        return fields | (value.__pydantic_extra__ or {})
    slots = [name for kind in type(value).__mro__ for name in _slots(kind)]
    attributes = {name: getattr(value, name) for name in slots if hasattr(value, name)}
    attributes |= getattr(value, "__dict__", {})
    return attributes or None


def _slots(kind: type) -> Iterable[str]:
    if kind.__module__ == "builtins" or "__slots__" not in kind.__dict__:
        return ()
    slots = kind.__dict__["__slots__"]
    names = (slots,) if isinstance(slots, str) else slots
    return (name for name in names if not name.startswith("__"))


def _first(losses: Iterable[Loss | None]) -> Loss | None:
    return next((loss for loss in losses if loss is not None), None)


def _loss_of_type(value: object, decoded: object, path: Path) -> Loss | None:
    if type(value) is int and type(decoded) is float and value == decoded:
        return None
    if _is_no_number(value):
        return _loss_of_scalar(value, path)
    given, back = type(value).__qualname__, type(decoded).__qualname__
    return Loss(path, f"type {given} would come back as {back}", DECLARE_WHAT_IS_GIVEN)


def _loss_of_datetime(
    value: datetime.datetime, decoded: datetime.datetime, path: Path
) -> Loss | None:
    # Across zones Python calls times inside a change of the clocks unequal even when they are one.
    same_clock = value.replace(tzinfo=None) == decoded.replace(tzinfo=None)
    if same_clock and value.utcoffset() == decoded.utcoffset():
        return None
    return Loss(path, "the time would come back as another one", DECLARE_WHAT_IS_GIVEN)


def _loss_of_scalar(value: object, path: Path) -> Loss | None:
    if type(value).__eq__ is object.__eq__:
        return None  # opaque: the caller compares the encodings
    if _is_no_number(value):
        return Loss(path, f"{value} has no JSON form", GIVE_FINITE)
    kind = type(value).__qualname__
    return Loss(path, f"the {kind} would come back as another one", DECLARE_WHAT_IS_GIVEN)


def _is_no_number(value: object) -> bool:
    if isinstance(value, Decimal):
        return not value.is_finite()
    return isinstance(value, float) and not math.isfinite(value)
