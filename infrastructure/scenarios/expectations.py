"""What a body may do when something has happened, as tests say it, and whether it did.

Facts are compared by keys and told in words. An expectation is of the result type of the workflow
that it can be of, so that type checkers see a wrong `ends_with`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Never, ParamSpec, TypeAlias, TypeVar

from perdure.domain.events import End, RecordedError
from perdure.infrastructure.scenarios.activation import Activation
from perdure.infrastructure.scenarios.words import SECOND, call_in_words, request_in_words
from perdure.sagas.activity import Activity
from perdure.sagas.failure import Failure
from perdure.sagas.outcomes import recorded_failure
from perdure.sagas.requests import (
    ActivityRequest,
    Request,
    SuspendRequest,
    TimerRequest,
    round_up_to_milliseconds,
)
from perdure.sagas.whereabouts import line_of

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

Key: TypeAlias = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that the body did."""

    key: Key
    words: str
    where: str = ""


@dataclass(frozen=True, slots=True)
class Expectation(Generic[R_co]):
    """One thing that the body is to do; `key` is what a fact has to begin with."""

    key: Callable[[Activation], Key]
    words: str

    def fits(self, fact: Fact, activation: Activation) -> bool:
        key = self.key(activation)
        return fact.key[: len(key)] == key


def asks_for(
    activity: Activity[P, Any], /, *args: P.args, **kwargs: P.kwargs
) -> Expectation[Never]:
    """It asks for this activity with these arguments.

    >>> asks_for(charge_credit_card, "token", Decimal("12.50"))
    """
    arguments = activity.encode_arguments(args, kwargs)
    key = ("activity", activity.name, activity.canonical_arguments(arguments))
    return Expectation(lambda _: key, f"asks for {call_in_words(activity, arguments)}")


def sets_timer(seconds: float) -> Expectation[Never]:
    """It sets a timer of so many seconds: a sleep, a timeout."""
    return Expectation(
        lambda activation: ("timer", due_in(seconds, activation.now)),
        f"sets a timer of {seconds:g} s",
    )


def suspends(reason: str | None = None) -> Expectation[Never]:
    """It suspends itself, for this reason or for any."""
    if reason is None:
        return Expectation(lambda _: ("suspend",), "suspends")
    return Expectation(lambda _: ("suspend", reason), f"suspends: {reason!r}")


def abandons(activity: Activity[..., Any]) -> Expectation[Never]:
    """It waits no longer for an activity that it has asked for: a timeout, a race lost."""
    return Expectation(lambda _: ("abandon", activity.name), f"abandons {activity.name}")


def ends_with(result: R) -> Expectation[R]:
    """It returns this result."""
    return Expectation(
        lambda activation: ("ended", activation.workflow.encode_result(result)[0]),
        f"ends with {result!r}",
    )


def fails_with(failure: Failure) -> Expectation[Never]:
    """It ends in this failure."""
    recorded = recorded_failure(failure)
    key = ("failed", recorded.name, bytes(recorded.data))
    return Expectation(lambda _: key, f"fails with {failure!r}")


def fails_exhausted() -> Expectation[Never]:
    """It ends because the retries of an activity are exhausted."""
    return Expectation(lambda _: ("failed", "RetriesExhausted"), "fails with RetriesExhausted")


def ends_cancelled() -> Expectation[Never]:
    """It ends by the request to cancel."""
    return Expectation(lambda _: ("cancelled",), "ends cancelled")


def raises(kind: type[BaseException], text: str | None = None) -> Expectation[Never]:
    """It has a defect: it raises what is no declared failure, and would be suspended for that."""
    key: Key = ("defect", kind.__qualname__) + (() if text is None else (text,))
    said = kind.__qualname__ if text is None else f"{kind.__qualname__}: {text}"
    return Expectation(lambda _: key, f"raises {said}")


def undoes(*activities: Activity[..., Any]) -> Expectation[Never]:
    """For this end these activities would be undone, in this order; none: nothing is.

    Compared only where it is expected.
    """
    names = tuple(each.name for each in activities)
    return Expectation(lambda _: ("undone", names), told_undone(names))


def asks_nothing() -> Expectation[Never]:
    """It goes on waiting: nothing new is asked for, nothing ends."""
    return Expectation(lambda _: ("nothing",), "asks for nothing new")


def told_undone(names: Sequence[str]) -> str:
    return f"undoes {', then '.join(names)}" if names else "undoes nothing"


def due_in(seconds: float, now: int) -> int:
    """As the loop of a body has it: in whole milliseconds, never early."""
    return round_up_to_milliseconds(now / SECOND + seconds)


def facts_of(activation: Activation) -> list[Fact]:
    """Everything that the body did when it was last fed."""
    found = [fact_of(request, activation.now) for request in activation.asked]
    found += [
        Fact(("abandon", each.activity.name), f"abandons {each.activity.name}")
        for each in activation.dropped
        if isinstance(each, ActivityRequest)
    ]
    ending = activation.ending
    if ending is not None:
        found.append(end_of(ending))
    return found or [Fact(("nothing",), "asks for nothing new")]


def undoing(activation: Activation) -> Fact:
    """What would be undone now that it has ended; nothing while it has not."""
    ending = activation.ending
    names = activation.undone(ending) if isinstance(ending, End) else ()
    return Fact(("undone", names), told_undone(names))


def fact_of(request: Request, now: int) -> Fact:
    words, where = request_in_words(request, now), line_of(request)
    match request:
        case ActivityRequest():
            activity = request.activity
            arguments = activity.canonical_arguments(request.arguments)
            return Fact(("activity", activity.name, arguments), words, where)
        case TimerRequest():
            return Fact(("timer", request.due), words, where)
        case SuspendRequest():
            return Fact(("suspend", request.reason), words, where)


def end_of(ending: End | RecordedError) -> Fact:
    if isinstance(ending, RecordedError):
        name = ending.type.rpartition(".")[2]
        return Fact(("defect", name, ending.text), f"raises {ending}")
    match ending.kind:
        case "succeeded":
            result = bytes(ending.result)
            return Fact(("ended", result), f"ends with {result.decode()}")
        case "failed":
            failure = ending.failure
            assert failure is not None
            told = f"fails with {failure.name}({failure.text})"
            return Fact(("failed", failure.name, bytes(failure.data)), told)
        case "cancelled":
            return Fact(("cancelled",), "ends cancelled")
        case "defect":
            assert ending.error is not None
            return end_of(ending.error)
