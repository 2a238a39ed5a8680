"""One form for equal values, whatever their bytes: keys and sets sorted, decimals normalized.

Used to compare recorded and present arguments whose encodings differ. Never stored.
"""

import dataclasses
from collections.abc import Mapping, Sequence, Set
from decimal import Decimal
from typing import Any

from pydantic import BaseModel
from pydantic_core import to_json, to_jsonable_python

from perdure.sagas.loss import fields_of


def canonical(value: Any) -> bytes:
    """Bytes of a decoded value: equal values, equal bytes."""
    return to_json(_ordered(value))


def _ordered(value: Any) -> Any:
    if isinstance(value, str | bytes | int | float | None):
        return _leaf(value)
    if isinstance(value, Decimal):
        return _normal(value)
    if isinstance(value, BaseModel) or dataclasses.is_dataclass(value):
        return _ordered(fields_of(value) or {})
    if isinstance(value, Mapping):
        pairs = [(_key(key), _ordered(item)) for key, item in value.items()]
        return dict(sorted(pairs, key=lambda pair: pair[0]))
    if isinstance(value, Set):
        return sorted((_ordered(item) for item in value), key=to_json)
    if isinstance(value, Sequence):
        return [_ordered(item) for item in value]
    return _leaf(value)


def _leaf(value: Any) -> Any:
    return to_jsonable_python(
        value, bytes_mode="base64", inf_nan_mode="strings", fallback=_of_fields
    )


def _of_fields(value: Any) -> Any:
    fields = fields_of(value)
    return repr(value) if fields is None else _ordered(fields)


def _key(key: Any) -> str:
    return key if isinstance(key, str) else canonical(key).decode()


def _normal(number: Decimal) -> str:
    """Decimal.normalize() would round to the context's precision; this keeps every digit."""
    sign, digits, exponent = number.as_tuple()
    if not isinstance(exponent, int):
        return str(number)
    text = "".join(map(str, digits)).lstrip("0")
    significant = text.rstrip("0")
    if not significant:
        return "0"
    return f"{'-' if sign else ''}{significant}E{exponent + len(text) - len(significant)}"
