"""Failures that activities declare: exceptions that are data.

A `Failure` is recorded and raised again in the body as the same class with the same fields, live or
replayed. BaseModel and Exception cannot be combined, so subclasses become pydantic dataclasses.
"""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, ClassVar, dataclass_transform

from pydantic import Field
from pydantic import dataclasses as pydantic_dataclasses

from perdure.sagas.errors import DeclarationError, UnknownFailure
from perdure.sagas.naming import checked_names
from perdure.sagas.payload import CONFIG, PayloadType
from perdure.sagas.signature import names_around


@dataclass_transform(kw_only_default=True, eq_default=False, field_specifiers=(field, Field))
class Failure(Exception):
    """An expected end of an activity, declared in its `raises=[...]`: recorded, never retried.

    Subclasses are dataclasses: validated, keyword only, equal by type and fields. The class name is
    what is recorded; `class Gone(Failure, name="OutOfStock")` keeps it through a renaming.

    >>> class OutOfStock(Failure):
    ...     sku: str
    >>> raise OutOfStock(sku="A-1")
    >>> raise Failure("the text alone")
    """

    failure_name: ClassVar[str] = "Failure"
    _payload: ClassVar[PayloadType]
    text: str  # what str() gives

    def __init__(self, text: str = "") -> None:
        super().__init__(text)
        self.text = text

    def __init_subclass__(cls, *, name: str | None = None, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        where = f"{cls.__module__}.{cls.__qualname__}"
        named = cls.failure_name = cls.__name__ if name is None else name
        checked_names("failure", where, named, ())
        if "__init__" in cls.__dict__:  # pydantic would replace it and say nothing
            raise DeclarationError(
                f"failure {named!r}",
                where,
                "it has an __init__ of its own, which a decoded failure would not go through",
                "declare its fields alone; __post_init__ may check them",
            )
        try:
            pydantic_dataclasses.dataclass(cls, kw_only=True, eq=False, config=CONFIG)
            # Again with the names around the class, for text annotations that name local classes.
            around = names_around(sys._getframe(1))
            complete: Any = pydantic_dataclasses.rebuild_dataclass
            complete(cls, raise_errors=False, _types_namespace=around or {})
        except Exception as error:  # what dataclasses and pydantic have against its fields
            problem = str(error).partition("\n")[0].partition(". Set `arbitrary")[0]
            raise DeclarationError(
                f"failure {named!r}",
                where,
                problem,
                "use fields that a pydantic dataclass can have",
            ) from error

    if not TYPE_CHECKING:  # type checkers would take it for leave to read any name

        def __getattr__(self, name: str) -> Any:
            if name == "text":  # of subclasses that have no such field
                return str(self)
            raise AttributeError(f"{type(self).__qualname__!r} object has no attribute {name!r}")

    def __str__(self) -> str:
        if type(self) is Failure:
            return self.text
        told = ", ".join(f"{name}={value!r}" for name, value in _fields_of(self).items())
        return told or type(self).__name__

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return _fields_of(self) == _fields_of(other)

    def __hash__(self) -> int:
        return hash(type(self))  # fields may be lists; exceptions must be hashable

    def __reduce__(self) -> tuple[Any, ...]:
        # Exception's own would call the class without its required fields.
        return _bare, (type(self), self.args), self.__dict__.copy()


@dataclass(frozen=True, slots=True)
class EncodedFailure:
    """A failure as it is recorded: the name of its class, and its fields as JSON."""

    name: str
    data: bytes


def encode_failure(failure: Failure) -> EncodedFailure:
    """Its recorded form. PayloadError when its fields do not survive the encoding."""
    payload = _payload_of(type(failure))
    given = {"text": failure.text} if type(failure) is Failure else failure
    return EncodedFailure(type(failure).failure_name, payload.encode_checked(given)[0])


def decode_failure(name: str, data: bytes, candidates: Iterable[type[Failure]]) -> Failure:
    """The failure recorded under `name`. UnknownFailure when no class has that name."""
    found = find_failure_class(name, candidates)
    if found is None:
        raise UnknownFailure(name)
    decoded = _payload_of(found).decode(data)
    return Failure(decoded["text"]) if found is Failure else decoded


def find_failure_class(name: str, candidates: Iterable[type[Failure]] = ()) -> type[Failure] | None:
    """The class recorded as `name`: of the candidates, then of their subclasses, then of all.

    None when no imported class has that name, or when it is not a candidate and several have it.
    """
    declared = tuple(candidates)
    for circle in (declared, with_subclasses(declared), with_subclasses([Failure])):
        found = {one for one in circle if one.failure_name == name}
        if found:
            return found.pop() if len(found) == 1 else None
    return None


def with_subclasses(classes: Iterable[type[Failure]]) -> Iterator[type[Failure]]:
    """The classes and all that are derived from them, some perhaps twice."""
    for one in classes:
        yield one
        yield from with_subclasses(one.__subclasses__())


def _bare(kind: type[Failure], args: tuple[Any, ...]) -> Failure:
    return kind.__new__(kind, *args)


def _fields_of(failure: Failure) -> dict[str, Any]:
    if type(failure) is Failure:
        return {"text": failure.text}
    declared: Any = failure  # a dataclass, as all subclasses are
    return {one.name: getattr(failure, one.name) for one in fields(declared)}


def _payload_of(kind: type[Failure]) -> PayloadType:
    """Built when first needed: a field may name a class that is defined further down."""
    if "_payload" not in kind.__dict__:
        annotation: Any = dict[str, str] if kind is Failure else kind
        kind._payload = PayloadType(annotation, f"failure {kind.failure_name!r}")
    return kind._payload
