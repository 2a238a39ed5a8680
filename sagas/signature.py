"""The signature of a declared function: its parameters and its result, as types that can be stored.

Annotations are resolved at declaration, with the names around the decorator, so that local classes
and `from __future__ import annotations` work; what cannot be resolved or stored is refused there,
with a hint. How calls are bound and encoded is arguments.py.
"""

import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import FrameType
from typing import Any, TypeVar

from perdure.sagas.arguments import NO_DEFAULT, ArgumentsType, Parameter
from perdure.sagas.errors import DeclarationError, PayloadError, UnsupportedType
from perdure.sagas.payload import PayloadType, type_text

POSSIBLE_KINDS = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


@dataclass(frozen=True, slots=True)
class Signature:
    """What a declaration needs to know about its function. Build one with `Signature.of`.

    Not to be kept: `names` are the local names around the decorator, whatever they hold.
    """

    subject: str
    where: str
    function: Callable[..., Any]
    is_async: bool
    parameters: tuple[Parameter, ...]
    result_annotation: Any
    names: Mapping[str, Any]

    @staticmethod
    def of(subject: str, function: Callable[..., Any], frame: FrameType) -> "Signature":
        """Reads and checks the function; `subject` names it in errors, as in "activity 'ship'".

        `frame` is where the decorator stands. Raises DeclarationError.
        """
        where = location(function)
        names = names_around(frame)
        hints, shape = _resolved(subject, where, function, names)
        for parameter in shape.parameters.values():
            _check_parameter(subject, where, parameter)
        if "return" not in hints:
            raise DeclarationError(
                subject,
                where,
                "the return annotation is missing",
                "annotate what it returns, -> None if that is nothing",
            )
        parameters = tuple(
            Parameter(
                name,
                hints[name],
                NO_DEFAULT if parameter.default is parameter.empty else parameter.default,
                parameter.kind is parameter.KEYWORD_ONLY,
            )
            for name, parameter in shape.parameters.items()
        )
        result = hints["return"]
        for name, annotation in hints.items():
            if _is_open(annotation):
                place = "the return annotation" if name == "return" else f"parameter {name!r}"
                raise DeclarationError(
                    subject,
                    where,
                    f"{place} has the type variable {type_text(annotation)}",
                    "write a concrete type: what is stored must be read back as one",
                )
        is_async = inspect.iscoroutinefunction(function)
        return Signature(subject, where, function, is_async, parameters, result, names)

    def refuse(self, problem: str, hint: str) -> DeclarationError:
        """The error of a declaration that cannot work."""
        return DeclarationError(self.subject, self.where, problem, hint)

    def arguments_type(self) -> ArgumentsType:
        """The codec of all arguments, as one JSON object keyed by parameter name."""
        try:
            return ArgumentsType(self.subject, self.parameters, self.names)
        except PayloadError as error:
            place = f" at {error.path}" if error.path else ""
            problem = f"{error.what}, which is {error.type_text}, cannot be stored{place}"
            raise self.refuse(f"{problem}: {error.problem}", error.hint) from error
        except UnsupportedType:
            for parameter in self.parameters:  # the guilty one is refused by name
                self.payload_type(parameter.annotation, f"parameter {parameter.name!r}")
            raise

    def result_type(self) -> PayloadType:
        """The codec of the result."""
        return self.payload_type(self.result_annotation, "the result")

    def payload_type(self, annotation: Any, what: str) -> PayloadType:
        """The codec of one annotation of this function; `what` as in "the result"."""
        try:
            return PayloadType(annotation, f"{what} of {self.subject}", self.names)
        except UnsupportedType as error:
            raise self.refuse(
                f"{what} has the type {error.type_text}, which cannot be stored: {error.reason}",
                "use types that pydantic carries through JSON, such as a BaseModel or a dataclass",
            ) from error


def location(function: object) -> str:
    """`file.py:12` of a function's first line."""
    code = getattr(inspect.unwrap(function), "__code__", None) if callable(function) else None
    if code is None:
        return repr(function)
    return f"{code.co_filename}:{code.co_firstlineno}"


def check_function(kind: str, function: Any) -> None:
    """DeclarationError for what is no plain def or async def; `kind` as in "activity"."""
    subject, where = f"{kind} {getattr(function, '__name__', '')!r}", location(function)
    if not inspect.isfunction(function):
        if isinstance(function, staticmethod | classmethod):
            hint = "write @staticmethod above this decorator, not below it"
        else:
            hint = "decorate a function made with def or async def, and once only"
        kind_given = type(function).__qualname__
        raise DeclarationError(subject, where, f"it is no function but of type {kind_given}", hint)
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise DeclarationError(
            subject, where, "it is a generator", "return one value, such as a list, instead"
        )
    inner = inspect.unwrap(function)
    if inspect.iscoroutinefunction(inner) and not inspect.iscoroutinefunction(function):
        raise DeclarationError(
            subject,
            where,
            "a decorator below turned its async def into a plain function",
            "make that decorator's wrapper an async def that awaits the function",
        )


def _check_parameter(subject: str, where: str, parameter: inspect.Parameter) -> None:
    if parameter.annotation is parameter.empty:
        problem = f"parameter {parameter.name!r} has no annotation"
        hint = "annotate it: its type says how it is stored"
        if parameter.name in ("self", "cls"):
            hint = "use a function of the module or a @staticmethod: objects are not stored"
        raise DeclarationError(subject, where, problem, hint)
    if parameter.kind not in POSSIBLE_KINDS:
        raise DeclarationError(
            subject,
            where,
            f"parameter {str(parameter).partition(':')[0]!r} is {parameter.kind.description}",
            "give every parameter a name that it can be passed by: arguments are stored by name",
        )


def _resolved(
    subject: str, where: str, function: Callable[..., Any], names: Mapping[str, Any]
) -> tuple[dict[str, Any], inspect.Signature]:
    try:
        # The signature too: from Python 3.14 on it evaluates annotations.
        shape = inspect.signature(function)
        hints = typing.get_type_hints(function, localns=dict(names) or None, include_extras=True)
        return hints, shape
    except NameError as error:
        raise DeclarationError(
            subject,
            where,
            f"the annotations name {error.name!r}, which does not exist when it is declared",
            "import it outside `if TYPE_CHECKING`, and define it before the function",
        ) from error
    except Exception as error:  # a string annotation may be any expression
        raise DeclarationError(
            subject,
            where,
            f"the annotations cannot be evaluated ({type(error).__qualname__}: {error})",
            "correct them",
        ) from error


def names_around(frame: FrameType | None) -> dict[str, Any]:
    """The local names at the decorator: of a function's body, or of class bodies and around them.

    None of them at the top of a module, where the function's own globals are enough.
    """
    scopes: list[dict[str, Any]] = []
    while frame is not None and frame.f_locals is not frame.f_globals:
        scopes.append(dict(frame.f_locals))
        if frame.f_code.co_flags & inspect.CO_OPTIMIZED:  # a function; class bodies are not
            break
        frame = frame.f_back
    return {name: value for scope in reversed(scopes) for name, value in scope.items()}


def _is_open(annotation: Any) -> bool:
    if isinstance(annotation, TypeVar):
        return True
    return not isinstance(annotation, type) and bool(getattr(annotation, "__parameters__", ()))
