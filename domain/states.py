"""How an execution is, as a closed union: never just "pending".

`state_of` derives it from the fold, and that decides the word. Whoever knows more than the stream
says more: the index of a start that waits, the engine of what only memory holds, and of Blocked.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from perdure.domain import events
from perdure.domain.execution import Execution, skipped_of, undone_of
from perdure.domain.journal import IndexRow
from perdure.domain.records import Phase

CODE = re.compile(r" \[code (\w+)\]\Z")


@dataclass(frozen=True, slots=True)
class Running:
    """Attempts are in flight: `activities` by name; `queued` are others, which wait for a slot."""

    activities: tuple[str, ...]
    queued: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Waiting:
    """Nothing of it runs: it goes on with `waits_for`, at `until`; None where no time says when."""

    waits_for: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Suspended:
    """Parked on purpose until somebody resumes it."""

    reason: str


@dataclass(frozen=True, slots=True)
class BlockedByCode:
    """The code that runs here cannot go on with what is recorded; `code` is its fingerprint."""

    reason: str
    code: str = ""

    @classmethod
    def read(cls, reason: str) -> "BlockedByCode":
        """From the reason in the index: it has no column for the code, which stands at its end."""
        code = CODE.search(reason)
        return cls(reason) if code is None else cls(reason[: code.start()], code[1])

    def __str__(self) -> str:
        """The reason in the index."""
        return f"{self.reason} [code {self.code}]" if self.code else self.reason


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


ITS_START = "its start"
ORDERED = Waiting("an engine that takes its start")
FOR_ROOM = Waiting("room in an engine")
UNRECORDED = Waiting("a slot, or something inside its body")  # no event tells which

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
    waits = waits_of(execution)
    if not waits:
        return UNRECORDED
    due, what = min(waits)
    return Waiting(what, instant(due))


def waits_of(execution: Execution) -> list[tuple[int, str]]:
    """What is recorded that it waits for, and when each is due."""
    waits = [
        (record.due, f"{_next_of(record.phase, record.attempt)} of {record.name}")
        for record in execution.open.values()
        if record.due is not None
    ]
    return waits + [(due, "a timer") for due in execution.timers.values()]


def _next_of(phase: Phase, attempt: int) -> str:
    return "the probe" if phase is Phase.VERIFYING else f"attempt {attempt + 1}"


def state_at(execution: Execution, now: int, row: IndexRow | None = None) -> State:
    """The state at this time: a start may have been ordered for later, or wait for room.

    The latter its row of the index tells, to whoever has it not in memory.
    """
    if execution.version == 1 and execution.started > now:
        return Waiting(ITS_START, instant(execution.started))
    if execution.version == 1 and row is not None and not row.begun:
        return FOR_ROOM
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
