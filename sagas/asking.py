"""What the body asked for becomes events: starts, timers, suspensions, and what it drops.

The requests of one feed get their ordinals here, live, as one contiguous range; on replay they take
the recorded ones.
"""

from typing import TYPE_CHECKING

from perdure.domain import events
from perdure.domain.records import Phase
from perdure.sagas.body import BodyRun
from perdure.sagas.requests import ActivityRequest, Request, SuspendRequest, TimerRequest

if TYPE_CHECKING:
    from perdure.sagas.live_execution import LiveExecution


def collect(execution: "LiveExecution", feed: int) -> None:
    """Records what the body asked for after this feed."""
    body = execution.body
    assert body is not None
    new, dropped = body.asked()
    for request in new:
        if isinstance(request, ActivityRequest):
            execution.forward.see(request.activity)
    record_versions(execution, body)
    for request in dropped:
        drop(execution, request, feed)
    among = len(new)
    for request in new:
        ordinal = body.next_ordinal
        body.next_ordinal += 1
        body.number(request, ordinal)
        ask(execution, request, feed, among)


def record_versions(execution: "LiveExecution", body: BodyRun) -> None:
    """Records what version() answered for the first time."""
    versions, body.loop.new_versions = body.loop.new_versions, []
    for change, number in versions:
        execution.record(events.VersionRecorded(time=execution.now(), change=change, number=number))


def ask(execution: "LiveExecution", request: Request, feed: int, among: int) -> None:
    """Records a new request, which has its ordinal."""
    match request:
        case ActivityRequest():
            execution.forward.ask(request, feed, among)
        case TimerRequest():
            ordinal, due = request.ordinal, request.due
            execution.record(
                events.TimerSet(
                    time=execution.now(), ordinal=ordinal, due=due, feed=feed, among=among
                )
            )
            execution.timers.append((execution.state.version, ordinal))
        case SuspendRequest():
            execution.record(
                events.ExecutionSuspended(
                    time=execution.now(),
                    cause="asked",
                    reason=request.reason,
                    ordinal=request.ordinal,
                    feed=feed,
                    among=among,
                )
            )


def drop(execution: "LiveExecution", request: Request, feed: int) -> None:
    """Records that the body waits for this no longer."""
    ordinal = request.ordinal
    match request:
        case TimerRequest():
            execution.record(
                events.TimerCancelled(time=execution.now(), ordinal=ordinal, feed=feed)
            )
        case ActivityRequest() if execution.forward.unstarted.pop(ordinal, None) is None:
            activity, record = request.activity, execution.state.open.get(ordinal)
            backing_off = record is not None and record.phase is Phase.BACKING_OFF
            verify = (
                backing_off and activity.probe is not None and activity.compensation is not None
            )
            execution.record(
                events.ActivityAbandoned(
                    time=execution.now(), ordinal=ordinal, feed=feed, verify=verify
                )
            )
            if verify:
                execution.forward.schedule(ordinal)
            execution.forward.withdrawals.append((execution.state.version, ordinal))
