"""How a live execution is: what its stream tells, and what besides only memory knows.

That is who waits for a slot, and what a body waits for inside itself; neither has an event. The
stream decides the word (`states`), so that whoever only reads the journal says the same one.
"""

from typing import TYPE_CHECKING

from perdure.domain.execution import Execution
from perdure.domain.records import Phase
from perdure.domain.states import (
    UNRECORDED,
    BlockedByCode,
    Running,
    State,
    Waiting,
    instant,
    state_at,
    waits_of,
)
from perdure.sagas.suspects import is_suspect
from perdure.sagas.whereabouts import waits_within

if TYPE_CHECKING:
    from perdure.sagas.live_execution import LiveExecution


def standing(execution: "LiveExecution") -> State:
    """Its state now."""
    state = execution.state
    if execution.blocked is not None and state.end is None:
        return BlockedByCode(str(execution.blocked), execution.workflow.code_fingerprint)
    now = execution.around.clock.now()
    told = state_at(state, now)
    if execution.parked or not isinstance(told, Running | Waiting):
        return told
    unstarted = (request.activity.name for request, _, _ in execution.forward.unstarted.values())
    queued = (*unstarted, *overdue(state, now))
    if isinstance(told, Running):
        return Running(told.activities, queued)
    if queued:
        return _for_slots(queued, [wait for wait in waits_of(state) if wait[0] > now])
    return Waiting(_within(execution)) if told is UNRECORDED else told


def overdue(state: Execution, now: int) -> list[str]:
    """The activities whose next attempt is due and not begun; not suspects: they wait for others"""
    return [
        record.name
        for record in state.open.values()
        if record.phase is Phase.BACKING_OFF and not is_suspect(record)
        if record.due is not None and record.due <= now
    ]


def _for_slots(queued: tuple[str, ...], later: list[tuple[int, str]]) -> Waiting:
    slots = f"a slot for {', '.join(queued)}"
    if not later:
        return Waiting(slots)
    due, what = min(later)
    return Waiting(f"{slots}, or {what}", instant(due))


def _within(execution: "LiveExecution") -> str:
    body = execution.body
    if execution.forward.lingering:
        return "a thread that outlives its timeout"
    if body is None:
        return "its body, which is read again"
    return ", ".join(waits_within(body.loop.tasks)) or UNRECORDED.waits_for
