"""How much of users' data an event carries: what bounds a flush."""

from collections.abc import Callable
from operator import attrgetter
from typing import Any

from msgspec import Raw

from perdure.domain import events
from perdure.domain.events import Event

# Nearly all events; looked up, since every event is weighed.
PAYLOADS: dict[type[Event], Callable[[Any], Raw]] = {
    events.ExecutionStarted: attrgetter("request"),
    events.ActivityStarted: attrgetter("arguments"),
    events.ActivitySucceeded: attrgetter("result"),
    events.ExecutionSucceeded: attrgetter("result"),
}


def payload_bytes(event: Event) -> int:
    """How large the payloads of users in this event are, all of them together."""
    payload = PAYLOADS.get(type(event))
    if payload is not None:
        return len(payload(event))
    match event:
        case events.CompensationResolved():
            return len(event.arguments)
        case events.ActivityFailed() | events.CompensationFailed():
            return len(event.failure.data) if event.failure is not None else 0
        case events.CompensationBegan() | events.ExecutionFailed() | events.ExecutionCompensated():
            end = event.end
            failures = end.also if end.failure is None else (end.failure, *end.also)
            return len(end.result) + sum(len(failure.data) for failure in failures)
        case _:
            return 0
