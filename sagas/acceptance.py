"""Whether a parameter of one type accepts every value of another: for matching declarations.

A judgement on annotations as far as they show it; what it cannot judge it does not accept, since a
wrong yes would fail in a rollback, and a wrong no fails at import with a hint.
"""

import types
import typing
from collections.abc import Sequence
from typing import Annotated, Any, Literal, NewType, Union

UNIONS = (Union, types.UnionType)


def accepts(wide: Any, narrow: Any) -> bool:
    """True when each value of type `narrow` is one of type `wide`."""
    wide, narrow = _plain(wide), _plain(narrow)
    if wide is Any or wide is object or wide == narrow:
        return True
    if typing.get_origin(narrow) in UNIONS:
        return all(accepts(wide, one) for one in typing.get_args(narrow))
    if typing.get_origin(wide) in UNIONS:
        return any(accepts(one, narrow) for one in typing.get_args(wide))
    if typing.get_origin(narrow) is Literal:
        return _accepts_literal(wide, narrow)
    if isinstance(narrow, NewType):
        return accepts(wide, narrow.__supertype__)
    if isinstance(wide, type) and isinstance(narrow, type) and not typing.get_args(wide):
        return _is_subclass(narrow, wide) or (wide is float and narrow is int)
    return _accepts_generic(wide, narrow)


def _plain(annotation: Any) -> Any:
    """Without `Annotated`, aliases of `type X = ...` and the None that stands for its type."""
    if annotation is None:
        return type(None)
    if typing.get_origin(annotation) is Annotated:
        return _plain(typing.get_args(annotation)[0])
    if type(annotation).__name__ == "TypeAliasType" and not typing.get_args(annotation):
        return _plain(annotation.__value__)
    return annotation


def _accepts_literal(wide: Any, narrow: Any) -> bool:
    values = typing.get_args(narrow)
    if typing.get_origin(wide) is Literal:
        known = [(type(value), value) for value in typing.get_args(wide)]
        return all((type(value), value) in known for value in values)
    return all(accepts(wide, type(value)) for value in values)


def _accepts_generic(wide: Any, narrow: Any) -> bool:
    """`Sequence[int]` for `list[int]`: a wider origin, the arguments alike."""
    origin = typing.get_origin(narrow) or narrow
    if not isinstance(origin, type):
        return False
    if typing.get_origin(wide) is None:
        return isinstance(wide, type) and _is_subclass(origin, wide)
    above = typing.get_origin(wide)
    arguments: Sequence[Any] = typing.get_args(wide)
    return (
        isinstance(above, type)
        and _is_subclass(origin, above)
        and len(arguments) == len(typing.get_args(narrow))
        and all(
            _plain(one) == _plain(other)
            for one, other in zip(arguments, typing.get_args(narrow), strict=True)
        )
    )


def _is_subclass(narrow: type, wide: type) -> bool:
    try:
        return issubclass(narrow, wide)
    except TypeError:  # protocols and the like that cannot be asked
        return False
