"""Probes: how to find out whether an activity whose answer is not known has happened.

`on_unknown=verify(probe)` has the engine ask before it tries again, gives up or undoes. When it is
asked is the recovery process's matter, what follows from the answer `verification`'s.
"""

import typing
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

from perdure.domain.retry import Retry
from perdure.sagas.acceptance import UNIONS, accepts
from perdure.sagas.naming import checked_names
from perdure.sagas.options import checked_retry, checked_timeout
from perdure.sagas.payload import type_text
from perdure.sagas.signature import Signature, check_function, location

if TYPE_CHECKING:
    from perdure.sagas.activity import Activity

R_co = TypeVar("R_co", covariant=True)
FOR_EVER = Retry()


@dataclass(frozen=True, slots=True)
class Done(Generic[R_co]):
    """It has happened, and this is what it returned."""

    result: R_co


@dataclass(frozen=True, slots=True)
class NotDone:
    """It has not happened, and will not: the attempt that was made has no effect any more."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody can tell yet; ask again later."""


Answer: TypeAlias = Done[Any] | NotDone | Unknown
Asking: TypeAlias = Callable[..., Answer | Coroutine[Any, Any, Answer]]


class Verify:
    """What `verify(...)` gives, for `on_unknown=`; unchecked until an activity takes it."""

    __slots__ = ("function", "retry", "timeout")

    def __init__(self, function: Asking, retry: Retry, timeout: float | None) -> None:
        self.function = function
        self.retry = retry
        self.timeout = timeout


def verify(probe: Asking, *, retry: Retry = FOR_EVER, timeout: float | None = None) -> Verify:
    """For `on_unknown=`: asks `probe` what became of an attempt whose answer is not known.

    The probe takes any of the activity's parameters, by name and type, finds the attempt by
    `current_activity().idempotency_key`, and answers `Done(result)`, `NotDone()` or `Unknown()`.
    It only looks, so it may be asked at any time and again. `retry`: when it is asked again after
    Unknown or an error; when that gives up, the outcome stays unknown.

    >>> async def find_charge(payment_method: str) -> Done[Charge] | NotDone | Unknown: ...
    >>> @activity(on_unknown=verify(find_charge))
    ... async def charge_credit_card(payment_method: str, amount: Decimal) -> Charge: ...
    """
    return Verify(probe, retry, timeout)


class Probe:
    """A probe that was checked against its activity."""

    __slots__ = (
        "_parameters",
        "concurrency",
        "function",
        "is_async",
        "name",
        "retry",
        "subject",
        "timeout",
        "where",
    )

    def __init__(self, activity: "Activity[..., Any]", given: Verify, frame: FrameType) -> None:
        function: Callable[..., Any] = given.function
        check_function(f"probe of {activity.subject},", function)
        self.where = location(function)
        self.name, _ = checked_names("probe", self.where, function.__name__, ())
        self.subject = f"probe {self.name!r} of {activity.subject}"
        signature = Signature.of(self.subject, function, frame)
        self.function = function
        self.is_async = signature.is_async
        self.retry = checked_retry(signature, given.retry)
        self.timeout = checked_timeout(signature, given.timeout)
        self.concurrency = None
        check_parameters(signature, activity)
        _check_answer(signature, activity.result_annotation)
        self._parameters = tuple(parameter.name for parameter in signature.parameters)

    @property
    def gives_up(self) -> bool:
        """Whether its policy has an end."""
        return self.retry.attempts is not None or self.retry.within_seconds is not None

    def bind(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Keyword arguments for `function`, from those of the activity."""
        return {name: arguments[name] for name in self._parameters}

    def __repr__(self) -> str:
        return f"<{self.subject}, {self.where}>"


def check_parameters(signature: Signature, activity: "Activity[..., Any]") -> None:
    """DeclarationError for a parameter that the activity does not have, or of another type."""
    offered = {one.name: one.annotation for one in activity.parameters}
    for parameter in signature.parameters:
        if parameter.name not in offered:
            raise signature.refuse(
                f"parameter {parameter.name!r} is none of {activity.subject} ({activity.where})",
                f"it can have: {', '.join(offered) or 'none'}",
            )
        if not accepts(parameter.annotation, offered[parameter.name]):
            given = type_text(offered[parameter.name])
            raise signature.refuse(
                f"parameter {parameter.name!r} is {type_text(parameter.annotation)}, but {given} "
                f"in {activity.subject} ({activity.where})",
                f"write {parameter.name}: {given}",
            )


def _check_answer(signature: Signature, result: Any) -> None:
    wanted = f"Done[{type_text(result)}] | NotDone | Unknown"
    answer = signature.result_annotation
    parts = typing.get_args(answer) if typing.get_origin(answer) in UNIONS else (answer,)
    for part in parts:
        if part in (NotDone, Unknown):
            continue
        if typing.get_origin(part) is not Done:
            raise signature.refuse(
                f"it returns {type_text(answer)}", f"annotate it -> {wanted}, or a part of that"
            )
        [found] = typing.get_args(part)
        if not accepts(result, found):
            raise signature.refuse(
                f"it returns Done[{type_text(found)}], but the activity {type_text(result)}",
                f"annotate it -> {wanted}",
            )


def checked_probe(
    activity: "Activity[..., Any]", given: object, frame: FrameType
) -> "Probe | None":
    """The probe of an `on_unknown=` that is one."""
    return Probe(activity, given, frame) if isinstance(given, Verify) else None
