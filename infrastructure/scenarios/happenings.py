"""What may happen to an execution, as tests say it: an activity ends, a timer fires, a cancel.

Each becomes the event that an engine would record. One that cannot happen there fails the test: the
body has to wait for it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Generic, ParamSpec, TypeAlias, TypeVar

from msgspec import Raw

from perdure.domain import events
from perdure.domain.events import Event, RecordedError
from perdure.domain.execution import Execution
from perdure.infrastructure.scenarios.activation import Activation
from perdure.infrastructure.scenarios.words import call_in_words, open_in_words
from perdure.sagas.activity import Activity
from perdure.sagas.failure import Failure
from perdure.sagas.outcomes import recorded_failure
from perdure.sagas.requests import TimerRequest

P = ParamSpec("P")
R = TypeVar("R")

Outcome: TypeAlias = Callable[[int, int], Event]
"""Of time and ordinal."""


@dataclass(frozen=True, slots=True)
class ActivityEnded(Generic[P]):
    """An activity's outcome. Of several calls that are open the first one, or see `called_with`."""

    activity: Activity[P, Any]
    outcome: Outcome
    words: str
    arguments: bytes | None = None

    def called_with(self, *args: P.args, **kwargs: P.kwargs) -> "ActivityEnded[P]":
        """The call with these arguments, where several of one activity are open.

        >>> activity_succeeded(reserve, "r-2").called_with(order_id="o-2")
        """
        arguments = self.activity.encode_arguments(args, kwargs)
        words = f"{self.words} called with {call_in_words(self.activity, arguments)}"
        return replace(self, arguments=arguments, words=words)

    def event(self, activation: Activation) -> Event:
        """What is recorded. AssertionError where the body does not wait for it."""
        for request in activation.waiting(self.activity):
            if self.arguments is None or request.arguments == self.arguments:
                return self.outcome(activation.now, request.ordinal)
        raise AssertionError(
            f"{self.words} cannot happen: the body does not wait for {self.activity.name}; "
            f"it waits for {open_in_words(activation)}"
        )


@dataclass(frozen=True, slots=True)
class Occurrence:
    """Anything else that happens."""

    words: str
    event: Callable[[Activation], Event]


@dataclass(frozen=True, slots=True)
class Passed:
    """version() has answered before."""

    words: str
    change: str
    number: int


Happening: TypeAlias = ActivityEnded[...] | Occurrence
Given: TypeAlias = Happening | Passed


def activity_succeeded(activity: Activity[P, R], result: R) -> ActivityEnded[P]:
    """An activity that the body has asked for returns this. PayloadError for what it cannot.

    >>> activity_succeeded(charge_credit_card, Charge(reference="r-1"))
    """
    data, _ = activity.encode_result(result)
    return ActivityEnded(
        activity,
        lambda time, ordinal: events.ActivitySucceeded(
            time=time, ordinal=ordinal, attempt=1, result=Raw(data)
        ),
        f"activity_succeeded({activity.name}, {result!r})",
    )


def activity_failed(activity: Activity[P, Any], failure: Failure) -> ActivityEnded[P]:
    """An activity that the body has asked for ends in a failure that it declares.

    AssertionError for another one: it would suspend the execution, and the body would not hear.

    >>> activity_failed(send_order_to_shipping, OutOfStock(sku="espresso-machine"))
    """
    words = f"activity_failed({activity.name}, {failure!r})"
    if not isinstance(failure, activity.raises):
        declared = ", ".join(each.__name__ for each in activity.raises) or "none"
        raise AssertionError(
            f"{words} cannot happen: {activity.name} declares {declared}; add it to raises=[...]"
        )
    recorded = recorded_failure(failure)
    return ActivityEnded(
        activity,
        lambda time, ordinal: events.ActivityFailed(
            time=time, ordinal=ordinal, attempt=1, failure=recorded
        ),
        words,
    )


def activity_gave_up(
    activity: Activity[P, Any], error: str = "it failed", *, attempts: int = 1
) -> ActivityEnded[P]:
    """Its retry policy has given up: the body hears RetriesExhausted, its effect is unknown."""
    recorded = RecordedError(type="Exception", text=error)
    return ActivityEnded(
        activity,
        lambda time, ordinal: events.ActivityFailed(
            time=time, ordinal=ordinal, attempt=attempts, error=recorded
        ),
        f"activity_gave_up({activity.name}, {error!r})",
    )


def timer_fired() -> Occurrence:
    """The timer that is due first fires, at its time: a sleep, a timeout."""

    def event(activation: Activation) -> Event:
        timers = [each for each in activation.body.open.values() if isinstance(each, TimerRequest)]
        if not timers:
            raise AssertionError(
                "timer_fired() cannot happen: the body has set no timer; "
                f"it waits for {open_in_words(activation)}"
            )
        first = min(timers, key=lambda each: (each.due, each.ordinal))
        return events.TimerFired(time=max(first.due, activation.now), ordinal=first.ordinal)

    return Occurrence("timer_fired()", event)


def cancelled(reason: str = "cancelled") -> Occurrence:
    """Somebody cancels the execution: the body gets its CancelledError."""
    return Occurrence(
        f"cancelled({reason!r})",
        lambda activation: events.CancellationRequested(time=activation.now, reason=reason),
    )


def resumed() -> Occurrence:
    """Somebody resumes the execution, which is suspended."""

    def event(activation: Activation) -> Event:
        state: Execution = activation.state
        if not state.suspended:
            raise AssertionError(
                "resumed() cannot happen: the execution is not suspended; "
                f"the body waits for {open_in_words(activation)}"
            )
        return events.ExecutionResumed(time=activation.now)

    return Occurrence("resumed()", event)


def passed_version(change: str, number: int) -> Passed:
    """The execution has passed version() before, which answered this: 1 for the old way.

    >>> given(process_payment, request, passed_version("check-card", 1))
    """
    return Passed(f"passed_version({change!r}, {number})", change, number)
