"""Activities: the named steps of a workflow that may touch the world, as users declare them.

Calling one in a body asks the loop for it; outside it is the plain call. There is no registry: a
body's requests carry these objects. How attempts are run is the engine's matter.
"""

import asyncio
import sys
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from types import FrameType
from typing import Any, Generic, Literal, ParamSpec, Protocol, TypeVar, cast, overload

from perdure.domain.retry import Retry
from perdure.sagas import options as check
from perdure.sagas.compensation import (
    FOR_EVER,
    RESULT,
    Compensation,
    CompensationDecorator,
    CompensationOptions,
)
from perdure.sagas.context import current
from perdure.sagas.errors import ActivityInsideActivity, DeclarationError
from perdure.sagas.failure import Failure
from perdure.sagas.loop import BodyLoop
from perdure.sagas.naming import checked_names
from perdure.sagas.probe import Probe, Verify
from perdure.sagas.signature import Signature, check_function, location

P = ParamSpec("P")
Q = ParamSpec("Q")
R = TypeVar("R")
N = TypeVar("N", bound=Coroutine[Any, Any, None] | None)

OnExhausted = Literal["raise", "suspend"]
OnUnknown = Literal["retry", "compensate"]

_get_running_loop = asyncio._get_running_loop


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityOptions:
    """The keywords of `@activity(...)`, unchecked."""

    name: str | None = None
    aliases: Iterable[str] = ()
    raises: Iterable[type[Failure]] = ()
    retry: Retry = FOR_EVER
    timeout: float | None = None
    non_retryable: Iterable[type[BaseException]] = ()
    on_exhausted: OnExhausted = "raise"
    on_unknown: OnUnknown | Verify = "retry"
    concurrency: int | None = None
    pivot: bool = False


class Activity(Generic[P, R]):
    """A declared activity; made by `@activity`. The undecorated function is `.function`.

    Calling it gives an awaitable of its result, for sync functions too.
    """

    __slots__ = (
        "__name__",
        "__wrapped__",
        "_arguments",
        "_result",
        "aliases",
        "compensation",
        "concurrency",
        "function",
        "is_async",
        "name",
        "non_retryable",
        "on_exhausted",
        "on_unknown",
        "parameters",
        "pivot",
        "probe",
        "raises",
        "result_annotation",
        "retry",
        "subject",
        "timeout",
        "where",
    )

    def __init__(
        self, function: Callable[P, Any], options: ActivityOptions, frame: FrameType
    ) -> None:
        check_function("activity", function)
        name = function.__name__ if options.name is None else options.name
        self.where = location(function)
        self.name, self.aliases = checked_names("activity", self.where, name, options.aliases)
        self.subject = f"activity {self.name!r}"
        signature = Signature.of(self.subject, function, frame)
        if any(parameter.name == RESULT for parameter in signature.parameters):
            raise signature.refuse(
                "a parameter is named 'result'",
                "give it another name: in a compensation, 'result' is what the activity returned",
            )
        self.parameters = signature.parameters
        self.result_annotation = signature.result_annotation
        self.function = function
        self.is_async = signature.is_async
        self.raises = check.checked_raises(signature, options.raises)
        self.retry = check.checked_retry(signature, options.retry)
        self.timeout = check.checked_timeout(signature, options.timeout)
        self.non_retryable = check.checked_non_retryable(signature, options.non_retryable)
        self.concurrency = check.checked_concurrency(signature, options.concurrency)
        check.check_choice(signature, "on_exhausted", options.on_exhausted, ["raise", "suspend"])
        self.on_exhausted: OnExhausted = options.on_exhausted
        self.pivot = check.checked_flag(signature, "pivot", options.pivot)
        self.probe: Probe | None = None
        self.on_unknown: OnUnknown = "retry"
        if isinstance(options.on_unknown, Verify):
            self.probe = Probe(self, options.on_unknown, frame)
        else:
            choices = ["retry", "compensate", "verify(probe)"]
            check.check_choice(signature, "on_unknown", options.on_unknown, choices)
            self.on_unknown = options.on_unknown
        self.compensation: Compensation[..., Any] | None = None
        self._arguments = signature.arguments_type()
        self._result = signature.result_type()
        self.__wrapped__ = function
        self.__name__ = self.name

    # Not Coroutine[Any, Any, R]: of several of those mypy takes `gather` to give Any.
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[object, None, R]:
        """In a body: asks for the activity. Elsewhere: calls the function.

        Arguments are encoded at the call, so that a bad one raises there (PayloadError).
        """
        loop = _get_running_loop()
        if isinstance(loop, BodyLoop):
            asked = _ask(loop, self, self.encode_arguments(args, kwargs))
            asked.__qualname__ = self.name  # type: ignore[attr-defined]  # "was never awaited"
            return asked
        context = current.get(None)
        if context is not None:
            raise ActivityInsideActivity(self.name, f"an activity of {context.execution_id}")
        if self.is_async:
            return cast("Coroutine[object, None, R]", self.function(*args, **kwargs))
        return _call(self.function, args, kwargs)

    @overload
    def compensate(self, function: Callable[Q, N], /) -> Compensation[Q, N]: ...

    @overload
    def compensate(
        self,
        /,
        *,
        name: str | None = None,
        raises: Iterable[type[Failure]] = (),
        retry: Retry = FOR_EVER,
        timeout: float | None = None,
    ) -> CompensationDecorator: ...

    def compensate(self, function: Callable[..., Any] | None = None, /, **keywords: Any) -> Any:
        """Declares how the activity is undone: a decorator, bare or with options.

        The function takes any of the activity's parameters, by name and type, and `result`: what
        the activity returned, or None when it may or may not have happened.

        >>> @charge_credit_card.compensate
        ... async def refund_credit_card(result: Charge | None, amount: Decimal) -> None: ...
        """
        chosen = CompensationOptions(**keywords)
        if self.pivot:
            raise DeclarationError(
                self.subject,
                self.where,
                "a pivot is never undone, so it has no compensation",
                "leave out pivot=True, or the compensation",
            )

        def declare(function: Callable[..., Any], frame: FrameType) -> Compensation[..., Any]:
            declared = Compensation(self, function, chosen, frame)
            if self.compensation is not None:
                raise DeclarationError(
                    declared.subject,
                    declared.where,
                    f"the activity has {self.compensation.name!r} already "
                    f"({self.compensation.where})",
                    "keep one of them: an activity is undone in one way",
                )
            self.compensation = declared
            return declared

        if function is not None:
            return declare(function, sys._getframe(1))
        return lambda function: declare(function, sys._getframe(1))

    def encode_arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes:
        """The arguments of a call as recorded. TypeError when they do not fit the signature."""
        return self._arguments.encode_checked(self._arguments.bind(args, kwargs))[0]

    def decode_arguments(self, data: bytes) -> dict[str, Any]:
        """Recorded arguments by parameter name."""
        return self._arguments.decode(data)

    def canonical_arguments(self, data: bytes) -> bytes:
        """Equal arguments, equal bytes: for comparing recorded with present ones."""
        return self._arguments.canonical(data)

    def encode_result(self, value: R) -> tuple[bytes, R]:
        """A result as recorded, and as the body receives it."""
        return self._result.encode_checked(value)

    def decode_result(self, data: bytes) -> R:
        """A recorded result."""
        return cast("R", self._result.decode(data))

    def __repr__(self) -> str:
        return f"<{self.subject}, {self.where}>"


class ActivityDecorator(Protocol):
    """What `@activity(...)` gives."""

    @overload
    def __call__(self, function: Callable[P, Coroutine[Any, Any, R]], /) -> Activity[P, R]: ...

    @overload
    def __call__(self, function: Callable[P, R], /) -> Activity[P, R]: ...


@overload
def activity(function: Callable[P, Coroutine[Any, Any, R]], /) -> Activity[P, R]: ...


@overload
def activity(function: Callable[P, R], /) -> Activity[P, R]: ...


@overload
def activity(
    *,
    name: str | None = None,
    aliases: Iterable[str] = (),
    raises: Iterable[type[Failure]] = (),
    retry: Retry = FOR_EVER,
    timeout: float | None = None,
    non_retryable: Iterable[type[BaseException]] = (),
    on_exhausted: OnExhausted = "raise",
    on_unknown: OnUnknown | Verify = "retry",
    concurrency: int | None = None,
    pivot: bool = False,
) -> ActivityDecorator: ...


def activity(function: Callable[..., Any] | None = None, /, **keywords: Any) -> Any:
    """Declares an activity: a decorator for a sync or async function, bare or with options.

    `raises`: the failures that are outcomes; anything else raised is a defect, retried by `retry`
    but for the classes in `non_retryable`. `timeout`: seconds for each attempt. `on_exhausted`:
    what follows when `retry` gives up. `on_unknown`: what follows a timeout or a crash, see also
    `verify`. `concurrency`: attempts at one time. `pivot`: the point of no return, after which
    nothing is rolled back. `name` and `aliases`: what it is and was recorded as.

    >>> @activity(raises=[OutOfStock], timeout=10)
    ... async def send_order_to_shipping(order_id: str, tracking_id: str) -> None: ...
    """
    chosen = ActivityOptions(**keywords)
    if function is not None:
        return Activity(function, chosen, sys._getframe(1))
    return lambda function: Activity(function, chosen, sys._getframe(1))


async def _ask(loop: BodyLoop, activity: Activity[..., Any], arguments: bytes) -> Any:
    asked = loop.request_activity(activity, arguments)
    del arguments  # the execution keeps them; this frame stays for as long as the activity runs
    return await asked


async def _call(function: Callable[..., R], args: tuple[Any, ...], kwargs: dict[str, Any]) -> R:
    return function(*args, **kwargs)
