"""Requests, ends and lists of them in words, as the tests of users say them."""

from typing import Any

from perdure.domain.errors import PerdureError
from perdure.infrastructure.scenarios.activation import Activation
from perdure.sagas.activity import Activity
from perdure.sagas.requests import ActivityRequest, Request, SuspendRequest, TimerRequest

SECOND = 1_000_000


def call_in_words(activity: Activity[..., Any], arguments: bytes) -> str:
    """`ship(order_id='o-1')`."""
    try:
        decoded = activity.decode_arguments(arguments)
    except (ValueError, PerdureError):
        return f"{activity.name}({arguments.decode(errors='replace')})"
    return f"{activity.name}({', '.join(f'{name}={value!r}' for name, value in decoded.items())})"


def request_in_words(request: Request, now: int) -> str:
    """As the expectation of it is written."""
    match request:
        case ActivityRequest():
            return f"asks for {call_in_words(request.activity, request.arguments)}"
        case TimerRequest():
            return f"sets a timer of {(request.due - now) / SECOND:g} s"
        case SuspendRequest():
            return f"suspends: {request.reason!r}"


def open_in_words(activation: Activation) -> str:
    """What the body waits for, or that it has ended."""
    if activation.body.ending is not None:
        return "nothing: it has ended"
    told = []
    for request in activation.body.open.values():
        match request:
            case ActivityRequest():
                told.append(call_in_words(request.activity, request.arguments))
            case TimerRequest():
                told.append(f"a timer due in {(request.due - activation.now) / SECOND:g} s")
            case SuspendRequest():
                told.append("its resumption")
    return ", ".join(told) or "nothing that an engine could give it"
