"""What has to be undone when a body has ended, and which terminal event that leads to.

Rules of section 4 of the design: settle first; unknown ones, latest start first, then the completed
ones in reverse order of completion; after a success only what is unknown is settled.
"""

from collections.abc import Callable

from perdure.domain import events
from perdure.domain.events import End, Undo
from perdure.domain.execution import Execution
from perdure.domain.records import ActivityRecord, Phase


def settled(execution: Execution) -> bool:
    """Whether the outcome of every activity is known or known to stay unknown."""
    return not execution.open


def plan(
    execution: Execution, end: End, compensation_of: Callable[[str], str | None]
) -> tuple[Undo, ...]:
    """What is undone before this end, in that order.

    `compensation_of` gives the name of the compensation that today's code declares for an
    activity, None if it declares none. Past its pivot an execution has nothing to undo.
    """
    if execution.pivot is not None:
        return ()
    records = execution.activities.values()
    unknown = sorted(
        (record for record in records if record.phase is Phase.GIVEN_UP),
        key=lambda record: -record.started_version,
    )
    completed = sorted(
        (record for record in records if record.phase is Phase.SUCCEEDED),
        key=lambda record: -record.ended_version,
    )
    steps = [_undo(record, compensation_of(record.name), "unknown") for record in unknown]
    if end.kind != "succeeded":
        steps += [_undo(record, compensation_of(record.name), "succeeded") for record in completed]
    return tuple(step for step in steps if step is not None)


def _undo(record: ActivityRecord, compensation: str | None, outcome: str) -> Undo | None:
    if compensation is None:
        return None
    return Undo(
        undoes=record.ordinal,
        activity=record.name,
        compensation=compensation,
        outcome="succeeded" if outcome == "succeeded" else "unknown",
    )


def terminal(end: End, undone: list[Undo], skipped: list[Undo], time: int) -> events.Terminal:
    """The one event that ends an execution."""
    names = tuple(undo.activity for undo in undone)
    left = tuple(undo.activity for undo in skipped)
    match end.kind:
        case "succeeded":
            return events.ExecutionSucceeded(time=time, result=end.result)
        case "cancelled":
            return events.ExecutionCancelled(time=time, end=end, undone=names, skipped=left)
        case "failed" | "defect":
            if names or left:
                return events.ExecutionCompensated(time=time, end=end, undone=names, skipped=left)
            return events.ExecutionFailed(time=time, end=end)
