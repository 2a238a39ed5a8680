"""Workflows: the coroutine functions that coordinate activities, as users declare them.

One parameter, the request; its key makes the execution's id. Calling one directly is refused: only
an engine can make it durable.
"""

import dataclasses
import hashlib
import inspect
import sys
import typing
from collections.abc import Callable, Coroutine, Iterable, Mapping
from types import CodeType, FrameType
from typing import Any, Generic, Literal, Never, NoReturn, Protocol, TypeVar, cast, get_args
from uuid import UUID

from pydantic import BaseModel
from typing_extensions import is_typeddict  # typing's does not know typing_extensions' own

from perdure.domain.identity import check_key
from perdure.sagas.acceptance import accepts
from perdure.sagas.errors import CalledDirectly
from perdure.sagas.failure import Failure
from perdure.sagas.naming import checked_names
from perdure.sagas.options import check_choice, checked_raises, checked_timeout
from perdure.sagas.payload import type_text
from perdure.sagas.runs import RunAgain
from perdure.sagas.signature import Signature, check_function, location

Q = TypeVar("Q")
R = TypeVar("R")

OnDefect = Literal["suspend", "compensate"]
Key = str | Callable[[Any], str | int | UUID]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowOptions:
    """The keywords of `@workflow(...)`, unchecked."""

    key: Key
    name: str | None = None
    aliases: Iterable[str] = ()
    raises: Iterable[type[Failure]] = ()
    on_defect: OnDefect = "suspend"
    deadline: float | None = None
    run_again: RunAgain = "never"


class Workflow(Generic[Q, R]):
    """A declared workflow; made by `@workflow`. The coroutine function is `.function`."""

    __slots__ = (
        "__name__",
        "__wrapped__",
        "_fingerprint",
        "_key",
        "aliases",
        "deadline",
        "function",
        "name",
        "on_defect",
        "raises",
        "request",
        "result",
        "run_again",
        "subject",
        "where",
    )

    def __init__(
        self,
        function: Callable[[Q], Coroutine[Any, Any, R]],
        options: WorkflowOptions,
        frame: FrameType,
    ) -> None:
        check_function("workflow", function)
        name = function.__name__ if options.name is None else options.name
        self.where = location(function)
        self.name, self.aliases = checked_names("workflow", self.where, name, options.aliases)
        self.subject = f"workflow {self.name!r}"
        signature = Signature.of(self.subject, function, frame)
        if not signature.is_async:
            raise signature.refuse("it is no coroutine function", "write it with async def")
        if len(signature.parameters) != 1:
            raise signature.refuse(
                f"it has {len(signature.parameters)} parameters",
                "give it exactly one, the request; a BaseModel holds as many fields as are needed",
            )
        parameter = signature.parameters[0]
        self.function = function
        self.request = signature.payload_type(parameter.annotation, "the request")
        self.result = signature.result_type()
        self.raises = checked_raises(signature, options.raises)
        check_choice(signature, "on_defect", options.on_defect, ["suspend", "compensate"])
        self.on_defect: OnDefect = options.on_defect
        self.deadline = checked_timeout(signature, options.deadline, "deadline")
        check_choice(signature, "run_again", options.run_again, get_args(RunAgain))
        self.run_again: RunAgain = options.run_again
        self._key = _checked_key(signature, options.key, parameter.annotation)
        self._fingerprint: str | None = None
        self.__wrapped__ = function
        self.__name__ = self.name

    def key_of(self, request: Q) -> str:
        """The key of a request as text. BadIdentity when it is no str, int or UUID."""
        return check_key(self._key(request), f"{self.name}: the key")

    def encode_request(self, value: Q) -> tuple[bytes, Q]:
        """A request as recorded, and as the body receives it."""
        return self.request.encode_checked(value)

    def decode_request(self, data: bytes) -> Q:
        """A recorded request."""
        return cast("Q", self.request.decode(data))

    def encode_result(self, value: R) -> tuple[bytes, R]:
        """A result as recorded, and as callers receive it."""
        return self.result.encode_checked(value)

    def decode_result(self, data: bytes) -> R:
        """A recorded result."""
        return cast("R", self.result.decode(data))

    @property
    def code_fingerprint(self) -> str:
        """8 hex digits of the function's source, of its bytecode where there is no source."""
        if self._fingerprint is None:
            self._fingerprint = _fingerprint(inspect.unwrap(self.function))
        return self._fingerprint

    def __call__(self, *_: Never, **__: Never) -> NoReturn:
        """Refused, by type checkers too: CalledDirectly."""
        raise CalledDirectly(
            f"{self.subject} was called directly, which would not be durable; use "
            f"engine.start({self.name}, request) or engine.execute({self.name}, request), and "
            f"{self.name}.function(request) for the plain coroutine in a unit test"
        )

    def __repr__(self) -> str:
        return f"<{self.subject}, {self.where}>"


class WorkflowDecorator(Protocol):
    """What `@workflow(...)` gives."""

    def __call__(self, function: Callable[[Q], Coroutine[Any, Any, R]], /) -> Workflow[Q, R]: ...


def workflow(
    function: None = None,  # bare @workflow: refused by types, and by Python for want of a key
    /,
    *,
    key: Key,
    name: str | None = None,
    aliases: Iterable[str] = (),
    raises: Iterable[type[Failure]] = (),
    on_defect: OnDefect = "suspend",
    deadline: float | None = None,
    run_again: RunAgain = "never",
) -> WorkflowDecorator:
    """Declares a workflow: a decorator for an async function of one parameter, the request.

    `key` tells executions apart: the name of a field of the request, or a function of it.
    `raises`: the failures it may end with. `on_defect`: what follows an exception that is no
    failure, a bug in the body: wait for a fix, or roll back. `deadline`: seconds from its start
    after which it is cancelled and rolled back. `run_again`: whether a start of an execution that
    has ended is another run of it; "after_failure": unless it has succeeded.

    >>> @workflow(key="order_id")
    ... async def process_payment(request: ProcessPayment) -> str: ...
    """
    chosen = WorkflowOptions(
        key=key,
        name=name,
        aliases=aliases,
        raises=raises,
        on_defect=on_defect,
        deadline=deadline,
        run_again=run_again,
    )
    return lambda function: Workflow(function, chosen, sys._getframe(1))


def _checked_key(signature: Signature, key: Any, request: Any) -> Callable[[Any], object]:
    """The key as a function of the request; field names are checked against its type."""
    if not isinstance(key, str):
        if callable(key):
            return cast("Callable[[Any], object]", key)
        raise signature.refuse(
            f"key={key!r} is neither a field's name nor a function", 'write key="order_id"'
        )
    fields = _fields_of(request, signature.names)
    declared = type_text(request)
    if fields is None:
        raise signature.refuse(
            f"key={key!r}: {declared} has no fields", "write key=str, or another function of it"
        )
    if key not in fields:
        raise signature.refuse(
            f"key={key!r} is no field of {declared}",
            f"write one of {', '.join(fields)}, or a function of the request",
        )
    if not accepts(str | int | UUID, fields[key]) or accepts(bool, fields[key]):
        raise signature.refuse(
            f"key={key!r} is {type_text(fields[key])} in {declared}",
            "a key is a str, an int or a UUID; use such a field, or a function that makes one",
        )
    if is_typeddict(request):
        return lambda given: given[key]
    return lambda given: getattr(given, key)


def _fields_of(request: Any, names: Mapping[str, Any]) -> dict[str, Any] | None:
    """Field annotations by name; None for types without fields."""
    if isinstance(request, type) and issubclass(request, BaseModel):
        return {name: field.annotation for name, field in request.model_fields.items()}
    if not dataclasses.is_dataclass(request) and not is_typeddict(request):
        return None
    # Resolved by pydantic already, so this does not fail for want of a name.
    hints = typing.get_type_hints(request, localns=dict(names))
    if dataclasses.is_dataclass(request):
        return {field.name: hints[field.name] for field in dataclasses.fields(request)}
    return hints


def _fingerprint(function: Callable[..., Any]) -> str:
    try:
        told = inspect.getsource(function).encode()
    except (OSError, TypeError):
        told = repr(_bytecode(function.__code__)).encode()
    return hashlib.blake2b(told, digest_size=4).hexdigest()


def _bytecode(code: CodeType) -> tuple[object, ...]:
    constants = [
        _bytecode(one) if isinstance(one, CodeType)
        else sorted(map(repr, one)) if isinstance(one, frozenset)  # its order is not stable
        else repr(one)
        for one in code.co_consts
    ]  # fmt: skip
    return code.co_code, code.co_names, constants
