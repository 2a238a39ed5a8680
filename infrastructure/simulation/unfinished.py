"""What everybody waits for, when nothing will happen any more: the states of what has not ended."""

from collections.abc import Mapping

from perdure.domain.errors import Undecodable
from perdure.domain.execution import fold
from perdure.domain.journal import ENDED_STATES
from perdure.domain.states import (
    BlockedByCode,
    Compensating,
    Running,
    State,
    Stuck,
    Suspended,
    Waiting,
    state_at,
    word_of,
)
from perdure.infrastructure.memory.log import Log

TOLD_LIMIT = 20  # executions


def unfinished(log: Log, known: Mapping[str, State], now: int) -> str:
    """In one line. `known`: the states of what an engine has in memory; `now` as a clock's."""
    states: dict[str, State] = {}
    for name, row in log.executions.items():
        if row.state in ENDED_STATES:
            continue
        if name in known:
            states[name] = known[name]
        elif not isinstance(stream := log.read([name])[name], Undecodable):
            states[name] = state_at(fold(name, stream), now, row)
    if not states:
        return "no execution is unfinished: it is the test that waits"
    told = [f"{name} {_told(states[name])}" for name in sorted(states)]
    more = [f"and {len(told) - TOLD_LIMIT} more"] if len(told) > TOLD_LIMIT else []
    return "; ".join(told[:TOLD_LIMIT] + more)


def _told(state: State) -> str:
    """What an unfinished execution does or waits for."""
    match state:
        case Running(activities, queued):
            more = f"; {', '.join(queued)} has no slot" if queued else ""
            return f"runs {', '.join(activities)}{more}"
        case Waiting(what, until):
            return f"waits for {what}" + ("" if until is None else f" at {until.isoformat()}")
        case Suspended(reason) | BlockedByCode(reason):
            return f"is {word_of(state)}: {reason}"
        case Stuck(activity, reason):
            return f"is stuck, {activity} could not be undone: {reason}"
        case Compensating(left):
            return f"is being rolled back, to undo: {', '.join(left)}"
        case _:
            return f"has {word_of(state)}"
