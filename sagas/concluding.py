"""How an execution comes to its end: settle first, then undo, then one terminal event.

What has to be undone is `domain.rollback`'s matter, undoing it `backward`'s.
"""

from typing import TYPE_CHECKING

from perdure.domain import events, rollback
from perdure.domain.errors import UnknownCode
from perdure.domain.events import RecordedError
from perdure.sagas.backward import Backward
from perdure.sagas.endings import as_error

if TYPE_CHECKING:
    from perdure.sagas.live_execution import LiveExecution


def conclude(execution: "LiveExecution") -> None:
    """Decides the end once the body has one, and nothing is in flight any more."""
    body, state = execution.body, execution.state
    if body is not None and body.ending is not None and execution.end is None:
        if isinstance(body.ending, RecordedError):
            _suspend_for(execution, body.ending, "defect of the body")
        elif state.pivot is not None and body.ending.kind != "succeeded":
            what = f"it cannot end like this after its pivot {state.pivot}, let it go on"
            _suspend_for(execution, as_error(body.ending), what)
        else:
            execution.end = body.ending
    end = execution.end
    if end is None or state.rollback is not None or state.end is not None:
        return
    if execution.forward.busy or not rollback.settled(state):
        return
    execution.leave_body()
    plan = rollback.plan(state, end, lambda name: _compensation_of(execution, name))
    if plan:
        execution.record(events.CompensationBegan(time=execution.now(), end=end, plan=plan))
        execution.backward = Backward(execution)
        execution.backward.undo()
    else:
        execution.record(rollback.terminal(end, [], [], execution.now()))


def _suspend_for(execution: "LiveExecution", error: RecordedError, what: str) -> None:
    execution.leave_body()
    if any(event.cause == "defect" for event in execution.state.suspended):
        return
    reason = f"{what}: {error}"
    execution.record(
        events.ExecutionSuspended(time=execution.now(), cause="defect", reason=reason, error=error)
    )


def _compensation_of(execution: "LiveExecution", activity: str) -> str | None:
    try:
        compensation = execution.forward.activity(activity).compensation
    except UnknownCode:  # undone by nothing that this code knows: say so, do not skip it
        return f"{activity}.compensate"
    return compensation.name if compensation is not None else None
