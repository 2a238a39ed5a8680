"""What can be recorded of an execution: its events, past tense, read as `events.ActivitySucceeded`.

A stream is the list of its events; an event's version is its place in it, from 1, so neither id nor
version is kept inside. `time` is the journal's clock in microseconds since 1970. Payloads
(`arguments`, `result`, `data`, `request`) are JSON that was encoded and checked by the user's
declared types; here they stay bytes. Folding is `execution`'s matter, encoding the codec's.

`feed` is the version of the event after whose feeding the body asked for this, and `among` how many
requests it made then: both let a replay compare feed by feed, whatever came in between.
"""

from typing import Literal, TypeAlias

from msgspec import Raw, Struct

NOTHING = Raw(b"")  # no payload; left out of the row


class RecordedError(Struct, frozen=True, kw_only=True):
    """An exception as recorded: type with module, text, traceback."""

    type: str
    text: str
    traceback: str = ""

    def __str__(self) -> str:
        return f"{self.type}: {self.text}" if self.text else self.type


class RecordedFailure(Struct, frozen=True, kw_only=True):
    """A declared failure as recorded: class name, encoded fields, and as text for people."""

    name: str
    data: Raw
    text: str


class End(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a body ended. `also` holds the failures that came with the first one, in a group."""

    kind: Literal["succeeded", "failed", "cancelled", "defect"]
    result: Raw = NOTHING
    failure: RecordedFailure | None = None
    also: tuple[RecordedFailure, ...] = ()
    error: RecordedError | None = None
    reason: str = ""


class Undo(Struct, frozen=True, kw_only=True):
    """One step of a rollback: the activity, its compensation, and what is known of its outcome."""

    undoes: int
    activity: str
    compensation: str
    outcome: Literal["succeeded", "unknown"]


class Event(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What all events carry."""

    time: int


class ExecutionStarted(Event, frozen=True, kw_only=True, omit_defaults=True):
    """`previous` is the id of the run before this one, if the key was used before."""

    request: Raw
    code: str
    tags: dict[str, str] = {}
    previous: str = ""


class ActivityStarted(Event, frozen=True, kw_only=True, omit_defaults=True):
    """An attempt was issued by this code. Arguments and feed stand in the first one's event.

    Once a `pivot` has succeeded nothing is rolled back any more. `alone`: it is suspected of
    killing its runner, and no other suspect was in flight beside it.
    """

    ordinal: int
    activity: str
    attempt: int
    arguments: Raw = NOTHING
    feed: int = 0
    among: int = 1
    code: str = ""
    pivot: bool = False
    alone: bool = False


class AttemptFailed(Event, frozen=True, kw_only=True, omit_defaults=True):
    """An attempt ended without an outcome; `due` is when the next begins, if one does.

    An attempt that was started and dropped before it was issued is "unissued": it had no effect.
    With `verify` the activity's probe is asked at `due`: "retry" goes on by the answer, "end" makes
    no further attempt whatever the answer.
    """

    ordinal: int
    attempt: int
    kind: Literal["defect", "timeout", "crash", "stopped", "cancelled", "suspended", "unissued"]
    error: RecordedError
    due: int | None = None
    verify: Literal["", "retry", "end"] = ""


class ActivityVerified(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The activity's probe did not find it done: "not done" for sure, or "unknown" still.

    `due` is when the next attempt begins, or the probe is asked again; without one it is over. A
    probe that finds it done is followed by ActivitySucceeded instead.
    """

    ordinal: int
    attempt: int
    answer: Literal["not done", "unknown"]
    error: RecordedError | None = None
    due: int | None = None


class ActivitySucceeded(Event, frozen=True, kw_only=True):
    ordinal: int
    attempt: int
    result: Raw


class ActivityFailed(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A declared failure, or, with `error`, the policy has given up and the outcome is unknown."""

    ordinal: int
    attempt: int
    failure: RecordedFailure | None = None
    error: RecordedError | None = None


class ActivityAbandoned(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The body waits no longer for a started activity; its outcome will not be fed.

    With `verify` its probe is asked what became of its last attempt.
    """

    ordinal: int
    feed: int
    verify: bool = False


class TimerSet(Event, frozen=True, kw_only=True, omit_defaults=True):
    ordinal: int
    due: int
    feed: int
    among: int = 1


class TimerFired(Event, frozen=True, kw_only=True):
    ordinal: int


class TimerCancelled(Event, frozen=True, kw_only=True):
    ordinal: int
    feed: int


class VersionRecorded(Event, frozen=True, kw_only=True):
    change: str
    number: int


class CancellationRequested(Event, frozen=True, kw_only=True):
    reason: str


class ExecutionSuspended(Event, frozen=True, kw_only=True, omit_defaults=True):
    """Parked on purpose. `ordinal` is the body's suspend request, or the activity that asked."""

    cause: Literal["asked", "activity", "defect"]
    reason: str
    ordinal: int = 0
    feed: int = 0
    among: int = 1
    error: RecordedError | None = None


class ExecutionResumed(Event, frozen=True, kw_only=True, omit_defaults=True):
    reason: str = ""


class CompensationBegan(Event, frozen=True, kw_only=True):
    """Fixes the end: the body never runs again. The plan is in the order of undoing."""

    end: End
    plan: tuple[Undo, ...]


class CompensationStarted(Event, frozen=True, kw_only=True, omit_defaults=True):
    undoes: int
    compensation: str
    attempt: int
    code: str = ""
    alone: bool = False


class CompensationAttemptFailed(Event, frozen=True, kw_only=True, omit_defaults=True):
    undoes: int
    attempt: int
    kind: Literal["defect", "timeout", "crash", "stopped"]
    error: RecordedError
    due: int


class ActivityCompensated(Event, frozen=True, kw_only=True):
    undoes: int
    attempt: int


class CompensationFailed(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The compensation cannot do it: the execution is stuck until somebody resumes it."""

    undoes: int
    attempt: int
    error: RecordedError
    failure: RecordedFailure | None = None


class CompensationResolved(Event, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody has decided on a compensation that could not be performed.

    "retry": again; "replace": again with these arguments; "skip": never, its activity stays done;
    "by_hand": it was undone outside of Perdure.
    """

    undoes: int
    how: Literal["retry", "replace", "skip", "by_hand"]
    reason: str = ""
    arguments: Raw = NOTHING


class ExecutionSucceeded(Event, frozen=True, kw_only=True):
    result: Raw


class ExecutionFailed(Event, frozen=True, kw_only=True):
    """Ended in failure with nothing to undo."""

    end: End


class ExecutionCompensated(Event, frozen=True, kw_only=True, omit_defaults=True):
    """Ended in failure; `undone` names the activities that were undone, in that order.

    `skipped` names those that stay done: somebody has decided so.
    """

    end: End
    undone: tuple[str, ...]
    skipped: tuple[str, ...] = ()


class ExecutionCancelled(Event, frozen=True, kw_only=True, omit_defaults=True):
    end: End
    undone: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()


Outcome: TypeAlias = ActivitySucceeded | ActivityFailed
Terminal: TypeAlias = (
    ExecutionSucceeded | ExecutionFailed | ExecutionCompensated | ExecutionCancelled
)
TERMINAL = (ExecutionSucceeded, ExecutionFailed, ExecutionCompensated, ExecutionCancelled)


# Stored with every row for ever; a name is never reused and never a module path.
TOPICS: dict[str, type[Event]] = {
    kind.__name__: kind
    for kind in (
        ExecutionStarted,
        ActivityStarted,
        AttemptFailed,
        ActivityVerified,
        ActivitySucceeded,
        ActivityFailed,
        ActivityAbandoned,
        TimerSet,
        TimerFired,
        TimerCancelled,
        VersionRecorded,
        CancellationRequested,
        ExecutionSuspended,
        ExecutionResumed,
        CompensationBegan,
        CompensationStarted,
        CompensationAttemptFailed,
        ActivityCompensated,
        CompensationFailed,
        CompensationResolved,
        ExecutionSucceeded,
        ExecutionFailed,
        ExecutionCompensated,
        ExecutionCancelled,
    )
}
