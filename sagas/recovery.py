"""Recovery: an execution read from the journal goes on where it stopped.

Forward by replay, backward by its compensations. What was in flight when the runner died counts as
an attempt that crashed. Everything else is the one attempt of `live_execution`.
"""

import asyncio
from typing import Any

from perdure.domain import events
from perdure.domain.errors import Blocked, PerdureError, Undecodable
from perdure.domain.events import Event
from perdure.domain.execution import Execution, fold
from perdure.domain.records import Phase
from perdure.sagas.activity import Activity
from perdure.sagas.asking import ask, drop, record_versions
from perdure.sagas.backward import Backward
from perdure.sagas.callbacks import in_callback
from perdure.sagas.index import delayed
from perdure.sagas.leaks import Leaks
from perdure.sagas.live_execution import LiveExecution
from perdure.sagas.outcomes import after_crash, cancelled
from perdure.sagas.replay import Feeding, Replay, replay
from perdure.sagas.requests import ActivityRequest, SuspendRequest, TimerRequest
from perdure.sagas.settling import asked_first
from perdure.sagas.workflow import Workflow


def load(execution: LiveExecution, stream: list[Event], *, stopped: bool = False) -> None:
    """Makes it what its stream says, records what a crash left open, and goes on.

    Attempts that still run here are kept. Call `submit` afterwards. Raises Undecodable, with
    nothing done, when the events of the stream contradict each other.
    """
    state = fold(execution.id, stream)
    execution.leave_body()
    execution.state, execution.loaded = state, True
    execution.stored_version = state.version
    execution.events, execution.blocked, execution.end = [], None, None
    execution.feeding, execution.backward = Feeding(), None
    if state.goes_forward:
        execution.blocked = execution.around.leaks.blocked.get(execution.id)
    if execution.blocked is not None:
        return
    if state.end is not None or state.suspended or delayed(execution):
        return  # a suspended one is replayed when it goes on
    try:
        replayed = _replayed(execution, stream)
        if state.rollback is None:
            assert replayed is not None
            go_forward(execution, replayed, stopped=stopped)
        else:
            execution.leave_body()
            go_back(execution, stopped=stopped)
    except Blocked as error:
        execution.block(error)


def _replayed(execution: LiveExecution, stream: list[Event]) -> Replay | None:
    """The replayed forward part. In a rollback it only tells which activities there are."""
    state, workflow = execution.state, execution.workflow
    replayed: Replay | None = None
    try:
        try:
            request = workflow.decode_request(state.request)
        except (ValueError, PerdureError) as error:
            raise Undecodable(execution.id, "the request", str(error)) from error
        leaks = execution.around.leaks
        replayed = replay(workflow, execution.id, request, stream, state.versions, leaks=leaks)
    except Blocked:
        if state.rollback is None:
            raise
        return None  # undone by name, from the activities that the engine was opened with
    execution.body = replayed.body  # from here on it is left with the execution
    for activity in replayed.body.activities.values():
        execution.forward.see(activity)
    return replayed


async def activities_of(
    workflow: Workflow[Any, Any],
    state: Execution,
    stream: list[Event],
    loop: asyncio.AbstractEventLoop,
    leaks: Leaks,
) -> dict[str, Activity[..., Any]]:
    """The activities that the body has called so far, by a replay that nothing comes of."""
    found: dict[str, Activity[..., Any]] = {}

    def look() -> None:
        request = workflow.decode_request(state.request)
        replayed = replay(workflow, state.id, request, stream, state.versions, leaks=leaks)
        found.update(replayed.body.activities)
        if not replayed.body.dismiss():
            leaks.keep(replayed.body)

    await in_callback(loop, look)
    return found


def go_forward(execution: LiveExecution, replayed: Replay, *, stopped: bool) -> None:
    """Takes the replayed body over, and everything that waits."""
    execution.feeding = replayed.feeding
    record_versions(execution, replayed.body)
    for request, feed in replayed.dropped:
        drop(execution, request, feed)
    for ordinal, (request, feed, among) in replayed.unrecorded.items():
        match request:
            case ActivityRequest():  # takes its slot below, after what the crash left open
                execution.forward.unstarted[ordinal] = (request, feed, among)
            case TimerRequest() | SuspendRequest():
                ask(execution, request, feed, among)
    crashed(execution, stopped=stopped)
    execution.conclude()
    rearm(execution)


def go_back(execution: LiveExecution, *, stopped: bool) -> None:
    """Takes the rollback up where it stopped."""
    backward = execution.backward = Backward(execution)
    backward.crashed(stopped=stopped)
    if execution.blocked is None:
        backward.rearm()


def crashed(execution: LiveExecution, *, stopped: bool) -> None:
    """Records attempts that were in flight when their runner ended, and tries them again."""
    forward = execution.forward
    for ordinal, record in list(execution.state.open.items()):
        if record.phase is not Phase.IN_FLIGHT or ordinal in forward.attempts:
            continue
        now = execution.now()
        try:
            activity = forward.activity(record.name)
        except Blocked:
            if not record.abandoned:
                raise
            following = [cancelled(record, now)]
        else:
            fraction = execution.around.randomness.fraction()
            following = after_crash(activity, record, now, fraction, stopped=stopped)
            following = asked_first(activity, record, following)
        for event in following:
            execution.take(event)
        forward.due(ordinal)


def cancel(execution: LiveExecution, reason: str) -> None:
    """Records the request to cancel, and lets what was parked go on to its end."""
    left = execution.body is None and execution.state.rollback is None
    execution.take(events.CancellationRequested(time=execution.now(), reason=reason))
    if not left:
        rearm(execution)


def rearm(execution: LiveExecution) -> None:
    """After a load or a resumption: timers, retries, and what waits for a slot."""
    if execution.parked or execution.state.end is not None:
        return
    if execution.backward is not None:
        if execution.state.rollback is not None:
            execution.backward.rearm()
        return
    execution.forward.rearm()
    for ordinal, due in execution.state.timers.items():
        execution.around.timers.add(due, ordinal, execution.timer_due)
