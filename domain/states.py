"""How an execution is, as a closed union: never just "pending".

`state_of` derives it from the fold; only Blocked is no matter of the stream but of the code that
runs, and is put over it by whoever knows.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from perdure.domain import events
from perdure.domain.execution import Execution, skipped_of, undone_of
from perdure.domain.records import Phase


@dataclass(frozen=True, slots=True)
class Running:
    """Attempts are in flight, or about to be: `activities` by name."""

    activities: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Waiting:
    """Nothing runs; goes on at `until`, for a timer or the next attempt of `waits_for`."""

    waits_for: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Suspended:
    """Parked on purpose until somebody resumes it."""

    reason: str


@dataclass(frozen=True, slots=True)
class BlockedByCode:
    """The code that runs here cannot go on with what is recorded."""

    reason: str


@dataclass(frozen=True, slots=True)
class Compensating:
    """Being undone; `left` names what still is to be."""

    left: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stuck:
    """The compensation of `activity` has failed; needs somebody."""

    activity: str
    reason: str


@dataclass(frozen=True, slots=True)
class Succeeded:
    """Ended with a result."""


@dataclass(frozen=True, slots=True)
class Failed:
    """Ended in failure, with nothing to undo."""

    reason: str


@dataclass(frozen=True, slots=True)
class Compensated:
    """Ended in failure, and everything is undone but what somebody has decided to skip."""

    reason: str
    undone: tuple[str, ...]
    skipped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Cancelled:
    """Ended by cancellation; `undone` is what had been done, `skipped` what stays done."""

    reason: str
    undone: tuple[str, ...]
    skipped: tuple[str, ...] = ()


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)

State: TypeAlias = (
    Running
    | Waiting
    | Suspended
    | BlockedByCode
    | Compensating
    | Stuck
    | Succeeded
    | Failed
    | Compensated
    | Cancelled
)

# The word of each state on the command line and in logs. The index has no "waiting": what waits is
# "running" there, since nothing is written when a wait begins or ends.
WORDS: dict[type[State], str] = {
    Running: "running",
    Waiting: "waiting",
    Suspended: "suspended",
    BlockedByCode: "blocked",
    Compensating: "compensating",
    Stuck: "stuck",
    Succeeded: "succeeded",
    Failed: "failed",
    Compensated: "compensated",
    Cancelled: "cancelled",
}


def word_of(state: State) -> str:
    return WORDS[type(state)]


def state_of(execution: Execution) -> State:
    """The state that the stream alone tells."""
    if execution.end is not None:
        return _ended(execution.end)
    rollback = execution.rollback
    if rollback is not None:
        current = rollback.current
        if current is not None and current.failed is not None:
            return Stuck(current.undo.activity, str(current.failed.error))
        return Compensating(tuple(u.activity for u in rollback.plan[rollback.done :]))
    if execution.suspended:
        return Suspended("; ".join(event.reason for event in execution.suspended))
    running = tuple(r.name for r in execution.open.values() if r.phase is Phase.IN_FLIGHT)
    if running:
        return Running(running)
    waits = [
        (record.due, f"{_next_of(record.phase, record.attempt)} of {record.name}")
        for record in execution.open.values()
        if record.due is not None
    ]
    waits += [(due, "a timer") for due in execution.timers.values()]
    if not waits:
        return Running(())
    due, what = min(waits)
    return Waiting(what, instant(due))


def _next_of(phase: Phase, attempt: int) -> str:
    return "the probe" if phase is Phase.VERIFYING else f"attempt {attempt + 1}"


def state_at(execution: Execution, now: int) -> State:
    """The state at this time: a start may have been ordered for later."""
    if execution.version == 1 and execution.started > now:
        return Waiting("its start", instant(execution.started))
    return state_of(execution)


def _ended(end: events.Terminal) -> State:
    match end:
        case events.ExecutionSucceeded():
            return Succeeded()
        case events.ExecutionFailed():
            return Failed(reason_of(end.end))
        case events.ExecutionCompensated():
            return Compensated(reason_of(end.end), undone_of(end), skipped_of(end))
        case events.ExecutionCancelled():
            return Cancelled(end.end.reason, undone_of(end), skipped_of(end))


def reason_of(end: events.End) -> str:
    """Why a body ended without a result, in words."""
    if end.failure is not None:
        return f"{end.failure.name}: {end.failure.text}"
    return str(end.error) if end.error is not None else end.reason


def moment(at: datetime | None) -> int:
    """A datetime as microseconds since 1970; 0 for none. ValueError without a time zone."""
    if at is None:
        return 0
    if at.tzinfo is None:
        raise ValueError(f"{at!r} has no time zone; give one, like datetime.now(UTC)")
    return (at - EPOCH) // timedelta(microseconds=1)


def instant(time: int) -> datetime:
    """Microseconds since 1970 as a UTC datetime; the last one for what comes after all of them."""
    try:
        return EPOCH + timedelta(microseconds=time)
    except OverflowError:
        return LAST if time > 0 else FIRST
