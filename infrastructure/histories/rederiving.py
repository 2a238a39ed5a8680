"""With the code at hand: what the body asks for when it is given a scrubbed history.

The arguments that it makes of the stand-ins take the place of those that were recorded, so that
whatever it does to texts, the history replays, and nothing of the old texts is left.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Raw

from perdure.domain import events
from perdure.domain.errors import PerdureError
from perdure.domain.events import Event
from perdure.domain.execution import fold
from perdure.infrastructure.histories.document import History
from perdure.infrastructure.histories.scrubbing import Accepts
from perdure.sagas.activity import Activity
from perdure.sagas.body import BodyRun, RequestEvent
from perdure.sagas.failure import decode_failure
from perdure.sagas.leaks import Leaks
from perdure.sagas.replay import Feeding, Recorded
from perdure.sagas.requests import ActivityRequest, Request, SuspendRequest, TimerRequest
from perdure.sagas.workflow import Workflow

Known = Mapping[str, Activity[..., Any]]


def reads(workflow: Workflow[Any, Any], stream: list[Event], known: Known) -> Accepts:
    """Whether today's types read a payload; those of activities that are not known read any."""
    names = {e.ordinal: e.activity for e in stream if isinstance(e, events.ActivityStarted)}

    def accepts(event: Event, data: bytes) -> bool:
        activity = known.get(names.get(getattr(event, "ordinal", 0), ""))
        try:
            match event:
                case events.ExecutionStarted():
                    workflow.decode_request(data)
                case events.ActivitySucceeded() if activity is not None:
                    activity.decode_result(data)
                case events.ActivityFailed(failure=failure) if activity and failure:
                    decode_failure(failure.name, data, activity.raises)
        except (LookupError, ValueError, PerdureError):
            return False
        return True

    return accepts


def rederived(workflow: Workflow[Any, Any], history: History) -> History:
    """The history with the arguments that the body makes of it. Raises Blocked.

    Call it where no task runs. What does not fit is left, and a replay will tell.
    """
    stream = list(history.events)
    state, recorded, feeding = fold(history.execution_id, stream), Recorded(stream), Feeding()
    body = BodyRun(workflow, history.execution_id)
    body.loop.versions.update(state.versions)
    arguments: dict[int, bytes] = {}
    try:
        for version, event in enumerate(stream, 1):
            if isinstance(event, events.CompensationBegan):
                break
            feeding.note(event)
            for feed, fed, value in feeding.take(version, event):
                body.loop.edge, body.loop.feed = version >= recorded.last_significant, feed
                if isinstance(fed, events.ExecutionStarted):
                    body.begin(workflow.decode_request(state.request), fed.time)
                else:
                    body.feed(fed, value)
                _number(body, feeding, recorded.asked.get(feed, []), arguments)
    finally:
        if not body.dismiss():
            Leaks().keep(body)
    made = [
        msgspec.structs.replace(event, arguments=Raw(arguments[event.ordinal]))
        if isinstance(event, events.ActivityStarted)
        and event.attempt == 1
        and event.ordinal in arguments
        else event
        for event in stream
    ]
    return History(history.execution_id, made, history.source)


def _number(
    body: BodyRun, feeding: Feeding, expected: list[RequestEvent], arguments: dict[int, bytes]
) -> None:
    """Gives each request the ordinal of a recorded one of its name: the same one where there is."""
    new, dropped = body.asked()
    for request in dropped:
        feeding.drop(request.ordinal)
    if any(isinstance(request, SuspendRequest) for request in new):
        feeding.suspend()
    left = list(expected)
    for request in sorted(new, key=lambda each: not any(_is(each, e, True) for e in left)):
        event = next((e for e in left if _is(request, e, True)), None)
        event = event or next((e for e in left if _is(request, e, False)), None)
        if event is None:
            body.number(request, body.next_ordinal + len(expected) + len(body.open))
            continue
        left.remove(event)
        body.number(request, event.ordinal)
        if isinstance(request, ActivityRequest):
            arguments[event.ordinal] = request.arguments
    body.next_ordinal += len(new)


def _is(request: Request, event: RequestEvent, exactly: bool) -> bool:  # noqa: FBT001
    match request, event:
        case ActivityRequest(), events.ActivityStarted():
            names = (request.activity.name, *request.activity.aliases)
            same = not exactly or request.arguments == bytes(event.arguments)
            return event.activity in names and same
        case TimerRequest(), events.TimerSet():
            return not exactly or request.due == event.due
        case SuspendRequest(), events.ExecutionSuspended():
            return True
        case _:
            return False
