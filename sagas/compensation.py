"""Compensations: how one activity is undone. Declared with the activity, run by the engine.

Parameters are matched by name and type against the activity's when it is declared, so that a
mistake shows at import and not in a rollback. When one runs is the recovery process's matter.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Protocol, TypeVar

from pydantic_core import from_json, to_json

from perdure.domain.retry import Retry
from perdure.sagas.acceptance import accepts
from perdure.sagas.errors import CalledDirectly
from perdure.sagas.failure import Failure
from perdure.sagas.loop import BodyLoop
from perdure.sagas.naming import checked_names
from perdure.sagas.options import checked_raises, checked_retry, checked_timeout
from perdure.sagas.payload import type_text
from perdure.sagas.signature import Signature, check_function, location

if TYPE_CHECKING:
    from perdure.sagas.activity import Activity

P = ParamSpec("P")
N = TypeVar("N", bound=Coroutine[Any, Any, None] | None)

RESULT = "result"
FOR_EVER = Retry()


@dataclass(frozen=True, slots=True, kw_only=True)
class CompensationOptions:
    """The keywords of `compensate(...)`, unchecked."""

    name: str | None = None
    raises: Iterable[type[Failure]] = ()
    retry: Retry = FOR_EVER
    timeout: float | None = None


class Compensation(Generic[P, N]):
    """The undo of one activity; made by its `compensate` decorator.

    `retry` is for ever unless told otherwise. A failure that `raises` declares makes the execution
    stuck: somebody has to see to it.
    """

    concurrency: None = None  # of its own it has none: the engine's slots bound it

    __slots__ = (
        "_arguments",
        "_names",
        "_parameters",
        "_takes_result",
        "activity",
        "function",
        "is_async",
        "name",
        "raises",
        "retry",
        "subject",
        "timeout",
        "where",
    )

    def __init__(
        self,
        activity: "Activity[..., Any]",
        function: Callable[P, N],
        options: CompensationOptions,
        frame: FrameType,
    ) -> None:
        check_function(f"compensation of {activity.subject},", function)
        name = function.__name__ if options.name is None else options.name
        self.where = location(function)
        self.name, _ = checked_names("compensation", self.where, name, ())
        self.subject = f"compensation {self.name!r} of {activity.subject}"
        signature = Signature.of(self.subject, function, frame)
        self.activity = activity
        self.function = function
        self.is_async = signature.is_async
        self.raises = checked_raises(signature, options.raises)
        self.retry = checked_retry(signature, options.retry)
        self.timeout = checked_timeout(signature, options.timeout)
        _check_parameters(signature, activity)
        self._arguments = signature.arguments_type()
        names = [parameter.name for parameter in signature.parameters]
        self._names = tuple(names)
        self._takes_result = RESULT in names
        self._parameters = tuple(one for one in names if one != RESULT)

    def bind(self, arguments: bytes, result: bytes | None) -> dict[str, Any]:
        """Keyword arguments for `function`, from what is recorded of the activity.

        `result` None: it may or may not have happened. PayloadError when today's types do not
        accept what is recorded.
        """
        recorded = self.activity.decode_arguments(arguments)
        bound = {name: recorded[name] for name in self._parameters}
        if self._takes_result:
            bound[RESULT] = None if result is None else self.activity.decode_result(result)
        return bound

    def replaced(self, arguments: bytes, result: bytes | None, instead: Mapping[str, Any]) -> bytes:
        """Encoded arguments: what `bind` gives, with these instead, as JSON or Python values.

        TypeError for a name that is no parameter, PayloadError for a value that does not fit.
        """
        unknown = [name for name in instead if name not in self._names]
        if unknown:
            raise TypeError(
                f"{self.subject} has no parameter {', '.join(map(repr, unknown))}; it has "
                f"{', '.join(self._names) or 'none'}"
            )
        bound, _ = self._arguments.encode_checked(self.bind(arguments, result))
        merged = {**from_json(bound), **from_json(to_json(dict(instead)))}
        return self._arguments.encode_checked(self._arguments.decode(to_json(merged)))[0]

    def decode_arguments(self, data: bytes) -> dict[str, Any]:
        """Keyword arguments from what `replaced` gave."""
        return self._arguments.decode(data)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> N:
        """The function itself, for unit tests. CalledDirectly in a workflow's body."""
        if isinstance(asyncio._get_running_loop(), BodyLoop):
            raise CalledDirectly(
                f"{self.subject} was called in a workflow's body; the engine runs it when the "
                "execution is rolled back. To undo as a step of its own, make that an activity"
            )
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<{self.subject}, {self.where}>"


class CompensationDecorator(Protocol):
    """What `compensate(...)` with options gives."""

    def __call__(self, function: Callable[P, N], /) -> Compensation[P, N]: ...


def _check_parameters(signature: Signature, activity: "Activity[..., Any]") -> None:
    offered = {one.name: one.annotation for one in activity.parameters}
    for parameter in signature.parameters:
        declared = type_text(parameter.annotation)
        if parameter.name == RESULT:
            _check_result(signature, parameter.annotation, activity)
        elif parameter.name not in offered:
            choices = ", ".join([*offered, f"{RESULT} (what it returned, or None)"])
            raise signature.refuse(
                f"parameter {parameter.name!r} is none of {activity.subject} ({activity.where})",
                f"it can have: {choices}",
            )
        elif not accepts(parameter.annotation, offered[parameter.name]):
            given = type_text(offered[parameter.name])
            raise signature.refuse(
                f"parameter {parameter.name!r} is {declared}, but {given} in {activity.subject} "
                f"({activity.where})",
                f"write {parameter.name}: {given}",
            )
    if signature.result_annotation not in (None, type(None)):
        raise signature.refuse(
            f"it returns {type_text(signature.result_annotation)}",
            "annotate it -> None: nobody would receive what a compensation returns",
        )


def _check_result(signature: Signature, declared: Any, activity: "Activity[..., Any]") -> None:
    result, probe = activity.result_annotation, activity.probe
    wanted = "None" if result in (None, type(None)) else f"{type_text(result)} | None"
    if not accepts(declared, None) and (probe is None or probe.gives_up):
        raise signature.refuse(
            f"parameter 'result' is {type_text(declared)} and cannot be None",
            f"write result: {wanted}; it is None when the activity may or may not have happened "
            "(a crash, a lost answer), to be undone by its idempotency key if it did",
        )
    if not accepts(declared, result):
        raise signature.refuse(
            f"parameter 'result' is {type_text(declared)}, but the activity returns "
            f"{type_text(result)}",
            f"write result: {wanted}",
        )
