"""The row of the `executions` index that belongs to a live execution: when it has to be written.

At the start, on a change of state, and with a due when the execution may leave memory until then;
never per step. Without a due its owner holds it: whoever comes next looks at it first.
"""

from typing import TYPE_CHECKING

from perdure.domain.journal import IndexRow
from perdure.domain.states import BlockedByCode, Stuck, Suspended, word_of
from perdure.sagas.requests import LAST_DUE
from perdure.sagas.surroundings import LEAVES_WHEN_DUE_AFTER

STAYS_WHEN_CROWDED = 500_000  # due sooner than this it would be back before it has left

if TYPE_CHECKING:
    from perdure.sagas.live_execution import LiveExecution


def index_change(execution: "LiveExecution") -> IndexRow | None:
    """The row as it is to be now; None when it says that already."""
    word = index_word(execution)
    due = leaving_due(execution) if word == "running" else None
    if word == "suspended":
        due = deadline_of(execution)
    if execution.index == (word, due):
        return None
    execution.index = (word, due)
    return index_row(execution, word, due)


def index_row(execution: "LiveExecution", word: str, due: int | None) -> IndexRow:
    state = execution.state
    return IndexRow(
        execution_id=execution.id,
        shard=execution.shard,
        workflow=execution.id.partition("@")[0],
        state=word,
        due=due,
        started=state.started,
        changed=execution.now(),
        reason="" if word == "running" else parked_reason(execution),
        tags=state.tags,
    )


def index_word(execution: "LiveExecution") -> str:
    """The state in one word, as the index has it: waiting is running there."""
    state = execution.state
    if state.end is None and state.rollback is None:
        if execution.blocked is not None:
            return "blocked"
        return "suspended" if state.suspended else "running"
    return word_of(execution.status())


def parked_reason(execution: "LiveExecution") -> str:
    """Why it is parked, in words; empty when it is not."""
    match execution.status():
        case Suspended(reason) | Stuck(_, reason):
            return reason
        case BlockedByCode() as blocked:
            return str(blocked)
        case _:
            return ""


def leaving_due(execution: "LiveExecution") -> int | None:
    """When it is due, if it can leave memory until then."""
    state = execution.state
    if delayed(execution):
        return state.started
    if execution.forward.busy:
        return None
    dues = list(state.timers.values())
    dues += [record.due for record in state.open.values() if record.due is not None]
    deadline = deadline_of(execution)
    if deadline is not None:
        dues.append(deadline)
    due = min(dues, default=None)
    if due is None:
        return None
    stays = STAYS_WHEN_CROWDED if execution.crowded else LEAVES_WHEN_DUE_AFTER
    return due if due > execution.now() + stays else None


def delayed(execution: "LiveExecution") -> bool:
    """Whether its time to start has not come yet. One that is begun at its start never is."""
    state = execution.state
    if not execution.loaded or state.version > 1:
        return False
    return state.started > execution.around.clock.now()


def deadline_of(execution: "LiveExecution") -> int | None:
    """When its deadline passes; None when there is none, or it does not count any more."""
    seconds, state = execution.workflow.deadline, execution.state
    if seconds is None or state.rollback is not None or state.end is not None:
        return None
    if state.cancellation is not None or state.pivot is not None:
        return None
    return min(state.started + round(seconds * 1_000_000), LAST_DUE)
