"""One execution's body on its loop: events in, requests out. No I/O, no clock, no appending.

`feed` gives one recorded event to the body and lets the loop come to rest; `asked` hands out what
the body then asks for. Live and on replay it is the same code. Numbering the requests and
comparing them with recorded ones is `replay`'s matter, performing them the attempt's.
"""

import asyncio
from contextvars import Context
from typing import Any, TypeAlias, TypeVar

from perdure.domain import events
from perdure.domain.errors import (
    NonDeterministicWorkflow,
    PerdureError,
    RetriesExhausted,
    Undecodable,
    UnknownCode,
)
from perdure.domain.events import End, Event, RecordedError
from perdure.sagas.activity import Activity
from perdure.sagas.endings import Ending, end_of_body
from perdure.sagas.failure import decode_failure
from perdure.sagas.loop import BodyLoop
from perdure.sagas.requests import ActivityRequest, Request, SuspendRequest, TimerRequest
from perdure.sagas.workflow import Workflow

FED = (
    events.ExecutionStarted,
    events.ActivitySucceeded,
    events.ActivityFailed,
    events.TimerFired,
    events.CancellationRequested,
    events.ExecutionResumed,
)
NOTHING: Any = object()

RequestEvent: TypeAlias = events.ActivityStarted | events.TimerSet | events.ExecutionSuspended

T = TypeVar("T", ActivityRequest, SuspendRequest, TimerRequest)


class BodyRun:
    """The body of one execution, from its start or its replay until it ends or is left."""

    __slots__ = (
        "activities",
        "cancellation",
        "cancelled",
        "ending",
        "loop",
        "main",
        "next_ordinal",
        "open",
        "workflow",
    )

    def __init__(self, workflow: Workflow[Any, Any], execution_id: str) -> None:
        self.workflow = workflow
        self.loop = BodyLoop(execution_id)
        self.main: asyncio.Task[Any] | None = None
        self.open: dict[int, Request] = {}
        self.activities: dict[str, Activity[..., Any]] = {}
        self.next_ordinal = 1
        self.cancellation: str | None = None
        self.cancelled: dict[asyncio.Task[Any], None] = {}  # what the main task left behind
        self.ending: Ending | None = None  # set when all tasks are through, or at a defect

    def begin(self, request: Any, time: int) -> None:
        """Feeds the start."""
        loop = self.loop
        loop.now = time
        if self.workflow.deadline is not None:
            loop.deadline = time + round(self.workflow.deadline * 1_000_000)
        body = self.workflow.function(request)
        self.main = loop.create_task(body, name=loop.execution_id, context=Context())
        self._rest()

    def feed(self, event: Event, value: Any = NOTHING) -> None:
        """Feeds one event. `value` is the decoded result, where it is at hand already.

        Raises Blocked when this code cannot take it.
        """
        loop = self.loop
        loop.now = max(loop.now, event.time)
        if isinstance(self.ending, RecordedError):  # a body with a defect takes nothing any more
            if isinstance(event, events.CancellationRequested):
                self.ending = End(kind="cancelled", reason=event.reason, error=self.ending)
                loop.dropped = list(self.open.values())  # nobody waits for any of them
            return
        cancelled = isinstance(event, events.CancellationRequested) and self.cancellation is None
        match event:
            case events.ActivitySucceeded():
                request = self._answered(event.ordinal, ActivityRequest)
                result = self._decode(request, event) if value is NOTHING else value
                request.set_result(result)
            case events.ActivityFailed():
                request = self._answered(event.ordinal, ActivityRequest)
                request.set_exception(self._error(request.activity, event))
            case events.TimerFired():
                loop.fire(self._answered(event.ordinal, TimerRequest).handle)
            case events.CancellationRequested() if self.cancellation is None:
                assert self.main is not None
                self.cancellation = event.reason
                self.main.cancel()
            case events.ExecutionResumed():
                self._resume()
        self._rest()
        if cancelled and self.ending is None:
            self._resume()  # of what the cancel did not reach: nothing is suspended any more
            self._rest()

    def asked(self) -> tuple[list[Request], list[Request]]:
        """New requests, and those of earlier feeds that the body waits for no longer."""
        loop = self.loop
        new = [request for request in loop.requests if request.open]
        dropped = loop.dropped
        if loop.requests:
            loop.requests = []
        if dropped:
            loop.dropped = []
            for request in dropped:
                self.open.pop(request.ordinal, None)
        return new, dropped

    def number(self, request: Request, ordinal: int) -> None:
        """Gives a request its place in the stream's order of requests."""
        request.ordinal = ordinal
        self.open[ordinal] = request
        if isinstance(request, ActivityRequest):
            self.activities.setdefault(request.activity.name, request.activity)

    def dismiss(self) -> bool:
        """Leaves the body without effect; see BodyLoop.dismiss."""
        return self.loop.dismiss()

    def _answered(self, ordinal: int, kind: type[T]) -> T:
        request = self.open.pop(ordinal, None)
        if not isinstance(request, kind):
            raise NonDeterministicWorkflow(
                self.loop.execution_id,
                f"request {ordinal}",
                f"{kind.__name__} {ordinal}, which was answered",
                describe(request) if request is not None else "nothing",
            )
        request.open = False
        return request

    def _resume(self) -> None:
        for ordinal, request in list(self.open.items()):
            if isinstance(request, SuspendRequest) and request.open:
                self._answered(ordinal, SuspendRequest).set_result(None)

    def _rest(self) -> None:
        """To rest, and if the main task has ended, to the end of what it left behind."""
        loop, main = self.loop, self.main
        loop.rest()
        assert main is not None
        if not main.done():
            return
        ending = end_of_body(self.workflow, self.cancellation, main)
        if isinstance(ending, RecordedError):  # this feed is fed again after a fix
            loop.requests, loop.dropped, loop.new_versions = [], [], []
            self.ending = ending
        elif self._leftovers_ended():
            self.ending = ending

    def _leftovers_ended(self) -> bool:
        """Cancels the remaining tasks, once each, and runs them; then closes the generators.

        As in asyncio.run: what those begin in a `finally` is left alone until they have ended.
        """
        loop = self.loop
        while True:
            left = [task for task in loop.tasks if not task.done()]
            if any(task in self.cancelled for task in left):
                return False  # they wait for something durable
            fresh = left
            if not left:
                generators = loop.open_generators()
                if not generators:
                    return True
                self.cancelled.update((loop.create_task(g.aclose()), None) for g in generators)
                loop.rest()
                continue
            for task in fresh:
                self.cancelled[task] = None
                task.cancel()
            loop.rest()

    def _decode(self, request: ActivityRequest, event: events.ActivitySucceeded) -> Any:
        try:
            return request.activity.decode_result(bytes(event.result))
        except (ValueError, PerdureError) as error:
            what = f"the result of {request.activity.name} (request {event.ordinal})"
            raise Undecodable(self.loop.execution_id, what, str(error)) from error

    def _error(self, activity: Activity[..., Any], event: events.ActivityFailed) -> Exception:
        failure = event.failure
        if failure is None:
            return RetriesExhausted(activity.name, event.attempt, str(event.error))
        execution_id = self.loop.execution_id
        try:
            error = decode_failure(failure.name, bytes(failure.data), activity.raises)
        except LookupError as unknown:
            name = f"{failure.name} of {activity.name}"
            raise UnknownCode(execution_id, "declared failure", name) from unknown
        except ValueError as undecodable:
            what = f"the failure {failure.name} of {activity.name}"
            raise Undecodable(execution_id, what, str(undecodable)) from undecodable
        return error


def describe(request: Request) -> str:
    """A request in words, for people who compare it with a recorded one."""
    match request:
        case ActivityRequest():
            arguments = request.arguments.decode(errors="replace")
            return f"activity {request.activity.name}({arguments})"
        case TimerRequest():
            return f"a timer due {request.due}"
        case SuspendRequest():
            return f"suspend({request.reason!r})"


def describe_event(event: RequestEvent) -> str:
    """A recorded request in the words of `describe`."""
    match event:
        case events.ActivityStarted():
            arguments = bytes(event.arguments).decode(errors="replace")
            return f"activity {event.activity}({arguments})"
        case events.TimerSet():
            return f"a timer due {event.due}"
        case events.ExecutionSuspended():
            return f"suspend({event.reason!r})"
