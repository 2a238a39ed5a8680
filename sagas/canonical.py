"""One form for equal values, whatever their bytes: keys and sets sorted, decimals normalized.

Used to compare recorded and present arguments whose encodings differ. Never stored.
"""

from decimal import Decimal
from typing import Any

from pydantic_core import to_json


def canonical(value: Any) -> bytes:
    """Bytes of what a serializer's `to_python` gave: equal values, equal bytes."""
    return to_json(_ordered(value), fallback=repr)


def _ordered(value: Any) -> Any:
    if isinstance(value, dict):
        pairs = [(_key(key), _ordered(item)) for key, item in value.items()]
        return dict(sorted(pairs, key=lambda pair: pair[0]))
    if isinstance(value, list | tuple):
        return [_ordered(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted((_ordered(item) for item in value), key=canonical)
    if isinstance(value, Decimal):
        return _normal(value)
    return value


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
