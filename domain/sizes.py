"""How much of users' data an event carries: what bounds a flush."""

from perdure.domain import events
from perdure.domain.events import Event


def payload_bytes(event: Event) -> int:
    """How large the payloads of users in this event are, all of them together."""
    match event:
        case events.ActivityStarted():
            return len(event.arguments)
        case events.ActivitySucceeded() | events.ExecutionSucceeded():
            return len(event.result)
        case events.ExecutionStarted():
            return len(event.request)
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
