"""The arguments of a call as one payload: a JSON object keyed by parameter name.

Calls are bound here, with defaults filled in, so that what is stored does not change when a default
does. Recorded arguments from before a parameter was added take its default.
"""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from perdure.sagas.errors import PayloadError
from perdure.sagas.loss import Path, find_loss
from perdure.sagas.payload import NO_NAMES, PayloadType, path_text, type_text

NO_DEFAULT: Any = inspect.Parameter.empty


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a declared function; `default` is NO_DEFAULT where it has none."""

    name: str
    annotation: Any
    default: Any
    keyword_only: bool


class ArgumentsType(PayloadType):
    """The codec of all arguments of one function. Errors name the parameter.

    Raises UnsupportedType, and PayloadError for a default that is no value of its type.
    """

    __slots__ = ("_annotations", "_defaults", "_fillers", "_names", "_positional", "subject")

    def __init__(
        self, subject: str, parameters: Sequence[Parameter], names: Mapping[str, Any] = NO_NAMES
    ) -> None:
        annotation = Annotated[dict, _Fields(parameters)]
        super().__init__(annotation, f"the arguments of {subject}", names)
        self.subject = subject
        self._annotations = {one.name: one.annotation for one in parameters}
        self._names = tuple(self._annotations)
        self._positional = tuple(one.name for one in parameters if not one.keyword_only)
        self._defaults = {
            one.name: one.default for one in parameters if one.default is not NO_DEFAULT
        }
        self._fillers = {
            one.name: _Filler(one, names) for one in parameters if one.default is not NO_DEFAULT
        }

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Arguments by parameter name, in the order of the signature, defaults filled in."""
        names = self._names
        if not kwargs and len(args) == len(names) == len(self._positional):
            return dict(zip(names, args, strict=True))
        given = dict(zip(self._positional, args, strict=False))
        given.update(kwargs)
        if len(given) == len(args) + len(kwargs):  # none too many, none given twice
            bound = self._defaults | given if len(given) < len(names) else given
            if bound.keys() == self._annotations.keys():
                return {name: bound[name] for name in names}
        raise self._wrong_call(given.keys(), len(args), kwargs)

    def decode(self, data: bytes) -> dict[str, Any]:
        """Recorded arguments by parameter name."""
        decoded: dict[str, Any] = super().decode(data)
        if len(decoded) == len(self._names):
            return decoded
        for name in self._names:
            if name not in decoded:
                decoded[name] = self._fillers[name].value()
        return {name: decoded[name] for name in self._names}

    def error(self, path: Path, problem: str, hint: str) -> PayloadError:
        if not path or path[0] not in self._annotations:
            return PayloadError(self.what, "parameters", path_text(path), problem, hint)
        what = f"parameter {path[0]!r} of {self.subject}"
        declared = type_text(self._annotations[str(path[0])])
        return PayloadError(what, declared, path_text(path[1:]), problem, hint)

    def _plainly_same(self, value: dict[str, Any], decoded: dict[str, Any]) -> bool:
        return super()._plainly_same(value, decoded) and (
            list(map(type, value.values())) == list(map(type, decoded.values()))
        )

    def _check(self, value: dict[str, Any], decoded: dict[str, Any], data: bytes) -> None:
        for name in self._names:
            loss = find_loss(value[name], decoded[name], (name,))
            if loss is not None:
                raise self.error(*loss)
        super()._check(value, decoded, data)

    def _wrong_call(self, given: Any, positions: int, kwargs: dict[str, Any]) -> TypeError:
        unknown = [name for name in kwargs if name not in self._annotations]
        twice = [name for name in self._positional[:positions] if name in kwargs]
        missing = [name for name in self._names if name not in given and name not in self._defaults]
        if unknown:
            problem = f"has no parameter {', '.join(map(repr, unknown))}"
        elif twice:
            problem = f"was given {', '.join(map(repr, twice))} twice, by position and by name"
        elif positions > len(self._positional):
            problem = f"takes {len(self._positional)} arguments by position, not {positions}"
        else:
            problem = f"needs {', '.join(map(repr, missing))}"
        parameters = ", ".join(
            f"{name}: {type_text(annotation)}" for name, annotation in self._annotations.items()
        )
        return TypeError(f"{self.subject} {problem}; its parameters are ({parameters})")


class _Filler:
    """A default, encoded: one that can change, such as a list, is a fresh one each time."""

    __slots__ = ("_data", "_type")

    def __init__(self, parameter: Parameter, names: Mapping[str, Any]) -> None:
        what = f"the default of parameter {parameter.name!r}"
        self._type = PayloadType(parameter.annotation, what, names)
        self._data = self._type.encode_checked(parameter.default)[0]

    def value(self) -> Any:
        return self._type.decode(self._data)


class _Fields:
    """Metadata that tells pydantic the fields of the object, without making a class for it.

    Every field may be missing: recorded arguments may be older than a parameter with a default.
    Those without a default are required.
    """

    def __init__(self, parameters: Sequence[Parameter]) -> None:
        self._parameters = tuple(parameters)

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.typed_dict_schema(
            {
                one.name: core_schema.typed_dict_field(
                    handler.generate_schema(one.annotation), required=one.default is NO_DEFAULT
                )
                for one in self._parameters
            }
        )
