"""What operators decide on a compensation that cannot be performed, and what a rollback would do.

Each decision is an event. It is taken when the compensation is stuck, waits for its next attempt or
cannot even be started by this code; never while an attempt of it is in flight.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import msgspec
from msgspec import Raw

from perdure.domain import events, rollback
from perdure.domain.errors import Blocked, PerdureError, UnknownCode
from perdure.domain.events import NOTHING, End, Undo
from perdure.domain.execution import Execution
from perdure.domain.records import Phase
from perdure.domain.refusals import CannotResolve
from perdure.sagas.activity import Activity
from perdure.sagas.live_execution import LiveExecution

How: TypeAlias = Literal["retry", "replace", "skip", "by_hand"]
HOWS: tuple[str, ...] = get_args(How)
ANYBODY = End(kind="cancelled", reason="a rollback that is only planned")


def check(how: str, reason: str, arguments: Mapping[str, Any] | None) -> None:
    """ValueError for a decision that says too little or too much."""
    if how not in HOWS:
        raise ValueError(f"resolve({how!r}): say one of {', '.join(map(repr, HOWS))}")
    if how in ("skip", "by_hand") and not reason:
        raise ValueError(f'resolve({how!r}) needs a reason="...": it is recorded')
    if (how == "replace") is not (arguments is not None):
        raise ValueError('arguments={...} goes with resolve("replace"), and only with that')


def resolve(
    live: LiveExecution, how: How, reason: str, arguments: Mapping[str, Any] | None
) -> None:
    """Records the decision and goes on. Raises CannotResolve where there is nothing to decide."""
    state = live.state
    going_back = state.rollback
    undo = going_back.next() if going_back is not None else None
    if going_back is None or undo is None or state.end is not None:
        raise CannotResolve(live.id, "no compensation of it waits for a decision")
    current = going_back.current
    if current is not None and current.phase is Phase.IN_FLIGHT:
        what = current.undo.compensation
        raise CannotResolve(live.id, f"an attempt of {what} is in flight; wait for its end")
    data = NOTHING
    if arguments is not None:
        data = Raw(_replaced(live, undo, arguments))
    live.blocked = None
    live.take(
        events.CompensationResolved(
            time=live.now(), undoes=undo.undoes, how=how, reason=reason, arguments=data
        )
    )


def _replaced(live: LiveExecution, undo: Undo, arguments: Mapping[str, Any]) -> bytes:
    assert live.backward is not None
    record = live.state.activities[undo.undoes]
    try:
        compensation = live.backward.compensation(undo)
        return compensation.replaced(record.arguments, record.result, arguments)
    except (Blocked, PerdureError, ValueError, TypeError) as error:
        raise CannotResolve(live.id, f"the arguments do not fit: {error}") from error


@dataclass(frozen=True, slots=True)
class PlannedUndo:
    """One step of a rollback: done already, or still to do.

    `outcome` "unknown": the activity may or may not have happened. `arguments` and `result` are
    JSON values as recorded of the activity.
    """

    activity: str
    ordinal: int
    compensation: str
    outcome: str
    arguments: Any
    result: Any
    done: bool = False


def planned(
    execution: Execution, activity_of: Callable[[str], Activity[..., Any]]
) -> list[PlannedUndo]:
    """What a rollback would undo now, in that order; of one under way, its whole plan.

    After its end an execution has the plan that was carried out. UnknownCode for an activity
    that this code does not know.
    """

    def compensation_of(name: str) -> str | None:
        found = activity_of(name).compensation
        return found.name if found is not None else None

    going_back = execution.rollback
    if going_back is not None:
        steps, done = going_back.plan, going_back.done
    elif execution.end is not None:
        steps, done = (), 0
    else:
        steps, done = rollback.plan(execution, ANYBODY, compensation_of), 0
    return [_planned(execution, undo, place < done) for place, undo in enumerate(steps)]


def _planned(execution: Execution, undo: Undo, done: bool) -> PlannedUndo:  # noqa: FBT001
    record = execution.activities[undo.undoes]
    return PlannedUndo(
        activity=undo.activity,
        ordinal=undo.undoes,
        compensation=undo.compensation,
        outcome=undo.outcome,
        arguments=msgspec.json.decode(record.arguments),
        result=None if record.result is None else msgspec.json.decode(record.result),
        done=done,
    )


def known(
    execution_id: str, found: Mapping[str, Activity[..., Any]]
) -> Callable[[str], Activity[..., Any]]:
    """Looks an activity up by name; UnknownCode when it is not among these."""

    def activity_of(name: str) -> Activity[..., Any]:
        if name not in found:
            raise UnknownCode(execution_id, "activity", name)
        return found[name]

    return activity_of
