"""Payloads: values of a declared type as compact JSON, and back, by pydantic.

A body always receives decode(encode(x)), so `encode_checked` gives both and raises when something
of the value would be lost. It uses pydantic's validator and serializer objects directly: this is
the hot path of every activity. What the types of a function are is signature.py's matter.
"""

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Annotated, Any, get_args, get_origin

from pydantic import ConfigDict, PydanticUserError, TypeAdapter, ValidationError
from pydantic_core import SchemaSerializer, SchemaValidator

from perdure.domain.errors import PayloadTooLarge
from perdure.sagas.canonical import canonical
from perdure.sagas.errors import PayloadError, UnsupportedType
from perdure.sagas.loss import GIVE_FINITE, Path, equal, find_loss

NO_NAMES: Mapping[str, Any] = MappingProxyType({})
PAYLOAD_LIMIT_BYTES = 2 * 1024 * 1024

CONFIG = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

# JSON can never give a value of these; what a function of the user makes of it may. Computed fields
# are not stored.
WITHOUT_JSON = {
    "callable": "a callable",
    "generator": "an iterator",
    "is-instance": "an object without fields that pydantic knows",
    "is-subclass": "a class",
}
OPAQUE = frozenset({"function-before", "function-wrap", "function-plain", "computed-field"})


class PayloadType:
    """The codec of one declared type. `what` says in errors whose type it is.

    `names` are local names that text annotations inside the type may use. Raises `UnsupportedType`
    when pydantic cannot carry the type through JSON. Bytes are base64; inside a model of the user
    the model's own configuration decides.
    """

    __slots__ = ("_to_json", "_validate", "_validate_json", "annotation", "what")

    def __init__(self, annotation: Any, what: str, names: Mapping[str, Any] = NO_NAMES) -> None:
        self.annotation = annotation
        self.what = what
        serializer, validator = _codec_of(annotation, names)
        self._to_json = serializer.to_json
        self._validate = validator.validate_python
        self._validate_json = validator.validate_json

    def encode(self, value: object) -> bytes:
        """The value as JSON; only its own type is checked, not what would be lost."""
        try:
            return self._to_json(value, by_alias=True, round_trip=True, warnings="error")
        except Exception as error:  # pydantic's own, or any that a user's serializer raises
            raise self._unencodable(value, error) from error

    def decode(self, data: bytes) -> Any:
        """The value of recorded bytes; PayloadError when today's type does not accept them."""
        try:
            return self._validate_json(data)
        except Exception as error:  # pydantic's own, or any that a user's validator raises
            hint = "keep the type compatible with what is recorded (defaults, aliases, a union)"
            if not isinstance(error, ValidationError):
                raise self.error((), f"decoding it raises {error!r}", hint) from error
            first = error.errors(include_url=False, include_input=False)[0]
            raise self.error(first["loc"], first["msg"], hint) from error

    def encode_checked(self, value: Any) -> tuple[bytes, Any]:
        """The JSON and the value decoded from it, which is what everybody goes on with.

        PayloadError when the decoded value is not equal to the given one or of another type;
        PayloadTooLarge over 2 MB.
        """
        # Asking pydantic for errors costs more than all of this; it is asked where one shows.
        to_json = self._to_json
        try:
            data = to_json(value, by_alias=True, round_trip=True, warnings=False)
        except Exception as error:
            raise self._unencodable(value, error) from error
        if len(data) > PAYLOAD_LIMIT_BYTES:
            raise PayloadTooLarge(self.what, len(data), PAYLOAD_LIMIT_BYTES)
        try:
            decoded = self._validate_json(data)
        except Exception as error:
            self.encode(value)
            raise self._undecodable(value, error) from error
        if self._plainly_same(value, decoded):
            again = to_json(decoded, by_alias=True, round_trip=True, warnings=False)
            if again == data:  # 1 and Decimal(1) are equal, their encodings are not
                return data, decoded
        self.encode(value)
        self._check(value, decoded, data)
        return data, decoded

    def canonical(self, data: bytes) -> bytes:
        """One form for equal values: decoded by today's type, keys and sets sorted."""
        return canonical(self.decode(data))

    def error(self, path: Path, problem: str, hint: str) -> PayloadError:
        """The error for a place inside the value."""
        return PayloadError(self.what, type_text(self.annotation), path_text(path), problem, hint)

    def _plainly_same(self, value: Any, decoded: Any) -> bool:
        return type(decoded) is type(value) and equal(decoded, value)

    def _check(self, value: Any, decoded: Any, data: bytes) -> None:
        loss = find_loss(value, decoded)
        if loss is not None:
            raise self.error(*loss)
        # Equal as far as can be seen; what cannot be seen must at least encode alike.
        again = self.encode(decoded)
        if again != data and self.canonical(again) != canonical(decoded):
            raise self.error((), "decoding and encoding again gives another value", GIVE_DECLARED)

    def _unencodable(self, value: Any, error: Exception) -> PayloadError:
        problem = f"it cannot be encoded ({_without_values(error)})"
        return self._misfit(value) or self.error((), problem, GIVE_DECLARED)

    def _undecodable(self, value: Any, error: Exception) -> PayloadError:
        if not isinstance(error, ValidationError):
            return self.error((), f"its encoding cannot be decoded ({error!r})", GIVE_DECLARED)
        first = error.errors(include_url=False, include_input=False)[0]
        path = first["loc"]
        loss = find_loss(_at(value, path), None, path)
        if loss is not None and loss.hint is GIVE_FINITE:  # NaN and infinity become null
            return self.error(*loss)
        hint = "give fields one alias for both ways, exclude none, and let validators accept JSON"
        problem = f"its encoding does not decode: {first['msg']}"
        return self._misfit(value) or self.error(path, problem, hint)

    def _misfit(self, value: Any) -> PayloadError | None:
        """Asks the validator where the value does not fit its type: the serializer hardly says."""
        try:
            self._validate(value, strict=True)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            kind = type(first["input"]).__qualname__
            return self.error(first["loc"], f"{first['msg']}, but {kind} is given", GIVE_DECLARED)
        except Exception as error:  # a user's validator that raises what is no ValueError
            return self.error((), f"its validator raises {error!r}", GIVE_DECLARED)
        return None


GIVE_DECLARED = "give a value of the declared type"


def type_text(annotation: Any) -> str:
    """An annotation as its author wrote it, nearly."""
    if annotation is None or annotation is type(None):
        return "None"
    if get_origin(annotation) is Annotated:
        return type_text(get_args(annotation)[0])
    if isinstance(annotation, type) and not getattr(annotation, "__args__", ()):
        return annotation.__qualname__.rpartition("<locals>.")[2]
    return re.sub(r"\b(?:[A-Za-z_]\w*\.)+(?:<locals>\.)?", "", str(annotation))


def path_text(path: Iterable[str | int]) -> str:
    """`('items', 0, 'sku')` as `items[0].sku`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def _codec_of(
    annotation: Any, names: Mapping[str, Any]
) -> tuple[SchemaSerializer, SchemaValidator]:
    try:
        adapter = _adapter_of(annotation)
        adapter.rebuild(raise_errors=True, _types_namespace=names)
        schema, serializer, validator = adapter.core_schema, adapter.serializer, adapter.validator
    except Exception as error:  # pydantic's, NameError, and what a type's own hooks raise
        reason = str(error).strip().partition("\n")[0].partition(". Set `arbitrary")[0]
        raise UnsupportedType(type_text(annotation), reason or repr(error)) from error
    obstacle = _never_decodes(schema)
    if obstacle is not None:
        raise UnsupportedType(type_text(annotation), f"{obstacle} cannot come out of JSON")
    assert isinstance(serializer, SchemaSerializer)  # not pydantic's placeholder for later
    assert isinstance(validator, SchemaValidator)
    return serializer, validator


def _adapter_of(annotation: Any) -> TypeAdapter[Any]:
    """In a function of its own: pydantic takes the local names around this call for the type's."""
    try:
        return TypeAdapter(annotation, config=CONFIG)
    except PydanticUserError as error:
        if error.code != "type-adapter-config-unused":  # models configure themselves
            raise
        return TypeAdapter(annotation)


def _never_decodes(schema: Any) -> str | None:
    """What in a core schema JSON can never give; branches that JSON does not take are left out."""
    left = [schema]
    while left:
        part = left.pop()
        if isinstance(part, list | tuple):
            left += part
        if not isinstance(part, dict):
            continue
        kind = part.get("type")
        if not isinstance(kind, str):  # fields by name; one may be named "type"
            left += part.values()
        elif kind in WITHOUT_JSON:
            return WITHOUT_JSON[kind]
        elif kind == "json-or-python":
            left.append(part["json_schema"])
        elif kind == "chain":
            left.append(part["steps"][0])
        elif kind not in OPAQUE:
            left += [item for key, item in part.items() if key not in ASIDE]
    return None


ASIDE = frozenset({"metadata", "serialization", "strict_schema", "default", "expected", "cls"})


def _at(value: Any, path: Iterable[Any]) -> Any:
    for part in path:
        try:
            value = value[part] if isinstance(value, dict | list | tuple) else getattr(value, part)
        except (AttributeError, LookupError, TypeError):
            return None
    return value


def _without_values(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__qualname__
    return re.sub(r"input_value=.*?, input_type=", "input_type=", text)
